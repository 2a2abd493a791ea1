"""Operations of the port carried out at Stripe, one blocking call after the other. Runs in worker threads only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import stripe

from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Done,
    Enrol,
    Increment,
    Means,
    Operation,
    Outcome,
    Refund,
    Refused,
    Snapshot,
    Unknown,
)
from twin.money.payments import stripe_requests as requests
from twin.money.payments.backoff import Backoff
from twin.money.payments.stripe_errors import Kind, Verdict, read
from twin.money.payments.stripe_reading import meta, snapshot
from twin.rng import uniform

KNOWN_MAX: Final = 100_000
"""Payments whose name at Stripe is kept at hand; others are looked up by ours."""
KEY_MAX: Final = 255
CONFIRM_POLL_S: Final = 2.0


class _Known(NamedTuple):
    """What is kept of a payment."""

    intent: str
    operation: str
    """That asked for it."""
    destination: str


class _Refusal(Exception):
    """We refuse what Stripe would not, or not so."""

    def __init__(self, code: str, snapshot: Snapshot | None = None, *, final: bool = True) -> None:
        super().__init__(code)
        self.code = code
        self.snapshot = snapshot
        self.final = final


class Desk:
    """Does operations.

    Args:
        client: Of the official SDK.
        accounts: Operator to connected account (`acct_…`); of one that is absent, everything stays with the platform.
        epoch_s: The instant of second 0, seconds since 1970.
        backoff: After a 429, which the SDK does not retry.
        seed: Of the back-off's jitter.
        wait: Waits so many real seconds; says whether to go on.
        confirm_s: How long a driver may take to confirm when a card is saved.
        resumed: An earlier process may have asked for the same long ago, when Stripe has forgotten the keys (after 24
            hours at the earliest): what is there already by our names is not made again.
    """

    def __init__(
        self,
        client: stripe.StripeClient,
        accounts: Mapping[str, str],
        epoch_s: float,
        *,
        backoff: Backoff,
        seed: int,
        wait: Callable[[float], bool],
        confirm_s: float,
        resumed: bool,
    ) -> None:
        self._v1 = client.v1
        self._accounts = accounts
        self._epoch_s = epoch_s
        self._backoff = backoff
        self._seed = seed
        self._wait = wait
        self._confirm_s = confirm_s
        self._resumed = resumed
        self._known: dict[str, _Known] = {}

    def do(self, operation: Operation) -> Outcome:
        """Carry out an operation; its instant is left to be filled in."""
        tried = 0
        while True:
            tried += 1
            try:
                return self._run(operation)
            except _Refusal as refusal:
                return Refused(
                    operation.id, operation.payment, 0.0, refusal.code, refusal.final, refusal.snapshot
                )
            except stripe.StripeError as error:
                verdict = read(error, operation)
            if verdict.kind is not Kind.THROTTLED:
                return self._ended(operation, verdict)
            draw = uniform(self._seed, "stripe", "429", operation.id, tried)
            delay_s = self._backoff.delay_s(tried, draw)
            if delay_s is None or not self._wait(delay_s):
                return self._ended(operation, verdict)

    def payment_of(self, intent: str) -> str:
        """Return our name of a payment intent; empty: it is none of ours, or there is none.

        Raises:
            StripeError: Nobody knows.
        """
        try:
            found = self._v1.payment_intents.retrieve(intent)
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return ""
        return meta(found.metadata, requests.PAYMENT)

    def _run(self, operation: Operation) -> Outcome:
        if isinstance(operation, Enrol):
            return Done(operation.id, operation.payment, 0.0, None, self._enrol(operation))
        if isinstance(operation, Authorise):
            return self._done(operation, self._authorise(operation))
        known = self._find(operation.payment)
        if known is None:
            raise _Refusal("not_found")
        intents, options = self._v1.payment_intents, _once(operation.id)
        if isinstance(operation, Refund):
            return self._done(operation, self._refund(operation, known))
        if isinstance(operation, Capture):
            intent = intents.capture(known.intent, requests.capture(operation, known.destination), options)
        elif isinstance(operation, Cancel):
            intent = intents.cancel(known.intent, requests.cancel(), options)
        elif isinstance(operation, Increment):
            params = requests.increment(operation.amount_minor)
            intent = intents.increment_authorization(known.intent, params, options)
        else:
            intent = self._whole(known.intent)
        return self._done(operation, intent)

    def _authorise(self, operation: Authorise) -> stripe.PaymentIntent:
        there = self._known.get(operation.payment)
        if there is None and self._resumed:
            there = self._find(operation.payment)
            if there is not None and there.operation == operation.id:
                return self._whole(there.intent)
        if there is not None and there.operation != operation.id:
            before = self._whole(there.intent)
            if before.status != "requires_payment_method":
                raise _Refusal("wrong_state", self._snapshot(before, operation.payment))
        destination = self._accounts.get(operation.operator, "")
        params = requests.authorise(operation, self._card(operation), destination)
        try:
            intent = self._v1.payment_intents.create(params, _once(operation.id))
        except stripe.CardError as error:
            made = read(error, operation).intent
            if made is not None:
                self._keep(operation.payment, _Known(made["id"], operation.id, destination))
            raise
        self._keep(operation.payment, _Known(intent.id, operation.id, destination))
        return intent

    def _card(self, operation: Authorise) -> str:
        """Return the payment method; of an account, the one that the driver saved last."""
        wanted = operation.instrument
        if wanted.means is not Means.ACCOUNT or not wanted.customer:
            return wanted.reference
        customer = self._v1.customers.retrieve(wanted.customer)
        settings = None if getattr(customer, "deleted", False) else customer.invoice_settings
        card = None if settings is None else settings.default_payment_method
        if card is None:
            raise _Refusal("not_found")
        return card if isinstance(card, str) else card.id

    def _refund(self, operation: Refund, known: _Known) -> stripe.PaymentIntent:
        before = self._whole(known.intent)
        if before.status != "succeeded":  # Stripe would release the hold, as if it were cancelled
            raise _Refusal("wrong_state", self._snapshot(before, operation.payment))
        if self._resumed and any(
            meta(made.metadata, requests.OPERATION) == operation.id for made in _refunds(before)
        ):
            return before
        fee = bool(before.application_fee_amount)
        params = requests.refund(operation, known.intent, shared=bool(known.destination), fee=fee)
        self._v1.refunds.create(params, _once(operation.id))
        return self._whole(known.intent)

    def _enrol(self, operation: Enrol) -> str:
        customer = operation.instrument.customer
        if not customer:
            made = self._v1.customers.create(requests.customer(operation), _once(f"{operation.id}/customer"))
            customer = made.id
        params = requests.setup(operation, customer)
        setup = self._confirmed(self._v1.setup_intents.create(params, _once(f"{operation.id}/setup")))
        card = setup.payment_method
        assert card is not None, setup.id
        name = card if isinstance(card, str) else card.id
        self._v1.customers.update(customer, requests.default_card(name), _once(f"{operation.id}/default"))
        return customer

    def _confirmed(self, setup: stripe.SetupIntent) -> stripe.SetupIntent:
        """Wait until the driver has confirmed in the app."""
        waited_s = 0.0
        while setup.status == "requires_action" and waited_s < self._confirm_s:
            waited_s += CONFIRM_POLL_S
            if not self._wait(CONFIRM_POLL_S):
                break
            setup = self._v1.setup_intents.retrieve(setup.id)
        if setup.status != "succeeded":
            raise _Refusal("authentication_required", final=False)
        return setup

    def _find(self, payment: str) -> _Known | None:
        """Return Stripe's name of a payment. Charges are listed at once, a search lags by up to a minute."""
        known = self._known.get(payment)
        if known is not None:
            return known
        charges = self._v1.charges.list({"transfer_group": payment, "limit": 100}).data
        names = [_id(charge.payment_intent) for charge in sorted(charges, key=lambda one: not one.paid)]
        found = [
            self._v1.payment_intents.retrieve(name) for name in names[:1] if name
        ] or self._v1.payment_intents.search({"query": requests.by_payment(payment), "limit": 1}).data
        if not found or meta(found[0].metadata, requests.PAYMENT) != payment:
            return None
        data = found[0].transfer_data
        destination = "" if data is None else _id(data.destination)
        known = _Known(found[0].id, meta(found[0].metadata, requests.OPERATION), destination)
        self._keep(payment, known)
        return known

    def _keep(self, payment: str, known: _Known) -> None:
        self._known[payment] = known
        if len(self._known) > KNOWN_MAX:
            self._known.pop(next(iter(self._known)), None)

    def _whole(self, intent: str) -> stripe.PaymentIntent:
        return self._v1.payment_intents.retrieve(intent, requests.fetch())

    def _snapshot(self, intent: stripe.PaymentIntent, payment: str) -> Snapshot:
        charge = intent.latest_charge
        disputed = isinstance(charge, stripe.Charge) and charge.disputed
        disputes = (
            self._v1.disputes.list({"payment_intent": intent.id, "limit": 100}).data if disputed else []
        )
        return snapshot(intent, payment, self._epoch_s, _refunds(intent), disputes)

    def _done(self, operation: Operation, intent: stripe.PaymentIntent) -> Done:
        return Done(operation.id, operation.payment, 0.0, self._snapshot(intent, operation.payment))

    def _ended(self, operation: Operation, verdict: Verdict) -> Outcome:
        if verdict.kind is not Kind.REFUSED:
            return Unknown(operation.id, operation.payment, 0.0, verdict.code, verdict.burnt)
        return Refused(
            operation.id, operation.payment, 0.0, verdict.code, verdict.final, self._after(operation, verdict)
        )

    def _after(self, operation: Operation, verdict: Verdict) -> Snapshot | None:
        """Return how a payment stands after a refusal, None where that cannot be learned now."""
        known = self._known.get(operation.payment)
        if known is None or verdict.code == "key_reused":
            return None
        try:
            return self._snapshot(self._whole(known.intent), operation.payment)
        except stripe.StripeError:
            return None  # the refusal stands without it


def _refunds(intent: stripe.PaymentIntent) -> list[stripe.Refund]:
    """Return the refunds of what was captured, all pages."""
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge) or not charge.captured:
        return []
    refunds = getattr(charge, "refunds", None)
    return [] if refunds is None else list(refunds.auto_paging_iter())


def _id(thing: str | stripe.PaymentIntent | stripe.Account | None) -> str:
    if thing is None:
        return ""
    return thing if isinstance(thing, str) else thing.id


def _once(operation: str) -> stripe.RequestOptions:
    """Return the idempotency key of an operation: its id, or a digest of one that no header can hold."""
    plain = operation.isascii() and operation.isprintable() and len(operation) <= KEY_MAX
    digest = hashlib.blake2s(operation.encode()).hexdigest()
    return {"idempotency_key": operation if plain else f"twin-{digest}"}
