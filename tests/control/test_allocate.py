"""Dividing power: numbers by hand, slow references, and invariants over any car park."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.control import allocate
from twin.domain.site_limits import worst_excess
from twin.domain.specs import Connection, LimitGroup
from twin.domain.views import FleetView

A = 230.0
"""One ampere on one phase, in W."""

Views = Callable[..., st.SearchStrategy[FleetView]]


def main(limit_a: float = math.inf, limit_w: float = math.inf) -> list[LimitGroup]:
    return [LimitGroup(name="main", limit_a=limit_a, limit_w=limit_w)]


def excess(view: FleetView, limit_w: np.ndarray) -> float:
    return worst_excess(view.limits, view.rows, view.phases, limit_w)


def floor_w(view: FleetView, i: int) -> float:
    step = view.step_w[i]
    return float(math.ceil(view.min_w[i] / step - 1e-9) * step if step else view.min_w[i])


def signalled(view: FleetView, i: int, power_w: float) -> float:
    """What a station makes of a power: down to a step, 0 below the floor."""
    step = view.step_w[i]
    down = math.floor(power_w / step + 1e-7) * step if step else power_w
    return down if down >= floor_w(view, i) - 1e-6 else 0.0


def next_w(view: FleetView, i: int, power_w: float) -> float:
    """The smallest power above `power_w` worth trying."""
    if power_w < floor_w(view, i):
        return floor_w(view, i)
    return float(power_w + (view.step_w[i] or max(1e-5 * view.max_w[i], 0.01)))


def top_w(view: FleetView, i: int, ceiling_w: np.ndarray) -> float:
    return signalled(view, i, min(ceiling_w[i], view.max_w[i]))


def assert_sound(view: FleetView, limit_w: np.ndarray, ceiling_w: np.ndarray) -> None:
    """Feasible, within the ceiling, on a step, and 0 or at least the floor."""
    assert excess(view, limit_w) <= 1e-8
    assert (limit_w >= 0).all()
    assert (limit_w <= np.minimum(ceiling_w, view.max_w)).all()
    for i, power_w in enumerate(limit_w):
        assert power_w == pytest.approx(signalled(view, i, power_w), rel=1e-8)


def assert_nobody_can_be_raised_alone(view: FleetView, limit_w: np.ndarray, ceiling_w: np.ndarray) -> None:
    for i in range(len(view)):
        more = limit_w.copy()
        more[i] = next_w(view, i, limit_w[i])
        if more[i] <= top_w(view, i, ceiling_w):
            assert excess(view, more) > 1e-8


class TestFill:
    def test_the_first_gets_all_it_can_take_and_the_second_the_rest(self, park: Any, car: Any) -> None:
        """40 A for two cars of 32 A on one phase: 32 and 8."""
        view = park([car(), car()], main(40.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([1, 0])) / A, [8, 32])

    def test_what_is_less_than_six_amperes_is_nothing(self, park: Any, car: Any) -> None:
        """37 A: after 32 A only 5 A are left, and a car cannot be told 5 A."""
        view = park([car(), car()], main(37.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [32, 0])

    def test_with_keep_min_everybody_gets_six_amperes_first(self, park: Any, car: Any) -> None:
        """37 A: six for the second, 31 remain for the first."""
        view = park([car(), car()], main(37.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1]), keep_min=True) / A, [31, 6])

    def test_a_station_with_steps_is_rounded_down_and_the_next_gets_what_remains(
        self, park: Any, car: Any
    ) -> None:
        """29 A in steps of 4 A: 28, not 29; nothing for the next at 1 A."""
        view = park([car(step_a=4.0), car()], main(29.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [28, 0])

    def test_with_steps_of_four_the_smallest_pilot_is_eight(self, park: Any, car: Any) -> None:
        """IEC 61851 allows 6 A, but this station knows 4, 8, 12: 7 A are 0."""
        view = park([car(step_a=4.0)], main(7.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0])), [0])

    def test_two_cars_of_sixteen_fit_under_thirty_two(self, park: Any, car: Any) -> None:
        """A limit may be used up to its last bit, in steps too."""
        view = park([car(max_a=16.0, step_a=1.0, connection=Connection.L3)] * 2, main(32.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [16, 16])

    def test_phases_do_not_disturb_each_other(self, park: Any, car: Any) -> None:
        """32 A per conductor: three cars on three phases all get 32 A."""
        view = park([car(connection=c) for c in (Connection.L1, Connection.L2, Connection.L3)], main(32.0))
        np.testing.assert_allclose(allocate.fill(view, np.arange(3)) / A, [32, 32, 32])

    def test_a_three_phase_car_leaves_its_rest_on_each_phase(self, park: Any, car: Any) -> None:
        """40 A: 16 A on three phases leave 24 A on the second phase."""
        view = park(
            [car(connection=Connection.L1L2L3, phases=3, max_a=16.0), car(connection=Connection.L2)],
            main(40.0),
        )
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [3 * 16, 24])

    def test_line_to_line_currents_add_as_phasors(self, park: Any, car: Any) -> None:
        """L1-L2 and L3-L1 at 60 degrees in L1: 20 A and u give sqrt(400 + 20 u + u^2) = 35, u = 20.41."""
        view = park(
            [car(connection=Connection.L1_L2, max_a=20.0), car(connection=Connection.L3_L1)], main(35.0)
        )
        u = -10 + math.sqrt(100 + 35**2 - 400)
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [20, u])

    def test_every_limit_above_counts(self, park: Any, car: Any) -> None:
        """A branch of 20 A under a contract of 5 kW: 20 A are 4.6 kW, 400 W are too little for the other."""
        groups = [
            LimitGroup(name="main", limit_w=5_000.0),
            LimitGroup(name="a", parent="main", limit_a=20.0),
            LimitGroup(name="b", parent="main"),
        ]
        view = park([car(group="a"), car(group="b")], groups)
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])), [4_600, 0])

    def test_a_limit_in_watt_counts_the_losses_of_a_dc_station(self, park: Any, car: Any) -> None:
        """A contract of 50 kW leaves 47 kW at the connector of a station of 94 %."""
        view = park(
            [car(dc_w=150e3, efficiency=0.94, connection=Connection.L1L2L3, phases=3)], main(limit_w=50e3)
        )
        np.testing.assert_allclose(allocate.fill(view, np.array([0])), [47_000])

    def test_an_offline_station_is_counted_first_at_its_limit_in_force(self, park: Any, car: Any) -> None:
        """It cannot be told less than its 20 A, so 20 A of 40 A remain, even for who is first."""
        view = park([car(), car(offline=True, limit_a=20.0)], main(40.0))
        np.testing.assert_allclose(allocate.fill(view, np.array([0, 1])) / A, [20, 20])

    def test_a_limit_of_nothing_gives_nothing(self, park: Any, car: Any) -> None:
        """0 A, and less than 0 W after the building took its share."""
        for groups in (main(0.0), main(limit_w=-5.0), main(-3.0)):
            view = park([car(), car(dc_w=1e4)], groups)
            np.testing.assert_array_equal(allocate.fill(view, np.array([0, 1])), [0, 0])

    @given(st.data())
    @settings(max_examples=200)
    def test_equals_a_search_by_bisection(self, views: Views, data: st.DataObject) -> None:
        """Whatever the park: each in turn has the largest power that a plain search finds."""
        view = data.draw(views())
        order = np.array(data.draw(st.permutations(range(len(view)))), dtype=np.int64)
        ceiling_w = allocate.ceilings(view)
        limit_w = allocate.fill(view, order, ceiling_w)
        assert_sound(view, limit_w, ceiling_w)
        expected = np.zeros(len(view))
        for k, i in enumerate(order, start=1):
            low, high = 0.0, min(ceiling_w[i], view.max_w[i])
            for _ in range(60):
                expected[i] = middle = (low + high) / 2
                low, high = (middle, high) if excess(view, expected) <= k * 1e-12 else (low, middle)
            expected[i] = signalled(view, i, low)
        np.testing.assert_allclose(limit_w, expected, rtol=1e-6, atol=1e-3)

    @given(st.data(), st.booleans())
    @settings(max_examples=200)
    def test_nobody_can_be_raised_alone(self, views: Views, data: st.DataObject, keep_min: bool) -> None:
        """Work-conserving: more for one breaks a limit."""
        view = data.draw(views())
        order = np.array(data.draw(st.permutations(range(len(view)))), dtype=np.int64)
        limit_w = allocate.fill(view, order, keep_min=keep_min)
        assert_sound(view, limit_w, view.max_w)
        assert_nobody_can_be_raised_alone(view, limit_w, view.max_w)


class TestShare:
    def test_a_small_car_leaves_its_rest_to_the_others(self, park: Any, car: Any) -> None:
        """60 A for cars of 10, 32, 32 A: 10, 25, 25."""
        view = park([car(max_a=10.0), car(), car()], main(60.0))
        np.testing.assert_allclose(allocate.share(view)[0] / A, [10, 25, 25])

    def test_even_means_watt_not_ampere(self, park: Any, car: Any) -> None:
        """12 kW for one car on one phase and one on three: 6 kW each (26 A and 8.7 A)."""
        view = park([car(), car(connection=Connection.L1L2L3, phases=3)], main(limit_w=12_000.0))
        np.testing.assert_allclose(allocate.share(view)[0], [6_000, 6_000])

    def test_a_narrow_branch_leaves_its_rest_to_the_others(self, park: Any, car: Any) -> None:
        """A branch of 16 A holds two cars at 8 A; the car beside it gets the other 24 of 40 A."""
        groups = [LimitGroup(name="main", limit_a=40.0), LimitGroup(name="a", parent="main", limit_a=16.0)]
        view = park([car(group="a"), car(group="a"), car(group="main")], groups)
        np.testing.assert_allclose(allocate.share(view)[0] / A, [8, 8, 24])

    def test_line_to_line_cars_share_a_conductor_as_phasors(self, park: Any, car: Any) -> None:
        """Two equal currents at 60 degrees sum to sqrt(3) of one: 35 A allow 35 / sqrt(3) = 20.2 A each."""
        view = park([car(connection=Connection.L1_L2), car(connection=Connection.L3_L1)], main(35.0))
        np.testing.assert_allclose(allocate.share(view)[0] / A, [35 / math.sqrt(3)] * 2)

    def test_where_not_all_can_have_six_amperes_they_take_turns(self, park: Any, car: Any) -> None:
        """20 A for five cars: three have 6 A and more, then the turn moves on; nobody waits for ever."""
        view = park([car()] * 5, main(20.0))
        turn, served = 0, []
        for _ in range(5):
            limit_w, turn = allocate.share(view, turn=turn)
            np.testing.assert_allclose(limit_w.sum(), 20 * A)
            served.append(np.flatnonzero(limit_w).tolist())
        assert served == [[0, 1, 2], [0, 3, 4], [1, 2, 3], [0, 1, 4], [2, 3, 4]]

    def test_a_car_that_can_never_have_six_amperes_does_not_stop_the_turn(self, park: Any, car: Any) -> None:
        """Three phases at 6 A are 4.1 kW: never under 3 kW; the two others still take turns."""
        view = park([car(connection=Connection.L1L2L3, phases=3), car(), car()], main(limit_w=2_500.0))
        first, turn = allocate.share(view)
        second, turn = allocate.share(view, turn=turn)
        third, _ = allocate.share(view, turn=turn)
        np.testing.assert_allclose([first, second, third], [[0, 2500, 0], [0, 0, 2500], [0, 2500, 0]])

    def test_steps_that_rounding_left_go_round(self, park: Any, car: Any) -> None:
        """26 A for three cars in whole amperes: 8.67 each is 9, 9, 8, and next time the third has 9."""
        view = park([car(step_a=1.0)] * 3, main(26.0))
        first, turn = allocate.share(view)
        second, _ = allocate.share(view, turn=turn)
        np.testing.assert_allclose([first / A, second / A], [[9, 9, 8], [9, 8, 9]])

    def test_a_car_without_steps_takes_what_rounding_left(self, park: Any, car: Any) -> None:
        """41 A for steps of 4 A and none: 20.5 is 20, so the other gets 21."""
        view = park([car(step_a=4.0), car()], main(41.0))
        np.testing.assert_allclose(allocate.share(view)[0] / A, [20, 21])

    @given(st.data(), st.integers(0, 20))
    @settings(max_examples=200)
    def test_is_sound_and_nobody_can_be_raised_alone(
        self, views: Views, data: st.DataObject, turn: int
    ) -> None:
        """Feasible, on steps, and nothing is left that one alone could use."""
        view = data.draw(views())
        ceiling_w = allocate.ceilings(view)
        limit_w, _ = allocate.share(view, ceiling_w, turn=turn)
        assert_sound(view, limit_w, ceiling_w)
        assert_nobody_can_be_raised_alone(view, limit_w, ceiling_w)

    @given(st.data())
    @settings(max_examples=150)
    def test_without_steps_equals_progressive_filling_by_bisection(
        self, views: Views, data: st.DataObject
    ) -> None:
        """Max-min fair among those who have the smallest pilot, against a plain search."""
        view = data.draw(views(5))
        view.step_w[:] = 0.0
        limit_w, _ = allocate.share(view)
        low = np.where(limit_w > 0, view.min_w, 0.0)
        high = np.where(limit_w > 0, view.max_w, 0.0)
        free, reference = high > 0, low.copy()
        while free.any():
            below, above = 0.0, float(high.max())
            for _ in range(60):
                level = (below + above) / 2
                trial = np.where(free, np.clip(level, low, high), reference)
                below, above = (level, above) if excess(view, trial) <= 1e-12 else (below, level)
            reference = np.where(free, np.clip(below, low, high), reference)
            stuck = free & ((reference >= high) | (reference > 0) & _cannot_rise(view, reference, below))
            assert stuck.any()
            free &= ~stuck
        np.testing.assert_allclose(limit_w, reference, rtol=1e-6, atol=1e-2)

    @given(st.data())
    @settings(max_examples=100)
    def test_everybody_who_can_be_served_alone_is_served_in_the_end(
        self, views: Views, data: st.DataObject
    ) -> None:
        """No deadlock below six amperes, whatever the tree."""
        view = data.draw(views())
        alone = [bool(allocate.fill(view, np.array([i]))[i] > 0) for i in range(len(view))]
        served, turn = np.zeros(len(view), dtype=bool), 0
        for _ in range(2 * len(view)):
            limit_w, turn = allocate.share(view, turn=turn)
            served |= limit_w > 0
        assert served.tolist() == alone


def _cannot_rise(view: FleetView, power_w: np.ndarray, level_w: float) -> np.ndarray:
    """Who, at the water's level, would break a limit by 0.01 % more."""
    out = np.zeros(len(power_w), dtype=bool)
    for i in np.flatnonzero(power_w <= level_w * (1 + 1e-9)):
        more = power_w.copy()
        more[i] += max(1e-4 * more[i], 0.01)
        out[i] = excess(view, more) > 1e-8
    return out


class TestTakeTurns:
    def test_follows_the_rule_of_acn_sim(self, park: Any, car: Any) -> None:
        """33 A for three cars in steps of 2 A: 6, 6, 6; 8, 8, 8; 10, 10, 10; 12 for the first; 1 A is left.

        By hand: rounds cost 18, 6, 6 A; of the 3 A that remain the first takes 2; the second and the
        third find 1 A, less than a step, and leave.
        """
        view = park([car(step_a=2.0)] * 3, main(33.0))
        np.testing.assert_allclose(allocate.take_turns(view, np.arange(3)) / A, [12, 10, 10])

    def test_a_car_at_its_ceiling_leaves_the_others_in_turn(self, park: Any, car: Any) -> None:
        """40 A, the second takes 8 A: the other two end at 16 and 16."""
        view = park([car(), car(max_a=8.0), car()], main(40.0))
        np.testing.assert_allclose(allocate.take_turns(view, np.array([0, 1, 2])) / A, [16, 8, 16])

    def test_a_dc_session_rises_by_its_own_level(self, park: Any, car: Any) -> None:
        """7.5 kW in levels of 2 kW: 2, 4, 6; the rest is less than a level."""
        view = park([car(dc_w=50e3, connection=Connection.L1L2L3, phases=3)], main(limit_w=7_500.0))
        np.testing.assert_allclose(allocate.take_turns(view, np.array([0]), level_w=2_000.0), [6_000])

    @given(st.data())
    @settings(max_examples=200)
    def test_equals_the_plain_queue(self, views: Views, data: st.DataObject) -> None:
        """Raising many rounds at one go changes nothing: a deque that raises one at a time agrees."""
        view = data.draw(views())
        order = np.array(data.draw(st.permutations(range(len(view)))), dtype=np.int64)
        ceiling_w = allocate.ceilings(view)
        limit_w = allocate.take_turns(view, order, ceiling_w, level_a=1.5, level_w=900.0)
        assert_sound(view, np.array([signalled(view, i, p) for i, p in enumerate(limit_w)]), ceiling_w)
        w_per_a = view.min_w / 6.0
        expected = np.zeros(len(view))
        queue = deque(i for i in order if top_w(view, i, ceiling_w) > 0)
        while queue:
            i = queue.popleft()
            level = view.step_w[i] or 1.5 * w_per_a[i] or 900.0
            trial = expected.copy()
            trial[i] = min(max(trial[i] + level, floor_w(view, i)), top_w(view, i, ceiling_w))
            if excess(view, trial) <= 1e-9:
                expected = trial
                if trial[i] < top_w(view, i, ceiling_w) - 1e-6:
                    queue.append(i)
        np.testing.assert_allclose(limit_w, expected, rtol=1e-9, atol=1e-6)


class TestCeilings:
    def test_a_car_gets_what_delivers_its_missing_energy_by_the_end_of_the_interval(
        self, park: Any, car: Any
    ) -> None:
        """500 Wh in 300 s are 6 kW."""
        view = park([car(requested_wh=2_500.0, delivered_wh=2_000.0)])
        np.testing.assert_allclose(allocate.ceilings(view), [6_000])

    def test_or_by_the_departure_that_was_said(self, park: Any, car: Any) -> None:
        """300 Wh in the 180 s that are left are 6 kW."""
        view = park([car(requested_wh=300.0, departure_s=180.0)])
        np.testing.assert_allclose(allocate.ceilings(view), [6_000])

    def test_the_last_watt_hours_are_delivered_at_six_amperes(self, park: Any, car: Any) -> None:
        """10 Wh would be 120 W: a pilot that does not exist, and the car would never be finished."""
        view = park([car(requested_wh=10.0), car(requested_wh=10.0, step_a=4.0)])
        np.testing.assert_allclose(allocate.ceilings(view) / A, [6, 8])

    def test_a_need_between_two_steps_is_rounded_up(self, park: Any, car: Any) -> None:
        """500 Wh are 26.1 A: 27 A in whole amperes."""
        view = park([car(requested_wh=500.0, step_a=1.0)])
        np.testing.assert_allclose(allocate.ceilings(view) / A, [27])

    @pytest.mark.parametrize(
        "said",
        [{}, {"requested_wh": 10.0, "delivered_wh": 12.0}, {"requested_wh": 10.0, "departure_s": -5.0}],
        ids=["unknown", "delivered", "overdue"],
    )
    def test_who_may_need_more_than_was_said_is_not_held_back(self, park: Any, car: Any, said: Any) -> None:
        """Nothing said, more taken than said, or still there after the departure: the full power."""
        view = park([car(**said)])
        np.testing.assert_allclose(allocate.ceilings(view) / A, [32])

    def test_follow_draw_leaves_one_ampere_above_a_full_battery(self, park: Any, car: Any) -> None:
        """10 A of 32 A: 11 A next; a car that takes all it may, or nearly, is free again."""
        cars = [
            car(limit_a=32.0, draw_a=10.0),
            car(limit_a=11.0, draw_a=11.0),
            car(limit_a=16.0, draw_a=15.6),
        ]
        np.testing.assert_allclose(allocate.ceilings(park(cars), follow_draw=True) / A, [11, 32, 32])

    def test_follow_draw_never_goes_below_six_amperes(self, park: Any, car: Any) -> None:
        """A car that sleeps may wake up."""
        view = park([car(limit_a=16.0, draw_a=0.0)])
        np.testing.assert_allclose(allocate.ceilings(view, follow_draw=True) / A, [6])


class TestRank:
    def test_ties_are_broken_by_arrival_then_by_row(self, park: Any, car: Any) -> None:
        """Same departure: who came first; came together: the lower row."""
        view = park([car(departure_s=9e3, arrived_s=a) for a in (5.0, 3.0, 5.0, 3.0)])
        order = allocate.rank(view, allocate.DEPARTURE, unknown_stay_s=1.0, unknown_wh=1.0)
        assert order.tolist() == [1, 3, 0, 2]

    @pytest.mark.parametrize(
        "rule", [allocate.ARRIVAL, allocate.DEPARTURE, allocate.LAXITY, allocate.RELATIVE_LAXITY]
    )
    def test_who_has_got_what_was_asked_for_comes_last(self, park: Any, car: Any, rule: int) -> None:
        """The first two have their energy: they follow, by arrival."""
        done = {"requested_wh": 50.0, "delivered_wh": 50.0, "departure_s": 10.0}
        view = park(
            [car(arrived_s=2.0, **done), car(arrived_s=1.0, **done), car(arrived_s=3.0, requested_wh=9.0)]
        )
        assert allocate.rank(view, rule, unknown_stay_s=1e4, unknown_wh=1.0).tolist() == [2, 1, 0]

    @given(st.data(), st.integers(0, 3))
    def test_is_the_order_of_the_formula(self, views: Views, data: st.DataObject, rule: int) -> None:
        """Keys in plain Python give the same permutation, unknowns included."""
        view = data.draw(views())
        keys = []
        for i in range(len(view)):
            arrived = view.now_s if math.isnan(view.arrived_s[i]) else view.arrived_s[i]
            leaves = arrived + 7_200.0 if math.isnan(view.departure_s[i]) else view.departure_s[i]
            missing = view.requested_wh[i] - view.delivered_wh[i]
            done = missing <= 0
            if math.isnan(missing):
                missing = max(9_000.0 - view.delivered_wh[i], 0.0)
            left = leaves - view.now_s
            laxity = left - missing / view.max_w[i] * 3600.0
            key = [arrived, leaves, laxity, laxity / max(left, view.period_s)][rule]
            keys.append((math.inf if done else key, arrived, i))
        order = allocate.rank(view, rule, unknown_stay_s=7_200.0, unknown_wh=9_000.0)
        assert order.tolist() == [i for *_, i in sorted(keys)]
