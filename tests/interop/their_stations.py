"""Stations by others at our central system, with its database, its sockets and its HTTP API."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from twin.network.api.compose import Options
from twin.network.api.serve import Running, Settings, running
from twin.network.clock import to_wire
from twin.network.ocpp.versions import Version

from . import words
from .bridge import Bridge, bridge, until
from .our_stations import Told
from .replies import Replies

NOW_S = 1_767_225_600.0
VOLT_AMPERE = 3 * 230.0
STEP_S = 30.0
WHO = "THEIRS-1"
LOW_W = words.LOW_A * VOLT_AMPERE
BOOT = {
    words.V16: {"chargePointVendor": "Others", "chargePointModel": "One"},
    words.V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "Others", "model": "One"}},
}


def stamp(t_s: float) -> str:
    """Return an instant for the wire."""
    return to_wire(0, t_s)


@dataclass
class Session:
    """A transaction at their station; energy is what flowed at the current that was allowed, to the Wh."""

    node: Bridge
    version: Version
    replies: Replies
    begin_s: float
    meter_start: int
    offline: bool = False
    id: Any = None
    steps: int = 0
    energy_wh: float = 0.0

    async def start(self) -> None:
        """Tell that it began."""
        if self.version is words.V16:
            answer = await self._call(
                "StartTransaction",
                connectorId=1, idTag=words.CARD, meterStart=self.meter_start, timestamp=stamp(self.begin_s),
            )  # fmt: skip
            assert answer["idTagInfo"]["status"] == "Accepted"
            self.id = answer["transactionId"]
            return
        self.id = f"T{self.meter_start}"
        token = {"idToken": words.CARD, "type": "ISO14443"}
        answer = await self._event("Started", "Authorized", idToken=token, evse={"id": 1, "connectorId": 1})
        assert answer["idTokenInfo"]["status"] == "Accepted"

    async def sample(self) -> None:
        """Charge on, and tell the readings."""
        self.steps += 1
        self.energy_wh += VOLT_AMPERE * self.replies.limit_a * STEP_S / 3600.0
        if self.version is words.V16:
            await self._call(
                "MeterValues",
                connectorId=1,
                transactionId=self.id,
                meterValue=[self._value("Sample.Periodic")],
            )
        else:
            value = [self._value("Sample.Periodic")]
            await self._event("Updated", "MeterValuePeriodic", meterValue=value)

    async def stop(self, reason: str = "Remote") -> None:
        """Tell that it ended."""
        if self.version is words.V16:
            await self._call(
                "StopTransaction",
                transactionId=self.id, meterStop=self.register_wh, timestamp=stamp(self.now_s), reason=reason,
            )  # fmt: skip
        else:
            value = [self._value("Transaction.End")]
            trigger = "RemoteStop" if reason == "Remote" else "EVCommunicationLost"
            await self._event("Ended", trigger, meterValue=value, stoppedReason=reason)

    @property
    def now_s(self) -> float:
        """When the latest reading was taken."""
        return self.begin_s + self.steps * STEP_S

    @property
    def register_wh(self) -> int:
        """What the meter shows."""
        return self.meter_start + round(self.energy_wh)

    def _value(self, context: str) -> dict[str, Any]:
        readings = [("Energy.Active.Import.Register", "Wh", self.register_wh)]
        if context == "Sample.Periodic":
            readings.append(("Current.Import", "A", self.replies.limit_a))
            readings.append(("Power.Active.Import", "W", VOLT_AMPERE * self.replies.limit_a))
        two = self.version is words.V201
        sampled = [
            {
                "measurand": measurand,
                "context": context,
                **({"unitOfMeasure": {"unit": unit}} if two else {"unit": unit}),
                "value": number if two else f"{number}",
            }
            for measurand, unit, number in readings
        ]
        return {"timestamp": stamp(self.now_s), "sampledValue": sampled}

    async def _event(self, kind: str, trigger: str, stoppedReason: str = "", **more: Any) -> dict[str, Any]:  # noqa: N803
        info = {"transactionId": self.id, "chargingState": "Charging" if kind != "Ended" else "EVConnected"}
        if stoppedReason:
            info["stoppedReason"] = stoppedReason
        if kind == "Started":
            more["meterValue"] = [self._value("Transaction.Begin")]
        number = {"Started": 0, "Updated": self.steps, "Ended": self.steps + 1}[kind]
        return await self._call(
            "TransactionEvent",
            eventType=kind, timestamp=stamp(self.now_s), triggerReason=trigger, seqNo=number,
            offline=self.offline, transactionInfo=info, **more,
        )  # fmt: skip

    async def _call(self, action: str, **payload: Any) -> dict[str, Any]:
        return await self.node.call(WHO, action, payload)


class Api:
    """The HTTP API of our central system."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for something that succeeds."""
        answer = await self._client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a message to their station."""
        answer: dict[str, Any] = await self.ask("POST", f"/stations/{WHO}/calls/{action}", payload)
        return answer


async def at_our_central(version: Version, folder: Path) -> Told:
    """Let a station of npm `ocpp-rpc` tell every story to our central system."""
    told = Told()
    tasks: set[asyncio.Task[Any]] = set()

    def later(action: str, payload: dict[str, Any]) -> None:
        tasks.add(asyncio.create_task(node.call(WHO, action, payload)))

    replies = Replies(later)
    settings = Settings(
        listen=("ws://127.0.0.1:0",), api="http://127.0.0.1:0", db=f"sqlite:///{folder}/csms.db",
        options=Options(accept="any"),
    )  # fmt: skip
    async with (
        running(settings, int(NOW_S * 1e9), trace=told.records.append) as served,
        bridge(replies) as node,
        httpx.AsyncClient(
            base_url=f"{served.api}/v1", headers={"Authorization": f"Bearer {served.token}"}, timeout=60.0
        ) as client,
    ):
        api = Api(client)
        await _booted(node, version, served, told, api)
        await _session(node, version, replies, api, told)
        await _offline(node, version, served, replies, told)
        await _tour(node, version, api, told)
        await asyncio.gather(*tasks)
        told.facts["transactions"] = (await api.ask("GET", "/transactions"))["transactions"]
        events = (await api.ask("GET", "/events?after=0"))["events"]
        told.facts["events"] = {event["kind"] for event in events}
        told.deviations = dict(Counter(e["body"]["rule"] for e in events if e["kind"] == "deviation"))
        told.failures = node.failures
    return told


async def _booted(node: Bridge, version: Version, served: Running, told: Told, api: Api) -> None:
    """Connect, boot, tell a status, ask about two cards."""
    for kind in ("ISO14443", "Central"):
        await api.ask("PUT", f"/tokens/{kind}/{words.CARD}", {})
    await _connect(node, version, served)
    assert (await node.call(WHO, "BootNotification", BOOT[version]))["status"] == "Accepted"
    await node.call(WHO, "StatusNotification", _status(version, "Available"))
    told.facts["cards"] = [await _authorised(node, version, card) for card in (words.CARD, "NOBODY")]


async def _connect(node: Bridge, version: Version, served: Running) -> None:
    await node.do("connect", endpoint=served.stations[0], identity=WHO, protocol=version.value)


def _status(version: Version, status: str) -> dict[str, Any]:
    if version is words.V16:
        return {"connectorId": 1, "errorCode": "NoError", "status": status}
    return {"timestamp": stamp(NOW_S), "connectorStatus": status, "evseId": 1, "connectorId": 1}


async def _authorised(node: Bridge, version: Version, card: str) -> str:
    token: Any = card if version is words.V16 else {"idToken": card, "type": "ISO14443"}
    name, info = ("idTag", "idTagInfo") if version is words.V16 else ("idToken", "idTokenInfo")
    return str((await node.call(WHO, "Authorize", {name: token}))[info]["status"])


async def _session(node: Bridge, version: Version, replies: Replies, api: Api, told: Told) -> None:
    """A start from afar, readings, a limit that halves the current, a stop from afar."""
    busy = "Preparing" if version is words.V16 else "Occupied"
    await node.call(WHO, "StatusNotification", _status(version, busy))
    assert (await api.call(*words.remote_start(version)))["status"] == "Accepted"
    session = Session(node, version, replies, NOW_S - 600.0, 1000)
    await session.start()
    for _ in range(words.SAMPLES):
        await session.sample()
    high_a = replies.limit_a
    await api.ask("PUT", f"/stations/{WHO}/evses/1/limit", {"limit_w": LOW_W})
    await until(lambda: replies.limit_a < high_a, "the limit arrives as a profile")
    for _ in range(words.SAMPLES):
        await session.sample()
    assert (await api.call(*words.remote_stop(version, session.id)))["status"] == "Accepted"
    await session.stop()
    told.facts["session"] = {
        "high_a": high_a,
        "low_a": replies.limit_a,
        "energy_wh": round(session.energy_wh),
    }


async def _offline(node: Bridge, version: Version, served: Running, replies: Replies, told: Told) -> None:
    """A whole transaction without a connection, told when it is back."""
    await node.do("close", identity=WHO)
    await _connect(node, version, served)
    session = Session(node, version, replies, NOW_S - 300.0, 5000, offline=True)
    await session.start()
    for _ in range(words.SAMPLES):
        await session.sample()
    await session.stop("EVDisconnected")
    told.facts["offline"] = {
        "energy_wh": round(session.energy_wh),
        "began": stamp(session.begin_s),
        "ended": stamp(session.now_s),
    }


async def _tour(node: Bridge, version: Version, api: Api, told: Told) -> None:
    """Every other call in both directions."""
    told.facts["asked"] = {action for action, body in words.TOURS[version] if await api.call(action, body)}
    told.facts["told"] = {action: await node.call(WHO, action, body) for action, body in words.TOLD[version]}
