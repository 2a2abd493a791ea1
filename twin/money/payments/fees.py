"""What a provider keeps: a percentage and a fixed part per payment, by means, and a price per dispute.

The defaults are ASSUMPTIONS of the size that providers publish for European cards. A contract says otherwise: set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from twin.domain.money import to_minor
from twin.domain.payments import Means


@dataclass(frozen=True, slots=True)
class Price:
    """Of one payment."""

    rate_bp: int
    """Hundredths of a percent of the amount captured."""
    fixed: Decimal
    """In the currency's main unit."""

    def fee_minor(self, amount_minor: int, currency: str) -> int:
        """Return what is kept of a capture, half up to the minor unit; never more than the amount."""
        percent = (amount_minor * self.rate_bp + 5_000) // 10_000
        return min(percent + _minor(self.fixed, currency), amount_minor)


@lru_cache(maxsize=1 << 10)
def _minor(amount: Decimal, currency: str) -> int:
    return to_minor(amount, currency)


def _assumed() -> dict[Means, Price]:
    card, present = Price(150, Decimal("0.25")), Price(140, Decimal("0.10"))
    return {Means.TERMINAL: present, Means.APP: card, Means.WALLET: card, Means.ACCOUNT: card}


@dataclass(frozen=True, slots=True)
class Fees:
    """A provider's price list. Nothing is given back with a refund, nor with a dispute that is won.

    Raises:
        ValueError: A price is negative or missing, or a percentage above 100.
    """

    prices: Mapping[Means, Price] = field(default_factory=_assumed)
    dispute: Decimal = Decimal(20)
    """Per dispute, in the currency's main unit."""

    def __post_init__(self) -> None:
        wrong = [
            f"{means.value}: {price.rate_bp} bp + {price.fixed}"
            for means, price in self.prices.items()
            if not 0 <= price.rate_bp <= 10_000 or price.fixed < 0
        ]
        wrong += [f"{means.value}: no price" for means in Means if means not in self.prices]
        wrong += [f"dispute: {self.dispute}"] if self.dispute < 0 else []
        if wrong:
            raise ValueError(f"fees of a provider: {'; '.join(wrong)}: 0 to 10000 bp and no negative price")

    def payment_minor(self, means: Means, amount_minor: int, currency: str) -> int:
        """Return what is kept of a capture."""
        return self.prices[means].fee_minor(amount_minor, currency)

    def dispute_minor(self, currency: str) -> int:
        """Return what a dispute costs, whoever wins it."""
        return _minor(self.dispute, currency)
