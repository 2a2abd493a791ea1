"""Charge detail records of OCPI 2.2.1 and 2.3.0: what they tell of a session, and what they claim it costs.

Only what bears on the price is read (mod_cdrs, CDR Object). Totals are claims: each is optional here, although OCPI
requires some, and what is not claimed is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from twin.money.billing.civil import unix_ms
from twin.money.billing.json_text import Source
from twin.money.billing.model import PriceBound, Tariff
from twin.money.billing.ocpi import Version, limit_of, tariff_of, version_of
from twin.money.billing.reading import Fields, top
from twin.money.billing.tax_rates import plain

ENERGY, TIME, PARKING_TIME, RESERVATION_TIME = "ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME"
_VOLUMES = frozenset({ENERGY, TIME, PARKING_TIME, RESERVATION_TIME, "ENERGY_EXPORT", "ENERGY_IMPORT"})
_STATES = ("CURRENT", "MAX_CURRENT", "MIN_CURRENT", "POWER", "MAX_POWER", "MIN_POWER", "STATE_OF_CHARGE")
_DIMENSIONS: Final = {name: name for name in (*sorted(_VOLUMES), *_STATES)}
COSTS: Final = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
AMOUNTS: Final = ("total_energy", "total_time", "total_parking_time")
_REQUIRED = ("total_cost", "total_energy", "total_time")
_SILENT = (
    "country_code",
    "party_id",
    "session_id",
    "cdr_token",
    "auth_method",
    "authorization_reference",
    "meter_id",
    "signed_data",
    "remark",
    "invoice_reference_id",
    "home_charging_compensation",
    "last_updated",
)
_HOUR_MS = 3_600_000
_LAX_MS = 60_000
"""How much longer than the clock says a period's times may be before a note says so."""


class CdrPeriod(NamedTuple):
    """A ChargingPeriod: it ends where the next one starts, the last one with the session."""

    start_ms: int
    end_ms: int
    volumes: dict[str, Decimal]
    """By dimension: kWh, h, A or kW."""
    tariff_id: str
    """Empty: none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """A session as somebody else accounts for it."""

    id: str
    version: Version
    currency: str
    start_ms: int
    """Of the session, or of the reservation before it."""
    end_ms: int
    periods: tuple[CdrPeriod, ...]
    tariffs: tuple[Tariff, ...]
    time_zone: str
    """Of the location, where it says so; else empty."""
    evse_kind: str
    """AC or DC; empty where the connector does not tell."""
    credit: bool
    """Whether it takes another CDR back: then its total cost is negated."""
    costs: dict[str, PriceBound]
    """Claimed, without and with tax, by name of the field."""
    amounts: dict[str, Decimal]
    """Claimed kWh and h, by name of the field."""
    notes: tuple[str, ...]
    """What it says that nobody obeys, and what looks odd."""


def read_cdr(source: Source, version: Version | None = None) -> Cdr:
    """Read a CDR object.

    Args:
        source: The JSON document.
        version: Of OCPI; None: as the document's own fields tell.

    Raises:
        ScenarioError: It cannot be priced: every problem with its line, path, value and remedy.
    """
    fields = top(source, "OCPI CDR")
    version = version or version_of(source.value)
    fields.skip(*_SILENT)
    start, end = _span(fields)
    place = fields.object("cdr_location", required=True)
    costs = {key: _price(fields, key, version) for key in COSTS if key in fields}
    amounts = {key: fields.number(key, least=Decimal(0)) for key in AMOUNTS if key in fields}
    cdr = Cdr(
        id=fields.text("id", 39, required=True, ascii_only=True),
        version=version,
        currency=fields.currency("currency"),
        start_ms=start,
        end_ms=end,
        periods=_periods(fields, start, end),
        tariffs=tuple(tariff_of(tariff, version) for tariff in fields.objects("tariffs")),
        time_zone=place.text("time_zone", 255) if place else "",
        evse_kind=_evse_kind(place) if place else "",
        credit=_credit(fields),
        costs={key: cost for key, cost in costs.items() if cost is not None},
        amounts={key: amount for key, amount in amounts.items() if amount is not None},
        notes=(),
    )
    for key in _REQUIRED:
        if key not in costs and key not in amounts:
            fields.note(key, "is missing, although OCPI requires it: it is not compared")
    fields.done(f"OCPI {version}")
    _check_tariffs(fields, cdr)
    fields.found.stop()
    return _with_notes(cdr, fields)


def _with_notes(cdr: Cdr, fields: Fields) -> Cdr:
    named = {name: getattr(cdr, name) for name in Cdr.__slots__}
    return Cdr(**named | {"notes": tuple(fields.found.notes)})


def _span(fields: Fields) -> tuple[int, int]:
    start, end = (fields.instant(f"{side}_date_time", required=True) for side in ("start", "end"))
    if start and end and end < start:
        fields.problem("end_date_time", "is before start_date_time; swap them")
    return _ms(start), _ms(end)


def _ms(at: datetime | None) -> int:
    """Return Unix time, 0 for what is missing: that is a problem already."""
    return 0 if at is None else unix_ms(at)


def _evse_kind(place: Fields) -> str:
    """Return AC or DC, from the connector's power type."""
    kind = place.take("connector_power_type")
    return kind[:2] if isinstance(kind, str) and kind[:2] in ("AC", "DC") else ""


def _credit(fields: Fields) -> bool:
    credit = fields.flag("credit")
    reference = fields.text("credit_reference_id", 39)
    if credit and not reference:
        fields.note("credit_reference_id", "is missing: a credit CDR names the CDR that it takes back")
    return credit


def _price(fields: Fields, key: str, version: Version) -> PriceBound | None:
    """Read a claimed cost: without tax, and with it where the CDR tells it."""
    if version == "2.2.1":
        return limit_of(fields, key, version)
    inner = fields.object(key)
    if inner is None:
        return None
    before, told = inner.number("before_taxes", required=True), "taxes" in inner
    after = before
    for tax in inner.objects("taxes"):
        amount = tax.number("amount", required=True)
        tax.skip("name", "account_number", "percentage")
        tax.done(f"OCPI {version}")
        after = None if after is None or amount is None else after + amount
    inner.done(f"OCPI {version}")
    return PriceBound(before, after if told else None)


def _periods(fields: Fields, start_ms: int, end_ms: int) -> tuple[CdrPeriod, ...]:
    found = [
        (_ms(one.instant("start_date_time", required=True)), one)
        for one in fields.objects("charging_periods", required=True)
    ]
    for n, (before, after) in enumerate(pairwise(at for at, _ in found)):
        if 0 < after < before:
            found[n + 1][1].problem("start_date_time", "is before that of the period before it; sort them")
    if found and 0 < found[0][0] < start_ms:
        found[0][1].problem("start_date_time", "is before the CDR's own start_date_time; correct one of them")
    if found and 0 < end_ms < found[-1][0]:
        found[-1][1].problem("start_date_time", "is after the CDR's end_date_time; correct one of them")
    ends = [*(at for at, _ in found[1:]), end_ms]
    return tuple(_period(one, at, end) for (at, one), end in zip(found, ends, strict=False))


def _period(fields: Fields, start_ms: int, end_ms: int) -> CdrPeriod:
    volumes: dict[str, Decimal] = {}
    for one in fields.objects("dimensions", required=True):
        kind = one.choice("type", _DIMENSIONS, required=True)
        least = Decimal(0) if kind in _VOLUMES else None
        volume = one.number("volume", required=True, least=least)
        one.done("OCPI")
        if kind in volumes:
            one.problem("type", f"{kind} stands twice in one period; add the two up")
        elif kind and volume is not None:
            volumes[kind] = volume
    tariff_id = fields.text("tariff_id", 36, ascii_only=True)
    fields.done("OCPI")
    told_ms = sum(volumes.get(k, Decimal(0)) for k in (TIME, PARKING_TIME, RESERVATION_TIME)) * _HOUR_MS
    if told_ms > end_ms - start_ms + _LAX_MS:
        hours = plain(Decimal(end_ms - start_ms) / _HOUR_MS)
        fields.note("", f"its times come to more than the {hours:.4f} h that it lasts")
    return CdrPeriod(start_ms, end_ms, volumes, tariff_id)


def _check_tariffs(fields: Fields, cdr: Cdr) -> None:
    """Check that tariffs are in the CDR's currency, and that no id stands twice."""
    ids = [tariff.id.casefold() for tariff in cdr.tariffs]
    for n, tariff in enumerate(cdr.tariffs):
        path = ("tariffs", n)
        if tariff.currency and cdr.currency and tariff.currency != cdr.currency:
            text = f"{tariff.currency} is not the CDR's currency, {cdr.currency}"
            fields.found.problem((*path, "currency"), text)
        if ids[n] and ids[n] in ids[:n]:
            fields.found.problem((*path, "id"), f'"{tariff.id}" stands twice; ids are the same in any case')


def session_periods(cdr: Cdr) -> Iterator[CdrPeriod]:
    """Yield the periods that are not only a reservation."""
    for period in cdr.periods:
        if RESERVATION_TIME not in period.volumes or any(
            period.volumes.get(kind) for kind in (ENERGY, TIME, PARKING_TIME)
        ):
            yield period
