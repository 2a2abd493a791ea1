"""The loopback server's HTTP: keys, idempotency, errors, lists, faults on the wire."""

from __future__ import annotations

import json

import pytest
import stripe

from tests.money.payments.stripe_bench import Bench, bench
from twin.money.payments.faults import Faults
from twin.money.payments.server.loopback import KEY

HOLD = {
    "amount": 5_000,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "capture_method": "manual",
}


def problem(body: bytes) -> dict:
    return json.loads(body)["error"]


class TestAccess:
    def test_another_key_is_refused(self, stripe_server: Bench) -> None:
        """401, in the SDK's own error."""
        with pytest.raises(stripe.AuthenticationError):
            stripe_server.connect("sk_test_somebody_else").v1.customers.list()

    def test_an_address_that_is_none_is_not_found(self, stripe_server: Bench) -> None:
        """404, named."""
        status, body, _ = stripe_server.raw("get", "/v1/nothing")
        assert (status, problem(body)["code"]) == (404, "url_unknown")

    def test_every_answer_names_its_request(self, stripe_server: Bench) -> None:
        """Two requests, two ids; an error has one too."""
        first = stripe_server.raw("get", "/v1/customers")[2]["Request-Id"]
        second = stripe_server.raw("get", "/v1/nothing")[2]["Request-Id"]
        assert first.startswith("req_")
        assert second.startswith("req_")
        assert first != second


class TestParameters:
    def test_an_unknown_parameter_is_named(self, stripe_server: Bench) -> None:
        """400 parameter_unknown, nested names as Stripe writes them."""
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_server.hold(transfer_data={"destination": "acct_1", "colour": "red"})
        assert (refused.value.code, refused.value.param) == ("parameter_unknown", "transfer_data[colour]")

    @pytest.mark.parametrize(
        ("wrong", "code", "param"),
        [
            ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
            ({"amount": ""}, "parameter_invalid_integer", "amount"),
            ({"confirm": "maybe"}, "parameter_invalid", "confirm"),
            ({"currency": ""}, "parameter_invalid_empty", "currency"),
            ({"metadata": "x"}, "parameter_invalid", "metadata"),
            ({"capture_method": "later"}, "parameter_invalid", "capture_method"),
            ({"metadata[k]": "v" * 501}, "metadata_invalid", "metadata"),
            ({"expand[0]": "colour"}, "parameter_invalid", "expand"),
            ({"currency": "xxx"}, None, "currency"),
            ({"amount": "49"}, "amount_too_small", "amount"),
            ({"application_fee_amount": "1"}, "parameter_invalid", "application_fee_amount"),
            ({"payment_method": "pm_nobody"}, "resource_missing", "PaymentMethod"),
        ],
    )
    def test_a_wrong_value_is_named(self, stripe_server: Bench, wrong: dict, code: str, param: str) -> None:
        """400 (404 of what is missing), with code and parameter."""
        status, body, _ = stripe_server.raw("post", "/v1/payment_intents", HOLD | wrong)
        assert (problem(body).get("code"), problem(body)["param"]) == (code, param)
        assert status == (404 if code == "resource_missing" else 400)

    @pytest.mark.parametrize("key", ["a[b", "[x]", "amount[x]", "a]b"])
    def test_a_key_that_cannot_be_read_is_refused(self, stripe_server: Bench, key: str) -> None:
        """400, and the server lives."""
        assert stripe_server.raw("post", "/v1/payment_intents", HOLD | {key: "1"})[0] == 400
        assert stripe_server.raw("get", "/v1/customers")[0] == 200

    def test_missing_ones_are_named(self, stripe_server: Bench) -> None:
        """Amount and currency, the first first."""
        _, body, _ = stripe_server.raw("post", "/v1/payment_intents", {"currency": "eur"})
        assert (problem(body)["code"], problem(body)["param"]) == ("parameter_missing", "amount")


class TestIdempotency:
    def test_the_first_answer_is_given_again(self, stripe_server: Bench) -> None:
        """Same body, a new request id, and a header that says so."""
        first = stripe_server.raw("post", "/v1/payment_intents", HOLD, **{"Idempotency-Key": "k"})
        again = stripe_server.raw("post", "/v1/payment_intents", HOLD, **{"Idempotency-Key": "k"})
        assert again[:2] == first[:2]
        assert again[2]["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first[2]
        assert len(stripe_server.bank.state.intents) == 1

    def test_other_parameters_under_a_key_are_an_error(self, stripe_server: Bench) -> None:
        """The SDK's own exception."""
        stripe_server.v1.customers.create({"name": "a"}, {"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError):
            stripe_server.v1.customers.create({"name": "b"}, {"idempotency_key": "k"})

    def test_a_decline_is_kept_and_a_wrong_parameter_is_not(self, stripe_server: Bench) -> None:
        """402 again and again; 400 leaves the key free."""
        declined = HOLD | {"payment_method": "pm_card_visa_chargeDeclined"}
        for _ in range(2):
            status, body, _ = stripe_server.raw(
                "post", "/v1/payment_intents", declined, **{"Idempotency-Key": "d"}
            )
            assert (status, problem(body)["decline_code"]) == (402, "generic_decline")
        assert len(stripe_server.bank.state.intents) == 1
        wrong = HOLD | {"colour": "red"}
        assert stripe_server.raw("post", "/v1/payment_intents", wrong, **{"Idempotency-Key": "w"})[0] == 400
        assert stripe_server.raw("post", "/v1/payment_intents", HOLD, **{"Idempotency-Key": "w"})[0] == 200

    def test_after_a_day_a_key_is_new(self, stripe_server: Bench) -> None:
        """24 hours later the same key makes a second customer."""
        first = stripe_server.v1.customers.create({}, {"idempotency_key": "k"})
        stripe_server.thread.advance(86_400.0 + 1)
        assert stripe_server.v1.customers.create({}, {"idempotency_key": "k"}).id != first.id

    @pytest.mark.parametrize("done", [0.0, 1.0])
    def test_a_server_error_burns_the_key(self, done: float) -> None:
        """500 is kept, whether it was done or not."""
        faults = Faults(**CALM, server_error=1.0, server_error_done=done)
        with bench(faults=faults) as made:
            for k in range(2):
                status, _, headers = made.raw("post", "/v1/customers", {}, **{"Idempotency-Key": "k"})
                assert status == 500
                assert headers.get("Idempotent-Replayed") == ("true" if k else None)
            assert len(made.bank.state.customers) == int(done)

    def test_too_many_requests_burn_nothing(self) -> None:
        """429 is not kept: the key is free afterwards."""
        faults = Faults(**CALM | {"bursts_per_year": 1e9}, burst_s=1e6, burst_refused=0.5)
        with bench(faults=faults) as made:
            made.thread.advance(1.0)
            answers = [
                made.raw("post", "/v1/customers", {}, **{"Idempotency-Key": "k"})[0] for _ in range(20)
            ]
            assert {200, 429} == set(answers)
            assert len(made.bank.state.customers) == 1


CALM = {
    "declines": {},
    "latency_s": 0.0,
    "request_lost": 0.0,
    "answer_lost": 0.0,
    "outages_per_year": 0.0,
    "bursts_per_year": 0.0,
}


class TestWire:
    @pytest.mark.parametrize("fault", ["request_lost", "answer_lost"])
    def test_a_connection_breaks_before_or_after_it_was_done(self, fault: str) -> None:
        """The SDK sees a broken connection; the bank knows which it was."""
        faults = Faults(**CALM | {fault: 1.0}, server_error=0.0)
        with bench(faults=faults) as made:
            with pytest.raises(stripe.APIConnectionError):
                made.v1.customers.create({})
            assert len(made.bank.state.customers) == (fault == "answer_lost")

    def test_rubbish_is_not_answered_and_harms_nobody(self, stripe_server: Bench) -> None:
        """Bytes that are no HTTP end the connection; the next one is served."""
        import socket

        port = int(stripe_server.thread.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
            wire.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert wire.recv(100) == b""
        assert stripe_server.raw("get", "/v1/customers")[0] == 200


class TestLists:
    def test_pages_are_turned_both_ways(self, stripe_server: Bench) -> None:
        """25 customers, newest first, ten at a time."""
        made = [stripe_server.v1.customers.create({"name": str(k)}).id for k in range(25)]
        first = stripe_server.v1.customers.list({"limit": 10})
        assert [one.id for one in first.auto_paging_iter()] == made[::-1]
        last = stripe_server.v1.customers.list({"limit": 10, "starting_after": made[10]})
        assert ([one.id for one in last.data], last.has_more) == (made[9::-1], False)
        back = stripe_server.v1.customers.list({"limit": 3, "ending_before": made[10]})
        assert ([one.id for one in back.data], back.has_more) == (made[13:10:-1], True)

    @pytest.mark.parametrize("limit", [0, 101])
    def test_a_page_has_one_to_a_hundred(self, stripe_server: Bench, limit: int) -> None:
        """Anything else is refused."""
        with pytest.raises(stripe.InvalidRequestError):
            stripe_server.v1.customers.list({"limit": limit})

    def test_a_payment_is_found_by_its_metadata_and_by_its_group(self, stripe_server: Bench) -> None:
        """Names with quotes included."""
        made = stripe_server.hold(metadata={"twin_payment": "evse's \\1"}, transfer_group="g")
        stripe_server.hold()
        query = "metadata['twin_payment']:'evse\\'s \\\\1'"
        assert [one.id for one in stripe_server.v1.payment_intents.search({"query": query}).data] == [made.id]
        charges = stripe_server.v1.charges.list({"transfer_group": "g"}).data
        assert [one.payment_intent for one in charges] == [made.id]

    def test_too_deep_is_refused(self, stripe_server: Bench) -> None:
        """Four levels are the most."""
        with pytest.raises(stripe.InvalidRequestError):
            stripe_server.hold(expand=["a.b.c.d.e"])


def test_the_key_of_the_server_is_a_test_key() -> None:
    """It cannot be mistaken for one that moves money."""
    assert KEY.startswith("sk_test_")
