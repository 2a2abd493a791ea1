"""Transactions as OCPP 2.0.1 and 2.1 tell them: TransactionEvent, ordered by seqNo; and MeterValues outside of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeAlias

from twin.domain.events import MeterReading
from twin.network.ocpp.csms.authorisation import ACCEPTED, NO_TOKEN, Authorisation, Verdict
from twin.network.ocpp.csms.desk import Desk, kept
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.ledger import Ledger
from twin.network.ocpp.csms.meter_values import samples_2
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.samples import Samples
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.transaction import Kind, Message, Transaction
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Answer, Payload

Cost: TypeAlias = Callable[[Transaction], Decimal | None]
"""What a transaction costs so far, in the currency of its tariff; None: no tariff, nothing is told."""
_KINDS = {"Started": Kind.STARTED, "Updated": Kind.UPDATED, "Ended": Kind.ENDED}


class Transactions2:
    """Answers TransactionEvent and MeterValues of 2.x.

    Args:
        desk: Clock, journal.
        ledger: The books.
        authorisation: Who judges tokens.
        samples: Where measured values go.
        instants: Reads timestamps.
        cost: Tells totalCost of what has ended (I02.FR.01, C20 of 2.1), in 2.1 of what runs too.
    """

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        authorisation: Authorisation,
        samples: Samples,
        instants: Instants,
        cost: Cost | None = None,
    ) -> None:
        self._desk, self._ledger, self._authorisation = desk, ledger, authorisation
        self._samples, self._instants = samples, instants
        self.cost = cost

    def handlers(self) -> Handlers:
        """Both generations of 2.x say the same."""
        return {
            (version, action): handler
            for version in (Version.V201, Version.V21)
            for action, handler in (("TransactionEvent", self._event), ("MeterValues", self._meter_values))
        }

    def _event(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        get = payload.get
        kind = _KINDS.get(payload["eventType"])
        if kind is None:  # a tolerant endpoint lets it pass; without it the message means nothing
            raise Refusal(Code.PROPERTY_CONSTRAINT_VIOLATION, f"eventType {payload['eventType']}")
        info = payload["transactionInfo"]
        offline = bool(get("offline"))
        now_s = self._desk.clock.now_s
        happened_s = self._instants.read(station, payload["timestamp"], live=not offline)
        known = self._ledger.find(station.identity, info["transactionId"])
        place = get("evse")
        number = place["id"] if place is not None else known.evse if known is not None else 0
        meter_value = get("meterValue")
        readings: tuple[MeterReading, ...] = ()
        if meter_value is not None:
            readings = self._samples.take(station, number, samples_2(meter_value), happened_s)
        token = get("idToken")
        message = Message(
            kind,
            info["transactionId"],
            happened_s,
            now_s,
            number,
            payload["seqNo"],
            0 if place is None else place.get("connectorId", 0),
            "" if token is None or token["type"] == NO_TOKEN else token["idToken"],
            None,
            readings,
            payload["triggerReason"],
            info.get("chargingState", ""),
            info.get("stoppedReason", ""),
            offline,
            info.get("remoteStartId"),
            get("reservationId"),
        )
        verdict = None if token is None else self._judge(station, known, message, token)
        transaction = self._ledger.take(station, message)
        if token is None and message.kind is not Kind.ENDED and not self._costs(transaction, message):
            return self._desk.safely({})
        if verdict is None or isinstance(verdict, Verdict):
            return self._desk.safely(self._answer(transaction, message, token, verdict))
        return self._later(transaction, message, token, verdict)

    async def _later(
        self, transaction: Transaction, message: Message, token: Payload | None, verdict: Awaitable[Verdict]
    ) -> Payload:
        """Control decides; what was told is made durable meanwhile."""
        done = self._desk.journal.commit()
        judged = await verdict
        if done is not None:
            await kept(done)
        return self._answer(transaction, message, token, judged)

    def _judge(
        self, station: Station, known: Transaction | None, message: Message, token: Payload
    ) -> Verdict | Awaitable[Verdict]:
        """Judge the token of an event: the driver's at first, then one that stops or is shown again."""
        text, kind = token["idToken"], token["type"]
        if kind == NO_TOKEN:
            return ACCEPTED
        if known is None or not known.token:
            if message.kind is Kind.ENDED and (known is None or known.begun):
                return self._authorisation.judge(station, message.evse or None, text, kind)
            return self._authorisation.start(station, message.evse or None, text, kind)
        if known.token.casefold() == text.casefold():
            return Verdict(known.status) if known.status else ACCEPTED
        if self._authorisation.tokens.may_stop(known.token, text, kind):
            return ACCEPTED
        self._desk.note(
            station, known.evse, "foreign-token", f"transaction {known.id}: {text} may not stop it"
        )
        return Verdict("Invalid")

    def _answer(
        self, transaction: Transaction, message: Message, token: Payload | None, verdict: Verdict | None
    ) -> Payload:
        answer: Payload = {}
        if token is not None and verdict is not None:
            text, kind = token["idToken"], token["type"]
            if transaction.token == text and not transaction.status:
                self._ledger.judged(transaction, verdict.status)
            answer["idTokenInfo"] = self._authorisation.tokens.info_2(text, kind, verdict.status)
        if self.cost is not None and self._costs(transaction, message):
            cost = self.cost(transaction)
            if cost is not None:
                answer["totalCost"] = float(cost)
        return answer

    def _costs(self, transaction: Transaction, message: Message) -> bool:
        """Whether totalCost may stand in the answer (TransactionEventResponse: 2.0.1 Ended, 2.1 Updated too)."""
        if message.kind is Kind.UPDATED and self.cost is not None:
            return self._desk.stations[transaction.station].version is Version.V21
        return message.kind is Kind.ENDED

    def _meter_values(self, station: Station, payload: Payload) -> Answer:
        """Values outside of a transaction (J01): nothing is billed by them."""
        self._samples.take(station, payload["evseId"], samples_2(payload["meterValue"]))
        return {}
