"""Corruptions, each of which the audit must find, and name by the rule that it breaks and by both numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.accounts.world import World, sale, snapshot, summed, world
from twin.domain.books import Posting, Reason
from twin.domain.payments import Status
from twin.errors import AuditError
from twin.money.accounts import chart
from twin.money.accounts.audit import audit_money, check_money
from twin.money.accounts.audit_facts import Finding, MoneyFacts
from twin.money.accounts.chart import Payment
from twin.money.billing.model import Bill, Dimension, Line

P1 = Payment("p-1", "stripe", "d-1", "EUR", "s-1")
P4 = Payment("p-4", "stripe", "d-4", "EUR", "s-4")
P7 = Payment("p-7", "stripe", "d-7", "EUR", "s-7")


class Corruption(NamedTuple):
    """One thing that is wrong, and how it must be named."""

    spoil: Callable[[World], object]
    rule: str
    subject: str
    detail: str
    """A pattern."""


def _float(w: World) -> None:
    postings = w.entries[w.at("capture/p-1")].postings
    w.change("capture/p-1", book=False, postings=(Posting("cash:stripe", 1190.0), postings[1]))  # type: ignore[arg-type]


def _shift_wh(w: World) -> None:
    """One kWh is another session's; sums by meter are the same."""
    w.session("s-1", paid_wh=w.sessions["s-1"].paid_wh - 1000)
    w.session("s-5", paid_wh=w.sessions["s-5"].paid_wh + 1000)


def _shift_metered(w: World) -> None:
    """One kWh is metered at another meter's session, and explained there."""
    for name, wh in (("s-1", -1000), ("s-2", 1000)):
        session = w.sessions[name]
        w.session(name, metered_wh=session.metered_wh + wh, paid_wh=session.paid_wh + wh)


def _posting_dropped(w: World) -> None:
    w.change("bill/s-1", postings=w.entries[w.at("bill/s-1")].postings[:-1])


def _posting_doubled(w: World) -> None:
    postings = w.entries[w.at("bill/s-1")].postings
    w.change("bill/s-1", postings=(*postings, postings[1]))


def _unreal_bill(w: World) -> None:
    line = Line(Dimension.ENERGY, 0, None, 0, 1, Decimal(21), Decimal(21), Decimal(0), (), Decimal(10), Decimal("11.90"))  # fmt: skip
    w.session(
        "s-1", bill=Bill(tariff="t", currency="EUR", lines=(line,), excl=Decimal(10), incl=Decimal("11.90"))
    )


def _other_bill(w: World) -> None:
    w.session("s-1", bill=Bill(tariff="t", currency="EUR", lines=(), excl=Decimal(10), incl=Decimal("11.91")))


def _history(*steps: tuple[Status, int, int]) -> Callable[[World], None]:
    def spoil(w: World) -> None:
        paid = w.payments["p-1"]
        told = tuple(snapshot("p-1", status, held, taken) for status, held, taken in steps)
        w.payments["p-1"] = paid._replace(history=(*told, paid.snapshot))

    return spoil


CORRUPTIONS = {
    "a posting is dropped": Corruption(
        _posting_dropped, "I3", "entry bill/s-1", "does not balance, money by .100 minor units"
    ),
    "a posting is doubled": Corruption(
        _posting_doubled, "I3", "entry bill/s-1", "does not balance, money by -190"
    ),
    "an amount is off by one": Corruption(
        lambda w: w.amounts("capture/p-1", cash=1), "I3", "entry capture/p-1", r"money by \+1"
    ),
    "both sides are off by one": Corruption(
        lambda w: w.amounts("capture/p-1", cash=1, driver=-1),
        "I4", "payment p-1", "booked as captured is 1191, expected 1190",
    ),
    "money is booked against a hold": Corruption(
        lambda w: w.change("hold/p-1", postings=(Posting("hold:stripe", 5000), Posting("driver:d-1", -5000))),
        "I3", "entry hold/p-1", r"money by -5000 and holds by \+5000",
    ),
    "a capture is booked on a tax account": Corruption(
        lambda w: w.change("capture/p-1", postings=(Posting("cash:stripe", 1190), Posting("tax:DE", -1190))),
        "I3", "entry capture/p-1", r"capture cannot book on all of cash:stripe \+1190, tax:DE -1190",
    ),
    "an account is of no kind": Corruption(
        lambda w: w.change("capture/p-1", postings=(Posting("cash:stripe", 1190), Posting("purse:d-1", -1190))),
        "I3", "entry capture/p-1", "'purse:d-1' is no account",
    ),
    "a cause is of no event": Corruption(
        lambda w: w.insert(w.drop("capture/p-1")._replace(cause="gift/p-1")), "I3", "entry gift/p-1", "no such event"
    ),
    "a bill names no session": Corruption(
        lambda w: w.change("bill/s-1", session=""), "I3", "entry bill/s-1", "names no session"
    ),
    "a float is in the ledger": Corruption(_float, "I10", "entry capture/p-1", r"1190\.0 is no whole number"),
    "a float is in a session": Corruption(
        lambda w: w.session("s-1", paid_wh=20_000.0), "I10", "session s-1", r"paid_wh is 20000\.0, a float"
    ),
    "a float is in a payment": Corruption(
        lambda w: w.snap("p-1", fee_minor=42.0), "I10", "payment p-1", r"fee_minor is 42\.0, a float"
    ),
    "a float is in a balance": Corruption(
        lambda w: w.balances.update({("cash:stripe", "EUR"): 1.5}),  # type: ignore[dict-item]
        "I10", "account cash:stripe EUR", r"its balance is 1\.5, a float",
    ),
    "a balance is off by one": Corruption(
        lambda w: w.balances.update({("tax:DE", "EUR"): w.balances["tax:DE", "EUR"] + 1}),
        "I3", "account tax:DE EUR", r"its balance is -\d+, expected -\d+",
    ),
    "an account has a balance without postings": Corruption(
        lambda w: w.balances.update({("tax:AT", "EUR"): 5}),
        "I3", "account tax:AT EUR", "its balance is 5, expected 0",
    ),
    "a cause is used twice": Corruption(
        lambda w: w.insert(w.entries[w.at("capture/p-1")]),
        "I2", "entry capture/p-1", "this cause is booked twice",
    ),
    "a capture is doubled under another cause": Corruption(
        lambda w: w.insert(chart.capture(P1, 1190, 102.0)._replace(cause="capture/p-8")),
        "I4", "payment p-8", "booked as captured is 1785, expected 595",
    ),
    "a capture is lost": Corruption(
        lambda w: w.drop("capture/p-1"), "I4", "payment p-1", "booked as captured is 0, expected 1190"
    ),
    "a capture is lost, seen from the session": Corruption(
        lambda w: w.drop("capture/p-1"), "I4", "session s-1", "owes for it is 1190, expected 0"
    ),
    "a capture is lost, seen from the provider": Corruption(
        lambda w: w.drop("capture/p-1"), "I4", "account cash:stripe EUR", r"its balance is \d+, expected \d+"
    ),
    "a month's capture is lost": Corruption(
        lambda w: w.drop("capture/p-5"), "I4", "account driver:d-5 EUR", "its balance is 3570, expected 0"
    ),
    "a fee is missing": Corruption(
        lambda w: w.drop("fee/p-1/42"), "I4", "payment p-1", "provider's fee is 0, expected 42"
    ),
    "a dispute's fee is missing": Corruption(
        lambda w: w.drop("dispute-fee/p-7/1"), "I4", "payment p-7", "fees of disputes is 0, expected 2000"
    ),
    "more was captured than authorised": Corruption(
        lambda w: w.snap("p-2", captured_minor=1501), "I4", "payment p-2", "1501 were captured of 1500 authorised"
    ),
    "more was given back than captured": Corruption(
        lambda w: w.snap("p-1", refunded_minor=1191), "I4", "payment p-1", "1191 were given back of 1190 captured"
    ),
    "a refund above the capture is booked": Corruption(
        lambda w: w.insert(chart.refund(P7, 119, 1191, 500.0)),
        "I4", "entry refund/p-7/1191", "1191 were given back of 1190 captured",
    ),
    "a refund is booked before the capture": Corruption(
        lambda w: w.insert(w.drop("refund/p-7/119"), before="capture/p-7"),
        "I4", "entry refund/p-7/119", "119 were given back of 0 captured",
    ),
    "a payout does not balance": Corruption(
        lambda w: w.amounts("payout/po_1", cash=-700, **{"paid out": 699}),
        "I3", "entry payout/po_1", "does not balance, money by -1",
    ),
    "the provider knows of another capture": Corruption(
        lambda w: w.payments.update({
            "p-1": w.payments["p-1"]._replace(theirs=snapshot("p-1", Status.CAPTURED, 5000, 1191, fee_minor=42))
        }),
        "I4", "payment p-1", "our captured_minor is 1190, expected 1191",
    ),
    "the provider says that it was cancelled": Corruption(
        lambda w: w.payments.update({
            "p-1": w.payments["p-1"]._replace(theirs=snapshot("p-1", Status.CANCELLED, 5000, 1190, fee_minor=42))
        }),
        "I4", "payment p-1", "we say captured, the provider cancelled",
    ),
    "a payment is in the books that nobody knows": Corruption(
        lambda w: w.payments.pop("p-8"), "I4", "payment p-8", "nobody knows it"
    ),
    "a payment is told twice": Corruption(
        lambda w: w.payments.update({"again": w.payments["p-1"]}), "I2", "payment p-1", "handed in twice"
    ),
    "a kWh is another session's": Corruption(
        _shift_wh, "I1", "session s-1", "1000 Wh are unexplained: 20000 metered, 19000 paid, nothing explained"
    ),
    "a kWh is paid twice": Corruption(
        _shift_wh, "I1", "session s-5", "-1000 Wh are unexplained: 20000 metered, 21000 paid"
    ),
    "a kWh is metered elsewhere": Corruption(
        _shift_metered, "I1", "meter m-1", r"energy of its sessions \(Wh\) is 77000, expected 78000"
    ),
    "a session is lost": Corruption(
        lambda w: w.sessions.pop("s-3"), "I1", "meter m-1", "is 70000, expected 78000"
    ),
    "a billed session is lost": Corruption(
        lambda w: w.sessions.pop("s-1"), "I2", "session s-1", "nobody knows it"
    ),
    "a session is told twice": Corruption(
        lambda w: w.sessions.update({"again": w.sessions["s-1"]}), "I2", "session s-1", "handed in twice"
    ),
    "a kWh has no reason": Corruption(
        lambda w: w.session("s-3", explained_wh={Reason.FREE: 7_000}),
        "I1", "session s-3", "1000 Wh are unexplained: 8000 metered, 0 paid, 7000 free",
    ),
    "a kWh has two reasons": Corruption(
        lambda w: w.session("s-3", explained_wh={Reason.FREE: 8_000, Reason.METER: 1_000}),
        "I1", "session s-3", "-1000 Wh are unexplained: 8000 metered, 0 paid, 8000 free, 1000 meter",
    ),
    "less than nothing is explained": Corruption(
        lambda w: w.session("s-3", explained_wh={Reason.FREE: 9_000, Reason.METER: -1_000}),
        "I1", "session s-3", "less than nothing: 0 Wh paid, 9000 free, -1000 meter",
    ),
    "a reason is not of the list": Corruption(
        lambda w: w.session("s-3", explained_wh={"because": 8_000}), "I1", "session s-3", "'because' is no reason"
    ),
    "energy is paid without a bill": Corruption(
        lambda w: w.session("s-3", paid_wh=8_000, explained_wh={}),
        "I1", "session s-3", "8000 Wh are paid by no bill",
    ),
    "more is billed than was metered": Corruption(
        _unreal_bill, "I1", "session s-1", "21000 Wh are billed of 20000 metered"
    ),
    "a write-off has no reason": Corruption(
        lambda w: w.change(
            "write-off/s-2/overrun", postings=(Posting("write-off:oops", 880), Posting("driver:d-2", -880))
        ),
        "I1", "entry write-off/s-2/overrun", "'oops' is no reason",
    ),
    "a write-off has another reason": Corruption(
        lambda w: w.session("s-2", written_off_minor={Reason.UNPAID: 880}),
        "I4", "session s-2", r"given up \(overrun\) is 880, expected 0",
    ),
    "a write-off is lost": Corruption(
        lambda w: w.drop("write-off/s-4/expired"), "I4", "session s-4", "owes for it is 595, expected 0"
    ),
    "a bill is booked twice": Corruption(
        lambda w: w.insert(chart.bill(sale("s-1", "d-1", 1190), 150.0, version=2)),
        "I2", "session s-1", "number of its bills is 2, expected 1",
    ),
    "a bill is lost": Corruption(
        lambda w: w.drop("bill/s-1"), "I2", "session s-1", "number of its bills is 0, expected 1"
    ),
    "a credit note has no bill": Corruption(
        lambda w: w.insert(chart.credit_note(sale("s-3", "d-3", 500), "K9", 500, 1.0, "")),
        "I2", "entry credit/K9", "credits session s-3, which has no bill yet",
    ),
    "a credit note is booked before its bill": Corruption(
        lambda w: w.insert(w.drop("credit/K1"), before="bill/s-7"),
        "I2", "entry credit/K1", "credits session s-7, which has no bill yet",
    ),
    "a credit note is lost": Corruption(
        lambda w: w.drop("credit/K2"), "I2", "session s-7", "bills less credit notes is 1190, expected 1071"
    ),
    "a bill is another driver's": Corruption(
        lambda w: w.session("s-1", sale=sale("s-1", "d-2", 1190)),
        "I2", "session s-1", "its bill is of session s-1, d-2, EUR",
    ),
    "tax is booked as revenue": Corruption(
        lambda w: w.amounts("bill/s-1", tax=190, revenue_stadtwerk=-190),
        "I5", "session s-1", "the share of tax:DE is 0, expected 190",
    ),
    "a share is off by a cent": Corruption(
        lambda w: w.amounts("bill/s-1", revenue_platform=1, revenue_stadtwerk=-1),
        "I5", "session s-1", "the share of revenue:platform is 99, expected 100",
    ),
    "a share is another operator's": Corruption(
        lambda w: w.change(
            "bill/s-1",
            postings=tuple(
                posting._replace(account=posting.account.replace("stadtwerk", "rival"))
                for posting in w.entries[w.at("bill/s-1")].postings
            ),
        ),
        "I5", "session s-1", "the share of revenue:rival is 900, expected 0",
    ),
    "an entry is in another currency": Corruption(
        lambda w: w.change("capture/p-1", currency="USD"),
        "I3", "entry capture/p-1", "is in USD, payment p-1 in EUR",
    ),
    "a bill is in another currency": Corruption(
        lambda w: w.change("bill/s-1", currency="USD"), "I3", "entry bill/s-1", "is in USD, session s-1 in EUR"
    ),
    "a hold is opened again": Corruption(
        lambda w: w.insert(chart.hold_raised(P4, 0, 3000, 95.0)),
        "I7", "entry raise/p-4/3000", "holds 3000 again: the hold ended, expired",
    ),
    "a hold never ended": Corruption(
        lambda w: w.payments.update({"p-9": w.payments["p-9"]._replace(open=False)}),
        "I7", "payment p-9", "its hold of 2000 never ended",
    ),
    "a hold is left for a session that is settled": Corruption(
        lambda w: w.session("s-9", open_minor=0, explained_wh={}, paid_wh=10_000),
        "I7", "payment p-9", "is held, though session s-9 is settled",
    ),
    "the end of a hold is not booked": Corruption(
        lambda w: w.drop("release/p-3"), "I7", "payment p-3", "the hold that is booked is 5000, expected 0"
    ),
    "a hold ends twice": Corruption(
        lambda w: w.insert(w.entries[w.at("release/p-3")]),
        "I7", "payment p-3", "how often its hold ended is 2, expected 1",
    ),
    "a hold ends before it began": Corruption(
        lambda w: w.insert(w.drop("release/p-3"), before="hold/p-3"),
        "I7", "entry release/p-3", "releases 5000 of a hold of 0",
    ),
    "a part of a hold is released": Corruption(
        lambda w: w.amounts("release/p-3", hold=1, held=-1),
        "I7", "entry release/p-3", "releases 4999 of a hold of 5000",
    ),
    "a hold was not raised": Corruption(
        lambda w: w.drop("raise/p-2/1500"), "I7", "payment p-2", "highest hold that is booked is 1000, expected 1500"
    ),
    "a hold is raised that is not there": Corruption(
        lambda w: w.drop("hold/p-2"), "I7", "entry raise/p-2/1500", "raises a hold by 500 that is not there"
    ),
    "a hold that expired is captured": Corruption(
        lambda w: w.insert(chart.capture(P4, 595, 120.0)),
        "I7", "entry capture/p-4", "captures 595 of a hold that is expired",
    ),
    "a payment that was cancelled is captured": Corruption(
        lambda w: w.snap("p-3", captured_minor=100), "I7", "payment p-3", "100 were captured, but it is cancelled"
    ),
    "a hold ended in another way": Corruption(
        lambda w: w.change("release/p-4", memo="cancelled"),
        "I7", "payment p-4", "its hold is expired, booked as cancelled",
    ),
    "a payment comes back from expiry": Corruption(
        _history((Status.HELD, 5000, 0), (Status.EXPIRED, 5000, 0)),
        "I7", "payment p-1", "cannot be captured after it was expired",
    ),
    "a payment goes back": Corruption(
        _history((Status.CAPTURED, 5000, 1200)),
        "I7", "payment p-1", r"went back from captured \(.*captured_minor 1200\) to captured \(.*captured_minor 1190",
    ),
    "the last snapshot is not the last": Corruption(
        lambda w: w.payments.update({
            "p-1": w.payments["p-1"]._replace(history=(snapshot("p-1", Status.HELD, 5000),))
        }),
        "I7", "payment p-1", "is captured .*, was last held",
    ),
    "a dispute is won twice": Corruption(
        lambda w: w.insert(chart.dispute_won(P7, 1071, 401.0, 2)),
        "I4", "entry dispute-end/p-7/2", "ends disputes of 1071, 0 are open",
    ),
    "a dispute that was lost is booked as won": Corruption(
        lambda w: w.change(
            "dispute-end/p-8/1", postings=(Posting("disputed:stripe", -595), Posting("cash:stripe", 595))
        ),
        "I4", "payment p-8", "lost in disputes is 0, expected 595",
    ),
    "more is disputed than captured": Corruption(
        lambda w: w.insert(chart.dispute_opened(P1, 1191, 500.0)),
        "I4", "entry dispute/p-1/1", "1191 are disputed of 1190 captured",
    ),
    "a price is another when it is calculated again": Corruption(
        lambda w: w.prices.update({"s-1": 1191}), "I8", "session s-1", "what is charged is 1190, expected 1191"
    ),
    "a bill says something else": Corruption(
        _other_bill, "I8", "session s-1", "what is charged is 1190, expected 1191"
    ),
    "more was shown than is billed": Corruption(
        lambda w: w.session("s-1", shown_minor=1191), "I9", "session s-1", "1191 was shown before, the bill is 1190"
    ),
    "more is billed than the highest price": Corruption(
        lambda w: w.session("s-1", max_minor=1189), "I9", "session s-1", "the bill is 1190, the highest price 1189"
    ),
    "a card's number is in a memo": Corruption(
        lambda w: w.change("bill/s-1", memo="paid by 4242 4242 4242 4242"),
        "I11", "entry bill/s-1", "holds a card's number: 424242…4242",
    ),
    "a card's number is an account's owner": Corruption(
        lambda w: w.balances.update({("driver:4242424242424242", "EUR"): 0}),
        "I11", "account driver:4242424242424242 EUR", "holds a card's number: 424242…4242",
    ),
}  # fmt: skip


AUDITED = st.sampled_from(
    [k for k, entry in enumerate(world().entries) if not entry.cause.startswith("payout/")]
)
"""Indices of entries. Of payouts only the books know."""


@pytest.fixture
def right() -> World:
    """Nothing is wrong with it."""
    return world()


def test_a_world_that_adds_up_passes(right: World) -> None:
    """Nine sessions, eight payments, every kind of entry but a failed refund: nothing is found."""
    assert audit_money(right.facts) == []
    check_money(right.facts)
    events = {entry.cause.partition("/")[0] for entry in right.entries}
    assert events == set(chart.BOOKS_ON) - {"refund-failed"}


def test_there_are_enough_corruptions_of_every_rule() -> None:
    """At least thirty; I2 and I6 by trial, and texts, are below."""
    assert len(CORRUPTIONS) >= 30
    rules = {corruption.rule for corruption in CORRUPTIONS.values()}
    assert rules == {"I1", "I2", "I3", "I4", "I5", "I7", "I8", "I9", "I10", "I11"}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_found_and_named(right: World, name: str) -> None:
    """By its rule, its subject, and both numbers; the error says the same."""
    spoil, rule, subject, detail = CORRUPTIONS[name]
    spoil(right)
    found = audit_money(right.facts)
    named = [one for one in found if (one.rule, one.subject) == (rule, subject)]
    assert any(re.search(detail, one.detail) for one in named), "\n".join(map(str, found))
    with pytest.raises(AuditError, match=rf"{rule}: {re.escape(subject)}: "):
        check_money(right.facts)


def test_a_refund_that_failed_is_money_that_came_back(right: World) -> None:
    """Refunded 1.19, which came back: the driver is owed it again, which nothing explains unless it stays open."""
    right.insert(chart.refund_failed(P7, 0, 119, 250.0))
    right.snap("p-7", refund_failed_minor=119)
    subjects = [(one.rule, one.subject, one.detail) for one in audit_money(right.facts)]
    told = "is -119, expected 0"
    assert subjects == [
        ("I4", "session s-7", f"what the driver owes for it {told}"),
        ("I4", "account driver:d-7 EUR", f"its balance {told}"),
    ]
    right.session("s-7", open_minor=-119)
    assert audit_money(right.facts) == []


def test_while_money_is_under_way_only_what_is_handed_in_is_checked(right: World) -> None:
    """Sessions that are not settled yet are left out; what is handed in must add up."""
    right.sessions.pop("s-9")
    right.payments["p-9"] = right.payments["p-9"]._replace(open=False)
    facts = MoneyFacts(
        entries=right.entries,
        payments=right.payments.values(),
        sessions=right.sessions.values(),
        balances=right.balances,
        complete=False,
    )
    assert audit_money(facts) == []
    right.session("s-1", paid_wh=19_999)
    assert [one.rule for one in audit_money(facts)] == ["I1"]


def test_an_error_tells_the_first_findings_and_counts_the_rest(right: World) -> None:
    """A defect of one kind may be found a million times."""
    right.entries = []
    right.balances = {}
    with pytest.raises(AuditError) as raised:
        check_money(right.facts)
    lines = str(raised.value).splitlines()
    assert len(lines) == 21
    assert re.fullmatch(r"… and \d+ more", lines[-1])


def test_a_finding_reads_as_a_sentence() -> None:
    """Rule, subject, detail."""
    assert str(Finding("I4", "payment p-1", "x is 1, expected 2")) == "I4: payment p-1: x is 1, expected 2"


@given(AUDITED, st.integers(0, 3), st.integers(-2000, 2000).filter(bool), st.booleans())
def test_no_changed_posting_goes_unnoticed(entry: int, line: int, more_minor: int, hidden: bool) -> None:
    """Any amount anywhere, also where another posting hides it, and balances follow: something is found."""
    w = world()
    postings = list(w.entries[entry].postings)
    k = line % len(postings)
    postings[k] = postings[k]._replace(amount_minor=postings[k].amount_minor + more_minor)
    if hidden:
        other = (k + 1) % len(postings)
        postings[other] = postings[other]._replace(amount_minor=postings[other].amount_minor - more_minor)
    w.entries[entry] = w.entries[entry]._replace(postings=tuple(postings))
    w.balances = summed(w.entries)
    assert audit_money(w.facts)


@given(AUDITED)
def test_no_entry_can_be_lost(entry: int) -> None:
    """Whichever is dropped, and balances follow: something is found. Payouts alone are known by the books only."""
    w = world()
    w.drop(w.entries[entry].cause)
    assert audit_money(w.facts)
