"""The messages of smart charging (1.6 5.3, 5.7, 5.16; 2.x K)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twin.domain.clock import Timer
from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.from_wire import composite_to_wire, profile_from_wire, profile_to_wire
from twin.network.ocpp.profiles.model import ChargingProfile, Mode, Purpose, Unit
from twin.network.ocpp.profiles.phases import Outlet
from twin.network.ocpp.profiles.reasons import Reason
from twin.network.ocpp.profiles.validate import Abilities, refusal
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Answer, Payload, Then
from twin.network.virtual import catalogue as c
from twin.network.virtual.bay import Bay
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import Handlers, Outcome
from twin.network.virtual.parts.plain import PlainPart

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_PER_REPORT = 10
"""Profiles in one ReportChargingProfiles."""


MODES = frozenset(Mode(name) for name in standard.MODES.split(","))


class Profiles(PlainPart):
    """Answers what is said about charging profiles.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        super().__init__(station)
        self._station = station
        self._pulls: dict[int, Timer] = {}

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        out: dict[tuple[Version, str], object] = {
            (Version.V16, "SetChargingProfile"): self._set_16,
            (Version.V16, "ClearChargingProfile"): self._clear_16,
            (Version.V21, "UpdateDynamicSchedule"): self._update,
            (Version.V21, "UsePriorityCharging"): self._priority,
        }
        for version in Version:
            out[version, "GetCompositeSchedule"] = self._composite
            if version.two:
                out[version, "SetChargingProfile"] = self._set_2
                out[version, "ClearChargingProfile"] = self._clear_2
                out[version, "GetChargingProfiles"] = self._get
        return out  # type: ignore[return-value]

    # set

    def starting(self, bay: Bay, payload: Payload) -> ChargingProfile | None:
        """Read the profile that came with a remote start; None: it must be refused."""
        profile = self._read(payload, bay.number)
        limits = self._station.limits
        broken = refusal(profile, limits.profiles, self._abilities(), starting=True)
        return profile if broken is None else None

    def _set_16(self, request: Payload) -> Answer:
        return self._set(request["csChargingProfiles"], request["connectorId"])

    def _set_2(self, request: Payload) -> Answer:
        return self._set(request["chargingProfile"], request["evseId"])

    def _set(self, payload: Payload, evse: int) -> Answer:
        profile = self._read(payload, evse)
        limits = self._station.limits
        broken = refusal(profile, limits.profiles, self._abilities())
        if broken is None:
            return Then({"status": "Accepted"}, partial(self._install, profile))
        if not self._station.version.two:
            if broken is Reason.UNKNOWN_EVSE:  # 1.6 errata 3.39
                raise Refusal(Code.PROPERTY_CONSTRAINT_VIOLATION, f"connector {evse}: {broken.value}")
            return {"status": "Rejected"}
        info = {"reasonCode": broken.code, "additionalInfo": broken.value}
        return {"status": "Rejected", "statusInfo": info}

    def _install(self, profile: ChargingProfile) -> None:
        self._station.limits.install(profile)
        self._pull_later(profile.id)

    def _pull_later(self, number: int) -> None:
        """Ask for new values of a dynamic profile as long as it is installed (2.1 dynUpdateInterval)."""
        timer = self._pulls.pop(number, None)
        if timer is not None:
            timer.cancel()
        found = self._station.limits.profiles.matching(ids=(number,))
        interval_s = found[0].update_interval_s if found else None
        if interval_s is not None:
            self._pulls[number] = self._station.clock.call_later(interval_s, partial(self._pull, number))

    def _pull(self, number: int) -> None:
        if self._station.limits.profiles.matching(ids=(number,)):
            ask = {"chargingProfileId": number}
            self._station.ask("PullDynamicScheduleUpdate", ask, partial(self._pulled, number))
        self._pull_later(number)

    def _pulled(self, number: int, outcome: Outcome) -> None:
        values = outcome.get("scheduleUpdate") if isinstance(outcome, dict) else None
        if values:
            self._station.limits.update(number, values, self._abilities())

    def _read(self, payload: Payload, evse: int) -> ChargingProfile:
        station = self._station
        try:
            return profile_from_wire(
                station.version, payload, epoch_ns=station.clock.epoch_ns, evse=evse,
                received_s=station.now_s,
            )  # fmt: skip
        except ValueError as error:
            raise Refusal(Code.PROPERTY_CONSTRAINT_VIOLATION, str(error)) from error

    def _abilities(self) -> Abilities:
        station = self._station
        variables = station.variables
        return Abilities(
            version=station.version,
            outlets={bay.number: self._outlet(bay) for bay in station.bays.values()},
            max_level=variables.integer(c.STACK_LEVEL),
            max_periods=variables.integer(c.PERIODS),
            max_profiles=variables.integer(c.PROFILES),
            units=frozenset(Unit(name) for name in variables.names(c.RATE_UNIT)),
            purposes=frozenset({Purpose.PRIORITY, Purpose.LOCAL_GENERATION}),
            dynamic=True,
            modes=MODES,
            discharging=False,
        )

    def _outlet(self, bay: Bay) -> Outlet:
        station, transaction = self._station, bay.transaction
        return Outlet(
            phases=bay.spec.connection.phases,
            dc=bay.spec.dc_max_w is not None,
            switching=station.variables.flag(c.PHASE_SWITCH),
            transaction=None if transaction is None else station.wire_name(transaction),
        )

    # clear

    def _clear_16(self, request: Payload) -> Answer:
        purpose = request.get("chargingProfilePurpose")
        if purpose == "ChargePointMaxProfile":
            purpose = Purpose.STATION_MAX.value
        return self._clear(request.get("id"), purpose, request.get("stackLevel"), request.get("connectorId"))

    def _clear_2(self, request: Payload) -> Answer:
        of = request.get("chargingProfileCriteria", {})
        number = request.get("chargingProfileId")
        return self._clear(number, of.get("chargingProfilePurpose"), of.get("stackLevel"), of.get("evseId"))

    def _clear(self, number: int | None, purpose: str | None, level: int | None, evse: int | None) -> Answer:
        limits = self._station.limits
        gone = limits.profiles.clear(
            profile_id=number, purpose=None if purpose is None else Purpose(purpose), level=level, evse=evse
        )
        return Then({"status": "Accepted" if gone else "Unknown"}, partial(limits.removed, gone))

    # tell

    def _composite(self, request: Payload) -> Answer:
        station = self._station
        number = request["evseId" if station.version.two else "connectorId"]
        bay = station.bays.get(number)
        units = station.variables.names(c.RATE_UNIT)
        unit = request.get("chargingRateUnit", units[0])
        if (number and bay is None) or unit not in units:
            return {"status": "Rejected"}
        limits = station.limits
        context = limits.whole() if bay is None else limits.context(bay)
        course = compose.composite(
            tuple(limits.profiles), context, station.now_s, float(request["duration"]), Unit(unit)
        )
        try:
            return composite_to_wire(station.version, course, station.clock.epoch_ns)
        except ValueError:
            return {"status": "Rejected"}  # no limit that could be told

    def _get(self, request: Payload) -> Answer:
        """See 2.0.1 K09: the report follows the answer, in parts."""
        of = request["chargingProfile"]
        purpose = of.get("chargingProfilePurpose")
        found = self._station.limits.profiles.matching(
            ids=of.get("chargingProfileId", ()),
            purpose=None if purpose is None else Purpose(purpose),
            level=of.get("stackLevel"),
            evse=request.get("evseId"),
        )
        sources = of.get("chargingLimitSource")
        chosen = [p for p in found if not sources or _source(p) in sources]
        if not chosen:
            return {"status": "NoProfiles"}
        return Then({"status": "Accepted"}, partial(self._report, request["requestId"], chosen))

    def _report(self, request: int, profiles: list[ChargingProfile]) -> None:
        station = self._station
        groups: dict[tuple[int, str], list[ChargingProfile]] = {}
        for profile in profiles:
            groups.setdefault((profile.evse, _source(profile)), []).append(profile)
        pages = [
            (place, group[k : k + _PER_REPORT])
            for place, group in groups.items()
            for k in range(0, len(group), _PER_REPORT)
        ]
        for number, ((evse, source), page) in enumerate(pages):
            wire = [profile_to_wire(station.version, p, station.clock.epoch_ns) for p in page]
            payload: Payload = {
                "requestId": request,
                "chargingLimitSource": source,
                "evseId": evse,
                "chargingProfile": wire,
            }
            if number < len(pages) - 1:
                payload["tbc"] = True
            station.ask("ReportChargingProfiles", payload)

    # 2.1

    def _update(self, request: Payload) -> Answer:
        """See 2.1 K28: new values of a dynamic profile."""
        limits = self._station.limits
        done = limits.update(request["chargingProfileId"], request["scheduleUpdate"], self._abilities())
        return {"status": "Accepted" if done else "Rejected"}

    def _priority(self, request: Payload) -> Answer:
        """See 2.1 K23: a driver's wish to charge first."""
        limits = self._station.limits
        bay = self._station.running(request["transactionId"])
        if bay is None:
            return {"status": "Rejected"}
        if not limits.profiles.matching(purpose=Purpose.PRIORITY):
            return {"status": "NoProfile"}
        (limits.priority.add if request["activate"] else limits.priority.discard)(bay.number)
        return Then({"status": "Accepted"}, limits.changed)


def _source(profile: ChargingProfile) -> str:
    return "SO" if profile.purpose is Purpose.EXTERNAL_CONSTRAINTS else "CSO"
