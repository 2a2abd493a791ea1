"""Choose the adapter of a feeder, and prove the compiled one before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandapower as pp

from twin.domain.ids import Vector
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.assemble import NotCompilable
from twin.grid.common import Setup
from twin.grid.compiled import CompiledGrid
from twin.grid.feeder import Feeder
from twin.grid.model import read_model
from twin.grid.pandapower_grid import PandapowerGrid
from twin.grid.pandapower_three_phase import PandapowerThreePhase
from twin.grid.plan import Plan, not_compilable
from twin.grid.profiles import Profile
from twin.grid.self_check import checked
from twin.grid.taps import TapGrid, tap_controls
from twin.grid.topology import Limits, make_topology
from twin.grid.verdicts import Check

_DEFAULT_EVSE_W = 11_000.0
_THREE = 3


def make_grid(
    feeder: Feeder,
    evse_buses: Sequence[str],
    profile: Profile,
    *,
    evse_ids: Sequence[str] | None = None,
    evse_max_w: Vector | None = None,
    limits: Limits | None = None,
    evse_q_per_p: float = 0.0,
    phases: Literal[1, 3] = 1,
    shares: PhaseShares | None = None,
    assumptions: Sequence[str] = (),
    plain: bool = False,
) -> Grid:
    """Build the feeder behind the port `Grid`; with tap changers, one for each of their positions.

    Args:
        feeder: The net; with zero-sequence data if `phases` is 3, see `twin.grid.assume`.
        evse_buses: Bus name of each EVSE, in fleet order.
        profile: Base load and generation of the run, of as many phases.
        evse_ids: Names of the EVSEs for messages; default: their number.
        evse_max_w: (n,) largest grid-side power of each, for the self-check; default 11 kW.
        limits: What the scenario sets; default: the net's own.
        evse_q_per_p: Reactive over active power of all EVSEs, positive inductive; 0 is a power factor of 1.
        phases: 3 solves every phase, 1 takes the feeder as symmetric.
        shares: How EVSEs divide over the phases; default: evenly.
        assumptions: Sentences about data that the net lacks, for the provenance.
        plain: Solve with pandapower even where the net could be compiled.

    Raises:
        ScenarioError: Unknown buses, all of them with near matches.
        SolverError: The net cannot be solved, or the compiled feeder differs from pandapower; names the
            element.
    """
    controls = None if plain else tap_controls(feeder)
    if controls is not None:
        make = partial(
            make_grid,
            evse_buses=evse_buses,
            profile=profile,
            evse_ids=evse_ids,
            evse_max_w=evse_max_w,
            limits=limits,
            evse_q_per_p=evse_q_per_p,
            phases=phases,
            shares=shares,
            assumptions=assumptions,
        )
        return TapGrid(feeder, controls, make)
    count = len(evse_buses)
    evse_bus = feeder.bus_positions(evse_buses)
    setup = Setup(
        feeder=feeder,
        profile=profile,
        topology=make_topology(feeder, evse_bus, limits or Limits(), phases),
        evse_ids=tuple(evse_ids) if evse_ids is not None else tuple(map(str, range(count))),
        evse_bus=evse_bus,
        evse_max_w=np.full(count, _DEFAULT_EVSE_W)
        if evse_max_w is None
        else np.asarray(evse_max_w, dtype=float),
        evse_q_per_p=evse_q_per_p,
        shares=shares,
    )
    if profile.phases != phases:
        raise ValueError(f"a profile of {profile.phases} phases for a feeder of {phases}")
    said: dict[str, object] = {
        "net": feeder.name,
        "buses": len(feeder.buses),
        "branches": len(feeder.branches),
        "pandapower": pp.__version__,
        "phases": phases,
        "evse_q_per_p": evse_q_per_p,
        "notes": list(feeder.notes),
        "assumptions": [*_model_assumptions(phases), *assumptions],
    }
    reason = not_compilable(feeder, phases)
    if reason and phases == _THREE:
        # pandapower's own three-phase power flow would leave it out, or take it for something else
        raise SolverError(
            f"{feeder.name}: a three-phase power flow carries no {reason}: change it, or solve the feeder as "
            "symmetric"
        )
    model = read_model(feeder, phases)
    reason = reason or ("asked for" if plain else "")
    if not reason:
        try:
            plan = Plan(feeder, model, np.unique(np.concatenate([evse_bus, feeder.units.bus])))
        except NotCompilable as exc:
            reason = str(exc)
        else:
            check = checked(setup, plan)
            said |= {"fingerprint": plan.fingerprint, "self_check": _told(check)}
            reason = check.refused
            if not reason:
                return CompiledGrid(setup, plan, {**said, "solver": "compiled fixed point", "fallback": ""})
    said |= {"solver": "pandapower", "fallback": reason}
    if phases == 1:
        return PandapowerGrid(setup, model, said)
    return PandapowerThreePhase(setup, model, said)


def _model_assumptions(phases: int) -> list[str]:
    if phases == 1:
        return ["symmetric three-phase", "ideal source", "constant power loads"]
    return [
        "phases solved one by one, neutral grounded at every bus",
        "ideal source of the positive sequence",
        "constant power loads between phase and neutral",
    ]


def _told(check: Check) -> dict[str, object]:
    return {
        "points": list(check.points),
        "max_dvm_pu": check.max_dvm_pu,
        "max_dloading_pct": check.max_dloading_pct,
        "max_dvuf_pct": check.max_dvuf_pct,
    }
