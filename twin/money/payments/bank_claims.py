"""What happens to money after it was taken: refunds, and disputes."""

from __future__ import annotations

from collections.abc import Mapping

from twin.money.payments.bank_errors import BankError, invalid
from twin.money.payments.bank_records import (
    DISPUTE,
    INTENT,
    Dispute,
    DisputeStatus,
    Intent,
    RefundRecord,
    RefundStatus,
    Verb,
)
from twin.money.payments.bank_state import State, find
from twin.money.payments.bank_terms import check_step
from twin.money.payments.fees import Fees

REFUND_REASONS = frozenset({"", "duplicate", "fraudulent", "requested_by_customer"})


class Claims:
    """Refunds and disputes.

    Args:
        state: The bank's records.
        fees: The price list.
    """

    def __init__(self, state: State, fees: Fees) -> None:
        self._state = state
        self._fees = fees

    def refund(
        self,
        intent: str,
        t_s: float,
        *,
        amount_minor: int | None = None,
        reason: str = "",
        reverse_transfer: bool = False,
        refund_application_fee: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> RefundRecord:
        """Give money back. The provider's own fee stays with it.

        Args:
            intent: Of a captured payment.
            t_s: Now.
            amount_minor: None: what is left of it.
            reason: `duplicate`, `fraudulent`, `requested_by_customer` or none.
            reverse_transfer: The operator gives back its part.
            refund_application_fee: The platform gives back its part of it, to the operator.
            metadata: Kept.

        Raises:
            BankError: Nothing was captured, more is asked for than is left, or it is disputed.
        """
        found = self._may(intent, Verb.REFUND)
        self._check_refund(found, amount_minor, reason)
        amount = found.refundable_minor if amount_minor is None else amount_minor
        if refund_application_fee and not reverse_transfer and found.destination:
            text = "refund_application_fee needs reverse_transfer on a payment with a destination."
            raise invalid("parameter_missing", text, "reverse_transfer")
        share = _fee_part(found, amount) if refund_application_fee else 0
        reversed_minor = amount if reverse_transfer and found.destination else 0
        record = RefundRecord(
            self._state.name("re"), t_s, intent, amount, found.currency, reason, RefundStatus.SUCCEEDED,
            reversed_minor, share, metadata or {},
        )  # fmt: skip
        self._state.refunds[record.id] = record
        found.refunds += (record.id,)
        found.refunded_minor += amount
        found.application_fee_refunded_minor += share
        found.transfer_reversed_minor += reversed_minor
        if found.destination:
            balance = self._state.accounts[found.destination].balance_minor
            balance[found.currency] = balance.get(found.currency, 0) - reversed_minor + share
        self._state.tell("refund.created", t_s, record, found)
        self._state.tell("charge.refunded", t_s, found, found)
        if found.card is not None and found.card.behaviour.refund_fails:
            self.fail_refund(record.id, t_s)
        return record

    def fail_refund(self, refund: str, t_s: float, reason: str = "lost_or_stolen_card") -> RefundRecord:
        """Let a refund come back: the driver's bank would not take it. What the operator gave back stays given.

        Raises:
            BankError: It is unknown, or failed already.
        """
        record = find(self._state.refunds, refund, "refund")
        if record.status is RefundStatus.FAILED:
            raise BankError("refund_unexpected_state", f"{refund} failed already.")
        found = find(self._state.intents, record.intent, "payment_intent")
        record.status, record.failure_reason = RefundStatus.FAILED, reason
        found.refund_failed_minor += record.amount_minor
        self._state.tell("refund.failed", t_s, record, found)
        return record

    def open_dispute(
        self, intent: str, t_s: float, *, amount_minor: int | None = None, reason: str = "fraudulent"
    ) -> Dispute:
        """Take money back in the name of the driver's bank, and ask a fee for it.

        Args:
            intent: Of a captured payment.
            t_s: Now.
            amount_minor: None: all that the driver has not got back.
            reason: The driver's.

        Raises:
            BankError: Nothing is left to dispute, or it is disputed already.
        """
        found = self._may(intent, Verb.DISPUTE)
        amount = found.refundable_minor if amount_minor is None else amount_minor
        if self._open_or_lost(found) or not 0 < amount <= found.refundable_minor:
            text = f"{intent} has {found.refundable_minor} left and cannot be disputed for {amount}, or is already."
            raise BankError("charge_disputed", text, intent=intent)
        fee_minor = self._fees.dispute_minor(found.currency)
        dispute = Dispute(
            self._state.name("dp"), t_s, intent, amount, found.currency, reason, DisputeStatus.OPEN, fee_minor
        )
        self._state.disputes[dispute.id] = dispute
        found.disputes += (dispute.id,)
        self._state.tell("charge.dispute.created", t_s, dispute, found)
        self._state.tell("charge.dispute.funds_withdrawn", t_s, dispute, found)
        return dispute

    def close_dispute(self, dispute: str, t_s: float, *, won: bool) -> Dispute:
        """Decide a dispute: won gives the money back, never the fee.

        Raises:
            BankError: It is unknown, or decided already.
        """
        record = find(self._state.disputes, dispute, "dispute")
        found = find(self._state.intents, record.intent, "payment_intent")
        status = DisputeStatus.WON if won else DisputeStatus.LOST
        if status not in DISPUTE[record.status]:
            raise BankError("dispute_unexpected_state", f"{dispute} is {record.status} already.")
        record.status = status
        self._state.tell("charge.dispute.closed", t_s, record, found)
        if won:
            self._state.tell("charge.dispute.funds_reinstated", t_s, record, found)
        return record

    def dispute_taken(self, intent: Intent, t_s: float, reason: str) -> Dispute:
        """Open the dispute that a test card brings."""
        return self.open_dispute(intent.id, t_s, reason=reason)

    def disputes_of(self, intent: Intent) -> list[Dispute]:
        """Return a payment's disputes, oldest first."""
        return [self._state.disputes[name] for name in intent.disputes]

    def _open_or_lost(self, intent: Intent) -> bool:
        return any(dispute.status is not DisputeStatus.WON for dispute in self.disputes_of(intent))

    def _may(self, name: str, verb: Verb) -> Intent:
        intent = find(self._state.intents, name, "payment_intent")
        if (intent.status, verb) not in INTENT:
            text = f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."
            raise BankError("payment_intent_unexpected_state", text, intent=name)
        return intent

    def _check_refund(self, intent: Intent, amount_minor: int | None, reason: str) -> None:
        if reason not in REFUND_REASONS:
            raise invalid("parameter_invalid", f"Invalid reason: {reason}", "reason")
        if self._open_or_lost(intent):
            raise BankError("charge_disputed", f"{intent.charge} is disputed: it cannot be refunded.")
        left = intent.refundable_minor
        if not left:
            raise BankError("charge_already_refunded", f"Charge {intent.charge} has already been refunded.")
        if amount_minor is not None and amount_minor <= 0:
            raise invalid("parameter_invalid_integer", "Invalid positive integer", "amount")
        wrong = None if amount_minor is None else check_step(amount_minor, intent.currency)
        if wrong is not None:
            raise wrong
        if amount_minor is not None and amount_minor > left:
            text = f"Refund amount ({amount_minor}) is greater than the amount left on the charge ({left})."
            raise BankError("refund_exceeds_capture", text, param="amount", ran=False)


def _fee_part(intent: Intent, amount_minor: int) -> int:
    """Return the platform's part of a refund: in all, its part of what was refunded in all, half up."""
    captured, share = intent.captured_minor, intent.application_fee_minor
    whole = (2 * share * (intent.refunded_minor + amount_minor) + captured) // (2 * captured)
    return max(0, min(whole, share) - intent.application_fee_refunded_minor)
