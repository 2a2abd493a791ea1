"""Whole runs of a few cars, as timelines that one can check by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal

import numpy as np
import pytest

from twin.control.strategies.priority import FirstComeFirstServed
from twin.control.strategies.uncontrolled import Uncontrolled
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Vector
from twin.domain.interval import Interval
from twin.domain.site_limits import site_limits
from twin.domain.specs import Connection, DriverSpec, EvseSpec, FaultSpec, LimitGroup, SiteSpec, VehicleSpec
from twin.domain.views import FleetView, Plan, Strategy
from twin.domain.visits import ANY_EVSE, Visits
from twin.engine.core import Parts, Simulation
from twin.engine.tariffs import SiteTariff
from twin.errors import StrategyError
from twin.money.billing.model import Component, Dimension, Element, Restrictions, Tariff
from twin.money.billing.pricing import Pricer
from twin.results.audit import Audit
from twin.world.population.agents import Population
from twin.world.stations.simulated import SimulatedStations

HOUR = 3_600.0
UNCONTROLLED = Uncontrolled()
CAR = VehicleSpec(
    model="car",
    usable_wh=60_000,
    ac_phases=3,
    ac_max_w=11_040,
    dc_max_w=120_000,
    taper_soc=0.9,
    taper_end=0.2,
    standby_w=0.0,
    ac_efficiency=1.0,
)


class Notebook:
    """A recorder that keeps everything in lists."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, object]]] = {}
        self.power_w: dict[float, list[float]] = {}
        self.wanted_w: dict[float, list[float] | None] = {}
        self.plans_s: list[float] = []
        self.solved_s: list[float] = []

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        /,
    ) -> None:
        self.power_w[t_s] = interval.power_w.tolist()
        self.wanted_w[t_s] = None if wanted_w is None else wanted_w.tolist()

    def plan(self, t_s: float, *_: object) -> None:
        self.plans_s.append(t_s)

    def grid(self, t_s: float, *_: object) -> None:
        self.solved_s.append(t_s)

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        self.tables.setdefault(table, []).append(dict(values))

    def session_of_row(self, row: int, session: str, /) -> None:
        pass

    def column(self, table: str, name: str) -> list[object]:
        return [row[name] for row in self.tables.get(table, [])]


class FakeGrid:
    """A feeder of one bus that keeps what it was asked to solve, and is too low or not."""

    provenance: Mapping[str, object] = {}

    def __init__(self, phases: int, *, vm_pu: float = 1.0) -> None:
        one = np.ones(1)
        self.topology = GridTopology(
            name="fake", buses=("b",), bus_vn_kv=0.4 * one, charging_level=one > 0, branches=(),
            is_trafo=np.zeros(0, dtype=bool), from_bus=np.zeros(0), to_bus=np.zeros(0),
            bus_xy=np.full((1, 2), np.nan), vm_min_pu=0.9 * one, vm_max_pu=1.1 * one,
            max_loading_pct=np.zeros(0), head_va_rating=np.inf, phases=phases, vuf_max_pct=np.inf * one,
        )  # fmt: skip
        self.asked: list[tuple[float, float, list[object]]] = []
        self._vm_pu = np.full((1, phases), vm_pu)

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        self.asked.append((start_s, end_s, evse_w.round(6).tolist()))
        ev_w = float(evse_w.sum())
        return GridState(
            vm_pu=self._vm_pu, vuf_pct=np.zeros(1), loading_pct=np.zeros(0), slack_w=ev_w, losses_w=0.0,
            base_w=0.0, pv_w=0.0, ev_w=ev_w, converged=True, mismatch_w=0.0, iterations=1,
        )  # fmt: skip

    def sensitivity(self, *_: object) -> Sensitivity:
        raise AssertionError("nobody guards these runs")


def per_kwh(price: str, *first: Element) -> Tariff:
    """A price per kWh, behind other elements."""
    always = Element(components=(Component(Dimension.ENERGY, Decimal(price)),))
    return Tariff(id="t", currency="EUR", elements=(*first, always), tax_included=True)


def at_site(tariff: Tariff, start: datetime, horizon_s: float) -> SiteTariff:
    """A tariff at a site in UTC."""
    return SiteTariff(Pricer(tariff, "UTC"), round(start.timestamp() * 1000), horizon_s)


def visit(arrival_h: float, departure_h: float, kwh: float, **more: object) -> dict[str, object]:
    return {
        "arrival_h": arrival_h,
        "departure_h": departure_h,
        "kwh": kwh,
        "patience_h": 9.0,
        "sites": ("a",),
    } | more


def simulate(
    *wanted: dict[str, object],
    evses: Sequence[str] = ("a1/1",),
    limit_w: float = np.inf,
    strategy: Strategy = UNCONTROLLED,
    faults: Sequence[FaultSpec] = (),
    tariff: Tariff | None = None,
    hours: float = 12,
    plan_on_arrival: bool = False,
    one_driver: bool = False,
    grid: FakeGrid | None = None,
    power_flow_every: int = 1,
    connection: Connection = Connection.L1L2L3,
) -> Notebook:
    """Run cars through sites named by the first letter of their EVSEs, hourly ticks."""
    specs = [
        EvseSpec(id=e, station=e.split("/")[0], site=e[0], bus=None, connection=connection) for e in evses
    ]
    names = sorted({e[0] for e in evses})
    groups = (LimitGroup(name="main", limit_w=limit_w),)
    sites = {n: SiteSpec(id=n, operator=f"op-{n}", tariff="t", groups=groups) for n in names}
    wanted = tuple(sorted(wanted, key=lambda v: v["arrival_h"]))
    drivers = tuple(
        DriverSpec(
            id=f"d{k}", archetype="work", vehicle=0, sites=v["sites"], if_full=v.get("if_full", "wait")
        )
        for k, v in enumerate(wanted)
    )

    def seconds(key: str) -> Vector:
        return np.array([v[key] for v in wanted]) * HOUR

    energy = np.array([v["kwh"] for v in wanted]) * 1_000.0
    visits = Visits(
        arrival_s=seconds("arrival_h"),
        departure_s=seconds("departure_h"),
        energy_wh=energy,
        arrival_wh=np.full(len(wanted), 5_000.0),
        said_departure_s=seconds("departure_h"),
        said_energy_wh=energy,
        patience_s=seconds("patience_h"),
        driver=np.zeros(len(wanted), dtype=np.int64) if one_driver else np.arange(len(wanted)),
        evse=np.array([v.get("evse", ANY_EVSE) for v in wanted]),
        drivers=drivers,
        vehicles=(CAR,),
    )
    fleet = Fleet(specs)
    population = Population(visits)
    start = datetime(2026, 1, 12, tzinfo=UTC)
    tariffs = {} if tariff is None else dict.fromkeys(names, at_site(tariff, start, hours * HOUR))
    parts = Parts(
        fleet=fleet,
        stations=SimulatedStations(fleet),
        sites=sites,
        limits=site_limits(list(sites.values()), specs),
        strategy=strategy,
        guard=None,
        grid=grid,
        visits=visits,
        minds=population.drivers,
        tariffs=tariffs,
        faults=faults,
        period_s=HOUR,
        ticks=int(hours),
        power_flow_every=power_flow_every,
        plan_on_arrival=plan_on_arrival,
        notes=(),
        release=population.close,
    )
    notebook = Notebook()
    Simulation(parts, notebook, Audit(fleet)).run()
    parts.release()
    return notebook


class TestOneCar:
    def test_it_is_served_between_the_ticks(self) -> None:
        """11.04 kWh from 00:30 at 11.04 kW are there at 01:30; half an hour falls into each tick."""
        seen = simulate(visit(0.5, 4.25, 11.04))
        assert seen.column("sessions", "finished_s") == [pytest.approx(1.5 * HOUR)]
        assert seen.column("sessions", "unplugged_s") == [4.25 * HOUR]
        assert seen.power_w[1 * HOUR] == [pytest.approx(5_520)]
        assert seen.power_w[2 * HOUR] == [pytest.approx(5_520)]
        assert seen.power_w[3 * HOUR] == [0.0]

    def test_it_waits_for_the_next_plan_where_limits_are_shared(self) -> None:
        """Plugged in at 00:30, it may draw from the tick at 01:00 on: power is never handed out unplanned."""
        seen = simulate(visit(0.5, 4.25, 11.04), strategy=FirstComeFirstServed(), limit_w=50_000)
        assert seen.power_w[1 * HOUR] == [0.0]
        assert seen.column("sessions", "finished_s") == [pytest.approx(2 * HOUR)]

    def test_it_starts_at_once_where_arrivals_are_planned(self) -> None:
        """Plugged in at 00:30 between two ticks, it gets its share at 00:30."""
        seen = simulate(
            visit(0.5, 4.25, 11.04), strategy=FirstComeFirstServed(), limit_w=50_000, plan_on_arrival=True
        )
        assert seen.power_w[1 * HOUR] == [pytest.approx(5_520)]

    def test_nothing_is_planned_behind_the_end_of_the_run(self) -> None:
        """Plans at 0, 1, 2 and 3:00, and at the arrival at 2:30; the tick at 4:00 closes the last hour only."""
        seen = simulate(
            visit(2.5, 9, 50), strategy=FirstComeFirstServed(), limit_w=50_000, hours=4, plan_on_arrival=True
        )
        assert seen.plans_s == [0.0, HOUR, 2 * HOUR, 2.5 * HOUR, 3 * HOUR]
        assert seen.wanted_w[3 * HOUR] == [pytest.approx(11_040)]
        assert seen.wanted_w[4 * HOUR] is None
        assert seen.power_w[4 * HOUR] == [pytest.approx(11_040)]

    def test_a_car_that_arrives_on_a_tick_is_planned_by_that_tick(self) -> None:
        """It comes at 2:00, after another at 1:30: whichever was scheduled first, it draws from 2:00 on."""
        seen = simulate(
            visit(1.5, 9, 30),
            visit(2.0, 9, 11.04),
            evses=("a1/1", "a2/1"),
            strategy=FirstComeFirstServed(),
            limit_w=50_000,
        )
        assert seen.power_w[3 * HOUR] == [pytest.approx(11_040), pytest.approx(11_040)]

    def test_a_car_that_is_still_there_at_the_end_is_open(self) -> None:
        """The run ends at 12:00; the session is closed where it stands."""
        seen = simulate(visit(11.5, 30.0, 50.0))
        assert seen.column("sessions", "outcome") == ["open"]
        assert seen.column("sessions", "delivered_wh") == [pytest.approx(5_520)]


class TestQueue:
    def test_the_second_car_waits_and_leaves_on_time(self) -> None:
        """One connector: the second comes at 1:00, plugs in at 3:00 when the first leaves, leaves at 5:00."""
        seen = simulate(visit(0, 3, 5), visit(1, 5, 5))
        assert seen.column("sessions", "outcome") == ["served", "served"]
        assert seen.column("sessions", "wait_s") == [0.0, 2 * HOUR]
        assert seen.column("sessions", "unplugged_s") == [3 * HOUR, 5 * HOUR]

    def test_patience_ends(self) -> None:
        """It waits half an hour and goes; the row says how long."""
        seen = simulate(visit(0, 3, 5), visit(1, 5, 5, patience_h=0.5))
        outcomes = dict(
            zip(seen.column("sessions", "driver"), seen.column("sessions", "outcome"), strict=True)
        )
        assert outcomes == {"d0": "served", "d1": "reneged"}
        assert seen.tables["sessions"][0]["wait_s"] == 0.5 * HOUR

    def test_who_would_not_wait_does_not_come(self) -> None:
        """The app shows a full site: the driver stays away."""
        seen = simulate(visit(0, 3, 5), visit(1, 5, 5, if_full="leave"))
        assert sorted(seen.column("sessions", "outcome")) == ["balked", "served"]

    def test_the_next_site_takes_who_does_not_wait(self) -> None:
        """Site a is full, site b is free: the second car charges at b, for b's operator."""
        seen = simulate(
            visit(0, 3, 5), visit(1, 5, 5, sites=("a", "b"), if_full="elsewhere"), evses=("a1/1", "b1/1")
        )
        assert seen.column("sessions", "evse") == ["a1/1", "b1/1"]
        assert seen.column("sessions", "operator") == ["op-a", "op-b"]

    def test_who_waits_at_the_end_of_the_run_is_not_forgotten(self) -> None:
        """It came at 10:00, the connector is taken until 20:00, the run ends at 12:00."""
        seen = simulate(visit(0, 20, 5), visit(10, 22, 5))
        assert seen.column("sessions", "outcome") == ["open", "open"]
        assert seen.tables["sessions"][1]["wait_s"] == 2 * HOUR


class TestShare:
    def test_the_first_comer_gets_what_there_is(self) -> None:
        """11.04 kW for two cars: the second starts when the first has its 11.04 kWh, at 02:00."""
        seen = simulate(
            visit(0, 9, 11.04),
            visit(0, 9, 11.04, evse=1),
            evses=("a1/1", "a2/1"),
            limit_w=11_040,
            strategy=FirstComeFirstServed(),
        )
        assert seen.power_w[1 * HOUR] == [pytest.approx(11_040), 0.0]
        assert seen.power_w[2 * HOUR] == [0.0, pytest.approx(11_040)]


class Answers:
    """A strategy that returns what it is told to."""

    keeps_limits = True

    def __init__(self, answer: Callable[[FleetView], Vector]) -> None:
        self.answer = answer

    def plan(self, view: FleetView, state: object, /) -> Plan:
        return Plan(self.answer(view))


class TestStrategiesOfOthers:
    @pytest.mark.parametrize(
        ("answer", "got"),
        [
            (lambda view: view.max_w * np.nan, "[nan]"),
            (lambda view: view.max_w * 10, "[110400.]"),
            (lambda view: view.max_w[:0], "[]"),
            (lambda view: -view.max_w, "[-11040.]"),
        ],
    )
    def test_an_answer_that_cannot_be_used_names_the_strategy(
        self, answer: Callable[[FleetView], Vector], got: str
    ) -> None:
        """NaN, too much, too few, negative: one error with the instant and what would be right."""
        with pytest.raises(StrategyError) as raised:
            simulate(visit(0, 9, 5), strategy=Answers(answer))
        assert str(raised.value) == (
            "Answers: plan() at t=0 s must return 1 limits from 0 W to the view's max_w, "
            f"got {got} where max_w is [11040.]"
        )

    def test_what_it_raises_is_put_down_to_it(self) -> None:
        """A division by zero in somebody's strategy is no defect of the twin."""
        with pytest.raises(StrategyError) as raised:
            simulate(visit(0, 9, 5), strategy=Answers(lambda _: np.array([1 / 0])))
        assert str(raised.value) == "Answers: plan() raised ZeroDivisionError at t=0 s: division by zero"


class TestFaults:
    def test_an_outage_pauses_the_session(self) -> None:
        """No power from 1:00 to 2:00: 22.08 kWh take three hours instead of two."""
        fault = FaultSpec(kind="outage", evses=("a1/1",), start_s=HOUR, end_s=2 * HOUR)
        seen = simulate(visit(0, 9, 22.08), faults=[fault])
        assert seen.column("sessions", "finished_s") == [pytest.approx(3 * HOUR)]
        assert seen.column("events", "kind") == ["fault", "recovery"]

    def test_nobody_plugs_in_at_a_dead_connector(self) -> None:
        """It is out of order from 0:30 to 2:00; the car that comes at 1:00 waits for it."""
        fault = FaultSpec(kind="outage", evses=("a1/1",), start_s=0.5 * HOUR, end_s=2 * HOUR)
        seen = simulate(visit(1, 9, 5), faults=[fault])
        assert seen.column("sessions", "plugged_s") == [2 * HOUR]

    def test_what_a_stuck_meter_missed_is_explained(self) -> None:
        """The register stands still for the second hour: 11.04 of 22.08 kWh are billed, the rest is named."""
        fault = FaultSpec(kind="stuck-meter", evses=("a1/1",), start_s=HOUR, end_s=3 * HOUR)
        seen = simulate(visit(0, 9, 22.08), faults=[fault])
        assert seen.column("sessions", "metered_wh") == [pytest.approx(11_040)]
        assert seen.column("events", "kind") == ["fault", "recovery", "unmetered"]
        assert seen.tables["events"][-1]["value"] == pytest.approx(11_040)

    def test_a_session_that_ends_offline_is_billed_when_the_station_is_back(self) -> None:
        """The car leaves at 3:00, the station tells at 5:00: same energy, same end."""
        fault = FaultSpec(kind="offline", evses=("a1/1",), start_s=HOUR, end_s=5 * HOUR)
        tariff = per_kwh("0.50")
        seen = simulate(visit(0, 3, 11.04), faults=[fault], tariff=tariff)
        assert seen.column("sessions", "unplugged_s") == [3 * HOUR]
        assert seen.column("sessions", "cost_minor") == [552]

    def test_a_station_that_is_offline_to_the_end_tells_at_the_end(self) -> None:
        """Nothing is lost with the run's last tick."""
        fault = FaultSpec(kind="offline", evses=("a1/1",), start_s=HOUR, end_s=99 * HOUR)
        seen = simulate(visit(0, 3, 11.04), faults=[fault])
        assert seen.column("sessions", "metered_wh") == [pytest.approx(11_040)]

    def test_who_comes_and_goes_offline_gets_nothing(self) -> None:
        """Nobody could authorise the driver; the next one is served again."""
        fault = FaultSpec(kind="offline", evses=("a1/1",), start_s=0.0, end_s=3 * HOUR)
        seen = simulate(visit(1, 2, 5), visit(4, 6, 5), faults=[fault])
        assert seen.column("sessions", "outcome") == ["unauthorised", "served"]
        assert seen.column("sessions", "delivered_wh") == [0.0, pytest.approx(5_000)]

    def test_a_card_shown_for_an_earlier_visit_starts_nothing(self) -> None:
        """The same driver comes twice while the station is offline: only the second visit is authorised."""
        fault = FaultSpec(kind="offline", evses=("a1/1",), start_s=HOUR, end_s=5 * HOUR)
        twice = [visit(2, 3, 5), visit(4, 8, 10)]
        seen = simulate(*twice, faults=[fault], one_driver=True)
        assert seen.column("sessions", "outcome") == ["unauthorised", "served"]
        assert seen.column("sessions", "delivered_wh") == [0.0, pytest.approx(10_000)]

    def test_overlapping_outages_end_with_the_last(self) -> None:
        """1:30 to 3:30 and 2:00 to 5:30: the car that comes at 4:30 plugs in at 5:30."""
        faults = [
            FaultSpec(kind="outage", evses=("a1/1",), start_s=1.5 * HOUR, end_s=3.5 * HOUR),
            FaultSpec(kind="outage", evses=("a1/1",), start_s=2.0 * HOUR, end_s=5.5 * HOUR),
        ]
        seen = simulate(visit(1, 4.2, 5), visit(4.5, 9, 5), faults=faults)
        assert seen.column("sessions", "plugged_s") == [HOUR, 5.5 * HOUR]

    def test_overlapping_silences_end_with_the_last(self) -> None:
        """Offline from 2:00 to 4:00 and from 3:00 past the end: the session is told at the end, not lost."""
        faults = [
            FaultSpec(kind="offline", evses=("a1/1",), start_s=2 * HOUR, end_s=4 * HOUR),
            FaultSpec(kind="offline", evses=("a1/1",), start_s=3 * HOUR, end_s=99 * HOUR),
        ]
        seen = simulate(visit(1, 5, 11.04), faults=faults)
        assert seen.column("sessions", "metered_wh") == [pytest.approx(11_040)]

    def test_an_outage_that_ends_offline_leaves_the_connector_to_its_car(self) -> None:
        """Offline 1:00 to 8:00, no power 3:00 to 4:00, a car from 2:00 to 7:00: the next waits until 7:00."""
        faults = [
            FaultSpec(kind="offline", evses=("a1/1",), start_s=1 * HOUR, end_s=8 * HOUR),
            FaultSpec(kind="outage", evses=("a1/1",), start_s=3 * HOUR, end_s=4 * HOUR),
        ]
        seen = simulate(visit(2, 7, 5), visit(5, 9, 5), faults=faults)
        assert seen.column("sessions", "plugged_s") == [2 * HOUR, 7 * HOUR]

    def test_a_connector_comes_back_after_a_silent_outage(self) -> None:
        """Offline 1:30 to 4:30, no power 2:00 to 4:00, a car until 3:00: at 10:00 the connector is free."""
        faults = [
            FaultSpec(kind="offline", evses=("a1/1",), start_s=1.5 * HOUR, end_s=4.5 * HOUR),
            FaultSpec(kind="outage", evses=("a1/1",), start_s=2.0 * HOUR, end_s=4.0 * HOUR),
        ]
        seen = simulate(visit(1, 3, 5), visit(10, 11.5, 5), faults=faults)
        assert seen.column("sessions", "outcome") == ["served", "served"]

    def test_a_car_plugged_in_offline_starts_when_the_station_is_back(self) -> None:
        """It comes at 1:00, the station is back at 3:00: energy flows from then on."""
        fault = FaultSpec(kind="offline", evses=("a1/1",), start_s=0.0, end_s=3 * HOUR)
        seen = simulate(visit(1, 9, 11.04), faults=[fault])
        assert seen.column("sessions", "finished_s") == [pytest.approx(4 * HOUR)]


class TestMoney:
    def test_energy_is_priced_at_its_hour(self) -> None:
        """22.08 kWh from 5:00 to 7:00: half at 0.50 before 6:00, half at 0.25 after it: 8.28 EUR."""
        early = Restrictions(start_time=time(0), end_time=time(6))
        tariff = per_kwh(
            "0.25", Element(components=(Component(Dimension.ENERGY, Decimal("0.50")),), restrictions=early)
        )
        seen = simulate(visit(5, 9, 22.08), tariff=tariff)
        assert seen.column("invoices", "energy_wh") == [11_040, 11_040]
        assert seen.column("sessions", "cost_minor") == [828]

    def test_a_site_without_a_tariff_is_free(self) -> None:
        """No invoice, no price."""
        seen = simulate(visit(0, 9, 5))
        assert "invoices" not in seen.tables
        assert seen.column("sessions", "currency") == [""]


def test_another_strategy_meets_the_same_cars() -> None:
    """Arrivals, departures and needs do not depend on who decides."""
    wanted = [visit(0.1 * k, 9, 3 + k) for k in range(5)]
    evses = tuple(f"a{k}/1" for k in range(5))
    runs = [
        simulate(*wanted, evses=evses, strategy=s, limit_w=9_000)
        for s in (Uncontrolled(), FirstComeFirstServed())
    ]
    for column in ("driver", "arrival_s", "departure_s", "requested_wh"):
        first, second = (sorted(run.column("sessions", column)) for run in runs)
        assert first == second


class TestTheFeeder:
    def test_a_symmetric_one_is_solved_with_the_mean_of_every_closed_hour(self) -> None:
        """11.04 kW from 00:30 for one hour: half of it in each of two hours."""
        grid = FakeGrid(1)
        simulate(visit(0.5, 4.25, 11.04), grid=grid, hours=3)
        assert grid.asked == [
            (0.0, 1 * HOUR, [5_520.0]),
            (1 * HOUR, 2 * HOUR, [5_520.0]),
            (2 * HOUR, 3 * HOUR, [0.0]),
        ]

    def test_one_with_three_phases_gets_a_row_per_evse_and_a_column_per_phase(self) -> None:
        grid = FakeGrid(3)
        simulate(visit(0.5, 4.25, 11.04), grid=grid, hours=2, evses=("a1/1", "a2/1"))
        assert grid.asked[0] == (0.0, HOUR, [[1_840.0] * 3, [0.0] * 3])

    def test_the_phase_is_that_of_the_connection(self) -> None:
        grid = FakeGrid(3)
        simulate(visit(0.0, 4.25, 3.68), grid=grid, hours=2, connection=Connection.L2)
        assert grid.asked[0] == (0.0, HOUR, [[0.0, 3_680.0, 0.0]])

    @pytest.mark.parametrize(
        ("phases", "half", "rest"), [(1, [5_520.0], [0.0]), (3, [[1_840.0] * 3], [[0.0] * 3])]
    )
    def test_solved_every_second_tick_it_sees_means_of_two_hours_and_the_rest_at_the_end(
        self, phases: int, half: list[object], rest: list[object]
    ) -> None:
        grid = FakeGrid(phases)
        seen = simulate(visit(0.0, 4.25, 11.04), grid=grid, hours=3, power_flow_every=2)
        assert grid.asked == [(0.0, 2 * HOUR, half), (2 * HOUR, 3 * HOUR, rest)]
        assert seen.solved_s == [2 * HOUR, 3 * HOUR]

    @pytest.mark.parametrize(("phases", "nothing"), [(1, [0.0]), (3, [[0.0] * 3])])
    def test_where_a_limit_is_broken_the_hour_is_solved_again_without_cars(
        self, phases: int, nothing: list[object]
    ) -> None:
        grid = FakeGrid(phases, vm_pu=0.85)
        simulate(visit(0.0, 4.25, 11.04), grid=grid, hours=1)
        assert len(grid.asked) == 2
        assert grid.asked[1] == (0.0, HOUR, nothing)
