"""Several taxes as one percentage, and prices with tax as prices without."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from itertools import groupby

from twin.money.billing.model import Tax

PLACES = 10
"""Decimals of a price that no finite decimal says."""
DIGITS = 15
"""Significant digits that survive a float, as which most JSON readers take numbers."""


def combined_pct(taxes: Iterable[Tax]) -> Decimal:
    """Return the percentage that several taxes come to, exact: higher stacks tax the lower ones (OCPP 2.1 TaxRateType)."""
    with localcontext() as context:
        context.prec = 100
        factor = Decimal(1)
        for _, level in groupby(sorted(taxes, key=lambda t: t.stack), key=lambda t: t.stack):
            factor *= 1 + sum((tax.pct for tax in level), Decimal(0)) / 100
        return plain((factor - 1) * 100)


def without_tax(price: Decimal, taxes: Iterable[Tax]) -> tuple[Decimal, bool]:
    """Return a price with tax as the price without, and whether that is exact."""
    return divided(price * 100, 100 + combined_pct(taxes))


def divided(dividend: Decimal, divisor: Decimal) -> tuple[Decimal, bool]:
    """Return a quotient to `PLACES` decimals, and whether it is exact."""
    with localcontext() as context:
        context.prec = 100
        quotient = (dividend / divisor).quantize(Decimal(1).scaleb(-PLACES))
        return plain(quotient), quotient * divisor == dividend


def plain(value: Decimal) -> Decimal:
    """Return a number without trailing zeros and without an exponent: 2.50 is 2.5, 1E+2 is 100."""
    with localcontext() as context:
        context.prec = 100
        short = value.normalize()
        return short if short.as_tuple().exponent <= 0 else short.quantize(Decimal(1))  # type: ignore[operator]
