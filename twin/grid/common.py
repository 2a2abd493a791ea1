"""What both adapters of the feeder share: their inputs, and states that can be linearised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Complexes, Rows, Vector
from twin.grid.feeder import Feeder
from twin.grid.profiles import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything an adapter needs: the net, what hangs on it, and its limits.

    Attributes:
        evse_ids: (n,) names for messages.
        evse_bus: (n,) bus position of each EVSE.
        evse_max_w: (n,) largest grid-side power of each EVSE; the self-check's heaviest point.
        evse_q_per_p: Reactive over active power of every EVSE; 0 is a power factor of 1.
    """

    feeder: Feeder
    profile: Profile
    topology: GridTopology
    evse_ids: tuple[str, ...]
    evse_bus: Rows
    evse_max_w: Vector
    evse_q_per_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved(GridState):
    """A state that its own grid can linearise.

    Attributes:
        solution: (2, N) complex: voltages per node, then power drawn, in per unit.
    """

    solution: Complexes


def check_power(evse_w: Vector, evse_ids: Sequence[str]) -> None:
    """Raise ValueError that names the first EVSE whose power is not a finite number."""
    if np.isfinite(evse_w).all() and len(evse_w) == len(evse_ids):
        return
    if len(evse_w) != len(evse_ids):
        raise ValueError(f"{len(evse_w)} powers for {len(evse_ids)} EVSEs")
    first = int(np.flatnonzero(~np.isfinite(evse_w))[0])
    raise ValueError(f"power of EVSE {evse_ids[first]} is {evse_w[first]} W")


def balance_error(state: GridState) -> float:
    """Return |slack - (EVSEs + base load - generation + losses)| over the largest of them.

    The losses come from branch flows, not from this difference, so the result audits the solution.
    """
    out_w = state.ev_w + state.base_w - state.pv_w + state.losses_w
    largest_w = max(abs(x) for x in (state.slack_w, state.ev_w, state.base_w, state.pv_w, state.losses_w))
    return abs(state.slack_w - out_w) / max(largest_w, 1.0)
