"""The compiled three-phase feeder against three other programs, and what must hold whatever the net."""

from functools import cache

import numpy as np
import pytest

from twin.grid.compile import compile_net
from twin.grid.feeder import index_feeder
from twin.grid.plan import Plan

from .oracles import cases, opendss, pandapower_3ph, pgm
from .oracles.flow import TOLERANCES, assert_same

ORACLES = {"power-grid-model": pgm.solve, "OpenDSS": opendss.solve, "runpp_3ph": pandapower_3ph.solve}


@cache
def plan_of(name: str, phases: int = 3) -> Plan:
    """Compile a net of the cases."""
    return compile_net(index_feeder(cases.net_of(name), name), phases=phases, check=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("name", cases.NETS)
def test_an_unbalanced_flow_is_that_of_other_programs(name: str, oracle: str):
    """Voltage, unbalance and loading of every element, at random loads that are different in every phase."""
    plan = plan_of(name)
    for seed in (11, 12):
        point = cases.random_point(plan.feeder.net, np.random.default_rng(seed))
        ours = plan.solve(*point)
        assert np.nanmax(ours.vuf_pct) > 0.05, "a point worth comparing"
        assert_same(ours, ORACLES[oracle](plan.feeder.net, *point))


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", cases.NETS)
def test_a_balanced_flow_is_that_of_power_grid_model(name: str, load: float):
    """The symmetric plan, from no load to the net's own."""
    plan = plan_of(name, 1)
    p_w, q_var = (load * power.sum(axis=1) for power in cases.nominal_w(plan.feeder.net))
    assert_same(plan.solve(p_w, q_var), pgm.solve_symmetric(plan.feeder.net, p_w, q_var))


@pytest.mark.parametrize("name", cases.NETS)
def test_equal_phases_give_the_symmetric_answer(name: str):
    """Three times a third is one: no unbalance, the same voltages, loadings, losses and slack power."""
    three, one = plan_of(name), plan_of(name, 1)
    p_w, q_var = (0.7 * power.sum(axis=1) for power in cases.nominal_w(three.feeder.net))
    thirds = three.solve(np.repeat(p_w[:, None] / 3.0, 3, axis=1), np.repeat(q_var[:, None] / 3.0, 3, axis=1))
    whole = one.solve(p_w, q_var)
    assert np.nanmax(thirds.vuf_pct) < 1e-7
    np.testing.assert_allclose(thirds.vm_pu, np.repeat(whole.vm_pu, 3, axis=1), atol=1e-8)
    np.testing.assert_allclose(thirds.loading_pct, whole.loading_pct, atol=1e-5)
    assert thirds.losses_w == pytest.approx(whole.losses_w, rel=1e-6)
    assert thirds.slack_w == pytest.approx(whole.slack_w, rel=1e-7)


@pytest.mark.parametrize("name", ["CIGRE LV", "SimBench rural", "CIGRE MV"])
def test_the_power_taken_upstream_is_what_is_drawn_and_lost(name: str):
    """The losses come from branch flows, so the sum audits the solution."""
    plan = plan_of(name)
    p_w, q_var = cases.random_point(plan.feeder.net, np.random.default_rng(4))
    ours = plan.solve(p_w, q_var)
    assert ours.losses_w > 0.0
    assert ours.slack_w == pytest.approx(p_w.sum() + ours.losses_w + ours.other_w, rel=1e-7)
    assert ours.mismatch_w < 0.01


@pytest.mark.parametrize("name", ["CIGRE LV", "Kerber Dorfnetz"])
def test_turning_the_phases_of_every_load_turns_the_answer(name: str):
    """What was a is b, what was b is c: nothing in the net prefers a phase."""
    plan = plan_of(name)
    p_w, q_var = cases.random_point(plan.feeder.net, np.random.default_rng(5))
    ours = plan.solve(p_w, q_var)
    turned = plan.solve(np.roll(p_w, 1, axis=1), np.roll(q_var, 1, axis=1))
    np.testing.assert_allclose(turned.vm_pu, np.roll(ours.vm_pu, 1, axis=1), atol=1e-9)
    np.testing.assert_allclose(turned.vuf_pct, ours.vuf_pct, atol=1e-7)
    np.testing.assert_allclose(turned.loading_pct, ours.loading_pct, atol=1e-6)


def test_a_solve_starts_flat_and_depends_on_its_inputs_alone():
    """Whatever was solved before, the same inputs give the same bits."""
    plan = plan_of("SimBench urban")
    rng = np.random.default_rng(6)
    point, other = (
        cases.random_point(plan.feeder.net, rng),
        cases.random_point(plan.feeder.net, rng, load=1.2),
    )
    first = plan.solve(*point)
    plan.solve(*other)
    again = plan.solve(*point)
    for quantity in TOLERANCES:
        assert getattr(first, quantity).tobytes() == getattr(again, quantity).tobytes()
