"""Strategies by name: those of the twin and those of anybody who installs one.

A strategy is registered by an entry point in the group `twin.strategies` that names a frozen dataclass
with a method `plan`; its fields are the options. Checking options loads no compiled code.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
import inspect
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from twin.domain.views import Strategy
from twin.errors import SettingsError

GROUP = "twin.strategies"

_KINDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a strategy: what a person may write in a scenario."""

    name: str
    kind: str
    """For people: a number, a whole number, true or false, text, or the choices."""
    default: object
    """`dataclasses.MISSING` when it must be given."""
    doc: str

    def __str__(self) -> str:
        missing = self.default is dataclasses.MISSING
        shown = "required" if missing else f"default {_yaml(self.default)}"
        return f"  {self.name} ({self.kind}, {shown})" + (f"\n      {self.doc}" if self.doc else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What `twin strategies` says about one strategy."""

    name: str
    summary: str
    options: tuple[Option, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.summary}", *map(str, self.options)])


def names() -> tuple[str, ...]:
    """Names of all registered strategies, sorted."""
    return tuple(sorted(_entry_points()))


def find(name: str) -> type[Strategy]:
    """Return the class registered as `name`.

    Raises:
        ValueError: no such strategy; the text names a near match.
        SettingsError: what is registered cannot be loaded, or is no strategy.
    """
    points = _entry_points()
    if name not in points:
        raise ValueError(f"unknown strategy {name!r}, {_suggest(name, points)}")
    point = points[name]
    try:
        found = point.load()
    except (ImportError, AttributeError) as exc:
        raise SettingsError(f"strategy {name!r}: {point.value} cannot be loaded: {exc}") from exc
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and hasattr(found, "plan")):
        raise SettingsError(f"strategy {name!r}: {point.value} is not a dataclass with a method `plan`")
    return cast("type[Strategy]", found)


def problems(name: str, options: Mapping[str, object] | None = None) -> list[tuple[str, str]]:
    """Everything that is wrong with a strategy as written: (name of the option or "", what is right)."""
    try:
        kind = find(name)
    except ValueError as exc:
        return [("", str(exc))]
    hints = _hints(kind)
    found = []
    values = {}
    for key, value in (options or {}).items():
        if key not in hints:
            found.append((key, f"unknown option of {name}, {_suggest(key, hints)}"))
            continue
        text = _mismatch(hints[key], value)
        if text:
            found.append((key, text))
        else:
            values[key] = _convert(hints[key], value)
    required = [o.name for o in _options(kind) if o.default is dataclasses.MISSING]
    found += [(key, "is missing") for key in required if key not in (options or {})]
    if not found:
        try:
            kind(**values)
        except ValueError as exc:
            found.append(_of_option(str(exc), hints))
    return found


def make(name: str, options: Mapping[str, object] | None = None) -> Strategy:
    """Return the strategy with its options checked.

    Raises:
        ValueError: one line per problem; see `problems`.
    """
    wrong = problems(name, options)
    if wrong:
        raise ValueError("\n".join(f"{key}: {text}" if key else text for key, text in wrong))
    kind = find(name)
    hints = _hints(kind)
    return kind(**{key: _convert(hints[key], value) for key, value in (options or {}).items()})


def describe(name: str) -> Description:
    """Return what a strategy does and which options it has, from its class and docstring.

    Raises:
        ValueError: no such strategy.
    """
    kind = find(name)
    summary, _ = _paragraphs(kind)
    return Description(name=name, summary=summary, options=_options(kind))


@cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name in found and found[point.name].value != point.value:
            raise SettingsError(
                f"strategy {point.name!r} is registered twice: {found[point.name].value} and {point.value}"
            )
        found[point.name] = point
    if not found:
        raise SettingsError("no strategies are registered: install the package (pip install -e .)")
    return found


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def _options(kind: type) -> tuple[Option, ...]:
    hints = _hints(kind)
    _, docs = _paragraphs(kind)
    return tuple(
        Option(
            name=f.name,
            kind=_say(hints[f.name]),
            default=f.default if f.default_factory is dataclasses.MISSING else f.default_factory(),
            doc=docs.get(f.name, ""),
        )
        for f in dataclasses.fields(kind)
        if f.init
    )


def _paragraphs(kind: type) -> tuple[str, dict[str, str]]:
    """First sentence of a docstring, and its `Attributes:` by name."""
    text = inspect.getdoc(kind) or ""
    summary = " ".join(text.split("\n\n", 1)[0].split())
    section = re.search(r"^Attributes:\n((?:[ \t]+.*\n?|\n)*)", text, re.MULTILINE)
    docs = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE)
    return summary, {name: " ".join(doc.split()) for name, doc in docs}


def _suggest(wrong: str, right: Iterable[str]) -> str:
    choices = sorted(right)
    near = difflib.get_close_matches(wrong, choices, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"give one of {', '.join(choices)}" if choices else "there are none"


def _say(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(map(str, get_args(hint)))
    return _KINDS.get(hint, str(hint))


def _mismatch(hint: Any, value: object) -> str:
    """Say what is wrong with the type of `value`; empty when it fits."""
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return ""
        return f"{_yaml(value)} is not a choice, {_suggest(str(value), map(str, get_args(hint)))}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: number and math.isfinite(value) and value == int(value),  # type: ignore[arg-type, call-overload]
        float: number,
        str: isinstance(value, str),
    }
    return "" if fits.get(hint, True) else f"{_yaml(value)} is not {_say(hint)}"


def _convert(hint: Any, value: object) -> object:
    return hint(value) if hint in (int, float) else value


def _of_option(text: str, hints: Mapping[str, object]) -> tuple[str, str]:
    """Split `option: what is wrong`, the form of messages of a strategy's own checks."""
    key, _, rest = text.partition(": ")
    return (key, rest) if key in hints and rest else ("", text)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value!r}"
