"""Files as plain values that remember where each of them was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from twin.errors import Problem

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists, from the top."""


class Mark(NamedTuple):
    """Where something was written: a file, or `--set`, and the line from 1 (0: no line)."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A tree of mappings, lists and scalars, with the place of every value.

    Attributes:
        value: The top-level mapping.
        marks: Place of each key or list item; values inside an alias or a set option have the mark
            of their nearest ancestor.
    """

    value: dict[str, Any]
    marks: dict[Path, Mark] = field(default_factory=dict)

    def mark(self, path: Path) -> Mark:
        """Return the place of `path`, or of its nearest ancestor that has one."""
        for end in range(len(path), -1, -1):
            found = self.marks.get(path[:end])
            if found is not None:
                return found
        return Mark("", 0)

    def problem(self, path: Path, text: str) -> Problem:
        """Say what is wrong at `path`, with its file and line."""
        file, line = self.mark(path)
        return Problem(file=file, line=line, path=dotted(path), text=text)

    def get(self, path: Path) -> Any:
        """Return the value at `path`, or None where the document has none."""
        value: Any = self.value
        for step in path:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def mapping(self, path: Path) -> dict[str, Any]:
        """Return the mapping at `path`; empty where there is none."""
        value = self.get(path)
        return value if isinstance(value, dict) else {}


def dotted(path: Path) -> str:
    """Return a path as people write it: `drivers.staff.sites.0`."""
    return ".".join(map(str, path))
