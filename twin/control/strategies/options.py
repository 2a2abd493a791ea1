"""Checks of option values, in one wording."""

from __future__ import annotations

import math
from collections.abc import Sequence


def check_positive(name: str, value: float) -> None:
    """Raise unless `value` is a finite number > 0."""
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name}: {value:g} is not usable, give a finite number > 0")


def check_not_negative(name: str, value: float) -> None:
    """Raise unless `value` is a finite number >= 0."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name}: {value:g} is not usable, give a finite number >= 0")


def check_one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}: {value!r} is not usable, give one of {', '.join(choices)}")
