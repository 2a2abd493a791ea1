"""What events book: numbers that can be checked by hand, and sums that no event can break."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.domain.books import LedgerEntry, Posting, Reason
from twin.domain.money import split
from twin.money.accounts import chart
from twin.money.accounts.chart import Parts, Payment, Sale
from twin.money.accounts.entry import check, kind_of

SALE = Sale("s-1", "d-1", "stadtwerk", "DE", "EUR", 1190, 190, Decimal(10))
PAYMENT = Payment("p-1", "stripe", "d-1", "EUR", "s-1")

minor = st.integers(-(10**12), 10**12)
pct = st.decimals(0, 100, places=3)


def booked(entry: LedgerEntry) -> dict[str, int]:
    """Account to amount."""
    check(entry)
    assert len({posting.account for posting in entry.postings}) == len(entry.postings)
    return dict(entry.postings)


def test_a_bill_of_11_90_is_1_90_tax_9_for_the_operator_and_1_for_the_platform() -> None:
    """10 % of 10.00 without tax is 1.00."""
    entry = chart.bill(SALE, 60.0, "2026-1")
    assert booked(entry) == {
        "driver:d-1": 1190,
        "tax:DE": -190,
        "revenue:stadtwerk": -900,
        "revenue:platform": -100,
    }
    assert (entry.cause, entry.session, entry.memo) == ("bill/s-1", "s-1", "2026-1")


def test_what_nobody_gets_is_left_out() -> None:
    """No tax and no platform: two postings."""
    sale = SALE._replace(tax_minor=0, platform_pct=Decimal(0))
    assert booked(chart.bill(sale, 60.0)) == {"driver:d-1": 1190, "revenue:stadtwerk": -1190}


def test_a_bill_of_nothing_moves_nothing() -> None:
    """A free session has no entry."""
    assert not chart.moves(chart.bill(SALE._replace(incl_minor=0, tax_minor=0), 60.0))
    assert chart.moves(chart.bill(SALE, 60.0))


def test_a_negative_price_is_owed_to_the_driver() -> None:
    """Every side is turned: the operator pays 9.00, the platform 1.00, tax is reclaimed."""
    sale = SALE._replace(incl_minor=-1190, tax_minor=-190)
    assert booked(chart.bill(sale, 60.0)) == {
        "driver:d-1": -1190,
        "tax:DE": 190,
        "revenue:stadtwerk": 900,
        "revenue:platform": 100,
    }


def test_a_platform_keeps_at_most_everything() -> None:
    """101 % would take from the operator."""
    with pytest.raises(ValueError, match="the platform cannot keep 101 %"):
        chart.bill(SALE._replace(platform_pct=Decimal(101)), 60.0)


@given(minor, minor, pct)
def test_shares_and_tax_are_the_amount_and_the_platforms_is_that_of_split(
    incl_minor: int, tax_minor: int, platform_pct: Decimal
) -> None:
    """To the minor unit, and as the largest remainder has it."""
    parts = SALE._replace(incl_minor=incl_minor, tax_minor=tax_minor, platform_pct=platform_pct).parts
    assert sum(parts) == incl_minor
    assert [*parts[1:]] == split(incl_minor - tax_minor, (100 - platform_pct, platform_pct))


def test_a_hold_is_blocked_raised_and_released() -> None:
    """50.00, then 75.00, then nothing: 25.00 are added, 75.00 taken away."""
    entries = [
        chart.hold(PAYMENT, 5000, 1.0),
        chart.hold_raised(PAYMENT, 5000, 7500, 2.0),
        chart.hold_ended(PAYMENT, 7500, 3.0, "expired"),
    ]
    assert [booked(entry) for entry in entries] == [
        {"hold:stripe": 5000, "held:d-1": -5000},
        {"hold:stripe": 2500, "held:d-1": -2500},
        {"hold:stripe": -7500, "held:d-1": 7500},
    ]
    assert [entry.cause for entry in entries] == ["hold/p-1", "raise/p-1/7500", "release/p-1"]


def test_captures_fees_refunds_and_payouts_move_cash() -> None:
    """Captured 11.90, fees rise from 0.35 to 0.42, refunds from 5.00 to 7.00, 8.00 are paid out."""
    entries = [
        chart.capture(PAYMENT, 1190, 3.0),
        chart.provider_fee(PAYMENT, 35, 42, 3.0),
        chart.refund(PAYMENT, 500, 700, 4.0, "the cable was broken"),
        chart.refund_failed(PAYMENT, 0, 500, 4.5),
        chart.payout("po_1", "stripe", "stadtwerk", "EUR", 800, 5.0),
    ]
    assert [booked(entry) for entry in entries] == [
        {"cash:stripe": 1190, "driver:d-1": -1190},
        {"fee:stripe": 7, "cash:stripe": -7},
        {"driver:d-1": 200, "cash:stripe": -200},
        {"cash:stripe": 500, "driver:d-1": -500},
        {"paid out:stadtwerk": 800, "cash:stripe": -800},
    ]
    assert [entry.cause for entry in entries] == [
        "capture/p-1",
        "fee/p-1/42",
        "refund/p-1/700",
        "refund-failed/p-1/500",
        "payout/po_1",
    ]


def test_a_dispute_is_given_back_or_written_off_but_ends_once() -> None:
    """Won and lost have the same cause: the books refuse the second."""
    opened = chart.dispute_opened(PAYMENT, 1190, 9.0)
    won, lost = chart.dispute_won(PAYMENT, 1190, 10.0), chart.dispute_lost(PAYMENT, 1190, 10.0)
    assert booked(opened) == {"disputed:stripe": 1190, "cash:stripe": -1190}
    assert booked(won) == {"disputed:stripe": -1190, "cash:stripe": 1190}
    assert booked(lost) == {"write-off:dispute": 1190, "disputed:stripe": -1190}
    assert won.cause == lost.cause == "dispute-end/p-1/1"
    assert booked(chart.dispute_fee(PAYMENT, 2000, 9.0, 2)) == {"fee:stripe": 2000, "cash:stripe": -2000}


def test_a_write_off_names_its_reason() -> None:
    """Once per session and reason."""
    entry = chart.write_off("s-1", "d-1", "EUR", 190, 5.0, Reason.OVERRUN)
    assert booked(entry) == {"write-off:overrun": 190, "driver:d-1": -190}
    assert entry.cause == "write-off/s-1/overrun"
    second = chart.write_off("s-1", "d-1", "EUR", 10, 5.0, Reason.OVERRUN, 2)
    assert second.cause == "write-off/s-1/overrun/2"


def test_a_second_bill_has_a_cause_of_its_own() -> None:
    """After a credit note of the whole first."""
    causes = [chart.bill(SALE, 60.0, version=version).cause for version in (1, 2)]
    assert causes == ["bill/s-1", "bill/s-1/2"]


def test_a_credit_note_of_the_whole_bill_is_its_mirror() -> None:
    """Nothing is left anywhere."""
    bill = chart.bill(SALE, 60.0)
    note = chart.credit_note(SALE, "2026-K1", 1190, 90.0, "meter")
    assert booked(note) == {account: -amount_minor for account, amount_minor in booked(bill).items()}
    assert (note.cause, note.memo) == ("credit/2026-K1", "meter")


@given(st.integers(0, 10**6), st.data(), pct)
def test_credit_notes_in_pieces_leave_not_a_cent_behind(
    incl_minor: int, data: st.DataObject, platform_pct: Decimal
) -> None:
    """However a bill is credited, at the end every party has given back exactly its share."""
    tax_minor = data.draw(st.integers(0, incl_minor))
    cuts = data.draw(st.lists(st.integers(0, incl_minor), max_size=5))
    sale = SALE._replace(incl_minor=incl_minor, tax_minor=tax_minor, platform_pct=platform_pct)
    left = dict(chart.bill(sale, 0.0).postings)
    edges = sorted([0, *cuts, incl_minor])
    for k, (start, end) in enumerate(itertools.pairwise(edges)):
        note = chart.credit_note(sale, str(k), end - start, 1.0, "", start)
        for account, amount_minor in note.postings:
            left[account] = left.get(account, 0) + amount_minor
    assert not any(left.values())


@given(st.integers(0, 10**6), pct, st.integers(0, 10**6))
def test_a_part_of_a_bill_is_divided_without_loss(
    incl_minor: int, platform_pct: Decimal, part_minor: int
) -> None:
    """What was captured of a bill is shared as the bill is, to the minor unit."""
    sale = SALE._replace(incl_minor=incl_minor, tax_minor=incl_minor // 6, platform_pct=platform_pct)
    parts = sale.parts_of(part_minor)
    assert sum(parts) == part_minor
    assert min(parts) >= 0
    assert sale.parts_of(incl_minor) == sale.parts


def test_a_part_of_a_free_bill_is_the_operators() -> None:
    """There is nothing by which it could be divided."""
    assert SALE._replace(incl_minor=0, tax_minor=0).parts_of(7) == Parts(0, 7, 0)


@given(minor, minor, minor)
def test_every_template_balances(a_minor: int, b_minor: int, c_minor: int) -> None:
    """Whatever the amounts, what moves anything is fit for the books."""
    sale = SALE._replace(incl_minor=a_minor, tax_minor=b_minor)
    entries = [
        chart.bill(sale, 0.0),
        chart.credit_note(sale, "k", b_minor, 0.0, "", c_minor),
        chart.hold(PAYMENT, a_minor, 0.0),
        chart.hold_raised(PAYMENT, a_minor, b_minor, 0.0),
        chart.hold_ended(PAYMENT, a_minor, 0.0, "captured"),
        chart.capture(PAYMENT, a_minor, 0.0),
        chart.refund(PAYMENT, a_minor, b_minor, 0.0),
        chart.provider_fee(PAYMENT, a_minor, b_minor, 0.0),
        chart.dispute_opened(PAYMENT, a_minor, 0.0),
        chart.dispute_won(PAYMENT, a_minor, 0.0),
        chart.dispute_lost(PAYMENT, a_minor, 0.0),
        chart.dispute_fee(PAYMENT, a_minor, 0.0),
        chart.payout("o", "stripe", "a", "EUR", a_minor, 0.0),
        chart.write_off("s", "d", "EUR", a_minor, 0.0, Reason.UNPAID),
        chart.refund_failed(PAYMENT, a_minor, b_minor, 0.0),
    ]
    assert {entry.cause.partition("/")[0] for entry in entries} == set(chart.BOOKS_ON)
    for entry in filter(chart.moves, entries):
        check(entry)
        kinds = {kind_of(account) for account, _ in entry.postings}
        assert kinds <= chart.BOOKS_ON[entry.cause.partition("/")[0]]
    assert Posting("cash:stripe", 0) not in [posting for entry in entries for posting in entry.postings]
