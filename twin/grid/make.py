"""Choose the adapter of a feeder, and prove the compiled one before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandapower as pp

from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Vector
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.common import Setup
from twin.grid.compiled import CompiledGrid
from twin.grid.feeder import Feeder
from twin.grid.model import Model, read_model
from twin.grid.pandapower_grid import PandapowerGrid
from twin.grid.profiles import Profile, constant
from twin.grid.topology import Limits, make_topology

VM_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PCT = 1e-3
_DEFAULT_EVSE_W = 11_000.0
_NOT_COMPILED = ("svc", "ssc", "vsc", "tcsc", "bus_dc")


@dataclass(frozen=True, slots=True)
class Check:
    """How far the compiled feeder was from pandapower at the points where both have a solution."""

    points: tuple[str, ...]
    max_dvm_pu: float
    max_dloading_pct: float
    refused: str
    """Why the compiled feeder cannot be used; empty if it can."""


def make_grid(
    feeder: Feeder,
    evse_buses: Sequence[str],
    profile: Profile,
    *,
    evse_ids: Sequence[str] | None = None,
    evse_max_w: Vector | None = None,
    limits: Limits | None = None,
    evse_q_per_p: float = 0.0,
    plain: bool = False,
) -> Grid:
    """Build the feeder behind the port `Grid`.

    Args:
        feeder: The net.
        evse_buses: Bus name of each EVSE, in fleet order.
        profile: Base load and generation of the run.
        evse_ids: Names of the EVSEs for messages; default: their number.
        evse_max_w: (n,) largest grid-side power of each, for the self-check; default 11 kW.
        limits: What the scenario sets; default: the net's own.
        evse_q_per_p: Reactive over active power of all EVSEs, positive inductive; 0 is a power factor of 1.
        plain: Solve with pandapower even where the net could be compiled.

    Raises:
        ScenarioError: Unknown buses, all of them with near matches.
        SolverError: The net cannot be solved, or the compiled feeder differs from pandapower; names the
            element.
    """
    count = len(evse_buses)
    evse_bus = feeder.bus_positions(evse_buses)
    setup = Setup(
        feeder=feeder,
        profile=profile,
        topology=make_topology(feeder, evse_bus, limits or Limits()),
        evse_ids=tuple(evse_ids) if evse_ids is not None else tuple(map(str, range(count))),
        evse_bus=evse_bus,
        evse_max_w=np.full(count, _DEFAULT_EVSE_W)
        if evse_max_w is None
        else np.asarray(evse_max_w, dtype=float),
        evse_q_per_p=evse_q_per_p,
    )
    model = read_model(feeder)
    said: dict[str, object] = {
        "net": feeder.name,
        "buses": len(feeder.buses),
        "branches": len(feeder.branches),
        "pandapower": pp.__version__,
        "evse_q_per_p": evse_q_per_p,
        "notes": list(feeder.notes),
        "assumptions": ["symmetric three-phase", "ideal source", "constant power loads"],
    }
    reason = "asked for" if plain else not_compilable(feeder, model)
    if not reason:
        check = self_check(setup, model)
        said["self_check"] = {
            "points": list(check.points),
            "max_dvm_pu": check.max_dvm_pu,
            "max_dloading_pct": check.max_dloading_pct,
        }
        reason = check.refused
    if reason:
        return PandapowerGrid(setup, model, {**said, "solver": "pandapower", "fallback": reason})
    return CompiledGrid(setup, model, {**said, "solver": "compiled fixed point", "fallback": ""})


def not_compilable(feeder: Feeder, model: Model) -> str:
    """Return what in the net the compiled feeder does not carry; empty if it carries everything."""
    net = feeder.net
    if len(model.pv):
        return "buses of fixed voltage (generators, DC lines or extended wards)"
    if feeder.units.voltage_dependent.any():
        first = int(np.flatnonzero(feeder.units.voltage_dependent)[0])
        return f"voltage-dependent load `{feeder.units.names[first]}`"
    if len(net.controller) and net.controller.in_service.any():
        return f"controller {type(net.controller.object.iloc[0]).__name__}"
    present = [t for t in _NOT_COMPILED if t in net and len(net[t])]
    return f"elements of table {present[0]}" if present else ""


def self_check(setup: Setup, model: Model) -> Check:
    """Compare the compiled feeder with pandapower without load, at nominal load, and with all chargers too.

    Where pandapower finds no solution (99 chargers at once can be too much for a street), there is
    nothing to compare; the compiled feeder then answers for itself by its power mismatch.

    Raises:
        SolverError: A voltage or a loading differs; names the element and both values.
    """
    rest_w = np.zeros(len(setup.evse_ids))
    points = (
        ("no load", 0.0, rest_w),
        ("nominal", 1.0, rest_w),
        ("nominal and all chargers", 1.0, setup.evse_max_w),
    )
    compared: list[str] = []
    dvm_pu = dloading_pct = 0.0
    for name, scale, evse_w in points:
        here = replace(setup, profile=constant(setup.feeder, scale))
        ours = CompiledGrid(here, model, {}).solve(0.0, 0.0, evse_w)
        theirs = PandapowerGrid(here, model, {}).solve(0.0, 0.0, evse_w)
        if not theirs.converged:
            compared.append(f"{name}: no solution in pandapower")
            continue
        if not ours.converged:
            return Check(tuple(compared), dvm_pu, dloading_pct, f"no fixed point at `{name}`")
        compared.append(name)
        dvm_pu = max(dvm_pu, _agree(setup.topology, ours, theirs, "vm_pu", name))
        dloading_pct = max(dloading_pct, _agree(setup.topology, ours, theirs, "loading_pct", name))
    return Check(tuple(compared), dvm_pu, dloading_pct, "")


def _agree(topology: GridTopology, ours: GridState, theirs: GridState, quantity: str, point: str) -> float:
    names = topology.buses if quantity == "vm_pu" else topology.branches
    tolerance = VM_TOLERANCE_PU if quantity == "vm_pu" else LOADING_TOLERANCE_PCT
    mine, reference = getattr(ours, quantity).ravel(), getattr(theirs, quantity).ravel()
    same_nan = np.isnan(mine) == np.isnan(reference)
    gap = np.where(same_nan, np.nan_to_num(np.abs(mine - reference)), np.inf)
    worst = int(gap.argmax()) if len(gap) else -1
    if worst < 0:
        return 0.0
    # A heavily overloaded element may differ by rounding of its own size.
    if gap[worst] > tolerance * max(1.0, np.nan_to_num(abs(reference[worst])) / 100.0):
        raise SolverError(
            f"{topology.name}: {quantity} of `{names[worst]}` is {mine[worst]:.9g} compiled and "
            f"{reference[worst]:.9g} in pandapower ({point}): please report this net"
        )
    return float(gap[worst])
