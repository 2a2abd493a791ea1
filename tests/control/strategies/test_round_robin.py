"""One level at a time, in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.control.strategies.round_robin import RoundRobin
from twin.control.strategies.uncontrolled import Uncontrolled
from twin.domain.specs import LimitGroup

A = 230.0
ORDERS = ("first-come-first-served", "earliest-deadline-first", "least-laxity-first")
MAIN = [LimitGroup(name="main", limit_a=27.0)]


def test_the_last_level_goes_to_who_is_first_in_order(park: Any, car: Any) -> None:
    """27 A in steps of 2 A: 6 + 6, 8 + 8, 10 + 10, 12 + 12 and 3 A left: 14 for the first to arrive."""
    view = park([car(arrived_s=9.0, step_a=2.0), car(arrived_s=1.0, step_a=2.0)], MAIN)
    plan = RoundRobin().plan(view, None)
    np.testing.assert_allclose(plan.limit_w / A, [12, 14])
    assert plan.order is not None
    assert plan.order.tolist() == [1, 0]


def test_the_order_may_be_that_of_another_rule(park: Any, car: Any) -> None:
    """By departure the other one is first."""
    cars = [
        car(arrived_s=9.0, step_a=2.0, departure_s=3_000.0),
        car(arrived_s=1.0, step_a=2.0, departure_s=5_000.0),
    ]
    plan = RoundRobin(order="earliest-deadline-first").plan(park(cars, MAIN), None)
    np.testing.assert_allclose(plan.limit_w / A, [14, 12])


def test_the_level_without_steps_is_an_option(park: Any, car: Any) -> None:
    """27 A in levels of 5 A: 6 + 6, 11 + 11, and 5 A left: 16 for the first."""
    plan = RoundRobin(level_a=5.0).plan(park([car(), car()], MAIN), None)
    np.testing.assert_allclose(plan.limit_w / A, [16, 11])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"order": "fifo"},
            f"order: 'fifo' is not usable, give one of {', '.join(ORDERS)}",
        ),
        ({"level_a": float("nan")}, "level_a: nan is not usable, give a finite number > 0"),
        ({"dc_level_kw": 0}, "dc_level_kw: 0 is not usable, give a finite number > 0"),
        ({"unknown_energy_kwh": -3}, "unknown_energy_kwh: -3 is not usable, give a finite number > 0"),
    ],
)
def test_impossible_options_are_refused_with_the_remedy(options: Any, message: str) -> None:
    """The message names the option and what would be right."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 -- the whole text is compared below
        RoundRobin(**options)
    assert str(raised.value) == message


def test_uncontrolled_ignores_every_shared_limit(park: Any, car: Any) -> None:
    """Two cars of 32 A under 27 A: 64 A, and the strategy says that it does that."""
    plan = Uncontrolled().plan(park([car(), car()], MAIN), None)
    np.testing.assert_allclose(plan.limit_w / A, [32, 32])
    assert plan.order is None
    assert not Uncontrolled.keeps_limits
