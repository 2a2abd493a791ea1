"""Fields of foreign JSON objects: each is read once, every problem is collected, what nobody read is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar

from twin.errors import Problem, ScenarioError
from twin.money.billing.currencies import CURRENCIES
from twin.money.billing.json_text import Path, Source

T = TypeVar("T")

_LARGEST = Decimal(10) ** 12
_FINEST = -40
"""Decimals that a number may have: more are noise, and would cost time."""
_INSTANT = re.compile(r"\d{4}-\d{1,2}-\d{1,2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


class Findings:
    """What came to light while one document was read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        """Why it cannot be used."""
        self.notes: list[str] = []
        """What it says and nobody obeys."""

    def problem(self, path: Path, text: str) -> None:
        """Add a problem at `path`."""
        self.problems.append(self.source.problem(path, text))

    def note(self, path: Path, text: str) -> None:
        """Add a note at `path`."""
        self.notes.append(f"{'.'.join(map(str, path))}: {text}")

    def stop(self) -> None:
        """Raise what was found, if anything.

        Raises:
            ScenarioError: There are problems.
        """
        if self.problems:
            raise ScenarioError(self.problems)


class Fields:
    """The fields of one object."""

    def __init__(self, found: Findings, path: Path, value: Mapping[str, Any]) -> None:
        self.found = found
        self.path = path
        self._left = {key: item for key, item in value.items() if item is not None}

    def __contains__(self, key: str) -> bool:
        """Whether there is such a field, unread so far."""
        return key in self._left

    def problem(self, key: str, text: str) -> None:
        """Say what is wrong with a field."""
        self.found.problem((*self.path, key) if key else self.path, text)

    def note(self, key: str, text: str) -> None:
        """Say what is not obeyed."""
        self.found.note((*self.path, key) if key else self.path, text)

    def take(self, key: str, *, required: bool = False) -> Any:
        """Return a field as it stands, None where there is none."""
        value = self._left.pop(key, None)
        if value is None and required:
            self.problem(key, "is missing")
        return value

    def skip(self, *keys: str) -> None:
        """Let fields pass that say nothing about prices."""
        for key in keys:
            self._left.pop(key, None)

    def ignore(self, key: str, why: str) -> None:
        """Note a field that is not obeyed, where it stands."""
        if self._left.pop(key, None) is not None:
            self.note(key, why)

    def done(self, language: str) -> None:
        """Note every field that nobody read."""
        for key in self._left:
            self.note(key, f"is no field of {language} here; ignored")

    def prose(self, key: str, longest: int) -> str:
        """Return a text that is there, of any characters and lines."""
        value = self.take(key, required=True)
        if isinstance(value, str) and len(value) > longest:
            self.problem(key, f"has {len(value)} characters; at most {longest} are allowed")
        elif value is not None and not isinstance(value, str):
            self.problem(key, f"{shown(value)} is no text; write it in quotes")
        return value if isinstance(value, str) else ""

    def text(self, key: str, longest: int, *, required: bool = False, ascii_only: bool = False) -> str:
        """Return a text of one line, empty where there is none."""
        value = self.take(key, required=required)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.problem(key, f"{shown(value)} is no text; write it in quotes")
        elif not value and required:
            self.problem(key, "is empty; give it a text")
        elif len(value) > longest:
            self.problem(key, f"has {len(value)} characters; at most {longest} are allowed")
        elif not value.isprintable() or (ascii_only and not value.isascii()):
            kind = "printable ASCII" if ascii_only else "printable"
            self.problem(key, f"{value!r} has characters that are not {kind}; take them out")
        else:
            return value
        return ""

    def currency(self, key: str) -> str:
        """Return a currency code (ISO 4217), empty where there is none."""
        value = self.text(key, 3, required=True)
        if value and value not in CURRENCIES:
            upper = value.upper()
            remedy = f"write {upper}" if upper in CURRENCIES else "write its code, as EUR"
            self.problem(key, f"{shown(value)} is no currency of ISO 4217; {remedy}")
            return ""
        return value

    def number(self, key: str, *, required: bool = False, least: Decimal | None = None) -> Decimal | None:
        """Return a number, exact; None where there is none, or none that can be used."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if isinstance(value, float):  # of a caller's own dict: the number that its text shows
            value = Decimal(repr(value))
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.problem(key, f"{shown(value)} is no number; write it without quotes, as 0.25")
            return None
        exact = Decimal(value)
        if not exact.is_finite() or abs(exact) >= _LARGEST or _decimals(exact) > -_FINEST:
            self.problem(key, f"{shown(value)} is out of range; magnitudes below 10^12 are allowed")
            return None
        if least is not None and exact < least:
            self.problem(key, f"{exact} is too small; at least {least} is allowed")
            return None
        return exact

    def whole(self, key: str, *, required: bool = False) -> int | None:
        """Return a whole number >= 0."""
        value = self.number(key, required=required, least=Decimal(0))
        if value is None:
            return None
        if value != value.to_integral_value():
            self.problem(key, f"{value} is no whole number")
            return None
        return int(value)

    def flag(self, key: str) -> bool:
        """Return a boolean, False where there is none."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.problem(key, f"{shown(value)} is neither true nor false")
        return value is True

    def choice(self, key: str, table: Mapping[str, T], *, required: bool = False) -> T | None:
        """Return what a name stands for."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or value not in table:
            self.problem(key, f"{shown(value)} is unknown; one of {', '.join(table)}")
            return None
        return table[value]

    def instant(self, key: str, *, required: bool = False, offset: bool = False) -> datetime | None:
        """Return an instant: UTC, with or without Z; with an offset only where the language allows it."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if isinstance(value, str) and (match := _INSTANT.fullmatch(value)):
            if match[2] not in (None, "Z") and not offset:
                self.problem(key, f"{value!r} has an offset; write UTC, as 2026-01-31T12:00:00Z")
                return None
            head, fraction = value.removesuffix("Z").split("T")[0], (match[1] or "")[:7]
            clock = value.split("T")[1][:8]
            year, month, day = map(int, head.split("-"))
            zone = match[2] if match[2] and match[2] != "Z" else "+00:00"
            try:
                return datetime.fromisoformat(
                    f"{year:04d}-{month:02d}-{day:02d}T{clock}{fraction.ljust(7, '0') if fraction else ''}{zone}"
                ).astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        self.problem(key, f"{shown(value)} is no instant; write UTC, as 2026-01-31T12:00:00Z")
        return None

    def clock(self, key: str) -> time | None:
        """Return a civil time of day, `HH:MM`."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            self.problem(key, f"{shown(value)} is no time of day; write it as 09:30")
            return None
        return time(int(value[:2]), int(value[3:]))

    def day(self, key: str) -> date | None:
        """Return a civil date."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        self.problem(key, f"{shown(value)} is no date; write it as 2026-01-31")
        return None

    def names(self, key: str, table: Mapping[str, T]) -> list[T] | None:
        """Return what a list of names stands for; None where there is no list, or an empty one."""
        values = self.take(key)
        if values is None:
            return None
        if not isinstance(values, list):
            self.problem(key, f"{shown(values)} is no list")
            return None
        for n, value in enumerate(values):
            if not isinstance(value, str) or value not in table:
                text = f"{shown(value)} is unknown; one of {', '.join(table)}"
                self.found.problem((*self.path, key, n), text)
        return [table[v] for v in values if isinstance(v, str) and v in table] or None

    def object(self, key: str, *, required: bool = False) -> Fields | None:
        """Return the fields of an object within."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.problem(key, f"{shown(value)} is no object; write it in braces")
            return None
        return Fields(self.found, (*self.path, key), value)

    def objects(self, key: str, *, required: bool = False) -> Iterator[Fields]:
        """Yield the fields of each object of a list; where it is required it has at least one."""
        values = self.take(key, required=required)
        if values is None:
            return
        if not isinstance(values, list | tuple):
            self.problem(key, f"{shown(values)} is no list; write it in brackets")
            return
        if not values and required:
            self.problem(key, "is empty; at least one is needed")
        for n, value in enumerate(values):
            if isinstance(value, Mapping):
                yield Fields(self.found, (*self.path, key, n), value)
            else:
                self.found.problem((*self.path, key, n), f"{shown(value)} is no object; write it in braces")


def top(source: Source, what: str) -> Fields:
    """Return the fields of a document.

    Raises:
        ScenarioError: It is no object.
    """
    found = Findings(source)
    if not isinstance(source.value, Mapping):
        raise ScenarioError([source.problem((), f"{shown(source.value)} is no {what}; write an object")])
    return Fields(found, (), source.value)


def shown(value: Any) -> str:
    """Return a value as a problem shows it: short, and as JSON spells it."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
