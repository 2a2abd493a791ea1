"""Everybody alike, and turns where that is too little for a pilot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.control.strategies.equal_share import EqualShare, Turn
from twin.domain.specs import LimitGroup

A = 230.0


def test_divides_evenly_and_passes_on_what_one_does_not_need(park: Any, car: Any) -> None:
    """40 A; 115 Wh are 6 A in five minutes: 6, 17, 17. Nobody is more urgent."""
    view = park([car(requested_wh=115.0), car(), car()], [LimitGroup(name="main", limit_a=40.0)])
    plan = EqualShare().plan(view, None)
    np.testing.assert_allclose(plan.limit_w / A, [6, 17, 17])
    assert plan.order is None


def test_a_turn_lasts_a_quarter_of_an_hour(park: Any, car: Any) -> None:
    """13 A for three cars: two charge for three ticks, then the third and the first."""
    state, served = None, []
    for tick in range(7):
        view = park([car()] * 3, [LimitGroup(name="main", limit_a=13.0)], now_s=300.0 * tick)
        plan = EqualShare().plan(view, state)
        state = plan.state
        served.append(np.flatnonzero(plan.limit_w).tolist())
    assert served == [[0, 1]] * 3 + [[0, 2]] * 3 + [[1, 2]]


def test_a_turn_of_nothing_moves_on_at_every_tick(park: Any, car: Any) -> None:
    """The state says whose turn it is: the row of the third car after the first tick."""
    view = park([car()] * 3, [LimitGroup(name="main", limit_a=13.0)])
    first = EqualShare(turn_min=0.0).plan(view, None)
    assert first.state == Turn(row=5, since_s=0.0)


def test_an_impossible_turn_is_refused_with_the_remedy() -> None:
    """The message names the option and what would be right."""
    with pytest.raises(ValueError, match=r"^turn_min: -1 is not usable, give a finite number >= 0$"):
        EqualShare(turn_min=-1.0)
