"""Which profile of each purpose leads at an instant (rules 1 and 2 of `compose`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twin.network.ocpp.profiles import instants
from twin.network.ocpp.profiles.context import Context, begin_s
from twin.network.ocpp.profiles.model import ChargingProfile, Period, Purpose


class Lead(NamedTuple):
    """The leading profile of a purpose, with its period."""

    profile: ChargingProfile
    period: Period


def lead(
    profiles: Iterable[ChargingProfile], context: Context, t_s: float, purpose: Purpose, *evses: int
) -> Lead | None:
    """The highest stackLevel that has a period now (rule 1); among equals the one received last."""
    begun_s = begin_s(context, t_s)
    best: Lead | None = None
    for profile in profiles:
        if profile.purpose is not purpose or profile.evse not in evses:
            continue
        if best is not None and _rank(profile) < _rank(best.profile):
            continue
        period = instants.period_at(profile, t_s, begun_s, context.offline_since_s)
        if period is not None:
            best = Lead(profile, period)
    return best


def _rank(profile: ChargingProfile) -> tuple[int, float, int]:
    return profile.stack_level, profile.received_s, profile.id


def transaction(profiles: Sequence[ChargingProfile], context: Context, t_s: float) -> Lead | None:
    """Rule 2: priority charging, else the transaction's own profile, else the default one."""
    evse, found = context.evse, None
    if context.priority:
        found = lead(profiles, context, t_s, Purpose.PRIORITY, 0, evse)
    if found is None and context.transaction is not None:
        mine = (p for p in profiles if p.transaction in {None, context.transaction})
        found = lead(mine, context, t_s, Purpose.TX, evse)
    if found is None and not context.version.two:
        # 1.6 3.13.1: a default of this connector replaces that of connector 0, for this connector only.
        found = lead(profiles, context, t_s, Purpose.TX_DEFAULT, evse)
    # 2.0.1 K01.FR.14, .15, .52, .53: one stack of both, no level twice.
    return found or lead(profiles, context, t_s, Purpose.TX_DEFAULT, 0, evse)


def generation(profiles: Sequence[ChargingProfile], context: Context, t_s: float) -> Lead | None:
    """What is generated on site, for this EVSE or for all (2.1)."""
    return lead(profiles, context, t_s, Purpose.LOCAL_GENERATION, 0, context.evse)


def both(
    profiles: Sequence[ChargingProfile], context: Context, t_s: float, purpose: Purpose
) -> tuple[Lead, ...]:
    """Limits of the whole station and of the EVSE hold side by side."""
    found = (lead(profiles, context, t_s, purpose, evse) for evse in sorted({0, context.evse}))
    return tuple(lead for lead in found if lead is not None)
