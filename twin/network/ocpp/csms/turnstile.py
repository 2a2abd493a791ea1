"""Bounds how many pieces of work are under way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar

from twin.domain.clock import Clock, Timer


class _Place:
    """One of the places; given back once, by whoever is first: the work that ends or the clock."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile, self._held = turnstile, True
        self.timer: Timer = turnstile.clock.call_later(turnstile.hold_s, self.leave)

    def leave(self) -> None:
        """Let the next one in."""
        if self._held:
            self._held = False
            self.timer.cancel()
            self._turnstile.free()


class Turnstile:
    """An asynchronous context that at most `places` enter at once, in the order in which they came.

    Whoever stays longer than `hold_s` goes on, but no longer keeps others out: a station that answers nothing must
    not delay those that do.

    Args:
        clock: Measures the stay.
        places: How many may be inside.
        hold_s: How long somebody counts.
    """

    def __init__(self, clock: Clock, places: int, hold_s: float) -> None:
        self.clock, self.hold_s = clock, hold_s
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mine: ContextVar[_Place] = ContextVar("place")

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.free()
                raise
        self._mine.set(_Place(self))

    async def __aexit__(self, *_: object) -> None:
        self._mine.get().leave()

    def free(self) -> None:
        """Give a place to the first who waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
