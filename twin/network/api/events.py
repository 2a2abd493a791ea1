"""What happens, as a numbered list that clients follow: facts of stations, notices, deviations."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from itertools import takewhile
from typing import NamedTuple

from twin.domain.clock import Clock
from twin.domain.events import StationFact
from twin.network.clock import to_wire
from twin.network.ocpp.wire.link import Deviation

KEPT = 10_000
"""Events that are remembered; who follows more slowly is told that some are missed."""
KEPT_OF_ONE = 2_000
"""Of them of one station: whoever floods pushes out its own events, not those of the others."""


class Event(NamedTuple):
    """One thing that happened."""

    number: int
    at: str
    """RFC 3339: when it became known."""
    station: str
    kind: str
    """The name of a fact (`TransactionStarted`), or `part.event` (`notice.firmware`), or `deviation`."""
    body: Mapping[str, object]


class Page(NamedTuple):
    """What happened after some number."""

    events: list[Event]
    next: int
    """Give this as `after` the next time."""
    missed: bool
    """Whether events in between are not remembered any more."""


class _Kept(NamedTuple):
    """An event as it is remembered: facts as they came, since most are never asked for."""

    number: int
    t_s: float
    station: str
    kind: str
    body: Mapping[str, object] | StationFact | Deviation


class EventLog:
    """Remembers the last `KEPT` events and wakes up who waits for the next.

    Args:
        clock: When things become known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: OrderedDict[int, _Kept] = OrderedDict()
        self._numbers: dict[str, list[int]] = {}
        """By station, as long as any of its events is remembered."""
        self._number = 0
        self._forgotten = 0
        """The latest number that is not remembered."""
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def last(self) -> int:
        """Number of the latest event; 0: none yet."""
        return self._number

    def fact(self, fact: StationFact) -> None:
        """Take a fact of the central system: a `Sink`."""
        self._keep(fact.station, type(fact).__name__, fact)

    def remark(self, deviation: Deviation) -> None:
        """Take a deviation of a peer: a `Remark`."""
        self._keep(deviation.station, "deviation", deviation)

    def tell(self, station: str, kind: str, body: Mapping[str, object]) -> None:
        """Take anything else."""
        self._keep(station, kind, body)

    def _keep(self, station: str, kind: str, body: Mapping[str, object] | StationFact | Deviation) -> None:
        self._number += 1
        self._events[self._number] = _Kept(self._number, self._clock.now_s, station, kind, body)
        own = self._numbers.setdefault(station, [])
        own.append(self._number)
        if len(own) > KEPT_OF_ONE:
            self._forget(station)
        elif len(self._events) > KEPT:
            self._forget(next(iter(self._events.values())).station)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    def _forget(self, station: str) -> None:
        """Forget the oldest event of a station."""
        own = self._numbers[station]
        number = own.pop(0)
        if not own:
            del self._numbers[station]
        del self._events[number]
        self._forgotten = max(self._forgotten, number)

    def after(self, number: int, *, limit: int, station: str = "") -> Page:
        """Return at most `limit` events behind `number`, of one station or all."""
        missed = number > self._number or number < self._forgotten
        if number > self._number:  # a number of an earlier process
            number = 0
        behind = takewhile(lambda kept: kept.number > number, reversed(self._events.values()))
        found = [kept for kept in behind if station in ("", kept.station)][::-1]
        last = found[limit - 1].number if len(found) >= limit else self._number
        return Page([self._told(kept) for kept in found[:limit]], last, missed)

    def _told(self, kept: _Kept) -> Event:
        body = kept.body
        if isinstance(body, tuple):
            body = {key: value for key, value in body._asdict().items() if key != "station"}
        at = to_wire(self._clock.epoch_ns, kept.t_s)
        return Event(kept.number, at, kept.station, kept.kind, body)

    async def wait(self, number: int, timeout_s: float) -> None:
        """Return when there is an event behind `number`, or after `timeout_s`."""
        if number < self._number:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        timer = self._clock.call_later(
            timeout_s, lambda: None if waiting.done() else waiting.set_result(None)
        )
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting.discard(waiting)
