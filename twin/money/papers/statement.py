"""The monthly statement of a driver: what was charged where, what it cost, what is paid and what is still open; and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from twin.domain.money import digits, from_minor
from twin.money.papers.receipt import charged

CSV_COLUMNS = (
    "receipt", "start", "end", "operator", "place", "evse", "energy_kwh", "amount", "tax", "paid", "currency", "note",
)  # fmt: skip


class Item(NamedTuple):
    """One session, or one correction, on a statement."""

    receipt: str
    """Its number; a credit note has one of its own."""
    start: datetime
    """Aware."""
    end: datetime
    operator: str
    place: str
    evse: str
    energy_wh: int
    amount_minor: int
    """With tax; negative: given back."""
    tax_minor: int
    paid_minor: int
    note: str = ""
    """`refused: insufficient_funds`, `credit for 2026-000011`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One driver, one month, one currency."""

    driver: str
    """A pseudonym."""
    month: date
    """Its first day."""
    currency: str
    time_zone: str
    items: tuple[Item, ...]
    """By start."""
    carried_minor: int = 0
    """Open from earlier months; negative: the driver is in credit."""

    @property
    def energy_wh(self) -> int:
        """Of all items."""
        return sum(item.energy_wh for item in self.items)

    @property
    def amount_minor(self) -> int:
        """Charged in this month, corrections included."""
        return sum(item.amount_minor for item in self.items)

    @property
    def tax_minor(self) -> int:
        """Within the amount."""
        return sum(item.tax_minor for item in self.items)

    @property
    def paid_minor(self) -> int:
        """Paid for this month's items."""
        return sum(item.paid_minor for item in self.items)

    @property
    def open_minor(self) -> int:
        """Still to be paid at the end, with what was carried over."""
        return self.carried_minor + self.amount_minor - self.paid_minor


def statements(items: Sequence[Item], *, driver: str, currency: str, time_zone: str) -> tuple[Statement, ...]:
    """Divide a driver's items by civil months of their start; what is left open is carried into the next.

    Args:
        items: In any order.
        driver: Pseudonym.
        currency: Of all items.
        time_zone: IANA name: midnight of the month is civil.
    """
    zone = ZoneInfo(time_zone)
    by_month: dict[date, list[Item]] = {}
    for item in sorted(items, key=lambda one: (one.start, one.receipt)):
        by_month.setdefault(item.start.astimezone(zone).date().replace(day=1), []).append(item)
    made: list[Statement] = []
    carried_minor = 0
    for month, of_month in sorted(by_month.items()):
        made.append(
            Statement(
                driver=driver, month=month, currency=currency, time_zone=time_zone, items=tuple(of_month), carried_minor=carried_minor
            )
        )  # fmt: skip
        carried_minor = made[-1].open_minor
    return tuple(made)


def statement_text(statement: Statement) -> str:
    """Return the statement as plain text."""
    zone, currency = ZoneInfo(statement.time_zone), statement.currency
    lines = [f"STATEMENT {statement.month:%m/%Y}", f"Customer: {statement.driver}", ""]
    for item in statement.items:
        start = item.start.astimezone(zone)
        lines.append(
            f"{start:%d.%m. %H:%M}  {item.receipt:<14} {item.place:<20} {_kwh(item.energy_wh):>10} kWh "
            f"{charged(item.amount_minor, currency):>16}"
        )
        if item.note:
            lines.append(f"              {item.note}")
    totals = [
        ("Energy", f"{_kwh(statement.energy_wh)} kWh"),
        ("Charged", charged(statement.amount_minor, currency)),
        ("of which tax", charged(statement.tax_minor, currency)),
        ("Carried over", charged(statement.carried_minor, currency) if statement.carried_minor else ""),
        ("Paid", charged(statement.paid_minor, currency)),
        ("Open", charged(statement.open_minor, currency)),
    ]
    return "\n".join([*lines, "", *(f"{name:<14}{value:>24}" for name, value in totals if value)]) + "\n"


def statement_csv(statement: Statement) -> str:
    """Return the items as CSV (RFC 4180): UTF-8, a header, exact decimals with a point, times with their offset."""
    zone, places = ZoneInfo(statement.time_zone), digits(statement.currency)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for item in statement.items:
        amounts = (item.amount_minor, item.tax_minor, item.paid_minor)
        writer.writerow(
            [
                item.receipt, item.start.astimezone(zone).isoformat(timespec="seconds"),
                item.end.astimezone(zone).isoformat(timespec="seconds"), _inert(item.operator), _inert(item.place),
                _inert(item.evse), _kwh(item.energy_wh), *(f"{from_minor(one, statement.currency):.{places}f}" for one in amounts),
                statement.currency, _inert(item.note),
            ]
        )  # fmt: skip
    return buffer.getvalue()


def _kwh(energy_wh: int) -> str:
    return f"{Decimal(energy_wh) / 1000:.3f}"


def _inert(text: str) -> str:
    """A name that a spreadsheet would take for a formula stays a name (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
