"""How a provider says no: type, status and code as on Stripe's wire, and the same in the words of the port."""

from __future__ import annotations

from collections.abc import Mapping

RETRYABLE = frozenset({
    "approve_with_id", "card_velocity_exceeded", "do_not_honor", "generic_decline", "insufficient_funds",
    "issuer_not_available", "processing_error", "reenter_transaction", "try_again_later",
})  # fmt: skip
"""Declines that may be none next time; all others are final for the card."""

CARD_CODES = frozenset({"expired_card", "processing_error", "incorrect_cvc", "authentication_required"})
"""Declines whose error code is more than `card_declined`."""

PORT_CODES: Mapping[str, str] = {
    "resource_missing": "not_found",
    "payment_intent_unexpected_state": "wrong_state",
    "charge_already_refunded": "refund_exceeds_capture",
    "charge_disputed": "wrong_state",
    "payment_method_detached": "not_found",
    "capture_exceeds_hold": "capture_exceeds_hold",
    "refund_exceeds_capture": "refund_exceeds_capture",
    "incremental_authorization_not_allowed": "not_incremental",
    "amount_too_small": "amount_too_small",
    "amount_too_large": "amount_too_large",
    "parameter_invalid_integer": "amount_too_small",
    "invalid_currency": "currency",
    "invalid_charge_amount": "amount_step",
    "idempotency_key_mismatch": "key_reused",
}
"""A rule's code at the bank to the port's (`domain.payments.RULES`); whatever is absent is `invalid`."""

WIRE_CODES: Mapping[str, str | None] = {
    "capture_exceeds_hold": "amount_too_large",
    "refund_exceeds_capture": None,
    "incremental_authorization_not_allowed": "payment_intent_invalid_parameter",
    "payment_method_detached": "payment_method_unexpected_state",
    "invalid_currency": None,
    "idempotency_key_mismatch": None,
}
"""The bank's finer codes to those that are written on the wire; None: the error carries no code there."""


class BankError(Exception):
    """A refusal of the provider.

    Args:
        code: Of the rule (`PORT_CODES`), or of the card (`card_declined`, `expired_card`, …).
        message: For people.
        status: Of HTTP.
        kind: `invalid_request_error`, `card_error`, `idempotency_error`.
        param: The parameter that is wrong.
        decline: The issuer's code of a decline.
        intent: The intent as it stands after the refusal.
        ran: False: refused before anything was executed; no answer is kept under its idempotency key.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        decline: str | None = None,
        intent: str | None = None,
        ran: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.decline = decline
        self.intent = intent
        self.ran = ran

    @property
    def wire_code(self) -> str | None:
        """As written on the wire."""
        return WIRE_CODES.get(self.code, self.code)

    @property
    def port_code(self) -> str:
        """As the port says it."""
        return self.decline or PORT_CODES.get(self.code, "invalid")

    @property
    def final(self) -> bool:
        """Whether asking again is in vain."""
        return self.decline not in RETRYABLE


def missing(what: str, name: str) -> BankError:
    """Return the error of an unknown id."""
    return BankError("resource_missing", f"No such {what}: '{name}'", status=404, param=what)


def declined(code: str, intent: str | None) -> BankError:
    """Return the error of a card that the issuer refuses."""
    wire = code if code in CARD_CODES else "card_declined"
    text = f"The card was declined: {code.replace('_', ' ')}."
    return BankError(wire, text, status=402, kind="card_error", decline=code, intent=intent)


def invalid(code: str, message: str, param: str) -> BankError:
    """Return the error of a parameter: nothing was executed."""
    return BankError(code, message, param=param, ran=False)
