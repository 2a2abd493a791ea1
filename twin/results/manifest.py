"""What was run, with what, and how it ended: written first, kept up to date, finished last."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

from twin.results.folder import MANIFEST, write_json

FORMAT = 4
"""Of a run's folder; grows when readers of older ones would stumble."""

Outcome: TypeAlias = Literal["running", "finished", "failed", "interrupted"]

_PACKAGES = (
    "twin", "numpy", "scipy", "numba", "pandas", "pyarrow", "simpy", "mesa", "pandapower", "simbench", "pydantic", "tzdata",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known before the first tick.

    Attributes:
        scenario: Name of the scenario.
        scenario_hash: Of the resolved scenario.
        seed: Of every random stream.
        mode: simulated, virtual or hil.
        strategy: Name of the strategy.
        guarded: Whether a guard watches the feeder.
        epoch: Instant of `t_s = 0`, with its offset.
        time_zone: Civil time of tariffs and reports.
        period_s: Control tick.
        horizon_s: Length of the run.
        evses: How many.
        grid: What the grid's adapter says about its model (`Grid.provenance`); None without a grid.
        virtual: How stations were reached where the mode is virtual; None: there was no wire.
        payments: Provider, policies and rates where money was collected; None: it was not.
        assumptions: Sentences that a reader must know to trust the figures.
    """

    scenario: str
    scenario_hash: str
    seed: int
    mode: str
    strategy: str
    guarded: bool
    epoch: datetime
    time_zone: str
    period_s: float
    horizon_s: float
    evses: int
    grid: Mapping[str, Any] | None = None
    assumptions: Sequence[str] = ()
    description: str = ""
    virtual: Mapping[str, Any] | None = None
    payments: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        if self.epoch.tzinfo is None:
            raise ValueError(f"the epoch {self.epoch} has no offset")
        return {
            "scenario": self.scenario,
            "description": self.description,
            "scenario_hash": self.scenario_hash,
            "seed": self.seed,
            "mode": self.mode,
            "strategy": self.strategy,
            "guarded": self.guarded,
            "epoch": self.epoch.isoformat(),
            "time_zone": self.time_zone,
            "period_s": self.period_s,
            "horizon_s": self.horizon_s,
            "evses": self.evses,
            "grid": None if self.grid is None else dict(self.grid),
            "assumptions": list(self.assumptions),
            **({} if self.virtual is None else {"virtual": dict(self.virtual)}),
            **({} if self.payments is None else {"payments": dict(self.payments)}),
        }


@dataclass(slots=True)
class Manifest:
    """`manifest.json` of one run. The only place where wall and solver times may stand.

    Made with outcome `running`, so that a run that is killed says so.

    Raises:
        SettingsError: The file cannot be written.
    """

    folder: Path
    facts: RunFacts
    _content: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._content = {
            "format": FORMAT,
            **self.facts.plain(),
            "versions": versions(),
            "outcome": "running",
            "error": "",
            "recorded_s": 0.0,
            "parts": 0,
        }
        self._write()

    def progress(self, t_s: float, parts: int) -> None:
        """Every table is on the disk up to `t_s`: in the parts with a number below `parts`."""
        self._content |= {"recorded_s": t_s, "parts": parts}
        self._write()

    def finish(
        self,
        outcome: Outcome,
        *,
        error: str = "",
        audit: Mapping[str, Any] | None = None,
        cpu_s: float,
        wall_s: float,
        solver_s: float = 0.0,
        worst_lag_s: float = 0.0,
    ) -> None:
        """Say how the run ended and what it cost.

        Args:
            outcome: finished, failed or interrupted.
            error: What a failed run died of.
            audit: Totals of the energy and money audit.
            cpu_s: Processor time of the run, all threads.
            wall_s: Time on the clock on the wall.
            solver_s: Of this, spent in power flow.
            worst_lag_s: How far a paced run fell behind.
        """
        self._content |= {
            "outcome": outcome,
            "error": error,
            "audit": None if audit is None else dict(audit),
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "solver_s": solver_s,
            "worst_lag_s": worst_lag_s,
        }
        self._write()

    def _write(self) -> None:
        write_json(self.folder / MANIFEST, self._content)


def versions() -> dict[str, str]:
    """Of everything that results depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an optional package that this run cannot have used
    return found
