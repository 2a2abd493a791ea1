"""One seeded schedule of faults from the first driver to the audit."""

from __future__ import annotations

from collections.abc import Callable

from tests.money.cashier.bench import PRICERS
from tests.money.cashier.street import DAY_S, Street, drawn_faults, drawn_policy, drawn_visits
from tests.money.payments.heap_clock import HeapClock
from twin.domain.books import Books
from twin.domain.payments import Status
from twin.money.accounts.audit import audit_money
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession, Finding, MoneyFacts
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import Policy
from twin.money.cashier.rows import OddRow, PaymentRow, Row, TabRow
from twin.money.ledger.memory import MemoryBooks
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider

QUIET_S = 40 * DAY_S
"""How long a street is left alone after the last driver: retries, disputes, refunds that come back."""


class Schedule:
    """A street, a provider, a cashier, books.

    Args:
        seed: Of everything.
        count: Visits.
        days: In how many days they come.
        policy: None: drawn.
        faults: None: drawn.
        books: Where the cashier writes.
        audited: Whether everything is audited after every event.
    """

    def __init__(
        self,
        seed: int,
        *,
        count: int = 12,
        days: float = 3.0,
        policy: Policy | None = None,
        faults: Faults | None = None,
        books: Books | None = None,
        audited: bool = False,
    ) -> None:
        self.clock = HeapClock()
        self.books: Books = MemoryBooks() if books is None else books
        self.provider = SimulatedProvider(
            self.clock, seed=seed, faults=faults or drawn_faults(seed), retention_s=400 * DAY_S
        )
        self.rows: list[Row] = []
        self.street = Street(self.clock, drawn_visits(seed, count, days), self.look if audited else _nothing)
        self.cashier = self.street.cashier = Cashier(
            policy or drawn_policy(seed), self.clock, self.provider, self.books, PRICERS,
            decided=self.street.decided, stop=self.street.stop, meter=self.street.meter, sink=self.rows.append,
        )  # fmt: skip
        if audited:
            self.provider.subscribe(lambda _news: self.look())

    def run(self) -> list[Finding]:
        """Let it happen, and audit what is left."""
        self.clock.wait(self.street.end_s)
        self.clock.wait(QUIET_S)
        self.cashier.wind_up()
        self.clock.wait(DAY_S)
        self.cashier.close()
        return self.audit()

    def look(self) -> None:
        """Audit what stands now: what was forgotten with its rows, the rest as it is."""
        payments, sessions = self.cashier.audited()
        done_payments, done_sessions = self._rows()
        facts = self._facts([*done_payments, *payments], [*done_sessions, *sessions], complete=False)
        found = audit_money(facts)
        assert not found, f"{self.clock.now_s}: {found}"

    def audit(self) -> list[Finding]:
        """Audit all rows, against the bank too."""
        payments, sessions = self._rows()
        payments = [paid._replace(theirs=self.theirs(paid.payment)) for paid in payments]
        return audit_money(self._facts(payments, sessions, complete=True))

    def theirs(self, payment: str) -> object:
        """What the bank says."""
        return self.provider._desk.snapshot(payment)

    def _rows(self) -> tuple[list[AuditedPayment], list[AuditedSession]]:
        payments = [
            row.audited for row in self.rows if isinstance(row, PaymentRow) and row.audited is not None
        ]
        sessions = [row.audited for row in self.rows if isinstance(row, TabRow) and row.audited is not None]
        return payments, sessions

    def _facts(
        self, payments: list[AuditedPayment], sessions: list[AuditedSession], *, complete: bool
    ) -> MoneyFacts:
        return MoneyFacts(
            entries=self.books.entries(), payments=payments, sessions=sessions, balances=self.books.balances(),
            complete=complete,
        )  # fmt: skip

    @property
    def odd(self) -> list[OddRow]:
        """What fitted nowhere."""
        return [row for row in self.rows if isinstance(row, OddRow)]

    @property
    def held(self) -> list[str]:
        """Payments that the bank still holds."""
        return [
            row.payment
            for row in self.rows
            if isinstance(row, PaymentRow) and row.status == Status.HELD.value
        ]


def _nothing() -> None:
    """Look at nothing."""


Look = Callable[[], None]
