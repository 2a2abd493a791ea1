"""A CSV of one instant: which element, or which bus, draws what."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Matrix
from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder, Units
from twin.units import w_from_kw

_SUBJECTS = ("element", "bus")
_COLUMNS = (*_SUBJECTS, "kw", "kvar", "phase")
_PHASES = {
    "a": "a",
    "b": "b",
    "c": "c",
    "1": "a",
    "2": "b",
    "3": "c",
    "l1": "a",
    "l2": "b",
    "l3": "c",
    "": "",
}


class _Row(NamedTuple):
    line: int
    name: str
    w: float
    var: float | None
    """None: nothing is said."""
    phase: str
    """a, b or c; empty: all three equally."""


def read_snapshot(feeder: Feeder, path: Path, *, three_phase: bool) -> tuple[Feeder, tuple[str, ...]]:
    """Read rows of `element` (a load, storage or generator by name) or `bus`, `kw`, and if need be `kvar`, `phase`.

    An element keeps the sign of its table (a generator's power is what it generates), a bus draws. Without
    `kvar` an element keeps the ratio of its nominal powers, a bus has a power factor of 1. Every load needs
    a row; a generator or storage without one is at rest. With buses, the rows replace everything that the
    net has by itself.

    Returns:
        The feeder with these powers, and what was taken for granted.

    Raises:
        ScenarioError: Everything that is wrong with the file, with its lines.
    """
    header, lines = _table(path)
    problems = _header_problems(path, header)
    if problems:
        raise ScenarioError(problems)
    reader = _Reader(path, header, three_phase=three_phase)
    rows = [row for number, cells in lines if (row := reader.row(number, cells)) is not None]
    of_buses = "bus" in header
    subjects = _buses(feeder) if of_buses else _elements(feeder)
    for row in rows:
        if row.name not in subjects:
            reader.refuse(row.line, _unknown(feeder, row.name, subjects, of_buses=of_buses))
        elif subjects[row.name] < 0:
            reader.refuse(row.line, _useless(feeder, row.name, of_buses=of_buses))
    if not rows and not reader.problems:
        reader.refuse(0, "has no row")
    if not of_buses:
        _complete(feeder, rows, reader)
    if reader.problems:
        raise ScenarioError(reader.problems)
    made = _bus_units if of_buses else _element_units
    units, notes = made(feeder, rows, subjects)
    return replace(feeder, units=units), notes


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header in lower case and the numbered lines below it."""
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.reader(text.splitlines())
    header = [cell.strip().lower() for cell in next(reader, [])]
    return header, [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]


def _header_problems(path: Path, header: Sequence[str]) -> list[Problem]:
    texts = []
    for name in header:
        if name not in _COLUMNS:
            near = get_close_matches(name, _COLUMNS, n=1, cutoff=0.5)
            meant = f", did you mean `{near[0]}`?" if near else ""
            texts.append(f"unknown column `{name}`{meant}")
    texts += [f"column `{name}` is named twice" for name, times in Counter(header).items() if times > 1]
    subjects = [name for name in _SUBJECTS if name in header]
    if len(subjects) != 1:
        both = (
            "columns `element` and `bus` exclude each other" if subjects else "no column `element` or `bus`"
        )
        texts.append(f"{both}; a snapshot has element,kw or bus,kw, a series begins with `time`")
    if "kw" not in header:
        texts.append("no column `kw`")
    return [Problem(path.name, 1, "", text) for text in texts]


class _Reader:
    """Reads rows and collects what is wrong with them."""

    def __init__(self, path: Path, header: Sequence[str], *, three_phase: bool) -> None:
        self.problems: list[Problem] = []
        self._file = path.name
        self._at = {name: k for k, name in enumerate(header)}
        self._subject = "bus" if "bus" in self._at else "element"
        self._three_phase = three_phase
        self._seen: dict[tuple[str, str], int] = {}

    def refuse(self, line: int, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(self._file, line, "", text))

    def row(self, line: int, cells: Sequence[str]) -> _Row | None:
        """Return a row, with NaN for what is no number, or None where it names nothing."""
        if len(cells) != len(self._at):
            self.refuse(line, f"{len(cells)} cells, the header has {len(self._at)}")
            return None
        texts = {name: cells[k].strip() for name, k in self._at.items()}
        name = texts[self._subject]
        if not name:
            self.refuse(line, f"no {self._subject} is named")
        kw = self._number(line, "kw", texts["kw"])
        kvar = self._number(line, "kvar", texts["kvar"]) if texts.get("kvar") else None
        phase = self._phase(line, texts.get("phase", ""))
        if name:
            self._once(line, name, phase)
        return (
            _Row(line, name, w_from_kw(kw), None if kvar is None else w_from_kw(kvar), phase)
            if name
            else None
        )

    def _number(self, line: int, column: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            self.refuse(
                line,
                f"{column}: `{text}` is not a number" if text else f"{column} is empty: write 0 for none",
            )
            return math.nan
        if not math.isfinite(value):
            self.refuse(line, f"{column}: {text} is not finite")
            return math.nan
        return value

    def _phase(self, line: int, text: str) -> str:
        phase = _PHASES.get(text.lower())
        if phase is None:
            self.refuse(line, f"phase `{text}` does not exist; write a, b or c, or nothing for all three")
            return ""
        if phase and not self._three_phase:
            self.refuse(line, f"phase `{text}` has no meaning in a symmetric power flow: add --three-phase")
        return phase

    def _once(self, line: int, name: str, phase: str) -> None:
        for other in {phase, ""} if phase else {"", "a", "b", "c"}:
            before = self._seen.get((name, other))
            if before is not None:
                on = f" on phase {phase}" if phase and other else ""
                self.refuse(line, f"{self._subject} `{name}`{on} has a power in line {before} already")
                break
        self._seen.setdefault((name, phase), line)


def _elements(feeder: Feeder) -> dict[str, int]:
    """Position of each element among the units; -1 for a name that several have."""
    names = feeder.units.names
    return {name: -1 if names.count(name) > 1 else u for u, name in enumerate(names)}


def _buses(feeder: Feeder) -> dict[str, int]:
    """Position of each bus; -1 for those without a source."""
    return {name: b if feeder.supplied[b] else -1 for b, name in enumerate(feeder.buses)}


def _unknown(feeder: Feeder, name: str, known: dict[str, int], *, of_buses: bool) -> str:
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    meant = f", did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else ""
    if not near and not of_buses and name in feeder.buses:
        meant = ": it is a bus; name the column `bus` to give powers of buses"
    what = "bus" if of_buses else "load, storage or generator in service"
    return f"{feeder.name} has no {what} `{name}`{meant}"


def _useless(feeder: Feeder, name: str, *, of_buses: bool) -> str:
    if of_buses:
        return f"bus `{name}` of {feeder.name} is out of service or has no source"
    return f"`{name}` names more than one element of {feeder.name}"


def _complete(feeder: Feeder, rows: Sequence[_Row], reader: _Reader) -> None:
    """Ask for a row for every load: a forgotten one would look like a light feeder."""
    units = feeder.units
    named = {row.name for row in rows}
    loads = [n for n, table in zip(units.names, units.table, strict=True) if table.endswith("load")]
    missing = [name for name in loads if name not in named]
    if missing and not reader.problems:
        reader.refuse(
            0, f"no row for load `{missing[0]}` ({len(missing)} missing): write 0 to leave a load out"
        )


def _element_units(
    feeder: Feeder, rows: Sequence[_Row], place: dict[str, int]
) -> tuple[Units, tuple[str, ...]]:
    units = feeder.units
    at = np.array([place[row.name] for row in rows], dtype=np.int64)
    ratio = np.divide(units.q_var, units.p_w, out=np.zeros(len(units)), where=units.p_w != 0.0)
    powers = np.array(
        [(row.w, row.w * r if row.var is None else row.var) for row, r in zip(rows, ratio[at], strict=True)]
    )
    total = np.zeros((2, len(units)))
    for row, power in zip(at, powers, strict=True):
        total[:, row] += power
    phase_power = _same_division(units, total)
    single = np.array([bool(row.phase) for row in rows])
    phase_power[:, at[single]] = 0.0
    for row, u, power in zip(rows, at, powers, strict=True):
        if row.phase:
            phase_power[:, u, "abc".index(row.phase)] += power
    delta = units.delta.copy()
    delta[at[single]] = False
    named = {row.name for row in rows}
    idle = [n for n in units.names if n not in named]
    notes = (f"{len(idle)} generator(s) and storage(s) without a row are at rest",) if idle else ()
    changed = replace(units, p_w=total[0], q_var=total[1], phase_power=phase_power, delta=delta)
    return changed, notes


def _same_division(units: Units, total: Matrix) -> Array:
    """(2, u, 3) power of rows of asymmetric tables, divided over the phases as the net does; NaN for others."""
    shares = np.full((len(units), 3), 1.0 / 3.0)
    of_net = units.phase_power[0]
    known = ~np.isnan(of_net[:, 0]) & (units.p_w != 0.0)
    shares[known] = of_net[known] / units.p_w[known, None]
    shares[np.isnan(of_net)] = np.nan
    return np.asarray(total[:, :, None] * shares)


def _bus_units(feeder: Feeder, rows: Sequence[_Row], place: dict[str, int]) -> tuple[Units, tuple[str, ...]]:
    count = len(rows)
    p_w, q_var = np.array([row.w for row in rows]), np.array([row.var or 0.0 for row in rows])
    phase_power = np.full((2, count, 3), np.nan)
    for u, row in enumerate(rows):
        if row.phase:
            phase_power[:, u] = 0.0
            phase_power[:, u, "abc".index(row.phase)] = p_w[u], q_var[u]
    units = Units(
        table=("load",) * count,
        index=np.arange(count, dtype=np.int64),
        names=tuple(f"{row.name} {row.phase}".strip() for row in rows),
        bus=np.array([place[row.name] for row in rows], dtype=np.int64),
        p_w=p_w,
        q_var=q_var,
        phase_power=phase_power,
        rated_va=np.hypot(p_w, q_var),
        generates=np.zeros(count, dtype=bool),
        voltage_dependent=np.zeros(count, dtype=bool),
        delta=np.zeros(count, dtype=bool),
    )
    return units, (f"the rows replace the net's own {len(feeder.units)} loads and generators",)
