"""What the cashier remembers: tabs, their payments, accounts. Plain records; only `fold` changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import inf, nan
from typing import NamedTuple

from twin.domain.books import Reason
from twin.domain.payment_life import Payment
from twin.domain.payments import Instrument, Snapshot, Status, Word
from twin.money.cashier.wish import Grounds, Wish


class Phase(Enum):
    """Where a tab stands."""

    __hash__ = object.__hash__

    WAITING = "waiting"
    """For the provider, and the driver with it."""
    READY = "ready"
    """Granted; no energy has flowed."""
    CHARGING = "charging"
    ENDED = "ended"
    """Priced; the money is collected, or is already."""
    AWAY = "away"
    """Refused, or the driver left before energy flowed."""


class Kind(Enum):
    """What a payment is for."""

    __hash__ = object.__hash__

    HOLD = "hold"
    """Asked for before energy flowed."""
    RENEWAL = "renewal"
    """A hold in the place of one that expires."""
    CHARGE = "charge"
    """Taken at once, after the session: what no hold covers."""
    BILL = "bill"
    """Taken at once: an account's bill."""


class Purpose(Enum):
    """What an operation does to its payment; the middle of its id."""

    __hash__ = object.__hash__

    HOLD = "hold"
    CHARGE = "charge"
    RAISE = "raise"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    ENROL = "enrol"


class Step(NamedTuple):
    """An operation that was decided: with its payment, all that is needed to ask for it (again)."""

    purpose: Purpose
    number: int
    """Within its payment, from 1; fetches are not counted."""
    amount_minor: int
    fee_minor: int
    id: str
    """The operation's: payment, purpose, number."""


@dataclass(slots=True)
class Pay:
    """One payment: a hold and what follows from it, or a charge."""

    name: str
    kind: Kind
    owner: str
    """Of a tab; of a `BILL` the bill's name."""
    driver: str
    instrument: Instrument
    operator: str
    currency: str
    asked_s: float
    incremental: bool = False
    """Whether the right to raise the hold is asked for."""
    session: str = ""
    steps: int = 0
    """How many operations were decided."""
    step: Step | None = None
    """The one whose outcome is not known yet: never more than one."""
    step_s: float = 0.0
    """When it was handed over."""
    life: Payment = field(init=False)
    """All that was learned, and booked; the next two are read from it by `learn`."""
    status: Status = Status.ASKED
    """Where it stands."""
    known: Snapshot | None = None
    """The latest snapshot."""
    code: str = ""
    """Of the last refusal."""
    barred: set[Purpose] = field(default_factory=set)
    """What the provider refused: not asked for again."""
    refund_for: str = ""
    """Of a bill: whose refund was asked for last."""
    disputes: int = 0
    """How many were opened."""
    answered_s: float = nan
    """When it was known whether the hold was granted."""
    held_s: float = nan
    """When it was."""
    ended_s: float = nan
    """When it ended."""

    def __post_init__(self) -> None:
        self.life = Payment(self.name)

    def learn(self, news: Snapshot | Word) -> None:
        """Take in news, in any order."""
        self.life.learn(news)
        self.status, self.known = self.life.status, self.life.snapshot

    @property
    def open_hold_minor(self) -> int:
        """What is blocked on the card now."""
        return self.known.authorised_minor if self.known is not None and self.status is Status.HELD else 0

    @property
    def captured_minor(self) -> int:
        """What was taken, gross."""
        return 0 if self.known is None else self.known.captured_minor

    @property
    def returned_minor(self) -> int:
        """What was given back and arrived."""
        return 0 if self.known is None else self.known.refunded_minor - self.known.refund_failed_minor

    @property
    def lost_minor(self) -> int:
        """What the driver's bank took back for good."""
        return self.known.disputed_minor if self.known is not None and self.status is Status.LOST else 0

    @property
    def before_s(self) -> float:
        """When the hold expires."""
        return inf if self.known is None else self.known.capture_before_s


@dataclass(slots=True)
class Tab:
    """The money of one wish, from asking to the end."""

    name: str
    wish: Wish
    currency: str
    asked_s: float
    phase: Phase = Phase.WAITING
    grounds: Grounds | None = None
    """None: undecided."""
    granted: bool = False
    code: str = ""
    latency_s: float = nan
    session: str = ""
    begun_s: float = nan
    ended_s: float = nan
    pays: list[Pay] = field(default_factory=list)
    metered_wh: int = 0
    explained_wh: dict[Reason, int] = field(default_factory=dict)
    bills: int = 0
    """How many were written; all but the last are credited."""
    booked_bills: int = 0
    """Those of them that came to anything."""
    billed_minor: int = 0
    """Of the bill that stands."""
    tax_minor: int = 0
    credited_minor: int = 0
    """Of the bill that stands, by the office."""
    credits: dict[str, int] = field(default_factory=dict)
    """The office's, by name."""
    written_minor: dict[Reason, int] = field(default_factory=dict)
    write_offs: int = 0
    """How many were booked; their numbers make causes unique."""
    bill: str = ""
    """The account's bill that it stands on; empty: none."""
    by_bill_minor: int = 0
    """What account bills have brought for it, less what was given back."""
    settled_s: float = nan
    touched_s: float = 0.0
    """The last time that anything happened to it."""

    @property
    def moves(self) -> bool:
        """Whether the bill that stands comes to anything."""
        return bool(self.billed_minor or self.tax_minor)

    @property
    def paid_minor(self) -> int:
        """What was taken for it, less what was given back."""
        paid_minor = self.by_bill_minor
        for pay in self.pays:
            known = pay.known
            if known is not None:
                paid_minor += known.captured_minor - known.refunded_minor + known.refund_failed_minor
        return paid_minor

    @property
    def refundable_minor(self) -> int:
        """What may still be given back of the bill that stands: neither given back nor given up."""
        return max(self.billed_minor - self.credited_minor - sum(self.written_minor.values()), 0)

    @property
    def due_minor(self) -> int:
        """What the driver owes; negative: is owed."""
        given_up_minor = sum(self.written_minor.values()) if self.written_minor else 0
        return self.billed_minor - self.credited_minor - given_up_minor - self.paid_minor


@dataclass(slots=True)
class AccountBill:
    """What an account is asked to pay at once: many sessions, one payment per attempt."""

    name: str
    driver: str
    currency: str
    tabs: list[str]
    amounts_minor: list[int]
    """What each tab owed; negative: was owed."""
    amount_minor: int
    """Their sum."""
    tries: int = 0
    next_s: float = inf
    """When the next attempt is due."""
    pays: list[Pay] = field(default_factory=list)
    done: bool = False
    """Paid, given up, or left to the next bill."""


@dataclass(slots=True)
class DriverAccount:
    """A driver who pays by bill."""

    driver: str
    instrument: Instrument
    enrolling: bool = False
    """Saving the card was asked for, and may be done."""
    blocked: bool = False
    due: dict[str, None] = field(default_factory=dict)
    """Tabs that are on no bill yet."""
