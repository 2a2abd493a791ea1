"""Connectors of a site and the queue in front of them."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Sequence

import simpy

from twin.domain.visits import ANY_EVSE


class Berths:
    """The free connectors of one site, and who waits for them, first come first served.

    The lowest free row is given first, so that a run repeats. A driver may insist on one row (a home
    charger, a replayed session); others pass by in the queue when their wish can be met earlier.
    """

    def __init__(self, env: simpy.Environment, rows: Sequence[int]) -> None:
        self._env = env
        self._heap = sorted(rows)
        self._free = set(rows)
        self._taken: set[int] = set()
        self._broken: Counter[int] = Counter()
        self._queue: deque[tuple[simpy.Event, int]] = deque()
        self.rows = tuple(rows)

    @property
    def free(self) -> int:
        """Connectors that a car could take now."""
        return len(self._free)

    @property
    def queue(self) -> int:
        """Drivers waiting."""
        return len(self._queue)

    def take(self, wish: int = ANY_EVSE) -> int | None:
        """Take a connector at once; None when the wish cannot be met."""
        if wish != ANY_EVSE:
            if wish not in self._free:
                return None
            return self._occupy(wish)
        while self._heap:
            row = heapq.heappop(self._heap)
            if row in self._free:
                return self._occupy(row)
        return None

    def _occupy(self, row: int) -> int:
        self._free.discard(row)
        self._taken.add(row)
        return row

    def wait(self, wish: int = ANY_EVSE) -> simpy.Event:
        """Queue for a connector; the event's value will be its row."""
        place = self._env.event()
        self._queue.append((place, wish))
        return place

    def forget(self, place: simpy.Event) -> None:
        """Leave the queue."""
        self._queue = deque(item for item in self._queue if item[0] is not place)

    def give(self, row: int) -> None:
        """Return a connector: the first in the queue whose wish it meets gets it."""
        self._taken.discard(row)
        if not self._broken[row]:
            self._offer(row)

    def close(self, row: int) -> None:
        """Take a connector out of service: a car in it may stay, no other may come. Causes are counted."""
        self._broken[row] += 1
        self._free.discard(row)

    def open(self, row: int) -> None:
        """One cause less; with the last, the connector is back in service."""
        self._broken[row] -= 1
        if not self._broken[row] and row not in self._taken:
            self._offer(row)

    def _offer(self, row: int) -> None:
        for k, (place, wish) in enumerate(self._queue):
            if wish in (ANY_EVSE, row):
                del self._queue[k]
                self._taken.add(row)
                place.succeed(row)
                return
        self._free.add(row)
        heapq.heappush(self._heap, row)
