"""Requests about payment intents."""

from __future__ import annotations

import re

from twin.money.payments.bank_errors import invalid
from twin.money.payments.bank_records import Intent, Method
from twin.money.payments.bank_test_cards import find_card
from twin.money.payments.server.params import (
    EXPAND,
    PAGE,
    Params,
    choice,
    flag,
    metadata,
    need,
    number,
    strings,
    text,
    within,
)
from twin.money.payments.server.routing import Call, Route, page
from twin.money.payments.server.wire import Json

_CREATE = {
    **EXPAND,
    "amount": "int",
    "currency": "str",
    "payment_method": "str",
    "allowed_payment_method_types": "strings",
    "customer": "str",
    "capture_method": "str",
    "confirm": "bool",
    "off_session": "bool",
    "error_on_requires_action": "bool",
    "metadata": "metadata",
    "description": "str",
    "statement_descriptor_suffix": "str",
    "transfer_group": "str",
    "transfer_data": {"destination": "str"},
    "on_behalf_of": "str",
    "application_fee_amount": "int",
    "payment_method_options": {
        "card": {"request_incremental_authorization": "str", "request_overcapture": "str"},
        "card_present": {"request_incremental_authorization_support": "bool"},
    },
}
_CAPTURE = {
    **EXPAND,
    "amount_to_capture": "int",
    "application_fee_amount": "int",
    "metadata": "metadata",
}
_KINDS = ("card", "card_present")
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_SEARCH = re.compile(r"""metadata\[["'](\w+)["']\]\s*:\s*["']((?:[^"'\\]|\\.)*)["']""")


def card_of(call: Call, name: str, *, present: bool = False) -> Method | str:
    """Return the payment method of a request; a test card of a well-known name becomes a new one."""
    if find_card(name) is not None and name.startswith("pm_"):
        return call.bank.wallets.create_method(call.t_s, card=name, present=present)
    return name


def _create(call: Call) -> Json:
    params = call.params
    need(params, "amount", "currency")
    kinds = strings(params, "allowed_payment_method_types") or ["card"]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        text_ = f"The payment method types must be one of {', '.join(_KINDS)}."
        raise invalid("payment_intent_invalid_parameter", text_, "allowed_payment_method_types")
    present = kinds[0] == "card_present"
    capture = choice(params, "capture_method", ("automatic", "automatic_async", "manual"), "automatic")
    name = text(params, "payment_method")
    destination = text(within(params, "transfer_data"), "destination")
    fee_minor = number(params, "application_fee_amount")
    _check_fee(fee_minor, destination)
    if flag(params, "off_session") and not flag(params, "confirm"):
        raise invalid("parameter_invalid", "off_session needs confirm=true.", "off_session")
    intent = call.bank.intents.create(
        call.t_s,
        amount_minor=number(params, "amount") or 0,
        currency=text(params, "currency").upper(),
        method=card_of(call, name, present=present) if name else "",
        customer=text(params, "customer"),
        automatic=capture != "manual",
        off_session=flag(params, "off_session"),
        increments=_increments(params, present=present),
        overcapture=text(within(params, "payment_method_options", "card"), "request_overcapture")
        == "if_available",
        destination=destination,
        application_fee_minor=fee_minor or 0,
        transfer_group=text(params, "transfer_group"),
        metadata=metadata(params),
        confirm=flag(params, "confirm"),
    )
    return call.gallery.show(intent)


def _increments(params: Params, *, present: bool) -> bool:
    options = within(params, "payment_method_options")
    if present:
        return flag(within(options, "card_present"), "request_incremental_authorization_support")
    return text(within(options, "card"), "request_incremental_authorization") == "if_available"


def _check_fee(fee_minor: int | None, destination: str) -> None:
    if fee_minor is not None and not destination:
        text_ = "Can only apply an application_fee_amount when the PaymentIntent has a transfer_data[destination]."
        raise invalid("parameter_invalid", text_, "application_fee_amount")


def _confirm(call: Call) -> Json:
    name = text(call.params, "payment_method")
    off_session = flag(call.params, "off_session") if "off_session" in call.params else None
    method = card_of(call, name) if name else ""
    return call.gallery.show(
        call.bank.intents.confirm(call.name, call.t_s, method=method, off_session=off_session)
    )


def _capture(call: Call) -> Json:
    fee_minor = number(call.params, "application_fee_amount")
    _check_fee(fee_minor, call.bank.intents.fetch(call.name, call.t_s).destination)
    intent = call.bank.intents.capture(
        call.name,
        call.t_s,
        amount_minor=number(call.params, "amount_to_capture"),
        application_fee_minor=fee_minor,
    )
    if "metadata" in call.params:
        intent.metadata = {**intent.metadata, **metadata(call.params)}
    return call.gallery.show(intent)


def _increment(call: Call) -> Json:
    need(call.params, "amount")
    amount_minor = number(call.params, "amount") or 0
    return call.gallery.show(call.bank.intents.increment(call.name, amount_minor, call.t_s))


def _cancel(call: Call) -> Json:
    reason = choice(call.params, "cancellation_reason", _REASONS)
    return call.gallery.show(call.bank.intents.cancel(call.name, call.t_s, reason=reason))


def _fetch(call: Call) -> Json:
    return call.gallery.show(call.bank.intents.fetch(call.name, call.t_s))


def _all(call: Call) -> list[Intent]:
    call.bank.intents.advance(call.t_s)
    return list(reversed(call.bank.state.intents.values()))


def _list(call: Call) -> Json:
    customer = text(call.params, "customer")
    found = [one for one in _all(call) if not customer or one.customer == customer]
    return page(call, [call.gallery.show(one) for one in found])


def _search(call: Call) -> Json:
    """Only `metadata['key']:'value'`: as on the real thing, what was made just now may be missing there."""
    need(call.params, "query")
    match = _SEARCH.fullmatch(text(call.params, "query").strip())
    if match is None:
        raise invalid("parameter_invalid", "Only metadata['key']:'value' can be searched for here.", "query")
    key, value = match[1], re.sub(r"\\(.)", r"\1", match[2])
    found = [one for one in _all(call) if one.metadata.get(key) == value]
    shown = [call.gallery.show(one) for one in found[: number(call.params, "limit") or 10]]
    return {
        "object": "search_result",
        "data": shown,
        "has_more": len(found) > len(shown),
        "next_page": None,
        "url": call.path,
    }


def _charges(call: Call) -> Json:
    wanted = {key: text(call.params, key) for key in ("transfer_group", "payment_intent", "customer")}
    found = [
        one
        for one in _all(call)
        if one.charge
        and (not wanted["transfer_group"] or one.transfer_group == wanted["transfer_group"])
        and (not wanted["payment_intent"] or one.id == wanted["payment_intent"])
        and (not wanted["customer"] or one.customer == wanted["customer"])
    ]
    return page(call, [call.gallery.charge(one) for one in found])


BASE = "/v1/payment_intents"
ROUTES = (
    Route("POST", BASE, _create, _CREATE),
    Route("GET", BASE, _list, {**EXPAND, **PAGE, "customer": "str"}),
    Route("GET", f"{BASE}/search", _search, {**EXPAND, "query": "str", "limit": "int", "page": "str"}),
    Route("GET", f"{BASE}/{{id}}", _fetch, {**EXPAND, "client_secret": "str"}),
    Route(
        "POST",
        f"{BASE}/{{id}}/confirm",
        _confirm,
        {**EXPAND, "payment_method": "str", "off_session": "bool", "return_url": "str"},
    ),
    Route("POST", f"{BASE}/{{id}}/capture", _capture, _CAPTURE),
    Route("POST", f"{BASE}/{{id}}/increment_authorization", _increment, {**EXPAND, "amount": "int"}),
    Route("POST", f"{BASE}/{{id}}/cancel", _cancel, {**EXPAND, "cancellation_reason": "str"}),
    Route(
        "GET",
        "/v1/charges",
        _charges,
        {**EXPAND, **PAGE, "transfer_group": "str", "payment_intent": "str", "customer": "str"},
    ),
)
