"""Prices what runs on the stations of a central system, and tells them: the tariff engine of the bills, not another one.

What is heard                                  what follows
a transaction begins, its EVSE has a tariff    the tariff is the transaction's to the end; its first point
the register is read                           a point; the one before it goes unless a price changed around it
the car does something else                    a point; the station is told
`every_s` have passed                          the station is told, if the amount is another one
the transaction ends, or its end is amended    2.x: totalCost in the answer; 1.6: FinalCost
the station tells a price of its own (2.1)     compared: `cost.differs` above one minor unit
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, TypeAlias, cast

from twin.domain.events import StationFact, StatusReported, TransactionStarted, TransactionUpdated
from twin.domain.journal import Entry
from twin.domain.money import from_minor
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Bill, Dimension, Doing
from twin.network.ocpp.csms.ledger import FINISHED, Ledger
from twin.network.ocpp.csms.meter_values import REGISTER, TOTAL
from twin.network.ocpp.csms.operations.cost import CostNow, Costs
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.pricing_session import Priced, ended, point_from, priced_from
from twin.network.ocpp.csms.pricing_tariffs import Tariffs
from twin.network.ocpp.csms.pricing_telling import EVERY_S, Teller
from twin.network.ocpp.csms.station import Evse, Station
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload

BEGUN, POINT, ENDED = "price.begun", "price.point", "price.ended"
DOING_16 = {
    "Charging": Doing.CHARGING,
    "SuspendedEV": Doing.PARKING,
    "SuspendedEVSE": Doing.HELD,
    "Finishing": Doing.PARKING,
    "Faulted": Doing.HELD,
}
"""By the status of the connector; others say nothing of a transaction that runs."""
DOING_2 = {
    "Charging": Doing.CHARGING,
    "EVConnected": Doing.PARKING,
    "SuspendedEV": Doing.PARKING,
    "SuspendedEVSE": Doing.HELD,
    "Idle": Doing.PARKING,
}
"""By chargingState."""
Key: TypeAlias = tuple[str, str]
"""(station, transaction)."""


class Prices(OperationsPart):
    """Follows every transaction that has a tariff; one without costs a look-up.

    Args:
        office: Clock, journal, voice.
        ledger: The books of transactions.
        costs: Where tariffs are kept and costs are told.
        time_zone: IANA name of the zone in which the hours and days of tariffs are meant.
        every_s: Between two times at which a station is told what runs; 0: only when the car does something else.
    """

    name = "price"

    def __init__(
        self, office: Office, ledger: Ledger, costs: Costs, time_zone: str = "UTC", every_s: float = EVERY_S
    ) -> None:
        super().__init__(office)
        self._ledger, self._costs = ledger, costs
        self._teller = Teller(office, costs, self._bill, every_s)
        self._tariffs = Tariffs(time_zone)
        self._epoch_ms = office.desk.clock.epoch_ns // 1_000_000
        self._all: dict[str, dict[str, Priced]] = {}
        self._running: dict[tuple[str, int], Priced] = {}
        costs.cost, costs.check = self.now, self._tariffs.compile
        ledger.on_ended.append(self._ended)
        office.desk.watchers.append(self)

    # questions

    def total(self, transaction: Transaction) -> Decimal | None:
        """Return what a transaction costs (so far), in the currency of its tariff; None: it has none."""
        priced = self._find((transaction.station, transaction.id))
        if priced is None:
            return None
        if transaction.ended and priced.end is None:  # the end was kept, and then the power failed
            self._ended(transaction)
        bill = self._bill(priced)
        return None if bill is None else from_minor(bill.amount_minor, bill.currency)

    def now(self, station: str, transaction: str) -> CostNow | None:
        """Return what to tell a station of a transaction."""
        priced = self._find((station, transaction))
        bill = None if priced is None else self._bill(priced)
        if priced is None or bill is None:
            return None
        prices = priced.prices_now(self._now_ms())
        total = from_minor(bill.amount_minor, bill.currency)
        return CostNow(
            total=float(total),
            meter_wh=priced.meter_wh,
            charging=priced.points[-1].doing is Doing.CHARGING,
            price_per_kwh=float(prices[Dimension.ENERGY]),
            price_per_hour=float(prices[Dimension.TIME]),
            idle_per_hour=float(prices[Dimension.PARKING_TIME]),
            final=priced.end is not None,
            text=f"{total} {bill.currency}",
        )

    def shown(self, station: str, transaction: str) -> dict[str, object] | None:
        """Return the cost of a transaction for people and programs: exact text, not a float."""
        priced = self._find((station, transaction))
        bill = None if priced is None else self._bill(priced)
        if priced is None or bill is None:
            return None
        return {
            "tariff_id": bill.tariff,
            "currency": bill.currency,
            "total": str(from_minor(bill.amount_minor, bill.currency)),
            "total_excl": str(from_minor(bill.excl_minor, bill.currency)),
            "final": priced.end is not None,
        }

    # what is heard

    def fact(self, fact: StationFact) -> None:
        """Hear of a fact."""
        if isinstance(fact, TransactionStarted):
            self._begun(fact)
        elif isinstance(fact, TransactionUpdated):
            priced = self._find((fact.station, fact.transaction))
            self._does(priced, fact.happened_s, DOING_2.get(fact.charging_state))
        elif isinstance(fact, StatusReported):
            station = self.office.desk.stations[fact.station]
            if station.version is Version.V16:
                priced = self._running.get((fact.station, _number(fact.evse)))
                self._does(priced, fact.happened_s, DOING_16.get(fact.status))

    def transaction_changed(self, station: Station, evse: Evse) -> None:
        """See `Watcher`; facts say it."""

    def measured(self, station: Station, evse: Evse) -> None:
        """See `Watcher`: take the register."""
        priced = self._running.get((station.identity, evse.number))
        reading = None if priced is None else evse.readings.get((REGISTER, TOTAL))
        if priced is None or reading is None or not math.isfinite(reading[1]):
            return
        t_ms = self._unix_ms(reading[0])
        if t_ms >= priced.points[-1].t_ms:
            self._add(priced, t_ms, reading[1])

    def compare(self, station: Station, payload: Payload) -> None:
        """Hold a station's own price (TransactionEvent.costDetails of 2.1) against ours."""
        details = payload["costDetails"]
        transaction = self._ledger.find(station.identity, payload["transactionInfo"]["transactionId"])
        priced = None if transaction is None else self._find((station.identity, transaction.id))
        if transaction is None or priced is None or priced.differs or details.get("failureToCalculate"):
            return
        bill = self._bill(priced, self._unix_ms(transaction.latest[1]))
        if bill is None:
            return
        said, total = details["totalCost"], details["totalCost"]["total"]
        with_tax = "inclTax" in total
        if not with_tax and "exclTax" not in total:
            return
        theirs = Decimal(str(total["inclTax" if with_tax else "exclTax"]))
        ours = bill.incl if with_tax else bill.excl
        if said["currency"] == bill.currency and abs(theirs - ours) <= from_minor(1, bill.currency):
            return
        priced.differs = True
        body = {"transaction": priced.id, "ours": str(ours), "currency": bill.currency}
        theirs_said = {"theirs": str(theirs), "their_currency": said["currency"], "with_tax": with_tax}
        self.office.tell(station.identity, "cost.differs", body | theirs_said)

    def connected(self, station: Station) -> None:
        """Whether it understands costs may be another matter now."""
        self._teller.connected(station)

    def accepted(self, station: Station) -> None:
        """Tell it from now on what runs there."""
        for priced in list(self._all.get(station.identity, {}).values()):
            transaction = self._ledger.find(station.identity, priced.id)
            if priced.end is None and transaction is not None and transaction.told == 2:
                self._ended(transaction)  # its end was kept, and then the power failed
            if priced.end is None:
                self._teller.follow(priced)

    # points

    def _begun(self, fact: TransactionStarted) -> None:
        number, start_ms = _number(fact.evse), self._unix_ms(fact.happened_s)
        for tariff in self._costs.tariffs_at(fact.station, number):
            try:
                by = self._tariffs.compile(tariff)
            except ValueError as error:
                self.office.tell(fact.station, "tariff.unusable", {"why": str(error)})
                continue
            if not self._tariffs.valid(by, start_ms):
                continue
            register_wh = fact.register_wh if math.isfinite(fact.register_wh) else None
            doing = self._doing_at_first(fact, number)
            first: list[object] = [start_ms, register_wh, doing.value]
            body = {"id": fact.transaction, "evse": number, "tariff": tariff, "points": [first], "end": None}
            priced = priced_from(fact.station, body, by)
            self._keep(priced)
            self._write(priced, BEGUN, priced.body())
            self._teller.follow(priced)
            return

    def _doing_at_first(self, fact: TransactionStarted, number: int) -> Doing:
        """What the car does when its transaction begins; where nothing says it, it charges."""
        station = self.office.desk.stations[fact.station]
        if station.version is Version.V16:
            return DOING_16.get(station.evse(number).status, Doing.CHARGING)
        transaction = self._ledger.find(fact.station, fact.transaction)
        return DOING_2.get("" if transaction is None else transaction.charging_state, Doing.CHARGING)

    def _does(self, priced: Priced | None, happened_s: float, doing: Doing | None) -> None:
        if priced is None or priced.end is not None or doing in (None, priced.points[-1].doing):
            return
        self._add(priced, self._unix_ms(happened_s), None, doing)
        self._teller.due(priced)

    def _add(self, priced: Priced, t_ms: int, register_wh: float | None, doing: Doing | None = None) -> None:
        more = priced.add(t_ms, register_wh, doing)
        if more or len(priced.points) > 1:
            body: dict[str, object] = {"id": priced.id, "point": priced.points[-1].body()}
            self._write(priced, POINT, body, again=not more)
        else:
            self._write(priced, BEGUN, priced.body(), again=True)

    def _ended(self, transaction: Transaction) -> None:
        """Close, or amend: the registers are those of the bill."""
        priced = self._find((transaction.station, transaction.id))
        if priced is None:
            return
        registers = transaction.bill()
        end_ms = self._unix_ms(transaction.ended_s)
        ended(priced, end_ms, _known(registers.end_wh), _known(registers.begin_wh))
        self._journal_whole(priced)
        self._keep(priced)
        if self.office.desk.stations[priced.station].version is Version.V16:
            self._teller.due(priced)

    # keeping

    def _find(self, key: Key) -> Priced | None:
        of_station = self._all.get(key[0])
        return None if of_station is None else of_station.get(key[1])

    def _keep(self, priced: Priced) -> None:
        """Have it at hand: what runs by its EVSE, of what ended the latest of a station."""
        of_station = self._all.setdefault(priced.station, {})
        of_station[priced.id] = priced
        place = (priced.station, priced.evse)
        if priced.end is None:
            self._running[place] = priced
            return
        if self._running.get(place) is priced:
            del self._running[place]
        over = [one.id for one in of_station.values() if one.end is not None][:-FINISHED]
        for number in over:
            del of_station[number]

    def _write(self, priced: Priced, kind: str, body: dict[str, object], *, again: bool = False) -> None:
        journal = self.office.desk.journal
        if again and priced.entries:
            journal.replace(priced.entries[-1:], priced.station, kind, body)
        elif number := journal.append(priced.station, kind, body):
            priced.entries.append(number)

    def _journal_whole(self, priced: Priced) -> None:
        """Have one entry of all its points: nothing is added any more."""
        if priced.entries:
            self.office.desk.journal.replace(priced.entries, priced.station, ENDED, priced.body())
            del priced.entries[1:]

    def restore(self, entry: Entry) -> None:
        """Take back a transaction's beginning, a point of it, or all of it."""
        body = cast("dict[str, Any]", entry.body)
        priced = self._find((entry.stream, body["id"]))
        if entry.kind == POINT:
            if priced is not None:
                priced.points.append(point_from(body["point"]))
                priced.entries.append(entry.number)
            return
        try:
            by = self._tariffs.compile(body["tariff"])
        except ValueError as error:
            self.office.tell(entry.stream, "tariff.unusable", {"why": str(error)})
            return
        priced = priced_from(entry.stream, body, by)
        priced.entries = [entry.number]
        self._keep(priced)

    # amounts

    def _bill(self, priced: Priced, until_ms: int | None = None) -> Bill | None:
        try:
            return priced.bill(self._now_ms() if until_ms is None else until_ms)
        except PricingError as error:
            self.office.tell(priced.station, "cost.unknown", {"transaction": priced.id, "why": str(error)})
            return None

    # instants

    def _unix_ms(self, t_s: float) -> int:
        return self._epoch_ms + round(t_s * 1000)

    def _now_ms(self) -> int:
        return self._unix_ms(self.office.now_s)


def _number(evse: str) -> int:
    """Return the number of an EVSE's address."""
    return int(evse.rpartition("/")[2])


def _known(register_wh: float) -> float | None:
    return register_wh if math.isfinite(register_wh) else None
