"""Time on the wire, and the clock of real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000


class LoopClock:
    """Implements `domain.clock.Clock` on an asyncio loop: real time, or `speed` times as fast.

    Args:
        loop: Whose time is counted; `now_s` begins when this object is made.
        epoch_ns: The instant of `now_s == 0`, nanoseconds since 1970.
        speed: Simulated seconds per real one.
        now_s: Seconds since the epoch when this object is made; what a journal keeps of an earlier process counts
            from the same epoch.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, epoch_ns: int, speed: float = 1.0, *, now_s: float = 0.0
    ) -> None:
        self._loop = loop
        self._start = loop.time() - now_s / speed
        self.epoch_ns = epoch_ns
        self.speed = speed

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        return (self._loop.time() - self._start) * self.speed

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """See `Clock.call_at`."""
        return self._loop.call_at(self._start + t_s / self.speed, callback)

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """See `Clock.call_later`."""
        return self._loop.call_later(delay_s / self.speed, callback)


def to_wire(epoch_ns: int, t_s: float) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds, as OCPP writes it."""
    ms = round((epoch_ns + t_s * _NS) / 1_000_000)
    return (_UNIX + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Instant(NamedTuple):
    """An instant that was read from the wire."""

    t_s: float
    offset_missing: bool
    """True: taken as UTC although nothing said so (local time of many real chargers)."""


def from_wire(epoch_ns: int, text: str) -> Instant:
    """Read an instant of RFC 3339.

    Raises:
        ValueError: It is none.
    """
    at = datetime.fromisoformat(text)
    if "T" not in text.upper():
        raise ValueError(f"{text}: not an instant of RFC 3339")
    missing = at.tzinfo is None
    if missing:
        at = at.replace(tzinfo=UTC)
    past = at - _UNIX
    ns = ((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000
    return Instant((ns - epoch_ns) / _NS, missing)
