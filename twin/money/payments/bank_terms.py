"""A provider's rules as tables: how long a hold lasts, what may be raised or over-captured, the smallest amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.domain.money import digits
from twin.domain.payments import Means
from twin.money.payments.bank_errors import BankError, invalid

DAY_S = 86_400.0
HOUR_S = 3_600.0

WINDOWS_S: Mapping[tuple[str, str], float] = {
    ("online", "*"): 7 * DAY_S,
    ("off_session", "*"): 7 * DAY_S,
    ("off_session", "visa"): 4 * DAY_S + 18 * HOUR_S,
    ("in_person", "*"): 2 * DAY_S,
    ("in_person", "visa"): 5 * DAY_S,
}
"""(how the card was read, brand) to how long a hold lasts; `*`: every other brand.

Source: docs.stripe.com, "Place a hold on a payment method" and "Extended authorizations".
"""

SETTING: Mapping[Means, str] = {
    Means.TERMINAL: "in_person",
    Means.APP: "online",
    Means.WALLET: "online",
    Means.ACCOUNT: "off_session",
}

MINIMUM_MINOR: Mapping[str, int] = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50,
    "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
    "BHD": 200, "JOD": 360, "KWD": 160, "OMR": 200, "TND": 1560,
    "KRW": 700, "CLP": 500, "VND": 13000, "XAF": 310, "XOF": 310,
    "ALL": 4700, "BAM": 100, "GEL": 140, "ILS": 200, "MAD": 500, "MDL": 900, "MKD": 3100, "RSD": 5900, "TRY": 1700,
    "UAH": 2100, "ZAR": 900, "CNY": 400, "TWD": 1600, "IDR": 810_000, "PHP": 2900, "ARS": 50_000, "COP": 210_000,
}  # fmt: skip
"""The currencies that are known, and the smallest charge of each.

Of the first block as published by Stripe; of the others an ASSUMPTION: about 0.50 USD.
"""

MAXIMUM_MINOR = 99_999_999
"""The largest charge: eight digits."""

INCREMENTAL_BRANDS = frozenset({"visa", "mastercard", "discover"})
"""Brands that let an EV charger raise a hold (docs.stripe.com, "Increment an authorization")."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract with the provider: which of the rules it grants.

    Raises:
        ValueError: A number is out of range.
    """

    incremental_brands: frozenset[str] = INCREMENTAL_BRANDS
    """Empty where the contract has none (it needs interchange-plus pricing)."""
    increments_max: int = 10
    """Per hold."""
    overcapture_pct: Mapping[str, int] = field(default_factory=dict)
    """Brand to the percentage above the hold that may be captured; only online, where it was asked for."""
    windows_s: Mapping[tuple[str, str], float] = field(default_factory=lambda: WINDOWS_S)

    def __post_init__(self) -> None:
        wrong = [f"over-capture of {b}: {pct} %" for b, pct in self.overcapture_pct.items() if pct < 0]
        wrong += [f"window {key}: {s} s" for key, s in self.windows_s.items() if s <= 0]
        wrong += [f"increments: {self.increments_max}"] if self.increments_max < 0 else []
        wrong += [f"no window for {s}" for s in SETTING.values() if (s, "*") not in self.windows_s]
        if wrong:
            raise ValueError(f"terms of a provider: {'; '.join(wrong)}")

    def window_s(self, means: Means, brand: str) -> float:
        """Return how long a hold lasts."""
        setting = SETTING[means]
        found = self.windows_s.get((setting, brand))
        return self.windows_s[setting, "*"] if found is None else found

    def increments(self, brand: str) -> bool:
        """Whether a hold on this brand may be raised, if that was asked for."""
        return brand in self.incremental_brands

    def limit_minor(self, amount_minor: int, means: Means, brand: str) -> int:
        """Return the most that may be captured of a hold for which over-capture was asked."""
        if means is Means.TERMINAL:
            return amount_minor
        return amount_minor * (100 + self.overcapture_pct.get(brand, 0)) // 100


def check_amount(amount_minor: int, currency: str) -> BankError | None:
    """Return what is wrong with the amount of a new payment, None if nothing is."""
    least = MINIMUM_MINOR.get(currency)
    if least is None:
        return invalid("invalid_currency", f"Invalid currency: {currency.lower()}.", "currency")
    if amount_minor < least:
        text = f"Amount must be at least {least} in the smallest unit of {currency}, and is {amount_minor}."
        return invalid("amount_too_small", text, "amount")
    if amount_minor > MAXIMUM_MINOR:
        return invalid("amount_too_large", f"Amount must be at most {MAXIMUM_MINOR}.", "amount")
    return check_step(amount_minor, currency)


def check_step(amount_minor: int, currency: str) -> BankError | None:
    """Return what is wrong with the last digit: of three decimals it must be 0 (docs.stripe.com, "Currencies")."""
    if digits(currency) == 3 and amount_minor % 10:
        text = f"The last digit of an amount in {currency} must be 0, and it is {amount_minor}."
        return invalid("invalid_charge_amount", text, "amount")
    return None
