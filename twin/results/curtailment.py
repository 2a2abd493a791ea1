"""How much the guard held back: power below what the strategy wanted, integrated from plan to plan."""

from __future__ import annotations

from collections.abc import Mapping

from twin.domain.ids import Vector
from twin.units import SECONDS_PER_HOUR


class Curtailment:
    """Integrates what each plan lowered until the next one, be it at a tick or between two.

    Only rows that the guard lowered count: a station that rounds a limit down curtails nobody.
    """

    def __init__(self) -> None:
        self._lowered_w = 0.0
        self._since_s = 0.0
        self._held_wh = 0.0

    def plan(self, t_s: float, wanted_w: Vector, limit_w: Vector, reasons: Mapping[int, str]) -> None:
        """From `t_s` on, `limit_w` (n,) is in force where `wanted_w` (n,) was wanted.

        Args:
            t_s: Not before the latest time that was told.
            wanted_w: By the strategy.
            limit_w: At the stations.
            reasons: Element that made the guard lower a row, by row.
        """
        self._until(t_s)
        self._lowered_w = sum(
            (max(float(wanted_w[row] - limit_w[row]), 0.0) for row in sorted(reasons)), start=0.0
        )

    def take(self, t_s: float) -> float:
        """Energy in Wh that was held back since the last call; `t_s` is now."""
        self._until(t_s)
        held_wh, self._held_wh = self._held_wh, 0.0
        return held_wh

    def _until(self, t_s: float) -> None:
        if self._lowered_w:
            self._held_wh += self._lowered_w * (t_s - self._since_s) / SECONDS_PER_HOUR
        self._since_s = t_s
