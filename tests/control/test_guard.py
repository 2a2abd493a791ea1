"""The guard: does nothing when it need not, curtails who matters, proves it, and says what it cannot help."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pytest

from twin.control.guard import Guard
from twin.control.guard_rules import Rule
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology, Sensitivity, broken
from twin.domain.ids import Matrix, Rows, Vector
from twin.domain.specs import EvseSpec
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import read_profile
from twin.grid.series import BaseLoad


class Bench:
    """A made-up feeder: loadings in % and voltages in pu are linear in kW drawn, plus a base by interval.

    `line` (l, n) % per kW, `bus` (b, n) pu per kW fallen; branch 0 is the transformer.
    """

    def __init__(
        self, line: Sequence[Sequence[float]], bus: Sequence[Sequence[float]] = (), bend: float = 0.0
    ):
        self.line = np.array(line, dtype=float)
        self.bus = np.array(bus, dtype=float).reshape(-1, self.line.shape[1])
        self.bend = bend
        self.base_pct = np.zeros(len(self.line))
        self.base_pu = np.ones(len(self.bus))
        self.next_pct: np.ndarray | None = None
        self.solves: list[tuple[float, float]] = []
        self.most_w = np.inf
        branches, buses = len(self.line), len(self.bus)
        self.provenance: dict[str, object] = {}
        self.topology = GridTopology(
            name="bench",
            buses=tuple(f"B{i}" for i in range(buses)),
            bus_vn_kv=np.full(buses, 0.4),
            charging_level=np.full(buses, True),
            branches=("T", *(f"L{i}" for i in range(1, branches))),
            is_trafo=np.arange(branches) == 0,
            from_bus=np.zeros(branches, dtype=np.int64),
            to_bus=np.zeros(branches, dtype=np.int64),
            bus_xy=np.full((buses, 2), np.nan),
            vm_min_pu=np.full(buses, 0.9),
            vm_max_pu=np.full(buses, 1.1),
            max_loading_pct=np.full(branches, 100.0),
            head_va_rating=np.inf,
            phases=1,
            vuf_max_pct=np.full(buses, np.inf),
        )

    def solve(self, start_s: float, end_s: float, evse_w: Vector, /) -> GridState:
        """Loading rises with the square as well where the bench is bent."""
        self.solves.append((start_s, end_s))
        kw = evse_w / 1e3
        linear = self.line @ kw
        ok = bool(evse_w.sum() <= self.most_w)
        base = self.base_pct if self.next_pct is None or end_s <= 300.0 else self.next_pct
        return GridState(
            vm_pu=(self.base_pu - self.bus @ kw if ok else np.full(len(self.bus), np.nan))[:, None],
            vuf_pct=np.zeros(len(self.bus)),
            loading_pct=base + linear + self.bend * linear**2 if ok else np.full(len(self.line), np.nan),
            slack_w=0.0,
            losses_w=0.0,
            base_w=0.0,
            pv_w=0.0,
            ev_w=float(evse_w.sum()),
            converged=ok,
            mismatch_w=0.0,
            iterations=1,
        )

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Exact at the state, found back from its loading of the first branch."""
        rows = np.arange(self.line.shape[1]) if rows is None else rows
        above = state.loading_pct - self.base_pct
        linear = above if not self.bend else (np.sqrt(1 + 4 * self.bend * above) - 1) / (2 * self.bend)
        slope = self.line * (1.0 + 2.0 * self.bend * linear)[:, None]
        dvm = -self.bus[:, rows] / 1e3
        return Sensitivity(
            dvm_pu_per_w=dvm[:, None, :],
            dloading_pct_per_w=slope[:, rows] / 1e3,
            dvuf_pct_per_w=np.zeros_like(dvm),
        )


def fleet_of(count: int, **spec) -> Fleet:
    """EVSEs of 11 kW (three phases, 16 A; 4.14 kW at 6 A), all with a car."""
    fleet = Fleet([EvseSpec(id=f"s{i}/1", station=f"s{i}", site="x", bus="B", **spec) for i in range(count)])
    fleet.plugged[:] = 1.0
    return fleet


def guard_of(bench: Bench, fleet: Fleet, **options) -> Guard:
    """Without a margin, so that numbers can be checked by hand."""
    return Guard(bench, fleet, **{"margin_pct": 0.0, **options})


FULL_W = 11_040.0


def test_a_safe_plan_passes_untouched_after_one_solve():
    """3 % per kW and 22 kW: 66 %."""
    bench, fleet = Bench([[3.0, 3.0]]), fleet_of(2)
    plan = fleet.max_w.copy()
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, plan)
    np.testing.assert_array_equal(guarded.limit_w, plan)
    assert (guarded.reasons, guarded.interventions, guarded.rounds) == ({}, (), 0)
    assert len(bench.solves) == 1


def test_the_least_urgent_is_curtailed_and_the_element_is_named():
    """5 % per kW leaves 20 kW: the first keeps 11.04, the last gets the 8.96 that are left."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([1, 0]))
    assert guarded.limit_w == pytest.approx([20_000.0 - FULL_W, FULL_W], abs=10.0)
    assert guarded.reasons == {0: "T"}
    (only,) = guarded.interventions
    assert (only.element, only.kind) == ("T", "transformer loading")
    assert only.value_before == pytest.approx(110.4)
    assert only.limit == 100.0
    assert only.curtailed_w == pytest.approx(2 * FULL_W - 20_000.0, abs=10.0)
    assert only.event() == {
        "kind": "guard",
        "subject": "T",
        "detail": "transformer loading, 110.4 % planned, limit 100 %: 2.1 kW less",
        "value": only.curtailed_w,
    }


def test_the_fair_rule_takes_the_same_share_from_everybody():
    """Plans of 11.04 and 5.52 kW at 8 % per kW leave 12.5 kW: both give 24.5 %."""
    bench, fleet = Bench([[8.0, 8.0]]), fleet_of(2)
    fleet.min_w[:] = 0.0
    guarded = guard_of(bench, fleet, rule="fair").protect(300.0, 300.0, np.array([FULL_W, FULL_W / 2]))
    factor = 12_500.0 / (1.5 * FULL_W)
    assert guarded.limit_w == pytest.approx([FULL_W * factor, FULL_W / 2 * factor], rel=1e-3)


def test_only_evses_behind_the_element_are_curtailed():
    """Line 1 carries the first two only; the third keeps everything although it is the least urgent."""
    bench, fleet = Bench([[1.0, 1.0, 1.0], [8.0, 8.0, 0.02]]), fleet_of(3)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1, 2]))
    assert guarded.limit_w[[0, 2]] == pytest.approx([FULL_W, FULL_W])
    assert guarded.limit_w[1] == 0.0  # 1.4 kW are left, less than 6 A: it pauses
    assert guarded.reasons == {1: "L1"}


def test_a_row_below_six_amperes_pauses_and_the_next_uses_what_it_leaves():
    """The first takes 88.3 of 100 %; 1.5 kW are too little for the second, but the third weighs less and fits."""
    bench, fleet = Bench([[8.0, 8.0, 1.0]]), fleet_of(3)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1, 2]))
    assert guarded.limit_w.tolist() == pytest.approx([FULL_W, 0.0, FULL_W])


def test_what_a_car_far_away_adds_is_set_aside_and_costs_it_nothing():
    """Its 2 % of the effect is no reason to stop it, but it counts: 100 - 8 * 11.04 - 0.16 * 11.04 are left."""
    bench, fleet = Bench([[8.0, 8.0, 0.16]]), fleet_of(3)
    fleet.min_w[:] = 0.0
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1, 2]))
    assert guarded.limit_w.tolist() == pytest.approx(
        [FULL_W, (100 - 8.16 * 11.04) / 8 * 1e3, FULL_W], abs=5.0
    )


def test_a_curtailed_row_gets_whole_pilot_steps():
    """8.96 kW are 12.98 A: the station would signal 12 A, so the rest is not handed out at all."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2, step_a=1.0)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
    assert guarded.limit_w[1] == pytest.approx(12 * 690.0)


def test_low_voltage_is_curtailed_too():
    """0.005 pu per kW from 1 pu leave 20 kW until 0.9 pu."""
    bench, fleet = Bench([[0.0, 0.0]], [[0.005, 0.005]]), fleet_of(2)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
    assert guarded.limit_w.sum() == pytest.approx(20_000.0, abs=20.0)
    (only,) = guarded.interventions
    assert (only.element, only.kind, only.limit) == ("B0", "low voltage", 0.9)
    assert only.event()["detail"] == "low voltage, 0.8896 pu planned, limit 0.9 pu: 2.1 kW less"


def test_the_margin_is_kept_free():
    """10 % of a loading limit, and 10 % of the way from 0.9 pu to 1."""
    fleet = fleet_of(2)
    for bench, left_w in ((Bench([[5.0, 5.0]]), 18e3), (Bench([[0.0, 0.0]], [[0.005, 0.005]]), 18e3)):
        guard = guard_of(bench, fleet, margin_pct=10.0)
        guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
        assert guarded.limit_w.sum() == pytest.approx(left_w, abs=20.0)


def test_a_bent_feeder_takes_more_rounds_and_is_proven():
    """Loading with a square in it: the answer keeps the limit and wastes less than 1 % of it."""
    bench, fleet = Bench([[3.0] * 4], bend=0.01), fleet_of(4)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.arange(4))
    after = bench.solve(0.0, 300.0, guarded.limit_w)
    assert 99.0 < after.loading_pct[0] <= 100.0
    assert guarded.rounds > 1
    assert not guarded.fallback


def test_too_few_rounds_fall_back_to_one_common_factor():
    """Counted as such, and still safe."""
    bench, fleet = Bench([[3.0] * 4], bend=0.01), fleet_of(4)
    guarded = guard_of(bench, fleet, rounds=1).protect(300.0, 300.0, fleet.max_w.copy(), order=np.arange(4))
    assert guarded.fallback
    assert 80.0 < bench.solve(0.0, 300.0, guarded.limit_w).loading_pct[0] <= 100.0
    assert set(guarded.reasons.values()) == {"T"}


def test_a_plan_without_a_solution_is_brought_back_to_one():
    """The linearisation starts from the feeder without charging."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
    bench.most_w = 21_000.0
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
    assert guarded.limit_w.sum() == pytest.approx(20_000.0, abs=20.0)
    assert [i.element for i in guarded.interventions] == ["T"]


def test_base_load_alone_stops_only_the_evses_behind_that_element():
    """Line 1 is overloaded without any charging: its EVSE stops, the other charges on, and it is said."""
    bench, fleet = Bench([[1.0, 1.0], [5.0, 0.0]]), fleet_of(2)
    bench.base_pct[1] = 104.0
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
    assert guarded.limit_w.tolist() == [0.0, FULL_W]
    assert guarded.reasons == {0: "L1"}
    assert guarded.helpless == ("L1",)
    assert not guarded.fallback


def test_an_over_voltage_never_curtails():
    """Charging lowers it: nothing is taken away, and it is said."""
    bench, fleet = Bench([[1.0, 1.0]], [[0.001, 0.001]]), fleet_of(2)
    bench.base_pu[:] = 1.15
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy())
    np.testing.assert_array_equal(guarded.limit_w, fleet.max_w)
    assert guarded.helpless == ("B0",)
    assert guarded.interventions == ()


def test_an_element_that_charging_relieves_is_not_fought():
    """A line overloaded by feed-in: every kW drawn takes 1 % off it."""
    bench, fleet = Bench([[1.0, 1.0], [-1.0, -1.0]]), fleet_of(2)
    bench.base_pct[1] = 130.0
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy())
    np.testing.assert_array_equal(guarded.limit_w, fleet.max_w)
    assert guarded.helpless == ("L1",)


def test_an_offline_car_counts_at_its_last_limit_and_is_left_alone():
    """It draws what it was last allowed; the others share the rest."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
    fleet.offline[0], fleet.limit_w[0] = 1.0, FULL_W
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, np.array([0.0, FULL_W]), order=np.array([1]))
    assert guarded.limit_w == pytest.approx([0.0, 20_000.0 - FULL_W], abs=10.0)


def test_losses_and_standby_of_a_station_count_at_the_grid():
    """80 % efficiency: 20 kW from the grid are 16 kW at the connectors; 1 kW of standby each comes off first."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2, efficiency=0.8, standby_w=1_000.0)
    fleet.min_w[:] = 0.0
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
    assert guarded.limit_w.sum() == pytest.approx((20_000.0 - 2_000.0) * 0.8, abs=10.0)


def test_persistence_looks_back_and_perfect_ahead():
    """Base load of the closed interval, or of the coming one, which here is 50 % higher."""
    for forecast, expected_w, interval in (
        ("persistence", 20e3, (0.0, 300.0)),
        ("perfect", 10e3, (300.0, 600.0)),
    ):
        bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
        bench.next_pct = np.array([50.0])
        fleet.min_w[:] = 0.0
        guard = guard_of(bench, fleet, forecast=forecast)
        if forecast == "perfect":
            bench.base_pct = bench.next_pct
        guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
        assert set(bench.solves) == {interval}
        assert guarded.limit_w.sum() == pytest.approx(expected_w, abs=20.0)


def test_of_two_cars_the_one_that_weighs_more_on_the_line_gives_way():
    """10 and 2 % per kW: 32.5 % too much are 3.2 kW of the first car, where they would be 16 kW of the second."""
    bench, fleet = Bench([[0.0, 0.0], [10.0, 2.0]]), fleet_of(2)
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy())
    assert guarded.limit_w == pytest.approx([(100.0 - 2 * 11.04) / 10 * 1e3, FULL_W], abs=5.0)
    assert guarded.reasons == {0: "L1"}


def test_an_urgent_car_gives_way_only_where_it_helps_ten_times_as_much():
    """Most urgent first: a W of it costs 10. At four times the effect the other gives way, at 20 times it does."""
    for heavy, first_gives_way in ((4.0, False), (20.0, True)):
        bench, fleet = Bench([[0.0, 0.0], [heavy, 1.0]]), fleet_of(2)
        bench.base_pct[1] = 100.0 - 11.04 * heavy - 8.0
        guarded = guard_of(bench, fleet).protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1]))
        assert guarded.limit_w[int(first_gives_way)] == pytest.approx(FULL_W)
        assert guarded.limit_w[int(not first_gives_way)] < FULL_W


def test_among_equals_everybody_has_their_turn():
    """Room for one car of three, 4.5 kW; over three intervals each has charged once."""
    bench, fleet = Bench([[100.0 / 4.5] * 3]), fleet_of(3)
    charged = [
        np.flatnonzero(guard_of(bench, fleet).protect(300.0 * k, 300.0, fleet.max_w.copy()).limit_w).tolist()
        for k in (1, 2, 3)
    ]
    assert sorted(charged) == [[0], [1], [2]]


@pytest.mark.parametrize("rule", ["least-curtailment", "fair", "urgent-first"])
def test_nobody_goes_below_the_floor_while_floors_fit(rule: Rule):
    """Room for 30 kW, three cars of 11.04: with 4.2 kW guaranteed nobody pauses, at 1 A steps that is 7 A."""
    bench, fleet = Bench([[100.0 / 30.0] * 3]), fleet_of(3, step_a=1.0)
    bench.base_pct[0] = 40.0  # 18 kW are left
    guard = guard_of(bench, fleet, rule=rule, floor_w=4_200.0)
    guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([2, 0, 1]))
    assert guarded.limit_w.min() >= 7 * 690.0
    assert 16_000.0 < guarded.limit_w.sum() <= 18_000.0
    assert guarded.below_floor == ()


@pytest.mark.parametrize("rule", ["least-curtailment", "fair", "urgent-first"])
def test_where_even_all_floors_are_too_much_it_is_said(rule: Rule):
    """Three floors of 4.2 kW do not fit into 9 kW: nobody gets more than a floor, somebody pauses, T is named."""
    bench, fleet = Bench([[100.0 / 30.0] * 3]), fleet_of(3)
    bench.base_pct[0] = 70.0
    guard = guard_of(bench, fleet, rule=rule, floor_w=4_200.0)
    guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=np.array([0, 1, 2]))
    assert guarded.below_floor == ("T",)
    assert np.count_nonzero(guarded.limit_w) == 2
    assert guarded.limit_w.max() <= 4_200.0 + 1e-6
    (only,) = guarded.interventions
    assert only.below_floor
    assert str(only.event()["detail"]).endswith("below the floor: even all floors break the limit")


def test_a_car_that_wants_less_than_the_floor_is_not_curtailed():
    """Section 14a guarantees 4.2 kW: a wish of 3 kW stays whole, the others make room."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
    fleet.min_w[:] = 0.0
    plan = np.array([3_000.0, FULL_W])
    bench.base_pct[0] = 50.0  # 10 kW are left
    guarded = guard_of(bench, fleet, floor_w=4_200.0).protect(300.0, 300.0, plan, order=np.array([1, 0]))
    assert guarded.limit_w == pytest.approx([3_000.0, 7_000.0], abs=5.0)


def test_scaling_keeps_the_floors_where_they_are_safe():
    """One round is not enough for a bent feeder; the common factor is applied to what is above the floors."""
    bench, fleet = Bench([[3.0] * 4], bend=0.01), fleet_of(4)
    guard = guard_of(bench, fleet, rounds=1, floor_w=4_200.0)
    guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=np.arange(4))
    assert guarded.fallback
    assert guarded.limit_w.min() >= 4_200.0
    assert 80.0 < bench.solve(0.0, 300.0, guarded.limit_w).loading_pct[0] <= 100.0


def test_where_not_everybody_can_have_six_amperes_all_take_turns():
    """9 kW for four cars of equal right: two charge, and over four intervals everybody has charged."""
    bench, fleet = Bench([[100.0 / 9.0] * 4]), fleet_of(4)
    charged = np.zeros(4)
    for k in range(1, 5):
        guarded = guard_of(bench, fleet, rule="fair").protect(300.0 * k, 300.0, fleet.max_w.copy())
        assert np.count_nonzero(guarded.limit_w) == 2
        assert (guarded.limit_w[guarded.limit_w > 0.0] >= fleet.min_w[0]).all()
        assert guarded.limit_w.sum() > 8_900.0
        charged += guarded.limit_w > 0.0
    assert (charged > 0).all()


@pytest.mark.parametrize(
    ("rule", "ordered"),
    [("least-curtailment", True), ("least-curtailment", False), ("fair", False), ("urgent-first", True)],
)
def test_a_day_on_a_real_street_stays_within_all_limits(rule: Rule, ordered: bool):
    """A winter day with 20 % of 99 homes charging all the time and the base load known: not one overload.

    Station pilots are floored to whole amperes after the guard, and no car is below 6 A.
    """
    street = load_feeder(NetSource("simbench", "1-LV-rural2--0-sw"))
    start = datetime.fromisoformat("2016-01-18T00:00:00+01:00")
    homes = [street.buses[b] for b in street.units.bus[~street.units.generates]]
    profile = read_profile(street, BaseLoad(source="simbench"), start, 86_400.0)
    grid = make_grid(street, homes, profile)
    fleet = Fleet(
        [
            EvseSpec(id=f"h{i}/1", station=f"h{i}", site="x", bus=bus, step_a=1.0)
            for i, bus in enumerate(homes)
        ]
    )
    guard = Guard(grid, fleet, margin_pct=0.0, forecast="perfect", rule=rule)
    rng = np.random.default_rng(3)
    interventions = before = 0
    for k in range(96):
        here = rng.random(len(homes)) < 0.2
        plan_w = np.where(here, fleet.max_w, 0.0)
        order = rng.permutation(np.flatnonzero(here)) if ordered else None
        guarded = guard.protect(900.0 * k, 900.0, plan_w, order=order)
        assert (guarded.limit_w <= plan_w).all()
        pilots_w = np.floor(guarded.limit_w / fleet.step_w + 1e-9) * fleet.step_w
        pilots_w[pilots_w < fleet.min_w] = 0.0
        assert broken(grid.topology, grid.solve(900.0 * k, 900.0 * (k + 1), pilots_w)) == []
        before += bool(broken(grid.topology, grid.solve(900.0 * k, 900.0 * (k + 1), plan_w)))
        interventions += guarded.rounds > 0
        assert not guarded.fallback
    assert before > 20
    assert interventions == before


def test_the_plan_handed_in_is_not_written_to():
    """Limits are a new array where anything was curtailed."""
    bench, fleet = Bench([[5.0, 5.0]]), fleet_of(2)
    plan = fleet.max_w.copy()
    guarded = guard_of(bench, fleet).protect(300.0, 300.0, plan)
    assert guarded.limit_w.sum() < plan.sum()
    np.testing.assert_array_equal(plan, fleet.max_w)
