"""The least weighted curtailment under linearised limits: a small linear program, solved exactly in microseconds.

    minimise    sum_i w_i (u_i - x_i)
    subject to  sum_i e_ci x_i <= room_c      for every limit c
                l_i <= x_i <= u_i, or x_i = 0 where l_i = 0 and x_i would fall below the smallest pilot

A dense dual simplex with bounded variables (Chvatal, *Linear Programming*, 1983, chapters 8 and 10; Koberstein,
*The dual simplex method*, 2005, section 3.1). It starts with everybody at u, which is dual feasible because
weights are positive, takes a limit up only when it is broken (of hundreds a few matter), and goes on from
where it is when a bound changes: that makes the search over smallest pilots cheap. One limit alone is a
fractional knapsack, which this solves by one short pivot per row taken down.

Effects may have either sign: a row that relieves a limit is worth keeping.
"""

# compiled functions take flat arguments

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from twin.domain.ids import Array, Rows, Vector

FREE = -1
"""Reason of a row that got what it wanted."""
_FEASIBLE = 1e-9
_PIVOT = 1e-9
_OPTIMAL, _INFEASIBLE, _STUCK = 0, 1, 2


class _Tableau(NamedTuple):
    """A basis: `x_basic[r] + sum_k t[r, k] x_nonbasic[k]` is constant; gains are the reduced costs."""

    t: Array
    value: Array
    basic: Array
    """Variables 0..n-1 are rows of the fleet, n + c the slack of limit c."""
    nonbasic: Array
    at_upper: Array
    gain: Array
    lower: Array
    upper: Array
    taken: Array
    """(m,) whether a limit is in the tableau."""
    used: Array
    """(1,) how many rows of it are in use."""


class Least(NamedTuple):
    """A least curtailment.

    Attributes:
        power_w: (n,).
        reason: (n,) the limit whose price weighs most on each curtailed row; FREE for none.
        solved: Whether there is an answer; False where even the lower bounds break a limit.
    """

    power_w: Vector
    reason: Rows
    solved: bool


@njit(cache=True)
def _bound(tab: _Tableau, k: int) -> float:  # pragma: no cover
    """Where the k-th nonbasic variable stands; slacks at 0."""
    n = len(tab.gain)
    j = tab.nonbasic[k]
    if j >= n:
        return 0.0
    return tab.upper[j] if tab.at_upper[k] else tab.lower[j]


@njit(cache=True)
def _leaving(tab: _Tableau) -> tuple[int, float]:  # pragma: no cover
    """Return the basic variable furthest outside its bounds, and by how much: negative is below; -1 for none."""
    n = len(tab.gain)
    worst, gap = -1, 0.0
    for r in range(tab.used[0]):
        j = tab.basic[r]
        low = tab.lower[j] if j < n else 0.0
        off = tab.value[r] - low
        if off > 0.0:
            off = max(tab.value[r] - tab.upper[j], 0.0) if j < n else 0.0
        if abs(off) > max(_FEASIBLE, abs(gap)):
            worst, gap = r, off
    return worst, gap


@njit(cache=True)
def _entering(tab: _Tableau, r: int, below: bool) -> int:  # pragma: no cover
    """Return the nonbasic variable that can move row r back at the smallest loss; -1 for none."""
    n = len(tab.gain)
    best, ratio, size = -1, np.inf, 0.0
    for k in range(n):
        j = tab.nonbasic[k]
        if j < n and tab.upper[j] - tab.lower[j] <= 0.0:
            continue
        pivot = tab.t[r, k] if below == tab.at_upper[k] else -tab.t[r, k]
        if pivot <= _PIVOT:
            continue
        here = abs(tab.gain[k]) / pivot
        if here < ratio * (1.0 - 1e-12) or (here <= ratio * (1.0 + 1e-12) and pivot > size):
            best, ratio, size = k, here, pivot
    return best


@njit(cache=True)
def _exchange(tab: _Tableau, r: int, k: int, below: bool) -> None:  # pragma: no cover
    """Let nonbasic k take the place of the basic variable of row r, which goes to the bound it broke."""
    n, used = len(tab.gain), tab.used[0]
    out = tab.basic[r]
    target = 0.0
    if out < n:
        target = tab.lower[out] if below else tab.upper[out]
    pivot = tab.t[r, k]
    moved = (tab.value[r] - target) / pivot
    entered = _bound(tab, k) + moved
    for i in range(used):
        tab.value[i] -= tab.t[i, k] * moved
    tab.value[r] = entered
    scale = 1.0 / pivot
    for c in range(n):
        tab.t[r, c] *= scale
    tab.t[r, k] = scale
    for i in range(used):
        if i == r or tab.t[i, k] == 0.0:
            continue
        factor = tab.t[i, k]
        for c in range(n):
            tab.t[i, c] -= factor * tab.t[r, c]
        tab.t[i, k] = -factor * scale
    factor = tab.gain[k]
    for c in range(n):
        tab.gain[c] -= factor * tab.t[r, c]
    tab.gain[k] = -factor * scale
    tab.basic[r], tab.nonbasic[k] = tab.nonbasic[k], out
    tab.at_upper[k] = not below


@njit(cache=True)
def _pivots(tab: _Tableau) -> int:  # pragma: no cover
    """Restore primal feasibility, keeping dual feasibility."""
    for _ in range(50 * (tab.used[0] + 10) + 20 * len(tab.gain)):
        r, gap = _leaving(tab)
        if r < 0:
            return _OPTIMAL
        k = _entering(tab, r, gap < 0.0)
        if k < 0:
            return _INFEASIBLE
        _exchange(tab, r, k, gap < 0.0)
    return _STUCK


@njit(cache=True)
def _powers(tab: _Tableau) -> Array:  # pragma: no cover
    n = len(tab.gain)
    x = np.empty(n)
    for k in range(n):
        if tab.nonbasic[k] < n:
            x[tab.nonbasic[k]] = _bound(tab, k)
    for r in range(tab.used[0]):
        if tab.basic[r] < n:
            x[tab.basic[r]] = tab.value[r]
    return x


@njit(cache=True)
def _take_up(tab: _Tableau, row: Array, room: float, c: int) -> None:  # pragma: no cover
    """Add limit c, written in the variables that are nonbasic now."""
    n, new = len(tab.gain), tab.used[0]
    for k in range(n):
        tab.t[new, k] = row[tab.nonbasic[k]] if tab.nonbasic[k] < n else 0.0
    left = room
    for k in range(n):
        if tab.nonbasic[k] < n:
            left -= row[tab.nonbasic[k]] * _bound(tab, k)
    for r in range(new):
        if tab.basic[r] < n and row[tab.basic[r]] != 0.0:
            factor = row[tab.basic[r]]
            left -= factor * tab.value[r]
            for k in range(n):
                tab.t[new, k] -= factor * tab.t[r, k]
    tab.value[new] = left
    tab.basic[new] = n + c
    tab.taken[c] = True
    tab.used[0] = new + 1


@njit(cache=True)
def _optimise(tab: _Tableau, effect: Array, room: Array) -> int:  # pragma: no cover
    """Solve, taking up the limit that is broken most until none is."""
    while True:
        state = _pivots(tab)
        if state != _OPTIMAL:
            return state
        x = _powers(tab)
        worst, most = -1, _FEASIBLE
        for c in range(len(room)):
            if tab.taken[c]:
                continue
            over = -room[c]
            for i in range(len(x)):
                over += effect[c, i] * x[i]
            if over > most:
                worst, most = c, over
        if worst < 0:
            return _OPTIMAL
        _take_up(tab, effect[worst], room[worst], worst)


@njit(cache=True)
def _set_bounds(tab: _Tableau, i: int, lower: float, upper: float) -> None:  # pragma: no cover
    """Change the bounds of row i; where it stands at one, it moves along."""
    n = len(tab.gain)
    for k in range(n):
        if tab.nonbasic[k] == i:
            was = _bound(tab, k)
            tab.lower[i], tab.upper[i] = lower, upper
            moved = _bound(tab, k) - was
            for r in range(tab.used[0]):
                tab.value[r] -= tab.t[r, k] * moved
            return
    tab.lower[i], tab.upper[i] = lower, upper


@njit(cache=True)
def _copy(tab: _Tableau) -> _Tableau:  # pragma: no cover
    t = np.empty_like(tab.t)
    t[: tab.used[0]] = tab.t[: tab.used[0]]
    return _Tableau(
        t,
        tab.value.copy(),
        tab.basic.copy(),
        tab.nonbasic.copy(),
        tab.at_upper.copy(),
        tab.gain.copy(),
        tab.lower.copy(),
        tab.upper.copy(),
        tab.taken.copy(),
        tab.used.copy(),
    )


@njit(cache=True)
def _start(limits: int, lower: Array, upper: Array, weight: Array) -> _Tableau:  # pragma: no cover
    n = len(weight)
    return _Tableau(
        np.zeros((limits, n)),
        np.zeros(limits),
        np.zeros(limits, dtype=np.int64),
        np.arange(n),
        np.full(n, True),
        weight.copy(),
        lower.copy(),
        upper.copy(),
        np.full(limits, False),
        np.zeros(1, dtype=np.int64),
    )


@njit(cache=True)
def _below_pilot(x: Array, lower: Array, pilot: Array) -> int:  # pragma: no cover
    """Return the row with the most power that is too little to signal; -1 for none."""
    found = -1
    for i in range(len(x)):
        if lower[i] > 0.0 or x[i] <= 1e-7 or x[i] >= pilot[i] * (1.0 - 1e-9):
            continue
        if found < 0 or x[i] > x[found]:
            found = i
    return found


@njit(cache=True)
def _solve(
    effect: Array, room: Array, lower: Array, upper: Array, pilot: Array, weight: Array
) -> tuple[Array, Array, bool]:  # pragma: no cover
    """Solve in shares of the wish; see `least`. Returns shares, prices of the limits, and whether it went well."""
    price = np.zeros(len(room))
    tab = _start(len(room), lower, upper, weight)
    state = _optimise(tab, effect, room)
    while state == _OPTIMAL:
        x = _powers(tab)
        i = _below_pilot(x, tab.lower, pilot)
        if i < 0:
            break
        more = _copy(tab)
        _set_bounds(more, i, min(pilot[i], upper[i]), upper[i])
        up = _optimise(more, effect, room)
        _set_bounds(tab, i, 0.0, 0.0)
        state = _optimise(tab, effect, room)
        if up == _OPTIMAL and (
            state != _OPTIMAL or np.dot(weight, _powers(more)) >= np.dot(weight, _powers(tab))
        ):
            tab, state = more, up
    if state != _OPTIMAL:
        return lower.copy(), price, False
    for k in range(len(weight)):
        if tab.nonbasic[k] >= len(weight):
            price[tab.nonbasic[k] - len(weight)] = max(-tab.gain[k], 0.0)
    return _powers(tab), price, True


def least(
    effect: Array,
    room: Vector,
    *,
    lower_w: Vector,
    upper_w: Vector,
    pilot_w: Vector,
    weight: Vector,
) -> Least:
    """Return the least weighted curtailment.

    Exact where no row falls below its smallest pilot. Where one does, it either pauses or gets its smallest
    pilot, whichever costs less with all that was decided before: a dive, not a full search.

    Args:
        effect: (m, n) what a W of each row adds to each limit, of either sign.
        room: (m,) what there is at zero power.
        lower_w: (n,) no row gets less.
        upper_w: (n,) no row gets more.
        pilot_w: (n,) rows with `lower_w` 0 get this much or nothing.
        weight: (n,) > 0, cost of a W less.

    Returns:
        The powers, the reasons, and whether the lower bounds fit at all.
    """
    size_w = np.maximum(upper_w, 1e-9)
    scaled = effect * size_w
    unit = np.abs(scaled).max(axis=1, initial=0.0)
    unit[unit <= 0.0] = 1.0
    scaled /= unit[:, None]
    share, price, solved = _solve(
        np.ascontiguousarray(scaled),
        room / unit,
        lower_w / size_w,
        np.where(upper_w > 0.0, 1.0, 0.0),
        np.minimum(pilot_w / size_w, 1.0),
        weight * size_w / max(float((weight * size_w).max(initial=0.0)), 1e-300),
    )
    return Least(np.clip(share, 0.0, 1.0) * size_w * (upper_w > 0.0), _reasons(scaled, price, share), solved)


def _reasons(effect: Array, price: Vector, share: Vector) -> Rows:
    """The limit that adds most to what a W of each curtailed row costs."""
    reason = np.full(len(share), FREE)
    active = np.flatnonzero(price > 1e-12)
    if len(active):
        cost = price[active, None] * effect[active]
        worst = cost.argmax(axis=0)
        held = (share < 1.0 - 1e-9) & (cost[worst, np.arange(len(share))] > 0.0)
        reason[held] = active[worst[held]]
    return reason
