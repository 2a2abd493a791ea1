"""The payment port: what is asked of a provider, what comes back, and the life of one payment as a table.

An operation's outcome is an event with the operation's id, never a return value: a provider answers late, twice, or not at
all. The id is stored before the provider is asked, and is the idempotency key; it holds no amount. Whatever is not
known is fetched: nothing is ever tried again under another key, but what the provider says was not done and whose
key is burnt (`Unknown.burnt`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias


class Means(Enum):
    """How a driver pays."""

    __hash__ = object.__hash__

    TERMINAL = "terminal"
    """Card at the station's reader (card present)."""
    APP = "app"
    """Card in an app or behind a QR code (card not present, customer-initiated)."""
    WALLET = "wallet"
    """Apple Pay, Google Pay: a card payment method with a wallet."""
    ACCOUNT = "account"
    """RFID or contract: charged on a monthly bill by a saved card (merchant-initiated)."""


class Instrument(NamedTuple):
    """What is charged. Holds references of the provider only: never a card number."""

    means: Means
    reference: str
    """The provider's name of the payment method (`pm_…`); empty: the one that the customer saved."""
    customer: str = ""
    """The provider's name of the driver (`cus_…`, what `Enrol` answered); empty: anonymous."""


class Enrol(NamedTuple):
    """Save a driver's card for later (Customer and SetupIntent); `Done.reference` is the saved instrument's customer."""

    id: str
    payment: str
    """The driver's pseudonym takes the place of a payment here."""
    instrument: Instrument


class Authorise(NamedTuple):
    """Hold an amount; with `capture`, take it at once (a monthly bill)."""

    id: str
    payment: str
    """Our name of the payment: one hold and what follows from it."""
    amount_minor: int
    currency: str
    instrument: Instrument
    operator: str
    """Who gets the revenue: names the connected account."""
    incremental: bool = False
    """Ask for the right to raise the hold later."""
    capture: bool = False
    fee_minor: int = 0
    """The platform's part; with `capture` only."""


class Increment(NamedTuple):
    """Raise a hold to `amount_minor`, the new total."""

    id: str
    payment: str
    amount_minor: int


class Capture(NamedTuple):
    """Take `amount_minor` > 0 of a hold, once; the rest is released."""

    id: str
    payment: str
    amount_minor: int
    fee_minor: int
    """The platform's part of it; the rest is the operator's."""


class Cancel(NamedTuple):
    """Release a hold."""

    id: str
    payment: str


class Refund(NamedTuple):
    """Give back a part of what was captured; operator and platform give back their shares of it."""

    id: str
    payment: str
    amount_minor: int
    reason: str
    """duplicate, fraudulent or requested_by_customer."""


class Fetch(NamedTuple):
    """Ask how a payment stands; never changes anything."""

    id: str
    payment: str


Operation: TypeAlias = Enrol | Authorise | Increment | Capture | Cancel | Refund | Fetch
"""What is asked of a provider."""


class Status(Enum):
    """Where one payment stands."""

    __hash__ = object.__hash__

    ASKED = "asked"
    """The hold was asked for; nothing is known yet."""
    ACTION = "requires action"
    """The driver must confirm (3-D Secure)."""
    HELD = "held"
    CAPTURED = "captured"
    DISPUTED = "disputed"
    """Captured, and the driver's bank wants it back; the money is gone until it is won."""
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    LOST = "lost"
    """A dispute that was lost."""


class Word(Enum):
    """What may be learned of a payment."""

    __hash__ = object.__hash__

    HOLD_GRANTED = "hold granted"
    HOLD_REFUSED = "hold refused"
    ACTION_NEEDED = "action needed"
    HOLD_RAISED = "hold raised"
    CAPTURE_DONE = "capture done"
    HOLD_CANCELLED = "hold cancelled"
    HOLD_EXPIRED = "hold expired"
    REFUND_DONE = "refund done"
    REFUND_FAILED = "refund failed"
    """Done at first, and then it came back: the driver's bank would not take it."""
    DISPUTE_OPENED = "dispute opened"
    DISPUTE_WON = "dispute won"
    DISPUTE_LOST = "dispute lost"


LIFE: Mapping[tuple[Status, Word], Status] = {
    (Status.ASKED, Word.HOLD_GRANTED): Status.HELD,
    (Status.ASKED, Word.HOLD_REFUSED): Status.REFUSED,
    (Status.ASKED, Word.ACTION_NEEDED): Status.ACTION,
    (Status.ASKED, Word.HOLD_CANCELLED): Status.CANCELLED,
    (Status.ASKED, Word.CAPTURE_DONE): Status.CAPTURED,
    (Status.REFUSED, Word.HOLD_GRANTED): Status.HELD,  # asked again: another card, or money by now
    (Status.REFUSED, Word.CAPTURE_DONE): Status.CAPTURED,
    (Status.REFUSED, Word.HOLD_CANCELLED): Status.CANCELLED,
    (Status.ACTION, Word.HOLD_GRANTED): Status.HELD,
    (Status.ACTION, Word.HOLD_REFUSED): Status.REFUSED,
    (Status.ACTION, Word.HOLD_CANCELLED): Status.CANCELLED,
    (Status.ACTION, Word.CAPTURE_DONE): Status.CAPTURED,
    (Status.HELD, Word.HOLD_RAISED): Status.HELD,
    (Status.HELD, Word.CAPTURE_DONE): Status.CAPTURED,
    (Status.HELD, Word.HOLD_CANCELLED): Status.CANCELLED,
    (Status.HELD, Word.HOLD_EXPIRED): Status.EXPIRED,
    (Status.CAPTURED, Word.REFUND_DONE): Status.CAPTURED,
    (Status.CAPTURED, Word.REFUND_FAILED): Status.CAPTURED,
    (Status.CAPTURED, Word.DISPUTE_OPENED): Status.DISPUTED,
    (Status.DISPUTED, Word.DISPUTE_WON): Status.CAPTURED,
    (Status.DISPUTED, Word.DISPUTE_LOST): Status.LOST,
}
"""The life of a payment. A pair that is absent is news that came late or twice: the payment's snapshot decides."""


class Snapshot(NamedTuple):
    """A payment as the provider knows it: what fetching answers. Amounts in minor units of `currency`."""

    payment: str
    reference: str
    """The provider's name of it (`pi_…`)."""
    status: Status
    currency: str
    authorised_minor: int
    """Of the hold, at its highest; stays when the hold has ended."""
    captured_minor: int = 0
    refunded_minor: int = 0
    """Of every refund that was ever accepted: never falls. What the driver has is less `refund_failed_minor`."""
    disputed_minor: int = 0
    """Of a dispute that is open or lost."""
    fee_minor: int = 0
    """What the provider keeps (its price for the payment), refunds included; disputes are apart."""
    capture_before_s: float = float("inf")
    """When the hold expires, seconds since the run's epoch; a terminal's is shorter."""
    incremental: bool = False
    """Whether the hold may be raised."""
    refund_failed_minor: int = 0
    """Of refunds that were accepted, and came back later: never falls."""
    won_minor: int = 0
    """Of disputes that were won, and given back: never falls."""
    dispute_fee_minor: int = 0
    """What the provider keeps for disputes; stays when one is won."""
    capture_limit_minor: int = 0
    """The most that may be captured while it is held: the hold, or more where over-capture was granted."""
    customer: str = ""
    """The provider's name of the driver; empty: anonymous."""


class Done(NamedTuple):
    """The provider did it; `snapshot` is the payment behind it. None for `Enrol`.

    `Authorise` is done as well when the driver must confirm first (`Status.ACTION`); a notice tells the rest.
    """

    operation: str
    payment: str
    happened_s: float
    snapshot: Snapshot | None
    reference: str = ""
    """Of `Enrol`: the provider's name of the customer."""


class Refused(NamedTuple):
    """The provider will not do it, and has not: a decline, or a rule it names."""

    operation: str
    payment: str
    happened_s: float
    code: str
    """Of a decline, the issuer's: `insufficient_funds`, `expired_card`, …; of a rule, one of `RULES`."""
    final: bool = True
    """False: the same may be accepted later (under the same payment, as a new operation)."""
    snapshot: Snapshot | None = None
    """How the payment stands, where the answer says it."""


class Unknown(NamedTuple):
    """Nobody knows whether it was done: no answer, a broken connection, a server error. To be fetched."""

    operation: str
    payment: str
    happened_s: float
    why: str
    burnt: bool = False
    """The provider keeps a server error under this id, and will answer nothing else: fetch, and where it was not
    done, ask for it by a new operation. False: to submit the same id again is safe, and may end it."""


class Notice(NamedTuple):
    """The provider told of itself that something happened to a payment: a reason to look, never a fact by itself.

    Notices are lost, late, doubled and reordered; `snapshot` is the payment when we looked, not when it was sent.
    """

    id: str
    """The provider's id of the event: the same one comes more than once."""
    payment: str
    happened_s: float
    kind: str
    """In the provider's words: `charge.dispute.created`."""


Outcome: TypeAlias = Done | Refused | Unknown
"""How an operation ended."""

RULES = frozenset({
    "not_found",  # no such payment, card or customer
    "wrong_state",  # captured, cancelled, expired or refused by now: the snapshot says which
    "capture_exceeds_hold",
    "refund_exceeds_capture",
    "not_incremental",  # the hold may not be raised: not asked for, or not granted
    "amount_too_small",  # below the provider's minimum of the currency, zero, or no increase
    "amount_too_large",
    "currency",  # one that the provider does not know
    "amount_step",  # a currency of three decimals is charged in steps of ten
    "key_reused",  # the id was used with other parameters: a defect of ours
    "invalid",
})  # fmt: skip
"""Codes of refusals that are no declines: the same from every provider."""


class Payments(Protocol):
    """A payment provider. Blocking adapters work in threads of their own; nothing here waits.

    A sink may be called before `submit` returns: whoever submits has written down what it asked for.
    """

    def submit(self, operation: Operation, /) -> None:
        """Hand over an operation. The same id again is the same operation: it is done once, and answered again."""

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """Call `sink` for every outcome and notice, on the thread on which the caller lives."""
