"""A server of a test on loopback, and raw sockets that misbehave."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Admission, Gate, Open
from twin.network.ocpp.wire.client import connect
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.link import Deviation, Payload
from twin.network.ocpp.wire.pipe import counter
from twin.network.ocpp.wire.server import Listen, Server, serve
from twin.network.ocpp.wire.sockets import SocketLimits, SocketLink

TIME = {"currentTime": "2026-01-01T00:00:00.000Z"}


class Centre:
    """A central system that answers heartbeats and keeps the last connection of each identity."""

    def __init__(self) -> None:
        self.clock = LoopClock(asyncio.get_running_loop(), 0)
        self.remarks: list[Deviation] = []
        self.ends: list[Endpoint] = []
        self.links: list[SocketLink] = []
        self.latest: dict[str, Endpoint] = {}
        self.asked: list[str] = []
        self.handle: Callable[[str, Payload], Any] = lambda action, payload: TIME
        self.faulty = ""
        self.server: Server

    def attach(self, link: SocketLink) -> Endpoint:
        if link.identity == self.faulty:
            raise RuntimeError("no room")

        def handle(action: str, payload: Payload) -> Any:
            self.asked.append(action)
            return self.handle(action, payload)

        end = Endpoint(
            link,
            handle,
            clock=self.clock,
            station_side=False,
            remark=self.remarks.append,
            new_id=counter("c"),
        )
        old = self.latest.get(link.identity)
        if old is not None:
            old.close(1000, "another connection of this station")
        self.latest[link.identity] = end
        self.ends.append(end)
        self.links.append(link)
        return end

    @property
    def rules(self) -> list[str]:
        return [remark.rule for remark in self.remarks]

    def url(self, number: int = 0, scheme: str = "ws") -> str:
        return f"{scheme}://127.0.0.1:{self.server.ports[number]}/ocpp"

    async def station(self, identity: str = "CP1", **options: Any) -> Endpoint:
        """Connect a station of ours."""
        versions = options.pop("versions", [Version.V16])
        url = options.pop("url", None) or self.url()
        link = await connect(url, identity, versions, clock=self.clock, **options)
        end = Endpoint(link, lambda a, p: {}, clock=self.clock, station_side=True, new_id=counter("s"))
        link.join(end)
        return end


@asynccontextmanager
async def centre(
    *listen: Listen, gate: Gate | None = None, limits: SocketLimits | None = None
) -> AsyncIterator[Centre]:
    """Serve for the time of a block."""
    made = Centre()
    made.server = await serve(
        made.attach,
        listen or (Listen(),),
        gate=gate or Open(),
        clock=made.clock,
        limits=limits or SocketLimits(),
        remark=made.remarks.append,
    )
    try:
        yield made
    finally:
        await made.server.close()


class Known:
    """A gate that knows CP1 and CP2, with one password each."""

    def admit(self, applicant: Any, /) -> Admission:
        if applicant.identity not in {"CP1", "CP2"}:
            return Admission(404, "unknown station")
        if applicant.password != b"right":
            return Admission(401, "wrong password")
        return Admission()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so; the time-out of the test bounds it."""
    while not condition():  # noqa: ASYNC110  what is waited for has no event
        await asyncio.sleep(0.001)


async def handshake(
    port: int, path: str = "/ocpp/CP1", *, drop: tuple[str, ...] = (), **extra: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Say the upgrade request by hand; return streams and the head of the answer.

    Args:
        port: On loopback.
        path: Of the request.
        drop: Headers to leave out.
        extra: Headers to add, `_` for `-`.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "ocpp1.6",
    }
    headers |= {name.replace("_", "-"): value for name, value in extra.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if name not in drop]
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    return reader, writer, head


def masked(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Return a WebSocket frame of a client, masked with zeros."""
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65536:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0x80 | 127]) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


async def message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a frame of a server: (opcode, payload)."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    return first & 0x0F, await reader.readexactly(size)
