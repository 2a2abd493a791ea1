"""What `twin price` prints: lines, their explanation and a verdict on stdout, notes on stderr; or all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from twin.domain.money import digits, from_minor
from twin.money.billing.cdr_check import CdrCheck, Claim
from twin.money.billing.explain import explain
from twin.money.billing.model import Bill, Dimension, Line
from twin.report.words import count

_WIDTH = 120
"""Of tables that go to a file or a pipe."""
_NAMES: Final = {
    Dimension.ENERGY: "energy",
    Dimension.TIME: "charging time",
    Dimension.PARKING_TIME: "parking time",
    Dimension.FLAT: "flat fee",
}
_UNITS: Final = {
    Dimension.ENERGY: "kWh",
    Dimension.TIME: "h",
    Dimension.PARKING_TIME: "h",
    Dimension.FLAT: "",
}
_PLACES: Final = Decimal("0.0001")


def show(checked: CdrCheck, notes: Sequence[str], time_zone: str) -> None:
    """Print a CDR that was priced again."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    bill = checked.bill

    def money(amount: Decimal) -> str:
        return f"{_short(amount, bill.digits)} {bill.currency}"

    credit = ", a credit" if checked.cdr.credit else ""
    console.print(f"CDR {checked.cdr.id}{credit} by tariff {bill.tariff}, times in {time_zone}", markup=False)
    console.print(_lines(bill, ZoneInfo(time_zone)))
    for name, pct, amount in bill.taxes:
        console.print(f"{name} {_short(pct)} %: {money(amount)}", markup=False)
    bound = f" ({bill.bound}_price)" if bill.bound else ""
    charged = from_minor(bill.amount_minor, bill.currency)
    console.print(
        f"Total{bound}: {money(bill.excl)} without tax, {money(bill.incl)} with; "
        f"rounded {charged} {bill.currency}"
    )
    for sentence in _explained(checked, time_zone):
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    if checked.claims:
        console.print(_claims(checked.claims))
    console.print(verdict(checked), markup=False)
    for note in _told(bill.warnings, notes):
        typer.echo(note, err=True)


def verdict(checked: CdrCheck) -> str:
    """Return what came of the comparison, in words."""
    if not checked.claims:
        return "The CDR claims no total: nothing was compared"
    if checked.agrees:
        return f"The CDR agrees: {count(len(checked.claims), 'total')} compared"
    return "\n".join(["The CDR differs:", *(f"  {reason}" for reason in checked.reasons)])


def _explained(checked: CdrCheck, time_zone: str) -> list[str]:
    """Tell how the price came about; warnings are told on their own."""
    return explain(replace(checked.bill, warnings=()), checked.tariff, time_zone)


def as_json(checked: CdrCheck, notes: Sequence[str], time_zone: str) -> str:
    """Return all figures as JSON: exact decimals as strings, times in UTC."""
    bill = checked.bill
    out = {
        "cdr": checked.cdr.id,
        "credit": checked.cdr.credit,
        "tariff": bill.tariff,
        "currency": bill.currency,
        "lines": [_line(line) for line in bill.lines],
        "taxes": [{"name": t.name, "pct": _exact(t.pct), "amount": _exact(t.amount)} for t in bill.taxes],
        "bound": bill.bound or None,
        "total": {"excl": _exact(bill.excl), "incl": _exact(bill.incl)},
        "rounded": str(from_minor(bill.amount_minor, bill.currency)),
        "agrees": checked.agrees,
        "claims": [_claim(claim) for claim in checked.claims],
        "reasons": list(checked.reasons),
        "explanation": _explained(checked, time_zone),
        "warnings": list(bill.warnings),
        "notes": list(notes),
    }
    return json.dumps(out, indent=2, ensure_ascii=False)


def _lines(bill: Bill, zone: ZoneInfo) -> Table:
    table = Table("from", "until", "what", "measured", "billed", "price", "tax", "without tax", "with tax")
    for name in ("measured", "billed", "price", "tax", "without tax", "with tax"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for line in bill.lines:
        unit = _UNITS[line.dimension]
        what = _NAMES[line.dimension]
        if line.reservation is not None:
            what = f"reservation, {'fee' if line.dimension is Dimension.FLAT else 'time'}"
        table.add_row(
            f"{_civil(line.start_ms, zone):%a %d %b %H:%M}",
            f"{_civil(line.end_ms, zone):%H:%M}",
            what,
            f"{_short(line.volume)} {unit}".rstrip(),
            f"{_short(line.billed)} {unit}".rstrip(),
            _short(line.price, bill.digits),
            " + ".join(f"{_short(tax.pct)} %" for tax in line.taxes) or "–",
            _short(line.excl, bill.digits),
            _short(line.incl, bill.digits),
        )
    return table


def _claims(claims: Iterable[Claim]) -> Table:
    table = Table("total of the CDR", "claimed", "from its periods", "")
    for claim in claims:
        least = digits(claim.unit) if claim.side else 0
        table.add_row(
            f"{claim.name} {claim.side}".rstrip(),
            f"{_short(claim.claimed, least)} {claim.unit}",
            f"{_short(claim.priced, least)} {claim.unit}",
            "agrees" if claim.agrees else "differs",
        )
    return table


def _told(warnings: Iterable[str], notes: Iterable[str]) -> list[str]:
    return [*(f"warning: {text}" for text in warnings), *(f"note: {text}" for text in notes)]


def _civil(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def _line(line: Line) -> dict[str, Any]:
    return {
        "dimension": line.dimension.value,
        "element": line.element,
        "reservation": line.reservation.value if line.reservation else None,
        "start": _civil(line.start_ms, ZoneInfo("UTC")).isoformat().replace("+00:00", "Z"),
        "end": _civil(line.end_ms, ZoneInfo("UTC")).isoformat().replace("+00:00", "Z"),
        "volume": _exact(line.volume),
        "billed": _exact(line.billed),
        "price": _exact(line.price),
        "taxes": [{"name": t.name, "pct": _exact(t.pct), "stack": t.stack} for t in line.taxes],
        "excl": _exact(line.excl),
        "incl": _exact(line.incl),
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "name": claim.name,
        "side": claim.side or None,
        "unit": claim.unit,
        "claimed": _exact(claim.claimed),
        "priced": _exact(claim.priced),
        "difference": _exact(claim.difference),
        "agrees": claim.agrees,
    }


def _exact(value: Decimal) -> str:
    return f"{value:f}"


def _short(value: Decimal, least: int = 0) -> str:
    """Return at most four decimals, and at least so many."""
    text = f"{value.quantize(_PLACES, rounding=ROUND_HALF_UP):f}"
    whole, _, decimals = text.partition(".")
    kept = decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{kept}" if kept else whole
