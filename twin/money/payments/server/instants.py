"""Seconds of the clock to those on the wire."""

from __future__ import annotations

from math import floor

from twin.domain.clock import Clock

_NS = 1_000_000_000


class Instants:
    """Turns `t_s` into whole seconds since 1970.

    Args:
        clock: Whose epoch counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def now_s(self) -> float:
        """Now, seconds since the epoch of the run."""
        return self._clock.now_s

    def unix(self, t_s: float) -> int:
        """Return an instant as it stands on the wire."""
        return floor(t_s + self._clock.epoch_ns / _NS)

    def unix_or_none(self, t_s: float | None) -> int | None:
        """As `unix`; nothing remains nothing."""
        return None if t_s is None else self.unix(t_s)
