"""Shared limits of sites that were exceeded."""

import numpy as np
import pytest

from twin.domain.fleet import Fleet
from twin.domain.interval import Interval
from twin.domain.site_limits import site_limits
from twin.domain.specs import EvseSpec, LimitGroup, SiteSpec
from twin.results.site_violations import SiteTracker
from twin.results.ticks import union_s


def tracker(*groups: LimitGroup) -> tuple[SiteTracker, Fleet, Interval]:
    """Two three-phase EVSEs at the site `garage`, both with a car since before the run."""
    evses = [EvseSpec(id=f"{n}/1", station=n, site="garage", bus=None) for n in "ab"]
    fleet = Fleet(evses)
    fleet.arrived_s[:] = -1.0
    site = SiteSpec(id="garage", operator="o", tariff="t", groups=groups)
    found = SiteTracker(site_limits([site], evses), fleet)
    found.session_of_row(0, "a/1#1")
    found.session_of_row(1, "b/1#1")
    interval = Interval(np.zeros((5, 2)))
    interval.plugged[:] = 1.0
    return found, fleet, interval


def test_power_above_a_contract_is_an_interval_with_its_sessions() -> None:
    """9 + 5 kW against 10 kW for ten minutes, then 9: one row, worst 14 kW, the larger draw first."""
    found, _, interval = tracker(LimitGroup(name="main", limit_w=10_000))
    interval.power_w[:] = [5_000, 9_000]
    assert found.closed(0, 300, interval) == []
    assert found.closed(300, 600, interval) == []
    interval.power_w[:] = [0, 9_000]
    (row,) = found.closed(600, 900, interval)
    assert row["element"] == "garage/main"
    assert (row["kind"], row["start_s"], row["end_s"]) == ("site power", 0, 600)
    assert (row["worst"], row["limit"], row["minutes_by_charging"]) == (14_000, 10_000, 10)
    assert row["sessions"] == "b/1#1 a/1#1"
    assert found.begun == 1


def test_current_is_judged_per_conductor() -> None:
    """A one-phase car with 32 A on L1 breaks a fuse of 25 A that 22 kW on three phases would keep."""
    found, fleet, interval = tracker(LimitGroup(name="fuse", limit_a=25))
    fleet.phases[0] = 1.0
    interval.power_w[:] = [32 * 230, 0]
    found.closed(0, 300, interval)
    (row,) = found.close()
    assert (row["kind"], row["limit"]) == ("site current", 25)
    assert row["worst"] == pytest.approx(32)


def test_a_changed_car_raises_no_false_alarm() -> None:
    """Three phases for most of the interval, one phase at its end: counted as three."""
    found, fleet, interval = tracker(LimitGroup(name="fuse", limit_a=25))
    fleet.phases[0], fleet.arrived_s[0] = 1.0, 250.0
    interval.power_w[:] = [11_040, 0]
    assert found.closed(0, 300, interval) == []
    assert found.close() == []


def test_limits_that_are_kept_leave_no_row() -> None:
    """Exactly at the limit is within it."""
    found, _, interval = tracker(LimitGroup(name="main", limit_w=14_000))
    interval.power_w[:] = [5_000, 9_000]
    found.closed(0, 300, interval)
    assert found.close() == []


def test_minutes_that_overlap_count_once() -> None:
    """0 to 10 and 5 to 12 are 12; 20 to 21 is one more."""
    assert union_s([(5, 12), (0, 10), (20, 21)]) == 13
