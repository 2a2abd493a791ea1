"""Why charging profiles are refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Reason(Enum):
    """Why a profile is refused. The value is what statusInfo.additionalInfo says."""

    UNKNOWN_EVSE = "UnknownEvse"
    EXTERNAL_CONSTRAINTS = "ExternalConstraintsFromCsms"
    PURPOSE_NOT_SUPPORTED = "PurposeNotSupported"
    START_NEEDS_TX = "RequestStartNeedsTxProfile"
    START_WITH_TRANSACTION = "RequestStartWithTransactionId"
    TX_ON_STATION = "TxProfileOnStation"
    MAX_ON_EVSE = "StationMaxOnEvse"
    TX_WITHOUT_ID = "TxProfileWithoutTransactionId"
    NO_TRANSACTION = "NoTransactionOnEvse"
    OTHER_TRANSACTION = "OtherTransactionOnEvse"
    EXTERNAL_ID = "IdOfExternalConstraints"
    ID_RESERVED = "IdReservedForExternalConstraints"
    LEVEL_ABOVE_MAX = "StackLevelAboveMax"
    TOO_MANY_PROFILES = "TooManyProfiles"
    DUPLICATE_LEVEL = "DuplicateStackLevel"
    DUPLICATE_TX_LEVEL = "DuplicateStackLevelOfTransaction"
    DUPLICATE_DEFAULT = "DuplicateTxDefaultProfile"
    UNIT_NOT_SUPPORTED = "UnitNotSupported"
    NO_PERIODS = "NoPeriods"
    TOO_MANY_PERIODS = "TooManyPeriods"
    FIRST_NOT_ZERO = "FirstPeriodNotAtZero"
    NOT_ASCENDING = "PeriodsNotAscending"
    TOO_MANY_SCHEDULES = "TooManySchedules"
    START_MISSING = "StartScheduleMissing"
    START_GIVEN = "StartScheduleWithRelative"
    RECURRENCY_MISSING = "RecurrencyMissing"
    MAX_RELATIVE = "StationMaxRelative"
    KIND_NOT_SUPPORTED = "DynamicNotSupported"
    NOT_DYNAMIC = "UpdateIntervalWithoutDynamic"
    DYNAMIC_PERIODS = "DynamicWithMorePeriods"
    PRIORITY_DURATION = "PriorityChargingWithDuration"
    FEATURE_NOT_SUPPORTED = "FieldNotSupported"
    NEGATIVE_LIMIT = "NegativeLimit"
    PHASES_OUT_OF_RANGE = "PhasesOutOfRange"
    PHASES_AT_DC = "PhasesAtDc"
    PHASE_WITHOUT_ONE = "PhaseToUseWithoutOnePhase"
    PHASE_NOT_SWITCHED = "PhaseSwitchingNotSupported"
    PHASES_NOT_ENSURED = "PhasesNotEnsured"
    PHASE_CONFLICT = "PhaseToUseConflict"
    MODE_OF_PURPOSE = "ModeNotAllowedForPurpose"
    MODE_NOT_SUPPORTED = "ModeNotSupported"
    FIELDS_OF_MODE = "FieldsOfMode"
    NO_DISCHARGE = "DischargingNotSupported"
    NO_CURVE = "FrequencyCurveMissing"
    FREQUENCY_NEEDS_W = "LocalFrequencyNeedsW"

    __hash__ = object.__hash__

    @property
    def code(self) -> str:
        """statusInfo.reasonCode (2.0.1 and 2.1 appendix 5)."""
        return _CODES.get(self, "InvalidProfile")


_CODES: Mapping[Reason, str] = {
    Reason.UNKNOWN_EVSE: "InvalidValue",
    Reason.TX_WITHOUT_ID: "MissingParam",
    Reason.PURPOSE_NOT_SUPPORTED: "UnsupportedPurpose",
    Reason.NO_TRANSACTION: "TxNotFound",
    Reason.OTHER_TRANSACTION: "TxNotFound",
    Reason.EXTERNAL_ID: "DuplicateProfile",
    Reason.ID_RESERVED: "InvalidProfileId",
    Reason.LEVEL_ABOVE_MAX: "InvalidStackLevel",
    Reason.DUPLICATE_LEVEL: "DuplicateProfile",
    Reason.DUPLICATE_TX_LEVEL: "DuplicateProfile",
    Reason.DUPLICATE_DEFAULT: "DuplicateProfile",
    Reason.UNIT_NOT_SUPPORTED: "UnsupportedRateUnit",
    Reason.FREQUENCY_NEEDS_W: "UnsupportedRateUnit",
    Reason.KIND_NOT_SUPPORTED: "UnsupportedKind",
    Reason.PHASES_AT_DC: "NoPhaseForDC",
    Reason.NO_CURVE: "NoFreqWattCurve",
    **dict.fromkeys(
        (
            Reason.NO_PERIODS, Reason.TOO_MANY_PERIODS, Reason.FIRST_NOT_ZERO, Reason.NOT_ASCENDING,
            Reason.TOO_MANY_SCHEDULES, Reason.START_MISSING, Reason.START_GIVEN, Reason.DYNAMIC_PERIODS,
            Reason.PRIORITY_DURATION, Reason.FEATURE_NOT_SUPPORTED, Reason.NEGATIVE_LIMIT,
            Reason.PHASES_OUT_OF_RANGE, Reason.PHASE_WITHOUT_ONE, Reason.PHASE_NOT_SWITCHED,
            Reason.PHASES_NOT_ENSURED, Reason.PHASE_CONFLICT, Reason.MODE_OF_PURPOSE,
            Reason.MODE_NOT_SUPPORTED, Reason.FIELDS_OF_MODE, Reason.NO_DISCHARGE,
        ),
        "InvalidSchedule",
    ),
}  # fmt: skip
