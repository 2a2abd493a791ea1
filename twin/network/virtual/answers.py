"""What the central system answers to messages of transactions: ids, and whether it accepts who charges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.bay import Bay
from twin.network.virtual.parts.base import Outcome
from twin.network.virtual.queue import Item
from twin.network.virtual.v16 import Dialect16

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

IDS = "transaction-ids"


class Answers:
    """The way of one station's queue to the wire and back.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station

    def prepare(self, item: Item) -> Payload:
        """Return a message as it shall stand on the wire now."""
        dialect = self._station.dialect
        if isinstance(dialect, Dialect16):
            return dialect.fill(item.action, item.payload, item.transaction)
        return item.payload

    def take(self, item: Item, outcome: Outcome) -> None:
        """Take the answer to a message that left the queue; nothing where it was given up."""
        dialect = self._station.dialect
        if isinstance(dialect, Dialect16) and item.action == "StopTransaction":
            dialect.ids.pop(item.transaction, None)
            self._station.store.drop(IDS, item.transaction)
        if not isinstance(outcome, dict):
            return
        if isinstance(dialect, Dialect16) and item.action == "StartTransaction":
            self._numbered(dialect, item.transaction, outcome["transactionId"])
        for bay in self._station.bays.values():
            if bay.transaction is not None and bay.transaction.name == item.transaction:
                self._judged(bay, item, outcome)

    def _numbered(self, dialect: Dialect16, name: str, number: int) -> None:
        dialect.ids[name] = number
        self._station.store.put(IDS, name, number)
        self._station.limits.named(name, str(number))

    def _judged(self, bay: Bay, item: Item, outcome: Payload) -> None:
        """What is said about the token counts where the message told it (1.6 4.8, 2.0.1 C15, E05)."""
        transaction = bay.transaction
        told = item.payload.get("idToken", {}).get("idToken") or item.payload.get("idTag")
        if transaction is None or transaction.token is None or told != transaction.token.text:
            return
        grant = self._station.authoriser.learn(transaction.token, outcome)
        if grant is None or not bay.authorised:
            return
        if grant.accepted:
            transaction.grant = bay.grant = grant
        else:
            self._station.transactions.refuse(bay)
