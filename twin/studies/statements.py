"""From a run's folder to the monthly statements of its drivers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

from twin.domain.books import Reason
from twin.errors import SettingsError
from twin.money.papers.statement import Item, Statement, statements
from twin.results.read import Run
from twin.scenario.nearest import hint
from twin.studies.receipts import Booked, Receipts

_STILL_OWED = frozenset((Reason.OPEN.value, Reason.DISPUTE.value, Reason.GOODWILL.value))
"""Not given up: owed, fought over, or credited by a note that is an item of its own."""


def drivers(run: Run) -> tuple[str, ...]:
    """Everybody who was billed, in the order of their first bill.

    Raises:
        SettingsError: Nobody was charged in the run.
    """
    papers = Receipts(run)
    return tuple(dict.fromkeys(str(papers.sessions[session]["driver"]) for session in papers.bills))


def of_driver(run: Run, driver: str) -> tuple[Statement, ...]:
    """Return a driver's statements: one per month and currency, ascending within each currency.

    Raises:
        SettingsError: Nobody was charged in the run, or not this driver.
    """
    papers = Receipts(run)
    known = drivers(run)
    if driver not in known:
        raise SettingsError(
            f"{run.path}: nothing was billed to driver `{driver}`{hint(driver, known)}; "
            "`twin statement RUN` lists who was billed"
        )
    by_currency: dict[str, list[Item]] = {}
    for booked, item in _items(papers, driver):
        by_currency.setdefault(booked.currency, []).append(item)
    return tuple(
        statement
        for currency, items in sorted(by_currency.items())
        for statement in statements(items, driver=driver, currency=currency, time_zone=run.zone.key)
    )


def _items(papers: Receipts, driver: str) -> Iterator[tuple[Booked, Item]]:
    """Bills and credit notes of a driver; what was paid stands with the bill that stands."""
    for booked in papers.booked:
        row = papers.sessions[booked.session]
        if row["driver"] != driver:
            continue
        settled = papers.settlements[booked.session]
        stands = booked is papers.bills[booked.session][-1]
        epoch = papers.run.epoch.astimezone(UTC)
        item = Item(
            receipt=booked.number,
            start=epoch + timedelta(seconds=row["plugged_s"]),
            end=epoch + timedelta(seconds=row["unplugged_s"]),
            operator=row["operator"],
            place=row["site"],
            evse=row["evse"],
            energy_wh=round(row["metered_wh"]) if stands else 0,
            amount_minor=booked.amount_minor,
            tax_minor=booked.tax_minor,
            paid_minor=settled["captured_minor"] if stands else 0,
            note=_note(papers, booked, stands=stands),
        )
        yield booked, item
        for reason, amount_minor in _given_up(papers, booked) if stands else ():
            yield (
                booked,
                item._replace(
                    energy_wh=0,
                    amount_minor=-amount_minor,
                    tax_minor=0,
                    paid_minor=0,
                    note=f"given up: {reason}",
                ),
            )


def _given_up(papers: Receipts, booked: Booked) -> Iterator[tuple[str, int]]:
    """What nobody asks the driver for any more, by reason."""
    for row in papers.of_session("leakage").get(booked.session, ()):
        if row["amount_minor"] and row["reason"] not in _STILL_OWED:
            yield row["reason"], row["amount_minor"]


def _note(papers: Receipts, booked: Booked, *, stands: bool) -> str:
    if booked.credit:
        return f"credit: {booked.why}"
    if not stands:
        return "replaced by a later bill"
    leaked = papers.of_session("leakage").get(booked.session, ())
    owed = {Reason.OPEN.value: "not paid yet", Reason.DISPUTE.value: "taken back by the bank"}
    return "; ".join(owed[row["reason"]] for row in leaked if row["amount_minor"] and row["reason"] in owed)
