"""What is booked when more is known of a payment: the difference between two of the provider's snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from twin.domain.books import LedgerEntry
from twin.domain.payments import Snapshot, Status
from twin.money.accounts import chart
from twin.money.cashier.fold import ENDED
from twin.money.cashier.tab import Kind, Pay, Tab

HOW = {Status.CANCELLED: "cancelled", Status.EXPIRED: "expired"}
_NOTHING = Snapshot("", "", Status.ASKED, "", 0)


def terms(pay: Pay, provider: str) -> chart.Payment:
    """Return what all entries of a payment have in common."""
    return chart.Payment(pay.name, provider, pay.driver, pay.currency, pay.session)


def sale(tab: Tab, platform_pct: Decimal) -> chart.Sale:
    """Return the bill that stands."""
    wish = tab.wish
    return chart.Sale(
        tab.session,
        wish.customer.driver,
        wish.operator,
        wish.authority,
        tab.currency,
        tab.billed_minor,
        tab.tax_minor,
        platform_pct,
    )


def entries(pay: Pay, after: Snapshot, provider: str, t_s: float) -> Iterator[LedgerEntry]:
    """Tell what a later snapshot changes.

    Args:
        pay: With what was known before.
        after: Later.
        provider: Its name in the books.
        t_s: When it was learned.
    """
    payment, before = terms(pay, provider), pay.known or _NOTHING
    if pay.kind in (Kind.HOLD, Kind.RENEWAL):
        yield from _hold(pay, payment, before, after, t_s)
    if after.captured_minor > before.captured_minor:
        yield chart.capture(payment, after.captured_minor, t_s)
    if after.fee_minor > before.fee_minor:
        yield chart.provider_fee(payment, before.fee_minor, after.fee_minor, t_s)
    if after.refunded_minor > before.refunded_minor:
        yield chart.refund(payment, before.refunded_minor, after.refunded_minor, t_s)
    if after.refund_failed_minor > before.refund_failed_minor:
        yield chart.refund_failed(payment, before.refund_failed_minor, after.refund_failed_minor, t_s)
    if after.disputed_minor or after.won_minor or before.disputed_minor:
        yield from _disputes(pay, payment, before, after, t_s)


def _hold(
    pay: Pay, payment: chart.Payment, before: Snapshot, after: Snapshot, t_s: float
) -> Iterator[LedgerEntry]:
    if after.authorised_minor > before.authorised_minor:
        if before.authorised_minor:
            yield chart.hold_raised(payment, before.authorised_minor, after.authorised_minor, t_s)
        else:
            yield chart.hold(payment, after.authorised_minor, t_s)
    if after.status in ENDED and pay.status not in ENDED and after.authorised_minor:
        yield chart.hold_ended(payment, after.authorised_minor, t_s, HOW.get(after.status, "captured"))


def _disputes(
    pay: Pay, payment: chart.Payment, before: Snapshot, after: Snapshot, t_s: float
) -> Iterator[LedgerEntry]:
    """One dispute at a time, as providers allow it: opened, then won or lost."""
    opened_minor = after.disputed_minor + after.won_minor - before.disputed_minor - before.won_minor
    nth = pay.disputes + (opened_minor > 0)
    if opened_minor > 0:
        yield chart.dispute_opened(payment, opened_minor, t_s, nth)
    if after.dispute_fee_minor > before.dispute_fee_minor:
        yield chart.dispute_fee(payment, after.dispute_fee_minor - before.dispute_fee_minor, t_s, nth)
    if after.won_minor > before.won_minor:
        yield chart.dispute_won(payment, after.won_minor - before.won_minor, t_s, nth)
    if after.status is Status.LOST and pay.status is not Status.LOST:
        yield chart.dispute_lost(payment, after.disputed_minor, t_s, nth)
