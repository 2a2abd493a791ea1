"""After the session: capture, refund, write-off; every amount and every watt-hour in its place."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.money.cashier.bench import DAY_S, HOUR_S, Bench, account, card
from tests.money.cashier.scripted import Scripted, simulated
from twin.domain.books import Reason
from twin.domain.payments import Authorise, Enrol, Fetch, Means
from twin.money.cashier.policy import AccountBills, AtHold, OfflineCards, Outage, Policy, Rest
from twin.money.cashier.wish import Grounds
from twin.money.payments.faults import Faults

NONE = Faults.none()


def test_a_session_is_captured_and_the_rest_of_the_hold_released() -> None:
    """2 h at 11 kW and 0.50 EUR: 11.00 EUR, 1.76 of it tax, a tenth of the rest the platform's."""
    bench = Bench(simulated(NONE), Policy(platform_pct=Decimal(10)))
    bench.charge(card(), "s1", 2)
    assert bench.balance("hold:provider") == 0
    assert bench.balance("driver:d1") == 0
    assert bench.balance("tax:home") == -176
    assert bench.balance("revenue:platform") == -92
    assert bench.balance("revenue:stadtwerk") == -832
    assert bench.balance("cash:provider") + bench.balance("fee:provider") == 1100
    bench.close()
    assert bench.tab("s1").paid_wh == 22_000


def test_a_session_that_took_nothing_cancels_its_hold() -> None:
    """Cost 0: no capture of 0."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(card())
    bench.start("e1", "s1", 0.0)
    bench.clock.wait(HOUR_S)
    bench.end("e1")
    bench.close()
    assert bench.balance("cash:provider") == 0


def test_what_overruns_the_hold_is_written_off() -> None:
    """11 EUR cost, 6 held: 6/11 of the energy is paid, the rest is an overrun."""
    bench = Bench(simulated(NONE), Policy(hold_minor=600, at_hold=AtHold.OVERRUN))
    bench.charge(card(), "s1", 2)
    assert bench.balance("write-off:overrun") == 500
    bench.close()
    row = bench.tab("s1")
    assert (row.paid_wh, row.explained_wh) == (12_000, {Reason.OVERRUN: 10_000})


def test_what_overruns_the_hold_is_charged_to_a_saved_card() -> None:
    """The policy says so, and the driver has saved one: two payments, no write-off."""
    bench = Bench(simulated(NONE), Policy(hold_minor=600, at_hold=AtHold.OVERRUN, rest=Rest.CHARGE))
    wish = card(means=Means.APP)
    bench.payments.submit(Enrol("d1/enrol/1", "d1", wish.customer.instrument))
    saved = next(iter(bench.payments.bank.state.customers))
    who = wish.customer._replace(instrument=wish.customer.instrument._replace(customer=saved))
    bench.charge(wish._replace(customer=who), "s1", 2)
    assert bench.balance("write-off:overrun") == 0
    assert bench.balance("driver:d1") == 0
    bench.close()


def test_free_energy_is_free() -> None:
    """No bill, and every watt-hour has its reason."""
    bench = Bench(simulated(NONE))
    bench.charge(card(tariff="free"), "s1", 1)
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.FREE: 11_000}


def test_what_the_meter_cannot_prove_is_not_charged() -> None:
    """500 Wh of a jump in the register beside 11 kWh that are billed."""
    bench = Bench(simulated(NONE))
    bench.cashier.ask(card())
    bench.start("e1", "s1")
    bench.clock.wait(HOUR_S)
    bench.end("e1", {Reason.METER: 500})
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.METER: 500}
    assert bench.tab("s1").paid_wh == 11_000


def test_an_end_that_is_told_anew_replaces_the_bill() -> None:
    """11.00 EUR were captured; by the true end it is 5.50: one credit note, a second bill, 5.50 back."""
    bench = Bench(simulated(NONE))
    bench.charge(card(), "s1", 2)
    early = bench_session(bench, 1.0)
    bench.cashier.ended("s1", early, 11_000)
    bench.clock.wait(60)
    assert bench.balance("driver:d1") == 0
    assert bench.balance("cash:provider") + bench.balance("fee:provider") == 550
    bench.close()
    assert (bench.tab("s1").bills, bench.tab("s1").captured_minor) == (2, 550)


@pytest.mark.parametrize("hours", [(0.0,), (0.0, 1.0), (0.0, 1.0, 0.0)])
def test_an_end_that_turns_out_to_be_nothing_leaves_the_books_right(hours: tuple[float, ...]) -> None:
    """A bill of zero takes the place of one that moved money, perhaps another its own: each moving one is counted."""
    bench = Bench(simulated(NONE))
    bench.charge(card(), "s1", 2)
    for each in hours:
        bench.cashier.ended("s1", bench_session(bench, each), int(11_000 * each))
        bench.clock.wait(60)
        bench.audit()
    bench.close()
    row = bench.tab("s1")
    assert (row.bills, row.billed_minor, row.captured_minor) == (1 + len(hours), int(550 * hours[-1]), 0)
    assert bench.balance("driver:d1") == 0


def test_the_same_end_again_changes_nothing() -> None:
    """Replayed after an outage: no second bill."""
    bench = Bench(simulated(NONE))
    bench.charge(card(), "s1", 2)
    before = list(bench.books.entries())
    bench.cashier.ended("s1", bench_session(bench, 2.0), 22_000)
    assert list(bench.books.entries()) == before


def test_the_office_gives_back_with_a_credit_note_once() -> None:
    """Half of 11.00 EUR: half of the energy is goodwill; the same decision again is none."""
    bench = Bench(simulated(NONE))
    bench.charge(card(), "s1", 2)
    for _ in range(2):
        bench.cashier.refund("s1", 550, "the cable was broken", "case 7")
    assert bench.balance("driver:d1") == 0
    with pytest.raises(ValueError, match="551 cannot be given back: of 1100 billed, 550 are neither"):
        bench.cashier.refund("s1", 551, "too much")
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.GOODWILL: 11_000}


def test_a_refund_that_fails_is_not_tried_for_ever() -> None:
    """The driver's bank will not take it: we owe it, the office sees it, everything adds up."""
    bench = Bench(simulated(replace(NONE, refund_failed=1.0, refund_failed_days=1.0)))
    bench.charge(card(), "s1", 2)
    bench.cashier.refund("s1", 550, "the cable was broken")
    bench.clock.wait(10 * DAY_S)
    assert bench.balance("driver:d1") == -550
    bench.close()


def test_free_vend_is_explained_where_no_hold_ever_came() -> None:
    """The provider is down for the whole session; afterwards the card is declined."""
    bench = Bench(Scripted, Policy(outage=Outage.FREE_VEND))
    bench.payments.failing = True
    bench.charge(card(), "s1", 1)
    assert bench.decisions[0].grounds is Grounds.FREE_VEND
    assert bench.cashier.unbilled()[0].waits_for == "the provider, hold of e1#1.1"
    bench.payments.failing = False
    bench.clock.wait(HOUR_S)
    assert isinstance(bench.payments.asked[-1], Fetch)
    bench.payments.refuse("not_found")
    assert isinstance(bench.payments.asked[-1], Authorise)
    bench.payments.refuse("expired_card")
    assert set(bench.payments.ids(Authorise)) == {"e1#1.1/hold/1"}
    assert bench.balance("write-off:free vend") == 550
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.FREE_VEND: 11_000}


def test_a_card_that_was_hoped_for_in_vain_is_offline() -> None:
    """Asked at the end, and declined."""
    bench = Bench(
        simulated(replace(NONE, declines={"expired_card": 1.0})), Policy(offline_cards=OfflineCards.HOPE)
    )
    bench.charge(card(offline=True), "s1", 1)
    assert bench.balance("write-off:offline") == 550
    bench.close()


def test_captures_wait_for_their_batch() -> None:
    """Every six hours: the session of the first hour is captured at six o'clock."""
    bench = Bench(simulated(NONE), Policy(capture_every_h=6.0))
    bench.charge(card(), "s1", 1)
    assert bench.balance("hold:provider") == 6000
    assert bench.cashier.unbilled()[0].waits_for == "its batch"
    bench.clock.wait(5 * HOUR_S)
    assert bench.balance("hold:provider") == 0
    assert bench.balance("driver:d1") == 0


def test_a_dispute_that_is_lost_takes_the_energy_with_it() -> None:
    """Opened, lost: the cash is gone, and the reason is known."""
    faults = replace(NONE, dispute=1.0, dispute_won=0.0, dispute_days=1.0, dispute_decided_days=1.0)
    bench = Bench(simulated(faults))
    bench.charge(card(), "s1", 2)
    bench.clock.wait(60 * DAY_S)
    assert bench.balance("write-off:dispute") == 1100
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.DISPUTE: 22_000}


def test_an_account_is_billed_for_its_month_at_once() -> None:
    """Two sessions, one payment; billing the month again bills nobody."""
    bench = Bench(simulated(NONE))
    bench.charge(account(), "s1", 1)
    bench.charge(account(), "s2", 2)
    assert bench.balance("driver:a1") == 1650
    assert bench.cashier.close_month("2025-01") == 1
    assert bench.cashier.close_month("2025-01") == 0
    bench.clock.wait(60)
    assert bench.balance("driver:a1") == 0
    bench.close()


def test_an_account_may_be_billed_per_session() -> None:
    """Nothing waits for the end of the month."""
    bench = Bench(simulated(NONE), Policy(accounts=AccountBills.PER_SESSION))
    bench.charge(account(), "s1", 1)
    assert bench.balance("driver:a1") == 0


def test_a_declined_bill_is_tried_on_schedule_and_then_given_up() -> None:
    """After one day, after two more; then the account is blocked and the energy unpaid."""
    bench = Bench(simulated(replace(NONE, declines={"expired_card": 1.0})), Policy(retry_days=(1.0, 2.0)))
    bench.charge(account(), "s1", 1)
    bench.cashier.close_month("2025-01")
    bench.clock.wait(2.9 * DAY_S)
    assert bench.balance("driver:a1") == 550
    bench.clock.wait(0.2 * DAY_S)
    assert bench.balance("write-off:unpaid") == 550
    bench.cashier.ask(account())
    assert not bench.decisions[-1].granted
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.UNPAID: 11_000}


def test_a_bill_that_is_too_small_waits_for_the_next_one() -> None:
    """6 ct are below what providers take: they stand on the bill of the next month."""
    bench = Bench(simulated(NONE))
    bench.charge(account(), "s1", 0.01)
    bench.cashier.close_month("2025-01")
    bench.clock.wait(60)
    assert bench.balance("driver:a1") > 0
    bench.charge(account(), "s2", 1)
    bench.cashier.close_month("2025-02")
    bench.clock.wait(60)
    assert bench.balance("driver:a1") == 0


def test_what_is_not_collected_when_the_run_ends_is_open() -> None:
    """An account that was never billed."""
    bench = Bench(simulated(NONE))
    bench.charge(account(), "s1", 1)
    bench.close()
    assert bench.tab("s1").explained_wh == {Reason.OPEN: 11_000}


def bench_session(bench: Bench, hours: float) -> object:
    """How the first session would be measured if it had lasted so long."""
    first = next(row for row in bench.rows if type(row).__name__ == "BilledRow")
    start_ms = first.measured.periods[0].start_ms
    period = first.measured.periods[0]._replace(energy_wh=int(11_000 * hours))
    return replace(first.measured, periods=(period,), end_ms=start_ms + int(hours * 3_600_000))
