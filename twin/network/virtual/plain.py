"""Rows without a wire beside virtual stations: the same physics, whose facts and columns control knows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twin.domain.commands import Command
from twin.domain.events import StationEvent
from twin.domain.fleet import Fleet
from twin.domain.ids import Rows, Vector
from twin.domain.ports import PlugIn
from twin.network.virtual.stations import VirtualStations


class Plain:
    """Simulated rows of a fleet whose other rows are reached over OCPP.

    Args:
        fleet: The columns that control reads.
        virtual: Holds the physics of all rows, with columns of its own.
        rows: Those without a wire.
    """

    def __init__(self, fleet: Fleet, virtual: VirtualStations, rows: Sequence[int]) -> None:
        self._fleet, self._true, self._physics = fleet, virtual.fleet, virtual.physics
        self._rows = np.asarray(rows, dtype=np.int64)
        self._is = np.zeros(len(fleet), dtype=np.bool_)
        self._is[self._rows] = True
        self._sinks: list[Callable[[StationEvent], None]] = []
        self._physics.subscribe(self._fact)
        self.show()

    def among(self, rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return (len(rows),) which of `rows` are without a wire."""
        return self._is[rows]

    def show(self) -> None:
        """Let control see what was measured."""
        if len(self._rows):
            self._fleet.data[:, self._rows] = self._true.data[:, self._rows]

    def subscribe(self, sink: Callable[[StationEvent], None], /) -> None:
        """Call `sink` for every fact about these rows."""
        self._sinks.append(sink)

    def set_limits(self, rows: Rows, limit_w: Vector, /) -> None:
        """See `Stations.set_limits`."""
        if len(rows):
            self._physics.set_limits(rows, limit_w)
            self.show()

    def send(self, command: Command, /) -> None:
        """See `Stations.send`."""
        self._physics.send(command)
        self.show()

    def plug(self, t_s: float, row: int, car: PlugIn, /) -> None:
        """See `Hands.plug`."""
        self._physics.plug(t_s, row, car)
        self.show()

    def unplug(self, t_s: float, row: int, /) -> None:
        """See `Hands.unplug`."""
        self._physics.unplug(t_s, row)
        self.show()

    def present(self, t_s: float, row: int, token: str, /) -> None:
        """See `Hands.present`."""
        self._physics.present(t_s, row, token)
        self.show()

    def fault(self, t_s: float, row: int, kind: str, on: bool, /) -> None:
        """See `Physics.fault`."""
        self._physics.fault(t_s, row, kind, on)
        self.show()

    def _fact(self, fact: StationEvent) -> None:
        if self._is[self._fleet.row[fact.evse]]:
            self.show()
            for sink in self._sinks:
                sink(fact)
