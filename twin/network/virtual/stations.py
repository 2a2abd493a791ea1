"""N virtual stations over one simulated physics: the hands of people, and the truth for the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.domain.clock import Clock
from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    ChargingSuspended,
    Faulted,
    Recovered,
    StationEvent,
)
from twin.domain.fleet import Fleet
from twin.domain.ids import Rows, Vector
from twin.domain.interval import Interval
from twin.domain.ports import PlugIn
from twin.network.virtual.parts.base import Fit, Token, no_parts
from twin.network.virtual.parts.needs import needs_of, notify
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.station import VirtualStation
from twin.network.virtual.store import MemoryStore, Store
from twin.world.stations.simulated import SessionTruth, SimulatedStations


def in_memory(_settings: StationSettings) -> Store:
    """Keep it until the process ends."""
    return MemoryStore()


class VirtualStations:
    """Implements `Hands` and the physical half of `ports.Physics`.

    Call all of it inside the loop of the connections, with times that never go back; in real time that is the
    clock's own now.

    Args:
        fleet: The columns of the physics. They are the stations' own, not those of a central system.
        settings: The stations; together they hold every row once.
        clock: Of protocol timers.
        dial: (station) begins to connect it; ends in `link_up` or `link_failed` of that station.
        fit: Makes the parts of a station.
        store: Makes what a station keeps.
        start_s: When the first interval begins.
        others: Whether rows may belong to no station: who made this sees to them, on `physics`.

    Raises:
        ValueError: A row belongs to no station, or to two.
    """

    def __init__(
        self,
        fleet: Fleet,
        settings: Sequence[StationSettings],
        clock: Clock,
        *,
        dial: Callable[[VirtualStation], None],
        fit: Fit = no_parts,
        store: Callable[[StationSettings], Store] = in_memory,
        start_s: float = 0.0,
        others: bool = False,
    ) -> None:
        self.fleet = fleet
        self.physics = SimulatedStations(fleet, start_s)
        self.physics.subscribe(self._fact)
        self._offline: dict[int, int] = {}
        self.stations: dict[str, VirtualStation] = {}
        self._at: dict[int, tuple[VirtualStation, int]] = {}
        for one in settings:
            station = self._make(one, clock, dial, fit, store(one))
            self.stations[one.identity] = station
            for evse in one.evses:
                if evse.row in self._at:
                    raise ValueError(f"{one.identity}: row {evse.row} belongs to another station already")
                self._at[evse.row] = (station, evse.number)
        missing = set() if others else set(range(len(fleet))) - set(self._at)
        if missing:
            raise ValueError(f"{fleet.ids[min(missing)]} belongs to no station")

    def _make(
        self, settings: StationSettings, clock: Clock, dial: Callable[[VirtualStation], None], fit: Fit,
        store: Store,
    ) -> VirtualStation:  # fmt: skip
        station = VirtualStation(
            settings, self.physics, self.fleet, clock, store, dial=lambda: dial(station), fit=fit
        )
        return station

    def start(self) -> None:
        """Switch all stations on."""
        for station in self.stations.values():
            station.start()

    def down(self) -> None:
        """Switch all stations off."""
        for station in self.stations.values():
            station.down()

    def at(self, row: int) -> tuple[VirtualStation, int]:
        """Return the station of a row, and the number of its EVSE there."""
        return self._at[row]

    # hands

    def plug(self, t_s: float, row: int, car: PlugIn, /) -> None:
        """See `Hands.plug`; a car that speaks ISO 15118 says what it needs."""
        self.physics.plug(t_s, row, car)
        station, evse = self._at[row]
        if station.settings.tells_soc:
            notify(station, evse, needs_of(car, self.fleet.specs[row], station.now_s - t_s))

    def present(self, t_s: float, row: int, token: str, /) -> None:
        """See `Hands.present`; without a car the token is kept for the connection time-out."""
        self.physics.sample(t_s, row)
        station, evse = self._at[row]
        if station.up:
            shown = Token(token, station.settings.token_kind)
            station.transactions.presented(station.bays[evse], shown)

    def unplug(self, t_s: float, row: int, /) -> None:
        """See `Hands.unplug`."""
        self.physics.unplug(t_s, row)

    def ready(self, t_s: float, row: int, on: bool, /) -> None:
        """Let the car at a row take energy, or refuse it for a while."""
        self.physics.ready(t_s, row, on)
        station, evse = self._at[row]
        station.full(evse, not on)

    # physics

    def advance(self, t_s: float, /) -> None:
        """Close the interval at `t_s`; cars that had enough are told of to their stations."""
        self.physics.advance(t_s)

    def interval(self) -> Interval:
        """See `Physics.interval`."""
        return self.physics.interval()

    def read_register(self, t_s: float, rows: Rows, /) -> Vector:
        """See `Physics.read_register`."""
        return self.physics.read_register(t_s, rows)

    def session_truth(self, row: int, /) -> SessionTruth:
        """See `Physics.session_truth`."""
        return self.physics.session_truth(row)

    def fault(self, t_s: float, row: int, kind: str, on: bool, /) -> None:
        """Let something break, or mend; `offline` cuts the connection of the whole station.

        Raises:
            ValueError: An unknown kind, or the end of a fault that never began.
        """
        if kind != "offline":
            self.physics.fault(t_s, row, kind, on)
            return
        before = self._offline.get(row, 0)
        if not on and before == 0:
            raise ValueError(f"{self.fleet.ids[row]} at t={t_s:.0f} s: {kind} ends but never began")
        self._offline[row] = before + (1 if on else -1)
        station, _ = self._at[row]
        cut = any(self._offline.get(station.bays[e].row, 0) for e in station.bays)
        station.isolate(cut)

    def _fact(self, event: StationEvent) -> None:
        at = self._at.get(self.fleet.row[event.evse])
        if at is None:
            return
        station, evse = at
        if isinstance(event, CablePlugged):
            station.plugged(evse)
        elif isinstance(event, CableUnplugged):
            station.unplugged(evse)
        elif isinstance(event, ChargingSuspended):
            station.full(evse, on=True)
        elif isinstance(event, Faulted):
            station.faulted(evse, event.error)
        elif isinstance(event, Recovered):
            station.faulted(evse, "")
