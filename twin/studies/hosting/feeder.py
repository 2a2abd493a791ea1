"""The feeder of a study: read once per process, solved for every draw and penetration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Vector
from twin.domain.ports import Grid
from twin.domain.specs import EvseSpec
from twin.errors import Problem, ScenarioError
from twin.scenario.feeder import feeder
from twin.scenario.grid import Grid as GridSection
from twin.scenario.model import Scenario
from twin.scenario.stations import expand
from twin.studies.hosting.flow import Flow, StepFlow


class Drawn(NamedTuple):
    """The feeder of one draw."""

    flow: Flow
    grid: Grid | None
    """The port, for a guard."""


class Feeding:
    """The scenario's feeder.

    Attributes:
        topology: Names and limits.
        provenance: What it is, with its assumptions.
        phases: 3 where each phase is solved.
        step_s: Seconds between two power flows.
        drawn: Whether a draw changes the feeder itself (the phases of its base loads).
    """

    def __init__(self, scenario: Scenario) -> None:
        section = scenario.grid
        if section is None:
            raise ScenarioError([Problem(str(scenario.path), 0, "grid", "needed for hosting capacity")])
        self._scenario = scenario
        self._section: GridSection = section
        self._grid = feeder(scenario, section, expand(scenario)[1])
        self._ends_s = _ends(scenario, section)
        self.topology: GridTopology = self._grid.topology
        self.provenance: Mapping[str, Any] = dict(self._grid.provenance)
        self.phases = self.topology.phases
        self.step_s = float(scenario.period_s * section.power_flow_every)
        self.drawn = False

    def draw(self, seed: int, evses: Sequence[EvseSpec], *, guarded: bool) -> Drawn:
        """Return the feeder with the EVSEs of a draw."""
        grid = self._grid
        if self.drawn:
            scenario = self._scenario.model_copy(update={"seed": seed}).located(self._scenario.path)
            grid = feeder(scenario, self._section, evses)
        return Drawn(StepFlow(grid, self._ends_s), grid if guarded else None)


def _ends(scenario: Scenario, section: GridSection) -> Vector:
    """(steps,) ends of the intervals between power flows; the last may be shorter."""
    ticks = round(scenario.duration_s / scenario.period_s)
    ends = np.append(np.arange(section.power_flow_every, ticks, section.power_flow_every), ticks)
    return ends * float(scenario.period_s)
