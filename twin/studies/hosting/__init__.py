"""Hosting capacity: how many chargers a feeder takes, over who gets one and on which phase.

import twin
from twin.studies.hosting import Settings, hosting

study = hosting(twin.load("scenarios/10-street.yaml"), "results/hosting", draws=50, settings=Settings())
study.summary.capacity.penetration
study.draws.to_pandas()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.studies.hosting.run import Hosting, hosting
    from twin.studies.hosting.settings import Settings

__all__ = ["Hosting", "Settings", "hosting"]

_HOMES = {"Hosting": "run", "Settings": "settings", "hosting": "run"}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'twin.studies.hosting' has no attribute {name!r}")
    value = getattr(import_module(f"twin.studies.hosting.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
