"""Limits become charging profiles, and profiles become what is measured.

`SmartCharging` takes wishes, `ladder.next_step` says what to send for them, `verify` whether it was obeyed. Each EVSE
has a lane of its own: one call in flight, the newest wish wins, and what a station has already is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isinf, isnan, nan
from typing import Any, cast

from twin.domain.events import LimitNotObeyed
from twin.domain.journal import Entry
from twin.network.ocpp.csms import ladder, lane_journal, verify
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.desk import evse_id
from twin.network.ocpp.csms.driver import CENTRAL, CHECKED_S, Driver
from twin.network.ocpp.csms.lanes import Conduct, Installed, Lane, Stage
from twin.network.ocpp.csms.limits import NO_LIMIT, Limit
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.sight import ASSUMED, Declared, Sight
from twin.network.ocpp.csms.station import Evse, Station
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.profiles.model import Purpose
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload

__all__ = ["Declared", "SmartCharging"]


class SmartCharging:
    """Implements `Part`.

    Args:
        office: Desk, request ids.
        capabilities: What is known of a station, None while it is being found out: wishes wait for it. By default
            every station is taken to be as `Capabilities()` says.
        conduct: How limits are insisted on.
        tasks: Where work is started.
    """

    name = "charging"

    def __init__(
        self,
        office: Office,
        capabilities: Callable[[str], Capabilities | None] = lambda _identity: ASSUMED,
        conduct: Conduct | None = None,
        tasks: Tasks | None = None,
    ) -> None:
        self.capabilities = capabilities
        self.sight = Sight(office.desk, capabilities, conduct or Conduct())
        self.driver = Driver(office, self.sight, tasks or Tasks())
        self._desk, self._clock = office.desk, office.desk.clock
        self._desk.watchers.append(self)

    # wishes

    def declare(self, identity: str, evse: int, declared: Declared) -> None:
        """Say what is known of an EVSE."""
        self.sight.declared[identity, evse] = declared

    def set_limit(self, identity: str, evse: int, limit: Limit) -> bool:
        """Ask for a limit; the same again costs a comparison and sends nothing.

        Returns:
            Whether the wish is a new one.
        """
        lane = self.sight.lanes.get((identity, evse))
        if lane is None:
            if limit == NO_LIMIT:
                return False
            lane = self.sight.lane(identity, evse)
        if lane.wish == limit:
            return False
        if lane.disobeyed and not ladder.rungs(lane, self.sight.circumstances(lane)):
            lane.disobeyed.clear()  # another wish, another chance
        lane.wish, lane.stage, lane.attempts = limit, Stage.ASKED, 0
        if lane.stopped != lane.transaction:
            lane.stopped = None
        lane_journal.note_wish(self._desk.journal, lane)
        self.driver.kick(lane)
        return True

    def set_limits(self, wishes: Iterable[tuple[str, int, Limit]]) -> int:
        """Ask for many limits: those that lower go out before those that raise.

        Returns:
            How many were new.
        """
        lower: list[tuple[str, int, Limit]] = []
        higher: list[tuple[str, int, Limit]] = []
        for wish in wishes:
            lane = self.sight.lanes.get(wish[:2])
            before = NO_LIMIT if lane is None else lane.wish
            if wish[2] != before:
                (lower if wish[2].charge_w < before.charge_w else higher).append(wish)
        return sum(self.set_limit(*wish) for wish in (*lower, *higher))

    def counts_w(self, identity: str, evse: int) -> float:
        """Return what an EVSE counts against headroom: the most it may draw until something else is verified.

        That is the larger of what was last verified and what was asked or accepted since; its rating if nothing
        ever was; while the station is offline also its fail-safe, to which it falls back.
        """
        lane = self.sight.lanes.get((identity, evse))
        rating_w = self.sight.rating_w(identity, evse)
        if lane is None or isnan(lane.ceiling_w):
            return rating_w
        most_w = max(lane.ceiling_w, lane.asked_w)
        station = self._desk.stations.get(identity)
        if (station is None or not station.online) and not isinf(lane.wish.fallback_w):
            most_w = max(most_w, lane.wish.fallback_w)
        return min(most_w, rating_w)

    def lane(self, identity: str, evse: int) -> Lane | None:
        """Return what is asked, accepted and verified of an EVSE; None: nothing was ever asked."""
        return self.sight.lanes.get((identity, evse))

    async def start(
        self, identity: str, evse: int, token: str, limit: Limit | None = None, *, token_type: str = CENTRAL
    ) -> bool:
        """Start a transaction remotely, under a limit from its first second.

        The profile goes with the start where the model takes that, else before it as a default (quirk 32). A model
        that must rest after a stop is given its pause first (quirk 38).

        Args:
            identity: Whose EVSE.
            evse: Which.
            token: For whom.
            limit: The wish from now on; None: the present one.
            token_type: As 2.x names it.

        Returns:
            Whether the station accepted.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Caller.call`.
        """
        lane, station = self.sight.lane(identity, evse), self._desk.stations[identity]
        await self.driver.rest(lane, station)
        if limit is not None and limit != lane.wish:
            lane.wish, lane.stage = limit, Stage.ASKED
            lane_journal.note_wish(self._desk.journal, lane)
        return await self.driver.start(lane, station, token, token_type)

    # what happens at the station

    def transaction_changed(self, station: Station, evse: Evse) -> None:
        """A transaction began, and the station knows its id, or one ended."""
        self.sight.hear(station.identity, evse)
        lane = self.sight.lanes.get((station.identity, evse.number))
        if lane is not None and self.sight.look(lane, station):
            self.driver.kick(lane)

    def measured(self, station: Station, evse: Evse) -> None:
        """New readings are there: is the limit obeyed?"""
        lane = self.sight.lanes.get((station.identity, evse.number))
        if lane is None:
            return
        if evse.transaction != lane.transaction:  # it measures in a transaction that nobody saw begin
            self.sight.hear(station.identity, evse)
            self.sight.look(lane, station)
            self.driver.kick(lane)
        in_force = lane.in_force()
        if in_force is None or lane.transaction is None:
            return
        purpose, installed = in_force
        seen = verify.draw(evse.readings)
        if isnan(seen.t_s) or seen.t_s < installed.since_s:
            return
        grammar = installed.grammar
        obeyed = verify.obeys(seen, installed.allows_w, installed.limit_a, grammar.voltage_v, grammar.phases)
        if obeyed is None:
            return
        if obeyed:
            if lane.stage in {Stage.ACCEPTED, Stage.DISOBEYED, Stage.VERIFIED}:
                lane.stage = Stage.VERIFIED
            lane.ceiling_w = installed.allows_w
        elif seen.t_s >= installed.since_s + station.policy.quirks.reaction_s:
            self._disobeyed(lane, station, purpose, installed, seen)

    async def check(self, identity: str, evse: int, duration_s: float = CHECKED_S) -> list[verify.Difference]:
        """See `Driver.check`."""
        return await self.driver.check(identity, evse, duration_s)

    # Part

    def handlers(self) -> Handlers:
        """ReportChargingProfiles: whoever asked for one hears it (`Reports.overhear`)."""
        return {(version, "ReportChargingProfiles"): _taken for version in (Version.V201, Version.V21)}

    def connected(self, station: Station) -> None:
        """Nothing is sent before the station is accepted."""

    def accepted(self, station: Station) -> None:
        """Ask what is still installed, then go on; what was refused before may be taken now."""
        for evse in station.evses.values():
            self.sight.hear(station.identity, evse)
        self.driver.cleared.discard(station.identity)
        for lane in self.sight.of.get(station.identity, ()):
            lane.rejected.clear()
            lane.in_doubt = bool(lane.installed)
            lane.attempts = 0
            self.sight.look(lane, station)
            self.driver.kick(lane)

    def disconnected(self, station: Station) -> None:
        """What is installed stays in force until it expires."""

    def restore(self, entry: Entry) -> None:
        """Take back wishes, and what stations accepted; `accepted` verifies it."""
        body = cast("dict[str, Any]", entry.body)
        lane_journal.restore(self.sight.lane(entry.stream, int(body["evse"])), entry, self._clock.epoch_ns)

    def ready(self, identity: str) -> None:
        """The station's capabilities are known, or known better: send what waited for them."""
        for lane in self.sight.of.get(identity, ()):
            self.driver.kick(lane)

    def _disobeyed(
        self, lane: Lane, station: Station, purpose: Purpose, installed: Installed, seen: verify.Draw
    ) -> None:
        """More is drawn than was accepted: tell it, and try the next kind of profile."""
        drawn_w = seen.watts(installed.grammar.voltage_v, installed.grammar.phases)
        evse = evse_id(lane.identity, lane.evse)
        self._desk.sink(
            LimitNotObeyed(
                seen.t_s,
                self._clock.now_s,
                lane.identity,
                evse,
                installed.allows_w,
                drawn_w,
                purpose.value,
            )
        )
        if installed.carried:  # it took the start and dropped the profile: that is sent again by itself
            del lane.installed[purpose, installed.profile.stack_level]
            self.driver.bare.add(lane.identity)
        else:
            lane.disobeyed.add(purpose)
        lane.stage = Stage.DISOBEYED
        lane.ceiling_w = nan  # nothing that it accepts can be relied on until it is measured again
        self._desk.note(station, lane.evse, "limit-not-obeyed", f"{drawn_w:.0f} W under {purpose.value}")
        self.driver.kick(lane)


def _taken(_station: Station, _payload: Payload) -> Payload:
    return {}
