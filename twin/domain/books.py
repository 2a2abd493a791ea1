"""The books: append-only double entry in minor units, and beside it the facts from which money is rebuilt after a crash.

Every entry names its cause and is unique by it: to post it again changes nothing. Only the books answer "how much".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from enum import Enum
from typing import NamedTuple, Protocol

from twin.domain.journal import Entry as Fact


class Account(Enum):
    """Kinds of accounts; one of a kind belongs to somebody: `Account.DRIVER.of("d-17")`."""

    __hash__ = object.__hash__

    DRIVER = "driver"
    """Receivable: what a driver owes; negative: what we owe the driver."""
    CASH = "cash"
    """At a provider."""
    DISPUTED = "disputed"
    """At a provider: taken back by a driver's bank, not decided yet."""
    HOLD = "hold"
    """Held at a provider: a memo, no money; its other side is `HELD`."""
    HELD = "held"
    """Of a driver: what is blocked on the card."""
    REVENUE = "revenue"
    """Of an operator, or of the platform: its share."""
    FEE = "fee"
    """What a provider keeps for payments, refunds and disputes: an expense of the platform."""
    TAX = "tax"
    """Owed to an authority."""
    PAYABLE = "payable"
    """To a roaming partner."""
    RECEIVABLE = "receivable"
    """From a roaming partner."""
    WRITE_OFF = "write-off"
    """Given up, by reason."""
    PAID_OUT = "paid out"
    """Of an operator: what a provider has paid to its bank."""

    def of(self, owner: str) -> str:
        """Return the name of somebody's account."""
        return f"{self._value_}:{owner}"  # `value` costs ten times as much, and every posting comes by


MEMO = frozenset((Account.HOLD, Account.HELD))
"""Kinds of accounts that are no money yet."""


class Reason(Enum):
    """Why metered energy brought no money: the closed list. Whatever fits none of these is `unexplained`, and fails the run."""

    __hash__ = object.__hash__

    FREE = "free"
    """The tariff asks nothing, or there is none."""
    DECLINED = "declined"
    """Energy flowed before the card was asked, and then it was declined."""
    EXPIRED = "expired"
    """The hold ended before it was captured."""
    OVERRUN = "overrun"
    """More was charged than was held."""
    OFFLINE = "offline"
    """The station could not ask, and let the driver charge."""
    FREE_VEND = "free vend"
    """The provider could not be reached, and the operator lets everybody charge then."""
    UNPAID = "unpaid"
    """The bill of an account was declined until it was given up."""
    METER = "meter"
    """The register fell, jumped, or has no end value: nothing can be proved."""
    DISPUTE = "dispute"
    """The driver's bank took it back."""
    GOODWILL = "goodwill"
    """The office gave it back."""
    LOST = "lost record"
    """Its charge detail record never reached who should pay."""
    OPEN = "open"
    """The run ended first: still to be charged."""


class Posting(NamedTuple):
    """One side of an entry. Debits are positive, credits negative."""

    account: str
    """Kind and owner, `kind:owner`: `driver:d-17`, `cash:stripe`, `hold:stripe`, `revenue:stadtwerk`, `fee:stripe`, `tax:DE`, …"""
    amount_minor: int


class LedgerEntry(NamedTuple):
    """One entry: its postings sum to zero. Holds are kept apart (`hold:` against `held:`): they are no money yet."""

    cause: str
    """What made it, unique in the books: `capture/PAYMENT`, `bill/SESSION`, `refund/PAYMENT/SUM`, …"""
    happened_s: float
    currency: str
    postings: tuple[Posting, ...]
    session: str = ""
    """The session it is about; empty: none, or many (a monthly bill)."""
    memo: str = ""


class Books(Protocol):
    """Where money is kept: memory in a pure simulation, a database where something real is connected.

    What a block has written so far is seen by whoever reads within it. One thread at a time.
    """

    def atomic(self) -> AbstractContextManager[None]:
        """Everything within is durable together, at the end of the outermost block, or not at all.

        Blocks nest: one block around a tick makes one commit of all blocks within. A block that is left by an
        exception is undone, an inner one alone: whoever catches what it raised goes on without it. To write
        outside of every block is a RuntimeError.

        Raises:
            SettingsError: The store refuses; nothing of the outermost block is kept. The same may be tried again.
        """
        ...

    def post(self, entry: LedgerEntry, /) -> bool:
        """Append an entry, within `atomic`.

        Returns:
            False: an entry of that cause is there already, and equal; nothing changes.

        Raises:
            AuditError: It does not balance, or differs from the one of the same cause: names both.
        """
        ...

    def entry(self, cause: str, /) -> LedgerEntry | None:
        """Return the entry of a cause; None: there is none."""

    def note(self, stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """Append a fact, within `atomic`."""

    def facts(self) -> Iterator[Fact]:
        """Every fact, in order."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, in order."""
        ...

    def balance(self, account: str, currency: str, /) -> int:
        """Debits less credits of an account, in minor units."""
        ...

    def balances(self) -> Mapping[tuple[str, str], int]:
        """(account, currency) to debits less credits, of every account that was ever posted to."""
        ...

    def claim(self, event: str, body: Mapping[str, object], /) -> bool:
        """Take an event of the provider into the inbox, within `atomic`.

        Returns:
            False: it is there already.
        """
        ...

    def number(self, series: str, /) -> int:
        """Draw the next number of a gapless series, within `atomic`: 1, 2, 3, … without holes, whatever fails."""
        ...

    def close(self) -> None:
        """Let go of the store; nothing is lost by it."""
