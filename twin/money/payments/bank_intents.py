"""Payment intents: hold, raise, capture, cancel, and what the clock does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush

from twin.domain.payments import Means
from twin.money.payments.bank_errors import BankError, declined, invalid
from twin.money.payments.bank_issuer import ACTION, Issuer
from twin.money.payments.bank_records import INTENT, Intent, IntentStatus, Method, Verb
from twin.money.payments.bank_state import State, find
from twin.money.payments.bank_terms import Terms, check_amount, check_step
from twin.money.payments.bank_wallets import gone
from twin.money.payments.fees import Fees

_UNHELD = frozenset({IntentStatus.NO_METHOD, IntentStatus.UNCONFIRMED, IntentStatus.ACTION})
EXPIRED_REASON = "automatic"
CANCEL_REASONS = frozenset({"", "abandoned", "duplicate", "fraudulent", "requested_by_customer"})


class Intents:
    """Payment intents. Every method that takes `t_s` lets holds that ended before expire first.

    Args:
        state: The bank's records.
        issuer: Decides about cards.
        terms: The contract.
        fees: The price list.
        disputed: Opens the dispute that a test card brings as soon as money was taken.
    """

    def __init__(
        self,
        state: State,
        issuer: Issuer,
        terms: Terms,
        fees: Fees,
        disputed: Callable[[Intent, float, str], object],
    ) -> None:
        self._state = state
        self._issuer = issuer
        self._terms = terms
        self._fees = fees
        self._disputed = disputed
        self._ends: list[tuple[float, str]] = []

    def create(
        self,
        t_s: float,
        *,
        amount_minor: int,
        currency: str,
        method: str | Method = "",
        customer: str = "",
        automatic: bool = False,
        off_session: bool = False,
        increments: bool = False,
        overcapture: bool = False,
        destination: str = "",
        application_fee_minor: int = 0,
        transfer_group: str = "",
        metadata: Mapping[str, str] | None = None,
        confirm: bool = False,
    ) -> Intent:
        """Make a payment intent, and confirm it at once where asked.

        Args:
            t_s: Now.
            amount_minor: Of the hold.
            currency: Capitals.
            method: Payment method: its id, or one that is kept nowhere else.
            customer: Whose card it is.
            automatic: Capture when authorised.
            off_session: Nobody is there to confirm (merchant-initiated).
            increments: Ask for the right to raise the hold.
            overcapture: Ask for the right to capture more.
            destination: Connected account of the operator.
            application_fee_minor: The platform's part; may be set at capture instead.
            transfer_group: Kept.
            metadata: Kept.
            confirm: Ask the issuer now.

        Raises:
            BankError: A parameter is wrong (nothing is made), or the card is declined (the intent is kept).
        """
        wrong = check_amount(amount_minor, currency) or _check_share(application_fee_minor, amount_minor)
        if wrong is not None:
            raise wrong
        if customer:
            find(self._state.customers, customer, "customer")
        if destination:
            find(self._state.accounts, destination, "destination")
        card = self._card(method) if method else None
        if confirm and card is None:
            raise invalid("parameter_missing", "There is no payment method to charge.", "payment_method")
        status = IntentStatus.NO_METHOD if card is None else IntentStatus.UNCONFIRMED
        intent = Intent(
            self._state.name("pi"), t_s, amount_minor, currency, Means.APP, status, automatic,
            card, customer=customer, off_session=off_session,
            wants_increments=increments, wants_overcapture=overcapture, destination=destination,
            application_fee_minor=application_fee_minor, transfer_group=transfer_group, metadata=metadata or {},
        )  # fmt: skip
        self._state.intents[intent.id] = intent
        self._state.tell("payment_intent.created", t_s, intent, intent)
        return self._charge(intent, card, t_s) if confirm and card is not None else intent

    def confirm(
        self, intent: str, t_s: float, *, method: str | Method = "", off_session: bool | None = None
    ) -> Intent:
        """Ask the issuer, with another card where one is given.

        Raises:
            BankError: It declines, the intent cannot be confirmed now, or there is no card.
        """
        found = self._may(intent, Verb.CONFIRM, t_s)
        card = self._card(method) if method else found.card
        if card is None:
            raise invalid("parameter_missing", "There is no payment method to charge.", "payment_method")
        found.off_session = found.off_session if off_session is None else off_session
        return self._charge(found, card, t_s)

    def authenticate(self, intent: str, t_s: float, *, success: bool) -> Intent:
        """Say how 3-D Secure ended.

        Returns:
            The intent, held or captured; `requires_payment_method` where it failed.

        Raises:
            BankError: It waits for nobody.
        """
        found = self._may(intent, Verb.AUTHENTICATE, t_s)
        card = _card_of(found)
        decline = self._issuer.confirmed(found, card) if success else "payment_intent_authentication_failure"
        if decline:
            self._fail(found, decline, t_s)
        else:
            self._grant(found, card, t_s)
        return found

    def increment(self, intent: str, amount_minor: int, t_s: float) -> Intent:
        """Raise a hold to a new total. The window stays.

        Raises:
            BankError: It may not be raised, the amount is no increase, or the issuer declines (the hold stays).
        """
        found = self._may(intent, Verb.INCREMENT, t_s)
        wrong = check_amount(amount_minor, found.currency)
        if wrong is not None:
            raise wrong
        if not found.incremental or found.increments >= self._terms.increments_max:
            text = f"The authorization of {intent} cannot be incremented: it was not granted, or too often."
            raise BankError("incremental_authorization_not_allowed", text, intent=intent)
        if amount_minor <= found.amount_minor:
            text = f"Amount must be above the current amount of {found.amount_minor}."
            raise invalid("amount_too_small", text, "amount")
        card = _card_of(found)
        decline = self._issuer.increment(found, card)
        if decline:
            raise declined(decline, intent)
        ratio = found.capture_limit_minor - found.amount_minor
        found.increments += 1
        found.capture_limit_minor = (
            amount_minor if not ratio else self._terms.limit_minor(amount_minor, found.means, card.brand)
        )
        found.amount_minor = amount_minor
        self._state.tell("payment_intent.amount_capturable_updated", t_s, found, found)
        return found

    def capture(
        self,
        intent: str,
        t_s: float,
        *,
        amount_minor: int | None = None,
        application_fee_minor: int | None = None,
    ) -> Intent:
        """Take money of a hold, once; the rest is released.

        Args:
            intent: Which.
            t_s: Now.
            amount_minor: None: all of it.
            application_fee_minor: The platform's part; None: as it was set before.

        Raises:
            BankError: It is not held any more, or the amount is 0, above what may be captured, or no whole step.
        """
        found = self._may(intent, Verb.CAPTURE, t_s)
        amount = found.amount_minor if amount_minor is None else amount_minor
        share = found.application_fee_minor if application_fee_minor is None else application_fee_minor
        if amount <= 0:
            text = "Amount to capture must be at least 1: cancel the intent to take nothing."
            raise invalid("parameter_invalid_integer", text, "amount_to_capture")
        if amount > found.capture_limit_minor:
            text = f"The amount {amount} is more than the {found.capture_limit_minor} that may be captured."
            raise BankError("capture_exceeds_hold", text, param="amount_to_capture", intent=intent, ran=False)
        wrong = check_step(amount, found.currency) or _check_share(share, amount)
        if wrong is not None:
            raise wrong
        found.application_fee_minor = share
        self._take(found, amount, t_s)
        self._state.tell("charge.captured", t_s, found, found)
        return found

    def cancel(self, intent: str, t_s: float, *, reason: str = "") -> Intent:
        """Release a hold, or give up an intent.

        Raises:
            BankError: It was captured, or is canceled already; or the reason is unknown.
        """
        found = self._may(intent, Verb.CANCEL, t_s)
        if reason not in CANCEL_REASONS:
            raise invalid(
                "parameter_invalid", f"Invalid cancellation reason: {reason}", "cancellation_reason"
            )
        self._end(found, t_s, reason)
        return found

    def fetch(self, intent: str, t_s: float) -> Intent:
        """Return an intent as it stands.

        Raises:
            BankError: It is unknown.
        """
        self.advance(t_s)
        return find(self._state.intents, intent, "payment_intent")

    def advance(self, t_s: float) -> None:
        """Let the holds expire whose window ended by now."""
        ends = self._ends
        while ends and ends[0][0] <= t_s:
            end_s, name = heappop(ends)
            intent = self._state.intents.get(name)
            if intent is not None and intent.status is IntentStatus.HELD:
                self._end(intent, end_s, EXPIRED_REASON)
                self._state.tell("charge.expired", end_s, intent, intent)

    @property
    def soonest_end_s(self) -> float:
        """As `next_end_s`, or earlier: at once, without a look at what was captured."""
        return self._ends[0][0] if self._ends else float("inf")

    @property
    def next_end_s(self) -> float:
        """When the next hold expires, unless it is captured before; infinite where there is none."""
        ends, intents = self._ends, self._state.intents
        while ends:
            intent = intents.get(ends[0][1])
            if intent is not None and intent.status is IntentStatus.HELD:
                return ends[0][0]
            heappop(ends)
        return float("inf")

    def _card(self, method: str | Method) -> Method:
        return method if isinstance(method, Method) else find(self._state.methods, method, "PaymentMethod")

    def _may(self, name: str, verb: Verb, t_s: float) -> Intent:
        self.advance(t_s)
        intent = find(self._state.intents, name, "payment_intent")
        if (intent.status, verb) not in INTENT:
            text = f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."
            raise BankError("payment_intent_unexpected_state", text, intent=name)
        return intent

    def _charge(self, intent: Intent, card: Method, t_s: float) -> Intent:
        if card.detached or (card.used_by and card.used_by != intent.id):
            raise gone(card)
        if card.customer != intent.customer and card.customer:
            text = f"The payment method {card.id} belongs to a customer: name it."
            raise invalid("parameter_missing", text, "customer")
        if not card.customer and not card.reusable:
            card.used_by = intent.id
        intent.card = card
        intent.means = _means(intent, card)
        answer = self._issuer.charge(intent, card)
        intent.attempts += answer != ACTION
        if answer == ACTION:
            intent.status = IntentStatus.ACTION
            self._state.tell("payment_intent.requires_action", t_s, intent, intent)
        elif answer:
            self._fail(intent, answer, t_s)
            raise declined(answer, intent.id)
        else:
            self._grant(intent, card, t_s)
        return intent

    def _fail(self, intent: Intent, decline: str, t_s: float) -> None:
        intent.status, intent.decline = IntentStatus.NO_METHOD, decline
        if intent.attempts:  # a challenge that fails never reaches the card: there is no charge
            self._state.tell("charge.failed", t_s, intent, intent)
        self._state.tell("payment_intent.payment_failed", t_s, intent, intent)

    def _grant(self, intent: Intent, card: Method, t_s: float) -> None:
        intent.attempts = max(intent.attempts, 1)
        intent.decline, intent.authorised_s = "", t_s
        self._state.tell("charge.succeeded", t_s, intent, intent)
        if intent.automatic:
            self._take(intent, intent.amount_minor, t_s)
            return
        terms, amount = self._terms, intent.amount_minor
        intent.status = IntentStatus.HELD
        intent.incremental = intent.wants_increments and terms.increments(card.brand)
        more = intent.wants_overcapture
        intent.capture_limit_minor = terms.limit_minor(amount, intent.means, card.brand) if more else amount
        intent.capture_before_s = t_s + self._issuer.window_s(
            intent, terms.window_s(intent.means, card.brand)
        )
        heappush(self._ends, (intent.capture_before_s, intent.id))
        self._state.tell("payment_intent.amount_capturable_updated", t_s, intent, intent)

    def _take(self, intent: Intent, amount_minor: int, t_s: float) -> None:
        intent.status = IntentStatus.SUCCEEDED
        intent.captured_minor, intent.captured_s = amount_minor, t_s
        intent.fee_minor = self._fees.payment_minor(intent.means, amount_minor, intent.currency)
        if intent.destination:
            balance = self._state.accounts[intent.destination].balance_minor
            share = amount_minor - intent.application_fee_minor
            balance[intent.currency] = balance.get(intent.currency, 0) + share
        self._state.tell("payment_intent.succeeded", t_s, intent, intent)
        card = _card_of(intent)
        if card.behaviour.dispute:
            self._disputed(intent, t_s, card.behaviour.dispute)

    def _end(self, intent: Intent, t_s: float, reason: str) -> None:
        intent.status, intent.canceled_s, intent.cancellation_reason = IntentStatus.CANCELED, t_s, reason
        self._state.tell("payment_intent.canceled", t_s, intent, intent)


def _means(intent: Intent, card: Method) -> Means:
    if card.present:
        return Means.TERMINAL
    if intent.off_session:
        return Means.ACCOUNT
    return Means.WALLET if card.wallet else Means.APP


def _card_of(intent: Intent) -> Method:
    assert intent.card is not None, intent
    return intent.card


def _check_share(share_minor: int, amount_minor: int) -> BankError | None:
    if 0 <= share_minor <= amount_minor:
        return None
    text = f"The application fee of {share_minor} must be between 0 and the amount of {amount_minor}."
    return invalid("amount_too_large", text, "application_fee_amount")
