"""From files to one document: `extends`, named overrides and `--set`, every value with its place.

A file that extends another is merged over it: mappings key by key, everything else replaced. Two
mappings that say different kinds of things are not mixed: `net: {file: x.json}` replaces
`net: {simbench: ..}` as a whole. `null` removes what was inherited, and `{0: ..}` over a list changes
its first item.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any, Final

from twin.errors import Problem, ScenarioError
from twin.scenario.document import Document, Mark, Path, dotted
from twin.scenario.drivers import Fitted
from twin.scenario.files import read_document
from twin.scenario.nearest import hint
from twin.scenario.yaml_reader import read_scalar

_ANY: Final = "*"
_KINDS: Mapping[Path, tuple[str, ...]] = {
    ("grid", "net"): (),
    ("grid", "base_load"): ("source",),
    ("sites", _ANY, "stations"): (),
    ("drivers", _ANY): ("archetype",),
    ("drivers", _ANY, "demand"): ("fitted",),
    ("strategy",): ("name",),
}
"""Mappings of several kinds, with the key whose value is the kind; without one its keys are the kind."""
_FILES: tuple[Path, ...] = (
    ("grid", "net", "file"),
    ("grid", "base_load", "file"),
    ("sites", _ANY, "stations", "table"),
    ("drivers", _ANY, "file"),
    ("tariffs", _ANY, "prices"),
    ("tariffs", _ANY, "ocpi"),
)
"""Where a scenario names other files, relative to the file that says so."""


def compose(path: File, override: Sequence[str] = (), settings: Sequence[str] = ()) -> Document:
    """Read `path` and what it extends, then apply overrides and settings, in the order given.

    Args:
        path: The scenario file.
        override: Names in the file's `overrides`.
        settings: `a.b.c=value`, the value as YAML.

    Returns:
        The document, still with `overrides` and without `extends`.

    Raises:
        ScenarioError: A file, an override or a setting cannot be used.
    """
    document = _extended(path, ())
    document = apply_overrides(document, override)
    return _with_settings(document, settings)


def override_names(document: Document) -> tuple[str, ...]:
    """Return the names of the overrides that a document offers."""
    return tuple(document.mapping(("overrides",)))


def apply_overrides(document: Document, names: Sequence[str]) -> Document:
    """Merge the named overrides over a document, in the order given."""
    known = document.mapping(("overrides",))
    for name in names:
        if not isinstance(known.get(name), dict):
            text = f"unknown override `{name}`{hint(name, tuple(known))}"
            raise ScenarioError([Problem("--override", 0, "", text)])
    for name in names:
        at: Path = ("overrides", name)
        marks = {p[2:]: mark for p, mark in document.marks.items() if p[:2] == at and p != at}
        document = merge(document, Document(known[name], marks))
    return document


def merge(base: Document, over: Document) -> Document:
    """Return `over` merged over `base`."""
    marks = dict(base.marks)
    return Document(_merged(base.value, over.value, (), marks, over), marks)


def _merged(base: Any, over: Any, path: Path, marks: dict[Path, Mark], source: Document) -> Any:
    out: Any
    pairs: list[tuple[str | int, Any]]
    if isinstance(base, list) and _by_position(base, over):
        out = list(base)
        pairs = [(int(key), value) for key, value in over.items()]
    elif isinstance(base, dict) and isinstance(over, dict) and not _other_kind(base, over, path):
        out = dict(base)
        pairs = list(over.items())
    else:
        _remember(over, path, marks, source)
        return over
    if path in source.marks:
        marks[path] = source.marks[path]
    for key, value in pairs:
        here = (*path, key)
        if isinstance(key, int) or (key in out and value is not None):
            out[key] = _merged(out[key], value, here, marks, source)
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = value
            _remember(value, here, marks, source)
    return out


def _by_position(base: list[Any], over: Any) -> bool:
    """Whether `over` changes single items of a list: `{0: {..}}`."""
    return isinstance(over, dict) and bool(over) and all(k.isdecimal() and int(k) < len(base) for k in over)


def _other_kind(base: Mapping[str, Any], over: Mapping[str, Any], path: Path) -> bool:
    """Whether two mappings at `path` are of different kinds and must not be mixed."""
    for pattern, selector in _KINDS.items():
        if not _matches(path, pattern):
            continue
        if not selector:
            return bool(base and over) and not set(base) & set(over)
        key = selector[0]
        if key == "fitted":
            return bool(base and over) and _is_fitted(base) != _is_fitted(over)
        return key in base and key in over and base[key] != over[key]
    return False


def _is_fitted(demand: Mapping[str, Any]) -> bool:
    """Whether a `demand` speaks of a fit, be it only `visits_per_week` over the one that is inherited."""
    return any(key in demand for key in Fitted.model_fields)


def _matches(path: Path, pattern: Path) -> bool:
    return len(path) == len(pattern) and all(b in (_ANY, a) for a, b in zip(path, pattern, strict=True))


def _remember(value: Any, path: Path, marks: dict[Path, Mark], source: Document) -> None:
    marks[path] = source.mark(path)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _remember(item, (*path, key), marks, source)


def _extended(path: File, above: tuple[File, ...]) -> Document:
    """Read a file and everything it extends."""
    document = read_document(path)
    document = _relative_to(document, path, above[0] if above else path)
    parent = document.value.pop("extends", None)
    if parent is None:
        return document
    if not isinstance(parent, str):
        raise ScenarioError([document.problem(("extends",), "expected the path of a scenario file")])
    base = path.parent / parent
    chain = (*above, path)
    if base.resolve() in [p.resolve() for p in chain]:
        circle = " extends ".join(p.name for p in (*chain, base))
        raise ScenarioError([document.problem(("extends",), f"a circle: {circle}; remove one of them")])
    try:
        inherited = _extended(base, chain)
    except ScenarioError as exc:
        if [p.file for p in exc.problems if not p.line] == [str(base)]:
            raise ScenarioError(
                [document.problem(("extends",), f"{p.file}: {p.text}") for p in exc.problems]
            ) from None
        raise
    return merge(inherited, document)


def _relative_to(document: Document, path: File, top: File) -> Document:
    """Rewrite the files that a document names, so that they are relative to the top file's folder."""
    if path.parent == top.parent:
        return document
    prefixes: list[Path] = [()]
    prefixes += [("overrides", name) for name in document.mapping(("overrides",))]
    for prefix in prefixes:
        for pattern in _FILES:
            for mapping, key in _holders(document.mapping(prefix), pattern):
                if isinstance(mapping[key], str) and not File(mapping[key]).is_absolute():
                    mapping[key] = File(os.path.relpath(path.parent / mapping[key], top.parent)).as_posix()
    return document


def _holders(value: Any, pattern: Path) -> list[tuple[dict[str, Any], str]]:
    """Return the mappings that hold a key at the end of `pattern`, with that key."""
    if not isinstance(value, dict):
        return []
    step, rest = str(pattern[0]), pattern[1:]
    if not rest:
        return [(value, step)] if step in value else []
    below = value.values() if step == _ANY else [value.get(step)]
    return [holder for item in below for holder in _holders(item, rest)]


def _with_settings(document: Document, settings: Sequence[str]) -> Document:
    problems: list[Problem] = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            said = f"`{setting}` is no `key=value`; write for example `--set days=2`"
            problems.append(Problem("--set", 0, "", said))
            continue
        path: Path = tuple(key.strip().split("."))
        try:
            value = read_scalar(text)
        except ScenarioError:
            problems.append(Problem("--set", 0, dotted(path), f"`{text}` is no YAML value; quote it"))
            continue
        document = _with_setting(document, path, value)
    if problems:
        raise ScenarioError(problems)
    return document


def _with_setting(document: Document, path: Path, value: Any) -> Document:
    """Merge one value at `path`; what was there before keeps its place in the file."""
    for step in reversed(path):
        value = {step: value}
    out = merge(document, Document(value, {(): Mark("--set", 0)}))
    out.marks[()] = document.mark(())
    return out
