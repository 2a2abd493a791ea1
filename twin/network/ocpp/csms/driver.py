"""Takes the steps of the ladder: one EVSE at a time has at most one call in flight."""

from __future__ import annotations

import asyncio
from math import inf, isinf, isnan, nan

from twin.network.ocpp.csms import ladder, lane_journal, speech, verify
from twin.network.ocpp.csms.ladder import Clear, Put, Start, Step, Stop, Wait
from twin.network.ocpp.csms.lanes import Installed, Lane, Stage
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.sight import Sight
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.from_wire import composite_from_wire
from twin.network.ocpp.profiles.model import Purpose
from twin.network.ocpp.wire.errors import CallFailed, LinkLost, WireError

CENTRAL = "Central"
"""Type of tokens that nobody presented at the station (2.x IdTokenEnumType)."""
CHECKED_S = 600.0
"""Length of the composite schedules that are asked for."""
_YOUNG_S = 5.0
"""A transaction of 1.6 whose station may not know its id yet refuses a TxProfile for that."""
_AGAIN_S = 1.0
_TURNS = 5


class Driver:
    """Sends what the ladder says, and notes what came of it.

    Args:
        office: Desk, request ids.
        sight: The lanes.
        tasks: Where work is started.
    """

    def __init__(self, office: Office, sight: Sight, tasks: Tasks) -> None:
        self.office, self.sight, self.tasks = office, sight, tasks
        self.conduct = sight.conduct
        self._desk, self._clock = office.desk, office.desk.clock
        self.bare: set[str] = set()
        """Stations that refused a remote start with a profile: found out, as a quirk would say."""
        self.cleared: set[str] = set()
        """Stations whose profiles of others were cleared since they were accepted."""

    def kick(self, lane: Lane) -> None:
        """See to it that the lane's station gets what is wished, unless that is under way or it cannot be called."""
        station = self._desk.stations.get(lane.identity)
        if lane.busy or station is None or not self.sight.callable(station):
            return
        lane.busy = True
        self.tasks.start(self._drive(lane, station))

    async def start(self, lane: Lane, station: Station, token: str, token_type: str = CENTRAL) -> bool:
        """Start a transaction remotely; see `SmartCharging.start`."""
        carried = None
        if station.identity not in self.bare and lane.transaction is None:
            carried = ladder.carried(lane, self.sight.circumstances(lane))
        lane.carried = carried  # before the call: the transaction may begin before the answer is read
        accepted = await self._ask_start(lane, station, token, token_type, carried)
        if not accepted and carried is not None:
            self.bare.add(station.identity)
            self._desk.note(station, lane.evse, "start-refused", "with a profile: tried in two steps")
            lane.carried = carried = None
            accepted = await self._ask_start(lane, station, token, token_type, None)
        if not accepted or carried is None:
            lane.carried = None
            self.kick(lane)
        return accepted

    async def rest(self, lane: Lane, station: Station) -> None:
        """Wait for what is left of a model's pause between a stop and a start."""
        ready_s = (
            self.sight.ended_s.get((lane.identity, lane.evse), -inf) + station.policy.quirks.restart_pause_s
        )
        if ready_s > self._clock.now_s:
            rested = asyncio.get_running_loop().create_future()
            self._clock.call_at(ready_s, lambda: rested.set_result(None))
            await rested

    async def check(self, identity: str, evse: int, duration_s: float = CHECKED_S) -> list[verify.Difference]:
        """Ask for the composite schedule and compare it with what the profiles that were accepted mean.

        Returns:
            Where the station would draw more than it should; empty: it agrees.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Caller.call`.
            ValueError: The answer holds no schedule (quirk 20).
        """
        station = self._desk.stations[identity]
        lane = self.sight.lane(identity, evse)
        here = self.sight.circumstances(lane)
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
        return verify.differences(
            reported,
            [one.profile for one in lane.installed.values()],
            context,
            below=here.conduct.clear_foreign,
        )

    async def _drive(self, lane: Lane, station: Station) -> None:
        """Take steps until the station has what it shall have, or something must be waited for."""
        again_s = inf
        try:
            if lane.transaction_s == self._clock.now_s:
                await _turns()
            while self.sight.callable(station) and not self.sight.untold(lane, station):
                if self._clock.now_s < lane.not_before_s:
                    again_s = lane.not_before_s
                    break
                lane.expire(self._clock.now_s)
                if lane.in_doubt:
                    await self._resolve(lane, station)
                elif not any(one.installed for one in self.sight.of[lane.identity]):
                    await self._clear_foreign(lane, station)
                step = ladder.next_step(lane, self.sight.circumstances(lane))
                if step is None or isinstance(step, Wait):
                    again_s = inf if step is None else step.until_s
                    if step is None and lane.stage is Stage.ASKED and lane.in_force() is not None:
                        lane.stage = Stage.ACCEPTED  # it has it already
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
        here = self.sight.circumstances(lane)
        if lane.stage is Stage.ASKED and not ladder.rungs(lane, here):
            lane.stage = Stage.REFUSED
        due_s = min(again_s, ladder.renewal_s(lane, here))
        if not isinf(due_s):
            lane.timer = self._clock.call_at(max(due_s, self._clock.now_s), lambda: self.kick(lane))

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
            return await self.start(lane, station, step.token)
        return bool(answer.get("status") == speech.ACCEPTED)

    async def _ask_start(
        self, lane: Lane, station: Station, token: str, token_type: str, carried: Installed | None
    ) -> bool:
        number = self.office.request_id(station.identity) if station.version.two else 0
        profile = None if carried is None else carried.profile
        asked = speech.start(
            station, lane.evse, token, number, profile, epoch_ns=self._clock.epoch_ns, token_type=token_type
        )
        try:
            return bool((await asked).get("status") == speech.ACCEPTED)
        except CallFailed:
            if carried is None:
                raise
            return False

    def _took(self, lane: Lane, station: Station, step: Step, *, accepted: bool) -> None:
        """Note what came of a step; afterwards the next one is another one."""
        journal = self._desk.journal
        if isinstance(step, Put):
            self._put(lane, station, step, accepted=accepted)
        elif isinstance(step, Clear):
            for place in step.places:
                lane.installed.pop(place, None)
            if not lane.installed:
                lane.stage, lane.ceiling_w = Stage.IDLE, nan
            journal.append(lane.identity, lane_journal.CLEARED, lane_journal.cleared(lane, step.places))
        elif isinstance(step, Stop):
            lane.stopped = step.transaction
            lane.paused_token = step.token
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
        before = lane.installed.get(step.place)
        from_zero = before is not None and before.allows_w == 0 < step.installed.allows_w
        step.installed.doubted = from_zero and station.policy.quirks.repeat_after_zero  # sent once more
        step.installed.since_s = self._clock.now_s
        lane.accept(step.place, step.installed)
        if lane.stage is not Stage.DISOBEYED:
            lane.stage = Stage.ACCEPTED
        lane_journal.note_accepted(self._desk.journal, lane, step.installed, self._clock.epoch_ns)

    async def _resolve(self, lane: Lane, station: Station) -> None:
        """After a silence: does the station still hold what it accepted? What differs is sent again."""
        lane.in_doubt = False
        if not lane.installed:
            return
        try:
            wrong = await self.check(lane.identity, lane.evse)
        except (WireError, ValueError) as error:
            self._desk.note(station, lane.evse, "composite-unknown", str(error))
            _doubt(lane)
            return
        if wrong:
            self._desk.note(station, lane.evse, "composite-differs", str(wrong[0]))
            _doubt(lane)
            await self._clear_foreign(lane, station)

    async def _clear_foreign(self, lane: Lane, station: Station) -> None:
        """Clear what others installed, once per acceptance, where the operator says so; ours are sent again then."""
        conduct = self.sight.circumstances(lane).conduct
        if not conduct.clear_foreign or station.identity in self.cleared:
            return
        self.cleared.add(station.identity)
        self._desk.note(
            station, lane.evse, "foreign-profiles", "every profile is cleared, ours are sent again"
        )
        for payload in speech.clear_all(station):
            try:
                await speech.ask(station, "ClearChargingProfile", payload)
            except LinkLost:
                self.cleared.discard(station.identity)
                lane.in_doubt = True
                return
            except WireError as error:
                self._desk.note(station, lane.evse, "foreign-profiles", str(error))
        for one in self.sight.of[lane.identity]:
            _doubt(one)
            if one is not lane:
                self.kick(one)


def _doubt(lane: Lane) -> None:
    for installed in lane.installed.values():
        installed.doubted = True


async def _turns() -> None:
    """Let a station that reads two frames at once look at the first one first: the id of its transaction."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
