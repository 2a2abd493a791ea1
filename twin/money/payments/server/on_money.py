"""Requests about money that was taken: refunds, disputes; and every object by its id."""

from __future__ import annotations

from twin.money.payments.bank_errors import invalid
from twin.money.payments.bank_state import find
from twin.money.payments.server.params import EXPAND, PAGE, choice, flag, metadata, number, text
from twin.money.payments.server.routing import Call, Handler, Route, page
from twin.money.payments.server.wire import Json, suffix

_REFUND = {
    **EXPAND,
    "payment_intent": "str",
    "charge": "str",
    "amount": "int",
    "reason": "str",
    "reverse_transfer": "bool",
    "refund_application_fee": "bool",
    "metadata": "metadata",
}
_OF = {**EXPAND, **PAGE, "payment_intent": "str", "charge": "str"}
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def _intent_of(call: Call) -> str:
    """Return the payment intent that a request names itself or by its charge; empty: none."""
    charge = text(call.params, "charge")
    if charge:
        call.gallery.named(charge, "ch")
        return "pi_" + suffix(charge).partition("r")[0]
    return text(call.params, "payment_intent")


def _refund(call: Call) -> Json:
    params = call.params
    intent = _intent_of(call)
    if not intent:
        text_ = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid("parameter_missing", text_, "charge")
    made = call.bank.claims.refund(
        intent,
        call.t_s,
        amount_minor=number(params, "amount"),
        reason=choice(params, "reason", _REASONS),
        reverse_transfer=flag(params, "reverse_transfer"),
        refund_application_fee=flag(params, "refund_application_fee"),
        metadata=metadata(params),
    )
    return call.gallery.show(made)


def _refunds(call: Call) -> Json:
    intent, refunds = _intent_of(call), call.bank.state.refunds
    found = [one for one in reversed(refunds.values()) if not intent or one.intent == intent]
    return page(call, [call.gallery.show(one) for one in found])


def _disputes(call: Call) -> Json:
    intent, disputes = _intent_of(call), call.bank.state.disputes
    found = [one for one in reversed(disputes.values()) if not intent or one.intent == intent]
    return page(call, [call.gallery.show(one) for one in found])


def _give_up(call: Call) -> Json:
    """Closing a dispute accepts it as lost."""
    find(call.bank.state.disputes, call.name, "dispute")
    return call.gallery.show(call.bank.claims.close_dispute(call.name, call.t_s, won=False))


def _named(prefix: str) -> Handler:
    def handler(call: Call) -> Json:
        call.bank.intents.advance(call.t_s)
        return call.gallery.named(call.name, prefix)

    return handler


_BY_ID = {
    "customers": "cus",
    "payment_methods": "pm",
    "setup_intents": "seti",
    "refunds": "re",
    "disputes": "dp",
    "charges": "ch",
    "balance_transactions": "txn",
    "application_fees": "fee",
    "transfers": "tr",
    "accounts": "acct",
}

ROUTES = (
    Route("POST", "/v1/refunds", _refund, _REFUND),
    Route("GET", "/v1/refunds", _refunds, _OF),
    Route("GET", "/v1/disputes", _disputes, _OF),
    Route("POST", "/v1/disputes/{id}/close", _give_up, EXPAND),
    *(Route("GET", f"/v1/{path}/{{id}}", _named(prefix), EXPAND) for path, prefix in _BY_ID.items()),
)
