"""The rules of composition once more, second by second, in plain steps and in W alone: slow, and easy to read.

Shares no code with `twin.network.ocpp.profiles`, only its data. Times are whole seconds, EVSEs convert A and W.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import ChargingProfile, Period
from twin.network.ocpp.versions import Version

INFINITE = 10.0**12


class Answer(NamedTuple):
    """What may flow; W of all phases, `INFINITE` where nothing limits."""

    limit_w: float
    discharge_w: float
    setpoint_w: float | None
    phases: int
    phase_to_use: int | None
    mode: str


def says(profile: ChargingProfile, context: Context, second: int) -> Period | None:
    """What one profile says at a second."""
    if profile.valid_from_s is not None and second < profile.valid_from_s:
        return None
    if profile.valid_to_s is not None and not second < profile.valid_to_s:
        return None
    if context.offline_since_s is not None and profile.max_offline_s is not None:
        gone = second - context.offline_since_s
        if gone >= profile.max_offline_s:
            return None
    start = profile.schedule.start_s
    kind = profile.kind.value
    of_transaction = profile.purpose.value in ("TxProfile", "TxDefaultProfile", "PriorityCharging")
    if kind == "Relative" or (kind in ("Absolute", "Recurring") and start is None):
        begin = context.transaction_start_s if of_transaction else profile.received_s
        if begin is None:
            begin = second
    elif start is None:
        begin = profile.received_s
    else:
        begin = start
    clock = second - begin
    if clock < 0:
        return None
    if kind == "Recurring":
        cycle = {"Daily": 86400, "Weekly": 604800}[profile.recurrency.value] if profile.recurrency else None
        while cycle is not None and clock >= cycle:
            clock = clock - cycle
    if profile.schedule.duration_s is not None and clock >= profile.schedule.duration_s:
        return None
    for period in reversed(profile.schedule.periods):
        if clock >= period.start_s:
            return period
    return None


def highest(
    profiles: list[ChargingProfile], context: Context, second: int, purpose: str, evses: tuple[int, ...]
) -> tuple[ChargingProfile, Period] | None:
    """The prevailing profile of a purpose."""
    stack = [p for p in profiles if p.purpose.value == purpose and p.evse in evses]
    stack.sort(key=lambda p: (p.stack_level, p.received_s, p.id), reverse=True)
    for profile in stack:
        period = says(profile, context, second)
        if period is not None:
            return profile, period
    return None


def of_transaction(
    profiles: list[ChargingProfile], context: Context, second: int
) -> tuple[ChargingProfile, Period] | None:
    """The prevailing one among priority, transaction and default."""
    here, both = (context.evse,), (0, context.evse)
    if context.priority:
        found = highest(profiles, context, second, "PriorityCharging", both)
        if found:
            return found
    if context.transaction is not None:
        mine = [p for p in profiles if p.transaction is None or p.transaction == context.transaction]
        found = highest(mine, context, second, "TxProfile", here)
        if found:
            return found
    if context.version == Version.V16:
        found = highest(profiles, context, second, "TxDefaultProfile", here)
        if found:
            return found
        return highest(profiles, context, second, "TxDefaultProfile", (0,))
    return highest(profiles, context, second, "TxDefaultProfile", both)


def answer(profiles: list[ChargingProfile], context: Context, second: int) -> Answer:
    """What an EVSE may draw at a second."""
    voltage = context.voltage_v
    assert voltage is not None
    tx = of_transaction(profiles, context, second)
    external = [
        highest(profiles, context, second, "ChargingStationExternalConstraints", (evse,))
        for evse in (0, context.evse)
    ]
    outside = [e for e in external if e]
    maximum = highest(profiles, context, second, "ChargingStationMaxProfile", (0,))
    sun = highest(profiles, context, second, "LocalGeneration", (0, context.evse))
    limiting = outside + [x for x in (tx, maximum) if x]

    phases = context.phases
    if not context.dc:
        if context.phases_used:
            phases = min(phases, context.phases_used)
        for _, period in limiting:
            phases = min(phases, 3 if period.phases is None else period.phases)
    per_a = voltage if context.dc else voltage * phases

    def watts(found: tuple[ChargingProfile, Period]) -> float | None:
        limit = found[1].limit
        if limit is None:
            return None
        return limit * per_a if found[0].schedule.unit.value == "A" else limit

    def total(found: tuple[ChargingProfile, Period], value: float | None) -> float | None:
        if value is None:
            return None
        return value * voltage if found[0].schedule.unit.value == "A" else value

    low = INFINITE
    for found in [x for x in (tx, *outside) if x]:
        w = watts(found)
        if w is not None and w < low:
            low = w
    if sun and low < INFINITE:
        more = watts(sun)
        low = low + (0.0 if more is None else more)
    if maximum:
        w = watts(maximum)
        if w is not None and w < low:
            low = w
    if low == INFINITE:
        if context.default_w is not None:
            low = context.default_w
        if context.default_a is not None:
            low = min(low, context.default_a * per_a)
    if context.max_w is not None:
        low = min(low, context.max_w)
    if context.max_a is not None:
        low = min(low, context.max_a * per_a)

    mode = tx[1].mode.value if tx else "ChargingOnly"
    discharge, setpoint = 0.0, None
    if mode == "Idle":
        low = 0.0
    elif mode != "ChargingOnly":
        discharge = -INFINITE if context.max_w is None else -context.max_w
        for found in (*limiting, *([sun] if sun else [])):
            w = total(found, found[1].discharge_limit)
            if w is not None and w > discharge:
                discharge = w
        leaders = outside if mode == "ExternalSetpoint" else [tx] if tx else []
        wanted = [w for w in (total(f, f[1].setpoint) for f in leaders) if w is not None]
        if wanted:
            setpoint = max(min(wanted), discharge)
            setpoint = min(setpoint, low)
    chosen = None
    if phases == 1:
        for _, period in limiting_in_order(tx, outside, maximum):
            if period.phase_to_use:
                chosen = period.phase_to_use
                break
    return Answer(low, discharge, setpoint, phases, chosen, mode)


def limiting_in_order(
    tx: tuple[ChargingProfile, Period] | None,
    outside: list[tuple[ChargingProfile, Period]],
    maximum: tuple[ChargingProfile, Period] | None,
) -> list[tuple[ChargingProfile, Period]]:
    """Whose choice of a phase counts first; a station refuses profiles that differ in it."""
    return [*outside, *([tx] if tx else []), *([maximum] if maximum else [])]
