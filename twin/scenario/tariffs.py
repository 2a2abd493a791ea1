"""The `tariffs` section: what a kilowatt-hour costs, and when."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.fields import ClockTime, Section, exact_price, wrong

Price = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=-1_000, le=100_000)]
"""Exact decimal in the tariff's currency; negative pays the driver."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PriceWindow(Section):
    """A price for some hours of some days, in civil time; `from` after `until` runs past midnight."""

    from_: Annotated[ClockTime, Field(alias="from")]
    """Begin, for example `22:00`."""
    until: ClockTime
    """End, excluded, for example `06:00`."""
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = WEEKDAYS
    """Days on which the window begins."""
    price_per_kwh: Price
    """Price in this window, tax included."""

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.from_ == self.until:
            raise wrong(f"the window from {self.from_} until {self.until} is empty; give it a length")
        return self

    @property
    def start(self) -> time:
        """Begin."""
        return _clock(self.from_)

    @property
    def end(self) -> time:
        """End, excluded; 00:00 is midnight at the end of the day."""
        return _clock(self.until)


class Tariff(Section):
    """A price per kWh: flat, with windows of civil time that take precedence; the first that fits wins."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    """ISO 4217 code."""
    price_per_kwh: Price
    """Price outside all windows, tax included."""
    time_of_use: tuple[PriceWindow, ...] = ()
    """Windows with another price."""


FREE = "free"
"""Name of the tariff of sites that name none where there is not exactly one."""


def _clock(text: str) -> time:
    return time() if text == "24:00" else time.fromisoformat(text)
