"""TriggerMessage and ExtendedTriggerMessage (1.6 5.17, security extension; 2.x F06)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload, Then
from twin.network.virtual.bay import Bay
from twin.network.virtual.boot import State
from twin.network.virtual.parts.base import Handlers, Trigger
from twin.network.virtual.parts.plain import PlainPart

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation


class Triggers(PlainPart):
    """Messages that the central system asks for: those of the core, and those of the parts.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        super().__init__(station)
        self._station = station

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        return {
            (Version.V16, "TriggerMessage"): self._trigger,
            (Version.V16, "ExtendedTriggerMessage"): self._trigger,
            (Version.V201, "TriggerMessage"): self._trigger,
            (Version.V21, "TriggerMessage"): self._trigger,
        }

    def triggers(self) -> Mapping[tuple[Version, str], Trigger]:
        """See `StationPart.triggers`."""
        station = self._station
        common: dict[tuple[Version, str], Trigger] = {}
        for version in Version:
            common |= {
                (version, "BootNotification"): lambda _request: station.boot.send(),
                (version, "Heartbeat"): station.boot.beat,
                (version, "StatusNotification"): station.statuses.trigger,
                (version, "MeterValues"): self._meter_values,
            }
            if version.two:
                common[version, "TransactionEvent"] = self._transaction_events
        return common

    def _trigger(self, request: Payload) -> Answer:
        station = self._station
        what = request["requestedMessage"]
        found = (part.triggers().get((station.version, what)) for part in station.parts)
        send = next((trigger for trigger in found if trigger is not None), None)
        if send is None:
            return {"status": "NotImplemented"}
        evse = request.get("connectorId", request.get("evse", {}).get("id"))
        if evse is not None and evse not in station.bays and not self._is_whole(evse, what):
            return {"status": "Rejected"}
        accepted = station.boot.state is State.ACCEPTED
        if what == "BootNotification" and accepted and station.version.two:  # 2.0.1 F06.FR.17
            return {"status": "Rejected"}
        if what == "TransactionEvent" and not self._running(evse):
            return {"status": "Rejected"}
        return Then({"status": "Accepted"}, partial(station.trigger, partial(send, request)))

    def _is_whole(self, evse: int, what: str) -> bool:
        return evse == 0 and what in {"StatusNotification", "MeterValues"} and not self._station.version.two

    def _bays(self, evse: int | None) -> list[Bay]:
        return [bay for bay in self._station.bays.values() if evse in {None, 0, bay.number}]

    def _running(self, evse: int | None) -> list[Bay]:
        return [bay for bay in self._bays(evse) if bay.transaction is not None]

    def _meter_values(self, request: Payload) -> None:
        for bay in self._bays(request.get("connectorId", request.get("evse", {}).get("id"))):
            self._station.timers.trigger(bay)

    def _transaction_events(self, request: Payload) -> None:
        for bay in self._running(request.get("evse", {}).get("id")):
            self._station.timers.trigger(bay)
