"""Rules by which a curtailment is divided, with the floors that a law guarantees."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from twin.control.curtail import by_urgency, evenly, to_pilots
from twin.control.curtail_lp import FREE, least
from twin.control.guard_limits import Linear
from twin.domain.ids import Mask, Rows, Vector

Rule: TypeAlias = Literal["least-curtailment", "fair", "urgent-first"]
RULES: tuple[Rule, ...] = get_args(Rule)
URGENT_COST = 10.0
"""Cost of a W less of the most urgent row over that of the least urgent one."""
_TURN_COST = 0.005
"""By how much, at most, whose turn it is changes a cost: the loss against the least curtailment stays below it."""
_FITS = 1e-9


class Wishes(NamedTuple):
    """The rows that can be curtailed, (n,) each, in W at the connectors."""

    wish_w: Vector
    pilot_w: Vector
    """Smallest power above 0."""
    step_w: Vector
    floor_w: Vector
    """Guaranteed, at most the wish; 0 where nothing is."""
    order: Rows | None
    """Most urgent first; None: all are equal."""
    turn: int
    """Counted up with every interval."""


class Division(NamedTuple):
    """Who gets what.

    Attributes:
        power_w: (n,).
        reason: (n,) index into the limits of `Linear`; FREE for none.
        below_floor: (k,) the limits that even the floors of all break.
        found: False where the rule has found nothing that keeps the limits.
    """

    power_w: Vector
    reason: Rows
    below_floor: Mask
    found: bool


class _Bounds(NamedTuple):
    lower_w: Vector
    upper_w: Vector
    below_floor: Mask


def divide(rule: Rule, linear: Linear, wishes: Wishes, *, most_w: Vector) -> Division:
    """Divide what the linearised limits leave, nobody getting more than `most_w` (n,).

    Floors are kept. Where even the floors of all break a limit, the rows that answer for it get at most
    their floor, and less by the rule; if that frees too little too, floors bind nobody.
    """
    for bounds in _levels(linear, wishes, most_w):
        power_w, reason, found = _divided(rule, linear, wishes, bounds)
        if found:
            break
    cut = power_w < wishes.wish_w * (1.0 - 1e-9)
    floored = np.flatnonzero(bounds.below_floor)
    if len(floored):
        owner = floored[linear.material[floored].argmax(axis=0)]
        reason = np.where(cut & (reason == FREE) & linear.material[floored].any(axis=0), owner, reason)
    return Division(power_w, np.where(cut, reason, FREE), bounds.below_floor, found)


def _levels(linear: Linear, wishes: Wishes, most_w: Vector) -> list[_Bounds]:
    """Bounds to try in turn: floors for all, floors where they can be had, floors for nobody."""
    none = np.zeros(len(linear.limit), dtype=bool)
    nothing = np.zeros_like(wishes.wish_w)
    if not wishes.floor_w.any():
        return [_Bounds(nothing, most_w, none)]
    floor_w = np.minimum(wishes.floor_w, most_w)
    # What floors alone break: a row that relieves a limit is counted at its wish, where it relieves most.
    at_floor = np.where(linear.effect > 0.0, floor_w, most_w)
    too_much = (linear.effect * at_floor).sum(axis=1) > linear.room * (1.0 + _FITS) + _FITS
    involved = (linear.material & (linear.effect > 0.0))[too_much].any(axis=0)
    upper_w = np.where(involved, floor_w, most_w)
    first = [] if too_much.any() else [_Bounds(floor_w, most_w, none)]
    return [
        *first,
        _Bounds(np.where(involved, 0.0, floor_w), upper_w, too_much),
        _Bounds(nothing, upper_w, too_much | (not too_much.any())),
    ]


def _divided(rule: Rule, linear: Linear, wishes: Wishes, bounds: _Bounds) -> tuple[Vector, Rows, bool]:
    if rule == "least-curtailment":
        return _least(linear, wishes, bounds)
    use, room = linear.answering()
    above = room - use @ bounds.lower_w
    found = bool((above >= -_FITS * (1.0 + np.abs(room))).all())
    more_w = bounds.upper_w - bounds.lower_w
    pilot_w = np.where(bounds.lower_w > 0.0, 0.0, wishes.pilot_w)
    if rule == "fair" or wishes.order is None:
        extra_w, reason = evenly(use, above, more_w, pilot_w, wishes.turn)
    else:
        extra_w, reason = by_urgency(use, above, more_w, pilot_w, wishes.step_w, wishes.order)
    return bounds.lower_w + extra_w, reason, found


def _least(linear: Linear, wishes: Wishes, bounds: _Bounds) -> tuple[Vector, Rows, bool]:
    answer = least(
        linear.effect,
        linear.room,
        lower_w=bounds.lower_w,
        upper_w=bounds.upper_w,
        pilot_w=wishes.pilot_w,
        weight=weights(len(wishes.wish_w), wishes.order, wishes.turn),
    )
    order = wishes.order
    if order is None:
        order = np.roll(np.arange(len(wishes.wish_w)), -(wishes.turn % max(len(wishes.wish_w), 1)))
    power_w = to_pilots(
        linear.effect,
        linear.room,
        answer.power_w,
        bounds.lower_w,
        bounds.upper_w,
        wishes.pilot_w,
        wishes.step_w,
        order,
    )
    return power_w, answer.reason, answer.solved


def weights(count: int, order: Rows | None, turn: int) -> Vector:
    """(n,) cost of a W less of each row.

    With an order the cost falls geometrically from the most to the least urgent row. Without, costs are equal
    but for half a percent by whose turn it is: where rows are as good as equal for the feeder, they take
    turns from interval to interval, and no answer hangs on the last bit of an effect.
    """
    rank = np.empty(count)
    if order is None:
        rank[:] = (np.arange(count) - turn) % max(count, 1)
        return 1.0 + _TURN_COST * (1.0 - rank / max(count, 1))
    rank[order] = np.arange(count)
    return URGENT_COST ** (1.0 - rank / max(count - 1, 1))
