"""The record of one transaction, and one message about it: the same for all versions, as plain JSON in the journal."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from twin.domain.events import MeterReading
from twin.network.ocpp.csms.registers import Bill, Mend, settle

PERIODIC = "Sample.Periodic"
REMEMBERED = 64
"""How many messages of a transaction are compared in full with one that says it is the same."""


class Kind(Enum):
    """What a message tells."""

    STARTED = "started"
    UPDATED = "updated"
    ENDED = "ended"


class Message(NamedTuple):
    """What one message says of a transaction. Instants in s against the epoch."""

    kind: Kind
    id: str
    happened_s: float
    received_s: float
    evse: int
    """Connector of 1.6, EVSE of 2.x; 0: not said."""
    seq: int = -1
    """seqNo of 2.x; -1: the version has none."""
    connector: int = 0
    token: str = ""
    register_wh: float | None = None
    """meterStart or meterStop of 1.6."""
    readings: tuple[MeterReading, ...] = ()
    trigger: str = ""
    charging_state: str = ""
    reason: str = ""
    offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    status: str = ""
    """What the token got, where it was known at once."""
    key: str = ""
    """What makes a start or stop of 1.6 the same when it comes again."""
    joins: str = ""
    """Id of the record that waits for this start (a stop came before it)."""

    def body(self) -> dict[str, object]:
        """Return it as JSON for the journal, without what was not said."""
        body: dict[str, object] = {
            "kind": self.kind.value,
            "id": self.id,
            "happened": self.happened_s,
            "received": self.received_s,
            "evse": self.evse,
        }
        body.update(
            {
                name: value
                for name, value, absent in zip(_OPTIONAL, self[5:], _ABSENT, strict=True)
                if value != absent
            }
        )
        if self.readings:
            body["readings"] = [
                [one.happened_s, _number(one.register_wh), one.context, one.signed] for one in self.readings
            ]
        return body


_OPTIONAL = Message._fields[5:]
_ABSENT = tuple(Message._field_defaults[name] for name in _OPTIONAL)


def message_from(body: Mapping[str, Any]) -> Message:
    """Return the message that `Message.body` wrote."""
    received_s = float(body["received"])
    readings = tuple(
        MeterReading(at, received_s, math.nan if wh is None else wh, context, signed)
        for at, wh, context, signed in body.get("readings", ())
    )
    rest = {name: body[name] for name in _OPTIONAL if name in body and name != "readings"}
    return Message(
        Kind(body["kind"]),
        str(body["id"]),
        float(body["happened"]),
        received_s,
        int(body["evse"]),
        readings=readings,
        **rest,
    )


@dataclass(slots=True)
class Transaction:
    """A billable transaction, whatever came of it so far."""

    station: str
    id: str
    """The station's in 2.x, ours in 1.6."""
    evse: int = 0
    connector: int = 0
    token: str = ""
    status: str = ""
    """What the token got."""
    begun: bool = False
    """Its start was told; False: it is known from later messages only."""
    started_s: float = math.nan
    meter_start_wh: float | None = None
    ended: bool = False
    ended_s: float = math.nan
    meter_stop_wh: float | None = None
    reason: str = ""
    presumed: bool = False
    """It was closed by us: its stop never came."""
    offline: bool = False
    """Some of it happened while the station was offline."""
    charging_state: str = ""
    remote_start_id: int | None = None
    reservation_id: int | None = None
    readings: list[MeterReading] = field(default_factory=list)
    """Evidence: all but the periodic ones without signature, of which the first and the last stay here."""
    flags: list[str] = field(default_factory=list)
    """What was odd, each once."""
    mend: Mend | None = None
    """How its readings are published; None: nothing came to find it out from."""
    register: str = ""
    """Mode of the model's register, as `Quirks.register`."""
    latest: tuple[int, float] = (-1, -math.inf)
    """(seqNo, happened_s) of the newest message, by which older ones are known."""
    heard_s: float = -math.inf
    told: int = 0
    """0: nothing, 1: its start, 2: its end was told to the sink."""
    seen: dict[int | str, float] = field(default_factory=dict)
    """seqNo or key of the last messages, to when they happened."""
    upto: int = -1
    """All sequence numbers up to this one came."""
    beyond: set[int] = field(default_factory=set)
    """Sequence numbers that came out of order."""
    entries: array[int] = field(default_factory=lambda: array("q"), compare=False)
    """Numbers of what the journal holds of it."""

    @property
    def open(self) -> bool:
        """Whether its end has not been told."""
        return not self.ended

    @property
    def complete(self) -> bool:
        """Whether its start, its end and everything between came."""
        return self.begun and self.ended and not self.presumed and not self.beyond

    def bill(self) -> Bill:
        """Return its energy: end minus begin, exactly as the registers say."""
        return settle(self.readings, self.meter_start_wh, self.meter_stop_wh, self.register)

    @property
    def energy_wh(self) -> float:
        """End minus begin in Wh; NaN where no register was told."""
        return self.bill().energy_wh

    def flag(self, rule: str) -> bool:
        """Mark it; False: it was marked so before."""
        if rule in self.flags:
            return False
        self.flags.append(rule)
        return True

    def knows(self, message: Message) -> bool:
        """Whether this very message came before."""
        if message.seq < 0:
            return message.key != "" and message.key in self.seen
        if message.seq > self.upto and message.seq not in self.beyond:
            return False
        if (message.kind is Kind.ENDED and not (self.ended and not self.presumed)) or (
            message.kind is Kind.STARTED and not self.begun
        ):
            return False  # its number was used before, it was not
        before_s = self.seen.get(message.seq)
        return before_s is None or before_s == message.happened_s

    def remember(self, message: Message) -> None:
        """Know this message when it comes again."""
        key: int | str = message.seq if message.seq >= 0 else message.key
        if key != "":
            self.seen[key] = message.happened_s
            if len(self.seen) > REMEMBERED:
                del self.seen[next(iter(self.seen))]
        if message.kind is Kind.STARTED and message.seq > self.upto and not self.begun:
            self.upto = max(self.upto, message.seq - 1)  # some count from 1: nothing comes before a start
            self.beyond = {number for number in self.beyond if number > self.upto}
        if message.seq > self.upto:
            if message.seq == self.upto + 1 and not self.beyond:
                self.upto = message.seq
                return
            self.beyond.add(message.seq)
            while self.upto + 1 in self.beyond:
                self.upto += 1
                self.beyond.discard(self.upto)

    def keep(self, readings: tuple[MeterReading, ...]) -> None:
        """Add evidence; of periodic readings without signature only the first and the last stay in memory."""
        mine = self.readings
        for one in readings:
            if one.context != PERIODIC or one.signed:
                newest = (
                    not mine or one.happened_s > mine[-1].happened_s
                )  # as a rule: no search in a long list
                if newest or one not in mine:
                    mine.append(one)
                continue
            places = [place for place, old in enumerate(mine) if old.context == PERIODIC and not old.signed]
            if len(places) < 2:
                if all(mine[place] != one for place in places):
                    mine.append(one)
                continue
            first, last = sorted(places, key=lambda place: mine[place].happened_s)
            if one.happened_s >= mine[last].happened_s:
                mine[last] = one
            elif one.happened_s < mine[first].happened_s:
                mine[first] = one


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
