"""Prices as integers: what one nanowatt-hour or millisecond costs, over one denominator per tariff.

Inside the engine energy is counted in nWh, time in ms, a flat fee in pieces of 1. A rate times such units is the
numerator of an amount over `Rates.denominator`, so that sums and taxes stay exact (19 % within a price included);
decimals are made at the bill's end only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from twin.money.billing.model import Component, Dimension, Tariff, Tax

NWH = 10**9
"""Nanowatt-hours per watt-hour: the finest energy that is told apart."""
MS = 1_000
FINE = 10**18
"""Amounts are told to 18 decimals; what ends before is exact."""
_UNITS = 9 * 10**12
"""Common multiple of the nWh in a kWh and the ms in an hour."""
_PER_UNIT = {
    Dimension.ENERGY: _UNITS // 10**12,
    Dimension.TIME: _UNITS // 3_600_000,
    Dimension.PARKING_TIME: _UNITS // 3_600_000,
    Dimension.FLAT: _UNITS,
}
_STEP_UNITS = {Dimension.ENERGY: NWH, Dimension.TIME: MS, Dimension.PARKING_TIME: MS, Dimension.FLAT: 0}


_CONTEXT = Context(prec=40)
_FINE_DECIMAL = Decimal(FINE)


def fine_decimal(fine: int) -> Decimal:
    """Return an amount told in units of 1e-18, without trailing zeros."""
    return _CONTEXT.divide(Decimal(fine), _FINE_DECIMAL)


class Rate(NamedTuple):
    """A component at one of its prices. Numerators are over the tariff's denominator, per nWh, ms or piece."""

    element: int
    """Index of the tariff element."""
    dimension: Dimension
    price: Decimal
    taxes: tuple[Tax, ...]
    excl: int
    incl: int
    tax_parts: tuple[int, ...]
    """One per tax, in order of `taxes`; their sum is `incl - excl`."""
    step: int
    """In nWh or ms; 0 is exact."""


class Slot:
    """A component of an element: one rate, or one per interval where its price is dynamic."""

    __slots__ = ("component", "fixed", "rates", "starts")

    def __init__(self, component: Component, rates: Sequence[Rate]) -> None:
        self.component = component
        self.starts = tuple(step.start_ms for step in component.dynamic)
        self.rates = rates
        """One per price: the component's own, then the steps' in order."""
        self.fixed = None if self.starts else rates[0]

    def at(self, at_ms: int) -> Rate:
        """Rate in force at an instant."""
        return self.rates[bisect_right(self.starts, at_ms)]

    def between(self, start_ms: int, end_ms: int) -> Sequence[Rate]:
        """Rates in force at some instant of [start_ms, end_ms]."""
        first, last = bisect_right(self.starts, start_ms), bisect_right(self.starts, end_ms)
        return self.rates[first : last + 1]


class Rates:
    """Every price of a tariff over one denominator.

    Attributes:
        denominator: Amount = numerator / denominator, in the tariff's currency.
        slots: One tuple per element: its components in order.
    """

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        scale = 10 ** max((_decimals(p) for p in _prices(tariff)), default=0)
        shares = {c: _shares(c.taxes, tariff.tax_included) for e in tariff.elements for c in e.components}
        taxes = lcm(*(s.denominator for parts in shares.values() for s in parts))
        self.denominator = _UNITS * scale * taxes
        self.slots = tuple(
            tuple(
                Slot(component, _rates(index, component, scale, [int(s * taxes) for s in shares[component]]))
                for component in element.components
            )
            for index, element in enumerate(tariff.elements)
        )

    def with_tax(self, rate: Rate) -> Decimal:
        """Price with taxes per kWh, hour or session, to 18 decimals."""
        exact = Fraction(rate.incl * _UNITS, _PER_UNIT[rate.dimension] * self.denominator)
        return fine_decimal(round(exact * FINE))


def tax_factor(taxes: Sequence[Tax]) -> Fraction:
    """Price with taxes over the price without; taxes of one stack do not tax each other, those of a higher one do."""
    return sum(_parts(taxes), Fraction(1))


def _parts(taxes: Sequence[Tax]) -> list[Fraction]:
    """Each tax as a share of the price without taxes."""
    below: dict[int, Fraction] = {}
    base = Fraction(1)
    for level in sorted({tax.stack for tax in taxes}):
        below[level] = base
        base += base * sum((Fraction(t.pct) / 100 for t in taxes if t.stack == level), Fraction(0))
    return [below[tax.stack] * Fraction(tax.pct) / 100 for tax in taxes]


def _shares(taxes: Sequence[Tax], included: bool) -> list[Fraction]:
    """Price without taxes, price with taxes, and every tax, each as a share of the written price."""
    parts = _parts(taxes)
    factor = sum(parts, Fraction(1))
    written = 1 / factor if included else Fraction(1)
    return [written, written * factor, *(written * part for part in parts)]


def _rates(element: int, component: Component, scale: int, shares: list[int]) -> list[Rate]:
    dimension = component.dimension
    excl, incl, *parts = (share * _PER_UNIT[dimension] for share in shares)
    step = component.step_size * _STEP_UNITS[dimension]
    prices = (component.price, *(s.price for s in component.dynamic))
    rates: dict[Decimal, Rate] = {}
    for price in dict.fromkeys(prices):
        scaled = int(price * scale)
        tax_parts = tuple(scaled * part for part in parts)
        rates[price] = Rate(
            element, dimension, price, component.taxes, scaled * excl, scaled * incl, tax_parts, step
        )
    return [rates[price] for price in prices]  # one object per price: intervals of the same price merge


def _prices(tariff: Tariff) -> Iterator[Decimal]:
    for element in tariff.elements:
        for component in element.components:
            yield component.price
            yield from (step.price for step in component.dynamic)


def _decimals(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int), f"{price} is not a number"  # check.py refuses it before
    return max(0, -exponent)
