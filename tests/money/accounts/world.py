"""A small world of money in which everything adds up: what an audit is handed, as lists that can be corrupted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf

from twin.domain.books import LedgerEntry, Reason
from twin.domain.payments import Snapshot, Status
from twin.money.accounts import chart
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession, MoneyFacts
from twin.money.accounts.chart import Payment, Sale


def sale(session: str, driver: str, incl_minor: int) -> Sale:
    """Return a bill with 19 % tax in it, of which the platform keeps a tenth."""
    return Sale(session, driver, "stadtwerk", "DE", "EUR", incl_minor, incl_minor * 19 // 119, Decimal(10))


def snapshot(
    name: str, status: Status, authorised_minor: int, captured_minor: int = 0, **fields: int
) -> Snapshot:
    """Return what a provider says."""
    return Snapshot(name, f"pi_{name}", status, "EUR", authorised_minor, captured_minor)._replace(
        capture_before_s=inf, **fields
    )


def summed(entries: Iterable[LedgerEntry]) -> dict[tuple[str, str], int]:
    """Return the balances of entries."""
    balances: dict[tuple[str, str], int] = {}
    for entry in entries:
        for account, amount_minor in entry.postings:
            key = account, entry.currency
            balances[key] = balances.get(key, 0) + amount_minor
    return balances


@dataclass
class World:
    """What is handed in."""

    entries: list[LedgerEntry] = field(default_factory=list)
    payments: dict[str, AuditedPayment] = field(default_factory=dict)
    sessions: dict[str, AuditedSession] = field(default_factory=dict)
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    registers_wh: dict[str, int] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    """By session: what it costs when it is priced again."""

    @property
    def facts(self) -> MoneyFacts:
        """What the audit is given."""
        return MoneyFacts(
            entries=iter(self.entries),
            payments=iter(self.payments.values()),
            sessions=iter(self.sessions.values()),
            balances=self.balances,
            registers_wh=self.registers_wh,
            reprice=lambda session: self.prices[session.session],
        )

    # what a corruption needs

    def at(self, cause: str) -> int:
        """Return the index of an entry."""
        return next(k for k, entry in enumerate(self.entries) if entry.cause == cause)

    def change(self, cause: str, *, book: bool = True, **fields: object) -> None:
        """Replace fields of an entry; `book`: balances follow."""
        self.entries[self.at(cause)] = self.entries[self.at(cause)]._replace(**fields)
        if book:
            self.balances = summed(self.entries)

    def amounts(self, cause: str, **changes: int) -> None:
        """Add to postings of an entry, by kind of account or `kind_owner`; balances follow."""
        postings = self.entries[self.at(cause)].postings
        changed = []
        for posting in postings:
            kind, _, owner = posting.account.partition(":")
            more = changes.get(f"{kind}_{owner}", changes.get(kind, 0))
            changed.append(posting._replace(amount_minor=posting.amount_minor + more))
        self.change(cause, postings=tuple(changed))

    def insert(self, entry: LedgerEntry, before: str = "") -> None:
        """Add an entry; balances follow."""
        self.entries.insert(self.at(before) if before else len(self.entries), entry)
        self.balances = summed(self.entries)

    def drop(self, cause: str) -> LedgerEntry:
        """Take an entry out; balances follow."""
        entry = self.entries.pop(self.at(cause))
        self.balances = summed(self.entries)
        return entry

    def session(self, name: str, **fields: object) -> None:
        """Change what is handed in of a session."""
        self.sessions[name] = self.sessions[name]._replace(**fields)

    def snap(self, name: str, **fields: object) -> None:
        """Change what is believed of a payment."""
        paid = self.payments[name]
        self.payments[name] = paid._replace(snapshot=paid.snapshot._replace(**fields))


def world() -> World:
    """Return nine sessions and eight payments; nothing is wrong with any of them."""
    made = World()
    _paid(made)
    _overrun(made)
    _free(made)
    _expired(made)
    _account(made)
    _credited(made)
    _lost(made)
    _open(made)
    made.entries.append(chart.payout("po_1", "stripe", "stadtwerk", "EUR", 700, 900.0))
    made.entries = [entry for entry in made.entries if chart.moves(entry)]
    made.balances = summed(made.entries)
    for session in made.sessions.values():
        made.registers_wh[session.meter] = made.registers_wh.get(session.meter, 0) + session.metered_wh
        if session.sale is not None:
            made.prices[session.session] = session.sale.incl_minor
    return made


def _session(made: World, name: str, metered_wh: int, sold: Sale | None = None, **fields: object) -> None:
    explained_wh: dict[Reason, int] = fields.get("explained_wh", {})  # type: ignore[assignment]
    paid_wh = metered_wh - sum(explained_wh.values())
    meter = f"m-{int(name[2:]) % 2}"
    made.sessions[name] = AuditedSession(
        name, f"d-{name[2:]}", "EUR", metered_wh, paid_wh, sale=sold, meter=meter
    )._replace(**fields)


def _paid(made: World) -> None:
    """Held 50.00, billed and captured 11.90, 0.42 kept by the provider."""
    payment, sold = Payment("p-1", "stripe", "d-1", "EUR", "s-1"), sale("s-1", "d-1", 1190)
    made.entries += [
        chart.hold(payment, 5000, 0.0),
        chart.bill(sold, 100.0),
        chart.hold_ended(payment, 5000, 101.0, "captured"),
        chart.capture(payment, 1190, 101.0),
        chart.provider_fee(payment, 0, 42, 101.0),
    ]
    history = (
        snapshot("p-1", Status.ASKED, 0),
        snapshot("p-1", Status.HELD, 5000),
        snapshot("p-1", Status.CAPTURED, 5000, 1190, fee_minor=42),
    )
    made.payments["p-1"] = AuditedPayment("p-1", "stripe", history[-1], history=history, theirs=history[-1])
    _session(made, "s-1", 20_000, sold, shown_minor=1150, max_minor=2000)


def _overrun(made: World) -> None:
    """Held 10.00, raised to 15.00, billed 23.80: 8.80 are given up, and their energy with them."""
    payment, sold = Payment("p-2", "stripe", "d-2", "EUR", "s-2"), sale("s-2", "d-2", 2380)
    made.entries += [
        chart.hold(payment, 1000, 0.0),
        chart.hold_raised(payment, 1000, 1500, 50.0),
        chart.bill(sold, 100.0),
        chart.hold_ended(payment, 1500, 101.0, "captured"),
        chart.capture(payment, 1500, 101.0),
        chart.provider_fee(payment, 0, 50, 101.0),
        chart.write_off("s-2", "d-2", "EUR", 880, 101.0, Reason.OVERRUN),
    ]
    made.payments["p-2"] = AuditedPayment(
        "p-2", "stripe", snapshot("p-2", Status.CAPTURED, 1500, 1500, fee_minor=50)
    )
    _session(
        made, "s-2", 40_000, sold,
        explained_wh={Reason.OVERRUN: 14_790}, written_off_minor={Reason.OVERRUN: 880},
    )  # fmt: skip


def _free(made: World) -> None:
    """Held 50.00 and let go: the tariff asks nothing."""
    payment = Payment("p-3", "stripe", "d-3", "EUR", "s-3")
    made.entries += [chart.hold(payment, 5000, 0.0), chart.hold_ended(payment, 5000, 100.0, "cancelled")]
    made.payments["p-3"] = AuditedPayment("p-3", "stripe", snapshot("p-3", Status.CANCELLED, 5000))
    _session(made, "s-3", 8_000, explained_wh={Reason.FREE: 8_000})


def _expired(made: World) -> None:
    """Held 30.00, which expired: the bill of 5.95 is given up."""
    payment, sold = Payment("p-4", "stripe", "d-4", "EUR", "s-4"), sale("s-4", "d-4", 595)
    made.entries += [
        chart.hold(payment, 3000, 0.0),
        chart.hold_ended(payment, 3000, 90.0, "expired"),
        chart.bill(sold, 100.0),
        chart.write_off("s-4", "d-4", "EUR", 595, 100.0, Reason.EXPIRED),
    ]
    made.payments["p-4"] = AuditedPayment("p-4", "stripe", snapshot("p-4", Status.EXPIRED, 3000))
    _session(
        made, "s-4", 10_000, sold,
        explained_wh={Reason.EXPIRED: 10_000}, written_off_minor={Reason.EXPIRED: 595},
    )  # fmt: skip


def _account(made: World) -> None:
    """Two sessions of one driver, paid by one bill of 35.70 for the month."""
    payment = Payment("p-5", "stripe", "d-5", "EUR")
    for name, incl_minor in (("s-5", 1190), ("s-6", 2380)):
        sold = sale(name, "d-5", incl_minor)
        made.entries.append(chart.bill(sold, 100.0))
        _session(made, name, 20_000, sold, driver="d-5", by_bill_minor=incl_minor)
    made.entries += [chart.capture(payment, 3570, 500.0), chart.provider_fee(payment, 0, 80, 500.0)]
    made.payments["p-5"] = AuditedPayment(
        "p-5", "stripe", snapshot("p-5", Status.CAPTURED, 3570, 3570, fee_minor=80), held=False
    )


def _credited(made: World) -> None:
    """Billed 12.00, taken back, billed 11.90 instead; 1.19 credited for goodwill and given back; a dispute is won."""
    payment = Payment("p-7", "stripe", "d-7", "EUR", "s-7")
    wrong, sold = sale("s-7", "d-7", 1200), sale("s-7", "d-7", 1190)
    made.entries += [
        chart.hold(payment, 5000, 0.0),
        chart.bill(wrong, 100.0),
        chart.credit_note(wrong, "K1", 1200, 101.0, "meter"),
        chart.bill(sold, 101.0, version=2),
        chart.hold_ended(payment, 5000, 102.0, "captured"),
        chart.capture(payment, 1190, 102.0),
        chart.provider_fee(payment, 0, 42, 102.0),
        chart.credit_note(sold, "K2", 119, 200.0, "waited for help"),
        chart.refund(payment, 0, 119, 201.0),
        chart.dispute_opened(payment, 1071, 300.0),
        chart.dispute_fee(payment, 2000, 300.0),
        chart.dispute_won(payment, 1071, 400.0),
    ]
    made.payments["p-7"] = AuditedPayment(
        "p-7", "stripe",
        snapshot(
            "p-7", Status.CAPTURED, 5000, 1190,
            fee_minor=42, refunded_minor=119, won_minor=1071, dispute_fee_minor=2000,
        ),
    )  # fmt: skip
    _session(made, "s-7", 20_000, sold, explained_wh={Reason.GOODWILL: 2_000}, credited_minor=119, bills=2)


def _lost(made: World) -> None:
    """Captured 5.95, which the driver's bank took back for good."""
    payment, sold = Payment("p-8", "stripe", "d-8", "EUR", "s-8"), sale("s-8", "d-8", 595)
    made.entries += [
        chart.bill(sold, 100.0),
        chart.capture(payment, 595, 101.0),
        chart.provider_fee(payment, 0, 33, 101.0),
        chart.dispute_opened(payment, 595, 300.0),
        chart.dispute_lost(payment, 595, 400.0),
    ]
    made.payments["p-8"] = AuditedPayment(
        "p-8", "stripe", snapshot("p-8", Status.LOST, 595, 595, fee_minor=33, disputed_minor=595), held=False
    )
    _session(made, "s-8", 10_000, sold, explained_wh={Reason.DISPUTE: 10_000})


def _open(made: World) -> None:
    """The run ends while 20.00 are held and 5.95 are to be captured."""
    payment, sold = Payment("p-9", "stripe", "d-9", "EUR", "s-9"), sale("s-9", "d-9", 595)
    made.entries += [chart.hold(payment, 2000, 0.0), chart.bill(sold, 850.0)]
    made.payments["p-9"] = AuditedPayment(
        "p-9", "stripe", snapshot("p-9", Status.HELD, 2000), open=True, session="s-9"
    )
    _session(made, "s-9", 10_000, sold, explained_wh={Reason.OPEN: 10_000}, open_minor=595)
