"""EN 50160: is the voltage of every bus good enough, week by week?

EN 50160:2010, 4.2.2.2: under normal operation, in each period of one week, 95 % of the 10-minute means of
the rms voltage shall be within Un ± 10 %, and all of them within Un + 10 % / - 15 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Mask, Matrix, Rows, Vector
from twin.results.series import TEN_MINUTES_S, WindowMeans

LOW_PU, HIGH_PU, LOWEST_PU = 0.90, 1.10, 0.85
NEEDED_SHARE = 0.95
WINDOWS_PER_WEEK = 1008
LOW_VOLTAGE_KV = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BusVerdict:
    """EN 50160 at one bus.

    Attributes:
        bus: Name.
        ok: Both rules are kept.
        share: Smallest share of 10-minute means within Un ± 10 % of any week; windows without a solution
            are outside.
        lowest_pu, highest_pu: Extremes of the 10-minute means.
        weeks: Whole weeks judged; 0: a run shorter than a week was judged as it is.
    """

    bus: str
    ok: bool
    share: float
    lowest_pu: float
    highest_pu: float
    weeks: int


class VoltageQuality:
    """Judges the low-voltage buses of the charging level, one part after the other.

    The days after the last whole week count for the second rule only.
    """

    def __init__(self, topology: GridTopology) -> None:
        judged = topology.charging_level & (topology.bus_vn_kv <= LOW_VOLTAGE_KV)
        self._at: Rows = np.flatnonzero(judged)
        self._names = [topology.buses[i] for i in self._at]
        width = len(self._at)
        self._squares = WindowMeans(TEN_MINUTES_S, width)
        self._gaps = WindowMeans(TEN_MINUTES_S, width)
        self._alive = np.zeros(width, dtype=np.bool_)
        self._outside = np.zeros(width)
        self._windows = 0
        self._weeks = 0
        self._share = np.ones(width)
        self._never_outside = np.ones(width, dtype=np.bool_)
        self._lowest = np.full(width, np.inf)
        self._highest = np.full(width, -np.inf)

    def feed(self, t_s: Vector, vm_pu: Matrix) -> None:
        """Take solved instants: `t_s` (k,) and `vm_pu` (k, nb) of all buses of the topology."""
        mine = vm_pu[:, self._at]
        gone = np.isnan(mine)
        self._alive |= ~gone.all(axis=0)
        means = np.sqrt(self._squares.feed(t_s, np.where(gone, 0.0, mine) ** 2))
        missing = self._gaps.feed(t_s, gone.astype(float)) > 0.0
        while len(means):
            room = WINDOWS_PER_WEEK - self._windows
            self._judge(means[:room], missing[:room])
            means, missing = means[room:], missing[room:]

    def verdicts(self) -> list[BusVerdict]:
        """One verdict per bus that was ever energised; nothing for a run shorter than a window."""
        if not self._weeks and not self._windows:
            return []
        share = self._share if self._weeks else 1.0 - self._outside / self._windows
        return [
            BusVerdict(
                bus=name,
                ok=bool(share[i] >= NEEDED_SHARE and self._never_outside[i]),
                share=float(share[i]),
                lowest_pu=float(self._lowest[i]),
                highest_pu=float(self._highest[i]),
                weeks=self._weeks,
            )
            for i, name in enumerate(self._names)
            if self._alive[i]
        ]

    def _judge(self, means: Matrix, missing: Mask) -> None:
        known = ~missing
        within = known & (means >= LOW_PU) & (means <= HIGH_PU)
        never = known & (means >= LOWEST_PU) & (means <= HIGH_PU)
        self._outside += np.count_nonzero(~within, axis=0)
        self._never_outside &= never.all(axis=0)
        self._lowest = np.minimum(self._lowest, np.where(known, means, np.inf).min(axis=0))
        self._highest = np.maximum(self._highest, np.where(known, means, -np.inf).max(axis=0))
        self._windows += len(means)
        if self._windows == WINDOWS_PER_WEEK:
            self._share = np.minimum(self._share, 1.0 - self._outside / WINDOWS_PER_WEEK)
            self._weeks += 1
            self._windows = 0
            self._outside = np.zeros_like(self._outside)
