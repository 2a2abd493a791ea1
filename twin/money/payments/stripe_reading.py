"""How a payment stands, read from Stripe's objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import stripe

from twin.domain.payments import Snapshot, Status
from twin.money.payments.stripe_requests import OPERATION

STATUS: Final[Mapping[str, Status]] = {
    "requires_payment_method": Status.ASKED,
    "requires_confirmation": Status.ASKED,
    "processing": Status.ASKED,
    "requires_action": Status.ACTION,
    "requires_capture": Status.HELD,
    "succeeded": Status.CAPTURED,
    "canceled": Status.CANCELLED,
}
"""A payment intent's status to the port's, before declines, expiry and disputes are looked at."""
_LOST: Final = frozenset({"lost"})
_WON: Final = frozenset({"won", "warning_closed", "prevented"})
_INQUIRY: Final = frozenset({"warning_needs_response", "warning_under_review"})
"""The driver's bank only asks: no money has moved."""


class Claims(NamedTuple):
    """What disputes moved, minor units."""

    disputed_minor: int = 0
    won_minor: int = 0
    fee_minor: int = 0
    status: Status | None = None
    """Of the latest one that moved money."""


def snapshot(
    intent: stripe.PaymentIntent,
    payment: str,
    epoch_s: float,
    refunds: Iterable[stripe.Refund] = (),
    disputes: Iterable[stripe.Dispute] = (),
) -> Snapshot:
    """Return a payment as the port knows it.

    Args:
        intent: With its latest charge and that one's balance transaction expanded.
        payment: Our name of it.
        epoch_s: The instant of second 0, seconds since 1970.
        refunds: All of the charge.
        disputes: All of the charge.
    """
    charge = intent.latest_charge if isinstance(intent.latest_charge, stripe.Charge) else None
    held = charge is not None and charge.paid
    claims = read_disputes(disputes)
    given_minor, failed_minor = read_refunds(refunds)
    before_s, incremental, limit_minor = _terms(charge, intent.amount)
    return Snapshot(
        payment,
        intent.id,
        _status(intent) if claims.status is None else claims.status,
        intent.currency.upper(),
        intent.amount if held else 0,
        intent.amount_received,
        given_minor,
        claims.disputed_minor,
        _fee_minor(charge),
        float("inf") if before_s is None else before_s - epoch_s,
        incremental,
        failed_minor,
        claims.won_minor,
        claims.fee_minor,
        limit_minor if held and intent.capture_method == "manual" else 0,
        _name(intent.customer),
    )


def read_refunds(refunds: Iterable[stripe.Refund]) -> tuple[int, int]:
    """Return what was given back and what came back of it, minor units.

    The release of what was held and not captured can stand among the refunds: it moved no money, and is none.
    """
    moved = [
        refund
        for refund in refunds
        if refund.balance_transaction is not None or meta(refund.metadata, OPERATION)
    ]
    failed_minor = sum(refund.amount for refund in moved if refund.status in {"failed", "canceled"})
    return sum(refund.amount for refund in moved), failed_minor


def read_disputes(disputes: Iterable[stripe.Dispute]) -> Claims:
    """Return what disputes moved; an inquiry moves nothing."""
    claims = Claims()
    for dispute in sorted(disputes, key=lambda one: one.created):
        if dispute.status in _INQUIRY:
            continue
        fee_minor = claims.fee_minor + sum(moved.fee for moved in dispute.balance_transactions)
        if dispute.status in _WON:
            came_back = any(moved.amount < 0 for moved in dispute.balance_transactions)
            won_minor = claims.won_minor + (dispute.amount if came_back else 0)
            claims = claims._replace(won_minor=won_minor, fee_minor=fee_minor)
        else:
            status = Status.LOST if dispute.status in _LOST else Status.DISPUTED
            claims = Claims(claims.disputed_minor + dispute.amount, claims.won_minor, fee_minor, status)
    return claims


def meta(metadata: stripe.StripeObject | None, key: str) -> str:
    """Return one of the texts that hang on an object; empty: it is not there."""
    return "" if metadata is None else str(getattr(metadata, key, ""))


def _status(intent: stripe.PaymentIntent) -> Status:
    status = STATUS[intent.status]
    if intent.status == "requires_payment_method" and intent.last_payment_error is not None:
        return Status.REFUSED
    if intent.status == "canceled" and intent.cancellation_reason in {"automatic", "expired"}:
        return Status.EXPIRED
    return status


def _terms(charge: stripe.Charge | None, amount_minor: int) -> tuple[int | None, bool, int]:
    """Return when the hold ends (seconds since 1970), whether it may be raised, the most that may be captured."""
    details = None if charge is None else charge.payment_method_details
    if details is None:
        return None, False, amount_minor
    if details.type == "card_present" and getattr(details, "card_present", None) is not None:
        present = details.card_present
        assert present is not None
        return (
            getattr(present, "capture_before", None),
            present.incremental_authorization_supported,
            amount_minor,
        )
    card = getattr(details, "card", None)
    if card is None:
        return None, False, amount_minor
    more = getattr(card, "incremental_authorization", None)
    over = getattr(card, "overcapture", None)
    limit_minor = over.maximum_amount_capturable if over is not None else amount_minor
    return (
        getattr(card, "capture_before", None),
        more is not None and more.status == "available",
        max(limit_minor, amount_minor),
    )


def _fee_minor(charge: stripe.Charge | None) -> int:
    """Return what Stripe keeps of a capture: its own fee, not the platform's."""
    moved = None if charge is None else charge.balance_transaction
    if not isinstance(moved, stripe.BalanceTransaction):
        return 0
    return sum(detail.amount for detail in moved.fee_details if detail.type in {"stripe_fee", "tax"})


def _name(customer: str | stripe.Customer | None) -> str:
    if customer is None:
        return ""
    return customer if isinstance(customer, str) else customer.id
