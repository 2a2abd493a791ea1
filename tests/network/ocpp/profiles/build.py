"""Profiles, places and stores in one line each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import (
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    Recurrency,
    Schedule,
    Unit,
)
from twin.network.ocpp.versions import Version

HOUR = 3600.0
DAY = 24 * HOUR


def profile(
    number: int,
    purpose: Purpose,
    *periods: tuple[float, float] | Period,
    level: int = 0,
    unit: Unit = Unit.A,
    kind: Kind = Kind.ABSOLUTE,
    start_s: float | None = 0.0,
    duration_s: float | None = None,
    recurrency: Recurrency | None = None,
    phases: int | None = None,
    min_rate: float | None = None,
    **others: Any,
) -> ChargingProfile:
    """A profile with periods (start_s, limit); absolute from 0 unless told otherwise."""
    made = tuple(
        p if isinstance(p, Period) else Period(start_s=p[0], limit=p[1], phases=phases) for p in periods
    )
    if kind in {Kind.RELATIVE, Kind.DYNAMIC} and start_s == 0.0:
        start_s = None
    schedule = Schedule(unit=unit, periods=made, start_s=start_s, duration_s=duration_s, min_rate=min_rate)
    return ChargingProfile(
        id=number,
        stack_level=level,
        purpose=purpose,
        kind=kind,
        schedule=schedule,
        recurrency=recurrency,
        **others,
    )


def place(version: Version = Version.V201, **fields: Any) -> Context:
    """EVSE 1 with transaction "tx" that began at 0, three phases, 230 V, no rating."""
    plain = Context(version=version, evse=1, transaction="tx", transaction_start_s=0.0)
    return replace(plain, **fields)
