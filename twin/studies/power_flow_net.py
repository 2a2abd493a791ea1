"""Which net a planner means: a SimBench code, a built-in net of pandapower, or a file."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder
from twin.grid.nets import NetSource, builtin_names, load_feeder
from twin.scenario.grid_index import known_nets

_SUFFIXES = (".json", ".xlsx")
_CREATE = "create_"
_NEAR = 3


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
