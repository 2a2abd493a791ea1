"""Studies of a feeder beyond a single run; each is loaded when it is first used.

from twin.studies import power_flow

year = power_flow("1-LV-rural2--0-sw", profiles="simbench")
year.summary["voltage_pu"]["lowest"]
year.violations
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.studies.powerflow.result import PowerFlow
    from twin.studies.powerflow.study import power_flow

__all__ = ["PowerFlow", "power_flow"]

_HOMES = {"PowerFlow": "twin.studies.powerflow.result", "power_flow": "twin.studies.powerflow.study"}


def __getattr__(name: str) -> Any:
    """Load a study on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'twin.studies' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
