"""Grid-side power per phase: where the power of every car and every EVSE flows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.domain.phases import PhaseShares
from twin.domain.specs import Connection

HOUR = 3_600.0
ONE_PHASE = {"ac_phases": 1, "ac_max_w": 3_680.0}
TWO_PHASES = {"ac_phases": 2, "ac_max_w": 7_360.0}


def powers(bench, until_s):
    """Mean power per phase of every row: a list of (L1, L2, L3)."""
    bench.stations.advance(until_s)
    return bench.stations.interval().phase_w.T.round(9).tolist()


@pytest.mark.parametrize(
    ("connection", "spec", "expected"),
    [
        (Connection.L1L2L3, {}, [3_680.0, 3_680.0, 3_680.0]),
        (Connection.L1L2L3, TWO_PHASES, [3_680.0, 3_680.0, 0.0]),
        (Connection.L1L2L3, ONE_PHASE, [3_680.0, 0.0, 0.0]),
        (Connection.L2L3L1, ONE_PHASE, [0.0, 3_680.0, 0.0]),
        (Connection.L3L1L2, TWO_PHASES, [3_680.0, 0.0, 3_680.0]),
        (Connection.L3, {}, [0.0, 0.0, 3_680.0]),
        (Connection.L2_L3, {}, [0.0, 1_840.0, 1_840.0]),
    ],
)
def test_a_car_draws_on_the_phases_it_uses_in_the_order_of_the_connection(make, connection, spec, expected):
    bench = make.Bench(make.evse(connection=connection))
    bench.start(0.0, 0, make.car(make.vehicle(**spec)))
    assert powers(bench, HOUR) == [expected]


def test_a_dc_charger_takes_a_third_from_each_phase_with_its_own_losses_and_standby(make):
    bench = make.Bench(make.evse(dc_max_w=47_000.0, efficiency=0.94, standby_w=60.0))
    bench.start(0.0, 0, make.car(make.vehicle(ac_phases=1)))
    assert powers(bench, HOUR) == [[pytest.approx(50_060.0 / 3)] * 3]


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (Connection.L1L2L3, [3.0, 3.0, 3.0]),
        (Connection.L2, [0.0, 9.0, 0.0]),
        (Connection.L3_L1, [4.5, 0.0, 4.5]),
    ],
)
def test_standby_divides_over_all_conductors_of_the_connection(make, connection, expected):
    bench = make.Bench(make.evse(connection=connection, standby_w=9.0))
    assert bench.stations.interval().phase_w.T.tolist() == [expected]
    bench.start(HOUR, 0, make.car(make.vehicle(**ONE_PHASE)))
    bench.limit(0, 0.0)
    assert powers(bench, 2 * HOUR) == [expected]


def test_each_of_two_cars_in_one_interval_counts_on_its_own_phases(make):
    """20 minutes of one phase at 3.68 kW, then 20 minutes of three, of an hour."""
    bench = make.Bench(make.evse(connection=Connection.L2L3L1))
    bench.start(0.0, 0, make.car(make.vehicle(**ONE_PHASE)))
    bench.stations.unplug(1_200.0, 0)
    bench.start(2_400.0, 0, make.car())
    third = 3_680.0 / 3
    assert powers(bench, HOUR) == [[pytest.approx(third), pytest.approx(2 * third), pytest.approx(third)]]
    assert powers(bench, 2 * HOUR) == [[3_680.0] * 3]


def test_a_car_that_left_counts_where_it_drew_and_nothing_is_left_for_the_next_interval(make):
    bench = make.Bench(make.evse(standby_w=3.0))
    bench.start(0.0, 0, make.car(make.vehicle(**ONE_PHASE)))
    bench.stations.unplug(1_800.0, 0)
    bench.stations.plug(1_800.0, 0, make.car())  # nobody identifies: it draws nothing
    assert powers(bench, HOUR) == [[1_841.0, 1.0, 1.0]]
    assert powers(bench, 2 * HOUR) == [[1.0, 1.0, 1.0]]


def test_an_evse_without_power_has_none_on_any_phase(make):
    bench = make.Bench(make.evse(standby_w=9.0))
    bench.stations.fault(0.0, 0, "outage", True)
    assert powers(bench, HOUR) == [[0.0, 0.0, 0.0]]


VISIT = st.tuples(
    st.integers(0, 3), st.integers(1, 3), st.floats(0.0, 900.0), st.floats(1.0, 900.0), st.booleans()
)


@settings(max_examples=100, deadline=None)
@given(visits=st.lists(VISIT, max_size=12))
def test_phases_sum_to_the_power_from_the_grid_whoever_comes_and_goes(make, visits):
    """Energy per phase equals each car's energy over the EVSE's efficiency, by its own shares, and standby."""
    specs = (
        make.evse(1, connection=Connection.L2L3L1, standby_w=6.0),
        make.evse(2, connection=Connection.L3, step_a=1.0),
        make.evse(3, connection=Connection.L1_L2, voltage_v=208.0, standby_w=2.0),
        make.evse(4, dc_max_w=80_000.0, efficiency=0.94, standby_w=60.0),
    )
    bench, shares = make.Bench(*specs), PhaseShares(specs)
    expected_wh, seen_wh, t_s, closed_s = np.zeros((4, 3)), np.zeros((4, 3)), 0.0, 0.0
    for row, phases, wait_s, stay_s, close in visits:
        t_s += wait_s
        bench.start(t_s, row, make.car(make.vehicle(ac_phases=phases, ac_max_w=3_680.0 * phases)))
        t_s += stay_s
        bench.stations.unplug(t_s, row)
        used = min(phases, specs[row].connection.phases)
        delivered_wh = bench.truth(row).delivered_wh / specs[row].efficiency
        expected_wh[row] += delivered_wh * shares.table[used, row]
        if close:
            bench.stations.advance(t_s)
            interval = bench.stations.interval()
            assert interval.phase_w.sum(axis=0) == pytest.approx(interval.grid_w, rel=1e-12, abs=1e-9)
            assert (interval.phase_w >= 0.0).all()
            seen_wh += interval.phase_w.T * (t_s - closed_s) / HOUR
            closed_s = t_s
    end_s = t_s + 1.0
    bench.stations.advance(end_s)
    seen_wh += bench.stations.interval().phase_w.T * (end_s - closed_s) / HOUR
    standby_w = np.array([spec.standby_w for spec in specs])
    expected_wh += shares.table[0] * standby_w[:, None] * end_s / HOUR
    assert seen_wh == pytest.approx(expected_wh, rel=1e-9, abs=1e-6)
