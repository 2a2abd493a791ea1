"""The feeder as control and results see it: names, limits and solutions, all arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Mask, Matrix, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class GridTopology:
    """What never changes during a run.

    Attributes:
        name: What was loaded, for example `simbench:1-LV-rural2--0-sw`.
        buses: Names, in the order of every (nb,) array.
        bus_vn_kv: (nb,) nominal voltage.
        charging_level: (nb,) True for the buses of the voltage level that has EVSEs.
        branches: Names of lines, then transformers, in the order of every (nl,) array.
        is_trafo: (nl,) True for transformers.
        from_bus, to_bus: (nl,) indices into `buses` (a transformer's high-voltage side first).
        bus_xy: (nb, 2) coordinates for maps; NaN where the net has none.
        vm_min_pu, vm_max_pu: (nb,) limits of the voltage magnitude.
        max_loading_pct: (nl,) limits of the current loading.
        head_va_rating: Nominal power of the feeding transformers in VA; inf without one.
        phases: 3 where each phase is solved (EVSE powers are then (n, 3)), 1 where the feeder is taken as
            symmetric.
        vuf_max_pct: (nb,) limits of the voltage unbalance; inf where there is none.
    """

    name: str
    buses: tuple[str, ...]
    bus_vn_kv: Vector
    charging_level: Mask
    branches: tuple[str, ...]
    is_trafo: Mask
    from_bus: Array
    to_bus: Array
    bus_xy: Matrix
    vm_min_pu: Vector
    vm_max_pu: Vector
    max_loading_pct: Vector
    head_va_rating: float
    phases: int
    vuf_max_pct: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class GridState:
    """One solved instant.

    Attributes:
        vm_pu: (nb, phases) voltage magnitude, line to neutral; NaN for buses out of service or without a
            solution.
        vuf_pct: (nb,) voltage unbalance, negative over positive sequence (IEC 61000-4-30); 0 where the
            feeder is taken as symmetric.
        loading_pct: (nl,) current loading, the largest of both ends and all phases; NaN where out of service.
        slack_w: Active power taken from the upstream grid; negative feeds back.
        losses_w: Active losses of lines and transformers.
        base_w: Base load, positive draws.
        pv_w: Generation on the feeder, positive generates.
        ev_w: Grid-side power of the EVSEs.
        converged: False: the numbers are NaN, and the run records a violation of kind `no solution`.
        mismatch_w: Largest violated power balance of any bus; NaN where the solver does not tell.
        iterations: Of the solver; 0 where it does not tell.
        pv_curtailed_w: Generation that inverters held back at high voltage; not in `pv_w`.
        problem: Why there is no solution, where that is known; empty where there is one.
        tap_pos: Positions of the tap changers that move with the voltage, in the order of the provenance.
    """

    vm_pu: Matrix
    vuf_pct: Vector
    loading_pct: Vector
    slack_w: float
    losses_w: float
    base_w: float
    pv_w: float
    ev_w: float
    converged: bool
    mismatch_w: float
    iterations: int
    pv_curtailed_w: float = 0.0
    problem: str = ""
    tap_pos: tuple[int, ...] = ()

    @property
    def vm_min_pu(self) -> Vector:
        """(nb,) lowest phase of each bus."""
        return self.vm_pu.min(axis=1)

    @property
    def vm_max_pu(self) -> Vector:
        """(nb,) highest phase of each bus."""
        return self.vm_pu.max(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How a solved instant answers to the power of each EVSE, linearised.

    Attributes:
        dvm_pu_per_w: (nb, phases, n) change of voltage magnitude per W drawn (negative where drawing lowers
            it). An EVSE draws on the phases that its shares name.
        dloading_pct_per_w: (nl, n) change of loading per W drawn, at the end and phase that is loaded most.
        dvuf_pct_per_w: (nb, n) change of the voltage unbalance per W drawn; 0 where the feeder is symmetric.
    """

    dvm_pu_per_w: Array
    dloading_pct_per_w: Matrix
    dvuf_pct_per_w: Matrix


LOW_VOLTAGE = "low voltage"
HIGH_VOLTAGE = "high voltage"
LINE_LOADING = "line loading"
TRAFO_LOADING = "transformer loading"
UNBALANCE = "voltage unbalance"
NO_SOLUTION = "no solution"


class Broken(NamedTuple):
    """A limit that a solved instant does not keep."""

    element: str
    """Bus, line or transformer; the feeder's name where there is no solution."""
    kind: str
    """One of the six kinds above."""
    value: float
    """pu or %; NaN where there is no solution."""
    limit: float
    """pu or %; NaN where there is no solution."""
    phase: int | None = None
    """Column of `GridState.vm_pu` with a voltage that is too low or too high; None for other kinds and where the
    feeder is taken as symmetric."""


def broken(topology: GridTopology, state: GridState) -> list[Broken]:
    """Every limit that `state` breaks: buses, then branches, each in the order of the topology.

    Of a bus with three phases the lowest and the highest are judged: it can be both too low and too high.
    A value that equals its limit keeps it; NaN (out of service) breaks none.
    """
    if not state.converged:
        return [Broken(topology.name, NO_SOLUTION, np.nan, np.nan)]

    def phase(bus: int, farthest: Callable[[Vector], np.intp]) -> int | None:
        return int(farthest(state.vm_pu[bus])) if topology.phases > 1 else None

    lowest, highest = state.vm_min_pu, state.vm_max_pu
    low = lowest < topology.vm_min_pu
    high = highest > topology.vm_max_pu
    uneven = state.vuf_pct > topology.vuf_max_pct
    over = state.loading_pct > topology.max_loading_pct
    found: list[Broken] = []
    if np.count_nonzero(low) or np.count_nonzero(high):
        for i in np.flatnonzero(low | high).tolist():
            bus = topology.buses[i]
            if low[i]:
                at, limit_pu = phase(i, np.argmin), float(topology.vm_min_pu[i])
                found.append(Broken(bus, LOW_VOLTAGE, float(lowest[i]), limit_pu, at))
            if high[i]:
                at, limit_pu = phase(i, np.argmax), float(topology.vm_max_pu[i])
                found.append(Broken(bus, HIGH_VOLTAGE, float(highest[i]), limit_pu, at))
    if np.count_nonzero(uneven):
        for i in np.flatnonzero(uneven).tolist():
            limit_pct = float(topology.vuf_max_pct[i])
            found.append(Broken(topology.buses[i], UNBALANCE, float(state.vuf_pct[i]), limit_pct))
    if np.count_nonzero(over):
        for i in np.flatnonzero(over).tolist():
            kind = TRAFO_LOADING if topology.is_trafo[i] else LINE_LOADING
            limit_pct = float(topology.max_loading_pct[i])
            found.append(Broken(topology.branches[i], kind, float(state.loading_pct[i]), limit_pct))
    return found
