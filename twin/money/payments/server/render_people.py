"""Customers, payment methods, setup intents and connected accounts, as on the wire."""

from __future__ import annotations

from twin.money.payments.bank_errors import CARD_CODES
from twin.money.payments.bank_records import ConnectedAccount, Customer, Method, Setup
from twin.money.payments.bank_state import State
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.wire import Json, billing, card, hide, present, suffix


def customer(record: Customer, at: Instants) -> Json:
    """Return a customer."""
    return {
        "id": record.id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": at.unix(record.created_s),
        "currency": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": hide(record.email),
        "invoice_prefix": suffix(record.id).upper()[-8:],
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": hide(record.default_method),
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(record.metadata),
        "name": hide(record.name),
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def method(record: Method, at: Instants) -> Json:
    """Return a payment method; its `card` or `card_present` never holds a number."""
    if record.present:
        kind, details = "card_present", {**present(record), "networks": _networks(record), "offline": None}
    else:
        kind, details = (
            "card",
            {
                **card(record),
                "display_brand": record.brand,
                "generated_from": None,
                "networks": _networks(record),
                "three_d_secure_usage": {"supported": True},
            },
        )
    return {
        "id": record.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing(),
        kind: details,
        "created": at.unix(record.created_s),
        "customer": hide(record.customer),
        "livemode": False,
        "metadata": dict(record.metadata),
        "type": kind,
    }


def setup(record: Setup, at: Instants, state: State) -> Json:
    """Return a setup intent."""
    error = None
    if record.decline:
        known = state.methods.get(record.method)
        error = {
            "code": record.decline if record.decline in CARD_CODES else "card_declined",
            "decline_code": record.decline,
            "message": f"The card was declined: {record.decline.replace('_', ' ')}.",
            "type": "card_error",
            **({"payment_method": method(known, at)} if known else {}),
        }
    return {
        "id": record.id,
        "object": "setup_intent",
        "allowed_payment_method_types": ["card"],
        "application": None,
        "automatic_payment_methods": {"allow_redirects": "never", "enabled": True},
        "cancellation_reason": None,
        "client_secret": f"{record.id}_secret_twin",
        "created": at.unix(record.created_s),
        "customer": hide(record.customer),
        "description": None,
        "flow_directions": None,
        "last_setup_error": error,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": dict(record.metadata),
        "next_action": confirm_by_driver() if record.status == "requires_action" else None,
        "on_behalf_of": None,
        "payment_method": hide(record.method),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": record.status,
        "usage": "off_session",
    }


def account(record: ConnectedAccount, at: Instants) -> Json:
    """Return an operator's connected account."""
    return {
        "id": record.id,
        "object": "account",
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "DE",
        "created": at.unix(record.created_s),
        "default_currency": "eur",
        "details_submitted": True,
        "email": None,
        "metadata": dict(record.metadata),
        "payouts_enabled": True,
        "type": "express",
    }


def confirm_by_driver() -> Json:
    """Return what the driver has to do: 3-D Secure in the app."""
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}


def _networks(record: Method) -> Json:
    return {"available": [record.brand], "preferred": None}
