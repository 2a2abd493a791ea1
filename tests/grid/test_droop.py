"""Droop of chargers and inverters against hand-made quadratics, pandapower's controllers and slow iteration."""

import logging
from functools import cache

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandapower.control.controller.DERController import DERController, QModelQVCurve
from scipy.optimize import brentq

from twin.domain.droop import VOLT_VAR, VOLT_WATT, Curve, Droop, parse_curve, power_factor_of
from twin.errors import SolverError
from twin.grid.compile import compile_net
from twin.grid.droop import Group, share_at
from twin.grid.feeder import index_feeder
from twin.grid.plan import Plan
from twin.grid.settle import MAX_SOLVES, TOLERANCE, Settled, Settler

R_OHM, X_OHM, U_V = 0.3, 0.2, 400.0
WIDE_OPEN = Curve(((0.90, 1.0), (1.10, 1.0)))
EV_LOW = Curve(((0.90, 0.0), (0.95, 1.0)))


def two_bus_net() -> pp.pandapowerNet:
    """An ideal source and a line of 0.3 + j0.2 ohm at 400 V."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4, name="A"), pp.create_bus(net, 0.4, name="B")
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(net, a, b, 1.0, R_OHM, X_OHM, 0.0, 1.0, name="L")
    return net


@pytest.fixture(scope="module")
def two_bus() -> Plan:
    """The two buses, symmetric."""
    return compiled_two_bus()


@cache
def compiled_two_bus() -> Plan:
    """Compiled once for all examples."""
    return compile_net(index_feeder(two_bus_net(), "two"))


def by_hand(p_w: float, q_var) -> float:
    """Upper root of V^4 + (2(RP + XQ) - U^2) V^2 + (R^2 + X^2)(P^2 + Q^2) = 0 with Q = q_var(V), in pu."""

    def gap(vm_pu: float) -> float:
        v2, q = (vm_pu * U_V) ** 2, q_var(vm_pu)
        return (
            v2 * v2 + (2 * (R_OHM * p_w + X_OHM * q) - U_V**2) * v2 + (R_OHM**2 + X_OHM**2) * (p_w**2 + q**2)
        )

    return brentq(gap, 0.8, 1.2, xtol=1e-13)


def group(droop: Droop, watts: float, rated_w: float, *, bus: int = 1, shares=((1.0,),)) -> Group:
    """One unit."""
    width = len(shares[0])
    return Group(
        droop=droop,
        bus=np.array([bus]),
        shares=np.array(shares),
        available_w=np.array([watts]),
        own_q_var=np.zeros((1, width)),
        rated_w=np.array([rated_w]),
        rated_va=droop.rated_va(np.array([rated_w])),
    )


def settle(plan: Plan, *groups: Group, base_w: float = 0.0) -> Settled:
    """The operating point of the two buses with `base_w` more at B."""
    shape = (len(plan.feeder.buses), plan.phases)
    p_w = np.zeros(shape)
    p_w[1] = base_w / plan.phases
    return Settler(plan.solve, *shape, np.array([1])).settle((p_w, np.zeros(shape)), groups)


def one(settled: Settled) -> tuple[float, float, float]:
    """Voltage at B, active power and reactive power supplied of the only unit."""
    assert settled.problem == ""
    (answer,) = settled.answers
    return float(settled.snapshot.vm_pu[1, 0]), float(answer.p_w[0]), float(answer.supplied_var[0])


class TestCurves:
    def test_vde_4105_between_its_knots(self) -> None:
        """Full at 0.93, half-way at 0.95, nothing from 0.97 to 1.03; 0.436 = sin(acos(0.9))."""
        share = share_at(VOLT_VAR["vde-4105"], np.array([0.90, 0.93, 0.95, 0.97, 1.0, 1.03, 1.05, 1.07, 1.2]))
        np.testing.assert_allclose(
            share, [0.4359, 0.4359, 0.2179, 0, 0, 0, -0.2179, -0.4359, -0.4359], atol=1e-4
        )

    def test_ieee_1547_category_b(self) -> None:
        """44 % at 0.92 and 1.08; Volt-Watt from 1.06 to 20 % at 1.10."""
        np.testing.assert_allclose(
            share_at(VOLT_VAR["ieee-1547-b"], np.array([0.92, 0.95, 1.05])), [0.44, 0.22, -0.22]
        )
        np.testing.assert_allclose(
            share_at(VOLT_WATT["ieee-1547"], np.array([1.05, 1.06, 1.08, 1.15])), [1, 1, 0.6, 0.2]
        )

    def test_pairs_make_a_curve(self) -> None:
        """As a scenario writes them."""
        assert parse_curve([[0.9, 0.3], [1, 0]], VOLT_VAR) == Curve(((0.9, 0.3), (1.0, 0.0)))
        assert parse_curve("ieee-1547-a", VOLT_VAR) is VOLT_VAR["ieee-1547-a"]
        assert (power_factor_of("vde-4105"), power_factor_of([[0.9, 1], [1, 0]])) == (0.9, 0.0)

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            ([[1.0, 0.0]], "at least two points"),
            ([[1.0, 0.4], [1.0, 0.0]], "must ascend"),
            ([[1.0, 0.4], [float("nan"), 0.0]], "finite"),
            ([[1.0, 0.4, 3.0], [1.1, 0.0]], r"\[voltage in pu, share\]"),
            ("vde-4106", "no characteristic `vde-4106`, there are vde-4105"),
        ],
    )
    def test_what_is_no_curve_is_refused(self, points, message: str) -> None:
        """With the value."""
        with pytest.raises(ValueError, match=message):
            parse_curve(points, VOLT_VAR)

    @pytest.mark.parametrize(
        ("kind", "field", "points", "message"),
        [
            ("pv", "volt_var", ((0.9, -0.4), (1.1, 0.4)), "never rise"),
            ("evse", "volt_var", ((0.9, 1.4), (1.1, 0.4)), "from -1 to 1"),
            ("pv", "volt_watt", ((0.9, 0.4), (1.1, 1.0)), "never rise"),
            ("evse", "volt_watt", ((0.9, 1.0), (1.1, 0.4)), "never fall"),
            ("pv", "volt_watt", ((0.9, 1.0), (1.1, -0.4)), "from 0 to 1"),
        ],
    )
    def test_droop_that_pushes_the_voltage_away_is_refused(
        self, kind, field: str, points, message: str
    ) -> None:
        """It would have several operating points, or none that stands."""
        with pytest.raises(ValueError, match=rf"{kind}\.{field}: .*{message}"):
            Droop(kind=kind, **{field: Curve(points)})


class TestTwoBuses:
    @pytest.mark.parametrize("name", ["vde-4105", "ieee-1547-a", "ieee-1547-b"])
    @pytest.mark.parametrize("watts", [5_000.0, 15_000.0, 22_000.0])
    def test_a_charger_raises_its_voltage_by_the_quadratic(
        self, two_bus: Plan, name: str, watts: float
    ) -> None:
        """The voltage solves the quadratic with q(V) put in; power factor 0.9 at least."""
        rated_va, most_var = 22_000 / 0.9, watts * np.tan(np.arccos(0.9))

        def q_var(vm_pu: float) -> float:
            return -float(
                np.clip(share_at(VOLT_VAR[name], np.array([vm_pu]))[0] * rated_va, -most_var, most_var)
            )

        expected_pu = by_hand(watts, q_var)
        vm_pu, p_w, supplied_var = one(
            settle(two_bus, group(Droop(kind="evse", volt_var=VOLT_VAR[name]), watts, 22_000))
        )
        assert vm_pu == pytest.approx(expected_pu, abs=1e-7)
        assert supplied_var == pytest.approx(-q_var(expected_pu), abs=0.1)
        assert p_w == watts

    def test_an_inverter_absorbs_at_high_voltage(self, two_bus: Plan) -> None:
        """40 kW of sun: without droop 1.073 pu; with VDE 4105 lower, at the root of the quadratic."""
        pv = Droop(kind="pv", volt_var=VOLT_VAR["vde-4105"])
        vm_pu, _, supplied_var = one(settle(two_bus, group(pv, 40_000, 40_000)))
        expected_pu = by_hand(
            -40_000, lambda v: -float(share_at(VOLT_VAR["vde-4105"], np.array([v]))[0]) * 40_000 / 0.9
        )
        assert by_hand(-40_000, lambda _: 0.0) == pytest.approx(1.0692, abs=1e-3)
        assert vm_pu == pytest.approx(expected_pu, abs=1e-7)
        assert supplied_var < -11_000

    def test_volt_watt_holds_generation_back(self, two_bus: Plan) -> None:
        """60 kW of sun: generation and voltage meet on the line from (1.06, 100 %) to (1.10, 20 %)."""
        vm_pu, p_w, _ = one(
            settle(two_bus, group(Droop(kind="pv", volt_watt=VOLT_WATT["ieee-1547"]), 60_000, 60_000))
        )
        assert 1.06 < vm_pu < 1.10
        assert p_w == pytest.approx(60_000 * (1.0 - 0.8 * (vm_pu - 1.06) / 0.04), rel=1e-5)
        assert vm_pu == pytest.approx(by_hand(-p_w, lambda _: 0.0), abs=1e-9)

    def test_volt_watt_of_a_charger_cures_a_collapse(self, two_bus: Plan) -> None:
        """300 kW over this line have no solution at all; on the droop there is one, between 0.90 and 0.95 pu."""
        ev = group(Droop(kind="evse", volt_watt=EV_LOW), 300_000, 300_000)
        assert not two_bus.solve(np.array([[0.0], [300_000.0]]), np.zeros((2, 1))).converged
        vm_pu, p_w, _ = one(settle(two_bus, ev))
        assert p_w == pytest.approx(300_000 * (vm_pu - 0.90) / 0.05, rel=1e-4)
        assert vm_pu == pytest.approx(by_hand(p_w, lambda _: 0.0), abs=1e-8)

    def test_active_power_has_priority(self, two_bus: Plan) -> None:
        """A charger at its full apparent power, no power factor asked for: nothing is left for Volt-VAR."""
        full = group(
            Droop(kind="evse", volt_var=VOLT_VAR["ieee-1547-b"], min_power_factor=0.0), 22_000, 22_000
        )
        none_left = Group(
            droop=full.droop, bus=full.bus, shares=full.shares, available_w=full.available_w,
            own_q_var=full.own_q_var, rated_w=full.rated_w, rated_va=full.rated_w,
        )  # fmt: skip
        assert one(settle(two_bus, none_left))[2] == 0.0

    def test_an_inverter_without_sun_is_off(self, two_bus: Plan) -> None:
        """No reactive power at night, even at 0.9 pu."""
        pv = Droop(kind="pv", volt_var=VOLT_VAR["ieee-1547-b"], min_power_factor=0.0)
        vm_pu, _, supplied_var = one(settle(two_bus, group(pv, 0.0, 10_000), base_w=30_000))
        assert vm_pu < 0.95
        assert supplied_var == 0.0

    def test_reactive_power_of_its_own_follows_the_curtailment(self, two_bus: Plan) -> None:
        """Without Volt-VAR an inverter keeps its power factor when Volt-Watt holds it back."""
        sun = group(Droop(kind="pv", volt_watt=VOLT_WATT["ieee-1547"]), 60_000, 60_000)
        inductive = Group(
            droop=sun.droop, bus=sun.bus, shares=sun.shares, available_w=sun.available_w,
            own_q_var=np.array([[6_000.0]]), rated_w=sun.rated_w, rated_va=sun.rated_va,
        )  # fmt: skip
        vm_pu, p_w, _ = one(settle(two_bus, inductive))
        assert p_w < 60_000
        assert vm_pu == pytest.approx(by_hand(-p_w, lambda _: 0.1 * p_w), abs=1e-8)


class TestConvergence:
    @pytest.mark.parametrize(("width_pu", "at_most"), [(1e-2, 12), (1e-3, 25), (1e-4, 50), (1e-6, 120)])
    def test_steep_curves_settle(self, two_bus: Plan, width_pu: float, at_most: int) -> None:
        """Full swing within 1 % to 0.0001 %: plain repetition would jump from one end to the other."""
        steep = Curve(((0.951, 0.43), (0.951 + width_pu, -0.43)))
        found = settle(two_bus, group(Droop(kind="evse", volt_var=steep), 25_000, 25_000))
        vm_pu, _, _ = one(found)
        assert 0.951 - 1e-9 <= vm_pu <= 0.951 + width_pu + 1e-9
        assert found.solves <= at_most

    def test_set_points_stand_still(self, two_bus: Plan) -> None:
        """Asked again at the voltage that came, the unit repeats itself to a millionth of its rating."""
        ev = group(Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"]), 20_000, 22_000)
        found = settle(two_bus, ev)
        again = ev.answer(ev.sees(found.snapshot.vm_pu))
        assert abs(again.supplied_var - found.answers[0].supplied_var)[0] <= TOLERANCE * 22_000 / 0.9

    def test_what_cannot_settle_is_named_after_a_bounded_number_of_power_flows(self, two_bus: Plan) -> None:
        """A feeder that jumps from too high to too low has no operating point: the loop swings, and says so."""

        class Flipped:
            converged = True

            def __init__(self, vm_pu: np.ndarray) -> None:
                self.vm_pu = vm_pu

        def flow(p_w: np.ndarray, q_var: np.ndarray) -> Flipped:
            return Flipped(np.full((2, 1), 0.94 if q_var.sum() > 0.0 else 1.06))

        droop = Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"])
        found = Settler(flow, 2, 1, np.array([1])).settle(
            (np.zeros((2, 1)), np.zeros((2, 1))), [group(droop, 20_000, 22_000)]
        )
        assert found.problem == "droop oscillation"
        assert found.solves <= MAX_SOLVES

    def test_a_collapse_that_no_droop_cures_has_no_solution(self, two_bus: Plan) -> None:
        """300 kW of base load."""
        ev = group(Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"]), 10_000, 10_000)
        assert settle(two_bus, ev, base_w=300_000).problem == "no solution"

    def test_a_feeder_without_solution_at_rest_is_an_error(self) -> None:
        """Nothing can be told about its units."""

        class Nowhere:
            converged = False
            vm_pu = np.full((2, 1), np.nan)

        rests = iter([True])

        class Somewhere:
            converged = True
            vm_pu = np.full((2, 1), 0.94)

        settler = Settler(lambda p, q: Somewhere() if next(rests, False) else Nowhere(), 2, 1, np.array([1]))
        droop = Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"])
        with pytest.raises(SolverError, match="without load"):
            settler.settle((np.zeros((2, 1)), np.zeros((2, 1))), [group(droop, 20_000, 22_000)])

    @settings(max_examples=60, deadline=None)
    @given(
        st.floats(0, 30_000),
        st.sampled_from(sorted(VOLT_VAR)),
        st.sampled_from(["evse", "pv"]),
        st.floats(-10_000, 10_000),
    )
    def test_the_voltage_moves_towards_nominal_and_never_past_it(self, watts, name, kind, base_w) -> None:
        """With Volt-VAR it lies between the voltage without and 1 pu, whatever is drawn or generated."""
        plan = compiled_two_bus()
        without, drooped = (
            settle(plan, group(Droop(kind=kind, volt_var=curve), watts, 30_000), base_w=base_w)
            for curve in (None, VOLT_VAR[name])
        )
        before, after = (float(x.snapshot.vm_pu[1, 0]) for x in (without, drooped))
        assert drooped.problem == ""
        assert min(before, 1.0) - 1e-9 <= after <= max(before, 1.0) + 1e-9


class TestNets:
    def test_pandapowers_own_controllers_find_the_same(self) -> None:
        """Nine inverters with Q(V) along the CIGRE LV feeder, by its DERController, to 1e-7 pu."""
        net = pp.networks.create_cigre_network_lv()
        buses = net.load.bus.to_numpy()[1:10]
        feeder = index_feeder(net, "cigre")
        net = pp.networks.create_cigre_network_lv()
        curve = VOLT_VAR["ieee-1547-b"]
        rated_va = 60_000.0
        pp.create_sgens(net, buses, p_mw=0.05, q_mvar=0.0, sn_mva=rated_va / 1e6)
        v, share = zip(*curve.points, strict=True)
        logging.getLogger("pandapower").setLevel(logging.ERROR)
        DERController(
            net, list(net.sgen.index), q_model=QModelQVCurve({"vm_points_pu": v, "q_points_pu": share}),
            saturate_sn_mva=1e6, damping_coef=2, max_q_error=1e-9, max_p_error=1e-9,
        )  # fmt: skip
        pp.runpp(net, run_control=True, max_iter=300, tolerance_mva=1e-9)
        plan = compile_net(feeder)
        p_w, q_var = np.zeros((len(feeder.buses), 1)), np.zeros((len(feeder.buses), 1))
        np.add.at(p_w[:, 0], feeder.units.bus, feeder.units.p_w)
        np.add.at(q_var[:, 0], feeder.units.bus, feeder.units.q_var)
        at = np.unique(feeder.net.bus.index.get_indexer(buses))
        droop = Droop(kind="pv", volt_var=curve, min_power_factor=0.0)
        count = len(buses)
        units = Group(
            droop=droop, bus=feeder.net.bus.index.get_indexer(buses), shares=np.ones((count, 1)),
            available_w=np.full(count, 50_000.0), own_q_var=np.zeros((count, 1)),
            rated_w=np.full(count, 50_000.0), rated_va=np.full(count, rated_va),
        )  # fmt: skip
        found = Settler(plan.solve, len(feeder.buses), 1, at).settle((p_w, q_var), [units])
        assert found.problem == ""
        np.testing.assert_allclose(found.snapshot.vm_pu[:, 0], net.res_bus.vm_pu.to_numpy(), atol=1e-7)
        np.testing.assert_allclose(found.answers[0].supplied_var, net.res_sgen.q_mvar * 1e6, atol=0.5)
        assert np.abs(found.answers[0].supplied_var).max() > 1_000

    @pytest.mark.parametrize("seed", range(5))
    def test_slow_repetition_finds_the_same_in_a_village(self, village, seed: int) -> None:
        """Chargers and inverters with both droops at random buses: 500 short steps end at the same voltages."""
        random = np.random.default_rng(seed)
        plan = compile_net(village)
        loads = village.units.bus
        shape = (len(village.buses), 1)
        p_w = np.zeros(shape)
        np.add.at(p_w[:, 0], loads, random.uniform(0, 3_000, len(loads)))
        groups = []
        for kind, curves in (("evse", (VOLT_VAR["vde-4105"], EV_LOW)), ("pv", (VOLT_VAR["ieee-1547-b"], VOLT_WATT["ieee-1547"]))):  # fmt: skip
            count = 25
            droop = Droop(kind=kind, volt_var=curves[0], volt_watt=curves[1])
            rated_w = np.full(count, 15_000.0 if kind == "evse" else 25_000.0)
            groups.append(
                Group(
                    droop=droop,
                    bus=random.choice(loads[:30] if kind == "evse" else loads[30:], count),
                    shares=np.ones((count, 1)),
                    available_w=rated_w * random.uniform(0, 1, count),
                    own_q_var=np.zeros((count, 1)),
                    rated_w=rated_w,
                    rated_va=droop.rated_va(rated_w),
                )
            )
        base = (p_w, np.zeros(shape))
        found = Settler(plan.solve, *shape, np.unique(loads)).settle(base, groups)
        assert found.problem == ""
        np.testing.assert_allclose(found.snapshot.vm_pu, repeated(plan, base, groups), atol=1e-7)

    def test_each_phase_answers_for_itself(self) -> None:
        """Three single-phase inverters of different size on one bus, and a three-phase charger on the mean."""
        net = pp.networks.ieee_european_lv_asymmetric("off_peak_1")
        feeder = index_feeder(net, "ieee")
        plan = compile_net(feeder, phases=3)
        shape = (len(feeder.buses), 3)
        bus = int(feeder.units.bus[-1])
        pv = Droop(kind="pv", volt_var=VOLT_VAR["vde-4105"])
        ev = Droop(kind="evse", volt_var=VOLT_VAR["ieee-1547-a"])
        sizes = np.array([4_600.0, 20_000.0, 0.0])
        groups = [
            Group(
                droop=pv, bus=np.full(3, bus), shares=np.eye(3), available_w=sizes, own_q_var=np.zeros((3, 3)),
                rated_w=np.full(3, 20_000.0), rated_va=np.full(3, 22_000.0),
            ),
            group(ev, 11_000, 11_000, bus=bus, shares=((1 / 3, 1 / 3, 1 / 3),)),
        ]  # fmt: skip
        base = (np.zeros(shape), np.zeros(shape))
        found = Settler(plan.solve, *shape, np.array([bus])).settle(base, groups)
        assert found.problem == ""
        np.testing.assert_allclose(found.snapshot.vm_pu, repeated(plan, base, groups), atol=1e-7)
        mean_pu = found.snapshot.vm_pu[bus].mean()
        wanted = np.clip(share_at(ev.volt_var, np.array([mean_pu]))[0] * 11_000 / 0.9, -5_327, 5_327)
        assert found.answers[1].supplied_var[0] == pytest.approx(wanted, abs=0.1)
        assert found.answers[0].supplied_var[2] == 0.0


def repeated(plan: Plan, base: tuple[np.ndarray, np.ndarray], groups: list[Group]) -> np.ndarray:
    """Voltages after many short steps of the plainest iteration there is."""
    vm_pu = np.ones((len(plan.feeder.buses), plan.phases))
    for _ in range(500):
        p_w, q_var = base[0].copy(), base[1].copy()
        for each in groups:
            drawn_w, drawn_var = each.drawn(each.answer(each.sees(vm_pu)))
            np.add.at(p_w, each.bus, drawn_w)
            np.add.at(q_var, each.bus, drawn_var)
        vm_pu = vm_pu + 0.1 * (np.nan_to_num(plan.solve(p_w, q_var).vm_pu, nan=1.0) - vm_pu)
    return vm_pu
