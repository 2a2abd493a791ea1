"""Divide what a feeder's linearised limits leave: strictly by urgency, or by the same share for all.

Constraints are rows of `use @ x <= headroom` with x >= 0 in W; `use` (m, n) is what one W takes from each.
A row's power is its wish, or less: a multiple of its pilot step, not below its smallest pilot, or 0.
"""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np
from numba import njit

from twin.domain.ids import Array, Matrix, Rows, Vector

FREE = -1
"""Reason of a row that got what it wanted."""
MATERIAL = 0.1
"""An EVSE answers for a limit if its effect is at least this share of the largest effect of any EVSE."""


@njit(cache=True)
def by_urgency(
    use: Array, headroom: Array, wish_w: Array, floor_w: Array, step_w: Array, order: Array
) -> tuple[Array, Array]:  # pragma: no cover
    """Give each row in turn the most that what is left allows.

    Args:
        use: (m, n) taken per W, >= 0.
        headroom: (m,) what is there; may be negative.
        wish_w: (n,).
        floor_w: (n,) below it a curtailed row gets 0.
        step_w: (n,) a curtailed row gets a multiple of it; 0 is continuous.
        order: (n,) rows, most urgent first.

    Returns:
        (n,) power in W, and (n,) the constraint that bound each row, FREE for none.
    """
    left = headroom.copy()
    x = np.zeros(len(wish_w))
    reason = np.full(len(wish_w), FREE)
    for i in order:
        most = wish_w[i]
        for c in range(len(left)):
            if use[c, i] > 0.0 and use[c, i] * most > left[c]:
                most = max(left[c], 0.0) / use[c, i]
                reason[i] = c
        if reason[i] != FREE:
            if step_w[i] > 0.0:
                most = np.floor(most / step_w[i] + 1e-9) * step_w[i]
            if most < floor_w[i] * (1.0 - 1e-9):
                most = 0.0
        x[i] = most
        if most > 0.0:
            for c in range(len(left)):
                left[c] -= use[c, i] * most
    return x, reason


@njit(cache=True)
def by_share(use: Array, headroom: Array, wish_w: Array) -> tuple[Array, Array]:  # pragma: no cover
    """Scale the rows behind each broken constraint by one factor, the tightest constraint first.

    Args:
        use: (m, n) taken per W, >= 0.
        headroom: (m,).
        wish_w: (n,).

    Returns:
        As `by_urgency`, without floors and steps.
    """
    x = wish_w.copy()
    reason = np.full(len(wish_w), FREE)
    for _ in range(2 * len(headroom) + 1):
        tightest, factor = FREE, 1.0 - 1e-12
        for c in range(len(headroom)):
            load = 0.0
            for i in range(len(x)):
                load += use[c, i] * x[i]
            if load > 0.0 and max(headroom[c], 0.0) < factor * load:
                tightest, factor = c, max(headroom[c], 0.0) / load
        if tightest == FREE:
            break
        for i in range(len(x)):
            if use[tightest, i] > 0.0 and x[i] > 0.0:
                x[i] *= factor
                reason[i] = tightest
    return x, reason


def equally(use: Matrix, headroom: Vector, wish_w: Vector, floor_w: Vector, turn: int) -> tuple[Vector, Rows]:
    """Curtail everybody by the same share; where that falls below the smallest pilot, take turns.

    Args:
        use: (m, n), headroom: (m,), wish_w and floor_w: (n,), as in `by_urgency`.
        headroom: See there.
        wish_w: See there.
        floor_w: See there.
        turn: Who comes first where not everybody can have the smallest pilot: row `turn` modulo n. Counting
            it up with every interval lets all have their turn.

    Returns:
        As `by_urgency`.
    """
    share_w, reason = by_share(use, headroom, wish_w)
    least_w = np.minimum(floor_w, wish_w)
    if (share_w >= least_w).all():
        return share_w, reason
    order = np.roll(np.arange(len(wish_w)), -(turn % len(wish_w)))
    first_w, why = by_urgency(
        use, headroom, np.maximum(share_w, least_w), floor_w, np.zeros_like(wish_w), order
    )
    # Somebody pauses: those that charge share what that leaves.
    more_w = np.where(first_w > 0.0, wish_w - first_w, 0.0)
    extra_w, _ = by_share(use, headroom - use @ first_w, more_w)
    given_w = first_w + extra_w
    return given_w, np.where(given_w < wish_w * (1.0 - 1e-9), np.where(why == FREE, reason, why), FREE)
