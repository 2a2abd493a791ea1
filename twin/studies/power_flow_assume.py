"""Zero-sequence data that a net lacks, as options give it: `vector_group=Dyn5,r0_r1=4`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches

from twin.errors import Problem, ScenarioError
from twin.grid.assume import Assume, complete
from twin.grid.feeder import Feeder

_KEYS = tuple(field.name for field in fields(Assume))
_TEXT = "vector_group"
_HERE = "twin powerflow"


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
