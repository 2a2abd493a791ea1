"""The `grid` section as a feeder that can be solved. Imports pandapower: only for runs that have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from twin.control.volt_watt import VoltWatt
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid
from twin.domain.specs import EvseSpec
from twin.grid.assume import Assume
from twin.grid.droop_grid import Droops, add_droop, lowers
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import read_profile
from twin.grid.series import BaseLoad
from twin.grid.taps import TapGrid
from twin.grid.topology import Limits
from twin.scenario.droop import GridDroop, evse_droop, pv_droop
from twin.scenario.files import in_files
from twin.scenario.grid import ConstantLoad, NoLoad, SimbenchLoad
from twin.scenario.grid import Grid as GridSection
from twin.scenario.model import Scenario

_THREE = 3
_VUF_EN_50160_PCT = 2.0
"""EN 50160, 4.2.4: negative- over positive-sequence voltage, 95 % of the ten-minute means of a week."""


def feeder(scenario: Scenario, section: GridSection, evses: Sequence[EvseSpec]) -> Grid:
    """Read the net and its base load, and make it ready to be solved.

    Raises:
        ScenarioError: The net or its profiles cannot be used.
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
    grid = make_grid(
        net,
        [evse.bus or "" for evse in evses],
        profile,
        evse_ids=[evse.id for evse in evses],
        evse_max_w=np.array([evse.max_w / evse.efficiency + evse.standby_w for evse in evses]),
        limits=_limits(section),
        phases=section.phases,
        shares=PhaseShares(evses),
        assumptions=net.assumptions,
    )
    return grid if section.droop is None else add_droop(grid, _droops(section.droop))


def volt_watt(grid: Grid, fleet: Fleet) -> VoltWatt | None:
    """Return the Volt-Watt of the EVSEs of a feeder that has one."""
    drooping = lowers(grid)
    return None if drooping is None else VoltWatt(drooping, fleet)


def keeper(grid: Grid) -> Callable[[GridState], None] | None:
    """Return what must be told of the solution of every closed interval: a feeder with tap changers."""
    return grid.keep if isinstance(grid, TapGrid) else None


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
