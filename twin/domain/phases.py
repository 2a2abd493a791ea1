"""How the power of an EVSE divides over the three phases of its bus."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.domain.specs import EvseSpec

_ACROSS = 1.0 / math.sqrt(3.0)


class PhaseShares:
    """Shares of power per phase, by EVSE and number of phases in use.

    Attributes:
        table: (4, n, 3) share of each phase, indexed by phases in use (0: standby, as if all were used).
            Each row sums to 1.
        q_per_p: (n, 3) reactive over active power of each phase. 0, but a load between two conductors takes
            its power from both with opposite reactive power: at nominal voltages 1/sqrt(3) of the active.
    """

    __slots__ = ("_all", "q_per_p", "table")

    def __init__(self, evses: Sequence[EvseSpec]) -> None:
        self.table: Array = np.zeros((4, len(evses), 3))
        self.q_per_p: Matrix = np.zeros((len(evses), 3))
        self._all: Rows = np.arange(len(evses))
        for i, evse in enumerate(evses):
            for used in range(4):
                self.table[used, i] = _shares(evse, used)
            if evse.dc_max_w is None and evse.connection.line_to_line:
                first, second = evse.connection.conductors
                ahead = (second - first) % 3 == 1  # V_first leads V_second by 120 degrees
                self.q_per_p[i, first] = -_ACROSS if ahead else _ACROSS
                self.q_per_p[i, second] = -self.q_per_p[i, first]

    def of(self, phases_used: Vector) -> Matrix:
        """Return (n, 3) shares for (n,) phases in use, 0 to 3."""
        return self.table[phases_used.astype(np.int64), self._all]

    def split(self, power_w: Vector, phases_used: Vector) -> Matrix:
        """Return (n, 3) power per phase for (n,) power and phases in use."""
        return self.of(phases_used) * power_w[:, None]


def _shares(evse: EvseSpec, used: int) -> Vector:
    out = np.zeros(3)
    conductors = list(evse.connection.conductors)
    if evse.dc_max_w is not None:
        conductors = [0, 1, 2]
    elif not evse.connection.line_to_line and used:
        conductors = conductors[: min(used, evse.connection.phases)]
    out[conductors] = 1.0 / len(conductors)
    return out
