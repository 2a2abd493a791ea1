"""Where a profile's samples come from: SimBench's own year, or a CSV."""

from __future__ import annotations

import csv
import difflib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from twin.domain.ids import Matrix, Rows
from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder, Units
from twin.grid.series import BaseLoad, Series
from twin.units import w_from_kw

_QUARTER_S = 900.0
_SIMBENCH_START = datetime(2015, 12, 31, 23, 0, tzinfo=UTC)
TOTAL_LOAD = "total_kw"
TOTAL_PV = "pv_total_kw"
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Samples, and which of them each unit follows for P and for Q, at which power per 1."""

    series: Series
    units: Units
    follow: tuple[Rows, Rows]


def from_simbench(feeder: Feeder, base: BaseLoad, start: datetime) -> Found:
    """Read the profiles that a SimBench net carries: 2016 in quarter hours.

    The labels are German local time, with the hour from 2 to 3 missing on 27 March and doubled on
    30 October. Row k is the quarter hour that begins k * 900 s after 2016-01-01T00:00+01:00: the sun of
    the PV series moves on smoothly by row and jumps by an hour by label. A unit without a profile keeps
    its nominal power, as in SimBench's own code.

    Raises:
        ScenarioError: The net has no profiles, or lacks one that a unit names.
    """
    tables = feeder.net.get("profiles") or {}
    frames = [tables[k] for k in ("load", "storage", "renewables", "powerplants") if len(tables.get(k, ()))]
    if not frames:
        raise _error(base, f"{feeder.name} carries no SimBench profiles: choose csv, constant or none")
    _check_labels(base, frames[0]["time"].tolist())
    column: dict[str, np.ndarray] = {"": np.ones(len(frames[0]))}
    for frame in frames:
        column.update((str(c), frame[c].to_numpy(dtype=float)) for c in frame.columns if c != "time")
    wanted = [_simbench_columns(feeder, u) for u in range(len(feeder.units))]
    missing = sorted({c for pair in wanted for c in pair} - set(column))
    if missing:
        raise _error(base, f"{feeder.name} has no profile `{missing[0]}`, which one of its elements names")
    used = sorted({c for pair in wanted for c in pair})
    first_s = (_SIMBENCH_START - start).total_seconds()
    times_s = first_s + _QUARTER_S * np.arange(len(frames[0]))
    return Found(
        series=_series(times_s, np.stack([column[c] for c in used], axis=1), base),
        units=feeder.units,
        follow=(_index([p for p, _ in wanted], used), _index([q for _, q in wanted], used)),
    )


def _simbench_columns(feeder: Feeder, unit: int) -> tuple[str, str]:
    rows = feeder.net[feeder.units.table[unit]]
    name = rows["profile"].loc[feeder.units.index[unit]] if "profile" in rows else None
    if not isinstance(name, str) or not name:
        return "", ""
    return (f"{name}_pload", f"{name}_qload") if feeder.units.table[unit] == "load" else (name, name)


def _check_labels(base: BaseLoad, labels: Sequence[str]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    for k in {0, len(labels) // 4, len(labels) // 2, len(labels) - 1}:
        expected = (_SIMBENCH_START + timedelta(seconds=_QUARTER_S * k)).astimezone(zone)
        if labels[k] != expected.strftime("%d.%m.%Y %H:%M"):
            raise _error(
                base, f"row {k} of the net's profiles is labelled {labels[k]}, not {expected:%d.%m.%Y %H:%M}"
            )


def from_csv(feeder: Feeder, base: BaseLoad, start: datetime) -> Found:
    """Read a CSV: column `time`, then kW per load (by name) or `total_kw`, shared by nominal power.

    Generators may have columns by name or `pv_total_kw` (positive generates); those without one generate
    nothing. Reactive power keeps the ratio of the unit's nominal powers.

    Raises:
        ScenarioError: Every unreadable row, unknown or missing column, with its line.
    """
    path = base.file
    if path is None:
        raise _error(base, "source csv needs a file")
    header, lines = _header(path)
    problems: list[Problem] = []
    bound = _or_problems(problems, lambda: _bind(feeder, path, header))
    table = _or_problems(problems, lambda: _table(path, base, start, header, lines))
    if bound is None or table is None:
        raise ScenarioError(problems)
    (units, follow), (times_s, values) = bound, table
    return Found(series=_series(times_s, w_from_kw(values), base), units=units, follow=follow)


def _bind(feeder: Feeder, path: Path, header: Sequence[str]) -> tuple[Units, tuple[Rows, Rows]]:
    """Let every unit follow a column: its own at its share 1, or a total at its share of the nominals."""
    units = feeder.units
    column = {name: k for k, name in enumerate(header)}
    names = set(units.names) | {TOTAL_LOAD, TOTAL_PV}
    problems = [
        f"unknown column `{c}`{_hint(c, sorted(names))}; expected load names, `{TOTAL_LOAD}` or `{TOTAL_PV}`"
        for c in header
        if c not in names
    ]
    doubled = [c for c in header if units.names.count(c) > 1]
    problems += [f"column `{c}` names more than one element of {feeder.name}" for c in doubled]
    follow = np.zeros(len(units), dtype=np.int64)
    share = np.zeros(len(units))
    missing = []
    for generates, total in ((False, TOTAL_LOAD), (True, TOTAL_PV)):
        of_kind = np.flatnonzero(units.generates == generates)
        nominal_w = float(np.abs(units.p_w[of_kind]).sum())
        for u in of_kind:
            name = units.names[u]
            if name in column:
                follow[u], share[u] = column[name], 1.0
            elif total in column:
                follow[u] = column[total]
                share[u] = abs(units.p_w[u]) / nominal_w if nominal_w else 1.0 / len(of_kind)
            elif not generates:
                missing.append(name)
    if TOTAL_LOAD in column and any(c in units.names for c in header if c not in {TOTAL_LOAD, TOTAL_PV}):
        problems.append(f"`{TOTAL_LOAD}` and columns of single elements exclude each other")
    if missing:
        problems.append(
            f"no column for load `{missing[0]}` ({len(missing)} missing): write 0 to leave a load out"
        )
    if problems:
        raise ScenarioError([Problem(path.name, 1, "", text) for text in problems])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(units.p_w != 0.0, units.q_var / units.p_w, 0.0)
        by_phase = units.phase_power / units.p_w[:, None]
    # An asymmetric row of nothing has no division of its own: a third of the column on each phase.
    nothing = (units.p_w == 0.0)[:, None] & ~np.isnan(units.phase_power[0])
    by_phase[0][nothing], by_phase[1][nothing] = 1.0 / 3.0, 0.0
    divided = by_phase * share[:, None]
    return replace(units, p_w=share, q_var=share * ratio, phase_power=divided), (follow, follow)


def _or_problems(problems: list[Problem], read: Callable[[], _Read]) -> _Read | None:
    """Read a part of a file, or add what is wrong with it to `problems`: all of them are told at once."""
    try:
        return read()
    except ScenarioError as error:
        problems += error.problems
        return None


def _header(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return the names of the columns after `time`, and the lines below them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ScenarioError([Problem(str(path), 0, "", f"cannot be read: {exc}")]) from exc
    lines = csv.reader(text.splitlines())
    header = [cell.strip() for cell in next(lines, [])]
    if not header or header[0] != "time" or len(header) < 2:
        raise ScenarioError(
            [Problem(path.name, 1, "", "the first line names the columns: time, then powers in kW")]
        )
    if len(set(header)) < len(header):
        raise ScenarioError([Problem(path.name, 1, "", "a column is named twice")])
    return header[1:], lines


def _table(
    path: Path, base: BaseLoad, start: datetime, header: Sequence[str], lines: Iterator[list[str]]
) -> tuple[np.ndarray, Matrix]:
    """Return instants in s since `start`, and powers in kW."""
    reader = _Rows(path.name, base, start, 1 + len(header))
    rows = list(reader.read(lines))
    if len(rows) < 2 and not reader.problems:
        reader.problems.append(Problem(path.name, 0, "", "needs two rows at least"))
    if reader.problems:
        raise ScenarioError(reader.problems)
    table = np.array(rows)
    return table[:, 0], table[:, 1:]


class _Rows:
    """Reads rows and collects what is wrong with them."""

    def __init__(self, file: str, base: BaseLoad, start: datetime, columns: int) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._start = start
        self._columns = columns
        self._zone: ZoneInfo | None = None
        if base.time_zone:
            try:
                self._zone = ZoneInfo(base.time_zone)
            except (ZoneInfoNotFoundError, ValueError):
                self.problems.append(
                    Problem(file, 0, "time_zone", f"no time zone is called `{base.time_zone}`")
                )

    def read(self, lines: Iterator[list[str]]) -> Iterator[list[float]]:
        last: datetime | None = None
        for number, cells in zip(itertools.count(2), lines):  # count() never ends
            if not any(cells):
                continue
            try:
                now = self._time(cells[0].strip(), last)
                powers = self._powers(cells)
            except ValueError as exc:
                self.problems.append(Problem(self._file, number, "", str(exc)))
                continue
            if last is not None and now <= last:
                self.problems.append(
                    Problem(self._file, number, "", f"{cells[0]} does not follow the row before it")
                )
            last = now
            yield [(now - self._start).total_seconds(), *powers]

    def _powers(self, cells: Sequence[str]) -> list[float]:
        if len(cells) != self._columns:
            raise ValueError(f"{len(cells)} cells, the header has {self._columns}")
        out = []
        for cell in cells[1:]:
            try:
                out.append(float(cell))
            except ValueError:
                raise ValueError(f"`{cell}` is not a power in kW") from None
        if not np.isfinite(out).all():
            raise ValueError("a power is not finite")
        return out

    def _time(self, text: str, last: datetime | None) -> datetime:
        try:
            stamp = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"`{text}` is not a time like 2016-01-18T00:00:00+01:00") from None
        if stamp.utcoffset() is not None:
            return stamp.astimezone(UTC)
        if self._zone is None:
            raise ValueError(f"{text} has no offset: write one, or name the file's time_zone")
        first, second = (stamp.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first.astimezone(self._zone).replace(tzinfo=None) != stamp:
            raise ValueError(f"{text} does not exist in {self._zone}: the clocks change")
        # The hour that comes twice in autumn: the second time is the one that does not go back.
        return second if last is not None and first <= last else first


def _series(times_s: np.ndarray, values: Matrix, base: BaseLoad) -> Series:
    last_s = float(times_s[-1])
    end_s = last_s if base.interpolation == "linear" else last_s + float(times_s[-1] - times_s[-2])
    return Series(times_s=times_s, values=values, end_s=end_s)


def _index(names: Sequence[str], used: Sequence[str]) -> Rows:
    place = {name: k for k, name in enumerate(used)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean `{near[0]}`?" if near else ""


def _error(base: BaseLoad, text: str) -> ScenarioError:
    return ScenarioError([Problem(base.file.name if base.file else "scenario", 0, "grid.base_load", text)])
