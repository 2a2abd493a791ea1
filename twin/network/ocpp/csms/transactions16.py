"""Transactions as OCPP 1.6 tells them: Start, Stop and MeterValues, joined by an id that we give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import isfinite

from twin.domain.events import MeterReading
from twin.domain.journal import Entry
from twin.network.ocpp.csms.authorisation import Authorisation, Verdict
from twin.network.ocpp.csms.desk import Desk, kept
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.ledger import MESSAGE, Ledger
from twin.network.ocpp.csms.meter_values import Sample, samples_16
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.registers import AS_IT_IS, BEGIN, END, Mend, mend_of
from twin.network.ocpp.csms.samples import Samples
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.summary import SUMMARY
from twin.network.ocpp.csms.tokens import clean_tag
from twin.network.ocpp.csms.transaction import Kind, Message, Transaction
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload, Then

STRIDE = 1_000_000
"""Ids of one station: its index times this, plus 1, 2, 3 and so on."""
INDICES = 2_147
"""So that an id stays a positive 32-bit number; beyond, stations share ids, which no record minds."""


class Transactions16:
    """Answers StartTransaction, StopTransaction and MeterValues of 1.6.

    Args:
        desk: Clock, journal.
        ledger: The books.
        authorisation: Who judges tokens.
        samples: Where measured values go.
        instants: Reads timestamps.
    """

    def __init__(
        self, desk: Desk, ledger: Ledger, authorisation: Authorisation, samples: Samples, instants: Instants
    ) -> None:
        self._desk, self._ledger, self._authorisation = desk, ledger, authorisation
        self._samples, self._instants = samples, instants
        self._given: dict[str, int] = {}

    def handlers(self) -> Handlers:
        """Those of 1.6 only."""
        return {
            (Version.V16, "StartTransaction"): self._start_watched,
            (Version.V16, "StopTransaction"): self._stop,
            (Version.V16, "MeterValues"): self._meter_values,
        }

    def restore(self, entry: Entry) -> None:
        """Never give an id twice."""
        if entry.kind in (MESSAGE, SUMMARY):
            self._count(entry.stream, str(entry.body["id"]))

    def _start_watched(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        """Answer; only then does the station know the id, and may be called about it."""
        answer = self._start(station, payload)

        def told() -> None:
            self._desk.changed(station, payload["connectorId"])

        return Then(answer, told) if isinstance(answer, dict) else _then(answer, told)

    def _start(self, station: Station, payload: Payload) -> Payload | Awaitable[Payload]:
        tag, number = clean_tag(payload["idTag"]), payload["connectorId"]
        happened_s = self._instants.read(station, payload["timestamp"])
        key = f"start {number}|{happened_s}|{payload['meterStart']}|{tag.casefold()}"
        again = self._same(station, key)
        if again is not None and again.status:
            return self._desk.safely(self._started(again, tag, again.status))
        verdict = self._authorisation.start(station, number, tag)
        orphan = None if again is not None else self._orphan(station, tag, happened_s)
        transaction = self._ledger.take(
            station,
            Message(
                Kind.STARTED,
                self._next_id(station.identity) if again is None else again.id,
                happened_s,
                self._desk.clock.now_s,
                number,
                token=tag,
                register_wh=float(payload["meterStart"]),
                reservation_id=payload.get("reservationId"),
                status=verdict.status if isinstance(verdict, Verdict) else "",
                key=key,
                joins="" if orphan is None else orphan.id,
            ),
        )
        if isinstance(verdict, Verdict):
            return self._desk.safely(self._started(transaction, tag, verdict.status))
        return self._start_later(transaction, tag, verdict)

    async def _start_later(self, transaction: Transaction, tag: str, verdict: Awaitable[Verdict]) -> Payload:
        """Control decides; what was told is made durable meanwhile."""
        done = self._desk.journal.commit()
        judged = await verdict
        if done is not None:
            await kept(done)
        self._ledger.judged(transaction, judged.status)
        return self._started(transaction, tag, judged.status)

    def _started(self, transaction: Transaction, tag: str, status: str) -> Payload:
        info = self._authorisation.tokens.info_16(tag, status)
        return {"transactionId": int(transaction.id), "idTagInfo": info}

    def _stop(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        tag = clean_tag(payload["idTag"]) if payload.get("idTag") else ""
        happened_s = self._instants.read(station, payload["timestamp"])
        number = payload["transactionId"]
        key = f"{number}|{happened_s}|{payload['meterStop']}"
        transaction = (
            self._same(station, key)
            or self._ledger.find(station.identity, str(number))
            or self._running(station, tag, happened_s)
        )
        data = payload.get("transactionData") or ()
        evse = 0 if transaction is None else transaction.evse
        readings = self._samples.take(station, evse, samples_16(data), happened_s) if data else ()
        if transaction is not None and transaction.id != str(number):
            self._odd(station, transaction, number)
        transaction = self._ledger.take(
            station,
            Message(
                Kind.ENDED,
                f"stop {key}" if transaction is None else transaction.id,
                happened_s,
                self._desk.clock.now_s,
                evse,
                token=tag if transaction is None else "",
                register_wh=float(payload["meterStop"]),
                readings=readings,
                reason=payload.get("reason", "Local"),
                key=key,
            ),
        )
        if not tag:
            return self._desk.safely({})
        allowed = self._authorisation.tokens.may_stop(transaction.token, tag)
        if not allowed:
            self._desk.note(
                station, transaction.evse, "foreign-token", f"transaction {transaction.id}: stopped by {tag}"
            )
        info = self._authorisation.tokens.info_16(tag, "Accepted" if allowed else "Invalid")
        return self._desk.safely({"idTagInfo": info})

    def _meter_values(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        connector = payload["connectorId"]
        number = payload.get("transactionId")
        transaction = None if number is None else self._ledger.find(station.identity, str(number))
        if transaction is None:
            transaction = self._ledger.open_at(station.identity, connector) if connector else None
            if number is not None and transaction is not None:
                self._odd(station, transaction, number)
        samples = samples_16(payload["meterValue"])
        readings = self._samples.take(station, connector, samples, mend=_mend(transaction, samples))
        if not readings or (transaction is None and (number is None or connector == 0)):
            return {}
        return self._evidence(station, transaction, connector, str(number), readings)

    def _evidence(
        self,
        station: Station,
        transaction: Transaction | None,
        connector: int,
        number: str,
        readings: tuple[MeterReading, ...],
    ) -> Answer | Awaitable[Answer]:
        """Enter readings; a transaction that nobody announced is recovered from them (quirk 35)."""
        if transaction is not None:
            number = transaction.id
        elif not _plausible(number):
            number = self._next_id(station.identity)
        else:
            self._count(station.identity, number)
        happened_s = readings[-1].happened_s
        message = Message(
            Kind.UPDATED, number, happened_s, self._desk.clock.now_s, connector, readings=readings
        )
        self._ledger.take(station, message)
        return self._desk.safely({})

    # which transaction is meant

    def _same(self, station: Station, key: str) -> Transaction | None:
        for transaction in self._ledger.of(station.identity):
            if key in transaction.seen:
                return transaction
        return None

    def _running(self, station: Station, tag: str, happened_s: float) -> Transaction | None:
        """Return what a stop with an unknown id can only mean: the one of its tag, or the only one (quirk 33)."""
        found = [
            one
            for one in self._ledger.open_of(station.identity)
            if one.begun is False or one.started_s <= happened_s
        ]
        of_tag = [one for one in found if tag and one.token.casefold() == tag.casefold()]
        for candidates in (of_tag, found):
            if len(candidates) == 1:
                return candidates[0]
        return of_tag[-1] if of_tag else None

    def _orphan(self, station: Station, tag: str, happened_s: float) -> Transaction | None:
        """Return a stop that came before its start: the station could not know an id yet (quirk 34)."""
        for one in self._ledger.of(station.identity):
            if (
                not one.begun
                and one.ended
                and one.id.startswith("stop ")
                and one.ended_s >= happened_s
                and one.token.casefold() in ("", tag.casefold())
            ):
                return one
        return None

    def _odd(self, station: Station, transaction: Transaction, number: int) -> None:
        if transaction.flag("wrong-transaction-id"):
            self._desk.note(
                station, transaction.evse, "wrong-transaction-id", f"{number} means {transaction.id}"
            )

    # ids

    def _next_id(self, identity: str) -> str:
        given = self._given.get(identity, 0) + 1
        self._given[identity] = given
        return str(self._base(identity) + given)

    def _base(self, identity: str) -> int:
        station = self._desk.stations[identity]
        return (station.index % INDICES) * STRIDE

    def _count(self, identity: str, number: str) -> None:
        """An id is taken, whoever gave it."""
        if _plausible(number):
            given = int(number) - self._base(identity)
            if 0 < given < STRIDE:
                self._given[identity] = max(given, self._given.get(identity, 0))


def _mend(transaction: Transaction | None, samples: Sequence[Sample]) -> Mend:
    """Return how a transaction's register is published; its first reading shows what it counts (quirk 36)."""
    if transaction is None or transaction.meter_start_wh is None or transaction.meter_start_wh < 0.0:
        return AS_IT_IS
    if transaction.mend is None:
        for sample in samples:
            for register in sample.registers:
                if isfinite(register.register_wh) and register.context not in (BEGIN, END):
                    start_wh, mode = transaction.meter_start_wh, transaction.register
                    transaction.mend = mend_of(register.register_wh, start_wh, mode)
                    return transaction.mend
    return transaction.mend or AS_IT_IS


def _plausible(number: str) -> bool:
    """Whether some central system may have given this id; -1, 0 and 9223372036854775807 are none."""
    return number.isdecimal() and 0 < int(number) < 2**31


async def _then(answer: Awaitable[Payload], told: Callable[[], None]) -> Answer:
    return Then(await answer, told)
