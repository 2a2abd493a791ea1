"""A net compiled once and solved in microseconds: what loops, batches and studies hold on to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from twin.domain.ids import Array, Complexes, Mask, Matrix, Rows, Vector
from twin.grid import kernel
from twin.grid.assemble import assemble, loaded_nodes
from twin.grid.batch import BatchLimits, BatchResult, run_batch
from twin.grid.batch_block import usable
from twin.grid.feeder import Feeder
from twin.grid.fingerprint import fingerprint
from twin.grid.model import Model

SPOT_EVERY = 5_000
"""Steps of a batch per comparison with pandapower."""
WORST_MISMATCH_W = 1.0
"""A solution whose power balance is off by more at any bus is none."""
_THREE = 3
_NOT_COMPILED = ("svc", "ssc", "vsc", "tcsc", "bus_dc")


class Snapshot(NamedTuple):
    """One solved instant; without a solution every number but the mismatch is NaN.

    nb buses and nl branches in the feeder's order, P = 1 or 3 phases.
    """

    vm_pu: Matrix
    """(nb, P) voltage magnitude; NaN at dead buses."""
    vuf_pct: Vector
    """(nb,) negative over positive sequence; 0 with one phase."""
    loading_pct: Vector
    """(nl,) largest of both ends and all phases; NaN where out of service."""
    losses_w: float
    slack_w: float
    """Taken from upstream."""
    other_w: float
    """Drawn by shunts and by what is no load, generator or EVSE."""
    converged: bool
    iterations: int
    mismatch_w: float
    solution: Complexes
    """(2, N, P) voltages in the coordinates of the kernel and powers drawn in per unit, for linearisation."""


class Plan:
    """An immutable compiled net.

    Attributes:
        feeder: What was compiled.
        phases: 1 symmetric, 3 unbalanced.
        model: The arrays that pandapower gave.
        net: Those of the kernel.
    """

    def __init__(self, feeder: Feeder, model: Model, loaded: Rows | None = None) -> None:
        """Compile a model; `loaded` are the buses that may carry load, None all."""
        self.feeder = feeder
        self.phases = model.phases
        self.model = model
        self.loaded = loaded
        self.net, place = assemble(model, loaded_nodes(model, loaded), feeder.name)
        self.nodes = len(place)
        self._idle = _idle(model, loaded)
        self._dead = np.where(model.dead_branch, np.nan, 0.0)
        self._no_evse = (np.zeros(0, dtype=np.int64), np.zeros((0, self.phases)), np.zeros((0, self.phases)))

    @property
    def dead_branch(self) -> Mask:
        """(nl,) True for branches without a loading."""
        return self.model.dead_branch

    @property
    def fingerprint(self) -> str:
        """Of the net's tables, taps and switches, and of the programs that read them."""
        return fingerprint(self.feeder, self.phases)

    def solve(self, p_w: Array, q_var: Array) -> Snapshot:
        """Solve one instant.

        Args:
            p_w: (nb, P) drawn at each bus and phase; generation counts negative.
            q_var: (nb, P) drawn, positive inductive.

        Raises:
            ValueError: A shape is wrong or a power is not finite; names the bus.
        """
        base = np.stack([p_w, q_var]).astype(float).reshape(2, -1, self.phases)
        self.check(base)
        return self.solve_with(base, *self._no_evse)

    def solve_with(
        self, base: Array, evse_bus: Rows, evse_w: Matrix, q_per_p: Matrix, *, doubted: bool = False
    ) -> Snapshot:
        """Solve one instant of (2, nb, P) base powers and (n, P) powers of EVSEs, unchecked: the loop's call.

        `doubted` numbers stay as they are where the iteration stands still but the powers do not balance, for
        the self-check to find where.
        """
        buses, phases = base.shape[1], self.phases
        solution = np.empty((2, self.nodes, phases), dtype=complex)
        totals = np.empty(kernel.TOTALS)
        vm_pu, vuf_pct, loading_pct = np.empty((buses, phases)), np.empty(buses), self._dead.copy()
        kernel.solve(self.net, base, evse_bus, evse_w, q_per_p, solution, totals, vm_pu, vuf_pct, loading_pct)
        found = totals.tolist()
        mismatch_w = found[kernel.MISMATCH_W]
        converged = found[kernel.CONVERGED] == 1.0 and (doubted or mismatch_w < WORST_MISMATCH_W)
        if not converged:
            vm_pu[:] = np.nan
            vuf_pct[:] = loading_pct[:] = np.nan
            found[kernel.LOSSES_W] = found[kernel.SLACK_W] = found[kernel.OTHER_W] = np.nan
        return Snapshot(
            vm_pu,
            vuf_pct,
            loading_pct,
            found[kernel.LOSSES_W],
            found[kernel.SLACK_W],
            found[kernel.OTHER_W],
            converged,
            int(found[kernel.ITERATIONS]),
            mismatch_w,
            solution,
        )

    def batch(
        self,
        injections: Iterable[tuple[Array, Array]],
        *,
        limits: BatchLimits,
        threads: int = 1,
        keep: Sequence[str] = (),
        quantiles: bool = False,
        spot_every: int = SPOT_EVERY,
    ) -> BatchResult:
        """Solve many instants and reduce them on the way.

        Args:
            injections: Chunks of `p_w, q_var`, each (T, nb, P), drawn.
            limits: What counts as outside.
            threads: Chunks are divided over so many threads; the answer does not depend on it.
            keep: Tables wanted besides the reductions: `vm_pu`, `vuf_pct`, `loading_pct`, `losses_w`,
                `slack_w`.
            quantiles: Count histograms, for `BatchResult.vm_quantile` and `loading_quantile`.
            spot_every: Compare one in so many steps with pandapower; 0 compares none.

        Raises:
            SolverError: A spot check differs; names element and step.
            ValueError: A shape is wrong or a power is not finite; names step and bus.
        """
        from twin.grid.spot import Spots  # noqa: PLC0415 -- it stands above plans

        spots = Spots(self, spot_every) if spot_every else None
        chunks = injections if spots is None else spots.watch(injections)
        found = run_batch(self, chunks, limits=limits, threads=threads, keep=keep, quantiles=quantiles)
        return found if spots is None else replace(found, spots=tuple(spots.steps))

    def check(self, powers: Array) -> None:
        """Raise ValueError that names the bus where powers (.., nb, P) cannot be used.

        They have another shape, are not finite, or stand at a bus that is dead or was compiled as one without
        load: the kernel would not see them.
        """
        buses = self.feeder.buses
        if powers.shape[-2:] != (len(buses), self.phases):
            raise ValueError(
                f"powers of {powers.shape[-2]} buses and {powers.shape[-1]} phases for {len(buses)} buses "
                f"and {self.phases} phases"
            )
        whole = np.ascontiguousarray(powers, dtype=float).reshape(-1, len(buses), self.phases)
        if usable(whole, self._idle):
            return
        if np.isfinite(powers).all():
            first = np.argwhere(powers[..., self._idle, :])[0][-2]
            bus = int(self._idle[first])
            why = (
                "is out of service or has no source"
                if self.model.node[bus] < 0
                else "was compiled as a bus without load"
            )
            raise ValueError(f"there is power at bus `{buses[bus]}`, which {why}")
        *_, bus, phase = np.argwhere(~np.isfinite(powers))[0].tolist()
        value = powers[..., bus, phase].ravel()
        bad = value[~np.isfinite(value)][0]
        where = f" on phase {'abc'[phase]}" if self.phases == 3 else ""
        raise ValueError(f"the power at bus `{buses[bus]}`{where} is {bad}")


def _idle(model: Model, loaded: Rows | None) -> Rows:
    """Buses at which the kernel would not see any power."""
    if loaded is None:
        return np.flatnonzero(model.node < 0)
    known = np.isin(model.node, model.node[loaded]) & (model.node >= 0)
    return np.flatnonzero(~known)


def not_compilable(feeder: Feeder, phases: int = 1) -> str:
    """Return what in the tables of a net the kernel does not carry; empty if it carries everything."""
    net = feeder.net
    if phases == _THREE and feeder.units.delta.any():
        return f"load between phases (delta) like `{feeder.units.names[int(feeder.units.delta.argmax())]}`"
    if phases == _THREE and _zigzag(net):
        return f"transformer of vector group Yzn like `{_zigzag(net)}`, whose zero sequence pandapower gets wrong"
    if feeder.units.voltage_dependent.any():
        first = int(np.flatnonzero(feeder.units.voltage_dependent)[0])
        return f"voltage-dependent load `{feeder.units.names[first]}`"
    if len(net.controller) and net.controller.in_service.any():
        first = net.controller.object[net.controller.in_service.astype(bool)].iloc[0]
        return f"controller {type(first).__name__}"
    present = [t for t in _NOT_COMPILED if t in net and len(net[t])]
    return f"elements of table {present[0]}" if present else ""


def _zigzag(net: Any) -> str:
    """Name of a zigzag transformer in service: pandapower's impedance of it changes with `sn_mva`."""
    if "vector_group" not in net.trafo:
        return ""
    found = net.trafo[
        net.trafo.in_service.astype(bool)
        & net.trafo.vector_group.astype(str).str.lower().str.startswith(("yzn", "zn", "zd"))
    ]
    return str(found.name.iloc[0] or found.index[0]) if len(found) else ""
