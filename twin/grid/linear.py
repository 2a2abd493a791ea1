"""Exact linearisation of a solved instant, compiled: what every W at a slot does to voltages and currents.

Differentiating Y_rr V = Y_rr W - conj(S / V) gives Y_rr dV = D conj(dV) - conj(dS) / conj(V) with
D = conj(S) / conj(V)^2, phase by phase. It contracts like the power flow itself, so the same sweeps solve it,
for all slots at once.
"""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np
from numba import njit

from twin.domain.ids import Array
from twin.grid.block import (
    clarke_block,
    lift_block,
    phases_block,
    recover_block,
    soft_source,
    sweep_block,
)
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


@njit(cache=True)
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


@njit(cache=True)
def _sources(
    net: Net, v: Array, nodes: Array, added: Array, re: Array, im: Array
) -> None:  # pragma: no cover
    """Write -conj(dS) / conj(V) of each slot in model coordinates."""
    for w in range(len(nodes)):
        i = nodes[w]
        if len(net.kind) == 1:
            current = -np.conj(added[w, 0] / v[i, 0])
            re[i, 0, w], im[i, 0, w] = current.real, current.imag
        else:
            turn = net.nodes[i, EXTRA, 0]
            a, b, c = to_phases(v[i, 0], v[i, 1], v[i, 2], turn)
            x = to_clarke(
                -np.conj(added[w, 0] / a), -np.conj(added[w, 1] / b), -np.conj(added[w, 2] / c), turn
            )
            for column in range(3):
                re[i, column, w], im[i, column, w] = x[column].real, x[column].imag


@njit(cache=True)
def voltage_answers(
    net: Net, drawn: Array, v: Array, nodes: Array, added: Array
) -> tuple[Array, Array]:  # pragma: no cover
    """Change of every voltage per unit added at each slot, in model coordinates.

    Args:
        net: The compiled net.
        drawn: (N, P) power drawn in per unit at the solution.
        v: (N, P) the solution.
        nodes: (B,) node of each slot.
        added: (B, P) complex power that a unit of the slot adds to each phase.

    Returns:
        Real and imaginary part, (N, P, B); NaN where the linearisation has no answer.
    """
    n, columns, width = len(net.rows) - 1, len(net.kind), len(nodes)
    shape = (len(v), columns, width)
    source_re, source_im = np.zeros(shape), np.zeros(shape)
    _sources(net, v, nodes, added, source_re, source_im)
    square = _squares(net, drawn, v)
    soft = soft_source(net)
    re, im = source_re.copy(), source_im.copy()
    last_re, last_im = np.zeros(shape), np.zeros(shape)
    phases = np.empty((2, columns, width))
    first = 0.0
    for turn in range(MAX_ITERATIONS):
        sweep_block(net, re, im)
        if soft:
            lift_block(net, re, im)
        else:
            re[n:] = 0.0
            im[n:] = 0.0
        moved = 0.0
        for i in range(net.silent, len(v)):
            for c in range(columns):
                for w in range(width):
                    moved = max(
                        moved, abs(re[i, c, w] - last_re[i, c, w]), abs(im[i, c, w] - last_im[i, c, w])
                    )
                    last_re[i, c, w], last_im[i, c, w] = re[i, c, w], im[i, c, w]
        if turn == 0:
            first = moved
        if moved <= _STANDS_STILL * first:
            recover_block(net, re, im)
            return re, im
        for i in range(net.silent, len(v)):
            phases_block(net, i, last_re[i], last_im[i], phases)
            for c in range(columns):
                a, b = square[i, c].real, square[i, c].imag
                for w in range(width):
                    x, y = phases[0, c, w], phases[1, c, w]
                    phases[0, c, w], phases[1, c, w] = a * x + b * y, b * x - a * y
            clarke_block(net, i, phases, re[i], im[i])
            re[i] += source_re[i]
            im[i] += source_im[i]
    re[:] = np.nan
    im[:] = np.nan
    return re, im


@njit(cache=True)
def bus_answers(
    net: Net, v: Array, re: Array, im: Array, dvm: Array, dvuf: Array
) -> None:  # pragma: no cover
    """Write d|V| (nb, P, B) and the change of the unbalance in % (nb, B); 0 at dead buses."""
    columns, width = len(net.kind), re.shape[2]
    phases = np.empty((2, columns, width))
    at = np.empty(3, dtype=np.complex128)
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            continue
        phases_block(net, i, re[i], im[i], phases)
        if columns == 1:
            at[0] = v[i, 0]
        else:
            at[0], at[1], at[2] = to_phases(v[i, 0], v[i, 1], v[i, 2], net.nodes[i, EXTRA, 0])
            _unbalance_answer(v[i], re[i], im[i], dvuf[b])
        for c in range(columns):
            scale = 1.0 / abs(at[c])
            x, y = at[c].real * scale, at[c].imag * scale
            for w in range(width):
                dvm[b, c, w] = x * phases[0, c, w] + y * phases[1, c, w]


@njit(cache=True)
def _unbalance_answer(v: Array, re: Array, im: Array, out: Array) -> None:  # pragma: no cover
    """d(100 |n| / |p|) with n = alpha - j beta and p = alpha + j beta; 0 where there is no unbalance yet."""
    negative, positive = v[0] - 1j * v[1], v[0] + 1j * v[1]
    size_n, size_p = abs(negative), abs(positive)
    toward_n = np.conj(negative) / size_n if size_n > 1e-12 else 0j
    toward_p = np.conj(positive) / size_p
    for w in range(len(out)):
        alpha, beta = complex(re[0, w], im[0, w]), complex(re[1, w], im[1, w])
        dn = (toward_n * (alpha - 1j * beta)).real
        dp = (toward_p * (alpha + 1j * beta)).real
        out[w] = 100.0 * (dn / size_p - size_n * dp / (size_p * size_p))


@njit(cache=True)
def loading_answers(
    net: Net, drawn: Array, v: Array, re: Array, im: Array, out: Array
) -> None:  # pragma: no cover
    """Write the change of loading of every element, (nl, B) in %, at its most loaded end and phase."""
    columns, width = len(net.kind), re.shape[2]
    flow = np.empty((len(net.ends), 2, columns), dtype=np.complex128)
    branch_currents(net, drawn, v, flow)
    worst = np.full(len(out), -1.0)
    change_re, change_im = np.empty((columns, width)), np.empty((columns, width))
    phases = np.empty((2, columns, width))
    for e in range(len(net.rated)):
        m, side, element = net.rated[e, 0], net.rated[e, 1], net.rated[e, 2]
        size, phase = largest_phase(net, flow, m, side)
        if net.rated_pct[e] * size <= worst[element]:
            continue
        worst[element] = net.rated_pct[e] * size
        f, t = net.ends[m, 0], net.ends[m, 1]
        for c in range(columns):
            at_f, at_t = net.y[m, 2 * side, c], net.y[m, 2 * side + 1, c]
            for w in range(width):
                x = at_f * complex(re[f, c, w], im[f, c, w]) + at_t * complex(re[t, c, w], im[t, c, w])
                change_re[c, w], change_im[c, w] = x.real, x.imag
        phases_block(net, net.ends[m, side], change_re, change_im, phases)
        i = net.ends[m, side]
        if columns == 1:
            current = flow[m, side, 0]
        else:
            a, b, c0 = to_phases(flow[m, side, 0], flow[m, side, 1], flow[m, side, 2], net.nodes[i, EXTRA, 0])
            current = a if phase == 0 else (b if phase == 1 else c0)
        scale = net.rated_pct[e] / size if size > 0.0 else 0.0
        x, y = current.real * scale, current.imag * scale
        for w in range(width):
            out[element, w] = x * phases[0, phase, w] + y * phases[1, phase, w]
