"""Power flow on one sparse factorisation, compiled: symmetric or with three phases, one instant per call.

Split the admittance matrix by slack nodes s and the rest r: Y_rr V + Y_rs V_s = I(V). With powers S drawn,
I = -conj(S / V). The no-load voltage is W = -Y_rr^-1 Y_rs V_s, and V <- W + Y_rr^-1 I(V) is repeated from
W until it stands still: 6 to 10 times at normal load, each one forward and one backward sweep over a
factorisation that a radial net does not fill. Every solve starts from W, so it depends on its inputs alone.

An unbalanced net is solved in Clarke's coordinates alpha, beta and 0 of every node, turned by the phase shift
of the transformers above it: there its three equations fall apart, alpha and beta with the admittances of the
positive sequence, 0 with those of the zero sequence (E. Clarke, Circuit Analysis of A-C Power Systems, 1943).
Only the currents of loads need the phases. The upstream grid is an ideal source of the positive sequence and
an admittance to ground for the others, as in `pandapower.runpp_3ph`: a correction of rank one per sequence.

Currents of bridges are the sum of what lies behind them, not the difference of two nearly equal voltages,
which would keep only half of the digits of a lightly loaded cable. That both agree is the mismatch.

All arrays are in the order of elimination, slack nodes last. Strict arithmetic: the same bits on every CPU.
"""

# compiled functions take flat arguments

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Complexes, Rows, Vector
from twin.grid.jit import compiled

STANDS_STILL_PU = 1e-9
"""Largest step of the last iteration. What is still missing then is smaller by the contraction, some 1e-10."""
MAX_ITERATIONS = 400
TOTALS = 8
CONVERGED, ITERATIONS, MISMATCH_W, SLACK_W, LOSSES_W, OTHER_W = range(6)
"""Places of the totals; OTHER_W is drawn by shunts and by what follows no profile."""

_K0 = 1.0 / math.sqrt(3.0)
_K2 = 1.0 / math.sqrt(6.0)
_H = 1.0 / math.sqrt(2.0)
FIXED_NODES, FREE_NODES = 0, 1


class Net(NamedTuple):
    """A net ready to solve. n free nodes, then the slack nodes: N; P = 1 or 3 columns; M branches.

    Integers and numbers that go together share an array: every array costs time in every call.
    """

    kind: tuple[float, ...]
    """P numbers: the base power in VA, P times. Its length makes the compiler write one version for each P."""
    silent: int
    """Rows that never carry load; recovered once behind the iteration."""
    rows: Rows
    """(n + 1, 3) first entry of each row in the lower factor, in its part behind the silent columns, and in
    the upper factor."""
    columns: Rows
    """Columns of the lower factor, then of its part behind the silent columns, then of the upper factor."""
    factors: Complexes
    """(.., P) their values."""
    nodes: Complexes
    """(N, 3 + P, P): 1 / diagonal of the upper factor; W, then the sources; shunts; and column 0 of row 3: turn
    exp(j angle), of row 3 + 1..: answer of the free nodes to the source's negative and zero sequence."""
    source: Complexes
    """(2,) 1 / admittance of the source and all behind it, negative and zero sequence; 0 for an ideal one."""
    source_near: Rows
    """(g,) branches at the slack node that couple it with free nodes: index into `ends`."""
    ends: Rows
    """(M, 2) nodes of each branch."""
    y: Complexes
    """(M, 4, P) yff, yft, ytf, ytt."""
    tree: Rows
    """(t, 3) node, branch and side of each bridge, the outermost first."""
    across: Complexes
    """(t, 3, P) current at the near end of a bridge per current and voltage at its far end, and per voltage at
    the near end."""
    mesh: Rows
    """Branches that are no bridges."""
    loads: Rows
    """Nodes that may carry load, and slack nodes."""
    rated: Rows
    """(E, 3) branch, side, element of each rated end, ascending."""
    rated_pct: Vector
    """(E,) % per unit of current."""
    fixed: Complexes
    """(N, P) power drawn by what follows no profile."""
    bus: Rows
    """(nb,) node of each bus; -1 where it is dead."""


INVERSE, SOURCE, SHUNT, EXTRA = 0, 1, 2, 3
"""Rows of `Net.nodes`; EXTRA holds turn, answer to the negative and answer to the zero sequence as its columns."""


@compiled
def to_phases(
    alpha: complex, beta: complex, zero: complex, turn: complex
) -> tuple[complex, complex, complex]:
    """Phases a, b, c of turned Clarke components; in real arithmetic, a third of the complex one's."""
    # pragma: no cover
    k, s = turn.real, turn.imag
    x_re, x_im = k * alpha.real - s * beta.real, k * alpha.imag - s * beta.imag
    y_re, y_im = _H * (s * alpha.real + k * beta.real), _H * (s * alpha.imag + k * beta.imag)
    z_re, z_im = _K0 * zero.real, _K0 * zero.imag
    half_re, half_im = z_re - _K2 * x_re, z_im - _K2 * x_im
    return (
        complex(z_re + 2.0 * _K2 * x_re, z_im + 2.0 * _K2 * x_im),
        complex(half_re + y_re, half_im + y_im),
        complex(half_re - y_re, half_im - y_im),
    )


@compiled
def to_clarke(a: complex, b: complex, c: complex, turn: complex) -> tuple[complex, complex, complex]:
    """Turned Clarke components of phases a, b, c."""  # pragma: no cover
    k, s = turn.real, turn.imag
    x_re, x_im = _K2 * (2.0 * a.real - b.real - c.real), _K2 * (2.0 * a.imag - b.imag - c.imag)
    y_re, y_im = _H * (b.real - c.real), _H * (b.imag - c.imag)
    return (
        complex(k * x_re + s * y_re, k * x_im + s * y_im),
        complex(k * y_re - s * x_re, k * y_im - s * x_im),
        complex(_K0 * (a.real + b.real + c.real), _K0 * (a.imag + b.imag + c.imag)),
    )


@compiled
def injected(s: complex, v: complex) -> complex:
    """Return -conj(s / v): the current that drawing `s` at `v` injects."""  # pragma: no cover
    scale = -1.0 / (v.real * v.real + v.imag * v.imag)
    return complex(scale * (s.real * v.real + s.imag * v.imag), scale * (s.real * v.imag - s.imag * v.real))


@compiled
def currents(net: Net, first: int, drawn: Array, v: Array, out: Array) -> None:  # pragma: no cover
    """Write the currents that the loads of nodes `first`.. inject at the voltages `v`, in model coordinates."""
    nodes, loads = net.nodes, net.loads
    out[first:] = 0j
    for k in range(len(loads)):
        i = loads[k]
        if len(net.kind) == 1:
            out[i, 0] = injected(drawn[i, 0], v[i, 0])
        else:
            turn = nodes[i, EXTRA, 0]
            a, b, c = to_phases(v[i, 0], v[i, 1], v[i, 2], turn)
            out[i, 0], out[i, 1], out[i, 2] = to_clarke(
                injected(drawn[i, 0], a), injected(drawn[i, 1], b), injected(drawn[i, 2], c), turn
            )


@compiled
def sweep(net: Net, x: Array) -> None:  # pragma: no cover
    """Solve Y_rr x = b in place, where b is zero in silent rows; these are left for `recover`."""
    silent, rows, columns, factors = net.silent, net.rows, net.columns, net.factors
    n, width = len(rows) - 1, len(net.kind)
    for i in range(silent, n):
        for k in range(rows[i, 1], rows[i + 1, 1]):
            j = columns[k]
            for c in range(width):
                x[i, c] -= factors[k, c] * x[j, c]
    _backward(net, x, silent, n)


@compiled
def sweep_all(net: Net, x: Array) -> None:  # pragma: no cover
    """Solve Y_rr x = b in place for any b."""
    rows, columns, factors = net.rows, net.columns, net.factors
    n, width = len(rows) - 1, len(net.kind)
    for i in range(n):
        for k in range(rows[i, 0], rows[i + 1, 0]):
            j = columns[k]
            for c in range(width):
                x[i, c] -= factors[k, c] * x[j, c]
    _backward(net, x, 0, n)


@compiled
def recover(net: Net, x: Array) -> None:  # pragma: no cover
    """Fill in the silent rows of what `sweep` left."""
    silent = net.silent
    for i in range(silent):
        for c in range(len(net.kind)):
            x[i, c] = 0j
    _backward(net, x, 0, silent)


@compiled
def _backward(net: Net, x: Array, first: int, end: int) -> None:  # pragma: no cover
    rows, columns, factors, nodes = net.rows, net.columns, net.factors, net.nodes
    for i in range(end - 1, first - 1, -1):
        for k in range(rows[i, 2], rows[i + 1, 2]):
            j = columns[k]
            for c in range(len(net.kind)):
                x[i, c] -= factors[k, c] * x[j, c]
        for c in range(len(net.kind)):
            x[i, c] *= nodes[i, INVERSE, c]


@compiled
def source_answer(net: Net, x: Array) -> tuple[complex, complex]:  # pragma: no cover
    """Voltages of the source's negative and zero sequence that the currents of `x` and its last row make.

    The negative one is the alpha component of its set (alpha, j alpha).
    """
    rows, source, source_near, ends, y = net.rows, net.source, net.source_near, net.ends, net.y
    slack = len(rows) - 1
    negative = 0.5 * (x[slack, 0] - 1j * x[slack, 1])
    zero = x[slack, 2]
    for k in range(len(source_near)):
        m = source_near[k]
        f, t = ends[m, 0], ends[m, 1]
        i, side = (t, 1) if f == slack else (f, 2)
        negative -= y[m, side, 0] * 0.5 * (x[i, 0] - 1j * x[i, 1])
        zero -= y[m, side, 2] * x[i, 2]
    return negative * source[0], zero * source[1]


@compiled
def _fixed_point(net: Net, drawn: Array, v: Array, x: Array) -> tuple[bool, int]:  # pragma: no cover
    silent, nodes, source = net.silent, net.nodes, net.source
    n, width = len(net.rows) - 1, len(net.kind)
    for i in range(len(v)):
        for c in range(width):
            v[i, c] = nodes[i, SOURCE, c]
    soft = width == 3 and (source[0] != 0.0 or source[1] != 0.0)
    negative, zero = 0j, 0j
    for iteration in range(1, MAX_ITERATIONS + 1):
        currents(net, silent, drawn, v, x)
        sweep(net, x)
        if soft:
            negative, zero = source_answer(net, x)
            v[n, 0], v[n, 1] = nodes[n, SOURCE, 0] + negative, nodes[n, SOURCE, 1] + 1j * negative
            v[n, 2] = zero
            moved = _move_lifted(net, silent, n, negative, zero, x, v)
        else:
            moved = _move(net, silent, n, x, v)
        if not moved < 1e6:  # NaN, too
            return False, iteration
        if moved < STANDS_STILL_PU * STANDS_STILL_PU:
            recover(net, x)
            if soft:
                _move_lifted(net, 0, silent, negative, zero, x, v)
            else:
                _move(net, 0, silent, x, v)
            return True, iteration
    return False, MAX_ITERATIONS


@compiled
def _move(net: Net, first: int, end: int, x: Array, v: Array) -> float:  # pragma: no cover
    """Take the next voltages of some rows; returns the square of the largest step, or NaN."""
    nodes = net.nodes
    moved, total = 0.0, 0.0
    for i in range(first, end):
        for c in range(len(net.kind)):
            now = nodes[i, SOURCE, c] + x[i, c]
            step = now - v[i, c]
            v[i, c] = now
            size = step.real * step.real + step.imag * step.imag
            total += size
            moved = max(moved, size)
    return moved if total < 1e6 else total


@compiled
def _move_lifted(
    net: Net, first: int, end: int, negative: complex, zero: complex, x: Array, v: Array
) -> float:  # pragma: no cover
    """As `_move`, with what the source's negative and zero sequence add: (1, j) and 1 times their answers."""
    nodes = net.nodes
    moved, total = 0.0, 0.0
    for i in range(first, end):
        rise = nodes[i, EXTRA, 1] * negative
        now = (
            nodes[i, SOURCE, 0] + x[i, 0] + rise,
            nodes[i, SOURCE, 1] + x[i, 1] + complex(-rise.imag, rise.real),
            nodes[i, SOURCE, 2] + x[i, 2] + nodes[i, EXTRA, 2] * zero,
        )
        for c in range(3):
            step = now[c] - v[i, c]
            v[i, c] = now[c]
            size = step.real * step.real + step.imag * step.imag
            total += size
            moved = max(moved, size)
    return moved if total < 1e6 else total


@compiled
def branch_currents(net: Net, drawn: Array, v: Array, flow: Array) -> tuple[float, float]:  # pragma: no cover
    """Write the current that enters each branch at both ends: (M, 2, P).

    Returns:
        The largest power that is missing at a node, and the power that the slack nodes take from upstream,
        in per unit.
    """
    rows, nodes, ends, y, tree, across, mesh = (
        net.rows,
        net.nodes,
        net.ends,
        net.y,
        net.tree,
        net.across,
        net.mesh,
    )
    n, width = len(rows) - 1, len(net.kind)
    need = np.empty_like(v)
    currents(net, 0, drawn, v, need)
    for i in range(len(v)):
        for c in range(width):
            need[i, c] = nodes[i, SHUNT, c] * v[i, c] - need[i, c]
    for k in range(len(mesh)):
        m = mesh[k]
        f, t = ends[m, 0], ends[m, 1]
        for c in range(width):
            flow[m, 0, c] = y[m, 0, c] * v[f, c] + y[m, 1, c] * v[t, c]
            flow[m, 1, c] = y[m, 2, c] * v[f, c] + y[m, 3, c] * v[t, c]
            need[f, c] += flow[m, 0, c]
            need[t, c] += flow[m, 1, c]
    missing = 0.0
    for k in range(len(tree)):
        i, m, side = tree[k, 0], tree[k, 1], tree[k, 2]
        near = ends[m, 1 - side]
        for c in range(width):
            far_end = -need[i, c]
            near_end = across[k, 0, c] * far_end + across[k, 1, c] * v[i, c] + across[k, 2, c] * v[near, c]
            by_voltage = y[m, 3 * side, c] * v[i, c] + y[m, 1 + side, c] * v[near, c]
            off = by_voltage - far_end
            missing = max(missing, off.real * off.real + off.imag * off.imag)
            flow[m, side, c], flow[m, 1 - side, c] = far_end, near_end
            need[near, c] += near_end
            need[i, c] = 0j
    taken = 0.0
    for i in range(len(v)):
        for c in range(width):
            if i < n:
                size = need[i, c].real * need[i, c].real + need[i, c].imag * need[i, c].imag
                missing = max(missing, size)
            else:
                taken += (v[i, c] * np.conj(need[i, c])).real
    return math.sqrt(missing), taken


@compiled
def _losses(net: Net, v: Array, flow: Array) -> float:  # pragma: no cover
    ends = net.ends
    total = 0.0
    for m in range(len(ends)):
        f, t = ends[m, 0], ends[m, 1]
        for c in range(len(net.kind)):
            total += (v[f, c] * np.conj(flow[m, 0, c]) + v[t, c] * np.conj(flow[m, 1, c])).real
    return total


@compiled
def _voltages(net: Net, v: Array, vm: Array, vuf: Array) -> None:  # pragma: no cover
    """Write magnitudes (nb, P) and unbalance (nb,) in %; NaN at dead buses."""
    nodes, bus = net.nodes, net.bus
    for b in range(len(bus)):
        i = bus[b]
        if i < 0:
            vuf[b] = np.nan
            for c in range(len(net.kind)):
                vm[b, c] = np.nan
        elif len(net.kind) == 1:
            vm[b, 0], vuf[b] = _size(v[i, 0]), 0.0
        else:
            alpha, beta = v[i, 0], v[i, 1]
            p0, p1, p2 = to_phases(alpha, beta, v[i, 2], nodes[i, EXTRA, 0])
            vm[b, 0], vm[b, 1], vm[b, 2] = _size(p0), _size(p1), _size(p2)
            vuf[b] = 100.0 * _size(alpha - 1j * beta) / _size(alpha + 1j * beta)


@compiled
def _size(x: complex) -> float:
    """Magnitude; voltages and currents in per unit need no care for overflow."""  # pragma: no cover
    return math.sqrt(x.real * x.real + x.imag * x.imag)


@compiled
def largest_phase(net: Net, flow: Array, m: int, side: int) -> tuple[float, int]:  # pragma: no cover
    """Square of the magnitude and number of the phase that carries most at one end of a branch."""
    if len(net.kind) == 1:
        return _square(flow[m, side, 0]), 0
    turn = net.nodes[net.ends[m, side], EXTRA, 0]
    a, b, c = to_phases(flow[m, side, 0], flow[m, side, 1], flow[m, side, 2], turn)
    first, second, third = _square(a), _square(b), _square(c)
    if first >= second and first >= third:
        return first, 0
    return (second, 1) if second >= third else (third, 2)


@compiled
def _square(x: complex) -> float:  # pragma: no cover
    return x.real * x.real + x.imag * x.imag


@compiled
def _loadings(net: Net, flow: Array, loading: Array) -> None:  # pragma: no cover
    """Write the largest loading of both ends and all phases; elements without a rated end stay as they are."""
    rated, rated_pct = net.rated, net.rated_pct
    for e in range(len(rated)):
        loading[rated[e, 2]] = 0.0
    for e in range(len(rated)):
        square, _ = largest_phase(net, flow, rated[e, 0], rated[e, 1])
        element, pct = rated[e, 2], rated_pct[e] * math.sqrt(square)
        loading[element] = max(loading[element], pct)


@compiled
def draw(net: Net, base: Array, drawn: Array) -> None:  # pragma: no cover
    """Write what is drawn at each node and phase in per unit: (N, P), from (2, nb, P) in W and var."""
    fixed, bus = net.fixed, net.bus
    width = len(net.kind)
    for i in range(len(drawn)):
        for c in range(width):
            drawn[i, c] = fixed[i, c]
    for b in range(len(bus)):
        i = bus[b]
        for c in range(width):
            if i >= 0:
                drawn[i, c] += complex(base[0, b, c], base[1, b, c]) / net.kind[c]


@compiled
def add_evses(
    net: Net, evse_bus: Array, evse_w: Array, q_per_p: Array, drawn: Array
) -> None:  # pragma: no cover
    """Add (n, P) power in W at the buses of the EVSEs; `q_per_p` (n, P) is its reactive share."""
    bus = net.bus
    for k in range(len(evse_w)):
        i = bus[evse_bus[k]]
        for c in range(len(net.kind)):
            p = evse_w[k, c] / net.kind[c]
            drawn[i, c] += complex(p, p * q_per_p[k, c])


@compiled
def solve_drawn(
    net: Net, drawn: Array, v: Array, totals: Array, vm: Array, vuf: Array, loading: Array
) -> None:  # pragma: no cover
    """Solve one instant.

    Args:
        net: The compiled net.
        drawn: (N, P) per unit.
        v: (N, P) written: voltages in model coordinates.
        totals: (TOTALS,) written, see CONVERGED.
        vm: (nb, P) written; NaN at dead buses.
        vuf: (nb,) written, in %.
        loading: (nl,) written where it has a rated end, else left as it is.
    """
    nodes, ends, fixed = net.nodes, net.ends, net.fixed
    x = np.empty_like(v)
    converged, iterations = _fixed_point(net, drawn, v, x)
    flow = np.empty((len(ends), 2, len(net.kind)), dtype=np.complex128)
    missing, taken = branch_currents(net, drawn, v, flow)
    _voltages(net, v, vm, vuf)
    _loadings(net, flow, loading)
    other = 0.0
    for i in range(len(v)):
        for c in range(len(net.kind)):
            size = v[i, c].real * v[i, c].real + v[i, c].imag * v[i, c].imag
            other += fixed[i, c].real + nodes[i, SHUNT, c].real * size
    base_va = net.kind[0]
    totals[CONVERGED], totals[ITERATIONS] = 1.0 if converged else 0.0, iterations
    totals[MISMATCH_W], totals[SLACK_W] = missing * base_va, taken * base_va
    totals[LOSSES_W], totals[OTHER_W] = _losses(net, v, flow) * base_va, other * base_va


@compiled
def solve(
    net: Net,
    base: Array,
    evse_bus: Array,
    evse_w: Array,
    q_per_p: Array,
    solution: Array,
    totals: Array,
    vm: Array,
    vuf: Array,
    loading: Array,
) -> None:  # pragma: no cover
    """Solve one instant from (2, nb, P) base powers and (n, P) powers of EVSEs; `solution` (2, N, P) is V and S."""
    draw(net, base, solution[1])
    add_evses(net, evse_bus, evse_w, q_per_p, solution[1])
    solve_drawn(net, solution[1], solution[0], totals, vm, vuf, loading)
