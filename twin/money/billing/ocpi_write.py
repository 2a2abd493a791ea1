"""Tariffs written as OCPI 2.2.1 and 2.3.0, with a list of what those cannot say (mod_tariffs, Tariff Object)."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from twin.money.billing.model import (
    Component,
    Dimension,
    Element,
    PriceBound,
    Restrictions,
    Tariff,
)
from twin.money.billing.ocpi import DAYS, VAT, Version
from twin.money.billing.tax_rates import combined_pct, plain, without_tax

_NOT_IN_OCPI = (
    "min_charging_s",
    "max_charging_s",
    "min_idle_s",
    "max_idle_s",
    "evse_kind",
    "payment_brand",
    "payment_recognition",
)
_PLAIN = {
    "min_current_a": "min_current",
    "max_current_a": "max_current",
    "min_duration_s": "min_duration",
    "max_duration_s": "max_duration",
}
_THOUSANDTHS = {
    "min_energy_wh": "min_kwh",
    "max_energy_wh": "max_kwh",
    "min_power_w": "min_power",
    "max_power_w": "max_power",
}
_ID_LENGTH, _TEXT_LENGTH = 36, 512
_FREE = {"price_components": [{"type": "FLAT", "price": Decimal(0), "step_size": 1}]}
"""How OCPI says that nothing is charged (mod_tariffs, Tariff Object)."""


class Written(NamedTuple):
    """A JSON object with exact numbers, and what could not be said in it, in words."""

    json: dict[str, Any]
    lost: list[str]


def write_tariff(
    tariff: Tariff,
    version: Version = "2.2.1",
    *,
    country_code: str,
    party_id: str,
    last_updated: datetime,
    language: str = "en",
) -> Written:
    """Write a Tariff object.

    An element with a restriction that OCPI does not have is left out: it would charge too often otherwise.

    Args:
        tariff: What to write.
        version: Of OCPI.
        country_code: ISO 3166 alpha-2 code of the operator's country.
        party_id: Three characters.
        last_updated: Aware.
        language: ISO 639-1 code of the tariff's text.
    """
    lost: list[str] = []
    out: dict[str, Any] = {
        "country_code": country_code,
        "party_id": party_id,
        "id": cut(_ascii(tariff.id, lost), _ID_LENGTH, "id", lost),
        "currency": tariff.currency,
    }
    if text := cut(_one_line(tariff.text, lost), _TEXT_LENGTH, "text", lost):
        out["tariff_alt_text"] = [{"language": language, "text": text}]
    for key, bound in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if bound != PriceBound():
            out[key] = _limit(key, bound, version, lost)
    elements = (_element(n, element, tariff, version, lost) for n, element in enumerate(tariff.elements))
    out["elements"] = [element for element in elements if element] or [_FREE]
    if version == "2.3.0":
        taxed = any("vat" in component for e in out["elements"] for component in e["price_components"])
        out["tax_included"] = "YES" if tariff.tax_included else "NO" if taxed else "N/A"
    elif tariff.tax_included:
        lost.append("tax_included: prices with tax are written without, as OCPI 2.2.1 has them")
    for key, at in (("start_date_time", tariff.valid_from), ("end_date_time", tariff.valid_until)):
        if at is not None:
            out[key] = instant_text(at, key, lost)
    if not tariff.flat_without_energy and has_flat(tariff):
        lost.append("flat_without_energy: OCPI charges a flat fee of a session without energy, too")
    out["last_updated"] = instant_text(last_updated, "last_updated", lost)
    return Written(out, lost)


def cut(text: str, longest: int, what: str, lost: list[str]) -> str:
    """Return the part of a text that there is room for."""
    if len(text) > longest:
        lost.append(f"{what}: only the first {longest} of {len(text)} characters have room")
    return text[:longest]


def instant_text(at: datetime, what: str, lost: list[str]) -> str:
    """Return an aware instant as UTC to the millisecond."""
    utc = at.astimezone(UTC).replace(tzinfo=None)
    if utc.microsecond % 1000:
        lost.append(f"{what}: what is finer than a millisecond of {utc.isoformat()}")
    return utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds") + "Z"


def has_flat(tariff: Tariff) -> bool:
    """Whether sessions, not only reservations, pay a flat fee."""
    return any(
        c.dimension is Dimension.FLAT
        for e in tariff.elements
        if e.restrictions.reservation is None
        for c in e.components
    )


def clock_text(at: time, what: str, lost: list[str]) -> str:
    """Return a time of day to the minute."""
    if at.second or at.microsecond:
        lost.append(f"{what}: the seconds of {at.isoformat()}")
    return f"{at:%H:%M}"


def set_restrictions(restrictions: Restrictions) -> dict[str, Any]:
    """Return the restrictions that restrict, by name."""
    named = {f.name: getattr(restrictions, f.name) for f in fields(restrictions)}
    return {name: value for name, value in named.items() if value is not None}


def exact_price(component: Component, tariff: Tariff, what: str, lost: list[str]) -> Decimal:
    """Return a component's price without tax."""
    if not tariff.tax_included:
        return component.price
    price, exact = without_tax(component.price, component.taxes)
    if not exact:
        lost.append(f"{what}: {component.price} with tax has no finite decimal without; {price} is written")
    return price


def left_out(what: str, missing: dict[str, Any], language: str) -> str:
    """Say that an element is left out since a language lacks its restrictions."""
    said = ", ".join(f"{name} {_shown(value)}" for name, value in missing.items())
    return f"{what}: {language} has no restriction {said}; the price is left out"


def dynamic_lost(what: str, component: Component) -> str:
    """Say that a component's prices per interval are lost."""
    return f"{what}: {len(component.dynamic)} prices by interval; {component.price} is written for all times"


def _shown(value: Any) -> str:
    return "without days" if isinstance(value, frozenset) else str(value)


def _ascii(text: str, lost: list[str]) -> str:
    """Return an id as OCPI allows it (types, CiString)."""
    out = "".join(c if c.isascii() and c.isprintable() else "_" for c in text)
    if out != text:
        lost.append(f"id: characters that are not printable ASCII; {out} is written")
    return out


def _one_line(text: str, lost: list[str]) -> str:
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if printable != text:
        lost.append("text: line breaks, tabs, doubled spaces and unprintable characters")
    return printable


def _limit(key: str, bound: PriceBound, version: Version, lost: list[str]) -> dict[str, Decimal]:
    """Write a bound; its side without tax is required, and a least or highest price never binds there."""
    excl, incl = ("excl_vat", "incl_vat") if version == "2.2.1" else ("before_taxes", "after_taxes")
    side = bound.excl
    if side is None:
        side = Decimal(0) if key == "min_price" else bound.incl or Decimal(0)
        lost.append(f"{key}: OCPI requires {excl}; {side} is written where there is no bound")
    return {excl: side} | ({} if bound.incl is None else {incl: bound.incl})


def _element(n: int, element: Element, tariff: Tariff, version: Version, lost: list[str]) -> dict[str, Any]:
    given = set_restrictions(element.restrictions)
    missing = {k: v for k, v in given.items() if k in _NOT_IN_OCPI or (k == "days" and not v)}
    names = " and ".join(c.dimension.value for c in element.components)
    if missing:
        lost.append(left_out(f"elements.{n} {names}", missing, "OCPI"))
        return {}
    components = []
    for component in element.components:
        what = f"elements.{n} {component.dimension.value}"
        if "reservation" in given and component.dimension not in (Dimension.FLAT, Dimension.TIME):
            lost.append(f"{what}: a reservation has only FLAT and TIME; the price is left out")
        else:
            components.append(_component(what, component, tariff, version, lost))
    if not components:
        return {}
    restrictions = {key: value for k, v in given.items() for key, value in _restriction(n, k, v, lost)}
    return {"price_components": components} | ({"restrictions": restrictions} if restrictions else {})


def _component(
    what: str, component: Component, tariff: Tariff, version: Version, lost: list[str]
) -> dict[str, Any]:
    if component.dynamic:
        lost.append(dynamic_lost(what, component))
    price = component.price
    if version == "2.2.1":
        price = exact_price(component, tariff, what, lost)
    out: dict[str, Any] = {"type": component.dimension.value, "price": price}
    if component.taxes:
        out["vat"] = combined_pct(component.taxes)
        names = [tax.name for tax in component.taxes]
        if names != [VAT]:
            lost.append(f"{what}: {' and '.join(names)} are written as one percentage of {out['vat']}")
    if not component.step_size and component.dimension is not Dimension.FLAT:
        unit = "Wh" if component.dimension is Dimension.ENERGY else "second"
        lost.append(f"{what}: exact volumes; the smallest step of OCPI rounds them up to a whole {unit}")
    return out | {"step_size": max(1, component.step_size)}


def _restriction(n: int, name: str, value: Any, lost: list[str]) -> list[tuple[str, Any]]:
    if name in _THOUSANDTHS:
        return [(_THOUSANDTHS[name], plain(value / 1000))]
    if name in _PLAIN:
        return [(_PLAIN[name], value)]
    if name == "days":
        return [("day_of_week", [DAYS[day] for day in sorted(value)])]
    if name == "reservation":
        return [("reservation", value.value)]
    if isinstance(value, time):
        return [(name, clock_text(value, f"elements.{n} {name}", lost))]
    assert isinstance(value, date)
    return [(name, value.isoformat())]
