"""What is still to come, on one timer of the clock."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from twin.domain.clock import Clock


class Agenda:
    """Actions at instants. Equal instants: in order of entry. The clock is asked for the earliest only.

    Args:
        clock: Whose time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()
        self._armed_s = float("inf")

    def at(self, t_s: float, action: Callable[[], None]) -> None:
        """Do something at `t_s`, or as soon as possible if that has passed."""
        heappush(self._heap, (t_s, next(self._count), action))
        if t_s < self._armed_s:
            self._arm(t_s)

    def __len__(self) -> int:
        return len(self._heap)

    def _arm(self, t_s: float) -> None:
        self._armed_s = t_s
        self._clock.call_at(t_s, self._run)

    def _run(self) -> None:
        heap, now_s = self._heap, self._clock.now_s
        if now_s >= self._armed_s:
            self._armed_s = float("inf")
        while heap and heap[0][0] <= now_s:
            heappop(heap)[2]()
        if heap and heap[0][0] < self._armed_s:
            self._arm(heap[0][0])
