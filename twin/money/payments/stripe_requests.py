"""What is asked of Stripe, as parameters of its SDK. Pure: nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twin.domain.payments import Authorise, Capture, Enrol, Means, Refund

if TYPE_CHECKING:
    from stripe.params import (
        CustomerCreateParams,
        CustomerUpdateParams,
        PaymentIntentCancelParams,
        PaymentIntentCaptureParams,
        PaymentIntentCreateParams,
        PaymentIntentIncrementAuthorizationParams,
        PaymentIntentRetrieveParams,
        RefundCreateParams,
        SetupIntentCreateParams,
    )

PAYMENT: Final = "twin_payment"
OPERATION: Final = "twin_operation"
OPERATOR: Final = "twin_operator"
DRIVER: Final = "twin_driver"
WHOLE: Final = ["latest_charge.balance_transaction", "latest_charge.refunds"]
"""What must be in an answer to read a payment's snapshot from it."""


def authorise(operation: Authorise, card: str, destination: str) -> PaymentIntentCreateParams:
    """Ask for a hold, or with `capture` for a charge.

    Args:
        operation: What is asked.
        card: The payment method.
        destination: The operator's connected account; empty: everything stays with the platform.
    """
    wanted = operation.instrument
    present = wanted.means is Means.TERMINAL
    params: PaymentIntentCreateParams = {
        "amount": operation.amount_minor,
        "currency": operation.currency.lower(),
        "payment_method": card,
        "allowed_payment_method_types": ["card_present" if present else "card"],
        "capture_method": "automatic" if operation.capture else "manual",
        "confirm": True,
        "transfer_group": operation.payment,
        "metadata": {
            PAYMENT: operation.payment,
            OPERATION: operation.id,
            **({OPERATOR: operation.operator} if operation.operator else {}),
        },
        "expand": [*WHOLE],
    }
    if wanted.customer:
        params["customer"] = wanted.customer
    if wanted.means is Means.ACCOUNT:
        params["off_session"] = True
    if destination:
        params["transfer_data"] = {"destination": destination}
        if operation.capture and operation.fee_minor:
            params["application_fee_amount"] = operation.fee_minor
    if operation.incremental and present:
        params["payment_method_options"] = {
            "card_present": {"request_incremental_authorization_support": True}
        }
    elif operation.incremental:
        params["payment_method_options"] = {"card": {"request_incremental_authorization": "if_available"}}
    return params


def increment(amount_minor: int) -> PaymentIntentIncrementAuthorizationParams:
    """Raise a hold to a new total."""
    return {"amount": amount_minor, "expand": [*WHOLE]}


def capture(operation: Capture, destination: str) -> PaymentIntentCaptureParams:
    """Take what the session costs. The application fee is the platform's part, the rest is the operator's."""
    params: PaymentIntentCaptureParams = {"amount_to_capture": operation.amount_minor, "expand": [*WHOLE]}
    if destination and operation.fee_minor:
        params["application_fee_amount"] = operation.fee_minor
    return params


def cancel() -> PaymentIntentCancelParams:
    """Release a hold."""
    return {"cancellation_reason": "requested_by_customer", "expand": [*WHOLE]}


def fetch() -> PaymentIntentRetrieveParams:
    """Look at a payment."""
    return {"expand": [*WHOLE]}


def refund(operation: Refund, intent: str, *, shared: bool, fee: bool) -> RefundCreateParams:
    """Give money back.

    Args:
        operation: What is asked.
        intent: Stripe's name of the payment.
        shared: An operator has a part of it, and gives it back.
        fee: The platform took an application fee, and gives back its part of it.
    """
    params: RefundCreateParams = {
        "payment_intent": intent,
        "amount": operation.amount_minor,
        "metadata": {PAYMENT: operation.payment, OPERATION: operation.id},
    }
    if operation.reason == "duplicate":
        params["reason"] = "duplicate"
    elif operation.reason == "fraudulent":
        params["reason"] = "fraudulent"
    else:
        params["reason"] = "requested_by_customer"
    if shared:
        params["reverse_transfer"] = True
    if shared and fee:
        params["refund_application_fee"] = True
    return params


def customer(operation: Enrol) -> CustomerCreateParams:
    """Add a driver by the pseudonym: no name and no address leave the twin."""
    return {"metadata": {DRIVER: operation.payment, OPERATION: operation.id}}


def setup(operation: Enrol, customer_name: str) -> SetupIntentCreateParams:
    """Save a card for charges at which nobody is there."""
    return {
        "customer": customer_name,
        "payment_method": operation.instrument.reference,
        "allowed_payment_method_types": ["card"],
        "usage": "off_session",
        "confirm": True,
        "metadata": {DRIVER: operation.payment, OPERATION: operation.id},
    }


def default_card(card: str) -> CustomerUpdateParams:
    """Charge this card from now on."""
    return {"invoice_settings": {"default_payment_method": card}}


def by_payment(payment: str) -> str:
    """Return the query that finds a payment by our name of it."""
    quoted = payment.replace("\\", "\\\\").replace("'", "\\'")
    return f"metadata['{PAYMENT}']:'{quoted}'"
