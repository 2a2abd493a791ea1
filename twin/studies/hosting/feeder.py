"""The feeder of a study: read and checked once per process, solved for every draw and penetration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Array, Rows, Vector
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid
from twin.domain.specs import EvseSpec
from twin.errors import Problem, ScenarioError
from twin.grid.batch import BatchLimits
from twin.grid.common import Setup
from twin.grid.compiled import CompiledGrid
from twin.grid.plan import Plan
from twin.grid.profiles import Profile, read_profile
from twin.scenario.feeder import base_load, feeder
from twin.scenario.grid import Grid as GridSection
from twin.scenario.grid import NoLoad
from twin.scenario.model import Scenario
from twin.scenario.stations import expand
from twin.studies.hosting.flow import Extremes, Flow, StepFlow

_CHUNK = 1024
"""Steps whose injections are made at a time."""


class Drawn(Protocol):
    """The feeder of one draw, with as many EVSEs as there are."""

    def flow(self, rows: Rows) -> Flow:
        """What solves all steps of a run in which the EVSEs of `rows` exist."""
        ...

    def grid(self, rows: Rows) -> Grid:
        """The port for control, with the EVSEs of `rows`."""
        ...


class Feeding:
    """The scenario's feeder.

    Attributes:
        topology: Names and limits.
        provenance: What it is, with its assumptions.
        phases: 3 where each phase is solved.
        step_s: Seconds between two power flows.
        drawn: Whether a draw changes the feeder itself: the phases of its base loads.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Read and check it.

        Raises:
            ScenarioError: Without a grid, or with data that cannot be used.
            SolverError: It cannot be solved.
        """
        section = scenario.grid
        if section is None:
            raise ScenarioError([Problem(str(scenario.path), 0, "grid", "needed for hosting capacity")])
        self._scenario = scenario
        self._section: GridSection = section
        evses = expand(scenario)[1]
        self._grid = feeder(scenario, section, evses)
        self._ends_s = _ends(scenario, section)
        self.topology: GridTopology = self._grid.topology
        self.provenance: Mapping[str, Any] = dict(self._grid.provenance)
        self.phases = self.topology.phases
        self.step_s = float(scenario.period_s * section.power_flow_every)
        load = section.profile
        self.drawn = self.phases == 3 and not isinstance(load, NoLoad) and load.phases != "balanced"
        self._base: _Base | None = None

    def draw(self, seed: int, evses: Sequence[EvseSpec]) -> Drawn:
        """Return the feeder with the EVSEs of a draw, and base loads on the phases that `seed` gives them."""
        if isinstance(self._grid, CompiledGrid):
            plan = self._grid.plan
            return _Compiled(plan, self.topology, self.provenance, self._base_of(seed, plan), evses)
        again = self._scenario.model_copy(update={"seed": seed}).located(self._scenario.path)
        return _Built(again, self._section, evses, self._ends_s)

    def _base_of(self, seed: int, plan: Plan) -> _Base:
        """Base load of the draw; where no draw changes it, of all of them."""
        if self._base is None or self.drawn:
            scenario = self._scenario
            profile = read_profile(
                plan.feeder,
                base_load(scenario, self._section),
                scenario.start,
                scenario.duration_s,
                phases=self.phases,
                seed=seed,
            )
            starts_s = np.append(0.0, self._ends_s[:-1])
            means = [
                profile.means(start_s, end_s)[0]
                for start_s, end_s in zip(starts_s.tolist(), self._ends_s.tolist(), strict=True)
            ]
            self._base = _Base(profile, np.stack(means, axis=1))
        return self._base


class _Base(NamedTuple):
    """Base load and generation of a run."""

    profile: Profile
    power: Array
    """(2, steps, nb, phases) net draw in W and var."""


class _Compiled:
    """A plan with the EVSEs of a draw."""

    def __init__(
        self,
        plan: Plan,
        topology: GridTopology,
        provenance: Mapping[str, Any],
        base: _Base,
        evses: Sequence[EvseSpec],
    ) -> None:
        self._plan = plan
        self._topology = topology
        self._provenance = provenance
        self._base = base
        self._evses = evses
        self._evse_bus = plan.feeder.bus_positions([evse.bus or "" for evse in evses])

    def flow(self, _rows: Rows) -> Flow:
        """As `Drawn.flow`; an EVSE without power is as good as none."""
        q_per_p = PhaseShares(self._evses).q_per_p if self._plan.phases == 3 else None
        return BatchFlow(self._plan, self._topology, self._base.power, self._evse_bus, q_per_p)

    def grid(self, rows: Rows) -> Grid:
        """As `Drawn.grid`."""
        evses = [self._evses[row] for row in rows.tolist()]
        setup = Setup(
            feeder=self._plan.feeder,
            profile=self._base.profile,
            topology=self._topology,
            evse_ids=tuple(evse.id for evse in evses),
            evse_bus=self._evse_bus[rows],
            evse_max_w=np.array([evse.max_w / evse.efficiency + evse.standby_w for evse in evses]),
            evse_q_per_p=0.0,
            shares=PhaseShares(evses),
        )
        return CompiledGrid(setup, self._plan, self._provenance)


class _Built:
    """A feeder that is made anew for every set of EVSEs: what cannot be compiled, or answers to its voltages."""

    def __init__(
        self, scenario: Scenario, section: GridSection, evses: Sequence[EvseSpec], ends_s: Vector
    ) -> None:
        self._scenario = scenario
        self._section = section
        self._evses = evses
        self._ends_s = ends_s

    def flow(self, rows: Rows) -> Flow:
        """As `Drawn.flow`."""
        return StepFlow(self.grid(rows), rows, self._ends_s)

    def grid(self, rows: Rows) -> Grid:
        """As `Drawn.grid`."""
        return feeder(self._scenario, self._section, [self._evses[row] for row in rows.tolist()])


class BatchFlow:
    """Solves all steps of a run in one call, with the reductions inside the kernel."""

    def __init__(
        self, plan: Plan, topology: GridTopology, base: Array, evse_bus: Rows, q_per_p: Array | None
    ) -> None:
        """Take a plan, its limits, and what does not change from run to run.

        Args:
            plan: The compiled feeder.
            topology: Names and limits.
            base: (2, steps, nb, phases) net draw of loads and generators in W and var.
            evse_bus: (n,) bus of every EVSE.
            q_per_p: (n, phases) reactive over active power of each EVSE and phase; None: no reactive power.
        """
        self.topology = topology
        self._plan = plan
        self._limits = BatchLimits.of(topology)
        self._base = base
        self._evse_bus = evse_bus
        self._q_per_p = q_per_p if q_per_p is not None and q_per_p.any() else None

    def extremes(self, evse_w: Array) -> Extremes:
        """As `Flow.extremes`."""
        found = self._plan.batch(self._injections(evse_w), limits=self._limits)
        return Extremes(
            steps=found.steps,
            unsolved=len(found.unsolved),
            vm_min_pu=found.vm_min_pu,
            vm_max_pu=found.vm_max_pu,
            vuf_max_pct=found.vuf_max_pct,
            loading_max_pct=found.loading_max_pct,
            low_steps=found.low_steps,
            high_steps=found.high_steps,
            vuf_steps=found.vuf_steps,
            over_steps=found.over_steps,
            slack_max_w=found.slack_w_max,
        )

    def _injections(self, evse_w: Array) -> Iterator[tuple[Array, Array]]:
        rows = np.flatnonzero(evse_w.any(axis=(0, 2))).tolist()
        for first in range(0, evse_w.shape[0], _CHUNK):
            chunk = slice(first, first + _CHUNK)
            p_w = self._base[0, chunk].copy()
            q_var = self._base[1, chunk]
            for row in rows:
                p_w[:, self._evse_bus[row]] += evse_w[chunk, row]
            if self._q_per_p is not None:
                q_var = q_var.copy()
                for row in rows:
                    q_var[:, self._evse_bus[row]] += evse_w[chunk, row] * self._q_per_p[row]
            yield p_w, q_var


def _ends(scenario: Scenario, section: GridSection) -> Vector:
    """(steps,) ends of the intervals between power flows; the last may be shorter."""
    ticks = round(scenario.duration_s / scenario.period_s)
    ends = np.append(np.arange(section.power_flow_every, ticks, section.power_flow_every), ticks)
    return ends * float(scenario.period_s)
