"""Requests about drivers and operators: customers, payment methods, setup intents, connected accounts."""

from __future__ import annotations

from twin.money.payments.bank_errors import invalid
from twin.money.payments.bank_records import Method, Setup
from twin.money.payments.bank_state import find
from twin.money.payments.server.on_intents import card_of
from twin.money.payments.server.params import (
    EXPAND,
    PAGE,
    choice,
    flag,
    metadata,
    need,
    text,
    within,
)
from twin.money.payments.server.routing import Call, Route, page
from twin.money.payments.server.wire import Json

_CUSTOMER = {**EXPAND, "email": "str", "name": "str", "metadata": "metadata"}
_SETUP = {
    **EXPAND,
    "customer": "str",
    "payment_method": "str",
    "allowed_payment_method_types": "strings",
    "automatic_payment_methods": {"enabled": "bool", "allow_redirects": "str"},
    "confirm": "bool",
    "usage": "str",
    "metadata": "metadata",
}
_METHOD = {
    **EXPAND,
    "type": "str",
    "card": {"number": "str", "exp_month": "int", "exp_year": "int", "cvc": "str", "token": "str"},
    "metadata": "metadata",
}
_TOKENS = {
    "tok_visa": "pm_card_visa",
    "tok_mastercard": "pm_card_mastercard",
    "tok_amex": "pm_card_amex",
    "tok_discover": "pm_card_discover",
    "tok_chargeDeclined": "pm_card_visa_chargeDeclined",
}


def _customer(call: Call) -> Json:
    params = call.params
    made = call.bank.wallets.create_customer(
        call.t_s, metadata=metadata(params), email=text(params, "email"), name=text(params, "name")
    )
    return call.gallery.show(made)


def _update_customer(call: Call) -> Json:
    found = find(call.bank.state.customers, call.name, "customer")
    card = text(within(call.params, "invoice_settings"), "default_payment_method")
    if card:
        if find(call.bank.state.methods, card, "PaymentMethod").customer != call.name:
            text_ = "The customer does not have a payment method with the ID " + card
            raise invalid("resource_missing", text_, "invoice_settings[default_payment_method]")
        found.default_method = card
    if "metadata" in call.params:
        found.metadata = {**found.metadata, **metadata(call.params)}
    return call.gallery.show(found)


def _customers(call: Call) -> Json:
    email = text(call.params, "email")
    found = [one for one in reversed(call.bank.state.customers.values()) if not email or one.email == email]
    return page(call, [call.gallery.show(one) for one in found])


def _method(call: Call) -> Json:
    need(call.params, "type")
    choice(call.params, "type", ("card",))
    card = within(call.params, "card")
    token = text(card, "token")
    if token and token not in _TOKENS:
        raise invalid("resource_missing", f"No such token: '{token}'", "card[token]")
    number = _TOKENS[token] if token else text(card, "number")
    if not number:
        raise invalid("parameter_missing", "Missing required param: card[number].", "card[number]")
    made = call.bank.wallets.create_method(call.t_s, card=number, metadata=metadata(call.params))
    return call.gallery.show(made)


def _attach(call: Call) -> Json:
    need(call.params, "customer")
    card = card_of(call, call.name)
    name = card.id if isinstance(card, Method) else card
    return call.gallery.show(call.bank.wallets.attach(name, text(call.params, "customer"), call.t_s))


def _detach(call: Call) -> Json:
    return call.gallery.show(call.bank.wallets.detach(call.name, call.t_s))


def _methods(call: Call) -> Json:
    customer = call.name or text(call.params, "customer")
    choice(call.params, "type", ("card", "card_present"))
    found = call.bank.wallets.methods_of(customer) if customer else []
    return page(call, [call.gallery.show(one) for one in reversed(found)])


def _setup(call: Call) -> Json:
    params = call.params
    name = text(params, "payment_method")
    method = card_of(call, name) if name else ""
    made = call.bank.wallets.create_setup(
        call.t_s,
        customer=text(params, "customer"),
        method=method.id if isinstance(method, Method) else method,
        confirm=flag(params, "confirm"),
        metadata=metadata(params),
    )
    return call.gallery.show(made)


def _confirm_setup(call: Call) -> Json:
    name = text(call.params, "payment_method")
    method = card_of(call, name) if name else ""
    made: Setup = call.bank.wallets.confirm_setup(
        call.name, call.t_s, method=method.id if isinstance(method, Method) else method
    )
    return call.gallery.show(made)


def _cancel_setup(call: Call) -> Json:
    return call.gallery.show(call.bank.wallets.cancel_setup(call.name, call.t_s))


def _account(call: Call) -> Json:
    return call.gallery.show(call.bank.wallets.create_account(call.t_s, metadata=metadata(call.params)))


ROUTES = (
    Route("POST", "/v1/customers", _customer, _CUSTOMER),
    Route(
        "POST",
        "/v1/customers/{id}",
        _update_customer,
        {**EXPAND, "invoice_settings": {"default_payment_method": "str"}, "metadata": "metadata"},
    ),
    Route("GET", "/v1/customers", _customers, {**EXPAND, **PAGE, "email": "str"}),
    Route("GET", "/v1/customers/{id}/payment_methods", _methods, {**EXPAND, **PAGE, "type": "str"}),
    Route("POST", "/v1/payment_methods", _method, _METHOD),
    Route("GET", "/v1/payment_methods", _methods, {**EXPAND, **PAGE, "type": "str", "customer": "str"}),
    Route("POST", "/v1/payment_methods/{id}/attach", _attach, {**EXPAND, "customer": "str"}),
    Route("POST", "/v1/payment_methods/{id}/detach", _detach, EXPAND),
    Route("POST", "/v1/setup_intents", _setup, _SETUP),
    Route("POST", "/v1/setup_intents/{id}/confirm", _confirm_setup, {**EXPAND, "payment_method": "str"}),
    Route("POST", "/v1/setup_intents/{id}/cancel", _cancel_setup, EXPAND),
    Route(
        "POST",
        "/v1/accounts",
        _account,
        {**EXPAND, "type": "str", "country": "str", "email": "str", "metadata": "metadata"},
    ),
)
