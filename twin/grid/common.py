"""What both adapters of the feeder share: their inputs, and states that can be linearised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Complexes, Matrix, Rows, Vector
from twin.domain.phases import PhaseShares
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
        shares: How EVSEs divide over the phases of an unbalanced feeder; None: evenly.
    """

    feeder: Feeder
    profile: Profile
    topology: GridTopology
    evse_ids: tuple[str, ...]
    evse_bus: Rows
    evse_max_w: Vector
    evse_q_per_p: float
    shares: PhaseShares | None = None

    @property
    def q_per_p(self) -> Matrix:
        """(n, phases) reactive over active power of each EVSE and phase."""
        phases = self.topology.phases
        even: Matrix = np.full((len(self.evse_ids), phases), self.evse_q_per_p)
        return even + self.shares.q_per_p if self.shares is not None and phases == 3 else even

    @property
    def heaviest_w(self) -> Matrix:
        """(n, phases) every EVSE at its largest power, all of its phases in use."""
        phases = self.topology.phases
        if self.shares is not None and phases == 3:
            return self.shares.split(self.evse_max_w, np.full(len(self.evse_ids), 3.0))
        return np.repeat(self.evse_max_w[:, None] / phases, phases, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved(GridState):
    """A state that its own grid can linearise.

    Attributes:
        solution: (2, N, P) complex: voltages in the coordinates of the solver, then power drawn, per unit.
    """

    solution: Complexes


class Adapter:
    """What every adapter of the port `Grid` tells about itself."""

    def __init__(self, setup: Setup, provenance: Mapping[str, object]) -> None:
        self._setup = setup
        self._provenance = dict(provenance)

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        return self._setup.topology

    @property
    def setup(self) -> Setup:
        """What the grid was made of: feeder, EVSEs, profile and limits."""
        return self._setup

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model."""
        return self._provenance

    def _unsolved(self, base_w: float, pv_w: float, ev_w: float) -> GridState:
        """The state of an interval that has no solution."""
        buses, nan = len(self.topology.buses), np.nan
        return GridState(
            vm_pu=np.full((buses, self.topology.phases), nan),
            vuf_pct=np.full(buses, nan),
            loading_pct=np.full(len(self.topology.branches), nan),
            slack_w=nan,
            losses_w=nan,
            base_w=base_w,
            pv_w=pv_w,
            ev_w=ev_w,
            converged=False,
            mismatch_w=nan,
            iterations=0,
        )


def check_power(evse_w: Array, setup: Setup) -> None:
    """Raise ValueError where powers have another shape, or name the first EVSE whose power is not finite."""
    phases = setup.topology.phases
    wanted = (len(setup.evse_ids),) if phases == 1 else (len(setup.evse_ids), phases)
    if evse_w.shape != wanted:
        of = f" of {phases} phases, as an array of {evse_w.shape}" if phases > 1 or evse_w.ndim > 1 else ""
        raise ValueError(f"{len(evse_w)} powers for {len(setup.evse_ids)} EVSEs{of}")
    if np.isfinite(evse_w).all():
        return
    row, *phase = np.argwhere(~np.isfinite(evse_w))[0].tolist()
    where = f" on phase {'abc'[phase[0]]}" if phase else ""
    raise ValueError(f"power of EVSE {setup.evse_ids[row]}{where} is {evse_w[(row, *phase)]} W")


def balance_error(state: GridState) -> float:
    """Return |slack - (EVSEs + base load - generation + losses)| over the largest of them.

    The losses come from branch flows, not from this difference, so the result audits the solution.
    """
    out_w = state.ev_w + state.base_w - state.pv_w + state.losses_w
    largest_w = max(abs(x) for x in (state.slack_w, state.ev_w, state.base_w, state.pv_w, state.losses_w))
    return abs(state.slack_w - out_w) / max(largest_w, 1.0)
