"""A WebSocket as a `Link`: frames go straight from the transport to the owner, without a queue or a task for each.

The mix-in bends two places of `websockets`: what a data frame does when it has come, and what a lost connection
tells. Handshake, masking, control frames and closing stay with that library.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Final, cast

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from twin.domain.clock import Clock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Deviation, Remark
from twin.network.ocpp.wire.pipe import Receiver

if TYPE_CHECKING:
    from websockets.asyncio.connection import Connection
    from websockets.protocol import Event

    _Base = Connection
else:
    _Base = object

_RESET: Final = struct.pack("ii", 1, 0)
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """What one socket may cost."""

    message_bytes: int = 4_194_304
    """Longer messages close the connection with 1009, unread; what an endpoint refuses is shorter."""
    queue_bytes: int = 4_194_304
    """Bytes that a peer may leave unread before it is cut off."""
    frames_per_s: float = 1_000.0
    """Sustained rate at which frames are read; a faster peer is kept waiting. 0: no bound."""
    burst: int = 2_000
    """Frames that may come at once."""
    open_timeout_s: float = 10.0
    """Real seconds for a handshake."""
    close_timeout_s: float = 4.0
    """Real seconds that a peer may take to close after a close frame: one that is deaf must not hold up a stop."""
    ping_interval_s: float | None = None
    """Real seconds between WebSocket pings; None: none are sent."""
    pong_timeout_s: float | None = None
    """Close when a pong is missing for so long; None: a peer that answers no ping is left alone."""


class _Unread:
    """What stands for the library's queue of messages that wait to be read: none ever does."""

    def close(self) -> None:
        """The connection is gone."""


_UNREAD: Final = _Unread()


class Direct(_Base):
    """Mix-in of a websockets connection: gives complete messages to `link`, keeps them until there is one."""

    link: SocketLink | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parts: list[bytes] = []
        self._early: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Do without queues that stay empty: 3 kB of each of thousands of connections."""
        super().connection_made(transport)
        self.recv_messages = cast("Any", _UNREAD)
        self.drain_waiters = cast("Any", [])

    def process_event(self, event: Event) -> None:
        """Take a frame, or leave it to the library."""
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._message(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self._message(message)

    def _message(self, message: bytes) -> None:
        if self.link is None:
            self._early.append(message)
        else:
            self.link.took(message)

    def data_received(self, data: bytes) -> None:
        """Feed the library; a peer that does not finish closing is cut off."""
        super().data_received(data)
        if self.protocol.state is not State.OPEN:
            self.expect_close()

    def expect_close(self) -> None:
        """See to it that the connection ends, whatever the peer does."""
        if self._deadline is None and self.link is not None:
            self._deadline = self.loop.call_later(self.close_timeout or 0.0, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()
        if self.link is not None:
            self.link.went()

    def early(self) -> list[bytes]:
        """Hand over what came before there was a link."""
        messages, self._early = self._early, []
        return messages


class DirectServer(Direct, ServerConnection):
    """The server's side."""

    def silent(self) -> None:
        """The peer is gone and never said what it wanted; whoever listens records it."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, or who let it in."""
        super().connection_lost(exc)
        if self.request is None:
            self.silent()


class DirectClient(Direct, ClientConnection):
    """The client's side."""


class SocketLink:
    """Implements `Link` on an open WebSocket.

    Args:
        connection: The socket.
        identity: Who the station is.
        version: What was negotiated.
        key: The handshake's `Sec-WebSocket-Key`, known to both ends.
        limits: What the socket may cost.
        clock: Counts the rate.
        remark: Told when a peer floods, or does not read.
    """

    def __init__(
        self,
        connection: DirectServer | DirectClient,
        identity: str,
        version: Version,
        key: str,
        *,
        limits: SocketLimits,
        clock: Clock,
        remark: Remark | None = None,
    ) -> None:
        self.identity, self.version, self.connection = identity, version, key
        self.remote = address(connection.remote_address)
        """`host:port` of the peer."""
        self.secure = connection.transport.get_extra_info("ssl_object") is not None
        self._connection, self._limits, self._clock, self._remark = connection, limits, clock, remark
        self._owner: Receiver | None = None
        self._left, self._since_s = limits.burst, clock.now_s
        self._deaf = False
        self._lost = connection.connection_lost_waiter.done()  # it may have gone between handshake and here
        connection.link = self
        for message in (connection.request, connection.response):
            if message is not None:
                message.headers.clear()  # nobody reads them any more: 4 kB of each of thousands of connections

    @property
    def close_code(self) -> int | None:
        """Code of the close frame that ended it; 1006: none came. None while it is open."""
        return self._connection.close_code

    def join(self, owner: Receiver) -> None:
        """Deliver to `owner` from now on, beginning with what came before."""
        self._owner = owner
        for message in self._connection.early():
            owner.receive(message)
        if self._lost:
            owner.lost()

    def send(self, frame: str, /) -> None:
        """See `Link.send`."""
        connection = self._connection
        if connection.protocol.state is not State.OPEN or self._lost:
            return
        connection.protocol.send_text(frame.encode())
        connection.send_data()
        if connection.transport.get_write_buffer_size() > self._limits.queue_bytes:
            self.tell("slow-reader", f"left {self._limits.queue_bytes} bytes unread, cut off")
            self.drop()

    def close(self, code: int = 1000, reason: str = "", /) -> None:
        """See `Link.close`."""
        connection = self._connection
        if connection.protocol.state is State.OPEN:
            connection.protocol.send_close(code, reason)
            connection.send_data()
            connection.expect_close()
            if not connection.transport.is_reading():  # only its close frame is of interest now
                self._deaf = True
                connection.transport.resume_reading()

    def drop(self) -> None:
        """See `Link.drop`: the peer sees a reset."""
        transport = self._connection.transport
        raw = transport.get_extra_info("socket")
        if raw is not None and not self._lost:
            raw.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        transport.abort()

    def took(self, message: bytes) -> None:
        """Deliver a message; the connection calls this."""
        if self._deaf:
            return
        if self._owner is None:
            self._connection._early.append(message)  # noqa: SLF001
            return
        self._owner.receive(message)
        if self._limits.frames_per_s:
            self._left -= 1
            if self._left <= 0:
                self._refill()

    def _refill(self) -> None:
        """Let a burst through when the time for it has passed, otherwise stop reading until then."""
        span_s = self._limits.burst / self._limits.frames_per_s
        wait_s = self._since_s + span_s - self._clock.now_s
        if wait_s <= 0:
            self._left, self._since_s = self._limits.burst, self._clock.now_s
            return
        transport = self._connection.transport
        if transport.is_reading():
            transport.pause_reading()
            self.tell("flood", f"{self._limits.burst} frames within {span_s - wait_s:.3f} s, kept waiting")
            self._clock.call_later(wait_s, self._resume)

    def _resume(self) -> None:
        self._left, self._since_s = self._limits.burst, self._clock.now_s
        if not self._lost and not self._deaf:
            self._connection.transport.resume_reading()

    def went(self) -> None:
        """The socket is gone; the connection calls this."""
        self._lost = True
        sent = self._connection.protocol.close_sent
        if sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG:
            self.tell("oversize", f"a message above {self._limits.message_bytes} bytes closed the connection")
        if self._owner is not None:
            self._owner.lost()

    def tell(self, rule: str, detail: str) -> None:
        """Record what the peer did."""
        if self._remark is not None:
            self._remark(Deviation(self._clock.now_s, self.identity, "", "", rule, detail, False))


def address(remote: object) -> str:
    """Return `host:port` of what a transport calls its peer."""
    return f"{remote[0]}:{remote[1]}" if isinstance(remote, tuple) else str(remote or "")
