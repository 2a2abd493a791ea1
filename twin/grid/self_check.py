"""Prove a compiled feeder against pandapower at three operating points before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Matrix
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.common import Setup
from twin.grid.compiled import CompiledGrid
from twin.grid.pandapower_grid import PandapowerGrid
from twin.grid.pandapower_three_phase import PandapowerThreePhase
from twin.grid.plan import WORST_MISMATCH_W, Plan
from twin.grid.profiles import ramp
from twin.grid.verdicts import Check, key, recall, remember

_UNEVEN = np.array([1.0, 0.8, 0.6])
"""Power of the phases at the points of an unbalanced feeder."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the compiled feeder may be from pandapower."""

    vm_pu: float = 1e-6
    loading_pct: float = 1e-3
    vuf_pct: float = 1e-3


def checked(setup: Setup, plan: Plan) -> Check:
    """Return the verdict on a feeder: as kept from an earlier start, else of a self-check now.

    Raises:
        SolverError: As `self_check`.
    """
    name = key(setup, plan)
    found = recall(name)
    if found is None:
        found = self_check(setup, plan)
        remember(name, found)
    return found


def self_check(setup: Setup, plan: Plan) -> Check:
    """Compare without load, at nominal load, and with all chargers too; unevenly if there are three phases.

    Where pandapower finds no solution (99 chargers at once can be too much for a street), there is
    nothing to compare; the compiled feeder then answers for itself by its power mismatch.

    Raises:
        SolverError: A voltage, a loading or an unbalance differs; names the element and both values.
    """
    heavy_w, shares = setup.evse_max_w, setup.profile.shares
    if plan.phases == 3:
        heavy_w = setup.heaviest_w * _uneven(len(setup.evse_ids))
        shares = _uneven(len(setup.feeder.units)) / _UNEVEN.sum()
    points = (
        ("no load", 0.0, np.zeros_like(heavy_w)),
        ("nominal", 1.0, np.zeros_like(heavy_w)),
        ("nominal and all chargers", 1.0, heavy_w),
    )
    compared: list[str] = []
    worst = np.zeros(3)
    here = replace(setup, profile=ramp(setup.feeder, shares))
    compiled, reference = CompiledGrid(here, plan, {}, doubted=True), reference_of(here, plan)
    for name, scale, evse_w in points:
        ours, theirs = compiled.solve(scale, scale, evse_w), reference.solve(scale, scale, evse_w)
        if not theirs.converged:
            compared.append(f"{name}: no solution in pandapower")
            continue
        if not ours.converged:
            return _found(compared, worst, f"no fixed point at `{name}`")
        compared.append(name)
        worst = np.maximum(worst, agree(setup.topology, ours, theirs, name, Tolerance()))
        if ours.mismatch_w >= WORST_MISMATCH_W:
            raise SolverError(
                f"{setup.topology.name}: the compiled powers are {ours.mismatch_w:.3g} W out of balance ({name})"
            )
    return _found(compared, worst, "")


def _uneven(rows: int) -> Matrix:
    """(rows, 3) another phase ahead in each row: balanced loads would leave the zero sequence unproved."""
    out: Matrix = np.stack([np.roll(_UNEVEN, k) for k in range(rows)]) if rows else np.zeros((0, 3))
    return out


def _found(points: Sequence[str], worst: Array, refused: str) -> Check:
    dvm_pu, dloading_pct, dvuf_pct = worst.tolist()
    return Check(tuple(points), dvm_pu, dloading_pct, dvuf_pct, refused)


def reference_of(setup: Setup, plan: Plan) -> Grid:
    """Return pandapower behind the port, for the same feeder."""
    if plan.phases == 1:
        return PandapowerGrid(setup, plan.model, {})
    return PandapowerThreePhase(setup, plan.model, {})


def agree(
    topology: GridTopology, ours: GridState, theirs: GridState, point: str, tolerance: Tolerance
) -> Array:
    """Return the largest differences of voltage (pu), loading and unbalance (%) between two states.

    Raises:
        SolverError: One is above its tolerance; names the element.
    """
    phase = [f" phase {p}" for p in "abc"] if topology.phases == 3 else [""]
    buses = topology.buses
    at_phase = [bus + p for bus in buses for p in phase]
    return np.array(
        [
            _gap(topology, "voltage", at_phase, ours.vm_pu, theirs.vm_pu, tolerance.vm_pu, point),
            _gap(topology, "loading", topology.branches, ours.loading_pct, theirs.loading_pct,
                 tolerance.loading_pct, point),
            _gap(topology, "unbalance", buses, ours.vuf_pct, theirs.vuf_pct, tolerance.vuf_pct, point),
        ]
    )  # fmt: skip


def _gap(
    topology: GridTopology,
    quantity: str,
    names: Sequence[str],
    ours: Array,
    theirs: Array,
    tolerance: float,
    point: str,
) -> float:
    mine, reference = ours.ravel(), theirs.ravel()
    same_nan = np.isnan(mine) == np.isnan(reference)
    gap = np.where(same_nan, np.nan_to_num(np.abs(mine - reference)), np.inf)
    if not len(gap):
        return 0.0
    worst = int(gap.argmax())
    # A heavily overloaded element may differ by rounding of its own size.
    if gap[worst] > tolerance * max(1.0, np.nan_to_num(abs(reference[worst])) / 100.0):
        raise SolverError(
            f"{topology.name}: {quantity} of `{names[worst]}` is {mine[worst]:.9g} compiled and "
            f"{reference[worst]:.9g} in pandapower ({point}): please report this net"
        )
    return float(gap[worst])
