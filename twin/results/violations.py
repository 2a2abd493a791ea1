"""From broken limits per solve to maximal intervals per (element, kind), with the sessions behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.domain.grid import (
    HIGH_VOLTAGE,
    LOW_VOLTAGE,
    NO_SOLUTION,
    UNBALANCE,
    Broken,
    GridState,
    GridTopology,
    broken,
)
from twin.domain.ids import Array, Mask, Vector
from twin.results.schema import PHASE_NAMES
from twin.results.wiring import Wiring

_SECONDS_PER_MINUTE = 60.0
_NEIGHBOUR = 0.25
"""How much the voltage of a phase rises for one that another phase falls by its own power: a load lifts the other
two through the neutral. With z0 = 4 z1, as for four-core cables, mutual is half of self impedance
(z_s = (z0 + 2 z1) / 3, z_m = (z0 - z1) / 3), and the other phases stand at 120 degrees: 1/2 * cos 60 degrees."""
_EQUAL_PU = 1e-9
"""Voltages that differ by less than what power flows are solved to are equal."""
_ROUNDING = 1e-9
_VOLTAGES = frozenset({LOW_VOLTAGE, HIGH_VOLTAGE, UNBALANCE})
_Key = tuple[str, str]


@dataclass(slots=True)
class _Open:
    """An interval that may still grow."""

    start_s: float
    end_s: float
    worst: float
    limit: float
    draws_wh: Vector
    """(n,) what the present session of each EVSE behind the element added to it, while the limit was broken."""
    left_wh: dict[str, float] = field(default_factory=dict)
    """The same for sessions that have given way to another."""
    phase: int | None = None
    """Of the worst value."""
    problems: list[str] = field(default_factory=list)
    """Why there is no solution, each reason once, in order."""
    without_charging: bool = False
    by_charging_s: float = 0.0

    def give_way(self, row: int, session: str) -> None:
        """Put the draw of an EVSE down to its session, before the next one begins."""
        if self.draws_wh[row] > 0.0:
            self.left_wh[session] = self.left_wh.get(session, 0.0) + float(self.draws_wh[row])
            self.draws_wh[row] = 0.0

    def explain(self, problem: str) -> None:
        """Note why there is no solution; that there is none says the kind already."""
        if problem not in {"", NO_SOLUTION, *self.problems}:
            self.problems.append(problem)

    def row(self, element: str, kind: str, sessions: Sequence[str]) -> dict[str, object]:
        """The row of the table."""
        for row in np.flatnonzero(self.draws_wh).tolist():
            self.give_way(row, sessions[row])
        ranked = sorted((-energy_wh, session) for session, energy_wh in self.left_wh.items() if session)
        return {
            "element": element,
            "kind": kind,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "worst": self.worst,
            "limit": self.limit,
            "phase": None if self.phase is None else PHASE_NAMES[self.phase],
            "detail": "; ".join(self.problems) or None,
            "without_charging": self.without_charging,
            "minutes_by_charging": self.by_charging_s / _SECONDS_PER_MINUTE,
            "sessions": " ".join(session for _, session in ranked),
        }


def _unbalancing(vm_pu: Vector) -> Vector:
    """(3,) by how much 1 Wh drawn on each phase adds to the unbalance; -1 to 1, they sum to 0.

    The deviations d of the three magnitudes from their mean hold the negative and the conjugate of the zero
    sequence: sum of a^k d_k = 3/2 (V2 + V0*), a = exp(j 120 degrees). A load of power p_k per phase at unity
    power factor adds -(z2 + z0*) I2 to that, I2 = sum of a^k p_k / 3, and z2 + z0* is nearly real, for the
    reactances cancel in part. So a load adds to the unbalance as far as sum of -d_k p_k is positive: it draws on
    the phases that are low already.
    """
    below = vm_pu.mean() - vm_pu
    most = float(np.abs(below).max())
    return np.asarray(below / most) if most > _EQUAL_PU else np.zeros(3)


class ViolationTracker:
    """Watches every solve; a violation becomes a row when it is over.

    A solve stands for the time since the solve before it, so that intervals of consecutive solves touch.

    Args:
        topology: The feeder.
        evse_buses: Bus of each EVSE, in row order; None where it has none.

    Attributes:
        begun: How many intervals began so far.
    """

    def __init__(self, topology: GridTopology, evse_buses: Sequence[str | None]) -> None:
        self._topology = topology
        self._bus_of = {bus: i for i, bus in enumerate(topology.buses)}
        self._evse_buses = tuple(evse_buses)
        self._sessions = [""] * len(self._evse_buses)
        self._open: dict[_Key, _Open] = {}
        self._since_s = 0.0
        self.begun = 0
        self._wirings: dict[bytes, Wiring] = {}

    def session_of_row(self, row: int, session: str | None) -> None:
        """Name the session of an EVSE from now on.

        None leaves the last one in place: until the next car comes, it drew whatever was drawn.
        """
        if session is None:
            return
        for interval in self._open.values():
            interval.give_way(row, self._sessions[row])
        self._sessions[row] = session

    def solved(
        self, t_s: float, state: GridState, without_evs: GridState | None, drawn_wh: Vector
    ) -> tuple[list[dict[str, object]], int, int]:
        """Take one solve.

        Args:
            t_s: End of the solved interval.
            state: The solution.
            without_evs: The same instant with every EVSE at zero. None: not solved, and what is broken
                counts as caused by charging as soon as any EVSE draws.
            drawn_wh: What each EVSE drew since the solve before, at its connector: (n,), or (n, 3) by phase
                where each phase is solved.

        Returns:
            Rows of the violations that ended before this interval, how many limits are broken now, and
            how many of these would be kept without charging.
        """
        start_s, self._since_s = self._since_s, t_s
        found = broken(self._topology, state)
        if not found and not self._open:
            return [], 0, 0
        now = {(item.element, item.kind) for item in found}
        anyway = self._broken_anyway(now, state, without_evs)
        ended = [self._open.pop(key).row(*key, self._sessions) for key in list(self._open) if key not in now]
        for item in found:
            interval = self._grow(item, start_s, t_s)
            if item.kind == NO_SOLUTION:
                interval.explain(state.problem)
            if (item.element, item.kind) in anyway:
                interval.without_charging = True
            else:
                interval.by_charging_s += t_s - start_s
            behind_wh = np.maximum(self._raised_by(item, state, drawn_wh), 0.0)
            interval.draws_wh += np.where(self._behind(item.element, state), behind_wh, 0.0)
        return ended, len(now), len(now - anyway)

    def close(self) -> list[dict[str, object]]:
        """Rows of the violations that the end of the run cuts off."""
        rows = [interval.row(*key, self._sessions) for key, interval in self._open.items()]
        self._open = {}
        return rows

    def _broken_anyway(self, now: set[_Key], state: GridState, without_evs: GridState | None) -> set[_Key]:
        if without_evs is None:
            return set() if state.ev_w != 0.0 else now
        if not without_evs.converged:  # nothing is kept without charging either
            return now
        return {(item.element, item.kind) for item in broken(self._topology, without_evs)}

    def _grow(self, item: Broken, start_s: float, t_s: float) -> _Open:
        interval = self._open.get((item.element, item.kind))
        if interval is None:
            self.begun += 1
            draws_wh = np.zeros(len(self._evse_buses))
            interval = _Open(start_s, t_s, item.value, item.limit, draws_wh, phase=item.phase)
            self._open[item.element, item.kind] = interval
        else:
            farther = item.value < interval.worst if item.kind == LOW_VOLTAGE else item.value > interval.worst
            if farther:
                interval.worst, interval.phase = item.value, item.phase
            interval.end_s = t_s
        return interval

    def _raised_by(self, item: Broken, state: GridState, drawn_wh: Array) -> Vector:
        """(n,) how much of each EVSE's draw moved a value to where it is; negative where it moved it back."""
        if item.kind not in _VOLTAGES or drawn_wh.ndim == 1:
            total_wh: Vector = drawn_wh if drawn_wh.ndim == 1 else drawn_wh.sum(axis=1)
            # A voltage that is too high comes from those who inject: to draw lowers it.
            return -total_wh if item.kind == HIGH_VOLTAGE else total_wh
        vm_pu = state.vm_pu[self._bus_of[item.element]]
        weights: Vector
        if item.kind == UNBALANCE:
            weights = _unbalancing(vm_pu)
        else:
            low = item.kind == LOW_VOLTAGE
            weights = np.full(3, -_NEIGHBOUR if low else _NEIGHBOUR)
            weights[int(np.argmin(vm_pu) if low else np.argmax(vm_pu))] = 1.0 if low else -1.0
        raised_wh: Vector = drawn_wh @ weights
        # What is drawn evenly raises nothing, whatever the last digit says.
        raised_wh[np.abs(raised_wh) <= _ROUNDING * np.abs(drawn_wh).sum(axis=1)] = 0.0
        return raised_wh

    def _behind(self, element: str, state: GridState) -> Mask:
        # A solution tells which branches are in service; without one every EVSE counts anyway.
        in_service = ~np.isnan(state.loading_pct)
        if not state.converged:
            return Wiring(self._topology, in_service, self._evse_buses).behind(element)
        known = in_service.tobytes()
        if known not in self._wirings:
            self._wirings[known] = Wiring(self._topology, in_service, self._evse_buses)
        return self._wirings[known].behind(element)
