"""Which limit follows from all charging profiles that are installed: pure, exact, for all three versions.

The order of the rules (OCPP 1.6 3.13.1 to 3.13.3; 2.0.1 part 2 K 3.2 to 3.6; 2.1 part 2 K 3.3 to 3.8):

1. Of each purpose the profile with the highest stackLevel that has a period at the instant leads; where it has
   none (not valid, not begun, past its duration), the next lower one does (1.6 3.13.2, 2.0.1 K01.FR.17, .13).
2. The transaction's limit is PriorityCharging's while that is active (2.1 K 3.2), else TxProfile's, else
   TxDefaultProfile's.
3. ChargingStationExternalConstraints lower it; LocalGeneration then adds its capacity on top (2.1).
4. ChargingStationMaxProfile, the rating of the station and its wiring bound whatever came out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from twin.network.ocpp.profiles import combine, instants, leads
from twin.network.ocpp.profiles import context as contexts
from twin.network.ocpp.profiles.context import Allowed, CompositeSchedule, Context
from twin.network.ocpp.profiles.model import ChargingProfile, Mode, Period, Purpose, Unit

__all__ = ["Allowed", "CompositeSchedule", "Context", "composite", "limit_at", "next_change_s"]


def limit_at(profiles: Sequence[ChargingProfile], context: Context, t_s: float) -> Allowed:
    """Return what may flow at `t_s`.

    Args:
        profiles: All that are installed at the station.
        context: Where; with `evse` 0 the sum of what `evses` may draw, within the limits of the station
            (1.6 5.7, 2.0.1 K08: expected consumption of the grid connection).
        t_s: When. Without a transaction the answer is that of one that begins now.
    """
    context = contexts.begun(context, t_s)
    if context.evse == 0:
        return _station(profiles, context, t_s)
    station = leads.lead(profiles, context, t_s, Purpose.STATION_MAX, 0)
    outside = leads.both(profiles, context, t_s, Purpose.EXTERNAL_CONSTRAINTS)
    found = combine.Leads(
        leads.transaction(profiles, context, t_s), leads.generation(profiles, context, t_s), outside, station
    )
    return found.allowed(context)


def composite(
    profiles: Sequence[ChargingProfile], context: Context, start_s: float, duration_s: float, unit: Unit
) -> CompositeSchedule:
    """Return the exact course of the limit over [start_s, start_s + duration_s), equal neighbours merged.

    Without a transaction the schedule is that of one that begins at `start_s`.
    """
    context, end_s, t_s = contexts.begun(context, start_s), start_s + duration_s, start_s
    periods: list[Period] = []
    while t_s < end_s:
        period = _as_period(limit_at(profiles, context, t_s), context, unit, t_s - start_s)
        if not periods or replace(period, start_s=periods[-1].start_s) != periods[-1]:
            periods.append(period)
        t_s = next_change_s(profiles, context, t_s)
    return CompositeSchedule(
        evse=context.evse, start_s=start_s, duration_s=duration_s, unit=unit, periods=tuple(periods)
    )


def next_change_s(profiles: Sequence[ChargingProfile], context: Context, t_s: float) -> float:
    """Return when the allowed value can change next after `t_s`; inf: never. For timers."""
    changes = [math.inf]
    for part in (context, *context.evses):
        begun_s = contexts.begin_s(part, t_s)
        changes += (
            instants.next_change_s(p, t_s, begun_s, part.offline_since_s)
            for p in profiles
            if p.evse in {0, part.evse}
        )
    return min(changes)


def _station(profiles: Sequence[ChargingProfile], context: Context, t_s: float) -> Allowed:
    """The sum of what each EVSE may draw, within what holds for all together (1.6 3.13.3).

    What is generated for the whole station adds once. There is no set-point of the whole.
    """
    own = [p for p in profiles if p.purpose is not Purpose.LOCAL_GENERATION or p.evse != 0]
    parts = [limit_at(own, part, t_s) for part in context.evses]
    outside = leads.both(profiles, context, t_s, Purpose.EXTERNAL_CONSTRAINTS)
    whole = combine.Leads(
        None,
        leads.generation(profiles, context, t_s),
        outside,
        leads.lead(profiles, context, t_s, Purpose.STATION_MAX, 0),
        _sum(parts),
    ).allowed(context)
    discharge_w = [p.discharge_limit_w for p in parts]
    return replace(
        whole,
        discharge_limit_w=None if None in discharge_w else sum(w for w in discharge_w if w is not None),
        in_force=tuple(sorted({*whole.in_force, *(i for p in parts for i in p.in_force)})),
    )


def _sum(parts: Sequence[Allowed]) -> combine.Bound:
    """A per phase add up too: all EVSEs may hang on the same phase."""
    if not parts:
        return combine.Bound(math.inf, math.inf)
    return combine.Bound(
        sum(math.inf if p.limit_a is None else p.limit_a for p in parts),
        sum(math.inf if p.limit_w is None else p.limit_w for p in parts),
        tuple(sorted({i for p in parts for i in p.bound_by})),
    )


def _as_period(allowed: Allowed, context: Context, unit: Unit, start_s: float) -> Period:
    """One period as it is reported; set-points and discharge limits in A are of all phases together."""
    scale = 1.0
    if unit is Unit.A:
        scale = math.nan if context.voltage_v is None else 1.0 / context.voltage_v
    v2x = allowed.mode not in {Mode.CHARGING_ONLY, Mode.IDLE} and scale == scale  # noqa: PLR0124 (not NaN)
    discharge_w, setpoint_w = allowed.discharge_limit_w, allowed.setpoint_w
    return Period(
        start_s=start_s,
        limit=allowed.limit(unit),
        discharge_limit=discharge_w * scale if v2x and discharge_w is not None else None,
        setpoint=setpoint_w * scale if v2x and setpoint_w is not None else None,
        phases=None if context.dc else allowed.phases,
        phase_to_use=allowed.phase_to_use,
        mode=allowed.mode,
    )
