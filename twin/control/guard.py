"""The guard: makes a plan safe for the feeder, curtails no more than needed, and says why.

It solves the feeder with the planned limits of the coming interval. If a limit would break, it curtails
under linearised limits, the least urgent first (or everybody by the same share where nobody is more
urgent), and proves the result by a full solve. Stations round limits only down, so a safe plan stays safe.

What less charging cannot help is said, not fought: an over-voltage never curtails, and where base load alone
breaks a limit only the EVSEs that weigh on that element stop, because they would make it worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from twin.control.curtail import FREE, MATERIAL, by_urgency, equally
from twin.domain import grid as g
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.ids import Mask, Matrix, Rows, Vector
from twin.domain.ports import Grid

_AIM_PCT = 0.02
_AIM_PU = 2e-5
"""How far below a limit the linearised problem aims, so that its small error does not cost a round."""
_TINY = 1e-9
_HALVINGS = 12


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

    def event(self) -> dict[str, object]:
        """Return the columns `kind, subject, detail, value` of the table of events."""
        kilowatt = f"{self.curtailed_w / 1e3:.1f} kW less"
        if self.kind == g.NO_SOLUTION:
            detail = f"the plan has no solution: {kilowatt}"
        elif self.kind == g.LOW_VOLTAGE:
            detail = f"{self.kind}, {self.value_before:.4f} pu planned, limit {self.limit:g} pu: {kilowatt}"
        else:
            detail = f"{self.kind}, {self.value_before:.1f} % planned, limit {self.limit:g} %: {kilowatt}"
        return {"kind": "guard", "subject": self.element, "detail": detail, "value": self.curtailed_w}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What became of a plan.

    Attributes:
        limit_w: (n,) safe limits, never above the plan.
        reasons: Element that made the guard lower a row, by row.
        interventions: Those elements, the one that took most first.
        rounds: Curtailments tried; 0 where the plan was safe.
        fallback: Whether the linearised limits were not enough, so that all were scaled by one factor.
        helpless: Elements that stay outside their limits with every EVSE at zero, and over-voltages.
    """

    limit_w: Vector
    reasons: Mapping[int, str] = field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()
    rounds: int = 0
    fallback: bool = False
    helpless: tuple[str, ...] = ()


@dataclass(slots=True)
class _Case:
    """A plan that breaks a limit, on its way to a safe one. Constraints: branches, then buses."""

    start_s: float
    end_s: float
    wish_w: Vector
    """(n,) of the whole fleet, offline rows at what they may still draw."""
    fixed: Mask
    rows: Rows
    """Active rows that can be curtailed."""
    order: Rows | None
    """Most urgent first, indices into `rows`."""
    planned: GridState
    zero: GridState
    """With `rows` at zero."""


class Guard:
    """Protects a feeder. Pure but for the feeder's own model, which it asks.

    Args:
        grid: The feeder.
        fleet: EVSE rows; it reads which are offline and what their smallest pilots and steps are.
        margin_pct: Kept free below each limit: percent of a loading limit; for a voltage limit, percent of
            its distance to the nominal voltage.
        forecast: Base load of the coming interval: as in the closed one (persistence), or known (perfect).
        rounds: Curtailments under linearised limits before all are scaled by one factor.
    """

    def __init__(
        self,
        grid: Grid,
        fleet: Fleet,
        *,
        margin_pct: float = 3.0,
        forecast: Literal["persistence", "perfect"] = "persistence",
        rounds: int = 3,
    ) -> None:
        self._grid = grid
        self._fleet = fleet
        self._perfect = forecast == "perfect"
        self._rounds = rounds
        top = grid.topology
        self._lines = len(top.branches)
        keep = 1.0 - margin_pct / 100.0
        lowest_pu = 1.0 - (1.0 - top.vm_min_pu) * keep
        self._cap: Vector = np.concatenate([top.max_loading_pct * keep, -lowest_pu])
        self._aim: Vector = np.repeat([_AIM_PCT, _AIM_PU], [self._lines, len(top.buses)])
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
        if planned.converged and not (self._values(planned) > self._cap).any():
            return Guarded(limit_w=plan_w, helpless=self._too_high(planned))
        zero = self._solve(start_s, end_s, np.where(fixed, wish_w, 0.0))
        rows = np.flatnonzero((wish_w > 0.0) & ~fixed)
        case = _Case(start_s, end_s, wish_w, fixed, rows, _local(order, rows), planned, zero)
        if not zero.converged:
            return self._answer(case, plan_w, np.zeros(len(rows)), np.full(len(rows), FREE), 0, fallback=True)
        turn = round(now_s / period_s)
        return self._curtail(case, plan_w, turn)

    def _solve(self, start_s: float, end_s: float, limit_w: Vector) -> GridState:
        return self._grid.solve(start_s, end_s, limit_w * self._per_w + self._standby_w)

    def _values(self, state: GridState) -> Vector:
        """(m,) what the caps are compared with: loadings in %, then negated voltages in pu."""
        return np.concatenate([state.loading_pct, -state.vm_min_pu])

    def _too_high(self, state: GridState) -> tuple[str, ...]:
        top = self._grid.topology
        high = state.vm_max_pu > top.vm_max_pu
        if not np.count_nonzero(high):
            return ()
        return tuple(top.buses[i] for i in np.flatnonzero(high))

    def _curtail(self, case: _Case, plan_w: Vector, turn: int) -> Guarded:
        """Linearise, divide what is there, prove; after the last round, scale."""
        fleet, rows = self._fleet, case.rows
        wish_w, floor_w, step_w = case.wish_w[rows], fleet.min_w[rows], fleet.step_w[rows]
        unavoidable = self._values(case.zero)
        x, solved = (wish_w, case.planned) if case.planned.converged else (np.zeros(len(rows)), case.zero)
        reason = np.full(len(rows), FREE)
        accepted = np.maximum(self._cap, unavoidable)
        hopeless = unavoidable >= self._cap - self._aim
        for tried in range(1, self._rounds + 1):
            use, spent, aside = self._linearise(solved, rows, x, wish_w)
            accepted = np.maximum(self._cap, unavoidable + aside)
            headroom = accepted - self._aim - aside - (self._values(solved) - spent)
            headroom[hopeless] = 0.0
            binding = np.flatnonzero(use @ wish_w > headroom)
            limits = (np.ascontiguousarray(use[binding]), headroom[binding])
            if case.order is None:
                x, why = equally(*limits, wish_w, floor_w, turn)
            else:
                x, why = by_urgency(*limits, wish_w, floor_w, step_w, case.order)
            reason = np.where(why == FREE, FREE, binding[why] if len(binding) else FREE)
            solved = self._solve(case.start_s, case.end_s, self._whole(case, x))
            if solved.converged and not (self._values(solved) > accepted + _TINY).any():
                return self._answer(case, plan_w, x, reason, tried, fallback=False)
            if not solved.converged:
                x, solved = np.zeros(len(rows)), case.zero
        x = self._scale(case, x if x.any() else wish_w, accepted + _TINY)
        return self._answer(case, plan_w, x, reason, self._rounds, fallback=True)

    def _linearise(
        self, solved: GridState, rows: Rows, x: Vector, wish_w: Vector
    ) -> tuple[Matrix, Vector, Vector]:
        """Return what a W of each row takes from each limit, what `x` takes, and what must be set aside.

        A row whose effect on a limit is small beside that of others does not answer for it: what it could
        take is set aside. Otherwise a car far away would stop for a line it hardly touches.
        """
        answer = self._grid.sensitivity(solved, rows)
        effect = (
            np.concatenate([answer.dloading_pct_per_w, -answer.dvm_pu_per_w.min(axis=1)]) * self._per_w[rows]
        )
        effect = np.nan_to_num(effect)
        material = effect > MATERIAL * effect.max(axis=1, initial=0.0, keepdims=True)
        use = np.where(material, effect, 0.0)
        aside = np.where(material, 0.0, np.maximum(effect, 0.0)) @ wish_w
        return use, effect @ x, aside

    def _whole(self, case: _Case, x: Vector) -> Vector:
        limit_w = np.where(case.fixed, case.wish_w, 0.0)
        limit_w[case.rows] = x
        return limit_w

    def _scale(self, case: _Case, x: Vector, accepted: Vector) -> Vector:
        """Return the largest multiple of `x` found to be safe, floors applied; zero in the worst case."""
        floor_w = self._fleet.min_w[case.rows]
        best, low, high = np.zeros(len(x)), 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            scaled = np.where(x * middle >= floor_w, x * middle, 0.0)
            state = self._solve(case.start_s, case.end_s, self._whole(case, scaled))
            if state.converged and not (self._values(state) > accepted).any():
                best, low = scaled, middle
            else:
                high = middle
        return best

    def _answer(
        self, case: _Case, plan_w: Vector, x: Vector, reason: Rows, rounds: int, *, fallback: bool
    ) -> Guarded:
        top, planned, rows = self._grid.topology, case.planned, case.rows
        cut_w = case.wish_w[rows] - x
        cut = cut_w > 1e-6
        limit_w = plan_w.copy()
        limit_w[rows[cut]] = x[cut]
        values = self._values(planned)
        over = values - self._cap
        worst = int(np.nanargmax(over / np.abs(self._cap))) if planned.converged else FREE
        why = np.where(reason == FREE, worst, reason)
        found = []
        for c in np.unique(why[cut]).tolist():
            taken_w = float(cut_w[cut & (why == c)].sum())
            found.append(self._intervention(c, values, taken_w))
        found.sort(key=lambda i: (-i.curtailed_w, i.element))
        names = {c: self._intervention(c, values, 0.0).element for c in np.unique(why[cut]).tolist()}
        helpless = self._stays_out(case) if case.zero.converged else (top.name,)
        return Guarded(
            limit_w=limit_w,
            reasons={int(row): names[int(c)] for row, c in zip(rows[cut], why[cut], strict=True)},
            interventions=tuple(found),
            rounds=rounds,
            fallback=fallback,
            helpless=helpless,
        )

    def _intervention(self, constraint: int, values: Vector, taken_w: float) -> Intervention:
        top, i = self._grid.topology, constraint - self._lines
        if constraint == FREE:
            return Intervention(top.name, g.NO_SOLUTION, np.nan, np.nan, taken_w)
        if i >= 0:
            return Intervention(
                top.buses[i], g.LOW_VOLTAGE, -float(values[constraint]), float(top.vm_min_pu[i]), taken_w
            )
        kind = g.TRAFO_LOADING if top.is_trafo[constraint] else g.LINE_LOADING
        limit_pct = float(top.max_loading_pct[constraint])
        return Intervention(top.branches[constraint], kind, float(values[constraint]), limit_pct, taken_w)

    def _stays_out(self, case: _Case) -> tuple[str, ...]:
        return tuple(dict.fromkeys(b.element for b in g.broken(self._grid.topology, case.zero)))


def _local(order: Rows | None, rows: Rows) -> Rows | None:
    """Turn an order of fleet rows into one of indices into `rows`."""
    if order is None:
        return None
    place = {row: i for i, row in enumerate(rows.tolist())}
    known = [place.pop(row) for row in order.tolist() if row in place]
    return np.array(known + list(place.values()), dtype=np.int64)
