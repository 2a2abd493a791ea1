"""The guard: makes a plan safe for the feeder, curtails no more than needed, and says why.

It solves the feeder with the planned limits of the coming interval. If a limit would break, it curtails under
linearised limits by a rule of `twin.control.guard_rules`, and proves the result by a full solve. Stations round
limits only down; where a row relieves others, what it gets is a whole step already.

What less charging cannot help is said, not fought. A limit that base load or generation breaks alone may get no
worse: only EVSEs that weigh on it stop. What relieves it (charging under an over-voltage, or on the phase that
carries less) is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from twin.control.curtail_lp import FREE
from twin.control.guard_limits import Linear, Watch, answers_for
from twin.control.guard_rules import Division, Rule, Wishes, divide
from twin.domain import grid as g
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.ids import Mask, Rows, Vector
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid

_TINY = 1e-9
_HALVINGS = 12
_APPROACHES = 4
_NEAR = (0.9, 1.5)
"""Use of what is there, by a state that is near enough to the limits to be linearised."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One element that made the guard curtail."""

    element: str
    kind: str
    """As in `twin.domain.grid.broken`."""
    value_before: float
    """pu or % at the planned limits; NaN where these have no solution."""
    limit: float
    """pu or %, without the margin; NaN where there is no solution."""
    curtailed_w: float
    """Taken from the rows for which this element was the reason, at the connectors."""
    below_floor: bool = False
    """Whether even the guaranteed floors of all break this limit, so that rows went below theirs."""

    def event(self) -> dict[str, object]:
        """Return the columns `kind, subject, detail, value` of the table of events."""
        return {"kind": "guard", "subject": self.element, "detail": self._detail(), "value": self.curtailed_w}

    def _detail(self) -> str:
        less = f"{self.curtailed_w / 1e3:.1f} kW less"
        if self.below_floor:
            less += ", below the floor: even all floors break the limit"
        if self.kind == g.NO_SOLUTION:
            return f"the plan has no solution: {less}"
        unit, digits = "%", 1
        if self.kind in {g.LOW_VOLTAGE, g.HIGH_VOLTAGE}:
            unit, digits = "pu", 4
        elif self.kind == g.UNBALANCE:
            digits = 2
        planned = "no solution planned"
        if not np.isnan(self.value_before):
            planned = f"{self.value_before:.{digits}f} {unit} planned"
        return f"{self.kind}, {planned}, limit {self.limit:g} {unit}: {less}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What became of a plan.

    Attributes:
        limit_w: (n,) safe limits, never above the plan.
        reasons: Element that made the guard lower a row, by row.
        interventions: Those elements, the one that took most first.
        rounds: Curtailments tried; 0 where the plan was safe.
        fallback: Whether the linearised limits were not enough, so that all were scaled by one factor.
        helpless: Elements that stay outside their limits with these limits, because less charging does not
            help them, or too little.
        below_floor: Elements whose limits even the guaranteed floors of all break.
    """

    limit_w: Vector
    reasons: Mapping[int, str] = field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()
    rounds: int = 0
    fallback: bool = False
    helpless: tuple[str, ...] = ()
    below_floor: tuple[str, ...] = ()


@dataclass(slots=True)
class _Case:
    """A plan that breaks a limit, on its way to a safe one."""

    start_s: float
    end_s: float
    wish_w: Vector
    """(n,) of the whole fleet, offline rows at what they may still draw."""
    fixed: Mask
    rows: Rows
    """Active rows that can be curtailed."""
    wishes: Wishes
    """Of `rows`."""
    planned: GridState
    zero: GridState
    """With `rows` at zero."""


@dataclass(slots=True)
class _Found:
    """A safe answer: (k,) powers of the rows of a case, the limits behind them, and the state they lead to."""

    power_w: Vector
    reason: Rows
    below_floor: Rows
    state: GridState
    rounds: int
    fallback: bool


class Guard:
    """Protects a feeder. Pure but for the feeder's own model, which it asks.

    Args:
        grid: The feeder.
        fleet: EVSE rows; it reads which are offline, their phases in use, smallest pilots and steps.
        margin_pct: Kept free below each limit: percent of a loading or unbalance limit; for a voltage limit,
            percent of its distance to the nominal voltage.
        forecast: Base load of the coming interval: as in the closed one (persistence), or known (perfect).
        rounds: Curtailments under linearised limits before all are scaled by one factor.
        rule: How a curtailment is divided.
        floor_w: Power that every EVSE is guaranteed, in W at the connector, raised to what its pilot can
            signal; 0: none. Below it the guard goes only where even the floors of all break a limit.
    """

    def __init__(
        self,
        grid: Grid,
        fleet: Fleet,
        *,
        margin_pct: float = 3.0,
        forecast: Literal["persistence", "perfect"] = "persistence",
        rounds: int = 3,
        rule: Rule = "least-curtailment",
        floor_w: float = 0.0,
    ) -> None:
        self._grid = grid
        self._fleet = fleet
        self._perfect = forecast == "perfect"
        self._rounds = rounds
        self._rule: Rule = rule
        self._floor_w = floor_w
        self._watch = Watch(grid.topology, margin_pct)
        self._shares = PhaseShares(fleet.specs) if grid.topology.phases == 3 else None
        self._per_w: Vector = 1.0 / np.array([s.efficiency for s in fleet.specs])
        self._standby_w: Vector = np.array([s.standby_w for s in fleet.specs])

    def protect(self, now_s: float, period_s: float, plan_w: Vector, *, order: Rows | None = None) -> Guarded:
        """Return safe limits for [now, now + period].

        Args:
            now_s: Instant of the decision.
            period_s: How long it stands.
            plan_w: (n,) planned limits at the connectors of the whole fleet.
            order: Rows of the fleet, most urgent first; rows that it lacks come last. None: all are equal.
        """
        start_s, end_s = (now_s, now_s + period_s) if self._perfect else (max(now_s - period_s, 0.0), now_s)
        fleet = self._fleet
        fixed = fleet.offline > 0.0
        wish_w = np.minimum(plan_w, fleet.max_w)
        if fixed.any():
            wish_w = np.where(fixed, np.minimum(fleet.limit_w, fleet.max_w) * (fleet.plugged > 0.0), wish_w)
        planned = self._solve(start_s, end_s, wish_w)
        values = self._watch.values(planned)
        if planned.converged and not (values > self._watch.cap).any():
            return Guarded(limit_w=plan_w)
        zero = self._solve(start_s, end_s, np.where(fixed, wish_w, 0.0))
        if planned.converged and zero.converged:
            accepted = np.maximum(self._watch.cap, self._watch.values(zero))
            if not (values > accepted).any():  # charging is not what breaks a limit
                return Guarded(limit_w=plan_w, helpless=self._outside(planned))
        rows = np.flatnonzero((wish_w > 0.0) & ~fixed)
        wishes = self._wishes(rows, wish_w[rows], order, round(now_s / period_s))
        case = _Case(start_s, end_s, wish_w, fixed, rows, wishes, planned, zero)
        if zero.converged:
            return self._answer(case, plan_w, self._curtail(case))
        nothing = np.zeros(len(rows), dtype=np.int64)
        found = _Found(np.zeros(len(rows)), nothing + FREE, nothing[:0], zero, 0, fallback=True)
        return self._answer(case, plan_w, found)

    def _solve(self, start_s: float, end_s: float, limit_w: Vector) -> GridState:
        grid_w = limit_w * self._per_w + self._standby_w
        if self._shares is None:
            return self._grid.solve(start_s, end_s, grid_w)
        return self._grid.solve(start_s, end_s, self._shares.split(grid_w, self._fleet.phases))

    def _wishes(self, rows: Rows, wish_w: Vector, order: Rows | None, turn: int) -> Wishes:
        fleet = self._fleet
        pilot_w, step_w = fleet.min_w[rows], fleet.step_w[rows]
        floor_w = np.zeros(len(rows))
        if self._floor_w > 0.0:
            floor_w = np.maximum(self._floor_w, pilot_w)
            whole = np.where(step_w > 0.0, step_w, 1.0)
            floor_w = np.where(step_w > 0.0, np.ceil(floor_w / whole - 1e-9) * whole, floor_w)
        return Wishes(wish_w, pilot_w, step_w, np.minimum(floor_w, wish_w), _local(order, rows), turn)

    def _curtail(self, case: _Case) -> _Found:
        """Linearise, divide what is there, prove; after the last round, scale."""
        watch, wishes = self._watch, case.wishes
        unavoidable = watch.values(case.zero)
        x, solved = self._near(case, unavoidable)
        known = self._phase_by_phase(case, x, unavoidable)
        reason, below = np.full(len(case.rows), FREE), np.zeros(0, dtype=np.int64)
        accepted = np.maximum(watch.cap, unavoidable)
        for tried in range(1, self._rounds + 1):
            linear, accepted = self._linearise(case, solved, x, unavoidable)
            known = (
                linear if known is None or self._shares is None else linear.joined(known.corrected(linear, x))
            )
            # The last round only takes away from the one before: a small step has a smaller error still.
            last = tried > 1
            division = divide(self._rule, known, wishes, most_w=x if last else wishes.wish_w)
            if not division.found:
                break
            x, (reason, below) = division.power_w, _named(division, known)
            solved = self._solve(case.start_s, case.end_s, self._whole(case, x))
            if solved.converged and not (watch.values(solved) > accepted + _TINY).any():
                return _Found(x, reason, below, solved, tried, fallback=False)
            if not solved.converged:
                x, solved = np.zeros(len(case.rows)), case.zero
        x, solved = self._scale(case, x if x.any() else wishes.wish_w, accepted + _TINY)
        return _Found(x, reason, below, solved, self._rounds, fallback=True)

    def _near(self, case: _Case, unavoidable: Vector) -> tuple[Vector, GridState]:
        """Return a share of the plan, not far outside the limits, and its state: where to linearise first.

        What charging adds grows faster than the charging: a plan five times too large says little about the
        feeder at its limits. Dividing it by how many times too large it is lands on the safe side.
        """
        watch, wish_w = self._watch, case.wishes.wish_w
        spare = np.where(watch.cap > unavoidable, watch.cap - unavoidable, np.inf)
        share, state = 1.0, case.planned
        for _ in range(_APPROACHES):
            if state.converged:
                excess = float(np.nanmax((watch.values(state) - unavoidable) / spare))
                if _NEAR[0] < excess < _NEAR[1] or (share >= 1.0 and excess < _NEAR[1]):
                    break
                share = min(share / max(excess, 0.1), 1.0)
            else:
                share *= 0.5
            state = self._solve(case.start_s, case.end_s, self._whole(case, share * wish_w))
        return (share * wish_w, state) if state.converged else (np.zeros_like(wish_w), case.zero)

    def _phase_by_phase(self, case: _Case, x: Vector, unavoidable: Vector) -> Linear | None:
        """Linearise with the cars of one phase alone, for each phase; nothing for a symmetric feeder.

        The loading of a line is that of its most loaded phase, and only that one is linearised at a state:
        without this, a phase would show only after the one before it has been curtailed, round by round.
        """
        known: Linear | None = None
        if self._shares is None:
            return known
        on = self._shares.of(self._fleet.phases)[case.rows] > 0.0
        if on.all():
            return known
        for phase in range(on.shape[1]):
            alone = np.where(on[:, phase], x, 0.0)
            state = self._solve(case.start_s, case.end_s, self._whole(case, alone))
            if state.converged:
                linear, _ = self._linearise(case, state, alone, unavoidable)
                known = linear if known is None else known.joined(linear)
        return known

    def _linearise(
        self, case: _Case, solved: GridState, x: Vector, unavoidable: Vector
    ) -> tuple[Linear, Vector]:
        """Linearise around `solved`, where the rows draw `x`.

        Returns:
            The limits that could bind, and (m,) what a solve may show: the caps, or what base load and the
            rows that do not answer for a limit make of it.
        """
        watch, wish_w = self._watch, case.wishes.wish_w
        shares = None if self._shares is None else self._shares.of(self._fleet.phases)[case.rows]
        answer = self._grid.sensitivity(solved, case.rows, shares)
        effect = watch.effects(answer) * self._per_w[case.rows]
        taken = np.maximum(effect, 0.0)
        material = answers_for(effect)
        aside = np.where(material, 0.0, taken) @ wish_w
        accepted = np.maximum(watch.cap, unavoidable + aside)
        room = accepted - watch.aim - (watch.values(solved) - effect @ x)
        room[unavoidable >= watch.cap - watch.aim] = 0.0
        room = np.maximum(room, aside)
        could = np.flatnonzero(taken @ wish_w > room)
        linear = Linear(
            effect=effect[could],
            room=room[could],
            aside=aside[could],
            material=material[could],
            limit=could,
        )
        return linear, accepted

    def _whole(self, case: _Case, x: Vector) -> Vector:
        limit_w = np.where(case.fixed, case.wish_w, 0.0)
        limit_w[case.rows] = x
        return limit_w

    def _scale(self, case: _Case, x: Vector, accepted: Vector) -> tuple[Vector, GridState]:
        """Return the largest multiple of `x` found to be safe, and its state; zero in the worst case.

        Where guaranteed floors and smallest pilots are safe, only what is above them is scaled.
        """
        wishes = case.wishes
        least_w = np.minimum(np.maximum(wishes.floor_w, wishes.pilot_w), x)
        best, found, kept = np.zeros(len(x)), case.zero, np.zeros(len(x))
        state = self._solve(case.start_s, case.end_s, self._whole(case, least_w))
        if self._safe(state, accepted):
            best, found, kept = least_w, state, least_w
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            scaled = kept + (x - kept) * middle
            scaled = np.where(scaled >= np.minimum(wishes.pilot_w, wishes.wish_w), scaled, 0.0)
            state = self._solve(case.start_s, case.end_s, self._whole(case, scaled))
            if self._safe(state, accepted):
                best, found, low = scaled, state, middle
            else:
                high = middle
        return best, found

    def _safe(self, state: GridState, accepted: Vector) -> bool:
        return state.converged and not (self._watch.values(state) > accepted).any()

    def _answer(self, case: _Case, plan_w: Vector, found: _Found) -> Guarded:
        rows, x = case.rows, found.power_w
        cut_w = case.wishes.wish_w - x
        cut = cut_w > 1e-6
        limit_w = plan_w.copy()
        limit_w[rows[cut]] = x[cut]
        values = self._watch.values(case.planned)
        why = np.where(found.reason == FREE, self._worst(case.planned, values), found.reason)
        below = frozenset(self._name(c) for c in found.below_floor.tolist())
        named: dict[tuple[str, str], Intervention] = {}
        for c in np.unique(why[cut]).tolist():
            one = self._intervention(c, values, float(cut_w[cut & (why == c)].sum()), below)
            key = (one.element, one.kind)
            named[key] = one if key not in named else _worse(named[key], one)
        names = {c: self._name(c) for c in np.unique(why[cut]).tolist()}
        return Guarded(
            limit_w=limit_w,
            reasons={int(row): names[int(c)] for row, c in zip(rows[cut], why[cut], strict=True)},
            interventions=tuple(sorted(named.values(), key=lambda i: (-i.curtailed_w, i.element, i.kind))),
            rounds=found.rounds,
            fallback=found.fallback,
            helpless=self._outside(found.state),
            below_floor=tuple(sorted(below)),
        )

    def _worst(self, planned: GridState, values: Vector) -> int:
        """The limit that the plan breaks most, relative to its size; FREE without a solution."""
        if not planned.converged:
            return FREE
        cap = self._watch.cap
        return int(np.nanargmax((values - cap) / np.abs(cap)))

    def _name(self, limit: int) -> str:
        return self._grid.topology.name if limit == FREE else self._watch.element(limit).name

    def _intervention(
        self, limit: int, values: Vector, taken_w: float, below: frozenset[str]
    ) -> Intervention:
        if limit == FREE:
            return Intervention(self._name(limit), g.NO_SOLUTION, np.nan, np.nan, taken_w)
        name, kind, bound, sign = self._watch.element(limit)
        return Intervention(name, kind, sign * float(values[limit]), bound, taken_w, name in below)

    def _outside(self, state: GridState) -> tuple[str, ...]:
        return tuple(dict.fromkeys(b.element for b in g.broken(self._grid.topology, state)))


def _named(division: Division, known: Linear) -> tuple[Rows, Rows]:
    """Reasons and limits below the floors as indices into the values of `Watch`."""
    reason = division.reason
    if not len(known.limit):
        return reason, known.limit
    return np.where(reason == FREE, FREE, known.limit[reason]), np.unique(known.limit[division.below_floor])


def _worse(one: Intervention, other: Intervention) -> Intervention:
    """Two phases of a bus, or both, as one intervention: the value that is further out."""
    low = one.kind == g.LOW_VOLTAGE
    value = (min if low else max)(one.value_before, other.value_before)
    return Intervention(
        one.element,
        one.kind,
        value,
        one.limit,
        one.curtailed_w + other.curtailed_w,
        one.below_floor or other.below_floor,
    )


def _local(order: Rows | None, rows: Rows) -> Rows | None:
    """Turn an order of fleet rows into one of indices into `rows`."""
    if order is None:
        return None
    place = {row: i for i, row in enumerate(rows.tolist())}
    known = [place.pop(row) for row in order.tolist() if row in place]
    return np.array(known + list(place.values()), dtype=np.int64)
