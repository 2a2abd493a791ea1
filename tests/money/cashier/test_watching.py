"""While energy flows: the hold is never used up unseen, raised where that is granted, and renewed before it expires."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.money.cashier.bench import DAY_S, HOUR_S, PRICERS, Bench, card
from tests.money.cashier.scripted import Scripted, simulated
from twin.domain.payments import Enrol, Means
from twin.money.cashier.limits import dearest
from twin.money.cashier.policy import AtExpiry, AtHold, HoldPolicy, Policy, Silence
from twin.money.cashier.wish import Why
from twin.money.payments.faults import Faults

NONE = Faults.none()


def test_a_session_is_stopped_before_it_costs_more_than_its_hold() -> None:
    """11 kW at 0.50 EUR use 5.50 EUR an hour: 6 EUR last 65 minutes, and it is stopped within the minute before."""
    bench = Bench(simulated(NONE), Policy(hold_minor=600))
    bench.charge(card(), "s1", 3)
    assert bench.stops == [("e1", Why.HOLD)]
    bench.close()
    assert 590 <= bench.tab("s1").billed_minor <= 600
    assert bench.tab("s1").captured_minor == bench.tab("s1").billed_minor


@settings(deadline=None, max_examples=40)
@given(
    power_w=st.integers(0, 11_000),
    hold_minor=st.integers(100, 4000),
    tariff=st.sampled_from(["flat", "overstay"]),
)
def test_a_hold_is_never_used_up_unseen(power_w: int, hold_minor: int, tariff: str) -> None:
    """Whatever the power, hold and tariff: what is billed was held, and a session that cannot reach it is not stopped."""
    bench = Bench(simulated(NONE), Policy(hold_minor=hold_minor))
    bench.charge(card(tariff=tariff), "s1", 9, power_w)
    assert bench.cashier._desk.memory.sessions["s1"].written_minor == {}
    bench.close()


def test_sessions_that_cannot_reach_their_hold_are_never_looked_at() -> None:
    """60 EUR last ten hours at full power: the meter is not asked once in three."""
    bench = Bench(simulated(NONE))
    asked = []
    bench.cashier._charging.limits._meter = asked.append
    bench.charge(card(), "s1", 3)
    assert not asked


def test_a_hold_is_raised_as_the_cost_comes_near() -> None:
    """3 EUR at a time: 11 EUR need four steps."""
    policy = Policy(hold=HoldPolicy.INCREMENTAL, hold_minor=300)
    bench = Bench(simulated(NONE, seed=3), policy)
    bench.charge(card(means=Means.APP), "s1", 2)
    assert not bench.stops
    bench.close()
    row = bench.tab("s1")
    assert (row.captured_minor, row.billed_minor) == (1100, 1100)


@pytest.mark.parametrize(("at_hold", "stops"), [(AtHold.STOP, 1), (AtHold.OVERRUN, 0)])
def test_where_a_hold_cannot_be_raised_the_policy_decides(at_hold: AtHold, stops: int) -> None:
    """The issuer declines every increase."""
    policy = Policy(hold=HoldPolicy.INCREMENTAL, hold_minor=300, at_hold=at_hold)
    bench = Bench(simulated(replace(NONE, increment_declined=1.0)), policy)
    bench.charge(card(), "s1", 2)
    assert len(bench.stops) == stops
    bench.close()


def saved(bench: Bench, means: Means = Means.APP) -> object:
    """A card that is saved at the provider."""
    wish = card(means=means)
    bench.payments.submit(Enrol("d1/enrol/1", "d1", wish.customer.instrument))
    name = next(iter(bench.payments.bank.state.customers))
    who = wish.customer._replace(instrument=wish.customer.instrument._replace(customer=name))
    return wish._replace(customer=who)


def test_a_session_that_outlives_its_hold_is_captured_so_far_and_held_anew() -> None:
    """Eight days at 100 W with a hold of seven: two captures, and their sum is the bill."""
    bench = Bench(simulated(NONE), Policy(stay_h=300.0))
    bench.charge(saved(bench), "s1", 8 * 24, 100.0)
    assert not bench.stops
    bench.close()
    row = bench.tab("s1")
    assert row.captured_minor == row.billed_minor == 960
    kinds = [pay.kind for pay in bench.rows if type(pay).__name__ == "PaymentRow"]
    assert kinds == ["hold", "renewal"]


def test_without_a_saved_card_the_session_ends_before_its_hold() -> None:
    """A terminal's hold lasts two to five days, less six hours."""
    bench = Bench(simulated(NONE))
    bench.charge(card(), "s1", 8 * 24, 100.0)
    assert bench.stops[0][1] is Why.EXPIRY
    bench.close()
    assert bench.tab("s1").captured_minor == bench.tab("s1").billed_minor


def test_the_policy_may_end_sessions_before_their_hold_all_the_same() -> None:
    """The card is saved, but the operator wants no second hold."""
    bench = Bench(simulated(NONE), Policy(at_expiry=AtExpiry.STOP))
    bench.charge(saved(bench), "s1", 8 * 24, 100.0)
    assert bench.stops[0][1] is Why.EXPIRY


def test_a_card_that_is_declined_after_the_driver_was_let_in_stops_the_session() -> None:
    """Silence let the driver in; the answer comes after a quarter of an hour."""
    bench = Bench(Scripted, Policy(silence=Silence.ALLOW))
    bench.cashier.ask(card())
    bench.clock.wait(60)
    bench.start("e1", "s1")
    bench.clock.wait(900)
    operation = bench.payments.asked[0]
    bench.payments.asked = [operation]
    bench.payments.refuse("insufficient_funds")
    assert bench.stops == [("e1", Why.DECLINED)]
    bench.clock.wait(10)
    assert bench.balance("write-off:declined") > 0


def test_the_cost_so_far_is_told_and_unknown_while_the_meter_is_silent() -> None:
    """Half an hour at 11 kW: 2.75 EUR."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(card())
    bench.start("e1", "s1")
    bench.clock.wait(HOUR_S / 2)
    assert bench.cashier.running_cost("s1").amount_minor == 275
    bench.blind = True
    assert bench.cashier.running_cost("s1") is None


def test_the_dearest_prices_of_a_tariff_bound_every_session() -> None:
    """0.60 per kWh, and 6 per hour late: idle or not."""
    assert dearest(PRICERS["overstay"].tariff) == (Decimal("0.60"), Decimal(6), Decimal(6), Decimal(0))
    assert DAY_S == 24 * HOUR_S
