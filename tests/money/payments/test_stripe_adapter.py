"""The adapter where something goes wrong: threads, lost answers, 429, restarts, keys that must not be seen."""

from __future__ import annotations

import logging
import pickle
import threading
from dataclasses import replace

import pytest
import stripe
from pydantic import SecretStr

from tests.contract.payments_rigs import Rig
from tests.money.payments.stripe_line import CALM, StripeLine
from twin.domain.payments import (
    Cancel,
    Capture,
    Done,
    Enrol,
    Fetch,
    Instrument,
    Means,
    Refund,
    Refused,
    Status,
    Unknown,
)
from twin.errors import SettingsError
from twin.money.payments.bank_keys import KEPT_S
from twin.money.payments.server.loopback import KEY
from twin.money.payments.stripe_adapter import StripeAdapter
from twin.money.payments.stripe_errors import Kind, read
from twin.money.payments.stripe_lanes import Lanes
from twin.money.payments.stripe_settings import StripeSettings

BURST = replace(CALM, bursts_per_year=1e9, burst_s=1e9, burst_refused=0.9)


def rigged(**how: object) -> tuple[StripeLine, Rig]:
    line = StripeLine(**how)
    return line, Rig(line)


def again(line: StripeLine, *, resumed: bool) -> Rig:
    """A new process before the same Stripe."""
    line.adapter.close()
    line.adapter = line.payments = StripeAdapter(
        line.settings, line.clock, line.loop.call_soon_threadsafe, accounts={"stadtwerk": "acct_stadtwerk"},
        activity=line.busy, resumed=resumed, wait=lambda _s: None,
    )  # fmt: skip
    return Rig(line)


class TestLostAnswers:
    @pytest.mark.parametrize("kind", ["request_lost", "answer_lost"])
    def test_an_answer_that_is_lost_is_unknown_and_the_same_id_ends_it(self, kind: str) -> None:
        """Whether it was done or not: asked again under the same id, there is one hold."""
        line, rig = rigged(faults=replace(CALM, **{kind: 1.0}))
        operation = rig.holding()
        line.payments.submit(operation)
        (lost,) = rig.outcomes(operation.id)
        assert isinstance(lost, Unknown)
        assert not lost.burnt
        line.server.trouble._faults = CALM
        line.payments.submit(operation)
        assert isinstance(rig.outcomes(operation.id)[-1], Done)
        assert len(line.bank.state.intents) == 1
        line.close()

    @pytest.mark.parametrize("done", [0.0, 1.0])
    def test_a_server_error_burns_the_id_when_it_is_kept(self, done: float) -> None:
        """The first is unknown; the second says that the key is burnt; to look says whether it was done."""
        line, rig = rigged(faults=replace(CALM, server_error=1.0, server_error_done=done))
        operation = rig.holding()
        line.payments.submit(operation)
        line.payments.submit(operation)
        first, second = rig.outcomes(operation.id)
        assert isinstance(first, Unknown)
        assert isinstance(second, Unknown)
        assert (first.burnt, second.burnt) == (False, True)
        line.server.trouble._faults = CALM
        if done:
            assert rig.fetch().status is Status.HELD
        else:
            assert rig.refused(Fetch("look", "p")).code == "not_found"
            assert rig.hold().status is Status.HELD
        assert len(line.bank.state.intents) == 1
        line.close()

    def test_nobody_there_is_unknown(self) -> None:
        """The server is gone."""
        line, rig = rigged()
        line._listening.close()
        for task in line._serving:
            task.cancel()
        line.payments.submit(Fetch("look", "p"))
        (answer,) = rig.outcomes("look")
        assert isinstance(answer, Unknown)
        line.close()


class TestTooMany:
    def test_a_429_is_asked_again_under_the_same_id(self) -> None:
        """Nine of ten are refused: with waits that grow and jitter it succeeds, once."""
        waits: list[float] = []
        line, rig = rigged(faults=BURST, wait=waits.append, seed=5)
        outcomes = []
        for k in range(12):
            operation = rig.holding(f"p{k}")
            line.payments.submit(operation)
            outcomes += rig.outcomes(operation.id)
        done = sum(isinstance(one, Done) for one in outcomes)
        assert 0 < done < 12
        assert len(line.bank.state.intents) == done
        assert all(one.why == "too many requests" for one in outcomes if isinstance(one, Unknown))
        assert waits
        assert all(0.25 <= wait <= 8.0 for wait in waits)
        line.close()

    def test_to_close_ends_the_waiting(self) -> None:
        """A worker that waits for half a minute does not hold up the end."""
        line = StripeLine(faults=replace(BURST, burst_refused=1.0))
        adapter = StripeAdapter(
            line.settings, line.clock, line.loop.call_soon_threadsafe, accounts={}, activity=line.busy
        )
        adapter.submit(Fetch("look", "p"))
        adapter.close()
        line.close()


class TestRestart:
    def test_a_payment_is_found_by_our_name(self) -> None:
        """A new process knows no name of Stripe's: held, waiting for the driver, and refused ones are found."""
        line, rig = rigged()
        rig.hold("held", operator="stadtwerk")
        rig.hold("waiting", card="pm_card_authenticationRequired")
        rig.refused(rig.holding("refused", card="pm_card_visa_chargeDeclined"))
        after = again(line, resumed=False)
        assert after.fetch("held").status is Status.HELD
        assert after.fetch("waiting").status is Status.ACTION
        assert after.fetch("refused").status is Status.REFUSED
        assert after.refused(Fetch("look", "nobody")).code == "not_found"
        line.close()

    def test_a_payment_that_is_found_keeps_its_operator(self) -> None:
        """The capture shares, though the process that held is gone."""
        line, rig = rigged()
        rig.hold()
        again(line, resumed=False).done(Capture("c", "p", 2_345, 345))
        assert line.bank.state.accounts["acct_stadtwerk"].balance_minor == {"EUR": 2_000}
        line.close()

    def test_after_days_the_same_hold_is_not_made_again(self) -> None:
        """Stripe has forgotten the key; our name of the operation is still on the payment."""
        line, rig = rigged()
        operation = rig.holding()
        rig.done(operation)
        line.wait(KEPT_S * 2)
        assert again(line, resumed=True).done(operation).status is Status.HELD
        assert len(line.bank.state.intents) == 1
        line.close()

    def test_after_days_the_same_refund_is_not_made_again(self) -> None:
        """Nor is money given back twice."""
        line, rig = rigged()
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        refund = Refund("r", "p", 500, "duplicate")
        rig.done(refund)
        line.wait(KEPT_S * 2)
        assert again(line, resumed=True).done(refund).refunded_minor == 500
        line.close()

    def test_after_days_a_capture_says_that_it_was_done(self) -> None:
        """Refused, with a snapshot that says how much was taken."""
        line, rig = rigged()
        rig.hold()
        operation = Capture("c", "p", 2_000, 0)
        rig.done(operation)
        line.wait(KEPT_S * 2)
        answer = again(line, resumed=True).refused(operation)
        assert (answer.code, answer.snapshot.captured_minor) == ("wrong_state", 2_000)
        line.close()


class TestThreads:
    def test_operations_of_one_payment_keep_their_order(self, line: StripeLine) -> None:
        """Held, captured and refunded at once, of twenty payments side by side: every answer is Done."""
        rig = Rig(line)
        for k in range(20):
            line.payments.submit(rig.holding(f"p{k}"))
            line.payments.submit(Capture(f"c{k}", f"p{k}", 2_000, 0))
            line.payments.submit(Refund(f"r{k}", f"p{k}", 500, "duplicate"))
        line.settle()
        assert len(rig.news) == 60
        assert all(isinstance(news, Done) for news in rig.news)

    def test_answers_come_on_the_callers_thread(self, line: StripeLine) -> None:
        """And only when the caller lets them in."""
        threads: list[threading.Thread] = []
        line.payments.subscribe(lambda _news: threads.append(threading.current_thread()))
        Rig(line).hold()
        assert set(threads) == {threading.current_thread()}

    def test_a_defect_in_a_worker_is_raised_where_the_caller_lives(self, line: StripeLine) -> None:
        """It does not die in a thread."""
        failures: list[BaseException] = []
        line.loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
        line.adapter._desk.do = lambda _operation: 1 / 0
        line.payments.submit(Fetch("look-2", "p"))
        line.settle()
        assert any(isinstance(one, ZeroDivisionError) for one in failures)

    def test_lanes_side_by_side_and_in_order(self) -> None:
        """A lane that waits holds up no other, and its own jobs come in order."""
        lanes, free, done = Lanes(2, lambda: None), threading.Event(), threading.Event()
        seen: list[int] = []
        lanes.put("slow", lambda: (free.wait(5), seen.append(1)))
        lanes.put("slow", lambda: (seen.append(2), done.set()))
        lanes.put("quick", free.set)
        assert done.wait(5)
        lanes.close()
        assert seen == [1, 2]
        with pytest.raises(RuntimeError, match="no more payments"):
            lanes.put("late", free.set)


class TestSecrets:
    def test_keys_are_never_shown(self) -> None:
        """Neither by repr, nor by str, nor in an error."""
        settings = StripeSettings(SecretStr(KEY), SecretStr("whsec_hidden"))
        assert KEY not in repr(settings)
        assert "whsec_hidden" not in repr(settings) + str(settings)
        line = StripeLine()
        assert KEY not in repr(line.adapter) + repr(vars(line.adapter))
        line.close()

    def test_keys_are_never_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """At any level, whether it goes well or not."""
        caplog.set_level(logging.DEBUG)
        line, rig = rigged()
        rig.hold()
        rig.refused(rig.holding("q", card="pm_card_visa_chargeDeclined"))
        line.server.api._key = "sk_test_other"
        line.payments.submit(Fetch("look", "p"))
        (answer,) = rig.outcomes("look")
        assert isinstance(answer, Unknown)
        assert "key is not accepted" in answer.why
        assert KEY not in caplog.text + answer.why
        line.close()

    def test_a_key_that_moves_money_is_refused_unless_allowed(self) -> None:
        """By name of the variable, without the key."""
        with pytest.raises(SettingsError, match="TWIN_STRIPE_KEY is a key that moves real money") as refused:
            StripeSettings.from_environment({"TWIN_STRIPE_KEY": "sk_live_abcdef"})
        assert "abcdef" not in str(refused.value)
        allowed = StripeSettings.from_environment({"TWIN_STRIPE_KEY": "sk_live_abcdef"}, live=True)
        assert allowed.key.get_secret_value() == "sk_live_abcdef"

    @pytest.mark.parametrize("key", ["", "   ", "pk_test_x", "hello"])
    def test_a_key_that_is_none_is_refused(self, key: str) -> None:
        """A publishable key is no secret key."""
        with pytest.raises(SettingsError, match="TWIN_STRIPE_KEY"):
            StripeSettings.from_environment({"TWIN_STRIPE_KEY": key})

    def test_secrets_of_webhooks_may_be_several(self) -> None:
        """While one is rolled."""
        environ = {"TWIN_STRIPE_KEY": KEY, "TWIN_STRIPE_WEBHOOK_SECRET": "whsec_a, whsec_b"}
        secrets = StripeSettings.from_environment(environ).webhook_secrets
        assert [one.get_secret_value() for one in secrets] == ["whsec_a", "whsec_b"]


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "kind", "code"),
        [
            (stripe.CardError("no", None, "card_declined"), Kind.REFUSED, "card_declined"),
            (stripe.InvalidRequestError("no", "x", "resource_missing"), Kind.REFUSED, "not_found"),
            (stripe.InvalidRequestError("no", "x", "colour"), Kind.REFUSED, "invalid"),
            (stripe.IdempotencyError("no"), Kind.REFUSED, "key_reused"),
            (stripe.IdempotencyError("no", http_status=409), Kind.UNKNOWN, "the same operation is under way"),
            (stripe.RateLimitError("no"), Kind.THROTTLED, "too many requests"),
            (stripe.APIConnectionError("no"), Kind.UNKNOWN, "APIConnectionError"),
            (stripe.APIError("no", http_status=503), Kind.UNKNOWN, "APIError 503"),
            (stripe.AuthenticationError("no"), Kind.UNKNOWN, "AuthenticationError: the key is not accepted"),
            (stripe.PermissionError("no"), Kind.UNKNOWN, "PermissionError: the key is not accepted"),
        ],
    )
    def test_every_exception_of_the_sdk_means_one_thing(
        self, error: stripe.StripeError, kind: Kind, code: str
    ) -> None:
        """Refused, unknown, or to be asked again."""
        verdict = read(error, Cancel("op", "p"))
        assert (verdict.kind, verdict.code) == (kind, code)

    def test_the_operation_decides_what_too_large_means(self) -> None:
        """Above the hold, or above what Stripe takes at all."""
        error = stripe.InvalidRequestError("no", "amount_to_capture", "amount_too_large")
        assert read(error, Capture("op", "p", 1, 0)).code == "capture_exceeds_hold"
        error = stripe.InvalidRequestError("no", "amount", "amount_too_large")
        assert read(error, Fetch("op", "p")).code == "amount_too_large"

    def test_a_long_or_foreign_id_is_still_one_key(self, line: StripeLine) -> None:
        """300 characters, and letters that no header can hold: done once each."""
        rig = Rig(line)
        for name in ("x" * 300, "łódź/1"):
            operation = rig.holding(name)._replace(id=name)
            assert rig.done(operation) == rig.done(operation)
        assert len(line.bank.state.intents) == 2

    def test_a_driver_who_does_not_confirm_saves_no_card(self, line: StripeLine) -> None:
        """After two minutes: refused, not for good."""
        line.bank.state._sinks.remove(line._saving)
        rig = Rig(line)
        answer = rig.refused(Enrol("e", "d", Instrument(Means.ACCOUNT, "pm_card_authenticationRequired")))
        assert (answer.code, answer.final) == ("authentication_required", False)

    def test_refusals_can_be_sent_between_processes(self) -> None:
        """Outcomes hold no object of the SDK."""
        line, rig = rigged()
        answer = rig.refused(rig.holding(card="pm_card_visa_chargeDeclined"))
        assert isinstance(pickle.loads(pickle.dumps(answer)), Refused)
        line.close()
