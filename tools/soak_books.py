"""What really happened at virtual stations, beside their own words, and how a central system's books compare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twin.domain.events import CablePlugged, CableUnplugged, StationEvent
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.virtual.answers import IDS
from twin.network.virtual.load import Load
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.store import MemoryStore
from twin.network.virtual.transactions import TABLE

RESOLUTION_WH = 1.0
"""Of a meter: readings are whole Wh, so that two of them may be so much beside what flowed."""


@dataclass
class Session:
    """One car, from plug to unplug."""

    station: str
    number: int
    delivered_wh: float = math.nan
    """At the connector; NaN: it is still there."""


@dataclass
class Local:
    """A transaction as its station began and ended it."""

    name: str
    session: int
    begin_wh: float
    end_wh: float
    ended: bool = False
    number: str = ""
    """The id that a 1.6 central system gave it."""


class Watched(MemoryStore):
    """A station's store that remembers transactions which the station forgets."""

    def __init__(self, truth: Truth, identity: str) -> None:
        super().__init__()
        self._truth, self._identity = truth, identity

    def put(self, table: str, key: str, value: Any, /) -> None:
        """See `Store.put`."""
        super().put(table, key, value)
        if table == TABLE:
            self._truth.seen(self._identity, key, value["register_wh"])
        elif table == IDS:
            self._truth.transactions[self._identity][key].number = str(value)

    def drop(self, table: str, key: str, /) -> None:
        """See `Store.drop`."""
        super().drop(table, key)
        if table == TABLE:
            self._truth.transactions[self._identity][key].ended = True


class Truth:
    """What happened at all stations with one EVSE each."""

    def __init__(self) -> None:
        self.sessions: dict[str, list[Session]] = {}
        self.transactions: dict[str, dict[str, Local]] = {}
        """By station, then by the station's name of it."""

    def store(self, settings: StationSettings) -> Watched:
        """Make the store of a station."""
        self.sessions[settings.identity] = []
        self.transactions[settings.identity] = {}
        return Watched(self, settings.identity)

    def watch(self, load: Load) -> None:
        """Follow the cables of a load's stations."""

        def fact(event: StationEvent) -> None:
            sessions = self.sessions[event.station]
            if isinstance(event, CablePlugged):
                sessions.append(Session(event.station, len(sessions)))
            elif isinstance(event, CableUnplugged):
                row = load.stations.fleet.row[event.evse]
                sessions[-1].delivered_wh = load.stations.session_truth(row).delivered_wh

        load.stations.physics.subscribe(fact)

    def seen(self, identity: str, name: str, register_wh: float) -> None:
        """A station wrote down where a transaction stands."""
        known = self.transactions[identity]
        if name in known:
            known[name].end_wh = register_wh
        else:
            known[name] = Local(name, len(self.sessions[identity]) - 1, register_wh, register_wh)

    def misses(
        self, identity: str, booked: Iterable[Transaction], slack_wh: float, *, exact: bool
    ) -> list[str]:
        """Return what is wrong with a central system's books of one station.

        Args:
            identity: The station.
            booked: Its transactions by the central system.
            slack_wh: How much may flow beside a session's transactions.
            exact: Whether energies must be equal; False where the register itself was lying.
        """
        wrong = []
        books = {one.id: one for one in booked}
        known = self.transactions[identity]
        for local in known.values():
            one = books.pop(local.number or local.name, None)
            if one is None:
                wrong.append(f"{local.name} ({local.number or '2.x'}) is not in the books")
            elif one.open or not one.complete:
                wrong.append(f"{one.id} is {'open' if one.open else 'not complete'}: {one}")
            elif exact and one.energy_wh != local.end_wh - local.begin_wh:
                flowed_wh = local.end_wh - local.begin_wh
                wrong.append(f"{one.id} has {one.energy_wh} Wh, not {flowed_wh} Wh: {one}")
        wrong += [f"{name} is in the books, and no station knows it" for name in books]
        for session in self.sessions[identity]:
            own = [local for local in known.values() if local.session == session.number]
            if len(own) > 1:
                wrong.append(f"session {session.number} has {len(own)} transactions")
            metered_wh = sum(local.end_wh - local.begin_wh for local in own)
            if not abs(session.delivered_wh - metered_wh) <= slack_wh:
                wrong.append(
                    f"session {session.number}: {session.delivered_wh} Wh flowed, {metered_wh} Wh in transactions"
                )
        return [f"{identity}: {what}" for what in wrong]
