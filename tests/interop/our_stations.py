"""Our virtual stations at central systems by others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from twin.domain.ports import PlugIn
from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import default_evses
from twin.network.virtual.load import Load, LoadOptions
from twin.network.virtual.station import VirtualStation
from twin.world.stations.catalogue import catalogue

from . import words
from .bridge import Refused, bridge, until

EPOCH_NS = 1_767_225_600 * 1_000_000_000


class Central(Protocol):
    """A central system by others: `Bridge`, or `PythonCentral`."""

    async def call(self, identity: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Call a station."""
        ...

    def do(self, what: str, *, identity: str) -> Awaitable[Any]:
        """`refuse` a station, or `admit` it again."""
        ...

    def told(self, identity: str, action: str) -> list[dict[str, Any]]:
        """Return the payloads of what a station told."""
        ...


SPEED = 60.0
"""Seconds of the stations in one of the clock on the wall."""
VALUES = {
    "MeterValuesSampledData": "Energy.Active.Import.Register,Current.Import,Power.Active.Import",
    "OCPPCommCtrlr.MessageTimeout[Default]": "900",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "1",
}
CARD_ROW, REMOTE_ROW, OFFLINE_ROW, TOUR_ROW = range(4)


@dataclass
class Told:
    """What a run left behind."""

    records: list[Record] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    """What the others' strict mode found."""
    deviations: dict[str, int] = field(default_factory=dict)
    """What we found in the others."""
    facts: dict[str, Any] = field(default_factory=dict)

    def senders(self, action: str, *, outbound: bool = True) -> list[str]:
        """Return which station each call of an action belongs to; outbound is ours."""
        calls = ((r.station, json.loads(r.frame)) for r in self.records if r.outbound is outbound)
        return [station for station, frame in calls if frame[0] == 2 and frame[2] == action]

    def sent(self, action: str, *, outbound: bool = True) -> int:
        """Return how often an action was called in a direction."""
        return len(self.senders(action, outbound=outbound))


@asynccontextmanager
async def stations(url: str, version: Version, told: Told, count: int = 4) -> AsyncIterator[Load]:
    """Run stations TWIN-1, TWIN-2, … of ours; all are accepted when this begins."""
    load = Load(
        Target(url=url), default_evses(count), LoadOptions(version=version, sample_s=10, values=VALUES),
        LoopClock(asyncio.get_running_loop(), EPOCH_NS, SPEED), trace=told.records.append,
    )  # fmt: skip
    load.start()
    try:
        await until(lambda: load.online == count, "all stations are accepted")
        yield load
    finally:
        await load.stop()
        told.deviations = dict(load.deviations)


def identity(row: int) -> str:
    """Who is at a row."""
    return f"TWIN-{row + 1}"


def plug(load: Load, row: int) -> None:
    """Connect a hungry car that takes 16 A on three phases."""
    car = catalogue()["bmw-ix-xdrive40"]
    load.stations.plug(load.clock.now_s, row, PlugIn(car, 0.1 * car.usable_wh, 40_000.0, 0.0, 40_000.0))


def unplug(load: Load, row: int) -> None:
    """Drive away."""
    load.stations.unplug(load.clock.now_s, row)


def station(load: Load, row: int) -> VirtualStation:
    """The station at a row."""
    return load.stations.at(row)[0]


async def at_node(version: Version) -> Told:
    """Tell every story at a strict central system of npm `ocpp-rpc`."""
    told = Told()
    async with bridge(words.central()) as node:
        port = (await node.do("serve"))["port"]
        async with stations(f"ws://127.0.0.1:{port}", version, told) as load:
            await asyncio.gather(
                by_card(node, load, version, told),
                by_remote(node, load, version, told),
                offline(node, load, version, told),
                _tour(node, load, version, told),
            )
        told.failures = node.failures
    return told


def _running(node: Central, version: Version, row: int) -> Any:
    """Return the id of a row's latest transaction as the central system knows it; None: there is none."""
    who = identity(row)
    if version is words.V201:
        events = node.told(who, "TransactionEvent")
        return events[-1]["transactionInfo"]["transactionId"] if events else None
    readings = [m["transactionId"] for m in node.told(who, "MeterValues") if "transactionId" in m]
    return readings[-1] if readings else None


def _readings(node: Central, version: Version, row: int) -> list[dict[str, Any]]:
    """Return the messages with a row's readings while it charged."""
    if version is words.V16:
        return [m for m in node.told(identity(row), "MeterValues") if "transactionId" in m]
    return [e for e in node.told(identity(row), "TransactionEvent") if e["eventType"] == "Updated"]


def _ends(node: Central, version: Version, row: int) -> list[dict[str, Any]]:
    if version is words.V16:
        return node.told(identity(row), "StopTransaction")
    return [e for e in node.told(identity(row), "TransactionEvent") if e["eventType"] == "Ended"]


async def _currents(node: Central, version: Version, row: int, level_a: float) -> list[float]:
    """Wait until a row was metered at a current in some messages in a row; return those currents."""

    def latest() -> list[float]:
        return words.values(_readings(node, version, row)[-words.SAMPLES :], "Current.Import")

    await until(
        lambda: len(latest()) >= words.SAMPLES and all(abs(a - level_a) < 0.2 for a in latest()),
        f"{identity(row)} draws {level_a} A",
    )
    return latest()


async def by_card(node: Central, load: Load, version: Version, told: Told) -> None:
    """A card, a charge, a profile that halves the current, the cable is pulled."""
    plug(load, CARD_ROW)
    load.stations.present(load.clock.now_s, CARD_ROW, words.CARD)
    before = await _currents(node, version, CARD_ROW, words.HIGH_A)
    transaction = _running(node, version, CARD_ROW)
    answer = await node.call(identity(CARD_ROW), *words.limit(version, words.LOW_A, transaction))
    assert answer["status"] == "Accepted"
    after = await _currents(node, version, CARD_ROW, words.LOW_A)
    unplug(load, CARD_ROW)
    await until(lambda: _ends(node, version, CARD_ROW), "the transaction by card ends")
    told.facts["card"] = {"before": before, "after": after, "authorized": node.told("TWIN-1", "Authorize")}


async def by_remote(node: Central, load: Load, version: Version, told: Told) -> None:
    """A start and a stop from afar."""
    plug(load, REMOTE_ROW)
    assert (await node.call(identity(REMOTE_ROW), *words.remote_start(version)))["status"] == "Accepted"
    await until(
        lambda: len(_readings(node, version, REMOTE_ROW)) >= words.SAMPLES, "the remote start is metered"
    )
    transaction = _running(node, version, REMOTE_ROW)
    answer = await node.call(identity(REMOTE_ROW), *words.remote_stop(version, transaction))
    assert answer["status"] == "Accepted"
    await until(lambda: _ends(node, version, REMOTE_ROW), "the remote stop ends the transaction")
    [end] = _ends(node, version, REMOTE_ROW)
    told.facts["remote"] = {"end": end, "readings": len(_readings(node, version, REMOTE_ROW))}


async def offline(node: Central, load: Load, version: Version, told: Told) -> None:
    """The central system is out of order while a car charges and leaves; it is told all of it afterwards."""
    plug(load, OFFLINE_ROW)
    load.stations.present(load.clock.now_s, OFFLINE_ROW, words.CARD)
    await until(lambda: len(_readings(node, version, OFFLINE_ROW)) >= 2, "the transaction is metered")
    who, one = identity(OFFLINE_ROW), station(load, OFFLINE_ROW)
    await node.do("refuse", identity=who)
    await until(lambda: not one.online, "the station is cut off")
    heard = len(_readings(node, version, OFFLINE_ROW))
    await until(lambda: len(one.queue) >= words.SAMPLES, "readings wait in the queue")
    bay = one.bays[1]
    unplug(load, OFFLINE_ROW)
    register_wh = one.sample(bay).register_wh
    waiting = len(one.queue)
    await node.do("admit", identity=who)
    await until(lambda: one.online and len(one.queue) == 0, "the queue is told")
    told.facts["offline"] = {
        "register_wh": register_wh,
        "waiting": waiting,
        "heard_before": heard,
        "readings": _readings(node, version, OFFLINE_ROW),
        "starts": node.told(who, "StartTransaction"),
        "events": node.told(who, "TransactionEvent"),
        "ends": _ends(node, version, OFFLINE_ROW),
    }


async def _tour(node: Central, load: Load, version: Version, told: Told) -> None:
    """Every other call of a central system, one after the other; a reset is the last."""
    who = identity(TOUR_ROW)
    answers = []
    for action, body in words.TOURS[version]:
        try:
            answers.append((action, (await node.call(who, action, body)).get("status", "")))
        except Refused as error:
            answers.append((action, error.code))
    await until(lambda: len(node.told(who, "BootNotification")) == 2, "it boots after the reset")
    told.facts["tour"] = answers
