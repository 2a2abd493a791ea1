"""`twin run --vary`: one scenario with several values of a setting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.scenario.loader import load
from twin.scenario.model import Scenario

_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_BETWEEN = re.compile(r",(?![^\[{]*[\]}])")
"""A comma outside of brackets: `a=[1,2],[3]` are two lists."""


def variants(
    path: Path, vary: Sequence[str], *, override: Sequence[str] = (), settings: Sequence[str] = ()
) -> list[Scenario]:
    """Load a scenario with every combination of the values of several settings.

    Args:
        path: The scenario file.
        vary: `a.b.c=value,value,..` each.
        override: As for `load`.
        settings: As for `load`, applied first.

    Returns:
        The variants, named after the file and the values: `40-payments-decline_pct-5`.

    Raises:
        ScenarioError: A setting without values, or a variant that cannot be used.
    """
    choices = [_choices(text) for text in vary]
    problems = [found for found in choices if isinstance(found, Problem)]
    if problems:
        raise ScenarioError(problems)
    out = []
    for chosen in product(*(found for found in choices if not isinstance(found, Problem))):
        loaded = load(
            path, override=override, settings=[*settings, *(f"{key}={value}" for key, value in chosen)]
        )
        told = "-".join(f"{key.rpartition('.')[2]}-{value}" for key, value in chosen)
        out.append(loaded.named(f"{loaded.name}-{_STRANGE.sub('_', told)}"))
    return out


def _choices(text: str) -> list[tuple[str, str]] | Problem:
    key, equals, values = text.partition("=")
    parts = [value.strip() for value in _BETWEEN.split(values)]
    if not (equals and key.strip() and all(parts)):
        said = f"`{text}` is no setting with values; write for example `--vary days=1,2`"
        return Problem("--vary", 0, "", said)
    return [(key.strip(), value) for value in parts]
