"""The variables that the core of a virtual station obeys, each with its name in both dialects.

Parts define their own beside their code; what stands here is read by `station`, `sampling`, `queue`, `authorise`
and `profiles`. Each is obeyed from the moment it is written, unless it says `reboot`.
"""

from __future__ import annotations

from twin.network.virtual.variables import Access, Kind, Variable

POINTS = (
    "ParkingBayOccupancy",
    "EVConnected",
    "Authorized",
    "DataSigned",
    "PowerPathClosed",
    "EnergyTransfer",
)
"""Values of TxStartPoint and TxStopPoint (OCPP 2.0.1 part 2, 2.6.6)."""
MEASURANDS = (
    "Current.Import", "Current.Offered", "Energy.Active.Import.Register",
    "Frequency", "Power.Active.Import", "Power.Factor", "Power.Offered", "SoC", "Voltage",
)  # fmt: skip
"""What the simulated physics can measure; 1.6 may also ask for one phase, as `Current.Import.L1`."""
_PHASED = tuple(
    f"{m}.{p}"
    for m in ("Current.Import", "Power.Active.Import", "Voltage")
    for p in ("L1", "L2", "L3", "L1-N", "L2-N", "L3-N")
)
_ASKABLE = MEASURANDS + _PHASED
_DAY_S = 86_400

HEARTBEAT = Variable(
    component="OCPPCommCtrlr", variable="HeartbeatInterval", key="HeartbeatInterval", kind=Kind.INTEGER,
    default="300", unit="s", low=1,
)  # fmt: skip
OFFLINE_THRESHOLD = Variable(
    component="OCPPCommCtrlr", variable="OfflineThreshold", kind=Kind.INTEGER, default="60", unit="s", low=0
)
MESSAGE_TIMEOUT = Variable(
    component="OCPPCommCtrlr", variable="MessageTimeout", instance="Default", kind=Kind.INTEGER, default="30",
    unit="s", low=1,
)  # fmt: skip
ATTEMPTS = Variable(
    component="OCPPCommCtrlr", variable="MessageAttempts", instance="TransactionEvent",
    key="TransactionMessageAttempts", kind=Kind.INTEGER, default="3", low=1,
)  # fmt: skip
RETRY_INTERVAL = Variable(
    component="OCPPCommCtrlr", variable="MessageAttemptInterval", instance="TransactionEvent",
    key="TransactionMessageRetryInterval", kind=Kind.INTEGER, default="60", unit="s", low=0,
)  # fmt: skip
BACK_OFF_MINIMUM = Variable(
    component="OCPPCommCtrlr", variable="RetryBackOffWaitMinimum", kind=Kind.INTEGER, default="10", unit="s",
    low=0,
)  # fmt: skip
BACK_OFF_RANGE = Variable(
    component="OCPPCommCtrlr", variable="RetryBackOffRandomRange", kind=Kind.INTEGER, default="10", unit="s",
    low=0,
)  # fmt: skip
BACK_OFF_REPEATS = Variable(
    component="OCPPCommCtrlr", variable="RetryBackOffRepeatTimes", kind=Kind.INTEGER, default="5", low=0
)
RESET_RETRIES = Variable(
    component="OCPPCommCtrlr",
    variable="ResetRetries",
    key="ResetRetries",
    kind=Kind.INTEGER,
    default="1",
    low=0,
)
"""How often a reset is tried again; here none fails."""
UNLOCK_ON_UNPLUG = Variable(
    component="OCPPCommCtrlr", variable="UnlockOnEVSideDisconnect", key="UnlockConnectorOnEVSideDisconnect",
    kind=Kind.FLAG, access=Access.READ, default="true",
)  # fmt: skip
"""Always: who pulls a simulated cable has it out at both ends."""
STATUS_DURATION = Variable(
    component="OCPPCommCtrlr", variable="MinimumStatusDuration", key="MinimumStatusDuration", kind=Kind.INTEGER,
    default="0", unit="s", low=0,
)  # fmt: skip
BOOT_ON_CONNECT = Variable(
    component="OCPPCommCtrlr",
    variable="BootOnReconnect",
    key="BootOnReconnect",
    kind=Kind.FLAG,
    default="false",
)
"""Whether every connection begins with BootNotification, not only the first after a boot."""

TX_START = Variable(
    component="TxCtrlr", variable="TxStartPoint", kind=Kind.MEMBERS, default="PowerPathClosed", values=POINTS
)
TX_STOP = Variable(
    component="TxCtrlr",
    variable="TxStopPoint",
    kind=Kind.MEMBERS,
    default="EVConnected,Authorized",
    values=POINTS,
)
CONNECTION_TIMEOUT = Variable(
    component="TxCtrlr", variable="EVConnectionTimeOut", key="ConnectionTimeOut", kind=Kind.INTEGER, default="60",
    unit="s", low=0,
)  # fmt: skip
STOP_ON_UNPLUG = Variable(
    component="TxCtrlr", variable="StopTxOnEVSideDisconnect", key="StopTransactionOnEVSideDisconnect",
    kind=Kind.FLAG, default="true",
)  # fmt: skip
STOP_ON_INVALID = Variable(
    component="TxCtrlr", variable="StopTxOnInvalidId", key="StopTransactionOnInvalidId", kind=Kind.FLAG,
    default="true",
)  # fmt: skip
INVALID_ENERGY = Variable(
    component="TxCtrlr", variable="MaxEnergyOnInvalidId", key="MaxEnergyOnInvalidId", kind=Kind.INTEGER,
    default="0", unit="Wh", low=0,
)  # fmt: skip
"""What may still be taken on a token that was refused, where that does not stop the transaction."""
BEFORE_ACCEPTED = Variable(
    component="TxCtrlr", variable="TxBeforeAcceptedEnabled", kind=Kind.FLAG, default="false"
)
RESUME = Variable(component="TxCtrlr", variable="ResumeAfterPowerLoss", kind=Kind.FLAG, default="false")
"""Whether a transaction goes on after a power cut; False ends it with PowerLoss at the boot."""

AUTH = Variable(component="AuthCtrlr", variable="Enabled", kind=Kind.FLAG, default="true")
AUTHORIZE_REMOTE = Variable(
    component="AuthCtrlr", variable="AuthorizeRemoteStart", key="AuthorizeRemoteTxRequests", kind=Kind.FLAG,
    default="false",
)  # fmt: skip
LOCAL_OFFLINE = Variable(
    component="AuthCtrlr", variable="LocalAuthorizeOffline", key="LocalAuthorizeOffline", kind=Kind.FLAG,
    default="true",
)  # fmt: skip
LOCAL_PRE = Variable(
    component="AuthCtrlr",
    variable="LocalPreAuthorize",
    key="LocalPreAuthorize",
    kind=Kind.FLAG,
    default="false",
)
OFFLINE_UNKNOWN = Variable(
    component="AuthCtrlr", variable="OfflineTxForUnknownIdEnabled", key="AllowOfflineTxForUnknownId",
    kind=Kind.FLAG, default="false",
)  # fmt: skip
MASTER_PASS = Variable(component="AuthCtrlr", variable="MasterPassGroupId", default="", high=36)

SAMPLED = Variable(
    component="SampledDataCtrlr", variable="TxUpdatedMeasurands", key="MeterValuesSampledData",
    kind=Kind.MEMBERS, default="Energy.Active.Import.Register,Power.Active.Import", values=_ASKABLE,
)  # fmt: skip
SAMPLE_INTERVAL = Variable(
    component="SampledDataCtrlr", variable="TxUpdatedInterval", key="MeterValueSampleInterval",
    kind=Kind.INTEGER, default="60", unit="s", low=0,
)  # fmt: skip
SAMPLED_START = Variable(
    component="SampledDataCtrlr", variable="TxStartedMeasurands", kind=Kind.MEMBERS,
    default="Energy.Active.Import.Register", values=_ASKABLE,
)  # fmt: skip
SAMPLED_END = Variable(
    component="SampledDataCtrlr", variable="TxEndedMeasurands", key="StopTxnSampledData", kind=Kind.MEMBERS,
    default="Energy.Active.Import.Register", values=_ASKABLE,
)  # fmt: skip
SAMPLED_END_INTERVAL = Variable(
    component="SampledDataCtrlr", variable="TxEndedInterval", kind=Kind.INTEGER, default="0", unit="s", low=0
)
ALIGNED = Variable(
    component="AlignedDataCtrlr", variable="Measurands", key="MeterValuesAlignedData", kind=Kind.MEMBERS,
    default="Energy.Active.Import.Register", values=_ASKABLE,
)  # fmt: skip
ALIGNED_INTERVAL = Variable(
    component="AlignedDataCtrlr", variable="Interval", key="ClockAlignedDataInterval", kind=Kind.INTEGER,
    default="0", unit="s", low=0, high=_DAY_S,
)  # fmt: skip
ALIGNED_IDLE_ONLY = Variable(
    component="AlignedDataCtrlr", variable="SendDuringIdle", kind=Kind.FLAG, default="false"
)
"""True: clock-aligned values are sent only where no transaction runs."""
ALIGNED_END = Variable(
    component="AlignedDataCtrlr", variable="TxEndedMeasurands", key="StopTxnAlignedData", kind=Kind.MEMBERS,
    default="", values=_ASKABLE,
)  # fmt: skip
ALIGNED_END_INTERVAL = Variable(
    component="AlignedDataCtrlr", variable="TxEndedInterval", kind=Kind.INTEGER, default="0", unit="s", low=0,
    high=_DAY_S,
)  # fmt: skip

SIGNED_IN = Variable(
    component="SampledDataCtrlr", variable="SignedReadingsIn", key="TwinSignedReadingsIn", kind=Kind.OPTION,
    default="Both", values=("Both", "MeterValues", "StopTransaction"),
)  # fmt: skip
"""1.6: MeterValues carries both readings, StopTransaction does, or each the one that it follows or precedes."""

RATE_UNIT = Variable(
    component="SmartChargingCtrlr", variable="RateUnit", key="ChargingScheduleAllowedChargingRateUnit",
    kind=Kind.MEMBERS, access=Access.READ, default="A,W", values=("A", "W"),
    words16={"A": "Current", "W": "Power"},
)  # fmt: skip
STACK_LEVEL = Variable(
    component="SmartChargingCtrlr", variable="ProfileStackLevel", key="ChargeProfileMaxStackLevel",
    kind=Kind.INTEGER, access=Access.READ, default="9", low=0,
)  # fmt: skip
PERIODS = Variable(
    component="SmartChargingCtrlr", variable="PeriodsPerSchedule", key="ChargingScheduleMaxPeriods",
    kind=Kind.INTEGER, access=Access.READ, default="100", low=1,
)  # fmt: skip
PROFILES = Variable(
    component="SmartChargingCtrlr", variable="Entries", instance="ChargingProfiles",
    key="MaxChargingProfilesInstalled", kind=Kind.INTEGER, access=Access.READ, default="50", low=1,
)  # fmt: skip
PHASE_SWITCH = Variable(
    component="SmartChargingCtrlr", variable="Phases3to1", key="ConnectorSwitch3to1PhaseSupported",
    kind=Kind.FLAG, access=Access.READ, default="false",
)  # fmt: skip

CORE: tuple[Variable, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Variable))
"""All of the above, in order."""
