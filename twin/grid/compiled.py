"""The compiled feeder behind the port `Grid`: microseconds per solve, exact sensitivities."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from twin.domain.grid import GridState, Sensitivity
from twin.domain.ids import Array, Complexes, Matrix, Rows, Vector
from twin.grid import linear
from twin.grid.block import WIDTH
from twin.grid.common import Adapter, Setup, Solved, check_power
from twin.grid.jit import compiled
from twin.grid.plan import Plan


@compiled
def _compare(
    power: Array, last: Array, base: Array, last_base: Array
) -> tuple[float, bool]:  # pragma: no cover
    """Sum of the powers of the EVSEs, and whether these and the base load are those of last time."""
    total, same = 0.0, power.shape == last.shape and base.shape == last_base.shape
    for k in range(power.shape[0]):
        for c in range(power.shape[1]):
            total += power[k, c]
            same = same and power[k, c] == last[k, c]
    if same:
        same = np.array_equal(base, last_base)
    return total, same


class CompiledGrid(Adapter):
    """Implements the port `Grid` on a `Plan`; see `twin.grid.kernel` for the method."""

    def __init__(
        self, setup: Setup, plan: Plan, provenance: Mapping[str, object], *, doubted: bool = False
    ) -> None:
        """Put a plan behind the port; `doubted` for the self-check, see `Plan.solve_with`."""
        super().__init__(setup, provenance)
        self._doubted = doubted
        self.plan = plan
        self._latest: tuple[Array, Matrix, Solved | None] = np.zeros((0, 0, 0)), np.zeros((0, 0)), None
        self._shape = (len(setup.evse_ids), 3) if plan.phases > 1 else (len(setup.evse_ids),)
        self._means = setup.profile.means
        self._evse_bus = setup.evse_bus
        self._q_per_p = setup.q_per_p
        self._even: Matrix = np.full((len(setup.evse_ids), plan.phases), 1.0 / plan.phases)

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s]; a state without a solution is all NaN.

        Where no power changed since the last call its state is returned again.

        Raises:
            ValueError: A power is not finite; names the EVSE.
        """
        if evse_w.shape != self._shape:
            check_power(evse_w, self._setup)
        base, base_w, pv_w = self._means(start_s, end_s)
        power = evse_w.reshape(-1, self.plan.phases)
        same_base, same_power, state = self._latest
        ev_w, same = _compare(power, same_power, base, same_base)
        if not math.isfinite(ev_w):
            check_power(evse_w, self._setup)
        if state is None or not same:
            state = self._solve(base, base_w, pv_w, power, ev_w)
            self._latest = base, power.copy(), state
        return state

    def _solve(self, base: Array, base_w: float, pv_w: float, power: Array, ev_w: float) -> Solved:
        found = self.plan.solve_with(
            base,
            self._evse_bus,
            power,
            self._q_per_p,
            doubted=self._doubted,
        )
        return Solved(
            vm_pu=found.vm_pu,
            vuf_pct=found.vuf_pct,
            loading_pct=found.loading_pct,
            slack_w=found.slack_w,
            losses_w=found.losses_w,
            base_w=base_w + found.other_w if found.converged else base_w,
            pv_w=pv_w,
            ev_w=ev_w,
            converged=found.converged,
            mismatch_w=found.mismatch_w,
            iterations=found.iterations,
            solution=found.solution,
        )

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Linearise around a converged state of this grid, exactly (implicit differentiation).

        Of all EVSEs, or of `rows` in their order.

        Raises:
            ValueError: The state has no solution, or is not of this grid.
        """
        plan, net = self.plan, self.plan.net
        if not isinstance(state, Solved) or state.solution.shape[1] != plan.nodes or not state.converged:
            raise ValueError("only a converged state of this grid can be linearised")
        v, drawn = state.solution
        asked = np.arange(len(self._setup.evse_ids)) if rows is None else rows
        nodes, added, column = self._slots(asked, shares)
        count = len(nodes)
        dvm = np.zeros((len(state.vm_pu), plan.phases, count))
        dvuf = np.zeros((len(state.vm_pu), count))
        dloading = np.zeros((len(state.loading_pct), count))
        for first in range(0, count, WIDTH):
            some = slice(first, min(first + WIDTH, count))
            width = some.stop - first
            dv = linear.voltage_answers(net, drawn, v, nodes[some], added[some])
            linear.bus_answers(net, v, dv, width, dvm[:, :, some], dvuf[:, some])
            linear.loading_answers(net, drawn, v, dv, width, dloading[:, some])
        return Sensitivity(
            dvm_pu_per_w=dvm[:, :, column],
            dloading_pct_per_w=dloading[:, column],
            dvuf_pct_per_w=dvuf[:, column],
        )

    def _slots(self, rows: Rows, shares: Matrix | None) -> tuple[Rows, Complexes, Rows]:
        """Distinct slots: their nodes, what a W adds per phase in per unit, and the slot of each row."""
        here = self._even[rows] if shares is None or self.plan.phases == 1 else shares
        power = here * (1.0 + 1j * self._q_per_p[rows]) / self.plan.net.kind[0]
        node = self.plan.net.bus[self._setup.evse_bus[rows]]
        key: Vector = np.column_stack([node, power.real, power.imag])
        _, first, column = np.unique(key, axis=0, return_index=True, return_inverse=True)
        return node[first], np.ascontiguousarray(power[first]), column.ravel()
