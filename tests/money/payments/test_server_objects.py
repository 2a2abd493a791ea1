"""Objects on the wire against the SDK's own types: every required key, no unknown one, every type."""

from __future__ import annotations

import json

import pytest
import stripe
from stripe._transfer_reversal import TransferReversal

from tests.money.payments.sdk_types import lacking, unknown_keys
from tests.money.payments.stripe_bench import Bench
from twin.money.payments.server.routing import Route

CLASSES = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "setup_intent": stripe.SetupIntent,
    "customer": stripe.Customer,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction,
    "application_fee": stripe.ApplicationFee,
    "fee_refund": stripe.ApplicationFeeRefund,
    "transfer": stripe.Transfer,
    "transfer_reversal": TransferReversal,
    "event": stripe.Event,
    "account": stripe.Account,
    "webhook_endpoint": stripe.WebhookEndpoint,
}
OPERATOR = "acct_stadtwerk"


def life(made: Bench) -> list[dict]:
    """Do everything that makes objects, and return them as they went over the wire."""
    v1 = made.v1
    made.thread.call(lambda server: server.bank.wallets.create_account(0.0, name=OPERATOR))
    shown = [v1.accounts.retrieve(OPERATOR), v1.accounts.create({"country": "DE", "type": "express"})]
    shown.append(
        v1.webhook_endpoints.create(
            {"url": "http://127.0.0.1:9/x", "enabled_events": ["setup_intent.succeeded"]}
        )
    )
    customer = v1.customers.create({"email": "d@twin.test", "metadata": {"twin_driver": "d-1"}})
    setup = v1.setup_intents.create({
        "customer": customer.id, "payment_method": "pm_card_visa", "confirm": True, "usage": "off_session",
    })  # fmt: skip
    waiting = v1.setup_intents.create({
        "customer": customer.id, "payment_method": "pm_card_authenticationRequired", "confirm": True,
    })  # fmt: skip
    shown += [customer, setup, waiting, v1.payment_methods.retrieve(setup.payment_method)]
    with pytest.raises(stripe.CardError):
        v1.setup_intents.create({"payment_method": "pm_card_visa_chargeDeclined", "confirm": True})
    shared = {
        "transfer_data": {"destination": OPERATOR},
        "transfer_group": "g",
        "metadata": {"twin_payment": "p"},
    }
    whole = {
        "expand": ["latest_charge.balance_transaction", "latest_charge.refunds", "customer", "payment_method"]
    }
    held = made.hold(**shared, **whole)
    present = made.hold(allowed_payment_method_types=["card_present"], **whole)
    more = made.hold(
        payment_method_options={"card": {"request_incremental_authorization": "if_available"}}, **whole
    )
    shown += [held, present, more, v1.payment_methods.retrieve(present.payment_method.id)]
    shown.append(v1.payment_intents.increment_authorization(more.id, {"amount": 8_000}))
    shown.append(v1.payment_intents.cancel(more.id, {"cancellation_reason": "abandoned"}))
    taken = v1.payment_intents.capture(
        held.id, {"amount_to_capture": 2_345, "application_fee_amount": 345, **whole}
    )
    refund = v1.refunds.create({
        "payment_intent": held.id, "amount": 1_000, "reason": "duplicate", "reverse_transfer": True,
        "refund_application_fee": True, "expand": ["charge", "payment_intent", "balance_transaction"],
    })  # fmt: skip
    charge = v1.charges.retrieve(
        taken.latest_charge.id, {"expand": ["refunds", "application_fee", "transfer"]}
    )
    shown += [taken, refund, charge, v1.payment_intents.retrieve(held.id, whole)]
    shown.append(v1.application_fees.retrieve(charge.application_fee.id))
    shown.append(v1.transfers.retrieve(charge.transfer.id))
    shown.append(v1.balance_transactions.retrieve(refund.balance_transaction.id))
    failed = made.thread.call(lambda server: server.bank.claims.fail_refund(refund.id, server.clock.now_s))
    shown.append(v1.refunds.retrieve(failed.id, {"expand": ["failure_balance_transaction"]}))
    disputed = made.hold("pm_card_createDispute", capture_method="automatic")
    (dispute,) = v1.disputes.list({"payment_intent": disputed.id}).data
    shown += [dispute, v1.charges.retrieve(disputed.latest_charge)]
    made.thread.call(
        lambda server: server.bank.claims.close_dispute(dispute.id, server.clock.now_s, won=True)
    )
    shown.append(v1.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]}))
    shown.append(made.hold("pm_card_authenticationRequired"))
    with pytest.raises(stripe.CardError) as refused:
        made.hold("pm_card_visa_chargeDeclinedInsufficientFunds")
    shown.append(v1.payment_intents.retrieve(refused.value.error.payment_intent.id, whole))
    unheld = made.hold()
    made.thread.advance(8 * 86_400.0)
    shown.append(v1.payment_intents.retrieve(unheld.id, whole))
    return [one.to_dict() for one in shown]


@pytest.fixture(scope="module")
def lived():
    """All objects and all events of one life."""
    from tests.money.payments.stripe_bench import bench

    with bench() as made:
        objects = life(made)
        events = [one.to_dict() for one in made.v1.events.list({"limit": 100}).auto_paging_iter()]
        yield objects, events


def test_every_object_is_as_the_sdk_types_it(lived) -> None:
    """Nested and expanded objects included; nothing may be missing, unknown or of another type."""
    objects, _ = lived
    wrong = [text for one in objects for text in lacking(one, CLASSES[one["object"]])]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_every_kind_of_object_was_shown(lived) -> None:
    """The test above would pass on nothing."""
    objects, _ = lived
    text = json.dumps(objects)
    for kind in set(CLASSES) - {"event"}:
        assert f'"object": "{kind}"' in text, kind


def test_every_event_is_as_the_sdk_types_it(lived) -> None:
    """The event, and the object within."""
    _, events = lived
    wrong = [text for one in events for text in lacking(one, stripe.Event)]
    wrong += [
        f"{one['type']}: {text}"
        for one in events
        for text in lacking(one["data"]["object"], CLASSES[one["data"]["object"]["object"]])
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    kinds = {one["type"] for one in events}
    assert {"charge.dispute.created", "refund.failed", "payment_intent.canceled", "charge.expired"} <= kinds


PARAMS = {
    "POST /v1/payment_intents": "PaymentIntentCreateParams",
    "GET /v1/payment_intents": "PaymentIntentListParams",
    "GET /v1/payment_intents/search": "PaymentIntentSearchParams",
    "GET /v1/payment_intents/{id}": "PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/{id}/confirm": "PaymentIntentConfirmParams",
    "POST /v1/payment_intents/{id}/capture": "PaymentIntentCaptureParams",
    "POST /v1/payment_intents/{id}/increment_authorization": "PaymentIntentIncrementAuthorizationParams",
    "POST /v1/payment_intents/{id}/cancel": "PaymentIntentCancelParams",
    "GET /v1/charges": "ChargeListParams",
    "POST /v1/customers": "CustomerCreateParams",
    "POST /v1/customers/{id}": "CustomerUpdateParams",
    "GET /v1/customers": "CustomerListParams",
    "GET /v1/customers/{id}/payment_methods": "CustomerListPaymentMethodsParams",
    "POST /v1/payment_methods": "PaymentMethodCreateParams",
    "GET /v1/payment_methods": "PaymentMethodListParams",
    "POST /v1/payment_methods/{id}/attach": "PaymentMethodAttachParams",
    "POST /v1/payment_methods/{id}/detach": "PaymentMethodDetachParams",
    "POST /v1/setup_intents": "SetupIntentCreateParams",
    "POST /v1/setup_intents/{id}/confirm": "SetupIntentConfirmParams",
    "POST /v1/setup_intents/{id}/cancel": "SetupIntentCancelParams",
    "POST /v1/accounts": "AccountCreateParams",
    "POST /v1/refunds": "RefundCreateParams",
    "GET /v1/refunds": "RefundListParams",
    "GET /v1/disputes": "DisputeListParams",
    "POST /v1/disputes/{id}/close": "DisputeCloseParams",
    "POST /v1/webhook_endpoints": "WebhookEndpointCreateParams",
    "GET /v1/webhook_endpoints": "WebhookEndpointListParams",
    "GET /v1/events": "EventListParams",
}
"""Route to the SDK's type of its request."""


def routes(made: Bench) -> list[Route]:
    return [one for one in made.thread.server.routes.all if one.path.startswith("/v1/")]


def test_the_server_accepts_no_parameter_that_the_sdk_does_not_know(stripe_server: Bench) -> None:
    """Its shapes, nested ones included, against the SDK's TypedDicts."""
    wrong = []
    for route in routes(stripe_server):
        name = PARAMS.get(f"{route.verb} {route.path}")
        if name is None:
            assert route.verb in {"GET", "DELETE"}, route.path
            assert set(route.shape) <= {"expand"}, route.path
            continue
        typed = getattr(stripe.params, name)
        wrong += unknown_keys(dict(route.shape), typed)
    assert not wrong


def test_the_oracle_sees_what_is_wrong(lived) -> None:
    """A key that is missing, one too many, and a text for a number are each named."""
    objects, _ = lived
    refund = next(one for one in objects if one["object"] == "refund")
    broken = {key: value for key, value in refund.items() if key != "currency"} | {
        "amount": "10",
        "colour": 1,
    }
    found = lacking(broken, stripe.Refund)
    assert {text.split(":")[1].strip() for text in found} == {
        "unknown key colour",
        "'10' is no int",
        "lacks currency",
    }
