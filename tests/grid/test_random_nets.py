"""Whatever the feeder: the compiled power flow is that of other programs, and its self-check does not cry wolf."""

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.grid.compile import compile_net
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.profiles import constant

from .oracles import pgm
from .oracles.flow import assert_same
from .oracles.random_nets import Case, random_case


def compare(case: Case, factor: float = 1.0) -> None:
    """Hold both plans of a feeder against power-grid-model."""
    feeder = index_feeder(case.net, "random")
    p_w, q_var = case.p_w * factor, case.q_var * factor
    assert_same(compile_net(feeder, phases=3, check=False).solve(p_w, q_var), pgm.solve(case.net, p_w, q_var))
    p_w, q_var = p_w.sum(axis=1), q_var.sum(axis=1)
    assert_same(compile_net(feeder, check=False).solve(p_w, q_var), pgm.solve_symmetric(case.net, p_w, q_var))


@pytest.mark.parametrize("seed", range(1000, 1030))
def test_a_random_feeder_has_the_flow_of_power_grid_model(seed: int):
    """Radial and meshed, with couplers, open ends, parallel systems, taps, dead lines, stubs, both groups."""
    compare(random_case(seed))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(-0.5, 1.5))
def test_any_random_feeder_at_any_load_has_the_flow_of_power_grid_model(seed: int, factor: float):
    """From half the load fed back to one and a half times the load."""
    compare(random_case(seed, largest=20), factor)


@pytest.mark.parametrize("seed", range(2000, 2010))
def test_a_random_feeder_has_the_flow_of_runpp(seed: int):
    """The symmetric plan against pandapower's Newton method."""
    case = random_case(seed)
    net = case.net
    pp.runpp(net, tolerance_mva=1e-10, calculate_voltage_angles=True, lightsim2grid=False, numba=False)
    ours = compile_net(index_feeder(net, "random"), check=False).solve(
        case.p_w.sum(axis=1), case.q_var.sum(axis=1)
    )
    np.testing.assert_allclose(ours.vm_pu[:, 0], net.res_bus.vm_pu, rtol=0.0, atol=1e-8)
    theirs = np.concatenate([net.res_line.loading_percent, net.res_trafo.loading_percent])
    alive = ~np.isnan(ours.loading_pct)
    assert alive.sum() >= net.line.in_service.sum() // 2
    np.testing.assert_allclose(ours.loading_pct[alive], theirs[alive], rtol=0.0, atol=1e-4)


def living_buses(feeder: Feeder, count: int) -> list[str]:
    """Names of the last buses that have a source."""
    return [feeder.buses[b] for b in np.flatnonzero(feeder.supplied)[-count:]]


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("block", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))])
def test_no_false_alarm(block: int, phases: int):
    """Two hundred valid feeders, twenty a time: compiled, checked, accepted, and the check compared something."""
    for seed in range(5000 + 20 * block, 5020 + 20 * block):
        feeder = index_feeder(random_case(seed).net, f"random {seed}")
        grid = make_grid(
            feeder,
            living_buses(feeder, 3),
            constant(feeder, 1.0, None if phases == 1 else np.full((len(feeder.units), 3), 1.0 / 3.0)),
            evse_max_w=np.full(3, 3_000.0),
            phases=phases,  # type: ignore[arg-type]
        )
        assert grid.provenance["solver"] == "compiled fixed point", grid.provenance
        check = grid.provenance["self_check"]
        assert {"no load", "nominal"} <= set(check["points"])  # type: ignore[index]
