"""What a station does by itself: start, stop, read its meter, switch phases; and a car that waits."""

from __future__ import annotations

import pytest

HOUR_S = 3600.0


def test_stop_keeps_the_car_and_the_energy_of_the_transaction(make):
    """After half an hour at 11.04 kW a stop leaves 5,520 Wh on the register and the car in its place."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.limit(0, 11_040.0)
    assert bench.stations.start(0.0, 0, "card") == 0.0
    assert bench.stations.stop(0.5 * HOUR_S, 0, "Remote") == 5_520.0
    bench.stations.advance(HOUR_S)
    assert bench.stations.sample(HOUR_S, 0).register_wh == 5_520.0
    assert bench.fleet.plugged[0] == 1.0
    assert [kind for kind, _, _ in bench.told()] == [
        "CablePlugged",
        "TransactionStarted",
        "TransactionEnded",
    ]


def test_a_second_transaction_of_the_same_car_goes_on(make):
    """A car that was stopped at 10 kWh of 50 takes energy again when it is started again."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.limit(0, 10_000.0)
    bench.stations.start(0.0, 0, "a")
    bench.stations.stop(HOUR_S, 0, "Local")
    bench.stations.start(2 * HOUR_S, 0, "b")
    bench.stations.advance(3 * HOUR_S)
    assert bench.stations.sample(3 * HOUR_S, 0).register_wh == 20_000.0


def test_sample_reads_without_closing_the_interval(make):
    """A sample at a quarter of the interval shows its energy; the interval's mean is that of the whole."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.limit(0, 6_900.0)
    bench.stations.start(0.0, 0, "a")
    sample = bench.stations.sample(900.0, 0)
    assert (sample.register_wh, sample.power_w, sample.phases, sample.limit_w) == (
        1_725.0,
        6_900.0,
        3,
        6_900.0,
    )
    assert sample.soc == pytest.approx(1_725.0 / 60_000.0)
    bench.stations.advance(HOUR_S)
    assert bench.grid_w() == pytest.approx([6_900.0])


def test_a_car_that_is_not_ready_takes_nothing_until_it_is(make):
    """A car that waits for half an hour of an hour has got half an hour's energy."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.limit(0, 10_000.0)
    bench.stations.start(0.0, 0, "a")
    bench.stations.ready(0.0, 0, False)
    bench.stations.ready(0.0, 0, False)
    bench.stations.ready(0.5 * HOUR_S, 0, True)
    bench.stations.advance(HOUR_S)
    assert bench.stations.sample(HOUR_S, 0).register_wh == 5_000.0


def test_one_phase_takes_a_third_and_three_take_all_again(make):
    """16 A on one phase are 3.68 kW, and three of them 11.04 kW, on the phases that are used."""
    bench = make.Bench(make.evse(), grant=False)
    bench.stations.plug(0.0, 0, make.car())
    bench.limit(0, 11_040.0)
    bench.stations.start(0.0, 0, "a")
    bench.stations.use_phases(0.0, 0, 1)
    bench.stations.advance(HOUR_S)
    assert bench.stations.interval().phase_w[:, 0].tolist() == pytest.approx([3_680.0, 0.0, 0.0])
    bench.stations.use_phases(HOUR_S, 0, 3)
    bench.stations.advance(2 * HOUR_S)
    assert bench.stations.interval().phase_w[:, 0].tolist() == pytest.approx([3_680.0] * 3)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda s: s.start(5.0, 0, "a"), "no car is plugged in"),
        (lambda s: s.stop(5.0, 0, "Local"), "no transaction runs"),
        (lambda s: s.ready(5.0, 0, False), "no car is plugged in"),
        (lambda s: s.use_phases(5.0, 0, 1), "cannot use 1 phases"),
    ],
)
def test_hands_that_find_nothing_say_so(make, act, words):
    """Each hand names the EVSE, the time and what is missing."""
    bench = make.Bench(make.evse())
    with pytest.raises(ValueError, match=f"s1/1 at t=5 s: {words}"):
        act(bench.stations)
