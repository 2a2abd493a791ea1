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
from twin.grid.batch_block import (
    LOSSES,
    MISSING,
    SLACK,
    STILL,
    Block,
    flows,
    iterate,
    lanes_of,
    load_block,
)
from twin.grid.block import FOUR, LANES, PAIR, WIDTH, place
from twin.grid.jit import compiled
from twin.grid.kernel import EXTRA, Net, to_phases

BINS = 400
VM_LOW_PU, VM_BIN_PU = 0.7, 0.0015
LOADING_BIN_PCT = 0.5
"""Histograms for quantiles: 0.7 to 1.3 pu and 0 to 200 %; what lies outside counts in the last bins."""
ONE, QUARTER = np.uint64(1), np.uint64(WIDTH // 4)
LOW, HIGH, MEAN, VUF, PHASE = (np.uint64(k * WIDTH) for k in range(5))
"""Rows of what is found of one bus: lowest, highest and mean phase, unbalance, and the three phases."""


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
    """(nb, BINS) steps by the mean of the phases; no rows where nobody asks for quantiles."""
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


def make_reduced(buses: int, branches: int, *, quantiles: bool) -> Reduced:
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
        vm_bins=np.zeros((buses if quantiles else 0, BINS), dtype=np.int64),
        loading_bins=np.zeros((branches if quantiles else 0, BINS), dtype=np.int64),
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
    solved = np.zeros(LANES)
    for row in range(0, len(p_w), WIDTH):
        used = min(WIDTH, len(p_w) - row)
        load_block(net, block, p_w, q_var, row, used)
        iterate(net, block)
        flows(net, block)
        _totals(block, used, row, reduced, kept, net.kind[0], solved)
        _buses(net, block, solved, first_step, row, bounds, reduced, kept, quantiles)
        _branches(block, solved, first_step, row, bounds, reduced, kept, quantiles)


@compiled
def _totals(
    block: Block, used: int, row: int, reduced: Reduced, kept: Kept, base_va: float, solved: Array
) -> None:  # pragma: no cover
    """Losses, slack power, and which lanes are solved: 1 for these, 0 for others and those beyond `used`."""
    lane = block.lane
    solved[:] = 0.0
    for k in range(used):
        w = np.uint64(k)
        # a maximum loses NaN, a sum does not: the losses are the sum over all nodes
        finite = abs(lane[LOSSES + w]) < np.inf and abs(lane[SLACK + w]) < np.inf
        good = finite and lane[w] < STILL and math.sqrt(lane[MISSING + w]) * base_va < 1.0
        kept.solved[row + k] = 1 if good else 0
        if not good:
            continue
        solved[w] = 1.0
        losses_w, slack_w = lane[LOSSES + w] * base_va, lane[SLACK + w] * base_va
        reduced.totals[0] += losses_w
        reduced.totals[1] += slack_w
        reduced.totals[2] = max(reduced.totals[2], slack_w)
        reduced.totals[3] += 1.0
        if kept.power_w.shape[1]:
            kept.power_w[0, row + k], kept.power_w[1, row + k] = losses_w, slack_w


@compiled
def _least(x: Array, o: int) -> float:  # pragma: no cover
    least = x[o]
    for w in range(LANES):
        least = min(least, x[o + w])
    return least


@compiled
def _most(x: Array, o: int) -> float:  # pragma: no cover
    most = x[o]
    for w in range(LANES):
        most = max(most, x[o + w])
    return most


@compiled
def _sum(x: Array, o: int) -> float:  # pragma: no cover
    """Sum of four partial sums, which do not wait for each other."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for k in range(QUARTER):
        w = o + k + k + k + k
        a += x[w]
        b += x[w + ONE]
        c += x[w + ONE + ONE]
        d += x[w + ONE + ONE + ONE]
    return (a + b) + (c + d)


@compiled
def _first(x: Array, o: int, value: float) -> int:  # pragma: no cover
    """First lane with this value."""
    for k in range(WIDTH):
        if x[o + np.uint64(k)] == value:
            return k
    return -1


@compiled
def _outside(x: Array, o: int, limit: float, sign: float) -> int:  # pragma: no cover
    """Number of lanes above the limit, or below it where `sign` is -1."""
    count = 0
    for w in range(LANES):
        count += sign * x[o + w] > sign * limit
    return count


@compiled
def _hide(solved: Array, found: Array, low: int, high: int, mean: int) -> None:  # pragma: no cover
    """Put lanes without a solution where they are neither lowest nor highest and add nothing."""
    for w in range(LANES):
        if solved[w] == 0.0:
            found[low + w] = np.inf
            found[high + w] = -np.inf
            found[mean + w] = 0.0


@compiled
def _magnitudes(
    kind: tuple[float, ...], turn: complex, v: Array, o: int, found: Array, lanes: int
) -> None:  # pragma: no cover
    """Write the rows of `found`, see LOW; of one phase the first alone, unbalance stays 0."""
    if len(kind) == 1:
        for w in range(lanes):
            found[w] = math.sqrt(v[o + w] * v[o + w] + v[o + LANES + w] * v[o + LANES + w])
        return
    for w in range(LANES):
        a_re, a_im, b_re, b_im = v[o + w], v[o + LANES + w], v[o + PAIR + w], v[o + PAIR + LANES + w]
        zero = complex(v[o + FOUR + w], v[o + FOUR + LANES + w])
        a, b, c = to_phases(complex(a_re, a_im), complex(b_re, b_im), zero, turn)
        x, y, z = _size(a), _size(b), _size(c)
        found[PHASE + w], found[PHASE + LANES + w], found[PHASE + PAIR + w] = x, y, z
        found[LOW + w] = min(x, y, z)
        found[HIGH + w] = max(x, y, z)
        found[MEAN + w] = (x + y + z) / 3.0
        n_re, n_im, p_re, p_im = a_re + b_im, a_im - b_re, a_re - b_im, a_im + b_re
        found[VUF + w] = 100.0 * math.sqrt((n_re * n_re + n_im * n_im) / (p_re * p_re + p_im * p_im))


@compiled
def _size(x: complex) -> float:  # pragma: no cover
    return math.sqrt(x.real * x.real + x.imag * x.imag)


@compiled
def _buses(
    net: Net,
    block: Block,
    solved: Array,
    first_step: int,
    row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    found, lanes = np.zeros(7 * WIDTH), lanes_of(block.lane)
    whole = _least(solved, LOW) > 0.0
    three = len(net.kind) == 3
    # where every lane counts, the magnitude of one phase is its lowest, its highest and its mean
    high_at, mean_at = (HIGH, MEAN) if three or not whole else (LOW, LOW)
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        _magnitudes(net.kind, net.nodes[i, EXTRA, 0], block.v, place(i * len(net.kind)), found, lanes)
        if quantiles or len(kept.vuf_pct) or len(kept.vm_pu):
            _keep_bus(b, row, len(net.kind), solved, found, reduced, kept, quantiles)
        if not whole:
            if not three:
                found[WIDTH : 2 * WIDTH] = found[:WIDTH]
                found[2 * WIDTH : 3 * WIDTH] = found[:WIDTH]
            _hide(solved, found, LOW, HIGH, MEAN)
        low, high = _least(found, LOW), _most(found, high_at)
        if low < reduced.vm_pu[0, b]:
            reduced.vm_pu[0, b] = low
            reduced.vm_step[0, b] = first_step + row + _first(found, LOW, low)
        if low < bounds.vm_min_pu[b]:
            reduced.outside[0, b] += _outside(found, LOW, bounds.vm_min_pu[b], -1.0)
        if high > reduced.vm_pu[1, b]:
            reduced.vm_pu[1, b] = high
            reduced.vm_step[1, b] = first_step + row + _first(found, high_at, high)
        if high > bounds.vm_max_pu[b]:
            reduced.outside[1, b] += _outside(found, high_at, bounds.vm_max_pu[b], 1.0)
        reduced.vm_pu[2, b] += _sum(found, mean_at)
        if not whole:
            _hide(solved, found, MEAN, VUF, MEAN)
        if three or reduced.vuf_step[b] < 0:  # of one phase it stays 0
            vuf = _most(found, VUF)
            if vuf > reduced.vuf_pct[b]:
                reduced.vuf_pct[b] = vuf
                reduced.vuf_step[b] = first_step + row + _first(found, VUF, vuf)
            if vuf > bounds.vuf_max_pct[b]:
                reduced.outside[2, b] += _outside(found, VUF, bounds.vuf_max_pct[b], 1.0)


@compiled
def _keep_bus(
    b: int,
    row: int,
    width: int,
    solved: Array,
    found: Array,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    """Count for the histograms, and fill the tables."""
    mean_at, phase_at = (MEAN, PHASE) if width == 3 else (LOW, LOW)
    for k in range(WIDTH):
        w = np.uint64(k)
        if solved[w] == 0.0:
            continue
        if quantiles:
            reduced.vm_bins[b, _bin((found[mean_at + w] - VM_LOW_PU) / VM_BIN_PU)] += 1
        if len(kept.vuf_pct):
            kept.vuf_pct[row + k, b] = found[VUF + w]
        if len(kept.vm_pu):
            for c in range(width):
                kept.vm_pu[row + k, b, c] = found[phase_at + np.uint64(c) * LANES + w]


@compiled
def _bin(place: float) -> int:  # pragma: no cover
    return int(min(max(place, 0.0), BINS - 1.0))


@compiled
def _branches(
    block: Block,
    solved: Array,
    first_step: int,
    row: int,
    bounds: Bounds,
    reduced: Reduced,
    kept: Kept,
    quantiles: bool,
) -> None:  # pragma: no cover
    loading, start, lanes = np.zeros(LANES), np.uint64(0), lanes_of(block.lane)
    whole = _least(solved, start) > 0.0
    for e in range(len(reduced.over)):
        o = np.uint64(e) * LANES
        for w in range(lanes):
            loading[w] = math.sqrt(block.loading[o + w])
        if quantiles or len(kept.loading_pct):
            _keep_branch(e, row, solved, loading, reduced, kept, quantiles)
        if not whole:
            for w in range(LANES):
                loading[w] = loading[w] if solved[w] > 0.0 else -np.inf
        most = _most(loading, start)
        if most > reduced.loading_pct[0, e]:
            reduced.loading_pct[0, e] = most
            reduced.loading_step[e] = first_step + row + _first(loading, start, most)
        if most > bounds.max_loading_pct[e]:
            reduced.over[e] += _outside(loading, start, bounds.max_loading_pct[e], 1.0)
        if not whole:
            for w in range(LANES):
                loading[w] = max(loading[w], 0.0)
        reduced.loading_pct[1, e] += _sum(loading, start)


@compiled
def _keep_branch(
    e: int, row: int, solved: Array, loading: Array, reduced: Reduced, kept: Kept, quantiles: bool
) -> None:  # pragma: no cover
    """Count for the histograms, and fill the table."""
    for k in range(WIDTH):
        if solved[k] == 0.0:
            continue
        if quantiles:
            reduced.loading_bins[e, _bin(loading[k] / LOADING_BIN_PCT)] += 1
        if len(kept.loading_pct):
            kept.loading_pct[row + k, e] = loading[k]
