"""What is left of all steps: extremes with their step, means, quantiles, energies, violations."""

from __future__ import annotations

import numpy as np

from twin.domain.grid import (
    HIGH_VOLTAGE,
    LINE_LOADING,
    LOW_VOLTAGE,
    NO_SOLUTION,
    TRAFO_LOADING,
    UNBALANCE,
    GridTopology,
)
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.studies.powerflow.solve import Stretch
from twin.studies.powerflow.violations import Watch

_VM_BIN_PU = 0.001
_LOADING_BIN_PCT = 0.5


class Extreme:
    """The highest (or lowest) value of each of n elements, and the first step that has it."""

    def __init__(self, count: int, *, lowest: bool = False) -> None:
        self._sign = -1.0 if lowest else 1.0
        self._score = np.full(count, -np.inf)
        self.step: Rows = np.full(count, -1, dtype=np.int64)
        """(n,) -1 where no step has a value."""

    @property
    def value(self) -> Vector:
        """(n,) NaN where no step has a value."""
        return np.where(self.step < 0, np.nan, self._sign * self._score)

    def take(self, values: Matrix, first: int) -> None:
        """Take (T, n) values of the steps from `first` on."""
        score = np.where(np.isnan(values), -np.inf, self._sign * values)
        row = score.argmax(axis=0)
        best = score[row, np.arange(score.shape[1])]
        better = best > self._score
        self._score[better] = best[better]
        self.step[better] = first + row[better]


class Mean:
    """Mean of each of n elements over the steps that have a solution, weighted by their length."""

    def __init__(self, count: int) -> None:
        self._sum = np.zeros(count)
        self._weight = 0.0

    def take(self, values: Matrix, weight: Vector) -> None:
        """Take (T, n) values of solved steps with (T,) weights."""
        self._sum += weight @ values
        self._weight += float(weight.sum())

    @property
    def value(self) -> Vector:
        """(n,) NaN without any solved step."""
        return self._sum / self._weight if self._weight else np.full(len(self._sum), np.nan)


class Quantiles:
    """Quantiles of each of n elements over the steps that have a solution, weighted by their length.

    Values are counted in bins: a quantile is right to half a bin; what lies beyond the bins counts in the last one.

    Args:
        count: Number of elements.
        low: Lower end of the first bin.
        width: Of a bin.
        bins: Number of bins.
    """

    def __init__(self, count: int, *, low: float, width: float, bins: int) -> None:
        self._low, self._width = low, width
        self._weight = np.zeros((count, bins))

    def take(self, values: Matrix, weight: Vector) -> None:
        """Take (T, n) values of solved steps with (T,) weights; NaN counts nowhere."""
        count, bins = self._weight.shape
        known = ~np.isnan(values)
        place = np.clip((np.where(known, values, self._low) - self._low) / self._width, 0, bins - 1).astype(
            np.int64
        )
        place += np.arange(count) * bins
        weights = (weight[:, None] * known).ravel()
        self._weight += np.bincount(place.ravel(), weights, count * bins).reshape(count, bins)

    def at(self, q: float) -> Vector:
        """(n,) quantile `q`, the middle of its bin; NaN without any value."""
        total = self._weight.sum(axis=1)
        # a hair less than the share: sums of weights are rounded
        reached = self._weight.cumsum(axis=1) >= (q * total * (1.0 - 1e-12))[:, None]
        reached &= self._weight > 0.0
        return np.where(total > 0.0, self._low + (reached.argmax(axis=1) + 0.5) * self._width, np.nan)


class Reduced:
    """Takes stretches of solved steps and forgets them.

    Args:
        topology: The feeder and its limits.
        hours: (T,) length of each step; 1 in a snapshot.

    Attributes:
        low, high: Extremes of the voltage of each bus over its phases.
        vuf, loading: Highest unbalance of each bus, highest loading of each branch.
        vm_mean, loading_mean: Means.
        vm, loadings: Quantiles: of the voltage over steps and phases, of the loading over steps.
        watches: By kind of limit; `no solution` has one element, the feeder.
        timeline: Per step: `lowest_pu`, `highest_pu`, `line_pct`, `trafo_pct`, `vuf_pct`, `slack_w`,
            `losses_w`, `mismatch_w`, each (T,).
        last: The newest stretch, which of a snapshot is all there is.
    """

    def __init__(self, topology: GridTopology, hours: Vector) -> None:
        buses, branches = len(topology.buses), len(topology.branches)
        self._hours = hours
        self._lines = np.flatnonzero(~topology.is_trafo)
        self._trafos = np.flatnonzero(topology.is_trafo)
        self.low, self.high = Extreme(buses, lowest=True), Extreme(buses)
        self.vuf, self.loading = Extreme(buses), Extreme(branches)
        self.vm_mean, self.loading_mean = Mean(buses), Mean(branches)
        self.vm = Quantiles(buses, low=0.5, width=_VM_BIN_PU, bins=round(1.0 / _VM_BIN_PU))
        self.loadings = Quantiles(
            branches, low=0.0, width=_LOADING_BIN_PCT, bins=round(300.0 / _LOADING_BIN_PCT)
        )
        self.watches = {
            LOW_VOLTAGE: Watch(topology.vm_min_pu, below=True),
            HIGH_VOLTAGE: Watch(topology.vm_max_pu, below=False),
            UNBALANCE: Watch(topology.vuf_max_pct, below=False),
            LINE_LOADING: Watch(topology.max_loading_pct[self._lines], below=False),
            TRAFO_LOADING: Watch(topology.max_loading_pct[self._trafos], below=False),
            NO_SOLUTION: Watch(np.full(1, -np.inf), below=False),
        }
        self.elements: dict[str, tuple[str, ...]] = {
            LOW_VOLTAGE: topology.buses,
            HIGH_VOLTAGE: topology.buses,
            UNBALANCE: topology.buses,
            LINE_LOADING: tuple(topology.branches[i] for i in self._lines),
            TRAFO_LOADING: tuple(topology.branches[i] for i in self._trafos),
            NO_SOLUTION: (topology.name,),
        }
        names = (
            "lowest_pu",
            "highest_pu",
            "line_pct",
            "trafo_pct",
            "vuf_pct",
            "slack_w",
            "losses_w",
            "mismatch_w",
        )
        self.timeline: dict[str, Vector] = {name: np.full(len(hours), np.nan) for name in names}
        self.last: Stretch | None = None

    def take(self, stretch: Stretch) -> None:
        """Add a stretch."""
        first, count = stretch.first, len(stretch.solved)
        lowest, highest = stretch.vm_pu.min(axis=2), stretch.vm_pu.max(axis=2)
        lines, trafos = stretch.loading_pct[:, self._lines], stretch.loading_pct[:, self._trafos]
        self.low.take(lowest, first)
        self.high.take(highest, first)
        self.vuf.take(stretch.vuf_pct, first)
        self.loading.take(stretch.loading_pct, first)
        weight = self._hours[first : first + count][stretch.solved]
        solved = stretch.vm_pu[stretch.solved]
        self.vm_mean.take(solved.mean(axis=2), weight)
        self.loading_mean.take(stretch.loading_pct[stretch.solved], weight)
        for phase in range(solved.shape[2]):
            self.vm.take(solved[:, :, phase], weight)
        self.loadings.take(stretch.loading_pct[stretch.solved], weight)
        # a step without a solution counts by how far it is from one
        missed = np.where(stretch.solved, np.nan, np.nan_to_num(stretch.mismatch_w, nan=np.inf))
        values = {
            LOW_VOLTAGE: lowest,
            HIGH_VOLTAGE: highest,
            UNBALANCE: stretch.vuf_pct,
            LINE_LOADING: lines,
            TRAFO_LOADING: trafos,
            NO_SOLUTION: missed[:, None],
        }
        for kind, watch in self.watches.items():
            watch.take(values[kind], first)
        told = {
            "lowest_pu": -_most(-lowest),
            "highest_pu": _most(highest),
            "line_pct": _most(lines),
            "trafo_pct": _most(trafos),
            "vuf_pct": _most(stretch.vuf_pct),
            "slack_w": stretch.slack_w,
            "losses_w": stretch.losses_w,
            "mismatch_w": stretch.mismatch_w,
        }
        for name, column in told.items():
            self.timeline[name][first : first + count] = column
        self.last = stretch


def _most(values: Array) -> Vector:
    """(T,) highest of (T, n), NaN only where all are."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    return np.asarray(np.fmax.reduce(values, axis=1))
