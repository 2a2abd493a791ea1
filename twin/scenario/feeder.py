"""The `grid` section as a feeder that can be solved. Imports pandapower: only for runs that have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from twin.control.volt_watt import VoltWatt
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid
from twin.domain.specs import EvseSpec
from twin.errors import Problem, ScenarioError
from twin.grid.assume import Assume
from twin.grid.droop_grid import Droops, add_droop, lowers
from twin.grid.feeder import Feeder
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import read_profile
from twin.grid.series import BaseLoad
from twin.grid.switched_grid import ComingGrid, SwitchedGrid, switched_lowers
from twin.grid.switching import Action, Schedule, Wrong, plan_switching
from twin.grid.taps import TapGrid
from twin.grid.topology import Limits
from twin.scenario.droop import GridDroop, evse_droop, pv_droop
from twin.scenario.files import in_files
from twin.scenario.grid import ConstantLoad, NoLoad, SimbenchLoad
from twin.scenario.grid import Grid as GridSection
from twin.scenario.model import Scenario
from twin.scenario.stations import expand
from twin.scenario.switching import AT, civil, wrong_instants

_THREE = 3
_VUF_EN_50160_PCT = 2.0
"""EN 50160, 4.2.4: negative- over positive-sequence voltage, 95 % of the ten-minute means of a week."""


def feeder(scenario: Scenario, section: GridSection, evses: Sequence[EvseSpec]) -> Grid:
    """Read the net and its base load, and make it ready to be solved.

    Raises:
        ScenarioError: The net, its profiles or its switching cannot be used.
        SolverError: The feeder cannot be solved.
    """
    base = base_load(scenario, section)
    files = {"scenario": scenario.path} | ({base.file.name: base.file} if base.file else {})
    with in_files(files):
        net = load_feeder(
            _net_source(scenario.base_dir, section),
            phases=section.phases,
            assume=Assume(**section.assume.model_dump()),
        )
        profile = read_profile(
            net, base, scenario.start, scenario.duration_s, phases=section.phases, seed=scenario.seed
        )
    make = partial(
        make_grid,
        evse_buses=[evse.bus or "" for evse in evses],
        profile=profile,
        evse_ids=[evse.id for evse in evses],
        evse_max_w=np.array([evse.max_w / evse.efficiency + evse.standby_w for evse in evses]),
        limits=_limits(section),
        phases=section.phases,
        shares=PhaseShares(evses),
        assumptions=net.assumptions,
    )

    def made(here: Feeder) -> Grid:
        grid = make(here)
        return grid if section.droop is None else add_droop(grid, _droops(section.droop))

    if not section.switching:
        return made(net)
    return SwitchedGrid(net, _schedule(scenario, section, net, evses), made)


def _schedule(scenario: Scenario, section: GridSection, net: Feeder, evses: Sequence[EvseSpec]) -> Schedule:
    schedule, wrong = _planned(scenario, section, net, evses)
    wrong += [Wrong(*one) for one in wrong_instants(scenario)]
    if wrong:
        file = str(scenario.path)
        raise ScenarioError(
            [Problem(file, 0, ".".join(map(str, (*AT, *path))), text) for path, text in wrong]
        )
    return schedule


def _planned(
    scenario: Scenario, section: GridSection, net: Feeder, evses: Sequence[EvseSpec]
) -> tuple[Schedule, list[Wrong]]:
    actions = [
        Action(
            at_s=(each.at - scenario.start).total_seconds(),
            label=civil(scenario, each.at),
            open=each.open,
            close=each.close,
        )
        for each in section.switching
    ]
    return plan_switching(net, actions, [evse.bus or "" for evse in evses])


def wrong_switching(scenario: Scenario, section: GridSection) -> list[Wrong]:
    """Return what is wrong with the names and states of a schedule, each with its place below the section.

    Raises:
        ScenarioError: The net cannot be used.
        SolverError: An element of the net cannot be used.
    """
    with in_files({"scenario": scenario.path}):
        net = load_feeder(_net_source(scenario.base_dir, section))
    return _planned(scenario, section, net, expand(scenario)[1])[1]


def volt_watt(grid: Grid, fleet: Fleet) -> VoltWatt | None:
    """Return the Volt-Watt of the EVSEs of a feeder that has one."""
    drooping = switched_lowers(grid) if isinstance(grid, SwitchedGrid) else lowers(grid)
    return None if drooping is None else VoltWatt(drooping, fleet)


def keeper(grid: Grid) -> Callable[[GridState], None] | None:
    """Return what must be told of the solution of every closed interval: a feeder with tap changers."""
    if isinstance(grid, SwitchedGrid):
        return grid.keep if grid.tap_grids else None
    return grid.keep if isinstance(grid, TapGrid) else None


def foreseen(scenario: Scenario, grid: Grid) -> Grid:
    """Return the feeder as the guard must see it: at a switching instant the coming interval has other switches.

    A guard that takes the closed interval as forecast asks for that one.
    """
    if isinstance(grid, SwitchedGrid) and scenario.guard and scenario.guard.forecast == "persistence":
        return ComingGrid(grid)
    return grid


def _droops(section: GridDroop) -> Droops:
    return Droops(
        evse=None if section.evse is None else evse_droop(section.evse),
        pv=None if section.pv is None else pv_droop(section.pv),
    )


def _limits(section: GridSection) -> Limits:
    limits = section.limits
    vuf_pct = limits.voltage_unbalance_pct
    if vuf_pct is None and section.phases == _THREE:
        vuf_pct = _VUF_EN_50160_PCT
    return Limits(
        vm_min_pu=limits.vm_min_pu,
        vm_max_pu=limits.vm_max_pu,
        line_loading_pct=limits.line_loading_pct,
        trafo_loading_pct=limits.trafo_loading_pct,
        vuf_pct=vuf_pct if section.phases == _THREE else None,
    )


def _net_source(base_dir: Path, section: GridSection) -> NetSource:
    net = section.net
    if net.simbench is not None:
        return NetSource("simbench", net.simbench)
    if net.builtin is not None:
        return NetSource("builtin", net.builtin)
    return NetSource("file", str(base_dir / (net.file or "")))


def base_load(scenario: Scenario, section: GridSection) -> BaseLoad:
    """Return what the grid reads its base load from, as the scenario says it."""
    load = section.profile
    if isinstance(load, NoLoad):
        return BaseLoad(source="none")
    if isinstance(load, ConstantLoad):
        return BaseLoad(source="constant", scale=load.scale, phases=load.phases)
    if isinstance(load, SimbenchLoad):
        return BaseLoad(
            source="simbench", interpolation=load.interpolation, scale=load.scale, phases=load.phases
        )
    return BaseLoad(
        source="csv",
        file=scenario.base_dir / load.file,
        time_zone=load.time_zone or scenario.time_zone,
        interpolation=load.interpolation,
        scale=load.scale,
        phases=load.phases,
    )
