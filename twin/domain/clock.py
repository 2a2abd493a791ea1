"""Time at the seam to sockets: the same protocol timers run in lock step, at any speed, and in real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that is due at some instant."""

    def cancel(self) -> None:
        """Forget it; harmless if it was called already."""


class Clock(Protocol):
    """What protocol code may know of time. Nobody there asks the machine what time it is."""

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        ...

    @property
    def epoch_ns(self) -> int:
        """The instant of `now_s == 0`, in nanoseconds since 1970-01-01T00:00:00Z."""
        ...

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> Timer:
        """Call back at `t_s`, or as soon as possible if that has passed. Equal instants: in order of creation."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> Timer:
        """As `call_at(now_s + delay_s)`."""
        ...


class Activity(Protocol):
    """Who must be waited for before simulated time may go on (`ports.Quiescence` of the design).

    Whatever is under way inside the process and will go on by itself holds this busy: a frame that was sent and
    is not handled yet, a commit. What waits for the clock or for control does not.
    """

    def begin(self, key: str, /) -> None:
        """One more thing is under way; `key` names whose (a connection, the journal)."""

    def end(self, key: str, /) -> None:
        """One thing less."""

    def forget(self, key: str, /) -> None:
        """Nothing of `key` is under way any more: its connection broke, frames on it are lost."""


class NoActivity:
    """Real time waits for nobody."""

    def begin(self, key: str, /) -> None:
        """Not counted."""

    def end(self, key: str, /) -> None:
        """Not counted."""

    def forget(self, key: str, /) -> None:
        """Not counted."""
