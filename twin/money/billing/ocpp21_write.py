"""Tariffs written as OCPP 2.1, with a list of what that cannot say (TariffType of SetDefaultTariffRequest)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

from twin.money.billing.model import Component, Dimension, Element, PriceBound, Tariff, Tax
from twin.money.billing.ocpi_write import (
    Written,
    clock_text,
    cut,
    dynamic_lost,
    has_flat,
    instant_text,
    left_out,
    set_restrictions,
)
from twin.money.billing.ocpp21 import AT_START_S, DAYS, SECTIONS, Section
from twin.money.billing.tax_rates import DIGITS, combined_pct, divided

_ID_LENGTH, _TEXT_LENGTH, _NAME_LENGTH, _MOST_TAXES = 60, 1024, 20, 5
_CIVIL = {
    "start_time": "startTimeOfDay",
    "end_time": "endTimeOfDay",
    "days": "dayOfWeek",
    "start_date": "validFromDate",
    "end_date": "validToDate",
}
_KIND = {"evse_kind": "evseKind"}
_PAYMENT = {"payment_brand": "paymentBrand", "payment_recognition": "paymentRecognition"}
"""Only fixed prices have conditions on the payment (TariffConditionsFixedType)."""
_PROGRESS = {
    f"{side}_{name}": f"{side}{key}"
    for name, key in (
        ("energy_wh", "Energy"),
        ("current_a", "Current"),
        ("power_w", "Power"),
        ("duration_s", "Time"),
        ("charging_s", "ChargingTime"),
        ("idle_s", "IdleTime"),
    )
    for side in ("min", "max")
}
_HELD = (
    "idleTime: that a pause is no idle time where the station holds the car back (SuspendedEVSE); "
    "OCPP leaves that to the station"
)


def write_tariff(tariff: Tariff, language: str = "en") -> Written:
    """Write a TariffType; `for_wire` makes it a part of a message.

    Each dimension has a list of prices of its own, in the tariff's order. A price with a restriction that OCPP does
    not have there is left out.

    Args:
        tariff: What to write.
        language: RFC 5646 tag of the tariff's text.
    """
    lost: list[str] = []
    out: dict[str, Any] = {"tariffId": cut(tariff.id, _ID_LENGTH, "id", lost), "currency": tariff.currency}
    if tariff.text:
        content = cut(tariff.text, _TEXT_LENGTH, "text", lost)
        out["description"] = [{"format": "UTF8", "language": language, "content": content}]
    if tariff.tax_included:
        lost.append("tax_included: prices with tax are written without, as OCPP has them")
    for section in SECTIONS:
        prices = list(_prices(tariff, section, lost))
        if prices:
            taxes = _taxes(tariff, section, lost)
            out[section.key] = {"prices": prices} | ({"taxRates": taxes} if taxes else {})
    for key, bound in (("minCost", tariff.min_price), ("maxCost", tariff.max_price)):
        if bound != PriceBound():
            sides = {"exclTax": bound.excl, "inclTax": bound.incl}
            out[key] = {k: _number(v, f"{key} {k}", lost) for k, v in sides.items() if v is not None}
    if tariff.valid_from is not None:
        out["validFrom"] = instant_text(tariff.valid_from, "valid_from", lost)
    _lose_whole(tariff, out, lost)
    return Written(out, lost)


def _lose_whole(tariff: Tariff, out: dict[str, Any], lost: list[str]) -> None:
    """Say what OCPP cannot say of the tariff as a whole."""
    if tariff.valid_until is not None:
        lost.append(f"valid_until: OCPP has no end of validity, {tariff.valid_until.isoformat()}")
    if not tariff.flat_without_energy and has_flat(tariff):
        lost.append("flat_without_energy: OCPP does not say that a session without energy pays no fixed fee")
    if "idleTime" in out:
        lost.append(_HELD)
    for n, element in enumerate(tariff.elements):
        reservation = element.restrictions.reservation
        for component in element.components:
            if not any((s.dimension, s.reservation) == (component.dimension, reservation) for s in SECTIONS):
                assert reservation is not None
                what = f"elements.{n} {component.dimension.value}"
                lost.append(f"{what}: OCPP has no such price for {reservation.value}; the price is left out")


def _parts(tariff: Tariff, section: Section) -> Iterator[tuple[int, Element, Component]]:
    for n, element in enumerate(tariff.elements):
        if element.restrictions.reservation is section.reservation:
            for component in element.components:
                if component.dimension is section.dimension:
                    yield n, element, component


def _prices(tariff: Tariff, section: Section, lost: list[str]) -> Iterator[dict[str, Any]]:
    for n, element, component in _parts(tariff, section):
        what = f"elements.{n} {section.dimension.value}"
        given = set_restrictions(element.restrictions)
        given.pop("reservation", None)
        known = _known(section, given, what, lost)
        missing = {k: v for k, v in given.items() if k not in known or (k == "days" and not v)}
        if missing:
            lost.append(left_out(what, missing, "OCPP"))
            continue
        if component.step_size and component.dimension is not Dimension.FLAT:
            lost.append(f"{what}: the step size of {component.step_size}; OCPP charges exact volumes")
        if component.dynamic:
            lost.append(dynamic_lost(what, component))
        price = {section.price: _price(tariff, section, component, what, lost)}
        conditions = {known[k]: _condition(f"{what} {k}", v, lost) for k, v in given.items()}
        yield price | ({"conditions": conditions} if conditions else {})


def _known(section: Section, given: dict[str, Any], what: str, lost: list[str]) -> dict[str, str]:
    """Return the names of conditions of a section; a fixed fee knows neither progress nor power."""
    if not section.fixed:
        return _CIVIL | _KIND | _PROGRESS
    civil = [name for name in given if name in _CIVIL]
    if given.get("max_duration_s") == AT_START_S and civil:
        del given["max_duration_s"]  # what OCPP means
    elif civil:
        lost.append(f"{what}: OCPP judges {' and '.join(civil)} at the start only, not during the session")
    return _CIVIL | _KIND | _PAYMENT


def _price(tariff: Tariff, section: Section, component: Component, what: str, lost: list[str]) -> Decimal:
    pct = combined_pct(component.taxes) if tariff.tax_included else Decimal(0)
    price, exact = component.price, True
    if pct or section.per > 1:
        price, exact = divided(component.price * 100, (100 + pct) * section.per)
    if not exact:
        unit = " per minute" if section.per > 1 else ""
        lost.append(f"{what}: {component.price} has no finite decimal{unit}; {price} is written")
    return _number(price, what, lost)


def _number(value: Decimal, what: str, lost: list[str]) -> Decimal:
    digits = value.normalize().as_tuple().digits
    if len(digits) <= DIGITS:
        return value
    short = value.quantize(Decimal(1).scaleb(value.adjusted() + 1 - DIGITS))
    lost.append(f"{what}: the digits of {value} after the {DIGITS}th; {short} is written")
    return short


def _taxes(tariff: Tariff, section: Section, lost: list[str]) -> list[dict[str, Any]]:
    """Write the taxes of the first price of a section: they are the same for all of them."""
    parts = list(_parts(tariff, section))
    taxes = parts[0][2].taxes
    lost.extend(
        f"elements.{n} {section.dimension.value}: OCPP taxes all prices of {section.key} alike; "
        f"those of elements.{parts[0][0]} are written"
        for n, _, component in parts
        if component.taxes != taxes
    )
    if len(taxes) > _MOST_TAXES:
        pct = combined_pct(taxes)
        lost.append(f"{section.key}: {len(taxes)} taxes are written as one of {pct} %")
        taxes = (Tax("taxes", pct),)
    return [_tax(tax, section, lost) for tax in taxes]


def _tax(tax: Tax, section: Section, lost: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "type": cut(tax.name, _NAME_LENGTH, f"{section.key} tax", lost),
        "tax": _number(tax.pct, f"{section.key} tax", lost),
    }
    return out | ({"stack": tax.stack} if tax.stack else {})


def _condition(what: str, value: Any, lost: list[str]) -> Any:
    if isinstance(value, frozenset):
        return [DAYS[day] for day in sorted(value)]
    if isinstance(value, time):
        return clock_text(value, what, lost)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return cut(value, _NAME_LENGTH, what, lost)
    return _number(Decimal(value), what, lost)
