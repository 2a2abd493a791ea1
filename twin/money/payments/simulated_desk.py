"""Operations of the port carried out at the bank: what an adapter and a provider do together when nothing gets lost."""

from __future__ import annotations

from collections import deque
from enum import Enum
from functools import lru_cache

from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Done,
    Enrol,
    Fetch,
    Increment,
    Instrument,
    Means,
    Operation,
    Outcome,
    Refund,
    Refused,
    Snapshot,
    Unknown,
)
from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError, missing
from twin.money.payments.bank_keys import Keys
from twin.money.payments.bank_records import Behaviour, Intent, IntentStatus, Method
from twin.money.payments.bank_state import find
from twin.money.payments.bank_test_cards import find_card
from twin.money.payments.simulated_issuer import OPERATION, PAYMENT
from twin.rng import uniform

BRANDS = (("visa", 0.55), ("mastercard", 0.95), ("amex", 1.0))
"""Cumulative shares of card brands among drivers: an ASSUMPTION."""
PLAIN = Behaviour()
_OVER = frozenset({IntentStatus.SUCCEEDED, IntentStatus.CANCELED, IntentStatus.NO_METHOD})


class Failure(Enum):
    """A server error of the provider."""

    NONE = "none"
    BEFORE = "before"
    """Nothing was done."""
    AFTER = "after"
    """It was done, and only the answer is an error."""


class Desk:
    """Does operations, each once.

    Args:
        bank: Where.
        seed: Of the drivers' brands.
        retention_s: How long a payment that is over is remembered, seconds; then it is unknown.
    """

    def __init__(self, bank: Bank, seed: int, retention_s: float) -> None:
        self._bank = bank
        self._seed = seed
        self._retention_s = retention_s
        self._keys: Keys[Outcome] = Keys()
        self._of: dict[str, Intent] = {}
        self._over: deque[tuple[float, str, Intent]] = deque()
        self._card = lru_cache(maxsize=1 << 16)(self._new_card)
        self.kept: set[str] = set()
        """Payments to which something is still going to happen: not forgotten."""

    def __len__(self) -> int:
        return len(self._of)

    def intent(self, payment: str) -> Intent | None:
        """Return what stands behind a payment, None if it is unknown."""
        return self._of.get(payment)

    def snapshot(self, payment: str) -> Snapshot | None:
        """Return how a payment stands, None if it is unknown."""
        intent = self._of.get(payment)
        return None if intent is None else self._bank.snapshot(intent, payment)

    def do(self, operation: Operation, t_s: float, failure: Failure = Failure.NONE) -> Outcome:
        """Carry out an operation, or answer again what it was answered first.

        Args:
            operation: What.
            t_s: Now.
            failure: A server error: if the operation is new, this is what is kept under its key.
        """
        if isinstance(operation, Fetch):
            return self._attempt(operation, t_s)[0]
        key = operation.id
        try:
            known = self._keys.begin(key, operation, t_s)
        except BankError as error:
            return self._refused(operation, t_s, error)
        if known is not None:
            return known
        if failure is Failure.BEFORE:
            return self._keys.save(key, self._broken(operation, t_s))
        outcome, ran = self._attempt(operation, t_s)
        if not ran:
            self._keys.release(key)
        elif failure is Failure.AFTER:
            outcome = self._keys.save(key, self._broken(operation, t_s))
        else:
            self._keys.save(key, outcome)
        return outcome

    def remove_card(self, customer: str, t_s: float) -> None:
        """Take a driver's saved cards away; harmless where there is none."""
        if customer in self._bank.state.customers:
            for method in self._bank.wallets.methods_of(customer):
                self._bank.wallets.detach(method.id, t_s)

    def _attempt(self, operation: Operation, t_s: float) -> tuple[Outcome, bool]:
        """Return the outcome, and whether anything was executed."""
        try:
            return self._run(operation, t_s), True
        except BankError as error:
            return self._refused(operation, t_s, error), error.ran

    def _run(self, operation: Operation, t_s: float) -> Outcome:
        if isinstance(operation, Enrol):
            return Done(operation.id, operation.payment, t_s, None, self._enrol(operation, t_s))
        if isinstance(operation, Authorise):
            return self._done(operation, t_s, self._authorise(operation, t_s))
        intent = self._of.get(operation.payment)
        if intent is None:
            raise missing("payment", operation.payment)
        intents = self._bank.intents
        if isinstance(operation, Capture):
            intents.capture(
                intent.id,
                t_s,
                amount_minor=operation.amount_minor,
                application_fee_minor=operation.fee_minor if intent.destination else 0,
            )
            self.close(operation.payment, t_s)
        elif isinstance(operation, Cancel):
            intents.cancel(intent.id, t_s)
            self.close(operation.payment, t_s)
        elif isinstance(operation, Increment):
            intents.increment(intent.id, operation.amount_minor, t_s)
        elif isinstance(operation, Refund):
            self._refund(operation, intent, t_s)
        else:
            intents.advance(t_s)
        return self._done(operation, t_s, intent)

    def _enrol(self, operation: Enrol, t_s: float) -> str:
        wallets, wanted = self._bank.wallets, operation.instrument
        customer = wanted.customer
        if not customer:
            customer = wallets.create_customer(t_s, metadata={PAYMENT: operation.payment}).id
        method = self._new_card(wanted.reference, wanted.means)
        self._bank.state.methods[method.id] = method
        setup = wallets.create_setup(t_s, customer=customer, method=method.id, confirm=True)
        if setup.status == "requires_action":  # the driver is there: whoever enrols, confirms
            wallets.authenticate_setup(setup.id, t_s, success=True)
        self._bank.state.customers[customer].default_method = method.id
        return customer

    def _authorise(self, operation: Authorise, t_s: float) -> Intent:
        self._forget(t_s)
        before = self._of.get(operation.payment)
        if before is not None and before.status is not IntentStatus.NO_METHOD:
            text = f"{operation.payment} is there already, as {before.id}: {before.status}."
            raise BankError("payment_intent_unexpected_state", text)
        wanted, account = operation.instrument, self._account(operation.operator, t_s)
        try:
            intent = self._bank.intents.create(
                t_s,
                amount_minor=operation.amount_minor,
                currency=operation.currency,
                method=self._method(wanted),
                customer=wanted.customer,
                automatic=operation.capture,
                off_session=wanted.means is Means.ACCOUNT,
                increments=operation.incremental,
                destination=account,
                application_fee_minor=operation.fee_minor if operation.capture and account else 0,
                metadata={PAYMENT: operation.payment, OPERATION: operation.id},
                confirm=True,
            )
        except BankError as error:
            if error.intent is not None:
                self._keep(operation.payment, self._bank.state.intents[error.intent], t_s)
            raise
        self._keep(operation.payment, intent, t_s)
        return intent

    def _refund(self, operation: Refund, intent: Intent, t_s: float) -> None:
        whole = bool(intent.destination)
        self._bank.claims.refund(
            intent.id,
            t_s,
            amount_minor=operation.amount_minor,
            reason=operation.reason,
            reverse_transfer=whole,
            refund_application_fee=whole and intent.application_fee_minor > 0,
        )

    def _account(self, operator: str, t_s: float) -> str:
        """Return an operator's account, made when it is first named; empty: the platform keeps everything."""
        if not operator:
            return ""
        name = f"acct_{operator}"
        if name not in self._bank.state.accounts:
            self._bank.wallets.create_account(t_s, name=name)
        return name

    def _method(self, wanted: Instrument) -> Method:
        state = self._bank.state
        known = state.methods.get(wanted.reference)
        if known is not None or not wanted.customer:
            return known or self._card(wanted.reference, wanted.means)
        return find(state.methods, find(state.customers, wanted.customer, "customer").default_method, "card")

    def _new_card(self, reference: str, means: Means) -> Method:
        """Return a card, as a reader, a wallet or a form hands it over."""
        test = find_card(reference)
        if test is not None:
            brand, last4, behaviour = test.brand, test.last4, test.behaviour
        else:
            draw = uniform(self._seed, "payments", "brand", reference)
            brand, last4, behaviour = next(name for name, share in BRANDS if draw < share), "0000", PLAIN
        wallet = "apple_pay" if means is Means.WALLET else ""
        present = means is Means.TERMINAL
        name = self._bank.state.name("pm")
        return Method(name, 0.0, brand, last4, wallet, present, behaviour=behaviour, reusable=True)

    def _keep(self, payment: str, intent: Intent, t_s: float) -> None:
        self._of[payment] = intent
        if intent.status in _OVER:
            self.close(payment, t_s)

    def close(self, payment: str, t_s: float) -> None:
        """Count from now how long a payment is remembered."""
        intent = self._of.get(payment)
        if intent is not None:
            self._over.append((t_s + self._retention_s, payment, intent))

    def _forget(self, t_s: float) -> None:
        over = self._over
        while over and over[0][0] <= t_s:
            _, payment, intent = over.popleft()
            if payment not in self.kept:
                self._bank.forget(intent)
                if self._of.get(payment) is intent:
                    del self._of[payment]

    def _done(self, operation: Operation, t_s: float, intent: Intent) -> Done:
        return Done(operation.id, operation.payment, t_s, self._bank.snapshot(intent, operation.payment))

    def _refused(self, operation: Operation, t_s: float, error: BankError) -> Refused:
        payment = operation.payment
        return Refused(operation.id, payment, t_s, error.port_code, error.final, self.snapshot(payment))

    @staticmethod
    def _broken(operation: Operation, t_s: float) -> Unknown:
        return Unknown(operation.id, operation.payment, t_s, "server error", burnt=True)
