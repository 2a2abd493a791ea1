"""Which limits a solved instant breaks."""

from dataclasses import replace

import numpy as np

from twin.domain.grid import Broken, GridState, GridTopology, broken

TOPOLOGY = GridTopology(
    name="hand-made",
    buses=("A", "B", "C"),
    bus_vn_kv=np.array([20.0, 0.4, 0.4]),
    charging_level=np.array([False, True, True]),
    branches=("L1", "T1"),
    is_trafo=np.array([False, True]),
    from_bus=np.array([1, 0]),
    to_bus=np.array([2, 1]),
    bus_xy=np.full((3, 2), np.nan),
    vm_min_pu=np.full(3, 0.9),
    vm_max_pu=np.full(3, 1.1),
    max_loading_pct=np.array([100.0, 100.0]),
    head_va_rating=250e3,
    phases=1,
    vuf_max_pct=np.full(3, np.inf),
)


def state(vm_pu: tuple[float, ...], loading_pct: tuple[float, ...]) -> GridState:
    """An instant with these values."""
    return GridState(
        vm_pu=np.array(vm_pu)[:, None],
        vuf_pct=np.zeros(3),
        loading_pct=np.array(loading_pct),
        slack_w=0.0,
        losses_w=0.0,
        base_w=0.0,
        pv_w=0.0,
        ev_w=0.0,
        converged=True,
        mismatch_w=0.0,
        iterations=3,
    )


def test_values_on_their_limits_break_nothing():
    """A limit is kept up to and including its value; NaN (out of service) breaks none."""
    assert broken(TOPOLOGY, state((0.9, 1.1, np.nan), (100.0, np.nan))) == []


def test_each_broken_limit_is_named_with_kind_value_and_limit():
    """Buses come first, then branches, each in the order of the topology."""
    assert broken(TOPOLOGY, state((1.0, 1.12, 0.88), (101.0, 130.0))) == [
        Broken("B", "high voltage", 1.12, 1.1),
        Broken("C", "low voltage", 0.88, 0.9),
        Broken("L1", "line loading", 101.0, 100.0),
        Broken("T1", "transformer loading", 130.0, 100.0),
    ]


def test_a_voltage_of_three_phases_names_its_phase():
    """One bus can be too low on L2 and too high on L3; loadings and unbalance have no phase."""
    uneven = replace(
        state((1.0, 1.0, 1.0), (101.0, 0.0)),
        vm_pu=np.array([[1.0, 0.89, 1.11], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
        vuf_pct=np.array([3.0, 0.0, 0.0]),
    )
    three = replace(TOPOLOGY, phases=3, vuf_max_pct=np.full(3, 2.0))
    assert [(item.kind, item.phase) for item in broken(three, uneven)] == [
        ("low voltage", 1),
        ("high voltage", 2),
        ("voltage unbalance", None),
        ("line loading", None),
    ]


def test_no_solution_is_one_finding_about_the_whole_feeder():
    """Without a solution nothing else can be said."""
    (only,) = broken(TOPOLOGY, replace(state((0.0, 0.0, 0.0), (200.0, 200.0)), converged=False))
    assert only[:2] == ("hand-made", "no solution")
    assert np.isnan(only.value)
    assert np.isnan(only.limit)
