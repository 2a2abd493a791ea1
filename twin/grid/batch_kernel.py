"""Many instants per call, reduced where they are solved: nothing of the size steps x buses is ever stored.

B instants stand side by side, see `twin.grid.block`. Reductions belong to one slice of the steps; slices are
merged in their order, so the answer depends neither on threads nor on the size of the chunks of a slice.
"""

# compiled functions take flat arguments

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.grid.block import (
    add_product,
    clarke_block,
    lift_block,
    phases_block,
    recover_block,
    soft_source,
    start_block,
    sweep_block,
)
from twin.grid.kernel import SHUNT, SOURCE, Net

STANDS_STILL_PU = 1e-8
MOST_ITERATIONS = 100
"""Of a block; instants that need more are told as unsolved, and `kernel.solve` gives them another chance."""
BINS = 400
VM_LOW_PU, VM_BIN_PU = 0.7, 0.0015
LOADING_BIN_PCT = 0.5
"""Histograms for quantiles: 0.7 to 1.3 pu and 0 to 200 %; what lies outside counts in the last bins."""


class Reduced(NamedTuple):
    """Reductions over the steps of one slice. Extremes and the step of each, sums, counts, histograms."""

    vm_pu: Matrix
    """(3, nb) lowest and highest phase, and the sum of the phases' means."""
    vm_step: Rows
    """(2, nb) steps of lowest and highest."""
    vuf_pct: Vector
    """(nb,) highest."""
    vuf_step: Rows
    loading_pct: Matrix
    """(2, nl) highest, and the sum."""
    loading_step: Rows
    outside: Rows
    """(3, nb) steps too low, too high, too unbalanced."""
    over: Rows
    """(nl,) steps overloaded."""
    vm_bins: Rows
    """(nb, BINS) steps by the mean of the phases."""
    loading_bins: Rows
    totals: Vector
    """(4,) sums of losses and of slack power in W, highest slack power in W, steps solved."""


class Bounds(NamedTuple):
    """What counts as outside: (nb,), (nb,), (nb,), (nl,)."""

    vm_min_pu: Vector
    vm_max_pu: Vector
    vuf_max_pct: Vector
    max_loading_pct: Vector


class Kept(NamedTuple):
    """Tables to fill, of no rows where they are not wanted: (T, nb, P), (T, nb), (T, nl), (2, T) W."""

    vm_pu: Array
    vuf_pct: Matrix
    loading_pct: Matrix
    power_w: Matrix
    solved: Array
    """(T,) 1 where there is a solution."""


class Block(NamedTuple):
    """Working memory of B instants: (N, P, B) each, and a few rows."""

    drawn_re: Array
    drawn_im: Array
    v_re: Array
    v_im: Array
    x_re: Array
    x_im: Array
    phases: Array
    """(2, P, B)"""
    currents: Array
    """(2, P, B)"""
    row: Array
    """(4, B)"""


def make_block(net: Net, width: int) -> Block:
    """Allocate for `width` instants."""
    shape = (len(net.nodes), len(net.kind), width)
    a, b, c, d, e, f = (np.zeros(shape) for _ in range(6))
    pair = (2, len(net.kind), width)
    return Block(a, b, c, d, e, f, np.zeros(pair), np.zeros(pair), np.zeros((4, width)))


def make_reduced(buses: int, branches: int) -> Reduced:
    """Reductions of no step yet."""
    return Reduced(
        vm_pu=np.stack([np.full(buses, np.inf), np.full(buses, -np.inf), np.zeros(buses)]),
        vm_step=np.full((2, buses), -1, dtype=np.int64),
        vuf_pct=np.full(buses, -np.inf),
        vuf_step=np.full(buses, -1, dtype=np.int64),
        loading_pct=np.stack([np.full(branches, -np.inf), np.zeros(branches)]),
        loading_step=np.full(branches, -1, dtype=np.int64),
        outside=np.zeros((3, buses), dtype=np.int64),
        over=np.zeros(branches, dtype=np.int64),
        vm_bins=np.zeros((buses, BINS), dtype=np.int64),
        loading_bins=np.zeros((branches, BINS), dtype=np.int64),
        totals=np.array([0.0, 0.0, -np.inf, 0.0]),
    )


@njit(cache=True, nogil=True)
def solve_slice(
    net: Net,
    block: Block,
    p_w: Array,
    q_var: Array,
    first_step: int,
    first_row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
) -> None:  # pragma: no cover
    """Solve (T, nb, P) powers and reduce them; steps are numbered from `first_step`, kept rows from `first_row`."""
    width = block.v_re.shape[2]
    loading = np.empty((reduced.loading_pct.shape[1], width))
    for start in range(0, len(p_w), width):
        used = min(width, len(p_w) - start)
        _load(net, block, p_w, q_var, start, used)
        _iterate(net, block)
        recover_block(net, block.x_re, block.x_im)
        _shift(net, block)
        _flows(net, block, loading)
        _reduce_totals(block, used, first_row + start, reduced, kept, net.kind[0])
        _reduce_buses(net, block, used, first_step + start, first_row + start, bounds, reduced, kept)
        _reduce_branches(block, loading, used, first_step + start, first_row + start, bounds, reduced, kept)


@njit(cache=True, nogil=True)
def _load(
    net: Net, block: Block, p_w: Array, q_var: Array, start: int, used: int
) -> None:  # pragma: no cover
    """Bring the powers of `used` instants into place; columns beyond them repeat the last one."""
    width = block.v_re.shape[2]
    for i in range(len(block.drawn_re)):
        for c in range(len(net.kind)):
            block.drawn_re[i, c] = net.fixed[i, c].real
            block.drawn_im[i, c] = net.fixed[i, c].imag
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        for c in range(len(net.kind)):
            scale = 1.0 / net.kind[c]
            for w in range(width):
                step = start + min(w, used - 1)
                block.drawn_re[i, c, w] += p_w[step, b, c] * scale
                block.drawn_im[i, c, w] += q_var[step, b, c] * scale


@njit(cache=True, nogil=True)
def _inject(net: Net, block: Block, i: int) -> None:  # pragma: no cover
    """Write -conj(S / V) of node i into its row of x."""
    phases_block(net, i, block.v_re[i], block.v_im[i], block.phases)
    for c in range(len(net.kind)):
        v_re, v_im = block.phases[0, c], block.phases[1, c]
        p, q = block.drawn_re[i, c], block.drawn_im[i, c]
        i_re, i_im = block.currents[0, c], block.currents[1, c]
        for w in range(len(p)):
            scale = -1.0 / (v_re[w] * v_re[w] + v_im[w] * v_im[w])
            i_re[w] = scale * (p[w] * v_re[w] + q[w] * v_im[w])
            i_im[w] = scale * (p[w] * v_im[w] - q[w] * v_re[w])
    clarke_block(net, i, block.currents, block.x_re[i], block.x_im[i])


@njit(cache=True, nogil=True)
def _iterate(net: Net, block: Block) -> None:  # pragma: no cover
    """Repeat the fixed point until every column stands still; row 0 of `block.row` is 1 where one does."""
    n = len(net.rows) - 1
    start_block(net, block.v_re, block.v_im)
    soft = soft_source(net)
    moved, last = block.row[0], block.row[1]
    last[:] = np.inf
    for _ in range(MOST_ITERATIONS):
        for i in range(net.silent, len(block.v_re)):
            _inject(net, block, i)
        sweep_block(net, block.x_re, block.x_im)
        end = n
        if soft:
            lift_block(net, block.x_re, block.x_im)
            end = len(block.v_re)
        moved[:] = 0.0
        for i in range(net.silent, end):
            for c in range(len(net.kind)):
                rest = net.nodes[i, SOURCE, c]
                a, b = rest.real, rest.imag
                v_re, v_im, x_re, x_im = (
                    block.v_re[i, c],
                    block.v_im[i, c],
                    block.x_re[i, c],
                    block.x_im[i, c],
                )
                for w in range(len(moved)):
                    step_re, step_im = a + x_re[w] - v_re[w], b + x_im[w] - v_im[w]
                    v_re[w] += step_re
                    v_im[w] += step_im
                    moved[w] = max(moved[w], step_re * step_re + step_im * step_im)
        if _all_rest(moved):
            return


@njit(cache=True, nogil=True)
def _all_rest(moved: Array) -> bool:  # pragma: no cover
    """Whether every column stands still or has left for good."""
    for w in range(len(moved)):
        if not moved[w] < STANDS_STILL_PU * STANDS_STILL_PU and moved[w] < 1e6:
            return False
    return True


@njit(cache=True, nogil=True)
def _shift(net: Net, block: Block) -> None:  # pragma: no cover
    """Voltages of silent rows."""
    for i in range(net.silent):
        for c in range(len(net.kind)):
            rest = net.nodes[i, SOURCE, c]
            for w in range(block.v_re.shape[2]):
                block.v_re[i, c, w] = rest.real + block.x_re[i, c, w]
                block.v_im[i, c, w] = rest.imag + block.x_im[i, c, w]


@njit(cache=True, nogil=True)
def _flows(net: Net, block: Block, loading: Array) -> None:  # pragma: no cover
    """Branch currents: loadings in %, losses (row 2), slack power (row 3) and what is missing (row 1)."""
    n, columns, width = len(net.rows) - 1, len(net.kind), block.v_re.shape[2]
    missing, losses, taken = block.row[1], block.row[2], block.row[3]
    losses[:] = 0.0
    loading[:] = 0.0
    for i in range(len(block.v_re)):  # x becomes the current that leaves each node into the net
        for c in range(columns):
            shunt = net.nodes[i, SHUNT, c]
            block.x_re[i, c] = 0.0
            block.x_im[i, c] = 0.0
            if shunt != 0.0:
                add_product(shunt, block.v_re[i, c], block.v_im[i, c], block.x_re[i, c], block.x_im[i, c])
    e = 0
    for m in range(len(net.ends)):
        for side in range(2):
            here = net.ends[m, side]
            flow_re, flow_im = block.currents[0], block.currents[1]
            for c in range(columns):
                flow_re[c] = 0.0
                flow_im[c] = 0.0
                for k in range(2):
                    at = net.ends[m, k]
                    add_product(
                        net.y[m, 2 * side + k, c],
                        block.v_re[at, c],
                        block.v_im[at, c],
                        flow_re[c],
                        flow_im[c],
                    )
                for w in range(width):
                    block.x_re[here, c, w] += flow_re[c, w]
                    block.x_im[here, c, w] += flow_im[c, w]
                    losses[w] += (
                        block.v_re[here, c, w] * flow_re[c, w] + block.v_im[here, c, w] * flow_im[c, w]
                    )
            while e < len(net.rated) and net.rated[e, 0] == m and net.rated[e, 1] == side:
                _largest(net, here, block, net.rated_pct[e], loading[net.rated[e, 2]])
                e += 1
    taken[:] = 0.0
    missing[:] = 0.0
    for i in range(len(block.v_re)):
        phases_block(net, i, block.x_re[i], block.x_im[i], block.currents)
        phases_block(net, i, block.v_re[i], block.v_im[i], block.phases)
        for c in range(columns):
            for w in range(width):
                a, b = block.phases[0, c, w], block.phases[1, c, w]
                x, y = block.currents[0, c, w], block.currents[1, c, w]
                p = a * x + b * y + block.drawn_re[i, c, w]
                q = b * x - a * y + block.drawn_im[i, c, w]
                if i < n:
                    missing[w] = max(missing[w], p * p + q * q)
                else:
                    taken[w] += p


@njit(cache=True, nogil=True)
def _largest(net: Net, node: int, block: Block, pct: float, loading: Array) -> None:  # pragma: no cover
    """Raise the loading of one element to that of its most loaded phase at this end."""
    phases_block(net, node, block.currents[0], block.currents[1], block.phases)
    for c in range(len(net.kind)):
        re, im = block.phases[0, c], block.phases[1, c]
        for w in range(len(loading)):
            loading[w] = max(loading[w], pct * math.sqrt(re[w] * re[w] + im[w] * im[w]))


@njit(cache=True, nogil=True)
def _reduce_totals(
    block: Block, used: int, row: int, reduced: Reduced, kept: Kept, base_va: float
) -> None:  # pragma: no cover
    """Losses, slack power, and which columns are solved: row 0 becomes 1 for these, 0 for others."""
    solved, missing = block.row[0], block.row[1]
    for w in range(used):
        still = solved[w] < STANDS_STILL_PU * STANDS_STILL_PU
        good = still and math.sqrt(missing[w]) * base_va < 1.0
        solved[w] = 1.0 if good else 0.0
        kept.solved[row + w] = 1 if good else 0
        if not good:
            continue
        losses_w, slack_w = block.row[2, w] * base_va, block.row[3, w] * base_va
        reduced.totals[0] += losses_w
        reduced.totals[1] += slack_w
        reduced.totals[2] = max(reduced.totals[2], slack_w)
        reduced.totals[3] += 1.0
        if kept.power_w.shape[1]:
            kept.power_w[0, row + w], kept.power_w[1, row + w] = losses_w, slack_w


@njit(cache=True, nogil=True)
def _reduce_buses(
    net: Net, block: Block, used: int, step: int, row: int, bounds: Bounds, reduced: Reduced, kept: Kept
) -> None:  # pragma: no cover
    columns = len(net.kind)
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        phases_block(net, i, block.v_re[i], block.v_im[i], block.phases)
        for w in range(used):
            if block.row[0, w] == 0.0:
                continue
            low, high, mean = np.inf, 0.0, 0.0
            for c in range(columns):
                re, im = block.phases[0, c, w], block.phases[1, c, w]
                vm = math.sqrt(re * re + im * im)
                low, high, mean = min(low, vm), max(high, vm), mean + vm / columns
                if len(kept.vm_pu):
                    kept.vm_pu[row + w, b, c] = vm
            if low < reduced.vm_pu[0, b]:
                reduced.vm_pu[0, b], reduced.vm_step[0, b] = low, step + w
            if high > reduced.vm_pu[1, b]:
                reduced.vm_pu[1, b], reduced.vm_step[1, b] = high, step + w
            reduced.vm_pu[2, b] += mean
            reduced.outside[0, b] += low < bounds.vm_min_pu[b]
            reduced.outside[1, b] += high > bounds.vm_max_pu[b]
            reduced.vm_bins[b, _bin((mean - VM_LOW_PU) / VM_BIN_PU)] += 1
            vuf = 0.0
            if columns == 3:
                vuf = _unbalance(block, i, w)
            if vuf > reduced.vuf_pct[b]:
                reduced.vuf_pct[b], reduced.vuf_step[b] = vuf, step + w
            reduced.outside[2, b] += vuf > bounds.vuf_max_pct[b]
            if len(kept.vuf_pct):
                kept.vuf_pct[row + w, b] = vuf


@njit(cache=True, nogil=True)
def _unbalance(block: Block, i: int, w: int) -> float:  # pragma: no cover
    """100 |alpha - j beta| / |alpha + j beta|."""
    a_re, a_im = block.v_re[i, 0, w], block.v_im[i, 0, w]
    b_re, b_im = block.v_re[i, 1, w], block.v_im[i, 1, w]
    n_re, n_im, p_re, p_im = a_re + b_im, a_im - b_re, a_re - b_im, a_im + b_re
    return 100.0 * math.sqrt((n_re * n_re + n_im * n_im) / (p_re * p_re + p_im * p_im))


@njit(cache=True, nogil=True)
def _bin(place: float) -> int:  # pragma: no cover
    return int(min(max(place, 0.0), BINS - 1.0))


@njit(cache=True, nogil=True)
def _reduce_branches(
    block: Block,
    loading: Array,
    used: int,
    step: int,
    row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
) -> None:  # pragma: no cover
    for e in range(loading.shape[0]):
        for w in range(used):
            if block.row[0, w] == 0.0:
                continue
            pct = loading[e, w]
            if pct > reduced.loading_pct[0, e]:
                reduced.loading_pct[0, e], reduced.loading_step[e] = pct, step + w
            reduced.loading_pct[1, e] += pct
            reduced.over[e] += pct > bounds.max_loading_pct[e]
            reduced.loading_bins[e, _bin(pct / LOADING_BIN_PCT)] += 1
            if len(kept.loading_pct):
                kept.loading_pct[row + w, e] = pct
