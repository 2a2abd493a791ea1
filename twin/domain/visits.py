"""Who comes, when, with what need: drawn in bulk before the run, the same for every strategy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.domain.ids import Vector
from twin.domain.specs import DriverSpec, VehicleSpec

ANY_EVSE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """The demand of a run as columns, one row per visit, sorted by (arrival_s, driver).

    All columns have shape (n,). Times are seconds since the start of the run; they may begin before 0
    only where the population cuts them to 0 itself, and may end after the run.
    """

    arrival_s: Vector
    departure_s: Vector
    """When the driver really leaves, from the arrival of the car; a queue does not move it."""
    energy_wh: Vector
    """What the driver wants, AC (or DC) at the connector, > 0."""
    arrival_wh: Vector
    """Energy in the battery at arrival; the truth that only the physics may see."""
    said_departure_s: Vector
    """What the driver told the app; NaN when nothing was said."""
    said_energy_wh: Vector
    """What the driver told the app; NaN when nothing was said."""
    patience_s: Vector
    """How long the driver waits for a free connector before giving up or going elsewhere."""
    driver: npt.NDArray[np.int64]
    """Index into `drivers`."""
    evse: npt.NDArray[np.int64]
    """Row of the EVSE that the driver insists on (a home charger, a replayed session), or ANY_EVSE."""
    drivers: tuple[DriverSpec, ...]
    vehicles: tuple[VehicleSpec, ...]

    def __len__(self) -> int:
        return len(self.arrival_s)
