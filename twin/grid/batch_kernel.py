"""Many instants per call, reduced where they are solved: nothing of the size steps x buses is ever stored.

LANES instants stand side by side, see `twin.grid.block`. Reductions belong to one slice of the steps; slices are
merged in their order, so the answer depends neither on threads nor on the size of the chunks of a slice.
"""

# compiled functions take flat arguments

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.grid.block import (
    LANES,
    PAIR,
    WIDTH,
    add_product,
    clarke_block,
    fill,
    lift_block,
    phases_block,
    place,
    recover_block,
    soft_source,
    start_block,
    sweep_block,
)
from twin.grid.jit import compiled
from twin.grid.kernel import SHUNT, SOURCE, Net

STANDS_STILL_PU = 1e-8
_STILL = STANDS_STILL_PU * STANDS_STILL_PU
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
    """Working memory of the instants of one block, laid out as `twin.grid.block` says."""

    drawn: Array
    v: Array
    x: Array
    loading: Array
    """(nl * WIDTH,) squares of loadings in %."""
    lane: Array
    """(WIDTH,) four times: largest last step, then 1 where solved; missing power; losses; slack power."""
    phases: Array
    currents: Array
    """P pairs of one node."""


def make_block(net: Net, branches: int) -> Block:
    """Allocate for a net with so many elements."""
    pair = 2 * len(net.kind) * WIDTH
    size = len(net.nodes) * pair
    return Block(
        drawn=np.zeros(size),
        v=np.zeros(size),
        x=np.zeros(size),
        loading=np.zeros(branches * WIDTH),
        lane=np.zeros(4 * WIDTH),
        phases=np.zeros(pair),
        currents=np.zeros(pair),
    )


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


@compiled
def solve_slice(
    net: Net,
    block: Block,
    p_w: Array,
    q_var: Array,
    first_step: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    """Solve (T, nb, P) powers and reduce them; steps are numbered from `first_step`, kept rows from 0."""
    for row in range(0, len(p_w), WIDTH):
        used = min(WIDTH, len(p_w) - row)
        _load(net, block, p_w, q_var, row, used)
        _iterate(net, block)
        recover_block(net, block.x)
        _silent_voltages(net, block)
        _flows(net, block)
        _totals(block, used, row, reduced, kept, net.kind[0])
        _buses(net, block, used, first_step, row, bounds, reduced, kept, quantiles)
        _branches(block, used, first_step, row, bounds, reduced, kept, quantiles)


@compiled
def _load(net: Net, block: Block, p_w: Array, q_var: Array, row: int, used: int) -> None:  # pragma: no cover
    """Bring the powers of `used` instants into place; lanes beyond them repeat the last one."""
    width = len(net.kind)
    for i in range(len(net.nodes)):
        for c in range(width):
            fill(net.fixed[i, c], block.drawn, place(i * width + c))
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        for c in range(width):
            o = place(i * width + c)
            scale = 1.0 / net.kind[c]
            for w in range(WIDTH):
                step = row + min(w, used - 1)
                block.drawn[o + np.uint64(w)] += p_w[step, b, c] * scale
                block.drawn[o + LANES + np.uint64(w)] += q_var[step, b, c] * scale


@compiled
def _currents(drawn: Array, o: int, v: Array, out: Array, width: int) -> None:  # pragma: no cover
    """Write -conj(S / V) of the phases of one node; `drawn` begins at o, voltages and currents at 0."""
    for c in range(width):
        r = place(c)
        for w in range(LANES):
            re, im = v[r + w], v[r + LANES + w]
            p, q = drawn[o + r + w], drawn[o + r + LANES + w]
            scale = -1.0 / (re * re + im * im)
            out[r + w] = scale * (p * re + q * im)
            out[r + LANES + w] = scale * (p * im - q * re)


@compiled
def _iterate(net: Net, block: Block) -> None:  # pragma: no cover
    """Repeat the fixed point until every lane stands still; the first of `block.lane` hold the last steps."""
    n, width = len(net.rows) - 1, len(net.kind)
    start_block(net, block.v)
    soft = soft_source(net)
    end = len(net.nodes) if soft else n
    for _ in range(MOST_ITERATIONS):
        block.x[place(net.silent * width) :] = 0.0
        for k in range(len(net.loads)):
            i = net.loads[k]
            o = place(i * width)
            phases_block(net, i, block.v, o, block.phases, place(0))
            _currents(block.drawn, o, block.phases, block.currents, width)
            clarke_block(net, i, block.currents, block.x, o)
        sweep_block(net, block.x)
        if soft:
            lift_block(net, block.x)
        block.lane[:WIDTH] = 0.0
        for i in range(net.silent, end):
            for c in range(width):
                _move(net.nodes[i, SOURCE, c], block.x, place(i * width + c), block.v, block.lane)
        if _all_rest(block.lane):
            return


@compiled
def _move(rest: complex, x: Array, o: int, v: Array, lane: Array) -> None:  # pragma: no cover
    a, b = rest.real, rest.imag
    for w in range(LANES):
        re, im = a + x[o + w], b + x[o + LANES + w]
        step_re, step_im = re - v[o + w], im - v[o + LANES + w]
        v[o + w], v[o + LANES + w] = re, im
        size = step_re * step_re + step_im * step_im
        lane[w] = max(lane[w], size)  # NaN stays


@compiled
def _all_rest(lane: Array) -> bool:  # pragma: no cover
    """Whether every lane stands still or has left for good."""
    moving = 0
    for w in range(WIDTH):
        moving += lane[w] >= _STILL and lane[w] < 1e6
    return moving == 0


@compiled
def _silent_voltages(net: Net, block: Block) -> None:  # pragma: no cover
    width = len(net.kind)
    for i in range(net.silent):
        for c in range(width):
            o = place(i * width + c)
            fill(net.nodes[i, SOURCE, c], block.v, o)
            add_product(1.0 + 0j, block.x, o, block.v, o)


@compiled
def _flows(net: Net, block: Block) -> None:  # pragma: no cover
    """Squares of loadings, losses, slack power and what is missing at the worst node."""
    n, width, zero = len(net.rows) - 1, len(net.kind), place(0)
    block.lane[WIDTH:] = 0.0
    block.loading[:] = 0.0
    block.x[:] = 0.0  # becomes the current that leaves each node into the net
    for i in range(len(net.nodes)):
        for c in range(width):
            shunt, o = net.nodes[i, SHUNT, c], place(i * width + c)
            if shunt != 0.0:
                add_product(shunt, block.v, o, block.x, o)
    square = np.zeros(LANES)
    e = 0
    for m in range(len(net.ends)):
        f, t = net.ends[m, 0], net.ends[m, 1]
        for side in range(2):
            here = t if side else f
            for c in range(width):
                o = place(here * width + c)
                at_f, at_t = place(f * width + c), place(t * width + c)
                _flow(
                    net.y[m, 2 * side, c],
                    net.y[m, 2 * side + 1, c],
                    block.v,
                    at_f,
                    at_t,
                    block.currents,
                    place(c),
                )
                add_product(1.0 + 0j, block.currents, place(c), block.x, o)
                _lose(block.currents, place(c), block.v, o, block.lane)
            if e < len(net.rated) and net.rated[e, 0] == m and net.rated[e, 1] == side:
                phases_block(net, here, block.currents, zero, block.phases, zero)
                _square(block.phases, width, square)
                while e < len(net.rated) and net.rated[e, 0] == m and net.rated[e, 1] == side:
                    _raise(square, net.rated_pct[e], block.loading, np.uint64(net.rated[e, 2]) * LANES)
                    e += 1
    for i in range(len(net.nodes)):
        o = place(i * width)
        phases_block(net, i, block.x, o, block.currents, zero)
        phases_block(net, i, block.v, o, block.phases, zero)
        for c in range(width):
            r = place(c)
            if i < n:
                _missing(block.currents, block.phases, r, block.drawn, o + r, block.lane)
            else:
                _taken(block.currents, block.phases, r, block.drawn, o + r, block.lane)


@compiled
def _flow(
    y_f: complex, y_t: complex, v: Array, at_f: int, at_t: int, out: Array, o: int
) -> None:  # pragma: no cover
    a, b, c, d = y_f.real, y_f.imag, y_t.real, y_t.imag
    for w in range(LANES):
        f_re, f_im, t_re, t_im = v[at_f + w], v[at_f + LANES + w], v[at_t + w], v[at_t + LANES + w]
        out[o + w] = a * f_re - b * f_im + c * t_re - d * t_im
        out[o + LANES + w] = a * f_im + b * f_re + c * t_im + d * t_re


@compiled
def _lose(flow: Array, k: int, v: Array, o: int, lane: Array) -> None:  # pragma: no cover
    """Add the power that enters a branch at one end to the losses."""
    for w in range(LANES):
        lane[PAIR + w] += v[o + w] * flow[k + w] + v[o + LANES + w] * flow[k + LANES + w]


@compiled
def _square(phases: Array, width: int, out: Array) -> None:  # pragma: no cover
    """Square of the largest phase."""
    out[:] = 0.0
    for c in range(width):
        r = place(c)
        for w in range(LANES):
            size = phases[r + w] * phases[r + w] + phases[r + LANES + w] * phases[r + LANES + w]
            out[w] = max(out[w], size)


@compiled
def _raise(square: Array, pct: float, loading: Array, o: int) -> None:  # pragma: no cover
    scale = pct * pct
    for w in range(LANES):
        size = scale * square[w]
        loading[o + w] = max(loading[o + w], size)


@compiled
def _missing(i: Array, v: Array, r: int, drawn: Array, o: int, lane: Array) -> None:  # pragma: no cover
    """Raise the square of the missing power to that of one node and phase."""
    for w in range(LANES):
        a, b, x, y = v[r + w], v[r + LANES + w], i[r + w], i[r + LANES + w]
        p, q = a * x + b * y + drawn[o + w], b * x - a * y + drawn[o + LANES + w]
        size = p * p + q * q
        lane[LANES + w] = max(lane[LANES + w], size)


@compiled
def _taken(i: Array, v: Array, r: int, drawn: Array, o: int, lane: Array) -> None:  # pragma: no cover
    for w in range(LANES):
        lane[PAIR + LANES + w] += v[r + w] * i[r + w] + v[r + LANES + w] * i[r + LANES + w] + drawn[o + w]


@compiled
def _totals(
    block: Block, used: int, row: int, reduced: Reduced, kept: Kept, base_va: float
) -> None:  # pragma: no cover
    """Losses, slack power, and which lanes are solved: row 0 becomes 1 for these, 0 for others."""
    lane = block.lane
    for w in range(used):
        good = lane[w] < _STILL and math.sqrt(lane[WIDTH + w]) * base_va < 1.0
        lane[w] = 1.0 if good else 0.0
        kept.solved[row + w] = 1 if good else 0
        if not good:
            continue
        losses_w, slack_w = lane[2 * WIDTH + w] * base_va, lane[3 * WIDTH + w] * base_va
        reduced.totals[0] += losses_w
        reduced.totals[1] += slack_w
        reduced.totals[2] = max(reduced.totals[2], slack_w)
        reduced.totals[3] += 1.0
        if kept.power_w.shape[1]:
            kept.power_w[0, row + w], kept.power_w[1, row + w] = losses_w, slack_w


@compiled
def _magnitudes(net: Net, i: int, v: Array, phases: Array, out: Array) -> None:  # pragma: no cover
    """Write magnitudes in place of the real parts of `phases`; their lowest, highest and mean into `out`."""
    width = len(net.kind)
    phases_block(net, i, v, place(i * width), phases, place(0))
    for w in range(LANES):
        out[w] = np.inf
        out[LANES + w] = 0.0
        out[PAIR + w] = 0.0
    for c in range(width):
        r = place(c)
        for w in range(LANES):
            size = math.sqrt(phases[r + w] * phases[r + w] + phases[r + LANES + w] * phases[r + LANES + w])
            phases[r + w] = size
            out[w] = min(out[w], size)
            out[LANES + w] = max(out[LANES + w], size)
            out[PAIR + w] += size / width


@compiled
def _unbalance(v: Array, o: int, out: Array) -> None:  # pragma: no cover
    """Write 100 |alpha - j beta| / |alpha + j beta| as the fourth row of `out`."""
    for w in range(LANES):
        a_re, a_im, b_re, b_im = v[o + w], v[o + LANES + w], v[o + PAIR + w], v[o + PAIR + LANES + w]
        n_re, n_im, p_re, p_im = a_re + b_im, a_im - b_re, a_re - b_im, a_im + b_re
        out[PAIR + LANES + w] = 100.0 * math.sqrt((n_re * n_re + n_im * n_im) / (p_re * p_re + p_im * p_im))


@compiled
def _buses(
    net: Net,
    block: Block,
    used: int,
    first_step: int,
    row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    width = len(net.kind)
    found = np.zeros(4 * WIDTH)
    low, high, mean, vuf = found[:WIDTH], found[WIDTH:], found[2 * WIDTH :], found[3 * WIDTH :]
    solved = block.lane
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        _magnitudes(net, i, block.v, block.phases, found)
        if width == 3:
            _unbalance(block.v, place(i * width), found)
        for w in range(used):
            if solved[w] == 0.0:
                continue
            step = first_step + row + w
            if low[w] < reduced.vm_pu[0, b]:
                reduced.vm_pu[0, b], reduced.vm_step[0, b] = low[w], step
            if high[w] > reduced.vm_pu[1, b]:
                reduced.vm_pu[1, b], reduced.vm_step[1, b] = high[w], step
            if vuf[w] > reduced.vuf_pct[b]:
                reduced.vuf_pct[b], reduced.vuf_step[b] = vuf[w], step
            reduced.vm_pu[2, b] += mean[w]
            reduced.outside[0, b] += low[w] < bounds.vm_min_pu[b]
            reduced.outside[1, b] += high[w] > bounds.vm_max_pu[b]
            reduced.outside[2, b] += vuf[w] > bounds.vuf_max_pct[b]
            if quantiles:
                reduced.vm_bins[b, _bin((mean[w] - VM_LOW_PU) / VM_BIN_PU)] += 1
            if len(kept.vuf_pct):
                kept.vuf_pct[row + w, b] = vuf[w]
            if len(kept.vm_pu):
                for c in range(width):
                    kept.vm_pu[row + w, b, c] = block.phases[2 * c * WIDTH + w]


@compiled
def _bin(place: float) -> int:  # pragma: no cover
    return int(min(max(place, 0.0), BINS - 1.0))


@compiled
def _branches(
    block: Block,
    used: int,
    first_step: int,
    row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    solved, loading = block.lane, np.zeros(LANES)
    for e in range(len(reduced.over)):
        o = np.uint64(e) * LANES
        for w in range(LANES):
            loading[w] = math.sqrt(block.loading[o + w])
        for w in range(used):
            if solved[w] == 0.0:
                continue
            if loading[w] > reduced.loading_pct[0, e]:
                reduced.loading_pct[0, e], reduced.loading_step[e] = loading[w], first_step + row + w
            reduced.loading_pct[1, e] += loading[w]
            reduced.over[e] += loading[w] > bounds.max_loading_pct[e]
            if quantiles:
                reduced.loading_bins[e, _bin(loading[w] / LOADING_BIN_PCT)] += 1
            if len(kept.loading_pct):
                kept.loading_pct[row + w, e] = loading[w]
