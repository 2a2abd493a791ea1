"""What happens to money on the wire: refunds, disputes, balance transactions, application fees, transfers."""

from __future__ import annotations

from twin.money.payments.bank_records import Dispute, DisputeStatus, Intent, RefundRecord, RefundStatus
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.wire import Json, listed, suffix

PLATFORM = "acct_twin_platform"
"""The platform itself, whose key is used."""
APPLICATION = "ca_twin_platform"
_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
    "uncategorized_text",
)  # fmt: skip
_DUE_S = 7 * 86_400


def refund(record: RefundRecord, intent: Intent, at: Instants) -> Json:
    """Return a refund."""
    own = suffix(record.id)
    failed = record.status is RefundStatus.FAILED
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": record.id,
        "object": "refund",
        "amount": record.amount_minor,
        "balance_transaction": f"txn_{own}",
        "charge": intent.charge,
        "created": at.unix(record.created_s),
        "currency": record.currency.lower(),
        "destination_details": {"card": card, "type": "card"},
        "metadata": dict(record.metadata),
        "payment_intent": intent.id,
        "reason": record.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": str(record.status),
        "transfer_reversal": f"trr_{own}" if record.reversed_minor else None,
        **(
            {"failure_balance_transaction": f"txn_{own}f", "failure_reason": record.failure_reason}
            if failed
            else {}
        ),
    }


def dispute(record: Dispute, intent: Intent, at: Instants) -> Json:
    """Return a dispute with what it moved."""
    due = at.unix(record.created_s) + _DUE_S
    moved = [dispute_moved(record, at, back=False)]
    if record.status is DisputeStatus.WON:
        moved.append(dispute_moved(record, at, back=True))
    return {
        "id": record.id,
        "object": "dispute",
        "amount": record.amount_minor,
        "balance_transactions": moved,
        "charge": intent.charge,
        "created": at.unix(record.created_s),
        "currency": record.currency.lower(),
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": at.unix(at.now_s) > due,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent.id,
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": record.reason,
        "status": str(record.status),
    }


def moved(
    name: str, net: tuple[int, int], currency: str, kind: str, source: str, at: tuple[int, str]
) -> Json:
    """Return a balance transaction.

    Args:
        name: Its id.
        net: Amount and the provider's fee on it, minor units.
        currency: Capitals.
        kind: `charge`, `refund`, `adjustment`, …
        source: What moved it.
        at: When, on the wire; and the category in reports.
    """
    amount_minor, fee_minor = net
    created, category = at
    fee = {
        "amount": fee_minor,
        "application": None,
        "currency": currency.lower(),
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": name,
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": created,
        "balance_type": "payments",
        "created": created,
        "currency": currency.lower(),
        "description": None,
        "exchange_rate": None,
        "fee": fee_minor,
        "fee_details": [fee] if fee_minor else [],
        "net": amount_minor - fee_minor,
        "reporting_category": category,
        "source": source,
        "status": "available",
        "type": kind,
    }


def charge_moved(intent: Intent, at: Instants) -> Json:
    """Return the balance transaction of a capture."""
    created = at.unix(intent.captured_s or 0.0)
    net = (intent.captured_minor, intent.fee_minor)
    return moved(
        f"txn_{suffix(intent.id)}", net, intent.currency, "charge", intent.charge, (created, "charge")
    )


def refund_moved(record: RefundRecord, at: Instants, *, back: bool) -> Json:
    """Return the balance transaction of a refund, or of one that came back."""
    created = at.unix(record.created_s)
    name = f"txn_{suffix(record.id)}"
    if back:
        net = (record.amount_minor, 0)
        return moved(
            f"{name}f", net, record.currency, "refund_failure", record.id, (created, "refund_failure")
        )
    return moved(name, (-record.amount_minor, 0), record.currency, "refund", record.id, (created, "refund"))


def dispute_moved(record: Dispute, at: Instants, *, back: bool) -> Json:
    """Return the balance transaction of a dispute, or of one that was won: the fee is not given back."""
    created = at.unix(record.created_s)
    name = f"txn_{suffix(record.id)}"
    if back:
        net = (record.amount_minor, 0)
        return moved(f"{name}w", net, record.currency, "adjustment", record.id, (created, "dispute_reversal"))
    net = (-record.amount_minor, record.fee_minor)
    return moved(name, net, record.currency, "adjustment", record.id, (created, "dispute"))


def application_fee(intent: Intent, at: Instants, refunds: list[RefundRecord]) -> Json:
    """Return the platform's part of a payment."""
    name = intent.application_fee
    given: list[Json] = [
        {
            "id": f"fr_{suffix(record.id)}",
            "object": "fee_refund",
            "amount": record.application_fee_minor,
            "balance_transaction": None,
            "created": at.unix(record.created_s),
            "currency": record.currency.lower(),
            "fee": name,
            "metadata": {},
        }
        for record in refunds
        if record.application_fee_minor
    ]
    returned_minor = intent.application_fee_refunded_minor
    return {
        "id": name,
        "object": "application_fee",
        "account": intent.destination,
        "amount": intent.application_fee_minor,
        "amount_refunded": returned_minor,
        "application": APPLICATION,
        "balance_transaction": None,
        "charge": intent.charge,
        "created": at.unix(intent.captured_s or 0.0),
        "currency": intent.currency.lower(),
        "fee_source": {"charge": intent.charge, "type": "charge"},
        "livemode": False,
        "originating_transaction": intent.charge,
        "refunded": returned_minor == intent.application_fee_minor,
        "refunds": listed(f"/v1/application_fees/{name}/refunds", given),
    }


def transfer(intent: Intent, at: Instants, refunds: list[RefundRecord]) -> Json:
    """Return what a connected account got of a payment: all of it; the application fee is taken from there."""
    name = intent.transfer
    returned: list[Json] = [
        {
            "id": f"trr_{suffix(record.id)}",
            "object": "transfer_reversal",
            "amount": record.reversed_minor,
            "balance_transaction": None,
            "created": at.unix(record.created_s),
            "currency": record.currency.lower(),
            "destination_payment_refund": None,
            "metadata": {},
            "source_refund": record.id,
            "transfer": name,
        }
        for record in refunds
        if record.reversed_minor
    ]
    return {
        "id": name,
        "object": "transfer",
        "amount": intent.captured_minor,
        "amount_reversed": intent.transfer_reversed_minor,
        "balance_transaction": None,
        "created": at.unix(intent.captured_s or 0.0),
        "currency": intent.currency.lower(),
        "description": None,
        "destination": intent.destination,
        "destination_payment": None,
        "livemode": False,
        "metadata": {},
        "reversals": listed(f"/v1/transfers/{name}/reversals", returned),
        "reversed": intent.transfer_reversed_minor == intent.captured_minor,
        "source_transaction": intent.charge,
        "source_type": "card",
        "transfer_group": intent.transfer_group or f"group_{intent.id}",
    }
