"""The feeder of a study: base load and chargers in, the extremes of a run and how long limits are broken out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Rows, Vector
from twin.domain.ports import Grid


class Extremes(NamedTuple):
    """What a run did to the feeder. Per bus (nb,) over steps and phases, per branch (nl,); NaN: out of service."""

    steps: int
    unsolved: int
    """Steps without a solution; they count in no other figure."""
    vm_min_pu: Vector
    vm_max_pu: Vector
    vuf_max_pct: Vector
    loading_max_pct: Vector
    low_steps: Rows
    """(nb,) steps in which the lowest phase is below the bus's limit."""
    high_steps: Rows
    vuf_steps: Rows
    over_steps: Rows
    """(nl,)"""
    slack_max_w: float
    """Largest power taken from the upstream grid; NaN without any solution."""


class Flow(Protocol):
    """Solves all steps of a run."""

    @property
    def topology(self) -> GridTopology:
        """Names and limits."""
        ...

    def extremes(self, evse_w: Array) -> Extremes:
        """Solve base load and chargers.

        Args:
            evse_w: (steps, n, phases) mean grid-side power of every EVSE of the scenario.
        """
        ...


class StepFlow:
    """Asks the port `Grid` step by step: for feeders that cannot be compiled, and to check the other way."""

    def __init__(self, grid: Grid, rows: Rows, ends_s: Vector) -> None:
        """Take a feeder and its steps.

        Args:
            grid: With the EVSEs of `rows`.
            rows: Of the scenario's EVSEs.
            ends_s: (steps,) ends of the steps; the first begins at 0.
        """
        self._grid = grid
        self._rows = rows
        self._ends_s = ends_s
        self.topology: GridTopology = grid.topology

    def extremes(self, evse_w: Array) -> Extremes:
        """As `Flow.extremes`."""
        reducer = _Reducer(self.topology)
        start_s = 0.0
        for end_s, now_w in zip(self._ends_s.tolist(), evse_w, strict=True):
            power_w = now_w[self._rows, 0] if self.topology.phases == 1 else now_w[self._rows]
            reducer.feed(self._grid.solve(start_s, end_s, power_w))
            start_s = end_s
        return reducer.done()


class _Reducer:
    def __init__(self, topology: GridTopology) -> None:
        buses, branches = len(topology.buses), len(topology.branches)
        self._topology = topology
        self._steps = self._unsolved = 0
        self._vm_min_pu, self._vm_max_pu = np.full(buses, np.nan), np.full(buses, np.nan)
        self._vuf_pct, self._loading_pct = np.full(buses, np.nan), np.full(branches, np.nan)
        self._low, self._high, self._uneven = (np.zeros(buses, dtype=np.int64) for _ in range(3))
        self._over = np.zeros(branches, dtype=np.int64)
        self._slack_max_w = np.nan

    def feed(self, state: GridState) -> None:
        self._steps += 1
        if not state.converged:
            self._unsolved += 1
            return
        limits = self._topology
        low, high = state.vm_min_pu, state.vm_max_pu
        self._vm_min_pu = np.fmin(self._vm_min_pu, low)
        self._vm_max_pu = np.fmax(self._vm_max_pu, high)
        self._vuf_pct = np.fmax(self._vuf_pct, state.vuf_pct)
        self._loading_pct = np.fmax(self._loading_pct, state.loading_pct)
        self._low += low < limits.vm_min_pu
        self._high += high > limits.vm_max_pu
        self._uneven += state.vuf_pct > limits.vuf_max_pct
        self._over += state.loading_pct > limits.max_loading_pct
        self._slack_max_w = float(np.fmax(self._slack_max_w, state.slack_w))

    def done(self) -> Extremes:
        return Extremes(
            steps=self._steps,
            unsolved=self._unsolved,
            vm_min_pu=self._vm_min_pu,
            vm_max_pu=self._vm_max_pu,
            vuf_max_pct=self._vuf_pct,
            loading_max_pct=self._loading_pct,
            low_steps=self._low,
            high_steps=self._high,
            vuf_steps=self._uneven,
            over_steps=self._over,
            slack_max_w=self._slack_max_w,
        )
