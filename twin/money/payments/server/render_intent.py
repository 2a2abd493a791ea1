"""A payment intent, and the charge that is its latest attempt, as on the wire."""

from __future__ import annotations

from typing import Any

from twin.money.payments.bank_errors import CARD_CODES
from twin.money.payments.bank_records import Intent, IntentStatus, Method
from twin.money.payments.bank_state import State
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.render_people import confirm_by_driver
from twin.money.payments.server.render_people import method as render_method
from twin.money.payments.server.wire import Json, billing, card, hide, present, suffix


def intent(record: Intent, at: Instants, state: State) -> Json:
    """Return a payment intent."""
    held = record.status is IntentStatus.HELD
    failed = record.status is IntentStatus.NO_METHOD and bool(record.decline)
    kind = _kind(record, state)
    return {
        "id": record.id,
        "object": "payment_intent",
        "allowed_payment_method_types": [kind],
        "amount": record.amount_minor,
        "amount_capturable": record.amount_minor if held else 0,
        "amount_details": {"tip": {}},
        "amount_received": record.captured_minor,
        "application": None,
        "application_fee_amount": record.application_fee_minor or None,
        "automatic_payment_methods": None,
        "canceled_at": at.unix_or_none(record.canceled_s),
        "cancellation_reason": hide(record.cancellation_reason),
        "capture_method": "automatic" if record.automatic else "manual",
        "client_secret": f"{record.id}_secret_twin",
        "confirmation_method": "automatic",
        "created": at.unix(record.created_s),
        "currency": record.currency.lower(),
        "customer": hide(record.customer),
        "description": None,
        "last_payment_error": _error(record, at, state) if failed else None,
        "latest_charge": hide(record.charge),
        "livemode": False,
        "metadata": dict(record.metadata),
        "next_action": confirm_by_driver() if record.status is IntentStatus.ACTION else None,
        "on_behalf_of": None,
        "payment_method": None if failed else hide(record.method),
        "payment_method_configuration_details": None,
        "payment_method_options": _options(record, kind),
        "payment_method_types": [kind],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": str(record.status),
        "transfer_data": {"destination": record.destination} if record.destination else None,
        "transfer_group": hide(record.transfer_group),
    }


def charge(record: Intent, at: Instants, state: State) -> Json:
    """Return the latest charge of a payment intent; `refunds` are there only when they are asked for."""
    failed = record.authorised_s is None
    shared = bool(record.destination) and bool(record.captured_minor)
    given_minor = record.refunded_minor - record.refund_failed_minor
    return {
        "id": record.charge,
        "object": "charge",
        "amount": record.amount_minor,
        "amount_captured": record.captured_minor,
        "amount_refunded": given_minor,
        "application": None,
        "application_fee": hide(record.application_fee),
        "application_fee_amount": record.application_fee_minor or None,
        "balance_transaction": f"txn_{suffix(record.id)}" if record.captured_minor else None,
        "billing_details": billing(),
        "calculated_statement_descriptor": "TWIN",
        "captured": bool(record.captured_minor),
        "created": at.unix(record.created_s if failed else record.authorised_s or 0.0),
        "currency": record.currency.lower(),
        "customer": hide(record.customer),
        "description": None,
        "disputed": bool(record.disputes),
        "failure_balance_transaction": None,
        "failure_code": _code(record.decline) if failed else None,
        "failure_message": _message(record.decline) if failed else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(record.metadata),
        "on_behalf_of": None,
        "outcome": _outcome(record.decline if failed else ""),
        "paid": not failed,
        "payment_intent": record.id,
        "payment_method": hide(record.method),
        "payment_method_details": _details(record, at, state),
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": bool(record.captured_minor) and given_minor == record.captured_minor,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if failed else "succeeded",
        "transfer_data": {"amount": None, "destination": record.destination} if record.destination else None,
        "transfer_group": hide(record.transfer_group),
        **({"transfer": record.transfer} if shared else {}),
    }


def _method(record: Intent, state: State) -> Method:
    return state.methods.get(record.method) or Method(record.method, record.created_s)


def _kind(record: Intent, state: State) -> str:
    return "card_present" if _method(record, state).present else "card"


def _options(record: Intent, kind: str) -> Json:
    if kind == "card_present":
        return {
            kind: {
                "request_extended_authorization": False,
                "request_incremental_authorization_support": record.wants_increments,
            }
        }
    options: Json = {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": "automatic",
    }
    if record.wants_increments:
        options["request_incremental_authorization"] = "if_available"
    if record.wants_overcapture:
        options["request_overcapture"] = "if_available"
    return {kind: options}


def _details(record: Intent, at: Instants, state: State) -> Json:
    method = _method(record, state)
    before = at.unix_or_none(record.capture_before_s)
    limit_minor = record.capture_limit_minor or record.amount_minor
    common: dict[str, Any] = {
        "amount_authorized": record.amount_minor if record.authorised_s is not None else None,
        "network": method.brand,
        "network_transaction_id": f"{suffix(record.id)}",
    }
    if before is not None:
        common["capture_before"] = before
    if method.present:
        more: Json = {
            "emv_auth_data": None,
            "generated_card": None,
            "incremental_authorization_supported": record.incremental,
            "offline": {"stored_at": None, "type": None},
            "overcapture_supported": limit_minor > record.amount_minor,
            "receipt": None,
        }
        return {"card_present": {**present(method), **common, **more}, "type": "card_present"}
    more = {
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": _available(record.incremental)},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network_token": {"used": False},
        "overcapture": {
            "maximum_amount_capturable": limit_minor,
            "status": _available(limit_minor > record.amount_minor),
        },
        "three_d_secure": None,
    }
    return {"card": {**card(method), **common, **more}, "type": "card"}


def _available(granted: bool) -> str:
    return "available" if granted else "unavailable"


def _outcome(decline: str) -> Json:
    declined = bool(decline)
    return {
        "advice_code": "do_not_try_again" if decline in {"lost_card", "stolen_card", "fraudulent"} else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": decline or None,
        "risk_level": "normal",
        "risk_score": 7,
        "seller_message": "The bank did not approve the charge." if declined else "Payment complete.",
        "type": "issuer_declined" if declined else "authorized",
    }


def _code(decline: str) -> str:
    return decline if decline in CARD_CODES or decline.startswith("payment_intent_") else "card_declined"


def _message(decline: str) -> str:
    return f"The card was declined: {decline.replace('_', ' ')}."


def _error(record: Intent, at: Instants, state: State) -> Json:
    """A challenge that failed is a rule of the provider; all others are declines of the issuer."""
    challenge = record.decline.startswith("payment_intent_")
    error: Json = {
        "code": _code(record.decline),
        "message": _message(record.decline),
        "type": "invalid_request_error" if challenge else "card_error",
    }
    if not challenge:
        error["decline_code"] = record.decline
        error["charge"] = record.charge
    if record.method in state.methods:
        error["payment_method"] = render_method(state.methods[record.method], at)
    return error
