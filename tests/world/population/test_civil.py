"""Wall clocks and instants, on the two days a year when they disagree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.world.population.civil import CivilClock, instants

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
MONDAY = datetime(2026, 3, 23, tzinfo=BERLIN)  # the clocks go forward on Sunday the 29th


def test_an_hour_that_is_skipped_is_no_instant() -> None:
    """02:30 on 29 March does not exist in Berlin."""
    assert instants(datetime(2026, 3, 29, 2, 30), BERLIN) == ()  # noqa: DTZ001


def test_an_hour_that_is_repeated_is_two_instants() -> None:
    """02:30 on 25 October is 00:30 and 01:30 UTC."""
    found = instants(datetime(2026, 10, 25, 2, 30), BERLIN)  # noqa: DTZ001
    assert found == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))


def test_eight_is_an_hour_earlier_from_the_day_the_clocks_go_forward() -> None:
    """The week of the change has 167 hours."""
    clock = CivilClock(MONDAY, BERLIN, 0.0, 2 * WEEK)
    run = clock.run(np.array([8 * HOUR, 6 * DAY + 8 * HOUR, WEEK + 8 * HOUR]))
    np.testing.assert_allclose(run, [8 * HOUR, 6 * DAY + 7 * HOUR, WEEK + 7 * HOUR])


def test_a_time_in_the_gap_lies_behind_it() -> None:
    """02:30 on the Sunday of the change is taken as 03:30, that is 01:30 UTC."""
    clock = CivilClock(MONDAY, BERLIN, 0.0, WEEK)
    np.testing.assert_allclose(clock.run(np.array([6 * DAY + 2.5 * HOUR])), [6 * DAY + 2.5 * HOUR])
    np.testing.assert_allclose(clock.wall(np.array([6 * DAY + 2.5 * HOUR])), [6 * DAY + 3.5 * HOUR])


def test_of_two_times_the_first_is_taken() -> None:
    """02:30 on 25 October is the one in summer time."""
    clock = CivilClock(datetime(2026, 10, 19, tzinfo=BERLIN), BERLIN, 0.0, WEEK)
    np.testing.assert_allclose(clock.run(np.array([6 * DAY + 2.5 * HOUR])), [6 * DAY + 2.5 * HOUR])


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.floats(-30 * DAY, 400 * DAY),
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_the_wall_clock_agrees_with_zoneinfo(start: datetime, t_s: float, zone_name: str) -> None:
    """Monday 00:00 of the first week plus wall seconds is the local time, whatever the zone."""
    zone = ZoneInfo(zone_name)
    t_s = round(t_s)
    start = start.replace(microsecond=0)
    clock = CivilClock(start, zone, -30 * DAY, 400 * DAY)
    local_start = start.astimezone(zone).replace(tzinfo=None)
    monday = local_start.replace(hour=0, minute=0, second=0) - timedelta(days=local_start.weekday())
    local = (start + timedelta(seconds=t_s)).astimezone(zone).replace(tzinfo=None)
    wall_s = float(clock.wall(np.array([float(t_s)]))[0])
    assert monday + timedelta(seconds=wall_s) == local
    back_s = float(clock.run(np.array([wall_s]))[0])
    assert back_s == t_s or (back_s < t_s and t_s - back_s <= HOUR)  # the earlier of two
