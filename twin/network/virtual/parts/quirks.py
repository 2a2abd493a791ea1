"""What models of real chargers do differently, from the station's side: typed flags, chosen per model.

Some change what is answered (`wrap`), some what is sent (`outgoing`). The defaults are a station that keeps to its
version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, fields
from typing import Any, Literal

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload, Then
from twin.network.virtual.parts.base import EVERY, TWO, Handler, Handlers, Host
from twin.network.virtual.parts.rewriting import Rewriter

Purposes = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorQuirks:
    """Deviations of one model."""

    ignores_profiles: Purposes = ()
    """Purposes that are accepted and not applied, as `ChargePointMaxProfile`; `all`: every one."""
    refuses_profiles: Purposes = ()
    """Purposes that are rejected."""
    default_for_next: bool = False
    """A TxDefaultProfile counts for the next transaction only."""
    only_stack_level_zero: bool = False
    """Profiles of other stack levels are accepted and not applied."""
    only_relative: bool = False
    """Profiles of other kinds than Relative are accepted and not applied."""
    zero_refused: bool = False
    """A limit of 0 is rejected."""
    zero_ends: bool = False
    """A limit of 0 for a transaction ends it."""
    no_profile_in_start: bool = False
    """A remote start with a charging profile is rejected."""
    empty_schedule: bool = False
    """Composite schedules come without periods."""
    keys_fail: bool = False
    """GetConfiguration with keys answers nothing; without keys it works (1.6)."""
    hides_smart_charging: bool = False
    """SupportedFeatureProfiles does not list SmartCharging (1.6)."""
    rate_unit: str = ""
    """What ChargingScheduleAllowedChargingRateUnit says instead (1.6); empty: as it should."""
    zero_availability_refused: bool = False
    """ChangeAvailability of connector 0 is rejected (1.6)."""
    mute: tuple[str, ...] = ()
    """Actions that are never answered."""
    transaction_id: int | None = None
    """What StopTransaction and MeterValues carry instead of the id (1.6)."""
    register: Literal["lifetime", "session"] = "lifetime"
    """What Energy.Active.Import.Register counts in meter values; begin and end stay lifetime."""
    kwh_as_wh: bool = False
    """Energies of meter values are kWh, labelled Wh."""
    bare_samples: bool = False
    """Sampled values without unit, measurand and context."""
    wrong_phase: bool = False
    """Totals are labelled L1."""
    stop_below_start: bool = False
    """meterStop is one less than it should be (1.6)."""
    garbled_tag: bool = False
    """The idTag of StopTransaction is followed by what was in memory behind it (1.6)."""
    local_time: bool = False
    """Timestamps have no offset."""
    year_2222: bool = False
    """Timestamps are of the year 2222."""
    long_serial: bool = False
    """chargeBoxSerialNumber is longer than 25 characters (1.6)."""
    odd_error: bool = False
    """errorCode of StatusNotification is a word of its own (1.6)."""

    @classmethod
    def read(cls, names: dict[str, Any]) -> VendorQuirks:
        """Return quirks by name, as a file or a command line gives them.

        Raises:
            ValueError: A name is unknown; the message lists those that are known.
        """
        known = [field.name for field in fields(cls)]
        for name in names:
            if name not in known:
                raise ValueError(f"{name}: unknown quirk, expected one of {', '.join(known)}")
        return cls(**names)


class QuirkPart:
    """Applies quirks to one station. Implements `base.Rewrite`; `wrap` is for `Fittings.wrap`.

    Args:
        host: The station.
        quirks: Of its model; may be replaced while it runs, but for what it is mute to.
    """

    def __init__(self, host: Host, quirks: VendorQuirks) -> None:
        self.host, self.quirks = host, quirks
        self._rewriter = Rewriter()

    def outgoing(self, action: str, payload: Payload, /) -> Payload:
        """See `base.Rewrite.outgoing`."""
        return self._rewriter.rewrite(self.quirks, action, payload)

    def wrap(self, handlers: Handlers) -> Handlers:
        """Answer in the stead of what the station answers, where a quirk says so."""
        mute = self.quirks.mute
        wrapped = {key: _silence if key[1] in mute else handler for key, handler in handlers.items()}
        for version in EVERY:
            self._around(wrapped, version, "SetChargingProfile", self._profile)
            self._around(wrapped, version, "GetCompositeSchedule", self._composite)
        self._around(wrapped, Version.V16, "RemoteStartTransaction", self._start)
        for version in TWO:
            self._around(wrapped, version, "RequestStartTransaction", self._start)
        self._around(wrapped, Version.V16, "GetConfiguration", self._configuration)
        self._around(wrapped, Version.V16, "ChangeAvailability", self._availability)
        return wrapped

    def _around(
        self, handlers: dict[tuple[Version, str], Handler], version: Version, action: str, judge: Any
    ) -> None:
        """Put `judge(payload, inner, handlers, version)` around a handler, where the station has it."""
        inner = handlers.get((version, action))
        if inner is not None:
            handlers[version, action] = lambda payload: judge(payload, inner, handlers, version)

    def _profile(
        self, payload: Payload, inner: Handler, handlers: Any, version: Version
    ) -> Answer | Awaitable[Answer]:
        quirks = self.quirks
        profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
        purpose, zero = profile["chargingProfilePurpose"], _has_zero(profile)
        if purpose in quirks.refuses_profiles or "all" in quirks.refuses_profiles:
            return {"status": "Rejected"}
        if zero and quirks.zero_refused:
            return {"status": "Rejected"}
        if self._ignored(profile, purpose):
            return {"status": "Accepted"}
        if quirks.default_for_next and purpose == "TxDefaultProfile" and self.host.charging():
            self.host.idle(lambda: _forget(inner(payload)))
            return {"status": "Accepted"}
        if zero and quirks.zero_ends and "transactionId" in profile:
            stop = "RequestStopTransaction" if version.two else "RemoteStopTransaction"
            ending = {"transactionId": profile["transactionId"]}
            return Then({"status": "Accepted"}, lambda: _forget(handlers[version, stop](ending)))
        return inner(payload)

    def _ignored(self, profile: Payload, purpose: str) -> bool:
        quirks = self.quirks
        return (
            purpose in quirks.ignores_profiles
            or "all" in quirks.ignores_profiles
            or (quirks.only_stack_level_zero and profile["stackLevel"] != 0)
            or (quirks.only_relative and profile["chargingProfileKind"] != "Relative")
        )

    def _start(self, payload: Payload, inner: Handler, _: Any, __: Version) -> Answer | Awaitable[Answer]:
        if self.quirks.no_profile_in_start and "chargingProfile" in payload:
            return {"status": "Rejected"}
        return inner(payload)

    def _composite(
        self, payload: Payload, inner: Handler, _: Any, version: Version
    ) -> Answer | Awaitable[Answer]:
        answer = inner(payload)
        schedule = (
            answer.get("schedule" if version.two else "chargingSchedule")
            if isinstance(answer, dict)
            else None
        )
        if self.quirks.empty_schedule and schedule is not None:
            schedule["chargingSchedulePeriod"] = []
        return answer

    def _configuration(
        self, payload: Payload, inner: Handler, _: Any, __: Version
    ) -> Answer | Awaitable[Answer]:
        quirks = self.quirks
        if quirks.keys_fail and payload.get("key"):
            return {"configurationKey": []}
        answer = inner(payload)
        if isinstance(answer, dict):
            for entry in answer["configurationKey"]:
                if quirks.hides_smart_charging and entry["key"] == "SupportedFeatureProfiles":
                    entry["value"] = ",".join(f for f in entry["value"].split(",") if f != "SmartCharging")
                if quirks.rate_unit and entry["key"] == "ChargingScheduleAllowedChargingRateUnit":
                    entry["value"] = quirks.rate_unit
        return answer

    def _availability(
        self, payload: Payload, inner: Handler, _: Any, __: Version
    ) -> Answer | Awaitable[Answer]:
        if self.quirks.zero_availability_refused and payload["connectorId"] == 0:
            return {"status": "Rejected"}
        return inner(payload)


def _silence(_payload: Payload) -> Awaitable[Answer]:
    """Never answer."""
    return asyncio.get_running_loop().create_future()


def _has_zero(profile: Payload) -> bool:
    schedules = profile["chargingSchedule"]
    every = schedules if isinstance(schedules, list) else [schedules]
    return any(period.get("limit") == 0 for one in every for period in one["chargingSchedulePeriod"])


def _forget(answer: Answer | Awaitable[Answer]) -> None:
    """Nobody waits for this answer; what follows from it happens all the same."""
    if isinstance(answer, Then):
        answer.after()
