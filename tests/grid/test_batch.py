"""Many instants at once: the same as one by one, reduced as one would reduce them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from pandapower import networks

from twin.errors import SolverError
from twin.grid.batch import BatchLimits, BatchResult
from twin.grid.compile import compile_net
from twin.grid.feeder import index_feeder
from twin.grid.plan import Plan

from .oracles import cases

STEPS = 1_500
KEEP = ("vm_pu", "vuf_pct", "loading_pct", "losses_w", "slack_w")


@cache
def plan_of(phases: int) -> Plan:
    """A village of 15 buses and 13 houses."""
    net = cases.complete(networks.create_kerber_landnetz_freileitung_1())
    return compile_net(index_feeder(net, "village"), phases=phases)  # type: ignore[arg-type]


def powers(plan: Plan, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Houses between -3 and 20 kW, phase by phase."""
    rng = np.random.default_rng(4)
    shape = (steps, len(plan.feeder.buses), plan.phases)
    p_w = np.zeros(shape)
    houses = np.unique(plan.feeder.units.bus)
    p_w[:, houses] = rng.uniform(-3_000.0, 20_000.0, (steps, len(houses), plan.phases)) / plan.phases
    return p_w, 0.3 * p_w


def limits(plan: Plan, **values: float) -> BatchLimits:
    """Tight ones, so that all are broken now and then."""
    found = {"vm_min_pu": 0.97, "vm_max_pu": 1.0, "vuf_max_pct": 0.4, "max_loading_pct": 40.0} | values
    buses, branches = len(plan.feeder.buses), len(plan.feeder.branches)
    return BatchLimits(
        **{name: np.full(branches if "loading" in name else buses, value) for name, value in found.items()}
    )


@cache
def solved(phases: int) -> BatchResult:
    """With everything kept."""
    plan = plan_of(phases)
    return plan.batch([powers(plan)], limits=limits(plan), keep=KEEP, quantiles=True)


@pytest.mark.parametrize("phases", [1, 3])
def test_a_batch_gives_what_single_solves_give(phases: int):
    """The stop rule of a batch is 1e-8 pu, of which the contraction leaves less."""
    plan, result = plan_of(phases), solved(phases)
    p_w, q_var = powers(plan)
    for step in (0, 31, 32, 700, STEPS - 1):
        one = plan.solve(p_w[step], q_var[step])
        np.testing.assert_allclose(result.kept["vm_pu"][step], one.vm_pu, atol=1e-8)
        np.testing.assert_allclose(result.kept["vuf_pct"][step], one.vuf_pct, atol=1e-6)
        np.testing.assert_allclose(result.kept["loading_pct"][step], one.loading_pct, atol=1e-5)
        assert result.kept["losses_w"][step] == pytest.approx(one.losses_w, abs=0.01)
        assert result.kept["slack_w"][step] == pytest.approx(one.slack_w, abs=0.05)


@pytest.mark.parametrize("phases", [1, 3])
def test_reductions_are_those_of_the_tables(phases: int):
    """Extremes and their steps, means, steps outside."""
    result = solved(phases)
    vm, vuf, loading = (result.kept[name] for name in ("vm_pu", "vuf_pct", "loading_pct"))
    low, high = vm.min(axis=2), vm.max(axis=2)
    np.testing.assert_array_equal(result.vm_min_pu, low.min(axis=0))
    np.testing.assert_array_equal(result.vm_max_pu, high.max(axis=0))
    np.testing.assert_array_equal(low[result.vm_min_step, np.arange(vm.shape[1])], result.vm_min_pu)
    np.testing.assert_array_equal(
        loading[result.loading_max_step, np.arange(loading.shape[1])], result.loading_max_pct
    )
    np.testing.assert_allclose(result.vm_mean_pu, vm.mean(axis=(0, 2)), rtol=1e-12)
    np.testing.assert_allclose(result.loading_mean_pct, loading.mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(result.low_steps, (low < 0.97).sum(axis=0))
    np.testing.assert_array_equal(result.high_steps, (high > 1.0).sum(axis=0))
    np.testing.assert_array_equal(result.vuf_steps, (vuf > 0.4).sum(axis=0))
    np.testing.assert_array_equal(result.over_steps, (loading > 40.0).sum(axis=0))
    np.testing.assert_array_equal(result.vuf_max_pct, vuf.max(axis=0))
    assert result.low_steps.any()
    assert result.over_steps.any()
    assert result.losses_w_mean == pytest.approx(result.kept["losses_w"].mean(), rel=1e-12)
    assert result.slack_w_max == result.kept["slack_w"].max()


@pytest.mark.parametrize("phases", [1, 3])
def test_quantiles_are_right_to_half_a_bin(phases: int):
    """Bins of 0.0015 pu and 0.5 %."""
    result = solved(phases)
    for q in (0.05, 0.5, 0.95):
        exact = np.quantile(result.kept["vm_pu"].mean(axis=2), q, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(result.vm_quantile(q), exact, atol=0.00076)
        exact = np.quantile(result.kept["loading_pct"], q, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(result.loading_quantile(q), exact, atol=0.26)


def test_quantiles_must_be_asked_for():
    """Histograms cost time: without them there is no number, rather than a wrong one."""
    plan = plan_of(1)
    result = plan.batch([powers(plan, 40)], limits=limits(plan))
    with pytest.raises(ValueError, match="quantiles=True"):
        result.vm_quantile(0.5)


@pytest.mark.parametrize("phases", [1, 3])
def test_threads_change_nothing_and_chunks_only_what_the_stop_rule_leaves_open(phases: int):
    """Steps of one block iterate together until the slowest stands still."""
    plan, whole = plan_of(phases), solved(phases)
    p_w, q_var = powers(plan)
    threaded = plan.batch([(p_w, q_var)], limits=limits(plan), threads=2)
    chunks = [(p_w[a:b], q_var[a:b]) for a, b in pairwise([0, 7, 500, 1_100, STEPS])]
    cut = plan.batch(iter(chunks), limits=limits(plan), threads=2)
    assert threaded.losses_w_mean == whole.losses_w_mean
    assert cut.losses_w_mean == pytest.approx(whole.losses_w_mean, rel=1e-7)
    for name in ("vm_min_pu", "vm_max_pu", "loading_max_pct", "vuf_max_pct"):
        np.testing.assert_array_equal(getattr(threaded, name), getattr(whole, name))
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), rtol=1e-7)
    for name in ("vm_min_step", "loading_max_step", "over_steps", "low_steps"):
        np.testing.assert_array_equal(getattr(threaded, name), getattr(whole, name))
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("factor", [1e3, 1e90, 1e155, 1e290])
def test_a_step_without_solution_is_named_and_counts_nowhere(phases: int, factor: float):
    """Its neighbours in the same block are not touched."""
    plan = plan_of(phases)
    p_w, q_var = powers(plan, 70)
    calm = plan.batch([(np.delete(p_w, 40, axis=0), np.delete(q_var, 40, axis=0))], limits=limits(plan))
    p_w[40] *= factor
    result = plan.batch([(p_w, q_var)], limits=limits(plan), keep=("vm_pu", "slack_w"))
    assert result.unsolved.tolist() == [40]
    assert np.isnan(result.kept["vm_pu"][40]).all()
    assert np.isnan(result.kept["slack_w"][40])
    np.testing.assert_array_equal(result.vm_min_pu, calm.vm_min_pu)
    np.testing.assert_array_equal(result.over_steps, calm.over_steps)


def test_nothing_solved_is_nothing_known():
    """NaN and no step, for any element."""
    plan = plan_of(1)
    p_w, q_var = powers(plan, 3)
    result = plan.batch([(p_w * 1_000.0, q_var * 1_000.0)], limits=limits(plan))
    assert len(result.unsolved) == 3
    assert np.isnan(result.vm_min_pu).all()
    assert np.isnan(result.losses_w_mean)
    assert (result.loading_max_step == -1).all()


def test_what_cannot_be_used_is_refused():
    """By shape, by number, by place, by name."""
    plan = plan_of(3)
    p_w, q_var = powers(plan, 3)
    bus = plan.feeder.buses[5]
    bad = p_w.copy()
    bad[1, 5, 2] = np.nan
    with pytest.raises(ValueError, match=rf"the power at bus `{bus}` on phase c is nan"):
        plan.batch([(bad, q_var)], limits=limits(plan))
    with pytest.raises(ValueError, match="both must be"):
        plan.batch([(p_w, q_var[:2])], limits=limits(plan))
    with pytest.raises(ValueError, match="15 buses and 1 phases for 15 buses and 3 phases"):
        plan.batch([(p_w[..., :1], q_var[..., :1])], limits=limits(plan))
    with pytest.raises(ValueError, match="cannot keep va_degree"):
        plan.batch([(p_w, q_var)], limits=limits(plan), keep=("va_degree",))
    with pytest.raises(ValueError, match="needs a thread"):
        plan.batch([(p_w, q_var)], limits=limits(plan), threads=0)


def test_power_at_a_bus_compiled_without_load_is_refused():
    """The kernel would not see it."""
    net = networks.create_kerber_landnetz_freileitung_1()
    feeder = index_feeder(net, "village")
    plan = compile_net(feeder, loaded=np.array([4, 5]), check=False)
    p_w = np.zeros((15, 1))
    p_w[7] = 1_000.0
    with pytest.raises(ValueError, match=rf"there is power at bus `{feeder.buses[7]}`, which was compiled"):
        plan.solve(p_w, 0.0 * p_w)


@pytest.mark.parametrize("phases", [1, 3])
def test_long_batches_are_compared_with_pandapower_now_and_then(phases: int):
    """One step in 600 of 1,500 in uneven chunks: the 600th and the 1,200th."""
    plan = plan_of(phases)
    p_w, q_var = powers(plan)
    chunks = [(p_w[a:b], q_var[a:b]) for a, b in pairwise([0, 7, 650, STEPS])]
    assert plan.batch(chunks, limits=limits(plan), spot_every=600).spots == (599, 1_199)


def test_a_batch_that_goes_wrong_on_its_way_is_stopped():
    """Here ratings are changed behind the self-check's back."""
    good = plan_of(1)
    plan = Plan(good.feeder, replace(good.model, end_pct=good.model.end_pct * 1.01))
    with pytest.raises(SolverError, match=r"loading of `.*` is .* compiled and .* in pandapower \(step 9\)"):
        plan.batch([powers(plan, 20)], limits=limits(plan), spot_every=10)
