"""What a session costs under a tariff: of the twin, of OCPI or OCPP, from a file or from memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from twin.errors import Problem, ScenarioError
from twin.money.billing import ocpi, ocpp21
from twin.money.billing.cdr_check import price_cdr
from twin.money.billing.cdr_pricing import asks_for_civil_time
from twin.money.billing.json_text import Source, parse
from twin.money.billing.model import Bill, Measured, Tariff
from twin.money.billing.ocpi_cdr import Cdr, read_cdr
from twin.money.billing.pricing import Pricer
from twin.scenario.files import read_text

Json: TypeAlias = Mapping[str, Any]


def price(
    tariff: Tariff | Json | str | Path | None,
    session: Measured | Cdr | Json | str | Path,
    *,
    time_zone: str | None = None,
) -> Bill:
    """Return the bill of a session.

    A measured session is split wherever the tariff switches; the charging periods of a CDR are priced as they stand.

    Args:
        tariff: The twin's own; or a Tariff of OCPI 2.2.1 or 2.3.0 or a TariffType of OCPP 2.1, as a dict or the path
            of a JSON file; or None, where a CDR carries its tariffs.
        session: A measured session; or a CDR of OCPI as a dict or the path of a JSON file.
        time_zone: IANA name of the location's zone, in which hours, dates and days of the tariff are meant; a CDR
            may tell it.

    Raises:
        ScenarioError: A file, tariff, CDR or zone cannot be used: every problem at once.
        PricingError: The tariff or the session cannot be priced.
    """
    own = tariff if tariff is None or isinstance(tariff, Tariff) else read_tariff(tariff).tariff
    if not isinstance(session, Measured):
        cdr = session if isinstance(session, Cdr) else read_cdr(source_of(session, "CDR"))
        return price_cdr(cdr, own, time_zone=time_zone).bill
    if own is None:
        raise ScenarioError([Problem("session", 0, "", "a measured session carries no tariff; give one")])
    if time_zone is None and any(asks_for_civil_time(own)):
        text = "asks for civil time; say the location's time zone, as time_zone='Europe/Berlin'"
        raise ScenarioError([Problem(f"tariff {own.id}", 0, "", text)])
    return Pricer(own, time_zone or "UTC").price(session)


def read_tariff(given: Json | str | Path, version: ocpi.Version | None = None) -> ocpi.Imported:
    """Read a tariff of OCPI or OCPP 2.1, whichever it is.

    Args:
        given: A dict, or the path of a JSON file.
        version: Of OCPI; None: as its fields tell.

    Raises:
        ScenarioError: It cannot be used: every problem at once.
    """
    source = source_of(given, "tariff")
    if isinstance(source.value, Mapping) and "tariffId" in source.value:
        return ocpp21.read_tariff(source)
    return ocpi.read_tariff(source, version)


def source_of(given: Json | str | Path, name: str) -> Source:
    """Return a JSON document: of a file, or of values that never were a text.

    Raises:
        ScenarioError: The file cannot be read, or is not JSON.
    """
    if isinstance(given, Mapping):
        return Source(given, name)
    return parse(read_text(Path(given)), str(given))
