"""What the guard watches: every limit of a feeder as one vector, and its linearised form.

Order: loading of each branch in %; each bus's voltage per phase, negated, in pu (so that larger is worse); each
voltage itself, for the upper limit; and the unbalance in % of the buses that have a limit for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from twin.domain import grid as g
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Mask, Matrix, Rows, Vector

MATERIAL = 0.1
"""An EVSE answers for a limit if its effect is at least this share of the largest effect of any EVSE."""
_MISSED = 0.5
_AIM_PCT = 0.02
_AIM_PU = 2e-5
_AIM_VUF_PCT = 2e-3
"""How far below a limit the linearised problem aims, so that its small error does not cost a round."""


class Element(NamedTuple):
    """What a limit belongs to."""

    name: str
    kind: str
    """As in `twin.domain.grid.broken`."""
    limit: float
    """pu or %, without the margin."""
    sign: float
    """Value of a state times this is what people call it: -1 for a low voltage."""


class Watch:
    """The limits of a feeder, less a margin.

    Attributes:
        cap: (m,) what the values may reach.
        aim: (m,) kept free below it by a linearised problem.
    """

    def __init__(self, topology: GridTopology, margin_pct: float) -> None:
        """Take the margin off each limit.

        Args:
            topology: The feeder.
            margin_pct: Percent of a loading or unbalance limit; of a voltage limit, percent of its distance
                to 1 pu.
        """
        keep = 1.0 - margin_pct / 100.0
        phases = topology.phases
        self._topology = topology
        self._uneven: Rows = np.flatnonzero(np.isfinite(topology.vuf_max_pct))
        lowest = np.repeat(1.0 - (1.0 - topology.vm_min_pu) * keep, phases)
        highest = np.repeat(1.0 + (topology.vm_max_pu - 1.0) * keep, phases)
        vuf_pct = topology.vuf_max_pct[self._uneven] * keep
        self.cap: Vector = np.concatenate([topology.max_loading_pct * keep, -lowest, highest, vuf_pct])
        self.aim: Vector = np.repeat(
            [_AIM_PCT, _AIM_PU, _AIM_VUF_PCT], [len(topology.branches), 2 * len(lowest), len(vuf_pct)]
        )
        self._ends = np.cumsum([len(topology.branches), len(lowest), len(lowest), len(vuf_pct)]).tolist()

    def values(self, state: GridState) -> Vector:
        """(m,) what is compared with `cap`."""
        vm_pu = state.vm_pu.ravel()
        return np.concatenate([state.loading_pct, -vm_pu, vm_pu, state.vuf_pct[self._uneven]])

    def effects(self, answer: Sensitivity) -> Matrix:
        """(m, n) change of the values per grid-side W of each row; 0 where an element is out of service."""
        count = answer.dloading_pct_per_w.shape[1]
        dvm = answer.dvm_pu_per_w.reshape(-1, count)
        return np.nan_to_num(
            np.concatenate([answer.dloading_pct_per_w, -dvm, dvm, answer.dvuf_pct_per_w[self._uneven]])
        )

    def element(self, limit: int) -> Element:
        """What the limit with this index belongs to."""
        top = self._topology
        branches, low, high, _ = self._ends
        if limit < branches:
            kind = g.TRAFO_LOADING if top.is_trafo[limit] else g.LINE_LOADING
            return Element(top.branches[limit], kind, float(top.max_loading_pct[limit]), 1.0)
        if limit < low:
            bus = (limit - branches) // top.phases
            return Element(top.buses[bus], g.LOW_VOLTAGE, float(top.vm_min_pu[bus]), -1.0)
        if limit < high:
            bus = (limit - low) // top.phases
            return Element(top.buses[bus], g.HIGH_VOLTAGE, float(top.vm_max_pu[bus]), 1.0)
        bus = int(self._uneven[limit - high])
        return Element(top.buses[bus], g.UNBALANCE, float(top.vuf_max_pct[bus]), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Limits that could bind, linearised: `effect @ x <= room`, x in W at the connectors.

    Attributes:
        effect: (k, n) change per W, of either sign.
        room: (k,) what is there with every row at zero, never below `aside`.
        aside: (k,) what the rows add that do not answer for a limit, at their wish.
        material: (k, n) who answers for it.
        limit: (k,) index into the values of `Watch`.
    """

    effect: Matrix
    room: Vector
    aside: Vector
    material: Mask
    limit: Rows

    def joined(self, other: Linear) -> Linear:
        """Both sets of limits at once.

        Loadings, voltage drops and unbalances are convex in the powers, but for little: a linearisation
        elsewhere is then a bound that still holds (Kelley's cutting planes, J. SIAM 8, 1960).
        """
        return Linear(
            effect=np.concatenate([self.effect, other.effect]),
            room=np.concatenate([self.room, other.room]),
            aside=np.concatenate([self.aside, other.aside]),
            material=np.concatenate([self.material, other.material]),
            limit=np.concatenate([self.limit, other.limit]),
        )

    def corrected(self, newer: Linear, x: Vector) -> Linear:
        """Take half of what these linearisations missed at `x`, where `newer` is exact, off their room.

        A limit of three phases has a linearisation per phase, and what one of them missed (growth of losses
        and falling voltages) the others miss as well: when the division turns to them, it shows.
        """
        room = self.room.copy()
        for limit, exact in zip(newer.limit.tolist(), (newer.room - newer.effect @ x).tolist(), strict=True):
            same = np.flatnonzero(self.limit == limit)
            if len(same):
                missed = float((self.room[same] - self.effect[same] @ x).min()) - exact
                room[same] = np.maximum(room[same] - _MISSED * max(missed, 0.0), self.aside[same])
        return replace(self, room=room)

    def answering(self) -> tuple[Matrix, Vector]:
        """What a W of each row that answers takes, and what is there for them: the rest is set aside."""
        return np.where(self.material, self.effect, 0.0), self.room - self.aside


def answers_for(effect: Matrix) -> Mask:
    """(m, n) whose effect on a limit is not small beside that of others.

    Otherwise a car far away would stop for a line it hardly touches.
    """
    largest = np.abs(effect).max(axis=1, initial=0.0, keepdims=True)
    return (np.abs(effect) > MATERIAL * largest) & (largest > 0.0)
