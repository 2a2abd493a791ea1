"""What the leading profiles of an EVSE allow together (rules 3 and 4 of `compose`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twin.network.ocpp.profiles.context import Allowed, Context
from twin.network.ocpp.profiles.leads import Lead
from twin.network.ocpp.profiles.model import Mode, Unit

DEFAULT_PHASES = 3
"""Where numberPhases is absent (1.6 7.12, 2.0.1 K01.FR.49)."""


class Bound(NamedTuple):
    """A limit in both units, inf where there is none, and who set it."""

    a: float
    w: float
    by: tuple[int, ...] = ()


_NONE = Bound(math.inf, math.inf)


class Leads(NamedTuple):
    """All leading profiles of an EVSE at an instant."""

    transaction: Lead | None
    generation: Lead | None
    outside: tuple[Lead, ...]
    station: Lead | None
    below: Bound = _NONE
    """Of the whole station: what its EVSEs may draw together."""

    def all(self) -> tuple[Lead, ...]:
        """Those that there are."""
        others = (self.transaction, self.generation, self.station)
        return self.outside + tuple(lead for lead in others if lead is not None)

    def allowed(self, context: Context) -> Allowed:
        """Return what they allow together."""
        limiting = tuple(lead for lead in self.all() if lead is not self.generation)
        phases = _phases(limiting, context)
        bound = self._bound(context, phases)
        if not bound.by:
            bound = lowest([bound, _convert(context.default_a, context.default_w, context, phases, ())])
        bound = _rated(bound, context, phases)
        mode = self.transaction.period.mode if self.transaction else Mode.CHARGING_ONLY
        if mode is Mode.IDLE:  # 2.1 OperationModeEnumType: neither charge nor discharge
            bound = Bound(0.0, 0.0, (self.transaction.profile.id,) if self.transaction else ())
        discharge_w = self._discharge_w(context, mode)
        return Allowed(
            limit_a=known(bound.a),
            limit_w=known(bound.w),
            discharge_limit_w=discharge_w,
            setpoint_w=self._setpoint_w(context, mode, bound.w, discharge_w),
            phases=phases,
            phase_to_use=_phase_to_use(limiting) if phases == 1 else None,
            mode=mode,
            min_rate_w=self._min_rate_w(context, phases),
            bound_by=bound.by,
            in_force=tuple(sorted(lead.profile.id for lead in self.all())),
        )

    def _bound(self, context: Context, phases: int) -> Bound:
        """Rules 3 and 4: the lowest of all (1.6 3.13.3), with what is generated on site on top."""
        limits = (_limit(lead, context, phases) for lead in (self.transaction, *self.outside))
        inner = lowest([self.below, *limits])
        inner = _added(inner, _limit(self.generation, context, phases))
        return lowest([inner, _limit(self.station, context, phases)])

    def _discharge_w(self, context: Context, mode: Mode) -> float | None:
        """The one nearest to 0; modes that only charge, or rest, allow none (2.1 OperationModeEnumType)."""
        if mode in {Mode.CHARGING_ONLY, Mode.IDLE}:
            return 0.0
        given = (
            _sum_w(lead.period.discharge_limit, lead.profile.schedule.unit, context) for lead in self.all()
        )
        nearest = [w for w in given if w is not None]
        if context.max_w is not None:
            nearest.append(-context.max_w)
        return max(nearest, default=None)

    def _setpoint_w(
        self, context: Context, mode: Mode, limit_w: float, discharge_w: float | None
    ) -> float | None:
        """The transaction's set-point, or with ExternalSetpoint that of the outside (2.1 Q05), within the limits."""
        if mode in {Mode.CHARGING_ONLY, Mode.IDLE}:
            return None
        sources = self.outside if mode is Mode.EXTERNAL_SETPOINT else (self.transaction,)
        given = (
            _sum_w(lead.period.setpoint, lead.profile.schedule.unit, context) for lead in sources if lead
        )
        found = [w for w in given if w is not None]
        if not found:
            return None
        floor_w = -math.inf if discharge_w is None else discharge_w
        return min(max(min(found), floor_w), limit_w)

    def _min_rate_w(self, context: Context, phases: int) -> float | None:
        if self.transaction is None or self.transaction.profile.schedule.min_rate is None:
            return None
        schedule = self.transaction.profile.schedule
        return known(_in_both(schedule.min_rate, schedule.unit, context, phases, ()).w)


def _phases(leads: Iterable[Lead], context: Context) -> int:
    """The lowest numberPhases of the leading profiles (2.1 K 3.8), and never more than there are or are used.

    A profile for more phases than that is obeyed on those there are, with the limit as it is given (1.6 errata
    3.34, 2.0.1 K01.FR.45).
    """
    if context.dc:
        return context.phases
    most = min(context.phases, context.phases_used or context.phases)
    return min([most, *(DEFAULT_PHASES if n is None else n for n in (lead.period.phases for lead in leads))])


def _phase_to_use(leads: Iterable[Lead]) -> int | None:
    """2.0.1 K01.FR.46; two that differ are refused before (2.1 K 3.8)."""
    return next((lead.period.phase_to_use for lead in leads if lead.period.phase_to_use), None)


def _limit(lead: Lead | None, context: Context, phases: int) -> Bound:
    if lead is None:
        return _NONE
    return _in_both(lead.period.limit, lead.profile.schedule.unit, context, phases, (lead.profile.id,))


def _in_both(value: float | None, unit: Unit, context: Context, phases: int, by: tuple[int, ...]) -> Bound:
    """A is per phase, W of all phases (2.0.1 K01.FR.50, .51)."""
    if value is None:
        return _NONE
    return _convert(value if unit is Unit.A else None, value if unit is Unit.W else None, context, phases, by)


def _convert(a: float | None, w: float | None, context: Context, phases: int, by: tuple[int, ...]) -> Bound:
    """Fill in the other unit: W = A x line voltage x number of phases (1.6 7.12, 2.0.1 K01.FR.50)."""
    out_a, out_w = math.inf if a is None else a, math.inf if w is None else w
    per_a = _w_per_a(context, phases)
    if per_a is None:
        return Bound(out_a, out_w, by)
    return Bound(min(out_a, out_w / per_a), min(out_w, out_a * per_a), by)


def _w_per_a(context: Context, phases: int) -> float | None:
    if context.voltage_v is None:
        return None
    return context.voltage_v if context.dc else context.voltage_v * phases


def _sum_w(value: float | None, unit: Unit, context: Context) -> float | None:
    """Set-points and discharge limits are of all phases together in A too (2.1 ChargingSchedulePeriodType)."""
    if value is None or unit is Unit.W:
        return value
    return None if context.voltage_v is None else value * context.voltage_v


def lowest(bounds: Sequence[Bound]) -> Bound:
    """The minimum in each unit (1.6 3.13.3), bound by all that reach it."""
    a, w = min(b.a for b in bounds), min(b.w for b in bounds)
    by = {i for b in bounds for i in b.by if (b.a == a < math.inf) or (b.w == w < math.inf)}
    return Bound(a, w, tuple(sorted(by)))


def _added(bound: Bound, more: Bound) -> Bound:
    """2.1 LocalGeneration: on top of a limit; where there is none, there still is none."""
    a, w = (
        x + (y if y < math.inf else 0.0) for x, y in ((bound.a, more.a), (bound.w, more.w))
    )  # what does not convert adds nothing
    return Bound(a, w, tuple(sorted({*bound.by, *more.by})))


def _rated(bound: Bound, context: Context, phases: int) -> Bound:
    """Rule 4: local limits count (1.6 5.7)."""
    return lowest([bound, _convert(context.max_a, context.max_w, context, phases, ())])


def known(value: float) -> float | None:
    """None where there is no limit."""
    return None if value == math.inf else value
