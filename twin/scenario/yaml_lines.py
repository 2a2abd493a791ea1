"""The plain part of YAML, read line by line.

Almost every scenario consists of `key: value` lines, lists of them and one-line `{ }` and `[ ]`. This
module reads those twenty times faster than a full scanner, which a file of 3,000 lines needs to answer
at once. It declines whatever it does not know, valid or broken: `yaml_reader` then reads the file.
What it accepts has exactly the meaning that a full parser gives it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from twin.scenario.document import Document, Mark, Path
from twin.scenario.scalars import plain

_BLOCK = r"!-9;-~\xa1-\u02ff\u0370-\u1fff"  # printable, without space and colon
_FLOW = r"!-+\-.-9;-Z\\\^-z|~\xa1-\u02ff\u0370-\u1fff"  # and without , [ ] { }
_WORD = r"[A-Za-z0-9_\xc0-\u02ff]"
_FIRST = rf"(?:{_WORD}|[./+~=](?=[{_FLOW}])|-(?={_WORD})|[.](?={_WORD}))"
_KEY = rf"{_WORD}[\w./-]*"
_PLAIN = rf"{_FIRST}(?:[{_BLOCK}]|:(?=[{_BLOCK}])| +(?=[^# ])(?!:[ \n]))*"
_QUOTED = r"\"[ !#-\[\]-~\xa1-\u02ff]*\"|'[ -&(-~\xa1-\u02ff]*'"
_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?"
    rf"(?:(?P<key>{_KEY}):(?=[ ]|$))? *"
    rf"(?:(?P<plain>{_PLAIN})|(?P<quoted>{_QUOTED})|(?P<flow>[\[{{].*[\]}}]))?"
    r" *(?: #[ -~\xa1-\u1fff]*)?"
)
_TOKEN = re.compile(
    rf" *(?:(?P<key>{_KEY}): +|(?P<quoted>{_QUOTED})|"
    rf"(?P<plain>(?:{_WORD}|[.+-](?={_WORD}))(?:[{_FLOW}]|:(?=[{_FLOW}])| +(?=[{_FLOW}])(?!#))*)|"
    r"(?P<mark>[\[\]{},])) *"
)
_MAX_DEPTH = 60


class _Decline(Exception):
    """The text needs the full parser."""


class _Line(NamedTuple):
    number: int
    indent: int
    dash: bool
    key: str | None
    has_value: bool
    value: str
    style: str


def read_lines(text: str, file: str) -> Document | None:
    """Parse `text`, or return None where it needs the full parser."""
    try:
        lines = _split(text)
        reader = _Reader(lines, file)
        if not lines or lines[0].dash or lines[0].key is None or lines[0].indent:
            return None
        value = reader.mapping((), lines[0].indent)
        if reader.at != len(lines):
            return None
    except _Decline:
        return None
    reader.marks[()] = Mark(file, lines[0].number)
    return Document(value, reader.marks)


def _split(text: str) -> list[_Line]:
    out: list[_Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace() or line.lstrip(" ").startswith("#"):
            if not line.isascii() or "\t" in line or not line.replace(" ", "a").isprintable():
                raise _Decline
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise _Decline
        indent, dash, key = len(found["indent"]), found["dash"], found["key"]
        style = found.lastgroup or ""
        if style not in ("plain", "quoted", "flow"):
            style = ""
        if key is None and not (dash and style):
            raise _Decline
        if dash:
            out.append(_Line(number, indent, True, None, False, "", ""))
            indent += len(dash)
        out.append(_Line(number, indent, False, key, bool(style), found[style] if style else "", style))
    return out


def _scalar(text: str, style: str) -> Any:
    return text[1:-1] if style == "quoted" else plain(text.rstrip(" "))


class _Reader:
    """Nesting by indentation over lines; a dash is a line of its own, before what it holds."""

    def __init__(self, lines: list[_Line], file: str) -> None:
        self.lines = lines
        self.at = 0
        self.file = file
        self.marks: dict[Path, Mark] = {}

    def mapping(self, path: Path, indent: int) -> dict[str, Any]:
        if len(path) > _MAX_DEPTH:
            raise _Decline
        out: dict[str, Any] = {}
        lines, marks, file = self.lines, self.marks, self.file
        while self.at < len(lines):
            line = lines[self.at]
            if line.indent < indent or line.dash:
                break
            if line.indent > indent or line.key is None or line.key in out:
                raise _Decline
            here = (*path, line.key)
            marks[here] = Mark(file, line.number)
            self.at += 1
            out[line.key] = self._value(here, line) if line.has_value else self._nested(here, indent)
        return out

    def _value(self, path: Path, line: _Line) -> Any:
        if self.at < len(self.lines):
            following = self.lines[self.at]
            if following.indent > line.indent:
                raise _Decline
        if line.style == "flow":
            return _Flow(line, self.file, self.marks).read(path)
        return _scalar(line.value, line.style)

    def _nested(self, path: Path, indent: int) -> Any:
        """Return what stands below a key without a value: a mapping, a list, or nothing."""
        if self.at == len(self.lines):
            return None
        line = self.lines[self.at]
        if line.dash and line.indent >= indent:
            return self._list(path, line.indent)
        if line.indent > indent:
            return self.mapping(path, line.indent)
        return None

    def _list(self, path: Path, indent: int) -> list[Any]:
        out: list[Any] = []
        while self.at < len(self.lines):
            dash = self.lines[self.at]
            if not dash.dash or dash.indent != indent:
                if dash.indent > indent:
                    raise _Decline
                break
            here = (*path, len(out))
            self.marks[here] = Mark(self.file, dash.number)
            self.at += 1
            line = self.lines[self.at]
            if line.key is not None:
                out.append(self.mapping(here, line.indent))
            else:
                self.at += 1
                if self.at < len(self.lines) and self.lines[self.at].indent > indent:
                    raise _Decline
                out.append(
                    _Flow(line, self.file, self.marks).read(here)
                    if line.style == "flow"
                    else _scalar(line.value, line.style)
                )
        return out


class _Flow:
    """A `{ }` or `[ ]` that begins and ends on one line."""

    def __init__(self, line: _Line, file: str, marks: dict[Path, Mark]) -> None:
        self.text = line.value
        self.mark = Mark(file, line.number)
        self.marks = marks
        self.at = 0

    def read(self, path: Path) -> Any:
        value = self._node(path, self._next())
        if self.at != len(self.text):
            raise _Decline
        return value

    def _next(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise _Decline
        self.at = found.end()
        return found

    def _node(self, path: Path, token: re.Match[str]) -> Any:
        if len(path) > _MAX_DEPTH:
            raise _Decline
        mark = token["mark"]
        if mark == "{":
            return self._mapping(path)
        if mark == "[":
            return self._list(path)
        if mark is not None or token["key"] is not None:
            raise _Decline
        style = token.lastgroup or ""
        return _scalar(token[style], style)

    def _mapping(self, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        token = self._next()
        if token["mark"] == "}":
            return out
        while True:
            key = token["key"]
            if key is None or key in out:
                raise _Decline
            here = (*path, key)
            self.marks[here] = self.mark
            out[key] = self._node(here, self._next())
            if self._ends("}"):
                return out
            token = self._next()

    def _list(self, path: Path) -> list[Any]:
        out: list[Any] = []
        token = self._next()
        if token["mark"] == "]":
            return out
        while True:
            here = (*path, len(out))
            self.marks[here] = self.mark
            out.append(self._node(here, token))
            if self._ends("]"):
                return out
            token = self._next()

    def _ends(self, bracket: str) -> bool:
        mark = self._next()["mark"]
        if mark not in (bracket, ","):
            raise _Decline
        return mark == bracket
