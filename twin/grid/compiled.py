"""The compiled feeder: microseconds per solve, exact sensitivities, checked against pandapower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu

from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Complexes, Matrix, Rows, Vector
from twin.errors import SolverError
from twin.grid import kernel
from twin.grid.common import Setup, Solved, check_power
from twin.grid.model import Model


class CompiledGrid:
    """Implements the port `Grid` on a fixed-point kernel; see `twin.grid.kernel` for the method."""

    def __init__(self, setup: Setup, model: Model, provenance: Mapping[str, object]) -> None:
        self._setup = setup
        self._net, place = _compile(model, setup)
        self._no_loading = np.where(model.dead_branch, np.nan, 0.0)
        self._provenance = dict(provenance)
        self._nodes = self._net.node[setup.evse_bus]
        self._evse_nodes = np.unique(self._nodes, return_inverse=True)
        self._ends = (self._net.end_branch, self._net.end_side, self._net.end_element, self._net.end_pct)
        self._branches = (self._net.branch_from, self._net.branch_to, self._net.y)
        self._size = len(place)

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        return self._setup.topology

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model."""
        return self._provenance

    def solve(self, start_s: float, end_s: float, evse_w: Vector, /) -> GridState:
        """Solve the mean of [start_s, end_s]; a state without a solution is all NaN.

        Raises:
            ValueError: A power is not finite; names the EVSE.
        """
        check_power(evse_w, self._setup.evse_ids)
        means, base_w, pv_w = self._setup.profile.means(start_s, end_s)
        base = np.ascontiguousarray(means[:, :, 0])
        solution = np.empty((2, self._size), dtype=complex)
        vm_pu = np.empty(len(self._setup.topology.buses))
        loading_pct = self._no_loading.copy()
        totals = kernel.solve(self._net, base, evse_w, solution, vm_pu, loading_pct)
        converged = totals.converged and totals.mismatch_w < 1.0
        if not converged:
            vm_pu[:] = loading_pct[:] = np.nan
        none = np.nan
        return Solved(
            vm_pu=vm_pu[:, None],
            vuf_pct=np.where(np.isnan(vm_pu), np.nan, 0.0),
            loading_pct=loading_pct,
            slack_w=totals.slack_w if converged else none,
            losses_w=totals.losses_w if converged else none,
            base_w=base_w + totals.other_w if converged else base_w,
            pv_w=pv_w,
            ev_w=float(evse_w.sum()),
            converged=converged,
            mismatch_w=totals.mismatch_w,
            iterations=totals.iterations,
            solution=solution,
        )

    def sensitivity(
        self,
        state: GridState,
        rows: Rows | None = None,
        shares: Matrix | None = None,
        /,  # noqa: ARG002 -- symmetric
    ) -> Sensitivity:
        """Linearise around a converged state of this grid, exactly (implicit differentiation).

        Of all EVSEs, or of `rows` in their order.

        Raises:
            ValueError: The state has no solution, or is not of this grid.
        """
        if not isinstance(state, Solved) or state.solution.shape[1] != self._size or not state.converged:
            raise ValueError("only a converged state of this grid can be linearised")
        v, drawn = state.solution
        nodes, column = (
            self._evse_nodes if rows is None else np.unique(self._nodes[rows], return_inverse=True)
        )
        dv = kernel.voltage_answers(self._net, drawn, v, nodes)
        dv /= self._net.base_va
        count = len(column)
        dvm = np.zeros((len(state.vm_pu), count))
        kernel.magnitude_answers(v, dv, self._net.node, column, dvm)
        dloading = np.zeros((len(state.loading_pct), count))
        kernel.loading_answers(self._ends, self._branches, v, dv, column, dloading)
        return Sensitivity(
            dvm_pu_per_w=dvm[:, None, :], dloading_pct_per_w=dloading, dvuf_pct_per_w=np.zeros_like(dvm)
        )


def _compile(model: Model, setup: Setup) -> tuple[kernel.Compiled, Rows]:
    """Factorise and put everything in the order of elimination; returns the new place of each node."""
    nodes = len(model.v0)
    free = np.setdiff1d(np.arange(nodes), model.slack)
    lower, upper, order = _factorise(model.y_bus[free][:, free], setup.feeder.name)
    place = np.empty(nodes, dtype=np.int64)
    place[free[order]] = np.arange(len(free))
    place[model.slack] = np.arange(len(free), nodes)
    back = np.argsort(place)
    strict_lower, strict_upper = _strict(lower, upper=False), _strict(upper, upper=True)
    net = kernel.Compiled(
        base_va=model.base_va,
        l_ptr=strict_lower.indptr.astype(np.int64),
        l_idx=strict_lower.indices.astype(np.int64),
        l_val=strict_lower.data.astype(complex),
        u_ptr=strict_upper.indptr.astype(np.int64),
        u_idx=strict_upper.indices.astype(np.int64),
        u_val=strict_upper.data.astype(complex),
        u_inv=1.0 / upper.diagonal().astype(complex),
        v0=_no_load(model, free)[back],
        shunt=model.shunt[back],
        fixed=model.fixed[back],
        branch_from=place[model.branch_from],
        branch_to=place[model.branch_to],
        y=np.ascontiguousarray(model.y),
        end_branch=model.end_branch,
        end_side=model.end_side,
        end_element=model.end_element,
        end_pct=model.end_pct,
        node=np.where(model.node >= 0, place[model.node], -1),
        evse_bus=setup.evse_bus,
        evse_q_per_p=setup.evse_q_per_p,
    )
    return net, place


def _factorise(y_free: Any, name: str) -> tuple[Any, Any, Rows]:
    """LU without pivoting in an order that a tree does not fill: L, U, and the node eliminated k-th."""
    try:
        lu = splu(
            y_free.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
    except RuntimeError as exc:
        raise SolverError(f"the admittance matrix of {name} is singular: {exc}") from exc
    if not np.array_equal(lu.perm_r, lu.perm_c):
        raise SolverError(f"the admittance matrix of {name} has a zero on its diagonal")
    return lu.L.tocsr(), lu.U.tocsr(), np.argsort(lu.perm_c)


def _strict(matrix: Any, *, upper: bool) -> Any:
    coo = matrix.tocoo()
    keep = coo.col > coo.row if upper else coo.col < coo.row
    return csr_array((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=coo.shape)


def _no_load(model: Model, free: Rows) -> Complexes:
    """Voltages without any injection: what the source alone, shunts included, makes."""
    v = model.v0.copy()
    source = model.y_bus[free][:, model.slack] @ v[model.slack]
    v[free] = splu(model.y_bus[free][:, free].tocsc()).solve(-source)
    return v
