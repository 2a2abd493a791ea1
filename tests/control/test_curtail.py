"""Dividing what linearised limits leave: optimal where it says so, fair where it says so, always within limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from twin.control.curtail import by_level, by_urgency, evenly, to_pilots
from twin.control.curtail_lp import FREE, least
from twin.domain.ids import Array, Vector


def least_of(effect, room, upper, *, lower=None, pilot=None, weight=None):
    """`least` with everybody equal, no floors and no pilots unless given."""
    upper = np.asarray(upper, dtype=float)
    nothing = np.zeros_like(upper)
    return least(
        np.asarray(effect, dtype=float),
        np.asarray(room, dtype=float),
        lower_w=nothing if lower is None else np.asarray(lower, dtype=float),
        upper_w=upper,
        pilot_w=nothing if pilot is None else np.asarray(pilot, dtype=float),
        weight=np.ones_like(upper) if weight is None else np.asarray(weight, dtype=float),
    )


def test_one_limit_is_a_knapsack_and_the_heaviest_row_gives_way():
    """Effects 1, 2, 4 at 10 W each: 70 are used, 50 are there: 5 W of the last row."""
    found = least_of([[1.0, 2.0, 4.0]], [50.0], [10.0, 10.0, 10.0])
    assert found.power_w == pytest.approx([10.0, 10.0, 5.0])
    assert found.reason.tolist() == [FREE, FREE, 0]


def test_a_weight_can_outweigh_an_effect():
    """A W of the last row frees 4 at a cost of 9; the second frees 2 at a cost of 1, so it goes first."""
    found = least_of([[1.0, 2.0, 4.0]], [50.0], [10.0, 10.0, 10.0], weight=[1.0, 1.0, 9.0])
    assert found.power_w == pytest.approx([10.0, 0.0, 10.0])


def test_a_row_that_relieves_a_limit_is_left_alone():
    """The third row gives a unit of room per W: without it 10 W had to go, with it 2."""
    found = least_of([[1.0, 1.0, -0.8]], [10.0], [10.0, 10.0, 10.0])
    assert found.power_w.sum() == pytest.approx(28.0)
    assert found.power_w[2] == pytest.approx(10.0)


def test_each_row_is_told_the_limit_that_costs_it():
    """Two limits with two rows each; the second row is behind both, and the tighter one is its reason."""
    found = least_of([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], [15.0, 12.0], [10.0, 10.0, 10.0])
    assert found.power_w == pytest.approx([10.0, 2.0, 10.0])
    assert found.reason.tolist() == [FREE, 1, FREE]


def test_floors_that_do_not_fit_are_no_solution():
    """Two floors of 6 in a room of 10."""
    assert not least_of([[1.0, 1.0]], [10.0], [10.0, 10.0], lower=[6.0, 6.0]).solved
    assert least_of([[1.0, 1.0]], [12.0], [10.0, 10.0], lower=[6.0, 6.0]).power_w == pytest.approx([6.0, 6.0])


def test_rather_than_hand_out_less_than_a_pilot_another_row_makes_room():
    """Equal rows of 10, room 22, pilot 4: not 10 + 10 + 0 but 10 + 8 + 4, which uses everything."""
    found = least_of([[1.0, 1.0, 1.0]], [22.0], [10.0] * 3, pilot=[4.0] * 3)
    assert found.power_w.sum() == pytest.approx(22.0)
    assert found.power_w.min() >= 4.0 - 1e-9


def problems(signed: bool):
    """Random effects, room, upper bounds, floors and weights; half of the floors are 0."""

    @st.composite
    def draw(draw: st.DrawFn) -> tuple[Array, Vector, Vector, Vector, Vector]:
        rows, limits = draw(st.integers(1, 12)), draw(st.integers(1, 8))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        effect = rng.uniform(0.0, 1.0, (limits, rows)) * (rng.random((limits, rows)) < 0.7)
        if signed:
            effect -= rng.uniform(0.0, 1.0, effect.shape) * (rng.random(effect.shape) < 0.3)
        upper = rng.uniform(1.0, 22.0, rows)
        lower = np.where(rng.random(rows) < 0.5, 0.3 * upper, 0.0)
        room = rng.uniform(0.0, 0.9, limits) * (np.maximum(effect, 0.0) @ upper)
        return effect, room, upper, lower, rng.uniform(1.0, 10.0, rows)

    return draw()


@settings(deadline=None, max_examples=150)
@given(problems(signed=True))
def test_no_other_solver_finds_less_to_curtail(problem):
    """HiGHS as the oracle, effects of both signs: the same cost, all limits kept, the same problems unsolvable."""
    effect, room, upper, lower, weight = problem
    found = least_of(effect, room, upper, lower=lower, weight=weight)
    oracle = linprog(-weight, A_ub=effect, b_ub=room, bounds=np.c_[lower, upper], method="highs")
    assert found.solved == (oracle.status == 0)
    if found.solved:
        assert weight @ found.power_w == pytest.approx(-oracle.fun, rel=1e-7, abs=1e-7)
        assert (effect @ found.power_w <= room + 1e-6).all()
        assert ((found.power_w >= lower - 1e-9) & (found.power_w <= upper + 1e-9)).all()


@settings(deadline=None, max_examples=60)
@given(problems(signed=False))
def test_with_pilots_it_costs_little_more_than_the_best_of_all_choices(problem):
    """Every choice of who pauses, for six rows at most: the dive's loss stays below a pilot of the heaviest row."""
    effect, room, upper, _, weight = (part[..., :6] if part.ndim == 2 else part for part in problem)
    upper, weight = upper[:6], weight[:6]
    pilot = np.minimum(4.0, upper)
    found = least_of(effect, room, upper, pilot=pilot, weight=weight)
    best = 0.0
    for on in itertools.product((0.0, 1.0), repeat=len(upper)):
        used = np.array(on)
        bounds = np.c_[pilot * used, upper * used]
        one = linprog(-weight, A_ub=effect, b_ub=room, bounds=bounds, method="highs")
        best = max(best, -one.fun) if one.status == 0 else best
    assert ((found.power_w <= 1e-9) | (found.power_w >= pilot - 1e-6)).all()
    assert (effect @ found.power_w <= room + 1e-6).all()
    assert best - weight @ found.power_w <= weight.max() * 4.0 + 1e-6
    assert weight @ found.power_w <= best + 1e-6


def test_what_mends_one_limit_may_not_break_another():
    """3 W are no pilot of 4: row 2 pauses and relieves the second limit no more, which row 0 mends and so burdens the first.

    2 * 6.5 + 10 = 23 > 21: row 0 falls to 5.5. Then 10 - 5.5 = 4.5 > 4: row 1 falls to 9.5.
    """
    effect, room = np.array([[-1.0, 1.0, 0.0], [2.0, 1.0, -1.0]]), np.array([4.0, 21.0])
    power, upper = np.array([6.5, 10.0, 3.0]), np.array([20.0, 20.0, 3.5])
    pilot, step, order = np.full(3, 4.0), np.full(3, 0.5), np.array([1, 0, 2])
    found = to_pilots(effect, room, power, np.zeros(3), upper, pilot, step, order)
    assert found.tolist() == [5.5, 9.5, 0.0]


@settings(deadline=None)
@given(problems(signed=True), st.integers(0, 9))
def test_whatever_is_divided_keeps_every_limit_floor_and_wish(problem, turn):
    """Within room, never above the wish, never between 0 and the smallest pilot; effects of both signs."""
    effect, room, wish, _, _ = problem
    pilot = np.full(len(wish), 4.0)
    order = np.roll(np.arange(len(wish)), turn)
    step = np.full(len(wish), 0.5)
    urgent, _ = by_urgency(effect, room, wish, pilot, step, order)
    level, _ = by_level(effect, room, wish)
    fair, _ = evenly(effect, room, wish, pilot, turn)
    rounded = to_pilots(effect, room, level, np.zeros_like(wish), wish, pilot, step, order)
    for x in (urgent, level, fair, rounded):
        assert (x >= 0.0).all()
        assert (x <= wish * (1.0 + 1e-9)).all()
        assert (effect @ x <= room + 1e-5).all()
    for x in (urgent, fair, rounded):
        assert ((x == 0.0) | (x >= np.minimum(pilot, wish) * (1.0 - 1e-6))).all()
    for x in (urgent, rounded):
        whole = np.abs(x / 0.5 - np.round(x / 0.5)) < 1e-6
        assert (whole | (x >= wish * (1.0 - 1e-9))).all()


def test_nobody_can_have_more_without_breaking_a_limit():
    """After the division by urgency, each curtailed continuous row is held by a limit that is used up."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        use, wish = rng.uniform(0.1, 1.0, (4, 8)), np.full(8, 11.0)
        room = rng.uniform(5.0, 40.0, 4)
        x, reason = by_urgency(use, room, wish, np.zeros(8), np.zeros(8), rng.permutation(8))
        for i in np.flatnonzero(x < wish - 1e-9):
            assert use[reason[i]] @ x == pytest.approx(room[reason[i]], abs=1e-9)


def test_nobody_has_a_larger_share_than_somebody_they_could_give_to():
    """Max-min: each curtailed row meets a used-up limit on which nobody has a larger share than it has."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        use = rng.uniform(0.1, 1.0, (4, 8)) * (rng.random((4, 8)) < 0.6)
        wish, room = rng.uniform(2.0, 22.0, 8), rng.uniform(5.0, 30.0, 4)
        x, reason = by_level(use, room, wish)
        share = x / wish
        for i in np.flatnonzero(share < 1.0 - 1e-9):
            behind = use[reason[i]] > 0.0
            assert use[reason[i]] @ x == pytest.approx(room[reason[i]], abs=1e-9)
            assert share[behind].max() <= share[i] + 1e-9


def test_rounding_a_row_down_that_relieves_a_limit_takes_from_those_behind_it():
    """6.9 relieving W become 6: the first row, at 16.9 of a room of 10, gives a whole step as well."""
    effect, room = np.array([[1.0, -1.0], [0.0, 1.0]]), np.array([10.0, 6.9])
    power, upper = np.array([16.9, 6.9]), np.array([20.0, 10.0])
    x = to_pilots(effect, room, power, np.zeros(2), upper, np.zeros(2), np.array([0.0, 1.0]), np.arange(2))
    assert x.tolist() == pytest.approx([16.0, 6.0])


def test_what_rounding_leaves_goes_to_the_next_in_order():
    """4.6 + 4.6 of 9.2: the first in order gets a step more."""
    room = np.array([9.2])
    args = (np.zeros(2), np.full(2, 10.0), np.zeros(2), np.ones(2))
    x = to_pilots(np.ones((1, 2)), room, np.array([4.6, 4.6]), *args, np.array([1, 0]))
    assert x.tolist() == [4.0, 5.0]
