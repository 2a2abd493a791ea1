"""In which order nodes are eliminated, and which branches are bridges.

A tree that is eliminated from its leaves fills nothing. Nodes that never carry load and have at most two
neighbours go first (Kron reduction): their rows rest during the iteration and are recovered once at its end.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from twin.domain.ids import Mask, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination:
    """An order and the pattern of the factors, all in the new numbering: n free nodes.

    Attributes:
        order: (n,) the node eliminated k-th.
        silent: The first so many rows never carry load.
        l_ptr, l_idx: Rows of the strictly lower factor, columns ascending.
        u_ptr, u_idx: Rows of the strictly upper factor, columns ascending.
    """

    order: Rows
    silent: int
    l_ptr: Rows
    l_idx: Rows
    u_ptr: Rows
    u_idx: Rows


def eliminate(nodes: int, pairs: Rows, slack: Rows, loaded: Mask) -> Elimination:
    """Order all nodes but the slack nodes by least degree, silent nodes of at most two neighbours first.

    Args:
        nodes: N.
        pairs: (M, 2) nodes that a branch joins.
        slack: Nodes that are not eliminated.
        loaded: (N,) nodes that may carry load.
    """
    held = set(slack.tolist())
    near: list[set[int]] = [set() for _ in range(nodes)]
    for a, b in pairs.tolist():
        if a != b and a not in held and b not in held:
            near[a].add(b)
            near[b].add(a)
    free = [k for k in range(nodes) if k not in held]
    done: list[int] = []
    later: list[list[int]] = []
    gone = np.zeros(nodes, dtype=bool)
    silent = _pass(near, [k for k in free if not loaded[k]], 2, gone, done, later)
    _pass(near, [k for k in free if not gone[k]], nodes, gone, done, later)
    return _pattern(np.array(done, dtype=np.int64), silent, later, nodes)


def _pass(
    near: list[set[int]], some: list[int], most: int, gone: Mask, done: list[int], later: list[list[int]]
) -> int:
    """Eliminate what is in `some` while it has at most `most` neighbours; returns how many went."""
    heap = [(len(near[k]), k) for k in some]
    member = set(some)
    heapq.heapify(heap)
    before = len(done)
    while heap:
        degree, k = heapq.heappop(heap)
        if gone[k] or degree != len(near[k]) or degree > most:
            continue  # an entry from before a neighbour went, or one with too many neighbours left
        gone[k] = True
        rest = near[k]
        done.append(k)
        later.append(sorted(rest))
        for a in rest:
            near[a].discard(k)
            near[a] |= rest
            near[a].discard(a)
        for a in rest:
            if a in member:
                heapq.heappush(heap, (len(near[a]), a))
        near[k] = set()
    return len(done) - before


def _pattern(order: Rows, silent: int, later: list[list[int]], nodes: int) -> Elimination:
    place = np.full(nodes, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    upper = [sorted(place[a] for a in row) for row in later]
    lower: list[list[int]] = [[] for _ in upper]
    for i, row in enumerate(upper):
        for j in row:
            lower[j].append(i)
    return Elimination(
        order=order,
        silent=silent,
        l_ptr=_starts(lower),
        l_idx=np.array([j for row in lower for j in row], dtype=np.int64),
        u_ptr=_starts(upper),
        u_idx=np.array([j for row in upper for j in row], dtype=np.int64),
    )


def _starts(rows: list[list[int]]) -> Rows:
    return np.concatenate([[0], np.cumsum([len(r) for r in rows], dtype=np.int64)]).astype(np.int64)


def bridges(nodes: int, branch_from: Rows, branch_to: Rows, slack: Rows) -> tuple[Rows, Rows, Rows]:
    """Strip the net from its leaves: whatever hangs on one branch alone, the outermost first.

    Returns:
        (t,) nodes; (t,) the branch that feeds each; (t,) the side of the branch that the node is at (0 from,
        1 to). What is left (meshes, parallel branches) is not listed.
    """
    held = set(slack.tolist())
    touching: list[set[int]] = [set() for _ in range(nodes)]
    ends = list(zip(branch_from.tolist(), branch_to.tolist(), strict=True))
    for m, (f, t) in enumerate(ends):
        if f != t:
            touching[f].add(m)
            touching[t].add(m)
    ready = [k for k in range(nodes) if len(touching[k]) == 1 and k not in held]
    out: list[tuple[int, int, int]] = []
    while ready:
        k = ready.pop()
        if len(touching[k]) != 1:
            continue  # the last node of a part without slack
        (m,) = touching[k]
        f, t = ends[m]
        other = t if f == k else f
        out.append((k, m, 0 if f == k else 1))
        touching[k].clear()
        touching[other].discard(m)
        if len(touching[other]) == 1 and other not in held:
            ready.append(other)
    found = np.array(out, dtype=np.int64).reshape(-1, 3)
    return found[:, 0].copy(), found[:, 1].copy(), found[:, 2].copy()
