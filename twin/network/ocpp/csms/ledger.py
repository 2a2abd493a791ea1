"""The books of transactions, the same for all versions: messages in any order, each counted once, none dropped.

message                               record                        told to the sink
start, new                            begun                         TransactionStarted
news of an unknown one, live          recovered, flagged            TransactionStarted, register as far as known
news of an unknown one, from a queue  kept                          nothing yet: its start is under way
end of a begun one                    ended                         TransactionEnded
end without a start                   ended, flagged                after a wait: both, with what is known
the same message again                unchanged                     nothing; answered as before
another start at the EVSE             the old one presumed ended    TransactionEnded of the old one first
Available, and silence for a wait     presumed ended, flagged       TransactionEnded by the last register
an end after that                     amended                       Noted
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from twin.domain.events import TransactionEnded, TransactionStarted, TransactionUpdated
from twin.domain.journal import Entry
from twin.network.ocpp.csms.desk import Desk, evse_id
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.summary import SUMMARY, transaction_from
from twin.network.ocpp.csms.transaction import Kind, Message, Transaction, message_from

WAIT_S = 60.0
"""How long a message that others make plain may still be under way."""
LATE_S = 60.0
"""A message of 1.6 that is older than that came from a queue."""
LONG = 360
"""Messages of a transaction that runs, after which they are made one: an hour of samples each 10 s."""
FINISHED = 200
"""How many finished transactions of a station stay in memory; all are in the journal."""
MESSAGE, PRESUMED, JUDGED = "transaction.message", "transaction.presumed", "transaction.judged"


class Ledger:
    """All transactions of all stations.

    Args:
        desk: Clock, journal, sink.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._of: dict[str, dict[str, Transaction]] = {}
        self._open: dict[str, dict[str, Transaction]] = {}
        self._finished: dict[str, list[str]] = {}
        self._tokens: dict[str, int] = {}
        self.due: dict[tuple[str, str], Transaction] = {}
        """Those of which the journal holds more than it must: all that ended, and long ones that run."""
        self.on_ended: list[Callable[[Transaction], None]] = []
        """Called when the end of a transaction was told, or amended."""

    # questions

    def find(self, station: str, transaction: str) -> Transaction | None:
        """Return a transaction by its id."""
        of_station = self._of.get(station)
        return None if of_station is None else of_station.get(transaction)

    def of(self, station: str) -> Iterator[Transaction]:
        """Every transaction of a station that is in memory, in order of arrival."""
        return iter(self._of.get(station, {}).values())

    def open_of(self, station: str) -> list[Transaction]:
        """The open ones of a station."""
        return list(self._open.get(station, {}).values())

    def open_at(self, station: str, evse: int) -> Transaction | None:
        """The latest open one at a connector or EVSE."""
        found = [one for one in self._open.get(station, {}).values() if one.evse == evse]
        return found[-1] if found else None

    def running(self) -> list[Transaction]:
        """Every open transaction: what control must know again after a restart."""
        return [one for of_station in self._open.values() for one in of_station.values()]

    def in_use(self, token: str) -> bool:
        """Whether a token (case folded) has an open transaction anywhere."""
        return self._tokens.get(token, 0) > 0

    # messages

    def take(self, station: Station, message: Message) -> Transaction:
        """Enter a message; the caller answers after the journal's commit."""
        transaction = self.find(station.identity, message.id)
        if transaction is not None and transaction.knows(message):
            if transaction.flag("duplicate-message"):
                self._note(station, transaction, "duplicate-message", f"{message.kind.value} came again")
            return transaction
        number = self._desk.journal.append(station.identity, MESSAGE, message.body())
        transaction = self._enter(station, message)
        self._kept(transaction, number)
        return transaction

    def judged(self, transaction: Transaction, status: str) -> None:
        """Note what its driver's token got, where that was not known with the message."""
        if transaction.status != status:
            transaction.status = status
            body = {"id": transaction.id, "status": status}
            self._kept(transaction, self._desk.journal.append(transaction.station, JUDGED, body))

    def vacated(self, station: Station, evse: int) -> None:
        """The connector says Available while a transaction is open there: its end is lost, or under way."""
        transaction = self.open_at(station.identity, evse)
        if transaction is None:
            return
        since_s = self._desk.clock.now_s

        def presume() -> None:
            free = station.evse(evse).status == "Available"
            if transaction.open and free and transaction.heard_s <= since_s:
                self._presume(station, transaction, since_s, "available-without-stop")

        self._desk.clock.call_later(WAIT_S, presume)

    def restore(self, entry: Entry) -> None:
        """Take back a message, a judgement, a presumption, or a summary; nothing is told to the sink."""
        station = self._desk.stations[entry.stream]
        body: dict[str, Any] = dict(entry.body)
        transaction: Transaction | None
        if entry.kind == MESSAGE:
            transaction = self._enter(station, message_from(body), restoring=True)
        elif entry.kind == SUMMARY:
            transaction = self._take_back(station, transaction_from(entry.stream, body))
        else:
            transaction = self.find(entry.stream, str(body["id"]))
            if transaction is not None and entry.kind == JUDGED:
                transaction.status = str(body["status"])
            elif transaction is not None:
                self._close(station, transaction, float(body["happened"]), presumed=True)
                transaction.told = 2
                transaction.flag(str(body["rule"]))
        if transaction is not None:
            self._kept(transaction, entry.number)

    def _take_back(self, station: Station, transaction: Transaction) -> Transaction:
        """Take back a transaction from its summary."""
        self._of.setdefault(station.identity, {})[transaction.id] = transaction
        if transaction.ended:
            self._retire(transaction)
            return transaction
        self._open.setdefault(station.identity, {})[transaction.id] = transaction
        if transaction.token:
            self._count(transaction.token, 1)
        self._place(station, transaction)
        return transaction

    def _kept(self, transaction: Transaction, number: int) -> None:
        """Note where the journal holds something of a transaction; `compacted` makes one entry of several."""
        if not number:
            return
        transaction.entries.append(number)
        if transaction.told == 2 or (transaction.told == 1 and len(transaction.entries) >= LONG):
            self._due(transaction)

    def _due(self, transaction: Transaction) -> None:
        if len(transaction.entries) > 1:
            self.due[transaction.station, transaction.id] = transaction

    # entering

    def _enter(self, station: Station, message: Message, *, restoring: bool = False) -> Transaction:
        transaction = self._record(station, message)
        if message.seq >= 0 and message.seq in transaction.seen:
            self._odd(station, transaction, "sequence-number-reused", f"seqNo {message.seq}", restoring)
        transaction.remember(message)
        transaction.heard_s = message.received_s
        self._fill(transaction, message)
        if message.kind is Kind.STARTED:
            self._start(station, transaction, message, restoring)
        elif message.kind is Kind.ENDED:
            self._end(station, transaction, message, restoring)
        newer = (message.seq, message.happened_s) >= transaction.latest
        if newer:
            transaction.latest = (message.seq, message.happened_s)
            transaction.charging_state = message.charging_state or transaction.charging_state
        self._place(station, transaction)
        self._tell(station, transaction, message, newer, restoring)
        if not restoring and (
            message.kind is Kind.ENDED or (message.kind is Kind.STARTED and station.version.two)
        ):
            self._desk.changed(
                station, transaction.evse
            )  # 1.6: a station knows its id only when it was answered
        return transaction

    def _record(self, station: Station, message: Message) -> Transaction:
        of_station = self._of.setdefault(station.identity, {})
        if message.joins and message.joins in of_station:  # its stop came first, under no id of ours
            transaction = of_station.pop(message.joins)
            transaction.id = message.id
            of_station[message.id] = transaction
            self._open.get(station.identity, {}).pop(message.joins, None)
            return transaction
        transaction_or_none = of_station.get(message.id)
        if transaction_or_none is not None:
            return transaction_or_none
        transaction = Transaction(station.identity, message.id, register=station.policy.quirks.register)
        of_station[message.id] = transaction
        self._open.setdefault(station.identity, {})[message.id] = transaction
        return transaction

    def _fill(self, transaction: Transaction, message: Message) -> None:
        """Take what a message says for good, whatever its place in the order."""
        transaction.evse = transaction.evse or message.evse
        transaction.connector = transaction.connector or message.connector
        if message.token and not transaction.token:
            transaction.token = message.token
            if transaction.open:
                self._count(message.token, 1)
        transaction.status = transaction.status or message.status
        transaction.offline |= message.offline
        if message.remote_start_id is not None:
            transaction.remote_start_id = message.remote_start_id
        if message.reservation_id is not None:
            transaction.reservation_id = message.reservation_id
        if message.readings:
            transaction.keep(message.readings)

    def _start(self, station: Station, transaction: Transaction, message: Message, restoring: bool) -> None:
        if transaction.begun:
            self._odd(station, transaction, "second-start", f"at {message.happened_s:.0f} s", restoring)
            return
        transaction.begun = True
        transaction.started_s = message.happened_s
        transaction.meter_start_wh = message.register_wh
        if transaction.open and not restoring:
            self._supersede(station, transaction, message)

    def _end(self, station: Station, transaction: Transaction, message: Message, restoring: bool) -> None:
        instantly = message.seq < 0 and transaction.started_s == transaction.ended_s < message.happened_s
        if transaction.ended and not transaction.presumed and not instantly:
            self._odd(station, transaction, "second-stop", f"at {message.happened_s:.0f} s", restoring)
            return
        amended = transaction.ended  # by us, or at its very start: two of 1.6 in one second look like one
        transaction.meter_stop_wh = message.register_wh
        transaction.reason = message.reason
        self._close(station, transaction, message.happened_s, presumed=False)
        if amended:
            rule = "stop-after-instant-stop" if instantly else "stop-after-presumed-end"
            self._odd(station, transaction, rule, "its end is amended", restoring)
            if not restoring:
                self._ended(transaction)
        if not transaction.begun:
            self._odd(station, transaction, "stop-without-start", f"id {transaction.id}", restoring)

    def _place(self, station: Station, transaction: Transaction) -> None:
        """Say what is going on at its EVSE."""
        if transaction.open and transaction.evse:
            evse = station.evse(transaction.evse)
            if evse.transaction != transaction.id and self.open_at(station.identity, transaction.evse) is (
                transaction
            ):
                evse.transaction = transaction.id
            if evse.transaction == transaction.id:
                evse.token = transaction.token

    def _supersede(self, station: Station, transaction: Transaction, message: Message) -> None:
        """Two transactions cannot be open at one connector: the end of the older one is lost, or under way."""
        if not transaction.evse:
            return
        for other in self.open_of(station.identity):
            earlier = other.started_s <= transaction.started_s or math.isnan(other.started_s)
            if other is transaction or other.evse != transaction.evse or not earlier:
                continue
            if message.offline or message.received_s - message.happened_s > LATE_S:
                self._presume_later(station, other, message.happened_s)
            else:
                self._presume(station, other, message.happened_s, "replaced-without-stop")

    def _presume_later(self, station: Station, transaction: Transaction, t_s: float) -> None:
        def presume() -> None:
            if transaction.open:
                self._presume(station, transaction, t_s, "replaced-without-stop")

        self._desk.clock.call_later(WAIT_S, presume)

    def _presume(self, station: Station, transaction: Transaction, t_s: float, rule: str) -> None:
        """Close what nobody closes, by the last register; a stop that comes after all amends it."""
        body = {"id": transaction.id, "happened": t_s, "rule": rule}
        number = self._desk.journal.append(station.identity, PRESUMED, body)
        self._close(station, transaction, t_s, presumed=True)
        transaction.flag(rule)
        self._note(station, transaction, rule, "closed by its last register")
        self._tell_end(transaction, self._desk.clock.now_s)
        self._kept(transaction, number)
        self._desk.changed(station, transaction.evse)

    def _close(self, station: Station, transaction: Transaction, t_s: float, *, presumed: bool) -> None:
        if transaction.open:
            self._open.get(station.identity, {}).pop(transaction.id, None)
            if transaction.token:
                self._count(transaction.token, -1)
            self._retire(transaction)
        transaction.ended, transaction.presumed, transaction.ended_s = True, presumed, t_s
        for evse in station.evses.values():
            if evse.transaction == transaction.id:
                evse.transaction, evse.token = None, ""

    def _retire(self, transaction: Transaction) -> None:
        """Keep the latest finished ones in memory."""
        finished = self._finished.setdefault(transaction.station, [])
        finished.append(transaction.id)
        if len(finished) > FINISHED:
            self._of[transaction.station].pop(finished.pop(0), None)

    def _count(self, token: str, change: int) -> None:
        key = token.casefold()
        count = self._tokens.get(key, 0) + change
        if count:
            self._tokens[key] = count
        else:
            self._tokens.pop(key, None)

    # telling

    def _tell(
        self, station: Station, transaction: Transaction, message: Message, newer: bool, restoring: bool
    ) -> None:
        start = message.kind is Kind.STARTED or (
            message.kind is Kind.UPDATED
            and not message.offline
            and message.received_s - message.happened_s <= LATE_S
        )
        if restoring:
            if transaction.told or start:
                transaction.told = 2 if transaction.ended else 1
            elif transaction.ended:
                self._tell_later(transaction)
            return
        if transaction.told == 0:
            if not start:
                if transaction.ended:
                    self._tell_later(transaction)
                return
            if message.kind is not Kind.STARTED and transaction.flag("recovered"):
                self._note(station, transaction, "recovered", f"{transaction.id} was not known to be running")
            self._tell_start(transaction, message.received_s)
        if transaction.ended:
            self._tell_end(transaction, message.received_s)
        elif message.kind is Kind.UPDATED and newer and (message.trigger or message.token):
            self._desk.sink(
                TransactionUpdated(
                    message.happened_s,
                    message.received_s,
                    station.identity,
                    evse_id(station.identity, transaction.evse),
                    transaction.id,
                    message.trigger,
                    message.charging_state,
                    message.token,
                )
            )

    def _tell_later(self, transaction: Transaction) -> None:
        """An end came before its start: wait for it a while."""

        def tell() -> None:
            if transaction.told == 0:
                self._tell_end(transaction, self._desk.clock.now_s)

        self._desk.clock.call_later(WAIT_S, tell)

    def _tell_start(self, transaction: Transaction, received_s: float) -> None:
        transaction.told = 1
        started_s = transaction.started_s
        if math.isnan(started_s):
            started_s = transaction.latest[1] if math.isfinite(transaction.latest[1]) else received_s
            if transaction.readings:
                started_s = min(one.happened_s for one in transaction.readings)
        self._desk.sink(
            TransactionStarted(
                started_s,
                received_s,
                transaction.station,
                evse_id(transaction.station, transaction.evse),
                transaction.token,
                transaction.bill().begin_wh,
                transaction.id,
            )
        )

    def _tell_end(self, transaction: Transaction, received_s: float) -> None:
        if transaction.told == 2:
            return
        if transaction.told == 0:
            self._tell_start(transaction, received_s)
        transaction.told = 2
        self._due(transaction)
        bill = transaction.bill()
        for rule in bill.flags:
            transaction.flag(rule)
        self._desk.sink(
            TransactionEnded(
                transaction.ended_s,
                received_s,
                transaction.station,
                evse_id(transaction.station, transaction.evse),
                bill.end_wh,
                transaction.reason or "Local",
                transaction.id,
            )
        )
        self._ended(transaction)

    def _ended(self, transaction: Transaction) -> None:
        for listener in self.on_ended:
            listener(transaction)

    def _odd(
        self, station: Station, transaction: Transaction, rule: str, detail: str, restoring: bool
    ) -> None:
        if transaction.flag(rule) and not restoring:
            self._note(station, transaction, rule, detail)

    def _note(self, station: Station, transaction: Transaction, rule: str, detail: str) -> None:
        self._desk.note(station, transaction.evse, rule, f"transaction {transaction.id}: {detail}")
