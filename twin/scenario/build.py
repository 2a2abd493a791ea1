"""The composition root: from a checked scenario to the parts of a run. Only here adapters are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import simpy

from twin.control.guard import Guard
from twin.control.strategies import registry
from twin.control.volt_watt import VoltWatt
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.ids import SiteId
from twin.domain.ports import Grid, Physics
from twin.domain.site_limits import site_limits
from twin.domain.specs import EvseSpec, FaultSpec, SiteSpec
from twin.engine.core import Parts
from twin.engine.money import Money
from twin.engine.tariffs import SiteTariff
from twin.scenario.cautions import cautions
from twin.scenario.grid import Grid as GridSection
from twin.scenario.model import Scenario
from twin.scenario.needs import driver_groups
from twin.scenario.payments import Payments
from twin.scenario.prices import site_tariffs
from twin.scenario.stations import expand
from twin.world.population.agents import Population
from twin.world.population.draw import Drawing, draw_all
from twin.world.stations.catalogue import catalogue
from twin.world.stations.simulated import SimulatedStations


def build(scenario: Scenario, *, wrap_grid: Callable[[Grid], Grid] = lambda grid: grid) -> Parts:
    """Make the parts of a run.

    Args:
        scenario: As loaded.
        wrap_grid: Put around the feeder, for example to time it.

    Raises:
        ScenarioError: What only the data itself can show: a profile shorter than the run, bad rows of a
            sessions file, a net that cannot be read.
        SolverError: The feeder cannot be solved.
    """
    sites, evses = expand(scenario)
    fleet = Fleet(evses)
    rows = rows_by_site(sites, evses)
    groups = driver_groups(scenario, rows, evses)
    drawing = draw_all(
        groups,
        seed=scenario.seed,
        start=scenario.start,
        horizon_s=scenario.duration_s,
        time_zone=scenario.time_zone,
        vehicles=catalogue(),
        sites=rows,
        evses=evses,
    )
    feeder = None if scenario.grid is None else _feeder(scenario, scenario.grid, evses)
    grid = None if feeder is None else wrap_grid(feeder)
    ahead = None if feeder is None else _foreseen(scenario, feeder)
    limits = site_limits(sites, evses)
    env = simpy.Environment()
    stations, keep, release = _stations(scenario, fleet, env)
    population = Population(drawing.visits)
    tariffs = site_tariffs(scenario)
    money = (
        None
        if scenario.payments is None
        else _money(scenario, scenario.payments, tariffs, drawing, env, stations)
    )
    return Parts(
        fleet=fleet,
        stations=stations,
        sites={site.id: site for site in sites},
        limits=limits,
        strategy=registry.make(scenario.strategy.name, scenario.strategy.options),
        guard=make_guard(scenario, grid if ahead is feeder or ahead is None else wrap_grid(ahead), fleet),
        grid=grid,
        visits=drawing.visits,
        minds=population.drivers,
        tariffs=tariffs,
        money=money,
        faults=tuple(fault_specs(scenario)),
        period_s=float(scenario.period_s),
        ticks=round(scenario.duration_s / scenario.period_s),
        power_flow_every=1 if scenario.grid is None else scenario.grid.power_flow_every,
        plan_on_arrival=scenario.plan_on_arrival,
        notes=(
            *cautions(scenario, groups, drawing.visits, limits, evses),
            *_demand_notes(drawing),
            *_money_notes(scenario),
        ),
        release=_both(population.close, release),
        volt_watt=None if feeder is None else _volt_watt(feeder, fleet),
        on_solved=None if feeder is None else _keeper(feeder),
        env=env,
        strict=scenario.run.mode == "simulated",
        keep=keep,
    )


def _stations(
    scenario: Scenario, fleet: Fleet, env: simpy.Environment
) -> tuple[Physics, Callable[[Path], None], Callable[[], None]]:
    """Return the stations, who is told the run's folder, and what lets go of them."""
    if scenario.run.mode == "simulated":
        return SimulatedStations(fleet), lambda _folder: None, lambda: None
    from twin.scenario.sockets import loopback  # noqa: PLC0415 -- sockets and schemas: half a second

    stations = loopback(scenario, fleet, env)
    return stations, stations.keep, stations.close


def _money(
    scenario: Scenario,
    section: Payments,
    tariffs: dict[SiteId, SiteTariff],
    drawing: Drawing,
    env: simpy.Environment,
    stations: Physics,
) -> Money:
    from twin.scenario.taking import taking  # noqa: PLC0415 -- most scenarios collect nothing

    alone = stations if isinstance(stations, SimulatedStations) else None
    return taking(scenario, section, tariffs, drawing.visits.drivers, env, alone)


def _money_notes(scenario: Scenario) -> tuple[str, ...]:
    """Sentences about payments."""
    if scenario.payments is None:
        return ()
    from twin.scenario.taking import notes  # noqa: PLC0415 -- as above

    return tuple(notes(scenario, scenario.payments))


def _both(first: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def release() -> None:
        try:
            first()
        finally:
            then()

    return release


def _demand_notes(drawing: Drawing) -> tuple[str, ...]:
    """Sentences about what was changed to make the demand possible."""
    told = (
        (
            drawing.begun,
            "visits began before the run: their cars are there at the start, with the rest of their need",
        ),
        (drawing.finished, "visits that began before the run would have had all their energy: left out"),
        (drawing.truncated, "visits want no more than the battery of their car takes"),
        (drawing.undeliverable, "visits want no more than car and EVSE deliver in the stay"),
    )
    return tuple(f"{number} {text}" for number, text in told if number)


def rows_by_site(sites: Sequence[SiteSpec], evses: Sequence[EvseSpec]) -> Mapping[SiteId, Sequence[int]]:
    """Rows of the fleet per site, ascending."""
    rows: dict[SiteId, list[int]] = {site.id: [] for site in sites}
    for row, evse in enumerate(evses):
        rows[evse.site].append(row)
    return rows


def _feeder(scenario: Scenario, section: GridSection, evses: Sequence[EvseSpec]) -> Grid:
    from twin.scenario.feeder import feeder  # noqa: PLC0415 -- pandapower: two seconds that sites alone save

    return feeder(scenario, section, evses)


def _volt_watt(feeder: Grid, fleet: Fleet) -> VoltWatt | None:
    from twin.scenario.feeder import volt_watt  # noqa: PLC0415 -- as above

    return volt_watt(feeder, fleet)


def _keeper(feeder: Grid) -> Callable[[GridState], None] | None:
    from twin.scenario.feeder import keeper  # noqa: PLC0415 -- as above

    return keeper(feeder)


def _foreseen(scenario: Scenario, feeder: Grid) -> Grid:
    from twin.scenario.feeder import foreseen  # noqa: PLC0415 -- as above

    return foreseen(scenario, feeder)


def make_guard(scenario: Scenario, grid: Grid | None, fleet: Fleet) -> Guard | None:
    """Return the guard of a scenario that has one and a feeder."""
    if scenario.guard is None or grid is None:
        return None
    section = scenario.guard
    return Guard(
        grid,
        fleet,
        margin_pct=section.margin_pct,
        forecast=section.forecast,
        rule=section.rule,
        floor_w=section.floor_kw * 1e3,
    )


def fault_specs(scenario: Scenario) -> list[FaultSpec]:
    """Return the faults of a scenario, in seconds since its start."""

    def seconds(instant: datetime) -> float:
        return (instant - scenario.start).total_seconds()

    return [
        FaultSpec(
            kind=fault.kind, evses=fault.evses, start_s=seconds(fault.from_), end_s=seconds(fault.until)
        )
        for fault in scenario.faults
    ]
