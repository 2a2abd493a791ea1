"""What the feeder's buses draw in each step: the net's own loads, a CSV, or SimBench's year."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from twin.domain.ids import Matrix, Vector
from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder, Units
from twin.grid.profile_sources import Found, from_csv, from_simbench
from twin.grid.profiles import Profile, constant
from twin.grid.series import BaseLoad, PhaseRule
from twin.grid.unit_phases import unit_shares
from twin.studies.powerflow.snapshot import read_snapshot

_BERLIN = ZoneInfo("Europe/Berlin")
_SIMBENCH_START = datetime(2016, 1, 1, tzinfo=_BERLIN).astimezone(UTC)
"""In UTC: instants of one zone are added and subtracted by the clock on the wall, which jumps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Powers over steps.

    Attributes:
        feeder: The net, with what draws from it.
        profile: Mean power of each bus over any interval.
        first_sample: Number of the profile's sample that is the first step.
        bounds_s: (T + 1,) begin of each step and end of the last, in s since `start`; (0, 0) for a snapshot.
        start: Where `bounds_s` counts from; None for a snapshot.
        zone: Civil time of what is printed.
        source: What the powers are, for people.
        notes: What was taken for granted.
    """

    feeder: Feeder
    profile: Profile
    first_sample: int
    bounds_s: Vector
    start: datetime | None
    zone: tzinfo
    source: str
    notes: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Number of power flows."""
        return len(self.bounds_s) - 1

    def instant(self, t_s: float) -> datetime | None:
        """Civil instant of `t_s`; None in a snapshot."""
        return None if self.start is None else (self.start + timedelta(seconds=t_s)).astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class _Divide:
    """How what says nothing about phases divides over them."""

    rule: PhaseRule | None
    seed: int

    def shares(self, units: Units) -> Matrix | None:
        """(u, 3) shares; None in a symmetric feeder."""
        return None if self.rule is None else unit_shares(units, self.rule, self.seed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the results rest on."""
        if self.rule is None:
            return ()
        drawn = "" if self.rule == "balanced" else f", drawn with seed {self.seed}"
        return (f"phases of loads and generators that name none: {self.rule}{drawn}",)


def read_loads(
    feeder: Feeder,
    *,
    loads: Path | None = None,
    profiles: str | None = None,
    begin: str | None = None,
    end: str | None = None,
    time_zone: str | None = None,
    phases: PhaseRule | None = None,
    seed: int = 0,
) -> Drawn:
    """Read what is drawn.

    Args:
        feeder: The net.
        loads: A CSV; its first column tells whether it is a series (`time`) or a snapshot.
        profiles: `simbench` for the year that a SimBench net carries.
        begin: First instant, ISO 8601; in the zone of the series where it has no offset.
        end: Last instant.
        time_zone: IANA zone of times without an offset, and of what is printed.
        phases: How what says nothing about phases divides over them; None: a symmetric feeder.
        seed: Of that rule's draws.

    Raises:
        ScenarioError: Everything that is wrong with the file or with the options.
    """
    if loads is not None and profiles is not None:
        raise _refuse(
            "loads", "--loads and --profiles exclude each other: the file would replace the profiles"
        )
    if profiles not in (None, "simbench"):
        raise _refuse("profiles", f"there are no profiles `{profiles}`; known: `simbench`")
    divide = _Divide(phases, seed)
    zone = _zone(time_zone)
    series = profiles is not None or (loads is not None and _is_series(loads))
    if not series:
        if begin or end:
            raise _refuse("from" if begin else "to", "a snapshot has no time: give a series or profiles")
        return _snapshot(feeder, loads, divide)
    if profiles is not None:
        if not feeder.net.get("profiles"):
            raise _refuse(
                "profiles",
                f"{feeder.name} carries no SimBench profiles: give a series of your own, --loads FILE",
            )
        found = from_simbench(feeder, BaseLoad(source="simbench"), _SIMBENCH_START)
        whole = _series(
            feeder, found, _SIMBENCH_START, zone or _BERLIN, "SimBench's profiles of 2016", divide
        )
    else:
        assert loads is not None, "a series has a file"
        whole = _from_file(feeder, loads, time_zone, zone, divide)
    return _between(whole, begin, end)


def _snapshot(feeder: Feeder, loads: Path | None, divide: _Divide) -> Drawn:
    notes: tuple[str, ...] = ()
    source = "the net's own loads"
    if loads is not None:
        feeder, notes = read_snapshot(feeder, loads, three_phase=divide.rule is not None)
        source = loads.name
    return Drawn(
        feeder=feeder, profile=constant(feeder, 1.0, divide.shares(feeder.units)), first_sample=0, bounds_s=np.zeros(2), start=None, zone=UTC, source=source, notes=(*notes, *divide.notes)
    )  # fmt: skip


def _from_file(
    feeder: Feeder, loads: Path, time_zone: str | None, zone: tzinfo | None, divide: _Divide
) -> Drawn:
    base = BaseLoad(source="csv", file=loads, time_zone=time_zone)
    reference = datetime(2000, 1, 1, tzinfo=UTC)
    try:
        found = from_csv(feeder, base, reference)
    except ScenarioError as error:
        raise ScenarioError([_with_option(problem) for problem in error.problems]) from error
    first_s = float(found.series.times_s[0])
    start = reference + timedelta(seconds=first_s)
    series = replace(found.series, times_s=found.series.times_s - first_s, end_s=found.series.end_s - first_s)
    return _series(feeder, replace(found, series=series), start, zone or _zone_of(loads), loads.name, divide)


def _with_option(problem: Problem) -> Problem:
    """Name the option that a command line has where a scenario has a key."""
    return replace(problem, text=problem.text.replace("name the file's time_zone", "give --time-zone"))


def _series(
    feeder: Feeder, found: Found, start: datetime, zone: tzinfo, source: str, divide: _Divide
) -> Drawn:
    """Take every sample as a step that holds until the next."""
    return Drawn(
        feeder=feeder,
        profile=Profile(
            found.units, len(feeder.buses), found.series, found.follow, "step", divide.shares(found.units)
        ),
        first_sample=0,
        bounds_s=np.append(found.series.times_s, found.series.end_s),
        start=start,
        zone=zone,
        source=source,
        notes=divide.notes,
    )


def _between(whole: Drawn, begin: str | None, end: str | None) -> Drawn:
    """Keep the steps that lie between two instants."""
    assert whole.start is not None, "a series has a start"
    limits_s = [
        default if text is None else (_instant(name, text, whole.zone) - whole.start).total_seconds()
        for name, text, default in (("from", begin, -np.inf), ("to", end, np.inf))
    ]
    starts_s, ends_s = whole.bounds_s[:-1], whole.bounds_s[1:]
    inside = np.flatnonzero((starts_s >= limits_s[0]) & (ends_s <= limits_s[1]))
    if not len(inside):
        covers = f"{whole.instant(whole.bounds_s[0])} to {whole.instant(whole.bounds_s[-1])}"
        raise _refuse("from, to", f"no step lies between them; {whole.source} covers {covers}")
    return replace(whole, first_sample=int(inside[0]), bounds_s=whole.bounds_s[inside[0] : inside[-1] + 2])


def _instant(name: str, text: str, zone: tzinfo) -> datetime:
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise _refuse(name, f"`{text}` is not a time like 2016-01-18 or 2016-01-18T06:00+01:00") from None
    return stamp if stamp.utcoffset() is not None else stamp.replace(tzinfo=zone)


def _is_series(path: Path) -> bool:
    return first_cells(path)[0].strip().lower() == "time"


def first_cells(path: Path, line: int = 1) -> Sequence[str]:
    """Return the cells of a line of a CSV; one empty cell where there is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            for _ in range(line - 1):
                next(rows, None)
            return next(rows, None) or [""]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else f"no text in UTF-8: {exc}"
        raise ScenarioError([Problem(str(path), 0, "", f"cannot be read: {reason}")]) from exc


def _zone_of(path: Path) -> tzinfo:
    """Offset of the first sample: where nobody names a zone, people read what they wrote."""
    return datetime.fromisoformat(first_cells(path, 2)[0].strip()).tzinfo or UTC


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise _refuse("time-zone", f"no time zone is called `{name}`; write one like Europe/Berlin") from None


def _refuse(option: str, text: str) -> ScenarioError:
    return ScenarioError([Problem("twin powerflow", 0, f"--{option.replace(', ', ', --')}", text)])
