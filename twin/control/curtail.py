"""Divide what a feeder's linearised limits leave: strictly by urgency, or evenly.

Constraints are rows of `use @ x <= room` with x >= 0 in W; `use` (m, n) is what one W takes from each, of either
sign: a row that gives room to a limit counts once it has its power. A row's power is its wish, or less: a
multiple of its pilot step, not below its smallest pilot, or 0.
"""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np
from numba import njit

from twin.control.curtail_lp import FREE
from twin.domain.ids import Array, Matrix, Rows, Vector

_SAME = 1e-9


@njit(cache=True)
def by_urgency(
    use: Array, room: Array, wish_w: Array, pilot_w: Array, step_w: Array, order: Array
) -> tuple[Array, Array]:  # pragma: no cover
    """Give each row in turn the most that what is left allows.

    Where rows relieve limits of others, a second turn hands out what the first has freed.

    Args:
        use: (m, n) taken per W.
        room: (m,) what is there; may be negative.
        wish_w: (n,).
        pilot_w: (n,) below it a curtailed row gets 0.
        step_w: (n,) a curtailed row gets a multiple of it; 0 is continuous.
        order: (n,) rows, most urgent first.

    Returns:
        (n,) power in W, and (n,) the constraint that bound each row, FREE for none.
    """
    left = room.copy()
    x = np.zeros(len(wish_w))
    reason = np.full(len(wish_w), FREE)
    turns = 2 if (use < 0.0).any() else 1
    for _ in range(turns):
        for i in order:
            if x[i] >= wish_w[i]:
                continue
            most = wish_w[i] - x[i]
            why = FREE
            for c in range(len(left)):
                if use[c, i] > 0.0 and use[c, i] * most > left[c]:
                    most = max(left[c], 0.0) / use[c, i]
                    why = c
            if why != FREE:
                whole = x[i] + most
                if step_w[i] > 0.0:
                    whole = np.floor(whole / step_w[i] + 1e-9) * step_w[i]
                if whole < pilot_w[i] * (1.0 - _SAME):
                    whole = 0.0
                most = max(whole - x[i], 0.0)
            reason[i] = why
            x[i] = wish_w[i] if why == FREE else x[i] + most
            if most > 0.0:
                for c in range(len(left)):
                    left[c] -= use[c, i] * most
    return x, reason


@njit(cache=True)
def by_level(use: Array, room: Array, wish_w: Array) -> tuple[Array, Array]:  # pragma: no cover
    """Raise the share of the wish of all rows together; who meets a limit stops, the others go on.

    Max-min fair in shares of the wish: nobody can have a larger share without somebody of a smaller share
    losing some (Bertsekas and Gallager, *Data Networks*, 2nd ed., section 6.5.2). Where rows relieve limits,
    what that frees is handed out the same way in a second turn.

    Args:
        use: (m, n) taken per W.
        room: (m,) >= 0.
        wish_w: (n,).

    Returns:
        As `by_urgency`, without pilots and steps.
    """
    count, limits = len(wish_w), len(room)
    share = np.zeros(count)
    reason = np.full(count, FREE)
    left = np.maximum(room, 0.0)
    turns = 2 if (use < 0.0).any() else 1
    for _ in range(turns):
        moving = (wish_w > 0.0) & (share < 1.0)
        while moving.any():
            rise, tight = 1.0, FREE
            for i in range(count):
                if moving[i]:
                    rise = min(rise, 1.0 - share[i])
            for c in range(limits):
                rate = 0.0
                for i in range(count):
                    if moving[i]:
                        rate += use[c, i] * wish_w[i]
                if rate > 0.0 and rise * rate > left[c]:
                    rise, tight = left[c] / rate, c
            for c in range(limits):
                for i in range(count):
                    if moving[i]:
                        left[c] -= rise * use[c, i] * wish_w[i]
            if tight != FREE:
                left[tight] = 0.0
            for i in range(count):
                if not moving[i]:
                    continue
                share[i] += rise
                if share[i] >= 1.0 - 1e-12:
                    share[i], reason[i], moving[i] = 1.0, FREE, False
                elif tight != FREE and use[tight, i] > 0.0:
                    reason[i], moving[i] = tight, False
    return share * wish_w, reason


def evenly(use: Matrix, room: Vector, wish_w: Vector, pilot_w: Vector, turn: int) -> tuple[Vector, Rows]:
    """Give all the same share of their wish; where that falls below the smallest pilot, take turns.

    Args:
        use: (m, n), room: (m,), wish_w and pilot_w: (n,), as in `by_urgency`.
        room: See there.
        wish_w: See there.
        pilot_w: See there.
        turn: Who comes first where not everybody can have the smallest pilot: row `turn` modulo n. Counting
            it up with every interval lets all have their turn.

    Returns:
        As `by_urgency`.
    """
    share_w, reason = by_level(use, room, wish_w)
    least_w = np.minimum(pilot_w, wish_w)
    if (share_w >= least_w).all():
        return share_w, reason
    order = np.roll(np.arange(len(wish_w)), -(turn % len(wish_w)))
    first_w, why = by_urgency(use, room, np.maximum(share_w, least_w), pilot_w, np.zeros_like(wish_w), order)
    # Somebody pauses: those that charge share what that leaves.
    more_w = np.where(first_w > 0.0, wish_w - first_w, 0.0)
    extra_w, _ = by_level(use, room - use @ first_w, more_w)
    given_w = first_w + extra_w
    return given_w, np.where(given_w < wish_w * (1.0 - _SAME), np.where(why == FREE, reason, why), FREE)


@njit(cache=True)
def to_pilots(
    effect: Array,
    room: Array,
    power_w: Array,
    lower_w: Array,
    upper_w: Array,
    pilot_w: Array,
    step_w: Array,
    order: Array,
) -> Array:  # pragma: no cover
    """Round curtailed rows down to what they can signal, and hand out what that frees.

    Where a row relieves a limit, rounding it down may break that limit: then the rows that weigh most on
    it give a step each until it is kept, and every other limit as well.

    Args:
        effect: (m, n) what one W adds to each limit.
        room: (m,) what is there.
        power_w: (n,) within all bounds and limits.
        lower_w: (n,) a multiple of the step, or the wish; no row gets less.
        upper_w: (n,) no row gets more.
        pilot_w: (n,) a row with `lower_w` 0 gets this much or nothing.
        step_w: (n,) 0 is continuous.
        order: (n,) who may use first what is left.

    Returns:
        (n,) power in W.
    """
    count, limits = len(power_w), len(room)
    x = power_w.copy()
    for i in range(count):
        if step_w[i] > 0.0 and x[i] < upper_w[i] * (1.0 - _SAME):
            x[i] = max(np.floor(x[i] / step_w[i] + 1e-6) * step_w[i], lower_w[i])
            if lower_w[i] <= 0.0 and x[i] < pilot_w[i] * (1.0 - _SAME):
                x[i] = 0.0
    left = room.copy()
    for c in range(limits):
        for i in range(count):
            left[c] -= effect[c, i] * x[i]
    moved = -1.0
    while moved < 0.0:  # what mends one limit may break another that the row relieves
        moved = 0.0
        for c in range(limits):
            tolerance = 1e-7 * abs(room[c]) + 1e-12
            while left[c] < -tolerance:
                worst = FREE
                for i in range(count):
                    if effect[c, i] <= 0.0 or x[i] <= lower_w[i]:
                        continue
                    if worst == FREE or effect[c, i] > effect[c, worst]:
                        worst = i
                if worst == FREE:
                    break
                target = x[worst] + left[c] / effect[c, worst]
                if step_w[worst] > 0.0:
                    target = np.floor(target / step_w[worst] + 1e-9) * step_w[worst]
                if lower_w[worst] <= 0.0 and target < pilot_w[worst] * (1.0 - _SAME):
                    target = 0.0
                less = max(target, lower_w[worst]) - x[worst]
                if less >= 0.0:  # broken by a rounding only
                    break
                moved = less
                x[worst] += less
                for k in range(limits):
                    left[k] -= effect[k, worst] * less
    for i in order:
        if step_w[i] <= 0.0 or x[i] >= upper_w[i] * (1.0 - _SAME):
            continue
        most = upper_w[i] - x[i]
        for c in range(limits):
            if effect[c, i] > 0.0:
                most = min(most, max(left[c], 0.0) / effect[c, i])
        target = x[i] + most
        if target < upper_w[i] * (1.0 - _SAME):
            target = np.floor(target / step_w[i] + 1e-9) * step_w[i]
        if target > x[i] and target >= pilot_w[i] * (1.0 - _SAME):
            for c in range(limits):
                left[c] -= effect[c, i] * (target - x[i])
            x[i] = target
    return x
