"""Charging profiles as plain data, the same for OCPP 1.6, 2.0.1 and 2.1.

Names are those of OCPP 2.1 (part 2, ChargingProfileType); `from_wire` reads all three versions. Times are seconds
against the epoch of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What a profile is for. The value is the name in OCPP 2.x."""

    EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"
    STATION_MAX = "ChargingStationMaxProfile"
    """`ChargePointMaxProfile` in 1.6."""
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class Kind(Enum):
    """What the periods of a profile are counted from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class Recurrency(Enum):
    """How long a recurring profile is."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


class Unit(Enum):
    """What limits are written in. A: per phase. W: of all phases together."""

    A = "A"
    W = "W"


class Mode(Enum):
    """Operation mode of a period (OCPP 2.1)."""

    IDLE = "Idle"
    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    CENTRAL_FREQUENCY = "CentralFrequency"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One step of a schedule, from `start_s` to the next one."""

    start_s: float
    """After the schedule's start."""
    limit: float | None = None
    """Largest charging rate in the schedule's unit; None where only a set-point stands (2.1)."""
    discharge_limit: float | None = None
    """Largest discharging rate, <= 0 (2.1)."""
    setpoint: float | None = None
    """What to draw; negative: discharge (2.1)."""
    phases: int | None = None
    """numberPhases: 1..3; None: not said."""
    phase_to_use: int | None = None
    """phaseToUse, 1..3, with one phase."""
    mode: Mode = Mode.CHARGING_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Periods with ascending starts, the first at 0."""

    unit: Unit
    periods: tuple[Period, ...]
    start_s: float | None = None
    """startSchedule; None for relative and dynamic ones."""
    duration_s: float | None = None
    """None: without end (recurring: until it begins anew)."""
    min_rate: float | None = None
    """minChargingRate: below it, charging is not useful to the car."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """One profile as it was accepted."""

    id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: Schedule
    recurrency: Recurrency | None = None
    valid_from_s: float | None = None
    valid_to_s: float | None = None
    transaction: str | None = None
    """Of a TxProfile."""
    evse: int = 0
    """Where it was set: 0 for the whole station, or a connector (1.6) or EVSE (2.x)."""
    received_s: float = 0.0
    """When it was accepted: start of a dynamic one without startSchedule, and of a relative one of the station."""
    max_offline_s: float | None = None
    """maxOfflineDuration: how long it holds without a connection; None: for ever (2.1)."""
    forget_offline: bool = False
    """invalidAfterOfflineDuration: whether that lasts after the connection is back (2.1)."""
    update_interval_s: float | None = None
    """dynUpdateInterval of a dynamic one (2.1)."""
    features: frozenset[str] = frozenset()
    """Fields of the wire that change what the profile means and that composition does not know; who cannot
    obey them refuses the profile (2.1 K01.FR.123 to .126)."""
