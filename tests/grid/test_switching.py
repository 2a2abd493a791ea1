"""Scheduled switching against pandapower in every state, its cache, and what it refuses."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest
from pandapower.control import ContinuousTapControl, DiscreteTapControl

from twin.domain.droop import VOLT_VAR, Curve, Droop
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.assume import Assume, complete
from twin.grid.common import balance_error
from twin.grid.droop_grid import Droops, add_droop
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.profiles import constant
from twin.grid.switched_grid import ComingGrid, SwitchedGrid, SwitchedState, switched_lowers
from twin.grid.switching import Action, plan_switching, switchable
from twin.grid.taps import TapGrid

EVSE_BUSES = ["homes", "shops"]
NOON_S, EVENING_S = 43_200.0, 64_800.0
RING = (
    Action(NOON_S, "noon", open=("west",), close=("ring",)),
    Action(EVENING_S, "evening", open=("ring",), close=("west",)),
)


def ring_net() -> pp.pandapowerNet:
    """A 20 kV ring, open between `a` and `b` at a switch, with a street below each, and a spare stub."""
    net = pp.create_empty_network()
    head, a, b, stub = (pp.create_bus(net, 20.0, name=n) for n in ("head", "a", "b", "stub"))
    homes, shops = (pp.create_bus(net, 0.4, name=n) for n in ("homes", "shops"))
    pp.create_ext_grid(net, head, vm_pu=1.02, s_sc_max_mva=500.0, rx_max=0.1)
    cable = "NA2XS2Y 1x185 RM/25 12/20 kV"
    for name, (start, end), km in (
        ("west", (head, a), 4.0),
        ("east", (head, b), 6.0),
        ("tie", (a, b), 3.0),
        ("spare", (b, stub), 1.0),
    ):
        pp.create_line(net, start, end, km, cable, name=name)
    pp.create_switch(net, a, 2, "l", closed=False, name="ring")
    pp.create_switch(net, b, 3, "l", name="stub switch")
    common = {"tap_neutral": 0, "tap_min": -4, "tap_max": 4, "tap_pos": 0, "tap_changer_type": "Ratio"}
    for name, high, low in (("kiosk a", a, homes), ("kiosk b", b, shops)):
        pp.create_transformer_from_parameters(
            net, high, low, sn_mva=0.4, vn_hv_kv=20, vn_lv_kv=0.4, vkr_percent=1.2, vk_percent=6, pfe_kw=1.0,
            i0_percent=0.3, tap_side="hv", tap_step_percent=2.5, vector_group="Dyn", name=name, **common,
        )  # fmt: skip
    pp.create_load(net, a, p_mw=3.0, q_mvar=1.0, name="works")
    pp.create_load(net, homes, p_mw=0.10, q_mvar=0.03, name="flats")
    pp.create_load(net, shops, p_mw=0.12, q_mvar=0.04, name="mall")
    return net


def feeder_of(net: pp.pandapowerNet) -> Feeder:
    """As a run indexes it."""
    return index_feeder(net, "town")


class Maker:
    """Makes the feeder of a state, and counts."""

    def __init__(self, profile_of: Feeder, **options: object) -> None:
        self.made = 0
        self._profile = constant(profile_of, 1.0)
        self._options = options

    def __call__(self, feeder: Feeder) -> Grid:
        self.made += 1
        return make_grid(feeder, EVSE_BUSES, self._profile, **self._options)


def switched_of(net: pp.pandapowerNet, actions: tuple[Action, ...] = RING) -> tuple[SwitchedGrid, Maker]:
    """The feeder behind the port, with an EVSE on each street."""
    feeder = feeder_of(net)
    schedule, wrong = plan_switching(feeder, actions, EVSE_BUSES)
    assert wrong == []
    make = Maker(feeder)
    return SwitchedGrid(feeder, schedule, make), make


def texts(net: pp.pandapowerNet, *actions: Action) -> list[str]:
    """What is wrong with a schedule, each with its place."""
    _, wrong = plan_switching(feeder_of(net), actions, EVSE_BUSES)
    return [f"{'.'.join(map(str, w.path))}: {w.text}" for w in wrong]


def by_pandapower(net: pp.pandapowerNet, watts: np.ndarray) -> None:
    """Solve in place, with the EVSEs as loads."""
    rows = [pp.create_load(net, int(net.bus.index[net.bus.name == b][0]), 0.0) for b in EVSE_BUSES]
    net.load.loc[rows, "p_mw"] = watts / 1e6
    pp.runpp(net, tolerance_mva=1e-9, calculate_voltage_angles=True, numba=False)


class TestAgainstPandapower:
    def test_an_open_ring_before_and_after_it_is_fed_from_the_other_side(self) -> None:
        """Voltages and loadings of every element in both states; the line out of service has no loading."""
        grid, _ = switched_of(ring_net())
        watts = np.array([90e3, 60e3])
        after = ring_net()
        after.line.loc[after.line.name == "west", "in_service"] = False
        after.switch.loc[after.switch.name == "ring", "closed"] = True
        seen = []
        for net, start_s in ((ring_net(), NOON_S - 900), (after, NOON_S)):
            by_pandapower(net, watts)
            state = grid.solve(start_s, start_s + 900, watts)
            np.testing.assert_allclose(state.vm_pu[:, 0], net.res_bus.vm_pu, atol=1e-7)
            loading_pct = np.concatenate([net.res_line.loading_percent, net.res_trafo.loading_percent])
            dead = np.concatenate([~net.line.in_service, ~net.trafo.in_service])
            np.testing.assert_allclose(state.loading_pct, np.where(dead, np.nan, loading_pct), atol=1e-4)
            assert balance_error(state) < 1e-9
            seen.append(state)
        first, second = seen
        west = grid.topology.branches.index("west")
        assert first.loading_pct[west] > 20.0
        assert np.isnan(second.loading_pct[west])
        assert second.vm_pu[1, 0] < first.vm_pu[1, 0] - 0.001

    def test_a_bus_without_source_or_consumers_has_no_voltage(self) -> None:
        """Of the spare stub, once its switch is open; it comes back."""
        actions = (Action(NOON_S, "noon", open=("spare",)), Action(EVENING_S, "evening", close=("spare",)))
        grid, _ = switched_of(ring_net(), actions)
        stub, spare = grid.topology.buses.index("stub"), grid.topology.branches.index("spare")
        for t_s, dead in ((0.0, False), (NOON_S, True), (EVENING_S, False)):
            state = grid.solve(t_s, t_s + 900, np.zeros(2))
            assert np.isnan(state.vm_pu[stub]).all() == np.isnan(state.loading_pct[spare]) == dead
            assert np.isfinite(np.delete(state.vm_pu, stub, axis=0)).all()
            assert state.converged

    def test_a_transformer_is_opened_by_name(self) -> None:
        """Of two in parallel the other takes all: twice the loading and a little more."""
        net = ring_net()
        pp.create_transformer_from_parameters(
            net, 2, 5, sn_mva=0.4, vn_hv_kv=20, vn_lv_kv=0.4, vkr_percent=1.2, vk_percent=6, pfe_kw=1.0,
            i0_percent=0.3, vector_group="Dyn", name="twin b",
        )  # fmt: skip
        grid, _ = switched_of(net, (Action(NOON_S, "noon", open=("twin b",)),))
        both, alone = (grid.solve(t_s, t_s + 900, np.zeros(2)).loading_pct[-2:] for t_s in (0.0, NOON_S))
        assert both[0] == pytest.approx(both[1])
        assert alone[0] == pytest.approx(2 * both[0], rel=0.01)
        assert np.isnan(alone[1])

    def test_with_three_phases(self) -> None:
        """Each state agrees with the feeder that was made with these switches from the beginning."""
        net = ring_net()
        assume = Assume(vector_group="Dyn", r0_r1=4, x0_x1=4, c0_c1=1, vk0_vk=1, mag0=100, s_sc_max_mva=500)
        complete(net, assume, "town")
        feeder = feeder_of(net)
        third = np.full((len(feeder.units), 3), 1 / 3)
        make = lambda f: make_grid(f, EVSE_BUSES, constant(feeder, 1.0, third), phases=3)  # noqa: E731
        schedule, wrong = plan_switching(feeder, RING, EVSE_BUSES)
        assert wrong == []
        grid = SwitchedGrid(feeder, schedule, make)
        watts = np.array([[30e3, 0.0, 5e3], [0.0, 20e3, 0.0]])
        after = copy.deepcopy(net)
        after.line.loc[0, "in_service"] = False
        after.switch.loc[0, "closed"] = True
        for here, t_s in ((net, 0.0), (after, NOON_S)):
            state = grid.solve(t_s, t_s + 900, watts)
            alone = make(feeder_of(here)).solve(t_s, t_s + 900, watts)
            assert np.array_equal(state.vm_pu, alone.vm_pu)
            assert np.array_equal(state.loading_pct, alone.loading_pct, equal_nan=True)
            assert state.vm_pu.shape == (6, 3)


class TestCache:
    def test_a_return_compiles_nothing_and_gives_the_same_bits(self) -> None:
        """Two states in all, made before the first solve."""
        grid, make = switched_of(ring_net())
        assert make.made == 2
        watts = np.array([90e3, 60e3])
        morning, noon, night = (grid.solve(t_s, t_s + 900, watts) for t_s in (0.0, NOON_S, EVENING_S))
        assert make.made == 2
        assert grid.at(0.0) is grid.at(EVENING_S)
        assert grid.at(0.0) is not grid.at(NOON_S)
        assert np.array_equal(morning.vm_pu, night.vm_pu)
        assert np.array_equal(morning.loading_pct, night.loading_pct)
        assert morning.slack_w == night.slack_w != noon.slack_w

    def test_a_state_that_is_never_in_force_is_not_made(self) -> None:
        """Switched in the first instant: the net as loaded is no part of the run."""
        grid, make = switched_of(ring_net(), (Action(0.0, "midnight", open=("west",), close=("ring",)),))
        assert make.made == 1
        assert [told["from"] for told in grid.provenance["switch_states"]] == [["midnight"]]

    def test_names_and_order_are_those_of_the_net_in_every_state(self) -> None:
        """Whatever is out of service."""
        grid, _ = switched_of(ring_net())
        plain = make_grid(feeder_of(ring_net()), EVSE_BUSES, constant(feeder_of(ring_net()), 1.0)).topology
        for t_s in (0.0, NOON_S):
            here = grid.at(t_s).topology
            assert (here.buses, here.branches) == (plain.buses, plain.branches)
            assert np.array_equal(here.max_loading_pct, plain.max_loading_pct)
        assert grid.topology.branches == plain.branches

    def test_the_manifest_tells_states_with_fingerprints_and_self_checks(self) -> None:
        """Both instants that bring a state stand with it."""
        grid, _ = switched_of(ring_net())
        told = grid.provenance["switch_states"]
        assert [(each["from"], each["open"], each["closed"]) for each in told] == [
            (["start", "evening"], ["ring"], ["west"]),
            (["noon"], ["west"], ["ring"]),
        ]
        assert len({each["fingerprint"] for each in told}) == 2
        assert all(each["self_check"]["max_dvm_pu"] < 1e-6 for each in told)
        assert all(each["fallback"] == "" for each in told)

    def test_the_net_is_left_as_it_was(self) -> None:
        """States are copies."""
        net = ring_net()
        switched_of(net)
        assert net.line.in_service.all()
        assert net.switch.closed.tolist() == [False, True]


class TestInterval:
    def test_the_state_in_force_at_its_beginning_counts(self) -> None:
        """To the instant: one second before noon it is the old one, whatever lies inside the interval."""
        grid, _ = switched_of(ring_net())
        west = grid.topology.branches.index("west")
        found = [
            np.isnan(grid.solve(start_s, start_s + 900, np.zeros(2)).loading_pct[west])
            for start_s in (NOON_S - 900, NOON_S - 1, NOON_S, EVENING_S - 1, EVENING_S)
        ]
        assert found == [False, False, True, True, False]

    def test_a_guard_that_repeats_the_last_interval_sees_the_coming_switches(self) -> None:
        """At noon it asks for the hour before: base load of then, switches of now."""
        grid, _ = switched_of(ring_net())
        ahead = ComingGrid(grid)
        west = grid.topology.branches.index("west")
        assert np.isnan(ahead.solve(NOON_S - 900, NOON_S, np.zeros(2)).loading_pct[west])
        assert not np.isnan(ahead.solve(NOON_S - 1_800, NOON_S - 900, np.zeros(2)).loading_pct[west])
        assert ahead.topology is grid.topology


class TestSensitivity:
    def test_it_is_that_of_the_state_that_was_solved(self) -> None:
        """Even after the other state was solved; slopes agree with two solves of the same state."""
        grid, _ = switched_of(ring_net())
        watts = np.array([90e3, 60e3])
        early = grid.solve(0.0, 900.0, watts)
        late = grid.solve(NOON_S, NOON_S + 900, watts)
        for state, t_s in ((early, 0.0), (late, NOON_S)):
            slope = grid.sensitivity(state).dvm_pu_per_w[4, 0, 0]
            up, down = (
                grid.solve(t_s, t_s + 900, watts + np.array([d, 0.0])).vm_pu[4, 0] for d in (500.0, -500.0)
            )
            assert slope == pytest.approx((up - down) / 1_000.0, rel=1e-4)

    def test_a_state_of_another_grid_is_refused(self) -> None:
        """Of the feeder behind it, or of switches that this run never has."""
        grid, _ = switched_of(ring_net())
        foreign = grid.at(0.0).solve(0.0, 900.0, np.zeros(2))
        own = grid.solve(0.0, 900.0, np.zeros(2))
        assert isinstance(own, SwitchedState)
        for state in (foreign, replace(own, closed=(True, True))):
            with pytest.raises(ValueError, match="only a converged state of this grid can be linearised"):
                grid.sensitivity(state)

    def test_a_state_without_solution_is_refused(self) -> None:
        """As by every feeder."""
        grid, _ = switched_of(ring_net())
        state = grid.solve(NOON_S, NOON_S + 900, np.array([50e6, 0.0]))
        assert not state.converged
        with pytest.raises(ValueError, match="only a converged state"):
            grid.sensitivity(state)


class TestWithOtherDevices:
    def controlled(self) -> pp.pandapowerNet:
        net = ring_net()
        for trafo in (0, 1):
            DiscreteTapControl(net, trafo, 1.0, 1.03, side="lv")
        return net

    def test_tap_positions_are_carried_over(self) -> None:
        """Where a tap stood before the switching it begins after it, in both directions."""
        grid, _ = switched_of(self.controlled())
        heavy = np.array([240e3, 200e3])
        before = grid.solve(0.0, 900.0, heavy)
        assert before.tap_pos != (0, 0)
        grid.keep(before)
        assert [each.kept for each in grid.tap_grids] == [before.tap_pos] * 2
        inner = grid.at(NOON_S)
        assert isinstance(inner, TapGrid)
        state = grid.solve(NOON_S, NOON_S + 900, heavy)
        net = self.controlled()
        net.line.loc[0, "in_service"] = False
        net.switch.loc[0, "closed"] = True
        net.trafo["tap_pos"] = list(before.tap_pos)
        rows = [pp.create_load(net, bus, watts / 1e6) for bus, watts in zip((4, 5), heavy, strict=True)]
        assert len(rows) == 2
        pp.runpp(net, run_control=True, tolerance_mva=1e-8, calculate_voltage_angles=True)
        assert list(state.tap_pos) == net.trafo.tap_pos.tolist()
        np.testing.assert_allclose(state.vm_pu[:, 0], net.res_bus.vm_pu, atol=1e-7)
        slope = grid.sensitivity(state).dvm_pu_per_w[4, 0, 0]
        assert slope < 0.0
        assert [each["trafo"] for each in grid.provenance["tap_changers"]] == ["kiosk a", "kiosk b"]

    def test_a_tap_changer_that_is_switched_away_is_refused(self) -> None:
        """Its positions would have nowhere to stay."""
        net = self.controlled()
        pp.create_line(net, 4, 5, 0.1, "NAYY 4x150 SE", name="street")
        with pytest.raises(SolverError) as caught:
            switched_of(net, (Action(NOON_S, "noon", open=("kiosk a",)),))
        assert str(caught.value) == (
            "town: the tap changer of `kiosk a` does not work in every switch state of `grid.switching`: take its "
            "controller out of service, or leave the transformer closed"
        )

    def test_controllers_that_are_left_to_pandapower_are_refused(self) -> None:
        """What they remember cannot be carried over."""
        net = ring_net()
        ContinuousTapControl(net, 0, 1.0)
        with pytest.raises(SolverError, match="cannot carry the positions of its controllers"):
            switched_of(net)

    def test_droop_acts_in_the_state_that_is_in_force(self) -> None:
        """Volt-VAR in the solve and Volt-Watt ahead: lower where the ring is fed the long way."""
        feeder = feeder_of(ring_net())
        schedule, _ = plan_switching(feeder, RING, EVSE_BUSES)
        droops = Droops(
            evse=Droop(
                kind="evse", volt_var=VOLT_VAR["ieee-1547-a"], volt_watt=Curve(((0.9, 0.0), (1.05, 1.0)))
            )
        )
        make = Maker(feeder, evse_max_w=np.full(2, 250e3))
        grid = SwitchedGrid(feeder, schedule, lambda f: add_droop(make(f), droops))
        plain, _ = switched_of(ring_net())
        assert switched_lowers(plain) is None
        drooping = switched_lowers(grid)
        assert drooping is not None
        assert drooping.evse_bus.tolist() == [4, 5]
        assert drooping.topology is grid.topology
        wish_w = np.array([200e3, 200e3])
        morning_w, noon_w = (drooping.lower(t_s, t_s + 900, wish_w) for t_s in (0.0, NOON_S))
        assert noon_w[0] < morning_w[0] < wish_w[0]
        state = grid.solve(NOON_S, NOON_S + 900, wish_w)
        assert balance_error(state) < 1e-9
        assert state.vm_pu[4, 0] > plain.solve(NOON_S, NOON_S + 900, wish_w).vm_pu[4, 0]


class TestWhatIsRefused:
    def test_unknown_names_all_at_once_with_what_is_near(self) -> None:
        """Every place, in order."""
        found = texts(
            ring_net(),
            Action(0.0, "midnight", open=("wset", "zzzz"), close=("ring",)),
            Action(900.0, "quarter past", close=("kiosc a",)),
        )
        assert found == [
            "0.open.0: town has no line, transformer or switch `wset`, did you mean `west`?",
            "0.open.1: town has no line, transformer or switch `zzzz`",
            "1.close.0: town has no line, transformer or switch `kiosc a`, did you mean `kiosk a`?",
        ]

    def test_what_changes_nothing(self) -> None:
        """More likely a slip than meant."""
        found = texts(ring_net(), Action(0.0, "midnight", open=("ring",), close=("west",)))
        assert found == [
            "0.open.0: `ring` is open already at midnight",
            "0.close.0: `west` is closed already at midnight",
        ]

    def test_buses_with_consumers_or_evses_left_without_source(self) -> None:
        """Once per state, with the instant, the first bus and who is on it."""
        off, on = {"open": ("west",)}, {"close": ("west",)}
        actions = [Action(i * 900.0, f"t{i}", **each) for i, each in enumerate((off, on, off))]
        assert texts(ring_net(), *actions) == [
            (
                "0: from t0 on bus `a` and 1 more has no source, with load `works` on it: an outage of supply is not "
                "simulated; close another way to it"
            )
        ]
        assert texts(ring_net(), Action(0.0, "t0", open=("kiosk b",))) == [
            (
                "0: from t0 on bus `shops` has no source, with load `mall`, 1 EVSE on it: an outage of supply is not "
                "simulated; close another way to it"
            )
        ]

    def test_names_that_several_elements_have(self) -> None:
        """They go by table and index then; so do switches that share a name with a line."""
        net = ring_net()
        net.line["name"] = ["west", "east", "tie", "tie"]
        net.switch["name"] = ["west", None]
        known = switchable(feeder_of(net))
        assert list(known) == [
            "west", "east", "line 2", "line 3", "kiosk a", "kiosk b", "switch 0", "switch 1",
        ]  # fmt: skip
        assert [known[n].table for n in ("west", "line 3", "kiosk b", "switch 1")] == [
            "line", "line", "trafo", "switch",
        ]  # fmt: skip
        assert texts(net, Action(0.0, "midnight", open=("tie",))) == [
            "0.open.0: town has several elements `tie`; name one as `line 2` or `line 3`"
        ]
