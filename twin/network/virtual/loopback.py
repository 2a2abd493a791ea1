"""Stations behind sockets of this machine in lock step: a central system, virtual stations, one loop, no real time.

The engine sees one port `Physics`. What control knows comes over the wire from the central system; what people do
and what is true comes from the virtual stations. Every call returns when nothing is under way any more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import simpy

from twin.domain import events as e
from twin.domain.commands import Command
from twin.domain.fleet import Fleet
from twin.domain.ids import Rows, Vector
from twin.domain.interval import Interval
from twin.domain.ports import PlugIn, SessionTruth
from twin.domain.specs import EvseSpec
from twin.engine.lockstep import LockStep
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.columns import Car
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.port import CsmsStations
from twin.network.ocpp.csms.smart_charging import Declared, SmartCharging
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.tasks import Tasks
from twin.network.ocpp.csms.tokens import ID_TAG_LENGTH
from twin.network.ocpp.profiles.model import Unit
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Open
from twin.network.ocpp.wire.client import connect
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import ConnectFailed
from twin.network.ocpp.wire.link import Deviation, Record
from twin.network.ocpp.wire.server import Listen, Server, serve
from twin.network.ocpp.wire.sockets import SocketLimits
from twin.network.ocpp.wire.trace import Masker, line, opening
from twin.network.virtual.parts.base import Fit, no_parts
from twin.network.virtual.plain import Plain
from twin.network.virtual.settings import EvseSettings, StationSettings
from twin.network.virtual.station import VirtualStation
from twin.network.virtual.stations import VirtualStations
from twin.store.memory import MemoryJournal
from twin.world.stations.equipment import connection

_HEARTBEAT_S = 86_400
"""Nobody needs to hear that a station lives: the clock stands still until it has said what it had to say."""
_SOCKETS = SocketLimits(frames_per_s=0.0)
"""All of an instant comes at once."""
_WIRED = re.compile(r"[A-Za-z0-9*\-_=:+|@.]+")
"""What a token may consist of (OCPP 2.0.1, identifierString)."""
MESSAGES = "messages.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """How stations are reached."""

    version: Version
    epoch_ns: int
    """The run's second 0."""
    sample_interval_s: int
    """How often meters are read, from midnight UTC."""
    seed: int = 0
    trace: bool = False
    """Keep every message in the run's folder."""


class LoopbackStations:
    """Implements `Physics` for every row of a fleet: some stations over OCPP, the others without a wire.

    Args:
        fleet: The columns that control reads.
        env: Whose time passes.
        how: Version, sampling, trace.
        rows: Those of stations behind sockets; None: all.
        fit: Makes further parts of a station.
        start_s: When the first interval begins.
    """

    def __init__(
        self,
        fleet: Fleet,
        env: simpy.Environment,
        how: Loopback,
        *,
        rows: Collection[int] | None = None,
        fit: Fit = no_parts,
        start_s: float = 0.0,
    ) -> None:
        self.fleet, self.how = fleet, how
        self.step = LockStep(env, how.epoch_ns)
        self.deviations: list[Deviation] = []
        """What either side said against its version's rules."""
        self._frames: list[bytes] = []
        self._mask = Masker()
        self._file: Path | None = None
        loop, clock = self.step.loop, self.step.clock
        wired = tuple(range(len(fleet)) if rows is None else sorted(rows))
        self.port = CsmsStations(fleet, wired, clock, loop, start_s)
        journal = MemoryJournal()
        core = Core(
            clock,
            journal,
            self.port.take,
            authoriser=self.port,
            unknown_tokens="accept",
            on_sample=self.port.sample,
        )
        tasks = Tasks(loop)
        ability = Capabilities(units=frozenset({Unit.W}), max_stack_level=9)
        office = Office(core.desk, _unheard)
        charging = SmartCharging(office, lambda _identity: ability, tasks=tasks)
        self.port.serve(charging, core.desk.stations)
        self.csms = Csms(
            clock, journal, (*core.parts, office, charging), self.port.take,
            trace=self._trace if how.trace else None, remark=self.deviations.append, activity=self.step,
            desk=core.desk,
        )  # fmt: skip
        self._tasks = tasks
        self._cards: dict[str, str] = {}
        self._taken: set[str] = set()
        self._shown: dict[int, str] = {}
        self.port.subscribe(self._again)
        self._dials: set[asyncio.Task[None]] = set()
        self.virtual = VirtualStations(
            Fleet(fleet.specs), _settings(fleet.specs, wired, how), clock, dial=self._dial, fit=fit,
            start_s=start_s, others=len(wired) < len(fleet),
        )  # fmt: skip
        self._wired = frozenset(wired)
        self._plain = Plain(fleet, self.virtual, [row for row in range(len(fleet)) if row not in self._wired])
        for row in wired:
            spec = fleet.specs[row]
            self.csms.register(spec.station, StationPolicy(interval_s=_HEARTBEAT_S))
            number = int(fleet.ids[row].rpartition("/")[2])
            phases = spec.connection.phases
            charging.declare(
                spec.station, number, Declared(rating_w=spec.max_w, phases=phases, voltage_v=spec.voltage_v)
            )
        self._server: Server | None = None
        self._url = ""
        self.step.drain(self.port.drain)

    def start(self) -> None:
        """Listen, switch the stations on, and wait until they are served."""
        task = self.step.loop.create_task(self._open())
        self.step.settle()
        task.result()
        self.step.do(self.virtual.start)

    def close(self) -> None:
        """Switch everything off and let go of the sockets."""
        if self.step.loop.is_closed():
            return
        if self._server is not None:
            self.step.do(self.virtual.down)
            task = self.step.loop.create_task(self._server.close())
            self.step.settle()
            task.result()
        self._write()
        self.step.close()

    def keep(self, folder: Path) -> None:
        """Write the messages into a run's folder, from now on and those from before."""
        if self.how.trace:
            self._file = folder / MESSAGES
            self._file.write_bytes(opening(self.step.clock.epoch_ns, csms_side=True))
            self._write()

    # Stations

    def advance(self, t_s: float, /) -> None:
        """Close the interval at `t_s`; what was metered came over the wire before."""
        self.step.do(lambda: self.virtual.advance(t_s))
        self.port.advance(t_s)
        self._plain.show()

    def set_limits(self, rows: Rows, limit_w: Vector, /) -> None:
        """Ask for limits (len(rows),) in W; returns when the stations obey them."""
        plain = self._plain.among(rows)
        self._plain.set_limits(rows[plain], limit_w[plain])
        self.port.set_limits(rows[~plain], limit_w[~plain])
        self.step.settle()

    def send(self, command: Command, /) -> None:
        """Answer a token."""
        if self.fleet.row[command.evse] in self._wired:
            self.port.send(command)
            self.step.settle()
        else:
            self._plain.send(command)

    def subscribe(self, sink: Callable[[e.StationEvent], None], /) -> None:
        """Call `sink` for every fact that control may know."""
        self.port.subscribe(sink)
        self._plain.subscribe(sink)

    # Hands

    def plug(self, t_s: float, row: int, car: PlugIn, /) -> None:
        """Connect a car; what its driver tells the app goes beside the wire."""
        if row in self._wired:
            self.port.said(row, _said(car, self.fleet.specs[row]))
            self.step.do(lambda: self.virtual.plug(t_s, row, car))
        else:
            self._plain.plug(t_s, row, car)

    def present(self, t_s: float, row: int, token: str, /) -> None:
        """Hold a card to the reader."""
        if row not in self._wired:
            self._plain.present(t_s, row, token)
            return
        card = self._card(token)
        if self.fleet.offline[row]:
            self._shown[row] = card
        self.step.do(lambda: self.virtual.present(t_s, row, card))

    def _again(self, fact: e.StationEvent) -> None:
        """Whose card nobody could judge while the station was offline shows it again when it is back."""
        if isinstance(fact, e.CameBack):
            row = self.fleet.row[fact.evse]
            card = self._shown.pop(row, None)
            if card is not None:
                self.step.soon(lambda: self.virtual.present(self.step.clock.now_s, row, card))

    def _card(self, token: str) -> str:
        """Return what a reader reads of a token: itself where the wire has room for it, case apart."""
        card = self._cards.get(token)
        if card is None:
            card = token
            fits = len(token) <= ID_TAG_LENGTH and _WIRED.fullmatch(token) is not None
            if not fits or token.casefold() in self._taken:
                card = f"card:{len(self._cards) + 1}"
            self._cards[token] = card
            self._taken.add(card.casefold())
            self.port.cards[card] = token
        return card

    def unplug(self, t_s: float, row: int, /) -> None:
        """Take the cable out."""
        if row in self._wired:
            self._shown.pop(row, None)
            self.step.do(lambda: self.virtual.unplug(t_s, row))
        else:
            self._plain.unplug(t_s, row)

    # truth

    def interval(self) -> Interval:
        """What really happened in the last closed interval."""
        return self.virtual.interval()

    def read_register(self, t_s: float, rows: Rows, /) -> Vector:
        """Return the billing registers (len(rows),) at `t_s`."""
        return self.virtual.read_register(t_s, rows)

    def session_truth(self, row: int, /) -> SessionTruth:
        """The session at a row, or the one that just ended there."""
        return self.virtual.session_truth(row)

    def fault(self, t_s: float, row: int, kind: str, on: bool, /) -> None:
        """Begin or end a fault."""
        if row in self._wired:
            self.step.do(lambda: self.virtual.fault(t_s, row, kind, on))
        else:
            self._plain.fault(t_s, row, kind, on)

    # sockets

    async def _open(self) -> None:
        self._server = await serve(
            self.csms.attach, [Listen()], gate=Open(), clock=self.step.clock, limits=_SOCKETS,
            remark=self.deviations.append,
        )  # fmt: skip
        self._url = f"ws://127.0.0.1:{self._server.ports[0]}/ocpp"

    def _dial(self, station: VirtualStation) -> None:
        """Begin to connect a station; until it is through, the clock waits."""
        self.step.begin(f"dial {station.settings.identity}")
        task = self.step.loop.create_task(self._connect(station))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _connect(self, station: VirtualStation) -> None:
        identity, clock = station.settings.identity, self.step.clock
        try:
            link = await connect(
                self._url, identity, station.settings.versions, clock=clock, limits=_SOCKETS,
                remark=self.deviations.append,
            )  # fmt: skip
            ids = count(station.next_id("connection") * _IDS + 1)
            endpoint = _StationEnd(
                link, station.handle, clock=clock, station_side=True, remark=self.deviations.append,
                activity=self.step, on_late=station.late, new_id=lambda: f"{next(ids)}",
            )  # fmt: skip
            endpoint.station = station
            link.join(endpoint)
            station.link_up(endpoint, link.version)
        except ConnectFailed:
            station.link_failed()
        finally:
            self.step.end(f"dial {identity}")

    def _trace(self, record: Record) -> None:
        self._frames.append(line(record, self._mask))
        if len(self._frames) >= _BATCH:
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            with self._file.open("ab") as file:
                file.writelines(self._frames)
            self._frames.clear()


_BATCH = 10_000
_IDS = 1_000_000


class _StationEnd(Endpoint):
    """An endpoint that tells its station when the connection is gone."""

    station: VirtualStation

    def lost(self) -> None:
        """The transport is gone."""
        super().lost()
        self.station.link_down()


def _said(car: PlugIn, spec: EvseSpec) -> Car:
    """What the driver's app tells control: the car's model, departure and energy."""
    here = connection(car.vehicle, spec)
    w_per_a, phases, max_w, min_w, step_w = here[:5].tolist()
    return Car(phases, w_per_a, max_w, min_w, step_w, car.said_departure_s, car.said_energy_wh)


def _settings(specs: Sequence[EvseSpec], wired: Sequence[int], how: Loopback) -> list[StationSettings]:
    rows: dict[str, list[int]] = {}
    for row in wired:
        rows.setdefault(specs[row].station, []).append(row)
    return [
        StationSettings(
            identity=identity,
            evses=tuple(EvseSettings(number=k, row=row) for k, row in enumerate(of_station, start=1)),
            versions=(how.version,),
            boot_s=0.0,
            seed=how.seed,
            values=_values(how, len(of_station)),
        )
        for identity, of_station in rows.items()
    ]


def _values(how: Loopback, evses: int) -> Mapping[str, str]:
    """Meters are read at round times, so that every tick knows the registers of its own instant."""
    measured = "Energy.Active.Import.Register,Power.Active.Import"
    return {
        "MeterValueSampleInterval": "0",
        "ClockAlignedDataInterval": str(how.sample_interval_s),
        "MeterValuesAlignedData": measured,
        "LocalAuthorizeOffline": "false",
        "MaxChargingProfilesInstalled": str(max(50, 4 * evses)),
    }


def _unheard(_station: str, _kind: str, _body: Mapping[str, object]) -> None:
    """Operations are in the journal; nobody else wants them."""
