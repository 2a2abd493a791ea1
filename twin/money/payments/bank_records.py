"""What a provider keeps: cards, customers, intents, refunds, disputes; and the tables of what may happen to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from twin.domain.payments import Means


class IntentStatus(StrEnum):
    """Of a payment intent, in the provider's words."""

    NO_METHOD = "requires_payment_method"
    UNCONFIRMED = "requires_confirmation"
    ACTION = "requires_action"
    HELD = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class Verb(StrEnum):
    """What may be done to a payment intent."""

    CONFIRM = "confirm"
    AUTHENTICATE = "authenticate"
    INCREMENT = "increment the authorization of"
    CAPTURE = "capture"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUND = "refund"
    DISPUTE = "dispute"


S, V = IntentStatus, Verb
INTENT: Mapping[tuple[IntentStatus, Verb], frozenset[IntentStatus]] = {
    (S.NO_METHOD, V.CONFIRM): frozenset({S.NO_METHOD, S.ACTION, S.HELD, S.SUCCEEDED}),
    (S.UNCONFIRMED, V.CONFIRM): frozenset({S.NO_METHOD, S.ACTION, S.HELD, S.SUCCEEDED}),
    (S.ACTION, V.AUTHENTICATE): frozenset({S.NO_METHOD, S.HELD, S.SUCCEEDED}),
    (S.HELD, V.INCREMENT): frozenset({S.HELD}),
    (S.HELD, V.CAPTURE): frozenset({S.SUCCEEDED}),
    (S.HELD, V.EXPIRE): frozenset({S.CANCELED}),
    (S.NO_METHOD, V.CANCEL): frozenset({S.CANCELED}),
    (S.UNCONFIRMED, V.CANCEL): frozenset({S.CANCELED}),
    (S.ACTION, V.CANCEL): frozenset({S.CANCELED}),
    (S.HELD, V.CANCEL): frozenset({S.CANCELED}),
    (S.SUCCEEDED, V.REFUND): frozenset({S.SUCCEEDED}),
    (S.SUCCEEDED, V.DISPUTE): frozenset({S.SUCCEEDED}),
}
"""The life of a payment intent: where a verb may lead. A pair that is absent is refused, and changes nothing."""
del S, V


class DisputeStatus(StrEnum):
    """Of a dispute."""

    OPEN = "needs_response"
    WON = "won"
    LOST = "lost"


DISPUTE: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    DisputeStatus.OPEN: frozenset({DisputeStatus.WON, DisputeStatus.LOST}),
    DisputeStatus.WON: frozenset(),
    DisputeStatus.LOST: frozenset(),
}


class RefundStatus(StrEnum):
    """Of a refund: it succeeds at once, and may fail days later."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Behaviour(NamedTuple):
    """How an issuer answers for a card."""

    decline: str = ""
    """Its code for every charge; empty: granted."""
    action: bool = False
    """Asks for 3-D Secure where the driver is there, and declines where not."""
    action_until_saved: bool = False
    """That only as long as the driver did not confirm when the card was saved."""
    attach_decline: str = ""
    """Its code when the card is saved."""
    dispute: str = ""
    """The reason of a dispute that is opened as soon as money was taken."""
    refund_fails: bool = False


@dataclass(slots=True)
class Method:
    """A payment method: a card, never its number."""

    id: str
    created_s: float
    brand: str = "visa"
    last4: str = "4242"
    wallet: str = ""
    """`apple_pay`, `google_pay`; empty: none."""
    present: bool = False
    """Read at a terminal: used once."""
    customer: str = ""
    detached: bool = False
    reusable: bool = False
    """Stands for every token that a reader or a wallet makes of one card; other cards of no customer are used once."""
    used_by: str = ""
    """The intent that used it up, of a method that belongs to no customer."""
    confirmed: bool = False
    """The driver confirmed when it was saved."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Customer:
    """A driver who is known to the provider."""

    id: str
    created_s: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    email: str = ""
    name: str = ""
    default_method: str = ""


@dataclass(slots=True)
class Setup:
    """A SetupIntent: a card saved for later."""

    id: str
    created_s: float
    customer: str
    method: str
    status: str
    """`requires_payment_method`, `requires_confirmation`, `requires_action`, `succeeded`, `canceled`."""
    decline: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ConnectedAccount:
    """An operator who gets its share."""

    id: str
    created_s: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    balance_minor: dict[str, int] = field(default_factory=dict)
    """Currency to what was transferred, less application fees and reversals."""


@dataclass(slots=True)
class Intent:
    """A payment intent with the charge behind it."""

    id: str
    created_s: float
    amount_minor: int
    """Of the hold, raised by increments."""
    currency: str
    means: Means
    status: IntentStatus
    automatic: bool
    """Capture as soon as it is authorised."""
    card: Method | None = None
    customer: str = ""
    off_session: bool = False
    """The driver is not there to confirm anything."""
    wants_increments: bool = False
    wants_overcapture: bool = False
    destination: str = ""
    """Connected account that gets the operator's share; empty: everything stays with the platform."""
    application_fee_minor: int = 0
    """The platform's part of what was captured."""
    transfer_group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    """Charges that were tried: each has an id of its own."""
    decline: str = ""
    """Of the last attempt, if it failed."""
    authorised_s: float | None = None
    capture_before_s: float | None = None
    """When the hold expires; None: there was none."""
    incremental: bool = False
    """May be raised."""
    increments: int = 0
    capture_limit_minor: int = 0
    captured_minor: int = 0
    captured_s: float | None = None
    refunded_minor: int = 0
    """Of every refund that was accepted; less `refund_failed_minor` is what the driver has."""
    refund_failed_minor: int = 0
    application_fee_refunded_minor: int = 0
    transfer_reversed_minor: int = 0
    fee_minor: int = 0
    """The provider's, of the payment."""
    canceled_s: float | None = None
    cancellation_reason: str = ""
    """`requested_by_customer`, `duplicate`, `fraudulent`, `abandoned`; of an expired hold `automatic`."""
    refunds: tuple[str, ...] = ()
    disputes: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The id of the payment method; empty: none yet."""
        return "" if self.card is None else self.card.id

    @property
    def charge(self) -> str:
        """The id of the latest charge; empty: none was tried."""
        if not self.attempts:
            return ""
        return f"ch_{self.id[3:]}" + (f"r{self.attempts}" if self.attempts > 1 else "")

    @property
    def transfer(self) -> str:
        """The id of the transfer to the connected account; empty: none."""
        return f"tr_{self.id[3:]}" if self.destination and self.captured_minor else ""

    @property
    def application_fee(self) -> str:
        """The id of the application fee; empty: none."""
        return f"fee_{self.id[3:]}" if self.application_fee_minor and self.captured_minor else ""

    @property
    def refundable_minor(self) -> int:
        """What may still be given back."""
        return self.captured_minor - self.refunded_minor + self.refund_failed_minor


@dataclass(slots=True)
class RefundRecord:
    """Money given back."""

    id: str
    created_s: float
    intent: str
    amount_minor: int
    currency: str
    reason: str
    status: RefundStatus
    reversed_minor: int
    """What the operator gave back of it."""
    application_fee_minor: int
    """What the platform gave back of it (to the operator, who paid it)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    failure_reason: str = ""


@dataclass(slots=True)
class Dispute:
    """A driver's bank wants money back."""

    id: str
    created_s: float
    intent: str
    amount_minor: int
    currency: str
    reason: str
    status: DisputeStatus
    fee_minor: int


Thing: TypeAlias = Intent | RefundRecord | Dispute | Customer | Method | Setup | ConnectedAccount
"""What an event is about."""


class BankEvent(NamedTuple):
    """Something happened: what a webhook tells."""

    id: str
    kind: str
    """`payment_intent.succeeded`, `charge.dispute.created`, …; a kind `charge.…` of an intent is about its charge."""
    created_s: float
    thing: Thing
    """As it is now: a listener that wants to keep it copies it."""
    intent: Intent | None
    """The payment that it concerns, None where it concerns none."""
