"""What a station is: found out and set up once it is accepted, in the careful ways that real ones bear.

    accepted -> quirks of its model -> read configuration or device model -> capabilities -> set what is wanted
             -> (status_wait_s after the acceptance) ask for the status of connectors that did not tell it

Nothing that a station refuses fails the set-up; it is noted. What was found out survives a restart: smart charging
goes on with it at once, and it is read again at the next acceptance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from twin.domain.journal import Entry
from twin.network.ocpp.csms import configuration, device_model
from twin.network.ocpp.csms.availability import make_operative, trigger_statuses
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.device_model import DeviceModel, Name
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.operations.reports import Reports
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.quirk_profiles import Match, QuirkBook
from twin.network.ocpp.csms.speech import ACCEPTED, ask
from twin.network.ocpp.csms.station import BootState, Station
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.csms.turnstile import Turnstile
from twin.network.ocpp.csms.wanted import Wanted, chosen, settings_2, settings_16
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, LinkLost
from twin.network.ocpp.wire.link import Payload

READ = "provisioning.read"
AT_ONCE, PLACE_S = 50, 10.0
"""Stations that are set up at once after a storm of boots, and how long a slow one keeps others waiting."""
_BASE = "FullInventory"


@dataclass(slots=True)
class Provisioned:
    """How far a station's set-up is, and what came of it."""

    capabilities: Capabilities | None = None
    """None: nothing is known yet."""
    verified: bool = False
    """Whether the station told it since it was last accepted; False: from before, or not answered."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Setting to what came of it."""
    complaints: list[str] = field(default_factory=list)
    by: tuple[object, ...] = ()
    """What of the station's policy the set-up went by."""
    round: int = 0
    """Acceptances so far: what an older one began is given up."""


class Provisioning:
    """Implements `Part`.

    Args:
        office: Desk, request ids.
        reports: Puts device model reports together; this part must be given to the central system through
            `reports.overhear`.
        quirks: What is known of models.
        wanted: What every station is set to.
        tasks: Where work is started.
        ready: Told of a station whose capabilities are known, or known better.
    """

    name = "provisioning"

    def __init__(
        self,
        office: Office,
        reports: Reports,
        quirks: QuirkBook | None = None,
        wanted: Wanted | None = None,
        tasks: Tasks | None = None,
        ready: Callable[[str], None] = lambda _identity: None,
    ) -> None:
        self.office, self.reports = office, reports
        self.quirks, self.wanted = quirks or QuirkBook(), wanted or Wanted()
        self.tasks = tasks or Tasks()
        self.ready = ready
        self._stations: dict[str, Provisioned] = {}
        self._matches: dict[str, Match] = {}
        self._turnstile = Turnstile(office.desk.clock, AT_ONCE, PLACE_S)

    def capabilities(self, identity: str) -> Capabilities | None:
        """Return what is known of a station; None: not yet."""
        found = self._stations.get(identity)
        return None if found is None else found.capabilities

    def provisioned(self, identity: str) -> Provisioned:
        """Return how far a station's set-up is."""
        return self._stations.setdefault(identity, Provisioned())

    def match(self, identity: str) -> Match | None:
        """Return which profiles of quirks hold for a station, for people; None: it was never accepted."""
        return self._matches.get(identity)

    def handlers(self) -> Handlers:
        """NotifyReport: whoever asked for one hears it (`Reports.overhear`)."""
        return {(version, "NotifyReport"): _taken for version in (Version.V201, Version.V21)}

    def connected(self, station: Station) -> None:
        """A station is read when it was accepted, not when its socket opens (quirk 2)."""

    def accepted(self, station: Station) -> None:
        """Find out what it is."""
        self.recognise(station)
        self._begin(station)

    def decided(self, station: Station) -> None:
        """The operator changed its policy: what is set at it follows at once, where it can be called."""
        self.recognise(station)
        other = self.provisioned(station.identity).by != _by(station)
        if other and station.online and station.boot is BootState.ACCEPTED:
            self._begin(station)

    def recognise(self, station: Station) -> None:
        """Give it the quirks of its model, and tell what was recognised, where that is something new."""
        match = self.quirks.apply(station)
        if match != self._matches.get(station.identity) and (
            match.profiles or match.by_operator or match.flags
        ):
            self.office.tell(station.identity, "provisioning.quirks", match.as_json())
        self._matches[station.identity] = match

    def _begin(self, station: Station) -> None:
        found = self.provisioned(station.identity)
        found.verified = False
        found.round += 1
        found.by = _by(station)
        self.tasks.start(self._set_up(station, found, found.round))

    def disconnected(self, station: Station) -> None:
        """What is known stays known."""
        self.provisioned(station.identity).verified = False

    def restore(self, entry: Entry) -> None:
        """Take back what stations can do; the next acceptance verifies it."""
        body = cast("dict[str, Any]", entry.body)
        self.provisioned(entry.stream).capabilities = Capabilities.from_json(body["capabilities"])

    async def _set_up(self, station: Station, found: Provisioned, number: int) -> None:
        accepted_s = self.office.now_s
        set_up = self._set_up_2 if station.version.two else self._set_up_16
        try:
            async with self._turnstile:
                if found.round != number:
                    return
                await set_up(station, found, number)
        except LinkLost as error:
            self.office.desk.note(station, None, "provisioning-cut-off", str(error))
            return
        if found.round != number:
            return
        found.verified = True
        for complaint in found.complaints:
            self.office.desk.note(station, None, "provisioning", complaint)
        self.office.desk.clock.call_at(
            accepted_s + self.wanted.status_wait_s, lambda: self._statuses(station, found, number)
        )

    async def _set_up_16(self, station: Station, found: Provisioned, number: int) -> None:
        """By GetConfiguration and ChangeConfiguration."""
        policy = station.policy
        settings = settings_16(
            chosen(self.wanted, policy.choices), policy.interval_s, policy.quirks.measurands
        )
        read = await configuration.read(station, (*configuration.READ, *(one.name for one in settings)))
        self._learnt(station, found, number, configuration.capabilities(read))
        await configuration.write(station, read, settings)
        found.outcomes, found.complaints = read.outcomes, read.complaints

    async def _set_up_2(self, station: Station, found: Provisioned, number: int) -> None:
        """By the base report; where there is none, by name."""
        policy, model = station.policy, DeviceModel()
        settings = settings_2(
            chosen(self.wanted, policy.choices), policy.interval_s, policy.quirks.measurands
        )
        await self._base_report(station, model)
        if not model.variables:
            names = (*device_model.NEEDED, *(Name.of(one.name) for one in settings))
            await device_model.read(station, model, names)
        self._learnt(station, found, number, device_model.capabilities(model))
        await device_model.write(station, model, settings)
        found.outcomes, found.complaints = model.outcomes, model.complaints

    async def _base_report(self, station: Station, model: DeviceModel) -> None:
        """Read the full inventory (2.0.1 B07), whatever part of it comes."""
        number = self.office.request_id(station.identity)
        payload: Payload = {"requestId": number, "reportBase": _BASE}
        with self.reports.expect(station.identity, "GetBaseReport", number) as waiting:
            try:
                answer = await ask(station, "GetBaseReport", payload)
            except (CallFailed, CallTimedOut) as error:
                model.complaints.append(f"GetBaseReport: {error}")
                return
            if answer.get("status") != ACCEPTED:
                model.complaints.append(f"GetBaseReport: answered {answer.get('status')}")
                return
            report = (await waiting.collected(answer, self.wanted.report_wait_s)).get("report") or {}
        if not report.get("complete"):
            model.complaints.append(f"GetBaseReport: {report.get('parts', 0)} parts came, not all")
        model.take_report(report.get("reportData") or ())

    def _learnt(self, station: Station, found: Provisioned, number: int, known: Capabilities) -> None:
        """Remember what a station can do, and let go on what waited for it."""
        if found.round != number:
            return
        if known != found.capabilities:
            found.capabilities = known
            self.office.desk.journal.append(station.identity, READ, {"capabilities": known.as_json()})
        for evse in station.policy.evses or known.evses:
            station.evse(evse)
        self.ready(station.identity)

    def _statuses(self, station: Station, found: Provisioned, number: int) -> None:
        if found.round == number and station.online:
            self.tasks.start(self._ask_statuses(station))

    async def _ask_statuses(self, station: Station) -> None:
        try:
            await trigger_statuses(self.office.desk, station)
            if self.wanted.operative:
                await make_operative(self.office.desk, station)
        except LinkLost as error:
            self.office.desk.note(station, None, "provisioning-cut-off", str(error))


def _taken(_station: Station, _payload: Payload) -> Payload:
    return {}


def _by(station: Station) -> tuple[object, ...]:
    """Return what of a policy the set-up goes by."""
    policy = station.policy
    return policy.quirks, policy.choices, policy.interval_s
