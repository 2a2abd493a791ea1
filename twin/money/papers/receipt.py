"""The receipt of a session: every line, their sum, tax, the one rounding, how it was paid, and the signed meter data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from twin.domain.money import from_minor
from twin.money.billing.model import Bill, Dimension, Line, Reservation
from twin.money.papers.transparency import SignedValue

EXACT_DIGITS = 6
"""Decimals of amounts that are not rounded yet; trailing zeros behind the currency's own are left out."""

_WHAT = {
    Dimension.ENERGY: ("Energy", "kWh"),
    Dimension.TIME: ("Charging time", "h"),
    Dimension.PARKING_TIME: ("Time not charging", "h"),
    Dimension.FLAT: ("Fee per session", ""),
}
_RESERVED = {
    (Dimension.TIME, Reservation.USED): "Reservation",
    (Dimension.TIME, Reservation.EXPIRED): "Reservation, not used",
    (Dimension.FLAT, Reservation.USED): "Fee per reservation",
    (Dimension.FLAT, Reservation.EXPIRED): "Fee per reservation, not used",
}
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


class Party(NamedTuple):
    """Who sells."""

    name: str
    address: str = ""
    tax_number: str = ""


class Payment(NamedTuple):
    """One thing that was done with the driver's money."""

    what: str
    """`Held on your card`, `Charged`, `Released`, `Refunded`, …"""
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """All that a receipt says; `receipt_text` and `receipt_page` show it."""

    number: str
    issued: datetime
    """Aware."""
    operator: Party
    session: str
    evse: str
    place: str
    driver: str
    """A pseudonym: never a token or a card number."""
    means: str
    """How it was paid, for people: `card at the terminal`."""
    start: datetime
    end: datetime
    begin_wh: int | None
    """Billing register; None: not known."""
    end_wh: int | None
    bill: Bill
    tax_included: bool
    """Whether the prices of the lines include tax."""
    time_zone: str
    """Civil time of the place."""
    explained: tuple[str, ...] = ()
    """The bill in sentences."""
    payments: tuple[Payment, ...] = ()
    evidence: tuple[SignedValue, ...] = ()
    corrects: str = ""
    """Number of the receipt that this one takes the place of."""


class Row(NamedTuple):
    """A line of the receipt, as text."""

    what: str
    when: str
    quantity: str
    price: str
    amount: str


class Sum(NamedTuple):
    """A line below the lines."""

    what: str
    amount: str
    strong: bool = False


def exact(amount: Decimal, digits: int) -> str:
    """Return an unrounded amount: at least the currency's decimals, at most six; 7.5 is 7.50, 2.34567 stays."""
    shown = f"{amount:,.{EXACT_DIGITS}f}".rstrip("0")
    whole, _, decimals = shown.partition(".")
    return (f"{whole}.{decimals:0<{digits}}" if digits or decimals else whole).replace("-", "−")


def charged(amount_minor: int, currency: str) -> str:
    """Return a rounded amount with its currency: `12.34 EUR`."""
    return f"{from_minor(amount_minor, currency):,} {currency}".replace("-", "−")


def rows(receipt: Receipt) -> list[Row]:
    """Every priced line: quantity times price is the amount."""
    zone = ZoneInfo(receipt.time_zone)
    return [_row(receipt, line, zone) for line in receipt.bill.lines]


def sums(receipt: Receipt) -> list[Sum]:
    """From the sum of the lines to what is charged."""
    return list(_sums(receipt))


def _row(receipt: Receipt, line: Line, zone: ZoneInfo) -> Row:
    bill = receipt.bill
    usual, unit = _WHAT[line.dimension]
    what = usual if line.reservation is None else _RESERVED.get((line.dimension, line.reservation), usual)
    quantity = f"{exact(line.billed, 0)} {unit}" if unit else "1"
    if line.billed != line.volume:
        quantity += f" ({exact(line.volume, 0)} rounded up)"
    per = f"/{unit}" if unit else ""
    amount = line.incl if receipt.tax_included else line.excl
    return Row(
        what,
        _span(line.start_ms, line.end_ms, zone),
        quantity,
        f"{exact(line.price, bill.digits)} {bill.currency}{per}",
        exact(amount, bill.digits),
    )


def _span(start_ms: int, end_ms: int, zone: ZoneInfo) -> str:
    """Civil times; the second with its day where that is another one."""
    start, end = (
        (_UNIX + timedelta(milliseconds=instant)).astimezone(zone) for instant in (start_ms, end_ms)
    )
    if start_ms == end_ms:
        return f"{start:%d.%m. %H:%M:%S}"
    return (
        f"{start:%d.%m. %H:%M:%S} – {end:%H:%M:%S}"
        if start.date() == end.date()
        else f"{start:%d.%m. %H:%M:%S} – {end:%d.%m. %H:%M:%S}"
    )


def _sums(receipt: Receipt) -> Iterator[Sum]:
    bill = receipt.bill
    summed = sum((line.incl if receipt.tax_included else line.excl for line in bill.lines), Decimal(0))
    yield Sum("Sum of the lines", exact(summed, bill.digits))
    taxes = [(f"{tax.name} {exact(tax.pct, 0)} %", tax.amount) for tax in bill.taxes]
    if not receipt.tax_included:
        for name, amount in taxes:
            yield Sum(f"plus {name}", exact(amount, bill.digits))
    if bill.bound:
        least = "at least" if bill.bound == "min" else "at most"
        yield Sum(f"The tariff asks {least}", exact(bill.incl, bill.digits))
    if bill.incl != from_minor(bill.amount_minor, bill.currency):
        yield Sum("Before rounding", exact(bill.incl, bill.digits))
    yield Sum("Total", charged(bill.amount_minor, bill.currency), strong=True)
    if receipt.tax_included and not bill.bound:
        for name, amount in taxes:
            yield Sum(f"of which {name}", exact(amount, bill.digits))
    elif bill.tax_minor:
        yield Sum("of which tax", exact(from_minor(bill.tax_minor, bill.currency), bill.digits))


def receipt_text(receipt: Receipt) -> str:
    """Return the receipt as plain text, 80 columns where its words allow it."""
    bill = receipt.bill
    head = [
        f"RECEIPT {receipt.number}",
        *(line for line in receipt.operator if line),
        "",
        *(f"{name + ':':<10} {value}" for name, value in facts(receipt)),
        "",
    ]
    body: list[str] = []
    for row in rows(receipt):
        body += [
            f"{row.what}, {row.when}",
            f"  {row.quantity} × {row.price}".ljust(62) + f"{row.amount:>14} {bill.currency}",
        ]
    for total in sums(receipt):
        currency = "" if total.strong else f" {bill.currency}"
        body.append(f"{total.what:<62}{total.amount + currency:>18}")
    tail = [
        "",
        *(f"{one.what:<62}{charged(one.amount_minor, bill.currency):>18}" for one in receipt.payments),
        *(f"Note: {warning}" for warning in bill.warnings),
    ]
    if receipt.explained:
        tail += ["", *receipt.explained]
    if receipt.evidence:
        tail += ["", "Signed meter data (check with: twin verify FILE --public-key KEY)"]
        for value in receipt.evidence:
            tail += [value.text, f"Public key: {value.public_key}"]
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


def facts(receipt: Receipt) -> list[tuple[str, str]]:
    """What the receipt is about, in pairs of name and value."""
    zone = ZoneInfo(receipt.time_zone)
    start, end = receipt.start.astimezone(zone), receipt.end.astimezone(zone)
    known = receipt.begin_wh is not None and receipt.end_wh is not None
    meter = f"{exact(Decimal(receipt.begin_wh or 0) / 1000, 3)} to {exact(Decimal(receipt.end_wh or 0) / 1000, 3)} kWh"
    pairs = [
        ("Issued", f"{receipt.issued.astimezone(zone):%d.%m.%Y %H:%M}"),
        ("Place", f"{receipt.place}, {receipt.evse}"),
        ("Session", receipt.session),
        ("From", f"{start:%d.%m.%Y %H:%M:%S} ({start.tzname()})"),
        ("Until", f"{end:%d.%m.%Y %H:%M:%S} ({end.tzname()})"),
        ("Meter", meter if known else ""),
        ("Customer", receipt.driver),
        ("Paid by", receipt.means),
        ("Tariff", receipt.bill.tariff),
        ("Corrects", receipt.corrects),
    ]
    return [(name, value) for name, value in pairs if value]


def receipt_page(receipt: Receipt) -> str:
    """Return the receipt as one HTML file that needs nothing else."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- only pages need it

    environment = Environment(
        loader=PackageLoader("twin.money.papers", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("receipt.html.j2").render(
        receipt=receipt, facts=facts(receipt), rows=rows(receipt), sums=sums(receipt), charged=charged
    )
