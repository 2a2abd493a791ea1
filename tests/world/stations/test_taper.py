"""The closed form of the charging curve against a fine numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HOUR = 3600.0


def oracle(spec, limit_w, efficiency, arrival_wh, hours, pieces=200_000):
    """Battery and connector energy after `hours` by the midpoint rule, written from the curve alone."""
    battery, passed, step = arrival_wh, 0.0, hours / pieces
    slope = (1.0 - spec.taper_end) / (1.0 - spec.taper_soc)

    def into_w(energy_wh):
        over = max(energy_wh / spec.usable_wh - spec.taper_soc, 0.0)
        return min(efficiency * (limit_w - spec.standby_w), spec.dc_max_w * (1.0 - slope * over))

    for _ in range(pieces):
        middle = battery + 0.5 * step * into_w(battery)
        power = into_w(middle)
        battery += step * power
        passed += step * (power / efficiency + spec.standby_w)
    return battery, passed


@pytest.mark.parametrize(
    ("limit_w", "arrival_wh", "hours"),
    [
        (150_000.0, 5_000.0, 0.5),
        (60_000.0, 20_000.0, 0.6),
        (40_000.0, 5_000.0, 1.25),
        (150_000.0, 50_000.0, 0.1),
    ],
)
def test_the_taper_agrees_with_numerical_integration(make, limit_w, arrival_wh, hours):
    """Before, through and after the knee, both energies agree to a millionth."""
    spec = make.vehicle(taper_soc=0.4, taper_end=0.1, dc_efficiency=0.97, standby_w=400.0)
    bench = make.Bench(make.evse(dc_max_w=350_000.0))
    bench.start(0.0, 0, make.car(spec, arrival_wh=arrival_wh, energy_wh=1e6), limit_w)
    bench.stations.advance(hours * HOUR)
    battery, passed = oracle(spec, limit_w, 0.97, arrival_wh, hours)
    truth = bench.truth()
    assert truth.battery_wh == pytest.approx(battery - arrival_wh, rel=1e-6)
    assert truth.delivered_wh == pytest.approx(passed, rel=1e-6)
    assert truth.imbalance_wh == pytest.approx(0.0, abs=1e-7)


def test_the_taper_begins_where_the_curve_falls_below_the_limit(make):
    """A curve from 100 kW at 40 % to 10 kW at 100 % passes 55 kW at 70 %."""
    spec = make.vehicle(taper_soc=0.4, taper_end=0.1)
    bench = make.Bench(make.evse(dc_max_w=350_000.0))
    bench.start(0.0, 0, make.car(spec, arrival_wh=36_000.0, energy_wh=1e6), 55_000.0)
    bench.stations.advance(6_000.0 / 55_000.0 * HOUR)
    assert bench.truth().soc == pytest.approx(0.7)
    assert bench.fleet.draw_w[0] == pytest.approx(55_000.0)
    bench.stations.advance(1_000.0)
    assert bench.fleet.draw_w[0] == pytest.approx(100_000.0 * (1 - 1.5 * (bench.truth().soc - 0.4)))


def test_a_battery_is_full_at_the_logarithm_of_its_powers(make):
    """From 100 kW to 10 kW at a rate of 90 kW per 36 kWh takes ln(10)/2.5 h."""
    spec = make.vehicle(taper_soc=0.4, taper_end=0.1)
    bench = make.Bench(make.evse(dc_max_w=350_000.0))
    bench.start(0.0, 0, make.car(spec, arrival_wh=24_000.0, energy_wh=1e6))
    bench.stations.advance(2 * HOUR)
    assert bench.truth().finished_s == pytest.approx(np.log(10.0) / 2.5 * HOUR, rel=1e-12)
    assert bench.truth().soc == 1.0


@pytest.mark.parametrize("standby_w", [0.0, 400.0])
def test_a_wish_that_ends_in_the_taper_ends_at_its_instant(make, standby_w):
    """Advancing to the instant of the end, and not further, finds the last watt-hour just delivered."""
    spec = make.vehicle(taper_soc=0.3, taper_end=0.05, dc_efficiency=0.97, standby_w=standby_w)
    first = make.Bench(make.evse(dc_max_w=350_000.0))
    first.start(0.0, 0, make.car(spec, arrival_wh=6_000.0, energy_wh=45_000.0))
    first.stations.advance(2 * HOUR)
    assert first.truth().delivered_wh == 45_000.0
    second = make.Bench(make.evse(dc_max_w=350_000.0))
    second.start(0.0, 0, make.car(spec, arrival_wh=6_000.0, energy_wh=1e6))
    second.stations.advance(first.truth().finished_s)
    assert second.truth().delivered_wh == pytest.approx(45_000.0, abs=1e-6)
    assert second.truth().battery_wh == pytest.approx(first.truth().battery_wh, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    taper_soc=st.floats(0.05, 0.99),
    taper_end=st.floats(0.02, 0.999),
    limit_w=st.floats(1_000.0, 200_000.0),
    arrival=st.floats(0.0, 0.99),
    energy_wh=st.floats(100.0, 70_000.0),
    end_s=st.floats(60.0, 20_000.0),
    cuts=st.lists(st.floats(0.0, 1.0), max_size=6),
)
def test_an_interval_may_be_cut_anywhere(
    make, taper_soc, taper_end, limit_w, arrival, energy_wh, end_s, cuts
):
    """However an interval is cut, energy, power and the instant of the end stay the same to 1e-9."""
    spec = make.vehicle(taper_soc=taper_soc, taper_end=taper_end, dc_efficiency=0.96, standby_w=200.0)
    whole, parts = (make.Bench(make.evse(dc_max_w=150_000.0)) for _ in range(2))
    for bench in (whole, parts):
        bench.start(0.0, 0, make.car(spec, arrival_wh=arrival * 60_000.0, energy_wh=energy_wh), limit_w)
    for cut in sorted(cuts):
        parts.stations.advance(cut * end_s)
    for bench in (whole, parts):
        bench.stations.advance(end_s)
    one, other = whole.truth(), parts.truth()
    assert other == pytest.approx(one, rel=1e-9, abs=1e-6, nan_ok=True)
    assert abs(one.imbalance_wh) < 1e-6
    assert abs(other.imbalance_wh) < 1e-6
