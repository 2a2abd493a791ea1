"""HTTP/1.1 of the loopback server: requests in, answers out, connections that break when they must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import h11

from twin.money.payments.server.api import Answer, Request

BODY_MAX_BYTES = 1_000_000
_READ_BYTES = 65_536
Handler: TypeAlias = Callable[[Request], Awaitable[tuple[Answer, Mapping[str, str]] | None]]
"""Returns the answer and its headers; None: the connection breaks."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    """Answer the requests of one connection, one after the other, until it ends."""
    wire = h11.Connection(h11.SERVER)
    try:
        while await _exchange(reader, writer, wire, handler):
            pass
    except (h11.RemoteProtocolError, ConnectionError, asyncio.CancelledError):
        pass  # who does not speak HTTP is not answered; and the server may end
    finally:
        writer.close()
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: h11.Connection, handler: Handler
) -> bool:
    request = await _request(reader, wire)
    if request is None:
        return False
    answered = await handler(request)
    if answered is None:
        writer.transport.abort()
        return False
    answer, headers = answered
    fields = [*headers.items(), ("Content-Length", str(len(answer.body)))]
    head = wire.send(h11.Response(status_code=answer.status, headers=fields)) or b""
    body = wire.send(h11.Data(data=answer.body)) or b""
    writer.write(head + body + (wire.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    if wire.our_state is h11.MUST_CLOSE or wire.their_state is h11.MUST_CLOSE:
        return False
    wire.start_next_cycle()
    return True


async def _request(reader: asyncio.StreamReader, wire: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_MAX_BYTES:
                return None
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            path, _, query = head.target.decode("ascii", "replace").partition("?")
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode("ascii"), path, query, headers, bytes(body))
        else:
            return None
