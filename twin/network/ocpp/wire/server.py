"""The central system's sockets: listeners, the handshake of OCPP-J, and links for who comes through it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from inspect import isawaitable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as _serve
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from twin.domain.clock import Clock
from twin.network.ocpp.security.passwords import from_header
from twin.network.ocpp.security.throttle import Throttle
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Admission, Applicant, Gate, identity_of
from twin.network.ocpp.wire.link import Deviation, Remark
from twin.network.ocpp.wire.pipe import Receiver
from twin.network.ocpp.wire.sockets import DirectServer, SocketLimits, SocketLink, address

_log = structlog.get_logger(__name__)
_BACKLOG: Final = 4096
"""Connections that wait to be accepted: all stations come back at once after a restart."""
_ALL = tuple(Version)

Attach: TypeAlias = Callable[[SocketLink], Receiver]
"""Makes the end that a new connection belongs to; the server joins the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """One listener."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""
    tls: ssl.SSLContext | None = None
    versions: tuple[Version, ...] = _ALL
    without_subprotocol: Version | None = Version.V16
    """What a client speaks that names no subprotocol at all; None: it is closed after the handshake."""

    @classmethod
    def parse(cls, url: str, tls: ssl.SSLContext | None = None) -> Listen:
        """Read `ws://host:port` or `wss://host:port`.

        Raises:
            ValueError: It is neither, or `wss` comes without a context.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError(f"{url}: expected ws://HOST:PORT or wss://HOST:PORT")
        if parts.scheme == "wss" and tls is None:
            raise ValueError(f"{url}: a certificate and its key are needed")
        port = parts.port if parts.port is not None else {"ws": 80, "wss": 443}[parts.scheme]
        return cls(host=parts.hostname, port=port, tls=tls if parts.scheme == "wss" else None)


class Server:
    """Running listeners; made by `serve`."""

    def __init__(
        self, listeners: Sequence[WebSocketServer], links: set[SocketLink], arriving: set[DirectServer]
    ) -> None:
        self._listeners, self._links, self._arriving = list(listeners), links, arriving

    @property
    def ports(self) -> list[int]:
        """Of the listeners, in their order."""
        return [next(iter(listener.sockets)).getsockname()[1] for listener in self._listeners]

    @property
    def links(self) -> frozenset[SocketLink]:
        """The open connections."""
        return frozenset(self._links)

    async def close(self, code: int = 1001, reason: str = "going away") -> None:
        """Stop listening, close every connection, and wait until they are gone."""
        for listener in self._listeners:
            listener.close(close_connections=False)
        for link in list(self._links):
            link.close(code, reason)
        for connection in list(self._arriving):
            if connection.request is None:  # nobody waits for who never says what it wants
                connection.transport.abort()
        for listener in self._listeners:
            await listener.wait_closed()


async def serve(
    attach: Attach,
    listen: Sequence[Listen],
    *,
    gate: Gate,
    clock: Clock,
    limits: SocketLimits = SocketLimits(),  # noqa: B008  frozen
    remark: Remark | None = None,
) -> Server:
    """Open listeners.

    Args:
        attach: Called with the link of every station that was let in.
        listen: Where, at least one.
        gate: Who is let in.
        clock: Counts rates and the waits of who guesses passwords.
        limits: What a socket may cost.
        remark: Told of handshakes that were refused or never came, floods, and who does not read.

    Raises:
        OSError: An address cannot be bound; nothing listens then.
    """
    links: set[SocketLink] = set()
    arriving: set[DirectServer] = set()
    throttle = Throttle(clock)
    listeners: list[WebSocketServer] = []
    try:
        for one in listen:
            door = _Door(one, attach, gate, clock, limits, remark, throttle, links, arriving)
            listeners.append(await door.open())
    except OSError:
        await Server(listeners, links, arriving).close()
        raise
    return Server(listeners, links, arriving)


class _Door:
    """What one listener does with who knocks."""

    def __init__(
        self,
        listen: Listen,
        attach: Attach,
        gate: Gate,
        clock: Clock,
        limits: SocketLimits,
        remark: Remark | None,
        throttle: Throttle,
        links: set[SocketLink],
        arriving: set[DirectServer],
    ) -> None:
        self._arriving = arriving
        self._listen, self._attach, self._gate, self._clock = listen, attach, gate, clock
        self._limits, self._remark, self._throttle, self._links = limits, remark, throttle, links

    async def open(self) -> WebSocketServer:
        """Start to listen."""
        limits, silent, arriving = self._limits, self._silent, self._arriving

        class Arriving(DirectServer):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                arriving.add(self)

            def connection_lost(self, exc: Exception | None) -> None:
                arriving.discard(self)
                super().connection_lost(exc)

            def silent(self) -> None:
                silent(self)

        return await _serve(
            self._serve_one,
            self._listen.host,
            self._listen.port,
            ssl=self._listen.tls,
            create_connection=Arriving,
            process_request=self._knock,
            select_subprotocol=self._choose,
            compression=None,
            server_header=None,
            max_size=limits.message_bytes,
            open_timeout=limits.open_timeout_s,
            close_timeout=limits.close_timeout_s,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.pong_timeout_s,
            backlog=_BACKLOG,
        )

    def _silent(self, connection: DirectServer) -> None:
        """Record who was cut off, or went, without a request that could be read."""
        host = address(connection.remote_address).rpartition(":")[0]
        why = str(connection.protocol.handshake_exc or "no whole request came")
        self._tell("", "no-handshake", f"{host}: {why[:200]}", tolerated=False)

    async def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let in, or answer with an HTTP status (OCPP-J 1.6 3.2, 2.x part 4 3.2)."""
        host = address(connection.remote_address).rpartition(":")[0]
        try:
            upgrade = "upgrade" in request.headers.get("Connection", "").lower()
            basic = from_header(request.headers.get("Authorization", ""))
        except MultipleValuesError as error:
            return self._no(connection, "", host, 400, "bad-request", f"repeated header {error}")
        if not upgrade:
            return self._no(connection, "", host, 400, "no-upgrade", "no header `Connection: Upgrade`")
        try:
            identity = identity_of(request.path)
        except ValueError as error:
            return self._no(connection, "", host, 404, "identity", str(error))
        wait_s = self._throttle.wait_s((identity, host), host)
        if wait_s > 0:
            why = f"too many wrong passwords, {wait_s:.0f} s to wait"
            return self._no(connection, identity, host, 401, "throttled", why)
        admission = await self._admit(connection, request, identity, host, basic)
        if admission.status == 401:
            self._throttle.failed((identity, host), host)
        if admission.status != 101:
            return self._no(
                connection, identity, host, admission.status, f"refused-{admission.status}", admission.reason
            )
        self._throttle.succeeded((identity, host))
        if admission.reason:
            self._tell(identity, "admitted", f"{host}: {admission.reason}", tolerated=True)
        connection.username = identity
        return None

    async def _admit(
        self,
        connection: ServerConnection,
        request: Request,
        identity: str,
        host: str,
        basic: tuple[str, bytes] | None,
    ) -> Admission:
        user, password = basic or (None, None)
        secure = connection.transport.get_extra_info("ssl_object")
        certificate = connection.transport.get_extra_info("peercert") or None
        applicant = Applicant(
            identity, request.path, host, user, password, certificate, tls=secure is not None
        )
        try:
            answer = self._gate.admit(applicant)
            return await answer if isawaitable(answer) else answer
        except Exception:  # noqa: BLE001  a fault of the gate must let nobody in and stop nobody else
            _log.exception("gate failed", station=identity, remote=host)
            return Admission(503, "not now")

    def _no(
        self, connection: ServerConnection, identity: str, host: str, status: int, rule: str, why: str
    ) -> Response:
        self._tell(identity, rule, f"{host}: {status}, {why}", tolerated=False)
        response = connection.respond(HTTPStatus(status), why + "\n")
        if status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="OCPP"'
        return response

    def _choose(self, _connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Take the first of the client's that is spoken here; the client's order decides."""
        spoken = {version.value for version in self._listen.versions}
        return next((name for name in offered if name in spoken), None)

    def _version(self, connection: ServerConnection) -> Version | None:
        if connection.subprotocol is not None:
            return Version(connection.subprotocol)
        assert connection.request is not None
        offered = connection.request.headers.get_all("Sec-WebSocket-Protocol")
        identity, fallback = connection.username, self._listen.without_subprotocol
        if not offered and fallback is not None:
            self._tell(identity, "no-subprotocol", f"taken as {fallback.value}", tolerated=True)
            return fallback
        why = f"offered {', '.join(offered) or 'none'}"
        self._tell(identity, "no-subprotocol", why[:200], tolerated=False)
        return None

    async def _serve_one(self, connection: ServerConnection) -> None:
        assert isinstance(connection, DirectServer)
        assert connection.request is not None
        version = self._version(connection)
        if version is None:
            await connection.close(1002, "no common subprotocol")
            return
        key = connection.request.headers["Sec-WebSocket-Key"]
        link = SocketLink(
            connection,
            connection.username,
            version,
            key,
            limits=self._limits,
            clock=self._clock,
            remark=self._remark,
        )
        self._links.add(link)
        try:
            link.join(self._attach(link))
        except Exception:  # noqa: BLE001  a fault of one connection must not reach the listener
            _log.exception("connection not attached", station=link.identity)
            link.close(1011, "internal error")
        try:
            await connection.wait_closed()
        finally:
            self._links.discard(link)

    def _tell(self, identity: str, rule: str, detail: str, *, tolerated: bool) -> None:
        if self._remark is not None:
            self._remark(Deviation(self._clock.now_s, identity, "", "", rule, detail, tolerated))
