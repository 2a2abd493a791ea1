"""What the cashier knows, in the words of the audit."""

from __future__ import annotations

from decimal import Decimal

from twin.domain.money import split
from twin.domain.payments import Status
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession
from twin.money.cashier.bookings import sale
from twin.money.cashier.explain import explain
from twin.money.cashier.fold import Memory
from twin.money.cashier.tab import AccountBill, Kind, Pay, Tab


def audited_payment(pay: Pay, provider: str) -> AuditedPayment | None:
    """Return a payment; None: the provider never said anything of it, and nothing is booked."""
    if pay.known is None:
        return None
    held = pay.kind in (Kind.HOLD, Kind.RENEWAL)
    return AuditedPayment(pay.name, provider, pay.known, held=held, open=pay.status is Status.HELD)


def audited_session(memory: Memory, tab: Tab, platform_pct: Decimal) -> AuditedSession:
    """Return a tab's session."""
    energy = explain(tab, lost_minor(memory, tab))
    return AuditedSession(
        tab.session,
        tab.wish.customer.driver,
        tab.currency,
        tab.metered_wh,
        energy.paid_wh,
        energy.reasons_wh,
        sale(tab, platform_pct) if tab.bills else None,
        tab.booked_bills,
        tab.credited_minor,
        dict(tab.written_minor),
        tab.by_bill_minor,
        tab.due_minor,
    )


def lost_minor(memory: Memory, tab: Tab) -> int:
    """Return what disputes took back for good of what a tab paid."""
    bill = memory.bills.get(tab.bill)
    of_bill_minor = share(bill, tab.name) if bill is not None else 0
    return of_bill_minor + sum(pay.lost_minor for pay in tab.pays)


def share(bill: AccountBill, tab: str) -> int:
    """Return one tab's part of what disputes took back of a bill."""
    lost = sum(pay.lost_minor for pay in bill.pays)
    if not lost:
        return 0
    return split(lost, [Decimal(max(minor, 0)) for minor in bill.amounts_minor])[bill.tabs.index(tab)]
