"""The same sweeps over LANES right-hand sides at once: instants of a batch, or slots of a linearisation.

A block is a flat array: of node i and column c, at `place(i, c)`, LANES real parts and then LANES imaginary
parts. Indices are unsigned and lanes a constant: then the compiler can prove what does not overlap, and works on
eight lanes per instruction; of signed indices it must fear that they count from the end. Each lane is
computed in the same order whatever stands beside it.
"""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np

from twin.domain.ids import Array
from twin.grid.jit import compiled, inlined
from twin.grid.kernel import _H, _K0, _K2, EXTRA, INVERSE, SOURCE, Net

WIDTH = 32
LANES = np.uint64(WIDTH)
"""Right-hand sides side by side."""
PAIR, FOUR = np.uint64(2 * WIDTH), np.uint64(4 * WIDTH)
"""Numbers of one complex row, and of two."""


@inlined
def place(row: int) -> np.uint64:  # pragma: no cover
    """Where the pair of rows of a node and column begins: row = i P + c."""
    return np.uint64(row) * PAIR


@inlined
def add_product(factor: complex, source: Array, at: int, target: Array, to: int) -> None:  # pragma: no cover
    """Add factor times the pair at `at` to the pair at `to`."""
    a, b = factor.real, factor.imag
    for w in range(LANES):
        re, im = source[at + w], source[at + LANES + w]
        target[to + w] += a * re - b * im
        target[to + LANES + w] += a * im + b * re


@inlined
def multiply(factor: complex, x: Array, at: int) -> None:  # pragma: no cover
    """Multiply the pair at `at` by factor."""
    a, b = factor.real, factor.imag
    for w in range(LANES):
        re, im = x[at + w], x[at + LANES + w]
        x[at + w] = a * re - b * im
        x[at + LANES + w] = a * im + b * re


@inlined
def fill(value: complex, x: Array, at: int) -> None:  # pragma: no cover
    """Write one number into every lane of the pair at `at`."""
    for w in range(LANES):
        x[at + w] = value.real
        x[at + LANES + w] = value.imag


@compiled
def sweep_block(net: Net, x: Array) -> None:  # pragma: no cover
    """As `kernel.sweep`: right-hand sides are zero in silent rows, which are left for `recover_block`."""
    n, width = len(net.rows) - 1, len(net.kind)
    for i in range(net.silent, n):
        for k in range(net.rows[i, 1], net.rows[i + 1, 1]):
            j = net.columns[k]
            for c in range(width):
                add_product(-net.factors[k, c], x, place(j * width + c), x, place(i * width + c))
    _backward_block(net, x, net.silent, n)


@compiled
def recover_block(net: Net, x: Array) -> None:  # pragma: no cover
    """Fill in the silent rows of what `sweep_block` left."""
    x[: place(net.silent * len(net.kind))] = 0.0
    _backward_block(net, x, 0, net.silent)


@compiled
def _backward_block(net: Net, x: Array, first: int, end: int) -> None:  # pragma: no cover
    width = len(net.kind)
    for i in range(end - 1, first - 1, -1):
        for k in range(net.rows[i, 2], net.rows[i + 1, 2]):
            j = net.columns[k]
            for c in range(width):
                add_product(-net.factors[k, c], x, place(j * width + c), x, place(i * width + c))
        for c in range(width):
            multiply(net.nodes[i, INVERSE, c], x, place(i * width + c))


@compiled
def soft_source(net: Net) -> bool:  # pragma: no cover
    """Whether the source has an impedance for the negative or the zero sequence."""
    return len(net.kind) == 3 and (net.source[0] != 0.0 or net.source[1] != 0.0)


@compiled
def lift_block(net: Net, x: Array) -> None:  # pragma: no cover
    """Add the source's negative and zero sequence; the slack rows hold currents before and voltages behind."""
    answer = np.zeros(FOUR)
    source_block(net, x, answer)
    for i in range(net.silent, len(net.rows) - 1):
        lift_row(net.nodes[i, EXTRA, 1], net.nodes[i, EXTRA, 2], answer, x, place(3 * i))


@compiled
def source_block(net: Net, x: Array, answer: Array) -> None:  # pragma: no cover
    """Write the source's negative and zero sequence, two pairs; the slack rows become their voltages."""
    slack = len(net.rows) - 1
    at, first = place(3 * slack), place(0)
    half = np.zeros(PAIR)
    answer[:] = 0.0
    _negative(x, at, answer)
    add_product(1.0 + 0j, x, place(3 * slack + 2), answer, PAIR)
    for k in range(len(net.source_near)):
        m = net.source_near[k]
        f, t = net.ends[m, 0], net.ends[m, 1]
        i, side = (t, 1) if f == slack else (f, 2)
        _negative(x, place(3 * i), half)
        add_product(-net.y[m, side, 0], half, first, answer, first)
        add_product(-net.y[m, side, 2], x, place(3 * i + 2), answer, PAIR)
    multiply(net.source[0], answer, first)
    multiply(net.source[1], answer, PAIR)
    for c in range(3):
        fill(0j, x, place(3 * slack + c))
    lift_row(1.0 + 0j, 1.0 + 0j, answer, x, at)


@compiled
def _negative(x: Array, at: int, out: Array) -> None:  # pragma: no cover
    """Write the alpha component of the negative sequence, (alpha - j beta) / 2, of a node."""
    for w in range(LANES):
        out[w] = 0.5 * (x[at + w] + x[at + PAIR + LANES + w])
        out[LANES + w] = 0.5 * (x[at + LANES + w] - x[at + PAIR + w])


@inlined
def lift_row(negative: complex, zero: complex, answer: Array, x: Array, at: int) -> None:  # pragma: no cover
    """(alpha, beta) rise by (1, j) times the negative answer, 0 by the zero one."""
    a, b, c, d = negative.real, negative.imag, zero.real, zero.imag
    for w in range(LANES):
        re, im = answer[w], answer[LANES + w]
        up_re, up_im = a * re - b * im, a * im + b * re
        re, im = answer[PAIR + w], answer[PAIR + LANES + w]
        x[at + w] += up_re
        x[at + LANES + w] += up_im
        x[at + PAIR + w] -= up_im
        x[at + PAIR + LANES + w] += up_re
        x[at + FOUR + w] += c * re - d * im
        x[at + FOUR + LANES + w] += c * im + d * re


@compiled
def phases_block(net: Net, i: int, x: Array, at: int, out: Array, to: int) -> None:  # pragma: no cover
    """Write the phases of node i, P pairs, from the model coordinates at `at`."""
    if len(net.kind) == 1:
        for w in range(PAIR):
            out[to + w] = x[at + w]
        return
    k, s = net.nodes[i, EXTRA, 0].real, net.nodes[i, EXTRA, 0].imag
    for w in range(PAIR):
        alpha = k * x[at + w] - s * x[at + PAIR + w]
        beta = s * x[at + w] + k * x[at + PAIR + w]
        common = _K0 * x[at + FOUR + w]
        half = common - _K2 * alpha
        out[to + w] = common + 2.0 * _K2 * alpha
        out[to + PAIR + w] = half + _H * beta
        out[to + FOUR + w] = half - _H * beta


@compiled
def clarke_block(net: Net, i: int, phases: Array, x: Array, at: int) -> None:  # pragma: no cover
    """Write the model coordinates of node i at `at`, from P pairs of phases."""
    if len(net.kind) == 1:
        for w in range(PAIR):
            x[at + w] = phases[w]
        return
    k, s = net.nodes[i, EXTRA, 0].real, net.nodes[i, EXTRA, 0].imag
    for w in range(PAIR):
        a, b, c = phases[w], phases[PAIR + w], phases[FOUR + w]
        alpha = _K2 * (2.0 * a - b - c)
        beta = _H * (b - c)
        x[at + w] = k * alpha + s * beta
        x[at + PAIR + w] = k * beta - s * alpha
        x[at + FOUR + w] = _K0 * (a + b + c)


@compiled
def start_block(net: Net, v: Array) -> None:  # pragma: no cover
    """Write the no-load voltages into every lane."""
    width = len(net.kind)
    for i in range(len(net.nodes)):
        for c in range(width):
            fill(net.nodes[i, SOURCE, c], v, place(i * width + c))
