"""Messages of transactions: kept until they are answered, sent in the order in which things happened.

A message that gets no usable answer is tried again after `interval * attempts so far` (OCPP 1.6 3.7.1, 2.0.1 E13)
and given up after the last attempt, so that those behind it are not lost with it. A broken connection is no
attempt: whether the peer took it is unknown, and it is sent again on the next connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twin.domain.clock import Clock, Timer
from twin.network.ocpp.wire.errors import CallTimedOut, LinkLost
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import Outcome, Then
from twin.network.virtual.store import Store

_TABLE = "queue"
_REMEMBERED = 50
"""Calls without an answer that are remembered, should it come after all."""


@dataclass(slots=True)
class Item:
    """One message that waits."""

    number: int
    action: str
    payload: Payload
    transaction: str
    """The station's own name of it."""
    attempts: int = 0
    timed_out: str = ""
    """Id of the latest call that got no answer in time."""


class TransactionQueue:
    """The queue of one station.

    Args:
        clock: Counts the waits.
        store: Where it survives a power cut.
        send: Sends a message and tells the outcome.
        attempts: How often a message is sent at most, at this moment.
        interval_s: The wait per attempt, at this moment.
        answered: Told of each message that leaves the queue, with its answer or why there is none.
        prepare: Returns the payload as it shall stand on the wire now.
    """

    def __init__(
        self,
        clock: Clock,
        store: Store,
        send: Callable[[str, Payload, Then], None],
        *,
        attempts: Callable[[], int],
        interval_s: Callable[[], float],
        answered: Callable[[Item, Outcome], None],
        prepare: Callable[[Item], Payload],
    ) -> None:
        self._clock, self._store, self._send = clock, store, send
        self._attempts, self._interval_s = attempts, interval_s
        self._answered, self._prepare = answered, prepare
        self._items: list[Item] = []
        self._given_up: dict[str, Item] = {}
        self._timer: Timer | None = None
        self._flying = False
        self._open = False
        for key, row in store.rows(_TABLE):
            self._items.append(Item(int(key), row["action"], row["payload"], row["transaction"]))
        self._last = self._items[-1].number if self._items else 0

    def __len__(self) -> int:
        return len(self._items)

    def waits_for(self, transaction: str) -> bool:
        """Whether a message of this transaction is not answered yet."""
        return any(item.transaction == transaction for item in self._items)

    def add(self, action: str, payload: Payload, transaction: str) -> None:
        """Keep a message behind all others; it is sent when its turn comes."""
        self._last += 1
        item = Item(self._last, action, payload, transaction)
        self._items.append(item)
        row = {"action": action, "payload": payload, "transaction": transaction}
        self._store.put(_TABLE, str(item.number), row)
        self._pump()

    def resume(self) -> None:
        """The station is online: what waits goes out at once."""
        self._open = True
        self._stop_timer()
        self._pump()

    def pause(self) -> None:
        """The connection is gone; its calls fail with `LinkLost`."""
        self._open = False
        self._stop_timer()

    def discard(self) -> int:
        """Forget what waits: another generation of OCPP is spoken, which has no words for it. Return how much."""
        gone = len(self._items)
        for item in self._items:
            self._store.drop(_TABLE, str(item.number))
        self._items.clear()
        return gone

    def late(self, message_id: str, payload: Payload) -> None:
        """Take an answer that came after its time-out: the message counts as answered."""
        head = self._items[0] if self._items else None
        if head is not None and head.timed_out == message_id and not self._flying:
            self._stop_timer()
            self._leave(head, payload)
            self._pump()
            return
        item = self._given_up.pop(message_id, None)
        if item is not None:
            self._answered(item, payload)

    def _pump(self) -> None:
        if not self._open or self._flying or self._timer is not None or not self._items:
            return
        item = self._items[0]
        self._flying = True
        self._send(item.action, self._prepare(item), lambda outcome: self._told(item, outcome))

    def _told(self, item: Item, outcome: Outcome) -> None:
        self._flying = False
        if not self._items or self._items[0] is not item:
            pass  # it was discarded meanwhile
        elif isinstance(outcome, dict):
            self._leave(item, outcome)
        elif isinstance(outcome, LinkLost):
            pass  # `resume` sends it again
        else:
            self._failed(item, outcome)
        self._pump()

    def _failed(self, item: Item, outcome: Outcome) -> None:
        item.attempts += 1
        if isinstance(outcome, CallTimedOut):
            self._give_up(item)
            item.timed_out = outcome.message_id
        if item.attempts >= self._attempts():
            self._give_up(item)
            self._leave(item, outcome)
        else:
            self._timer = self._clock.call_later(self._interval_s() * item.attempts, self._again)

    def _give_up(self, item: Item) -> None:
        if item.timed_out:
            self._given_up[item.timed_out] = item
            if len(self._given_up) > _REMEMBERED:
                del self._given_up[next(iter(self._given_up))]

    def _leave(self, item: Item, outcome: Outcome) -> None:
        del self._items[0]
        self._store.drop(_TABLE, str(item.number))
        self._answered(item, outcome)

    def _again(self) -> None:
        self._timer = None
        self._pump()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
