"""What a generator hands over: wishes of drivers, before batteries, statements and the start of the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.domain.ids import Array, Matrix, SiteId, Vector
from twin.domain.visits import ANY_EVSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A driver of a group before the run's vehicles are numbered."""

    id: str
    model: str
    sites: tuple[SiteId, ...]
    row: int = ANY_EVSE
    """Row of the EVSE that the driver is bound to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Visits as wished, in any order. Columns have shape (n,).

    Attributes:
        people: The drivers.
        driver: Index into `people`.
        number: Which visit of its driver: names its random numbers.
        arrival_s: Seconds since the start of the run; may be negative.
        departure_s: After `arrival_s`.
        energy_wh: At the connector.
        row: Row of the EVSE that the visit insists on, or ANY_EVSE.
        said_departure_s: Recorded statements; NaN where the group's rule applies.
        said_energy_wh: Recorded statements; NaN where the group's rule applies.
        deliverable: Whether the energy was measured on this stay, so that the car and the EVSE must be able
            to deliver it: it is cut to what they can.
    """

    people: tuple[Person, ...]
    driver: Array
    number: Array
    arrival_s: Vector
    departure_s: Vector
    energy_wh: Vector
    row: Array
    said_departure_s: Vector
    said_energy_wh: Vector
    deliverable: bool = False


def unspoken(n: int) -> Vector:
    """Return (n,) NaN: nothing was recorded."""
    return np.full(n, np.nan)


class Uniforms:
    """Uniform numbers of many drivers, visit by visit, from one stream per driver, drawn in blocks."""

    BLOCK = 32

    def __init__(self, streams: list[np.random.Generator], width: int) -> None:
        """Prepare `width` numbers per visit for each of `streams`."""
        self._streams = streams
        self._block = np.empty((len(streams), self.BLOCK, width))

    def at(self, rows: Array, number: int) -> Matrix:
        """Return (m, width) numbers of the `number`-th visit of drivers `rows`; numbers ascend from 0."""
        place = number % self.BLOCK
        if place == 0:
            for row in rows:
                self._block[row] = self._streams[row].random(self._block.shape[1:])
        return np.asarray(self._block[rows, place])
