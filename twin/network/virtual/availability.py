"""ChangeAvailability: what is in service, kept over reboots, scheduled while a transaction runs (1.6 5.2, 2.x G03, G04)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload, Then
from twin.network.virtual.bay import Bay
from twin.network.virtual.parts.base import Handlers
from twin.network.virtual.parts.plain import PlainPart

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_TABLE = "availability"


class Availability(PlainPart):
    """What is in service at one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        super().__init__(station)
        self._station = station
        self._wanted: dict[int, bool] = {int(evse): on for evse, on in station.store.rows(_TABLE)}
        """By EVSE, 0: the station; absent: in service."""
        self._blocks: set[str] = set()
        self._apply()

    @property
    def station_operative(self) -> bool:
        """Whether the station as a whole is in service."""
        return self._wanted.get(0, True) and not self._blocks

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        return {
            (Version.V16, "ChangeAvailability"): self._change_16,
            (Version.V201, "ChangeAvailability"): self._change_2,
            (Version.V21, "ChangeAvailability"): self._change_2,
        }

    def block(self, why: str, on: bool) -> None:
        """Take the station out of service for a reason of its own, or back."""
        (self._blocks.add if on else self._blocks.discard)(why)
        self._apply()
        self._station.status_changed()

    def transaction_ended(self, bay: Bay) -> None:
        """What was scheduled takes effect."""
        bay.operative = self._is_wanted(bay)

    def _change_16(self, request: Payload) -> Payload | Then:
        return self._change(request["connectorId"], request["type"] == "Operative", "Rejected")

    def _change_2(self, request: Payload) -> Payload | Then:
        evse = request.get("evse", {})
        number = evse.get("id", 0)
        bay = self._station.bays.get(number)
        if bay is not None and not 1 <= evse.get("connectorId", 1) <= len(bay.connectors):
            return {"status": "Rejected"}
        return self._change(number, request["operationalStatus"] == "Operative", "Rejected")

    def _change(self, number: int, on: bool, unknown: str) -> Payload | Then:
        station = self._station
        if number and number not in station.bays:
            return {"status": unknown}
        self._wanted[number] = on
        station.store.put(_TABLE, str(number), on)
        if not number and on:
            for evse in [evse for evse in self._wanted if evse]:
                del self._wanted[evse]
                station.store.drop(_TABLE, str(evse))
        bays = [bay for bay in station.bays.values() if number in {0, bay.number}]
        scheduled = not on and any(bay.transaction is not None for bay in bays)
        return Then({"status": "Scheduled" if scheduled else "Accepted"}, self._now)

    def _now(self) -> None:
        self._apply()
        self._station.status_changed()

    def _apply(self) -> None:
        for bay in self._station.bays.values():
            if bay.transaction is None or self._is_wanted(bay):
                bay.operative = self._is_wanted(bay)

    def _is_wanted(self, bay: Bay) -> bool:
        return self.station_operative and self._wanted.get(bay.number, True)
