"""What a strategy may see, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from twin.domain import fleet as f
from twin.domain.ids import Matrix, Rows, Vector
from twin.domain.site_limits import SiteLimits


class FleetView:
    """The sessions that could charge in the coming interval, as an operator may know them.

    All columns have shape (n,), one entry per active session, in row order. Nothing here is the truth
    about a car: departure and energy are what the driver said (NaN when nothing was said), power and
    energy are what the meter showed.

    Attributes:
        now_s: Instant of the decision, seconds since the start of the run.
        period_s: How long the decision stands.
        rows: (n,) rows of the sessions in the fleet.
        limits: Shared limits that the answer must keep.
    """

    __slots__ = ("_columns", "limits", "now_s", "period_s", "rows")

    def __init__(self, now_s: float, period_s: float, rows: Rows, data: Matrix, limits: SiteLimits) -> None:
        self.now_s = now_s
        self.period_s = period_s
        self.rows = rows
        self.limits = limits
        self._columns = data.take(rows, axis=1)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> Matrix:
        """(COLUMNS, n) matrix behind the attributes, for compiled code."""
        return self._columns

    @property
    def power_w(self) -> Vector:
        """Mean power over the last closed interval."""
        return self._columns[f.POWER_W]

    @property
    def max_w(self) -> Vector:
        """Largest power a session may draw."""
        return self._columns[f.MAX_W]

    @property
    def min_w(self) -> Vector:
        """Power at the smallest pilot (6 A); below it a session pauses. 0 at DC."""
        return self._columns[f.MIN_W]

    @property
    def step_w(self) -> Vector:
        """Power of one pilot step; 0 is continuous."""
        return self._columns[f.STEP_W]

    @property
    def phases(self) -> Vector:
        """Phases in use, 1..3."""
        return self._columns[f.PHASES]

    @property
    def arrived_s(self) -> Vector:
        """When the cable was plugged in."""
        return self._columns[f.ARRIVED_S]

    @property
    def departure_s(self) -> Vector:
        """When the driver said to leave; NaN when unknown."""
        return self._columns[f.DEPARTURE_S]

    @property
    def requested_wh(self) -> Vector:
        """What the driver said to need; NaN when unknown."""
        return self._columns[f.REQUESTED_WH]

    @property
    def delivered_wh(self) -> Vector:
        """Metered since the start of the transaction."""
        return self._columns[f.REGISTER_WH] - self._columns[f.START_WH]

    @property
    def remaining_wh(self) -> Vector:
        """Requested less delivered, >= 0; NaN when unknown."""
        return np.maximum(self.requested_wh - self.delivered_wh, 0.0)

    @property
    def limit_w(self) -> Vector:
        """The limit in force."""
        return self._columns[f.LIMIT_W]


@dataclass(frozen=True, slots=True)
class Plan:
    """A strategy's answer.

    Attributes:
        limit_w: (n,) limits in W, in the view's order, 0 <= limit <= max_w.
        order: (n,) indices into the view, most urgent first: the guard curtails from the end.
            None: nobody is more urgent than others.
        state: What the strategy wants back at the next tick; None: nothing.
    """

    limit_w: Vector
    order: Rows | None = None
    state: Any = field(default=None)


@runtime_checkable
class Strategy(Protocol):
    """Divides power among sessions. Options are the fields of a frozen dataclass; no clock, no I/O.

    The same object decides in a sweep, over OCPP and on the bench.
    """

    def plan(self, view: FleetView, state: Any, /) -> Plan:
        """Return limits for the coming interval.

        Args:
            view: Sessions that could charge.
            state: `Plan.state` of the previous tick; None at the first.
        """
        ...
