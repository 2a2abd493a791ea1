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
        self._armed_s: list[float] = []
        """Instants at which the clock calls, the next one last: an earlier action puts one on top."""

    def at(self, t_s: float, action: Callable[[], None]) -> None:
        """Do something at `t_s`, or as soon as possible if that has passed."""
        heappush(self._heap, (t_s, next(self._count), action))
        if not self._armed_s or t_s < self._armed_s[-1]:
            self._arm(t_s)

    def __len__(self) -> int:
        return len(self._heap)

    def _arm(self, t_s: float) -> None:
        self._armed_s.append(t_s)
        self._clock.call_at(t_s, self._run)

    def _run(self) -> None:
        heap, armed_s, now_s = self._heap, self._armed_s, self._clock.now_s
        while armed_s and armed_s[-1] <= now_s:
            armed_s.pop()
        while heap and heap[0][0] <= now_s:
            heappop(heap)[2]()
        if heap and (not armed_s or heap[0][0] < armed_s[-1]):
            self._arm(heap[0][0])
