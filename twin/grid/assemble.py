"""From a model to the arrays of the kernel: order, factors, no-load voltages, bridges."""

from __future__ import annotations

from collections import deque

import numpy as np

from twin.domain.ids import Complexes, Mask, Rows
from twin.errors import SolverError
from twin.grid import kernel
from twin.grid.factors import factorise
from twin.grid.model import Model, Sequence
from twin.grid.order import Elimination, bridges, eliminate

_WEAK = 1e-9
"""A series admittance below this share of the branch's other admittances carries no current to speak of."""
_SAME_SHIFT_RAD = 1e-9


class NotCompilable(SolverError):
    """The net holds something that the compiled power flow does not carry; pandapower may."""


def assemble(model: Model, loaded: Mask, name: str) -> tuple[kernel.Net, Rows]:
    """Factorise and put everything in the order of elimination.

    Args:
        model: Of the net.
        loaded: (N,) nodes that may carry load.
        name: Of the net, for errors.

    Returns:
        The net of the kernel, and (N,) the new place of each node of the model.

    Raises:
        NotCompilable: Fixed voltages besides the source's, several sources of an unbalanced net, or phase
            shifts that differ around a mesh.
        SolverError: The matrix is singular: a part of the net hangs on nothing.
    """
    if len(model.pv):
        raise NotCompilable("buses of fixed voltage (generators, DC lines or extended wards)")
    if model.phases == 3 and len(model.slack) != 1:
        raise NotCompilable(f"{len(model.slack)} sources in a three-phase power flow")
    nodes, width = len(model.positive.shunt), model.phases
    pairs = np.stack([model.branch_from, model.branch_to], axis=1)
    order = eliminate(nodes, pairs, model.slack, _iterated(model, loaded))
    free = len(order.order)
    place = np.empty(nodes, dtype=np.int64)
    place[order.order] = np.arange(free)
    place[model.slack] = np.arange(free, nodes)
    turn = _turns(model, loaded, name) if width == 3 else np.ones(nodes, dtype=complex)
    y = _by_column(model, turn)
    shunt = np.stack([model.positive.shunt] * min(width, 2), axis=1)
    if model.zero is not None:
        shunt = np.concatenate([shunt, model.zero.shunt[:, None]], axis=1)
    ends = place[pairs]
    back = np.argsort(place)
    lower, upper, inverse = _factors(order, ends, y, shunt[back], name)
    data = np.zeros((nodes, 4, width), dtype=complex)
    data[:free, kernel.INVERSE] = inverse
    data[:, kernel.SHUNT] = shunt[back]
    if width == 3:
        data[:, kernel.EXTRA, 0] = turn[back]
    tree, across, mesh = _bridges(nodes, ends, np.arange(free, nodes), model, y)
    behind = np.array([j >= order.silent for j in order.l_idx], dtype=bool)
    l_row = np.repeat(np.arange(free), np.diff(order.l_ptr))
    inner = np.concatenate([[0], np.cumsum(np.bincount(l_row[behind], minlength=free))]).astype(np.int64)
    whole = len(order.l_idx)
    by_end = np.lexsort((model.end_side, model.end_branch))
    net = kernel.Net(
        kind=(model.base_va,) * width,
        silent=order.silent,
        rows=np.stack([order.l_ptr, inner + whole, order.u_ptr + whole + int(behind.sum())], axis=1),
        columns=np.concatenate([order.l_idx, order.l_idx[behind], order.u_idx]),
        factors=np.ascontiguousarray(np.concatenate([lower, lower[behind], upper])),
        nodes=data,
        source=np.zeros(2, dtype=complex),
        source_near=np.flatnonzero((ends >= free).sum(axis=1) == 1),
        ends=np.ascontiguousarray(ends),
        y=y,
        tree=tree,
        across=across,
        mesh=mesh,
        loads=np.flatnonzero((loaded | (model.fixed != 0.0))[back] | (np.arange(nodes) >= free)),
        rated=np.stack([model.end_branch, model.end_side, model.end_element], axis=1)[by_end],
        rated_pct=model.end_pct[by_end],
        fixed=np.ascontiguousarray(np.repeat(model.fixed[back][:, None], width, axis=1)),
        bus=np.where(model.node >= 0, place[model.node], -1),
    )
    return _with_source(net, model, place), place


def _iterated(model: Model, loaded: Mask) -> Mask:
    """Nodes that the iteration must know: loaded ones and, where the source is soft, its neighbours."""
    out = loaded | (model.fixed != 0.0)
    if model.phases == 3:
        at = np.isin(model.branch_from, model.slack) | np.isin(model.branch_to, model.slack)
        out[model.branch_from[at]] = out[model.branch_to[at]] = True
    return out


def _turns(model: Model, loaded: Mask, name: str) -> Complexes:
    """(N,) exp(j angle) that takes the phase shifts of transformers out; 1 where most of the load is.

    Raises:
        NotCompilable: Two ways to a node shift by different angles.
    """
    nodes = len(model.positive.shunt)
    angle = np.full(nodes, np.nan)
    angle[model.slack] = 0.0
    near: list[list[tuple[int, float]]] = [[] for _ in range(nodes)]
    for f, t, shift in zip(
        model.branch_from.tolist(), model.branch_to.tolist(), model.shift_rad, strict=True
    ):
        near[f].append((t, -float(shift)))
        near[t].append((f, float(shift)))
    queue = deque(model.slack.tolist())
    while queue:
        k = queue.popleft()
        for other, by in near[k]:
            if np.isnan(angle[other]):
                angle[other] = angle[k] + by
                queue.append(other)
            elif abs(np.angle(np.exp(1j * (angle[other] - angle[k] - by)))) > _SAME_SHIFT_RAD:
                raise NotCompilable(f"phase shifts of {name} that differ around a mesh")
    angle = np.nan_to_num(angle)
    used = angle[loaded] if loaded.any() else angle
    levels, count = np.unique(np.round(used, 9), return_counts=True)
    home = levels[count.argmax()]
    off = angle - home
    return np.where(np.abs(off) < _SAME_SHIFT_RAD, 1.0, np.exp(1j * off))


def _by_column(model: Model, turn: Complexes) -> Complexes:
    """(M, 4, P) admittances in model coordinates."""
    y = model.positive.y.copy()
    if model.zero is None:
        return np.ascontiguousarray(y[:, :, None])
    relative = turn[model.branch_to] * np.conj(turn[model.branch_from])
    y[:, 1] *= relative
    y[:, 2] *= np.conj(relative)
    return np.ascontiguousarray(np.stack([y, y, model.zero.y], axis=2))


def _factors(
    order: Elimination, ends: Rows, y: Complexes, shunt: Complexes, name: str
) -> tuple[Complexes, Complexes, Complexes]:
    free = len(order.order)
    f, t = ends[:, 0], ends[:, 1]
    rows = np.concatenate([f, f, t, t, np.arange(free)])
    columns = np.concatenate([f, t, f, t, np.arange(free)])
    values = np.concatenate([y[:, 0], y[:, 1], y[:, 2], y[:, 3], shunt[:free]])
    inside = (rows < free) & (columns < free)
    # Of the two equal columns of an unbalanced net one is enough.
    kept = [0, 2] if y.shape[2] == 3 else [0]
    lower, upper, inverse = factorise(
        order.l_ptr,
        order.l_idx,
        order.u_ptr,
        order.u_idx,
        rows[inside],
        columns[inside],
        np.ascontiguousarray(values[inside][:, kept]),
    )
    if not np.isfinite(inverse).all():
        raise SolverError(f"the admittance matrix of {name} is singular: a part of it hangs on nothing")
    spread = [0, 0, 1] if y.shape[2] == 3 else [0]
    return lower[:, spread], upper[:, spread], inverse[:, spread]


def _bridges(nodes: int, ends: Rows, slack: Rows, model: Model, y: Complexes) -> tuple[Rows, Complexes, Rows]:
    """Bridges with their coefficients, and the branches that are none."""
    node, branch, side = bridges(nodes, ends[:, 0], ends[:, 1], slack)
    across = np.zeros((len(node), 3, y.shape[2]), dtype=complex)
    for c in range(y.shape[2]):
        sequence = model.positive if c < 2 or model.zero is None else model.zero
        across[:, :, c] = _across(y[:, :, c], sequence, branch, side)
    mesh = np.setdiff1d(np.arange(len(ends)), branch)
    return np.ascontiguousarray(np.stack([node, branch, side], axis=1)), across, mesh


def _across(y: Complexes, sequence: Sequence, branch: Rows, side: Rows) -> Complexes:
    """(t, 3) near-end current = a * far-end current + b * far voltage + c * near voltage.

    With i_far = y_fn v_near + y_ff v_far, the near end's current is y_nn / y_fn i_far
    - (y_nn y_ff - y_nf y_fn) / y_fn v_far. The determinant is what leads to ground, times the series
    admittance: from the charging admittances it is exact, from the y it would be a difference of equals.
    """
    k = np.arange(len(branch))
    each = y[branch]
    far, near = each[k, 3 * side], each[k, 3 - 3 * side]
    to_far, to_near = each[k, 1 + side], each[k, 2 - side]
    charging = sequence.charging[branch]
    series = each[:, 3] - charging[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio_squared = (series + charging[:, 0]) / each[:, 0]
        determinant = (series * charging.sum(axis=1) + charging.prod(axis=1)) / ratio_squared
        out = np.stack([near / to_far, -determinant / to_far, np.zeros(len(branch))], axis=1)
    uneven = np.abs(np.abs(to_far) - np.abs(to_near)) > 1e-12 * np.abs(to_far)
    weak = np.abs(to_far) <= _WEAK * (np.abs(far) + np.abs(near))
    direct = uneven | weak | ~np.isfinite(out).all(axis=1)
    out[direct] = np.stack([np.zeros(len(branch)), to_near, near], axis=1)[direct]
    return out


def _with_source(net: kernel.Net, model: Model, place: Rows) -> kernel.Net:
    """Fill in the no-load voltages and, of an unbalanced net, the answer to a soft source."""
    free, width = len(net.rows) - 1, model.phases
    slack = place[model.slack]
    voltage = np.zeros((len(slack), width), dtype=complex)
    if width == 1:
        voltage[:, 0] = model.source
    else:
        turned = model.source * np.conj(net.nodes[slack, kernel.EXTRA, 0])
        voltage[:, 0], voltage[:, 1] = np.sqrt(1.5) * turned, -1j * np.sqrt(1.5) * turned
    net.nodes[:free, kernel.SOURCE] = _answer(net, slack, voltage)
    net.nodes[slack, kernel.SOURCE] = voltage
    if width == 1:
        return net
    unit = _answer(net, slack, np.ones((1, 3), dtype=complex))
    net.nodes[:free, kernel.EXTRA, 1] = unit[:, 0]
    net.nodes[:free, kernel.EXTRA, 2] = unit[:, 2]
    behind = np.array([_seen(net, slack[0], unit, c) for c in (0, 2)]) + model.source_y
    with np.errstate(divide="ignore", invalid="ignore"):
        soft = np.where(behind == 0.0, 0.0, 1.0 / behind)
    return net._replace(source=soft)


def _answer(net: kernel.Net, slack: Rows, voltage: Complexes) -> Complexes:
    """(n, P) voltages of the free nodes that the slack nodes alone make."""
    free = len(net.rows) - 1
    x = np.zeros((free + len(slack), voltage.shape[1]), dtype=complex)
    v = np.zeros_like(x)
    v[slack] = voltage
    f, t = net.ends[:, 0], net.ends[:, 1]
    for here, other, row in ((f, t, 1), (t, f, 2)):
        at = np.flatnonzero((here < free) & (other >= free))
        for m in at.tolist():
            x[here[m]] -= net.y[m, row] * v[other[m]]
    kernel.sweep_all(net, x)
    return x[:free]


def _seen(net: kernel.Net, slack: int, unit: Complexes, c: int) -> complex:
    """Admittance between slack node and ground of everything but the source itself."""
    total = complex(net.nodes[slack, kernel.SHUNT, c])
    for m, (f, t) in enumerate(net.ends.tolist()):
        if f == slack:
            total += net.y[m, 0, c] + net.y[m, 1, c] * (1.0 if t == slack else unit[t, c])
        if t == slack:
            total += net.y[m, 3, c] + net.y[m, 2, c] * (1.0 if f == slack else unit[f, c])
    return total


def loaded_nodes(model: Model, buses: Rows | None) -> Mask:
    """(N,) nodes of the buses that may carry load; of all living buses if None."""
    out = np.zeros(len(model.positive.shunt), dtype=bool)
    node = model.node if buses is None else model.node[buses]
    out[node[node >= 0]] = True
    return out
