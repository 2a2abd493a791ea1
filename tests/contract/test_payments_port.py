"""The contract of `Payments`: the same on every provider."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.contract.payments_rigs import DAY_S, LINES, Rig
from twin.domain.payment_life import Payment
from twin.domain.payments import (
    LIFE,
    RULES,
    Cancel,
    Capture,
    Done,
    Enrol,
    Fetch,
    Increment,
    Instrument,
    Means,
    Notice,
    Operation,
    Refund,
    Refused,
    Status,
    Word,
)
from twin.money.payments.bank_errors import BankError

DECLINES = {
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("insufficient_funds", False),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", False),
    "pm_card_visa_chargeDeclined": ("generic_decline", False),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", True),
    "pm_card_visa_chargeDeclinedLostCard": ("lost_card", True),
    "pm_card_visa_chargeDeclinedFraudulent": ("fraudulent", True),
}
"""Test card to the issuer's code, and whether asking again is in vain."""
WITH_ACTION = "pm_card_authenticationRequired"
DECLINED = "pm_card_visa_chargeDeclinedInsufficientFunds"


@pytest.fixture(params=LINES)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A provider that does everything right."""
    line = LINES[request.param]()
    yield Rig(line)
    line.close()


class TestHold:
    def test_a_hold_blocks_the_amount_and_takes_nothing(self, rig: Rig) -> None:
        """50 EUR are held for seven days: nothing is captured, nothing costs anything yet."""
        held = rig.hold()
        assert (held.payment, held.status, held.currency) == ("p", Status.HELD, "EUR")
        assert (held.authorised_minor, held.captured_minor, held.fee_minor) == (5_000, 0, 0)
        assert held.capture_limit_minor == 5_000
        assert held.capture_before_s == pytest.approx(rig.line.now_s + 7 * DAY_S, abs=2.0)
        assert held.reference.startswith("pi_")

    def test_a_terminal_holds_shorter_than_an_app(self, rig: Rig) -> None:
        """Visa in person: five days; Mastercard in person: two."""
        visa = rig.hold("visa", means=Means.TERMINAL)
        mastercard = rig.hold("mastercard", means=Means.TERMINAL, card="pm_card_mastercard")
        assert visa.capture_before_s == pytest.approx(rig.line.now_s + 5 * DAY_S, abs=2.0)
        assert mastercard.capture_before_s == pytest.approx(rig.line.now_s + 2 * DAY_S, abs=2.0)

    def test_a_wallet_is_held_like_a_card(self, rig: Rig) -> None:
        """Apple Pay is a card payment method with a wallet: the same flow."""
        assert rig.hold(means=Means.WALLET).status is Status.HELD

    @pytest.mark.parametrize("card", DECLINES)
    def test_a_decline_has_the_issuers_code(self, rig: Rig, card: str) -> None:
        """A card that is refused holds nothing, and the code says why and whether to ask again."""
        answer = rig.refused(rig.holding(card=card))
        assert (answer.code, answer.final) == DECLINES[card]
        assert rig.fetch().status is Status.REFUSED

    def test_after_a_decline_another_card_may_hold(self, rig: Rig) -> None:
        """The same payment, as a new operation."""
        rig.refused(rig.holding(card=DECLINED))
        assert rig.hold().status is Status.HELD
        assert rig.fetch().status is Status.HELD

    def test_a_provider_takes_no_amount_below_its_minimum(self, rig: Rig) -> None:
        """0.49 EUR is refused by a rule, and there is no payment."""
        assert rig.refused(rig.holding(amount_minor=49)).code == "amount_too_small"
        assert rig.refused(Fetch("look", "p")).code == "not_found"

    def test_a_currency_that_is_none_is_refused(self, rig: Rig) -> None:
        """XXX is known to nobody."""
        assert rig.refused(rig.holding(currency="XXX")).code == "currency"

    def test_yen_have_no_decimals_and_dinars_end_on_zero(self, rig: Rig) -> None:
        """5000 JPY are 5000 yen; 1.234 KWD cannot be charged, 1.230 KWD can."""
        assert rig.hold("yen", currency="JPY").authorised_minor == 5_000
        assert rig.refused(rig.holding("odd", currency="KWD", amount_minor=1_234)).code == "amount_step"
        assert rig.hold("even", currency="KWD", amount_minor=1_230).authorised_minor == 1_230
        assert rig.refused(Capture("c1", "even", 1_221, 0)).code == "amount_step"
        assert rig.done(Capture("c2", "even", 1_220, 0)).captured_minor == 1_220
        assert rig.refused(Refund("r1", "even", 221, "duplicate")).code == "amount_step"
        assert rig.done(Refund("r2", "even", 220, "duplicate")).refunded_minor == 220

    def test_a_hold_expires_and_says_so(self, rig: Rig) -> None:
        """After seven days the hold is gone: a notice comes, and a capture is refused."""
        rig.hold()
        rig.line.wait(7 * DAY_S + 1)
        assert "payment_intent.canceled" in rig.notices()
        assert rig.fetch().status is Status.EXPIRED
        assert rig.refused(Capture("late", "p", 100, 0)).code == "wrong_state"
        assert rig.fetch().captured_minor == 0


class TestAction:
    def test_a_driver_who_must_confirm_holds_nothing_before(self, rig: Rig) -> None:
        """3-D Secure: asked for, confirmed, held; a notice tells when."""
        asked = rig.hold(card=WITH_ACTION)
        assert (asked.status, asked.authorised_minor) == (Status.ACTION, 0)
        rig.confirm()
        assert rig.fetch().status is Status.HELD
        assert rig.notices()[-1] == "payment_intent.amount_capturable_updated"

    def test_a_driver_who_fails_to_confirm_is_refused(self, rig: Rig) -> None:
        """Nothing is held, and a notice tells."""
        rig.hold(card=WITH_ACTION)
        rig.confirm(success=False)
        assert rig.fetch().status is Status.REFUSED
        assert rig.notices()[-1] == "payment_intent.payment_failed"

    def test_what_waits_for_the_driver_can_be_cancelled(self, rig: Rig) -> None:
        """The driver left."""
        rig.hold(card=WITH_ACTION)
        assert rig.done(Cancel("x", "p")).status is Status.CANCELLED


class TestIncrement:
    def test_a_hold_is_raised_to_the_new_total(self, rig: Rig) -> None:
        """From 50 to 80 EUR; the window stays as it was."""
        before = rig.hold(incremental=True)
        assert before.incremental
        raised = rig.done(Increment("i", "p", 8_000))
        assert (raised.status, raised.authorised_minor) == (Status.HELD, 8_000)
        assert raised.capture_limit_minor == 8_000
        assert raised.capture_before_s == before.capture_before_s

    def test_what_was_not_asked_for_cannot_be_raised(self, rig: Rig) -> None:
        """The right to raise must be asked for when the card is held."""
        assert not rig.hold().incremental
        assert rig.refused(Increment("i", "p", 8_000)).code == "not_incremental"
        assert rig.fetch().authorised_minor == 5_000

    def test_a_brand_that_does_not_grant_it_cannot_be_raised(self, rig: Rig) -> None:
        """American Express has no incremental authorisation for charging."""
        assert not rig.hold(card="pm_card_amex", incremental=True).incremental
        assert rig.refused(Increment("i", "p", 8_000)).code == "not_incremental"

    @pytest.mark.parametrize("amount_minor", [5_000, 4_000])
    def test_a_hold_is_never_lowered(self, rig: Rig, amount_minor: int) -> None:
        """Neither the same amount nor less is an increase."""
        rig.hold(incremental=True)
        assert rig.refused(Increment("i", "p", amount_minor)).code == "amount_too_small"
        assert rig.fetch().authorised_minor == 5_000


class TestCapture:
    def test_less_than_the_hold_is_taken_and_the_rest_released(self, rig: Rig) -> None:
        """23.45 of 50.00 EUR; the provider keeps 1.5 % and 0.25 EUR: 0.60."""
        rig.hold()
        taken = rig.done(Capture("c", "p", 2_345, 345))
        assert (taken.status, taken.authorised_minor, taken.captured_minor) == (Status.CAPTURED, 5_000, 2_345)
        assert taken.fee_minor == 60
        assert rig.notices()[-1] == "payment_intent.succeeded"

    def test_the_operator_gets_what_the_platform_leaves(self, rig: Rig) -> None:
        """23.45 EUR less the platform's 3.45: 20.00 on the operator's account."""
        rig.hold()
        rig.done(Capture("c", "p", 2_345, 345))
        (account,) = rig.line.bank.state.accounts.values()
        assert account.balance_minor == {"EUR": 2_000}

    def test_all_of_the_hold_is_taken(self, rig: Rig) -> None:
        """50.00 of 50.00 EUR."""
        rig.hold()
        assert rig.done(Capture("c", "p", 5_000, 0)).captured_minor == 5_000

    def test_more_than_the_hold_is_refused(self, rig: Rig) -> None:
        """One cent more: refused, and the hold stays."""
        rig.hold()
        assert rig.refused(Capture("c", "p", 5_001, 0)).code == "capture_exceeds_hold"
        assert rig.fetch().status is Status.HELD

    def test_a_raised_hold_may_be_taken_whole(self, rig: Rig) -> None:
        """After raising it to 80 EUR, 80 EUR can be captured."""
        rig.hold(incremental=True)
        rig.done(Increment("i", "p", 8_000))
        assert rig.done(Capture("c", "p", 8_000, 0)).captured_minor == 8_000

    def test_nothing_cannot_be_taken(self, rig: Rig) -> None:
        """A session that costs nothing is cancelled, not captured by 0."""
        rig.hold()
        assert rig.refused(Capture("c", "p", 0, 0)).code == "amount_too_small"
        assert rig.fetch().status is Status.HELD

    def test_a_hold_is_taken_once(self, rig: Rig) -> None:
        """A second capture, by another operation, is refused: the snapshot says what was taken."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        second = rig.refused(Capture("d", "p", 1_000, 0))
        assert second.code == "wrong_state"
        assert rig.fetch().captured_minor == 2_000

    def test_a_cancelled_hold_is_never_taken(self, rig: Rig) -> None:
        """Capture after cancel: refused, no money."""
        rig.hold()
        rig.done(Cancel("x", "p"))
        assert rig.refused(Capture("c", "p", 2_000, 0)).code == "wrong_state"
        after = rig.fetch()
        assert (after.status, after.captured_minor) == (Status.CANCELLED, 0)


class TestCancel:
    def test_a_hold_is_released(self, rig: Rig) -> None:
        """Nothing was taken, nothing costs anything; a notice tells."""
        rig.hold()
        over = rig.done(Cancel("x", "p"))
        assert (over.status, over.captured_minor, over.fee_minor) == (Status.CANCELLED, 0, 0)
        assert rig.notices()[-1] == "payment_intent.canceled"

    def test_a_hold_is_released_once(self, rig: Rig) -> None:
        """The second cancel, by another operation, is refused."""
        rig.hold()
        rig.done(Cancel("x", "p"))
        assert rig.refused(Cancel("y", "p")).code == "wrong_state"

    def test_what_was_taken_is_not_cancelled(self, rig: Rig) -> None:
        """It is refunded."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        assert rig.refused(Cancel("x", "p")).code == "wrong_state"
        assert rig.fetch().captured_minor == 2_000


class TestRefund:
    def test_a_part_goes_back_and_everybody_gives_a_share(self, rig: Rig) -> None:
        """10.00 of 23.45 EUR: the operator gives 10.00 and gets 1.47 of the platform's 3.45 back."""
        rig.hold()
        rig.done(Capture("c", "p", 2_345, 345))
        back = rig.done(Refund("r", "p", 1_000, "requested_by_customer"))
        assert (back.status, back.captured_minor, back.refunded_minor) == (Status.CAPTURED, 2_345, 1_000)
        (account,) = rig.line.bank.state.accounts.values()
        assert account.balance_minor == {"EUR": 2_000 - 1_000 + 147}
        assert any(kind.startswith(("refund.", "charge.refund")) for kind in rig.notices())

    def test_all_goes_back_in_parts_to_the_cent(self, rig: Rig) -> None:
        """After three refunds of everything, the operator has 0 and the platform has nothing of it."""
        rig.hold()
        rig.done(Capture("c", "p", 1_000, 333))
        for k, part in enumerate((333, 333, 334)):
            rig.done(Refund(f"r{k}", "p", part, "requested_by_customer"))
        (account,) = rig.line.bank.state.accounts.values()
        assert account.balance_minor == {"EUR": 0}
        assert rig.fetch().refunded_minor == 1_000

    def test_never_more_than_was_taken(self, rig: Rig) -> None:
        """20.00 were taken and 15.00 given back: 5.01 more are refused, 5.00 go, then nothing is left."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.done(Refund("r1", "p", 1_500, "duplicate"))
        assert rig.refused(Refund("r2", "p", 501, "duplicate")).code == "refund_exceeds_capture"
        assert rig.done(Refund("r3", "p", 500, "duplicate")).refunded_minor == 2_000
        assert rig.refused(Refund("r4", "p", 1, "duplicate")).code == "refund_exceeds_capture"

    def test_what_was_not_taken_is_not_given_back(self, rig: Rig) -> None:
        """A hold is cancelled, not refunded."""
        rig.hold()
        assert rig.refused(Refund("r", "p", 100, "duplicate")).code == "wrong_state"

    def test_nothing_cannot_be_given_back(self, rig: Rig) -> None:
        """A refund of 0 is refused."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        assert rig.refused(Refund("r", "p", 0, "duplicate")).code == "amount_too_small"

    def test_a_refund_may_come_back_days_later(self, rig: Rig) -> None:
        """What was given back never falls; what came back is told beside it, and may be given back again."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.done(Refund("r", "p", 2_000, "fraudulent"))
        rig.line.wait(5 * DAY_S)
        rig.return_refund()
        assert "refund.failed" in rig.notices()
        after = rig.fetch()
        assert (after.refunded_minor, after.refund_failed_minor) == (2_000, 2_000)
        assert rig.done(Refund("again", "p", 2_000, "fraudulent")).refunded_minor == 4_000


class TestDispute:
    def test_a_dispute_takes_the_money_and_a_fee(self, rig: Rig) -> None:
        """20.00 EUR are gone, and 20.00 EUR of fee with them; a notice tells."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.line.wait(30 * DAY_S)
        rig.dispute()
        assert "charge.dispute.created" in rig.notices()
        open_ = rig.fetch()
        assert (open_.status, open_.disputed_minor, open_.dispute_fee_minor) == (
            Status.DISPUTED,
            2_000,
            2_000,
        )

    @pytest.mark.parametrize(("won", "status"), [(True, Status.CAPTURED), (False, Status.LOST)])
    def test_a_dispute_is_decided(self, rig: Rig, won: bool, status: Status) -> None:
        """Won: the money is back, the fee is not. Lost: it is gone for good."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.decide(rig.dispute(), won=won)
        assert "charge.dispute.closed" in rig.notices()
        over = rig.fetch()
        assert over.status is status
        assert (over.disputed_minor, over.won_minor) == ((0, 2_000) if won else (2_000, 0))
        assert over.dispute_fee_minor == 2_000

    def test_what_is_disputed_is_not_given_back_twice(self, rig: Rig) -> None:
        """The driver's bank has it already."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.dispute()
        assert rig.refused(Refund("r", "p", 2_000, "fraudulent")).code == "wrong_state"


class TestAccount:
    def test_a_saved_card_pays_a_bill_at_once(self, rig: Rig) -> None:
        """Enrolled once, charged by the month: 100 EUR, of which the platform keeps 10."""
        customer = rig.enrol()
        assert customer.startswith("cus_")
        bill = rig.hold("bill", card="", means=Means.ACCOUNT, customer=customer, amount_minor=10_000, capture=True,
                        fee_minor=1_000)  # fmt: skip
        assert (bill.status, bill.captured_minor, bill.customer) == (Status.CAPTURED, 10_000, customer)
        (account,) = rig.line.bank.state.accounts.values()
        assert account.balance_minor == {"EUR": 9_000}

    def test_a_saved_card_may_be_held_by_the_merchant_for_a_shorter_time(self, rig: Rig) -> None:
        """Visa, nobody there: 4 days and 18 hours."""
        customer = rig.enrol()
        held = rig.hold("session", card="", means=Means.ACCOUNT, customer=customer)
        assert held.capture_before_s == pytest.approx(rig.line.now_s + 4.75 * DAY_S, abs=2.0)

    def test_a_card_that_was_taken_away_pays_nothing(self, rig: Rig) -> None:
        """Between session and bill the driver removed it: not found."""
        customer = rig.enrol()
        rig.remove_card(customer)
        answer = rig.refused(
            rig.holding("bill", card="", means=Means.ACCOUNT, customer=customer, capture=True)
        )
        assert answer.code == "not_found"

    def test_a_card_that_must_be_confirmed_was_confirmed_when_it_was_saved(self, rig: Rig) -> None:
        """The driver was there when it was saved; nobody is when the bill is due."""
        customer = rig.enrol(card=WITH_ACTION)
        paid = rig.hold("bill", card="", means=Means.ACCOUNT, customer=customer, capture=True)
        assert paid.status is Status.CAPTURED

    def test_a_declined_card_is_not_saved(self, rig: Rig) -> None:
        """Enrolment is refused by the issuer's code."""
        refused = rig.refused(
            Enrol(rig.next_id(), "driver-1", Instrument(Means.ACCOUNT, "pm_card_chargeDeclinedExpiredCard"))
        )
        assert refused.code == "expired_card"

    def test_a_driver_whom_the_provider_does_not_know_pays_nothing(self, rig: Rig) -> None:
        """Not found."""
        answer = rig.refused(rig.holding(card="", means=Means.ACCOUNT, customer="cus_nobody"))
        assert answer.code == "not_found"


class TestIdempotency:
    @pytest.mark.parametrize("kind", ["authorise", "capture", "cancel", "increment", "refund", "enrol"])
    def test_the_same_id_again_is_the_same_operation(self, rig: Rig, kind: str) -> None:
        """Done once, answered every time, and the answer is the first one."""
        operation = _operation(rig, kind)
        first = rig.do(operation)
        before = (
            [*rig.line.bank.state.intents],
            [*rig.line.bank.state.refunds],
            [*rig.line.bank.state.customers],
        )
        assert rig.do(operation) == first
        assert rig.do(operation) == first
        after = (
            [*rig.line.bank.state.intents],
            [*rig.line.bank.state.refunds],
            [*rig.line.bank.state.customers],
        )
        assert after == before

    def test_a_decline_is_answered_again_as_well(self, rig: Rig) -> None:
        """The key is used up by a refusal: another try is another operation."""
        operation = rig.holding(card=DECLINED)
        first = rig.refused(operation)
        again = rig.refused(operation)
        assert (again.code, again.final) == (first.code, first.final)

    def test_the_same_id_for_something_else_is_refused(self, rig: Rig) -> None:
        """A capture of another amount under the same id is a defect of ours; nothing changes."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        assert rig.refused(Capture("c", "p", 3_000, 0)).code == "key_reused"
        assert rig.fetch().captured_minor == 2_000

    def test_a_wrong_parameter_uses_no_id_up(self, rig: Rig) -> None:
        """Nothing was executed: the same id with a right amount is done."""
        rig.hold()
        rig.refused(Capture("c", "p", 5_001, 0))
        assert rig.done(Capture("c", "p", 5_000, 0)).captured_minor == 5_000


class TestFetch:
    def test_to_look_changes_nothing(self, rig: Rig) -> None:
        """Ten looks at each stage, all alike."""
        rig.hold()
        assert len({rig.fetch() for _ in range(10)}) == 1
        rig.done(Capture("c", "p", 2_000, 0))
        assert len({rig.fetch() for _ in range(10)}) == 1

    def test_to_look_finds_what_an_answer_says(self, rig: Rig) -> None:
        """Every answer's snapshot is what a fetch finds then."""
        assert rig.hold(incremental=True) == rig.fetch()
        assert rig.done(Increment("i", "p", 6_000)) == rig.fetch()
        assert rig.done(Capture("c", "p", 2_000, 100)) == rig.fetch()
        assert rig.done(Refund("r", "p", 500, "duplicate")) == rig.fetch()

    @pytest.mark.parametrize(
        "operation",
        [
            Fetch("x", "nobody"),
            Capture("x", "nobody", 100, 0),
            Cancel("x", "nobody"),
            Increment("x", "nobody", 100),
            Refund("x", "nobody", 100, "duplicate"),
        ],
        ids=lambda operation: type(operation).__name__,
    )
    def test_a_payment_that_does_not_exist_is_not_found(self, rig: Rig, operation: Operation) -> None:
        """Nothing else is said of it."""
        answer = rig.refused(operation)
        assert (answer.code, answer.snapshot) == ("not_found", None)


class TestNotices:
    def test_every_notice_has_an_id_of_its_own_and_names_the_payment(self, rig: Rig) -> None:
        """Two payments, a hold and a capture each."""
        for payment in ("p", "q"):
            rig.hold(payment)
            rig.done(Capture(f"c-{payment}", payment, 2_000, 0))
        rig.line.wait(60.0)
        told = [news for news in rig.news if isinstance(news, Notice)]
        assert {news.payment for news in told} == {"p", "q"}
        assert len({news.id for news in told}) == len(told)

    def test_every_rule_that_is_broken_is_in_the_closed_list(self, rig: Rig) -> None:
        """Codes of refusals are those of the port."""
        rig.hold()
        rig.done(Capture("c", "p", 2_000, 0))
        rig.refused(Capture("d", "p", 2_000, 0))
        rig.refused(Refund("e", "p", 2_001, "duplicate"))
        rig.refused(Cancel("f", "nobody"))
        assert {news.code for news in rig.news if isinstance(news, Refused)} <= RULES


def _operation(rig: Rig, kind: str) -> Operation:
    """Return an operation that will be done, with whatever must come before it."""
    if kind == "enrol":
        return Enrol("again", "driver-1", Instrument(Means.ACCOUNT, "pm_card_visa"))
    if kind == "authorise":
        return rig.holding()
    rig.hold(incremental=True)
    if kind == "refund":
        rig.done(Capture("c", "p", 2_000, 100))
    return {
        "capture": Capture("again", "p", 2_000, 100),
        "cancel": Cancel("again", "p"),
        "increment": Increment("again", "p", 6_000),
        "refund": Refund("again", "p", 500, "duplicate"),
    }[kind]


def _hold_and(*more: Callable[[Rig], object]) -> Callable[[Rig], None]:
    def recipe(rig: Rig) -> None:
        rig.hold(incremental=True)
        for step in more:
            step(rig)

    return recipe


def _take(rig: Rig) -> object:
    return rig.do(Capture(rig.next_id(), "p", 2_000, 0))


def _release(rig: Rig) -> object:
    return rig.do(Cancel(rig.next_id(), "p"))


def _asking(*, card: str, capture: bool = False) -> Callable[[Rig], None]:
    def recipe(rig: Rig) -> None:
        rig.do(rig.holding(card=card, capture=capture))

    return recipe


RECIPES: dict[Status, Callable[[Rig], None]] = {
    Status.ASKED: lambda _rig: None,
    Status.ACTION: _asking(card=WITH_ACTION),
    Status.REFUSED: _asking(card=DECLINED),
    Status.HELD: _hold_and(),
    Status.CAPTURED: _hold_and(_take),
    Status.CANCELLED: _hold_and(_release),
    Status.EXPIRED: _hold_and(lambda rig: rig.line.wait(8 * DAY_S)),
    Status.DISPUTED: _hold_and(_take, lambda rig: rig.dispute()),
    Status.LOST: _hold_and(_take, lambda rig: rig.decide(rig.dispute(), won=False)),
}
"""How a payment gets to each status."""


def _granted(rig: Rig, status: Status) -> None:
    if status is Status.ACTION:
        rig.confirm()
    else:
        rig.do(rig.holding())


def _not_granted(rig: Rig, status: Status) -> None:
    if status is Status.ACTION:
        rig.confirm(success=False)
    else:
        rig.do(rig.holding(card=DECLINED))


def _captured(rig: Rig, status: Status) -> None:
    if status is Status.ACTION:
        rig.confirm()
    elif status in {Status.ASKED, Status.REFUSED}:
        rig.do(rig.holding(capture=True))
    else:
        _take(rig)


def _cancelled(rig: Rig, status: Status) -> None:
    if status is Status.ASKED:  # it is there, and we have not heard of it: its answer was lost
        rig.hold()
    _release(rig)


def _returned(rig: Rig, status: Status) -> None:
    if status is Status.CAPTURED:
        rig.do(Refund(rig.next_id(), "p", 500, "duplicate"))
        rig.return_refund()


def _disputed(rig: Rig, status: Status) -> None:
    if status is not Status.ASKED:
        with contextlib.suppress(BankError):  # there is nothing to take back
            rig.dispute()


def _decided(rig: Rig, status: Status, *, won: bool) -> None:
    if status in {Status.DISPUTED, Status.LOST}:
        with contextlib.suppress(BankError):  # it is decided
            rig.decide(rig.intent().disputes[-1], won=won)


HAPPENINGS: dict[Word, Callable[[Rig, Status], object]] = {
    Word.HOLD_GRANTED: _granted,
    Word.HOLD_REFUSED: _not_granted,
    Word.ACTION_NEEDED: lambda rig, _status: rig.do(rig.holding(card=WITH_ACTION)),
    Word.HOLD_RAISED: lambda rig, _status: rig.do(Increment(rig.next_id(), "p", 9_000)),
    Word.CAPTURE_DONE: _captured,
    Word.HOLD_CANCELLED: _cancelled,
    Word.HOLD_EXPIRED: lambda rig, _status: rig.line.wait(8 * DAY_S),
    Word.REFUND_DONE: lambda rig, _status: rig.do(Refund(rig.next_id(), "p", 500, "duplicate")),
    Word.REFUND_FAILED: _returned,
    Word.DISPUTE_OPENED: _disputed,
    Word.DISPUTE_WON: lambda rig, status: _decided(rig, status, won=True),
    Word.DISPUTE_LOST: lambda rig, status: _decided(rig, status, won=False),
}
"""How each word comes about, or is tried."""

ANSWERS = {Word.HOLD_GRANTED, Word.HOLD_REFUSED, Word.ACTION_NEEDED}
"""Of a hold that is asked for: nobody asks again under a payment that is held, or was."""
WALK = [
    (status, word)
    for status in Status
    for word in Word
    if (status, word) in LIFE or word not in ANSWERS
]  # fmt: skip


@pytest.mark.parametrize(("status", "word"), WALK, ids=lambda part: part.value)
def test_a_payment_lives_by_the_table(rig: Rig, status: Status, word: Word) -> None:
    """Line by line: what the table allows happens at the provider, what it does not is refused there."""
    payment = Payment("p")
    if (status, word) == (Status.ACTION, Word.CAPTURE_DONE):
        _asking(card=WITH_ACTION, capture=True)(rig)
    else:
        RECIPES[status](rig)
    if status is not Status.ASKED:
        payment.learn(rig.fetch())
    assert payment.status is status
    HAPPENINGS[word](rig, status)
    answer = rig.do(Fetch(rig.next_id(), "p"))
    if isinstance(answer, Done) and answer.snapshot is not None:
        payment.learn(answer.snapshot)
    assert payment.status is LIFE.get((status, word), status)
