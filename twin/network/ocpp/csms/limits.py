"""What control may wish of an EVSE, and how a wish is written as a charging profile."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf, isinf

from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Mode, Period, Purpose, Schedule, Unit

SMALLEST_PILOT_A = 6.0
"""Below it a car does not charge (IEC 61851-1)."""
START_EARLY_S = 60.0
"""How far in the past an absolute schedule begins: a station whose clock is late obeys it at once all the same."""
_STEP = 0.1
"""Of limits on the wire (OCPP 1.6, 7.10: multiple of 0.1)."""
_SLOTS = {purpose: number for number, purpose in enumerate(Purpose)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A wish for one EVSE. All powers at the connector, of all phases together."""

    limit_w: float = inf
    """Largest charging power, >= 0; 0 pauses, inf sets no limit."""
    discharge_w: float = 0.0
    """Largest discharging power, >= 0 (OCPP 2.1)."""
    setpoint_w: float | None = None
    """What to draw, negative: to feed back (OCPP 2.1; below 2.1 a further limit)."""
    phases: int = 0
    """1 or 3 to switch; 0 keeps what is."""
    valid_until_s: float = inf
    """When the wish ends; then `fallback_w` holds."""
    fallback_w: float = inf
    """What the station keeps to when nobody renews the wish; inf: wishes need no renewal."""

    def __post_init__(self) -> None:
        """Refuse what no station could obey.

        Raises:
            ValueError: A negative power, or a number of phases other than 0, 1, 2, 3.
        """
        if not (self.limit_w >= 0 and self.discharge_w >= 0 and self.fallback_w >= 0):
            raise ValueError(f"{self}: limits are not negative and not NaN")
        if self.phases not in (0, 1, 2, 3):
            raise ValueError(f"{self.phases} phases: expected 0 (keep), 1, 2 or 3")

    @property
    def charge_w(self) -> float:
        """Largest power that this wish lets a station draw."""
        return self.limit_w if self.setpoint_w is None else max(0.0, min(self.limit_w, self.setpoint_w))


NO_LIMIT = Limit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How one station wants its profiles written."""

    unit: Unit
    """W where it takes W."""
    phases: int = 3
    """In use: divides W into A."""
    voltage_v: float = 230.0
    """Between phase and neutral: divides W into A."""
    relative: bool = False
    """Only kind Relative is obeyed."""
    operation_modes: bool = False
    """Set-points and discharging cross the wire (OCPP 2.1)."""

    def written(self, power_w: float) -> float:
        """Return `power_w` in the unit of the wire, rounded down to its step; negative ones likewise towards 0."""
        if self.unit is Unit.A:
            power_w /= self.voltage_v * self.phases
        steps = floor(abs(power_w) / _STEP + 1e-9)
        return round(steps * _STEP, 1) * (1 if power_w >= 0 else -1)

    def watts(self, value: float) -> float:
        """Return what `value` on the wire means in W."""
        return value * self.voltage_v * self.phases if self.unit is Unit.A else value

    @property
    def smallest_w(self) -> float:
        """Power of the smallest pilot."""
        return SMALLEST_PILOT_A * self.voltage_v * self.phases


def profile_id(evse: int, purpose: Purpose, level: int) -> int:
    """Return the one id that profiles of ours have at a place: a later one replaces the earlier one.

    In 2.x a profile of the same purpose, level and EVSE under another id is refused (K01.FR.06, K01.FR.39);
    in 1.6 it replaces.
    """
    return evse * 1_000 + _SLOTS[purpose] * 100 + min(level, 98) + 1


def profile(
    limit: Limit,
    grammar: Grammar,
    *,
    evse: int,
    purpose: Purpose,
    level: int,
    now_s: float,
    expires_s: float = inf,
    transaction: str | None = None,
) -> ChargingProfile:
    """Write a wish as a profile.

    Args:
        limit: The wish; `limit_w` or a set-point is finite.
        grammar: How the station wants it.
        evse: Where it is set; 0 for the whole station.
        purpose: The purpose, `transaction` being needed with TxProfile, except in a remote start.
        level: Stack level, >= 0.
        now_s: When it begins.
        expires_s: When it ends of its own; inf: never.
        transaction: The running one.
    """
    ends = not isinf(expires_s)
    start_s = None if grammar.relative else now_s - START_EARLY_S
    return ChargingProfile(
        id=profile_id(evse, purpose, level),
        stack_level=level,
        purpose=purpose,
        kind=Kind.RELATIVE if grammar.relative else Kind.ABSOLUTE,
        schedule=Schedule(
            unit=grammar.unit,
            periods=(_period(limit, grammar),),
            start_s=start_s,
            duration_s=None if start_s is None or not ends else float(floor(expires_s - start_s)),
        ),
        valid_to_s=expires_s if ends else None,
        transaction=transaction,
        evse=evse,
        received_s=now_s,
    )


def _period(limit: Limit, grammar: Grammar) -> Period:
    """One step that never ends; operation modes as OCPP 2.1 part 2, Q, allows their fields."""
    phases = limit.phases or None
    if not grammar.operation_modes or (limit.setpoint_w is None and limit.discharge_w == 0):
        return Period(start_s=0.0, limit=grammar.written(limit.charge_w), phases=phases)
    most = None if isinf(limit.limit_w) else grammar.written(limit.limit_w)
    least = -grammar.written(limit.discharge_w) if limit.discharge_w else None
    if limit.setpoint_w is None:
        return Period(
            start_s=0.0, limit=most, discharge_limit=least, phases=phases, mode=Mode.EXTERNAL_LIMITS
        )
    return Period(
        start_s=0.0,
        limit=most,
        discharge_limit=least,
        setpoint=grammar.written(limit.setpoint_w),
        phases=phases,
        mode=Mode.CENTRAL_SETPOINT,
    )
