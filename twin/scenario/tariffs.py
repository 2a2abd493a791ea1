"""The `tariffs` section: what energy, time and a session cost, and when."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.fields import ClockTime, FilePath, Flag, Number, Section, exact_price, wrong

Price = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=-1_000, le=100_000)]
"""Exact decimal in the tariff's currency; negative pays the driver."""
Bound = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=0, le=1_000_000)]
Percent = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=0, le=100)]
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
    """Price in this window; with tax where the tariff's prices are."""

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
    """What a session costs: per kWh, with windows of civil time (the first that fits wins), per hour, per session; or a file."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    """ISO 4217 code."""
    price_per_kwh: Price | None = None
    """Price outside all windows; needed unless `prices` or `ocpi` names a file."""
    time_of_use: tuple[PriceWindow, ...] = ()
    """Windows with another price per kWh."""
    prices: FilePath | None = None
    """CSV file with the columns `time` and `price_per_kwh`: each price holds from its time on, instead of `price_per_kwh`."""
    price_per_hour_charging: Price = Decimal(0)
    """Price of an hour in which energy flows."""
    price_per_hour_parking: Price = Decimal(0)
    """Price of an hour in which the car takes nothing although it may; while a limit of ours keeps it waiting it pays none."""
    parking_grace_min: Annotated[Number, Field(ge=0, le=10_080)] = 0.0
    """Minutes of parking within a session that are free, in whole seconds."""
    price_per_session: Price = Decimal(0)
    """Price of each session."""
    session_fee_without_energy: Flag = True
    """Whether a session that took no energy pays `price_per_session`, too."""
    vat_pct: Percent | None = None
    """Value added tax in percent; absent: tax is not applicable."""
    tax: Literal["included", "excluded"] = "included"
    """Whether the prices of this tariff have the tax in them."""
    min_price: Bound | None = None
    """Least price of a session; with tax where the prices are."""
    max_price: Bound | None = None
    """Highest price of a session; with tax where the prices are."""
    ocpi: FilePath | None = None
    """JSON file with one Tariff object of OCPI 2.2.1 or 2.3.0, in place of all other keys."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        # Not whether they were written: a resolved scenario writes every default.
        fields = type(self).model_fields
        others = [
            key for key, field in fields.items() if key != "ocpi" and getattr(self, key) != field.default
        ]
        if self.ocpi is not None and others:
            keys = ", ".join(f"`{key}`" for key in others)
            raise wrong(f"`ocpi` says everything about a tariff; remove {keys}, or `ocpi`")
        if self.ocpi is None and self.price_per_kwh is None and self.prices is None:
            raise wrong("says no price of energy; give `price_per_kwh` (0: free), `prices` or `ocpi`")
        if self.prices is not None and (self.price_per_kwh is not None or self.time_of_use):
            raise wrong("`prices` takes the place of `price_per_kwh` and `time_of_use`; give either")
        if self.parking_grace_min and not self.price_per_hour_parking:
            raise wrong("`parking_grace_min` needs a `price_per_hour_parking`")
        low, high = self.min_price, self.max_price
        if low is not None and high is not None and low > high:
            raise wrong(f"min_price {low} is above max_price {high}")
        return self


FREE = "free"
"""Name of the tariff of sites that name none where there is not exactly one."""


def _clock(text: str) -> time:
    return time() if text == "24:00" else time.fromisoformat(text)
