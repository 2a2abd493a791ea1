"""From a net to a plan that was proved against pandapower: the way in for scripts and notebooks."""

from __future__ import annotations

from typing import Literal

import numpy as np

from twin.domain.ids import Rows
from twin.grid.assemble import NotCompilable
from twin.grid.common import Setup
from twin.grid.feeder import Feeder
from twin.grid.model import read_model
from twin.grid.plan import Plan, not_compilable
from twin.grid.profiles import constant
from twin.grid.self_check import checked
from twin.grid.topology import Limits, make_topology

_PHASES = 3
_PROBE_VA = 100_000.0


def compile_net(
    feeder: Feeder, *, phases: Literal[1, 3] = 1, loaded: Rows | None = None, check: bool = True
) -> Plan:
    """Compile a feeder.

    Args:
        feeder: As loaded.
        phases: 1 takes it as symmetric; 3 needs zero-sequence data, see `twin.grid.assume`.
        loaded: Positions of the buses that may carry load. None: every bus.
        check: Prove the plan against pandapower, once per net: without load, at nominal load, and with some
            load at every bus that may carry it.

    Raises:
        NotCompilable: It has something that the kernel does not carry.
        SolverError: pandapower itself cannot solve it, or the plan differs from pandapower; names the element.
    """
    reason = not_compilable(feeder, phases)
    if reason:
        raise NotCompilable(reason)
    plan = Plan(feeder, read_model(feeder, phases), loaded)
    if check:
        refused = checked(_probed(feeder, plan), plan).refused
        if refused:
            raise NotCompilable(refused)
    return plan


def _probed(feeder: Feeder, plan: Plan) -> Setup:
    """The feeder with a charger at every bus that may carry load, all together a tenth of its rating."""
    alive = np.flatnonzero(plan.model.node >= 0) if plan.loaded is None else plan.loaded
    shares = np.full((len(feeder.units), _PHASES), 1.0 / _PHASES) if plan.phases == _PHASES else None
    topology = make_topology(feeder, alive, Limits(), plan.phases)
    rating_va = topology.head_va_rating if np.isfinite(topology.head_va_rating) else _PROBE_VA
    return Setup(
        feeder=feeder,
        profile=constant(feeder, 1.0, shares),
        topology=topology,
        evse_ids=tuple(feeder.buses[i] for i in alive),
        evse_bus=alive,
        evse_max_w=np.full(len(alive), 0.1 * rating_va / max(len(alive), 1)),
        evse_q_per_p=0.0,
    )
