"""The adapter against Stripe's own servers, in test mode. Run by `make test-live` with STRIPE_TEST_KEY; nowhere else.

Every payment has a new name, so the suite can be run again and again. Connected accounts are not made here: set
STRIPE_TEST_ACCOUNT (`acct_…`) to one of the platform's test accounts that may receive transfers. The suite itself can be
tried on the loopback server: STRIPE_TEST_ADDRESS is where requests go.
"""

from __future__ import annotations

import os
import queue
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Done,
    Enrol,
    Fetch,
    Instrument,
    Means,
    Operation,
    Outcome,
    Refund,
    Refused,
    Snapshot,
    Status,
)
from twin.money.payments.server.hand_clock import HandClock
from twin.money.payments.stripe_adapter import StripeAdapter
from twin.money.payments.stripe_settings import API, StripeSettings

OPERATOR = "stadtwerk"
DAY_S = 86_400.0


class Live:
    """The adapter, and a queue that is emptied here."""

    def __init__(self) -> None:
        key = os.environ.get("STRIPE_TEST_KEY", "")
        assert key, "set STRIPE_TEST_KEY to a secret test key of Stripe (sk_test_…)"
        account = os.environ.get("STRIPE_TEST_ACCOUNT", "")
        self.answers: queue.Queue[Callable[[], None]] = queue.Queue()
        self.news: list[Outcome] = []
        self.adapter = StripeAdapter(
            StripeSettings(SecretStr(key), address=os.environ.get("STRIPE_TEST_ADDRESS", API)),
            HandClock(time.time_ns()),
            self.answers.put,
            accounts={OPERATOR: account} if account else {},
        )
        self.adapter.subscribe(self.news.append)

    def do(self, operation: Operation) -> Outcome:
        """Submit and wait for the answer."""
        self.adapter.submit(operation)
        self.answers.get(timeout=90)()
        return self.news[-1]

    def done(self, operation: Operation) -> Snapshot:
        answer = self.do(operation)
        assert isinstance(answer, Done), answer
        assert answer.snapshot is not None
        return answer.snapshot

    def refused(self, operation: Operation) -> Refused:
        answer = self.do(operation)
        assert isinstance(answer, Refused), answer
        return answer


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """One connection for all."""
    made = Live()
    yield made
    made.adapter.close()


def new() -> str:
    """Return a name that was never used."""
    return f"live-{uuid.uuid4()}"


def holding(payment: str, card: str = "pm_card_visa", **more: object) -> Authorise:
    instrument = Instrument(more.pop("means", Means.APP), card, more.pop("customer", ""))
    return Authorise(f"{payment}/hold", payment, 5_000, "EUR", instrument, OPERATOR, **more)


def test_a_hold_is_taken_in_part_and_given_back_in_part(live: Live) -> None:
    """50.00 held for about a week, 23.45 taken, 10.00 given back."""
    p = new()
    held = live.done(holding(p))
    assert (held.status, held.authorised_minor) == (Status.HELD, 5_000)
    assert 4 * DAY_S < held.capture_before_s < 8 * DAY_S
    taken = live.done(Capture(f"{p}/capture", p, 2_345, 345))
    assert (taken.status, taken.captured_minor) == (Status.CAPTURED, 2_345)
    assert taken.fee_minor > 0
    assert taken.refunded_minor == 0
    back = live.done(Refund(f"{p}/refund", p, 1_000, "requested_by_customer"))
    assert (back.captured_minor, back.refunded_minor) == (2_345, 1_000)


def test_the_same_id_again_is_the_same_hold(live: Live) -> None:
    """One payment intent."""
    operation = holding(new())
    assert live.done(operation).reference == live.done(operation).reference


def test_a_hold_is_cancelled_once_and_never_taken(live: Live) -> None:
    """Cancelled; then refused as a wrong state."""
    p = new()
    live.done(holding(p))
    assert live.done(Cancel(f"{p}/cancel", p)).status is Status.CANCELLED
    assert live.refused(Capture(f"{p}/capture", p, 100, 0)).code == "wrong_state"
    assert live.refused(Cancel(f"{p}/again", p)).code == "wrong_state"


def test_more_than_the_hold_is_refused(live: Live) -> None:
    """By the port's code."""
    p = new()
    live.done(holding(p))
    assert live.refused(Capture(f"{p}/capture", p, 5_001, 0)).code == "capture_exceeds_hold"
    live.done(Cancel(f"{p}/cancel", p))


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ],
)
def test_declines_have_the_codes_of_the_loopback_server(live: Live, card: str, code: str) -> None:
    """The same test cards."""
    p = new()
    assert live.refused(holding(p, card)).code == code
    assert live.done(Fetch(f"{p}/fetch", p)).status is Status.REFUSED


def test_a_driver_must_confirm(live: Live) -> None:
    """3-D Secure is asked for; given up."""
    p = new()
    assert live.done(holding(p, "pm_card_authenticationRequired")).status is Status.ACTION
    assert live.done(Cancel(f"{p}/cancel", p)).status is Status.CANCELLED


def test_a_saved_card_pays_a_bill(live: Live) -> None:
    """Enrolled, then charged while nobody is there."""
    driver, p = new(), new()
    saved = live.do(Enrol(f"{driver}/enrol", driver, Instrument(Means.ACCOUNT, "pm_card_visa")))
    assert isinstance(saved, Done)
    bill = holding(p, "", means=Means.ACCOUNT, customer=saved.reference, capture=True)
    assert live.done(bill).status is Status.CAPTURED


def test_rules_have_the_ports_codes(live: Live) -> None:
    """Too small, and a currency that is none."""
    assert live.refused(holding(new())._replace(amount_minor=10)).code == "amount_too_small"
    assert live.refused(holding(new())._replace(currency="XXX")).code == "currency"


def test_a_payment_is_found_by_our_name(live: Live) -> None:
    """By another process, which knows no name of Stripe's."""
    p = new()
    held = live.done(holding(p))
    other = Live()
    assert other.done(Fetch(f"{p}/look", p)).reference == held.reference
    other.adapter.close()
    live.done(Cancel(f"{p}/cancel", p))
