"""`twin price`: the options of the command; what is heavy is imported when it runs."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

import typer

OWN = "-"
"""In place of a tariff: those that the CDR carries."""


def price(
    tariff: Annotated[
        str,
        typer.Argument(
            metavar="TARIFF",
            help="JSON file with a tariff of OCPI 2.2.1, OCPI 2.3.0 or OCPP 2.1; `-` for the tariffs that the CDR "
            "carries. A single file is the CDR.",
            show_default=False,
        ),
    ],
    cdr: Annotated[
        Path | None,
        typer.Argument(
            metavar="CDR", help="JSON file with a charge detail record of OCPI.", show_default=False
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="TZ",
            help="IANA zone of the location, as Europe/Berlin: the tariff's hours, dates and days are meant in it. "
            "By default what the CDR's location says.",
        ),
    ] = None,
    reservation: Annotated[
        Literal["used", "expired"] | None,
        typer.Option(
            help="What became of a reservation, which a CDR cannot say. By default used if the car charged.",
            show_default=False,
        ),
    ] = None,
    ocpi: Annotated[
        Literal["2.2.1", "2.3.0"] | None,
        typer.Option(help="Version of both files; by default as their fields tell.", show_default=False),
    ] = None,
    rounding: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="Unit to which the CDR's costs are rounded, as 0.0001; by default the currency's minor unit.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all figures as JSON; exact decimals, as strings.")
    ] = False,
) -> None:
    """Price a charge detail record of OCPI, and check the totals that it claims.

    By the tariff that it carries:

        twin price cdr.json

    By another one, with its hours in the location's zone:

        twin price tariff.json cdr.json --time-zone Europe/Berlin

    Its charging periods are priced as they stand, each by the prices that apply when it begins; step sizes, VAT,
    least and highest prices as OCPI defines them. Lines, totals, how they come about in words, and each claim beside
    what follows from the periods are printed; where a total differs, what would explain it.

    Exit codes: 0 the totals agree, or none is claimed, 1 one differs, 2 unusable input, 70 a defect of twin.
    """
    from twin.cli import price_output
    from twin.money.billing.cdr_check import price_cdr
    from twin.money.billing.check import check
    from twin.money.billing.ocpi_cdr import read_cdr
    from twin.studies.pricing import read_tariff, source_of

    own = cdr is None or tariff == OWN
    record = read_cdr(source_of(cdr or tariff, "CDR"), ocpi)
    given = None if own else read_tariff(tariff, ocpi)
    checked = price_cdr(
        record,
        given and given.tariff,
        time_zone=time_zone,
        reservation=reservation,
        rounding=_unit(rounding),
    )
    notes = [*(given.notes if given else ()), *record.notes, *check(checked.tariff)]
    zone = time_zone or record.time_zone or "UTC"
    if as_json:
        typer.echo(price_output.as_json(checked, notes, zone))
    else:
        price_output.show(checked, notes, zone)
    if not checked.agrees:
        raise typer.Exit(1)


def _unit(text: str | None) -> Decimal | None:
    """Return the unit of rounding.

    Raises:
        ScenarioError: The text is no number above 0.
    """
    from twin.errors import Problem, ScenarioError

    if text is None:
        return None
    try:
        unit = Decimal(text)
    except InvalidOperation:
        unit = Decimal(0)
    if not unit.is_finite() or unit <= 0:
        raise ScenarioError(
            [Problem("twin price", 0, "--rounding", f"{text!r} is no number above 0, as 0.01")]
        )
    return unit
