"""EN 50160: ten-minute means, week by week."""

import numpy as np
import pytest

from tests.results.conftest import FEEDER
from twin.results.voltage import VoltageQuality

WEEK = 1008


def _verdict(end_pu, tick_s=600.0):
    """Verdict for the last bus of the feeder, whose voltage is given per tick."""
    quality = VoltageQuality(FEEDER)
    end_pu = np.asarray(end_pu, dtype=float)
    t_s = tick_s * np.arange(1, len(end_pu) + 1)
    vm_pu = np.column_stack([np.ones_like(end_pu), np.ones_like(end_pu), end_pu])
    for part in np.array_split(np.arange(len(t_s)), 3):
        quality.feed(t_s[part], vm_pu[part, :, None], np.zeros_like(vm_pu[part]))
    return {verdict.bus: verdict for verdict in quality.verdicts()}


def _week(outside, value):
    return np.where(np.arange(WEEK) < outside, value, 1.0)


def test_only_low_voltage_buses_of_the_charging_level_are_judged():
    """The medium-voltage bus has another rule and no charger."""
    assert list(_verdict(_week(0, 1.0))) == ["lv", "end"]


@pytest.mark.parametrize(("outside", "ok"), [(50, True), (51, False)])
def test_five_percent_of_a_week_may_be_outside_ten_percent(outside, ok):
    """5 % of 1,008 windows are 50.4."""
    verdict = _verdict(_week(outside, 0.88))["end"]
    assert verdict.ok is ok
    assert verdict.share == pytest.approx(1 - outside / WEEK)
    assert verdict.lowest_pu == pytest.approx(0.88)
    assert verdict.weeks == 1


@pytest.mark.parametrize(("value", "ok"), [(0.86, True), (0.84, False), (1.11, False), (1.09, True)])
def test_no_window_may_be_below_85_or_above_110_percent(value, ok):
    """One window of ten minutes decides."""
    assert _verdict(_week(1, value))["end"].ok is ok


def test_each_week_counts_for_itself():
    """60 bad windows in one of two weeks are 3 % of the fortnight, but 6 % of that week."""
    verdict = _verdict(np.concatenate([_week(0, 1.0), _week(60, 0.88)]))["end"]
    assert not verdict.ok
    assert verdict.weeks == 2


def test_days_after_the_last_whole_week_are_not_a_week():
    """Ten bad windows after a good week: within 10 % they need not be, within 15 % they must."""
    assert _verdict(np.concatenate([_week(0, 1.0), np.full(10, 0.88)]))["end"].ok
    assert not _verdict(np.concatenate([_week(0, 1.0), np.full(10, 0.80)]))["end"].ok


def test_a_run_shorter_than_a_week_is_judged_as_it_is():
    """Two hours of which one is bad."""
    verdict = _verdict([0.88] * 6 + [1.0] * 6)["end"]
    assert (verdict.ok, verdict.share, verdict.weeks) == (False, 0.5, 0)


def test_short_ticks_are_averaged_as_rms_over_ten_minutes():
    """Two ticks of five minutes at 0.8 and 1.0 pu: the rms is sqrt((0.64 + 1) / 2) = 0.9055."""
    verdict = _verdict([0.8, 1.0], tick_s=300.0)["end"]
    assert verdict.lowest_pu == pytest.approx(0.905539)
    assert verdict.ok


def test_a_window_without_a_solution_is_outside():
    """A feeder that cannot be solved does not keep its voltage."""
    verdict = _verdict([1.0, np.nan, 1.0, 1.0])["end"]
    assert (verdict.ok, verdict.share) == (False, 0.75)
    assert verdict.lowest_pu == 1.0


def test_a_bus_that_was_never_energised_has_no_verdict():
    """It is out of service in the net."""
    assert list(_verdict([np.nan] * 4)) == ["lv"]


def test_nothing_is_said_of_a_run_shorter_than_ten_minutes():
    """There is no mean to judge."""
    assert _verdict([0.5], tick_s=300.0) == {}
