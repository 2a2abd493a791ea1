"""What the journal keeps of a transaction when its messages are made one entry: all that is known of it.

Kept: who, where, when; the registers at begin and end, and as evidence every reading but the periodic ones without
signature, of which the first and the last; which sequence numbers came, and the keys and times of the last messages,
by which one that comes again is known. Dropped: the periodic readings in between, which no bill rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twin.domain.events import MeterReading
from twin.network.ocpp.csms.transaction import Transaction

if TYPE_CHECKING:
    from twin.domain.clock import Clock
    from twin.domain.journal import Journal
    from twin.network.ocpp.csms.ledger import Ledger

SUMMARY = "transaction.summary"
EVERY_S = 60.0
_PLAIN = (
    "id",
    "evse",
    "connector",
    "token",
    "status",
    "begun",
    "meter_start_wh",
    "ended",
    "meter_stop_wh",
    "reason",
    "presumed",
    "offline",
    "charging_state",
    "remote_start_id",
    "reservation_id",
    "flags",
    "register",
    "told",
    "upto",
)
_INSTANTS = {"started_s": math.nan, "ended_s": math.nan, "heard_s": -math.inf}
"""Instants that may be unknown: null in JSON."""


def summary(transaction: Transaction) -> dict[str, object]:
    """Return a transaction as JSON; what has its default is left out."""
    blank = Transaction("", "")
    body = {name: value for name in _PLAIN if (value := getattr(transaction, name)) != getattr(blank, name)}
    body["flags"] = list(transaction.flags)
    for name in _INSTANTS:
        body[name] = _finite(getattr(transaction, name))
    body["latest"] = [transaction.latest[0], _finite(transaction.latest[1])]
    body["readings"] = [
        [one.happened_s, one.received_s, _finite(one.register_wh), one.context, one.signed]
        for one in transaction.readings
    ]
    body["seen"] = [[key, t_s] for key, t_s in transaction.seen.items()]
    body["beyond"] = list(_ranges(transaction.beyond))
    return body


def transaction_from(station: str, body: Mapping[str, Any]) -> Transaction:
    """Return the transaction that `summary` wrote."""
    values = {name: body[name] for name in _PLAIN if name in body}
    values["flags"] = list(body["flags"])
    for name, unknown in _INSTANTS.items():
        values[name] = _instant(body[name], unknown)
    return Transaction(
        station,
        latest=(body["latest"][0], _instant(body["latest"][1], -math.inf)),
        readings=[
            MeterReading(at, received_s, _instant(wh, math.nan), context, signed)
            for at, received_s, wh, context, signed in body["readings"]
        ],
        seen={key: float(t_s) for key, t_s in body["seen"]},
        beyond={number for first, last in body["beyond"] for number in range(first, last + 1)},
        **values,
    )


class Compaction:
    """Makes one entry of the messages of each transaction that is due, on start and each minute.

    Args:
        ledger: Knows which are due.
        journal: Where their messages are.
        clock: Tells when a minute is over.
        every_s: Between two times.
    """

    def __init__(self, ledger: Ledger, journal: Journal, clock: Clock, every_s: float = EVERY_S) -> None:
        self._ledger, self._journal, self._clock, self._every_s = ledger, journal, clock, every_s

    def start(self) -> None:
        """Compact now, and from now on; to be called when the journal was taken back."""
        self.compact()
        self._clock.call_later(self._every_s, self.start)

    def compact(self) -> int:
        """Replace what can be replaced; return how many transactions that was."""
        due, self._ledger.due = self._ledger.due, {}
        for transaction in due.values():
            body = summary(transaction)
            self._journal.replace(transaction.entries, transaction.station, SUMMARY, body)
            del transaction.entries[1:]
        return len(due)


def _ranges(numbers: Iterable[int]) -> Iterable[list[int]]:
    """Return numbers as ranges, first to last."""
    first = last = None
    for number in sorted(numbers):
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield [first, last]
            first = number
        last = number
    if first is not None and last is not None:
        yield [first, last]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _instant(value: float | None, unknown: float) -> float:
    return unknown if value is None else float(value)
