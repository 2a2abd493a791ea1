"""What an endpoint needs of a connection, and what it tells of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from twin.network.ocpp.versions import Version

Payload: TypeAlias = dict[str, Any]
"""The body of a message as it stands in JSON: camelCase keys, plain values."""


class Then(NamedTuple):
    """An answer, and what to do once it was sent: how a handler calls the peer back."""

    payload: Payload
    after: Callable[[], None]


Answer: TypeAlias = Payload | Then
Handle: TypeAlias = Callable[[str, Payload], Answer | Awaitable[Answer]]
"""(action, payload) to answer. Raises `Refusal`. What can be answered at once returns a dict, not a coroutine."""


class Link(Protocol):
    """A connection that carries text frames, whatever is below: a socket, a pipe of a test."""

    @property
    def identity(self) -> str:
        """Who the station is."""
        ...

    @property
    def version(self) -> Version:
        """What was negotiated."""
        ...

    @property
    def connection(self) -> str:
        """Names this connection among all of the process; the same at both of its ends."""
        ...

    def send(self, frame: str, /) -> None:
        """Queue a frame. A peer that does not read is cut off when the queue is full."""

    def close(self, code: int = 1000, reason: str = "", /) -> None:
        """Close in an orderly way (WebSocket close frame)."""

    def drop(self) -> None:
        """Cut the TCP connection without a word."""


class Deviation(NamedTuple):
    """Something that a peer did and its version forbids; kept whether or not it was tolerated."""

    t_s: float
    station: str
    action: str
    """Empty where the frame could not be read so far."""
    message_id: str
    rule: str
    """A short stable name: `schema`, `date-time`, `unknown-action`, `duplicate-id`, `late-answer`, …"""
    detail: str
    """What, with the path and the value."""
    tolerated: bool
    """Whether the message was taken all the same."""


class Record(NamedTuple):
    """One frame of a trace."""

    t_s: float
    station: str
    version: Version
    outbound: bool
    """Seen from the side that traces."""
    frame: str
    """As it was on the wire."""
    fault: str
    """What was wrong with it; empty: nothing."""


Trace: TypeAlias = Callable[[Record], None]
Remark: TypeAlias = Callable[[Deviation], None]
Extras: TypeAlias = Mapping[str, object]
