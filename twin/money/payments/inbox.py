"""The inbox of webhooks: verified, stored once, acknowledged, then processed; in any order, and again after a crash."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

import stripe
from pydantic import SecretStr

from twin.domain.books import Books
from twin.domain.clock import Clock
from twin.domain.payments import Notice
from twin.money.payments.stripe_requests import PAYMENT

STREAM: Final = "inbox"
TOLERANCE_S: Final = 300.0
"""How far a signature's instant may be from now, either way."""
LOOK_AGAIN_S: Final = 60.0
_NS = 1_000_000_000
_KINDS: Final = ("payment_intent.", "charge.", "refund.")
"""Beginnings of the kinds of events that are about a payment."""


class Verdict(Enum):
    """What became of a webhook."""

    TAKEN = "taken"
    REPEATED = "repeated"
    """It is in the inbox already."""
    IRRELEVANT = "irrelevant"
    """Of something else than a payment of ours."""
    UNKNOWN = "unknown object"
    """Of a payment that Stripe does not know, or that is none of ours."""
    FORGED = "wrong signature"
    OLD = "too old"
    EARLY = "from the future"
    UNREADABLE = "unreadable"


REJECTED: Final = frozenset({Verdict.FORGED, Verdict.OLD, Verdict.EARLY, Verdict.UNREADABLE})
"""What is not acknowledged: answered by 400."""


class Event(NamedTuple):
    """What is kept of a webhook: never its content, which may be old by now."""

    id: str
    kind: str
    payment: str
    """Ours; empty: to be found."""
    intent: str
    """Stripe's name of the payment."""


class Office(Protocol):
    """Who knows payments, and who must be told: `StripeAdapter`."""

    def notice(self, notice: Notice, /) -> None:
        """Tell that something happened to a payment."""

    def identify(self, event: str, intent: str, found: Callable[[str | None], None], /) -> None:
        """Find our name of a payment intent; None: nobody knows now, empty: not ours."""


class Inbox:
    """Takes webhooks. Everything but the search for a payment's name happens on the caller's thread.

    Args:
        books: Where events are stored; the cashier's.
        clock: Whose time is compared with signatures.
        secrets: One of them has signed (two while one is rolled).
        office: Told of every event once it is stored.
    """

    def __init__(self, books: Books, clock: Clock, secrets: Sequence[SecretStr], office: Office) -> None:
        self._books = books
        self._clock = clock
        self._secrets = secrets
        self._office = office
        self.counts: Counter[Verdict] = Counter()
        """What became of webhooks since the start."""

    def receive(self, body: bytes, signature: str | None) -> Verdict:
        """Take a webhook: when this returns and it is not one of `REJECTED`, it is durable and may be acknowledged.

        Raises:
            SettingsError: The books refuse: the sender must try again.
        """
        verdict = self._receive(body, signature)
        self.counts[verdict] += 1
        return verdict

    def restore(self) -> None:
        """Process what an earlier process stored and did not finish."""
        waiting: dict[str, Event] = {}
        for fact in self._books.facts():
            if fact.stream != STREAM:
                continue
            name = str(fact.body["id"])
            if fact.kind == "event":
                waiting[name] = Event(
                    name, str(fact.body["kind"]), str(fact.body["payment"]), str(fact.body["intent"])
                )
            else:
                waiting.pop(name, None)
        for event in waiting.values():
            self._process(event)

    def _receive(self, body: bytes, signature: str | None) -> Verdict:
        verdict = self._verify(body, signature)
        if verdict is not None:
            return verdict
        event = read(body)
        if event is None:
            return Verdict.UNREADABLE
        if not event.kind.startswith(_KINDS) or not (event.payment or event.intent):
            return Verdict.IRRELEVANT
        with self._books.atomic():
            fresh = self._books.claim(event.id, event._asdict())
            if fresh:
                self._books.note(STREAM, "event", event._asdict())
        if not fresh:
            return Verdict.REPEATED
        self._process(event)
        return Verdict.TAKEN

    def _verify(self, body: bytes, signature: str | None) -> Verdict | None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return Verdict.FORGED  # what is signed is text
        if not any(_signed(text, signature, secret) for secret in self._secrets):
            return Verdict.FORGED
        assert signature is not None
        fields = dict(part.partition("=")[::2] for part in signature.split(","))
        age_s = self._clock.now_s + self._clock.epoch_ns / _NS - int(fields["t"])
        if age_s > TOLERANCE_S:
            return Verdict.OLD
        return Verdict.EARLY if age_s < -TOLERANCE_S else None

    def _process(self, event: Event) -> None:
        if event.payment:
            self._tell(event, event.payment)
        else:
            self._office.identify(event.id, event.intent, lambda name: self._identified(event, name))

    def _identified(self, event: Event, payment: str | None) -> None:
        if payment is None:
            self._clock.call_later(LOOK_AGAIN_S, lambda: self._process(event))
        elif payment:
            self._tell(event, payment)
        else:
            self.counts[Verdict.UNKNOWN] += 1
            self._finish(event)

    def _tell(self, event: Event, payment: str) -> None:
        self._office.notice(Notice(event.id, payment, self._clock.now_s, event.kind))
        self._finish(event)

    def _finish(self, event: Event) -> None:
        with self._books.atomic():
            self._books.note(STREAM, "processed", {"id": event.id})


def read(body: bytes) -> Event | None:
    """Read an event; None where it is none."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("object") != "event":
        return None
    name, kind, data = found.get("id"), found.get("type"), found.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name or not isinstance(kind, str) or not isinstance(thing, dict):
        return None
    return Event(name, kind, _text(thing.get("metadata"), PAYMENT), _intent(thing))


def _intent(thing: Mapping[str, Any]) -> str:
    """Return the payment intent that an object is, or belongs to."""
    if thing.get("object") == "payment_intent":
        return _text(thing, "id")
    inner = thing.get("payment_intent")
    return _text(inner, "id") if isinstance(inner, dict) else _text(thing, "payment_intent")


def _text(thing: Any, key: str) -> str:
    value = thing.get(key) if isinstance(thing, dict) else None
    return value if isinstance(value, str) else ""


def _signed(text: str, signature: str | None, secret: SecretStr) -> bool:
    """Whether a signature is right; how old it is, is ours to judge: the SDK asks the machine's clock."""
    try:
        stripe.WebhookSignature.verify_header(text, signature, secret.get_secret_value(), tolerance=None)
    except stripe.SignatureVerificationError:
        return False
    return True
