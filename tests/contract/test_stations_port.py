"""What the port `Stations` and `Hands` promise, on simulated stations and over every version of OCPP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.contract.conftest import evse
from twin.domain import events as e
from twin.domain import fleet as f
from twin.domain.commands import Authorise, Stop

START = ["CablePlugged", "TokenPresented", "CommandAnswered", "TransactionStarted"]
END = ["TransactionEnded", "CableUnplugged"]


def test_a_session_is_told_in_order(bench: Any) -> None:
    """Plug, card, grant, start; an hour at 11.04 kW; end and unplug, each fact once."""
    bench.plug()
    bench.present()
    bench.go(3_600.0)
    bench.unplug()
    assert bench.told() == [*START, *END]


def test_facts_say_when_they_happened(bench: Any) -> None:
    """A car that comes at 1000 s and leaves at 4600 s."""
    bench.go(1_000.0)
    bench.plug()
    bench.present()
    bench.go(4_600.0)
    bench.unplug()
    times = [(fact.happened_s, fact.received_s) for fact in bench.facts]
    assert times == [(1_000.0, 1_000.0)] * 4 + [(4_600.0, 4_600.0)] * 2


def test_a_transaction_has_its_token_and_its_registers(bench: Any) -> None:
    """From 0 to 11,040 Wh in one hour at 11.04 kW."""
    bench.plug()
    bench.present(token="blue")
    bench.go(3_600.0)
    bench.unplug()
    started, ended = bench.last(e.TransactionStarted), bench.last(e.TransactionEnded)
    assert (started.token, started.register_wh) == ("blue", 0.0)
    assert (ended.register_wh, ended.reason) == (11_040.0, "EVDisconnected")


def test_columns_know_the_car_from_the_moment_it_is_plugged_in(bench: Any) -> None:
    """Phases, smallest and largest power, and what the driver said."""
    bench.go(100.0)
    bench.plug(energy_wh=12_000.0, departure_s=9_000.0)
    wanted = {
        f.PLUGGED: 1.0, f.CHARGING: 0.0, f.PHASES: 3.0, f.W_PER_A: 690.0, f.MAX_W: 11_040.0, f.MIN_W: 4_140.0,
        f.ARRIVED_S: 100.0, f.DEPARTURE_S: 9_000.0, f.REQUESTED_WH: 12_000.0,
    }  # fmt: skip
    assert {column: bench.column(column) for column in wanted} == pytest.approx(wanted)


def test_columns_of_an_empty_evse_describe_it_again(bench: Any) -> None:
    """Nothing is left of the car that was there."""
    before = bench.fleet.data[f.PLUGGED : f.START_WH, 0].copy()
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.unplug()
    np.testing.assert_array_equal(bench.fleet.data[f.PLUGGED : f.START_WH, 0], before)


def test_a_tick_measures(bench: Any) -> None:
    """After a quarter of an hour at 11.04 kW: 2,760 Wh, drawn right now, as of now."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    columns = (f.REGISTER_WH, f.DRAW_W, f.POWER_W, f.SAMPLED_S, f.CHARGING)
    assert [bench.column(c) for c in columns] == pytest.approx([2_760.0, 11_040.0, 11_040.0, 900.0, 1.0])


def test_a_limit_is_obeyed_from_the_moment_it_is_set(bench: Any) -> None:
    """Half an hour at 11.04 kW and half an hour at 6.9 kW: 5,520 + 3,450 Wh."""
    bench.plug()
    bench.present()
    bench.go(1_800.0)
    bench.limit(6_900.0)
    bench.go(3_600.0)
    assert bench.register_wh == 8_970.0
    assert bench.column(f.LIMIT_W) == pytest.approx(6_900.0)


def test_zero_pauses_and_more_resumes(bench: Any) -> None:
    """A quarter on, a quarter off, a quarter on: 2 x 2,760 Wh, in one transaction."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.limit(0.0)
    bench.go(1_800.0)
    assert bench.register_wh == 2_760.0
    assert bench.column(f.CHARGING) == 1.0
    bench.limit(11_040.0)
    bench.go(2_700.0)
    assert bench.register_wh == 5_520.0
    assert bench.told() == START


@pytest.mark.parametrize(
    ("asked_w", "given_w"), [(7_360.27, 7_360.2), (4_140.0, 4_140.0), (4_139.0, 0.0), (99_999.0, 11_040.0)]
)
def test_limits_are_rounded_down_to_what_can_be_signalled(bench: Any, asked_w: float, given_w: float) -> None:
    """Tenths of a W between 6 and 16 A on three phases; below is a pause."""
    bench.plug()
    bench.present()
    bench.limit(asked_w)
    bench.go(900.0)
    assert bench.column(f.LIMIT_W) == pytest.approx(given_w)
    assert bench.column(f.DRAW_W) == pytest.approx(given_w)


def test_pilots_in_steps(make: Any) -> None:
    """7.6 kW are 11.01 A on three phases: 11 A in steps of 1 A, 7,590 W."""
    bench = make(evse(step_a=1.0))
    bench.plug()
    bench.present()
    bench.limit(7_600.0)
    bench.go(900.0)
    assert bench.column(f.DRAW_W) == pytest.approx(7_590.0)


def test_a_car_that_has_enough_says_so(bench: Any) -> None:
    """2,760 Wh take a quarter of an hour; the next tick tells, and what is charging is known."""
    bench.plug(energy_wh=2_000.0)
    bench.present()
    bench.go(900.0)
    assert bench.told() == [*START, "ChargingSuspended"]
    assert (bench.column(f.CHARGING), bench.column(f.DRAW_W)) == (0.0, 0.0)
    assert bench.register_wh == 2_000.0


def test_a_refused_driver_does_not_charge(bench: Any) -> None:
    """The answer is taken, and no transaction begins."""
    bench.grant = False
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.unplug()
    assert "TransactionStarted" not in bench.told()
    assert bench.told()[-1] == "CableUnplugged"
    assert bench.register_wh == 0.0


def test_an_answer_for_a_car_that_left_starts_nothing(bench: Any) -> None:
    """It is refused, and the next car is asked about anew."""
    bench.grant = None
    bench.plug()
    bench.present(token="late")
    bench.unplug()
    bench.plug()
    bench.stations.send(Authorise(7, "s1/1", "late", granted=True))
    bench.go(900.0)
    assert "TransactionStarted" not in bench.told()
    assert bench.register_wh == 0.0


def test_a_token_nobody_showed_starts_nothing(bench: Any) -> None:
    """The command is answered with a refusal."""
    bench.grant = None
    bench.plug()
    bench.present(token="red")
    bench.stations.send(Authorise(7, "s1/1", "blue", granted=True))
    answer = bench.last(e.CommandAnswered)
    assert (answer.command, answer.accepted) == (7, False)
    assert "TransactionStarted" not in bench.told()


def test_a_stop_ends_the_transaction_and_the_car_stays(bench: Any) -> None:
    """After a quarter of an hour: 2,760 Wh, reason Remote; a second stop is refused."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.stations.send(Stop(8, "s1/1"))
    ended = bench.last(e.TransactionEnded)
    assert (ended.register_wh, ended.reason) == (2_760.0, "Remote")
    assert (bench.column(f.PLUGGED), bench.column(f.CHARGING)) == (1.0, 0.0)
    assert bench.last(e.CommandAnswered).accepted
    bench.stations.send(Stop(9, "s1/1"))
    answer = bench.last(e.CommandAnswered)
    assert (answer.command, answer.accepted) == (9, False)


def test_without_power_nothing_flows_and_the_transaction_goes_on(bench: Any) -> None:
    """A quarter on, a quarter without power, a quarter on: 5,520 Wh."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.fault("outage", True)
    assert bench.column(f.CHARGING) == 0.0
    bench.go(1_800.0)
    bench.fault("outage", False)
    bench.go(2_700.0)
    assert bench.told() == [*START, "Faulted", "Recovered"]
    assert bench.register_wh == 5_520.0


def test_a_station_that_is_offline_goes_on_and_its_readings_grow_old(bench: Any) -> None:
    """Limits stay as they were; what was measured last is from before."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.fault("offline", True)
    assert bench.column(f.OFFLINE) == 1.0
    bench.go(1_800.0)
    assert (bench.register_wh, bench.column(f.SAMPLED_S)) == (2_760.0, 900.0)
    assert bench.stations.read_register(1_800.0, np.array([0]))[0] == 5_520.0


def test_what_happened_offline_is_told_afterwards_with_its_own_time(bench: Any) -> None:
    """The car left at 1800 s, the station is back at 2700 s: register of then, instant of then."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    bench.fault("offline", True)
    bench.go(1_800.0)
    bench.unplug()
    assert bench.told() == [*START, "WentOffline"]
    bench.go(2_700.0)
    bench.fault("offline", False)
    assert bench.told()[len(START) :] == ["WentOffline", "CameBack", *END]
    ended = bench.last(e.TransactionEnded)
    assert (ended.happened_s, ended.received_s, ended.register_wh) == (1_800.0, 2_700.0, 5_520.0)
    assert bench.column(f.OFFLINE) == 0.0


def test_a_card_that_was_shown_offline_counts_when_the_station_is_back(bench: Any) -> None:
    """The car waits from 0 to 900 s, then charges for a quarter of an hour."""
    bench.fault("offline", True)
    bench.plug()
    bench.present()
    bench.go(900.0)
    assert bench.told() == ["WentOffline"]
    bench.fault("offline", False)
    assert bench.told() == ["WentOffline", "CameBack", *START]
    bench.go(1_800.0)
    assert bench.register_wh == 2_760.0


def test_cards_that_were_shown_offline_at_two_evses_are_told_apart(make: Any) -> None:
    """Both come when the station is back, the second before the first has started: each to its own EVSE."""
    bench = make(evse("s1", 1), evse("s1", 2))
    for row in (0, 1):
        bench.fault("offline", True, row)
        bench.plug(row)
        bench.present(row, f"card-{row}")
    bench.go(900.0)
    bench.fault("offline", False, 0)
    bench.fault("offline", False, 1)
    for row in (0, 1):
        assert bench.told(row) == ["WentOffline", "CameBack", *START]
    shown = [(fact.evse, fact.token) for fact in bench.facts if isinstance(fact, e.TokenPresented)]
    assert shown == [("s1/1", "card-0"), ("s1/2", "card-1")]


def test_registers_go_on_from_car_to_car(bench: Any) -> None:
    """The second transaction begins where the first ended."""
    for _ in range(2):
        bench.plug()
        bench.present()
        bench.go(bench.env.now + 900.0)
        bench.unplug()
    begun = [fact.register_wh for fact in bench.facts if isinstance(fact, e.TransactionStarted)]
    assert begun == [0.0, 2_760.0]


def test_two_evses_of_one_station_are_two(make: Any) -> None:
    """The second has a car of its own and a limit of its own."""
    bench = make(evse("s1", 1), evse("s1", 2))
    bench.plug(1)
    bench.present(1, "blue")
    bench.plug(0)
    bench.present(0, "red")
    bench.limit(6_900.0, 1)
    bench.go(900.0)
    assert bench.told(0) == bench.told(1) == START
    assert [bench.column(f.REGISTER_WH, row) for row in (0, 1)] == [2_760.0, 1_725.0]
    tokens = {fact.evse: fact.token for fact in bench.facts if isinstance(fact, e.TransactionStarted)}
    assert tokens == {"s1/1": "red", "s1/2": "blue"}


def test_what_is_true_balances(bench: Any) -> None:
    """Delivered is what the battery gained: no losses in this car."""
    bench.plug()
    bench.present()
    bench.go(900.0)
    truth = bench.stations.session_truth(0)
    assert truth.delivered_wh == pytest.approx(2_760.0)
    assert truth.battery_wh == pytest.approx(2_760.0)
    assert bench.stations.interval().power_w[0] == pytest.approx(11_040.0)
