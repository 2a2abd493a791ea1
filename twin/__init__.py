"""Twin: a digital twin of EV charging networks on a distribution feeder.

    import twin

    run = twin.run(twin.load("scenarios/10-street.yaml"))
    run.summary["max_trafo_loading_pct"]
    run.violations.to_pandas()

Names are loaded when they are first used: `import twin` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.domain.views import FleetView, Plan, Strategy
    from twin.engine.run import run
    from twin.engine.sweep import sweep
    from twin.errors import ScenarioError, TwinError
    from twin.report.compare import write_comparison as compare
    from twin.report.page import write_report
    from twin.results.read import Run, open_run
    from twin.scenario.loader import load
    from twin.scenario.model import Scenario
    from twin.studies.pricing import price

__version__ = "0.1.0"

_HOMES = {
    "FleetView": "twin.domain.views:FleetView",
    "Plan": "twin.domain.views:Plan",
    "Run": "twin.results.read:Run",
    "Scenario": "twin.scenario.model:Scenario",
    "ScenarioError": "twin.errors:ScenarioError",
    "Strategy": "twin.domain.views:Strategy",
    "TwinError": "twin.errors:TwinError",
    "compare": "twin.report.compare:write_comparison",
    "load": "twin.scenario.loader:load",
    "open_run": "twin.results.read:open_run",
    "price": "twin.studies.pricing:price",
    "run": "twin.engine.run:run",
    "sweep": "twin.engine.sweep:sweep",
    "write_report": "twin.report.page:write_report",
}

__all__ = [
    "FleetView",
    "Plan",
    "Run",
    "Scenario",
    "ScenarioError",
    "Strategy",
    "TwinError",
    "compare",
    "load",
    "open_run",
    "price",
    "run",
    "sweep",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    try:
        module, attribute = _HOMES[name].split(":")
    except KeyError:
        raise AttributeError(f"module 'twin' has no attribute {name!r}") from None
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
