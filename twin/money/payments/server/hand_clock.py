"""A clock that stands until it is moved by hand: a week passes in a test when the test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class HandTimer:
    """One callback of a `HandClock`."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it; harmless if it was called already."""
        self.callback = None


class HandClock:
    """Implements `domain.clock.Clock`.

    Args:
        epoch_ns: The instant of `now_s == 0`, nanoseconds since 1970.
    """

    def __init__(self, epoch_ns: int) -> None:
        self.epoch_ns = epoch_ns
        self.now_s = 0.0
        self._heap: list[tuple[float, int, HandTimer]] = []
        self._count = count()

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_at`."""
        timer = HandTimer(callback)
        heapq.heappush(self._heap, (max(t_s, self.now_s), next(self._count), timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    @property
    def next_s(self) -> float:
        """When the next callback is due; infinite where there is none."""
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def step(self, t_s: float) -> bool:
        """Go to the next callback that is due by `t_s` and call it; else go to `t_s`.

        Returns:
            Whether something was called.
        """
        due_s = self.next_s
        if due_s > t_s:
            self.now_s = max(self.now_s, t_s)
            return False
        _, _, timer = heapq.heappop(self._heap)
        self.now_s = max(self.now_s, due_s)
        callback, timer.callback = timer.callback, None
        assert callback is not None
        callback()
        return True
