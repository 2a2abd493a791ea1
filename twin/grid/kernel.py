"""Power flow and its linearisation on one sparse factorisation, compiled.

Split the admittance matrix by slack nodes s and the rest r: Y_rr V + Y_rs V_s = I(V). With powers S drawn,
I = -conj(S / V). The no-load voltage is W = -Y_rr^-1 Y_rs V_s, and V <- W + Y_rr^-1 I(V) is repeated from
W until it stands still: 6 to 10 times at normal load, each one forward and one backward sweep over a
factorisation that a radial net does not fill. Every solve starts from W, so it depends on its inputs alone.

All arrays are in the order of elimination, slack nodes last. Strict arithmetic: the same bits on every CPU.
"""

# compiled functions take flat arguments

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from twin.domain.ids import Array, Complexes, Rows, Vector

STANDS_STILL_PU = 1e-11
MAX_ITERATIONS = 400


class Compiled(NamedTuple):
    """A net ready to solve: n free nodes, then the slack nodes (N in all), M branches, E rated ends."""

    base_va: float
    l_ptr: Rows
    l_idx: Rows
    l_val: Complexes
    u_ptr: Rows
    u_idx: Rows
    u_val: Complexes
    u_inv: Complexes
    """(n,) inverse of U's diagonal."""
    v0: Complexes
    """(N,) no-load voltage W, then the source's."""
    shunt: Complexes
    fixed: Complexes
    branch_from: Rows
    branch_to: Rows
    y: Complexes
    end_branch: Rows
    end_side: Rows
    end_element: Rows
    end_pct: Vector
    node: Rows
    """(nb,) node of each bus; -1 where it is dead."""
    evse_bus: Rows
    """(n_evse,) bus of each EVSE."""
    evse_q_per_p: float


class Totals(NamedTuple):
    """What a solve returns besides arrays; powers in W."""

    converged: bool
    iterations: int
    mismatch_w: float
    slack_w: float
    losses_w: float
    other_w: float
    """Drawn by shunts and by what follows no profile."""


@njit(cache=True)
def _sweep(net: Compiled, x: Array) -> None:  # pragma: no cover
    """Solve Y_rr x = b in place."""
    n = len(net.u_inv)
    for i in range(n):
        total = x[i]
        for k in range(net.l_ptr[i], net.l_ptr[i + 1]):
            total -= net.l_val[k] * x[net.l_idx[k]]
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = x[i]
        for k in range(net.u_ptr[i], net.u_ptr[i + 1]):
            total -= net.u_val[k] * x[net.u_idx[k]]
        x[i] = total * net.u_inv[i]


@njit(cache=True)
def _fixed_point(net: Compiled, drawn: Array, v: Array) -> tuple[bool, int]:  # pragma: no cover
    n = len(net.u_inv)
    v[:] = net.v0
    x = np.empty(n, dtype=np.complex128)
    for iteration in range(1, MAX_ITERATIONS + 1):
        for i in range(n):
            x[i] = -np.conj(drawn[i] / v[i]) if drawn[i] != 0.0 else 0.0
        _sweep(net, x)
        moved = 0.0
        for i in range(n):
            step = net.v0[i] + x[i] - v[i]
            v[i] += step
            moved = max(moved, step.real * step.real + step.imag * step.imag)
        if not np.isfinite(moved):
            return False, iteration
        if moved < STANDS_STILL_PU * STANDS_STILL_PU:
            return True, iteration
    return False, MAX_ITERATIONS


@njit(cache=True)
def solve(
    net: Compiled, base: Array, evse_w: Array, solution: Array, vm: Array, loading: Array
) -> Totals:  # pragma: no cover
    """Solve one instant.

    Args:
        net: The compiled net.
        base: (2, nb) drawn by units in W and var.
        evse_w: (n_evse,) drawn by EVSEs in W.
        solution: (2, N) written: voltages, then power drawn in per unit.
        vm: (nb,) written: magnitudes; NaN at dead buses.
        loading: (nl,) written where it has a rated end, else left as it is.
    """
    n = len(net.u_inv)
    v, drawn = solution[0], solution[1]
    drawn[:] = net.fixed
    for b in range(len(net.node)):
        if net.node[b] >= 0:
            drawn[net.node[b]] += complex(base[0, b], base[1, b]) / net.base_va
    for k in range(len(evse_w)):
        drawn[net.node[net.evse_bus[k]]] += complex(evse_w[k], evse_w[k] * net.evse_q_per_p) / net.base_va
    converged, iterations = _fixed_point(net, drawn, v)
    for b in range(len(net.node)):
        vm[b] = abs(v[net.node[b]]) if net.node[b] >= 0 else np.nan
    current = np.empty((len(net.branch_from), 2), dtype=np.complex128)
    into = net.shunt * v
    losses = 0.0
    for m in range(len(net.branch_from)):
        f, t = net.branch_from[m], net.branch_to[m]
        current[m, 0] = net.y[m, 0] * v[f] + net.y[m, 1] * v[t]
        current[m, 1] = net.y[m, 2] * v[f] + net.y[m, 3] * v[t]
        into[f] += current[m, 0]
        into[t] += current[m, 1]
        losses += (v[f] * np.conj(current[m, 0])).real + (v[t] * np.conj(current[m, 1])).real
    for e in range(len(net.end_branch)):
        loading[net.end_element[e]] = 0.0
    for e in range(len(net.end_branch)):
        pct = net.end_pct[e] * abs(current[net.end_branch[e], net.end_side[e]])
        loading[net.end_element[e]] = max(loading[net.end_element[e]], pct)
    mismatch = slack = other = 0.0
    for i in range(len(v)):
        balance = v[i] * np.conj(into[i]) + drawn[i]
        other += net.fixed[i].real + net.shunt[i].real * (v[i] * np.conj(v[i])).real
        if i < n:
            mismatch = max(mismatch, abs(balance))
        else:
            slack += balance.real
    scale = net.base_va
    return Totals(converged, iterations, mismatch * scale, slack * scale, losses * scale, other * scale)


@njit(cache=True)
def _sweep_many(net: Compiled, re: Array, im: Array) -> None:  # pragma: no cover
    """Solve Y_rr X = B in place for many right-hand sides, (n, B) split into real and imaginary parts."""
    n, width = re.shape
    for i in range(n):
        for k in range(net.l_ptr[i], net.l_ptr[i + 1]):
            a, b, j = net.l_val[k].real, net.l_val[k].imag, net.l_idx[k]
            for c in range(width):
                re[i, c] -= a * re[j, c] - b * im[j, c]
                im[i, c] -= a * im[j, c] + b * re[j, c]
    for i in range(n - 1, -1, -1):
        for k in range(net.u_ptr[i], net.u_ptr[i + 1]):
            a, b, j = net.u_val[k].real, net.u_val[k].imag, net.u_idx[k]
            for c in range(width):
                re[i, c] -= a * re[j, c] - b * im[j, c]
                im[i, c] -= a * im[j, c] + b * re[j, c]
        a, b = net.u_inv[i].real, net.u_inv[i].imag
        for c in range(width):
            re[i, c], im[i, c] = a * re[i, c] - b * im[i, c], a * im[i, c] + b * re[i, c]


@njit(cache=True)
def voltage_answers(net: Compiled, drawn: Array, v: Array, nodes: Array) -> Array:  # pragma: no cover
    """Change of every voltage per unit of power drawn at each of `nodes`, exactly linearised at `v`.

    Differentiating Y_rr V = c - conj(S / V) gives Y_rr dV = D conj(dV) - conj(dS) / conj(V) with
    D = conj(S) / conj(V)^2. It contracts like the power flow itself, so it is solved by the same sweeps.

    Args:
        net: The compiled net.
        drawn: (N,) power drawn in per unit at the solution.
        v: (N,) the solution.
        nodes: (B,) where power is added; the reactive part is the EVSEs' share.

    Returns:
        (N, B) complex; NaN where the linearisation has no answer.
    """
    n, width = len(net.u_inv), len(nodes)
    added = complex(1.0, -net.evse_q_per_p)
    out = np.zeros((len(v), width), dtype=np.complex128)
    source_re, source_im = np.zeros((n, width)), np.zeros((n, width))
    for c in range(width):
        if nodes[c] < n:
            source = -added / np.conj(v[nodes[c]])
            source_re[nodes[c], c], source_im[nodes[c], c] = source.real, source.imag
    re, im = source_re.copy(), source_im.copy()
    last_re, last_im = np.zeros((n, width)), np.zeros((n, width))
    _sweep_many(net, re, im)
    first = np.abs(re).max() + np.abs(im).max() if n * width else 0.0
    for _ in range(MAX_ITERATIONS):
        moved = 0.0
        for i in range(n):
            for c in range(width):
                moved = max(moved, abs(re[i, c] - last_re[i, c]), abs(im[i, c] - last_im[i, c]))
                last_re[i, c], last_im[i, c] = re[i, c], im[i, c]
        if moved <= 1e-10 * first:
            out[:n] = re + 1j * im
            return out
        for i in range(n):
            d = np.conj(drawn[i]) / (np.conj(v[i]) * np.conj(v[i]))
            for c in range(width):
                re[i, c] = source_re[i, c] + d.real * last_re[i, c] + d.imag * last_im[i, c]
                im[i, c] = source_im[i, c] + d.imag * last_re[i, c] - d.real * last_im[i, c]
        _sweep_many(net, re, im)
    out[:] = np.nan
    return out


@njit(cache=True)
def magnitude_answers(
    v: Array, dv: Array, node: Array, column: Array, dvm: Array
) -> None:  # pragma: no cover
    """Write d|V| of every bus per EVSE: (nb, n_evse), from (N, B) complex changes; `column` (n_evse,)."""
    for b in range(len(node)):
        i = node[b]
        if i < 0:
            continue
        scale = 1.0 / abs(v[i])
        re, im = v[i].real * scale, v[i].imag * scale
        for k in range(len(column)):
            change = dv[i, column[k]]
            dvm[b, k] = re * change.real + im * change.imag


@njit(cache=True)
def loading_answers(
    ends: tuple[Array, Array, Array, Array],
    branches: tuple[Array, Array, Array],
    v: Array,
    dv: Array,
    column: Array,
    out: Array,
) -> None:  # pragma: no cover
    """Write the change of loading of every element per EVSE, (nl, n_evse), at its more loaded end.

    Args:
        ends: Branch, side, element, and % per unit of current of the rated ends.
        branches: From node, to node, (M, 4) admittances.
        v: (N,) the solution.
        dv: (N, B) change of voltages.
        column: (n_evse,) column of `dv` for each EVSE.
        out: Written; 0 where no current flows.
    """
    end_branch, end_side, end_element, end_pct = ends
    branch_from, branch_to, y = branches
    worst = np.full(out.shape[0], -1.0)
    change = np.empty(dv.shape[1])
    for e in range(len(end_branch)):
        m, s, element = end_branch[e], end_side[e], end_element[e]
        f, t = branch_from[m], branch_to[m]
        at_from, at_to = y[m, 2 * s], y[m, 2 * s + 1]
        current = at_from * v[f] + at_to * v[t]
        size = abs(current)
        pct = end_pct[e] * size
        if pct <= worst[element]:
            continue
        worst[element] = pct
        toward = np.conj(current) * (end_pct[e] / size) if size > 0.0 else 0j
        a, b = toward * at_from, toward * at_to
        for c in range(dv.shape[1]):
            change[c] = (a * dv[f, c]).real + (b * dv[t, c]).real
        for k in range(len(column)):
            out[element, k] = change[column[k]]
