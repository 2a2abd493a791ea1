"""All of YAML 1.2, with the line of every value.

ruamel.yaml's scanner makes the tokens; this module parses them straight into plain values. Its own
parser and composer cost twice as much again, which a file of 3,000 lines would feel.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import tokens as t
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from twin.errors import Problem, ScenarioError
from twin.scenario.document import Document, Mark, Path, dotted
from twin.scenario.scalars import plain

_MAX_VALUES = 1_000_000
"""Of a document with its aliases written out: no scenario has as many, a bomb of aliases has."""
_MAX_DEPTH = 64
_CONTEXT_LINE = ("could not find expected ':'", "found unexpected end of stream")
"""Problems that the scanner notices lines below the place where they were made."""


def read_tokens(text: str, file: str) -> Document:
    """Parse `text`; `file` is how problems name it.

    Raises:
        ScenarioError: The text is not YAML, has duplicate keys, or is no mapping.
    """
    try:
        tokens = list(YAML(typ="safe", pure=True).scan(text))
    except MarkedYAMLError as exc:
        raise ScenarioError([_broken(exc, file)]) from None
    except ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        said = f"the character U+{ord(text[exc.position]):04X} cannot stand in YAML; delete it"
        raise ScenarioError([Problem(file, line, "", said)]) from None
    except YAMLError as exc:
        raise ScenarioError([Problem(file, 0, "", f"broken YAML: {exc}")]) from None
    reader = _Reader(tokens, file)
    value = reader.document()
    if reader.problems:
        raise ScenarioError(reader.problems)
    return Document(value, reader.marks)


def _broken(exc: Any, file: str) -> Problem:
    mark = exc.problem_mark or exc.context_mark
    if exc.context_mark is not None and str(exc.problem).startswith(_CONTEXT_LINE):
        mark = exc.context_mark
    context = f" {exc.context}" if exc.context else ""
    return Problem(file, mark.line + 1 if mark else 0, "", f"broken YAML: {exc.problem}{context}")


class _Reader:
    """Recursive descent over the tokens of one document."""

    def __init__(self, tokens: list[Any], file: str) -> None:
        self.tokens = tokens
        self.at = 0
        self.file = file
        self.marks: dict[Path, Mark] = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.values = 0

    def document(self) -> dict[str, Any]:
        self._skip(t.StreamStartToken, t.DirectiveToken, t.DocumentStartToken)
        start = self.tokens[self.at]
        if isinstance(start, (t.StreamEndToken, t.DocumentEndToken)):
            self._stop(None, "empty file; a scenario needs at least `start`, `days`, `sites` and `drivers`")
        value = self._node(())
        self._skip(t.DocumentEndToken)
        rest = self.tokens[self.at]
        if isinstance(rest, t.DocumentStartToken):
            self._stop(rest, "a second document begins; a file holds one scenario")
        if not isinstance(rest, t.StreamEndToken):
            self._stop(rest, "broken YAML: indentation does not fit the lines above")
        if not isinstance(value, dict):
            kind = "a list" if isinstance(value, list) else "a single value"
            self._stop(start, f"{kind} at top level; a scenario is a mapping of keys to values")
        self.marks[()] = Mark(self.file, start.start_mark.line + 1)
        return value

    def _skip(self, *kinds: type) -> None:
        while isinstance(self.tokens[self.at], kinds):
            self.at += 1

    def _stop(self, token: Any, text: str) -> NoReturn:
        line = token.start_mark.line + 1 if token is not None else 0
        raise ScenarioError([*self.problems, Problem(self.file, line, "", text)])

    def _node(self, path: Path, *, in_mapping: bool = False) -> Any:
        """Parse one value; an absent one is null."""
        token = self.tokens[self.at]
        kind = type(token)
        self.values += 1
        if kind is t.ScalarToken:
            self.at += 1
            return plain(token.value) if token.plain else token.value
        if len(path) > _MAX_DEPTH:
            self._stop(token, f"nested deeper than {_MAX_DEPTH} levels")
        if kind is t.BlockMappingStartToken:
            return self._block_mapping(path)
        if kind is t.FlowMappingStartToken:
            return self._flow_mapping(path)
        if kind is t.FlowSequenceStartToken:
            return self._flow_list(path)
        if kind is t.BlockSequenceStartToken:
            self.at += 1
            items = self._block_list(path)
            self._expect(t.BlockEndToken)
            return items
        if kind is t.BlockEntryToken and in_mapping:
            return self._block_list(path)  # a list that is not indented under its key
        if kind is t.AnchorToken:
            return self._anchored(path, in_mapping=in_mapping)
        if kind is t.AliasToken:
            return self._alias(token)
        if kind is t.TagToken:
            self._stop(token, "tags (`!name`) have no meaning in a scenario; remove it")
        return None

    def _expect(self, kind: type) -> None:
        if not isinstance(self.tokens[self.at], kind):
            self._stop(self.tokens[self.at], "broken YAML: indentation does not fit the lines above")
        self.at += 1

    def _block_mapping(self, path: Path) -> dict[str, Any]:
        self.at += 1
        out: dict[str, Any] = {}
        while isinstance(self.tokens[self.at], t.KeyToken):
            self._pair(out, path)
        self._expect(t.BlockEndToken)
        return out

    def _pair(self, out: dict[str, Any], path: Path) -> None:
        """Parse `key: value` into `out`; the current token is the key's."""
        self.at += 1
        token = self.tokens[self.at]
        if isinstance(token, t.AnchorToken):
            self._stop(token, "a key cannot have an anchor")
        if not isinstance(token, t.ScalarToken):
            self._stop(token, "broken YAML: a key must be a word")
        self.at += 1
        key: str = token.value
        here = (*path, key)
        line = token.start_mark.line + 1
        if key in out:
            first = self.marks[here].line
            text = f"duplicate key, first on line {first}; keep one of them"
            self.problems.append(Problem(self.file, line, dotted(here), text))
        else:
            self.marks[here] = Mark(self.file, line)
        value = None
        if isinstance(self.tokens[self.at], t.ValueToken):
            self.at += 1
            value = self._node(here, in_mapping=True)
        out.setdefault(key, value)

    def _block_list(self, path: Path) -> list[Any]:
        out: list[Any] = []
        while isinstance(self.tokens[self.at], t.BlockEntryToken):
            self.at += 1
            here = (*path, len(out))
            self.marks[here] = Mark(self.file, self.tokens[self.at].start_mark.line + 1)
            out.append(self._node(here))
        return out

    def _flow_mapping(self, path: Path) -> dict[str, Any]:
        start = self.tokens[self.at]
        self.at += 1
        out: dict[str, Any] = {}
        while not isinstance(self.tokens[self.at], t.FlowMappingEndToken):
            if isinstance(self.tokens[self.at], t.KeyToken):
                self._pair(out, path)
            elif isinstance(self.tokens[self.at], t.ScalarToken):
                self._stop(self.tokens[self.at], "broken YAML: expected `key: value` inside `{ }`")
            self._separator(start, t.FlowMappingEndToken, "}")
        self.at += 1
        return out

    def _flow_list(self, path: Path) -> list[Any]:
        start = self.tokens[self.at]
        self.at += 1
        out: list[Any] = []
        while not isinstance(self.tokens[self.at], t.FlowSequenceEndToken):
            here = (*path, len(out))
            token = self.tokens[self.at]
            self.marks[here] = Mark(self.file, token.start_mark.line + 1)
            if isinstance(token, t.KeyToken):
                pair: dict[str, Any] = {}
                self._pair(pair, here)
                out.append(pair)
            else:
                out.append(self._node(here))
            self._separator(start, t.FlowSequenceEndToken, "]")
        self.at += 1
        return out

    def _separator(self, start: Any, end: type, bracket: str) -> None:
        token = self.tokens[self.at]
        if isinstance(token, t.FlowEntryToken):
            self.at += 1
        elif not isinstance(token, end):
            self._stop(start, f"broken YAML: no `{bracket}` or comma where one is needed")

    def _anchored(self, path: Path, *, in_mapping: bool) -> Any:
        name = self.tokens[self.at].value
        self.at += 1
        before = self.values
        value = self._node(path, in_mapping=in_mapping)
        self.anchors[name] = (value, self.values - before)
        return value

    def _alias(self, token: Any) -> Any:
        self.at += 1
        if token.value not in self.anchors:
            self._stop(token, f"`*{token.value}` repeats an anchor that is not defined above it")
        value, size = self.anchors[token.value]
        self.values += size
        if self.values > _MAX_VALUES:
            self._stop(token, f"more than {_MAX_VALUES:,} values once aliases are written out")
        return value
