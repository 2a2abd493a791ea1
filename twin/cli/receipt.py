"""`twin receipt`: what a driver of a run is given, and the signed meter data behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from twin.money.papers.receipt import Receipt
    from twin.studies.receipts import Receipts

MOST = 20
"""Sessions that are listed."""
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")


def receipt(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    session: Annotated[
        str | None,
        typer.Argument(
            help="Whose receipt, as `square/1#1`; without it those that there are get listed.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File: .html is a page, .txt is text, .xml is the signed meter data for the Transparenzsoftware "
            "(S.A.F.E.). With --all a folder. By default the text is printed.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Write the receipt of every session as a page into the folder --out."),
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Print the text, too; with --all write text instead of pages.")
    ] = False,
) -> None:
    """Write the receipt of a session: its lines, their sum, tax, how it was paid, and signed meter data.

        twin receipt results/40-payments "square/1#1" --out receipt.html

    Nothing is priced again: it is made of the run's tables. Check the signed meter data with `twin verify`.
    """
    from twin.errors import SettingsError
    from twin.money.papers.receipt import receipt_text
    from twin.results.read import open_run
    from twin.studies.receipts import Receipts

    papers = Receipts(open_run(run_folder))
    if every:
        if session is not None or out is None:
            raise SettingsError(
                "--all takes no session and needs a folder: twin receipt RUN --all --out FOLDER"
            )
        _write_all(papers, out, ".txt" if text else ".html")
    elif session is None:
        _list(papers)
    else:
        made = papers.receipt(session)
        if out is None or text:
            typer.echo(receipt_text(made), nl=False)
        if out is not None:
            _write(out, _content(made, out))
            typer.echo(f"receipt: {out}", err=True)


def _list(papers: Receipts) -> None:
    from twin.money.papers.receipt import charged

    if not papers.bills:
        typer.echo("no session of this run was billed")
        return
    for session, bills in list(papers.bills.items())[:MOST]:
        last = bills[-1]
        typer.echo(f"{session:<24} {last.number:<20} {charged(last.amount_minor, last.currency):>14}")
    more = len(papers.bills) - MOST
    if more > 0:
        typer.echo(f"and {more} more; `twin receipt RUN --all --out FOLDER` writes all", err=True)


def _write_all(papers: Receipts, folder: Path, kind: str) -> None:
    for session in papers.bills:
        made = papers.receipt(session)
        file = folder / f"{_STRANGE.sub('-', made.number)}{kind}"
        _write(file, _content(made, file))
    typer.echo(f"receipts: {len(papers.bills)} in {folder}", err=True)


def _content(made: Receipt, file: Path) -> str:
    """What a file of that name holds."""
    from twin.errors import SettingsError
    from twin.money.papers.receipt import receipt_page, receipt_text
    from twin.money.papers.transparency import transparency_xml

    match file.suffix.lower():
        case ".html" | ".htm":
            return receipt_page(made)
        case ".txt":
            return receipt_text(made)
        case ".xml":
            return transparency_xml(made.evidence)
    raise SettingsError(f"{file}: a receipt is .html, .txt or .xml (signed meter data); end the name so")


def _write(file: Path, content: str) -> None:
    from twin.errors import SettingsError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written ({error.strerror}); name another place") from None
