"""Tariffs of OCPP 2.1, read into the twin's language (TariffType of SetDefaultTariffRequest).

A list of prices per thing that is charged for, each with its conditions. Time is priced per minute, without step
sizes; the time that a car has idled is a condition of its own, so a grace period can be said.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from twin.money.billing.json_text import Source
from twin.money.billing.model import (
    NO_BOUND,
    Component,
    Dimension,
    Element,
    PriceBound,
    Reservation,
    Restrictions,
    Tariff,
    Tax,
)
from twin.money.billing.ocpi import Imported
from twin.money.billing.reading import Fields, top
from twin.money.billing.tax_rates import combined_pct, plain, without_tax

AT_START_S: Final = 1
"""`max_duration_s` of a fixed fee with conditions of civil time: OCPP judges them at the start only."""


class Section(NamedTuple):
    """One of the six fields of a TariffType with prices."""

    key: str
    price: str
    """Field of a price."""
    dimension: Dimension
    reservation: Reservation | None
    per: int
    """Units of the price in a unit of the twin: minutes in an hour."""

    @property
    def fixed(self) -> bool:
        """Whether conditions are judged once, at the start (TariffConditionsFixedType)."""
        return self.dimension is Dimension.FLAT


SECTIONS: Final = (
    Section("energy", "priceKwh", Dimension.ENERGY, None, 1),
    Section("chargingTime", "priceMinute", Dimension.TIME, None, 60),
    Section("idleTime", "priceMinute", Dimension.PARKING_TIME, None, 60),
    Section("fixedFee", "priceFixed", Dimension.FLAT, None, 1),
    Section("reservationTime", "priceMinute", Dimension.TIME, Reservation.USED, 60),
    Section("reservationFixed", "priceFixed", Dimension.FLAT, Reservation.USED, 1),
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS = {name: day for day, name in enumerate(DAYS)}
_CIVIL = ("start_time", "end_time", "start_date", "end_date", "days")


def read_tariff(source: Source) -> Imported:
    """Read a TariffType.

    Raises:
        ScenarioError: It cannot be used: every problem with its line, path, value and remedy.
    """
    fields = top(source, "OCPP tariff")
    tariff = Tariff(
        id=fields.text("tariffId", 60, required=True),
        currency=fields.currency("currency"),
        text=_text(fields),
        valid_from=fields.instant("validFrom", offset=True),
        min_price=_bound(fields, "minCost"),
        max_price=_bound(fields, "maxCost"),
        elements=tuple(element for section in SECTIONS for element in _elements(fields, section)),
    )
    for least, most, side in zip(tariff.min_price, tariff.max_price, ("exclTax", "inclTax"), strict=True):
        if least is not None and most is not None and least > most:
            fields.problem("minCost", f"{side} {least} is above that of maxCost, {most}; swap them")
    _done(fields)
    fields.found.stop()
    return Imported(tariff, tuple(fields.found.notes))


def _text(fields: Fields) -> str:
    """Return the text that is no page, picture or link: English, or else the first."""
    texts = []
    for one in fields.objects("description"):
        shape = one.choice(
            "format", {f: f for f in ("ASCII", "HTML", "URI", "UTF8", "QRCODE")}, required=True
        )
        language, content = one.text("language", 8), one.prose("content", 1024)
        _done(one)
        if shape in ("ASCII", "UTF8"):
            texts.append((language, content))
        else:
            one.note("format", f"a description as {shape} is not kept")
    chosen = next((t for t in texts if t[0].startswith("en")), texts[0] if texts else ("", ""))
    if len(texts) > 1:
        fields.note("description", f"of {len(texts)} texts only one is kept")
    return chosen[1]


def _bound(fields: Fields, key: str) -> PriceBound:
    """Read a PriceType; where it has one side and tax rates, the other side follows."""
    inner = fields.object(key)
    if inner is None:
        return NO_BOUND
    excl, incl, taxes = inner.number("exclTax"), inner.number("inclTax"), _taxes(inner)
    _done(inner)
    if excl is None and incl is None:
        inner.problem("", "has neither exclTax nor inclTax; give it one")
    if taxes and excl is not None and incl is None:
        incl = plain(excl * (100 + combined_pct(taxes)) / 100)
    elif taxes and incl is not None and excl is None:
        excl = without_tax(incl, taxes)[0]
    return PriceBound(excl, incl)


def _taxes(fields: Fields) -> tuple[Tax, ...]:
    taxes = []
    for one in fields.objects("taxRates"):
        name, pct = one.text("type", 20, required=True), one.number("tax", required=True, least=Decimal(0))
        taxes.append(Tax(name, pct or Decimal(0), one.whole("stack") or 0))
        _done(one)
    return tuple(taxes)


def _elements(fields: Fields, section: Section) -> Iterator[Element]:
    inner = fields.object(section.key)
    if inner is None:
        return
    taxes = _taxes(inner)
    for one in inner.objects("prices", required=True):
        price = one.number(section.price, required=True) or Decimal(0)
        conditions = one.object("conditions")
        restrictions = Restrictions(reservation=section.reservation)
        if conditions is not None:
            restrictions = _restrictions(conditions, section)
        _done(one)
        component = Component(section.dimension, price * section.per, taxes)
        yield Element(components=(component,), restrictions=restrictions)
    _done(inner)


def _restrictions(fields: Fields, section: Section) -> Restrictions:
    days = fields.names("dayOfWeek", _DAYS)
    civil = {
        "start_time": fields.clock("startTimeOfDay"),
        "end_time": fields.clock("endTimeOfDay"),
        "start_date": fields.day("validFromDate"),
        "end_date": fields.day("validToDate"),
    }
    at_start = section.fixed and section.reservation is None and (days or any(civil.values()))
    progress = {} if section.fixed else _progress(fields)
    if at_start:
        progress = {"max_duration_s": AT_START_S}
    restrictions = Restrictions(
        days=frozenset(days) if days else None,
        evse_kind=fields.choice("evseKind", {"AC": "AC", "DC": "DC"}),
        payment_brand=fields.text("paymentBrand", 20) or None,
        payment_recognition=fields.text("paymentRecognition", 20) or None,
        reservation=section.reservation,
        **civil,  # type: ignore[arg-type]
        **progress,  # type: ignore[arg-type]
    )
    if restrictions.start_date and restrictions.end_date and restrictions.start_date >= restrictions.end_date:
        fields.problem("validFromDate", f"{restrictions.start_date} is not before validToDate; swap them")
    _done(fields)
    return restrictions


def _progress(fields: Fields) -> dict[str, Decimal | int | None]:
    out: dict[str, Decimal | int | None] = {}
    for key, name in (("Energy", "energy_wh"), ("Current", "current_a"), ("Power", "power_w")):
        out |= _pair(fields, key, name, fields.number(f"min{key}"), fields.number(f"max{key}"))
    for key, name in (("Time", "duration_s"), ("ChargingTime", "charging_s"), ("IdleTime", "idle_s")):
        out |= _pair(fields, key, name, fields.whole(f"min{key}"), fields.whole(f"max{key}"))
    return out


def _pair(
    fields: Fields, key: str, name: str, least: Decimal | int | None, most: Decimal | int | None
) -> dict[str, Decimal | int | None]:
    if least is not None and most is not None and least >= most:
        fields.problem(f"min{key}", f"{least} is not below max{key} {most}: it never applies; swap them")
    return {f"min_{name}": least, f"max_{name}": most}


def _done(fields: Fields) -> None:
    fields.skip("customData")
    fields.done("OCPP 2.1")
