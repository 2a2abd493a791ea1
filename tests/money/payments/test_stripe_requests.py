"""What the adapter sends, against the SDK's typed parameters and Stripe's rules."""

from __future__ import annotations

from itertools import product

import pytest
import stripe

from tests.money.payments.sdk_types import lacking, unknown_keys
from twin.domain.payments import Authorise, Capture, Enrol, Instrument, Means, Refund
from twin.money.payments import stripe_requests as requests

REQUIRED = {
    "PaymentIntentCreateParams": {"amount", "currency"},
    "PaymentIntentIncrementAuthorizationParams": {"amount"},
}


def holding(means: Means = Means.APP, **more: object) -> Authorise:
    instrument = Instrument(means, "pm_1", "cus_1" if means is Means.ACCOUNT else "")
    return Authorise("op", "p", 5_000, "EUR", instrument, "stadtwerk", **more)


CAPTURE = Capture("op", "p", 2_345, 345)
REFUND = Refund("op", "p", 100, "duplicate")
ENROL = Enrol("op", "d", Instrument(Means.ACCOUNT, "pm_1"))
SENT = [
    *(
        ("PaymentIntentCreateParams", requests.authorise(
            holding(means, incremental=incremental, capture=capture, fee_minor=10), "pm_1", destination))
        for means, incremental, capture, destination in product(Means, (0, 1), (0, 1), ("", "acct_1"))
    ),
    ("PaymentIntentIncrementAuthorizationParams", requests.increment(8_000)),
    ("PaymentIntentCaptureParams", requests.capture(CAPTURE, "acct_1")),
    ("PaymentIntentCancelParams", requests.cancel()),
    ("PaymentIntentRetrieveParams", requests.fetch()),
    ("RefundCreateParams", requests.refund(REFUND, "pi_1", shared=True, fee=True)),
    ("CustomerCreateParams", requests.customer(ENROL)),
    ("SetupIntentCreateParams", requests.setup(ENROL, "cus_1")),
    ("CustomerUpdateParams", requests.default_card("pm_1")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params"), SENT)
def test_every_key_that_is_sent_is_in_the_sdks_types(name: str, params: dict) -> None:
    """Nested ones included."""
    typed = getattr(stripe.params, name)
    assert not unknown_keys(params, typed)
    assert REQUIRED.get(name, set()) <= set(params)


def test_a_key_that_is_none_would_be_named() -> None:
    """The oracle itself: `payment_method_types` left the parameters with this version of the API."""
    typed = stripe.params.PaymentIntentCreateParams
    assert unknown_keys({"payment_method_types": ["card"]}, typed)
    assert unknown_keys({"transfer_data": {"colour": 1}}, typed)
    assert lacking({}, stripe.Refund)


def test_the_share_is_set_when_the_amount_is_known() -> None:
    """A hold names the operator's account only; the capture says how much of it is the platform's."""
    held = requests.authorise(holding(), "pm_1", "acct_1")
    assert held["transfer_data"] == {"destination": "acct_1"}
    assert "application_fee_amount" not in held
    assert requests.capture(CAPTURE, "acct_1")["application_fee_amount"] == 345
    bill = requests.authorise(holding(Means.ACCOUNT, capture=True, fee_minor=10), "pm_1", "acct_1")
    assert (bill["application_fee_amount"], bill["off_session"]) == (10, True)


def test_without_an_account_everything_stays_with_the_platform() -> None:
    """Stripe refuses an application fee where there is nobody to take it from."""
    assert "application_fee_amount" not in requests.capture(CAPTURE, "")
    assert "transfer_data" not in requests.authorise(holding(), "pm_1", "")


def test_means_differ_in_what_is_asked_for() -> None:
    """A terminal's card is present; a wallet is a card; only an account is charged off session."""
    kinds = {
        means: requests.authorise(holding(means), "pm_1", "")["allowed_payment_method_types"]
        for means in Means
    }
    assert kinds == {
        Means.TERMINAL: ["card_present"], Means.APP: ["card"], Means.WALLET: ["card"], Means.ACCOUNT: ["card"],
    }  # fmt: skip
    assert [means for means in Means if "off_session" in requests.authorise(holding(means), "pm_1", "")] == [
        Means.ACCOUNT
    ]


def test_a_driver_is_a_pseudonym() -> None:
    """No name, no address, no token of a card leaves the twin."""
    assert requests.customer(ENROL) == {"metadata": {"twin_driver": "d", "twin_operation": "op"}}


@pytest.mark.parametrize("name", ["p", "evse's", "back\\slash", "'"])
def test_a_query_cannot_be_broken_out_of(name: str) -> None:
    """Quotes and backslashes of a payment's name are quoted."""
    query = requests.by_payment(name)
    inner = query.removeprefix("metadata['twin_payment']:'").removesuffix("'")
    assert inner.replace("\\'", "'").replace("\\\\", "\\") == name
    assert "'" not in inner.replace("\\\\", "").replace("\\'", "")
