"""Many instants of one plan: streamed in chunks, solved side by side, reduced on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Array, Mask, Rows, Vector
from twin.grid import batch_kernel as bk
from twin.grid.batch_block import make_block

if TYPE_CHECKING:
    from twin.grid.kernel import Net

_SLICE = 1024
"""Steps that are reduced together. Fixed: sums are formed in the same order whatever the threads."""
_KEPT = ("vm_pu", "vuf_pct", "loading_pct", "losses_w", "slack_w")


class Solvable(Protocol):
    """What a batch needs of a plan."""

    @property
    def net(self) -> Net:
        """The compiled arrays."""
        ...

    @property
    def dead_branch(self) -> Mask:
        """(nl,) True for branches without a loading."""
        ...

    def check(self, powers: Array, /) -> None:
        """Raise ValueError for powers of another shape, or that are not finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What counts as outside: (nb,) voltages and unbalance, (nl,) loadings."""

    vm_min_pu: Vector
    vm_max_pu: Vector
    vuf_max_pct: Vector
    max_loading_pct: Vector

    @classmethod
    def of(cls, topology: GridTopology) -> BatchLimits:
        """Those of a feeder."""
        return cls(
            vm_min_pu=topology.vm_min_pu,
            vm_max_pu=topology.vm_max_pu,
            vuf_max_pct=topology.vuf_max_pct,
            max_loading_pct=topology.max_loading_pct,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """Reductions over all solved steps. NaN (step -1) at dead elements, and everywhere without a solved step.

    Attributes:
        steps: Steps given.
        unsolved: Numbers of the steps without a solution; these count nowhere else.
        vm_min_pu, vm_max_pu: (nb,) lowest and highest phase.
        vm_mean_pu: (nb,) mean over steps and phases.
        vm_min_step, vm_max_step, vuf_max_step, loading_max_step: Where the extremes are.
        vuf_max_pct: (nb,); 0 with one phase.
        loading_max_pct, loading_mean_pct: (nl,).
        low_steps, high_steps, vuf_steps: (nb,) steps outside the limits.
        over_steps: (nl,) steps above the limit.
        losses_w_mean, slack_w_mean, slack_w_max: Of the whole net.
        kept: Tables that were asked for: `vm_pu` (T, nb, P), `vuf_pct` (T, nb), `loading_pct` (T, nl),
            `losses_w`, `slack_w` (T,); NaN in unsolved steps.
    """

    steps: int
    unsolved: Rows
    vm_min_pu: Vector
    vm_max_pu: Vector
    vm_mean_pu: Vector
    vm_min_step: Rows
    vm_max_step: Rows
    vuf_max_pct: Vector
    vuf_max_step: Rows
    loading_max_pct: Vector
    loading_mean_pct: Vector
    loading_max_step: Rows
    low_steps: Rows
    high_steps: Rows
    vuf_steps: Rows
    over_steps: Rows
    losses_w_mean: float
    slack_w_mean: float
    slack_w_max: float
    kept: Mapping[str, Array]
    _vm_bins: Rows
    _loading_bins: Rows
    spots: tuple[int, ...] = ()
    """Steps that were compared with pandapower."""

    def vm_quantile(self, q: float) -> Vector:
        """(nb,) quantile of the mean phase voltage over the steps, to half a bin of 0.0015 pu."""
        return _quantile(self._vm_bins, q, bk.VM_LOW_PU, bk.VM_BIN_PU)

    def loading_quantile(self, q: float) -> Vector:
        """(nl,) quantile of the loading over the steps, to half a bin of 0.5 %; at most 200 %."""
        return _quantile(self._loading_bins, q, 0.0, bk.LOADING_BIN_PCT)


def _quantile(bins: Rows, q: float, low: float, width: float) -> Vector:
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
    if not bins.any():
        raise ValueError("this batch counted no quantiles: ask for them with quantiles=True")
    total = bins.sum(axis=1)
    reached = bins.cumsum(axis=1) >= np.maximum(q * total, 1.0)[:, None]
    return np.where(total > 0, low + (reached.argmax(axis=1) + 0.5) * width, np.nan)


def run_batch(
    plan: Solvable,
    injections: Iterable[tuple[Array, Array]],
    *,
    limits: BatchLimits,
    threads: int,
    keep: Sequence[str],
    quantiles: bool,
) -> BatchResult:
    """Solve chunks of `p_w, q_var` (T, nb, P); see `Plan.batch`."""
    unknown = sorted(set(keep) - set(_KEPT))
    if unknown:
        raise ValueError(f"a batch cannot keep {', '.join(unknown)}: it knows {', '.join(_KEPT)}")
    if threads < 1:
        raise ValueError(f"a batch needs a thread, not {threads}")
    bounds = bk.Bounds(limits.vm_min_pu, limits.vm_max_pu, limits.vuf_max_pct, limits.max_loading_pct)
    work = _Work(plan, bounds, keep, quantiles=quantiles)
    total = bk.make_reduced(len(limits.vm_min_pu), len(limits.max_loading_pct), quantiles=quantiles)
    parts: list[bk.Kept] = []
    with ThreadPoolExecutor(threads) as pool:
        for reduced, kept in _in_order(pool, work, _slices(plan, injections), threads):
            _merge(total, reduced)
            parts.append(kept)
    return _result(total, parts, keep, plan.dead_branch)


class _Work:
    """Solves slices, each with memory of its own."""

    def __init__(self, plan: Solvable, bounds: bk.Bounds, keep: Sequence[str], *, quantiles: bool) -> None:
        self._net = plan.net
        self._bounds = bounds
        self._keep = frozenset(keep)
        self._quantiles = quantiles

    def __call__(self, first: int, p_w: Array, q_var: Array) -> tuple[bk.Reduced, bk.Kept]:
        bounds, net = self._bounds, self._net
        buses, branches, steps = len(bounds.vm_min_pu), len(bounds.max_loading_pct), len(p_w)
        kept = bk.Kept(
            vm_pu=self._table("vm_pu", steps, buses, len(net.kind)),
            vuf_pct=self._table("vuf_pct", steps, buses),
            loading_pct=self._table("loading_pct", steps, branches),
            power_w=np.full((2, steps if {"losses_w", "slack_w"} & self._keep else 0), np.nan),
            solved=np.zeros(steps, dtype=np.int64),
        )
        reduced = bk.make_reduced(buses, branches, quantiles=self._quantiles)
        block = make_block(net, branches)
        bk.solve_slice(net, block, p_w, q_var, first, bounds, reduced, kept, self._quantiles)
        return reduced, kept

    def _table(self, name: str, steps: int, *shape: int) -> Array:
        return np.full((steps if name in self._keep else 0, *shape), np.nan)


def _slices(plan: Solvable, injections: Iterable[tuple[Array, Array]]) -> Iterator[tuple[int, Array, Array]]:
    """Cut chunks into slices of at most `_SLICE` steps, checked."""
    first = 0
    for p_w, q_var in injections:
        p, q = np.ascontiguousarray(p_w, dtype=float), np.ascontiguousarray(q_var, dtype=float)
        if p.shape != q.shape or p.ndim != 3:
            raise ValueError(f"p_w of shape {p.shape} and q_var of {q.shape}: both must be (T, nb, phases)")
        for start in range(0, len(p), _SLICE):
            part = slice(start, start + _SLICE)
            plan.check(p[part])
            plan.check(q[part])
            yield first + start, p[part], q[part]
        first += len(p)


def _in_order(
    pool: ThreadPoolExecutor,
    work: _Work,
    slices: Iterator[tuple[int, Array, Array]],
    threads: int,
) -> Iterator[tuple[bk.Reduced, bk.Kept]]:
    """Keep `threads` slices in work, and give their answers in order; never more than that in memory."""
    waiting: list[Future[tuple[bk.Reduced, bk.Kept]]] = []
    for first, p_w, q_var in slices:
        waiting.append(pool.submit(work, first, p_w, q_var))
        if len(waiting) > threads:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _merge(total: bk.Reduced, part: bk.Reduced) -> None:
    """Add the reductions of the next slice; of equal extremes the earlier step stays."""
    for k, better in ((0, np.less), (1, np.greater)):
        at = better(part.vm_pu[k], total.vm_pu[k])
        total.vm_pu[k][at], total.vm_step[k][at] = part.vm_pu[k][at], part.vm_step[k][at]
    at = part.vuf_pct > total.vuf_pct
    total.vuf_pct[at], total.vuf_step[at] = part.vuf_pct[at], part.vuf_step[at]
    at = part.loading_pct[0] > total.loading_pct[0]
    total.loading_pct[0][at], total.loading_step[at] = part.loading_pct[0][at], part.loading_step[at]
    total.vm_pu[2] += part.vm_pu[2]
    total.loading_pct[1] += part.loading_pct[1]
    for name in ("outside", "over", "vm_bins", "loading_bins"):
        np.add(getattr(total, name), getattr(part, name), out=getattr(total, name))
    total.totals[[0, 1, 3]] += part.totals[[0, 1, 3]]
    total.totals[2] = max(total.totals[2], part.totals[2])


def _result(
    total: bk.Reduced, parts: Sequence[bk.Kept], keep: Sequence[str], dead_branch: Mask
) -> BatchResult:
    total.loading_pct[0][dead_branch] = -np.inf
    total.loading_step[dead_branch] = -1
    if len(total.loading_bins):
        total.loading_bins[dead_branch] = 0
    solved = np.concatenate([p.solved for p in parts]) if parts else np.zeros(0, dtype=np.int64)
    count = total.totals[3] or np.nan
    tables: dict[str, Array] = {}
    for name in keep:
        if name in ("losses_w", "slack_w"):
            row = 0 if name == "losses_w" else 1
            tables[name] = np.concatenate([p.power_w[row] for p in parts]) if parts else np.zeros(0)
        else:
            tables[name] = np.concatenate([getattr(p, name) for p in parts]) if parts else np.zeros(0)
    if "loading_pct" in tables and parts:
        tables["loading_pct"][:, dead_branch] = np.nan
    return BatchResult(
        steps=len(solved),
        unsolved=np.flatnonzero(solved == 0),
        vm_min_pu=_known(total.vm_pu[0]),
        vm_max_pu=_known(total.vm_pu[1]),
        vm_mean_pu=np.where(total.vm_step[0] >= 0, total.vm_pu[2] / count, np.nan),
        vm_min_step=total.vm_step[0],
        vm_max_step=total.vm_step[1],
        vuf_max_pct=_known(total.vuf_pct),
        vuf_max_step=total.vuf_step,
        loading_max_pct=_known(total.loading_pct[0]),
        loading_mean_pct=np.where(total.loading_step >= 0, total.loading_pct[1] / count, np.nan),
        loading_max_step=total.loading_step,
        low_steps=total.outside[0],
        high_steps=total.outside[1],
        vuf_steps=total.outside[2],
        over_steps=total.over,
        losses_w_mean=float(total.totals[0] / count),
        slack_w_mean=float(total.totals[1] / count),
        slack_w_max=float(total.totals[2]) if total.totals[3] else float("nan"),
        kept=tables,
        _vm_bins=total.vm_bins,
        _loading_bins=total.loading_bins,
    )


def _known(extreme: Vector) -> Vector:
    return np.where(np.isfinite(extreme), extreme, np.nan)
