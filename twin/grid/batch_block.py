"""The power flow of one block: LANES instants side by side, from their powers to voltages and loadings.

The fixed point of `twin.grid.kernel`, arranged for throughput. Rows of both factors are scaled so that the
division by the diagonal disappears into them; voltages are only moved where load hangs on them, all others
follow behind the last iteration; and what is needed of a node or branch is done in one pass over its lanes.
"""

# compiled functions take flat arguments

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Complexes, Mask
from twin.grid.block import (
    FOUR,
    LANES,
    PAIR,
    WIDTH,
    add_product,
    fill,
    lift_row,
    multiply,
    place,
    recover_block,
    soft_source,
    source_block,
    start_block,
)
from twin.grid.jit import compiled, inlined
from twin.grid.kernel import EXTRA, INVERSE, SHUNT, SOURCE, Net, injected, to_clarke, to_phases

STANDS_STILL_PU = 1e-8
STILL = STANDS_STILL_PU * STANDS_STILL_PU
MOST_ITERATIONS = 100
"""Of a block; instants that need more are told as unsolved, and `kernel.solve` gives them another chance."""
MOVED, MISSING, LOSSES, SLACK = np.uint64(0), LANES, PAIR, PAIR + LANES
"""Rows of `Block.lane`: square of the largest last step; of the missing power; losses; slack power."""


class Block(NamedTuple):
    """Working memory of the instants of one block, laid out as `twin.grid.block` says."""

    drawn: Array
    v: Array
    x: Array
    loading: Array
    """(nl * WIDTH,) squares of loadings in %."""
    lane: Array
    """(WIDTH,) four times, see MOVED."""
    ends: Array
    """2 P pairs: currents into both ends of one branch."""
    answer: Array
    """2 pairs: the source's negative and zero sequence."""
    factors: Complexes
    """As `Net.factors`: what `_forward` and `_backward` add, scaled by the diagonal."""
    loaded: Mask
    """(N,) True for nodes that may carry load."""


def make_block(net: Net, branches: int) -> Block:
    """Allocate for a net with so many elements."""
    pair = 2 * len(net.kind) * WIDTH
    size = len(net.nodes) * pair
    loaded: Mask = np.zeros(len(net.nodes), dtype=bool)
    loaded[net.loads] = True
    drawn = np.zeros(size)
    factors = np.zeros_like(net.factors)
    _scale(net, factors)
    return Block(
        drawn=drawn,
        v=np.zeros(size),
        x=np.zeros(size),
        loading=np.zeros(branches * WIDTH),
        lane=np.zeros(4 * WIDTH),
        ends=np.zeros(2 * pair),
        answer=np.zeros(4 * WIDTH),
        factors=factors,
        loaded=loaded,
    )


@compiled
def _scale(net: Net, out: Complexes) -> None:  # pragma: no cover
    """Scale rows by their own diagonal, and the lower factor's columns by theirs, too; turn the sign."""
    for i in range(net.silent, len(net.rows) - 1):
        for c in range(len(net.kind)):
            own = net.nodes[i, INVERSE, c]
            for k in range(net.rows[i, 1], net.rows[i + 1, 1]):
                out[k, c] = -own * net.factors[k, c] / net.nodes[net.columns[k], INVERSE, c]
            for k in range(net.rows[i, 2], net.rows[i + 1, 2]):
                out[k, c] = -own * net.factors[k, c]


@compiled
def usable(powers: Array, idle: Array) -> bool:  # pragma: no cover
    """Whether (T, nb, P) powers are finite, and 0 at the buses `idle`."""
    flat = powers.reshape(-1)
    bad = 0
    for k in range(len(flat)):
        bad += flat[k] - flat[k] != 0.0  # infinite or NaN
    for t in range(len(powers)):
        for k in range(len(idle)):
            for c in range(powers.shape[2]):
                bad += powers[t, idle[k], c] != 0.0
    return bad == 0


@compiled
def load_block(
    net: Net, block: Block, p_w: Array, q_var: Array, row: int, used: int
) -> None:  # pragma: no cover
    """Bring the powers of `used` instants into place; lanes beyond them repeat the last one."""
    width = len(net.kind)
    for k in range(len(net.loads)):
        i = net.loads[k]
        for c in range(width):
            fill(net.fixed[i, c], block.drawn, place(i * width + c))
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0 or not block.loaded[i]:
            continue
        for c in range(width):
            o = place(i * width + c)
            scale = 1.0 / net.kind[c]
            for w in range(used):
                block.drawn[o + np.uint64(w)] += p_w[row + w, b, c] * scale
                block.drawn[o + LANES + np.uint64(w)] += q_var[row + w, b, c] * scale
            for w in range(used, WIDTH):
                block.drawn[o + np.uint64(w)] += p_w[row + used - 1, b, c] * scale
                block.drawn[o + LANES + np.uint64(w)] += q_var[row + used - 1, b, c] * scale


@compiled
def iterate(net: Net, block: Block) -> None:  # pragma: no cover
    """Repeat the fixed point until every lane stands still, or has left for good; then set all voltages."""
    n, width, soft = len(net.rows) - 1, len(net.kind), soft_source(net)
    start_block(net, block.v)
    for _ in range(MOST_ITERATIONS):
        _forward(net, block, soft)
        _backward(net, block)
        if soft:
            source_block(net, block.x, block.answer)
        block.lane[:WIDTH] = 0.0
        for k in range(len(net.loads)):
            i = net.loads[k]
            if i >= n and not soft:
                continue
            if soft and i < n:
                lift_row(net.nodes[i, EXTRA, 1], net.nodes[i, EXTRA, 2], block.answer, block.x, place(3 * i))
            for c in range(width):
                _move(net.nodes[i, SOURCE, c], block.x, place(i * width + c), block.v, block.lane)
        if _all_rest(block.lane):
            break
    if soft:
        for i in range(net.silent, n):
            if not block.loaded[i]:
                lift_row(net.nodes[i, EXTRA, 1], net.nodes[i, EXTRA, 2], block.answer, block.x, place(3 * i))
    recover_block(net, block.x)
    for i in range(n):
        for c in range(width):
            _settle(net.nodes[i, SOURCE, c], block.x, place(i * width + c), block.v)


@compiled
def _forward(net: Net, block: Block, soft: bool) -> None:  # pragma: no cover
    """Currents of the loads, and the forward sweep; slack rows keep their currents for `source_block`."""
    n, width, x = len(net.rows) - 1, len(net.kind), block.x
    for i in range(net.silent, n):
        if block.loaded[i]:
            _current(net.kind, net.nodes[i, EXTRA, 0], place(i * width), block.drawn, block.v, x)
            for c in range(width):
                multiply(net.nodes[i, INVERSE, c], x, place(i * width + c))
        else:
            for c in range(width):
                fill(0j, x, place(i * width + c))
        for k in range(net.rows[i, 1], net.rows[i + 1, 1]):
            j = net.columns[k]
            for c in range(width):
                add_product(block.factors[k, c], x, place(j * width + c), x, place(i * width + c))
    if soft:
        for i in range(n, len(net.nodes)):
            _current(net.kind, net.nodes[i, EXTRA, 0], place(i * width), block.drawn, block.v, x)


@compiled
def _backward(net: Net, block: Block) -> None:  # pragma: no cover
    width, x = len(net.kind), block.x
    for i in range(len(net.rows) - 2, net.silent - 1, -1):
        for k in range(net.rows[i, 2], net.rows[i + 1, 2]):
            j = net.columns[k]
            for c in range(width):
                add_product(block.factors[k, c], x, place(j * width + c), x, place(i * width + c))


@inlined
def _current(
    kind: tuple[float, ...], turn: complex, o: int, drawn: Array, v: Array, x: Array
) -> None:  # pragma: no cover
    """Write what the loads of a node inject, -conj(S / V) of each phase, in model coordinates."""
    if len(kind) == 1:
        for w in range(LANES):
            re, im, p, q = v[o + w], v[o + LANES + w], drawn[o + w], drawn[o + LANES + w]
            scale = -1.0 / (re * re + im * im)
            x[o + w] = scale * (p * re + q * im)
            x[o + LANES + w] = scale * (p * im - q * re)
        return
    for w in range(LANES):
        a, b, c = to_phases(_at(v, o + w), _at(v, o + PAIR + w), _at(v, o + FOUR + w), turn)
        alpha, beta, zero = to_clarke(
            injected(_at(drawn, o + w), a),
            injected(_at(drawn, o + PAIR + w), b),
            injected(_at(drawn, o + FOUR + w), c),
            turn,
        )
        x[o + w], x[o + LANES + w] = alpha.real, alpha.imag
        x[o + PAIR + w], x[o + PAIR + LANES + w] = beta.real, beta.imag
        x[o + FOUR + w], x[o + FOUR + LANES + w] = zero.real, zero.imag


@inlined
def _at(x: Array, o: int) -> complex:  # pragma: no cover
    """The complex number of one lane."""
    return complex(x[o], x[o + LANES])


@inlined
def _move(rest: complex, x: Array, o: int, v: Array, lane: Array) -> None:  # pragma: no cover
    a, b = rest.real, rest.imag
    for w in range(LANES):
        re, im = a + x[o + w], b + x[o + LANES + w]
        step_re, step_im = re - v[o + w], im - v[o + LANES + w]
        v[o + w], v[o + LANES + w] = re, im
        size = step_re * step_re + step_im * step_im
        lane[w] = max(lane[w], size)  # loses NaN; see where steps are judged


@inlined
def _settle(rest: complex, x: Array, o: int, v: Array) -> None:  # pragma: no cover
    a, b = rest.real, rest.imag
    for w in range(LANES):
        v[o + w], v[o + LANES + w] = a + x[o + w], b + x[o + LANES + w]


@compiled
def _all_rest(lane: Array) -> bool:  # pragma: no cover
    """Whether every lane stands still or has left for good."""
    moving = 0
    for w in range(lanes_of(lane)):
        moving += (lane[w] >= STILL) & (lane[w] < 1e6)
    return moving == 0


@compiled
def lanes_of(lane: Array) -> np.uint64:  # pragma: no cover
    """LANES, as a number that the compiler does not know.

    It would write short loops out 32 times instead of in vectors.
    """
    return np.uint64(len(lane)) >> np.uint64(2)


@compiled
def flows(net: Net, block: Block) -> None:  # pragma: no cover
    """Squares of loadings, losses, slack power and what is missing at the worst node."""
    width, lanes, ends, lane = len(net.kind), lanes_of(block.lane), block.ends, block.lane
    lane[WIDTH:] = 0.0
    block.loading[:] = 0.0
    block.x[:] = 0.0  # becomes the current that leaves each node into branches
    square = np.zeros(LANES)
    e = 0
    for m in range(len(net.ends)):
        f, t = net.ends[m, 0], net.ends[m, 1]
        for c in range(width):
            at_f, at_t, near, far = place(f * width + c), place(t * width + c), place(c), place(width + c)
            _flow(net.y[m, 0, c], net.y[m, 1, c], block.v, at_f, at_t, ends, near)
            _flow(net.y[m, 2, c], net.y[m, 3, c], block.v, at_f, at_t, ends, far)
            _add(ends, near, block.x, at_f)
            _add(ends, far, block.x, at_t)
        for side in range(2):
            found = False
            while e < len(net.rated) and net.rated[e, 0] == m and net.rated[e, 1] == side:
                if not found:
                    turn = net.nodes[net.ends[m, side], EXTRA, 0]
                    _largest(net.kind, turn, ends, place(side * width), square, lanes)
                    found = True
                _raise(square, net.rated_pct[e], block.loading, np.uint64(net.rated[e, 2]) * LANES, lanes)
                e += 1
    for i in range(len(net.nodes)):
        for c in range(width):
            o = place(i * width + c)
            _lose(block.v, block.x, o, lane)
            shunt = net.nodes[i, SHUNT, c]
            if shunt != 0.0:
                add_product(shunt, block.v, o, block.x, o)
        o, turn = place(i * width), net.nodes[i, EXTRA, 0]
        if not block.loaded[i]:
            for c in range(width):
                _stray(block.x, o + place(c), lane)
        else:
            _phases(net.kind, turn, block.x, o, ends, place(0))
            _phases(net.kind, turn, block.v, o, ends, place(width))
            for c in range(width):
                r = place(c)
                if i < len(net.rows) - 1:
                    _miss(ends, r, place(width + c), block.drawn, o + r, lane)
                else:
                    _take(ends, r, place(width + c), block.drawn, o + r, lane)


@compiled
def _phases(
    kind: tuple[float, ...], turn: complex, x: Array, at: int, out: Array, to: int
) -> None:  # pragma: no cover
    """Write P pairs of phases from the model coordinates at `at`."""
    if len(kind) == 1:
        for w in range(PAIR):
            out[to + w] = x[at + w]
        return
    for w in range(LANES):
        a, b, c = to_phases(_at(x, at + w), _at(x, at + PAIR + w), _at(x, at + FOUR + w), turn)
        out[to + w], out[to + LANES + w] = a.real, a.imag
        out[to + PAIR + w], out[to + PAIR + LANES + w] = b.real, b.imag
        out[to + FOUR + w], out[to + FOUR + LANES + w] = c.real, c.imag


@inlined
def _flow(
    y_f: complex, y_t: complex, v: Array, at_f: int, at_t: int, out: Array, o: int
) -> None:  # pragma: no cover
    a, b, c, d = y_f.real, y_f.imag, y_t.real, y_t.imag
    for w in range(LANES):
        f_re, f_im, t_re, t_im = v[at_f + w], v[at_f + LANES + w], v[at_t + w], v[at_t + LANES + w]
        out[o + w] = a * f_re - b * f_im + c * t_re - d * t_im
        out[o + LANES + w] = a * f_im + b * f_re + c * t_im + d * t_re


@inlined
def _add(source: Array, at: int, target: Array, to: int) -> None:  # pragma: no cover
    for w in range(PAIR):
        target[to + w] += source[at + w]


@inlined
def _largest(
    kind: tuple[float, ...], turn: complex, ends: Array, o: int, out: Array, lanes: int
) -> None:  # pragma: no cover
    """Square of the current of the phase that carries most at an end of a branch."""
    if len(kind) == 1:
        for w in range(lanes):
            out[w] = ends[o + w] * ends[o + w] + ends[o + LANES + w] * ends[o + LANES + w]
        return
    for w in range(LANES):
        a, b, c = to_phases(_at(ends, o + w), _at(ends, o + PAIR + w), _at(ends, o + FOUR + w), turn)
        out[w] = max(_square(a), _square(b), _square(c))


@compiled
def _square(x: complex) -> float:  # pragma: no cover
    return x.real * x.real + x.imag * x.imag


@inlined
def _raise(square: Array, pct: float, loading: Array, o: int, lanes: int) -> None:  # pragma: no cover
    scale = pct * pct
    for w in range(lanes):
        size = scale * square[w]
        loading[o + w] = max(loading[o + w], size)


@inlined
def _lose(v: Array, x: Array, o: int, lane: Array) -> None:  # pragma: no cover
    """Add the power that leaves a node into branches: over all nodes, their losses."""
    for w in range(LANES):
        lane[LOSSES + w] += v[o + w] * x[o + w] + v[o + LANES + w] * x[o + LANES + w]


@inlined
def _stray(x: Array, o: int, lane: Array) -> None:  # pragma: no cover
    """Raise the missing power to that of a node that draws nothing: its current, at about 1 pu."""
    for w in range(LANES):
        size = x[o + w] * x[o + w] + x[o + LANES + w] * x[o + LANES + w]
        lane[MISSING + w] = max(lane[MISSING + w], size)


@inlined
def _miss(phases: Array, i: int, v: int, drawn: Array, o: int, lane: Array) -> None:  # pragma: no cover
    """Raise the missing power to that of a phase: what leaves the node, V conj(I), and what is drawn."""
    for w in range(LANES):
        a, b, x, y = phases[v + w], phases[v + LANES + w], phases[i + w], phases[i + LANES + w]
        p, q = a * x + b * y + drawn[o + w], b * x - a * y + drawn[o + LANES + w]
        size = p * p + q * q
        lane[MISSING + w] = max(lane[MISSING + w], size)


@compiled
def _take(phases: Array, i: int, v: int, drawn: Array, o: int, lane: Array) -> None:  # pragma: no cover
    for w in range(LANES):
        p = phases[v + w] * phases[i + w] + phases[v + LANES + w] * phases[i + LANES + w]
        lane[SLACK + w] += p + drawn[o + w]
