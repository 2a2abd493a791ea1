"""Our own sessions file: every trap in one file, each refused with its line and its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.world.population.readers import read_sessions

Written = Callable[[str, str], Path]

HEADER = "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
GOOD = "1,street,street-1/1,ann,2026-03-02T17:00:00+01:00,2026-03-03T07:00:00+01:00,14.5,family\n"
TRAPS = (
    HEADER
    + GOOD
    + "2,street,,bob,2026-03-02T17:00:00+01:00,,5,\n"
    + "3,street,,bob,2026-03-02T17:00:00,2026-03-03T07:00:00+01:00,5,\n"
    + "4,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T16:00:00+01:00,5,\n"
    + "5,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T17:00:00+01:00,5,\n"
    + "6,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,-5,\n"
    + "7,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,500,\n"
    + "8,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,five,\n"
    + "9,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,,\n"
    + "10,street,street-1/1,cid,2026-03-03T06:00:00+01:00,2026-03-03T09:00:00+01:00,5,\n"
    + "11,street,street-2/1,ann,2026-03-03T06:30:00+01:00,2026-03-03T09:00:00+01:00,5,\n"
    + "1,street,,dan,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,5,\n"
    + "13,street,,bob,yesterday,2026-03-02T18:00:00+01:00,5,\n"
    + "14,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,5\n"
    + "15,street,,bob,2026-03-02T17:00:00+01:00,2026-03-02T18:00:00+01:00,0,\n"
    + "16,street,street-1/1,eve,2026-03-03T07:00:00+01:00,2026-03-03T09:00:00+01:00,5,\n"
)
UNTIL = "is before 2026-03-03T06:00Z, when the stay of line 2"
REFUSED = {
    3: ("no end", "departure: no value"),
    4: (
        "time without offset",
        "arrival: `2026-03-02T17:00:00` has no offset, expected for example 2026-03-02T17:00:00+01:00",
    ),
    5: (
        "departure before arrival",
        "departure: 2026-03-02T15:00Z is before the arrival 2026-03-02T16:00Z",
    ),
    6: ("stay of zero length", "departure: same as the arrival 2026-03-02T16:00Z"),
    7: ("negative energy", "energy_kwh: -5 is negative, expected > 0"),
    8: ("mean power too high", "energy_kwh: 500 kWh in 60 min is 500.0 kW, more than 400 kW"),
    9: ("not a number", "energy_kwh: `five` is not a number"),
    10: ("no energy", "energy_kwh: no value"),
    11: (
        "overlaps an earlier stay (EVSE)",
        f"arrival: 2026-03-03T05:00Z {UNTIL} at the same EVSE `street-1/1` ends",
    ),
    12: (
        "overlaps an earlier stay (driver)",
        f"arrival: 2026-03-03T05:30Z {UNTIL} at the same driver `ann` ends",
    ),
    13: ("session twice", "session: `1` is already on line 2"),
    14: ("unreadable time", "arrival: `yesterday` is not an ISO 8601 time"),
    15: ("wrong number of columns", "1 cells too few"),
    16: ("no energy", "energy_kwh: 0, nothing was charged"),
}


def test_every_trap_is_refused_with_its_line_and_reason(written: Written) -> None:
    """One file, fourteen traps, two sessions: nothing is repaired and nothing is lost."""
    imported = read_sessions(written("sessions.csv", TRAPS))
    assert {r.line: (r.reason, r.text) for r in imported.refused} == REFUSED
    assert [s.session for s in imported.sessions] == ["1", "16"]


def test_a_session_is_read_in_utc_with_all_its_columns(written: Written) -> None:
    """17:00+01:00 is 16:00 UTC; 14.5 kWh in 14 h is 1.04 kW on average."""
    (session,) = read_sessions(written("sessions.csv", HEADER + GOOD)).sessions
    assert session.arrival == datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert (session.line, session.evse, session.driver, session.vehicle) == (2, "street-1/1", "ann", "family")
    assert session.mean_power_kw == pytest.approx(14.5 / 14)


def test_a_stay_may_begin_when_the_last_one_ends(written: Written) -> None:
    """07:00 after 07:00 on one EVSE is a change of cars, not an overlap."""
    imported = read_sessions(written("sessions.csv", TRAPS))
    assert imported.sessions[1].arrival == imported.sessions[0].departure


@pytest.mark.parametrize(
    ("time", "reason", "text"),
    [
        (
            "2026-03-29T02:30:00",
            "time does not exist",
            "arrival: `2026-03-29T02:30:00` does not exist in Europe/Berlin: the clocks skipped that hour",
        ),
        (
            "2026-10-25T02:30:00",
            "ambiguous time",
            "arrival: `2026-10-25T02:30:00` happened twice in Europe/Berlin; write the offset",
        ),
    ],
)
def test_a_civil_time_that_is_none_or_two_is_refused(
    written: Written, time: str, reason: str, text: str
) -> None:
    """With a time zone given, offsets may be left out where the clock shows an hour exactly once."""
    path = written("sessions.csv", HEADER + f"1,s,,a,{time},2026-12-01T00:00:00,5,\n")
    (refused,) = read_sessions(path, time_zone="Europe/Berlin").refused
    assert (refused.reason, refused.text) == (reason, text)


def test_a_civil_time_that_happens_once_gets_the_offset_of_the_day(written: Written) -> None:
    """17:00 in Berlin is 15:00 UTC in July."""
    path = written("sessions.csv", HEADER + "1,s,,a,2026-07-01T17:00:00,2026-07-01T18:00:00,5,\n")
    (session,) = read_sessions(path, time_zone="Europe/Berlin").sessions
    assert session.arrival == datetime(2026, 7, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "session,site\n1,2\n",
            "x.csv: neither a sessions CSV (columns session, site, evse, driver, arrival, ",
        ),
        (
            "session,arrival,energy_kwh\n",
            "x.csv:1: no column site, evse, driver, departure, vehicle; found session, ",
        ),
        ("", "x.csv: neither a sessions CSV"),
    ],
)
def test_a_file_that_is_no_sessions_file_is_one_problem(written: Written, text: str, message: str) -> None:
    """The message says what would be right."""
    with pytest.raises(ScenarioError) as raised:
        read_sessions(written("x.csv", text))
    assert str(raised.value).startswith(message)
    assert len(raised.value.problems) == 1


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    """No traceback, but the name of the file and the system's reason."""
    with pytest.raises(ScenarioError, match=r"^none\.csv: cannot be read: No such file or directory$"):
        read_sessions(tmp_path / "none.csv")


def test_a_file_that_is_not_text_is_one_problem(tmp_path: Path) -> None:
    """A spreadsheet is not a CSV."""
    (tmp_path / "x.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ScenarioError, match=r"^x\.csv: is not UTF-8 text \(byte 4\)$"):
        read_sessions(tmp_path / "x.csv")


def test_an_unknown_format_names_the_known_ones(written: Written) -> None:
    """The words a scenario may use are part of the message."""
    with pytest.raises(
        ScenarioError, match="unknown format `elaad`, expected auto, twin, acn, residential-norway"
    ):
        read_sessions(written("x.csv", HEADER), "elaad")


def test_an_unknown_time_zone_is_one_problem(written: Written) -> None:
    """A misspelt zone must not look like a crash."""
    with pytest.raises(ScenarioError, match=r"^x\.csv: time zone `Europe/Berlim` is unknown"):
        read_sessions(written("x.csv", HEADER), time_zone="Europe/Berlim")


def test_the_summary_counts_by_reason(written: Written) -> None:
    """Two rows without energy stand first."""
    lines = read_sessions(written("sessions.csv", TRAPS)).summary().splitlines()
    assert lines[:2] == ["sessions.csv: 2 of 16 rows are sessions (twin)", "  refused     2  no energy"]
