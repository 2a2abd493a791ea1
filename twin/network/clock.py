"""Time on the wire, and the clock of real time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000


class LoopTimer:
    """One callback of a `LoopClock`."""

    __slots__ = ("_due", "callback")

    def __init__(self, callback: Callable[[], None], due: _Due) -> None:
        self.callback: Callable[[], None] | None = callback
        self._due = due

    def cancel(self) -> None:
        """Forget it; harmless if it was called already."""
        if self.callback is not None:
            self.callback = None
            self._due.cancelled()


class _Due:
    """All timers of one instant: a loop alone keeps no order among equals."""

    __slots__ = ("__weakref__", "_left", "handle", "timers")

    def __init__(self) -> None:
        self.timers: list[LoopTimer] = []
        self.handle: asyncio.TimerHandle
        self._left = 0

    def add(self, callback: Callable[[], None]) -> LoopTimer:
        timer = LoopTimer(callback, self)
        self.timers.append(timer)
        self._left += 1
        return timer

    def cancelled(self) -> None:
        self._left -= 1
        if not self._left:
            self.handle.cancel()
            self.timers.clear()


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
        self._instants: WeakValueDictionary[float, _Due] = WeakValueDictionary()
        self.epoch_ns = epoch_ns
        self.speed = speed

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        return (self._loop.time() - self._start) * self.speed

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> LoopTimer:
        """See `Clock.call_at`."""
        when = self._start + t_s / self.speed
        due = self._instants.get(when)
        if due is None or not due.timers:
            due = self._instants[when] = _Due()
            due.handle = self._loop.call_at(when, self._fire, when, due)
        return due.add(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> LoopTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def _fire(self, when: float, due: _Due) -> None:
        if self._instants.get(when) is due:
            del self._instants[when]
        for timer in due.timers:
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()


@functools.lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    """Return a minute since 1970 as `2026-01-01T00:00:`; most instants of a run share theirs with many others."""
    return (_UNIX + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:").zfill(17)


def instant(epoch_ns: int, t_s: float) -> datetime:
    """Return an instant of the run as certificates know it: UTC, whole seconds."""
    return _UNIX + timedelta(seconds=int(epoch_ns / 1e9 + t_s))


def to_wire(epoch_ns: int, t_s: float) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds, as OCPP writes it."""
    minute, ms = divmod(round((epoch_ns + t_s * _NS) / 1_000_000), 60_000)
    return f"{_minute(minute)}{ms // 1000:02}.{ms % 1000:03}Z"


class Instant(NamedTuple):
    """An instant that was read from the wire."""

    t_s: float
    offset_missing: bool
    """True: taken as UTC although nothing said so (local time of many real chargers)."""


def from_wire(epoch_ns: int, text: str) -> Instant:
    """Read an instant of RFC 3339; a leap second is the first second after it.

    Raises:
        ValueError: It is none.
    """
    if len(text) < 19 or text[10] not in "Tt":
        raise ValueError(f"{text}: not an instant of RFC 3339")
    text = text.upper()
    leap = text[17:19] == "60"
    at = datetime.fromisoformat(text[:17] + "59" + text[19:] if leap else text)
    missing = at.tzinfo is None
    if missing:
        at = at.replace(tzinfo=UTC)
    past = at - _UNIX
    ns = ((past.days * 86_400 + past.seconds + leap) * 1_000_000 + past.microseconds) * 1_000
    return Instant((ns - epoch_ns) / _NS, missing)
