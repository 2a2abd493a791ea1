"""Volt-Watt of charging stations: each lowers its power where the voltage at its own terminals is low.

A station does this by itself within seconds; the twin, whose intervals last minutes, takes the operating point
at which all stations stand still, found by the feeder's own model, as their limits for the coming interval.
Limits that followed the last interval's voltages would swing between two ticks instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from twin.domain.fleet import Fleet
from twin.domain.grid import GridTopology
from twin.domain.ids import Array, Rows, Vector
from twin.domain.phases import PhaseShares

_TOLERANCE = 1e-5
"""A limit this much below the plan, of the EVSE's largest power, was lowered by the droop and not by rounding."""


class Drooping(Protocol):
    """A feeder that knows the Volt-Watt characteristics of its EVSEs."""

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places."""
        ...

    @property
    def evse_bus(self) -> Rows:
        """(n,) position of each EVSE's bus."""
        ...

    def lower(self, start_s: float, end_s: float, evse_w: Array, /) -> Vector:
        """Return (n,) grid-side powers at which the droop of every EVSE stands, never above `evse_w`."""
        ...


class Lowered(NamedTuple):
    """What became of a plan."""

    limit_w: Vector
    """(n,) limits at the connectors, never above the plan."""
    reasons: Mapping[int, str]
    """Bus whose voltage lowered a row, by row."""


class VoltWatt:
    """Lowers plans by the EVSEs' droop. Keeps no state: the same plan at the same time gives the same limits.

    Args:
        grid: The feeder.
        fleet: EVSE rows.
    """

    def __init__(self, grid: Drooping, fleet: Fleet) -> None:
        self._grid = grid
        self._fleet = fleet
        self._buses = [grid.topology.buses[bus] for bus in grid.evse_bus.tolist()]
        self._shares = PhaseShares(fleet.specs) if grid.topology.phases == 3 else None
        self._efficiency: Vector = np.array([s.efficiency for s in fleet.specs])
        self._standby_w: Vector = np.array([s.standby_w for s in fleet.specs])

    def lower(self, now_s: float, period_s: float, plan_w: Vector) -> Lowered:
        """Return the limits for [now, now + period].

        The droop answers to the voltage of the interval itself, not to a forecast. Stations without a
        connection to us hold their last limit here; their own droop cannot be told apart from it.

        Args:
            now_s: Instant of the decision.
            period_s: How long it stands.
            plan_w: (n,) planned limits at the connectors.
        """
        fleet = self._fleet
        offline = fleet.offline > 0.0
        held_w = np.minimum(fleet.limit_w, fleet.max_w) * (fleet.plugged > 0.0)
        wish_w = np.where(offline, held_w, np.minimum(plan_w, fleet.max_w))
        wish_w = np.where(np.isfinite(wish_w), wish_w, 0.0)
        grid_w = wish_w / self._efficiency + self._standby_w
        powers = grid_w if self._shares is None else self._shares.split(grid_w, fleet.phases)
        stands_w = (self._grid.lower(now_s, now_s + period_s, powers) - self._standby_w) * self._efficiency
        cut = ~offline & (stands_w < wish_w - _TOLERANCE * fleet.max_w)
        limit_w = np.where(cut, np.maximum(stands_w, 0.0), plan_w)
        return Lowered(limit_w, {row: self._buses[row] for row in np.flatnonzero(cut).tolist()})
