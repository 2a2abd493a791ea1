"""What all objects on the wire share: instants, expandable fields, lists, the card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from twin.money.payments.bank_records import Method

Json: TypeAlias = "dict[str, Any]"

EXP_YEAR = 2039
"""Test cards end in a December far away."""


def hide(name: str) -> str | None:
    """Return an id, None where there is none."""
    return name or None


def suffix(name: str) -> str:
    """Return what follows the prefix of an id: things that belong together share it."""
    return name.partition("_")[2]


def listed(url: str, data: Sequence[Json], *, more: bool = False) -> Json:
    """Return a list object."""
    return {"object": "list", "data": list(data), "has_more": more, "url": url}


def address() -> Json:
    """Return an address of which nothing is known."""
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def billing() -> Json:
    """Return billing details of which nothing is known."""
    return {"address": address(), "email": None, "name": None, "phone": None, "tax_id": None}


def checks() -> Json:
    """Return what the issuer compared: only the security code."""
    return {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}


def wallet(method: Method) -> Json | None:
    """Return the wallet of a card, None where it is none."""
    if not method.wallet:
        return None
    return {"dynamic_last4": method.last4, method.wallet: {}, "type": method.wallet}


def card(method: Method) -> Json:
    """Return what a payment method and a charge say alike of a card."""
    return {
        "brand": method.brand,
        "checks": checks(),
        "country": "DE",
        "exp_month": 12,
        "exp_year": EXP_YEAR,
        "fingerprint": f"twin{method.last4}{method.brand}",
        "funding": "credit",
        "last4": method.last4,
        "regulated_status": "unregulated",
        "wallet": wallet(method),
    }


def present(method: Method) -> Json:
    """Return what a payment method and a charge say alike of a card at a terminal."""
    return {
        "brand": method.brand,
        "brand_product": None,
        "cardholder_name": None,
        "country": "DE",
        "description": None,
        "exp_month": 12,
        "exp_year": EXP_YEAR,
        "fingerprint": f"twin{method.last4}{method.brand}",
        "funding": "credit",
        "issuer": None,
        "last4": method.last4,
        "preferred_locales": ["de"],
        "read_method": "contactless_emv",
        "wallet": {"type": method.wallet} if method.wallet else None,
    }
