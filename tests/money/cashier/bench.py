"""A cashier with everything around it: a clock moved by hand, books in memory, a provider, and stations with meters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.money.payments.heap_clock import HeapClock
from twin.domain.books import Books, Reason
from twin.domain.payments import Instrument, Means, Payments
from twin.money.accounts.audit import check_money
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession, MoneyFacts
from twin.money.billing.model import (
    Bill,
    Component,
    Dimension,
    Element,
    Measured,
    Period,
    Restrictions,
    Tariff,
    Tax,
)
from twin.money.billing.pricing import Pricer
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import Policy
from twin.money.cashier.rows import PaymentRow, Row, TabRow
from twin.money.cashier.wish import Customer, Decision, Metered, Why, Wish
from twin.money.ledger.memory import MemoryBooks

VAT = Tax("VAT", Decimal(19))
HOUR_S = 3600.0
DAY_S = 86_400.0


def per_kwh(price: str, *more: Component, name: str = "flat", currency: str = "EUR") -> Pricer:
    """A price per kWh with tax included, and whatever else."""
    energy = Component(Dimension.ENERGY, Decimal(price), (VAT,))
    tariff = Tariff(
        id=name, currency=currency, elements=(Element(components=(energy, *more)),), tax_included=True
    )
    return Pricer(tariff, "Europe/Berlin")


def free() -> Pricer:
    """Costs nothing."""
    return Pricer(Tariff(id="free", currency="EUR", elements=()), "Europe/Berlin")


def overstay() -> Pricer:
    """0.60 EUR per kWh, and 6 EUR per hour from the fourth hour on, tax included."""
    energy = Component(Dimension.ENERGY, Decimal("0.60"), (VAT,))
    slow = Component(Dimension.TIME, Decimal(6), (VAT,))
    late = Component(Dimension.PARKING_TIME, Decimal(6), (VAT,))
    elements = (
        Element(components=(energy,)),
        Element(components=(slow, late), restrictions=Restrictions(min_duration_s=4 * 3600)),
    )
    return Pricer(
        Tariff(id="overstay", currency="EUR", elements=elements, tax_included=True), "Europe/Berlin"
    )


PRICERS: Mapping[str, Pricer] = {
    "flat": per_kwh("0.50"),
    "free": free(),
    "overstay": overstay(),
    "dinar": per_kwh("0.1234", name="dinar", currency="KWD"),
    "yen": per_kwh("40", name="yen", currency="JPY"),
}


@dataclass
class Session:
    """What physics does: a constant power until the end."""

    evse: str
    power_w: float
    start_s: float

    def measured(self, now_s: float) -> Metered:
        """As the meter tells it."""
        energy_wh = self.energy_wh(now_s)
        start_ms, end_ms = (
            round(self.start_s * 1000),
            max(round(now_s * 1000), round(self.start_s * 1000) + 1),
        )
        return Metered(now_s, energy_wh, Measured(periods=(Period(start_ms, energy_wh),), end_ms=end_ms))

    def energy_wh(self, now_s: float) -> int:
        """Whole watt-hours so far."""
        return int(self.power_w * (now_s - self.start_s) / 3600)


@dataclass
class Bench:
    """Puts it all together, and remembers what was told."""

    provider: Callable[[HeapClock], Payments]
    policy: Policy = field(default_factory=Policy)
    books: Books = field(default_factory=MemoryBooks)
    clock: HeapClock = field(default_factory=HeapClock)
    decisions: list[Decision] = field(default_factory=list)
    stops: list[tuple[str, Why]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    """By EVSE."""
    blind: bool = False
    """The meters cannot be read."""
    obedient: bool = True
    """Whether a session is ended where the cashier wants it stopped."""

    def __post_init__(self) -> None:
        self.payments = self.provider(self.clock)
        self.cashier = self.make()
        self.names: dict[str, str] = {}

    def make(self) -> Cashier:
        """A cashier at these books."""
        return Cashier(
            self.policy, self.clock, self.payments, self.books, PRICERS,
            decided=self.decisions.append, stop=self.stop, meter=self.meter, sink=self.rows.append,
        )  # fmt: skip

    def meter(self, evse: str) -> Metered | None:
        """Answer for a session's meter."""
        if self.blind or evse not in self.sessions:
            return None
        return self.sessions[evse].measured(self.clock.now_s)

    def stop(self, evse: str, why: Why) -> None:
        """End the session."""
        self.stops.append((evse, why))
        if self.obedient and evse in self.sessions:
            self.clock.call_later(1.0, lambda: self.end(evse) if evse in self.sessions else None)

    def start(self, evse: str, session: str, power_w: float = 11_000.0, wish: Wish | None = None) -> None:
        """Energy flows."""
        self.sessions[evse] = Session(evse, power_w, self.clock.now_s)
        self.names[evse] = session
        self.cashier.started(evse, session, wish)

    def end(self, evse: str, explained_wh: Mapping[Reason, int] | None = None) -> Bill:
        """Energy flows no more."""
        session = self.sessions.pop(evse)
        now = session.measured(self.clock.now_s)
        more_wh = explained_wh or {}
        energy_wh = session.energy_wh(self.clock.now_s) + sum(more_wh.values())
        return self.cashier.ended(self.names[evse], now.measured, energy_wh, more_wh)

    def charge(self, wish: Wish, session: str, hours: float, power_w: float = 11_000.0) -> None:
        """Ask, start, wait, end, and let everything be collected."""
        self.cashier.ask(wish)
        self.clock.wait(60)
        self.start(wish.evse, session, power_w)
        self.clock.wait(hours * HOUR_S)
        if wish.evse in self.sessions:
            self.end(wish.evse)
        self.clock.wait(60)

    def audit(self, *, complete: bool = False) -> None:
        """Everything adds up, now."""
        payments, sessions = self.cashier.audited()
        self._check(payments, sessions, complete=complete)

    def close(self) -> None:
        """Wind up, let it be answered, close, and audit all rows together."""
        self.cashier.wind_up()
        self.clock.wait(HOUR_S)
        self.cashier.close()
        payments = [row.audited for row in self.rows if isinstance(row, PaymentRow) and row.audited]
        sessions = [row.audited for row in self.rows if isinstance(row, TabRow) and row.audited]
        self._check(payments, sessions, complete=True)

    def _check(
        self, payments: list[AuditedPayment], sessions: list[AuditedSession], *, complete: bool
    ) -> None:
        entries, balances = self.books.entries(), self.books.balances()
        check_money(
            MoneyFacts(
                entries=entries, payments=payments, sessions=sessions, balances=balances, complete=complete
            )
        )

    def balance(self, account: str, currency: str = "EUR") -> int:
        """Of the books."""
        return self.books.balance(account, currency)

    def tab(self, session: str) -> TabRow:
        """The row of a session, once it is written."""
        return next(row for row in self.rows if isinstance(row, TabRow) and row.session == session)


def card(
    evse: str = "e1", driver: str = "d1", tariff: str = "flat", means: Means = Means.TERMINAL, **more: object
) -> Wish:
    """A driver with a card."""
    saved = f"cus_{driver}" if more.pop("saved", False) else ""
    who = Customer(driver, Instrument(means, f"card-{driver}", saved))
    return Wish(evse, "stadtwerk", who, tariff, 11_000.0, **more)  # type: ignore[arg-type]


def account(evse: str = "e1", driver: str = "a1", tariff: str = "flat", **more: object) -> Wish:
    """A driver with an account whose card is not saved yet."""
    who = Customer(driver, Instrument(Means.ACCOUNT, f"card-{driver}"))
    return Wish(evse, "stadtwerk", who, tariff, 11_000.0, **more)  # type: ignore[arg-type]
