"""Find the operating point of a feeder whose units answer to their voltage.

Wanted are voltages v with v = V(f(v)): f is what the units do at v, V the power flow. With droops that never
push the voltage away the operating point is unique. Newton's method with the sensitivities of the unloaded
feeder and the curves' slopes of the moment finds it in a few power flows; a step that does not help is
halved. What does not settle that way is relaxed with a step that is short enough for any slope, and what
does not settle within a fixed number of power flows is reported as a droop oscillation, never passed off as
a solution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twin.domain.ids import Array, Mask, Matrix, Rows
from twin.errors import SolverError
from twin.grid.droop import Answer, Group

TOLERANCE = 1e-6
"""Units stand still when no set-point moves by more than this share of the rated apparent power."""
STILL_PU = 5e-9
"""So do they when their voltages move by no more than a power flow's own accuracy, however steep the curve."""
MAX_SOLVES = 200
_NEWTON_SOLVES = 120
_HALVINGS = 16
_PROBE_W = 1_000.0
"""Step of the sensitivities. Voltages are solved to 1e-9 pu: at low voltage they carry four digits."""


class Snapshot(Protocol):
    """What a power flow must tell."""

    @property
    def vm_pu(self) -> Matrix:
        """(nb, phases) voltage magnitudes."""
        ...

    @property
    def converged(self) -> bool:
        """Whether there is a solution."""
        ...


Flow = Callable[[Matrix, Matrix], "Snapshot"]
"""Solves with (nb, phases) active and reactive power drawn, in W and var."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An operating point, or the reason why there is none.

    Attributes:
        snapshot: Of the last power flow; solved with exactly the powers of `answers`.
        answers: What each group does.
        solves: Power flows used.
        problem: Empty where the units stand still, else `no solution` or `droop oscillation`.
    """

    snapshot: Snapshot
    answers: tuple[Answer, ...]
    solves: int
    problem: str


@dataclass(slots=True)
class _Point:
    """One power flow: the voltages that the units saw, and those that came of it."""

    seen: Matrix
    came: Matrix
    snapshot: Snapshot
    answers: tuple[Answer, ...]

    @property
    def gap(self) -> Matrix:
        return self.came - self.seen

    @property
    def size(self) -> float:
        return float(np.abs(self.gap).max(initial=0.0)) if self.snapshot.converged else np.inf


class Settler:
    """Settles the units of some buses of one feeder; keeps their sensitivities between calls.

    Args:
        flow: The power flow.
        buses: How many the feeder has.
        phases: 1 or 3.
        at: (k,) positions of the buses that can have units, ascending.
    """

    def __init__(self, flow: Flow, buses: int, phases: int, at: Rows) -> None:
        self._flow = flow
        self._shape = (buses, phases)
        self._at = at
        self._place: Rows = np.full(buses, -1, dtype=np.int64)
        self._place[at] = np.arange(len(at))
        self._effect: Array | None = None

    def settle(self, base: tuple[Matrix, Matrix], groups: Sequence[Group]) -> Settled:
        """Find the operating point.

        Args:
            base: (nb, phases) active and reactive power drawn by everything else, in W and var.
            groups: The units that answer; all at buses of `at`.

        Raises:
            SolverError: The feeder has no solution without any load.
        """
        count = 0

        def trial(seen: Matrix) -> _Point:
            nonlocal count
            count += 1
            return self._trial(base, groups, seen)

        point = trial(np.ones((len(self._at), self._shape[1])))
        if not point.snapshot.converged:  # where droop is the cure, it must be taken at once
            point = trial(np.zeros_like(point.seen))
        while point.snapshot.converged and not self._still(groups, point) and count < _NEWTON_SOLVES:
            step = self._newton(groups, point)
            better = _search(point, step, trial)
            if better is None:
                break
            point = better
        while point.snapshot.converged and not self._still(groups, point) and count < MAX_SOLVES:
            point = trial(point.seen + self._short(groups) * point.gap)
        problem = "" if point.snapshot.converged else "no solution"
        if not problem and not self._still(groups, point):
            problem = "droop oscillation"
        return Settled(snapshot=point.snapshot, answers=point.answers, solves=count, problem=problem)

    def _trial(self, base: tuple[Matrix, Matrix], groups: Sequence[Group], seen: Matrix) -> _Point:
        p_w, q_var = base[0].copy(), base[1].copy()
        vm_pu = np.ones(self._shape)
        vm_pu[self._at] = seen
        answers = tuple(group.answer(group.sees(vm_pu)) for group in groups)
        for group, answer in zip(groups, answers, strict=True):
            drawn_w, drawn_var = group.drawn(answer)
            np.add.at(p_w, group.bus, drawn_w)
            np.add.at(q_var, group.bus, drawn_var)
        snapshot = self._flow(p_w, q_var)
        return _Point(seen, snapshot.vm_pu[self._at], snapshot, answers)

    def _still(self, groups: Sequence[Group], point: _Point) -> bool:
        """Would every unit do at the voltages that came what it did at those it saw?"""
        if point.size <= STILL_PU:
            return True
        vm_pu = np.ones(self._shape)
        vm_pu[self._at] = point.came
        for group, did in zip(groups, point.answers, strict=True):
            would = group.answer(group.sees(vm_pu))
            room_va = TOLERANCE * group.rated_va
            if (np.abs(would.p_w - did.p_w) > room_va).any():
                return False
            if (np.abs(would.supplied_var - did.supplied_var) > room_va).any():
                return False
        return True

    def _newton(self, groups: Sequence[Group], point: _Point) -> Matrix:
        """Solve the linearised problem: only buses whose units are on a slope couple."""
        slopes = self._slopes(groups, point.seen)
        active: Mask = (slopes != 0.0).any(axis=(0, 2, 3))
        gap = point.gap
        if not active.any():
            return gap
        chain = np.einsum("kicbj,cbjl->kibl", self._effects()[:, :, :, active], slopes[:, active])
        width = int(active.sum()) * self._shape[1]
        square = np.eye(width) - chain[active].reshape(width, width)
        moved = np.linalg.solve(square, gap[active].ravel())
        return np.asarray(gap + (chain.reshape(gap.size, width) @ moved).reshape(gap.shape))

    def _slopes(self, groups: Sequence[Group], seen: Matrix) -> Array:
        """(2, k, phases, phases) change of P and Q drawn on a phase per pu of each phase's voltage."""
        phases = self._shape[1]
        out = np.zeros((2, len(self._at), phases, phases))
        vm_pu = np.ones(self._shape)
        vm_pu[self._at] = seen
        for group in groups:
            spread = group.shares[:, :, None] * group.shares[:, None, :]
            for total, slope in zip(out, group.slopes(group.sees(vm_pu)), strict=True):
                np.add.at(total, self._place[group.bus], spread * slope[:, None, None])
        return out

    def _short(self, groups: Sequence[Group]) -> float:
        """Return a step that contracts whatever the slopes: below 2 / (1 + the largest gain of the loop)."""
        steepest = np.zeros((2, len(self._at)))
        for group in groups:
            curves = (group.droop.volt_watt, group.droop.volt_var)
            ratings = (group.rated_w, group.rated_va)
            for total, curve, rated in zip(steepest, curves, ratings, strict=True):
                if curve is not None:
                    np.add.at(total, self._place[group.bus], curve.steepest * rated)
        gain = np.einsum("kicbj,cb->ki", np.abs(self._effects()), steepest)
        return 1.0 / (1.0 + float(gain.max(initial=0.0)))

    def _effects(self) -> Array:
        """(k, phases, 2, k, phases) change of voltage per W and var drawn at a bus and phase, unloaded."""
        if self._effect is None:
            self._effect = self._probe()
        return self._effect

    def _probe(self) -> Array:
        k, phases = len(self._at), self._shape[1]
        p_w, q_var = np.zeros(self._shape), np.zeros(self._shape)
        idle = self._flow(p_w, q_var)
        if not idle.converged:
            raise SolverError("the feeder has no solution without load: its units cannot settle")
        idle_pu = idle.vm_pu[self._at].copy()
        out = np.empty((k, phases, 2, k, phases))
        for c, power in enumerate((p_w, q_var)):
            for b, bus in enumerate(self._at.tolist()):
                for phase in range(phases):
                    power[bus, phase] = _PROBE_W
                    out[:, :, c, b, phase] = (self._flow(p_w, q_var).vm_pu[self._at] - idle_pu) / _PROBE_W
                    power[bus, phase] = 0.0
        return out


def _search(point: _Point, step: Matrix, trial: Callable[[Matrix], _Point]) -> _Point | None:
    """Return the first of the step and its halves that brings the voltages nearer to themselves."""
    length = 1.0
    for _ in range(_HALVINGS):
        found = trial(point.seen + length * step)
        if found.size < (1.0 - 0.1 * length) * point.size:
            return found
        length *= 0.5
    return None
