"""An office with a clock that goes on when told, a journal that is a list, and stations that answer from a script."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from twin.domain.journal import Entry
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.store.memory import MemoryJournal


class HandTimer:
    """Due when its clock says so."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class HandClock:
    """Goes on when told; it begins on 1 January 2026."""

    epoch_ns = 1_767_225_600 * 1_000_000_000

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, HandTimer]] = []

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_at`."""
        timer = HandTimer(callback)
        heapq.heappush(self._due, (t_s, len(self._due), timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def go_to(self, t_s: float) -> None:
        """Call back what is due until `t_s`."""
        while self._due and self._due[0][0] <= t_s:
            due_s, _, timer = heapq.heappop(self._due)
            self.now_s = max(self.now_s, due_s)
            if timer.callback is not None:
                timer.callback()
        self.now_s = t_s


class Scripted:
    """A station's endpoint: keeps what it is asked, answers from a list, checks every request by its schema."""

    def __init__(self, version: Version, answers: list[Any]) -> None:
        self.version, self.answers = version, answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, action: str, payload: dict[str, Any], **_: object) -> dict[str, Any]:
        """Answer with the next of the list; an exception in it is raised."""
        assert schemas.requests(self.version)[action].valid(payload), (action, payload)
        self.asked.append((action, payload))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert schemas.responses(self.version)[action].valid(answer), (action, answer)
        return answer


class Bench:
    """What a test holds in hand."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.journal = MemoryJournal(keep=True)
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        desk = Desk(self.clock, self.journal, lambda _: None)
        self.office = Office(desk, lambda who, kind, body: self.told.append((who, kind, dict(body))))

    def station(self, version: Version, *answers: Any, identity: str = "CP1") -> Station:
        """Return a connected station that gives these answers."""
        station = Station(identity, version=version)
        station.endpoint = Scripted(version, list(answers))  # type: ignore[assignment]
        return station

    def asked(self, station: Station) -> list[tuple[str, dict[str, Any]]]:
        """Return what a station was asked."""
        assert isinstance(station.endpoint, Scripted)
        return station.endpoint.asked

    def kinds(self) -> list[str]:
        """Return the kinds of the journal's entries."""
        return [entry.kind for entry in self.journal.entries()]

    def restore(self, part: Any) -> None:
        """Give a part what is its own in the journal."""
        entries: list[Entry] = list(self.journal.entries())
        for entry in entries:
            if entry.kind.partition(".")[0] == part.name:
                part.restore(entry)


def run(job: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end, with what was begun on the way."""

    async def all_of_it() -> Any:
        result = await job
        for _ in range(20):
            await asyncio.sleep(0)
        return result

    return asyncio.run(all_of_it())


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(name="run")
def running() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    return run
