"""One bench, four kinds of station: what the port promises holds unchanged on each of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import simpy

from twin.domain import fleet as f
from twin.domain.commands import Authorise
from twin.domain.events import StationEvent, TokenPresented
from twin.domain.fleet import Fleet
from twin.domain.ports import Physics, PlugIn
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.engine.lockstep import event_at
from twin.network.ocpp.versions import version
from twin.network.virtual.loopback import Loopback, LoopbackStations
from twin.world.stations.simulated import SimulatedStations

KINDS = ("simulated", "1.6", "2.0.1", "2.1")
PERIOD_S = 900
CAR = VehicleSpec(
    model="car", usable_wh=60_000.0, ac_phases=3, ac_max_w=11_040.0, dc_max_w=150_000.0, taper_soc=1.0,
    taper_end=1.0, ac_efficiency=1.0, dc_efficiency=1.0, standby_w=0.0,
)  # fmt: skip
"""11.04 kW on three phases, without losses or taper: energies are power times time."""


class Bench:
    """A station port, its fleet, and an operator who grants every token unless told otherwise."""

    def __init__(self, kind: str, *specs: EvseSpec) -> None:
        self.kind = kind
        self.env = simpy.Environment()
        self.fleet = Fleet(specs)
        self.stations: Physics
        self._close = None
        if kind == "simulated":
            self.stations = SimulatedStations(self.fleet)
        else:
            how = Loopback(version=version(kind), epoch_ns=0, sample_interval_s=PERIOD_S)
            made = LoopbackStations(self.fleet, self.env, how)
            made.start()
            self.stations, self._close = made, made.close
        self.grant: bool | None = True
        """None: no answer."""
        self.facts: list[StationEvent] = []
        self.stations.subscribe(self._learn)
        self.limit(11_040.0, *range(len(specs)))

    def _learn(self, fact: StationEvent) -> None:
        self.facts.append(fact)
        if isinstance(fact, TokenPresented) and self.grant is not None:
            self.stations.send(Authorise(len(self.facts), fact.evse, fact.token, self.grant))

    def go(self, t_s: float) -> None:
        """Let it be `t_s`, with a tick every 15 minutes on the way, and one there."""
        while self.env.now < t_s:
            next_s = min((self.env.now // PERIOD_S + 1) * PERIOD_S, t_s)
            self.env.run(until=event_at(self.env, next_s))
            self.stations.advance(self.env.now)

    def limit(self, limit_w: float, *rows: int) -> None:
        """Ask for one limit at some rows, by default at the first."""
        rows = rows or (0,)
        self.stations.set_limits(np.array(rows), np.full(len(rows), limit_w))

    def plug(self, row: int = 0, energy_wh: float = 30_000.0, departure_s: float = 36_000.0) -> None:
        """Connect the car, now."""
        self.stations.plug(self.env.now, row, PlugIn(CAR, 10_000.0, energy_wh, departure_s, energy_wh))

    def present(self, row: int = 0, token: str = "card") -> None:
        """Show a card, now."""
        self.stations.present(self.env.now, row, token)

    def unplug(self, row: int = 0) -> None:
        """Take the cable out, now."""
        self.stations.unplug(self.env.now, row)

    def fault(self, kind: str, on: bool, row: int = 0) -> None:
        """Break or mend something, now."""
        self.stations.fault(self.env.now, row, kind, on)

    def told(self, row: int = 0) -> list[str]:
        """Names of the facts about a row, in the order in which they became known."""
        return [type(fact).__name__ for fact in self.facts if fact.evse == self.fleet.ids[row]]

    def column(self, column: int, row: int = 0) -> float:
        """What control reads."""
        return float(self.fleet.data[column, row])

    @property
    def register_wh(self) -> float:
        """The first row's register as control reads it."""
        return self.column(f.REGISTER_WH)

    def last(self, kind: type) -> StationEvent:
        """The latest fact of a kind."""
        return next(fact for fact in reversed(self.facts) if isinstance(fact, kind))

    def close(self) -> None:
        """Let go of sockets."""
        if self._close is not None:
            self._close()


def evse(station: str = "s1", number: int = 1, **fields: object) -> EvseSpec:
    """One EVSE of 16 A on three phases."""
    return EvseSpec(id=f"{station}/{number}", station=station, site="a", bus=None, **fields)  # type: ignore[arg-type]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which kind of station."""
    return str(request.param)


@pytest.fixture
def make(kind: str) -> Iterator[type[Bench]]:
    """Makes benches of this kind of station."""
    made: list[Bench] = []

    def bench(*specs: EvseSpec) -> Bench:
        made.append(Bench(kind, *specs))
        return made[-1]

    yield bench  # type: ignore[misc]
    for one in made:
        one.close()


@pytest.fixture
def bench(make: type[Bench]) -> Bench:
    """One EVSE of 16 A on three phases."""
    return make(evse())  # type: ignore[arg-type]
