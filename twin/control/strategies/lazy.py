"""The compiled half of strategies, loaded when the first tick needs it.

Options are checked by commands that must answer at once (`twin validate`), and numba takes a while.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def allocate() -> ModuleType:
    """Return `twin.control.allocate`; after the first call this costs some 50 ns."""
    from twin.control import allocate as module  # noqa: PLC0415 -- loads numba

    return module
