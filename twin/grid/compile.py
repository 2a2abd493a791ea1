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


def compile_net(
    feeder: Feeder, *, phases: Literal[1, 3] = 1, loaded: Rows | None = None, check: bool = True
) -> Plan:
    """Compile a feeder.

    Args:
        feeder: As loaded.
        phases: 1 takes it as symmetric; 3 needs zero-sequence data, see `twin.grid.assume`.
        loaded: Positions of the buses that may carry load. None: every bus.
        check: Prove the plan against pandapower without load and at nominal load, once per net.

    Raises:
        NotCompilable: It has something that the kernel does not carry.
        SolverError: pandapower itself cannot solve it, or the plan differs from pandapower; names the element.
    """
    reason = not_compilable(feeder, phases)
    if reason:
        raise NotCompilable(reason)
    plan = Plan(feeder, read_model(feeder, phases), loaded)
    if check:
        refused = checked(_bare(feeder, phases), plan).refused
        if refused:
            raise NotCompilable(refused)
    return plan


def _bare(feeder: Feeder, phases: Literal[1, 3]) -> Setup:
    """The feeder without any charger."""
    nothing = np.zeros(0, dtype=np.int64)
    shares = np.full((len(feeder.units), _PHASES), 1.0 / _PHASES) if phases == _PHASES else None
    return Setup(
        feeder=feeder,
        profile=constant(feeder, 1.0, shares),
        topology=make_topology(feeder, nothing, Limits(), phases),
        evse_ids=(),
        evse_bus=nothing,
        evse_max_w=np.zeros(0),
        evse_q_per_p=0.0,
    )
