"""From any recorded format to our own sessions file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from twin.errors import Problem, ScenarioError, SettingsError
from twin.world.population.readers import COLUMNS, SAID, read_sessions
from twin.world.population.sessions import Imported, Session


def write_sessions(path: Path | str, sessions: Sequence[Session]) -> None:
    """Write sessions in our own format (see `readers`), whole or not at all: aside first, then renamed.

    What drivers said gets its two columns only where somebody said something.

    Raises:
        SettingsError: The file cannot be written.
    """
    path = Path(path)
    spoken = any(s.said_departure is not None or s.said_energy_kwh is not None for s in sessions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS + (SAID if spoken else ()))
    writer.writerows(_cells(s, spoken) for s in sessions)
    aside = path.with_name(f".{path.name}.partial")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as exc:
        with suppress(OSError):  # where nothing can be written, there may be nothing to remove
            aside.unlink(missing_ok=True)
        why = exc.strerror or exc
        raise SettingsError(
            f"{path}: cannot be written ({why}); make room there or name another file"
        ) from None


def _cells(session: Session, spoken: bool) -> list[str]:
    cells = [
        session.session,
        session.site,
        session.evse,
        session.driver,
        _iso(session.arrival),
        _iso(session.departure),
        repr(session.energy_kwh),
        session.vehicle,
    ]
    if spoken:
        cells.append("" if session.said_departure is None else _iso(session.said_departure))
        cells.append("" if session.said_energy_kwh is None else repr(session.said_energy_kwh))
    return cells


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def import_sessions(
    source: Path | str,
    target: Path | str,
    *,
    format: str = "auto",  # noqa: A002 -- the word of the command line
    strict: bool = False,
    site: str | None = None,
    time_zone: str | None = None,
    max_power_kw: float | None = None,
) -> Imported:
    """Convert and filter a recording into our own format; `Imported.summary()` says what was refused and why.

    Args:
        source: The recording.
        target: Where our own format goes.
        format: Of the source, as for `read_sessions`.
        strict: A refused row is an error, and nothing is written.
        site: Name of the site in all sessions written; None: as recorded.
        time_zone: As for `read_sessions`.
        max_power_kw: As for `read_sessions`.

    Raises:
        ScenarioError: The source cannot be read, holds no session, or (strict) holds rows that are none.
        SettingsError: The target cannot be written.
    """
    imported = read_sessions(source, format, time_zone=time_zone, max_power_kw=max_power_kw)
    if strict and imported.refused:
        raise ScenarioError(imported.problems)
    if not imported.sessions:
        raise ScenarioError([*imported.problems, Problem(imported.file, 0, "", "no row is a session")])
    sessions = imported.sessions if site is None else [s._replace(site=site) for s in imported.sessions]
    write_sessions(target, sessions)
    return imported
