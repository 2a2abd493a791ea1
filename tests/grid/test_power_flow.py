"""Power flow: by hand, against pandapower, against power-grid-model; balance, failure, sensitivities."""

import copy
from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandapower import networks

from twin.domain.grid import broken
from twin.domain.ports import Grid
from twin.errors import ScenarioError, SolverError
from twin.grid import make
from twin.grid.common import balance_error
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.model import read_model
from twin.grid.nets import NetSource, load_feeder
from twin.grid.plan import Plan
from twin.grid.profiles import constant
from twin.grid.topology import Limits

from .conftest import line_net, load_buses, nothing
from .oracles import cases, pgm


def both(feeder: Feeder, scale: float, buses: list[str], **options) -> tuple[Grid, Grid]:
    """The compiled and the plain adapter of one feeder."""
    profile = constant(feeder, scale)
    compiled = make_grid(feeder, buses, profile, **options)
    assert compiled.provenance["solver"] == "compiled fixed point", compiled.provenance
    return compiled, make_grid(feeder, buses, profile, plain=True, **options)


@pytest.mark.parametrize("plain", [False, True])
def test_a_line_solved_by_hand(line: Feeder, plain: bool):
    """10 kW and an EVSE of 5 kW behind 0.4 ohm at 400 V: v - v^2 = r p, with r p = 0.0375 pu."""
    grid = make_grid(line, ["B"], constant(line, 1.0), plain=plain)
    state = grid.solve(0.0, 300.0, np.array([5_000.0]))
    rp = 15e3 * 0.4 / 400.0**2
    v = 0.5 + np.sqrt(0.25 - rp)
    amps = 15e3 / (np.sqrt(3) * 400.0 * v)
    assert state.vm_pu[:, 0] == pytest.approx([1.0, v], abs=1e-9)
    assert state.loading_pct == pytest.approx([amps], rel=1e-8)  # rated 100 A
    assert state.losses_w == pytest.approx(3 * amps**2 * 0.4, rel=1e-6)
    assert (state.base_w, state.pv_w, state.ev_w) == pytest.approx((10e3, 0.0, 5e3))
    assert state.slack_w == pytest.approx(15e3 + state.losses_w, rel=1e-9)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), scale=st.floats(-1.0, 1.0), ev_w=st.floats(0.0, 11_000.0))
def test_the_compiled_feeder_is_pandapower(village: Feeder, seed: int, scale: float, ev_w: float):
    """Random chargers on a village, drawing and feeding back: every voltage, loading and power agrees."""
    buses = load_buses(village)
    compiled, plain = VILLAGE.setdefault(scale, both(village, scale, buses))
    power = np.random.default_rng(seed).uniform(0.0, ev_w, len(buses)) * 0.4
    mine, reference = (grid.solve(0.0, 300.0, power) for grid in (compiled, plain))
    np.testing.assert_allclose(mine.vm_pu, reference.vm_pu, atol=1e-8)
    np.testing.assert_allclose(mine.loading_pct, reference.loading_pct, atol=1e-5)
    assert mine.slack_w == pytest.approx(reference.slack_w, abs=1.0)
    assert mine.losses_w == pytest.approx(reference.losses_w, abs=1.0)
    assert balance_error(mine) < 1e-6
    assert balance_error(reference) < 1e-6


VILLAGE: dict[float, tuple[Grid, Grid]] = {}


@pytest.mark.parametrize(
    ("kind", "ref"),
    [
        ("builtin", "create_kerber_dorfnetz"),
        ("builtin", "create_cigre_network_lv"),
        ("simbench", "1-LV-rural2--0-sw"),
    ],
)
@pytest.mark.parametrize("scale", [0.0, 0.3, 0.8])
def test_power_grid_model_finds_the_same(kind: str, ref: str, scale: float, street: Feeder):
    """Another solver on another model of the same tables."""
    feeder = street if kind == "simbench" else load_feeder(NetSource(kind, ref))  # type: ignore[arg-type]
    buses = load_buses(feeder)
    profile = constant(feeder, scale)
    power = np.random.default_rng(5).uniform(0.0, 3_000.0, len(buses))
    state = make_grid(feeder, buses, profile).solve(0.0, 300.0, power)
    drawn = profile.means(0.0, 300.0)[0][:, :, 0]
    np.add.at(drawn[0], feeder.bus_positions(buses), power)
    net = cases.complete(copy.deepcopy(feeder.net, {id(feeder.net.get("profiles")): None}))
    theirs = pgm.solve_symmetric(net, drawn[0], drawn[1])
    np.testing.assert_allclose(state.vm_pu, theirs.vm_pu, atol=1e-8)
    np.testing.assert_allclose(state.loading_pct, theirs.loading_pct, atol=1e-5)


def mixed_net() -> pp.pandapowerNet:
    """A ring with an open line end, two systems in parallel, a shunt, a motor, a tap and a spare bus."""
    net = networks.create_cigre_network_mv(with_der="pv_wind")
    net.line.loc[3, "parallel"] = 2
    net.line.loc[3, "df"] = 0.9
    net.trafo["tap_changer_type"] = "Ratio"
    net.trafo["tap_side"] = "hv"
    net.trafo[["tap_neutral", "tap_min", "tap_max", "tap_step_percent"]] = [0.0, -8.0, 8.0, 1.25]
    net.trafo["tap_pos"] = [2.0, -1.0]
    pp.create_shunt(net, 5, q_mvar=-0.2, p_mw=0.01)
    pp.create_motor(net, 7, pn_mech_mw=0.1, cos_phi=0.85, efficiency_percent=95.0)
    pp.create_bus(net, 20.0, name="spare")
    return net


def test_taps_parallel_systems_open_ends_shunts_and_motors_are_carried():
    """Everything is read from pandapower's own model, so nothing is lost; the spare bus is NaN."""
    feeder = index_feeder(mixed_net(), "mixed")
    compiled, plain = both(feeder, 0.7, [feeder.buses[4], feeder.buses[9]], evse_q_per_p=0.1)
    power = np.array([300e3, 500e3])
    mine, reference = (grid.solve(0.0, 300.0, power) for grid in (compiled, plain))
    assert np.isnan(mine.vm_pu[-1, 0])
    np.testing.assert_allclose(mine.vm_pu, reference.vm_pu, atol=1e-9)
    np.testing.assert_allclose(mine.loading_pct, reference.loading_pct, atol=1e-6)
    assert mine.base_w == pytest.approx(reference.base_w, abs=1.0)
    assert mine.pv_w == pytest.approx(reference.pv_w)
    assert max(balance_error(mine), balance_error(reference)) < 1e-8


def test_three_winding_transformers_are_carried():
    """Loaded at three ends, one loading: the largest of them."""
    net = pp.create_empty_network()
    hv, mv, lv = (pp.create_bus(net, kv, name=f"{kv:g} kV") for kv in (110.0, 20.0, 10.0))
    pp.create_ext_grid(net, hv)
    pp.create_transformer3w(net, hv, mv, lv, "63/25/38 MVA 110/20/10 kV", name="T3")
    pp.create_load(net, mv, 15.0, 3.0)
    pp.create_load(net, lv, 20.0, 5.0)
    feeder = index_feeder(net, "three")
    compiled, plain = both(feeder, 1.0, ["20 kV"])
    mine, reference = (grid.solve(0.0, 1.0, np.array([2e6])) for grid in (compiled, plain))
    np.testing.assert_allclose(mine.loading_pct, reference.loading_pct, atol=1e-6)
    assert compiled.topology.branches == ("T3",)
    assert compiled.topology.head_va_rating == pytest.approx(63e6)


@pytest.mark.parametrize("plain", [False, True])
def test_sensitivities_are_the_derivatives(village: Feeder, plain: bool):
    """Central differences of 50 W agree for every bus and branch, at a power factor below 1."""
    buses = load_buses(village)[:6] + load_buses(village)[:1]
    grid = make_grid(village, buses, constant(village, 0.8), evse_q_per_p=0.2, plain=plain)
    power = np.linspace(1_000.0, 9_000.0, len(buses))
    state = grid.solve(0.0, 1.0, power)
    answer = grid.sensitivity(state)
    for k in range(len(buses)):
        step = 50.0 * (np.arange(len(buses)) == k)
        up, down = grid.solve(0.0, 1.0, power + step), grid.solve(0.0, 1.0, power - step)
        dvm, dloading = (up.vm_pu - down.vm_pu) / 100.0, (up.loading_pct - down.loading_pct) / 100.0
        np.testing.assert_allclose(answer.dvm_pu_per_w[:, :, k], dvm, atol=1e-4 * np.abs(dvm).max())
        np.testing.assert_allclose(
            answer.dloading_pct_per_w[:, k], dloading, atol=1e-4 * np.abs(dloading).max()
        )
    some = grid.sensitivity(grid.solve(0.0, 1.0, power), np.array([4, 1]))
    np.testing.assert_allclose(some.dvm_pu_per_w, answer.dvm_pu_per_w[:, :, [4, 1]], atol=1e-12)


@pytest.mark.parametrize("plain", [False, True])
def test_no_solution_is_a_state_not_an_exception(line: Feeder, plain: bool):
    """More than the line can carry (100 kW through 0.4 ohm): NaN, and a finding of its own kind."""
    grid = make_grid(line, ["B"], constant(line, 1.0), plain=plain)
    state = grid.solve(0.0, 300.0, np.array([500e3]))
    assert not state.converged
    assert np.isnan(state.vm_pu).all()
    assert np.isnan([state.slack_w, state.losses_w, *state.loading_pct]).all()
    assert [b.kind for b in broken(grid.topology, state)] == ["no solution"]
    with pytest.raises(ValueError, match="only a converged state"):
        grid.sensitivity(state)
    assert grid.solve(0.0, 300.0, nothing(1)).converged


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_power_that_is_not_a_number_names_its_evse(line: Feeder, plain: bool, bad: float):
    """It would otherwise spread silently over the whole feeder."""
    grid = make_grid(line, ["B", "B"], constant(line, 1.0), evse_ids=["x/1", "x/2"], plain=plain)
    with pytest.raises(ValueError, match=f"power of EVSE x/2 is {bad} W"):
        grid.solve(0.0, 300.0, np.array([0.0, bad]))
    with pytest.raises(ValueError, match="1 powers for 2 EVSEs"):
        grid.solve(0.0, 300.0, np.zeros(1))


def test_a_solve_depends_on_its_inputs_alone(street: Feeder):
    """Whatever was solved before, the same inputs give the same bits."""
    buses = load_buses(street)
    grid = make_grid(street, buses, constant(street, 0.4))
    power = np.full(len(buses), 700.0)
    first = grid.solve(0.0, 300.0, power)
    grid.solve(300.0, 600.0, power * 3.0)
    again = grid.solve(0.0, 300.0, power)
    assert first.vm_pu.tobytes() == again.vm_pu.tobytes()
    assert first.loading_pct.tobytes() == again.loading_pct.tobytes()


def generator_net() -> pp.pandapowerNet:
    """The hand-made line with a generator that holds the voltage of a third bus."""
    net = line_net()
    c = pp.create_bus(net, 0.4, name="C")
    pp.create_line_from_parameters(
        net, 1, c, 0.2, r_ohm_per_km=0.4, x_ohm_per_km=0.1, c_nf_per_km=0.0, max_i_ka=0.1, name="L2"
    )
    pp.create_gen(net, c, p_mw=0.004, vm_pu=0.97, name="G")
    return net


def zip_net() -> pp.pandapowerNet:
    """The hand-made line with a load that is half constant impedance and a quarter constant current."""
    net = line_net()
    net.load.drop(0, inplace=True)
    pp.create_load(
        net,
        1,
        0.008,
        0.001,
        const_z_p_percent=50.0,
        const_i_p_percent=25.0,
        const_z_q_percent=100.0,
        name="heater",
    )
    return net


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (generator_net(), "buses of fixed voltage (generators, DC lines or extended wards)"),
        (zip_net(), "voltage-dependent load `heater`"),
    ],
)
def test_what_cannot_be_compiled_falls_back_to_pandapower_and_says_so(net: pp.pandapowerNet, reason: str):
    """What pandapower answers is the answer, and the balance closes with what really flows."""
    feeder = index_feeder(net, "odd")
    grid = make_grid(feeder, ["B"], constant(feeder, 1.0))
    assert grid.provenance["solver"] == "pandapower"
    assert grid.provenance["fallback"] == reason
    expected = copy.deepcopy(net)
    pp.runpp(expected)
    state = grid.solve(0.0, 300.0, nothing(1))
    np.testing.assert_allclose(state.vm_pu[:, 0], expected.res_bus.vm_pu, atol=1e-7)
    assert state.base_w == pytest.approx(expected.res_load.p_mw.sum() * 1e6, abs=0.1)
    assert balance_error(grid.solve(0.0, 300.0, np.array([3_000.0]))) < 1e-6


def test_an_evse_beside_a_heater_does_not_change_the_heater():
    """8 kW, half of it constant impedance and a quarter constant current, at the voltage that it finds."""
    feeder = index_feeder(zip_net(), "heated")
    state = make_grid(feeder, ["B"], constant(feeder, 1.0)).solve(0.0, 300.0, np.array([5_000.0]))
    v = state.vm_pu[1, 0]
    assert state.base_w == pytest.approx(8_000.0 * (0.25 + 0.25 * v + 0.5 * v**2), abs=0.01)
    assert balance_error(state) < 1e-6


def test_a_tap_controller_runs_within_each_solve():
    """The feeder is compiled for each position that it takes."""
    net = networks.create_cigre_network_mv()
    net.trafo["tap_changer_type"] = "Ratio"
    net.trafo["tap_side"] = "hv"
    net.trafo[["tap_neutral", "tap_min", "tap_max", "tap_step_percent", "tap_pos"]] = [
        0.0,
        -9.0,
        9.0,
        1.5,
        0.0,
    ]
    pp.control.DiscreteTapControl(net, 0, 0.99, 1.01)
    feeder = index_feeder(net, "taps")
    grid = make_grid(feeder, [feeder.buses[3]], constant(feeder, 1.0))
    assert grid.provenance["fallback"] == ""
    assert 0.99 <= grid.solve(0.0, 1.0, nothing(1)).vm_pu[1, 0] <= 1.01


def test_the_self_check_names_the_element_that_differs(line: Feeder, monkeypatch: pytest.MonkeyPatch):
    """A model with one wrong admittance does not pass."""
    good = read_model(line)
    wrong = good.positive.y.copy()
    wrong[:, 0] *= 1.001
    model = replace(good, positive=replace(good.positive, y=wrong))
    monkeypatch.setattr(make, "read_model", lambda *_: model)
    with pytest.raises(SolverError, match=r"line: loading of `L` is .* compiled and .* in pandapower"):
        make_grid(line, ["B"], constant(line, 1.0))


def test_the_self_check_is_in_the_provenance(street: Feeder):
    """99 chargers at once are more than the street can carry at all: nothing to compare with there."""
    grid = make_grid(street, load_buses(street), constant(street, 0.5))
    check = grid.provenance["self_check"]
    assert check["points"][:2] == ["no load", "nominal"]
    assert check["points"][2] == "nominal and all chargers: no solution in pandapower"
    assert check["max_dvm_pu"] < 1e-9


def test_a_transformer_that_cannot_exist_is_named():
    """Pandapower would warn of a square root and then find no solution."""
    net = networks.create_kerber_dorfnetz()
    net.trafo.loc[0, "vkr_percent"] = 50.0
    with pytest.raises(SolverError, match=r"kerber: trafo `.*`: vkr_percent 50\.0 is more than"):
        index_feeder(net, "kerber")


def test_a_net_that_pandapower_cannot_solve_is_refused_before_the_run():
    """Two ideal sources of different voltage on one bus: the message names the net and the cause."""
    net = line_net()
    pp.create_ext_grid(net, 0, vm_pu=1.05)
    feeder = index_feeder(net, "torn")
    with pytest.raises(SolverError, match="pandapower cannot solve torn"):
        make_grid(feeder, ["B"], constant(feeder, 1.0))


def test_limits_come_from_the_scenario_else_the_net_else_the_standard(street: Feeder, line: Feeder):
    """0.9 and 1.1 pu (EN 50160) and 100 % where nobody says anything."""
    of_net = make_grid(street, [], constant(street, 0.0)).topology
    assert (of_net.vm_min_pu.min(), of_net.vm_max_pu.max()) == (0.9, 1.1)
    ours = make_grid(
        street, [], constant(street, 0.0), limits=Limits(vm_min_pu=0.95, trafo_loading_pct=80.0)
    ).topology
    assert set(ours.vm_min_pu) == {0.95}
    assert ours.max_loading_pct[ours.is_trafo].tolist() == [80.0]
    assert set(ours.max_loading_pct[~ours.is_trafo]) == {100.0}
    default = make_grid(line, ["B"], constant(line, 0.0)).topology
    assert (set(default.vm_min_pu), set(default.vm_max_pu), default.max_loading_pct.tolist()) == (
        {0.9},
        {1.1},
        [100.0],
    )


def test_the_topology_describes_the_street(street: Feeder):
    """Names, levels, ends and places, in one order."""
    top = make_grid(street, load_buses(street), constant(street, 0.0)).topology
    assert (len(top.buses), len(top.branches), int(top.is_trafo.sum())) == (97, 96, 1)
    assert top.name == "simbench:1-LV-rural2--0-sw"
    assert top.charging_level.sum() == 96
    assert not top.charging_level[top.from_bus[-1]]
    assert top.head_va_rating == pytest.approx(250e3)
    assert np.isfinite(top.bus_xy).all()


def test_an_evse_on_an_unknown_bus_is_a_scenario_error(street: Feeder):
    """With the nearest name."""
    with pytest.raises(
        ScenarioError, match=r"has no bus `LV2\.101 Bux 23`, did you mean `LV2\.101 Bus 23`\?"
    ):
        make_grid(street, ["LV2.101 Bux 23"], constant(street, 0.0))


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [("type", "delta", "load between phases"), ("const_z_p_percent", 50.0, "voltage-dependent load")],
)
def test_three_phases_refuse_what_pandapower_itself_would_change(column: str, value: object, what: str):
    """Its three-phase power flow takes heaters for constant power, and we have no delta loads."""
    net = cases.complete(networks.create_kerber_landnetz_freileitung_1())
    net.load["name"] = [f"house {i}" for i in net.load.index]
    net.load.loc[3, column] = value
    feeder = index_feeder(net, "village")
    even = np.full((len(feeder.units), 3), 1.0 / 3.0)
    with pytest.raises(
        SolverError, match=rf"village: a three-phase power flow carries no {what} .*`house 3`"
    ):
        make_grid(feeder, [], constant(feeder, 1.0, even), phases=3)


def test_an_instant_is_solved_again_only_when_a_power_changed(line: Feeder, monkeypatch: pytest.MonkeyPatch):
    """The same powers give the same state; one watt more is another."""
    grid = make_grid(line, ["B"], constant(line, 1.0))
    solves = []
    real = Plan.solve_with
    monkeypatch.setattr(Plan, "solve_with", lambda *a, **k: solves.append(1) or real(*a, **k))
    first = grid.solve(0.0, 300.0, np.array([3_000.0]))
    assert grid.solve(300.0, 600.0, np.array([3_000.0])) is first
    assert grid.solve(300.0, 600.0, np.array([3_001.0])) is not first
    assert len(solves) == 2


def test_a_three_phase_feeder_that_is_not_compiled_says_why_it_cannot_guard():
    """Difference quotients by pandapower would take minutes per decision."""
    net = cases.complete(networks.create_kerber_landnetz_freileitung_1())
    feeder = index_feeder(net, "village")
    even = np.full((len(feeder.units), 3), 1.0 / 3.0)
    grid = make_grid(feeder, [feeder.buses[5]], constant(feeder, 1.0, even), phases=3, plain=True)
    state = grid.solve(0.0, 300.0, np.full((1, 3), 1_000.0))
    assert balance_error(state) < 1e-6
    with pytest.raises(SolverError, match=r"village could not be compiled.*run without guard"):
        grid.sensitivity(state)
