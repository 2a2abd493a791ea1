"""From a run's folder to the papers of its drivers: receipts with signed meter data.

Nothing is simulated or priced again: lines come from table `invoices`, money from `payments`, `settlements`,
`leakage` and `ledger`, readings from the sessions.

    from twin.studies.receipts import Receipts

    papers = Receipts(twin.open_run("results/40-payments"))
    papers.receipt("square/1#1")
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import isnan
from typing import NamedTuple

from twin.domain.books import Account, Reason
from twin.engine.tariffs import SiteTariff
from twin.errors import SettingsError
from twin.money.billing.civil import unix_ms
from twin.money.billing.explain import explain
from twin.money.billing.model import Dimension, Tariff
from twin.money.papers.ocmf import Meter, SignedReading, Signer
from twin.money.papers.receipt import Party, Payment, Receipt
from twin.money.papers.transparency import SignedValue
from twin.results.folder import SCENARIO
from twin.results.read import Run
from twin.scenario.loader import load
from twin.scenario.nearest import hint
from twin.scenario.prices import site_tariffs
from twin.studies.billed import Row, rebuilt

_PAID_BY = {
    "terminal": "card at the station's reader",
    "app": "card in an app",
    "wallet": "wallet",
    "account": "account, on a monthly bill",
}
_UNITS = {
    Dimension.ENERGY: "/kWh",
    Dimension.TIME: "/h charging",
    Dimension.PARKING_TIME: "/h not charging",
    Dimension.FLAT: "/session",
}


class Booked(NamedTuple):
    """A bill or a credit note, as the ledger has it."""

    number: str
    """Gapless for each operator."""
    session: str
    t_s: float
    currency: str
    amount_minor: int
    """With tax; of a credit note negative."""
    tax_minor: int
    credit: bool
    why: str
    """Of a credit note."""


class Receipts:
    """The receipts of one run.

    Args:
        run: One in which money was collected.

    Raises:
        SettingsError: Nobody was charged in it.
    """

    def __init__(self, run: Run) -> None:
        if "payments" not in run.manifest:
            raise SettingsError(
                f"{run.path}: nobody was charged in this run; add a `payments` section to the scenario and run it again"
            )
        self.run = run

    @cached_property
    def booked(self) -> tuple[Booked, ...]:
        """Every bill and credit note, in the order of the books."""
        entries: dict[int, list[Row]] = defaultdict(list)
        for row in self.run.ledger.to_arrow().to_pylist():
            if row["cause"].startswith(("bill/", "credit/")):
                entries[row["entry"]].append(row)
        operator = {name: row["operator"] for name, row in self.sessions.items()}
        return tuple(_booked(rows, operator) for _, rows in sorted(entries.items()))

    @cached_property
    def bills(self) -> Mapping[str, Sequence[Booked]]:
        """Every session that was billed, with its bills; the last one stands."""
        found: dict[str, list[Booked]] = defaultdict(list)
        for one in self.booked:
            if not one.credit:
                found[one.session].append(one)
        return dict(found)

    @cached_property
    def sessions(self) -> Mapping[str, Row]:
        """Rows of table `sessions` by name."""
        return {row["session"]: row for row in self.run.sessions.to_arrow().to_pylist()}

    @cached_property
    def settlements(self) -> Mapping[str, Row]:
        """Rows of table `settlements` by session."""
        return {row["session"]: row for row in self.run.settlements.to_arrow().to_pylist() if row["session"]}

    def of_session(self, table: str) -> Mapping[str, Sequence[Row]]:
        """Rows of a table by session, in their order."""
        return self._by_session[table]

    @cached_property
    def _by_session(self) -> Mapping[str, Mapping[str, Sequence[Row]]]:
        made: dict[str, dict[str, list[Row]]] = {}
        for table in ("invoices", "payments", "leakage"):
            rows: dict[str, list[Row]] = defaultdict(list)
            for row in self.run.table(table).to_arrow().to_pylist():
                rows[row["session"]].append(row)
            made[table] = dict(rows)
        return made

    @cached_property
    def _tariffs(self) -> Mapping[str, SiteTariff]:
        scenario = load(self.run.path / SCENARIO)
        return {f"{site}": tariff for site, tariff in site_tariffs(scenario).items()}

    @cached_property
    def _direct_current(self) -> frozenset[str]:
        return frozenset(evse["id"] for evse in self.run.evses if evse["dc"])

    @cached_property
    def _registers(self) -> Mapping[str, tuple[int, int, int]]:
        """Begin and end in Wh of each session, and the how manieth of its EVSE it is: registers begin at zero."""
        plugged = [row for row in self.sessions.values() if row["evse"] and row["metered_wh"] is not None]
        register_wh: dict[str, int] = defaultdict(int)
        count: dict[str, int] = defaultdict(int)
        found = {}
        for row in sorted(plugged, key=lambda one: one["plugged_s"] or 0.0):
            evse = row["evse"]
            begin_wh = register_wh[evse]
            register_wh[evse] += round(row["metered_wh"])
            count[evse] += 1
            found[row["session"]] = (begin_wh, register_wh[evse], count[evse])
        return found

    def receipt(self, session: str) -> Receipt:
        """Return the receipt of a session.

        Raises:
            SettingsError: There is no such session, or nothing was billed for it.
        """
        if session not in self.bills:
            raise SettingsError(f"{self.run.path}: {self._missing(session)}")
        *earlier, booked = self.bills[session]
        row, settled = self.sessions[session], self.settlements[session]
        tariff = self._tariffs[row["site"]].tariff
        lines = self.of_session("invoices").get(session, ())
        metered_wh = round(row["metered_wh"])
        bill = rebuilt(lines, tariff, unix_ms(self.run.epoch), metered_wh)
        begin_wh, end_wh, _ = self._registers[session]
        begin_s = _begin_s(row, settled, lines)
        return Receipt(
            number=booked.number,
            issued=self._at(booked.t_s),
            operator=Party(row["operator"]),
            session=session,
            evse=row["evse"],
            place=row["site"],
            driver=row["driver"],
            means=_PAID_BY[settled["means"]],
            start=self._at(begin_s),
            end=self._at(row["unplugged_s"]),
            begin_wh=begin_wh,
            end_wh=end_wh,
            bill=bill,
            tax_included=tariff.tax_included,
            time_zone=self.run.zone.key,
            explained=tuple(explain(bill, tariff, self.run.zone.key)),
            payments=tuple(self._payments(session, settled)),
            evidence=(self._evidence(row, begin_s, tariff),),
            corrects=earlier[-1].number if earlier else "",
        )

    def _missing(self, session: str) -> str:
        if session in self.sessions:
            return f"nothing was billed for session `{session}`; see what became of it in table settlements"
        return f"there is no session `{session}`{hint(session, self.bills)}; `twin receipt RUN` lists those with a receipt"

    def _at(self, t_s: float) -> datetime:
        return self.run.epoch.astimezone(UTC) + timedelta(seconds=t_s)

    def _payments(self, session: str, settled: Row) -> Iterator[Payment]:
        """What was done with the driver's money, and what was not got."""
        for paid in self.of_session("payments").get(session, ()):
            yield from _of_payment(paid)
        if settled["means"] == "account" and settled["captured_minor"]:
            yield Payment("Charged with the monthly bill", settled["captured_minor"])
        for lost in self.of_session("leakage").get(session, ()):
            if lost["amount_minor"]:
                yield Payment(_not_got(lost["reason"]), lost["amount_minor"])

    def _evidence(self, row: Row, begin_s: float, tariff: Tariff) -> SignedValue:
        begin_wh, end_wh, number = self._registers[row["session"]]
        evse = row["evse"]
        epoch_ns = unix_ms(self.run.epoch) * 1_000_000
        meter = Meter(serial=evse, direct_current=evse in self._direct_current)
        signer = Signer(int(self.run.manifest["seed"]), evse, meter, epoch_ns)
        signer.page = number - 1
        readings = (
            SignedReading(begin_s, "B", begin_wh),
            SignedReading(row["unplugged_s"], "E", end_wh),
        )
        record = signer.record(readings, row["driver"], tariff_text(tariff))
        return SignedValue(record, signer.public_key_der.hex())


def tariff_text(tariff: Tariff) -> str:
    """Return a tariff in one line, as a driver is told it: its own text, else every price that it asks."""
    if tariff.text:
        return tariff.text
    prices = dict.fromkeys(
        f"{part.price} {tariff.currency}{_UNITS[part.dimension]}"
        for element in tariff.elements
        for part in element.components
    )
    taxed = any(part.taxes for element in tariff.elements for part in element.components)
    tax = "" if not taxed else " with tax" if tariff.tax_included else " plus tax"
    return f"{tariff.id}: {', '.join(prices)}{tax}"


def _booked(rows: Sequence[Row], operator: Mapping[str, str]) -> Booked:
    """An entry from its postings."""
    kinds = dict.fromkeys(Account, 0)
    for row in rows:
        kinds[Account(row["account"].partition(":")[0])] += row["amount_minor"]
    first = rows[0]
    event, _, rest = first["cause"].partition("/")
    credit = event == "credit"
    session = first["session"]
    number = rest.rpartition("/")[2] if credit else first["memo"]
    return Booked(
        number=f"{operator[session]}-{'C' if credit else ''}{int(number):06}",
        session=session,
        t_s=first["t_s"],
        currency=first["currency"],
        amount_minor=kinds[Account.DRIVER],
        tax_minor=-kinds[Account.TAX],
        credit=credit,
        why=first["memo"] if credit else "",
    )


def _begin_s(row: Row, settled: Row, lines: Sequence[Row]) -> float:
    """When the transaction began: with the first line of the bill, at the latest when it was granted."""
    latency_s = settled["latency_s"]
    granted_s = settled["asked_s"] + (0.0 if latency_s is None or isnan(latency_s) else latency_s)
    return float(max(min([granted_s, *(line["start_s"] for line in lines)]), row["plugged_s"]))


def _of_payment(paid: Row) -> Iterator[Payment]:
    held, captured = paid["authorised_minor"], paid["captured_minor"]
    if paid["kind"] in {"hold", "renewal"}:
        if held:
            yield Payment("Held on your card", held)
        if captured:
            yield Payment("Charged", captured)
        if held > captured:
            yield Payment("Released", held - captured)
    elif captured:
        yield Payment("Charged after the session", captured)
    if paid["refunded_minor"]:
        yield Payment("Refunded", paid["refunded_minor"])


def _not_got(reason: str) -> str:
    told = {
        Reason.OPEN.value: "Still to be charged",
        Reason.GOODWILL.value: "Credited",
        Reason.DISPUTE.value: "Taken back by your bank",
    }
    return told.get(reason, f"Not charged ({reason})")
