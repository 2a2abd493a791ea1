"""`twin statement`: a driver's month."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.money.papers.statement import Statement

MOST = 20
"""Drivers that are listed."""
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def statement(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    driver: Annotated[
        str | None,
        typer.Argument(
            help="Pseudonym, as `staff-6`; without it those who were billed get listed.", show_default=False
        ),
    ] = None,
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="Civil month, as 2026-03; by default all.", show_default=False),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the items as CSV, too.", show_default=False)] = None,
) -> None:
    """Print a driver's monthly statement: what was charged where, what it cost, what is paid and what is open.

    twin statement results/40-payments staff-6 --month 2026-03 --csv march.csv
    """
    from twin.errors import SettingsError
    from twin.money.papers.statement import statement_text
    from twin.results.read import open_run
    from twin.studies import statements

    if month is not None and not _MONTH.fullmatch(month):
        raise SettingsError(f"--month {month}: is no month; write it as 2026-03")
    run = open_run(run_folder)
    if driver is None:
        _list(statements.drivers(run))
        return
    found = statements.of_driver(run, driver)
    chosen = [one for one in found if month is None or f"{one.month:%Y-%m}" == month]
    if not chosen:
        known = ", ".join(dict.fromkeys(f"{one.month:%Y-%m}" for one in found))
        raise SettingsError(f"{run_folder}: nothing was billed to `{driver}` in {month}; there are {known}")
    typer.echo("\n".join(statement_text(one) for one in chosen), nl=False)
    if csv is not None:
        _write(csv, chosen)


def _list(drivers: Sequence[str]) -> None:
    for driver in drivers[:MOST]:
        typer.echo(driver)
    if len(drivers) > MOST:
        typer.echo(f"and {len(drivers) - MOST} more", err=True)
    if not drivers:
        typer.echo("nobody was billed in this run", err=True)


def _write(file: Path, chosen: Sequence[Statement]) -> None:
    """One header, then the items of every month."""
    from twin.errors import SettingsError
    from twin.money.papers.statement import statement_csv

    head, *_ = statement_csv(chosen[0]).partition("\r\n")
    body = "".join(statement_csv(one).removeprefix(f"{head}\r\n") for one in chosen)
    try:
        file.write_text(f"{head}\r\n{body}", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written ({error.strerror}); name another place") from None
    typer.echo(f"statement: {file}", err=True)
