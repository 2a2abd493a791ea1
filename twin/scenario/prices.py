"""From the `tariffs` section to the tariffs that sessions are priced by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from twin.domain.ids import SiteId
from twin.engine.tariffs import SiteTariff
from twin.money.billing.json_text import parse
from twin.money.billing.model import (
    NO_BOUND,
    Component,
    Dimension,
    Element,
    PriceBound,
    Restrictions,
    Step,
    Tariff,
    Tax,
)
from twin.money.billing.ocpi import read_tariff
from twin.money.billing.pricing import Pricer
from twin.scenario import tariffs as section
from twin.scenario.files import read_text
from twin.scenario.model import Scenario
from twin.scenario.price_file import read_prices

_MIDNIGHT = time()
_WEEK = frozenset(range(7))
_SECONDS_PER_MINUTE = 60
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
VAT = "VAT"
"""Name of the tax on bills."""


def site_tariffs(scenario: Scenario) -> dict[SiteId, SiteTariff]:
    """Return what the sites charge that charge money.

    Raises:
        ScenarioError: A file of a tariff cannot be used.
    """
    made: dict[str, SiteTariff] = {}
    out: dict[SiteId, SiteTariff] = {}
    for site in scenario.sites:
        name = scenario.tariff_of(site)
        if name not in scenario.tariffs:
            continue  # free of charge
        if name not in made:
            made[name] = at_site(scenario, tariff(name, scenario.tariffs[name], scenario.base_dir))
        out[site] = made[name]
    return out


def at_site(scenario: Scenario, priced_by: Tariff) -> SiteTariff:
    """Return a tariff in the time and zone of a scenario."""
    epoch_ms = (scenario.start - _UNIX) // _MS
    return SiteTariff(Pricer(priced_by, scenario.time_zone), epoch_ms, scenario.duration_s)


def tariff(name: str, said: section.Tariff, base_dir: Path) -> Tariff:
    """Return the tariff that a scenario describes, or names a file of.

    Raises:
        ScenarioError: A file cannot be read, or says what cannot be charged.
    """
    if said.ocpi is not None:
        return _from_ocpi(name, base_dir / said.ocpi)
    taxes = () if said.vat_pct is None else (Tax(VAT, said.vat_pct),)
    included = said.tax == "included"
    return Tariff(
        id=name,
        currency=said.currency,
        elements=(*_windows(said, taxes), *_always(said, taxes, base_dir)),
        tax_included=included,
        min_price=_bound(said.min_price, included=included),
        max_price=_bound(said.max_price, included=included),
        flat_without_energy=said.session_fee_without_energy,
    )


def _windows(said: section.Tariff, taxes: tuple[Tax, ...]) -> Iterator[Element]:
    """One element per window; of one that runs past midnight on some days only, two."""
    for window in said.time_of_use:
        price = (Component(Dimension.ENERGY, window.price_per_kwh, taxes),)
        days = frozenset(section.WEEKDAYS.index(day) for day in window.days)
        wraps = window.end <= window.start and window.end != _MIDNIGHT
        if days == _WEEK:
            yield Element(
                components=price,
                restrictions=Restrictions(start_time=window.start, end_time=window.end),
            )
        elif not wraps:
            yield Element(
                components=price,
                restrictions=Restrictions(start_time=window.start, end_time=window.end, days=days),
            )
        else:  # a window belongs to the day on which it begins, a restriction to the day that it is now
            late = Restrictions(start_time=window.start, end_time=_MIDNIGHT, days=days)
            tomorrow = frozenset((day + 1) % 7 for day in days)
            early = Restrictions(start_time=_MIDNIGHT, end_time=window.end, days=tomorrow)
            yield from (Element(components=price, restrictions=part) for part in (late, early))


def _always(said: section.Tariff, taxes: tuple[Tax, ...], base_dir: Path) -> Iterator[Element]:
    """What holds where no window does, and the prices of time and session."""
    steps: tuple[Step, ...] = ()
    base = said.price_per_kwh
    if said.prices is not None:
        rows = read_prices(base_dir / said.prices)
        steps = tuple(Step(round(row.start.timestamp() * 1000), row.price) for row in rows)
        base = rows[0].price
    components = [Component(Dimension.ENERGY, base or Decimal(0), taxes, dynamic=steps)]
    if said.price_per_hour_charging:
        components.append(Component(Dimension.TIME, said.price_per_hour_charging, taxes))
    if said.price_per_session:
        components.append(Component(Dimension.FLAT, said.price_per_session, taxes))
    yield Element(components=tuple(components))
    if said.price_per_hour_parking:
        grace_s = round(said.parking_grace_min * _SECONDS_PER_MINUTE)
        yield Element(
            components=(Component(Dimension.PARKING_TIME, said.price_per_hour_parking, taxes),),
            restrictions=Restrictions(min_idle_s=grace_s or None),
        )


def _bound(amount: Decimal | None, *, included: bool) -> PriceBound:
    if amount is None:
        return NO_BOUND
    return PriceBound(incl=amount) if included else PriceBound(excl=amount)


def _from_ocpi(name: str, path: Path) -> Tariff:
    read = read_tariff(parse(read_text(path), str(path)))
    return replace(read.tariff, id=name)


def ocpi_notes(path: Path) -> tuple[str, ...]:
    """Return what a file of OCPI says that nobody obeys.

    Raises:
        ScenarioError: It cannot be used.
    """
    return read_tariff(parse(read_text(path), str(path))).notes
