"""Dense rows on their way to a part: plain arrays that double when full, no object per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from twin.domain import interval as v
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.domain.interval import Interval
from twin.results.schema import BRANCHES, BUSES, LIMITS, METER, THREE_PHASE_BUSES, TICKS

Codes = npt.NDArray[np.int32]
Scalar = TypeVar("Scalar", np.float64, np.int32)

_PLUGGED, _CHARGING, _EV_W, _EV_GRID_W, _WANTED_W, _LIMIT_W, _CURTAILED_WH = range(7)
_BASE_W, _PV_W, _PV_CURTAILED_W, _LOSSES_W, _SLACK_W, _SOLVED, _VIOLATED, _BY_CHARGING = range(7, 15)
_TICK_COLUMNS = 15


@njit(cache=True)
def _take(
    interval: Matrix,
    limit_w: Vector,
    wanted_w: Vector,
    planned: bool,
    known_wh: Vector,
    rows: Codes,
    dense: Matrix,
    counts: npt.NDArray[np.int64],
    tick: Vector,
) -> None:
    """Copy what one tick has to say into the buffers, in one pass over the EVSEs.

    Args:
        interval: (COLUMNS, n) of the closed interval.
        limit_w: (n,) limit in force for the next one.
        wanted_w: (n,) limit that the strategy wanted for it.
        planned: Whether there is a next interval: else nothing is limited.
        known_wh: (n,) registers as last recorded; brought up to date.
        rows: (2, capacity) EVSE of each sample of meter and limits.
        dense: (4, capacity) power and register; wanted and limit.
        counts: (2,) samples of meter and limits so far; brought up to date.
        tick: (_TICK_COLUMNS,) sums of the tick, written.
    """
    m, k = counts[0], counts[1]
    plugged = charging = 0
    ev = grid = wanted = limit = 0.0
    for i in range(interval.shape[1]):
        power_w, register_wh = interval[v.POWER_W, i], interval[v.REGISTER_WH, i]
        here = interval[v.PLUGGED, i] > 0.0
        grid += interval[v.GRID_W, i]
        plugged += here
        if here and planned:
            rows[1, k] = i
            dense[2, k], dense[3, k] = wanted_w[i], limit_w[i]
            k += 1
            wanted += wanted_w[i]
            limit += limit_w[i]
        # A car that left within the interval still belongs to it.
        if here or power_w != 0.0 or register_wh != known_wh[i]:
            rows[0, m] = i
            dense[0, m], dense[1, m] = power_w, register_wh
            m += 1
            known_wh[i] = register_wh
            ev += power_w
            charging += power_w > 0.0
    counts[0], counts[1] = m, k
    tick[_PLUGGED], tick[_CHARGING] = plugged, charging
    tick[_EV_W], tick[_EV_GRID_W] = ev, grid
    tick[_WANTED_W] = wanted if planned else np.nan
    tick[_LIMIT_W] = limit if planned else np.nan


class FleetBuffer:
    """Rows of meter, limits and ticks since the last part."""

    def __init__(self, fleet: Fleet) -> None:
        n = len(fleet)
        self._names = pa.array(fleet.ids, pa.string())
        self._known_wh = fleet.register_wh.copy()
        self._nothing_w: Vector = np.zeros(n)
        self._rows = np.zeros((2, 64 * n), dtype=np.int32)
        self._dense = np.zeros((4, 64 * n))
        self._counts = np.zeros(2, dtype=np.int64)
        self._done: list[tuple[float, int, int]] = []
        """Instant of each tick, and the samples of meter and limits up to there; the last thing that a tick
        does, so that one that is interrupted never was."""
        self._ticks = np.zeros((288, _TICK_COLUMNS))
        self._why: dict[str, int] = {"": 0}
        self._because: list[tuple[int, int]] = []
        """(sample of limits, code of the reason) where the guard acted."""

    def __len__(self) -> int:
        return len(self._done)

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        curtailed_wh: float,
    ) -> None:
        """Take one tick: see `ports.Recorder.tick`; `curtailed_wh` is what the guard held back in it."""
        if self._counts[0] + len(fleet) > self._rows.shape[1]:
            self._rows, self._dense = _doubled(self._rows, axis=1), _doubled(self._dense, axis=1)
        k = len(self._done)
        if k == len(self._ticks):
            self._ticks = _doubled(self._ticks, axis=0)
        start = self._done[-1][2] if k else 0
        self._counts[:] = self._done[-1][1:] if k else 0
        _take(
            interval.data,
            fleet.limit_w,
            self._nothing_w if wanted_w is None else wanted_w,
            wanted_w is not None,
            self._known_wh,
            self._rows,
            self._dense,
            self._counts,
            self._ticks[k],
        )
        meters, limits = self._counts.tolist()
        self._ticks[k, _CURTAILED_WH] = curtailed_wh
        self._ticks[k, _BASE_W:] = np.nan
        because = []
        if reasons:
            of_row = {row: start + i for i, row in enumerate(self._rows[1, start:limits].tolist())}
            for row in sorted(reasons.keys() & of_row.keys()):
                code = self._why.setdefault(reasons[row], len(self._why))
                because.append((of_row[row], code))
        self._done.append((t_s, meters, limits))
        self._because += because

    def solved(self, state: GridState, violated: int, by_charging: int) -> None:
        """Add the feeder's side to the latest tick."""
        row = self._ticks[len(self._done) - 1]
        row[_BASE_W:] = (
            state.base_w,
            state.pv_w,
            state.pv_curtailed_w,
            state.losses_w,
            state.slack_w,
            state.converged,
            violated,
            by_charging,
        )

    def flush(self) -> dict[str, pa.Table]:
        """The rows as Arrow tables; the buffer is empty afterwards."""
        done = np.array(self._done).reshape(-1, 3)
        t_s = done[:, 0].copy()
        each: Rows = np.diff(done[:, 1:], axis=0, prepend=0.0).astype(np.int64)
        tables = {
            "meter": self._meter(np.repeat(t_s, each[:, 0])),
            "limits": self._limits(np.repeat(t_s, each[:, 1])),
            "ticks": self._tick_table(t_s),
        }
        self._done, self._because = [], []
        return tables

    def _meter(self, t_s: Vector) -> pa.Table:
        m = len(t_s)
        power_w, register_wh = self._dense[:2, :m]
        names = pa.DictionaryArray.from_arrays(self._rows[0, :m], self._names)
        return pa.table([t_s, names, power_w, register_wh], schema=METER)

    def _limits(self, t_s: Vector) -> pa.Table:
        k = len(t_s)
        wanted_w, limit_w = self._dense[2:, :k]
        why = np.zeros(k, dtype=np.int32)
        if self._because:
            samples, codes = np.array(self._because, dtype=np.int64).T
            why[samples] = codes
        reasons = pa.DictionaryArray.from_arrays(why, pa.array(self._why, pa.string()))
        names = pa.DictionaryArray.from_arrays(self._rows[1, :k], self._names)
        return pa.table([t_s, names, wanted_w, limit_w, reasons], schema=LIMITS)

    def _tick_table(self, t_s: Vector) -> pa.Table:
        x = self._ticks[: len(t_s)].T
        unsolved = np.isnan(x[_SOLVED])
        columns = [t_s, x[_PLUGGED].astype(np.int32), x[_CHARGING].astype(np.int32)]
        columns += [x[i].copy() for i in (_EV_W, _EV_GRID_W)]
        columns += [pa.array(x[i], mask=np.isnan(x[i])) for i in (_WANTED_W, _LIMIT_W)]
        columns.append(x[_CURTAILED_WH].copy())
        nullable = [pa.array(x[i], mask=unsolved) for i in range(_BASE_W, _SOLVED)]
        nullable.append(pa.array(x[_SOLVED] == 1.0, mask=unsolved))
        counts = np.where(unsolved, 0.0, x[_VIOLATED:]).astype(np.int32)
        nullable += [pa.array(count, mask=unsolved) for count in counts]
        return pa.table([*columns, *nullable], schema=TICKS)


class FeederBuffer:
    """Rows of buses and branches since the last part; with three phases, each of them and the unbalance."""

    def __init__(self, topology: GridTopology) -> None:
        self._buses = pa.array(topology.buses, pa.string())
        self._branches = pa.array(topology.branches, pa.string())
        self._three_phase = topology.phases == 3
        self._t_s: list[float] = []
        nb, nl = len(topology.buses), len(topology.branches)
        self._vm_pu: Array = np.empty((288, topology.phases, nb))
        self._vuf_pct: Matrix = np.empty((288 if self._three_phase else 0, nb))
        self._loading_pct: Matrix = np.empty((288, nl))

    def solved(self, t_s: float, state: GridState) -> None:
        """Take one solved instant."""
        k = len(self._t_s)
        if k == len(self._vm_pu):
            self._vm_pu, self._vuf_pct = _doubled(self._vm_pu, axis=0), _doubled(self._vuf_pct, axis=0)
            self._loading_pct = _doubled(self._loading_pct, axis=0)
        self._vm_pu[k] = state.vm_pu.T
        if self._three_phase:
            self._vuf_pct[k] = state.vuf_pct
        self._loading_pct[k] = state.loading_pct
        self._t_s.append(t_s)

    def flush(self) -> dict[str, pa.Table]:
        """The rows as Arrow tables; the buffer is empty afterwards."""
        k = len(self._t_s)
        instants = np.array(self._t_s)
        vm_pu = self._vm_pu[:k]
        if self._three_phase:
            vuf_pct = np.where(np.isnan(vm_pu[:, 0]), np.nan, self._vuf_pct[:k])
            values = [vm_pu.min(axis=1), *np.moveaxis(vm_pu, 1, 0), vuf_pct]
            buses = _dense(THREE_PHASE_BUSES, instants, self._buses, values)
        else:
            buses = _dense(BUSES, instants, self._buses, [vm_pu[:, 0]])
        branches = _dense(BRANCHES, instants, self._branches, [self._loading_pct[:k]])
        self._t_s = []
        return {"buses": buses, "branches": branches}


def _dense(schema: pa.Schema, instants: Vector, names: pa.Array, values: Sequence[Matrix]) -> pa.Table:
    """One row per instant and element; NaN stays NaN: "without a solution" is a value here, not a gap."""
    width = len(names)
    codes = np.tile(np.arange(width, dtype=np.int32), len(instants))
    elements = pa.DictionaryArray.from_arrays(codes, names)
    flat = [value.reshape(-1) for value in values]
    return pa.table([np.repeat(instants, width), elements, *flat], schema=schema)


def _doubled(array: npt.NDArray[Scalar], axis: int) -> npt.NDArray[Scalar]:
    return np.concatenate([array, np.zeros_like(array)], axis=axis)
