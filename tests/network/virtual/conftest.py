"""A bench for virtual stations: a pipe to a central system that answers from a script, in simulated time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import simpy

from twin.domain.fleet import Fleet
from twin.domain.ports import PlugIn
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.engine.lockstep import LockStep
from twin.network.clock import to_wire
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.link import Payload
from twin.network.ocpp.wire.pipe import counter, pipe
from twin.network.virtual.settings import EvseSettings, StationSettings
from twin.network.virtual.stations import VirtualStations

EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


class Csms:
    """Answers every call: by `answers[action](payload)` where that is set, else with a yes."""

    def __init__(self, step: LockStep) -> None:
        self.step = step
        self.heard: list[tuple[float, str, Payload]] = []
        self.answers: dict[str, Callable[[Payload], Any]] = {}
        self.transactions = 0

    def handle(self, action: str, payload: Payload) -> Any:
        """Record and answer."""
        self.heard.append((self.step.clock.now_s, action, payload))
        answer = self.answers.get(action)
        return getattr(self, action)(payload) if answer is None else answer(payload)

    def now(self) -> str:
        """The time, as it is told to stations."""
        return to_wire(EPOCH_NS, self.step.clock.now_s)

    def BootNotification(self, _payload: Payload) -> Payload:  # noqa: N802
        return {"status": "Accepted", "currentTime": self.now(), "interval": 86_400}

    def Heartbeat(self, _payload: Payload) -> Payload:  # noqa: N802
        return {"currentTime": self.now()}

    def Authorize(self, payload: Payload) -> Payload:  # noqa: N802
        return {"idTagInfo" if "idTag" in payload else "idTokenInfo": {"status": "Accepted"}}

    def StartTransaction(self, _payload: Payload) -> Payload:  # noqa: N802
        self.transactions += 1
        return {"transactionId": self.transactions, "idTagInfo": {"status": "Accepted"}}

    def __getattr__(self, _action: str) -> Callable[[Payload], Payload]:
        return lambda _payload: {}

    def told(self, action: str) -> list[Payload]:
        """Payloads of one action, in order."""
        return [payload for _, what, payload in self.heard if what == action]

    def actions(self) -> list[str]:
        """What was called, in order."""
        return [action for _, action, _ in self.heard]


class _End:
    """One end of a pipe: an endpoint, and who is told of its end."""

    def __init__(self, endpoint: Endpoint, lost: Callable[[], None]) -> None:
        self.endpoint, self._lost = endpoint, lost

    def receive(self, data: str | bytes) -> None:
        self.endpoint.receive(data)

    def lost(self) -> None:
        self.endpoint.lost()
        self._lost()


class Bench:
    """One virtual station with its central system."""

    def __init__(
        self,
        version: Version,
        specs: tuple[EvseSpec, ...] = (),
        fit: Any = None,
        store: Any = None,
        **settings: Any,
    ) -> None:
        self.version = version
        self.env = simpy.Environment()
        self.step = LockStep(self.env, EPOCH_NS)
        self.csms = Csms(self.step)
        self.reachable = True
        self.dialled: list[float] = []
        self.link: Any = None
        self.endpoint: Any = None
        specs = specs or (evse(),)
        self.fleet = Fleet(specs)
        evses = tuple(EvseSettings(number=k + 1, row=k) for k in range(len(specs)))
        fields = {"identity": "cs-1", "evses": evses, "versions": (version,), "boot_s": 5.0} | settings
        more = {} if fit is None else {"fit": fit}
        if store is not None:
            more["store"] = lambda _settings: store
        self.stations = VirtualStations(
            self.fleet, [StationSettings(**fields)], self.step.clock, dial=self._dial, **more
        )
        self.station = self.stations.stations["cs-1"]
        self.ids = counter()

    def _dial(self, station: Any) -> None:
        self.dialled.append(self.step.clock.now_s)
        if not self.reachable:
            station.link_failed()
            return
        mine, theirs = pipe(self.version, station.settings.identity)
        common = {"clock": self.step.clock, "activity": self.step}
        end = Endpoint(
            mine, station.handle, station_side=True, on_late=station.late, new_id=self.ids, **common
        )
        self.endpoint = Endpoint(
            theirs, self.csms.handle, station_side=False, strict=True, new_id=counter("c"), **common
        )
        mine.join(_End(end, station.link_down))
        theirs.join(_End(self.endpoint, lambda: None))
        self.link = mine
        station.link_up(end, self.version)

    def start(self) -> Bench:
        """Switch on and let it boot."""
        self.step.do(self.stations.start)
        return self

    def until(self, t_s: float) -> None:
        """Let time pass."""
        self.env.run(until=t_s)
        self.step.settle()

    @property
    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self.step.clock.now_s

    def plug(self, row: int = 0, **fields: Any) -> None:
        self.step.do(lambda: self.stations.plug(self.now_s, row, car(**fields)))

    def present(self, token: str = "TAG", row: int = 0) -> None:
        self.step.do(lambda: self.stations.present(self.now_s, row, token))

    def unplug(self, row: int = 0) -> None:
        self.step.do(lambda: self.stations.unplug(self.now_s, row))

    def charge(self, token: str = "TAG", row: int = 0) -> None:
        """Plug in and identify."""
        self.plug(row)
        self.present(token, row)

    def cut(self) -> None:
        """Break the connection and keep it broken."""
        self.reachable = False
        self.step.do(self.link.drop)

    def ask(self, action: str, payload: Payload | None = None) -> Payload:
        """Call the station; return what it answered."""
        return self.step.do(lambda: self.endpoint.call(action, payload or {})).result()

    def statuses(self, evse: int = 1) -> list[str]:
        """What StatusNotification told of an EVSE."""
        if self.version.two:
            return [p["connectorStatus"] for p in self.csms.told("StatusNotification") if p["evseId"] == evse]
        return [p["status"] for p in self.csms.told("StatusNotification") if p["connectorId"] == evse]

    def events(self) -> list[tuple[str, str, str, int]]:
        """Type, trigger, state and number of each TransactionEvent."""
        return [
            (p["eventType"], p["triggerReason"], p["transactionInfo"].get("chargingState", ""), p["seqNo"])
            for p in self.csms.told("TransactionEvent")
        ]

    def register(self, row: int = 0) -> float:
        """The billing register now."""
        return self.stations.physics.sample(self.now_s, row).register_wh


def evse(number: int = 1, **fields: Any) -> EvseSpec:
    """An 11 kW wallbox, or what `fields` make of it."""
    return EvseSpec(**{"id": f"s1/{number}", "station": "s1", "site": "x", "bus": None} | fields)


def car(**fields: Any) -> PlugIn:
    """A lossless three-phase car of 60 kWh that is empty and wants 50."""
    vehicle = VehicleSpec(
        model="plain", usable_wh=60_000.0, ac_phases=3, ac_max_w=11_040.0, dc_max_w=100_000.0,
        taper_soc=1.0, taper_end=1.0, ac_efficiency=1.0, dc_efficiency=1.0, standby_w=0.0,
    )  # fmt: skip
    base = {
        "vehicle": vehicle,
        "arrival_wh": 0.0,
        "energy_wh": 50_000.0,
        "said_departure_s": math.nan,
        "said_energy_wh": math.nan,
    }
    return PlugIn(**base | fields)


@pytest.fixture(name="make")
def _make():
    """Makes benches and closes them."""
    benches: list[Bench] = []

    def make(version: Version, **more: Any) -> Bench:
        bench = Bench(version, **more)
        benches.append(bench)
        return bench

    make.evse = evse
    make.car = car
    make.replace = dataclasses.replace
    yield make
    for bench in benches:
        bench.step.close()
