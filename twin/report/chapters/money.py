"""What drivers paid and operators earned."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from twin.domain.money import MINOR_DIGITS
from twin.report.frames import Frames
from twin.report.model import Block, Section, Table, Text, table
from twin.report.words import NONE, money, number

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"energy": "kWh", "time": "h", "parking time": "h", "flat": ""}
"""Of the volumes of each dimension; a flat fee is counted."""


def by_operator(sessions: pd.DataFrame) -> Table:
    """Revenue of each operator: sessions, energy, money, mean price."""
    rows = []
    for (operator, currency), these in sessions.groupby(["operator", "currency"], observed=True):
        minor, kwh = int(these["cost_minor"].sum()), float(these["metered_wh"].sum()) / 1e3
        mean = price(minor / kwh, str(currency)) if kwh > 0 else NONE
        rows.append((str(operator), f"{len(these):,}", number(kwh, 1), money(minor, str(currency)), mean))
    return table(
        "Revenue by operator",
        [("Operator", "left"), ("Sessions", "right"), ("Metered (kWh)", "right"), ("Revenue, with tax", "right"), ("Mean price per kWh", "right")],
        rows, whole="sessions/",
    )  # fmt: skip


def price(minor_per_kwh: float, currency: str) -> str:
    """A mean price with two digits more than the currency has: `0.2839 EUR`."""
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{number(minor_per_kwh / 10**digits, digits + 2)} {currency}"


def by_price(invoices: pd.DataFrame) -> Table:
    """Volume and money at each price of each tariff; exact decimals, rounded for reading only."""
    rows = []
    keys = ["operator", "tariff", "dimension", "unit_price", "tax_pct", "currency"]
    for (operator, tariff, dimension, price_of_unit, tax, currency), these in invoices.groupby(
        keys, observed=True
    ):
        unit = UNITS[str(dimension)]
        per, volume = (
            (f"/{unit}", f"{_total(these['billed']):,.1f} {unit}") if unit else ("", f"{len(these):,}")
        )
        rows.append((
            str(operator), str(tariff), str(dimension), f"{price_of_unit} {currency}{per}", f"{tax} %" if tax else NONE, volume,
            f"{_total(these['amount']):,.2f} {currency}",
        ))  # fmt: skip
    return table(
        "By tariff and price",
        [("Operator", "left"), ("Tariff", "left"), ("For", "left"), ("Price", "right"), ("Tax", "left"), ("Volume", "right"), ("Amount, with tax", "right")],
        rows, most=40, whole="invoices/",
    )  # fmt: skip


def _total(column: pd.Series) -> Decimal:
    return sum((Decimal(str(one)) for one in column), Decimal(0))


def chapter(frames: Frames) -> Section:
    """Cost and revenue."""
    paid = frames.sessions[frames.sessions["currency"].astype(str) != ""]
    look = "Each session is priced from its billing meter and rounded once, on its sum; the parts at one price are shown unrounded."
    if paid.empty:
        return Section(
            anchor="money", title="Cost and revenue", look=look, blocks=(Text(text="No session was priced."),)
        )
    charged = paid[paid["metered_wh"] > 0]
    said = "; ".join(
        f"{money(int(these['cost_minor'].sum()), str(currency))} in all, "
        f"{money(round(these['cost_minor'].mean()), str(currency))} per session that charged"
        for currency, these in charged.groupby("currency", observed=True)
    )
    blocks: list[Block] = [
        Text(text=f"Drivers pay {said}." if said else "No session used energy."),
        by_operator(paid),
    ]
    if len(frames.invoices):
        blocks.append(by_price(frames.invoices))
    return Section(anchor="money", title="Cost and revenue", look=look, blocks=tuple(blocks))
