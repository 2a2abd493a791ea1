"""When a station tries to connect again: back-off that doubles, with jitter (2.0.1 part 4, 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from twin import rng
from twin.domain.clock import Clock, Timer
from twin.network.virtual import catalogue as c
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.variables import Variables


class Reconnect:
    """The attempts of one station to connect.

    Args:
        settings: Whose; its seed and identity name the random stream of the jitter.
        variables: Hold the waits.
        clock: Counts them.
        dial: Begins to connect; ends in `link_up` or `link_failed` of the station.
    """

    def __init__(
        self, settings: StationSettings, variables: Variables, clock: Clock, dial: Callable[[], None]
    ) -> None:
        self._variables, self._clock, self._dial = variables, clock, dial
        self._settings = settings
        self._failures = 0
        self._timer: Timer | None = None

    @cached_property
    def _jitter(self) -> np.random.Generator:
        return rng.stream(self._settings.seed, "station", self._settings.identity, "back-off")

    def now(self, wait_s: float = 0.0) -> None:
        """Connect after `wait_s`, without back-off."""
        self._failures = 0
        self._at(wait_s)

    def up(self) -> None:
        """It is connected."""
        self._failures = 0
        self.stop()

    def again(self) -> None:
        """The connection was lost, or did not come about: wait, then try again."""
        self._at(self.wait_s())

    def wait_s(self) -> float:
        """Return how long to wait now; each call waits longer, up to RetryBackOffRepeatTimes doublings."""
        variables = self._variables
        doublings = min(self._failures, variables.integer(c.BACK_OFF_REPEATS))
        self._failures += 1
        jitter_s = variables.number(c.BACK_OFF_RANGE) * float(self._jitter.random())
        return variables.number(c.BACK_OFF_MINIMUM) * 2.0**doublings + jitter_s

    def stop(self) -> None:
        """Do not try any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _at(self, wait_s: float) -> None:
        self.stop()
        self._timer = self._clock.call_later(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._dial()
