"""Stacks of profiles drawn at random, so that much happens within a few seconds around midnights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twin.network.ocpp.profiles.context import Context
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

DAY = 86_400
WINDOW_S = 24
"""How long is looked at."""
Pick = Callable[[Sequence[Any]], Any]

_OFFSETS = range(-12, 25)
_DAYS = (0, 1, 2, 7, 8)
_LIMITS = (0.0, 6.0, 10.0, 16.0, 32.0)
_KINDS = (Kind.ABSOLUTE, Kind.RECURRING, Kind.RELATIVE, Kind.DYNAMIC)
_PURPOSES = (*Purpose, Purpose.TX, Purpose.TX_DEFAULT, Purpose.TX_DEFAULT)
_MODES = (Mode.CHARGING_ONLY,) * 5 + tuple(Mode)


def window_start(pick: Pick) -> int:
    """A whole second near a midnight."""
    return int(pick(_DAYS) * DAY + pick(range(-6, 7)))


def stack(pick: Pick) -> tuple[Context, list[ChargingProfile]]:
    """A place and up to eight profiles there; `pick` chooses one of what it is given."""
    profiles = [_profile(pick, number) for number in range(1, 1 + pick(range(9)))]
    return _context(pick), profiles


def _context(pick: Pick) -> Context:
    dc = pick((False, False, False, True))
    return Context(
        version=pick(tuple(Version)),
        evse=1,
        phases=pick((1, 3, 3)),
        phases_used=pick((None, 1, 3)),
        dc=dc,
        voltage_v=400.0 if dc else 230.0,
        max_a=pick((None, 32.0)),
        max_w=pick((None, 11_000.0)),
        default_a=pick((None, 48.0)),
        default_w=pick((None, 33_120.0)),
        transaction=pick((None, "tx", "tx")),
        transaction_start_s=float(_moment(pick)),
        priority=pick((False, False, True)),
        offline_since_s=pick((None, None, _moment(pick))),
    )


def _moment(pick: Pick) -> float:
    return float(pick(_DAYS) * DAY + pick(_OFFSETS))


def _profile(pick: Pick, number: int) -> ChargingProfile:
    purpose, kind = pick(_PURPOSES), pick(_KINDS)
    recurrency = pick(tuple(Recurrency)) if kind is Kind.RECURRING else None
    valid_from = pick((None, None, _moment(pick)))
    return ChargingProfile(
        id=number,
        stack_level=pick(range(4)),
        purpose=purpose,
        kind=kind,
        schedule=_schedule(pick, kind),
        recurrency=recurrency,
        valid_from_s=valid_from,
        valid_to_s=pick((None, None, _moment(pick))),
        transaction=pick((None, "tx", "other")) if purpose is Purpose.TX else None,
        evse=0 if purpose is Purpose.STATION_MAX else pick((0, 1, 1, 2)),
        received_s=_moment(pick),
        max_offline_s=pick((None, None, None, float(pick(range(30))))),
    )


def _schedule(pick: Pick, kind: Kind) -> Schedule:
    unit = pick(tuple(Unit))
    starts = {0.0, *(float(pick(range(1, 20))) for _ in range(pick(range(4))))}
    if kind is Kind.RECURRING and pick((True, False)):
        starts.add(float(DAY + pick(range(-9, 9))))
    start = None if kind is Kind.RELATIVE or pick((True, *[False] * 6)) else _moment(pick)
    durations = (None, None, float(pick(range(1, 30))), float(DAY + pick(range(-9, 9))))
    return Schedule(
        unit=unit,
        periods=tuple(_period(pick, s, unit) for s in sorted(starts)),
        start_s=start,
        duration_s=pick(durations),
        min_rate=pick((None, 6.0)),
    )


def _period(pick: Pick, start_s: float, unit: Unit) -> Period:
    scale = 1.0 if unit is Unit.A else 690.0
    mode = pick(_MODES)
    v2x = mode not in {Mode.CHARGING_ONLY, Mode.IDLE}
    phases = pick((None, None, 1, 3))
    return Period(
        start_s=start_s,
        limit=_limit(pick, scale, may_lack=v2x),
        discharge_limit=-scale * pick(_LIMITS) if v2x and pick((True, False)) else None,
        setpoint=scale * pick((-20.0, -5.0, 4.0, 12.0)) if v2x and pick((True, False)) else None,
        phases=phases,
        phase_to_use=pick((None, 2)) if phases == 1 else None,
        mode=mode,
    )


def _limit(pick: Pick, scale: float, *, may_lack: bool) -> float | None:
    limit = pick((*_LIMITS, None)) if may_lack else pick(_LIMITS)
    return None if limit is None else limit * scale
