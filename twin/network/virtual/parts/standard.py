"""The variables that every station must have beside those that its core obeys, and those that parts share.

Names, types and mutability: OCPP 1.6 chapter 9, 1.6 security extension, OCPP 2.0.1 part 2 appendices 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

from twin.network.virtual.catalogue import MEASURANDS
from twin.network.virtual.parts.base import Host
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.variables import Access, Kind, Variable

MAX_KEYS = 50
"""GetConfigurationMaxKeys, and items per GetVariables, SetVariables and GetReport."""
_FEATURES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
)
MODES = "ChargingOnly,CentralSetpoint,ExternalLimits,Idle"
"""Operation modes of 2.1 that EVSEs without discharge can follow."""
TRANSFERS = ("HTTP", "HTTPS", "FTP", "FTPS")


@cache
def fact(component: str, variable: str, text: str, *, kind: Kind = Kind.TEXT, key: str = "", instance: str = "",
         evse: int = 0, connector: int = 0, unit: str = "", high: float = math.inf, monitored: bool = False,
         constant: bool = True) -> Variable:  # fmt: skip
    """Return a variable that can only be read; `high` is its maxLimit. A thousand stations share one."""
    return Variable(
        component=component, variable=variable, default=text, kind=kind, key=key, instance=instance, evse=evse,
        connector=connector, unit=unit, high=high, access=Access.READ, persistent=False, constant=constant,
        monitored=monitored,
    )  # fmt: skip


def number(component: str, variable: str, value: float, **more: object) -> Variable:
    """Return an integer that can only be read."""
    return fact(component, variable, str(value), kind=Kind.INTEGER, **more)


def yes(
    component: str, variable: str = "Available", *, key: str = "", evse: int = 0, connector: int = 0
) -> Variable:
    """Return a flag that is true and can only be read."""
    return fact(component, variable, "true", kind=Kind.FLAG, key=key, evse=evse, connector=connector)


CACHE = Variable(
    component="AuthCacheCtrlr",
    variable="Enabled",
    key="AuthorizationCacheEnabled",
    kind=Kind.FLAG,
    default="true",
)
CACHE_LIFETIME = Variable(
    component="AuthCacheCtrlr", variable="LifeTime", kind=Kind.INTEGER, default="0", unit="s", low=0
)
"""0: entries do not expire by themselves."""
LIST = Variable(
    component="LocalAuthListCtrlr",
    variable="Enabled",
    key="LocalAuthListEnabled",
    kind=Kind.FLAG,
    default="true",
)
LIST_LENGTH = number("LocalAuthListCtrlr", "Entries", 0, high=10_000, constant=False)
LIST_MOST = number("LocalAuthListCtrlr", "MaxLength", 10_000, key="LocalAuthListMaxLength")
LIST_PER_MESSAGE = number("LocalAuthListCtrlr", "ItemsPerMessage", 500, key="SendLocalListMaxLength")
RESERVATIONS = Variable(component="ReservationCtrlr", variable="Enabled", kind=Kind.FLAG, default="true")
RESERVE_ZERO = yes("ReservationCtrlr", "NonEvseSpecific", key="ReserveConnectorZeroSupported")
PASSWORD = Variable(
    component="SecurityCtrlr",
    variable="BasicAuthPassword",
    key="AuthorizationKey",
    access=Access.WRITE,
    high=40,
)
SECURITY_PROFILE = Variable(
    component="SecurityCtrlr", variable="SecurityProfile", key="SecurityProfile", kind=Kind.INTEGER, default="0",
    low=0, high=3,
)  # fmt: skip
ORGANISATION = Variable(
    component="SecurityCtrlr", variable="OrganizationName", key="CpoName", default="Twin", high=64
)
SIGNING_WAIT = Variable(
    component="SecurityCtrlr",
    variable="CertSigningWaitMinimum",
    kind=Kind.INTEGER,
    default="30",
    unit="s",
    low=0,
)
SIGNING_REPEATS = Variable(
    component="SecurityCtrlr", variable="CertSigningRepeatTimes", kind=Kind.INTEGER, default="3", low=0
)
SIGN = Variable(
    component="SampledDataCtrlr", variable="SignReadings", key="SampledDataSignReadings", kind=Kind.FLAG,
    default="false",
)  # fmt: skip
PUBLIC_KEY = Variable(
    component="OCPPCommCtrlr", variable="PublicKeyWithSignedMeterValue",
    key="PublicKeyWithSignedMeterValue", kind=Kind.OPTION, default="EveryMeterValue",
    values=("Never", "OncePerTransaction", "EveryMeterValue"),
)  # fmt: skip
MONITORING = Variable(component="MonitoringCtrlr", variable="Enabled", kind=Kind.FLAG, default="true")
QUEUED_SEVERITY = Variable(
    component="MonitoringCtrlr",
    variable="OfflineQueuingSeverity",
    kind=Kind.INTEGER,
    default="0",
    low=0,
    high=9,
)
ACTIVE_BASE = fact("MonitoringCtrlr", "ActiveMonitoringBase", "All", constant=False)
ACTIVE_LEVEL = number("MonitoringCtrlr", "ActiveMonitoringLevel", 9, constant=False)
FALLBACK_TARIFF = Variable(
    component="TariffCostCtrlr", variable="TariffFallbackMessage", default="", high=255
)
FALLBACK_COST = Variable(
    component="TariffCostCtrlr", variable="TotalCostFallbackMessage", default="", high=255
)
CURRENCY = fact("TariffCostCtrlr", "Currency", "EUR")
FIRST_SLOT = "1"
"""Configuration slot of the connection that a station was set up with."""
PRIORITY = Variable(
    component="OCPPCommCtrlr", variable="NetworkConfigurationPriority", kind=Kind.SEQUENCE, default=FIRST_SLOT,
    values=("1", "2", "3"), reboot=True,
)  # fmt: skip
ACTIVE_SLOT = Variable(
    component="OCPPCommCtrlr",
    variable="ActiveNetworkProfile",
    kind=Kind.INTEGER,
    access=Access.READ,
    default=FIRST_SLOT,
)
CONNECTION_ATTEMPTS = Variable(
    component="OCPPCommCtrlr",
    variable="NetworkProfileConnectionAttempts",
    kind=Kind.INTEGER,
    default="3",
    low=1,
)
DISPLAYED = number("DisplayMessageCtrlr", "DisplayMessages", 0, high=50, constant=False)

_SHARED = (
    CACHE, CACHE_LIFETIME, LIST, LIST_LENGTH, LIST_MOST, LIST_PER_MESSAGE, RESERVATIONS, RESERVE_ZERO, PASSWORD,
    SECURITY_PROFILE, ORGANISATION, SIGNING_WAIT, SIGNING_REPEATS, SIGN, PUBLIC_KEY, MONITORING, QUEUED_SEVERITY,
    ACTIVE_BASE, ACTIVE_LEVEL, FALLBACK_TARIFF, FALLBACK_COST, DISPLAYED, CURRENCY, PRIORITY, ACTIVE_SLOT,
    CONNECTION_ATTEMPTS,
)  # fmt: skip


def define(host: Host) -> None:
    """Make the variables known to a station: shared ones, facts about it, its EVSEs and their connectors."""
    for variable in (*_SHARED, *_facts(host.settings), *_limits(), *_places(host.settings)):
        if not host.variables.known(variable):
            host.variables.define(variable, host.settings.first_value(variable))


def _facts(settings: StationSettings) -> Iterator[Variable]:
    for component in (
        "AlignedDataCtrlr", "SampledDataCtrlr", "AuthCacheCtrlr", "LocalAuthListCtrlr", "ReservationCtrlr",
        "SmartChargingCtrlr", "MonitoringCtrlr", "DisplayMessageCtrlr", "TariffCostCtrlr",
    ):  # fmt: skip
        yield yes(component)
    for component in ("AlignedDataCtrlr", "SampledDataCtrlr", "SmartChargingCtrlr", "DisplayMessageCtrlr"):
        yield yes(component, "Enabled")
    yield fact("DisplayMessageCtrlr", "SupportedFormats", "ASCII,UTF8,URI", kind=Kind.MEMBERS)
    yield fact(
        "DisplayMessageCtrlr", "SupportedPriorities", "AlwaysFront,InFront,NormalCycle", kind=Kind.MEMBERS
    )
    yield yes("TariffCostCtrlr", "Enabled")
    yield fact(
        "SmartChargingCtrlr",
        "SupportedAdditionalPurposes",
        "PriorityCharging,LocalGeneration",
        kind=Kind.MEMBERS,
    )
    yield yes("SmartChargingCtrlr", "SupportsDynamicProfiles")
    yield fact("SecurityCtrlr", "Identity", settings.identity)
    yield fact("ClockCtrlr", "TimeSource", "Heartbeat", kind=Kind.SEQUENCE)
    yield fact("OCPPCommCtrlr", "FileTransferProtocols", ",".join(TRANSFERS), kind=Kind.MEMBERS,
               key="SupportedFileTransferProtocols")  # fmt: skip
    yield number("OCPPCommCtrlr", "WebSocketPingInterval", 0, key="WebSocketPingInterval", unit="s")
    yield fact("OCPPCommCtrlr", "QueueAllMessages", "false", kind=Kind.FLAG)
    yield fact("ChargingStation", "Model", settings.model)
    yield fact("ChargingStation", "VendorName", settings.vendor)
    yield fact("ChargingStation", "SerialNumber", settings.serial_number)
    yield number("ChargingStation", "SupplyPhases", 3)
    yield yes("ChargingStation")
    yield fact("Connector", "PhaseRotation", ",".join(f"{e.number}.RST" for e in settings.evses),
               key="ConnectorPhaseRotation")  # fmt: skip
    yield number(
        "Connector", "PhaseRotationMaxLength", len(settings.evses), key="ConnectorPhaseRotationMaxLength"
    )
    yield number("ChargePoint", "NumberOfConnectors", len(settings.evses), key="NumberOfConnectors")
    yield fact("ChargePoint", "SupportedFeatureProfiles", ",".join(_FEATURES), kind=Kind.MEMBERS,
               key="SupportedFeatureProfiles")  # fmt: skip
    yield number(
        "ChargePoint", "FeatureProfilesMaxLength", len(_FEATURES), key="SupportedFeatureProfilesMaxLength"
    )


def _limits() -> Iterator[Variable]:
    for message in ("GetVariables", "SetVariables", "GetReport"):
        yield number("DeviceDataCtrlr", "ItemsPerMessage", MAX_KEYS, instance=message)
        yield number("DeviceDataCtrlr", "BytesPerMessage", 65_536, instance=message)
    for message in ("SetVariableMonitoring", "ClearVariableMonitoring"):
        yield number("MonitoringCtrlr", "ItemsPerMessage", MAX_KEYS, instance=message)
        yield number("MonitoringCtrlr", "BytesPerMessage", 65_536, instance=message)
    yield number("LocalAuthListCtrlr", "BytesPerMessage", 262_144)
    yield number("ChargePoint", "GetConfigurationMaxKeys", MAX_KEYS, key="GetConfigurationMaxKeys")
    for key in (
        "MeterValuesAlignedData",
        "MeterValuesSampledData",
        "StopTxnAlignedData",
        "StopTxnSampledData",
    ):
        yield number("ChargePoint", f"{key}MaxLength", len(MEASURANDS), key=f"{key}MaxLength")
    yield number("SecurityCtrlr", "CertificateEntries", 0, high=30)
    yield number("SecurityCtrlr", "MaxCertificateChainSize", 10_000, key="CertificateSignedMaxChainSize")
    yield number("ChargePoint", "CertificateStoreMaxLength", 30, key="CertificateStoreMaxLength")
    yield fact("ChargePoint", "AdditionalRootCertificateCheck", "false", kind=Kind.FLAG,
               key="AdditionalRootCertificateCheck")  # fmt: skip


def _places(settings: StationSettings) -> Iterator[Variable]:
    yield fact("ChargingStation", "AvailabilityState", "Available", constant=False, monitored=True)
    for evse in settings.evses:
        yield yes("EVSE", evse=evse.number)
        yield fact("EVSE", "AvailabilityState", "Available", evse=evse.number, constant=False, monitored=True)
        yield number("EVSE", "SupplyPhases", 3, evse=evse.number)
        yield fact("EVSE", "Power", "0", kind=Kind.NUMBER, evse=evse.number, unit="W", high=22_080.0,
                   constant=False, monitored=True)  # fmt: skip
        yield fact("V2XChargingCtrlr", "SupportedOperationModes", MODES, kind=Kind.MEMBERS, evse=evse.number)
        for connector, kind in enumerate(evse.connectors, 1):
            place = {"evse": evse.number, "connector": connector}
            yield yes("Connector", evse=evse.number, connector=connector)
            yield fact("Connector", "AvailabilityState", "Available", constant=False, monitored=True, **place)
            yield fact("Connector", "ConnectorType", kind, **place)
            yield number("Connector", "SupplyPhases", 3, **place)
