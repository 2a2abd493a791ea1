"""Where a limit is asked for, and what the answer holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twin.network.ocpp.profiles.model import Mode, Period, Unit
from twin.network.ocpp.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a limit is asked for, and what is known there."""

    version: Version
    evse: int
    """EVSE (2.x) or connector (1.6); 0: the whole station, of which `evses` are the parts."""
    phases: int = 3
    """Of the EVSE, 1..3."""
    phases_used: int | None = None
    """What the connected car draws on. None: not known; W are then divided by the profile's numberPhases
    (2.0.1 K01.FR.50), and a car on fewer phases gets less."""
    dc: bool = False
    voltage_v: float | None = 230.0
    """AC: nominal, line to neutral, not measured (1.6 7.12). DC: of the output. None: A and W do not convert."""
    max_a: float | None = None
    """Rating per phase; None: none."""
    max_w: float | None = None
    default_a: float | None = None
    """Reported where no profile limits (EVerest and others: 48 A, 33120 W); None: the rating alone."""
    default_w: float | None = None
    transaction: str | None = None
    """Id of the running one, which TxProfiles must name; None: none runs."""
    transaction_start_s: float | None = None
    """When energy could first flow (2.0.1: PowerPathClosed); None: a transaction would begin when asked."""
    priority: bool = False
    """Whether priority charging is active (2.1)."""
    offline_since_s: float | None = None
    evses: tuple[Context, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may flow at one instant."""

    limit_a: float | None
    """Per phase; None: no limit, or A and W do not convert."""
    limit_w: float | None
    """Of all phases; None: no limit, or A and W do not convert."""
    discharge_limit_w: float | None
    """<= 0; 0: discharging is not allowed; None: allowed without limit."""
    setpoint_w: float | None
    """What to follow, within the two limits; negative: discharge; None: none."""
    phases: int
    phase_to_use: int | None
    mode: Mode
    min_rate_w: float | None
    """minChargingRate of the transaction's profile: below it, power is better given to others (K01.FR.21)."""
    bound_by: tuple[int, ...]
    """Ids of the profiles that set the limit; empty: rating or default."""
    in_force: tuple[int, ...]
    """Ids of all profiles that lead now."""

    def limit(self, unit: Unit) -> float | None:
        """The limit in one unit."""
        return self.limit_a if unit is Unit.A else self.limit_w


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSchedule:
    """Periods without gaps from `start_s` on; limits, set-points and discharge limits in `unit`."""

    evse: int
    start_s: float
    duration_s: float
    unit: Unit
    periods: tuple[Period, ...]


def begin_s(context: Context, t_s: float) -> float:
    """When the transaction began; where none runs, it would now."""
    return t_s if context.transaction_start_s is None else context.transaction_start_s


def begun(context: Context, t_s: float) -> Context:
    """The same, with transactions that would begin now where none runs."""
    return replace(
        context,
        transaction_start_s=begin_s(context, t_s),
        evses=tuple(begun(part, t_s) for part in context.evses),
    )
