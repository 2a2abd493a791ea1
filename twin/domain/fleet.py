"""The dense half of the station seam: one row per EVSE, one array per quantity.

A station port writes what it measured; control reads it and writes limits. All columns live in one
float64 matrix of shape (columns, n), so that compiled code takes one argument and a view of the active
rows is one copy. Nothing here is the truth about a car: that stays inside the physics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.domain.ids import EvseId, Matrix, Rows, SiteId, StationId, Vector
from twin.domain.specs import EvseSpec

POWER_W = 0
"""Mean power at the connector over the last closed interval; positive draws."""
REGISTER_WH = 1
"""Billing register, a multiple of the meter's resolution; never falls."""
SAMPLED_S = 2
"""When POWER_W and REGISTER_WH were measured."""
OFFLINE = 3
"""1 while communication is lost."""
PLUGGED = 4
"""1 while a car is connected."""
CHARGING = 5
"""1 while a transaction may transfer energy: authorised, not suspended by the car, not faulted."""
PHASES = 6
"""Phases in use by the car, known from the moment it is plugged in; else those of the EVSE."""
W_PER_A = 7
"""Power per ampere of pilot with PHASES in use; 0 at DC."""
MAX_W = 8
"""Largest power this session may draw: the EVSE's rating with PHASES in use, and the car's where known."""
MIN_W = 9
"""Power at the smallest pilot (6 A) with PHASES in use; 0 at DC."""
STEP_W = 10
"""Power of one pilot step; 0 is continuous."""
ARRIVED_S = 11
"""When the cable was plugged in."""
DEPARTURE_S = 12
"""When the driver said to leave; NaN when unknown."""
REQUESTED_WH = 13
"""What the driver said to need at the connector; NaN when unknown."""
START_WH = 14
"""Register at the start of the transaction."""
LIMIT_W = 15
"""The limit in force at the station (after its own rounding to a pilot)."""
DRAW_W = 16
"""Power at this instant, as the meter shows it."""
COLUMNS = 17


class Fleet:
    """The columns of every EVSE of a run. Rows are stable; attributes are views, writable by their owner.

    Attributes:
        data: Shape (COLUMNS, n).
        specs: The EVSEs, in row order.
        row: Row of an EVSE by its id.
        site: Index into `sites` per row.
    """

    def __init__(self, specs: Sequence[EvseSpec]) -> None:
        self.specs = tuple(specs)
        self.ids: tuple[EvseId, ...] = tuple(s.id for s in specs)
        self.stations: tuple[StationId, ...] = tuple(s.station for s in specs)
        self.row: dict[EvseId, int] = {s.id: i for i, s in enumerate(specs)}
        self.sites: tuple[SiteId, ...] = tuple(dict.fromkeys(s.site for s in specs))
        index = {site: i for i, site in enumerate(self.sites)}
        self.site: Rows = np.array([index[s.site] for s in specs], dtype=np.int64)
        self.data: Matrix = np.zeros((COLUMNS, len(specs)))
        self.power_w: Vector = self.data[POWER_W]
        self.register_wh: Vector = self.data[REGISTER_WH]
        self.sampled_s: Vector = self.data[SAMPLED_S]
        self.offline: Vector = self.data[OFFLINE]
        self.plugged: Vector = self.data[PLUGGED]
        self.charging: Vector = self.data[CHARGING]
        self.phases: Vector = self.data[PHASES]
        self.w_per_a: Vector = self.data[W_PER_A]
        self.max_w: Vector = self.data[MAX_W]
        self.min_w: Vector = self.data[MIN_W]
        self.step_w: Vector = self.data[STEP_W]
        self.arrived_s: Vector = self.data[ARRIVED_S]
        self.departure_s: Vector = self.data[DEPARTURE_S]
        self.requested_wh: Vector = self.data[REQUESTED_WH]
        self.start_wh: Vector = self.data[START_WH]
        self.limit_w: Vector = self.data[LIMIT_W]
        self.draw_w: Vector = self.data[DRAW_W]
        for i, spec in enumerate(specs):
            self.rest(i, spec)

    def __len__(self) -> int:
        return len(self.specs)

    def rest(self, row: int, spec: EvseSpec) -> None:
        """Set the columns that describe the connected car back to those of an empty EVSE."""
        ac = spec.dc_max_w is None
        phases = spec.connection.phases
        w_per_a = spec.voltage_v * phases if ac else 0.0
        d = self.data
        d[PHASES, row] = phases
        d[W_PER_A, row] = w_per_a
        d[MAX_W, row] = spec.max_w
        d[MIN_W, row] = spec.floor_a * w_per_a
        d[STEP_W, row] = spec.even_step_a * w_per_a
        d[ARRIVED_S, row] = d[DEPARTURE_S, row] = d[REQUESTED_WH, row] = np.nan
        d[PLUGGED, row] = d[CHARGING, row] = 0.0
