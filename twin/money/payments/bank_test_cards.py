"""Stripe's test cards: what the issuer of each answers. No other number exists here, and none is ever a real card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.money.payments.bank_records import Behaviour


class KnownCard(NamedTuple):
    """A card that exists for tests only."""

    brand: str
    last4: str
    behaviour: Behaviour = Behaviour()
    wallet: str = ""


def _declined(code: str) -> Behaviour:
    return Behaviour(decline=code, attach_decline=code)


TEST_CARDS: Mapping[str, KnownCard] = {
    "4242424242424242": KnownCard("visa", "4242"),
    "4000056655665556": KnownCard("visa", "5556"),
    "5555555555554444": KnownCard("mastercard", "4444"),
    "378282246310005": KnownCard("amex", "0005"),
    "6011111111111117": KnownCard("discover", "1117"),
    "4000000000000002": KnownCard("visa", "0002", _declined("generic_decline")),
    "4000000000009995": KnownCard("visa", "9995", _declined("insufficient_funds")),
    "4000000000009987": KnownCard("visa", "9987", _declined("lost_card")),
    "4000000000009979": KnownCard("visa", "9979", _declined("stolen_card")),
    "4100000000000019": KnownCard("visa", "0019", _declined("fraudulent")),
    "4000000000000069": KnownCard("visa", "0069", _declined("expired_card")),
    "4000000000000127": KnownCard("visa", "0127", _declined("incorrect_cvc")),
    "4000000000000119": KnownCard("visa", "0119", _declined("processing_error")),
    "4000000000006975": KnownCard("visa", "6975", _declined("card_velocity_exceeded")),
    "4000000000000341": KnownCard("visa", "0341", Behaviour(decline="generic_decline")),
    "4000002500003155": KnownCard("visa", "3155", Behaviour(action=True, action_until_saved=True)),
    "4000002760003184": KnownCard("visa", "3184", Behaviour(action=True)),
    "4000000000000259": KnownCard("visa", "0259", Behaviour(dispute="fraudulent")),
    "4000000000002685": KnownCard("visa", "2685", Behaviour(dispute="product_not_received")),
    "4000000000005126": KnownCard("visa", "5126", Behaviour(refund_fails=True)),
}
"""Number to card, as documented by Stripe ("Testing"); 341 is declined when charged, not when saved."""

TEST_METHODS: Mapping[str, str] = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_visa_chargeDeclinedFraudulent": "4100000000000019",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequired": "4000002500003155",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_refundFail": "4000000000005126",
}
"""The provider's names of payment methods that anybody may use in tests, to their numbers."""


def find_card(name: str) -> KnownCard | None:
    """Return a test card by its number or its `pm_card_…` name, None if there is none."""
    return TEST_CARDS.get(TEST_METHODS.get(name, name))
