"""First come, earliest deadline, least laxity: who is first, and what that means in amperes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.control.strategies.priority import EarliestDeadlineFirst, FirstComeFirstServed, LeastLaxityFirst
from twin.domain.specs import LimitGroup

A, HOUR = 230.0, 3600.0
MAIN = [LimitGroup(name="main", limit_a=40.0)]


class TestFirstComeFirstServed:
    def test_who_came_first_gets_most(self, park: Any, car: Any) -> None:
        """40 A: 32 for the second row, which came first."""
        plan = FirstComeFirstServed().plan(park([car(arrived_s=60.0), car(arrived_s=30.0)], MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [8, 32])
        assert plan.order is not None
        assert plan.order.tolist() == [1, 0]

    def test_what_the_first_does_not_need_goes_to_the_next(self, park: Any, car: Any) -> None:
        """230 Wh in five minutes are 12 A; 28 A remain."""
        plan = FirstComeFirstServed().plan(park([car(requested_wh=230.0), car()], MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [12, 28])

    def test_uninterrupted_keeps_everybody_at_six_amperes(self, park: Any, car: Any) -> None:
        """40 A for four cars: 22, 6, 6, 6 instead of 32, 8, 0, 0."""
        cars = [car(arrived_s=float(k)) for k in range(4)]
        kept = FirstComeFirstServed(uninterrupted=True).plan(park(cars, MAIN), None)
        paused = FirstComeFirstServed().plan(park(cars, MAIN), None)
        np.testing.assert_allclose(kept.limit_w / A, [22, 6, 6, 6])
        np.testing.assert_allclose(paused.limit_w / A, [32, 8, 0, 0])

    def test_follow_draw_gives_what_a_full_battery_leaves_to_the_next(self, park: Any, car: Any) -> None:
        """The first draws 9 A of 32 A: it may have 10 A, the second 30 A."""
        cars = [car(limit_a=32.0, draw_a=9.0), car()]
        plan = FirstComeFirstServed(follow_draw=True).plan(park(cars, MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [10, 30])


class TestEarliestDeadlineFirst:
    def test_who_leaves_first_gets_most(self, park: Any, car: Any) -> None:
        """Departure at 2 h before 3 h, whoever came first."""
        cars = [car(departure_s=3 * HOUR), car(departure_s=2 * HOUR, arrived_s=60.0)]
        plan = EarliestDeadlineFirst().plan(park(cars, MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [8, 32])

    def test_an_unknown_departure_is_so_many_hours_after_the_arrival(self, park: Any, car: Any) -> None:
        """Eight hours put the silent driver behind one who leaves at 7 h, six hours before."""
        cars = [car(), car(departure_s=7 * HOUR)]
        late = EarliestDeadlineFirst().plan(park(cars, MAIN), None)
        soon = EarliestDeadlineFirst(unknown_stay_h=6.0).plan(park(cars, MAIN), None)
        np.testing.assert_allclose([late.limit_w / A, soon.limit_w / A], [[8, 32], [32, 8]])

    def test_an_impossible_stay_is_refused_with_the_remedy(self) -> None:
        """The message names the option and what would be right."""
        with pytest.raises(ValueError, match=r"^unknown_stay_h: 0 is not usable, give a finite number > 0$"):
            EarliestDeadlineFirst(unknown_stay_h=0.0)


class TestLeastLaxityFirst:
    def test_who_can_least_wait_gets_most(self, park: Any, car: Any) -> None:
        """At 7.36 kW, 7.36 kWh take 1 h: 3 h - 1 h is more than 4 h - 3 h."""
        cars = [
            car(departure_s=3 * HOUR, requested_wh=7_360.0),
            car(departure_s=4 * HOUR, requested_wh=3 * 7_360.0),
        ]
        plan = LeastLaxityFirst().plan(park(cars, MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [8, 32])

    def test_delivered_energy_makes_patient(self, park: Any, car: Any) -> None:
        """The same two, but the second has two of its three hours of energy already: 2 h against 3 h."""
        cars = [
            car(departure_s=3 * HOUR, requested_wh=7_360.0),
            car(departure_s=4 * HOUR, requested_wh=3 * 7_360.0, delivered_wh=2 * 7_360.0),
        ]
        plan = LeastLaxityFirst().plan(park(cars, MAIN), None)
        np.testing.assert_allclose(plan.limit_w / A, [32, 8])

    def test_relative_puts_the_long_need_before_the_short_stay(self, park: Any, car: Any) -> None:
        """Half an hour of need in one hour (0.5 h, 50 %) and 9 of 10 hours (1 h, 10 %)."""
        cars = [
            car(departure_s=1 * HOUR, requested_wh=0.5 * 7_360.0),
            car(departure_s=10 * HOUR, requested_wh=9 * 7_360.0),
        ]
        absolute = LeastLaxityFirst().plan(park(cars, MAIN), None)
        relative = LeastLaxityFirst(relative=True).plan(park(cars, MAIN), None)
        np.testing.assert_allclose([absolute.limit_w / A, relative.limit_w / A], [[32, 8], [8, 32]])

    def test_unknown_energy_is_a_stated_amount_less_what_was_delivered(self, park: Any, car: Any) -> None:
        """14.72 kWh are 2 h: 3 h - 2 h is less than 3 h - 1 h; after 11.04 kWh it is more."""
        known = car(departure_s=3 * HOUR, requested_wh=7_360.0)
        rule = LeastLaxityFirst(unknown_energy_kwh=14.72)
        new = rule.plan(park([known, car(departure_s=3 * HOUR)], MAIN), None)
        old = rule.plan(park([known, car(departure_s=3 * HOUR, delivered_wh=11_040.0)], MAIN), None)
        np.testing.assert_allclose([new.limit_w / A, old.limit_w / A], [[8, 32], [32, 8]])
