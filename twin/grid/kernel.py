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
from numba import njit

from twin.domain.ids import Array, Complexes, Rows, Vector
from twin.grid.jit import compiled

STANDS_STILL_PU = 1e-10
"""Largest step of the last iteration. What is still missing then is smaller by the contraction, some 1e-11."""
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


@njit(cache=True, inline="always", error_model="numpy")
def to_phases(
    alpha: complex, beta: complex, zero: complex, turn: complex
) -> tuple[complex, complex, complex]:
    """Phases a, b, c of turned Clarke components."""  # pragma: no cover
    if turn != 1.0:
        c, s = turn.real, turn.imag
        alpha, beta = c * alpha - s * beta, s * alpha + c * beta
    common = _K0 * zero
    half = common - _K2 * alpha
    return common + 2.0 * _K2 * alpha, half + _H * beta, half - _H * beta


@njit(cache=True, inline="always", error_model="numpy")
def to_clarke(a: complex, b: complex, c: complex, turn: complex) -> tuple[complex, complex, complex]:
    """Turned Clarke components of phases a, b, c."""  # pragma: no cover
    alpha = _K2 * (2.0 * a - b - c)
    beta = _H * (b - c)
    zero = _K0 * (a + b + c)
    if turn != 1.0:
        k, s = turn.real, turn.imag
        alpha, beta = k * alpha + s * beta, k * beta - s * alpha
    return alpha, beta, zero


@njit(cache=True, inline="always", error_model="numpy")
def injected(s: complex, v: complex) -> complex:
    """Return -conj(s / v): the current that drawing `s` at `v` injects."""  # pragma: no cover
    if s == 0.0:
        return 0j
    scale = -1.0 / (v.real * v.real + v.imag * v.imag)
    return complex(scale * (s.real * v.real + s.imag * v.imag), scale * (s.real * v.imag - s.imag * v.real))


@compiled
def currents(net: Net, first: int, drawn: Array, v: Array, out: Array) -> None:  # pragma: no cover
    """Write the currents that the loads of nodes `first`.. inject at the voltages `v`, in model coordinates."""
    for i in range(first, len(v)):
        if len(net.kind) == 1:
            out[i, 0] = injected(drawn[i, 0], v[i, 0])
        elif drawn[i, 0] == 0.0 and drawn[i, 1] == 0.0 and drawn[i, 2] == 0.0:
            out[i, 0] = out[i, 1] = out[i, 2] = 0j
        else:
            turn = net.nodes[i, EXTRA, 0]
            a, b, c = to_phases(v[i, 0], v[i, 1], v[i, 2], turn)
            out[i, 0], out[i, 1], out[i, 2] = to_clarke(
                injected(drawn[i, 0], a), injected(drawn[i, 1], b), injected(drawn[i, 2], c), turn
            )


@compiled
def sweep(net: Net, x: Array) -> None:  # pragma: no cover
    """Solve Y_rr x = b in place, where b is zero in silent rows; these are left for `recover`."""
    n, width = len(net.rows) - 1, len(net.kind)
    for i in range(net.silent, n):
        for k in range(net.rows[i, 1], net.rows[i + 1, 1]):
            j = net.columns[k]
            for c in range(width):
                x[i, c] -= net.factors[k, c] * x[j, c]
    _backward(net, x, net.silent, n)


@compiled
def sweep_all(net: Net, x: Array) -> None:  # pragma: no cover
    """Solve Y_rr x = b in place for any b."""
    n, width = len(net.rows) - 1, len(net.kind)
    for i in range(n):
        for k in range(net.rows[i, 0], net.rows[i + 1, 0]):
            j = net.columns[k]
            for c in range(width):
                x[i, c] -= net.factors[k, c] * x[j, c]
    _backward(net, x, 0, n)


@compiled
def recover(net: Net, x: Array) -> None:  # pragma: no cover
    """Fill in the silent rows of what `sweep` left."""
    for i in range(net.silent):
        for c in range(len(net.kind)):
            x[i, c] = 0j
    _backward(net, x, 0, net.silent)


@compiled
def _backward(net: Net, x: Array, first: int, end: int) -> None:  # pragma: no cover
    for i in range(end - 1, first - 1, -1):
        for k in range(net.rows[i, 2], net.rows[i + 1, 2]):
            j = net.columns[k]
            for c in range(len(net.kind)):
                x[i, c] -= net.factors[k, c] * x[j, c]
        for c in range(len(net.kind)):
            x[i, c] *= net.nodes[i, INVERSE, c]


@compiled
def source_answer(net: Net, x: Array) -> tuple[complex, complex]:  # pragma: no cover
    """Voltages of the source's negative and zero sequence that the currents of `x` and its last row make.

    The negative one is the alpha component of its set (alpha, j alpha).
    """
    slack = len(net.rows) - 1
    negative = 0.5 * (x[slack, 0] - 1j * x[slack, 1])
    zero = x[slack, 2]
    for k in range(len(net.source_near)):
        m = net.source_near[k]
        f, t = net.ends[m, 0], net.ends[m, 1]
        i, side = (t, 1) if f == slack else (f, 2)
        negative -= net.y[m, side, 0] * 0.5 * (x[i, 0] - 1j * x[i, 1])
        zero -= net.y[m, side, 2] * x[i, 2]
    return negative * net.source[0], zero * net.source[1]


@compiled
def _fixed_point(net: Net, drawn: Array, v: Array, x: Array) -> tuple[bool, int]:  # pragma: no cover
    n, width = len(net.rows) - 1, len(net.kind)
    for i in range(len(v)):
        for c in range(width):
            v[i, c] = net.nodes[i, SOURCE, c]
    soft = width == 3 and (net.source[0] != 0.0 or net.source[1] != 0.0)
    negative, zero = 0j, 0j
    for iteration in range(1, MAX_ITERATIONS + 1):
        currents(net, net.silent, drawn, v, x)
        sweep(net, x)
        if soft:
            negative, zero = source_answer(net, x)
            _lift(net, net.silent, n, negative, zero, x)
            v[n, 0], v[n, 1] = net.nodes[n, SOURCE, 0] + negative, net.nodes[n, SOURCE, 1] + 1j * negative
            v[n, 2] = zero
        moved = 0.0
        for i in range(net.silent, n):
            for c in range(width):
                step = net.nodes[i, SOURCE, c] + x[i, c] - v[i, c]
                v[i, c] += step
                moved = max(moved, step.real * step.real + step.imag * step.imag)
        if not moved < 1e6:  # NaN, too
            return False, iteration
        if moved < STANDS_STILL_PU * STANDS_STILL_PU:
            recover(net, x)
            for i in range(net.silent):
                for c in range(width):
                    v[i, c] = net.nodes[i, SOURCE, c] + x[i, c]
            return True, iteration
    return False, MAX_ITERATIONS


@compiled
def _lift(
    net: Net, first: int, end: int, negative: complex, zero: complex, x: Array
) -> None:  # pragma: no cover
    """Add what the source's negative and zero sequence make of every free node."""
    for i in range(first, end):
        rise = net.nodes[i, EXTRA, 1] * negative
        x[i, 0] += rise
        x[i, 1] += 1j * rise
        x[i, 2] += net.nodes[i, EXTRA, 2] * zero


@compiled
def branch_currents(net: Net, drawn: Array, v: Array, flow: Array) -> tuple[float, float]:  # pragma: no cover
    """Write the current that enters each branch at both ends: (M, 2, P).

    Returns:
        The largest power that is missing at a node, and the power that the slack nodes take from upstream,
        in per unit.
    """
    n, width = len(net.rows) - 1, len(net.kind)
    need = np.empty_like(v)
    currents(net, 0, drawn, v, need)
    for i in range(len(v)):
        for c in range(width):
            need[i, c] = net.nodes[i, SHUNT, c] * v[i, c] - need[i, c]
    for k in range(len(net.mesh)):
        m = net.mesh[k]
        f, t = net.ends[m, 0], net.ends[m, 1]
        for c in range(width):
            flow[m, 0, c] = net.y[m, 0, c] * v[f, c] + net.y[m, 1, c] * v[t, c]
            flow[m, 1, c] = net.y[m, 2, c] * v[f, c] + net.y[m, 3, c] * v[t, c]
            need[f, c] += flow[m, 0, c]
            need[t, c] += flow[m, 1, c]
    missing = 0.0
    for k in range(len(net.tree)):
        i, m, side = net.tree[k, 0], net.tree[k, 1], net.tree[k, 2]
        near = net.ends[m, 1 - side]
        for c in range(width):
            far_end = -need[i, c]
            near_end = (
                net.across[k, 0, c] * far_end
                + net.across[k, 1, c] * v[i, c]
                + net.across[k, 2, c] * v[near, c]
            )
            by_voltage = net.y[m, 3 * side, c] * v[i, c] + net.y[m, 1 + side, c] * v[near, c]
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
    total = 0.0
    for m in range(len(net.ends)):
        f, t = net.ends[m, 0], net.ends[m, 1]
        for c in range(len(net.kind)):
            total += (v[f, c] * np.conj(flow[m, 0, c]) + v[t, c] * np.conj(flow[m, 1, c])).real
    return total


@compiled
def _voltages(net: Net, v: Array, vm: Array, vuf: Array) -> None:  # pragma: no cover
    """Write magnitudes (nb, P) and unbalance (nb,) in %; NaN at dead buses."""
    for b in range(len(net.bus)):
        i = net.bus[b]
        if i < 0:
            vuf[b] = np.nan
            for c in range(len(net.kind)):
                vm[b, c] = np.nan
        elif len(net.kind) == 1:
            vm[b, 0], vuf[b] = _size(v[i, 0]), 0.0
        else:
            alpha, beta = v[i, 0], v[i, 1]
            p0, p1, p2 = to_phases(alpha, beta, v[i, 2], net.nodes[i, EXTRA, 0])
            vm[b, 0], vm[b, 1], vm[b, 2] = _size(p0), _size(p1), _size(p2)
            vuf[b] = 100.0 * _size(alpha - 1j * beta) / _size(alpha + 1j * beta)


@njit(cache=True, inline="always", error_model="numpy")
def _size(x: complex) -> float:
    """Magnitude; voltages and currents in per unit need no care for overflow."""  # pragma: no cover
    return math.sqrt(x.real * x.real + x.imag * x.imag)


@compiled
def largest_phase(net: Net, flow: Array, m: int, side: int) -> tuple[float, int]:  # pragma: no cover
    """Magnitude and number of the phase that carries most at one end of a branch."""
    if len(net.kind) == 1:
        return _size(flow[m, side, 0]), 0
    turn = net.nodes[net.ends[m, side], EXTRA, 0]
    a, b, c = to_phases(flow[m, side, 0], flow[m, side, 1], flow[m, side, 2], turn)
    sizes = (_size(a), _size(b), _size(c))
    best = 0
    for p in range(1, 3):
        if sizes[p] > sizes[best]:
            best = p
    return sizes[best], best


@compiled
def _loadings(net: Net, flow: Array, loading: Array) -> None:  # pragma: no cover
    """Write the largest loading of both ends and all phases; elements without a rated end stay as they are."""
    for e in range(len(net.rated)):
        loading[net.rated[e, 2]] = 0.0
    for e in range(len(net.rated)):
        size, _ = largest_phase(net, flow, net.rated[e, 0], net.rated[e, 1])
        element = net.rated[e, 2]
        loading[element] = max(loading[element], net.rated_pct[e] * size)


@compiled
def draw(net: Net, base: Array, drawn: Array) -> None:  # pragma: no cover
    """Write what is drawn at each node and phase in per unit: (N, P), from (2, nb, P) in W and var."""
    width = len(net.kind)
    for i in range(len(drawn)):
        for c in range(width):
            drawn[i, c] = net.fixed[i, c]
    for b in range(len(net.bus)):
        i = net.bus[b]
        for c in range(width):
            if i >= 0:
                drawn[i, c] += complex(base[0, b, c], base[1, b, c]) / net.kind[c]


@compiled
def add_evses(
    net: Net, evse_bus: Array, evse_w: Array, q_per_p: Array, drawn: Array
) -> None:  # pragma: no cover
    """Add (n, P) power in W at the buses of the EVSEs; `q_per_p` (n, P) is its reactive share."""
    for k in range(len(evse_w)):
        i = net.bus[evse_bus[k]]
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
    x = np.empty_like(v)
    converged, iterations = _fixed_point(net, drawn, v, x)
    flow = np.empty((len(net.ends), 2, len(net.kind)), dtype=np.complex128)
    missing, taken = branch_currents(net, drawn, v, flow)
    _voltages(net, v, vm, vuf)
    _loadings(net, flow, loading)
    other = 0.0
    for i in range(len(v)):
        for c in range(len(net.kind)):
            size = v[i, c].real * v[i, c].real + v[i, c].imag * v[i, c].imag
            other += net.fixed[i, c].real + net.nodes[i, SHUNT, c].real * size
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
