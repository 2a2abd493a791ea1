"""Charging physics, by numbers that one can check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from twin.domain.specs import Connection

HOUR = 3600.0


def test_a_car_takes_its_limit_for_an_hour(make):
    """11,040 W for one hour are 11,040 Wh, in the battery, at the connector and on the register."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car())
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == 11_040.0
    assert bench.fleet.register_wh[0] == 11_040.0
    assert bench.fleet.draw_w[0] == 11_040.0
    assert bench.truth().battery_wh == 11_040.0


def test_nothing_flows_before_authorisation(make):
    """A plugged car that nobody authorised draws nothing and is not charging."""
    bench = make.Bench(make.evse(), grant=False)
    bench.start(0.0, 0, make.car())
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == 0.0
    assert bench.fleet.plugged[0] == 1.0
    assert bench.fleet.charging[0] == 0.0


def test_losses_are_standby_first_and_then_the_converter(make):
    """At 4,150 W with 150 W standby and 90 %, the battery gets 3,600 W and the charger loses 400 W."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(make.vehicle(ac_efficiency=0.9, standby_w=150.0)), 4_150.0)
    bench.stations.advance(HOUR)
    truth = bench.truth()
    assert truth.delivered_wh == pytest.approx(4_150.0)
    assert truth.battery_wh == pytest.approx(3_600.0)
    assert truth.converter_loss_wh == pytest.approx(400.0)
    assert truth.standby_wh == pytest.approx(150.0)


def test_a_limit_below_standby_transfers_nothing(make):
    """A DC limit of 150 W leaves nothing for the battery after 150 W of standby: the car stays asleep."""
    bench = make.Bench(make.evse(dc_max_w=50_000.0))
    bench.start(0.0, 0, make.car(make.vehicle(standby_w=150.0)), 150.0)
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == 0.0
    assert bench.truth().standby_wh == 0.0


def test_the_car_stops_at_the_second_when_it_has_what_it_wanted(make):
    """5,520 Wh at 11,040 W take half an hour; the fact is told at the next tick with its own instant."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(energy_wh=5_520.0))
    bench.stations.advance(HOUR)
    assert bench.told()[-1] == ("ChargingSuspended", 1800.0, HOUR)
    assert bench.fleet.power_w[0] == 5_520.0
    assert bench.fleet.draw_w[0] == 0.0
    assert bench.fleet.charging[0] == 0.0
    assert bench.truth().delivered_wh == 5_520.0
    bench.stations.advance(2 * HOUR)
    assert bench.fleet.power_w[0] == 0.0
    assert len(bench.events) == 5


def test_what_is_wanted_is_counted_at_the_connector(make):
    """Whatever standby and losses, the meter shows what the driver wanted when the car stops."""
    bench = make.Bench(make.evse())
    lossy = make.vehicle(ac_efficiency=0.8, standby_w=300.0)
    bench.start(0.0, 0, make.car(lossy, energy_wh=7_000.0), 4_140.0)
    bench.stations.advance(8 * HOUR)
    assert bench.truth().delivered_wh == 7_000.0
    assert bench.fleet.register_wh[0] == 7_000.0


def test_a_full_battery_ends_charging_before_the_wish(make):
    """A car that arrives with 58 of 60 kWh takes 2 kWh, whatever it wanted."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(arrival_wh=58_000.0, energy_wh=9_000.0), 8_000.0)
    bench.stations.advance(HOUR)
    assert bench.truth().finished_s == pytest.approx(900.0)
    assert bench.truth().soc == 1.0


def test_a_car_that_arrives_full_takes_nothing(make):
    """A full battery finishes at the instant at which it could begin."""
    bench = make.Bench(make.evse())
    bench.start(60.0, 0, make.car(make.vehicle(taper_soc=0.8, taper_end=0.1), arrival_wh=60_000.0))
    bench.stations.advance(HOUR)
    assert bench.truth().delivered_wh == 0.0
    assert bench.truth().finished_s == 60.0


def test_the_mean_power_of_an_interval_includes_a_car_that_left(make):
    """A car that leaves after a quarter of the hour shows as a quarter of its power."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 8_280.0)
    bench.stations.unplug(900.0, 0)
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(2_070.0)
    assert bench.grid_w() == pytest.approx([2_070.0])
    bench.stations.advance(2 * HOUR)
    assert bench.fleet.power_w[0] == 0.0
    assert bench.grid_w() == [0.0]


def test_two_cars_in_one_interval_share_its_mean(make):
    """Two cars of 600 s each at 7,200 W in an hour make 2,400 W; each has its own 1,200 Wh."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 7_200.0)
    bench.stations.unplug(600.0, 0)
    assert bench.truth().delivered_wh == pytest.approx(1_200.0)
    bench.start(3_000.0, 0, make.car(), 7_200.0)
    bench.stations.advance(HOUR)
    assert bench.truth().delivered_wh == pytest.approx(1_200.0)
    assert bench.fleet.power_w[0] == pytest.approx(2_400.0)
    assert bench.fleet.register_wh[0] - bench.fleet.start_wh[0] == pytest.approx(1_200.0)


@pytest.mark.parametrize(
    ("phases", "connection", "power_w", "used"),
    [
        (3, Connection.L1L2L3, 11_040.0, 3),
        (2, Connection.L2L3L1, 7_360.0, 2),
        (1, Connection.L1L2L3, 3_680.0, 1),
        (3, Connection.L2, 3_680.0, 1),
    ],
)
def test_power_is_current_times_voltage_times_phases_in_use(make, phases, connection, power_w, used):
    """16 A are 3,680 W per phase; two phases are 7,360 W, not 1.22 times that; one is not 6.4 kW."""
    bench = make.Bench(make.evse(connection=connection))
    bench.start(0.0, 0, make.car(make.vehicle(ac_phases=phases, ac_max_w=3_680.0 * phases)))
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(power_w)
    assert bench.fleet.phases[0] == used
    assert bench.fleet.w_per_a[0] == 230.0 * used
    assert bench.fleet.max_w[0] == pytest.approx(power_w)
    assert bench.fleet.min_w[0] == 6.0 * 230.0 * used


def test_a_line_to_line_evse_gives_one_phase_at_its_own_voltage(make):
    """At 208 V between lines, 30 A are 6,240 W for a car of 32 A, and its third phase is of no use."""
    bench = make.Bench(make.evse(connection=Connection.L1_L2, voltage_v=208.0, max_a=30.0))
    bench.start(0.0, 0, make.car(make.vehicle(ac_max_w=22_080.0)))
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(6_240.0)
    assert bench.fleet.phases[0] == 1.0


def test_the_on_board_charger_caps_what_the_pilot_offers(make):
    """A 3.6 kW plug-in hybrid draws 3.6 kW at a 16 A outlet that offers 3.68 kW."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(make.vehicle(ac_phases=1, ac_max_w=3_600.0)))
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(3_600.0)
    assert bench.fleet.max_w[0] == pytest.approx(3_600.0)


@pytest.mark.parametrize(
    ("limit_w", "in_force_w"),
    [(4_140.0, 4_140.0), (4_139.0, 0.0), (0.0, 0.0), (-5.0, 0.0), (math.nan, 0.0), (1e9, 11_040.0)],
)
def test_below_six_amperes_is_a_pause(make, limit_w, in_force_w):
    """6 A on three phases are 4,140 W: one watt less pauses; above 16 A is cut."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), limit_w)
    bench.stations.advance(HOUR)
    assert bench.fleet.limit_w[0] == in_force_w
    assert bench.fleet.power_w[0] == in_force_w


@pytest.mark.parametrize("steps", range(60, 161))
def test_a_limit_of_exactly_k_steps_gives_k_steps(make, steps):
    """A multiple of 0.1 A is no whole number in binary, and still means k steps."""
    bench = make.Bench(make.evse(step_a=0.1))
    bench.start(0.0, 0, make.car(), steps * bench.fleet.step_w[0])
    assert bench.fleet.limit_w[0] == pytest.approx(steps * 69.0)


def test_a_limit_between_steps_is_rounded_down(make):
    """12.9 A with steps of 1 A are 12 A: 8,280 W."""
    bench = make.Bench(make.evse(step_a=1.0))
    bench.start(0.0, 0, make.car(), 12.9 * 690.0)
    assert bench.fleet.limit_w[0] == pytest.approx(8_280.0)


@pytest.mark.parametrize(
    ("asked_a", "pilot_a"), [(5.9, 0.0), (6.0, 6.0), (9.9, 6.0), (10.0, 10.0), (99.0, 16.0)]
)
def test_an_evse_with_levels_signals_the_next_lower_one(make, asked_a, pilot_a):
    """An EVSE that knows 6, 10 and 16 A signals nothing between."""
    bench = make.Bench(make.evse(levels_a=(6.0, 10.0, 16.0), max_a=32.0))
    bench.start(0.0, 0, make.car(make.vehicle(ac_max_w=22_080.0)), asked_a * 690.0)
    assert bench.fleet.limit_w[0] == pytest.approx(pilot_a * 690.0)


def test_the_largest_power_of_a_session_is_a_pilot_that_can_be_signalled(make):
    """A car of 15.65 A needs the 16 A pilot: asking for its largest power must not round it to 15 A."""
    bench = make.Bench(make.evse(step_a=1.0), make.evse(2, levels_a=(6.0, 16.0)))
    for row in (0, 1):
        bench.start(0.0, row, make.car(make.vehicle(ac_phases=1, ac_max_w=3_600.0)))
        assert bench.fleet.max_w[row] == pytest.approx(3_680.0)
        bench.limit(row, bench.fleet.max_w[row])
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w.tolist() == pytest.approx([3_600.0, 3_600.0])


def test_dc_is_limited_in_watts_and_has_no_floor(make):
    """50 kW of output, an efficiency of 94 % and 100 W of standby take 53,291 W from the grid."""
    bench = make.Bench(make.evse(dc_max_w=50_000.0, efficiency=0.94, standby_w=100.0))
    bench.start(0.0, 0, make.car(make.vehicle(dc_efficiency=0.98)))
    bench.stations.advance(0.5 * HOUR)
    assert bench.fleet.power_w[0] == 50_000.0
    assert bench.grid_w() == pytest.approx([50_000.0 / 0.94 + 100.0])
    assert bench.truth().battery_wh == pytest.approx(24_500.0)
    bench.limit(0, 1_000.0)
    assert bench.fleet.limit_w[0] == 1_000.0
    assert bench.fleet.w_per_a[0] == 0.0


def test_the_battery_caps_dc_at_its_peak(make):
    """A battery of 100 kW behind 98 % draws 102,041 W from a 350 kW charger."""
    bench = make.Bench(make.evse(dc_max_w=350_000.0))
    bench.start(0.0, 0, make.car(make.vehicle(dc_efficiency=0.98)))
    bench.stations.advance(900.0)
    assert bench.fleet.power_w[0] == pytest.approx(100_000.0 / 0.98)
    assert bench.fleet.max_w[0] == pytest.approx(100_000.0 / 0.98)


def test_an_empty_evse_draws_its_standby_and_no_meter_counts_it(make):
    """5 W of standby are 5 W from the grid, with and without a car, and never on the register."""
    bench = make.Bench(make.evse(standby_w=5.0), make.evse(2, standby_w=5.0))
    bench.start(0.0, 0, make.car(), 6_900.0)
    assert bench.grid_w() == [5.0, 5.0]
    bench.stations.advance(HOUR)
    assert bench.grid_w() == pytest.approx([6_905.0, 5.0])
    assert bench.fleet.register_wh.tolist() == [6_900.0, 0.0]


def test_the_register_shows_whole_steps_of_the_meter(make):
    """1,916.7 Wh show as 1,916 on a meter of 1 Wh and as 1,900 on one of 100 Wh; nothing is lost."""
    bench = make.Bench(make.evse(), make.evse(2, meter_resolution_wh=100.0))
    for row in (0, 1):
        bench.start(0.0, row, make.car(), 6_900.0)
    bench.stations.advance(1_000.0)
    assert bench.fleet.register_wh.tolist() == [1_916.0, 1_900.0]
    bench.stations.advance(HOUR)
    assert bench.fleet.register_wh.tolist() == [6_900.0, 6_900.0]


def test_registers_are_read_on_demand_inside_an_interval(make):
    """A reading at a change of price moves neither columns nor the mean of the interval."""
    bench = make.Bench(make.evse(), make.evse(2))
    bench.start(0.0, 0, make.car(), 7_200.0)
    assert bench.stations.read_register(1_800.0, np.array([0, 1])).tolist() == [3_600.0, 0.0]
    assert bench.fleet.register_wh[0] == 0.0
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(7_200.0)


def test_a_limit_counts_from_the_instant_it_is_set(make):
    """A limit that follows a fact in mid-interval does not reach back to the last tick."""
    bench = make.Bench(make.evse(), make.evse(2))
    bench.start(0.0, 0, make.car(), 8_280.0)
    bench.stations.plug(1_800.0, 1, make.car())
    bench.limit(0, 4_140.0)
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(6_210.0)


def test_the_pilot_outlives_the_car(make):
    """10 A stay 10 A: 6,900 W for three phases, 2,300 W for the one-phase car that comes next."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 6_900.0)
    bench.stations.unplug(60.0, 0)
    assert bench.fleet.limit_w[0] == pytest.approx(6_900.0)
    bench.stations.plug(120.0, 0, make.car(make.vehicle(ac_phases=1, ac_max_w=3_680.0)))
    assert bench.fleet.limit_w[0] == pytest.approx(2_300.0)


def test_an_almost_finished_car_still_finishes_at_six_amperes(make):
    """What is missing is less than a period at 6 A: the car takes it and is done, exactly."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(energy_wh=50.0), 4_140.0)
    bench.stations.advance(300.0)
    assert bench.truth().delivered_wh == 50.0
    assert bench.truth().finished_s == pytest.approx(50.0 / 4_140.0 * HOUR)


def test_stored_energy_is_never_rounded(make):
    """A day in steps of 15 minutes stores what flowed, to a millionth of a Wh."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(energy_wh=1e9), 4_321.9)
    for tick in range(1, 33):
        bench.stations.advance(tick * 900.0)
    assert bench.truth().battery_wh == pytest.approx(8 * 4_321.9, abs=1e-6)


def test_charge_efficiency_is_drawn_from_the_grid(make):
    """What the converter loses comes through the meter and from the feeder, not from nowhere."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(make.vehicle(ac_efficiency=0.8)), 6_900.0)
    bench.stations.advance(HOUR)
    assert bench.grid_w() == pytest.approx([6_900.0])
    assert bench.truth().battery_wh == pytest.approx(5_520.0)
