"""`CsmsStations`: the port `Stations` over a central system. Facts go up in order, limits and grants go down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import NamedTuple

from twin.domain import events as e
from twin.domain.clock import Clock
from twin.domain.commands import Command, Stop
from twin.domain.fleet import Fleet
from twin.domain.ids import EvseId, Rows, StationId, Vector
from twin.domain.pilots import sent_w
from twin.network.ocpp.csms import speech
from twin.network.ocpp.csms.columns import Car, Columns
from twin.network.ocpp.csms.limits import NO_LIMIT, Limit
from twin.network.ocpp.csms.meter_values import Values
from twin.network.ocpp.csms.smart_charging import SmartCharging
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.wire.errors import WireError

_UPWARDS = (
    e.CablePlugged, e.TokenPresented, e.TransactionStarted, e.TransactionEnded, e.CableUnplugged,
    e.ChargingSuspended, e.Faulted, e.Recovered, e.WentOffline, e.CameBack, e.CommandAnswered, e.LimitNotObeyed,
)  # fmt: skip
"""Facts of the port; the others are known to a wire only, and end in the columns."""
_SETTLES = (e.TransactionStarted, e.CableUnplugged)
"""Facts after which a token that was granted counts no more."""


class _Asked(NamedTuple):
    """A token that waits for control."""

    token: str
    answer: asyncio.Future[bool]


class CsmsStations:
    """Implements the port `Stations` for the rows of a fleet whose stations are connected to a central system.

    It is that system's sink (`take`), its listener for samples (`sample`) and its authoriser (`decide`). Facts
    are collected until `drain` hands them out: in lock step when everything is quiet, in real time at once.

    Args:
        fleet: The columns to write; an EVSE's id is its station's identity, a slash, its number on the wire.
        rows: Which rows this port owns.
        clock: What time it is.
        loop: Where answers are waited for.
        start_s: When the run begins.
    """

    def __init__(
        self,
        fleet: Fleet,
        rows: tuple[int, ...],
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        start_s: float = 0.0,
    ) -> None:
        self._fleet, self._clock, self._loop = fleet, clock, loop
        self._columns = Columns(fleet, rows, start_s)
        self._row: Mapping[EvseId, int] = {fleet.ids[row]: row for row in rows}
        self._of: dict[StationId, list[int]] = {}
        for row in rows:
            self._of.setdefault(fleet.stations[row], []).append(row)
        self._number = {row: int(fleet.ids[row].rpartition("/")[2]) for row in rows}
        self._sinks: list[Callable[[e.StationEvent], None]] = []
        self._facts: list[tuple[float, int, int, e.StationFact]] = []
        self._order = count()
        self._asked: dict[int, _Asked] = {}
        self._granted: set[int] = set()
        """Where a token was granted and nothing has begun yet."""
        self._served: set[StationId] = set()
        self._away: set[StationId] = set()
        self._work = Tasks(loop)
        self._charging: SmartCharging | None = None
        self._stations: Mapping[StationId, Station] = {}
        self.cards: dict[str, str] = {}
        """What stands on the wire to the driver's token, where a version has no room for that."""
        self.wake: Callable[[], None] = _nothing
        """Called when a fact came in: who paces the run sees to it that `drain` is called."""

    def serve(self, charging: SmartCharging, stations: Mapping[StationId, Station]) -> None:
        """Say who turns limits into profiles, and who is known; before the first limit is set."""
        self._charging, self._stations = charging, stations

    # Stations

    def advance(self, t_s: float, /) -> None:
        """Nothing to integrate: meter values were written as they came."""

    def set_limits(self, rows: Rows, limit_w: Vector, /) -> None:
        """Ask for limits: (len(rows),) in W; only what a station would do otherwise than now crosses the wire."""
        wishes: list[tuple[str, int, Limit]] = []
        for place in self._columns.news(rows, limit_w).tolist():
            row, wish_w = int(rows[place]), float(limit_w[place])
            power_w = self._columns.wish(row, wish_w)
            limit = NO_LIMIT if math.isinf(wish_w) else Limit(limit_w=sent_w(power_w))
            wishes.append((self._fleet.stations[row], self._number[row], limit))
        if wishes and self._charging is not None:
            self._charging.set_limits(wishes)

    def send(self, command: Command, /) -> None:
        """Answer the token that waits at an EVSE, or stop the transaction that runs there.

        Refused where no token waits, or another one; where nothing runs, or the station does not obey.
        """
        row = self._row[command.evse]
        if isinstance(command, Stop):
            self._loop.call_soon(lambda: self._work.start(self._stop(row, command)))
            return
        asked = self._asked.get(row)
        accepted = asked is not None and asked.token == command.token and not asked.answer.done()
        if asked is not None and accepted:
            del self._asked[row]
            asked.answer.set_result(command.granted)
            if command.granted:
                self._granted.add(row)
        self._tell(self._answered(row, command.id, accepted))

    async def _stop(self, row: int, command: Stop) -> None:
        station = self._stations.get(self._fleet.stations[row])
        running = None if station is None else station.evse(self._number[row]).transaction
        accepted = False
        if station is not None and running is not None:
            try:
                answer = await speech.stop(station, running)
                accepted = answer.get("status") == speech.ACCEPTED
            except (
                WireError
            ):  # no connection, no answer, an error: the command was not obeyed as far as is known
                accepted = False
        self._queue(row, self._answered(row, command.id, accepted))

    def _answered(self, row: int, command: int, accepted: bool) -> e.CommandAnswered:
        now_s = self._clock.now_s
        return e.CommandAnswered(
            now_s, now_s, self._fleet.stations[row], self._fleet.ids[row], command, accepted
        )

    def subscribe(self, sink: Callable[[e.StationEvent], None], /) -> None:
        """Call `sink` for every fact, in the order in which facts became known."""
        self._sinks.append(sink)

    # beside the wire

    def said(self, row: int, car: Car) -> None:
        """Take what the driver's app says of the car that is being plugged in."""
        self._columns.said(row, car)

    # what the central system calls

    def decide(self, station: Station, evse: int | None, token: str, /) -> asyncio.Future[bool] | None:
        """Ask control about a token: see `Authoriser`. Without an EVSE: the first where a car waits for a token."""
        row = self._waiting_row(station.identity, evse)
        if row is None:
            return None
        before = self._asked.pop(row, None)
        if before is not None and not before.answer.done():
            before.answer.set_result(False)
        token = self.cards.get(token, token)
        asked = self._asked[row] = _Asked(token, self._loop.create_future())
        now_s = self._clock.now_s
        self.take(e.TokenPresented(now_s, now_s, station.identity, self._fleet.ids[row], token))
        return asked.answer

    def sample(self, station: Station, number: int, t_s: float, values: Values) -> None:
        """Take a sample of measured values: see `OnSample`."""
        row = self._row.get(f"{station.identity}/{number}")
        if row is not None:
            self._columns.measured(row, t_s, values)

    def take(self, fact: e.StationFact) -> None:
        """Take a fact of the central system; `drain` hands it out."""
        if isinstance(fact, e.TransactionStarted) and fact.token in self.cards:
            fact = fact._replace(token=self.cards[fact.token])
        if fact.evse is not None:
            row = self._row.get(fact.evse)
            if row is not None:
                if isinstance(fact, _SETTLES):
                    self._granted.discard(row)
                self._queue(row, fact)
        elif isinstance(fact, e.Booted):
            self._booted(fact)
        elif isinstance(fact, e.Disconnected) and fact.station in self._served - self._away:
            self._away.add(fact.station)
            for row in self._of[fact.station]:
                self._lost(row, fact)

    def drain(self) -> bool:
        """Hand out what was collected, by (happened, row, order of arrival); say whether there was anything."""
        facts, self._facts = sorted(self._facts, key=lambda item: item[:3]), []
        for _, row, _, fact in facts:
            suspended = self._columns.learn(row, fact)
            if suspended:  # in 2.x no status says so, but a charging state
                evse = self._fleet.ids[row]
                self._tell(e.ChargingSuspended(fact.happened_s, fact.received_s, fact.station, evse))
            elif isinstance(fact, _UPWARDS) and not isinstance(fact, e.ChargingSuspended):
                self._tell(fact)
        return bool(facts)

    def _waiting_row(self, identity: StationId, evse: int | None) -> int | None:
        if evse is not None:
            return self._row.get(f"{identity}/{evse}")
        rows = self._of.get(identity, [])
        if len(rows) == 1:
            return rows[0]
        fleet = self._fleet
        plugged = {row for row in rows if fleet.plugged[row]}
        plugged |= {row for _, row, _, fact in self._facts if isinstance(fact, e.CablePlugged)}
        waiting = [row for row in rows if row in plugged and not self._columns.running(row)]
        waiting.sort(key=lambda row: (row in self._asked, row in self._granted, row))
        return waiting[0] if waiting else None

    def _booted(self, fact: e.Booted) -> None:
        rows = self._of.get(fact.station, [])
        back = fact.station in self._away
        self._served.add(fact.station)
        self._away.discard(fact.station)
        for row in rows:
            if back:
                evse = self._fleet.ids[row]
                self._queue(row, e.CameBack(fact.happened_s, fact.received_s, fact.station, evse))
            else:
                self._columns.served(row)

    def _lost(self, row: int, fact: e.Disconnected) -> None:
        """A connection went: who waited for control's answer there waits no more."""
        asked = self._asked.pop(row, None)
        if asked is not None and not asked.answer.done():
            asked.answer.set_result(False)
        evse = self._fleet.ids[row]
        self._queue(row, e.WentOffline(fact.happened_s, fact.received_s, fact.station, evse))

    def _queue(self, row: int, fact: e.StationFact) -> None:
        # A station that is back tells the past, but that it is back comes first.
        at_s = -math.inf if isinstance(fact, e.CameBack) else fact.happened_s
        self._facts.append((at_s, row, next(self._order), fact))
        self.wake()

    def _tell(self, fact: e.StationEvent) -> None:
        for sink in self._sinks:
            sink(fact)


def _nothing() -> None:
    """In lock step, whoever settles drains."""
