"""The least that a clock can be: a heap of callbacks, moved by hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class HeapTimer:
    """One callback."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class HeapClock:
    """Implements `domain.clock.Clock`."""

    epoch_ns = 0

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s
        self._heap: list[tuple[float, int, HeapTimer]] = []
        self._count = count()

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HeapTimer:
        """See `Clock.call_at`."""
        timer = HeapTimer(callback)
        heapq.heappush(self._heap, (max(t_s, self.now_s), next(self._count), timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HeapTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def wait(self, delay_s: float) -> None:
        """Let time pass, and call back whatever becomes due."""
        until_s = self.now_s + delay_s
        while self._heap and self._heap[0][0] <= until_s:
            self.now_s, _, timer = heapq.heappop(self._heap)
            if timer.callback is not None:
                timer.callback()
        self.now_s = until_s
