"""EN 50160: is the voltage of every bus good enough, week by week?

EN 50160:2010, 4.2.2.2: under normal operation, in each period of one week, 95 % of the 10-minute means of
the rms voltage shall be within Un ± 10 %, and all of them within Un + 10 % / - 15 %. 4.2.4: 95 % of the
10-minute means of the negative over the positive sequence shall be within 2 %. Means are of squares, as in
IEC 61000-4-30, 4.4. Where each phase is solved, each has to keep the rules of the voltage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Array, Mask, Matrix, Rows, Vector
from twin.results.schema import PHASE_NAMES
from twin.results.series import TEN_MINUTES_S, WindowMeans

LOW_PU, HIGH_PU, LOWEST_PU = 0.90, 1.10, 0.85
VUF_MAX_PCT = 2.0
NEEDED_SHARE = 0.95
WINDOWS_PER_WEEK = 1008
LOW_VOLTAGE_KV = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BusVerdict:
    """EN 50160 at one bus.

    Attributes:
        bus: Name.
        ok: All rules are kept.
        voltage_ok: Those of the voltage (4.2.2.2), by every phase.
        vuf_ok: That of the unbalance (4.2.4); True where the feeder is taken as symmetric.
        share: Smallest share of 10-minute means within Un ± 10 % of any week and phase; windows without a
            solution are outside.
        phase: The phase with that share, of equal ones the one with the lowest mean; empty where the feeder is
            taken as symmetric.
        lowest_pu, highest_pu: Extremes of the 10-minute means of all phases.
        vuf_share: Smallest share of 10-minute means of the unbalance within 2 % of any week; NaN where the feeder
            is taken as symmetric.
        highest_vuf_pct: Highest 10-minute mean of the unbalance; NaN where the feeder is taken as symmetric.
        weeks: Whole weeks judged; 0: a run shorter than a week was judged as it is.
    """

    bus: str
    ok: bool
    voltage_ok: bool
    vuf_ok: bool
    share: float
    phase: str
    lowest_pu: float
    highest_pu: float
    vuf_share: float
    highest_vuf_pct: float
    weeks: int


class VoltageQuality:
    """Judges the low-voltage buses of the charging level, one part after the other.

    The days after the last whole week count for the rule of all windows only.
    """

    def __init__(self, topology: GridTopology) -> None:
        judged = topology.charging_level & (topology.bus_vn_kv <= LOW_VOLTAGE_KV)
        self._at: Rows = np.flatnonzero(judged)
        self._names = [topology.buses[i] for i in self._at]
        self._phases = topology.phases
        buses = len(self._at)
        # One column per phase, then the unbalance.
        self._columns = buses * (self._phases + 1)
        self._squares = WindowMeans(TEN_MINUTES_S, self._columns)
        self._gaps = WindowMeans(TEN_MINUTES_S, buses)
        self._alive = np.zeros(buses, dtype=np.bool_)
        self._outside: Matrix = np.zeros((buses, self._phases + 1))
        self._windows = 0
        self._weeks = 0
        self._share: Matrix = np.ones((buses, self._phases + 1))
        self._never_outside = np.ones(buses, dtype=np.bool_)
        self._lowest: Matrix = np.full((buses, self._phases), np.inf)
        self._highest: Matrix = np.full((buses, self._phases + 1), -np.inf)

    def feed(self, t_s: Vector, vm_pu: Array, vuf_pct: Matrix) -> None:
        """Take solved instants.

        Args:
            t_s: (k,) ascending.
            vm_pu: (k, nb, phases) of all buses of the topology; NaN without a solution.
            vuf_pct: (k, nb).
        """
        mine: Array = np.concatenate([vm_pu[:, self._at], vuf_pct[:, self._at, None]], axis=2)
        gone: Mask = np.any(np.isnan(mine), axis=2)
        self._alive |= ~gone.all(axis=0)
        squares = np.where(gone[:, :, None], 0.0, mine) ** 2
        means = np.sqrt(self._squares.feed(t_s, squares.reshape(len(t_s), self._columns)))
        missing = self._gaps.feed(t_s, gone.astype(float)) > 0.0
        means = means.reshape(len(means), len(self._at), self._phases + 1)
        while len(means):
            room = WINDOWS_PER_WEEK - self._windows
            self._judge(means[:room], missing[:room])
            means, missing = means[room:], missing[room:]

    def verdicts(self) -> list[BusVerdict]:
        """One verdict per bus that was ever energised; nothing for a run shorter than a window."""
        if not self._weeks and not self._windows:
            return []
        share = self._share if self._weeks else 1.0 - self._outside / self._windows
        return [self._verdict(i, share[i]) for i in np.flatnonzero(self._alive).tolist()]

    def _verdict(self, i: int, share: Vector) -> BusVerdict:
        symmetric = self._phases == 1
        weakest = int(np.lexsort((self._lowest[i], share[:-1]))[0])
        voltage_ok = bool(share[weakest] >= NEEDED_SHARE and self._never_outside[i])
        vuf_ok = symmetric or bool(share[-1] >= NEEDED_SHARE)
        return BusVerdict(
            bus=self._names[i],
            ok=voltage_ok and vuf_ok,
            voltage_ok=voltage_ok,
            vuf_ok=vuf_ok,
            share=float(share[weakest]),
            phase="" if symmetric else PHASE_NAMES[weakest],
            lowest_pu=float(self._lowest[i].min()),
            highest_pu=float(self._highest[i, :-1].max()),
            vuf_share=np.nan if symmetric else float(share[-1]),
            highest_vuf_pct=np.nan if symmetric else float(self._highest[i, -1]),
            weeks=self._weeks,
        )

    def _judge(self, means: Array, missing: Mask) -> None:
        known = ~missing[:, :, None]
        vm_pu, vuf_pct = means[:, :, :-1], means[:, :, -1:]
        within = (vm_pu >= LOW_PU) & (vm_pu <= HIGH_PU)
        kept = known & np.concatenate([within, vuf_pct <= VUF_MAX_PCT], axis=2)
        never = known & (vm_pu >= LOWEST_PU) & (vm_pu <= HIGH_PU)
        self._outside += np.count_nonzero(~kept, axis=0)
        self._never_outside &= never.all(axis=(0, 2))
        self._lowest = np.minimum(self._lowest, np.where(known, vm_pu, np.inf).min(axis=0))
        self._highest = np.maximum(self._highest, np.where(known, means, -np.inf).max(axis=0))
        self._windows += len(means)
        if self._windows == WINDOWS_PER_WEEK:
            self._share = np.minimum(self._share, 1.0 - self._outside / WINDOWS_PER_WEEK)
            self._weeks += 1
            self._windows = 0
            self._outside = np.zeros_like(self._outside)
