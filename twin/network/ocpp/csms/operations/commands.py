"""What operators order, without having to know the version: each order as the message that the version has for it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload

LogKind: TypeAlias = Literal["diagnostics", "security"]


class Firmware(NamedTuple):
    """What is to be installed."""

    location: str
    """URL from which the station loads it."""
    retrieve: str
    """When, RFC 3339."""
    signature: str = ""
    """Base64; with it goes the certificate that made it (1.6 security whitepaper L01, 2.x L01)."""
    signing_certificate: str = ""
    install: str = ""
    """When, RFC 3339; empty: at once."""


class Sent(NamedTuple):
    """What was ordered and what the station said."""

    action: str
    request_id: int | None
    """Under which its notices will come; None: the message has none."""
    answer: Payload


class Commands:
    """Orders to stations; all of them raise what `Office.call` raises.

    Args:
        office: Who calls and numbers.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    async def reset(self, station: Station, *, hard: bool, evse: int = 0) -> str:
        """Restart a station: at once, or (soft, on idle) when transactions have ended; return its status.

        1.6 5.14: Hard and Soft. 2.x B11 and B12: Immediate and OnIdle, of one EVSE where `evse` is given.
        """
        if not station.version.two:
            return await self._status(station, "Reset", {"type": "Hard" if hard else "Soft"})
        payload: Payload = {"type": "Immediate" if hard else "OnIdle"}
        return await self._status(station, "Reset", {**payload, "evseId": evse} if evse else payload)

    async def unlock(self, station: Station, evse: int, connector: int = 1) -> str:
        """Let go of a cable; return the status (1.6 5.18, 2.x F05)."""
        if station.version.two:
            return await self._status(station, "UnlockConnector", {"evseId": evse, "connectorId": connector})
        return await self._status(station, "UnlockConnector", {"connectorId": evse})

    async def availability(self, station: Station, *, operative: bool, evse: int = 0) -> str:
        """Take an EVSE, or the whole station (0), in or out of service; return the status (1.6 5.2, 2.x G03, G04).

        A model that bears no message for the whole station gets one per EVSE (quirk 26).
        """
        if station.policy.quirks.no_change_availability and evse == 0:
            said = [await self.availability(station, operative=operative, evse=n) for n in _evses(station)]
            return next((status for status in said if status != "Accepted"), "Accepted")
        kind = "Operative" if operative else "Inoperative"
        if not station.version.two:
            return await self._status(station, "ChangeAvailability", {"connectorId": evse, "type": kind})
        payload: Payload = {"operationalStatus": kind}
        return await self._status(
            station, "ChangeAvailability", {**payload, "evse": {"id": evse}} if evse else payload
        )

    async def trigger(self, station: Station, message: str, evse: int = 0) -> str:
        """Ask for a message; return the status (1.6 5.17, 2.x F06)."""
        payload: Payload = {"requestedMessage": message}
        if evse:
            payload |= {"evse": {"id": evse}} if station.version.two else {"connectorId": evse}
        return await self._status(station, "TriggerMessage", payload)

    async def update_firmware(self, station: Station, firmware: Firmware) -> Sent:
        """Have firmware loaded and installed: UpdateFirmware, in 1.6 with a signature SignedUpdateFirmware."""
        if station.version is Version.V16 and not firmware.signature:
            payload: Payload = {"location": firmware.location, "retrieveDate": firmware.retrieve}
            answer = await self._office.call(station, "UpdateFirmware", payload)
            return Sent("UpdateFirmware", None, answer)
        image: Payload = {"location": firmware.location, "retrieveDateTime": firmware.retrieve}
        for key, value in (
            ("signature", firmware.signature),
            ("signingCertificate", firmware.signing_certificate),
            ("installDateTime", firmware.install),
        ):
            if value:
                image[key] = value
        action = "UpdateFirmware" if station.version.two else "SignedUpdateFirmware"
        return await self._numbered(station, action, {"firmware": image})

    async def get_log(self, station: Station, upload: str, kind: LogKind = "diagnostics") -> Sent:
        """Have a log uploaded: GetLog; in 1.6 diagnostics by GetDiagnostics, which every station knows (5.9)."""
        if station.version is Version.V16 and kind == "diagnostics":
            answer = await self._office.call(station, "GetDiagnostics", {"location": upload})
            return Sent("GetDiagnostics", None, answer)
        payload: Payload = {
            "log": {"remoteLocation": upload},
            "logType": "DiagnosticsLog" if kind == "diagnostics" else "SecurityLog",
        }
        return await self._numbered(station, "GetLog", payload)

    async def _numbered(self, station: Station, action: str, payload: Payload) -> Sent:
        number = self._office.request_id(station.identity)
        await self._office.commit()
        return Sent(
            action, number, await self._office.call(station, action, {**payload, "requestId": number})
        )

    async def _status(self, station: Station, action: str, payload: Payload) -> str:
        return str((await self._office.call(station, action, payload))["status"])


def _evses(station: Station) -> tuple[int, ...]:
    return station.policy.evses or tuple(sorted(number for number in station.evses if number)) or (1,)
