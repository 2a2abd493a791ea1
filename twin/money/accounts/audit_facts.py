"""What the audit of money must be handed, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from twin.domain.books import LedgerEntry, Reason
from twin.domain.payments import Snapshot
from twin.money.accounts.chart import Sale
from twin.money.billing.model import Bill

_NONE: Final[Mapping[Reason, int]] = MappingProxyType({})


class Finding(NamedTuple):
    """One thing that does not add up."""

    rule: str
    """`I1` to `I11`."""
    subject: str
    """A session, payment, entry, account or text: `session s-17`."""
    detail: str
    """What was found, and what it should have been."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.detail}"


class AuditedSession(NamedTuple):
    """A session that is over. Energies in Wh, amounts in minor units of `currency`."""

    session: str
    driver: str
    """Pseudonym: as in the account's name."""
    currency: str
    metered_wh: int
    """By the register: end less start."""
    paid_wh: int
    """Of it, billed and neither given up nor given back."""
    explained_wh: Mapping[Reason, int] = _NONE
    """The rest, by reason."""
    sale: Sale | None = None
    """The bill that stands; None: there is none."""
    bills: int | None = None
    """How many were booked; all but the last are credited as a whole. None: one if `sale` moves anything, else none."""
    credited_minor: int = 0
    """Of the bill that stands, by credit notes."""
    written_off_minor: Mapping[Reason, int] = _NONE
    """Given up of what the driver owed."""
    by_bill_minor: int = 0
    """What payments for many sessions (an account's bill) brought for this one, less what was given back."""
    open_minor: int = 0
    """What the driver still owes when the run ends; negative: is owed."""
    meter: str = ""
    """Whose register, as in `MoneyFacts.registers_wh`; empty: none is handed in."""
    bill: Bill | None = None
    """With its lines, where they are still known."""
    shown_minor: int | None = None
    """The highest cost that was shown while it ran."""
    step_minor: int = 0
    """By how much step sizes may have made the bill cheaper than what was shown."""
    max_minor: int | None = None
    """The tariff's max_price with tax; None: it has none."""


class AuditedPayment(NamedTuple):
    """A payment, as the cashier knows it."""

    payment: str
    provider: str
    snapshot: Snapshot
    """The latest."""
    held: bool = True
    """Whether it began with a hold, which is booked; a charge at once has none."""
    open: bool = False
    """Whether it is still under way: its hold need not have ended."""
    history: Sequence[Snapshot] = ()
    """All that was ever believed of it, in that order, where it is still known."""
    theirs: Snapshot | None = None
    """What the provider says now, where it was asked."""
    session: str = ""
    """For which it is; empty: none began, or many (an account's bill). A hold that is `open` when the run ends must be
    of a session with something open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFacts:
    """Everything that is audited. Each iterable is read once, in this order; generators fit.

    While money is under way (after every event of a test), hand in the sessions that are settled and every payment,
    and say `complete=False`. At the end of a run: every session and every payment, what is not settled with
    `open_minor` and `Reason.OPEN`.
    """

    entries: Iterable[LedgerEntry]
    """`Books.entries()`."""
    payments: Iterable[AuditedPayment]
    """Every payment of which anything was ever booked."""
    sessions: Iterable[AuditedSession]
    balances: Mapping[tuple[str, str], int]
    """`Books.balances()`."""
    registers_wh: Mapping[str, int] | None = None
    """What every meter counted in all; None: sessions are not summed by meter."""
    reprice: Callable[[AuditedSession], int] | None = None
    """What a session's bill should be, minor units with tax: from the measured periods and the tariff again."""
    complete: bool = True
    """Whether these are all sessions: then every driver's balance, holds and postings to sessions must be explained."""


@dataclass(slots=True)
class Findings:
    """What was found so far."""

    found: list[Finding] = field(default_factory=list)

    def add(self, rule: str, subject: str, detail: str) -> None:
        """Note one thing that does not add up."""
        self.found.append(Finding(rule, subject, detail))

    def same(self, rule: str, subject: str, what: str, there: int, expected: int) -> None:
        """Compare two numbers: what is there, and what should be."""
        if there != expected:
            self.add(rule, subject, f"{what} is {there}, expected {expected}")

    def whole(self, subject: str, numbers: Iterable[tuple[str, object]]) -> bool:
        """I10: return whether numbers are integers, none of them a float."""
        wrong = [(what, number) for what, number in numbers if type(number) is not int]
        for what, number in wrong:
            self.add("I10", subject, f"{what} is {number!r}, a {type(number).__name__}: expected an integer")
        return not wrong
