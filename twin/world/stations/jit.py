"""How the physics is compiled; or not, where a process shall be small rather than fast."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

_F = TypeVar("_F", bound=Callable[..., object])
_interpreted = False


def interpret() -> None:
    """Leave the physics in Python, if it was not loaded yet: 60 MB less, 20 to 50 µs per reading of an EVSE.

    For processes in which stations live in real time. Results are the same but for the last bits.
    """
    global _interpreted  # noqa: PLW0603 -- the decorators run once, at import
    _interpreted = True


def compiled(function: _F) -> _F:
    """Compile a function of the kernel."""
    if _interpreted:
        return function if function.__name__.startswith("_") else _outward(function)
    from numba import njit  # noqa: PLC0415 -- a third of the memory of a process that has no need of it

    return njit(cache=True)(function)


def _outward(function: Any) -> Any:
    """Let a function return what a compiled one does: plain numbers instead of numpy's, which JSON does not know."""

    @wraps(function)
    def called(*args: object) -> object:
        result = function(*args)
        return tuple(map(_plain, result)) if isinstance(result, tuple) else _plain(result)

    return called


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
