"""The oracles agree with each other and with a hand calculation: three models, three methods, one answer."""

import numpy as np
import pandapower as pp
import pytest

from .oracles import cases, opendss, pandapower_3ph, pgm
from .oracles.flow import assert_same, vuf_pct
from .oracles.random_nets import random_case


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", cases.NETS)
def test_three_programs_find_the_same_unbalanced_flow(name: str, seed: int):
    """power-grid-model, OpenDSS and runpp_3ph; all three, also above 500 buses."""
    net = cases.net_of(name)
    point = cases.random_point(net, np.random.default_rng(seed))
    one = pgm.solve(net, *point)
    assert np.nanmax(one.vuf_pct) > 0.05, "a point worth comparing"
    assert_same(one, opendss.solve(net, *point))
    assert_same(one, pandapower_3ph.solve(net, *point))


@pytest.mark.parametrize("seed", range(15))
def test_three_programs_find_the_same_on_random_feeders(seed: int):
    """Taps, clocks, both groups, couplers, open ends, parallel systems, spare buses, vk0 other than vk."""
    case = random_case(seed)
    one = pgm.solve(case.net, case.p_w, case.q_var)
    assert_same(one, opendss.solve(case.net, case.p_w, case.q_var))
    assert_same(one, pandapower_3ph.solve(case.net, case.p_w, case.q_var))


@pytest.mark.parametrize("seed", range(15))
def test_power_grid_model_and_runpp_find_the_same_balanced_flow(seed: int):
    """The symmetric oracle on the same random feeders."""
    case = random_case(seed)
    p_w, q_var = case.p_w.sum(axis=1), case.q_var.sum(axis=1)
    net = case.net
    pp.runpp(net, tolerance_mva=1e-10, calculate_voltage_angles=True, lightsim2grid=False, numba=False)
    flow = pgm.solve_symmetric(net, p_w, q_var)
    np.testing.assert_allclose(flow.vm_pu[:, 0], net.res_bus.vm_pu, rtol=0.0, atol=1e-8)
    alive = ~np.isnan(flow.loading_pct)
    theirs = np.concatenate([net.res_line.loading_percent, net.res_trafo.loading_percent])
    np.testing.assert_allclose(flow.loading_pct[alive], theirs[alive], rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("solve", [pgm.solve, opendss.solve])
def test_one_loaded_phase_of_a_line_solved_by_hand(solve):
    """3 kW on phase b behind z1 = 0.1, z0 = 0.4 ohm: (2 z1 + z0) / 3 = 0.2 of its own, and it lifts a and c by
    the coupling, (z0 - z1) / 3 = 0.1 ohm times the current.
    """
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4), pp.create_bus(net, 0.4)
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(
        net, a, b, 1.0, r_ohm_per_km=0.1, x_ohm_per_km=0.0, c_nf_per_km=0.0, max_i_ka=0.1,
        r0_ohm_per_km=0.4, x0_ohm_per_km=0.0, c0_nf_per_km=0.0,
    )  # fmt: skip
    p_w = np.array([[0.0, 0.0, 0.0], [0.0, 3_000.0, 0.0]])
    flow = solve(net, p_w, np.zeros((2, 3)))
    e = 400.0 / np.sqrt(3.0)
    volts = e / 2.0 + np.sqrt(e**2 / 4.0 - 0.2 * 3_000.0)
    amps = 3_000.0 / volts
    beside = abs(e - 0.1 * amps * np.exp(-2j * np.pi / 3.0)) / e
    np.testing.assert_allclose(flow.vm_pu[1], [beside, volts / e, beside], atol=1e-9)
    np.testing.assert_allclose(flow.line_a[0], [0.0, amps, 0.0], atol=1e-6)
    assert flow.loading_pct[0] == pytest.approx(amps, rel=1e-8)  # rated 100 A
    negative, positive = 0.1 * amps / 3.0, e - 0.1 * amps / 3.0  # each sequence carries a third, through z1
    assert flow.vuf_pct[1] == pytest.approx(100.0 * negative / positive, rel=1e-7)


def test_unbalance_is_negative_over_positive_sequence():
    """The rotating set has none; turned the other way round it is nothing else; 1 and -a of it by hand."""
    a = np.exp(2j * np.pi / 3.0)
    positive, negative, zero = np.array([1.0, a**2, a]), np.array([1.0, a, a**2]), np.ones(3)
    sets = np.array([positive, positive + 0.03 * negative + 0.2 * zero])
    np.testing.assert_allclose(vuf_pct(sets), [0.0, 3.0], atol=1e-12)


@pytest.mark.parametrize("clock", range(1, 12, 2))
def test_every_delta_wye_clock_loads_the_same_phases_of_the_primary(clock: int):
    """One phase of the secondary draws from two phases of the primary; which two the clock says."""
    net = cases.complete(_substation(clock * 30.0))
    p_w = np.zeros((len(net.bus), 3))
    p_w[2, 0] = 60e3
    flows = [oracle.solve(net, p_w, 0.3 * p_w) for oracle in (pgm, opendss, pandapower_3ph)]
    assert_same(flows[0], flows[1])
    assert_same(flows[0], flows[2])
    np.testing.assert_allclose(flows[0].trafo_a, flows[1].trafo_a, atol=1e-5)
    np.testing.assert_allclose(flows[0].trafo_a, flows[2].trafo_a, atol=1e-4)
    drawn = flows[0].trafo_a[0, 0] > 1.0
    assert drawn.sum() == 2, "amperes of the three phases of the primary"
    assert {1: "ac", 3: "bc", 5: "ab", 7: "ac", 9: "bc", 11: "ab"}[clock] == "".join(
        phase for phase, draws in zip("abc", drawn, strict=True) if draws
    )


def _substation(shift_degree: float) -> pp.pandapowerNet:
    """Source, 5 km of cable, transformer: behind the cable the clock shows in the voltages."""
    net = pp.create_empty_network()
    high, middle, low = (pp.create_bus(net, kv) for kv in (20.0, 20.0, 0.4))
    pp.create_ext_grid(net, high)
    pp.create_line(net, high, middle, 5.0, "NA2XS2Y 1x95 RM/25 12/20 kV")
    pp.create_transformer_from_parameters(
        net, middle, low, sn_mva=0.25, vn_hv_kv=20.0, vn_lv_kv=0.4, vk_percent=6.0, vkr_percent=1.4,
        pfe_kw=0.0, i0_percent=0.0, shift_degree=shift_degree, vector_group="Dyn",
    )  # fmt: skip
    return net
