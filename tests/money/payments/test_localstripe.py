"""The same requests to localstripe, which we did not write: the same statuses, for the flows that it gets right.

It knows no share of an operator, no key of idempotency, no increment, and captures what was cancelled: nothing of that
is compared. Its program listens on every address, so it is served here on 127.0.0.1 by a process of our own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import stripe

from tests.money.payments.stripe_bench import Bench

SERVE = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@pytest.fixture(scope="module")
def theirs() -> Iterator[stripe.StripeClient]:
    """The SDK before localstripe."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVE, str(port)], stderr=subprocess.DEVNULL
    ) as program:
        wire = stripe.RequestsClient(timeout=10)
        try:
            _await(port)
            yield stripe.StripeClient(
                "sk_test_theirs", base_addresses={"api": f"http://127.0.0.1:{port}"}, max_network_retries=0,
                http_client=wire,
            )  # fmt: skip
        finally:
            wire.close()
            program.terminate()


def _await(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("localstripe does not listen")


def card(client: stripe.StripeClient, number: str = "4242424242424242") -> str:
    made = client.v1.payment_methods.create({
        "type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2039, "cvc": "123"},
    })  # fmt: skip
    return made.id


def hold(client: stripe.StripeClient, number: str = "4242424242424242") -> stripe.PaymentIntent:
    return client.v1.payment_intents.create({
        "amount": 5_000, "currency": "eur", "payment_method": card(client, number), "confirm": True,
        "capture_method": "manual", "metadata": {"twin_payment": "p"},
    })  # fmt: skip


def held(client: stripe.StripeClient) -> object:
    intent = hold(client)
    return intent.status, intent.amount, intent.currency, intent.metadata.twin_payment


def captured(client: stripe.StripeClient) -> object:
    intent = client.v1.payment_intents.capture(hold(client).id, {"amount_to_capture": 2_345})
    return intent.status, intent.amount


def captured_twice(client: stripe.StripeClient) -> object:
    intent = hold(client)
    client.v1.payment_intents.capture(intent.id)
    return refused(lambda: client.v1.payment_intents.capture(intent.id))


def captured_above(client: stripe.StripeClient) -> object:
    return refused(lambda: client.v1.payment_intents.capture(hold(client).id, {"amount_to_capture": 5_001}))


def cancelled(client: stripe.StripeClient) -> object:
    return client.v1.payment_intents.cancel(hold(client).id).status


def cancelled_after_capture(client: stripe.StripeClient) -> object:
    intent = hold(client)
    client.v1.payment_intents.capture(intent.id)
    return refused(lambda: client.v1.payment_intents.cancel(intent.id))


def refunded(client: stripe.StripeClient) -> object:
    intent = hold(client)
    client.v1.payment_intents.capture(intent.id)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    return refund.status, refund.amount, refund.currency


def challenged(client: stripe.StripeClient) -> object:
    return hold(client, "4000002500003155").status


def enrolled(client: stripe.StripeClient) -> object:
    customer = client.v1.customers.create({"metadata": {"twin_driver": "d"}})
    setup = client.v1.setup_intents.create({"customer": customer.id, "usage": "off_session"})
    done = client.v1.setup_intents.confirm(setup.id, {"payment_method": card(client)})
    return customer.metadata.twin_driver, setup.status, done.status, done.customer == customer.id


def declined_when_saved(client: stripe.StripeClient) -> object:
    customer = client.v1.customers.create({})
    method = card(client, "4000000000000002")
    return refused(lambda: client.v1.payment_methods.attach(method, {"customer": customer.id}))


def declined_when_charged(client: stripe.StripeClient) -> object:
    return refused(lambda: hold(client, "4000000000000341"))


def unknown(client: stripe.StripeClient) -> object:
    return refused(lambda: client.v1.payment_intents.retrieve("pi_nobody"))


def refused(action: Callable[[], object]) -> tuple[str, int | None]:
    with pytest.raises(stripe.StripeError) as error:
        action()
    return type(error.value).__name__, error.value.http_status


FLOWS = [
    held, captured, captured_twice, captured_above, cancelled, cancelled_after_capture, refunded, challenged, enrolled,
    declined_when_saved, declined_when_charged, unknown,
]  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.__name__ for flow in FLOWS])
def test_the_same_requests_give_the_same_statuses(
    flow: Callable[[stripe.StripeClient], object], theirs: stripe.StripeClient, stripe_server: Bench
) -> None:
    """Status, amounts, and the kind of error."""
    assert flow(stripe_server.client) == flow(theirs)
