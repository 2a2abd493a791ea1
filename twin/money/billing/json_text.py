"""JSON as plain values that keep exact numbers and remember their lines.

The parser of the standard library keeps no lines and lets a key stand twice. Numbers become `Decimal` from their
own text: a price of 0.1 is one tenth.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from twin.errors import Problem, ScenarioError

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of objects and positions in lists, from the top."""

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?)(?![0-9.eE])"
    r"|(?P<word>true|false|null)\b|(?P<mark>[\[\]{},:])|(?P<end>\Z))"
)
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Source:
    """A tree of objects, lists and scalars, with the line of every value.

    Attributes:
        value: The tree; numbers are exact.
        file: How problems name it.
        lines: Line from 1 of each value; empty where the tree never was a text.
    """

    value: Any
    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)

    def problem(self, path: Path, text: str) -> Problem:
        """Say what is wrong at `path`, with the line of it or of what holds it."""
        line = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), 0)
        return Problem(self.file, line, ".".join(map(str, path)), text)


def parse(text: str, file: str) -> Source:
    """Parse a JSON text; `file` is how problems name it.

    Raises:
        ScenarioError: It is not JSON (RFC 8259), or an object has a key twice.
    """
    reader = _Parser(text, file)
    value = reader.document()
    if reader.problems:
        raise ScenarioError(reader.problems)
    return Source(value, file, reader.lines)


def write(value: Any, indent: int = 2) -> str:
    """Write plain values as JSON, `Decimal` as the number that it is."""
    return "".join(_pieces(value, indent, 0))


def for_wire(value: Any) -> Any:
    """Return plain values with numbers that any JSON writer knows: whole ones, or floats of the same text.

    Raises:
        ValueError: A number has more than the 15 significant digits that a float keeps.
    """
    if isinstance(value, Mapping):
        return {key: for_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [for_wire(item) for item in value]
    if not isinstance(value, Decimal):
        return value
    if len(value.normalize().as_tuple().digits) > 15:
        raise ValueError(f"{value} has more digits than a float keeps")
    return int(value) if value == value.to_integral_value() else float(value)


def _pieces(value: Any, indent: int, depth: int) -> Iterator[str]:
    inner, outer = "\n" + " " * indent * (depth + 1), "\n" + " " * indent * depth
    if isinstance(value, Mapping) and value:
        for n, (key, item) in enumerate(value.items()):
            yield f"{',' if n else '{'}{inner}{json.dumps(key, ensure_ascii=False)}: "
            yield from _pieces(item, indent, depth + 1)
        yield f"{outer}}}"
    elif isinstance(value, list | tuple) and value:
        for n, item in enumerate(value):
            yield f"{',' if n else '['}{inner}"
            yield from _pieces(item, indent, depth + 1)
        yield f"{outer}]"
    elif isinstance(value, Decimal):
        yield f"{value:f}"
    else:
        yield json.dumps(value, ensure_ascii=False)


class _Parser:
    """Recursive descent; stops at the first break of grammar, goes on after a doubled key."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.file = file
        self.at = 0
        self.starts = [m.end() for m in re.finditer("\n", self.text)]
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def document(self) -> Any:
        value = self._value((), self._next())
        if self._next().lastgroup != "end":
            raise self._broken("more text after the end of the value; keep one value per file")
        return value

    def _line(self) -> int:
        at = self.at
        while at < len(self.text) and self.text[at] in " \t\r\n":
            at += 1
        return bisect_right(self.starts, at) + 1

    def _broken(self, said: str) -> ScenarioError:
        return ScenarioError([*self.problems, Problem(self.file, self._line(), "", f"broken JSON: {said}")])

    def _next(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            near = self.text[self.at :].strip()[:20].splitlines()
            raise self._broken(f"cannot read {near[0] if near else ''!r}")
        self.line = self._line()
        self.at = found.end()
        return found

    def _value(self, path: Path, token: re.Match[str]) -> Any:
        self.lines[path] = self.line
        if len(path) > _MAX_DEPTH:
            raise self._broken(f"nested more than {_MAX_DEPTH} deep")
        kind = token.lastgroup or ""
        said = token[kind]
        if kind == "number":
            return Decimal(said)
        if kind == "text":
            return self._string(said)
        if kind == "word":
            return _WORDS[said]
        if said == "{":
            return self._object(path)
        if said == "[":
            return self._list(path)
        raise self._broken("a value is missing" if kind == "mark" else "the text ends too early")

    def _string(self, said: str) -> str:
        try:
            return str(json.loads(said))
        except json.JSONDecodeError:
            raise self._broken(f"cannot read the text {said}") from None

    def _object(self, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        token = self._next()
        while token[0].strip() != "}" or out:
            if token.lastgroup != "text":
                raise self._broken("an object needs a key in quotes here")
            key, line = self._string(token["text"]), self.line
            if self._next()["mark"] != ":":
                raise self._broken(f'a colon is missing after "{key}"')
            if key in out:
                said = "stands twice; delete one of the two"
                self.problems.append(Problem(self.file, line, ".".join(map(str, (*path, key))), said))
            out[key] = self._value((*path, key), self._next())
            if self._closes("}"):
                return out
            token = self._next()
        return out

    def _list(self, path: Path) -> list[Any]:
        out: list[Any] = []
        token = self._next()
        if token["mark"] == "]":
            return out
        while True:
            out.append(self._value((*path, len(out)), token))
            if self._closes("]"):
                return out
            token = self._next()

    def _closes(self, bracket: str) -> bool:
        mark = self._next()["mark"]
        if mark not in (bracket, ","):
            raise self._broken(f"a comma or `{bracket}` is missing")
        return mark == bracket
