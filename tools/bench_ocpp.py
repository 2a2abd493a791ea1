"""Print the OCPP table of docs/benchmarks.md: validated round trips per second of processor time over loopback.

Both ends run in this one process, the same number of stations against each server, every station with one call in
flight. *Trace* writes every frame to a file at the server's end, secrets masked; *database* answers after the call is
committed to SQLite, the whole body kept. What a central system makes of a message is not in it. The baseline is PyPI `ocpp` on both ends, on `websockets`, with its defaults. Every figure is
processor time of the whole process, threads and kernel included; the best of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed
from pathlib import Path
from time import process_time
from typing import Any

import ocpp.v16
import ocpp.v201
import websockets
from ocpp.routing import on

from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Open
from twin.network.ocpp.wire.client import connect
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.link import Payload, Trace
from twin.network.ocpp.wire.pipe import counter
from twin.network.ocpp.wire.server import Listen, serve
from twin.network.ocpp.wire.sockets import SocketLimits, SocketLink
from twin.network.ocpp.wire.trace import TraceFile
from twin.store.sql import SqlJournal

AT = "2026-01-01T00:00:00.000Z"
MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh", None),
    ("Power.Active.Import", "W", None),
    ("Current.Import", "A", "L1"),
    ("Current.Import", "A", "L2"),
    ("Current.Import", "A", "L3"),
    ("Voltage", "V", "L1-N"),
    ("Current.Offered", "A", None),
    ("SoC", "Percent", None),
)
METER_VALUES: Payload = {
    "connectorId": 1,
    "transactionId": 4711,
    "meterValue": [
        {
            "timestamp": AT,
            "sampledValue": [
                {
                    "value": "1234.5",
                    "context": "Sample.Periodic",
                    "measurand": name,
                    "location": "Outlet",
                    "unit": unit,
                }
                | ({"phase": phase} if phase else {})
                for name, unit, phase in MEASURANDS
            ],
        }
    ],
}
TRANSACTION_EVENT: Payload = {
    "eventType": "Updated",
    "timestamp": AT,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 7,
    "transactionInfo": {"transactionId": "CP0001-000042", "chargingState": "Charging"},
    "evse": {"id": 1, "connectorId": 1},
    "meterValue": [
        {
            "timestamp": AT,
            "sampledValue": [
                {
                    "value": 1234.5,
                    "context": "Sample.Periodic",
                    "measurand": name,
                    "location": "Outlet",
                    "unitOfMeasure": {"unit": unit},
                }
                | ({"phase": phase} if phase else {})
                for name, unit, phase in MEASURANDS
            ],
        }
    ],
}
CASES = {
    "TransactionEvent 2.0.1": (Version.V201, "TransactionEvent", TRANSACTION_EVENT),
    "MeterValues 1.6": (Version.V16, "MeterValues", METER_VALUES),
}
GOALS = {"TransactionEvent 2.0.1": (5_000, 3_000), "MeterValues 1.6": (6_000, None)}
Ask = Callable[[], Awaitable[object]]


async def measure(asks: list[Ask], calls: int) -> float:
    """Return round trips per second of processor time: `calls` of them, spread over the stations."""
    each = max(1, calls // len(asks))

    async def station(ask: Ask, number: int) -> None:
        for _ in range(number):
            await ask()

    await asyncio.gather(*(station(ask, 5) for ask in asks))  # schemas are compiled, sockets warm
    begin = process_time()
    await asyncio.gather(*(station(ask, each) for ask in asks))
    return each * len(asks) / (process_time() - begin)


async def ours(
    case: str, stations: int, calls: int, trace: Trace | None, journal: SqlJournal | None
) -> float:
    """Measure the wire of this package."""
    version, action, payload = CASES[case]
    clock = LoopClock(asyncio.get_running_loop(), 0)
    limits = SocketLimits(frames_per_s=0.0)

    def attach(link: SocketLink) -> Endpoint:
        async def kept(body: Payload) -> Payload:
            assert journal is not None
            journal.append(link.identity, f"call.{action}", body)
            commit = journal.commit()
            if commit is not None:
                await commit
            return {}

        def handle(_action: str, body: Payload) -> Any:
            return {} if journal is None else kept(body)

        return Endpoint(link, handle, clock=clock, station_side=False, trace=trace, new_id=counter("c"))

    server = await serve(attach, [Listen()], gate=Open(), clock=clock, limits=limits)
    asks: list[Ask] = []
    try:
        for number in range(stations):
            url = f"ws://127.0.0.1:{server.ports[0]}/ocpp"
            link = await connect(url, f"CP{number:04}", [version], clock=clock, limits=limits)
            end = Endpoint(link, lambda *_: {}, clock=clock, station_side=True, new_id=counter("s"))
            link.join(end)
            asks.append(lambda end=end: end.call(action, payload))  # type: ignore[misc]
        return await measure(asks, calls)
    finally:
        await server.close()


class _Centre16(ocpp.v16.ChargePoint):
    @on("MeterValues")
    def on_meter_values(self, **_: object) -> Any:
        return ocpp.v16.call_result.MeterValues()


class _Centre201(ocpp.v201.ChargePoint):
    @on("TransactionEvent")
    def on_transaction_event(self, **_: object) -> Any:
        return ocpp.v201.call_result.TransactionEvent()


def _library_call(case: str) -> tuple[type[Any], type[Any], Any]:
    if case.startswith("MeterValues"):
        body = {"connector_id": 1, "transaction_id": 4711, "meter_value": METER_VALUES["meterValue"]}
        return _Centre16, ocpp.v16.ChargePoint, ocpp.v16.call.MeterValues(**body)
    names = {
        "eventType": "event_type",
        "triggerReason": "trigger_reason",
        "seqNo": "seq_no",
        "transactionInfo": "transaction_info",
        "meterValue": "meter_value",
    }
    body = {names.get(key, key): value for key, value in TRANSACTION_EVENT.items()}
    return _Centre201, ocpp.v201.ChargePoint, ocpp.v201.call.TransactionEvent(**body)


async def library(case: str, stations: int, calls: int) -> float:
    """Measure PyPI `ocpp` on both ends."""
    centre, station, request = _library_call(case)
    protocol = websockets.Subprotocol(CASES[case][0].value)

    async def serve_one(connection: websockets.ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await centre("CP", connection).start()

    asks: list[Ask] = []
    tasks: list[asyncio.Task[None]] = []
    connections = []
    async with websockets.serve(
        serve_one, "127.0.0.1", 0, subprotocols=[protocol], compression=None
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        for number in range(stations):
            connection = await websockets.connect(
                f"ws://127.0.0.1:{port}/CP{number}", subprotocols=[protocol], compression=None, proxy=None
            )
            point = station(f"CP{number}", connection)
            connections.append(connection)
            tasks.append(asyncio.create_task(point.start()))
            asks.append(lambda point=point: point.call(request))  # type: ignore[misc]
        rate = await measure(asks, calls)
        for connection in connections:
            await connection.close()
        await asyncio.gather(*tasks, return_exceptions=True)
    return rate


def table(stations: int, calls: int, rounds: int) -> list[tuple[str, str, float, int | None]]:
    """Return (message, what, round trips per CPU-second, goal) for every row."""
    rows: list[tuple[str, str, float, int | None]] = []
    for case, (plain_goal, kept_goal) in GOALS.items():
        plain, traced, kept, alone = [], [], [], []
        for _ in range(rounds):
            plain.append(asyncio.run(ours(case, stations, calls, None, None)))
            with tempfile.TemporaryDirectory() as folder:
                traced.append(asyncio.run(_with_files(case, stations, calls, Path(folder), database=False)))
            with tempfile.TemporaryDirectory() as folder:
                kept.append(asyncio.run(_with_files(case, stations, calls, Path(folder), database=True)))
            alone.append(asyncio.run(library(case, stations, max(stations, calls // 10))))
        rows.append((case, "trace off", max(plain), plain_goal))
        rows.append((case, "trace on", max(traced), None))
        rows.append((case, "trace and database", max(kept), kept_goal))
        rows.append((case, "PyPI ocpp alone", max(alone), None))
    return rows


async def _with_files(case: str, stations: int, calls: int, folder: Path, *, database: bool) -> float:
    trace = TraceFile(folder / "trace.jsonl", 0)
    journal = SqlJournal(f"sqlite:///{folder / 'journal.db'}") if database else None
    try:
        return await ours(case, stations, calls, trace, journal)
    finally:
        trace.close()
        if journal is not None:
            journal.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=50)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("ocpp").setLevel(logging.WARNING)  # it logs every frame
    load = os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, ocpp {installed('ocpp')}, websockets {installed('websockets')},"
    )
    print(
        f"{arguments.stations} stations, best of {arguments.rounds}, load average {load:.2f} at the start\n"
    )
    print("| message, 8 samples | with | round trips per CPU-second | goal |")
    print("| --- | --- | ---: | ---: |")
    for case, what, rate, goal in table(arguments.stations, arguments.calls, arguments.rounds):
        print(f"| {case} | {what} | {rate:,.0f} | {f'{goal:,}' if goal else ''} |")


if __name__ == "__main__":
    main()
