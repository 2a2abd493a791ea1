"""A process that dies at a boundary: before or after anything is written, before or after anything is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.money.cashier.bench import PRICERS
from tests.money.cashier.street import DAY_S, Street, drawn_visits
from tests.money.payments.heap_clock import HeapClock
from twin.domain.books import Books
from twin.domain.payments import Notice, Operation, Outcome, Payments
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import Policy
from twin.money.cashier.rows import Row
from twin.money.ledger.sql import SqlBooks
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider


class CrashError(Exception):
    """The process is gone."""


class Boundaries:
    """Counts boundaries, and dies at one of them.

    Args:
        at: At which, from 1; 0: at none.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0
        self.dead = False

    def cross(self) -> None:
        """Come to a boundary. The dead do nothing more."""
        self.passed += 1
        self.dead = self.dead or self.passed == self.at
        self.check()

    def check(self) -> None:
        """Go on only where there is life."""
        if self.dead:
            raise CrashError(self.passed)


class CrashingBooks:
    """Books whose blocks have boundaries: when they begin, before they are safe, and after."""

    def __init__(self, books: Books, boundaries: Boundaries) -> None:
        self._books = books
        self._boundaries = boundaries
        self._depth = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._books, name)

    def atomic(self) -> AbstractContextManager[None]:
        """See `Books.atomic`."""
        return self._block()

    @contextmanager
    def _block(self) -> Iterator[None]:
        self._boundaries.cross()
        with self._books.atomic():
            yield
            self._boundaries.cross()
        self._boundaries.cross()


class Line:
    """A provider that lives on while the process dies; only the latest process hears it.

    A crash in a process that is being told something is none of the provider's: it shows as soon as it has told it.
    """

    def __init__(self, payments: Payments, boundaries: Boundaries, clock: HeapClock) -> None:
        self._payments = payments
        self._clock = clock
        self._boundaries = boundaries
        self._sink: Callable[[Outcome | Notice], None] | None = None
        payments.subscribe(self._told)

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """See `Payments.subscribe`."""
        self._sink = sink

    def submit(self, operation: Operation, /) -> None:
        """See `Payments.submit`."""
        self._boundaries.cross()
        self._payments.submit(operation)
        self._boundaries.cross()

    def hang_up(self) -> None:
        """Nobody hears it."""
        self._sink = None

    def _told(self, news: Outcome | Notice) -> None:
        if self._sink is not None:
            try:
                self._sink(news)
            except CrashError:
                self.hang_up()
                self._clock.call_later(0.0, self._boundaries.check)


class CrashingSchedule:
    """A street whose cashier dies at a boundary, and is taken up again from its database.

    Args:
        seed: Of drivers and faults.
        database: Path of a SQLite file that is not there yet.
        crash_at: The boundary, from 1; 0: none.
        policy: Of all cashiers.
        faults: Of the provider.
        count: Visits.
    """

    def __init__(
        self, seed: int, database: Path, crash_at: int, policy: Policy, faults: Faults, count: int = 4
    ) -> None:
        self.boundaries = Boundaries(crash_at)
        self.clock = HeapClock()
        self.provider = SimulatedProvider(self.clock, seed=seed, faults=faults, retention_s=400 * DAY_S)
        self.line = Line(self.provider, self.boundaries, self.clock)
        self.street = Street(self.clock, drawn_visits(seed, count, 1.0))
        self.rows: list[Row] = []
        self.crashes = 0
        self._url = f"sqlite:///{database}"
        self._policy = policy
        self.books = SqlBooks(self._url)
        self.street.cashier = self.make()

    def make(self) -> Cashier:
        """Start the process."""
        return Cashier(
            self._policy, self.clock, self.line, CrashingBooks(self.books, self.boundaries), PRICERS,  # type: ignore[arg-type]
            decided=self.street.decided, stop=self.street.stop, meter=self.street.meter, sink=self.rows.append,
        )  # fmt: skip

    def run(self) -> None:
        """Let it happen, with its crash, until nothing is under way."""
        for step in (
            lambda: self._until(self.street.end_s + 12 * DAY_S),
            self._wind_up,
            lambda: self._until(self.street.end_s + 13 * DAY_S),
        ):
            self.survive(step)

    def _until(self, t_s: float) -> None:
        self.clock.wait(max(t_s - self.clock.now_s, 0.0))

    def _wind_up(self) -> None:
        self.street.cashier.wind_up()

    def survive(self, step: Callable[[], object]) -> None:
        """Do something; after a crash, start again and do it to its end."""
        while True:
            try:
                step()
            except CrashError:
                self.restart()
            else:
                return

    def restart(self) -> None:
        """The process is gone with its memory; another one begins."""
        self.crashes += 1
        self.boundaries.dead = False
        self.line.hang_up()
        self.street.cashier._desk.clock.end()
        self.books.close()
        self.books = SqlBooks(self._url)
        self.street.cashier = self.make()
        self.survive(self.street.cashier.restore)
        self.survive(self.street.again)

    def ledger(self) -> Counter[tuple[str, str, str, str, int]]:
        """What is in the books in the end."""
        return ledger_of(self.books)

    def close(self) -> None:
        """Let go of the database."""
        self.books.close()


def ledger_of(books: Books) -> Counter[tuple[str, str, str, str, int]]:
    """Every posting by cause, whatever the order, without its time."""
    return Counter(
        (_kind(entry.cause), entry.session, posting.account, entry.currency, posting.amount_minor)
        for entry in books.entries()
        for posting in entry.postings
    )


def _kind(cause: str) -> str:
    """A cause without the number of a credit note: those are drawn in order."""
    return "credit" if cause.startswith("credit/") else cause
