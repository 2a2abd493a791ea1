"""Acceptance rules about operation modes, limits and set-points of OCPP 2.1."""

from __future__ import annotations

from typing import NamedTuple

from twin.network.ocpp.profiles.model import ChargingProfile, Mode, Period, Purpose, Unit

_CHARGING = frozenset({Mode.CHARGING_ONLY})
_OF_PURPOSE: dict[Purpose, frozenset[Mode]] = {
    Purpose.TX: frozenset(Mode),
    Purpose.TX_DEFAULT: frozenset(Mode),
    Purpose.PRIORITY: _CHARGING,
    Purpose.STATION_MAX: _CHARGING,
    Purpose.EXTERNAL_CONSTRAINTS: _CHARGING | {Mode.EXTERNAL_LIMITS, Mode.EXTERNAL_SETPOINT},
    Purpose.LOCAL_GENERATION: _CHARGING | {Mode.EXTERNAL_LIMITS},
}


class _Fields(NamedTuple):
    """What a period of a mode must and may carry."""

    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


_BOTH = frozenset({"limit", "discharge_limit"})
_OF_MODE: dict[Mode, _Fields] = {
    Mode.CHARGING_ONLY: _Fields(must=frozenset({"limit"})),
    Mode.CENTRAL_SETPOINT: _Fields(must=frozenset({"setpoint"}), may=_BOTH),
    Mode.CENTRAL_FREQUENCY: _Fields(must=frozenset({"setpoint"}), may=_BOTH),
    Mode.EXTERNAL_SETPOINT: _Fields(may=_BOTH),
    Mode.EXTERNAL_LIMITS: _Fields(may=_BOTH),
    Mode.LOCAL_FREQUENCY: _Fields(may=_BOTH),
    Mode.LOCAL_LOAD_BALANCING: _Fields(may=_BOTH),
    Mode.IDLE: _Fields(),
}


def modes(profile: ChargingProfile) -> set[Mode]:
    """All modes of its periods."""
    return {p.mode for p in profile.schedule.periods}


def mode_not_allowed(profile: ChargingProfile) -> bool:
    """Whether a mode is none for the profile's purpose (2.1 table of modes by purpose, K01.FR.71)."""
    return bool(modes(profile) - _OF_PURPOSE[profile.purpose])


def wrong_fields(profile: ChargingProfile) -> bool:
    """Whether a period lacks what its mode needs, or carries what its mode knows not."""
    return any(_wrong(p) for p in profile.schedule.periods)


def _wrong(period: Period) -> bool:
    fields = _OF_MODE[period.mode]
    names = ("limit", "discharge_limit", "setpoint")
    given = {name for name in names if getattr(period, name) is not None}
    return not (fields.must <= given <= fields.must | fields.may)


def has_wrong_sign(profile: ChargingProfile) -> bool:
    """Whether a limit is negative, or a discharge limit positive."""
    return any(
        (p.limit is not None and p.limit < 0.0) or (p.discharge_limit is not None and p.discharge_limit > 0.0)
        for p in profile.schedule.periods
    )


def orders_discharge(profile: ChargingProfile) -> bool:
    """Whether a set-point is negative. A discharge limit only allows it."""
    return any(p.setpoint is not None and p.setpoint < 0.0 for p in profile.schedule.periods)


def frequency_in_a(profile: ChargingProfile) -> bool:
    """Whether LocalFrequency is asked for in A (Q08.FR.05)."""
    return Mode.LOCAL_FREQUENCY in modes(profile) and profile.schedule.unit is Unit.A


def without_curve(profile: ChargingProfile) -> bool:
    """Whether LocalFrequency comes without its curve or baseline (Q08.FR.02)."""
    needed = {"v2xFreqWattCurve", "v2xBaseline"}
    return Mode.LOCAL_FREQUENCY in modes(profile) and not needed <= profile.features
