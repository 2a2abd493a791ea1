"""TOML with the line of every key.

tomllib parses; it keeps no lines, so a second pass finds the headers and keys of the text, which is
valid by then. Keys of inline tables and items of lists have the line on which their value begins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from twin.errors import Problem, ScenarioError
from twin.scenario.document import Document, Mark, Path

_KEY = re.compile(r"""\s*(?P<key>"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
_AT_LINE = re.compile(r"^(?P<text>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|'
    r"'''.*?'''|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'|"
    r"#[^\n]*|"
    r"[\[\]{}\n]",
    re.DOTALL,
)


def read_toml(text: str, file: str) -> Document:
    """Parse `text`; `file` is how problems name it.

    Raises:
        ScenarioError: The text is not TOML, or empty.
    """
    try:
        value = _plain(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        found = _AT_LINE.match(str(exc))
        last = len(text.splitlines())
        line = int(found["line"] or last) if found else 0
        said = found["text"] if found else str(exc)
        if said == "Invalid value" and line:
            said = _invalid(text.splitlines()[line - 1])
        raise ScenarioError([Problem(file, line, "", f"broken TOML: {said}")]) from None
    if not value:
        needs = "a scenario needs at least `start`, `days`, `sites` and `drivers`"
        raise ScenarioError([Problem(file, 0, "", f"empty file; {needs}")])
    marks: dict[Path, Mark] = {(): Mark(file, 1)}
    for path, line in _keys(text):
        marks.setdefault(path, Mark(file, line))
    return Document(value, marks)


def _invalid(line: str) -> str:
    """Say what tomllib means by `Invalid value`, from the line on which it stands."""
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        return "invalid value"
    if not value or value.startswith("#"):
        return f"`{key}` has no value; write one behind the `=`, or delete the line"
    if value[0] in "[{":
        return f"`{key}` has an invalid value in it"
    return f'`{key}` has a value that is none; text needs quotes: `{key} = ".."`'


def _plain(value: Any) -> Any:
    """Write TOML's own dates and times as text, so that both languages mean the same."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, time):
        return value.strftime("%H:%M:%S").removesuffix(":00")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value


def _keys(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path and line of every header and key of a valid document."""
    table: Path = ()
    counts: dict[Path, int] = {}
    for line, statement in _statements(text):
        if statement.startswith("[["):
            name = _resolve(_dotted_key(statement[2:]), counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
        elif statement.startswith("["):
            table = _resolve(_dotted_key(statement[1:]), counts)
        else:
            yield from _prefixes((*table, *_dotted_key(statement)), len(table) + 1, line)
            continue
        yield from _prefixes(table, 1, line)


def _prefixes(path: Path, shortest: int, line: int) -> Iterator[tuple[Path, int]]:
    for end in range(shortest, len(path) + 1):
        yield path[:end], line


def _resolve(name: Path, counts: dict[Path, int]) -> Path:
    """Insert the position of the latest item of every array of tables on the way (not the last)."""
    out: Path = ()
    for step in name[:-1]:
        out = (*out, step)
        if out in counts:
            out = (*out, counts[out])
    return (*out, *name[-1:])


def _dotted_key(text: str) -> Path:
    out: list[str] = []
    at = 0
    while (found := _KEY.match(text, at)) is not None:
        key = found["key"]
        out.append(tomllib.loads(f"k = {key}")["k"] if key[0] in "\"'" else key)
        at = found.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(out)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every header and `key = value`, however many lines a value has."""
    start, depth, line = 0, 0, 1
    begun = 1
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece == "\n" and depth == 0:
            statement = text[start : found.start()].strip()
            if statement and not statement.startswith("#"):
                yield begun, statement
            start, begun = found.end(), line + 1
        elif piece in "[{":
            depth += 1
        elif piece in "]}":
            depth -= 1
        line += piece.count("\n")
    statement = text[start:].strip()
    if statement and not statement.startswith("#"):
        yield begun, statement
