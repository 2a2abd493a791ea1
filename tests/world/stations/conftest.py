"""A bench for station physics: EVSEs, a car, and everything they said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from twin.domain.commands import Authorise
from twin.domain.events import StationEvent, TokenPresented
from twin.domain.fleet import Fleet
from twin.domain.ports import PlugIn
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.world.stations.simulated import SessionTruth, SimulatedStations


class Bench:
    """Simulated stations whose operator grants every token at once."""

    def __init__(self, *specs: EvseSpec, grant: bool = True) -> None:
        self.fleet = Fleet(specs)
        self.stations = SimulatedStations(self.fleet)
        self.events: list[StationEvent] = []
        self.grant = grant
        self.stations.subscribe(self._listen)

    def _listen(self, event: StationEvent) -> None:
        self.events.append(event)
        if isinstance(event, TokenPresented) and self.grant:
            self.stations.send(Authorise(len(self.events), event.evse, event.token, True))

    def start(self, t_s: float, row: int, car: PlugIn, limit_w: float = math.inf) -> None:
        """Plug in, identify, allow `limit_w`."""
        self.stations.plug(t_s, row, car)
        self.stations.present(t_s, row, f"card-{row}")
        self.limit(row, limit_w)

    def limit(self, row: int, limit_w: float) -> None:
        """Ask for one limit."""
        self.stations.set_limits(np.array([row]), np.array([limit_w]))

    def truth(self, row: int = 0) -> SessionTruth:
        """What really happened at a row."""
        return self.stations.session_truth(row)

    def told(self) -> list[tuple[str, float, float]]:
        """Kind, happened and received of each fact, in order."""
        return [(type(e).__name__, e.happened_s, e.received_s) for e in self.events]

    def grid_w(self) -> list[float]:
        """Mean grid-side power per row."""
        return self.stations.interval().grid_w.tolist()


def evse(number: int = 1, **fields: object) -> EvseSpec:
    """An 11 kW wallbox, or what `fields` make of it."""
    return EvseSpec(**{"id": f"s{number}/1", "station": f"s{number}", "site": "x", "bus": None} | fields)


def vehicle(**fields: object) -> VehicleSpec:
    """A lossless car with 60 kWh, 16 A on three phases and no taper, or what `fields` make of it."""
    base = {
        "model": "plain", "usable_wh": 60_000.0, "ac_phases": 3, "ac_max_w": 11_040.0, "dc_max_w": 100_000.0,
        "taper_soc": 1.0, "taper_end": 1.0, "ac_efficiency": 1.0, "dc_efficiency": 1.0, "standby_w": 0.0,
    }  # fmt: skip
    return VehicleSpec(**base | fields)


def car(spec: VehicleSpec | None = None, **fields: float) -> PlugIn:
    """A car with an empty battery that wants 50 kWh and says nothing."""
    base = {
        "arrival_wh": 0.0,
        "energy_wh": 50_000.0,
        "said_departure_s": math.nan,
        "said_energy_wh": math.nan,
    }
    return PlugIn(vehicle=spec or vehicle(), **base | fields)


@pytest.fixture(name="make", scope="session")
def _make() -> type:
    """The parts of a bench, as attributes."""

    class Make:
        Bench = Bench
        evse = staticmethod(evse)
        vehicle = staticmethod(vehicle)
        car = staticmethod(car)

    return Make
