"""Let virtual stations go wrong at random against our central system for minutes, and see that nothing is left over.

Both ends run in this one process, over sockets of the loopback, on one clock that runs faster than the one on the
wall; the central system keeps its journal in SQLite. At the end everything is mended, every car leaves, and what
happened is held against the books: each session has at most one transaction, each transaction is booked once,
complete, with the exact energy; memory, files, tasks and timers do not grow; no line was logged, and no deviation
recorded, that no fault explains. Prints a table. Exit codes: 0 all is well, 1 it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tools.soak_books import RESOLUTION_WH, Truth
from tools.soak_health import Sayings, Vitals, settled, slope_per_minute, vitals
from twin.domain.ids import EvseId, StationId
from twin.domain.specs import EvseSpec
from twin.network.api.compose import Options, System
from twin.network.clock import LoopClock
from twin.network.ocpp.csms.limits import Limit
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import WireError
from twin.network.ocpp.wire.link import Deviation
from twin.network.ocpp.wire.server import Listen, serve
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import Guest, default_evses, endless
from twin.network.virtual.load import Load, LoadOptions
from twin.network.virtual.parts.faults import FaultRates
from twin.network.virtual.parts.fit import Fitted, Outfit
from twin.rng import stream
from twin.store.sql import SqlJournal
from twin.world.stations.catalogue import catalogue

EPOCH_NS = 1_767_225_600 * 1_000_000_000
FAULTS = FaultRates(
    drop=4.0,
    freeze=2.0,
    slow=2.0,
    duplicate=2.0,
    malformed=4.0,
    reboot=1.0,
    clock=1.0,
    refuse=2.0,
    lasting_s=60.0,
)
LIARS = replace(FAULTS, register=2.0)
"""Every tenth station's register falls to 0 now and then: what it told cannot be known better."""
CARS_PER_HOUR = 6.0
SAMPLE_S = 20
SPREAD_S, OPEN_S = 30.0, 120.0
"""Over how long stations are switched on, and from when on cars come."""
LOOK_S = 1.0
PATIENCE_S = 90.0
MOST_MIB_PER_MINUTE = 2.0
LONG_S = 180.0
"""Growth is judged in runs that are longer: before, everything grows until it is full."""
EXPLAINED = {
    "csms": {
        "not-json", "not-an-array", "unknown-id", "duplicate-id", "late-answer",
        "unknown-action", "schema", "incomplete-call", "malformed-callerror", "malformed-answer", "message-type",
        "message-id", "extra-elements",
    },
    "station": {"unknown-id", "late-answer", "duplicate-id"},
}  # fmt: skip
"""Deviations that the faults make, by who records them: malformed frames, frames sent twice, frames sent late."""
LATENESS_S = 0.05
"""How long the program may take from a contactor to the reading; energy flows meanwhile."""
LARGEST_W = 11_040.0
TIMERS_EACH = 2
"""May be left at the end, per station: the guest who would have left, the fault that would have ended."""


class Central(System):
    """Our central system, which counts what it finds wrong."""

    def __init__(self, clock: LoopClock, journal: SqlJournal, options: Options) -> None:
        self.remarks: Counter[str] = Counter()
        self.examples: dict[str, Deviation] = {}
        super().__init__(clock, journal, options)

    def remark(self, deviation: Deviation) -> None:
        """Count a deviation."""
        self.remarks[deviation.rule] += 1
        self.examples.setdefault(deviation.rule, deviation)
        super().remark(deviation)


class Soak:
    """One run.

    Args:
        count: Stations; each version of OCPP has a third.
        speed: Seconds of the stations per second on the wall.
        seed: Of cars, faults and commands.
        folder: Of the database.
    """

    def __init__(self, count: int, speed: float, seed: int, folder: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = LoopClock(self.loop, EPOCH_NS, speed)
        self.random = stream(seed, "soak")
        self.seed, self.count = seed, count
        self.truth = Truth()
        self.system = Central(
            self.clock, SqlJournal(f"sqlite:///{folder / 'soak.db'}"), Options(accept="any", tokens="accept")
        )
        self.loads: list[Load] = []
        self.liars: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.history: list[Vitals] = []

    async def run(self, seconds: float) -> list[str]:
        """Run, mend, compare; return what is wrong."""
        before = settled(self.loop)
        server = await serve(
            self.system.csms.attach,
            [Listen()],
            gate=self.system.gate,
            clock=self.clock,
            remark=self.system.remark,
        )
        self._populate(f"ws://127.0.0.1:{server.ports[0]}")
        for load in self.loads:
            load.start()
        await self._live(seconds)
        await self._mend()
        wrong = self._compare()
        for load in self.loads:
            await load.stop()
        await server.close(1001, "the soak ends")
        self.system.csms.close()
        await self._until(lambda: vitals(self.loop).tasks <= before.tasks, "tasks end")
        return wrong + self._grown(before, settled(self.loop))

    def _populate(self, url: str) -> None:
        groups = [(version, lie) for version in Version for lie in (False, True)]
        for version, lie in groups:
            numbers = [
                n for n in range(self.count) if list(Version)[n % 3] is version and (n % 10 == 9) is lie
            ]
            if not numbers:
                continue
            specs = [
                replace(spec, id=EvseId(f"SOAK-{n}/1"), station=StationId(f"SOAK-{n}"))
                for n, spec in zip(numbers, default_evses(len(numbers)), strict=True)
            ]
            options = LoadOptions(
                version=version, sample_s=SAMPLE_S, seed=self.seed, spread_s=SPREAD_S,
                outfit=Outfit(faults=LIARS if lie else FAULTS),
            )  # fmt: skip
            guests = _guests(specs, self.seed)
            load = Load(Target(url=url), specs, options, self.clock, guests, store=self.truth.store)
            self.truth.watch(load)
            self.loads.append(load)
            if lie and version.two:
                self.liars |= {spec.station for spec in specs}

    def _fitted(self) -> Iterator[Fitted]:
        for load in self.loads:
            for station in load.stations.stations.values():
                assert isinstance(station.fittings, Fitted)
                yield station.fittings

    async def _live(self, seconds: float) -> None:
        """Let it run, with limits and questions for some stations every second."""
        for _ in range(round(seconds / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            self.history.append(vitals(self.loop))
            for identity in self.random.choice([*self.truth.sessions], max(self.count // 20, 1)):
                wish = Limit(limit_w=float(self.random.integers(0, 12_000)))
                if str(identity) in self.system.csms.stations:
                    self.system.charging.set_limit(str(identity), 1, wish)
                    await self._ask(str(identity))

    async def _ask(self, identity: str) -> None:
        if not self.system.csms.stations[identity].online:
            return
        task = asyncio.ensure_future(
            self.system.csms.call(identity, "TriggerMessage", {"requestedMessage": "Heartbeat"})
        )
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Future[object]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, WireError):
            raise error
        self.asked["answered" if error is None else type(error).__name__] += 1

    async def _mend(self) -> None:
        """End all faults, let all cars leave, and wait until everybody has said everything."""
        for fitted in self._fitted():
            fitted.faults.stop()
        for load in self.loads:
            load.guests.stop()
            for row in range(len(load.stations.fleet)):
                station, evse = load.stations.at(row)
                if station.bays[evse].plugged:
                    load.stations.unplug(self.clock.now_s, row)
        await self._until(
            lambda: all(
                not load.queued and load.online == len(load.stations.stations) for load in self.loads
            ),
            "all stations are online and have told everything",
        )
        await self.system.office.commit()

    async def _until(self, reached: Callable[[], bool], what: str) -> None:
        for _ in range(int(PATIENCE_S / 0.05)):
            if reached():
                return
            await asyncio.sleep(0.05)
        print(f"NOT REACHED: {what}")

    def _compare(self) -> list[str]:
        wrong = []
        slack_wh = RESOLUTION_WH + LARGEST_W * LATENESS_S * self.clock.speed / 3600.0
        for load in self.loads:
            for identity, station in load.stations.stations.items():
                if not station.online or len(station.queue):
                    wrong.append(f"{identity}: online {station.online}, {len(station.queue)} messages wait")
                booked = self.system.transactions(identity)
                wrong += self.truth.misses(identity, booked, slack_wh, exact=identity not in self.liars)
        heard = {"csms": self.system.remarks, "station": Counter[str]()}
        for load in self.loads:
            heard["station"].update(load.deviations)
        for who, rules in heard.items():
            strange = {rule: n for rule, n in rules.items() if rule not in EXPLAINED[who]}
            if strange:
                wrong.append(f"deviations that the {who} recorded and no fault explains: {strange}")
        return wrong

    def _grown(self, before: Vitals, after: Vitals) -> list[str]:
        wrong = [
            f"{what}: {getattr(before, what)} before, {getattr(after, what)} after"
            for what, more in (
                ("files", 0),
                ("tasks", 0),
                ("timers", TIMERS_EACH * self.count + len(self.loads)),
            )
            if getattr(after, what) > getattr(before, what) + more
        ]
        if self.history[-1].at_s - self.history[0].at_s < LONG_S:
            return wrong
        most = {
            "memory_mib": MOST_MIB_PER_MINUTE,
            **dict.fromkeys(("files", "tasks", "timers"), 0.02 * self.count),
        }
        for what, limit in most.items():
            grows = slope_per_minute(self.history, what)
            if grows > limit:
                wrong.append(f"{what} grows by {grows:.1f} a minute")
        return wrong

    def table(self) -> Iterator[tuple[str, object]]:
        """Yield what is to be told."""
        summaries = [load.summary() for load in self.loads]
        faults: Counter[str] = Counter()
        for one in summaries:
            faults.update(one["faults"])
        yield "stations", self.count
        yield "simulated time", f"{self.clock.now_s / 3600.0:.2f} h"
        yield "sessions", sum(map(len, self.truth.sessions.values()))
        yield "transactions", sum(map(len, self.truth.transactions.values()))
        for name in ("calls", "connections", "lost", "refused"):
            yield name, sum(one[name] for one in summaries)
        yield "faults", dict(faults)
        yield "calls of the central system", dict(self.asked)
        yield "deviations, csms", dict(self.system.remarks)
        yield "deviations, stations", dict(sum((Counter(load.deviations) for load in self.loads), Counter()))
        first, last = self.history[0], self.history[-1]
        for what in ("memory_mib", "files", "tasks", "timers"):
            grows = slope_per_minute(self.history, what)
            yield what, f"{getattr(first, what):.0f} to {getattr(last, what):.0f}, {grows:+.2f} a minute"


def _guests(specs: Sequence[EvseSpec], seed: int) -> Iterator[Guest]:
    """Yield cars without end, each station's with a card of its own: one card cannot charge at two places."""
    for guest in endless(specs, list(catalogue().values()), per_hour=CARS_PER_HOUR, seed=seed):
        card = str(specs[guest.rows[0]].station)
        yield guest._replace(arrival_s=guest.arrival_s + OPEN_S, token=card)


async def _soak(count: int, minutes: float, speed: float, seed: int) -> bool:
    sayings = Sayings()
    sayings.listen(asyncio.get_running_loop())
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(count, speed, seed, Path(folder))
        wrong = await soak.run(60.0 * minutes)
    for name, value in soak.table():
        print(f"{name:28} {value}")
    wrong += [f"logged {n} times: {kind} {sayings.examples[kind]}" for kind, n in sayings.lines.items()]
    for line in wrong[:40]:
        print(f"WRONG: {line}")
    print(f"{len(wrong)} things are wrong" if wrong else "nothing is wrong")
    return not wrong


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--speed", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    return 0 if asyncio.run(_soak(args.stations, args.minutes, args.speed, args.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
