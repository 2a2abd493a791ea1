"""Intervals, against scipy's own and against coverage."""

import numpy as np
import pytest
from scipy import stats

from twin.results.statistics import Interval, intervals, paired_differences, proportion, t_interval
from twin.rng import stream


def test_the_interval_of_a_mean_is_student_s():
    """The same numbers as scipy.stats."""
    values = np.array([3.0, 5.0, 4.0, 8.0])
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    found = t_interval(values)
    assert (found.mean, found.n) == (5.0, 4)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_run_has_a_mean_but_no_interval():
    """One seed tells nothing of the spread."""
    assert t_interval(np.array([2.0])) == Interval(2.0, None, None, 1)


def test_only_numbers_have_a_mean():
    """Texts, truth values and what is missing are left out; a missing figure lowers n."""
    found = intervals(
        [{"a": 1, "b": "EUR", "c": True, "d": None}, {"a": 3, "b": "EUR", "c": False, "d": 2.0}]
    )
    assert list(found) == ["a", "d"]
    assert (found["a"].mean, found["a"].n) == (2.0, 2)
    assert found["d"] == Interval(2.0, None, None, 1)


def test_pairs_are_compared_seed_by_seed():
    """Every seed gains 1, however far the seeds are apart: the interval has no width."""
    before = [{"kwh": 10.0}, {"kwh": 500.0}, {"kwh": 90.0}]
    after = [{"kwh": 11.0}, {"kwh": 501.0}, {"kwh": 91.0}]
    assert paired_differences(before, after)["kwh"] == Interval(1.0, 1.0, 1.0, 3)


def test_paired_intervals_repeat_and_are_near_student_s():
    """Seeded draws; for 30 normal differences both intervals agree within a few percent."""
    values = stream(1, "test").normal(5.0, 2.0, 30)
    before, after = [{"x": 0.0}] * 30, [{"x": float(v)} for v in values]
    first, again = (paired_differences(before, after, seed=3)["x"] for _ in range(2))
    assert first == again
    student = t_interval(values)
    assert (first.low, first.high) == pytest.approx((student.low, student.high), rel=0.05)


def test_few_pairs_have_student_s_interval():
    """Of two pairs every resample has one of three means: the bootstrap would be far too sure."""
    found = paired_differences([{"x": 0.0}] * 2, [{"x": 1.0}, {"x": 3.0}])["x"]
    assert found == t_interval(np.array([1.0, 3.0]))


def test_an_interval_stays_within_what_is_possible():
    """Shares end at 1 and minutes at 0; the mean stays, money may be negative."""
    found = intervals(
        [
            {"served_share": 1.0, "violation_minutes": 0.0, "revenue": 0.0},
            {"served_share": 0.8, "violation_minutes": 10.0, "revenue": 1.0},
        ]
    )
    assert (found["served_share"].mean, found["served_share"].high) == (0.9, 1.0)
    assert (found["violation_minutes"].mean, found["violation_minutes"].low) == (5.0, 0.0)
    assert found["revenue"].low < 0.0


def test_two_shares_differ_by_one_at_most():
    """0 → 1 and 0.2 → 0.9: Student's interval alone would go far beyond."""
    before, after = (
        [{"served_share": 0.0}, {"served_share": 0.2}],
        [{"served_share": 1.0}, {"served_share": 0.9}],
    )
    assert paired_differences(before, after)["served_share"].high == 1.0


def test_what_cannot_be_paired_is_refused():
    """Two runs against one."""
    with pytest.raises(ValueError, match="2 runs cannot be paired with 1"):
        paired_differences([{}, {}], [{}])


def test_a_share_of_runs_has_wilson_s_interval():
    """0 of 20 seeds does not mean never: up to 16 %."""
    expected = stats.binomtest(0, 20).proportion_ci(method="wilson")
    found = proportion(0, 20)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert proportion(20, 20).plain() == {"mean": 1.0, "low": pytest.approx(0.8388748), "high": 1.0, "n": 20}


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_an_impossible_share_is_refused(count, n):
    """More runs than there were, or none at all."""
    with pytest.raises(ValueError, match="is no share"):
        proportion(count, n)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Of 2,000 samples of five, 95 % of the intervals hold the mean, give or take 1.5 %."""
    samples = stream(2, "coverage").normal(0.0, 1.0, (2000, 5))
    held = [i.low <= 0.0 <= i.high for i in map(t_interval, samples)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)
