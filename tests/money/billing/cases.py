"""Short names for tariffs and sessions of tests."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from twin.money.billing.model import (
    Component,
    Dimension,
    Doing,
    Element,
    Measured,
    Period,
    Restrictions,
    Tariff,
    Tax,
)

BERLIN = "Europe/Berlin"
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
ENERGY, TIME, PARKING, FLAT = (
    Dimension.ENERGY,
    Dimension.TIME,
    Dimension.PARKING_TIME,
    Dimension.FLAT,
)
CHARGING, PARKED, HELD = Doing.CHARGING, Doing.PARKING, Doing.HELD


def ms(civil: str, zone: str = BERLIN, fold: int = 0) -> int:
    """Unix milliseconds of a civil instant; `fold` 1 is the second pass of the hour that autumn repeats."""
    return round(datetime.fromisoformat(civil).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


def vat(pct: str) -> tuple[Tax, ...]:
    """One value added tax."""
    return (Tax("VAT", Decimal(pct)),)


def component(dimension: Dimension, price: str, pct: str = "", step: int = 0) -> Component:
    """A price, with VAT where given."""
    return Component(dimension, Decimal(price), vat(pct) if pct else (), step)


def element(*components: Component, **restrictions) -> Element:
    """Prices under restrictions."""
    return Element(components=components, restrictions=Restrictions(**restrictions))


def tariff(*elements: Element, **more) -> Tariff:
    """A tariff in euro."""
    return Tariff(id="t", currency="EUR", elements=elements, **more)


def session(start_ms: int, *parts: tuple, **more) -> Measured:
    """A session of parts (minutes, Wh, doing, and further fields of a period by name)."""
    periods: list[Period] = []
    at_ms = start_ms
    for minutes, energy_wh, *rest in parts:
        doing = rest[0] if rest else CHARGING
        extra = rest[1] if len(rest) > 1 else {}
        periods.append(Period(at_ms, energy_wh, doing, **extra))
        at_ms += round(minutes * MINUTE_MS)
    return Measured(periods=tuple(periods), end_ms=at_ms, **more)


def totals(bill) -> tuple[str, str]:
    """Totals without and with tax, as text of cents."""
    return f"{bill.excl_minor / 100:.2f}", f"{bill.amount_minor / 100:.2f}"


def priced(bill, dimension: Dimension) -> list[tuple[str, str]]:
    """(billed volume, price) of the lines of one dimension."""
    return [(f"{x.billed:f}", f"{x.price:f}") for x in bill.lines if x.dimension is dimension]


def decimals(texts: Sequence[str]) -> list[Decimal]:
    """Texts as decimals."""
    return [Decimal(text) for text in texts]
