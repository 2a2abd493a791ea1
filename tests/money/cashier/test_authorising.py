"""Who may charge: cards are held, accounts are known, and policies decide where nobody can be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.money.cashier.bench import Bench, account, card
from tests.money.cashier.scripted import Scripted, simulated
from twin.domain.payments import Means
from twin.money.cashier.policy import HoldPolicy, OfflineCards, Outage, Policy, Silence
from twin.money.cashier.wish import Grounds
from twin.money.payments.faults import Faults

NONE = Faults.none()


def test_a_card_is_held_before_energy_flows() -> None:
    """60 EUR are blocked at the provider when the driver is let in, and nothing is owed."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(card())
    (decision,) = bench.decisions
    assert (decision.granted, decision.grounds) == (True, Grounds.HELD)
    assert bench.balance("hold:provider") == 6000
    assert bench.balance("driver:d1") == 0


def test_a_declined_card_is_refused_with_the_issuers_code() -> None:
    """Nothing is held, and the driver learns why."""
    bench = Bench(simulated(replace(NONE, declines={"expired_card": 1.0})))
    bench.cashier.ask(card())
    (decision,) = bench.decisions
    assert (decision.granted, decision.grounds, decision.code) == (False, Grounds.DECLINED, "expired_card")


def test_a_hold_by_tariff_covers_the_whole_battery() -> None:
    """60 kWh at 0.50 EUR: 30 EUR."""
    bench = Bench(simulated(NONE), Policy(hold=HoldPolicy.TARIFF))
    bench.cashier.ask(card(battery_wh=60_000.0))
    assert bench.balance("hold:provider") == 3000


def test_nothing_is_held_where_the_tariff_asks_nothing() -> None:
    """A free tariff needs no card at all."""
    bench = Bench(Scripted)
    bench.charge(card(tariff="free"), "s1", 1)
    assert bench.decisions[0].grounds is Grounds.FREE
    assert not bench.payments.asked


def test_who_leaves_before_energy_flows_gets_the_hold_back() -> None:
    """The hold is cancelled, whoever it was for."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(card())
    bench.cashier.gone("e1")
    assert bench.balance("hold:provider") == 0
    bench.close()


def test_a_hold_that_is_granted_after_the_driver_left_is_cancelled() -> None:
    """The answer comes after ten seconds, the driver went after five."""
    bench = Bench(Scripted)
    bench.cashier.ask(card())
    bench.clock.wait(5)
    bench.cashier.gone("e1")
    bench.payments.grant(10.0)
    assert bench.payments.kinds() == ["Authorise", "Cancel"]


@pytest.mark.parametrize(("policy", "granted"), [(Silence.ALLOW, True), (Silence.DENY, False)])
def test_silence_is_decided_when_patience_is_over(policy: Silence, granted: bool) -> None:
    """Nothing comes back for 30 s."""
    bench = Bench(Scripted, Policy(silence=policy))
    bench.cashier.ask(card())
    bench.clock.wait(29)
    assert not bench.decisions
    bench.clock.wait(2)
    assert (bench.decisions[0].granted, bench.decisions[0].grounds) == (granted, Grounds.SILENCE)


@pytest.mark.parametrize(
    ("policy", "granted", "grounds"),
    [(Outage.FREE_VEND, True, Grounds.FREE_VEND), (Outage.DENY, False, Grounds.OUTAGE)],
)
def test_an_outage_is_decided_when_patience_is_over(policy: Outage, granted: bool, grounds: Grounds) -> None:
    """The provider answers errors only."""
    bench = Bench(Scripted, Policy(outage=policy))
    bench.payments.failing = True
    bench.cashier.ask(card())
    bench.clock.wait(31)
    assert (bench.decisions[0].granted, bench.decisions[0].grounds) == (granted, grounds)


def test_a_driver_who_confirms_in_time_is_let_in() -> None:
    """3-D Secure takes 25 s; the notice of it is lost, and it is looked up."""
    faults = replace(NONE, action=1.0, action_completed=1.0, action_s=25.0, notice_lost=1.0)
    bench = Bench(simulated(faults), Policy(patience_s=10.0, action_patience_s=300.0))
    bench.cashier.ask(card(means=Means.APP))
    assert not bench.decisions
    bench.clock.wait(200)
    assert bench.decisions[0].grounds is Grounds.HELD


def test_a_driver_who_does_not_confirm_is_refused_and_nothing_stays_open() -> None:
    """Nobody confirms within five minutes: the payment is cancelled."""
    bench = Bench(simulated(replace(NONE, action=1.0, action_completed=0.0, action_s=9999.0)))
    bench.cashier.ask(card(means=Means.APP))
    bench.clock.wait(301)
    assert bench.decisions[0].code == "authentication_required"
    bench.close()


def test_an_account_is_let_in_at_once_and_its_card_is_saved() -> None:
    """Nothing is held; the card is enrolled with the first visit."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(account())
    assert bench.decisions[0].grounds is Grounds.ACCOUNT
    assert bench.balance("hold:provider") == 0
    assert bench.cashier._desk.memory.accounts["a1"].instrument.customer.startswith("cus_")


def test_stations_that_are_offline_know_the_accounts_granted_last() -> None:
    """A list of one: the account before it is forgotten."""
    bench = Bench(simulated(NONE), Policy(whitelist_size=1))
    for driver in ("a1", "a2"):
        bench.cashier.ask(account(driver=driver))
        bench.cashier.gone("e1")
    for driver, grounds in (("a1", Grounds.OFFLINE), ("a2", Grounds.WHITELIST)):
        bench.cashier.ask(account(driver=driver, offline=True))
        assert bench.decisions[-1].grounds is grounds


def test_a_card_at_a_station_that_is_offline_is_asked_when_the_session_is_told() -> None:
    """Accept and hope: 5.50 EUR are charged at the end, without a hold."""
    bench = Bench(simulated(NONE), Policy(offline_cards=OfflineCards.HOPE))
    bench.charge(card(offline=True), "s1", 1)
    assert bench.decisions[0].grounds is Grounds.HOPE
    assert bench.balance("driver:d1") == 0
    assert bench.balance("cash:provider") == 550 - bench.balance("fee:provider")
    bench.close()


def test_asking_twice_is_one_question() -> None:
    """A station that repeats itself gets the same tab and the same answer."""
    bench = Bench(simulated(NONE))
    assert bench.cashier.ask(card()) == bench.cashier.ask(card())
    assert len({decision.tab for decision in bench.decisions}) == 1
    assert bench.balance("hold:provider") == 6000


def test_an_unknown_tariff_is_refused_with_the_known_ones() -> None:
    """The message names the EVSE, the tariff and those that there are."""
    bench = Bench(Scripted)
    with pytest.raises(ValueError, match=r"e1: no tariff 'gold', only dinar, flat, free, overstay, yen"):
        bench.cashier.ask(card(tariff="gold"))
    with pytest.raises(ValueError, match="battery_wh is -1"):
        bench.cashier.ask(card(battery_wh=-1.0))


def test_a_policy_that_cannot_be_obeyed_names_every_field() -> None:
    """All at once."""
    with pytest.raises(ValueError, match=r"patience_s is 0\.0: must be .*; hold_minor is -5.*; retry_days"):
        Policy(patience_s=0.0, hold_minor=-5, retry_days=(1.0, -1.0))
