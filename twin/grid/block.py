"""The same sweeps over many right-hand sides at once: instants of a batch, or slots of a linearisation.

Arrays are (N, P, B), real and imaginary parts apart and the B columns innermost, so that the compiler works
on several columns per instruction. Each column is computed in the same order whatever stands beside it.
"""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np
from numba import njit

from twin.domain.ids import Array
from twin.grid.kernel import _H, _K0, _K2, EXTRA, INVERSE, SOURCE, Net


@njit(cache=True, nogil=True)
def _subtract(
    factor: complex, from_re: Array, from_im: Array, re: Array, im: Array
) -> None:  # pragma: no cover
    a, b = factor.real, factor.imag
    for w in range(len(re)):
        re[w] -= a * from_re[w] - b * from_im[w]
        im[w] -= a * from_im[w] + b * from_re[w]


@njit(cache=True, nogil=True)
def add_product(
    factor: complex, from_re: Array, from_im: Array, re: Array, im: Array
) -> None:  # pragma: no cover
    """Add factor * from to (re, im)."""
    a, b = factor.real, factor.imag
    for w in range(len(re)):
        re[w] += a * from_re[w] - b * from_im[w]
        im[w] += a * from_im[w] + b * from_re[w]


@njit(cache=True, nogil=True)
def sweep_block(net: Net, re: Array, im: Array) -> None:  # pragma: no cover
    """As `kernel.sweep`: right-hand sides are zero in silent rows, which are left for `recover_block`."""
    n = len(net.rows) - 1
    for i in range(net.silent, n):
        for k in range(net.rows[i, 1], net.rows[i + 1, 1]):
            j = net.columns[k]
            for c in range(len(net.kind)):
                _subtract(net.factors[k, c], re[j, c], im[j, c], re[i, c], im[i, c])
    _backward_block(net, re, im, net.silent, n)


@njit(cache=True, nogil=True)
def recover_block(net: Net, re: Array, im: Array) -> None:  # pragma: no cover
    """Fill in the silent rows of what `sweep_block` left."""
    re[: net.silent] = 0.0
    im[: net.silent] = 0.0
    _backward_block(net, re, im, 0, net.silent)


@njit(cache=True, nogil=True)
def _backward_block(net: Net, re: Array, im: Array, first: int, end: int) -> None:  # pragma: no cover
    for i in range(end - 1, first - 1, -1):
        for k in range(net.rows[i, 2], net.rows[i + 1, 2]):
            j = net.columns[k]
            for c in range(len(net.kind)):
                _subtract(net.factors[k, c], re[j, c], im[j, c], re[i, c], im[i, c])
        for c in range(len(net.kind)):
            inverse = net.nodes[i, INVERSE, c]
            a, b = inverse.real, inverse.imag
            row_re, row_im = re[i, c], im[i, c]
            for w in range(len(row_re)):
                row_re[w], row_im[w] = a * row_re[w] - b * row_im[w], a * row_im[w] + b * row_re[w]


@njit(cache=True, nogil=True)
def lift_block(net: Net, re: Array, im: Array) -> None:  # pragma: no cover
    """Add the source's negative and zero sequence; the slack row holds currents, and then voltages' rise."""
    slack = len(net.rows) - 1
    width = re.shape[2]
    neg_re, neg_im = np.empty(width), np.empty(width)
    zero_re, zero_im = re[slack, 2].copy(), im[slack, 2].copy()
    for w in range(width):
        neg_re[w] = 0.5 * (re[slack, 0, w] + im[slack, 1, w])
        neg_im[w] = 0.5 * (im[slack, 0, w] - re[slack, 1, w])
    half_re, half_im = np.empty(width), np.empty(width)
    for k in range(len(net.source_near)):
        m = net.source_near[k]
        f, t = net.ends[m, 0], net.ends[m, 1]
        i, side = (t, 1) if f == slack else (f, 2)
        for w in range(width):
            half_re[w] = 0.5 * (re[i, 0, w] + im[i, 1, w])
            half_im[w] = 0.5 * (im[i, 0, w] - re[i, 1, w])
        _subtract(net.y[m, side, 0], half_re, half_im, neg_re, neg_im)
        _subtract(net.y[m, side, 2], re[i, 2], im[i, 2], zero_re, zero_im)
    a, b = net.source[0], net.source[1]
    for w in range(width):
        n, z = a * complex(neg_re[w], neg_im[w]), b * complex(zero_re[w], zero_im[w])
        neg_re[w], neg_im[w], zero_re[w], zero_im[w] = n.real, n.imag, z.real, z.imag
        re[slack, 0, w], im[slack, 0, w] = n.real, n.imag
        re[slack, 1, w], im[slack, 1, w] = -n.imag, n.real
        re[slack, 2, w], im[slack, 2, w] = z.real, z.imag
    for i in range(net.silent, slack):
        _lift_row(net, i, neg_re, neg_im, zero_re, zero_im, re, im)


@njit(cache=True, nogil=True)
def _lift_row(
    net: Net, i: int, neg_re: Array, neg_im: Array, zero_re: Array, zero_im: Array, re: Array, im: Array
) -> None:  # pragma: no cover
    """(alpha, beta) rise by (1, j) times the negative answer, 0 by the zero one."""
    a, b = net.nodes[i, EXTRA, 1].real, net.nodes[i, EXTRA, 1].imag
    for w in range(len(neg_re)):
        rise_re = a * neg_re[w] - b * neg_im[w]
        rise_im = a * neg_im[w] + b * neg_re[w]
        re[i, 0, w] += rise_re
        im[i, 0, w] += rise_im
        re[i, 1, w] -= rise_im
        im[i, 1, w] += rise_re
    add_product(net.nodes[i, EXTRA, 2], zero_re, zero_im, re[i, 2], im[i, 2])


@njit(cache=True, nogil=True)
def phases_block(net: Net, i: int, re: Array, im: Array, out: Array) -> None:  # pragma: no cover
    """Write the phases of node i's row, (P, B) each, into `out` (2, P, B)."""
    width = re.shape[1]
    if len(net.kind) == 1:
        out[0], out[1] = re, im
        return
    turn = net.nodes[i, EXTRA, 0]
    k, s = turn.real, turn.imag
    for part in range(2):
        x = re if part == 0 else im
        for w in range(width):
            alpha, beta, zero = x[0, w], x[1, w], x[2, w]
            if s != 0.0 or k != 1.0:
                alpha, beta = k * alpha - s * beta, s * alpha + k * beta
            common = _K0 * zero
            half = common - _K2 * alpha
            out[part, 0, w] = common + 2.0 * _K2 * alpha
            out[part, 1, w] = half + _H * beta
            out[part, 2, w] = half - _H * beta


@njit(cache=True, nogil=True)
def clarke_block(net: Net, i: int, phases: Array, re: Array, im: Array) -> None:  # pragma: no cover
    """Write node i's row, (P, B) each, from phases (2, P, B)."""
    width = re.shape[1]
    if len(net.kind) == 1:
        re[:], im[:] = phases[0], phases[1]
        return
    turn = net.nodes[i, EXTRA, 0]
    k, s = turn.real, turn.imag
    for part in range(2):
        x = re if part == 0 else im
        for w in range(width):
            a, b, c = phases[part, 0, w], phases[part, 1, w], phases[part, 2, w]
            alpha = _K2 * (2.0 * a - b - c)
            beta = _H * (b - c)
            if s != 0.0 or k != 1.0:
                alpha, beta = k * alpha + s * beta, k * beta - s * alpha
            x[0, w], x[1, w], x[2, w] = alpha, beta, _K0 * (a + b + c)


@njit(cache=True, nogil=True)
def soft_source(net: Net) -> bool:  # pragma: no cover
    """Whether the source has an impedance for the negative or the zero sequence."""
    return len(net.kind) == 3 and (net.source[0] != 0.0 or net.source[1] != 0.0)


@njit(cache=True, nogil=True)
def start_block(net: Net, re: Array, im: Array) -> None:  # pragma: no cover
    """Write the no-load voltages into every column."""
    for i in range(len(re)):
        for c in range(len(net.kind)):
            w = net.nodes[i, SOURCE, c]
            re[i, c], im[i, c] = w.real, w.imag
