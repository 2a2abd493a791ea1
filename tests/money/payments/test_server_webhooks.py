"""Webhooks on their way out: signed, tried again for three days, lost, doubled, late and out of order on demand."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest
import stripe

from tests.money.payments.stripe_bench import Bench, bench
from tests.money.payments.stripe_line import EPOCH_NS
from twin.money.payments.faults import Faults
from twin.money.payments.server.deliveries import RETRIES_S

DAY_S = 86_400.0
SECRET = "whsec_out"


class Ear:
    """An endpoint: answers what it is told to, writes down when and what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[float, dict, str, bytes]] = []
        self.status = 200
        self.made: Bench

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        now_s = self.made.thread.server.clock.now_s
        self.got.append((now_s, json.loads(body), request.headers["stripe-signature"], body))
        if self.status == 0:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(self.status)

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for _, event, _, _ in self.got]


def listening(ear: Ear, faults: Faults | None = None, seed: int = 0):
    return bench(transport=httpx.MockTransport(ear), faults=faults, seed=seed)


def register(made: Bench, ear: Ear, *kinds: str) -> None:
    ear.made = made
    made.thread.call(
        lambda server: server.deliveries.register("http://ear.test/", list(kinds or ("*",)), SECRET)
    )


def test_a_hold_that_is_taken_is_told_in_order() -> None:
    """Created, charge, held; then taken."""
    ear = Ear()
    with listening(ear) as made:
        register(made, ear)
        held = made.hold()
        made.v1.payment_intents.capture(held.id, {"amount_to_capture": 1_000})
        made.thread.advance(1.0)
    assert ear.kinds == [
        "payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded", "charge.captured",
    ]  # fmt: skip


def test_the_sdk_verifies_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """`construct_event` at the instant of the delivery, and not with another secret."""
    ear = Ear()
    with listening(ear) as made:
        register(made, ear)
        made.thread.advance(1_000.0)
        made.hold("pm_card_createDispute", capture_method="automatic")
        made.thread.advance(2_000.0)
    assert len(ear.got) == 5
    for t_s, sent, signature, body in ear.got:
        monkeypatch.setattr("stripe._webhook.time.time", lambda t_s=t_s: t_s + EPOCH_NS / 1e9)
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert (event.id, event.type) == (sent["id"], sent["type"])
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_only_what_was_asked_for_is_sent() -> None:
    """One kind of five."""
    ear = Ear()
    with listening(ear) as made:
        register(made, ear, "payment_intent.amount_capturable_updated")
        made.hold()
        made.thread.advance(1.0)
    assert ear.kinds == ["payment_intent.amount_capturable_updated"]


@pytest.mark.parametrize("status", [500, 400, 302, 0])
def test_whoever_does_not_take_it_is_asked_again_for_three_days(status: int) -> None:
    """Eleven more tries with growing waits, each signed anew; then it is given up."""
    ear = Ear()
    ear.status = status
    with listening(ear) as made:
        register(made, ear, "payment_intent.canceled")
        made.v1.payment_intents.cancel(made.hold().id)
        made.thread.advance(5 * DAY_S)
        given_up = made.thread.server.deliveries.given_up
        assert len(given_up) == 1
    instants = [t_s for t_s, *_ in ear.got]
    assert len(instants) == len(RETRIES_S) + 1
    assert 2.5 * DAY_S < instants[-1] < 3.5 * DAY_S
    waits = [after - before for before, after in pairwise(instants)]
    assert all(0.9 * wait <= real <= 1.1 * wait for wait, real in zip(RETRIES_S, waits, strict=True))
    assert len({signature for _, _, signature, _ in ear.got}) == len(instants)
    assert len({event["id"] for _, event, _, _ in ear.got}) == 1


def test_an_endpoint_that_comes_back_gets_it_once() -> None:
    """Down for an hour: taken at the next try, then silence."""
    ear = Ear()
    ear.status = 503
    with listening(ear) as made:
        register(made, ear, "payment_intent.canceled")
        made.v1.payment_intents.cancel(made.hold().id)
        made.thread.advance(3_600.0)
        ear.status = 200
        made.thread.advance(3 * DAY_S)
    assert len(ear.got) == 5


def test_an_endpoint_that_was_removed_gets_nothing_more() -> None:
    """By the API."""
    ear = Ear()
    ear.status = 500
    with listening(ear) as made:
        register(made, ear, "payment_intent.canceled")
        made.v1.payment_intents.cancel(made.hold().id)
        made.thread.advance(1.0)
        (endpoint,) = made.v1.webhook_endpoints.list().data
        made.v1.webhook_endpoints.delete(endpoint.id)
        made.thread.advance(DAY_S)
        assert not made.v1.webhook_endpoints.list().data
    assert len(ear.got) == 2


@pytest.mark.parametrize(
    ("faults", "copies"), [({"notice_doubled": 1.0}, 2), ({"notice_lost": 1.0}, 0), ({"notice_late": 1.0}, 1)]
)
def test_they_are_doubled_lost_and_late_by_rate(faults: dict[str, float], copies: int) -> None:
    """Every one of ten."""
    ear = Ear()
    with listening(ear, replace(Faults.none(), **faults)) as made:
        register(made, ear, "payment_intent.canceled")
        for _ in range(10):
            made.v1.payment_intents.cancel(made.hold().id)
        made.thread.advance(10.0)
        soon = len(ear.got)
        made.thread.advance(10 * DAY_S)
    assert len(ear.got) == 10 * copies
    if "notice_late" in faults:
        assert soon < 3


def test_they_overtake_each_other_by_rate() -> None:
    """Half are kept back: the order is not that of the events, and nothing is lost."""
    ear = Ear()
    with listening(ear, replace(Faults.none(), notice_reordered=0.5), seed=3) as made:
        register(made, ear, "payment_intent.canceled")
        for _ in range(20):
            made.v1.payment_intents.cancel(made.hold().id)
        made.thread.advance(DAY_S)
    names = [event["id"] for _, event, _, _ in ear.got]
    assert sorted(names) != names
    assert len(set(names)) == 20


def test_the_same_seed_sends_the_same() -> None:
    """Instants and order, whatever the machine does."""

    def run() -> list[tuple[float, str]]:
        ear = Ear()
        with listening(
            ear, replace(Faults.none(), notice_s=2.0, notice_reordered=0.3, notice_doubled=0.3), 7
        ) as made:
            register(made, ear)
            for _ in range(5):
                made.v1.payment_intents.cancel(made.hold().id)
            made.thread.advance(DAY_S)
        return [(t_s, event["id"]) for t_s, event, _, _ in ear.got]

    assert run() == run()


def test_an_event_says_which_request_made_it() -> None:
    """Its request id and idempotency key."""
    ear = Ear()
    with listening(ear) as made:
        register(made, ear, "customer.created")
        made.v1.customers.create({}, {"idempotency_key": "k-1"})
        made.thread.advance(1.0)
    ((_, event, _, _),) = ear.got
    assert event["request"]["idempotency_key"] == "k-1"
    assert event["request"]["id"].startswith("req_")
