"""How stations by others answer our central system: everything is accepted, a limit is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import words

KEYS_16 = {
    "NumberOfConnectors": "1",
    "ChargeProfileMaxStackLevel": "9",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "20",
    "MaxChargingProfilesInstalled": "20",
    "MeterValueSampleInterval": "60",
    "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger,Reservation,LocalAuthListManagement",
}
VARIABLES_201 = {
    ("SmartChargingCtrlr", "RateUnit"): "A,W",
    ("SmartChargingCtrlr", "ProfileStackLevel"): "9",
    ("SmartChargingCtrlr", "PeriodsPerSchedule"): "20",
    ("OCPPCommCtrlr", "HeartbeatInterval"): "300",
}
PLAIN: dict[str, dict[str, Any]] = {
    "GetDiagnostics": {"fileName": "log.txt"},
    "UnlockConnector": {"status": "Unlocked"},
    "UpdateFirmware": {},
    "GetCompositeSchedule": {"status": "Rejected"},
    "GetInstalledCertificateIds": {"status": "NotFound"},
    "GetTransactionStatus": {"messagesInQueue": False},
    "CostUpdated": {},
    "GetChargingProfiles": {"status": "NoProfiles"},
    "GetReport": {"status": "EmptyResultSet"},
    "GetMonitoringReport": {"status": "EmptyResultSet"},
    "GetDisplayMessages": {"status": "Unknown"},
    "UnpublishFirmware": {"status": "NoFirmware"},
}
OWN = {"2.0.1": {"UpdateFirmware": {"status": "Accepted"}}, "1.6": {}}


class Replies:
    """The answers of one station by others, and what it was asked.

    Args:
        later: Told (action, payload) of calls that it must make after an answer.
    """

    def __init__(self, later: Callable[[str, dict[str, Any]], None]) -> None:
        self._later = later
        self.limit_a = words.HIGH_A
        self.asked: list[str] = []

    def __call__(self, version: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer a call."""
        self.asked.append(action)
        special = getattr(self, f"_{action}", None)
        if special is not None:
            return dict(special(version, payload))
        return dict(OWN[version].get(action, PLAIN.get(action, {"status": "Accepted"})))

    def _SetChargingProfile(self, version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        profile = payload["csChargingProfiles" if version == "1.6" else "chargingProfile"]
        schedule = profile["chargingSchedule"]
        schedule = schedule if version == "1.6" else schedule[0]
        limit = schedule["chargingSchedulePeriod"][0]["limit"]
        self.limit_a = limit if schedule["chargingRateUnit"] == "A" else limit / (3 * 230.0)
        return {"status": "Accepted"}

    def _GetConfiguration(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = payload.get("key") or list(KEYS_16)
        found = [{"key": k, "readonly": True, "value": KEYS_16[k]} for k in wanted if k in KEYS_16]
        return {"configurationKey": found, "unknownKey": [k for k in wanted if k not in KEYS_16]}

    def _GetLocalListVersion(self, version: str, _payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"listVersion" if version == "1.6" else "versionNumber": 1}

    def _GetVariables(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        results = []
        for item in payload["getVariableData"]:
            value = VARIABLES_201.get((item["component"]["name"], item["variable"]["name"]))
            one = {**item, "attributeStatus": "UnknownVariable" if value is None else "Accepted"}
            results.append(one if value is None else {**one, "attributeValue": value})
        return {"getVariableResult": results}

    def _SetVariables(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        kept = ("component", "variable", "attributeType")
        return {
            "setVariableResult": [
                {"attributeStatus": "Accepted", **{k: item[k] for k in kept if k in item}}
                for item in payload["setVariableData"]
            ]
        }

    def _GetBaseReport(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        data = [
            {
                "component": {"name": component},
                "variable": {"name": variable},
                "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadOnly"}],
                "variableCharacteristics": {"dataType": "string", "supportsMonitoring": False},
            }
            for (component, variable), value in VARIABLES_201.items()
        ]
        report = {
            "requestId": payload["requestId"],
            "generatedAt": words.DATE,
            "seqNo": 0,
            "tbc": False,
            "reportData": data,
        }
        self._later("NotifyReport", report)
        return {"status": "Accepted"}

    def _CustomerInformation(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        told = {"data": "nothing", "seqNo": 0, "generatedAt": words.DATE, "requestId": payload["requestId"]}
        self._later("NotifyCustomerInformation", told)
        return {"status": "Accepted"}

    def _SetVariableMonitoring(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {
            "setMonitoringResult": [
                {"id": number, "status": "Accepted", **{k: v for k, v in item.items() if k != "value"}}
                for number, item in enumerate(payload["setMonitoringData"], 1)
            ]
        }

    def _ClearVariableMonitoring(self, _version: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"clearMonitoringResult": [{"id": number, "status": "Accepted"} for number in payload["id"]]}
