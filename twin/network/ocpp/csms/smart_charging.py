"""Limits become charging profiles, and profiles become what is measured.

`SmartCharging` takes wishes, `ladder.next_step` says what to send for them, `verify` whether it was obeyed. Each EVSE
has a lane of its own: one call in flight, the newest wish wins, and what a station has already is not sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, isinf, isnan, nan
from typing import Any, cast

from twin.domain.events import LimitNotObeyed
from twin.domain.journal import Entry
from twin.network.ocpp.csms import ladder, lane_journal, speech, verify
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.desk import evse_id
from twin.network.ocpp.csms.ladder import Circumstances, Clear, Put, Start, Step, Stop, Wait
from twin.network.ocpp.csms.lanes import Conduct, Installed, Lane, Stage
from twin.network.ocpp.csms.limits import NO_LIMIT, Grammar, Limit
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import BootState, Evse, Station
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.from_wire import composite_from_wire
from twin.network.ocpp.profiles.model import Purpose
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, LinkLost, WireError
from twin.network.ocpp.wire.link import Payload

_ASSUMED = Capabilities()
_CHECKED_S = 600.0
"""Length of the composite schedules that are asked for."""
_YOUNG_S = 5.0
"""A transaction of 1.6 whose station may not know its id yet refuses a TxProfile for that."""
_AGAIN_S = 1.0
_TURNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What control knows of an EVSE."""

    rating_w: float = inf
    phases: int = 0
    """Of its supply; 0: as the station says."""
    voltage_v: float = 230.0
    """Phase to neutral."""


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
        capabilities: Callable[[str], Capabilities | None] = lambda _identity: _ASSUMED,
        conduct: Conduct | None = None,
        tasks: Tasks | None = None,
    ) -> None:
        self.office, self.capabilities = office, capabilities
        self.conduct = conduct or Conduct()
        self.tasks = tasks or Tasks()
        self._desk, self._clock = office.desk, office.desk.clock
        self._desk.watchers.append(self)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._of: dict[str, list[Lane]] = {}
        self._declared: dict[tuple[str, int], Declared] = {}
        self._told: dict[tuple[str, int], str | None] = {}
        """Transactions whose ids their stations know."""

    # wishes

    def declare(self, identity: str, evse: int, declared: Declared) -> None:
        """Say what is known of an EVSE."""
        self._declared[identity, evse] = declared

    def set_limit(self, identity: str, evse: int, limit: Limit) -> bool:
        """Ask for a limit; the same again costs a comparison and sends nothing.

        Returns:
            Whether the wish is a new one.
        """
        lane = self._lanes.get((identity, evse))
        if lane is None:
            if limit == NO_LIMIT:
                return False
            lane = self._lane(identity, evse)
        if lane.wish == limit:
            return False
        if not ladder.rungs(lane, self._circumstances(lane)):
            lane.disobeyed.clear()  # another wish, another chance
        lane.wish, lane.stage, lane.attempts = limit, Stage.ASKED, 0
        if lane.stopped != lane.transaction:
            lane.stopped = None
        self._desk.journal.append(identity, lane_journal.WISHED, lane_journal.wished(lane))
        self._kick(lane)
        return True

    def set_limits(self, wishes: Iterable[tuple[str, int, Limit]]) -> int:
        """Ask for many limits: those that lower go out before those that raise.

        Returns:
            How many were new.
        """
        lower: list[tuple[str, int, Limit]] = []
        higher: list[tuple[str, int, Limit]] = []
        for wish in wishes:
            lane = self._lanes.get(wish[:2])
            before = NO_LIMIT if lane is None else lane.wish
            if wish[2] != before:
                (lower if wish[2].charge_w < before.charge_w else higher).append(wish)
        return sum(self.set_limit(*wish) for wish in (*lower, *higher))

    def counts_w(self, identity: str, evse: int) -> float:
        """Return what an EVSE counts against headroom: the most it may draw until something else is verified.

        That is the larger of what was last verified and what was asked or accepted since; its rating if nothing
        ever was; while the station is offline also its fail-safe, to which it falls back.
        """
        lane = self._lanes.get((identity, evse))
        rating_w = self._rating_w(identity, evse)
        if lane is None or isnan(lane.ceiling_w):
            return rating_w
        most_w = max(lane.ceiling_w, lane.asked_w)
        station = self._desk.stations.get(identity)
        if (station is None or not station.online) and not isinf(lane.wish.fallback_w):
            most_w = max(most_w, lane.wish.fallback_w)
        return min(most_w, rating_w)

    def lane(self, identity: str, evse: int) -> Lane | None:
        """Return what is asked, accepted and verified of an EVSE; None: nothing was ever asked."""
        return self._lanes.get((identity, evse))

    # what happens at the station

    def transaction_changed(self, station: Station, evse: Evse) -> None:
        """A transaction began, and the station knows its id, or one ended."""
        self._told[station.identity, evse.number] = evse.transaction
        lane = self._lanes.get((station.identity, evse.number))
        if lane is not None and self._look(lane, station):
            self._kick(lane)

    def measured(self, station: Station, evse: Evse) -> None:
        """New readings are there: is the limit obeyed?"""
        lane = self._lanes.get((station.identity, evse.number))
        if lane is None:
            return
        if self._look(lane, station):  # it measures in a transaction that nobody saw begin
            self._told[lane.identity, lane.evse] = evse.transaction
            self._kick(lane)
        in_force = lane.in_force()
        if in_force is None or lane.transaction is None:
            return
        purpose, installed = in_force
        seen = verify.draw(evse.readings)
        if isnan(seen.t_s) or seen.t_s < installed.since_s:
            return
        here = self._circumstances(lane)
        if self._obeys(seen, here.grammar, installed.allows_w):
            if lane.stage in {Stage.ACCEPTED, Stage.DISOBEYED, Stage.VERIFIED}:
                lane.stage = Stage.VERIFIED
            lane.ceiling_w = installed.allows_w
        elif seen.t_s >= installed.since_s + station.policy.quirks.reaction_s:
            self._disobeyed(lane, station, purpose, installed, seen)

    async def check(
        self, identity: str, evse: int, duration_s: float = _CHECKED_S
    ) -> list[verify.Difference]:
        """Ask for the composite schedule and compare it with what the profiles that were accepted mean.

        Returns:
            Where the station would draw more than it should; empty: it agrees.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Caller.call`.
            ValueError: The answer holds no schedule (quirk 20).
        """
        station = self._desk.stations[identity]
        lane = self._lane(identity, evse)
        here = self._circumstances(lane)
        answer = await speech.composite(station, evse, duration_s, here.grammar.unit)
        if answer.get("status") != speech.ACCEPTED:
            raise ValueError(f"{identity}/{evse}: GetCompositeSchedule was answered {answer.get('status')}")
        try:
            reported = composite_from_wire(station.version, answer, self._clock.epoch_ns)
        except ValueError as error:
            raise ValueError(f"{identity}/{evse}: {error}") from error
        context = Context(
            version=station.version,
            evse=evse,
            phases=here.grammar.phases,
            voltage_v=here.grammar.voltage_v,
            transaction=lane.transaction,
            transaction_start_s=None if isnan(lane.transaction_s) else lane.transaction_s,
        )
        return verify.differences(reported, [one.profile for one in lane.installed.values()], context)

    # Part

    def handlers(self) -> Handlers:
        """ReportChargingProfiles: whoever asked for one hears it (`Reports.overhear`)."""
        return {(version, "ReportChargingProfiles"): _taken for version in (Version.V201, Version.V21)}

    def connected(self, station: Station) -> None:
        """Nothing is sent before the station is accepted."""

    def accepted(self, station: Station) -> None:
        """Ask what is still installed, then go on; what was refused before may be taken now."""
        for evse in station.evses.values():
            self._told[station.identity, evse.number] = evse.transaction
        for lane in self._of.get(station.identity, ()):
            lane.rejected.clear()
            lane.in_doubt = bool(lane.installed)
            lane.attempts = 0
            self._look(lane, station)
            self._kick(lane)

    def disconnected(self, station: Station) -> None:
        """What is installed stays in force until it expires."""

    def restore(self, entry: Entry) -> None:
        """Take back wishes, and what stations accepted; `accepted` verifies it."""
        body = cast("dict[str, Any]", entry.body)
        lane_journal.restore(
            self._lane(entry.stream, int(body["evse"])), entry.kind, body, self._clock.epoch_ns
        )

    # what is sent

    def ready(self, identity: str) -> None:
        """The station's capabilities are known, or known better: send what waited for them."""
        for lane in self._of.get(identity, ()):
            self._kick(lane)

    def _kick(self, lane: Lane) -> None:
        station = self._desk.stations.get(lane.identity)
        if lane.busy or station is None or not self._callable(station):
            return
        lane.busy = True
        self.tasks.start(self._drive(lane, station))

    def _callable(self, station: Station) -> bool:
        return (
            station.online
            and station.boot is BootState.ACCEPTED
            and self.capabilities(station.identity) is not None
        )

    async def _drive(self, lane: Lane, station: Station) -> None:
        """Take steps until the station has what it shall have, or something must be waited for."""
        again_s = inf
        try:
            if lane.transaction_s == self._clock.now_s:
                await _turns()
            while self._callable(station) and not self._untold(lane, station):
                if self._clock.now_s < lane.not_before_s:
                    again_s = lane.not_before_s
                    break
                if lane.in_doubt:
                    await self._resolve(lane, station)
                step = ladder.next_step(lane, self._circumstances(lane))
                if step is None or isinstance(step, Wait):
                    again_s = inf if step is None else step.until_s
                    break
                if not await self._take(lane, station, step):
                    again_s = self._clock.now_s + self.conduct.retry_s
                    break
        finally:
            lane.busy = False
            self._arm(lane, again_s)

    def _arm(self, lane: Lane, again_s: float) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        here = self._circumstances(lane)
        if lane.stage is Stage.ASKED and not ladder.rungs(lane, here):
            lane.stage = Stage.REFUSED
        due_s = min(again_s, ladder.renewal_s(lane, here))
        if not isinf(due_s):
            lane.timer = self._clock.call_at(max(due_s, self._clock.now_s), lambda: self._kick(lane))

    async def _take(self, lane: Lane, station: Station, step: Step) -> bool:
        """Take one step.

        Returns:
            False where nobody knows what became of it: it is to be tried again later.
        """
        try:
            accepted = await self._send(lane, station, step)
        except CallFailed as error:
            self._desk.note(station, lane.evse, "limit-refused", str(error))
            accepted = False
        except LinkLost:
            lane.in_doubt = True
            return False
        except WireError as error:
            self._desk.note(station, lane.evse, "limit-unanswered", str(error))
            lane.attempts += 1
            if lane.attempts < self.conduct.attempts:
                return False
            accepted = False
        lane.attempts = 0
        self._took(lane, station, step, accepted=accepted)
        return True

    async def _send(self, lane: Lane, station: Station, step: Step) -> bool:
        if isinstance(step, Put):
            answer = await speech.set_profile(station, step.installed.profile, self._clock.epoch_ns)
        elif isinstance(step, Clear):
            for place in step.places:
                await speech.clear_profile(station, lane.installed[place].profile.id)
            return True
        elif isinstance(step, Stop):
            answer = await speech.stop(station, step.transaction)
        elif isinstance(step, Start):
            number = self.office.request_id(station.identity) if station.version.two else 0
            answer = await speech.start(
                station, lane.evse, step.token, number, None, epoch_ns=self._clock.epoch_ns
            )
        return bool(answer.get("status") == speech.ACCEPTED)

    def _took(self, lane: Lane, station: Station, step: Step, *, accepted: bool) -> None:
        """Note what came of a step; afterwards the next one is another one."""
        journal = self._desk.journal
        if isinstance(step, Put):
            self._put(lane, station, step, accepted=accepted)
        elif isinstance(step, Clear):
            lane.installed.clear()
            lane.stage = Stage.IDLE
            lane.ceiling_w = nan
            journal.append(lane.identity, lane_journal.CLEARED, {"evse": lane.evse})
        elif isinstance(step, Stop):
            lane.stopped = step.transaction
            lane.paused_token = station.evse(lane.evse).token if step.again else ""
            body = {"evse": lane.evse, "transaction": step.transaction, "token": lane.paused_token}
            journal.append(lane.identity, lane_journal.PAUSED, body)
            if not accepted:
                self._desk.note(station, lane.evse, "stop-refused", f"transaction {step.transaction} goes on")
        elif isinstance(step, Start):
            lane.paused_token = ""
            if not accepted:
                self._desk.note(
                    station, lane.evse, "restart-refused", "charging does not go on after the pause"
                )

    def _put(self, lane: Lane, station: Station, step: Put, *, accepted: bool) -> None:
        purpose, _level = step.place
        if not accepted:
            if step.installed.allows_w == 0 and not lane.zero_refused:
                lane.zero_refused = True  # it may take others: 0 alone spoils it (quirk 30)
                self._desk.note(
                    station, lane.evse, "zero-refused", "a limit of 0 is refused: paused another way"
                )
                return
            young = self._clock.now_s < lane.transaction_s + _YOUNG_S
            if purpose is Purpose.TX and young and lane.refused_early != lane.transaction:
                lane.refused_early = lane.transaction  # it may not have seen the id yet: once more, later
                lane.not_before_s = self._clock.now_s + _AGAIN_S
                return
            lane.rejected.add(purpose)
            self._desk.note(station, lane.evse, "profile-refused", purpose.value)
            return
        if purpose is Purpose.TX and step.installed.profile.transaction != lane.transaction:
            return  # the transaction ended under way, its profile with it
        step.installed.since_s = self._clock.now_s
        lane.accept(step.place, step.installed)
        if lane.stage is not Stage.DISOBEYED:
            lane.stage = Stage.ACCEPTED
        body = lane_journal.accepted(lane, step.installed, self._clock.epoch_ns)
        self._desk.journal.append(lane.identity, lane_journal.ACCEPTED, body)

    async def _resolve(self, lane: Lane, station: Station) -> None:
        """After a silence: does the station still hold what it accepted? What differs is sent again."""
        lane.in_doubt = False
        if not lane.installed:
            return
        try:
            wrong = await self.check(lane.identity, lane.evse)
        except (WireError, ValueError) as error:
            self._desk.note(station, lane.evse, "composite-unknown", str(error))
            lane.installed.clear()
            return
        if wrong:
            self._desk.note(station, lane.evse, "composite-differs", str(wrong[0]))
            lane.installed.clear()

    # what is known

    def _lane(self, identity: str, evse: int) -> Lane:
        lane = self._lanes.get((identity, evse))
        if lane is None:
            lane = self._lanes[identity, evse] = Lane(identity, evse)
            self._of.setdefault(identity, []).append(lane)
        return lane

    def _untold(self, lane: Lane, station: Station) -> bool:
        """Whether a transaction begins whose id a 1.6 station does not know yet: what is wished waits for it."""
        evse = station.evses.get(lane.evse)
        transaction = None if evse is None else evse.transaction
        told = station.version.two or self._told.get((lane.identity, lane.evse)) == transaction
        if transaction is not None and not told:
            return True
        self._look(lane, station)
        return False

    def _look(self, lane: Lane, station: Station) -> bool:
        """Follow the EVSE's transaction; return whether it is another one."""
        known = station.evses.get(lane.evse)
        transaction = None if known is None else known.transaction
        if transaction == lane.transaction:
            return False
        lane.change_transaction(transaction, self._clock.now_s)
        self._desk.journal.append(
            lane.identity,
            lane_journal.TRANSACTION,
            {"evse": lane.evse, "id": transaction, "since_s": self._clock.now_s},
        )
        return True

    def _circumstances(self, lane: Lane) -> Circumstances:
        station = self._desk.stations.get(lane.identity)
        known = self.capabilities(lane.identity) or _ASSUMED
        declared = self._declared.get((lane.identity, lane.evse), Declared())
        evse = None if station is None else station.evses.get(lane.evse)
        seen = verify.draw({} if evse is None else evse.readings)
        policy = Station(lane.identity).policy if station is None else station.policy
        grammar = Grammar(
            unit=known.unit(policy.quirks),
            phases=lane.wish.phases or seen.phases or declared.phases or known.phases,
            voltage_v=declared.voltage_v,
            relative=policy.quirks.relative_profiles,
            operation_modes=station is not None and station.version is Version.V21 and known.bidirectional,
        )
        return Circumstances(
            now_s=self._clock.now_s,
            capabilities=known,
            quirks=policy.quirks,
            conduct=self.conduct,
            grammar=grammar,
            rating_w=self._rating_w(lane.identity, lane.evse),
            too_much=not self._obeys(seen, grammar, lane.asked_w),
            station_w=sum(one.asked_w for one in self._of.get(lane.identity, ())),
        )

    def _obeys(self, seen: verify.Draw, grammar: Grammar, allows_w: float) -> bool:
        """Whether a draw is within a limit; what was not measured is not held against the station."""
        return (
            verify.obeys(
                seen,
                allows_w=allows_w,
                unit=grammar.unit,
                voltage_v=grammar.voltage_v,
                phases=grammar.phases,
            )
            is not False
        )

    def _rating_w(self, identity: str, evse: int) -> float:
        declared = self._declared.get((identity, evse))
        if declared is not None and not isinf(declared.rating_w):
            return declared.rating_w
        known = self.capabilities(identity) or _ASSUMED
        return known.rating_w.get(evse, self.conduct.rating_w)

    def _disobeyed(
        self, lane: Lane, station: Station, purpose: Purpose, installed: Installed, seen: verify.Draw
    ) -> None:
        """More is drawn than was accepted: tell it, and try the next kind of profile."""
        grammar = self._circumstances(lane).grammar
        drawn_w = seen.watts(grammar.voltage_v, grammar.phases)
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
        lane.disobeyed.add(purpose)
        lane.stage = Stage.DISOBEYED
        if not isnan(lane.ceiling_w):
            lane.ceiling_w = max(lane.ceiling_w, drawn_w)
        self._desk.note(station, lane.evse, "limit-not-obeyed", f"{drawn_w:.0f} W under {purpose.value}")
        self._kick(lane)


async def _turns() -> None:
    """Let a station that reads two frames at once look at the first one first: the id of its transaction."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _taken(_station: Station, _payload: Payload) -> Payload:
    return {}
