"""The study itself: a net, what it draws, every step solved and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.grid.make import make_grid
from twin.grid.series import PhaseRule
from twin.grid.topology import Limits
from twin.studies.powerflow.loads import read_loads
from twin.studies.powerflow.net import complete_net, open_net, read_assume
from twin.studies.powerflow.reduce import Reduced
from twin.studies.powerflow.result import PowerFlow
from twin.studies.powerflow.solve import solve
from twin.units import SECONDS_PER_HOUR

EN_50160_VUF_PCT = 2.0
"""EN 50160: 95 % of the 10-minute means of the unbalance of a week lie below it."""


def power_flow(
    net: str | Path,
    loads: str | Path | None = None,
    *,
    profiles: str | None = None,
    begin: str | None = None,
    end: str | None = None,
    time_zone: str | None = None,
    three_phase: bool = False,
    assume: str | Mapping[str, str | float] | None = None,
    phases: PhaseRule = "balanced",
    seed: int = 0,
    vm_min_pu: float | None = None,
    vm_max_pu: float | None = None,
    loading_pct: float | None = None,
    vuf_pct: float | None = None,
    on_steps: Callable[[int, int], object] | None = None,
) -> PowerFlow:
    """Solve the power flow of a feeder for one instant or for a series, and judge its limits.

    Args:
        net: A SimBench code, the name of a function in pandapower.networks, or the path of a pandapower
            JSON or Excel file; `simbench:`, `builtin:` and `file:` say which.
        loads: CSV of a snapshot (`element` or `bus`, `kw`, `kvar`, `phase`) or of a series (`time`, then kW per load
            or `total_kw`). Without it, and without profiles, the net's own loads.
        profiles: `simbench`: the year in quarter hours that a SimBench net carries.
        begin: Where the series begins, ISO 8601.
        end: Where it ends.
        time_zone: IANA zone of times without an offset and of the results' times.
        three_phase: Solve each phase instead of a symmetric feeder.
        assume: With three phases, what to take where the net has no zero-sequence data: keys of
            `twin.grid.assume.Assume`, such as `vector_group`, or one text `vector_group=Dyn5,r0_r1=4`.
        phases: With three phases, how what names no phase divides over them: `balanced`, `single`
            or `uneven`; see `twin.grid.unit_phases`.
        seed: Of the draws of `single` and `uneven`.
        vm_min_pu: Lower limit of the voltage of all buses; None: the net's own, else 0.9.
        vm_max_pu: Upper limit; None: the net's own, else 1.1.
        loading_pct: Limit of the current loading of all branches; None: the net's own, else 100.
        vuf_pct: Limit of the voltage unbalance; None: 2 % if three-phase (EN 50160).
        on_steps: Called with how many steps are solved, and of how many.

    Raises:
        ScenarioError: The net, the file or an option cannot be used; everything that is wrong.
        SolverError: The net cannot be solved at all; names the element.
    """
    limits = Limits(
        vm_min_pu=vm_min_pu,
        vm_max_pu=vm_max_pu,
        line_loading_pct=loading_pct,
        trafo_loading_pct=loading_pct,
        vuf_pct=EN_50160_VUF_PCT if three_phase and vuf_pct is None else vuf_pct,
    )
    _check(limits, phases, assume, three_phase=three_phase)
    assumed = read_assume(assume)
    feeder = open_net(net)
    said: tuple[str, ...] = ()
    if three_phase:
        said = complete_net(feeder, assumed)
    drawn = read_loads(
        feeder,
        loads=None if loads is None else Path(loads),
        profiles=profiles,
        begin=begin,
        end=end,
        time_zone=time_zone,
        phases=phases if three_phase else None,
        seed=seed,
    )
    grid = make_grid(
        drawn.feeder, [], drawn.profile, limits=limits, phases=3 if three_phase else 1, assumptions=said
    )
    hours = np.ones(1) if drawn.start is None else np.diff(drawn.bounds_s) / SECONDS_PER_HOUR
    reduced = Reduced(grid.topology, hours)
    if on_steps is not None:
        on_steps(0, drawn.steps)
    for stretch in solve(grid, drawn):
        reduced.take(stretch)
        if on_steps is not None:
            on_steps(stretch.first + len(stretch.solved), drawn.steps)
    return PowerFlow.of(drawn, grid.topology, grid.provenance, reduced)


def _check(
    limits: Limits, phases: str, assume: str | Mapping[str, str | float] | None, *, three_phase: bool
) -> None:
    texts = []
    if assume and not three_phase:
        texts.append(("assume", "a symmetric power flow needs no zero sequence: add --three-phase"))
    if phases not in get_args(PhaseRule):
        texts.append(("phases", f"`{phases}` is none of {', '.join(get_args(PhaseRule))}"))
    elif phases != "balanced" and not three_phase:
        texts.append(("phases", f"a symmetric power flow has no phases for `{phases}`: add --three-phase"))
    for option, value in (
        ("vm-min", limits.vm_min_pu),
        ("vm-max", limits.vm_max_pu),
        ("loading", limits.line_loading_pct),
        ("unbalance", limits.vuf_pct),
    ):
        if value is not None and not (np.isfinite(value) and value > 0.0):
            texts.append((option, f"{value:g} is not above 0"))
    low, high = limits.vm_min_pu, limits.vm_max_pu
    if low is not None and high is not None and low >= high:
        texts.append(("vm-min", f"{low:g} pu is not below --vm-max {high:g} pu"))
    if limits.vuf_pct is not None and not three_phase:
        texts.append(("unbalance", "a symmetric power flow has no unbalance: add --three-phase"))
    if texts:
        raise ScenarioError([Problem("twin powerflow", 0, f"--{option}", text) for option, text in texts])
