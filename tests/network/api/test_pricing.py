"""Prices over sockets: a central system that begins anew in the middle, and virtual stations of every version."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from twin.domain.ports import PlugIn
from twin.network.api.compose import Options
from twin.network.api.serve import Running, Settings, running
from twin.network.clock import LoopClock, to_wire
from twin.network.ocpp.csms.wanted import Wanted
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import default_evses
from twin.network.virtual.load import Load, LoadOptions
from twin.world.stations.catalogue import catalogue

TARIFF = {
    "tariffId": "street",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.5}]},
    "idleTime": {"prices": [{"priceMinute": 0.1}]},
}
SPEED = 240.0
"""Seconds of a virtual station in one of the clock on the wall."""


def settings(folder: Path, **options: Any) -> Settings:
    """A central system on free ports, with a database in a folder."""
    chosen = Options(accept="any", tokens="accept", wanted=Wanted(leave=True), **options)
    db = f"sqlite:///{folder / 'csms.db'}"
    return Settings(listen=("ws://127.0.0.1:0",), api="http://127.0.0.1:0", db=db, options=chosen)


async def ask(served: Running, method: str, path: str, **more: Any) -> Any:
    """Ask the API."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {served.token}"}) as http:
        response = await http.request(method, f"{served.api}/v1/{path}", **more)
        assert response.status_code == 200, response.text
        return response.json()


async def until(found: Callable[[], bool]) -> None:
    """Wait until something is the case."""
    async with asyncio.timeout(60.0):
        while not found():  # noqa: ASYNC110 -- frames ring no bell
            await asyncio.sleep(0.05)


class Station:
    """Talks OCPP 2.1 on a real socket; `began_s` is Unix time."""

    def __init__(self, socket: ClientConnection, began_s: float) -> None:
        self.socket, self.began_s, self.number = socket, began_s, 0
        self.costs: list[float] = []

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Call; accept what is asked meanwhile."""
        self.number += 1
        await self.socket.send(json.dumps([2, str(self.number), action, payload]))
        while True:
            frame = orjson.loads(await self.socket.recv())
            if frame[0] == 3:
                assert frame[1] == str(self.number)
                return frame[2]
            assert frame[0] == 2, frame
            if frame[2] == "CostUpdated":
                self.costs.append(frame[3]["totalCost"])
            known = {"CostUpdated": {}, "SetDefaultTariff": {"status": "Accepted"}}.get(frame[2])
            refusal = [4, frame[1], "NotSupported", "", {}]
            await self.socket.send(json.dumps(refusal if known is None else [3, frame[1], known]))

    async def boot(self) -> None:
        """Say BootNotification."""
        body = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}}
        assert (await self.call("BootNotification", body))["status"] == "Accepted"

    async def event(self, kind: str, seq: int, minute: float, wh: float, state: str) -> dict[str, Any]:
        """TransactionEvent, so many minutes after the beginning."""
        at = to_wire(0, self.began_s + 60.0 * minute)
        body: dict[str, Any] = {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": "ChargingStateChanged",
            "seqNo": seq,
            "transactionInfo": {"transactionId": "T1", "chargingState": state},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at, "sampledValue": [{"value": wh}]}],
        }
        if kind == "Started":
            body["idToken"] = {"idToken": "TAG1", "type": "ISO14443"}
        return await self.call("TransactionEvent", body)


def test_a_central_system_that_begins_anew_tells_the_same_total(tmp_path: Path) -> None:
    """10 kWh at 0.50, half an hour of our pause for nothing, 20 minutes of the car's at 0.10: 7.00."""
    began_s = float(time.time_ns() // 1_000_000_000 - 3 * 3600)

    async def first() -> None:
        async with running(settings(tmp_path), time.time_ns()) as served:
            await ask(served, "PUT", "tariffs", json={"tariff": TARIFF})
            async with connect(f"{served.stations[0]}/CP1", subprotocols=["ocpp2.1"], proxy=None) as socket:  # type: ignore[list-item]
                station = Station(socket, began_s)
                await station.boot()
                await station.event("Started", 0, 0, 1000.0, "Charging")
                answer = await station.event("Updated", 1, 60, 11_000.0, "SuspendedEVSE")
                assert answer["totalCost"] == 5.0

    async def second() -> None:
        async with running(settings(tmp_path), time.time_ns()) as served:
            async with connect(f"{served.stations[0]}/CP1", subprotocols=["ocpp2.1"], proxy=None) as socket:  # type: ignore[list-item]
                station = Station(socket, began_s)
                await station.boot()
                await station.event("Updated", 2, 90, 11_000.0, "SuspendedEV")
                answer = await station.event("Ended", 3, 110, 11_000.0, "SuspendedEV")
                assert answer["totalCost"] == 7.0
            shown = (await ask(served, "GET", "transactions"))["transactions"][0]["cost"]
            assert (shown["total"], shown["currency"], shown["final"]) == ("7.00", "EUR", True)

    asyncio.run(first())
    asyncio.run(second())


@pytest.mark.parametrize("version", list(Version))
def test_a_virtual_station_hears_what_its_own_registers_cost(tmp_path: Path, version: Version) -> None:
    """0.50 per kWh between the registers that it told at the beginning and the end; running costs only rise."""
    frames: list[list[Any]] = []

    def trace(record: Record) -> None:
        frames.append(orjson.loads(record.frame))

    async def story() -> None:
        tariff = {key: value for key, value in TARIFF.items() if key != "idleTime"}
        async with running(settings(tmp_path, cost_every_s=0.5), time.time_ns()) as served:
            await ask(served, "PUT", "tariffs", json={"tariff": tariff})
            clock = LoopClock(asyncio.get_running_loop(), time.time_ns(), SPEED)
            options = LoadOptions(version=version, sample_s=60)
            load = Load(Target(url=served.stations[0]), default_evses(1), options, clock, trace=trace)
            load.start()
            await until(lambda: load.online == 1)
            car = catalogue()["bmw-ix-xdrive40"]
            load.stations.plug(clock.now_s, 0, PlugIn(car, 0.1 * car.usable_wh, 40_000.0, 0.0, 40_000.0))
            load.stations.present(clock.now_s, 0, "TAG1")
            await until(lambda: len(_told(frames)) > 2)
            load.stations.unplug(clock.now_s, 0)
            await until(lambda: _final(frames, version) is not None)
            await load.stop()

    asyncio.run(story())
    begin_wh, end_wh = _registers(frames)
    told, final = _told(frames), _final(frames, version)
    assert end_wh > begin_wh + 100
    assert final == pytest.approx((end_wh - begin_wh) / 1000 * 0.5, abs=0.0051)
    assert told == sorted(told)
    assert final >= told[-1]


def _calls(frames: list[list[Any]], action: str) -> list[dict[str, Any]]:
    return [frame[3] for frame in frames if frame[0] == 2 and frame[2] == action]


def _told(frames: list[list[Any]]) -> list[float]:
    """Running costs in messages of the central system."""
    new = [body["totalCost"] for body in _calls(frames, "CostUpdated")]
    old = [body for body in _calls(frames, "DataTransfer") if body.get("messageId") == "RunningCost"]
    return new or [json.loads(body["data"])["cost"] for body in old]


def _final(frames: list[list[Any]], version: Version) -> float | None:
    """What it was told at the end; None: not yet."""
    if version is Version.V16:
        found = [body for body in _calls(frames, "DataTransfer") if body.get("messageId") == "FinalCost"]
        return json.loads(found[0]["data"])["cost"] if found else None
    ends = [
        frame[1] for frame in frames
        if frame[0] == 2 and frame[2] == "TransactionEvent" and frame[3]["eventType"] == "Ended"
    ]  # fmt: skip
    answers = [frame[2] for frame in frames if frame[0] == 3 and frame[1] in ends]
    return answers[0]["totalCost"] if answers else None


def _registers(frames: list[list[Any]]) -> tuple[float, float]:
    """The register at the beginning and the end, as the station told them, in Wh."""
    starts = _calls(frames, "StartTransaction")
    if starts:
        return starts[0]["meterStart"], _calls(frames, "StopTransaction")[0]["meterStop"]
    told = [
        (value["context"], value["value"])
        for body in _calls(frames, "TransactionEvent")
        for meter in body.get("meterValue", ())
        for value in meter["sampledValue"]
        if value.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
        and "phase" not in value
        and value.get("context") in ("Transaction.Begin", "Transaction.End")
    ]
    registers = dict(told)
    return registers["Transaction.Begin"], registers["Transaction.End"]
