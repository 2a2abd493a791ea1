"""Prices that change from hour to hour, from a CSV file: `time,price_per_kwh`, each from its time on."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from twin.errors import Problem, ScenarioError
from twin.scenario.files import read_text

HEADER = ["time", "price_per_kwh"]
_LIMIT = Decimal(100_000)


class PriceRow(NamedTuple):
    """A price from an instant on."""

    line: int
    start: datetime
    """In UTC."""
    price: Decimal


def read_prices(path: Path) -> tuple[PriceRow, ...]:
    """Return the prices of a file, ascending.

    Raises:
        ScenarioError: The file cannot be read, or rows are wrong: all of them, each with its line.
    """
    return _parse(read_text(path), path)


@lru_cache(maxsize=8)  # a file is read to check it, and to build the run
def _parse(text: str, path: Path) -> tuple[PriceRow, ...]:
    file = str(path)
    reader = csv.reader(text.splitlines(), strict=True)
    rows: list[PriceRow] = []
    problems: list[Problem] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if header != HEADER:
            said = f"the first line names the columns: `{','.join(HEADER)}`"
            raise ScenarioError([Problem(file, 1 if header else 0, "", said)])
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = _row(file, reader.line_num, cells, problems)
                rows += [] if row is None else [row]
    except csv.Error as exc:
        problems.append(Problem(file, reader.line_num, "", f"broken CSV: {exc}"))
    for before, after in pairwise(rows):
        if after.start <= before.start:
            said = f"{_told(after.start)} is not later than line {before.line}; rows must ascend in time"
            problems.append(Problem(file, after.line, "time", said))
    if not rows and not problems:
        problems.append(Problem(file, 0, "", "no price; add a row per change of the price below the header"))
    if problems:
        raise ScenarioError(problems)
    return tuple(rows)


def _row(file: str, line: int, cells: list[str], problems: list[Problem]) -> PriceRow | None:
    if len(cells) != len(HEADER):
        problems.append(Problem(file, line, "", f"{len(cells)} cells, the header has {len(HEADER)}"))
        return None
    at, price = (cell.strip() for cell in cells)
    start, amount = _instant(at), _price(price)
    if start is None:
        said = f"`{at}` is no time with an offset; write it as `2016-01-18T00:00:00+01:00`"
        problems.append(Problem(file, line, "time", said))
    if amount is None:
        said = f"`{price}` is no price; write a number such as 0.32, between -{_LIMIT} and {_LIMIT}"
        problems.append(Problem(file, line, "price_per_kwh", said))
    return None if start is None or amount is None else PriceRow(line, start, amount)


def _instant(text: str) -> datetime | None:
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if made.tzinfo is None else made.astimezone(UTC)


def _price(text: str) -> Decimal | None:
    try:
        made = Decimal(text)
    except InvalidOperation:
        return None
    return made if made.is_finite() and abs(made) <= _LIMIT else None


def _told(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
