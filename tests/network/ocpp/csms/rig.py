"""A central system over pipes, with a clock that goes on when told, and stations that say what a test tells them."""

from __future__ import annotations

import asyncio
import functools
import heapq
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from twin.domain.events import StationFact
from twin.domain.journal import Journal
from twin.network.clock import to_wire
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import CallFailed, Code, Refusal
from twin.network.ocpp.wire.link import Deviation
from twin.network.ocpp.wire.pipe import PipeLink, counter, pipe
from twin.store.memory import MemoryJournal

Payload = dict[str, Any]
TURNS = 40
BOOT_16 = {"chargePointVendor": "Maker", "chargePointModel": "M1", "firmwareVersion": "1.0"}
BOOT_2 = {"reason": "PowerUp", "chargingStation": {"vendorName": "Maker", "model": "M2"}}


class HandTimer:
    """Due when its clock says so."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class HandClock:
    """Goes on when told; 0 is 1 January 2026, 00:00 UTC."""

    epoch_ns = 1_767_225_600 * 1_000_000_000

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s
        self._due: list[tuple[float, int, HandTimer]] = []
        self._count = 0

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_at`."""
        timer = HandTimer(callback)
        self._count += 1
        heapq.heappush(self._due, (t_s, self._count, timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HandTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def go_to(self, t_s: float) -> None:
        """Call back what is due until `t_s`."""
        while self._due and self._due[0][0] <= t_s:
            due_s, _, timer = heapq.heappop(self._due)
            self.now_s = max(self.now_s, due_s)
            if timer.callback is not None:
                timer.callback()
        self.now_s = t_s


class Charger:
    """A station that says what it is told to."""

    def __init__(self, link: PipeLink, clock: HandClock) -> None:
        self.link, self.clock = link, clock
        self.asked: list[tuple[str, Payload]] = []
        """What the central system called."""
        self.replies: dict[str, Payload | None] = {"TriggerMessage": {"status": "Accepted"}}
        """What it is answered, by action; None: never; absent: NotSupported."""
        self.endpoint = Endpoint(
            link, self._handle, clock=clock, station_side=True, new_id=counter(f"{id(self):x}-")
        )
        link.join(self.endpoint)

    def _handle(self, action: str, payload: Payload) -> Payload | Awaitable[Payload]:
        self.asked.append((action, payload))
        if action not in self.replies:
            raise Refusal(Code.NOT_SUPPORTED)
        reply = self.replies[action]
        return asyncio.get_running_loop().create_future() if reply is None else reply

    def at(self, t_s: float | None = None) -> str:
        """An instant as it stands on the wire; by default now."""
        return to_wire(self.clock.epoch_ns, self.clock.now_s if t_s is None else t_s)

    async def say(self, action: str, **payload: Any) -> Payload:
        """Call the central system, as its schemas have it."""
        return await self.endpoint.call(action, payload)

    async def blurt(self, action: str, **payload: Any) -> Payload:
        """Call with what the schemas forbid."""
        return await self.endpoint.call(action, payload, validate=False)

    async def refused(self, action: str, **payload: Any) -> str:
        """Call, and return the error code of the refusal."""
        with pytest.raises(CallFailed) as failed:
            await self.say(action, **payload)
        return failed.value.code

    async def boot(self) -> Payload:
        """Say BootNotification."""
        return await self.say("BootNotification", **(BOOT_2 if self.link.version.two else BOOT_16))

    async def start(self, t_s: float, tag: str = "TAG1", meter: int = 1000, connector: int = 1) -> Payload:
        """StartTransaction of 1.6."""
        return await self.say(
            "StartTransaction", connectorId=connector, idTag=tag, meterStart=meter, timestamp=self.at(t_s)
        )

    async def stop(self, number: int, t_s: float, meter: int, **more: Any) -> Payload:
        """StopTransaction of 1.6."""
        return await self.say(
            "StopTransaction", transactionId=number, timestamp=self.at(t_s), meterStop=meter, **more
        )

    async def values(self, t_s: float, wh: object, number: int | None = None, **more: Any) -> Payload:
        """MeterValues of 1.6 with one value, by default of the register in Wh."""
        sampled = {"value": str(wh), **more}
        payload: Payload = {
            "connectorId": 1,
            "meterValue": [{"timestamp": self.at(t_s), "sampledValue": [sampled]}],
        }
        if number is not None:
            payload["transactionId"] = number
        return await self.say("MeterValues", **payload)

    async def event(self, kind: str, seq: int, t_s: float, wh: float | None = None, **more: Any) -> Payload:
        """TransactionEvent of 2.x for transaction `T1` on EVSE 1; `info` adds to transactionInfo."""
        payload: Payload = {
            "eventType": kind,
            "timestamp": self.at(t_s),
            "triggerReason": more.pop("trigger", "MeterValuePeriodic"),
            "seqNo": seq,
            "transactionInfo": {"transactionId": more.pop("id", "T1"), **more.pop("info", {})},
            "evse": more.pop("evse", {"id": 1, "connectorId": 1}),
        }
        if payload["evse"] is None:
            del payload["evse"]
        token = more.pop("token", None)
        if token is not None:
            payload["idToken"] = {"idToken": token, "type": more.pop("type", "ISO14443")}
        context = more.pop(
            "context",
            {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic"),
        )
        if wh is not None:
            sampled = {"value": wh, "context": context}
            payload["meterValue"] = [{"timestamp": self.at(t_s), "sampledValue": [sampled]}]
        return await self.say("TransactionEvent", **payload, **more)

    async def status(self, status: str, connector: int = 1, **more: Any) -> Payload:
        """StatusNotification of its version, now unless `timestamp` is given."""
        more.setdefault("timestamp", self.at())
        if self.link.version.two:
            return await self.say(
                "StatusNotification", evseId=connector, connectorId=1, connectorStatus=status, **more
            )
        more.setdefault("errorCode", "NoError")
        return await self.say("StatusNotification", connectorId=connector, status=status, **more)


class Rig:
    """A central system under test; made inside a running loop."""

    def __init__(
        self, journal: Journal | None = None, *, now_s: float = 1000.0, accept: Any = "any", **core: Any
    ) -> None:
        self.clock = HandClock(now_s)
        self.journal = MemoryJournal(keep=True) if journal is None else journal
        self.facts: list[StationFact] = []
        self.samples: list[tuple[str, int, float, dict[tuple[str, str], float]]] = []
        self.deviations: list[Deviation] = []
        core.setdefault("unknown_tokens", "accept")
        self.core = Core(
            self.clock,
            self.journal,
            self.facts.append,
            on_sample=lambda station, evse, t_s, values: self.samples.append(
                (station.identity, evse, t_s, values)
            ),
            **core,
        )
        self.csms = Csms(
            self.clock,
            self.journal,
            self.core.parts,
            self.facts.append,
            accept=accept,
            remark=self.deviations.append,
            desk=self.core.desk,
        )

    def again(self, **core: Any) -> Rig:
        """A new central system on the same journal, after this one was lost."""
        rig = Rig(self.journal, now_s=self.clock.now_s, **core)
        rig.csms.restore()
        return rig

    def connect(self, identity: str = "CP1", version: Version = Version.V16) -> Charger:
        """A station opens a connection."""
        ours, theirs = pipe(version, identity)
        charger = Charger(ours, self.clock)
        theirs.join(self.csms.attach(theirs))
        return charger

    async def booted(self, identity: str = "CP1", version: Version = Version.V16) -> Charger:
        """A station that was accepted."""
        charger = self.connect(identity, version)
        await charger.boot()
        return charger

    def station(self, identity: str = "CP1") -> Station:
        """What is known of a station."""
        return self.csms.stations[identity]

    def transactions(self, identity: str = "CP1") -> list[Transaction]:
        """Its transactions."""
        return list(self.core.ledger.of(identity))

    def told(self, *kinds: type) -> list[Any]:
        """The facts of some kinds."""
        return [fact for fact in self.facts if isinstance(fact, kinds)]

    def rules(self) -> list[str]:
        """What was noted."""
        return [fact.rule for fact in self.facts if type(fact).__name__ == "Noted"]

    async def go_to(self, t_s: float) -> None:
        """Let time go on, and everything that follows happen."""
        await turns()
        self.clock.go_to(t_s)
        await turns()


async def turns(count: int = TURNS) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def looped(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def job() -> None:
            await test(*args, **kwargs)

        asyncio.run(job())

    return run
