"""Charging profiles and composite schedules from and to the payloads of each version.

Payloads are camelCase dicts that passed the schema of their version; instants are read and written by
`twin.network.clock`. Numbers of 1.6 and 2.0.1 have one digit after the point (1.6 7.14, 2.0.1
ChargingSchedulePeriodType): limits are cut down to it, so that what arrives is never more than was meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from twin.network import clock
from twin.network.ocpp.profiles.context import CompositeSchedule
from twin.network.ocpp.profiles.model import (
    ChargingProfile,
    Kind,
    Mode,
    Period,
    Purpose,
    Recurrency,
    Schedule,
    Unit,
)
from twin.network.ocpp.versions import Version

_STATION_MAX_16 = "ChargePointMaxProfile"
_PHASED = ("limit", "dischargeLimit", "setpoint", "setpointReactive")
_UNKNOWN_OF_PERIODS = (
    *(f"{name}_L{phase}" for name in _PHASED for phase in (2, 3)),
    "setpointReactive",
    "evseSleep",
    "v2xBaseline",
    "v2xFreqWattCurve",
    "v2xSignalWattCurve",
)
_UNKNOWN_OF_SCHEDULES = ("limitAtSoC", "useLocalTime", "randomizedDelay")
MORE_SCHEDULES = "chargingSchedule"
"""The feature of a profile with more than one schedule, from which a car of ISO 15118 chooses."""


def tenths(value: float) -> float:
    """Cut a rate down to one digit after the point; a value that is meant to be one stays."""
    return math.floor(value * 10.0 + 1e-6) / 10.0


def profile_from_wire(
    version: Version, payload: Mapping[str, Any], *, epoch_ns: int, evse: int, received_s: float
) -> ChargingProfile:
    """Read `csChargingProfiles` or `chargingProfile` (1.6), `chargingProfile` (2.x).

    Args:
        version: Of the connection.
        payload: One profile.
        epoch_ns: Of the run.
        evse: Where it is set.
        received_s: When it came.

    Raises:
        ValueError: An instant or a name is none; the message names it.
    """
    schedules = payload["chargingSchedule"]
    schedule = schedules[0] if version.two else schedules
    purpose, transaction = payload["chargingProfilePurpose"], payload.get("transactionId")
    recurrency = payload.get("recurrencyKind")
    return ChargingProfile(
        id=payload["id" if version.two else "chargingProfileId"],
        stack_level=payload["stackLevel"],
        purpose=Purpose.STATION_MAX if purpose == _STATION_MAX_16 else Purpose(purpose),
        kind=Kind(payload["chargingProfileKind"]),
        schedule=_schedule(schedule, epoch_ns),
        recurrency=None if recurrency is None else Recurrency(recurrency),
        valid_from_s=_instant(payload, "validFrom", epoch_ns),
        valid_to_s=_instant(payload, "validTo", epoch_ns),
        transaction=None if transaction is None else str(transaction),
        evse=evse,
        received_s=received_s,
        max_offline_s=_number(payload, "maxOfflineDuration"),
        forget_offline=bool(payload.get("invalidAfterOfflineDuration")),
        update_interval_s=_number(payload, "dynUpdateInterval") or None,
        features=frozenset(_features(schedules if version.two else [schedules])),
    )


def profile_to_wire(version: Version, profile: ChargingProfile, epoch_ns: int) -> dict[str, Any]:
    """Write a profile as SetChargingProfile and ReportChargingProfiles carry it.

    Raises:
        ValueError: It cannot be said in that version; the message names what.
    """
    kind, purpose = profile.kind.value, profile.purpose.value
    if version is not Version.V21 and (profile.kind is Kind.DYNAMIC or profile.purpose in _NEW_PURPOSES):
        raise ValueError(f"profile {profile.id}: {purpose} {kind} needs OCPP 2.1")
    schedule = _schedule_to_wire(version, profile, epoch_ns)
    out: dict[str, Any] = {
        "id" if version.two else "chargingProfileId": profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [{"id": profile.id, **schedule}] if version.two else schedule,
    }
    if not version.two and profile.purpose is Purpose.STATION_MAX:
        out["chargingProfilePurpose"] = _STATION_MAX_16
    if not version.two and profile.purpose is Purpose.EXTERNAL_CONSTRAINTS:
        raise ValueError(f"profile {profile.id}: {purpose} needs OCPP 2.0.1")
    if profile.recurrency is not None:
        out["recurrencyKind"] = profile.recurrency.value
    for name, at_s in (("validFrom", profile.valid_from_s), ("validTo", profile.valid_to_s)):
        if at_s is not None:
            out[name] = clock.to_wire(epoch_ns, at_s)
    if profile.transaction is not None:
        out["transactionId"] = profile.transaction if version.two else int(profile.transaction)
    if version is Version.V21:
        _add_new(out, profile)
    return out


def updated(profile: ChargingProfile, update: Mapping[str, Any], received_s: float) -> ChargingProfile:
    """Return a dynamic profile with the values of UpdateDynamicSchedule; absent ones stay (2.1 K28)."""
    first, *rest = profile.schedule.periods
    changed = replace(
        first,
        limit=_number(update, "limit", first.limit),
        discharge_limit=_number(update, "dischargeLimit", first.discharge_limit),
        setpoint=_number(update, "setpoint", first.setpoint),
    )
    features = profile.features | {name for name in _UNKNOWN_OF_PERIODS if update.get(name)}
    schedule = replace(profile.schedule, periods=(changed, *rest))
    return replace(profile, schedule=schedule, received_s=received_s, features=features)


def composite_to_wire(version: Version, composite: CompositeSchedule, epoch_ns: int) -> dict[str, Any]:
    """Write the answer of GetCompositeSchedule; periods begin at whole seconds, never late.

    Raises:
        ValueError: There is no limit to report in a version that demands one.
    """
    starts: dict[int, Period] = {}
    for period in composite.periods:
        starts[math.floor(period.start_s + 1e-6)] = period
    periods = [_period_to_wire(version, replace(p, start_s=at_s)) for at_s, p in starts.items()]
    start = clock.to_wire(epoch_ns, composite.start_s)
    schedule: dict[str, Any] = {
        "duration": round(composite.duration_s),
        "chargingRateUnit": composite.unit.value,
        "chargingSchedulePeriod": periods,
    }
    if version.two:
        schedule |= {"evseId": composite.evse, "scheduleStart": start}
        return {"status": "Accepted", "schedule": schedule}
    # startSchedule is left out: scheduleStart says it (1.6 errata 3.57).
    return {
        "status": "Accepted",
        "connectorId": composite.evse,
        "scheduleStart": start,
        "chargingSchedule": schedule,
    }


def composite_from_wire(version: Version, payload: Mapping[str, Any], epoch_ns: int) -> CompositeSchedule:
    """Read an accepted answer of GetCompositeSchedule.

    Raises:
        ValueError: It holds no schedule, or one without periods.
    """
    schedule = payload.get("schedule" if version.two else "chargingSchedule")
    if not schedule or not schedule.get("chargingSchedulePeriod"):
        raise ValueError("a composite schedule without periods")
    at = schedule if version.two else payload
    if "scheduleStart" not in at:
        raise ValueError("a composite schedule without scheduleStart")
    read = _schedule(schedule, epoch_ns)
    return CompositeSchedule(
        evse=at.get("evseId" if version.two else "connectorId", 0),
        start_s=clock.from_wire(epoch_ns, at["scheduleStart"]).t_s,
        duration_s=math.inf if read.duration_s is None else read.duration_s,
        unit=read.unit,
        periods=read.periods,
    )


_NEW_PURPOSES = frozenset({Purpose.PRIORITY, Purpose.LOCAL_GENERATION})


def _schedule(payload: Mapping[str, Any], epoch_ns: int) -> Schedule:
    return Schedule(
        unit=Unit(payload["chargingRateUnit"]),
        periods=tuple(_period(p) for p in payload["chargingSchedulePeriod"]),
        start_s=_instant(payload, "startSchedule", epoch_ns),
        duration_s=_number(payload, "duration"),
        min_rate=_number(payload, "minChargingRate"),
    )


def _period(payload: Mapping[str, Any]) -> Period:
    return Period(
        start_s=float(payload["startPeriod"]),
        limit=_number(payload, "limit"),
        discharge_limit=_number(payload, "dischargeLimit"),
        setpoint=_number(payload, "setpoint"),
        phases=payload.get("numberPhases"),
        phase_to_use=payload.get("phaseToUse"),
        mode=Mode(payload.get("operationMode", Mode.CHARGING_ONLY.value)),
    )


def _features(schedules: list[Mapping[str, Any]]) -> Iterator[str]:
    if len(schedules) > 1:
        yield MORE_SCHEDULES
    for schedule in schedules:
        yield from (name for name in _UNKNOWN_OF_SCHEDULES if schedule.get(name))
        for period in schedule["chargingSchedulePeriod"]:
            yield from (name for name in _UNKNOWN_OF_PERIODS if period.get(name))


def _schedule_to_wire(version: Version, profile: ChargingProfile, epoch_ns: int) -> dict[str, Any]:
    schedule = profile.schedule
    out: dict[str, Any] = {
        "chargingRateUnit": schedule.unit.value,
        "chargingSchedulePeriod": [_period_to_wire(version, p) for p in schedule.periods],
    }
    if schedule.start_s is not None:
        out["startSchedule"] = clock.to_wire(epoch_ns, schedule.start_s)
    if schedule.duration_s is not None:
        out["duration"] = round(schedule.duration_s)
    if schedule.min_rate is not None:
        out["minChargingRate"] = tenths(schedule.min_rate)
    return out


def _add_new(out: dict[str, Any], profile: ChargingProfile) -> None:
    if profile.max_offline_s is not None:
        out["maxOfflineDuration"] = round(profile.max_offline_s)
    if profile.forget_offline:
        out["invalidAfterOfflineDuration"] = True
    if profile.update_interval_s is not None:
        out["dynUpdateInterval"] = round(profile.update_interval_s)


def _period_to_wire(version: Version, period: Period) -> dict[str, Any]:
    out: dict[str, Any] = {"startPeriod": round(period.start_s)}
    if period.limit is not None:
        out["limit"] = tenths(period.limit)
    if period.phases is not None:
        out["numberPhases"] = period.phases
    if version.two and period.phase_to_use is not None:
        out["phaseToUse"] = period.phase_to_use
    if version is Version.V21:
        _add_modes(out, period)
    elif period.limit is None or period.mode is not Mode.CHARGING_ONLY:
        raise ValueError(f"a period of {period.mode.value} without a limit needs OCPP 2.1")
    return out


def _add_modes(out: dict[str, Any], period: Period) -> None:
    if period.mode is not Mode.CHARGING_ONLY:
        out["operationMode"] = period.mode.value
    for name, value in (("dischargeLimit", period.discharge_limit), ("setpoint", period.setpoint)):
        if value is not None:
            out[name] = round(value, 6)


def _number(payload: Mapping[str, Any], name: str, absent: float | None = None) -> float | None:
    value = payload.get(name)
    return absent if value is None else float(value)


def _instant(payload: Mapping[str, Any], name: str, epoch_ns: int) -> float | None:
    text = payload.get(name)
    return None if text is None else clock.from_wire(epoch_ns, text).t_s
