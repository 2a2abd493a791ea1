"""From a recording to our own file: what is kept, what is refused, and when nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.errors import ScenarioError, SettingsError
from twin.world.population.importing import import_sessions, write_sessions
from twin.world.population.readers import read_sessions
from twin.world.population.sessions import Session

Written = Callable[[str, str], Path]

RECORD = (
    "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
    "a,garage,,ann,2026-03-02T17:00:00+01:00,2026-03-03T07:00:00+01:00,14.5,\n"
    "b,garage,,bob,2026-03-02T17:00:00+01:00,,5,\n"
)


def test_good_rows_are_written_and_bad_ones_reported(written: Written, tmp_path: Path) -> None:
    """Times are written in UTC, the site may be renamed, and nothing else lies about."""
    source, target = written("source.csv", RECORD), tmp_path / "target.csv"
    imported = import_sessions(source, target, site="street")
    assert imported.by_reason == {"no end": 1}
    assert target.read_text(encoding="utf-8") == (
        "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
        "a,street,,ann,2026-03-02T16:00:00Z,2026-03-03T06:00:00Z,14.5,\n"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source.csv", "target.csv"]


def test_strict_writes_nothing_and_lists_every_refused_row(written: Written, tmp_path: Path) -> None:
    """The error is what the command line prints before it exits with 2."""
    with pytest.raises(ScenarioError, match=r"^source\.csv:3: departure: no value$"):
        import_sessions(written("source.csv", RECORD), tmp_path / "target.csv", strict=True)
    assert not (tmp_path / "target.csv").exists()


def test_a_recording_without_a_single_session_is_an_error(written: Written, tmp_path: Path) -> None:
    """An empty result would only fail later, further from its cause."""
    source = written("source.csv", RECORD.splitlines(keepends=True)[0])
    with pytest.raises(ScenarioError, match=r"^source\.csv: no row is a session$"):
        import_sessions(source, tmp_path / "target.csv")


def test_an_unwritable_target_names_the_place(written: Written, tmp_path: Path) -> None:
    """The folder is missing: the machine's fault, not the recording's."""
    with pytest.raises(
        SettingsError, match=r"target\.csv: cannot be written \(No such file or directory\); "
    ):
        import_sessions(written("source.csv", RECORD), tmp_path / "none" / "target.csv")


_START = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def recorded(draw: st.DrawFn) -> list[Session]:
    gaps = draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(60, 90_000)), max_size=8))
    sessions, t = [], _START
    for k, (gap, stay) in enumerate(gaps):
        t += timedelta(seconds=gap)
        power_kw = draw(st.floats(0.001, 300))
        sessions.append(
            Session(
                line=k + 2,
                session=f"s,{k}",
                site='a "site"',
                evse="",
                driver="ann",
                arrival=t,
                departure=t + timedelta(seconds=stay),
                energy_kwh=power_kw * stay / 3600,
                said_energy_kwh=draw(st.none() | st.floats(0.1, 99)),
            )
        )
        t += timedelta(seconds=stay)
    return sessions


@given(recorded())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_what_is_written_is_read_back_unchanged(tmp_path: Path, sessions: list[Session]) -> None:
    """Names with commas and quotes, energies to the last bit, statements where there are any."""
    write_sessions(tmp_path / "s.csv", sessions)
    imported = read_sessions(tmp_path / "s.csv")
    assert not imported.refused
    assert list(imported.sessions) == sessions
