"""One study in one process: the net is read once, then any draw can be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Rows
from twin.errors import Problem, ScenarioError
from twin.scenario.model import Scenario
from twin.studies.hosting.charging import Charged, Street
from twin.studies.hosting.draws import Draw, draw, existing, station_rows, turned
from twin.studies.hosting.feeder import Drawn, Feeding
from twin.studies.hosting.judge import judge
from twin.studies.hosting.settings import Settings, counts
from twin.studies.hosting.table import write_draw


class Study:
    """A scenario under a question.

    Raises:
        ScenarioError: No grid, no EVSE on it, or data that cannot be used.
        SolverError: The feeder cannot be solved.
    """

    def __init__(self, scenario: Scenario, settings: Settings) -> None:
        check(scenario, settings)
        self._scenario = scenario
        self._settings = settings
        self._feeding = Feeding(scenario)
        self._street = Street(scenario, self._feeding.phases)
        self._stations = station_rows(self._street.evses)
        self._counts = counts(settings.levels, len(self._stations))
        self._base: dict[str, Any] | None = None

    @property
    def feeder(self) -> dict[str, Any]:
        """What the feeder is, its assumptions and its limits, as JSON takes it."""
        return {**self._feeding.provenance, "limits": _limits(self._feeding.topology)}

    def rows(self, number: int) -> list[dict[str, Any]]:
        """Return one row per penetration of draw `number`, as in `table.DRAWS`."""
        world = draw(self._scenario.seed, number, len(self._stations))
        evses = list(self._street.evses)
        if self._settings.phases == "drawn":
            evses = turned(evses, self._stations, world.turns)
        at = self._feeding.draw(world.seed, evses)
        visits = self._street.week(world.seed, evses)
        everybody = np.arange(len(evses), dtype=np.int64)
        whole: Charged | None = None
        if self._street.independent(visits):
            whole = self._street.charge(visits, evses, everybody)
        out = []
        for penetration, count in zip(self._settings.levels, self._counts, strict=True):
            rows = existing(world, self._stations, count)
            if whole is not None:
                charged = whole.only(rows)
            else:
                grid = at.grid(rows) if count and self._street.asks_feeder else None
                charged = self._street.charge(visits, evses, rows, grid)
            judge_it = self._judge if count else self._without_chargers
            out.append(
                _who(world, penetration, count, rows) | judge_it(at, rows, charged) | _energies(charged)
            )
        return out

    def _without_chargers(self, at: Drawn, rows: Rows, nobody: Charged) -> dict[str, Any]:
        """The base load alone: the same in every draw, unless draws change it."""
        if self._base is None or self._feeding.drawn:
            self._base = self._judge(at, rows, nobody)
        return self._base

    def _judge(self, at: Drawn, rows: Rows, charged: Charged) -> dict[str, Any]:
        found = at.flow(rows).extremes(charged.power_w)
        step_min = self._feeding.step_s / 60.0
        return judge(found, self._feeding.topology, self._settings, step_min)


def check(scenario: Scenario, settings: Settings) -> None:
    """Refuse what cannot be asked of a scenario; needs nothing but its text."""
    problems = []
    if scenario.grid is None:
        problems.append("hosting capacity is that of a feeder: give the scenario a `grid`")
    if settings.rule == "en50160" and scenario.duration_s > 7 * 86_400 + 3_600:
        said = f"--rule en50160 judges one week, the run has {scenario.days:g} days; add --set days=7"
        problems.append(said)
    if problems:
        raise ScenarioError([Problem(str(scenario.path), 0, "", text) for text in problems])


def _who(world: Draw, penetration: float, count: int, rows: Rows) -> dict[str, Any]:
    return {"draw": world.number, "penetration": penetration, "stations": count, "evses": len(rows)}


def _energies(charged: Charged) -> dict[str, Any]:
    return {
        "ev_peak_w": float(charged.power_w.sum(axis=(1, 2)).max(initial=0.0)),
        "requested_wh": float(charged.requested_wh.sum()),
        "delivered_wh": float(charged.delivered_wh.sum()),
    }


def _limits(topology: GridTopology) -> dict[str, float | None]:
    """The tightest limit of each kind, of buses where cars charge; None where there is none."""
    level = topology.charging_level
    kinds = {
        "low_pu": -topology.vm_min_pu[level],
        "high_pu": topology.vm_max_pu[level],
        "line_pct": topology.max_loading_pct[~topology.is_trafo],
        "trafo_pct": topology.max_loading_pct[topology.is_trafo],
        "unbalance_pct": topology.vuf_max_pct[level],
    }
    tightest = {key: float(np.min(values, initial=np.inf)) for key, values in kinds.items()}
    return {key: abs(value) if np.isfinite(value) else None for key, value in tightest.items()}


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker process needs to write any draw of a study, which it opens once."""

    scenario: Scenario
    settings: Settings
    folder: Path

    def open(self) -> Study:
        """Read the net and the demand."""
        return Study(self.scenario, self.settings)

    def write(self, study: Study, number: int) -> None:
        """Simulate one draw and write it."""
        write_draw(self.folder, number, study.rows(number), study.feeder)

    def __call__(self, number: int) -> None:
        """Write one draw in a process that does nothing but draws of this study."""
        if not _OPEN:
            _OPEN.append(self.open())
        self.write(_OPEN[0], number)


_OPEN: list[Study] = []
"""The one study of a worker process."""
