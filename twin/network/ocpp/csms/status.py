"""Status of connectors and EVSEs, and what it says of the cable.

1.6   Available               free (not while a transaction goes on: some report it with the cable in, quirk 38)
      Preparing, Charging, SuspendedEV, SuspendedEVSE, Finishing      a car is there
2.x   Available               free, as above
      Occupied                a car is there
both  Faulted                 out of order until another status comes
2.x   TransactionEvent        CablePluggedIn, or a charging state but Idle: a car is there; EVDeparted: it left
both  a transaction starts    a car is there
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    ChargingSuspended,
    Faulted,
    Recovered,
    StationFact,
    StatusReported,
    TransactionStarted,
    TransactionUpdated,
)
from twin.domain.journal import Entry
from twin.network.ocpp.csms.desk import Desk, evse_id
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.ledger import Ledger
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Evse, Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload

TAKEN = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Occupied"})
SUSPENDED, AVAILABLE, FAULTED = "SuspendedEV", "Available", "Faulted"


class Statuses:
    """Implements `Part`.

    Args:
        desk: Clock, journal, sink.
        instants: Reads timestamps.
        ledger: Asked whether a transaction goes on.
    """

    name = "status"

    def __init__(self, desk: Desk, instants: Instants, ledger: Ledger) -> None:
        self._desk, self._instants, self._ledger = desk, instants, ledger
        self._plugged: set[tuple[str, int]] = set()

    def handlers(self) -> Handlers:
        """StatusNotification of every version."""
        return {
            (Version.V16, "StatusNotification"): self._status_16,
            (Version.V201, "StatusNotification"): self._status_2,
            (Version.V21, "StatusNotification"): self._status_2,
        }

    def connected(self, station: Station) -> None:
        """The last status stays until another one comes (quirk 27)."""

    def accepted(self, station: Station) -> None:
        """The station was told the time: what a clock that was ahead told is no reason to disbelieve it."""
        for evse in station.evses.values():
            evse.not_after(self._desk.clock.now_s)

    def disconnected(self, station: Station) -> None:
        """The last status stays."""

    def restore(self, entry: Entry) -> None:
        """Take back the last status."""
        body: dict[str, Any] = dict(entry.body)
        evse = self._desk.stations[entry.stream].evse(int(body["evse"]))
        evse.status, evse.error = str(body["status"]), str(body["error"])
        evse.status_s = math.nan if body["t"] is None else float(body["t"])
        key = (entry.stream, evse.number)
        if body["plugged"]:
            self._plugged.add(key)
        else:
            self._plugged.discard(key)

    def plugged(self, station: str, evse: int) -> bool:
        """Whether a car is connected, as far as can be told."""
        return (station, evse) in self._plugged

    def before(self, fact: StationFact) -> tuple[StationFact, ...]:
        """Return what a fact about a transaction implies and must be told first: the car is there."""
        if isinstance(fact, TransactionStarted):
            return self._implied(fact)
        if isinstance(fact, TransactionUpdated):
            if fact.trigger == "CablePluggedIn" or fact.charging_state not in ("", "Idle"):
                return self._implied(fact)
            if fact.trigger == "EVDeparted":
                return self._left(fact)
        return ()

    def _status_16(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        error = payload["errorCode"]
        error = "" if error == "NoError" else f"{error} {payload.get('vendorErrorCode', '')}".strip()
        self._take(station, payload["connectorId"], 0, payload["status"], error, payload.get("timestamp"))
        return self._desk.safely({})

    def _status_2(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        self._take(
            station,
            payload["evseId"],
            payload["connectorId"],
            payload["connectorStatus"],
            "",
            payload["timestamp"],
        )
        return self._desk.safely({})

    def _take(
        self, station: Station, number: int, connector: int, status: str, error: str, timestamp: str | None
    ) -> None:
        now_s = self._desk.clock.now_s
        t_s = now_s if timestamp is None else self._instants.read(station, timestamp, live=True)
        evse = station.evse(number)
        if t_s < evse.status_s:  # a queue tells the past; NaN: nothing was told before
            self._desk.note(station, number, "older-status", f"{status} at {t_s:.0f} s came late")
            return
        before = evse.status
        evse.status, evse.status_s, evse.error = status, t_s, error
        address = evse_id(station.identity, number)
        tell = self._desk.sink
        tell(StatusReported(t_s, now_s, station.identity, address, connector, status, error))
        if number == 0:
            return
        if before == FAULTED != status:
            tell(Recovered(t_s, now_s, station.identity, address))
        if status in TAKEN:
            self._plug(station, evse, lambda: tell(CablePlugged(t_s, now_s, station.identity, address)))
        elif status == AVAILABLE:
            self._available(station, evse, t_s)
        if status == SUSPENDED != before:
            tell(ChargingSuspended(t_s, now_s, station.identity, address))
        if status == FAULTED != before:
            tell(Faulted(t_s, now_s, station.identity, address, error or "unknown"))
        if before != status:
            self._keep(station, evse)

    def _plug(self, station: Station, evse: Evse, tell: Callable[[], None]) -> None:
        key = (station.identity, evse.number)
        if key not in self._plugged:
            self._plugged.add(key)
            tell()

    def _available(self, station: Station, evse: Evse, t_s: float) -> None:
        if self._ledger.open_at(station.identity, evse.number) is not None:
            self._ledger.vacated(station, evse.number)
            return
        key = (station.identity, evse.number)
        if key in self._plugged:
            self._plugged.discard(key)
            now_s = self._desk.clock.now_s
            address = evse_id(station.identity, evse.number)
            self._desk.sink(CableUnplugged(t_s, now_s, station.identity, address))

    def freed(self, station: Station, number: int) -> None:
        """A transaction ended: if its connector said Available meanwhile, the car has left."""
        evse = station.evse(number)
        if number and evse.status == AVAILABLE:
            self._available(station, evse, self._desk.clock.now_s)
            self._keep(station, evse)

    def _implied(self, fact: TransactionStarted | TransactionUpdated) -> tuple[StationFact, ...]:
        number = int(fact.evse.rpartition("/")[2])
        key = (fact.station, number)
        if number == 0 or key in self._plugged:
            return ()
        self._plugged.add(key)
        self._keep(self._desk.stations[fact.station], self._desk.stations[fact.station].evse(number))
        return (CablePlugged(fact.happened_s, fact.received_s, fact.station, fact.evse),)

    def _left(self, fact: TransactionUpdated) -> tuple[StationFact, ...]:
        number = int(fact.evse.rpartition("/")[2])
        key = (fact.station, number)
        if key not in self._plugged:
            return ()
        self._plugged.discard(key)
        self._keep(self._desk.stations[fact.station], self._desk.stations[fact.station].evse(number))
        return (CableUnplugged(fact.happened_s, fact.received_s, fact.station, fact.evse),)

    def _keep(self, station: Station, evse: Evse) -> None:
        self._desk.journal.append(
            station.identity,
            "status.changed",
            {
                "evse": evse.number,
                "status": evse.status,
                "error": evse.error,
                "t": None if math.isnan(evse.status_s) else evse.status_s,
                "plugged": (station.identity, evse.number) in self._plugged,
            },
        )
