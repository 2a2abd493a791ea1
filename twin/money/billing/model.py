"""The language of prices: a superset of the tariffs of OCPI 2.2.1, 2.3.0 and OCPP 2.1, and what a session is to them.

A tariff is an ordered list of elements: price components with restrictions. Per dimension the first element whose
restrictions hold now is active; dimensions are looked up separately, and what matches nothing is free (OCPI 2.2.1
mod_tariffs, Tariff Element). A restriction switches an element on and off during the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from twin.domain.money import digits, to_minor


class Dimension(Enum):
    """What is charged for (OCPI TariffDimensionType)."""

    __hash__ = object.__hash__

    ENERGY = "ENERGY"
    """Per kWh."""
    TIME = "TIME"
    """Per hour of charging; with a reservation restriction: of reservation."""
    PARKING_TIME = "PARKING_TIME"
    """Per hour of not charging."""
    FLAT = "FLAT"
    """Per session or reservation."""


class Tax(NamedTuple):
    """One tax on a price; `stack` n > 0 is calculated on the price with all taxes of lower stacks (OCPP 2.1 TaxRateType)."""

    name: str
    pct: Decimal
    stack: int = 0


class Step(NamedTuple):
    """A price from an instant on."""

    start_ms: int
    price: Decimal


class Component(NamedTuple):
    """One price."""

    dimension: Dimension
    price: Decimal
    """Per kWh, hour or session; with tax where the tariff says so. Negative pays the driver."""
    taxes: tuple[Tax, ...] = ()
    """Empty: tax is not applicable, which is not 0 %."""
    step_size: int = 0
    """In Wh or s; 0 is exact, 1 rounds 115.2 Wh up to 116. Once, on the session's total (OCPI 2.2.1, step_size)."""
    dynamic: tuple[Step, ...] = ()
    """A price per interval, ascending, that takes the place of `price` from its first instant on."""


class Reservation(Enum):
    """Which reservation an element prices (OCPI ReservationRestrictionType)."""

    __hash__ = object.__hash__

    USED = "RESERVATION"
    EXPIRED = "RESERVATION_EXPIRES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element applies: all of them hold. Minima are inclusive, maxima exclusive; None does not restrict."""

    start_time: time | None = None
    """Civil time of the location; an end before the start wraps midnight, an end of 00:00 is the end of the day."""
    end_time: time | None = None
    start_date: date | None = None
    """Civil, inclusive."""
    end_date: date | None = None
    """Civil, exclusive."""
    days: frozenset[int] | None = None
    """Civil weekdays, 0 is Monday."""
    min_energy_wh: Decimal | None = None
    """Of the session so far, as are all energies and durations."""
    max_energy_wh: Decimal | None = None
    min_current_a: Decimal | None = None
    """Sum over the phases."""
    max_current_a: Decimal | None = None
    min_power_w: Decimal | None = None
    max_power_w: Decimal | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    min_charging_s: int | None = None
    """OCPP 2.1 minChargingTime, as the three below: time charged, or idled, so far."""
    max_charging_s: int | None = None
    min_idle_s: int | None = None
    max_idle_s: int | None = None
    evse_kind: str | None = None
    """AC or DC (OCPP 2.1)."""
    payment_brand: str | None = None
    payment_recognition: str | None = None
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Prices with the circumstances under which they apply."""

    components: tuple[Component, ...]
    restrictions: Restrictions = Restrictions()


class PriceBound(NamedTuple):
    """A least or highest price of a session; both sides are clamped on their own.

    Where only one side is given and in force, the other follows in proportion: capped without tax is capped with it.
    """

    excl: Decimal | None = None
    incl: Decimal | None = None


NO_BOUND = PriceBound()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a session costs. Chosen by the session's start, and never changed during it."""

    id: str
    currency: str
    elements: tuple[Element, ...]
    tax_included: bool = False
    """Whether prices of components include their taxes (OCPI 2.3.0 tax_included; prices on a station's display do)."""
    min_price: PriceBound = NO_BOUND
    max_price: PriceBound = NO_BOUND
    valid_from: datetime | None = None
    """Aware, inclusive: of sessions that start then."""
    valid_until: datetime | None = None
    """Aware, exclusive."""
    text: str = ""
    """For people (OCPI tariff_alt_text)."""
    flat_without_energy: bool = True
    """Whether a session that took no energy still pays the flat fee and the minimum price; OCPI would charge them."""


class Doing(Enum):
    """What the car does in a measured period."""

    __hash__ = object.__hash__

    CHARGING = "charging"
    PARKING = "parking"
    """It takes nothing although it may."""
    HELD = "held"
    """It takes nothing because it may not: our own limit (SuspendedEVSE). Never parking time for fees."""


class Period(NamedTuple):
    """What was measured from `start_ms` until the next period's start, or the session's end."""

    start_ms: int
    """Unix time in milliseconds."""
    energy_wh: int | Decimal
    """Within the period, >= 0; taken evenly over it."""
    doing: Doing = Doing.CHARGING
    power_w: Decimal | None = None
    """Mean, where a tariff asks; None: energy over time."""
    current_a: Decimal | None = None
    """Mean, summed over the phases; None: unknown, which satisfies every restriction."""


class Reserved(NamedTuple):
    """A reservation before the session, or instead of it."""

    start_ms: int
    end_ms: int
    """Charging began, or it expired."""
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A session as its meter tells it: what is priced."""

    periods: Sequence[Period]
    """Ascending; empty for a reservation that nobody used."""
    end_ms: int
    reserved: Reserved | None = None
    evse_kind: str = ""
    payment_brand: str = ""
    payment_recognition: str = ""


class Line(NamedTuple):
    """One line of a bill: a volume at one price. Exact, unrounded."""

    dimension: Dimension
    element: int
    """Index of the tariff element."""
    reservation: Reservation | None
    start_ms: int
    end_ms: int
    volume: Decimal
    """kWh, h or 1, as measured."""
    billed: Decimal
    """After the step size."""
    price: Decimal
    """Per unit, as the tariff writes it."""
    taxes: tuple[Tax, ...]
    excl: Decimal
    incl: Decimal


class TaxSum(NamedTuple):
    """What one tax comes to."""

    name: str
    pct: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one session costs: lines whose sum a reader can check, totals after the bounds, one rounding each."""

    tariff: str
    currency: str
    lines: tuple[Line, ...]
    excl: Decimal
    """Exact, after min_price and max_price."""
    incl: Decimal
    """Exact, after min_price and max_price; equals `excl` where no tax is applicable."""
    bound: str = ""
    """`min` or `max` where a bound was in force; else empty."""
    taxes: tuple[TaxSum, ...] = ()
    """Of the lines, before bounds."""
    warnings: tuple[str, ...] = ()
    """What a reader should know: a tariff that never matched, a meter that fell, …"""

    @property
    def amount_minor(self) -> int:
        """What is charged: the total with tax, rounded half up once."""
        return to_minor(self.incl, self.currency)

    @property
    def excl_minor(self) -> int:
        """The total without tax, rounded half up once."""
        return to_minor(self.excl, self.currency)

    @property
    def tax_minor(self) -> int:
        """The difference: what is booked as tax."""
        return self.amount_minor - self.excl_minor

    @property
    def digits(self) -> int:
        """Decimals of the currency's minor unit."""
        return digits(self.currency)
