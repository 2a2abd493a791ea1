"""From register readings to a bill: exact decimals, one rounding, at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from twin.domain.events import MeterReading
from twin.money.billing.tariff import PriceSchedule


@dataclass(frozen=True, slots=True)
class PricedPart:
    """Energy of a session at one price."""

    start_s: float
    end_s: float
    energy_wh: int
    price_per_kwh: Decimal

    @property
    def amount(self) -> Decimal:
        """Exact, unrounded."""
        return self.energy_wh * self.price_per_kwh / 1000


@dataclass(frozen=True, slots=True)
class Bill:
    """What one session costs."""

    parts: tuple[PricedPart, ...]
    amount_minor: int
    """Minor units of `currency`, rounded half up once."""
    currency: str
    tariff: str


def price(readings: Sequence[MeterReading], prices: PriceSchedule) -> Bill:
    """Price one session from its register.

    Args:
        readings: Ascending, with one at every change of price within the session: the energy between two
            readings is charged at the price of the first one's instant.
        prices: The site's tariff over the run.

    Raises:
        ValueError: a register that falls, or a price that changes between two readings.
    """
    parts: list[PricedPart] = []
    for before, after in pairwise(readings):
        energy_wh = round(after.register_wh) - round(before.register_wh)
        if energy_wh < 0:
            raise ValueError(f"the register falls from {before.register_wh} to {after.register_wh} Wh")
        cost = prices.at(before.happened_s)
        if prices.changes_between(before.happened_s, after.happened_s):
            raise ValueError(f"the price changes between {before.happened_s} and {after.happened_s} s")
        if parts and parts[-1].price_per_kwh == cost:
            last = parts.pop()
            parts.append(PricedPart(last.start_s, after.happened_s, last.energy_wh + energy_wh, cost))
        else:
            parts.append(PricedPart(before.happened_s, after.happened_s, energy_wh, cost))
    total = sum((part.amount for part in parts), Decimal(0))
    minor = total.scaleb(prices.tariff.digits).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return Bill(tuple(parts), int(minor), prices.tariff.currency, prices.tariff.id)
