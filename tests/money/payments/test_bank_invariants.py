"""Whatever is done to the bank, in whatever order: money is neither made nor lost."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError
from twin.money.payments.bank_records import (
    INTENT,
    BankEvent,
    Dispute,
    Intent,
    IntentStatus,
    RefundRecord,
    Verb,
)
from twin.money.payments.bank_terms import Terms

CARDS = st.sampled_from(
    ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_authenticationRequired",
     "pm_card_visa_chargeDeclined", "pm_card_createDispute", "pm_card_refundFail"]
)  # fmt: skip
AMOUNTS = st.integers(-10, 12_000)
AFTER = {status: {after for (before, _), all_ in INTENT.items() if before is status for after in all_}
         for status in IntentStatus}  # fmt: skip


class Anything(RuleBasedStateMachine):
    """Operations with any amounts, in any order; refusals change nothing that counts."""

    intents = Bundle("intents")

    @initialize()
    def open(self) -> None:
        """Begin with an empty bank."""
        self.bank = Bank(terms=Terms(overcapture_pct={"visa": 15}))
        self.bank.wallets.create_account(0.0, name="acct_op")
        self.t_s = 0.0
        self.paid: Counter[str] = Counter()
        """By intent, from the events alone: what the driver has paid by now."""
        self.bank.state.listen(self.hear)
        self.seen: dict[str, IntentStatus] = {}

    @rule(target=intents, card=CARDS, amount=AMOUNTS, automatic=st.booleans(), more=st.booleans(),
          share=st.integers(0, 600))  # fmt: skip
    def hold(self, card: str, amount: int, automatic: bool, more: bool, share: int) -> str:
        """Ask for a hold."""
        method = self.bank.wallets.create_method(self.t_s, card=card)
        try:
            return self.bank.intents.create(
                self.t_s,
                amount_minor=amount,
                currency="EUR",
                method=method.id,
                automatic=automatic,
                increments=more,
                overcapture=more,
                destination="acct_op",
                application_fee_minor=share,
                confirm=True,
            ).id
        except BankError as error:
            return error.intent or "pi_none"

    @rule(intent=intents, success=st.booleans())
    def authenticate(self, intent: str, success: bool) -> None:
        """Let the driver answer."""
        self.quietly(lambda: self.bank.intents.authenticate(intent, self.t_s, success=success))

    @rule(intent=intents, amount=AMOUNTS)
    def increment(self, intent: str, amount: int) -> None:
        """Raise a hold."""
        self.quietly(lambda: self.bank.intents.increment(intent, amount, self.t_s))

    @rule(intent=intents, amount=st.none() | AMOUNTS, share=st.none() | st.integers(-1, 3_000))
    def capture(self, intent: str, amount: int | None, share: int | None) -> None:
        """Take money."""
        self.quietly(
            lambda: self.bank.intents.capture(
                intent, self.t_s, amount_minor=amount, application_fee_minor=share
            )
        )

    @rule(intent=intents)
    def cancel(self, intent: str) -> None:
        """Release a hold."""
        self.quietly(lambda: self.bank.intents.cancel(intent, self.t_s))

    @rule(intent=intents, amount=st.none() | AMOUNTS, both=st.booleans())
    def refund(self, intent: str, amount: int | None, both: bool) -> None:
        """Give money back."""
        self.quietly(
            lambda: self.bank.claims.refund(
                intent, self.t_s, amount_minor=amount, reverse_transfer=both, refund_application_fee=both
            )
        )

    @rule(intent=intents, amount=st.none() | AMOUNTS)
    def dispute(self, intent: str, amount: int | None) -> None:
        """Let the driver's bank take money back."""
        self.quietly(lambda: self.bank.claims.open_dispute(intent, self.t_s, amount_minor=amount))

    @rule(intent=intents, won=st.booleans())
    def decide(self, intent: str, won: bool) -> None:
        """Let it decide."""
        found = self.bank.state.intents.get(intent)
        if found is not None and found.disputes:
            self.quietly(lambda: self.bank.claims.close_dispute(found.disputes[-1], self.t_s, won=won))

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        """Let time pass."""
        self.t_s += 3_600.0 * hours
        self.bank.intents.advance(self.t_s)

    def hear(self, event: BankEvent) -> None:
        """Count what a webhook tells."""
        thing = event.thing
        if event.kind == "payment_intent.succeeded":
            assert isinstance(thing, Intent)
            self.paid[thing.id] += thing.captured_minor
        elif isinstance(thing, RefundRecord | Dispute):
            sign = {"refund.created": -1, "refund.failed": 1, "charge.dispute.funds_withdrawn": -1,
                    "charge.dispute.funds_reinstated": 1}.get(event.kind, 0)  # fmt: skip
            self.paid[thing.intent] += sign * thing.amount_minor

    def quietly(self, action: object) -> None:
        """A refusal is an answer."""
        try:
            action()
        except BankError:
            return

    @invariant()
    def money_adds_up(self) -> None:
        """Captured within the limit, refunded within the captured, and the operator's account to the cent."""
        account = 0
        for intent in self.bank.state.intents.values():
            assert 0 <= intent.captured_minor <= max(intent.capture_limit_minor, intent.amount_minor)
            assert 0 <= intent.refunded_minor - intent.refund_failed_minor <= intent.captured_minor
            assert 0 <= intent.application_fee_refunded_minor <= intent.application_fee_minor
            assert 0 <= intent.fee_minor <= intent.captured_minor
            assert bool(intent.captured_minor) is (intent.status is IntentStatus.SUCCEEDED)
            told = self.bank.snapshot(intent, "p")
            left = told.captured_minor - told.refunded_minor + told.refund_failed_minor - told.disputed_minor
            assert self.paid[intent.id] == left
            if intent.captured_minor:
                account += intent.captured_minor - intent.application_fee_minor
            account += intent.application_fee_refunded_minor - intent.transfer_reversed_minor
        assert self.bank.state.accounts["acct_op"].balance_minor.get("EUR", 0) == account

    @invariant()
    def statuses_follow_the_table(self) -> None:
        """From one look to the next, a status was reached through the table, however many steps lay between."""
        for name, intent in self.bank.state.intents.items():
            before = self.seen.get(name, intent.status)
            assert intent.status is before or intent.status in _reach(before)
            self.seen[name] = intent.status

    @invariant()
    def no_hold_outlives_its_window(self) -> None:
        """What is held is held until later than now."""
        for intent in self.bank.state.intents.values():
            if intent.status is IntentStatus.HELD:
                assert intent.capture_before_s is not None
                assert intent.capture_before_s > self.t_s


def _reach(status: IntentStatus) -> set[IntentStatus]:
    found: set[IntentStatus] = set()
    new = {status}
    while new:
        new = {after for before in new for after in AFTER[before]} - found
        found |= new
    return found


def test_a_verb_that_ends_an_intent_has_no_way_back() -> None:
    """Canceled is the end; of succeeded only refunds and disputes follow, and it stays succeeded (I7)."""
    assert _reach(IntentStatus.CANCELED) == set()
    assert _reach(IntentStatus.SUCCEEDED) == {IntentStatus.SUCCEEDED}
    assert (IntentStatus.SUCCEEDED, Verb.CAPTURE) not in INTENT


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
