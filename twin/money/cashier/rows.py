"""What the cashier hands to its sink: one row per bill, per payment and per session, written once and then forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from twin.domain.books import Reason
from twin.domain.payments import Means
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession
from twin.money.billing.model import Bill, Measured


class BilledRow(NamedTuple):
    """A session was priced: what its receipt says. A later version replaces this one (credit note and new bill)."""

    session: str
    version: int
    """1, 2, …"""
    evse: str
    operator: str
    driver: str
    happened_s: float
    bill: Bill
    measured: Measured


class PaymentRow(NamedTuple):
    """One hold or charge, at the end of its life. Amounts in minor units of `currency`."""

    payment: str
    kind: str
    """hold, renewal, charge or bill."""
    session: str
    """Empty: no session came of it, or it is an account's monthly bill."""
    evse: str
    """Empty: a bill of an account."""
    operator: str
    driver: str
    means: Means
    status: str
    """As `domain.payments.Status`."""
    code: str
    """Of a decline; else empty."""
    currency: str
    asked_s: float
    latency_s: float
    """From asking for the hold to knowing; NaN: never known."""
    authorised_minor: int
    captured_minor: int
    refunded_minor: int
    disputed_minor: int
    fee_minor: int
    ended_s: float
    """When the hold ended; NaN: it never began or is still open."""
    unused_minor_s: float
    """What was held and not captured, times the seconds for which it was held: the burden on the driver."""
    audited: AuditedPayment | None
    """For `accounts.audit`; None: the provider never said anything of it."""


class TabRow(NamedTuple):
    """One wish, from asking to the end: decided how, billed, paid, explained."""

    tab: str
    session: str
    """Empty: none began."""
    evse: str
    operator: str
    driver: str
    means: Means
    tariff: str
    currency: str
    asked_s: float
    granted: bool
    grounds: str
    """As `wish.Grounds`."""
    code: str
    latency_s: float
    """From the wish to the answer; NaN: never answered."""
    metered_wh: int
    paid_wh: int
    explained_wh: Mapping[Reason, int]
    """With `paid_wh` it sums to `metered_wh`."""
    billed_minor: int
    """Of the bill that stands."""
    credited_minor: int
    """Of it, given back by the office."""
    captured_minor: int
    """Less what was refunded."""
    lost_minor: int
    """Of that, taken back by disputes."""
    written_off_minor: Mapping[Reason, int]
    bills: int
    """How many were written; all but the last were credited."""
    settled_s: float
    """When nothing was left to be done; NaN: never."""
    audited: AuditedSession | None
    """For `accounts.audit`; None: there was no session."""


class OddRow(NamedTuple):
    """Something that fits nowhere: counted, never dropped in silence."""

    t_s: float
    subject: str
    """A payment, session or EVSE."""
    why: str


Row: TypeAlias = BilledRow | PaymentRow | TabRow | OddRow
"""What a sink takes."""
