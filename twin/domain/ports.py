"""Every seam of the twin as a Protocol. Adapters implement them; only `scenario.build` picks adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from twin.domain.commands import Command
from twin.domain.events import StationEvent
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Matrix, Rows, SessionId, Vector
from twin.domain.interval import Interval
from twin.domain.offers import Offer
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


class PlugIn(NamedTuple):
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
    """The feeder: names, limits, and a power flow per call.

    Powers are grid-side, in W: (n,) per EVSE row where the feeder is symmetric, (n, 3) per row and phase
    where it is not (`topology.phases`).
    """

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        ...

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model: solver, fallbacks, self-check, assumptions."""
        ...

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the feeder with the mean base load and generation of [start_s, end_s] and `evse_w`."""
        ...

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Linearise around `state`, the answer of the latest `solve`, for all EVSEs or for `rows` of them.

        Where the feeder has three phases, `shares` (len(rows), 3) say how one W of each row divides over
        them; absent: evenly. A symmetric feeder ignores them.
        """
        ...


class Recorder(Protocol):
    """Where a run's tables go. Times ascend; a part of a table is cut by simulated time."""

    def plan(self, t_s: float, fleet: Fleet, wanted_w: Vector, reasons: Mapping[int, str], /) -> None:
        """Limits were set at `t_s`, a tick or not: `wanted_w` (n,) is what the strategy wanted.

        `reasons` holds the element that made the guard lower a row.
        """

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        /,
    ) -> None:
        """Row k of meter, limits and ticks: the interval that ends at `t_s`.

        `wanted_w` and `reasons` are those of the plan for the next interval, None and empty where there is
        no next one.
        """

    def grid(
        self, t_s: float, interval: Interval, state: GridState, without_evs: GridState | None, /
    ) -> None:
        """Buses and branches at `t_s`, before the tick; `without_evs` is solved only where a limit is broken."""

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        """Append one row to a sparse table (sessions, invoices, events)."""

    def session_of_row(self, row: int, session: SessionId, /) -> None:
        """Say whose draw an EVSE's draw is from now on."""


class SessionTruth(Protocol):
    """What really happened in a session, for the audit; control never sees it. All energies in Wh."""

    @property
    def delivered_wh(self) -> float:
        """At the connector."""
        ...

    @property
    def battery_wh(self) -> float:
        """Into the battery."""
        ...

    @property
    def converter_loss_wh(self) -> float:
        """Lost in the car's charger."""
        ...

    @property
    def standby_wh(self) -> float:
        """Used by the car's electronics."""
        ...

    @property
    def unmetered_wh(self) -> float:
        """Delivered past a meter that stood still."""
        ...

    @property
    def finished_s(self) -> float:
        """When the car had what it wanted; NaN if never."""
        ...


class Physics(Stations, Hands, Protocol):
    """A station port whose cars are simulated: what the engine moves and the audit checks."""

    def interval(self) -> Interval:
        """What really happened in the last closed interval; valid until the next `advance`."""
        ...

    def read_register(self, t_s: float, rows: Rows, /) -> Vector:
        """Return the billing registers (len(rows),) at `t_s` without closing the interval."""
        ...

    def session_truth(self, row: int, /) -> SessionTruth:
        """The session at a row, or the one that just ended there."""
        ...

    def fault(self, t_s: float, row: int, kind: str, on: bool, /) -> None:
        """Begin or end a fault of a kind of `FaultSpec`."""


class Chooser(Protocol):
    """A driver's mind: who they are and what they choose. Minds never wait; processes do."""

    def come(self, visit: int, offers: Sequence[Offer], /) -> bool:
        """Return whether the driver sets out for a visit (row of `Visits`)."""
        ...

    def choose(self, offers: Sequence[Offer], /) -> Offer | None:
        """Return where to go, or None to stay away."""
        ...

    def when_full(self, here: Offer, others: Sequence[Offer], patience_s: float, /) -> str:
        """Return wait, leave or elsewhere when every connector is taken on arrival."""
        ...


class Auditor(Protocol):
    """Checks physics and money while a run goes on; raises AuditError at once."""

    def interval(self, start_s: float, end_s: float, interval: Interval, /) -> None:
        """Check one closed interval of every EVSE."""

    def session(self, session: str, truth: SessionTruth, metered_wh: float, billed_wh: int | None, /) -> None:
        """Check one finished session."""

    def feeder(self, start_s: float, end_s: float, state: GridState, /) -> None:
        """Check one solved interval."""
