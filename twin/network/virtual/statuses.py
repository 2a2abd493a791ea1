"""StatusNotification: what was told of each connector, and what has to be told anew.

Short losses of connection are not worth a flood: after one shorter than OfflineThreshold only what changed is
told (2.0.1 B04); a change that does not last MinimumStatusDuration is not told at all (1.6 4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from twin.domain.clock import Timer
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.bay import STATES_2, STATES_16, Bay, first
from twin.network.virtual.parts.base import Outcome

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

Place: TypeAlias = tuple[int, int]
"""EVSE and connector; (0, 0): the whole station (1.6)."""


class Statuses:
    """What the connectors of one station show.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self._told: dict[Place, str] = {}
        self._since: dict[Place, tuple[str, str]] = {}
        """Status and stamp of its begin, as of the last change."""
        self._timers: dict[Place, Timer] = {}

    def forget(self) -> None:
        """The station starts anew: everything is told again."""
        self._told.clear()
        self._since.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def changed(self, bay: Bay) -> None:
        """Tell the status of the connectors of an EVSE where it changed."""
        if not self._station.version.two:
            self._show((bay.number, 1), first(STATES_16, bay))
            return
        status = first(STATES_2, bay)
        for connector in range(1, len(bay.connectors) + 1):
            # A cable in one connector takes the others of its EVSE out of use.
            other = "Unavailable" if status == "Occupied" else status
            self._show((bay.number, connector), status if connector == 1 else other)

    def station_changed(self) -> None:
        """Tell the status of the whole station, which only 1.6 has."""
        if not self._station.version.two:
            self._show((0, 0), "Available" if self._station.operative else "Unavailable")

    def online(self, all_anew: bool) -> None:
        """Tell everything, or what changed meanwhile."""
        if all_anew:
            self._told.clear()
        self.station_changed()
        for bay in self._station.bays.values():
            self.changed(bay)

    def trigger(self, request: Payload) -> None:
        """Tell what TriggerMessage asks for, changed or not."""
        evse = request.get("connectorId", request.get("evse", {}).get("id", -1))
        for place in list(self._since):
            if evse in {-1, place[0]}:
                self._send(place)

    def _show(self, place: Place, status: str) -> None:
        station = self._station
        known = self._since.get(place)
        if known is None or known[0] != status:
            self._since[place] = (status, station.stamp())
        if self._told.get(place) == status or not station.online:
            return
        wait_s = station.variables.number(c.STATUS_DURATION)
        if wait_s and place in self._told:
            self._later(place, wait_s)
        else:
            self._send(place)

    def _later(self, place: Place, wait_s: float) -> None:
        timer = self._timers.pop(place, None)
        if timer is not None:
            timer.cancel()
        self._timers[place] = self._station.clock.call_later(wait_s, lambda: self._lasted(place))

    def _lasted(self, place: Place) -> None:
        del self._timers[place]
        if self._station.online and self._told.get(place) != self._since[place][0]:
            self._send(place)

    def _send(self, place: Place) -> None:
        status, stamp = self._since[place]
        bay = self._station.bays.get(place[0])
        self._told[place] = status
        self._station.observe(place[0], "AvailabilityState", status)
        error = bay.fault if bay else ""
        message = self._station.dialect.status(stamp, place[0], place[1], status, error)
        self._station.call(message.action, message.payload, lambda outcome: self._answered(place, outcome))

    def _answered(self, place: Place, outcome: Outcome) -> None:
        if not isinstance(outcome, dict):
            self._told.pop(place, None)
