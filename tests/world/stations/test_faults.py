"""What stations do when something breaks, as timelines."""

from __future__ import annotations

import numpy as np
import pytest

from twin.domain.commands import Authorise
from twin.domain.events import CommandAnswered, TransactionStarted

HOUR = 3600.0


def kinds(bench):
    """Names of the facts, in order."""
    return [kind for kind, _, _ in bench.told()]


def test_an_outage_pauses_the_transaction_and_takes_the_standby(make):
    """Half an hour without power halves the energy and the standby; the session goes on by itself."""
    bench = make.Bench(make.evse(standby_w=10.0))
    bench.start(0.0, 0, make.car(), 8_280.0)
    bench.stations.fault(900.0, 0, "outage", True)
    assert bench.fleet.charging[0] == 0.0
    bench.stations.fault(2_700.0, 0, "outage", False)
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(4_140.0)
    assert bench.grid_w() == pytest.approx([4_145.0])
    assert bench.fleet.charging[0] == 1.0
    assert kinds(bench)[-2:] == ["Faulted", "Recovered"]


def test_an_empty_evse_has_no_standby_during_an_outage(make):
    """10 W of standby for a quarter of the hour are 2.5 W; afterwards 10 W again."""
    bench = make.Bench(make.evse(standby_w=10.0))
    bench.stations.advance(HOUR)
    bench.stations.fault(HOUR + 900.0, 0, "outage", True)
    bench.stations.advance(2 * HOUR)
    assert bench.grid_w() == pytest.approx([2.5])
    bench.stations.advance(3 * HOUR)
    assert bench.grid_w() == [0.0]
    bench.stations.fault(3 * HOUR, 0, "outage", False)
    for hour in (4, 5, 6):
        bench.stations.advance(hour * HOUR)
        assert bench.grid_w() == [10.0]


def test_outages_may_overlap(make):
    """Of two causes of an outage the last to end restores power, and it is told once."""
    bench = make.Bench(make.evse())
    for t_s, on in ((0.0, True), (10.0, True), (20.0, False), (30.0, False)):
        bench.stations.fault(t_s, 0, "outage", on)
    assert bench.told() == [("Faulted", 0.0, 0.0), ("Recovered", 30.0, 30.0)]


def test_an_offline_station_keeps_its_limit_and_its_columns_grow_old(make):
    """A limit asked while offline is lost; the car draws on, and the columns catch up on return."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 8_280.0)
    bench.stations.advance(300.0)
    bench.stations.fault(300.0, 0, "offline", True)
    bench.limit(0, 4_140.0)
    bench.stations.advance(HOUR)
    assert bench.fleet.offline[0] == 1.0
    assert bench.fleet.sampled_s[0] == 300.0
    assert bench.fleet.register_wh[0] == 690.0
    assert bench.fleet.limit_w[0] == 8_280.0
    assert bench.grid_w() == pytest.approx([8_280.0])
    bench.stations.fault(HOUR, 0, "offline", False)
    assert bench.fleet.offline[0] == 0.0
    assert bench.fleet.sampled_s[0] == HOUR
    assert bench.fleet.register_wh[0] == 8_280.0


def test_what_happens_offline_is_known_to_the_interval_but_not_to_the_columns(make):
    """The car has its 2,760 Wh after 20 minutes and leaves; 8,280 W stand in the columns for the hour."""
    bench = make.Bench(make.evse(standby_w=10.0))
    interval = bench.stations.interval()
    bench.start(0.0, 0, make.car(energy_wh=2_760.0), 8_280.0)
    bench.stations.advance(600.0)
    assert (interval.power_w[0], interval.register_wh[0], interval.plugged[0]) == (8_280.0, 1_380.0, 1.0)
    bench.stations.fault(600.0, 0, "offline", True)
    bench.stations.advance(1_800.0)
    assert interval.power_w.tolist() == pytest.approx([4_140.0])
    assert interval.grid_w.tolist() == pytest.approx([4_150.0])
    assert (interval.register_wh[0], interval.plugged[0]) == (2_760.0, 1.0)
    bench.stations.unplug(2_000.0, 0)
    bench.stations.advance(HOUR)
    assert (interval.power_w[0], interval.register_wh[0], interval.plugged[0]) == (0.0, 2_760.0, 0.0)
    columns = bench.fleet
    assert (columns.power_w[0], columns.register_wh[0], columns.plugged[0]) == (8_280.0, 1_380.0, 1.0)


def test_an_interval_tells_for_how_long_there_was_power(make):
    """15 of 60 minutes without, then none, then an hour with."""
    bench = make.Bench(make.evse(1), make.evse(2))
    bench.stations.fault(0.0, 0, "outage", True)
    bench.stations.fault(900.0, 0, "outage", False)
    shares = []
    for hour in (1, 2, 3):
        bench.stations.advance(hour * HOUR)
        shares.append(bench.stations.interval().powered.tolist())
        if hour == 1:
            bench.stations.fault(HOUR, 0, "outage", True)
        elif hour == 2:
            bench.stations.fault(2 * HOUR, 0, "outage", False)
    assert shares == [[pytest.approx(0.75), 1.0], [0.0, 1.0], [1.0, 1.0]]


def test_facts_of_an_offline_station_are_told_late(make):
    """What happened while offline is told on return, in its order and with its own instants."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(energy_wh=1_840.0))
    bench.stations.fault(60.0, 0, "offline", True)
    bench.stations.advance(HOUR)
    bench.stations.unplug(HOUR + 1.0, 0)
    assert bench.fleet.plugged[0] == 1.0
    bench.stations.fault(2 * HOUR, 0, "offline", False)
    assert bench.told()[-5:] == [
        ("WentOffline", 60.0, 60.0),
        ("CameBack", 7_200.0, 7_200.0),
        ("ChargingSuspended", 600.0, 7_200.0),
        ("TransactionEnded", 3_601.0, 7_200.0),
        ("CableUnplugged", 3_601.0, 7_200.0),
    ]
    assert bench.fleet.plugged[0] == 0.0


def test_a_car_that_finished_while_offline_is_told_at_the_first_tick_back(make):
    """The end of charging is told once, when somebody can hear it."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(energy_wh=1_840.0))
    bench.stations.fault(60.0, 0, "offline", True)
    bench.stations.advance(HOUR)
    bench.stations.fault(HOUR, 0, "offline", False)
    bench.stations.advance(HOUR + 300.0)
    assert bench.told()[-1] == ("ChargingSuspended", 600.0, HOUR + 300.0)


def test_a_late_answer_never_starts_the_next_drivers_session(make):
    """The first driver left before the grant came: it starts nothing for the second one's car."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.stations.present(1.0, 0, "first")
    bench.stations.unplug(2.0, 0)
    bench.stations.plug(3.0, 0, make.car())
    bench.stations.present(4.0, 0, "second")
    bench.stations.send(Authorise(7, "s1/1", "first", True))
    assert bench.events[-1] == CommandAnswered(4.0, 4.0, "s1", "s1/1", 7, False)
    bench.stations.send(Authorise(8, "s1/1", "second", True))
    assert bench.events[-2] == CommandAnswered(4.0, 4.0, "s1", "s1/1", 8, True)
    assert bench.events[-1] == TransactionStarted(4.0, 4.0, "s1", "s1/1", "second", 0.0)


def test_a_command_does_not_reach_an_offline_station(make):
    """A grant for an offline station is answered with a refusal, and nothing starts."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.stations.present(1.0, 0, "card")
    bench.stations.fault(2.0, 0, "offline", True)
    bench.stations.send(Authorise(7, "s1/1", "card", True))
    assert bench.events[-1] == CommandAnswered(2.0, 2.0, "s1", "s1/1", 7, False)


def test_a_stuck_meter_loses_energy_that_the_audit_can_explain(make):
    """Half of 8,280 Wh passed while the meter stood still: 4,140 metered, 4,140 explained."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 8_280.0)
    bench.stations.fault(1_800.0, 0, "stuck-meter", True)
    bench.stations.advance(HOUR)
    assert bench.fleet.register_wh[0] == 4_140.0
    assert bench.fleet.power_w[0] == pytest.approx(8_280.0)
    assert bench.truth().unmetered_wh == pytest.approx(4_140.0)
    assert bench.truth().delivered_wh == pytest.approx(8_280.0)
    bench.stations.fault(HOUR, 0, "stuck-meter", False)
    bench.stations.advance(2 * HOUR)
    assert bench.fleet.register_wh[0] == 12_420.0


def test_a_refusal_starts_nothing(make):
    """A token that is refused leaves the car plugged and without energy."""
    bench = make.Bench(make.evse(), grant=False)
    bench.start(0.0, 0, make.car())
    bench.stations.send(Authorise(1, "s1/1", "card-0", False))
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == 0.0
    assert "TransactionStarted" not in kinds(bench)


def test_a_session_is_told_as_a_timeline(make):
    """Cable, token, transaction, answer, end, cable: each at its instant, the register signed twice."""
    bench = make.Bench(make.evse())
    bench.start(10.0, 0, make.car(), 7_200.0)
    bench.stations.unplug(1_810.0, 0)
    assert bench.told() == [
        ("CablePlugged", 10.0, 10.0),
        ("TokenPresented", 10.0, 10.0),
        ("CommandAnswered", 10.0, 10.0),
        ("TransactionStarted", 10.0, 10.0),
        ("TransactionEnded", 1_810.0, 1_810.0),
        ("CableUnplugged", 1_810.0, 1_810.0),
    ]
    assert bench.events[3].register_wh == 0.0
    assert bench.events[4].register_wh == 3_600.0
    assert bench.events[4].reason == "EVDisconnected"


def test_ends_of_one_tick_are_told_in_the_order_in_which_they_happened(make):
    """The second row finishes before the first one, and is told first."""
    bench = make.Bench(make.evse(), make.evse(2))
    bench.start(0.0, 0, make.car(energy_wh=9_000.0))
    bench.start(0.0, 1, make.car(energy_wh=1_000.0))
    bench.stations.advance(HOUR)
    assert [e.evse for e in bench.events[-2:]] == ["s2/1", "s1/1"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda b, m: b.stations.plug(5.0, 0, m.car()), "s1/1 at t=5 s: a car is plugged in already"),
        (lambda b, m: b.stations.unplug(5.0, 1), "s2/1 at t=5 s: no car is plugged in"),
        (lambda b, m: b.stations.present(5.0, 1, "x"), "s2/1 at t=5 s: no car is plugged in"),
        (lambda b, m: b.stations.advance(-1.0), "t=-1.0 s lies before t=0.0 s, which stations have seen"),
        (
            lambda b, m: b.stations.plug(5.0, 1, m.car(energy_wh=0.0)),
            "s2/1 at t=5 s: plain with 0 Wh of 60000 Wh wants 0 Wh",
        ),
        (
            lambda b, m: b.stations.plug(5.0, 1, m.car(arrival_wh=60_001.0)),
            "s2/1 at t=5 s: plain with 60001 Wh of 60000 Wh wants 50000 Wh",
        ),
        (lambda b, m: b.stations.plug(5.0, 2, m.car(m.vehicle(dc=False))), "s3/1: plain has no DC inlet"),
        (
            lambda b, m: b.stations.fault(5.0, 0, "outage", False),
            "s1/1 at t=5 s: outage ends but never began",
        ),
        (
            lambda b, m: b.stations.fault(5.0, 0, "fire", True),
            "fire: unknown fault, expected one of outage, offline, stuck-meter",
        ),
    ],
)
def test_what_cannot_happen_is_refused(make, act, message):
    """Hands that do the impossible get an error that names who, when and what."""
    bench = make.Bench(make.evse(), make.evse(2), make.evse(3, dc_max_w=50_000.0))
    bench.stations.plug(0.0, 0, make.car())
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole message is compared)
        act(bench, make)
    assert str(caught.value) == message


def test_an_interval_without_length_changes_nothing(make):
    """Advancing to the instant that was reached already is no division by zero."""
    bench = make.Bench(make.evse())
    bench.start(0.0, 0, make.car(), 7_200.0)
    bench.stations.advance(0.0)
    bench.stations.advance(HOUR)
    bench.stations.advance(HOUR)
    assert bench.fleet.power_w[0] == pytest.approx(7_200.0)
    assert np.all(bench.fleet.sampled_s == HOUR)
