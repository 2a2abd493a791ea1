"""Money: exact decimals while it is calculated, integer minor units once it is charged."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_DIGITS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
"""Decimals of the minor unit (ISO 4217) where it is not 2."""


def digits(currency: str) -> int:
    """Decimals of a currency's minor unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD."""
    return MINOR_DIGITS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Round an exact amount half up (away from zero at the half) to minor units."""
    return int(amount.scaleb(digits(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def from_minor(amount_minor: int, currency: str) -> Decimal:
    """Return minor units as an amount with the currency's decimals: 1234 EUR cents are 12.34."""
    return Decimal(amount_minor).scaleb(-digits(currency))


def split(amount_minor: int, weights: Sequence[Decimal]) -> list[int]:
    """Divide an amount by weights without losing a cent: largest remainder first, ties by order.

    Args:
        amount_minor: What is divided; may be negative.
        weights: (n,) at least one positive, none negative.

    Returns:
        (n,) minor units whose sum is `amount_minor`.

    Raises:
        ValueError: There is no positive weight, or a negative one.
    """
    total = sum(weights, Decimal(0))
    if total <= 0 or min(weights) < 0:
        raise ValueError(f"cannot divide by the weights {[str(w) for w in weights]}")
    sign, magnitude = (-1, -amount_minor) if amount_minor < 0 else (1, amount_minor)
    exact = [magnitude * weight / total for weight in weights]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda k: (parts[k] - exact[k], k))
    for k in by_remainder[: magnitude - sum(parts)]:
        parts[k] += 1
    return [sign * part for part in parts]
