"""What an exception of Stripe's SDK means for an operation: refused, unknown, or to be asked again later."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

import stripe

from twin.domain.payments import Authorise, Capture, Increment, Operation, Refund
from twin.money.payments.bank_errors import RETRYABLE


class Kind(Enum):
    """What is known after an exception."""

    REFUSED = "refused"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"


class Verdict(NamedTuple):
    """What an exception means."""

    kind: Kind
    code: str
    """Of a refusal, the port's; else why nothing is known. Never the provider's text: it may quote what was sent."""
    final: bool = True
    burnt: bool = False
    intent: Mapping[str, Any] | None = None
    """The payment, where the error holds it."""


_RULES: Final[Mapping[str, str]] = {
    "resource_missing": "not_found",
    "payment_method_unexpected_state": "not_found",
    "payment_intent_unexpected_state": "wrong_state",
    "charge_already_captured": "wrong_state",
    "charge_disputed": "wrong_state",
    "charge_expired_for_capture": "wrong_state",
    "charge_already_refunded": "refund_exceeds_capture",
    "amount_too_small": "amount_too_small",
    "amount_too_large": "amount_too_large",
    "invalid_charge_amount": "amount_step",
}
"""Stripe's code of an error to the port's, whatever was asked."""

_BY_OPERATION: Final[Mapping[tuple[type[Operation], str, str], str]] = {
    (Capture, "amount_too_large", "amount_to_capture"): "capture_exceeds_hold",
    (Capture, "parameter_invalid_integer", "amount_to_capture"): "amount_too_small",
    (Refund, "", "amount"): "refund_exceeds_capture",
    (Refund, "amount_too_large", "amount"): "refund_exceeds_capture",
    (Refund, "parameter_invalid_integer", "amount"): "amount_too_small",
    (Increment, "payment_intent_invalid_parameter", ""): "not_incremental",
    (Increment, "parameter_invalid_integer", "amount"): "amount_too_small",
    (Authorise, "", "currency"): "currency",
    (Authorise, "parameter_invalid_integer", "amount"): "amount_too_small",
}
"""Operation, Stripe's code and parameter to the port's code, where the same code means different things."""


def read(error: stripe.StripeError, operation: Operation) -> Verdict:
    """Return what an exception means."""
    name = type(error).__name__
    if isinstance(error, stripe.CardError):
        return _declined(error)
    if isinstance(error, stripe.RateLimitError):
        return Verdict(Kind.THROTTLED, "too many requests")
    if isinstance(error, stripe.IdempotencyError):
        if error.code == "idempotency_key_in_use" or error.http_status == 409:
            return Verdict(Kind.UNKNOWN, "the same operation is under way")
        return Verdict(Kind.REFUSED, "key_reused")
    if isinstance(error, stripe.InvalidRequestError):
        return Verdict(Kind.REFUSED, _rule(error, operation), intent=_intent(error))
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return Verdict(Kind.UNKNOWN, f"{name}: the key is not accepted")
    burnt = isinstance(error, stripe.APIError) and _replayed(error)
    return Verdict(
        Kind.UNKNOWN, name if error.http_status is None else f"{name} {error.http_status}", burnt=burnt
    )


def _declined(error: stripe.CardError) -> Verdict:
    body = error.error
    decline = (body.decline_code if body is not None else None) or error.code or "card_declined"
    return Verdict(Kind.REFUSED, decline, decline not in RETRYABLE, intent=_intent(error))


def _rule(error: stripe.InvalidRequestError, operation: Operation) -> str:
    code, param = error.code or "", error.param or ""
    for key in ((type(operation), code, param), (type(operation), code, "")):
        if key in _BY_OPERATION:
            return _BY_OPERATION[key]
    return _RULES.get(code, "invalid")


def _intent(error: stripe.StripeError) -> Mapping[str, Any] | None:
    body = error.json_body
    found = body["error"].get("payment_intent") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def _replayed(error: stripe.StripeError) -> bool:
    """Whether a server error is what Stripe keeps under the key: then it answers nothing else."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return (error.http_status or 0) >= 500 and headers.get("idempotent-replayed") == "true"
