"""A bill, rebuilt from the lines that a run has written of it: nothing is measured or priced again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from itertools import groupby
from typing import Any, TypeAlias

from twin.errors import SettingsError
from twin.money.billing.model import Bill, Component, Dimension, Line, Tariff, Tax, TaxSum
from twin.money.billing.settle import clamp

Row: TypeAlias = Mapping[str, Any]
"""A row of a table by the names of its columns."""
_PLACES = Decimal(1).scaleb(-18)


def rebuilt(rows: Sequence[Row], tariff: Tariff, epoch_ms: int, metered_wh: int) -> Bill:
    """Return the bill of one session.

    Args:
        rows: Of table `invoices`, all of the session, in their order.
        tariff: By which it was priced.
        epoch_ms: The run's second 0, Unix time in milliseconds.
        metered_wh: What the session took.

    Raises:
        SettingsError: A line has a price that the tariff does not: its file was changed since the run.
    """
    lines = tuple(_line(row, tariff, epoch_ms) for row in rows)
    summed = (
        sum((line.excl for line in lines), Decimal(0)),
        sum((line.incl for line in lines), Decimal(0)),
    )
    at_least = tariff.flat_without_energy or metered_wh > 0
    least = tariff.min_price if at_least else type(tariff.min_price)()
    excl, incl, bound = clamp(*summed, least, tariff.max_price)
    return Bill(
        tariff=tariff.id,
        currency=tariff.currency,
        lines=lines,
        excl=excl,
        incl=incl,
        bound=bound,
        taxes=_taxes(lines),
    )


def _line(row: Row, tariff: Tariff, epoch_ms: int) -> Line:
    dimension = Dimension[str(row["dimension"]).upper().replace(" ", "_")]
    price = Decimal(row["unit_price"])
    element, taxes = _origin(tariff, dimension, price, str(row["tax_pct"]), str(row["session"]))
    start_ms, end_ms = (epoch_ms + round(row[name] * 1000) for name in ("start_s", "end_s"))
    volume, billed = Decimal(row["volume"]), Decimal(row["billed"])
    excl, incl = Decimal(row["amount_excl"]), Decimal(row["amount"])
    return Line(dimension, element, None, start_ms, end_ms, volume, billed, price, taxes, excl, incl)


def _origin(
    tariff: Tariff, dimension: Dimension, price: Decimal, tax: str, session: str
) -> tuple[int, tuple[Tax, ...]]:
    """Return the tariff element that a line is of, and its taxes."""
    for number, element in enumerate(tariff.elements):
        for part in element.components:
            said = " + ".join(f"{one.name} {one.pct}" for one in part.taxes)
            if part.dimension is dimension and said == tax and price in _prices(part):
                return number, part.taxes
    raise SettingsError(
        f"{session}: was billed {price} {tariff.currency} for {dimension.value}, which tariff {tariff.id} does not "
        "ask; a file of the tariff was changed since the run: run the scenario again"
    )


def _prices(part: Component) -> Iterator[Decimal]:
    yield part.price
    yield from (step.price for step in part.dynamic)


def _taxes(lines: Sequence[Line]) -> tuple[TaxSum, ...]:
    """Sums per tax, which add up to the difference of the totals; the last of a line's taxes takes the last decimal."""
    sums: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        for tax, amount in _parts(line):
            key = tax.name, tax.pct
            sums[key] = sums.get(key, Decimal(0)) + amount
    return tuple(TaxSum(name, pct, amount) for (name, pct), amount in sums.items())


def _parts(line: Line) -> Iterator[tuple[Tax, Decimal]]:
    """Each tax of a line with its amount: higher stacks tax the lower ones, too."""
    left, base = line.incl - line.excl, line.excl
    with localcontext() as context:
        context.prec = 60
        todo = len(line.taxes)
        for _, level in groupby(sorted(line.taxes, key=lambda tax: tax.stack), key=lambda tax: tax.stack):
            on_this = base
            for tax in level:
                todo -= 1
                amount = (on_this * tax.pct / 100).quantize(_PLACES) if todo else left
                left, base = left - amount, base + amount
                yield tax, amount
