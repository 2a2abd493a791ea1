"""Every seam of the twin as a Protocol. Adapters implement them; only `scenario.build` picks adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from twin.domain.commands import Command
from twin.domain.events import StationEvent
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Rows, Vector
from twin.domain.specs import VehicleSpec


class Stations(Protocol):
    """The only seam between the twin and chargers: simulated, virtual or real.

    A port owns rows of the fleet's columns. What is rare (plug-in, token, answer to a command) comes and
    goes as messages; what is dense (power, energy, limits) stays in columns. Neither side ever waits on
    the other: a refusal comes back as an event.
    """

    def advance(self, t_s: float, /) -> None:
        """Bring the measured columns of the owned rows up to `t_s` and close the interval there."""

    def set_limits(self, rows: Rows, limit_w: Vector, /) -> None:
        """Ask for new limits: `limit_w` (len(rows),) in W; the station rounds down to what it can signal."""

    def send(self, command: Command, /) -> None:
        """Hand a command to a station; the outcome is an event with the command's id."""

    def subscribe(self, sink: Callable[[StationEvent], None], /) -> None:
        """Call `sink` for every fact, in the order in which facts became known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugIn:
    """What happens when a car is connected: the truth for the physics and what the driver says."""

    vehicle: VehicleSpec
    arrival_wh: float
    """Energy in the battery."""
    energy_wh: float
    """What the driver wants at the connector; the car stops when it has got it."""
    said_departure_s: float
    said_energy_wh: float


class Hands(Protocol):
    """What a person does: neither command nor fact. Physics, a virtual station or an actuator obeys."""

    def plug(self, t_s: float, row: int, car: PlugIn, /) -> None:
        """Connect a car to a free EVSE."""

    def present(self, t_s: float, row: int, token: str, /) -> None:
        """Hold a card to the reader, or tap in the app."""

    def unplug(self, t_s: float, row: int, /) -> None:
        """Take the cable out, whatever the state of the transaction."""


class Grid(Protocol):
    """The feeder: names, limits, and a power flow per call. Powers are grid-side, per EVSE row, in W."""

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        ...

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model: solver, fallbacks, self-check, assumptions."""
        ...

    def solve(self, start_s: float, end_s: float, evse_w: Vector, /) -> GridState:
        """Solve the feeder with the mean base load and generation of [start_s, end_s] and `evse_w` (n,)."""
        ...

    def sensitivity(self, state: GridState, /) -> Sensitivity:
        """Linearise around `state`, the answer of the latest `solve`."""
        ...


class Recorder(Protocol):
    """Where a run's tables go. Times ascend; a part of a table is cut by simulated time."""

    def tick(self, t_s: float, fleet: Fleet, wanted_w: Vector, reasons: Mapping[int, str], /) -> None:
        """Row k of meter, limits and ticks: the interval that ends at `t_s`, all plugged rows."""

    def grid(self, t_s: float, state: GridState, without_evs: GridState | None, /) -> None:
        """Buses and branches at `t_s`; `without_evs` is solved only where a limit is broken."""

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        """Append one row to a sparse table (sessions, invoices, events)."""

    def rows(self, table: str, values: Sequence[Mapping[str, object]], /) -> None:
        """Append several rows to a sparse table."""
