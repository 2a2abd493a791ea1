"""Which net a planner means: a SimBench code, a built-in net of pandapower, or a file; and data that it lacks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.grid.assume import Assume, complete
from twin.grid.feeder import Feeder
from twin.grid.nets import NetSource, builtin_names, load_feeder
from twin.scenario.grid_index import known_nets

_SUFFIXES = (".json", ".xlsx")
_CREATE = "create_"
_NEAR = 3
_KEYS = tuple(field.name for field in fields(Assume))
_TEXT = "vector_group"
_HERE = "twin powerflow"
"""Where options are wrong."""


def open_net(name: str | Path) -> Feeder:
    """Load the net that `name` means; see `resolve_net`.

    Raises:
        ScenarioError: There is no such net, or its file cannot be read.
        SolverError: An element of the net cannot be used; the message names it.
    """
    source = resolve_net(name)
    try:
        return load_feeder(source)
    except ScenarioError as error:
        raise ScenarioError([_problem(problem.text) for problem in error.problems]) from error


def resolve_net(name: str | Path) -> NetSource:
    """Tell where a net comes from.

    Args:
        name: `simbench:CODE`, `builtin:NAME` or `file:PATH`; without a prefix whatever of the three there
            is. `create_` may be left out of the name of a built-in net.

    Raises:
        ScenarioError: There is no such net; names what comes near.
    """
    text = os.fspath(name)
    kind, _, rest = text.partition(":")
    if kind == "file":
        return _file(rest)
    if kind == "simbench":
        return _simbench(rest)
    if kind == "builtin":
        return _builtin(rest)
    path = Path(text)
    if path.suffix.lower() in _SUFFIXES or path.is_file() or len(path.parts) > 1:
        return _file(text)
    if text in known_nets()["simbench"]:
        return NetSource("simbench", text)
    found = _builtin_name(text)
    if found:
        return NetSource("builtin", found)
    near = _near(text, [*known_nets()["simbench"], *builtin_names()])
    raise _error(f"`{text}` is no SimBench code, no net of pandapower and no file (.json, .xlsx){near}")


def _file(text: str) -> NetSource:
    path = Path(text)
    if path.suffix.lower() not in _SUFFIXES:
        raise _error(f"{text} is neither a pandapower JSON (.json) nor an Excel file (.xlsx)")
    if not path.is_file():
        folder = path.parent
        beside = [p.name for p in folder.iterdir() if p.suffix in _SUFFIXES] if folder.is_dir() else []
        raise _error(f"{text} does not exist{_near(path.name, beside)}")
    return NetSource("file", text)


def _simbench(code: str) -> NetSource:
    codes = known_nets()["simbench"]
    if code not in codes:
        raise _error(f"SimBench has no net `{code}`{_near(code, codes)}")
    return NetSource("simbench", code)


def _builtin(name: str) -> NetSource:
    found = _builtin_name(name)
    if not found:
        raise _error(f"pandapower has no net `{name}`{_near(name, builtin_names())}")
    return NetSource("builtin", found)


def _builtin_name(name: str) -> str:
    names = builtin_names()
    return next((n for n in (name, _CREATE + name) if n in names), "")


def _near(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Near matches, whatever the case and with or without `create_`."""
    by_lower = {k.lower().removeprefix(_CREATE): k for k in known}
    close = get_close_matches(name.lower().removeprefix(_CREATE), by_lower, n=_NEAR, cutoff=0.6)
    return f", did you mean {' or '.join(f'`{by_lower[c]}`' for c in close)}?" if close else ""


def _problem(text: str) -> Problem:
    return Problem("net", 0, "", text)


def _error(text: str) -> ScenarioError:
    return ScenarioError([_problem(text)])


def complete_net(feeder: Feeder, assume: Assume) -> tuple[str, ...]:
    """Fill what the net lacks for three phases, in place; returns a sentence per assumption.

    Raises:
        ScenarioError: Data is missing: one problem per key.
        SolverError: The net holds a vector group that no three-phase power flow carries.
    """
    try:
        said = complete(feeder.net, assume, feeder.name)
    except ScenarioError as error:
        missing = [(problem.path.rpartition(".")[2], problem.text) for problem in error.problems]
        raise ScenarioError(
            [Problem(_HERE, 0, f"--assume {key}=..", text) for key, text in missing]
        ) from error
    return tuple(text.replace("grid.assume.", "--assume ") for text in said)


def read_assume(given: str | Mapping[str, str | float] | None) -> Assume:
    """Read assumptions.

    Args:
        given: Pairs as a text, separated by commas, or as a mapping.

    Raises:
        ScenarioError: Everything that is wrong with them.
    """
    problems: list[str] = []
    pairs = _pairs(given, problems) if isinstance(given, str) else dict(given or {})
    values: dict[str, str | float] = {}
    for key, value in pairs.items():
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1, cutoff=0.5)
            meant = f", did you mean `{near[0]}`?" if near else f"; known: {', '.join(_KEYS)}"
            problems.append(f"unknown key `{key}`{meant}")
        elif key == _TEXT:
            values[key] = str(value)
        else:
            values[key] = _positive(key, value, problems)
    if problems:
        raise ScenarioError([Problem(_HERE, 0, "--assume", text) for text in problems])
    return Assume(**values)  # type: ignore[arg-type]  # keys and kinds were checked


def _pairs(text: str, problems: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            problems.append(f"`{part}` is no pair like r0_r1=4")
        elif key in pairs:
            problems.append(f"`{key}` is given twice")
        else:
            pairs[key] = value
    return pairs


def _positive(key: str, value: str | float, problems: list[str]) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0.0):
        problems.append(f"{key}: `{value}` is no number above 0")
    return number
