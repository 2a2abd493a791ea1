"""Exact linearisation of a solved instant, compiled: what every W at a slot does to voltages and currents.

Differentiating Y_rr V = Y_rr W - conj(S / V) gives Y_rr dV = D conj(dV) - conj(dS) / conj(V) with
D = conj(S) / conj(V)^2, phase by phase. It contracts like the power flow itself, so the same sweeps solve it,
for all slots at once.
"""

# compiled functions take flat arguments

from __future__ import annotations

import math

import numpy as np

from twin.domain.ids import Array
from twin.grid.block import (
    LANES,
    add_product,
    clarke_block,
    lift_block,
    phases_block,
    place,
    recover_block,
    soft_source,
    sweep_block,
)
from twin.grid.jit import compiled
from twin.grid.kernel import (
    EXTRA,
    MAX_ITERATIONS,
    Net,
    branch_currents,
    largest_phase,
    to_clarke,
    to_phases,
)

_STANDS_STILL = 1e-10
"""Of the largest first answer."""


@compiled
def _squares(net: Net, drawn: Array, v: Array) -> Array:  # pragma: no cover
    """conj(S) / conj(V)^2 of every node and phase."""
    out = np.zeros_like(v)
    for i in range(len(v)):
        if len(net.kind) == 1:
            out[i, 0] = np.conj(drawn[i, 0] / (v[i, 0] * v[i, 0]))
        else:
            turn = net.nodes[i, EXTRA, 0]
            a, b, c = to_phases(v[i, 0], v[i, 1], v[i, 2], turn)
            out[i, 0] = np.conj(drawn[i, 0] / (a * a))
            out[i, 1] = np.conj(drawn[i, 1] / (b * b))
            out[i, 2] = np.conj(drawn[i, 2] / (c * c))
    return out


@compiled
def _put(out: Array, row: int, lane: int, value: complex) -> None:  # pragma: no cover
    at = place(row) + np.uint64(lane)
    out[at], out[at + LANES] = value.real, value.imag


@compiled
def _get(block: Array, row: int, lane: int) -> complex:  # pragma: no cover
    at = place(row) + np.uint64(lane)
    return complex(block[at], block[at + LANES])


@compiled
def _sources(net: Net, v: Array, nodes: Array, added: Array, out: Array) -> None:  # pragma: no cover
    """Write -conj(dS) / conj(V) of each slot in model coordinates."""
    width = len(net.kind)
    for w in range(len(nodes)):
        i = nodes[w]
        if width == 1:
            _put(out, i, w, -np.conj(added[w, 0] / v[i, 0]))
        else:
            turn = net.nodes[i, EXTRA, 0]
            a, b, c = to_phases(v[i, 0], v[i, 1], v[i, 2], turn)
            x = to_clarke(
                -np.conj(added[w, 0] / a), -np.conj(added[w, 1] / b), -np.conj(added[w, 2] / c), turn
            )
            for k in range(3):
                _put(out, 3 * i + k, w, x[k])


@compiled
def _conjugate_product(factor: complex, x: Array, at: int) -> None:  # pragma: no cover
    """Replace a pair by factor times its conjugate."""
    a, b = factor.real, factor.imag
    for w in range(LANES):
        re, im = x[at + w], x[at + LANES + w]
        x[at + w] = a * re + b * im
        x[at + LANES + w] = b * re - a * im


@compiled
def voltage_answers(
    net: Net, drawn: Array, v: Array, nodes: Array, added: Array
) -> Array:  # pragma: no cover
    """Change of every voltage per unit added at each of at most LANES slots, in model coordinates.

    Args:
        net: The compiled net.
        drawn: (N, P) power drawn in per unit at the solution.
        v: (N, P) the solution.
        nodes: (b,) node of each slot.
        added: (b, P) complex power that a unit of the slot adds to each phase.

    Returns:
        A block, see `twin.grid.block`; NaN where the linearisation has no answer.
    """
    n, width = len(net.rows) - 1, len(net.kind)
    size = place(len(v) * width)
    source = np.zeros(size)
    _sources(net, v, nodes, added, source)
    square = _squares(net, drawn, v)
    soft = soft_source(net)
    x, last = source.copy(), np.zeros(size)
    phases = np.zeros(place(width))
    first = 0.0
    for turn in range(MAX_ITERATIONS):
        sweep_block(net, x)
        if soft:
            lift_block(net, x)
        else:
            x[place(n * width) :] = 0.0
        moved = 0.0
        for k in range(place(net.silent * width), size):
            moved = max(moved, abs(x[k] - last[k]))
            last[k] = x[k]
        if turn == 0:
            first = moved
        if moved <= _STANDS_STILL * first:
            recover_block(net, x)
            return x
        for i in range(net.silent, len(v)):
            o = place(i * width)
            phases_block(net, i, last, o, phases, place(0))
            for c in range(width):
                _conjugate_product(square[i, c], phases, place(c))
            clarke_block(net, i, phases, x, o)
            for c in range(width):
                add_product(1.0 + 0j, source, place(i * width + c), x, place(i * width + c))
    x[:] = np.nan
    return x


@compiled
def bus_answers(
    net: Net, v: Array, dv: Array, count: int, dvm: Array, dvuf: Array
) -> None:  # pragma: no cover
    """Write d|V| (nb, P, count) and the change of the unbalance in % (nb, count); dead buses are left."""
    width = len(net.kind)
    phases = np.zeros(place(width))
    at = np.empty(3, dtype=np.complex128)
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        phases_block(net, i, dv, place(i * width), phases, place(0))
        if width == 1:
            at[0] = v[i, 0]
        else:
            at[0], at[1], at[2] = to_phases(v[i, 0], v[i, 1], v[i, 2], net.nodes[i, EXTRA, 0])
            _unbalance_answer(v[i, 0], v[i, 1], dv, 3 * i, dvuf[b])
        for c in range(width):
            scale = 1.0 / abs(at[c])
            x, y = at[c].real * scale, at[c].imag * scale
            for w in range(count):
                d = _get(phases, c, w)
                dvm[b, c, w] = x * d.real + y * d.imag


@compiled
def _unbalance_answer(
    alpha: complex, beta: complex, dv: Array, at: int, out: Array
) -> None:  # pragma: no cover
    """d(100 |n| / |p|) with n = alpha - j beta and p = alpha + j beta; 0 where there is no unbalance yet."""
    negative, positive = alpha - 1j * beta, alpha + 1j * beta
    size_n, size_p = abs(negative), abs(positive)
    toward_n = np.conj(negative) / size_n if size_n > 1e-12 else 0j
    toward_p = np.conj(positive) / size_p
    for w in range(len(out)):
        da = _get(dv, at, w)
        db = _get(dv, at + 1, w)
        dn = (toward_n * (da - 1j * db)).real
        dp = (toward_p * (da + 1j * db)).real
        out[w] = 100.0 * (dn / size_p - size_n * dp / (size_p * size_p))


@compiled
def loading_answers(
    net: Net, drawn: Array, v: Array, dv: Array, count: int, out: Array
) -> None:  # pragma: no cover
    """Write the change of loading of every element, (nl, count) in %, at its most loaded end and phase."""
    width = len(net.kind)
    flow = np.empty((len(net.ends), 2, width), dtype=np.complex128)
    branch_currents(net, drawn, v, flow)
    worst = np.full(len(out), -1.0)
    change, phases = np.zeros(place(width)), np.zeros(place(width))
    for e in range(len(net.rated)):
        m, side, element = net.rated[e, 0], net.rated[e, 1], net.rated[e, 2]
        square, phase = largest_phase(net, flow, m, side)
        size = math.sqrt(square)
        if net.rated_pct[e] * size <= worst[element]:
            continue
        worst[element] = net.rated_pct[e] * size
        change[:] = 0.0
        for c in range(width):
            for k in range(2):
                at = place(net.ends[m, k] * width + c)
                add_product(net.y[m, 2 * side + k, c], dv, at, change, place(c))
        i = net.ends[m, side]
        phases_block(net, i, change, place(0), phases, place(0))
        current = flow[m, side, 0]
        if width == 3:
            a, b, c0 = to_phases(flow[m, side, 0], flow[m, side, 1], flow[m, side, 2], net.nodes[i, EXTRA, 0])
            current = a if phase == 0 else (b if phase == 1 else c0)
        scale = net.rated_pct[e] / size if size > 0.0 else 0.0
        x, y = current.real * scale, current.imag * scale
        for w in range(count):
            d = _get(phases, phase, w)
            out[element, w] = x * d.real + y * d.imag
