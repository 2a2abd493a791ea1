"""A small feeder, a small fleet and a run that is written tick by tick, as the engine would."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology
from twin.domain.interval import COLUMNS, Interval
from twin.domain.specs import EvseSpec
from twin.results.manifest import RunFacts
from twin.results.metrics import write_summary
from twin.results.read import Run, open_run
from twin.results.start import StartedRun, start_run

FEEDER = GridTopology(
    name="three-buses",
    buses=("mv", "lv", "end"),
    bus_vn_kv=np.array([20.0, 0.4, 0.4]),
    charging_level=np.array([False, True, True]),
    branches=("line", "trafo"),
    is_trafo=np.array([False, True]),
    from_bus=np.array([1, 0]),
    to_bus=np.array([2, 1]),
    bus_xy=np.array([[0.0, 0.0], [1.0, 0.0], [np.nan, np.nan]]),
    vm_min_pu=np.full(3, 0.9),
    vm_max_pu=np.full(3, 1.1),
    max_loading_pct=np.full(2, 100.0),
    head_va_rating=100e3,
    phases=1,
    vuf_max_pct=np.full(3, np.inf),
)

THREE_PHASE = replace(FEEDER, phases=3, vuf_max_pct=np.array([np.inf, 2.0, 2.0]))
"""The same feeder with every phase solved; an unbalance of 2 % is allowed at its low voltage."""

SOLVED = GridState(
    vm_pu=np.array([[1.02], [1.0], [0.95]]),
    vuf_pct=np.zeros(3),
    loading_pct=np.array([40.0, 60.0]),
    slack_w=0.0,
    losses_w=0.0,
    base_w=0.0,
    pv_w=0.0,
    ev_w=0.0,
    converged=True,
    mismatch_w=0.0,
    iterations=3,
)

SESSION: dict[str, Any] = {
    "session": "a/1#1", "driver": "anna", "archetype": "home", "vehicle": "kona", "site": "street", "operator": "op",
    "evse": "a/1", "bus": "lv", "outcome": "served", "arrival_s": 0.0, "plugged_s": 0.0, "finished_s": 600.0,
    "unplugged_s": 600.0, "departure_s": 600.0, "wait_s": 0.0, "requested_wh": 1000.0, "delivered_wh": 1000.0,
    "metered_wh": 1000.0, "battery_wh": 900.0, "converter_loss_wh": 90.0, "standby_wh": 10.0, "cost_minor": 30,
    "currency": "EUR",
}  # fmt: skip


def state(**values: Any) -> GridState:
    """A solved instant that differs from an easy one by `values`; `vm_pu` (nb,) is that of a symmetric feeder."""
    if "vm_pu" in values:
        values["vm_pu"] = np.reshape(values["vm_pu"], (len(FEEDER.buses), -1))
    return replace(SOLVED, **values)


def session(**values: Any) -> dict[str, Any]:
    """A session row that differs from a plain one by `values`."""
    return SESSION | values


def make_fleet(*buses: str | None) -> Fleet:
    """One EVSE of 11 kW per bus, called a/1, b/1 and so on."""
    return Fleet(
        [
            EvseSpec(id=f"{chr(97 + i)}/1", station=chr(97 + i), site="street", bus=bus)
            for i, bus in enumerate(buses)
        ]
    )


def make_facts(**values: Any) -> RunFacts:
    """Facts of a run of an hour that starts in Berlin's winter."""
    plain: dict[str, Any] = {
        "scenario": "street", "scenario_hash": "abc", "seed": 7, "mode": "simulated", "strategy": "uncontrolled",
        "guarded": False, "epoch": datetime.fromisoformat("2016-01-18T00:00:00+01:00"), "time_zone": "Europe/Berlin",
        "period_s": 300.0, "horizon_s": 3600.0, "evses": 2,
    }  # fmt: skip
    return RunFacts(**plain | values)


def interval_of(fleet: Fleet) -> Interval:
    """What happened, where control knows everything and stations lose nothing."""
    interval = Interval(np.zeros((COLUMNS, len(fleet))))
    interval.power_w[:] = interval.grid_w[:] = fleet.power_w
    interval.register_wh[:] = fleet.register_wh
    interval.plugged[:] = fleet.plugged
    interval.powered[:] = 1.0
    interval.phase_w[:] = interval.grid_w / 3.0
    return interval


class Bench:
    """A run that a test writes by hand: plug cars, give them power, tick."""

    def __init__(self, started: StartedRun, fleet: Fleet, period_s: float) -> None:
        self.folder, self.manifest, self.recorder = started
        self.fleet = fleet
        self.period_s = period_s
        self.t_s = 0.0

    def tick(
        self,
        *power_w: float,
        solved: GridState | None = None,
        without: GridState | None = None,
        wanted_w: float | None = 0.0,
        reasons: Mapping[int, str] | None = None,
        plugged: tuple[bool, ...] | None = None,
        shares: tuple[tuple[float, float, float], ...] | None = None,
    ) -> None:
        """Close one interval: every EVSE with power has a car, unless `plugged` says otherwise.

        `wanted_w` None: the run ends here. `shares`: of each EVSE's power by phase, evenly by default.
        """
        self.t_s += self.period_s
        power = np.array(power_w)
        self.fleet.power_w[:] = power
        self.fleet.plugged[:] = power > 0.0 if plugged is None else plugged
        self.fleet.register_wh[:] += power * self.period_s / 3600.0
        interval = interval_of(self.fleet)
        if shares is not None:
            interval.phase_w[:] = interval.grid_w * np.transpose(shares)
        if solved is not None:
            self.recorder.grid(self.t_s, interval, solved, without)
        wanted = None if wanted_w is None else np.full(len(power), wanted_w)
        if wanted is not None:
            self.recorder.plan(self.t_s, self.fleet, wanted, reasons or {})
        self.recorder.tick(self.t_s, self.fleet, interval, wanted, reasons or {})

    def finish(self, cpu_s: float = 2.0) -> Run:
        """End the run and open it."""
        self.recorder.close()
        self.manifest.finish("finished", cpu_s=cpu_s, wall_s=3.0)
        run = open_run(self.folder)
        write_summary(run)
        return run


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    """Make a bench: `bench("lv", "end", grid=True, part_s=600)`; a topology is a grid, too; `provenance`: of the grid."""

    def make(
        *buses: str | None,
        grid: bool | GridTopology = False,
        part_s: float = 86_400.0,
        name: str = "run",
        provenance: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> Bench:
        fleet = make_fleet(*(buses or ("lv", "end")))
        known = make_facts(evses=len(fleet), grid=provenance, **facts)
        topology = grid if isinstance(grid, GridTopology) else FEEDER if grid else None
        started = start_run(tmp_path / name, known, "description: x\n", fleet, topology, part_s=part_s)
        return Bench(started, fleet, known.period_s)

    return make
