"""What really happened at every EVSE in the last closed interval: for tables, power flow and audit.

The fleet's measured columns are what control knows, and grow old while a station is offline. This is the
truth beside them, which control never sees.
"""

from __future__ import annotations

from twin.domain.ids import Matrix, Vector

POWER_W = 0
"""Mean power at the connector; positive draws."""
REGISTER_WH = 1
"""Billing register at the end, as the meter shows it."""
PLUGGED = 2
"""1 where a car is connected at the end."""
GRID_W = 3
"""Mean power from the grid, with the station's own losses and standby."""
POWERED = 4
"""Share of the interval in which the EVSE had power, 0..1."""
PHASE_W = 5
"""First of three: mean power from the grid per phase; their sum is GRID_W."""
COLUMNS = 8


class Interval:
    """The columns of one interval; overwritten when the next one is closed.

    Attributes:
        data: Shape (COLUMNS, n). The others are views of it: (n,) each, but phase_w (3, n).
    """

    __slots__ = ("data", "grid_w", "phase_w", "plugged", "power_w", "powered", "register_wh")

    def __init__(self, data: Matrix) -> None:
        self.data = data
        self.power_w: Vector = data[POWER_W]
        self.register_wh: Vector = data[REGISTER_WH]
        self.plugged: Vector = data[PLUGGED]
        self.grid_w: Vector = data[GRID_W]
        self.powered: Vector = data[POWERED]
        self.phase_w: Matrix = data[PHASE_W : PHASE_W + 3]
