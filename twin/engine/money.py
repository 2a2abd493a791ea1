"""What a run needs to take money: the parts that the composition root picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twin.domain.books import Books, LedgerEntry
from twin.domain.clock import Clock
from twin.domain.ids import SiteId
from twin.domain.payments import Instrument, Payments
from twin.engine.tariffs import SiteTariff
from twin.money.cashier.policy import Policy


class SelfStarting(Protocol):
    """Stations that may let a driver charge while they cannot ask."""

    def start(self, t_s: float, row: int, token: str, /) -> float:
        """Begin a transaction on the station's own authority; return the register."""
        ...


class EndingClock(Clock, Protocol):
    """Time that goes on behind the end of the run."""

    def run_out(self, until_s: float, /) -> None:
        """Let time pass behind the end of the run, for answers that are under way: nothing else happens any more."""


class ToldBooks(Books, Protocol):
    """Books whose news become rows of a table."""

    def take(self) -> list[LedgerEntry]:
        """Return entries since the last call; outside of blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """How drivers pay in a run."""

    policy: Policy
    clock: EndingClock
    payments: Payments
    books: ToldBooks
    tariffs: Mapping[SiteId, SiteTariff]
    """Of every site; those that charge nothing have an empty one."""
    cards: Sequence[tuple[Instrument, ...]]
    """What each driver may pay with, in the order of `Visits.drivers`; one at least."""
    authority: str
    """To whom tax is owed."""
    provider: str
    """Its name in the books."""
    retry_s: float
    """From a refusal until the driver tries another card."""
    leave_s: float
    """From the last refusal until the driver leaves."""
    months: tuple[tuple[float, str], ...]
    """When accounts are billed, and for which month; ascending."""
    last_month: str
    """The month that is billed at the end of the run; empty: it stays open."""
    settle_s: float
    """How long behind the end of the run answers are waited for."""
    alone: SelfStarting | None = None
    """Stations that may let drivers charge while they cannot ask; None: they wait until they can."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the manifest says about it."""
