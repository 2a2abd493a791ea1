"""What a virtual station says in OCPP 1.6."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.dialect import Message
from twin.network.virtual.parts.base import Signed, Token
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.transaction import Event, Transaction

REASONS = {
    "ImmediateReset": "HardReset", "OnIdleReset": "SoftReset", "MasterPass": "Local", "Timeout": "Other",
    "StoppedByEV": "Local",
}  # fmt: skip
"""stoppedReason of 2.x in the words of 1.6, where they differ."""
_KNOWN = frozenset({
    "DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot",
    "Remote", "SoftReset", "UnlockCommand",
})  # fmt: skip
_ERRORS = {"outage": "PowerSwitchFailure"}
UNKNOWN_TRANSACTION = -1
"""Stands for a transaction whose start was never answered (1.6 errata 3.19)."""


class Dialect16:
    """Implements `Dialect` for 1.6.

    Args:
        settings: Who speaks.
    """

    version = Version.V16

    def __init__(self, settings: StationSettings) -> None:
        self._settings = settings
        self.ids: dict[str, int] = {}
        """transactionId by the station's own name of the transaction, once it was answered."""

    def boot(self, reason: str) -> Message:
        """See `Dialect.boot`; 1.6 tells no reason."""
        del reason
        s = self._settings
        return Message(
            "BootNotification",
            {
                "chargePointVendor": s.vendor[:20],
                "chargePointModel": s.model[:20],
                "chargePointSerialNumber": s.serial_number,
                "firmwareVersion": s.firmware[:50],
            },
        )

    def status(self, stamp: str, evse: int, connector: int, status: str, error: str) -> Message:
        """See `Dialect.status`; the connector of 1.6 is the EVSE."""
        del connector
        payload = {"connectorId": evse, "errorCode": "NoError", "status": status, "timestamp": stamp}
        if error:
            payload |= {"errorCode": _ERRORS.get(error, "OtherError"), "info": error[:50]}
        return Message("StatusNotification", payload)

    def authorize(self, token: Token) -> Message:
        """See `Dialect.authorize`."""
        return Message("Authorize", {"idTag": token.text})

    def started(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.started`; a signed begin value follows as MeterValues, for the start cannot carry it."""
        payload: Payload = {
            "connectorId": transaction.evse,
            "idTag": transaction.token.text if transaction.token else "",
            "meterStart": int(transaction.begin.register_wh),
            "timestamp": stamp,
        }
        if transaction.reservation is not None:
            payload["reservationId"] = transaction.reservation
        yield Message("StartTransaction", payload)
        if event.signed:
            yield self._meter(stamp, transaction, list(event.signed))

    def updated(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.updated`: only meter values; states are told by StatusNotification."""
        if event.values or event.signed:
            yield self._meter(stamp, transaction, [*event.values, *event.signed])

    def ended(self, stamp: str, transaction: Transaction, event: Event) -> Iterator[Message]:
        """See `Dialect.ended`; `transactionId` is filled in when it is sent. What is signed apart goes first."""
        if event.signed:
            yield self._meter(stamp, transaction, list(event.signed))
        reason = REASONS.get(transaction.reason, transaction.reason)
        payload: Payload = {
            "meterStop": int(event.register_wh),
            "timestamp": stamp,
            "transactionId": UNKNOWN_TRANSACTION,
            "reason": reason if reason in _KNOWN else "Other",
        }
        if transaction.stopped_by is not None:
            payload["idTag"] = transaction.stopped_by.text
        if transaction.collected:
            payload["transactionData"] = transaction.collected
        yield Message("StopTransaction", payload)

    def meter_values(self, stamp: str, evse: int, values: list[Payload]) -> Message:
        """See `Dialect.meter_values`."""
        entry = {"timestamp": stamp, "sampledValue": values}
        return Message("MeterValues", {"connectorId": evse, "meterValue": [entry]})

    def signed(self, value: Signed, register_wh: float, context: str) -> Payload:
        """See `Dialect.signed`: JSON in the value, format SignedData."""
        del register_wh
        text = {
            "signedMeterData": base64.b64encode(value.data.encode()).decode(),
            "signingMethod": value.method,
            "encodingMethod": value.encoding,
            "publicKey": base64.b64encode(value.public_key.encode()).decode(),
        }
        return {
            "value": json.dumps(text, separators=(",", ":")),
            "format": "SignedData",
            "context": context,
            "measurand": "Energy.Active.Import.Register",
            "location": "Outlet",
            "unit": "Wh",
        }

    def token_info(self, answer: Payload) -> Payload | None:
        """See `Dialect.token_info`."""
        return answer.get("idTagInfo")

    def fill(self, action: str, payload: Payload, transaction: str) -> Payload:
        """Return a message of a transaction with its transactionId, as it is known now."""
        if action == "StartTransaction" or not transaction:
            return payload
        return {**payload, "transactionId": self.ids.get(transaction, UNKNOWN_TRANSACTION)}

    def _meter(self, stamp: str, transaction: Transaction, values: list[Payload]) -> Message:
        action, payload = self.meter_values(stamp, transaction.evse, values)
        payload["transactionId"] = UNKNOWN_TRANSACTION
        return Message(action, payload)
