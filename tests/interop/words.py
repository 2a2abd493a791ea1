"""What is said in the stories, in each version's words."""

from __future__ import annotations

from itertools import count
from typing import Any

from twin.network.ocpp.versions import Version

V16, V201 = Version.V16, Version.V201
CARD = "INTEROP-CARD"
LOW_A, HIGH_A = 8.0, 16.0
SAMPLES = 5
"""Readings that are waited for, before and after a limit."""
_NOW = "2026-01-01T00:00:00.000Z"


def central() -> Any:
    """Return the answers of a central system that accepts everything: (version, action, payload) to payload."""
    numbers = count(1)
    accepted: dict[str, Any] = {"status": "Accepted"}

    def answer(version: str, action: str, _payload: dict[str, Any]) -> dict[str, Any]:
        info = {"idTagInfo": accepted} if version == "1.6" else {"idTokenInfo": accepted}
        return {
            "BootNotification": {"status": "Accepted", "currentTime": _NOW, "interval": 86_400},
            "Heartbeat": {"currentTime": _NOW},
            "Authorize": info,
            "StartTransaction": {"transactionId": next(numbers), **info},
            "DataTransfer": {"status": "UnknownVendorId"},
            "SignCertificate": accepted,
        }.get(action, {})

    return answer


def remote_start(version: Version) -> tuple[str, dict[str, Any]]:
    """Return a call that starts a transaction at EVSE 1."""
    if version is V16:
        return "RemoteStartTransaction", {"connectorId": 1, "idTag": CARD}
    return "RequestStartTransaction", {
        "evseId": 1,
        "remoteStartId": 1,
        "idToken": {"idToken": CARD, "type": "Central"},
    }


def remote_stop(version: Version, transaction: Any) -> tuple[str, dict[str, Any]]:
    """Return a call that stops a transaction."""
    name = "RemoteStopTransaction" if version is V16 else "RequestStopTransaction"
    return name, {"transactionId": transaction}


def limit(
    version: Version, limit_a: float, transaction: Any, purpose: str = "TxProfile"
) -> tuple[str, dict[str, Any]]:
    """Return a call that limits EVSE 1 to `limit_a` A per phase."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    profile = {"stackLevel": 1, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative"}
    if transaction is not None:
        profile["transactionId"] = transaction
    if version is V16:
        return "SetChargingProfile", {
            "connectorId": 1,
            "csChargingProfiles": {"chargingProfileId": 1, **profile, "chargingSchedule": schedule},
        }
    return "SetChargingProfile", {
        "evseId": 1,
        "chargingProfile": {"id": 1, **profile, "chargingSchedule": [{"id": 1, **schedule}]},
    }


def values(said: list[dict[str, Any]], measurand: str) -> list[float]:
    """Return what was measured, in the order of the messages: MeterValues of 1.6, TransactionEvents of 2.0.1."""
    return [
        float(sampled["value"])
        for payload in said
        for value in payload.get("meterValue", [])
        for sampled in value["sampledValue"]
        if sampled.get("measurand", "Energy.Active.Import.Register") == measurand
    ]


DATE = "2026-01-01T06:00:00Z"
PLACE = "ftp://127.0.0.1/none"
TOUR_16: list[tuple[str, dict[str, Any]]] = [
    ("GetConfiguration", {}),
    ("GetConfiguration", {"key": ["HeartbeatInterval", "NoSuchKey"]}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "80000"}),
    ("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
    ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
    ("CertificateSigned", {"certificateChain": "-----BEGIN CERTIFICATE-----none"}),
    ("GetLocalListVersion", {}),
    (
        "SendLocalList",
        {
            "listVersion": 1,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "LOCAL-1", "idTagInfo": {"status": "Accepted"}}],
        },
    ),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "nobody", "messageId": "m", "data": "d"}),
    ("ReserveNow", {"connectorId": 1, "expiryDate": DATE, "idTag": "LOCAL-1", "reservationId": 7}),
    ("CancelReservation", {"reservationId": 7}),
    ("CancelReservation", {"reservationId": 8}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("UnlockConnector", {"connectorId": 1}),
    limit(V16, LOW_A, None, "TxDefaultProfile"),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"}),
    ("ClearChargingProfile", {"id": 1}),
    ("GetDiagnostics", {"location": PLACE}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": PLACE}}),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "none"}),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    (
        "DeleteCertificate",
        {
            "certificateHashData": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "aa",
                "issuerKeyHash": "bb",
                "serialNumber": "cc",
            }
        },
    ),
    (
        "SignedUpdateFirmware",
        {
            "requestId": 2,
            "firmware": {
                "location": PLACE,
                "retrieveDateTime": DATE,
                "signingCertificate": "none",
                "signature": "none",
            },
        },
    ),
    ("UpdateFirmware", {"location": PLACE, "retrieveDate": "2026-01-01T00:00:00Z"}),
    ("Reset", {"type": "Soft"}),
]
"""Every call of a central system of 1.6 and its security extension, but for transactions; Reset is the last."""

_VARIABLE = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "HeartbeatInterval"},
}
_HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "cc"}
TOUR_201: list[tuple[str, dict[str, Any]]] = [
    ("GetVariables", {"getVariableData": [_VARIABLE]}),
    ("SetVariables", {"setVariableData": [{**_VARIABLE, "attributeValue": "80000"}]}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    ("GetReport", {"requestId": 2, "componentVariable": [{"component": {"name": "TxCtrlr"}}]}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1}}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}),
    ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
    ("CertificateSigned", {"certificateChain": "none", "certificateType": "ChargingStationCertificate"}),
    ("GetLocalListVersion", {}),
    (
        "SendLocalList",
        {
            "versionNumber": 1,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idToken": {"idToken": "LOCAL-1", "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}
            ],
        },
    ),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "nobody", "messageId": "m", "data": {"any": 1}}),
    (
        "ReserveNow",
        {"id": 7, "expiryDateTime": DATE, "idToken": {"idToken": "LOCAL-1", "type": "Central"}, "evseId": 1},
    ),
    ("CancelReservation", {"reservationId": 7}),
    ("ChangeAvailability", {"evse": {"id": 1}, "operationalStatus": "Inoperative"}),
    ("ChangeAvailability", {"evse": {"id": 1}, "operationalStatus": "Operative"}),
    ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    limit(V201, LOW_A, None, "TxDefaultProfile"),
    ("GetChargingProfiles", {"requestId": 3, "chargingProfile": {"chargingProfileId": [1]}}),
    ("GetCompositeSchedule", {"evseId": 1, "duration": 600, "chargingRateUnit": "A"}),
    ("ClearChargingProfile", {"chargingProfileId": 1}),
    ("GetTransactionStatus", {}),
    ("SetMonitoringBase", {"monitoringBase": "All"}),
    ("SetMonitoringLevel", {"severity": 8}),
    (
        "SetVariableMonitoring",
        {"setMonitoringData": [{**_VARIABLE, "value": 1, "type": "Delta", "severity": 5}]},
    ),
    ("GetMonitoringReport", {"requestId": 4}),
    ("ClearVariableMonitoring", {"id": [1, 99]}),
    (
        "SetDisplayMessage",
        {"message": {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "hello"}}},
    ),
    ("GetDisplayMessages", {"requestId": 5}),
    ("ClearDisplayMessage", {"id": 1}),
    ("CostUpdated", {"totalCost": 1.25, "transactionId": "none"}),
    (
        "CustomerInformation",
        {
            "requestId": 6,
            "report": True,
            "clear": False,
            "idToken": {"idToken": "LOCAL-1", "type": "Central"},
        },
    ),
    ("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": PLACE}}),
    ("InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "none"}),
    ("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]}),
    ("DeleteCertificate", {"certificateHashData": _HASH}),
    (
        "SetNetworkProfile",
        {
            "configurationSlot": 1,
            "connectionData": {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": "ws://127.0.0.1:1",
                "messageTimeout": 30,
                "securityProfile": 1,
                "ocppInterface": "Wired0",
            },
        },
    ),
    (
        "PublishFirmware",
        {"location": PLACE, "checksum": "0" * 32, "requestId": 8},
    ),
    ("UnpublishFirmware", {"checksum": "0" * 32}),
    (
        "UpdateFirmware",
        {"requestId": 9, "firmware": {"location": PLACE, "retrieveDateTime": "2026-01-01T00:00:00Z"}},
    ),
    ("Reset", {"type": "Immediate"}),
]
"""The same of 2.0.1."""
TOURS = {V16: TOUR_16, V201: TOUR_201}

TOLD: dict[Version, list[tuple[str, dict[str, Any]]]] = {
    V16: [
        ("Heartbeat", {}),
        ("DataTransfer", {"vendorId": "nobody"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("SignedFirmwareStatusNotification", {"status": "Idle"}),
        ("LogStatusNotification", {"status": "Idle"}),
        ("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": DATE}),
        ("SignCertificate", {"csr": "none"}),
    ],
    V201: [
        ("Heartbeat", {}),
        ("DataTransfer", {"vendorId": "nobody"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("PublishFirmwareStatusNotification", {"status": "Idle"}),
        ("LogStatusNotification", {"status": "Idle"}),
        ("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": DATE}),
        ("SignCertificate", {"csr": "none"}),
        ("Get15118EVCertificate", {"iso15118SchemaVersion": "2", "action": "Install", "exiRequest": "none"}),
        (
            "GetCertificateStatus",
            {"ocspRequestData": {**_HASH, "responderURL": "http://127.0.0.1:1"}},
        ),
        ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}}),
        ("ClearedChargingLimit", {"chargingLimitSource": "EMS"}),
        (
            "NotifyEVChargingNeeds",
            {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_three_phase"}},
        ),
        (
            "NotifyEVChargingSchedule",
            {
                "timeBase": DATE,
                "evseId": 1,
                "chargingSchedule": {
                    "id": 1,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
                },
            },
        ),
        (
            "NotifyEvent",
            {
                "generatedAt": DATE,
                "seqNo": 0,
                "eventData": [
                    {
                        "eventId": 1,
                        "timestamp": DATE,
                        "trigger": "Alerting",
                        "actualValue": "1",
                        "eventNotificationType": "CustomMonitor",
                        **_VARIABLE,
                    }
                ],
            },
        ),
        ("NotifyMonitoringReport", {"requestId": 99, "seqNo": 0, "generatedAt": DATE}),
        ("NotifyDisplayMessages", {"requestId": 99}),
        (
            "ReportChargingProfiles",
            {
                "requestId": 99,
                "chargingLimitSource": "CSO",
                "evseId": 1,
                "chargingProfile": [limit(V201, LOW_A, None, "TxDefaultProfile")[1]["chargingProfile"]],
            },
        ),
        ("ReservationStatusUpdate", {"reservationId": 99, "reservationUpdateStatus": "Expired"}),
        (
            "MeterValues",
            {"evseId": 1, "meterValue": [{"timestamp": DATE, "sampledValue": [{"value": 1.0}]}]},
        ),
    ],
}
"""What else a station may say: (action, payload)."""
