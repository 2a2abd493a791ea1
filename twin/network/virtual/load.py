"""Many virtual stations against one central system: put together, started, stopped, summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from twin.domain.clock import Clock, Timer
from twin.domain.fleet import Fleet
from twin.domain.specs import EvseSpec
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Deviation, Trace
from twin.network.virtual.dial import Dialler, Target
from twin.network.virtual.guests import Guest, Guests
from twin.network.virtual.measured import Answers
from twin.network.virtual.parts.fit import Fitted, Outfit, outfit
from twin.network.virtual.parts.standard import SECURITY_PROFILE
from twin.network.virtual.settings import EvseSettings, StationSettings
from twin.network.virtual.station import VirtualStation
from twin.network.virtual.stations import VirtualStations, in_memory
from twin.network.virtual.store import Store

LOOK_S = 10.0
"""How often it is looked for cars that had enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What is asked of all stations."""

    version: Version
    sample_s: int = 60
    """Seconds between two readings of a transaction; 0: none."""
    seed: int = 0
    hears_time: bool = True
    """Whether stations take the time from the central system: not where theirs runs faster."""
    iso15118: bool = False
    """Whether cars tell their state of charge and what they need."""
    spread_s: float = 0.0
    """Over how long the stations are switched on, one after the other."""
    outfit: Outfit = field(default_factory=Outfit)
    values: dict[str, str] = field(default_factory=dict)
    """First values of configuration keys or variables."""


def settings_of(specs: Sequence[EvseSpec], options: LoadOptions) -> list[StationSettings]:
    """Return the settings of the stations that some EVSEs belong to, in their order."""
    rows: dict[str, list[int]] = {}
    for row, spec in enumerate(specs):
        rows.setdefault(spec.station, []).append(row)
    values = {"MeterValueSampleInterval": str(options.sample_s), **options.values}
    step_s = options.spread_s / max(len(rows), 1)
    return [
        StationSettings(
            identity=identity,
            evses=tuple(EvseSettings(number=k, row=row) for k, row in enumerate(of_station, start=1)),
            versions=(options.version,),
            connect_on_boot_s=n * step_s,
            seed=options.seed,
            tells_soc=options.iso15118,
            hears_time=options.hears_time,
            values=values,
        )
        for n, (identity, of_station) in enumerate(rows.items())
    ]


class Load:
    """Stations, their guests and what they hear.

    Args:
        target: The central system.
        specs: The EVSEs; together they make the stations.
        options: What is asked of all.
        clock: Of the stations; call everything inside its loop.
        guests: Cars that come, in the order of their arrival.
        trace: Told of every frame.
        store: Makes what a station keeps.

    Raises:
        ValueError: A name of `options.values` is unknown, or a value is none of its variable.
    """

    def __init__(
        self,
        target: Target,
        specs: Sequence[EvseSpec],
        options: LoadOptions,
        clock: Clock,
        guests: Iterable[Guest] = (),
        *,
        trace: Trace | None = None,
        store: Callable[[StationSettings], Store] = in_memory,
    ) -> None:
        self.answers = Answers()
        self.deviations: dict[str, int] = {}
        """What the central system did against its version's rules, by rule."""
        self.clock = clock
        secured = replace(options, values={SECURITY_PROFILE.name: str(target.security), **options.values})
        self._dialler = Dialler(target, clock, self.answers, trace=trace, remark=self._remark)
        self.stations = VirtualStations(
            Fleet(specs), settings_of(specs, secured), clock, dial=self._dialler.dial,
            fit=partial(outfit, how=options.outfit), store=store,
        )  # fmt: skip
        first = next(iter(self.stations.stations.values()))
        for name in options.values:
            if first.variables.by_name(name) is None and first.variables.by_key(name) is None:
                raise ValueError(f"{name}: no station has such a key or variable")
        self.guests = Guests(self.stations, clock, guests)
        self._look: Timer | None = None

    def start(self) -> None:
        """Switch all on and let guests come."""
        self.stations.start()
        for fitted in self._fitted():
            fitted.faults.start()
        self.guests.start()
        self._looked()

    def _looked(self) -> None:
        self.stations.advance(self.clock.now_s)
        self._look = self.clock.call_later(LOOK_S, self._looked)

    def _fitted(self) -> list[Fitted]:
        return [s.fittings for s in self.stations.stations.values() if isinstance(s.fittings, Fitted)]

    async def stop(self) -> None:
        """Switch all off: guests stay where they are, connections are closed with a word."""
        self.guests.stop()
        if self._look is not None:
            self._look.cancel()
        for fitted in self._fitted():
            fitted.faults.stop()
        self.stations.down()
        await self._dialler.close()

    def _remark(self, deviation: Deviation) -> None:
        self.deviations[deviation.rule] = self.deviations.get(deviation.rule, 0) + 1

    @property
    def online(self) -> int:
        """How many stations are connected and accepted."""
        return sum(station.online for station in self.stations.stations.values())

    @property
    def charging(self) -> int:
        """How many transactions run."""
        return sum(
            bay.transaction is not None for s in self.stations.stations.values() for bay in s.bays.values()
        )

    @property
    def queued(self) -> int:
        """Messages of transactions that wait to be sent or answered."""
        return sum(len(station.queue) for station in self.stations.stations.values())

    def summary(self) -> dict[str, Any]:
        """Return counts, errors and latencies: plain JSON; latencies in ms, null where nothing was answered."""
        answers = self.answers
        faults: dict[str, int] = {}
        for fitted in self._fitted():
            for kind, number in fitted.faults.count.items():
                faults[kind] = faults.get(kind, 0) + number
        latencies = {
            f"p{p}_ms": answers.percentile_ms(p) if answers.latency_s else None for p in (50, 95, 99)
        }
        return {
            "stations": len(self.stations.stations), "online": self.online, "charging": self.charging,
            "cars": self.guests.came, "turned_away": self.guests.turned_away,
            "calls": sum(answers.calls.values()), "answered": answers.answered, **latencies,
            "errors": dict(answers.errors.most_common()), "by_action": dict(answers.calls.most_common()),
            "received": dict(answers.received.most_common()),
            "connections": answers.connected, "lost": answers.lost, "refused": answers.refused,
            "queued": self.queued, "deviations": dict(self.deviations), "faults": faults,
        }  # fmt: skip


def station_view(station: VirtualStation) -> dict[str, Any]:
    """Return what a station is doing: plain JSON."""
    evses = []
    for bay in station.bays.values():
        sample = station.sample(bay)
        running = bay.transaction
        evses.append({
            "evse": bay.number, "status": station.state_of(bay.number), "plugged": bay.plugged,
            "token": bay.token.text if bay.token else None,
            "transaction": station.wire_name(running) if running else None,
            "power_w": sample.power_w, "register_wh": sample.register_wh, "limit_w": bay.limit_w,
        })  # fmt: skip
    return {
        "identity": station.settings.identity, "version": station.version.number, "up": station.up,
        "online": station.online, "queued": len(station.queue), "evses": evses,
    }  # fmt: skip
