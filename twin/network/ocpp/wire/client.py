"""The station's socket: one attempt to connect. When to try again is the station's business, on its clock."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import connect as _connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from twin.domain.clock import Clock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import ConnectFailed, ConnectRefused
from twin.network.ocpp.wire.link import Remark
from twin.network.ocpp.wire.sockets import DirectClient, SocketLimits, SocketLink

_PLACE = "{identity}"


def target(url: str, identity: str) -> str:
    """Return the address of one station: `url` with `{identity}` replaced, or with the identity as last segment."""
    name = quote(identity, safe="")
    return url.replace(_PLACE, name) if _PLACE in url else f"{url.rstrip('/')}/{name}"


async def connect(
    url: str,
    identity: str,
    versions: Sequence[Version],
    *,
    clock: Clock,
    password: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    limits: SocketLimits = SocketLimits(),  # noqa: B008  frozen
    remark: Remark | None = None,
    without_subprotocol: Version | None = None,
) -> SocketLink:
    """Try once to connect; call `join` on the link that is returned.

    Args:
        url: `ws://…` or `wss://…`, see `target`.
        identity: Of the station; also its user name.
        versions: What is offered, in order of preference; none: the header is left out.
        clock: Counts the rate of incoming frames.
        password: For basic authentication: the bytes themselves; None: none is sent.
        tls: For `wss`; None: the machine's trust store.
        server_hostname: Which the certificate must name, if not the host of the address.
        limits: What the socket may cost.
        remark: Told when the peer floods, or does not read.
        without_subprotocol: What is spoken if the server names none; None: that is a failure.

    Raises:
        ConnectRefused: The server answered with an HTTP status.
        ConnectFailed: No socket, no TLS, or no common version.
    """
    headers = {}
    if password is not None:
        token = base64.b64encode(identity.encode() + b":" + password).decode()
        headers["Authorization"] = f"Basic {token}"
    extra: dict[str, Any] = {} if tls is None else {"ssl": tls}
    if server_hostname is not None:
        extra["server_hostname"] = server_hostname
    attempt = _connect(
        target(url, identity),
        subprotocols=[Subprotocol(version.value) for version in versions] or None,
        additional_headers=headers,
        user_agent_header=None,
        compression=None,
        proxy=None,
        create_connection=DirectClient,
        max_size=limits.message_bytes,
        open_timeout=limits.open_timeout_s,
        close_timeout=limits.close_timeout_s,
        ping_interval=limits.ping_interval_s,
        ping_timeout=limits.pong_timeout_s,
        **extra,
    )
    try:
        connection = await attempt
    except InvalidStatus as error:
        raise ConnectRefused(identity, url, error.response.status_code) from error
    except (OSError, InvalidHandshake, InvalidURI, ssl.SSLError, EOFError) as error:
        raise ConnectFailed(f"{identity}: {url}: {error or type(error).__name__}") from error
    assert isinstance(connection, DirectClient)
    version = Version(connection.subprotocol) if connection.subprotocol else without_subprotocol
    if version is None:
        connection.transport.abort()
        raise ConnectFailed(f"{identity}: {url}: the server chose no version of OCPP")
    return SocketLink(
        connection, identity, version, connection.protocol.key, limits=limits, clock=clock, remark=remark
    )
