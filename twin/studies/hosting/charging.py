"""The drivers' week at the chargers that exist, without recording: only what the feeder feels.

The engine, the stations, the strategy, the site's limits and the guard are those of `twin run`; what is left
out is writing tables and, where nobody asks the feeder, solving it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.control.strategies import registry
from twin.domain.fleet import Fleet
from twin.domain.ids import Array, Rows, Vector
from twin.domain.interval import Interval
from twin.domain.ports import Grid
from twin.domain.site_limits import site_limits
from twin.domain.specs import EvseSpec
from twin.domain.views import Strategy
from twin.domain.visits import ANY_EVSE, Visits
from twin.engine.core import Parts, Simulation
from twin.scenario.build import fault_specs, make_guard, rows_by_site
from twin.scenario.feeder import foreseen, volt_watt
from twin.scenario.model import Scenario
from twin.scenario.needs import driver_groups
from twin.scenario.prices import site_tariffs
from twin.scenario.stations import expand
from twin.world.population.agents import Population
from twin.world.population.draw import draw_all
from twin.world.stations.catalogue import catalogue
from twin.world.stations.simulated import SimulatedStations


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What charging did to the feeder, and for the drivers.

    Attributes:
        power_w: (steps, n, phases) mean grid-side power of every EVSE of the scenario, 0 where none exists.
        requested_wh: (d,) what each driver wanted in the visits that ended within the run.
        delivered_wh: (d,) what they got, at the connector.
        evse_of_driver: (d,) row of the EVSE that a driver is bound to, or ANY_EVSE.
    """

    power_w: Array
    requested_wh: Vector
    delivered_wh: Vector
    evse_of_driver: Rows

    def only(self, rows: Rows) -> Charged:
        """Return the same week with the EVSEs of `rows` and their drivers alone; see `independent`."""
        kept = np.zeros(self.power_w.shape[1], dtype=bool)
        kept[rows] = True
        mine = (self.evse_of_driver == ANY_EVSE) | kept[self.evse_of_driver]
        return Charged(
            power_w=self.power_w * kept[:, None],
            requested_wh=self.requested_wh * mine,
            delivered_wh=self.delivered_wh * mine,
            evse_of_driver=self.evse_of_driver,
        )


class Street:
    """A scenario whose chargers and drivers can be had in any draw; read once per process."""

    def __init__(self, scenario: Scenario, phases: int) -> None:
        """Read sites, EVSEs and prices.

        Args:
            scenario: As loaded; its own seed decides which loads have stations.
            phases: 3 to keep the power of each phase, 1 for their sum.
        """
        self._scenario = scenario
        self._phases = phases
        self.sites, self.evses = expand(scenario)
        self._tariffs = site_tariffs(scenario)
        self._faults = tuple(fault_specs(scenario))
        self.ticks = round(scenario.duration_s / scenario.period_s)

    def week(self, seed: int, evses: Sequence[EvseSpec]) -> Visits:
        """Draw the demand at all EVSEs."""
        scenario = self._scenario
        rows = rows_by_site(self.sites, evses)
        return draw_all(
            driver_groups(scenario, rows, evses),
            seed=seed,
            start=scenario.start,
            horizon_s=scenario.duration_s,
            time_zone=scenario.time_zone,
            vehicles=catalogue(),
            sites=rows,
            evses=evses,
        ).visits

    def strategy(self) -> Strategy:
        """Make the scenario's strategy; one that remembers is made anew for each run."""
        return registry.make(self._scenario.strategy.name, self._scenario.strategy.options)

    @property
    def asks_feeder(self) -> bool:
        """Whether charging depends on the feeder: by a guard, or by stations that answer to their voltage."""
        grid = self._scenario.grid
        droop = None if grid is None or grid.droop is None else grid.droop.evse
        return self._scenario.guard is not None or (droop is not None and droop.volt_watt is not None)

    def independent(self, visits: Visits) -> bool:
        """Whether no EVSE feels another one: a week with fewer is then that with all, less the others.

        So it is where the controller divides nothing (a strategy that keeps no limits, no guard, no droop of
        active power), and every driver is bound to an EVSE and looks for no other.
        """
        divides = getattr(self.strategy(), "keeps_limits", True) or self.asks_feeder
        roams = (visits.evse == ANY_EVSE).any() or any(d.if_full == "elsewhere" for d in visits.drivers)
        return not divides and not roams

    def charge(
        self, visits: Visits, evses: Sequence[EvseSpec], rows: Rows, grid: Grid | None = None
    ) -> Charged:
        """Simulate the run with the EVSEs of `rows` alone.

        Args:
            visits: Of all EVSEs; those bound to an EVSE that does not exist do not happen.
            evses: All of them, connected as drawn.
            rows: (k,) ascending, which exist.
            grid: The feeder with the EVSEs of `rows`, where charging asks it (`asks_feeder`).
        """
        mine = _visits_at(visits, rows, len(evses))
        tally = _Tally(self.ticks, self._phases, rows, len(evses), visits)
        if len(rows):
            population = Population(mine)
            try:
                parts = self._parts(mine, [evses[row] for row in rows], population, grid)
                Simulation(parts, tally, None).run()
            finally:
                population.close()
        return tally.charged(self._power_flow_every)

    @property
    def _power_flow_every(self) -> int:
        grid = self._scenario.grid
        return 1 if grid is None else grid.power_flow_every

    def _parts(
        self,
        visits: Visits,
        evses: list[EvseSpec],
        population: Population,
        grid: Grid | None,
    ) -> Parts:
        scenario = self._scenario
        fleet = Fleet(evses)
        here = set(fleet.ids)
        return Parts(
            fleet=fleet,
            stations=SimulatedStations(fleet),
            sites={site.id: site for site in self.sites},
            limits=site_limits(self.sites, evses),
            strategy=self.strategy(),
            guard=make_guard(scenario, None if grid is None else foreseen(scenario, grid), fleet),
            grid=None,
            visits=visits,
            minds=population.drivers,
            tariffs=self._tariffs,
            faults=tuple(replace(f, evses=tuple(e for e in f.evses if e in here)) for f in self._faults),
            period_s=float(scenario.period_s),
            ticks=self.ticks,
            power_flow_every=1,
            plan_on_arrival=scenario.plan_on_arrival,
            notes=(),
            release=_nothing,
            volt_watt=None if grid is None else volt_watt(grid, fleet),
        )


def _visits_at(visits: Visits, rows: Rows, evses: int) -> Visits:
    """Keep what happens at `rows`, whose numbers become 0, 1, …, and everybody who takes any EVSE."""
    place = np.full(evses + 1, -2, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    place[ANY_EVSE] = ANY_EVSE
    at = place[visits.evse]
    keep = at != -2
    return replace(
        visits,
        arrival_s=visits.arrival_s[keep],
        departure_s=visits.departure_s[keep],
        energy_wh=visits.energy_wh[keep],
        arrival_wh=visits.arrival_wh[keep],
        said_departure_s=visits.said_departure_s[keep],
        said_energy_wh=visits.said_energy_wh[keep],
        patience_s=visits.patience_s[keep],
        driver=visits.driver[keep],
        evse=at[keep],
    )


class _Tally:
    """A `Recorder` that keeps the grid-side power of each tick, and energies per driver."""

    def __init__(self, ticks: int, phases: int, rows: Rows, evses: int, visits: Visits) -> None:
        self._power_w: Array = np.zeros((ticks, evses, phases))
        self._rows = rows
        self._tick = 0
        self._driver = {driver.id: k for k, driver in enumerate(visits.drivers)}
        self._requested_wh: Vector = np.zeros(len(visits.drivers))
        self._delivered_wh: Vector = np.zeros(len(visits.drivers))
        self._evse_of_driver: Rows = np.full(len(visits.drivers), ANY_EVSE, dtype=np.int64)
        self._evse_of_driver[visits.driver] = visits.evse

    def tick(self, _t_s: float, _fleet: Fleet, interval: Interval, *_: object) -> None:
        """Keep the closed interval."""
        power_w = interval.grid_w[:, None] if self._power_w.shape[2] == 1 else interval.phase_w.T
        self._power_w[self._tick, self._rows] = power_w
        self._tick += 1

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        """Sum up sessions that ended within the run."""
        if table == "sessions" and values["outcome"] != "open":
            driver = self._driver[str(values["driver"])]
            self._requested_wh[driver] += float(values["requested_wh"])  # type: ignore[arg-type]
            self._delivered_wh[driver] += float(values["delivered_wh"])  # type: ignore[arg-type]

    def plan(self, *_: object) -> None:
        """Plans are not kept."""

    def grid(self, *_: object) -> None:
        """Nothing is solved."""

    def session_of_row(self, _row: int, _session: str, /) -> None:
        """Meters are not kept."""

    def charged(self, every: int) -> Charged:
        """Hand over what was kept, as means over `every` ticks; the last mean may be over fewer.

        Nothing large stays here: a simulation refers to itself and to its recorder, so both outlive it until
        the garbage collector comes by, and that is hundreds of draws later.
        """
        power_w, self._power_w = self._power_w, np.empty((0, 0, 0))
        if every > 1:
            starts = np.arange(0, len(power_w), every)
            lengths = np.diff(np.append(starts, len(power_w)))
            power_w = np.add.reduceat(power_w, starts, axis=0) / lengths[:, None, None]
        return Charged(
            power_w=power_w,
            requested_wh=self._requested_wh,
            delivered_wh=self._delivered_wh,
            evse_of_driver=self._evse_of_driver,
        )


def _nothing() -> None:
    """What is made is closed by who made it."""
