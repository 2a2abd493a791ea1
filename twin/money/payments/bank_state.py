"""What every part of the bank shares: the records, the counter of names, and who is told of events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import TypeVar

from twin.money.payments.bank_errors import missing
from twin.money.payments.bank_records import (
    BankEvent,
    ConnectedAccount,
    Customer,
    Dispute,
    Intent,
    Method,
    RefundRecord,
    Setup,
    Thing,
)

T = TypeVar("T")


class State:
    """Records by id. Names come from a counter and the seed: two runs of one seed give the same.

    Args:
        seed: Makes the names of two banks differ.
        kinds: Events that are made at all; None: every kind.
    """

    def __init__(self, seed: int, kinds: Collection[str] | None = None) -> None:
        self._mark = hashlib.blake2s(f"bank/{seed}".encode(), digest_size=5).hexdigest()
        self._count = 0
        self._kinds = None if kinds is None else frozenset(kinds)
        self._sinks: list[Callable[[BankEvent], None]] = []
        self.intents: dict[str, Intent] = {}
        self.refunds: dict[str, RefundRecord] = {}
        self.disputes: dict[str, Dispute] = {}
        self.customers: dict[str, Customer] = {}
        self.methods: dict[str, Method] = {}
        self.setups: dict[str, Setup] = {}
        self.accounts: dict[str, ConnectedAccount] = {}

    def name(self, prefix: str) -> str:
        """Return a new id, `prefix_…`."""
        self._count += 1
        return f"{prefix}_{self._mark}{self._count:010d}"

    def listen(self, sink: Callable[[BankEvent], None]) -> None:
        """Call `sink` for every event, at once; it must not change the bank."""
        self._sinks.append(sink)

    def tell(self, kind: str, t_s: float, thing: Thing, intent: Intent | None = None) -> None:
        """Make an event, if somebody wants to know."""
        if not self._sinks or (self._kinds is not None and kind not in self._kinds):
            return
        event = BankEvent(self.name("evt"), kind, t_s, thing, intent)
        for sink in self._sinks:
            sink(event)


def find(records: dict[str, T], name: str, what: str) -> T:
    """Return a record.

    Raises:
        BankError: There is none of that name (404).
    """
    found = records.get(name)
    if found is None:
        raise missing(what, name)
    return found
