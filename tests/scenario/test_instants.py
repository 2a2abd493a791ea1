"""Times against the clocks of a zone, and the length of runs across their changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.scenario.instants import contradiction, find_zone, without_offset
from twin.scenario.model import Scenario, end_of_run

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    [
        "2016-01-18T00:00:00+01:00",
        "2016-07-18T00:00:00+02:00",
        "2016-10-30T02:30:00+02:00",  # comes twice, and both are meant
        "2016-10-30T02:30:00+01:00",
        "2016-01-17T23:00:00Z",
    ],
)
def test_what_the_clocks_show_is_no_contradiction(text: str) -> None:
    """Winter, summer, the hour that comes twice; Z names an instant in any zone."""
    assert contradiction(text, BERLIN) == ""


def test_the_wrong_season_gets_the_right_offset_offered() -> None:
    """July is summer time."""
    assert contradiction("2016-07-18T00:00:00+01:00", BERLIN) == (
        "`2016-07-18T00:00:00+01:00`: Europe/Berlin is not at +01:00 then but at +02:00; "
        "write `2016-07-18T00:00:00+02:00`"
    )


def test_half_an_hour_can_be_skipped_too() -> None:
    """Lord Howe Island changes by 30 minutes."""
    assert contradiction("2016-10-02T02:15:00+10:30", ZoneInfo("Australia/Lord_Howe")) == (
        "`2016-10-02T02:15:00+10:30`: 02:15 does not exist on 2016-10-02 in Australia/Lord_Howe: "
        "clocks go from 02:00 to 02:30; this instant is `2016-10-02T02:45:00+11:00`"
    )


def test_a_time_without_offset_may_mean_two_instants() -> None:
    """Both are offered; a time that is skipped is none."""
    assert without_offset(datetime.fromisoformat("2016-10-30T02:30"), BERLIN) == (
        "`2016-10-30T02:30:00` has no UTC offset; "
        "write `2016-10-30T02:30:00+02:00` or `2016-10-30T02:30:00+01:00`"
    )
    assert without_offset(datetime.fromisoformat("2016-03-27T02:30"), BERLIN) == (
        "`2016-03-27T02:30:00` has no UTC offset; "
        "02:30 does not exist on 2016-03-27 in Europe/Berlin: clocks go from 02:00 to 03:00"
    )
    assert without_offset(datetime.fromisoformat("2016-03-27"), None) == (
        "`2016-03-27T00:00:00` has no UTC offset; append one, such as `+01:00`, or `Z` for UTC"
    )


@pytest.mark.parametrize("name", ["", "Europe", "../etc/passwd", "Nowhere/Now", 3, None])
def test_a_name_that_is_no_zone_is_none(name: object) -> None:
    """Folders, paths and other types do not raise."""
    assert find_zone(name) is None


@given(st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2037-01-01")))
def test_any_instant_written_in_its_zone_is_accepted(utc: datetime) -> None:
    """The clocks never contradict themselves."""
    there = utc.replace(microsecond=0, tzinfo=UTC).astimezone(BERLIN)
    assert contradiction(there.isoformat(), BERLIN) == ""


class TestLengthOfARun:
    @pytest.mark.parametrize(
        ("day", "hours"),
        [
            ("2016-03-27T00:00:00+01:00", 23),
            ("2016-10-30T00:00:00+02:00", 25),
            ("2016-01-18T00:00:00+01:00", 24),
        ],
    )
    def test_a_day_ends_at_midnight(self, day: str, hours: int) -> None:
        """Days of 23, 25 and 24 hours."""
        start = datetime.fromisoformat(day)
        assert end_of_run(start, 1, BERLIN) - start == timedelta(hours=hours)

    def test_a_part_of_a_day_has_its_share_of_24_hours(self) -> None:
        """Half a day are twelve hours, also when the clocks change."""
        start = datetime.fromisoformat("2016-03-27T00:00:00+01:00")
        assert end_of_run(start, 0.5, BERLIN) - start == timedelta(hours=12)
        assert end_of_run(start, 1.5, BERLIN) - start == timedelta(hours=35)

    def test_a_scenario_knows_its_length_in_seconds(self) -> None:
        """A week with the change to summer time lacks an hour."""
        scenario = Scenario.model_validate(
            {
                "start": "2016-03-21T00:00:00+01:00",
                "days": 7,
                "time_zone": "Europe/Berlin",
                "sites": {"a": {"stations": {"list": {"b": {}}}}},
                "drivers": {"c": {"archetype": "home"}},
            }
        )
        assert scenario.duration_s == (7 * 24 - 1) * 3600
