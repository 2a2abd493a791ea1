"""One bench, several providers: what the payment port promises holds unchanged on each of them.

A rig is a provider that does everything right, test cards that do not, and levers for what drivers and their banks
do of themselves. Its time moves only in `wait`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Protocol

from tests.money.payments.heap_clock import HeapClock
from tests.money.payments.stripe_line import StripeLine
from twin.domain.payments import (
    Authorise,
    Done,
    Enrol,
    Fetch,
    Instrument,
    Means,
    Notice,
    Operation,
    Outcome,
    Payments,
    Refused,
    Snapshot,
    Unknown,
)
from twin.money.payments.bank import Bank
from twin.money.payments.bank_records import Intent
from twin.money.payments.bank_terms import Terms
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider

DAY_S = 86_400.0
OPERATOR = "stadtwerk"
TERMS = Terms(overcapture_pct={"visa": 15})
"""Over-capture is in the contract, but nobody asks for it through the port: holds are not captured above."""

PATIENT = replace(Faults.none(), action_s=1e9)
"""No faults; drivers confirm when the test lets them."""


class Line(Protocol):
    """What a rig needs of a provider under test."""

    payments: Payments
    bank: Bank
    """The provider's side."""

    @property
    def now_s(self) -> float:
        """The provider's time."""
        ...

    def settle(self) -> None:
        """Wait until every answer is in (an adapter works in threads)."""

    def wait(self, delay_s: float) -> None:
        """Let the provider's time pass; notices that are due are in afterwards."""

    def publish(self) -> None:
        """Send notices of what was done at the bank by a lever."""

    def close(self) -> None:
        """Let go of everything."""


class Rig:
    """A provider under test, and everything it said.

    Args:
        line: The provider.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.news: list[Outcome | Notice] = []
        self._ids = count(1)
        line.payments.subscribe(self.news.append)

    def next_id(self) -> str:
        """Return an id for an operation."""
        return f"op-{next(self._ids)}"

    def outcomes(self, operation: str) -> list[Outcome]:
        """Return every answer to an operation."""
        self.line.settle()
        return [news for news in self.news if not isinstance(news, Notice) and news.operation == operation]

    def do(self, operation: Operation) -> Done | Refused:
        """Submit, wait, and return the answer: it is known here."""
        before = len(self.outcomes(operation.id))
        self.line.payments.submit(operation)
        answers = self.outcomes(operation.id)
        assert len(answers) == before + 1, answers
        answer = answers[-1]
        assert not isinstance(answer, Unknown), answer
        return answer

    def done(self, operation: Operation) -> Snapshot:
        """Do what must succeed, and return how the payment stands."""
        answer = self.do(operation)
        assert isinstance(answer, Done), answer
        assert answer.snapshot is not None
        return answer.snapshot

    def refused(self, operation: Operation) -> Refused:
        """Do what must be refused."""
        answer = self.do(operation)
        assert isinstance(answer, Refused), answer
        return answer

    def hold(self, payment: str = "p", **how: object) -> Snapshot:
        """Hold 50 EUR on a Visa card in an app, unless told otherwise."""
        return self.done(self.holding(payment, **how))

    def holding(
        self,
        payment: str = "p",
        *,
        card: str = "pm_card_visa",
        means: Means = Means.APP,
        amount_minor: int = 5_000,
        currency: str = "EUR",
        customer: str = "",
        incremental: bool = False,
        capture: bool = False,
        fee_minor: int = 0,
        operator: str = OPERATOR,
    ) -> Authorise:
        """Return the operation that asks for a hold."""
        instrument = Instrument(means, card, customer)
        return Authorise(
            self.next_id(),
            payment,
            amount_minor,
            currency,
            instrument,
            operator,
            incremental,
            capture,
            fee_minor,
        )

    def enrol(self, driver: str = "driver-1", card: str = "pm_card_visa") -> str:
        """Save a driver's card, and return the provider's name of the driver."""
        answer = self.do(Enrol(self.next_id(), driver, Instrument(Means.ACCOUNT, card)))
        assert isinstance(answer, Done), answer
        return answer.reference

    def fetch(self, payment: str = "p") -> Snapshot:
        """Return how a payment stands."""
        return self.done(Fetch(self.next_id(), payment))

    def intent(self, payment: str = "p") -> Intent:
        """Return what the provider keeps of a payment."""
        return self.line.bank.state.intents[self.fetch(payment).reference]

    def notices(self, payment: str = "p") -> list[str]:
        """Return the kinds of the notices about a payment, in order, after a minute."""
        self.line.wait(60.0)
        return [news.kind for news in self.news if isinstance(news, Notice) and news.payment == payment]

    def confirm(self, payment: str = "p", *, success: bool = True) -> None:
        """Let the driver finish 3-D Secure."""
        self.line.bank.intents.authenticate(self.intent(payment).id, self.line.now_s, success=success)
        self.line.publish()

    def dispute(self, payment: str = "p") -> str:
        """Let the driver's bank take everything back."""
        made = self.line.bank.claims.open_dispute(self.intent(payment).id, self.line.now_s)
        self.line.publish()
        return made.id

    def decide(self, dispute: str, *, won: bool) -> None:
        """Let the driver's bank decide."""
        self.line.bank.claims.close_dispute(dispute, self.line.now_s, won=won)
        self.line.publish()

    def return_refund(self, payment: str = "p") -> None:
        """Let the latest refund of a payment come back."""
        self.line.bank.claims.fail_refund(self.intent(payment).refunds[-1], self.line.now_s)
        self.line.publish()

    def remove_card(self, customer: str) -> None:
        """Let a driver take the saved card away."""
        for method in self.line.bank.wallets.methods_of(customer):
            self.line.bank.wallets.detach(method.id, self.line.now_s)


class SimulatedLine:
    """The simulated provider without faults."""

    def __init__(self) -> None:
        self._clock = HeapClock(now_s=1_000.0)
        self._provider = SimulatedProvider(self._clock, seed=1, faults=PATIENT, terms=TERMS)
        self.payments: Payments = self._provider
        self.bank = self._provider.bank

    @property
    def now_s(self) -> float:
        """Of the clock."""
        return self._clock.now_s

    def settle(self) -> None:
        """It answers at once."""

    def wait(self, delay_s: float) -> None:
        """Move the clock."""
        self._clock.wait(delay_s)

    def publish(self) -> None:
        """As the provider does after every operation."""
        self._provider.publish()

    def close(self) -> None:
        """Nothing to let go of."""


LINES: Mapping[str, Callable[[], Line]] = {
    "simulated": SimulatedLine,
    "stripe": lambda: StripeLine(terms=TERMS),
}
"""Every provider that the contract is tested on."""
