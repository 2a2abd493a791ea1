"""What every registered strategy promises, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.control.strategies import registry
from twin.domain.site_limits import worst_excess
from twin.domain.specs import LimitGroup
from twin.domain.views import FleetView, Plan, Strategy

Views = Callable[..., st.SearchStrategy[FleetView]]

pytestmark = pytest.mark.parametrize("name", registry.names())


def assert_kept(strategy: Strategy, view: FleetView, plan: Plan) -> None:
    assert plan.limit_w.shape == (len(view),)
    assert (plan.limit_w >= 0).all()
    assert (plan.limit_w <= view.max_w).all()
    if plan.order is not None:
        assert sorted(plan.order.tolist()) == list(range(len(view)))
    if getattr(strategy, "keeps_limits", True):
        assert worst_excess(view.limits, view.rows, view.phases, plan.limit_w) <= 1e-8
        paused = plan.limit_w == 0
        assert (paused | (plan.limit_w >= view.min_w * (1 - 1e-9))).all()


@given(st.data())
@settings(max_examples=60)
def test_limits_are_numbers_within_every_bound(name: str, views: Views, data: st.DataObject) -> None:
    """0 <= limit <= max_w, no NaN, shared limits kept, the order a permutation; unknowns included."""
    strategy = registry.make(name)
    view = data.draw(views())
    assert_kept(strategy, view, strategy.plan(view, None))


@given(st.data())
@settings(max_examples=30)
def test_the_state_of_one_tick_serves_the_next(name: str, views: Views, data: st.DataObject) -> None:
    """Cars come and go between ticks: yesterday's state fits any view."""
    strategy = registry.make(name)
    state = strategy.plan(data.draw(views()), None).state
    view = data.draw(views())
    view.now_s += 86_400.0
    assert_kept(strategy, view, strategy.plan(view, state))


@given(st.data())
@settings(max_examples=30)
def test_the_same_view_gets_the_same_answer(name: str, views: Views, data: st.DataObject) -> None:
    """Deterministic to the bit, and the view is left as it was."""
    strategy = registry.make(name)
    view = data.draw(views())
    before = view.columns.copy()
    first, second = strategy.plan(view, None), strategy.plan(view, None)
    np.testing.assert_array_equal(view.columns, before)
    assert first.limit_w.tobytes() == second.limit_w.tobytes()
    assert first.state == second.state


@pytest.mark.parametrize("groups", [[], [LimitGroup(name="main", limit_a=32.0)]], ids=["free", "limited"])
def test_nobody_gets_nothing(name: str, groups: list[LimitGroup], park: Any) -> None:
    """An empty view has an empty answer."""
    strategy = registry.make(name)
    assert_kept(strategy, view := park([], groups), strategy.plan(view, None))


def test_one_car_under_a_wide_limit_gets_its_most(name: str, park: Any, car: Any) -> None:
    """32 A of 40 A, whatever was said or not."""
    strategy = registry.make(name)
    view = park([car()], [LimitGroup(name="main", limit_a=40.0)])
    np.testing.assert_allclose(strategy.plan(view, None).limit_w, [32 * 230])


def test_who_takes_more_than_was_said_is_still_served(name: str, park: Any, car: Any) -> None:
    """10 kWh were said, 11 are delivered, and there is room: the car goes on."""
    strategy = registry.make(name)
    view = park([car(requested_wh=10e3, delivered_wh=11e3, departure_s=-60.0)])
    assert strategy.plan(view, None).limit_w[0] == view.max_w[0]


def test_a_car_missing_ten_watt_hours_is_finished(name: str, park: Any, car: Any) -> None:
    """120 W would do, but the smallest pilot is 6 A: less would never finish it (defect of a peer)."""
    strategy = registry.make(name)
    view = park([car(requested_wh=10.0, step_a=8.0)], [LimitGroup(name="main", limit_a=40.0)])
    assert strategy.plan(view, None).limit_w[0] >= 8 * 230


def test_is_described_with_every_option(name: str) -> None:
    """A summary, and for each option a default and a sentence."""
    described = registry.describe(name)
    assert described.summary.endswith(".")
    assert all(option.doc for option in described.options)
