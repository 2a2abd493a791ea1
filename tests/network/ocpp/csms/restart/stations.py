"""Stations that run one transaction after the other and send each message until it is answered, as OCPP asks for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from twin.network.clock import LoopClock, to_wire
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.client import connect
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import ConnectFailed, LinkLost

from .central import EPOCH_NS

Payload = dict[str, Any]
STEP_S, SESSION_S = 60.0, 600.0
BEGIN_S = -86_400.0


@dataclass
class Place:
    """Where the central system listens now."""

    port: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def move(self, port: int) -> None:
        """It listens elsewhere."""
        async with self.changed:
            self.port = port
            self.changed.notify_all()

    async def other_than(self, port: int) -> int:
        """Wait for another port."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.port not in (0, port))
            return self.port


@dataclass(frozen=True)
class Made:
    """A transaction as it really was."""

    started_s: float
    ended_s: float
    begin_wh: float
    end_wh: float


class Station:
    """One station; transaction `k` begins at BEGIN_S + k * SESSION_S, and its register never repeats a value."""

    def __init__(self, number: int, version: Version, place: Place, values: int) -> None:
        self.identity, self.version = f"CP{number:02d}", version
        self.number, self.place, self.values = number, place, values
        self.made: list[Made] = []
        self._port = 0
        self._endpoint: Endpoint | None = None
        self._ids = (f"m{count}" for count in itertools.count())
        self._register = 1000 * number

    async def run(self, again: Callable[[], bool]) -> None:
        """Run transactions while `again` says so, at least one."""
        boot: Payload = {"chargePointVendor": "V", "chargePointModel": "M"}
        if self.version.two:
            boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        await self._say("BootNotification", boot)
        for count in itertools.count():
            await self._transaction(count)
            if not again():
                return

    async def _transaction(self, count: int) -> None:
        start_s = BEGIN_S + count * SESSION_S
        begin = self._register
        messages = self._messages_2(count, start_s) if self.version.two else self._messages_16(start_s)
        answer: Payload | None = None
        while True:
            try:
                action, payload = messages.send(answer) if answer is not None else next(messages)
            except StopIteration:
                break
            answer = await self._say(action, payload)
        end_s = start_s + (self.values + 1) * STEP_S
        self.made.append(Made(start_s, end_s, begin, self._register))

    def _messages_16(self, start_s: float) -> Any:
        def at(step: int) -> str:
            return to_wire(EPOCH_NS, start_s + step * STEP_S)

        answer = yield (
            "StartTransaction",
            {"connectorId": 1, "idTag": "T", "meterStart": self._register, "timestamp": at(0)},
        )
        number = answer["transactionId"]
        for step in range(1, self.values + 1):
            self._register += 7 * self.number + step
            value = {"timestamp": at(step), "sampledValue": [{"value": str(self._register)}]}
            yield "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        self._register += 13
        yield (
            "StopTransaction",
            {"transactionId": number, "timestamp": at(self.values + 1), "meterStop": self._register},
        )

    def _messages_2(self, count: int, start_s: float) -> Iterator[Any]:
        kinds = ["Started", *["Updated"] * self.values, "Ended"]
        contexts = ["Transaction.Begin", *["Sample.Periodic"] * self.values, "Transaction.End"]
        for step, (kind, context) in enumerate(zip(kinds, contexts, strict=True)):
            if step:
                self._register += 13 if kind == "Ended" else 7 * self.number + step
            at = to_wire(EPOCH_NS, start_s + step * STEP_S)
            yield (
                "TransactionEvent",
                {
                    "eventType": kind,
                    "timestamp": at,
                    "triggerReason": "MeterValuePeriodic",
                    "seqNo": step,
                    "offline": True,
                    "transactionInfo": {"transactionId": f"{self.identity}-{count}"},
                    "evse": {"id": 1, "connectorId": 1},
                    "meterValue": [
                        {
                            "timestamp": at,
                            "sampledValue": [{"value": float(self._register), "context": context}],
                        }
                    ],
                },
            )

    async def _say(self, action: str, payload: Payload) -> Payload:
        """Send until it is answered."""
        while True:
            if self._endpoint is None:
                await self._connect()
            assert self._endpoint is not None
            try:
                return await self._endpoint.call(action, payload)
            except LinkLost:
                self._endpoint = None

    async def _connect(self) -> None:
        clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS)
        while True:
            self._port = await self.place.other_than(self._port)
            try:
                link = await connect(
                    f"ws://127.0.0.1:{self._port}", self.identity, [self.version], clock=clock
                )
            except ConnectFailed:  # it died before we came; the next one listens elsewhere
                continue
            self._endpoint = Endpoint(
                link, _mute, clock=clock, station_side=True, new_id=lambda: next(self._ids)
            )
            link.join(self._endpoint)
            return


def _mute(_action: str, _payload: Payload) -> Payload:
    """A station that is asked for nothing."""
    raise AssertionError
