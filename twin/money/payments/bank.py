"""The provider itself, without a wire and without a clock: what Stripe does with cards, holds, captures and refunds.

Deterministic: names come from a counter and the seed, time is handed in as `t_s`, and who declines is decided by
an issuer. The simulated provider and the loopback server of Stripe's wire format both stand on it.
"""

from __future__ import annotations

from collections.abc import Collection

from twin.domain.payments import Snapshot, Status
from twin.money.payments.bank_claims import Claims
from twin.money.payments.bank_intents import EXPIRED_REASON, Intents
from twin.money.payments.bank_issuer import CardIssuer, Issuer
from twin.money.payments.bank_records import DisputeStatus, Intent, IntentStatus
from twin.money.payments.bank_state import State
from twin.money.payments.bank_terms import Terms
from twin.money.payments.bank_wallets import Wallets
from twin.money.payments.fees import Fees

STATUS = {
    IntentStatus.NO_METHOD: Status.ASKED,
    IntentStatus.UNCONFIRMED: Status.ASKED,
    IntentStatus.ACTION: Status.ACTION,
    IntentStatus.HELD: Status.HELD,
    IntentStatus.SUCCEEDED: Status.CAPTURED,
    IntentStatus.CANCELED: Status.CANCELLED,
}
"""An intent's status to the port's, before declines, expiry and disputes are looked at."""


class Bank:
    """A provider.

    Args:
        seed: Makes the names of two banks differ.
        terms: The contract.
        fees: The price list.
        issuer: Decides about cards; None: what the test cards do.
        kinds: Events that are made at all; None: every kind.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        terms: Terms | None = None,
        fees: Fees | None = None,
        issuer: Issuer | None = None,
        kinds: Collection[str] | None = None,
    ) -> None:
        issuer, fees = issuer or CardIssuer(), fees or Fees()
        self.state = State(seed, kinds)
        self.wallets = Wallets(self.state, issuer)
        self.claims = Claims(self.state, fees)
        self.intents = Intents(self.state, issuer, terms or Terms(), fees, self.claims.dispute_taken)

    def snapshot(self, intent: Intent, payment: str) -> Snapshot:
        """Return an intent in the words of the port."""
        disputed_minor = won_minor = dispute_fee_minor = 0
        status = STATUS[intent.status]
        if intent.decline and intent.status is IntentStatus.NO_METHOD:
            status = Status.REFUSED
        elif intent.cancellation_reason == EXPIRED_REASON:
            status = Status.EXPIRED
        for dispute in self.claims.disputes_of(intent) if intent.disputes else ():
            dispute_fee_minor += dispute.fee_minor
            if dispute.status is DisputeStatus.WON:
                won_minor += dispute.amount_minor
            else:
                disputed_minor += dispute.amount_minor
                status = Status.LOST if dispute.status is DisputeStatus.LOST else Status.DISPUTED
        held = intent.authorised_s is not None
        return Snapshot(
            payment,
            intent.id,
            status,
            intent.currency,
            intent.amount_minor if held else 0,
            intent.captured_minor,
            intent.refunded_minor,
            disputed_minor,
            intent.fee_minor,
            float("inf") if intent.capture_before_s is None else intent.capture_before_s,
            intent.incremental,
            intent.refund_failed_minor,
            won_minor,
            dispute_fee_minor,
            intent.capture_limit_minor,
            intent.customer,
        )

    def forget(self, intent: Intent) -> None:
        """Drop a finished payment and what hangs on it."""
        for name in intent.refunds:
            self.state.refunds.pop(name, None)
        for name in intent.disputes:
            self.state.disputes.pop(name, None)
        self.state.intents.pop(intent.id, None)
