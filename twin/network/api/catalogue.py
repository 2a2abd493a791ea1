"""Which messages a central system may send, by version; which are batched, which bring reports, which only stop."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas

FROM_STATIONS = frozenset({
    "Authorize", "BatterySwap", "BootNotification", "ClearedChargingLimit", "ClosePeriodicEventStream",
    "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Get15118EVCertificate",
    "GetCertificateChainStatus", "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues",
    "NotifyChargingLimit", "NotifyCustomerInformation", "NotifyDERAlarm", "NotifyDERStartStop",
    "NotifyDisplayMessages", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule", "NotifyEvent",
    "NotifyMonitoringReport", "NotifyPeriodicEventStream", "NotifyPriorityCharging", "NotifyReport",
    "NotifySettlement", "OpenPeriodicEventStream", "PublishFirmwareStatusNotification",
    "PullDynamicScheduleUpdate", "ReportChargingProfiles", "ReportDERControl", "ReservationStatusUpdate",
    "SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification", "StartTransaction",
    "StatusNotification", "StopTransaction", "TransactionEvent", "VatNumberValidation",
})  # fmt: skip
"""Messages that only stations send. DataTransfer goes both ways."""
STOPPING = frozenset({"RemoteStopTransaction", "RequestStopTransaction"})
"""What the role `stop` may send."""


class Batch(NamedTuple):
    """How a message is cut where a station takes fewer items at once."""

    items: str
    results: tuple[str, ...]
    """Keys of the answer whose lists are joined."""


BATCHED = {
    "GetConfiguration": Batch("key", ("configurationKey", "unknownKey")),
    "GetVariables": Batch("getVariableData", ("getVariableResult",)),
    "SetVariables": Batch("setVariableData", ("setVariableResult",)),
    "SetVariableMonitoring": Batch("setMonitoringData", ("setMonitoringResult",)),
    "ClearVariableMonitoring": Batch("id", ("clearMonitoringResult",)),
}
"""By action; the limit is `items_per_message` of the station's policy."""


@cache
def actions(version: Version) -> frozenset[str]:
    """Return what may be sent to a station of this version."""
    return schemas.actions(version) - FROM_STATIONS
