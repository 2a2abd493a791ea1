"""A loopback server in a thread, and the official SDK before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from tests.money.payments.stripe_line import EPOCH_NS
from twin.money.payments.server.hand_clock import HandClock
from twin.money.payments.server.loopback import KEY, Loopback
from twin.money.payments.server.thread import LoopbackThread


class Bench:
    """Server and client."""

    def __init__(self, thread: LoopbackThread) -> None:
        self.thread = thread
        self.http = stripe.RequestsClient(timeout=10)
        self.client = self.connect(KEY)

    def connect(self, key: str) -> stripe.StripeClient:
        """Return a client with a key of its own."""
        return stripe.StripeClient(
            key, base_addresses={"api": self.thread.url}, max_network_retries=0, http_client=self.http
        )

    @property
    def v1(self):
        return self.client.v1

    @property
    def bank(self):
        return self.thread.server.bank

    @property
    def now_s(self) -> float:
        return self.thread.server.clock.now_s

    def hold(self, card: str = "pm_card_visa", amount: int = 5_000, **more) -> stripe.PaymentIntent:
        """Hold 50 EUR."""
        params = {
            "amount": amount,
            "currency": "eur",
            "payment_method": card,
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
        }
        return self.v1.payment_intents.create(params | more)

    def raw(self, verb: str, path: str, params: dict | None = None, **headers: str):
        """Ask without the SDK's help; return status, body, headers."""
        body, status, answered = self.http.request(
            verb,
            self.thread.url + path,
            {"Authorization": f"Bearer {KEY}", **headers},
            params,
        )
        return status, body, answered


@contextmanager
def bench(**how) -> Iterator[Bench]:
    """Run a server."""
    with LoopbackThread(lambda _loop: Loopback(HandClock(EPOCH_NS), **how)) as thread:
        made = Bench(thread)
        try:
            yield made
        finally:
            made.http.close()
