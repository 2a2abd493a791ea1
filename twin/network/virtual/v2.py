"""What a virtual station says in OCPP 2.0.1 and 2.1."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.dialect import Message
from twin.network.virtual.parts.base import Signed, Token
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.transaction import Event, Transaction

_REASONS = {"OnIdleReset": "Reboot", "UnlockCommand": "Other"}
"""Reasons that 2.x has no own word for."""


def id_token(token: Token) -> Payload:
    """Write a token as IdTokenType; 2.1 and 2.0.1 alike."""
    return {"idToken": token.text, "type": token.kind}


class Dialect2:
    """Implements `Dialect` for 2.0.1 and 2.1.

    Args:
        settings: Who speaks.
        version: Which of the two.
    """

    def __init__(self, settings: StationSettings, version: Version) -> None:
        self._settings, self.version = settings, version

    def boot(self, reason: str) -> Message:
        """See `Dialect.boot`."""
        s = self._settings
        station = {
            "vendorName": s.vendor[:50],
            "model": s.model[:20],
            "serialNumber": s.serial_number,
            "firmwareVersion": s.firmware[:50],
        }
        return Message("BootNotification", {"reason": reason, "chargingStation": station})

    def status(self, stamp: str, evse: int, connector: int, status: str, error: str) -> Message:
        """See `Dialect.status`; what is wrong is told by NotifyEvent, not here."""
        del error
        return Message(
            "StatusNotification",
            {"timestamp": stamp, "connectorStatus": status, "evseId": evse, "connectorId": connector},
        )

    def authorize(self, token: Token) -> Message:
        """See `Dialect.authorize`."""
        return Message("Authorize", {"idToken": id_token(token)})

    def started(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.started`."""
        payload = self._event("Started", stamp, transaction, event)
        payload["evse"] = {"id": transaction.evse, "connectorId": transaction.connector}
        if transaction.remote_start is not None:
            payload["transactionInfo"]["remoteStartId"] = transaction.remote_start
        if transaction.reservation is not None:
            payload["reservationId"] = transaction.reservation
        yield Message("TransactionEvent", payload)

    def updated(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.updated`."""
        yield Message("TransactionEvent", self._event("Updated", stamp, transaction, event))

    def ended(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.ended`; the whole course of values is told here (2.0.1 E06.FR.11)."""
        payload = self._event("Ended", stamp, transaction, event)
        info = payload["transactionInfo"]
        info["stoppedReason"] = _REASONS.get(transaction.reason, transaction.reason or "Other")
        info["timeSpentCharging"] = round(transaction.charging_s)
        if transaction.stopped_by is not None:
            payload["idToken"] = id_token(transaction.stopped_by)
        if transaction.collected:
            payload["meterValue"] = transaction.collected
        yield Message("TransactionEvent", payload)

    def meter_values(self, stamp: str, evse: int, values: list[Payload]) -> Message:
        """See `Dialect.meter_values`."""
        entry = {"timestamp": stamp, "sampledValue": values}
        return Message("MeterValues", {"evseId": evse, "meterValue": [entry]})

    def signed(self, value: Signed, register_wh: float, context: str) -> Payload:
        """See `Dialect.signed`: signedMeterValue beside the plain value."""
        return {
            "value": register_wh,
            "context": context,
            "measurand": "Energy.Active.Import.Register",
            "location": "Outlet",
            "unitOfMeasure": {"unit": "Wh"},
            "signedMeterValue": {
                "signedMeterData": base64.b64encode(value.data.encode()).decode(),
                "signingMethod": value.method,
                "encodingMethod": value.encoding,
                "publicKey": base64.b64encode(value.public_key.encode()).decode(),
            },
        }

    def token_info(self, answer: Payload) -> Payload | None:
        """See `Dialect.token_info`."""
        return answer.get("idTokenInfo")

    def _event(self, kind: str, stamp: str, transaction: Transaction, event: Event) -> Payload:
        """The common half; it takes the next seqNo and tells the token where it was not told yet."""
        state, phases = event.charging
        info: Payload = {"transactionId": transaction.name, "chargingState": state}
        payload: Payload = {
            "eventType": kind,
            "timestamp": stamp,
            "triggerReason": event.trigger,
            "seqNo": transaction.seq,
            "transactionInfo": info,
        }
        transaction.seq += 1
        transaction.state = state
        if transaction.tariff is not None:
            info["tariffId"] = transaction.tariff["tariffId"]
        if event.offline:
            payload["offline"] = True
        if phases:
            payload["numberOfPhasesUsed"] = phases
        if transaction.token is not None and not transaction.token_told:
            payload["idToken"] = id_token(transaction.token)
            transaction.token_told = True
        values = [*event.values, *event.signed]
        if values:
            payload["meterValue"] = [{"timestamp": stamp, "sampledValue": values}]
        return payload
