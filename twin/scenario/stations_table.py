"""Many stations from a CSV file: a row per station, checked like listed ones, every bad row with its line.

The first line names the columns: `station`, then any keys of a listed station. An empty cell has the
key's default; several `levels_a` are separated by spaces.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.errors import Problem, ScenarioError
from twin.scenario.files import read_text
from twin.scenario.nearest import hint
from twin.scenario.sites import Station
from twin.scenario.structure import explain, keys_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One station of a table, and the line that it stands on."""

    line: int
    name: str
    station: Station


def read_table(path: Path) -> tuple[list[TableRow], list[Problem]]:
    """Return the stations of a table, and what is wrong with the other rows."""
    try:
        text = read_text(path)
    except ScenarioError as exc:
        return [], list(exc.problems)
    rows, problems = _parse(text, path)
    return list(rows), list(problems)


@lru_cache(maxsize=8)  # a table is read to check it, to place its stations, and to build the run
def _parse(text: str, path: Path) -> tuple[list[TableRow], list[Problem]]:
    reader = csv.reader(text.splitlines(), strict=True)
    file = str(path)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        problems = _header_problems(file, header)
        if problems:
            return [], problems
        rows, problems = _read_rows(file, header, reader)
    except csv.Error as exc:
        return [], [Problem(file, reader.line_num, "", f"broken CSV: {exc}")]
    if not rows and not problems:
        problems = [Problem(file, 0, "", "no station; add a row per station below the header")]
    return rows, problems


def _header_problems(file: str, header: list[str]) -> list[Problem]:
    known = ["station", *keys_of(Station)]
    out = [
        Problem(file, 1, name, f"unknown column{hint(name, known)}") for name in header if name not in known
    ]
    twice = dict.fromkeys(name for name in header if header.count(name) > 1)
    out += [Problem(file, 1, name, "the column stands twice; keep one of them") for name in twice]
    if "station" not in header:
        expected = "the first line names the columns: `station`, then keys of a station such as `bus`"
        out.append(Problem(file, 1, "station", f"no column `station`; {expected}"))
    return out


def _read_rows(file: str, header: list[str], reader: Any) -> tuple[list[TableRow], list[Problem]]:
    rows: list[TableRow] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        if not any(cells):
            continue
        if len(cells) != len(header):
            said = f"{len(cells)} cells, the header has {len(header)}"
            problems.append(Problem(file, line, "", said))
            continue
        values = {key: cell.strip() for key, cell in zip(header, cells, strict=True) if cell.strip()}
        name = values.pop("station", "")
        if not _NAME.fullmatch(name):
            said = f"`{name}` is no name; use letters, digits, `-` and `_`, at most 64"
            problems.append(Problem(file, line, "station", said))
        elif name in first:
            said = f"`{name}` is already on line {first[name]}; names are unique"
            problems.append(Problem(file, line, "station", said))
        else:
            first[name] = line
            station = _station(file, line, values, problems)
            if station is not None:
                rows.append(TableRow(line, name, station))
    return rows, problems


def _station(file: str, line: int, values: dict[str, str], problems: list[Problem]) -> Station | None:
    try:
        return Station.model_validate_strings(values)
    except ValidationError as exc:
        problems += [Problem(file, line, key, text) for key, text in explain(exc, Station)]
        return None
