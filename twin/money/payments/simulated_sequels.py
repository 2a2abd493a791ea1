"""What follows from a payment by itself: the driver confirms or not, disputes come and are decided, refunds come back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twin.domain.clock import Clock
from twin.money.payments.bank import Bank
from twin.money.payments.bank_intents import EXPIRED_REASON
from twin.money.payments.bank_records import BankEvent, Intent, IntentStatus, RefundRecord
from twin.money.payments.bank_terms import DAY_S
from twin.money.payments.faults import Faults, exponential, lognormal
from twin.money.payments.simulated_desk import Desk
from twin.money.payments.simulated_issuer import PAYMENT
from twin.rng import uniforms

_ACTION_SIGMA = 0.6
"""Of the logarithm of the time for 3-D Secure: the slowest hundredth takes four times the median."""


class Sequels:
    """Plans what follows from the bank's events, and does it when its time has come.

    Args:
        bank: Where things happen.
        desk: What must not be forgotten meanwhile.
        clock: Where what is planned waits.
        faults: The rates.
        seed: The run's.
        happened: Called after something was done, with the instant: notices leave then.
    """

    def __init__(
        self,
        bank: Bank,
        desk: Desk,
        clock: Clock,
        faults: Faults,
        seed: int,
        happened: Callable[[float], None],
    ) -> None:
        self._bank = bank
        self._desk = desk
        self._clock = clock
        self._faults = faults
        self._seed = seed
        self._happened = happened
        self._plans: dict[str, Callable[[BankEvent, Intent], None]] = {
            "payment_intent.requires_action": self._challenged,
            "payment_intent.succeeded": self._taken,
            "payment_intent.canceled": self._ended,
            "refund.created": self._refunded,
        }

    def take(self, event: BankEvent) -> None:
        """Plan what follows from an event; nothing happens yet."""
        plan = self._plans.get(event.kind)
        if plan is not None and event.intent is not None:
            plan(event, event.intent)

    def _challenged(self, event: BankEvent, intent: Intent) -> None:
        draws = self._draws(intent, "action")
        due_s = event.created_s + lognormal(self._faults.action_s, _ACTION_SIGMA, draws[1])
        success = draws[0] < self._faults.action_completed
        self._clock.call_at(due_s, partial(self._confirm, intent, due_s, success=success))

    def _confirm(self, intent: Intent, t_s: float, *, success: bool) -> None:
        if intent.status is IntentStatus.ACTION:  # not if it was cancelled meanwhile
            after = self._bank.intents.authenticate(intent.id, t_s, success=success)
            if after.status is not IntentStatus.HELD:
                self._desk.close(_payment(intent), t_s)
            self._happened(t_s)

    def _taken(self, event: BankEvent, intent: Intent) -> None:
        if not self._faults.dispute:
            return
        draws = self._draws(intent, "dispute")
        if draws[0] < self._faults.dispute:
            self._desk.kept.add(_payment(intent))
            due_s = event.created_s + DAY_S * exponential(self._faults.dispute_days, draws[1])
            self._clock.call_at(due_s, partial(self._dispute, intent, due_s, draws))

    def _dispute(self, intent: Intent, t_s: float, draws: tuple[float, ...]) -> None:
        if not intent.refundable_minor or intent.disputes:
            self._release(intent, t_s)
            return
        dispute = self._bank.claims.open_dispute(intent.id, t_s)
        due_s = t_s + DAY_S * exponential(self._faults.dispute_decided_days, draws[2])
        won = draws[3] < self._faults.dispute_won
        self._clock.call_at(due_s, partial(self._decide, intent, dispute.id, due_s, won=won))
        self._happened(t_s)

    def _decide(self, intent: Intent, dispute: str, t_s: float, *, won: bool) -> None:
        self._bank.claims.close_dispute(dispute, t_s, won=won)
        self._release(intent, t_s)
        self._happened(t_s)

    def _refunded(self, event: BankEvent, intent: Intent) -> None:
        refund = event.thing
        if not self._faults.refund_failed or not isinstance(refund, RefundRecord):
            return
        if self._draws(intent, f"refund {len(intent.refunds)}")[0] < self._faults.refund_failed:
            due_s = event.created_s + DAY_S * self._faults.refund_failed_days
            self._clock.call_at(due_s, partial(self._return, refund, due_s))

    def _return(self, refund: RefundRecord, t_s: float) -> None:
        if refund.id in self._bank.state.refunds:
            self._bank.claims.fail_refund(refund.id, t_s)
            self._happened(t_s)

    def _ended(self, event: BankEvent, intent: Intent) -> None:
        if intent.cancellation_reason == EXPIRED_REASON:
            self._desk.close(_payment(intent), event.created_s)

    def _release(self, intent: Intent, t_s: float) -> None:
        self._desk.kept.discard(_payment(intent))
        self._desk.close(_payment(intent), t_s)

    def _draws(self, intent: Intent, purpose: str) -> tuple[float, ...]:
        return uniforms(self._seed, f"payments/{purpose}/{_payment(intent)}")


def _payment(intent: Intent) -> str:
    return intent.metadata.get(PAYMENT, intent.id)
