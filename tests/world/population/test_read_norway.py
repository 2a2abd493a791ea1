"""The residential data set's format: civil time without offset, decimal comma, and its traps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.world.population.readers import read_sessions

Written = Callable[[str, str], Path]

HEADER = (
    "session_ID;Garage_ID;User_ID;User_type;Shared_ID;Start_plugin;Start_plugin_hour;End_plugout;"
    "End_plugout_hour;El_kWh;Duration_hours;month_plugin;weekdays_plugin\r\n"
)


def row(
    number: int, start: str, end: str, kwh: str, hours: str, user: str = "Ga-1", kind: str = "Private"
) -> str:
    return f"{number};Ga;{user};{kind};NA;{start};0;{end};0;{kwh};{hours};Dec;Friday\r\n"


TRAPS = (
    HEADER
    + row(1, "21.12.2018 10:20", "21.12.2018 10:23", "0,3", "0,05")
    + row(2, "21.12.2018 12:00", "NA", "4,1", "NA")
    + row(3, "21.12.2018 13:00", "21.12.2018 13:00", "0,1", "0,003")
    + row(4, "21.12.2018 14:00", "21.12.2018 15:00", "7,5", "1")
    + row(5, "21.12.2018 16:00", "21.12.2018 20:00", "10,25", "4")
    + row(6, "21.12.2018 19:00", "21.12.2018 21:00", "3", "2")
    + row(7, "21.12.2018 19:00", "21.12.2018 21:00", "3", "2", kind="Shared")
    + row(8, "31.03.2019 02:30", "31.03.2019 05:00", "3", "2,5")
    + row(9, "27.10.2019 02:30", "27.10.2019 06:00", "3", "3,5")
    + row(10, "27.10.2019 02:30", "27.10.2019 06:00", "3", "4,5", user="Ga-2")
    + row(11, "27.10.2019 02:30", "27.10.2019 06:00", "3", "NA", user="Ga-3")
    + row(12, "2019-11-01 02:30", "01.11.2019 06:00", "3", "NA", user="Ga-3")
    + row(13, "01.11.2019 02:30", "13.11.2019 06:00", "80,86", "291,5", user="Ga-3")
)


def test_every_trap_is_refused_with_its_reason(written: Written) -> None:
    """Line n + 1 holds session n; a stay of twelve days is long, not wrong."""
    imported = read_sessions(written("reports.csv", TRAPS))
    assert imported.format == "residential-norway"
    assert {r.line - 1: r.reason for r in imported.refused} == {
        2: "no end",
        3: "stay of zero length",
        4: "mean power too high",
        6: "overlaps an earlier stay (driver)",
        8: "time does not exist",
        11: "ambiguous time",
        12: "unreadable time",
    }


def test_a_decimal_comma_and_local_time_are_understood(written: Written) -> None:
    """10:20 in Oslo in December is 09:20 UTC; 0,3 is 0.3 kWh."""
    first = read_sessions(written("reports.csv", TRAPS)).sessions[0]
    assert (first.arrival, first.energy_kwh) == (datetime(2018, 12, 21, 9, 20, tzinfo=UTC), 0.3)


def test_the_logged_duration_tells_which_of_two_hours_is_meant(written: Written) -> None:
    """From the second 02:30 to 06:00 are 3.5 hours, from the first 4.5; both are 05:00 UTC at the end."""
    by_name = {s.session: s for s in read_sessions(written("reports.csv", TRAPS)).sessions}
    assert by_name["9"].arrival == datetime(2019, 10, 27, 1, 30, tzinfo=UTC)
    assert by_name["10"].arrival == datetime(2019, 10, 27, 0, 30, tzinfo=UTC)
    assert by_name["9"].departure == by_name["10"].departure == datetime(2019, 10, 27, 5, tzinfo=UTC)


def test_a_user_at_a_shared_place_is_another_driver(written: Written) -> None:
    """Session 7 overlaps one at the user's own place: two cars, so it is kept."""
    by_name = {s.session: s for s in read_sessions(written("reports.csv", TRAPS)).sessions}
    assert by_name["7"].driver == "Ga-1+shared"


def test_a_stay_over_the_change_of_clocks_has_its_true_length(written: Written) -> None:
    """Saturday 20:00 to Sunday 08:00 are 13 hours when the clocks go back."""
    text = HEADER + row(1, "26.10.2019 20:00", "27.10.2019 08:00", "3", "13")
    (session,) = read_sessions(written("reports.csv", text)).sessions
    assert session.stay_s == pytest.approx(13 * 3600)
