"""DataTransfer in both directions: vendors register what they understand; everybody else is told so (1.6 5.6, 2.x P02)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload

Understand: TypeAlias = Callable[[Station, object], Payload]
"""(station, data) to the answer: `{"status": "Accepted", "data": …}`."""


class DataTransfer(OperationsPart):
    """A registry by vendor id and message id."""

    name = "data"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._known: dict[str, dict[str, Understand]] = {}

    def register(self, vendor: str, message: str, understand: Understand) -> None:
        """Have messages of a vendor answered; `message` is empty for those without an id."""
        self._known.setdefault(vendor, {})[message] = understand

    def handlers(self) -> Handlers:
        """DataTransfer of every version."""
        return {(version, "DataTransfer"): self._received for version in Version}

    async def send(self, station: Station, vendor: str, message: str, data: object) -> Payload:
        """Send vendor data to a station; see `Office.call` for what it raises."""
        payload: Payload = {"vendorId": vendor, "data": data}
        if message:
            payload["messageId"] = message
        return await self.office.call(station, "DataTransfer", payload)

    def _received(self, station: Station, payload: Payload) -> Payload:
        vendor = self._known.get(payload["vendorId"])
        understand = vendor.get(payload.get("messageId", "")) if vendor else None
        answer: Payload
        if vendor is None:
            answer = {"status": "UnknownVendorId"}
        elif understand is None:
            answer = {"status": "UnknownMessageId"}
        else:
            answer = understand(station, payload.get("data"))
        self.office.record(station.identity, "data.received", {**payload, "answered": answer["status"]})
        return answer
