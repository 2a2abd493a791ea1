"""The `grid` section as a feeder that can be solved. Imports pandapower: only for runs that have one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twin.domain.ports import Grid
from twin.domain.specs import EvseSpec
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import read_profile
from twin.grid.series import BaseLoad
from twin.grid.topology import Limits
from twin.scenario.files import in_files
from twin.scenario.grid import ConstantLoad, NoLoad, SimbenchLoad
from twin.scenario.grid import Grid as GridSection
from twin.scenario.model import Scenario


def feeder(scenario: Scenario, section: GridSection, evses: Sequence[EvseSpec]) -> Grid:
    """Read the net and its base load, and make it ready to be solved.

    Raises:
        ScenarioError: The net or its profiles cannot be used.
        SolverError: The feeder cannot be solved.
    """
    base = _base_load(scenario, section)
    files = {"scenario": scenario.path} | ({base.file.name: base.file} if base.file else {})
    with in_files(files):
        net = load_feeder(_net_source(scenario.base_dir, section))
        profile = read_profile(net, base, scenario.start, scenario.duration_s)
    limits = section.limits
    return make_grid(
        net,
        [evse.bus or "" for evse in evses],
        profile,
        evse_ids=[evse.id for evse in evses],
        evse_max_w=np.array([evse.max_w / evse.efficiency + evse.standby_w for evse in evses]),
        limits=Limits(
            vm_min_pu=limits.vm_min_pu,
            vm_max_pu=limits.vm_max_pu,
            line_loading_pct=limits.line_loading_pct,
            trafo_loading_pct=limits.trafo_loading_pct,
        ),
    )


def _net_source(base_dir: Path, section: GridSection) -> NetSource:
    net = section.net
    if net.simbench is not None:
        return NetSource("simbench", net.simbench)
    if net.builtin is not None:
        return NetSource("builtin", net.builtin)
    return NetSource("file", str(base_dir / (net.file or "")))


def _base_load(scenario: Scenario, section: GridSection) -> BaseLoad:
    load = section.profile
    if isinstance(load, NoLoad):
        return BaseLoad(source="none")
    if isinstance(load, ConstantLoad):
        return BaseLoad(source="constant", scale=load.scale)
    if isinstance(load, SimbenchLoad):
        return BaseLoad(source="simbench", interpolation=load.interpolation, scale=load.scale)
    return BaseLoad(
        source="csv",
        file=scenario.base_dir / load.file,
        time_zone=load.time_zone or scenario.time_zone,
        interpolation=load.interpolation,
        scale=load.scale,
    )
