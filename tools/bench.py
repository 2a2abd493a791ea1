"""Print the speed table of docs/benchmarks.md: EVSE-days per CPU-second, power flow off.

Workload: n EVSEs of 11 kW at one site, two sessions per EVSE and day of 4.2 hours each (35 % plugged in),
5 minute ticks, earliest deadline first under a three-phase site limit that binds in about half of the
ticks with cars. *Full* writes every table, prices every session and audits energy and money; *core* does
neither. Each figure is the CPU time of the whole process while the run moves, best of three.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import process_time

import numpy as np

from twin.control.strategies.priority import EarliestDeadlineFirst
from twin.domain.fleet import Fleet
from twin.domain.ids import Vector
from twin.domain.interval import Interval
from twin.domain.site_limits import site_limits
from twin.domain.specs import DriverSpec, EvseSpec, LimitGroup, SiteSpec
from twin.domain.visits import Visits
from twin.engine.core import Parts, Simulation
from twin.engine.tariffs import SiteTariff
from twin.money.billing.model import Component, Dimension, Element, Tariff
from twin.money.billing.pricing import Pricer
from twin.results.audit import Audit
from twin.results.recorder import NullRecorder, ParquetRecorder
from twin.rng import stream
from twin.world.population.agents import Population
from twin.world.stations.catalogue import DEFAULT_MIX, catalogue
from twin.world.stations.simulated import SimulatedStations

PERIOD_S = 300.0
DAY_S = 86_400.0
STAY_S = 4.2 * 3_600
PEERS = {
    "ACN-Sim EDF, 5 min": {10: 23, 50: 19, 200: 22},
    "EV2Gym fast, 15 min, no limit enforced": {10: 1_000, 50: 1_000, 200: 1_100, 1_000: 893},
    "SpiceEV greedy, 15 min": {10: 1_265, 50: 1_631, 200: 905, 1_000: 266},
}
SIZES = (10, 50, 54, 200, 1_000)


def visits(n: int, days: int, seed: int) -> Visits:
    """Two visits per EVSE and day, one in each half of it, never overlapping."""
    rng = stream(seed, "bench", n)
    halves = np.arange(2 * days)
    arrival = (halves[:, None] * DAY_S / 2 + rng.uniform(0, DAY_S / 2 - STAY_S, (2 * days, n))).ravel()
    evse = np.tile(np.arange(n), 2 * days)
    energy = rng.uniform(5_000, 25_000, len(arrival))
    models = [catalogue()[name] for name in DEFAULT_MIX]
    vehicle = rng.integers(0, len(models), n)
    order = np.lexsort((evse, arrival))
    room = np.array([m.usable_wh for m in models])[vehicle][evse]
    energy = np.minimum(energy, 0.8 * room)
    drivers = tuple(
        DriverSpec(id=f"d{i}", archetype="work", vehicle=int(vehicle[i]), sites=("site",)) for i in range(n)
    )
    departure = arrival + STAY_S
    return Visits(
        arrival_s=arrival[order],
        departure_s=departure[order],
        energy_wh=energy[order],
        arrival_wh=(room - 0.95 * energy)[order],
        said_departure_s=departure[order],
        said_energy_wh=energy[order],
        patience_s=np.zeros(len(arrival)),
        driver=evse[order],
        evse=evse[order],
        drivers=drivers,
        vehicles=tuple(models),
    )


class Counter(NullRecorder):
    """Keeps nothing but how often the limit binds."""

    def __init__(self) -> None:
        self.ticks = self.bound = 0

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        /,
    ) -> None:
        """Count ticks with cars in which somebody gets less than the maximum."""
        busy = fleet.charging > 0
        if wanted_w is not None and busy.any():
            self.ticks += 1
            missing = np.minimum(
                fleet.max_w,
                np.maximum(fleet.min_w, 12 * (fleet.requested_wh - fleet.register_wh + fleet.start_wh)),
            )
            self.bound += bool((wanted_w[busy] < 0.99 * missing[busy]).any())


def parts(n: int, days: int, *, priced: bool) -> Parts:
    """The run: one site, one limit, one tariff."""
    evses = [EvseSpec(id=f"s{i}/1", station=f"s{i}", site="site", bus=None) for i in range(n)]
    limit_a = n * 16 * (0.174 + 0.14 / n**0.5)
    site = SiteSpec(id="site", operator="o", tariff="t", groups=(LimitGroup(name="main", limit_a=limit_a),))
    fleet = Fleet(evses)
    demand = visits(n, days, seed=1)
    population = Population(demand)
    energy = Component(Dimension.ENERGY, Decimal("0.30"))
    tariff = Tariff(id="t", currency="EUR", elements=(Element(components=(energy,)),), tax_included=True)
    start = datetime(2026, 1, 12, tzinfo=UTC)
    return Parts(
        fleet=fleet,
        stations=SimulatedStations(fleet),
        sites={"site": site},
        limits=site_limits([site], evses),
        strategy=EarliestDeadlineFirst(),
        guard=None,
        grid=None,
        visits=demand,
        minds=population.drivers,
        tariffs={"site": SiteTariff(Pricer(tariff, "UTC"), round(start.timestamp() * 1000), days * DAY_S)}
        if priced
        else {},
        faults=(),
        period_s=PERIOD_S,
        ticks=round(days * DAY_S / PERIOD_S),
        power_flow_every=1,
        plan_on_arrival=False,
        notes=(),
        release=population.close,
    )


def core(n: int, days: int) -> float:
    """CPU seconds without tables and prices."""
    simulation = Simulation(parts(n, days, priced=False), NullRecorder(), None)
    begin = process_time()
    simulation.run()
    return process_time() - begin


def full(n: int, days: int) -> float:
    """CPU seconds with tables, prices and audit."""
    made = parts(n, days, priced=True)
    with tempfile.TemporaryDirectory() as folder:
        begin = process_time()
        recorder = ParquetRecorder(Path(folder), made.fleet, None, made.limits)
        Simulation(made, recorder, Audit(made.fleet)).run()
        recorder.close()
        return process_time() - begin


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = options.parse_args().sizes
    core(10, 1), full(10, 1)  # compiled code is loaded once
    out = sys.stdout.write
    out(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one process\n")
    out(f"{'EVSEs':>38} " + "".join(f"{n:>9}" for n in sizes) + "\n")
    for label, measure in (("full run", full), ("core", core)):
        speeds = []
        for n in sizes:
            days = max(5_000 // n, 7)
            speeds.append(n * days / min(measure(n, days) for _ in range(3)))
        out(f"{'Twin EDF, 5 min, ' + label:>38} " + "".join(f"{s:9,.0f}" for s in speeds) + "\n")
    for peer, figures in PEERS.items():
        out(f"{peer:>38} " + "".join(f"{figures.get(n, '-'):>9}" for n in sizes) + "\n")
    for n in sizes:
        counter = Counter()
        Simulation(parts(n, 7, priced=False), counter, None).run()
        out(f"limit binds in {counter.bound / counter.ticks:.0%} of the ticks with cars at {n} EVSEs\n")


if __name__ == "__main__":
    main()
