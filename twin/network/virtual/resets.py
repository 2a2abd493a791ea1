"""Reset (1.6 5.14; 2.x B11, B12): at once, or when nothing runs any more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload, Then
from twin.network.virtual.bay import Bay
from twin.network.virtual.parts.base import Handlers
from twin.network.virtual.parts.plain import PlainPart

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_STOPPED_16 = {"Hard": "ImmediateReset", "Soft": "OnIdleReset"}


class Resets(PlainPart):
    """Resets of one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        super().__init__(station)
        self._station = station

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        return {
            (Version.V16, "Reset"): self._reset_16,
            (Version.V201, "Reset"): self._reset_2,
            (Version.V21, "Reset"): self._reset_2,
        }

    def _reset_16(self, request: Payload) -> Answer:
        reboot = partial(self._station.reboot, "RemoteReset", _STOPPED_16[request["type"]])
        return Then({"status": "Accepted"}, reboot)

    def _reset_2(self, request: Payload) -> Answer:
        station = self._station
        if "evseId" in request:
            bay = station.bays.get(request["evseId"])
            return {"status": "Rejected"} if bay is None else self._reset_evse(bay, request["type"])
        if request["type"] == "OnIdle" and station.charging():
            return Then({"status": "Scheduled"}, partial(station.idle, self._when_idle))
        return Then({"status": "Accepted"}, partial(station.reboot, "RemoteReset", "ImmediateReset"))

    def _when_idle(self) -> None:
        self._station.clock.call_later(0.0, partial(self._station.reboot, "ScheduledReset"))

    def _reset_evse(self, bay: Bay, kind: str) -> Answer:
        """One EVSE alone: its transaction ends, and it is there again at once (2.0.1 B11.FR.08, B12.FR.07)."""
        transactions = self._station.transactions
        if kind == "OnIdle":
            return {"status": "Accepted" if bay.transaction is None else "Rejected"}
        end = partial(transactions.end, bay, "ImmediateReset", "ResetCommand")
        return Then({"status": "Accepted"}, end)
