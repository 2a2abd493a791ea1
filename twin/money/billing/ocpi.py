"""Tariffs of OCPI 2.2.1 and 2.3.0, read into the twin's language (mod_tariffs, Tariff Object).

The two versions differ in how they speak of taxes: 2.2.1 has prices without VAT and limits `excl_vat` and `incl_vat`;
2.3.0 says by `tax_included` what its prices are, and has limits `before_taxes` and `after_taxes`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

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
from twin.money.billing.reading import Fields, top

Version: TypeAlias = Literal["2.2.1", "2.3.0"]
VERSIONS: Final[tuple[Version, ...]] = ("2.2.1", "2.3.0")
VAT: Final = "VAT"
"""OCPI's one percentage per price has no name; this is what bills call it."""

DAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_DAYS = {name: day for day, name in enumerate(DAYS)}
_DIMENSIONS = {d.value: d for d in Dimension}
_RESERVATIONS = {r.value: r for r in Reservation}
_RESERVABLE = frozenset({Dimension.FLAT, Dimension.TIME})
_TYPES = ("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")
_ON_TOP, _INCLUDED, _NONE = "NO", "YES", "N/A"
_SILENT = ("country_code", "party_id", "last_updated", "tariff_alt_url", "energy_mix")
"""Say nothing about the price."""


class Imported(NamedTuple):
    """A tariff, and what the document says that nobody obeys."""

    tariff: Tariff
    notes: tuple[str, ...]


def read_tariff(source: Source, version: Version | None = None) -> Imported:
    """Read a Tariff object.

    Args:
        source: The JSON document.
        version: Of OCPI; None: as the document's own fields tell.

    Raises:
        ScenarioError: It cannot be used: every problem with its line, path, value and remedy.
    """
    fields = top(source, "OCPI tariff")
    tariff = tariff_of(fields, version or version_of(source.value))
    fields.found.stop()
    return Imported(tariff, tuple(fields.found.notes))


def version_of(value: Any) -> Version:
    """Return the version of which a Tariff or CDR has fields; 2.2.1 where nothing tells."""
    if not isinstance(value, dict):
        return "2.2.1"
    prices = [value.get(key) for key in ("min_price", "max_price", "total_cost")]
    if "tax_included" in value or any(isinstance(p, dict) and "before_taxes" in p for p in prices):
        return "2.3.0"
    tariffs = value.get("tariffs")
    return (
        "2.3.0" if isinstance(tariffs, list) and any(version_of(t) == "2.3.0" for t in tariffs) else "2.2.1"
    )


def tariff_of(fields: Fields, version: Version) -> Tariff:
    """Read a Tariff object within a document: problems and notes go to the document's findings."""
    fields.skip(*_SILENT)
    kind = fields.choice("type", {name: name for name in _TYPES})
    if kind not in (None, "REGULAR"):
        fields.note("type", f"{kind}: who it is for is not looked at")
    how = _NONE
    if version == "2.3.0":
        how = (
            fields.choice("tax_included", {n: n for n in (_ON_TOP, _INCLUDED, _NONE)}, required=True) or _NONE
        )
    tariff = Tariff(
        id=fields.text("id", 36, required=True, ascii_only=True),
        currency=fields.currency("currency"),
        text=_text(fields),
        tax_included=how == _INCLUDED,
        min_price=limit_of(fields, "min_price", version),
        max_price=limit_of(fields, "max_price", version),
        valid_from=fields.instant("start_date_time"),
        valid_until=fields.instant("end_date_time"),
        elements=tuple(
            _element(element, taxed=version == "2.2.1" or how != _NONE)
            for element in fields.objects("elements", required=True)
        ),
    )
    fields.done(f"OCPI {version}")
    _check_limits(fields, tariff)
    if how in (_ON_TOP, _INCLUDED) and not any(c.taxes for e in tariff.elements for c in e.components):
        fields.note("tax_included", f"{how}, but no price has `vat`: no tax is calculated")
    return tariff


def limit_of(fields: Fields, key: str, version: Version) -> PriceBound:
    """Read a Price (2.2.1) or PriceLimit (2.3.0) as a pair without and with tax."""
    inner = fields.object(key)
    if inner is None:
        return NO_BOUND
    excl, incl = ("excl_vat", "incl_vat") if version == "2.2.1" else ("before_taxes", "after_taxes")
    bound = PriceBound(inner.number(excl, required=True), inner.number(incl))
    inner.done(f"OCPI {version}")
    return bound


def _text(fields: Fields) -> str:
    """Return the text in English, or else the first; there is one per language."""
    texts = []
    for one in fields.objects("tariff_alt_text"):
        texts.append((one.text("language", 2, required=True), one.text("text", 512, required=True)))
        one.done("OCPI")
    chosen = next((text for text in texts if text[0] == "en"), texts[0] if texts else ("", ""))
    others = [language for language, text in texts if (language, text) != chosen]
    if others:
        fields.note("tariff_alt_text", f"the texts in {', '.join(others)} are not kept")
    return chosen[1]


def _element(fields: Fields, *, taxed: bool) -> Element:
    within = fields.object("restrictions")
    restrictions = Restrictions() if within is None else _restrictions(within)
    components = tuple(_component(c, taxed=taxed) for c in fields.objects("price_components", required=True))
    fields.done("OCPI")
    for n, component in enumerate(components):
        if restrictions.reservation and component.dimension not in _RESERVABLE:
            fields.found.problem(
                (*fields.path, "price_components", n, "type"),
                f"a reservation has no {component.dimension.value}; only FLAT and TIME",
            )
    return Element(components=components, restrictions=restrictions)


def _component(fields: Fields, *, taxed: bool) -> Component:
    dimension = fields.choice("type", _DIMENSIONS, required=True) or Dimension.FLAT
    price = fields.number("price", required=True) or Decimal(0)
    vat = fields.number("vat", least=Decimal(0))
    if vat is not None and not taxed:
        fields.note("vat", f"{vat} is not charged: tax_included says that no tax is applicable")
        vat = None
    step_size = fields.whole("step_size", required=dimension is not Dimension.FLAT) or 0
    fields.done("OCPI")
    return Component(dimension, price, () if vat is None else (Tax(VAT, vat),), step_size)


def _restrictions(fields: Fields) -> Restrictions:
    ordered = {
        key: (fields.number(f"min_{key}"), fields.number(f"max_{key}")) for key in ("kwh", "current", "power")
    }
    seconds = (fields.whole("min_duration"), fields.whole("max_duration"))
    dates = (fields.day("start_date"), fields.day("end_date"))
    days = fields.names("day_of_week", _DAYS)
    for key, (least, most) in {**ordered, "duration": seconds}.items():
        if least is not None and most is not None and least >= most:
            fields.problem(
                f"min_{key}", f"{least} is not below max_{key} {most}: it never applies; swap them"
            )
    if dates[0] and dates[1] and dates[0] >= dates[1]:
        fields.problem(
            "start_date", f"{dates[0]} is not before end_date {dates[1]}: it never applies; swap them"
        )
    restrictions = Restrictions(
        start_time=fields.clock("start_time"),
        end_time=fields.clock("end_time"),
        start_date=dates[0],
        end_date=dates[1],
        days=frozenset(days) if days else None,
        min_energy_wh=_thousand(ordered["kwh"][0]),
        max_energy_wh=_thousand(ordered["kwh"][1]),
        min_current_a=ordered["current"][0],
        max_current_a=ordered["current"][1],
        min_power_w=_thousand(ordered["power"][0]),
        max_power_w=_thousand(ordered["power"][1]),
        min_duration_s=seconds[0],
        max_duration_s=seconds[1],
        reservation=fields.choice("reservation", _RESERVATIONS),
    )
    fields.done("OCPI")
    return restrictions


def _thousand(value: Decimal | None) -> Decimal | None:
    return None if value is None else value * 1000


def _check_limits(fields: Fields, tariff: Tariff) -> None:
    for least, most, side in zip(tariff.min_price, tariff.max_price, ("without", "with"), strict=True):
        if least is not None and most is not None and least > most:
            fields.problem("min_price", f"{least} {side} tax is above max_price {most}; swap them")
    if tariff.valid_from and tariff.valid_until and tariff.valid_from >= tariff.valid_until:
        fields.problem("start_date_time", "is not before end_date_time: it never is valid; swap them")
