"""Energy balances whatever happens."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

STEP = st.tuples(
    st.sampled_from(["plug", "unplug", "limit", "advance", "outage", "offline", "stuck-meter", "read"]),
    st.integers(0, 3),
    st.floats(0.0, 1.0),
    st.floats(0.0, 5_000.0),
)


def run(make, steps):
    """Obey random steps on four different EVSEs; return the bench, sessions and intervals seen."""
    bench = make.Bench(
        make.evse(1, standby_w=5.0),
        make.evse(2, step_a=1.0, meter_resolution_wh=10.0),
        make.evse(3, levels_a=(6.0, 10.0, 16.0)),
        make.evse(4, dc_max_w=80_000.0, efficiency=0.94, standby_w=60.0),
    )
    stations, fleet = bench.stations, bench.fleet
    taper = {"taper_soc": 0.35, "taper_end": 0.08, "ac_efficiency": 0.9, "dc_efficiency": 0.97}
    specs = [make.vehicle(standby_w=180.0, ac_phases=p, ac_max_w=3_680.0 * p, **taper) for p in (1, 2, 3)]
    t_s, last_s, sessions, registers, head_wh = 0.0, 0.0, [], {}, 0.0
    broken = set()
    for what, row, amount, wait_s in steps:
        t_s += wait_s
        plugged = row in registers
        if what == "plug" and not plugged:
            arrival = amount * 60_000.0
            want = make.car(specs[row % 3], arrival_wh=arrival, energy_wh=1.0 + wait_s * 10.0)
            registers[row] = stations.read_register(t_s, np.array([row]))[0]
            bench.start(t_s, row, want, amount * 90_000.0)
        elif what == "unplug" and plugged:
            stations.unplug(t_s, row)
            metered = stations.read_register(t_s, np.array([row]))[0] - registers.pop(row)
            sessions.append((stations.session_truth(row), metered))
        elif what == "limit":
            bench.limit(row, amount * 20_000.0)
        elif what == "advance":
            stations.advance(t_s)
            head_wh += stations.interval().grid_w.sum() * (t_s - last_s) / 3600.0
            last_s = t_s
        elif what == "read":
            stations.read_register(t_s, np.arange(4))
        elif what in ("outage", "offline", "stuck-meter"):
            on = (row, what) not in broken
            broken ^= {(row, what)}
            stations.fault(t_s, row, what, on)
    sessions.extend((stations.session_truth(row), None) for row in registers)
    return bench, sessions, fleet


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_energy_balances_in_every_session(make, steps):
    """Delivered = battery + converter loss + standby to a millionth of a Wh, whatever happened."""
    _, sessions, _ = run(make, steps)
    for truth, metered_wh in sessions:
        assert abs(truth.imbalance_wh) < 1e-6
        assert min(truth[:5]) >= 0.0
        assert truth.soc <= 1.0
        if metered_wh is not None:
            assert abs(truth.delivered_wh - truth.unmetered_wh - metered_wh) < 10.0 + 1e-6


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_the_grid_delivers_what_the_cars_and_evses_take(make, steps):
    """Means of intervals, summed, are the cars' energy over efficiency plus standby with power, offline too."""
    bench = make.Bench(
        make.evse(1, standby_w=5.0), make.evse(2, dc_max_w=80_000.0, efficiency=0.9, standby_w=60.0)
    )
    t_s, start_s, grid_wh, connector_wh, done_wh = 0.0, 0.0, np.zeros(2), np.zeros(2), np.zeros(2)
    plugged = [False, False]
    broken = set()
    powered_h, dark_h = np.zeros(2), np.zeros(2)
    for what, number, amount, wait_s in [*steps, ("advance", 0, 0.0, 60.0)]:
        row = number % 2
        t_s += wait_s
        if what == "plug" and not plugged[row]:
            bench.start(t_s, row, make.car(energy_wh=1.0 + 10.0 * wait_s), amount * 60_000.0)
        elif what == "unplug" and plugged[row]:
            bench.stations.unplug(t_s, row)
            done_wh[row] += bench.truth(row).delivered_wh
        elif what == "advance":
            bench.stations.advance(t_s)
            interval, hours = bench.stations.interval(), (t_s - start_s) / 3600.0
            if hours > 0.0:
                grid_wh += interval.grid_w * hours
                connector_wh += interval.power_w * hours
                powered_h += interval.powered * hours
            start_s = t_s
        elif what in ("outage", "offline", "stuck-meter"):
            on = (row, what) not in broken
            broken ^= {(row, what)}
            bench.stations.fault(t_s, row, what, on)
            if what == "outage":
                dark_h[row] += -t_s / 3600.0 if on else t_s / 3600.0
        plugged[row] = {"plug": True, "unplug": False}.get(what, plugged[row])
    delivered = done_wh + [bench.truth(r).delivered_wh if plugged[r] else 0.0 for r in (0, 1)]
    dark_h += [t_s / 3600.0 if (r, "outage") in broken else 0.0 for r in (0, 1)]
    assert np.allclose(powered_h, t_s / 3600.0 - dark_h, atol=1e-6)
    assert np.allclose(connector_wh, delivered, atol=1e-6)
    assert np.allclose(grid_wh, delivered / [1.0, 0.9] + np.array([5.0, 60.0]) * powered_h, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_registers_never_fall_and_show_whole_steps(make, steps):
    """Every register told in a fact is a multiple of its meter's step and not below the one before."""
    bench, _, fleet = run(make, steps)
    last = dict.fromkeys(fleet.ids, 0.0)
    for event in bench.events:
        if hasattr(event, "register_wh"):
            resolution = fleet.specs[fleet.row[event.evse]].meter_resolution_wh
            assert math.isclose(event.register_wh % resolution, 0.0, abs_tol=1e-9)
            assert event.register_wh >= last[event.evse]
            last[event.evse] = event.register_wh


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_the_same_steps_give_the_same_bits(make, steps):
    """Two runs of the same steps agree in every column, fact and truth."""
    first, second = run(make, steps), run(make, steps)
    assert first[0].fleet.data.tobytes() == second[0].fleet.data.tobytes()
    assert repr(first[0].events) == repr(second[0].events)
    assert repr(first[1]) == repr(second[1])
