"""A connection in trouble: frames held back, late, twice, or spoilt, between a station and its socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twin.domain.clock import Clock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Link
from twin.network.ocpp.wire.pipe import Receiver

MALFORMED = (
    "", "[]", "{", "null", "[2]", '[2,"m-1"]', '[2,"m-2","Heartbeat"]', '[2,"m-3","Nonsense",{}]',
    '[2,"m-4","Heartbeat",{"extra":1}]', '[9,"m-5",{}]', '[3,"never-asked",{}]', '[4,"never-asked","InternalError"]',
    '[2,5,"Heartbeat",{}]', '[2,"' + "m" * 60 + '","Heartbeat",{}]', '[1,"m-6",{}]',
    '[2,"m-7","StatusNotification",{"connectorId":"one"}]',
)  # fmt: skip
"""Frames that no station should send."""


class JoinedLink(Link, Protocol):
    """A link that delivers to whoever joined it."""

    def join(self, owner: Receiver, /) -> None:
        """Deliver to `owner` from now on."""


class TroubledLink:
    """Implements `Link` on another one. What is wrong may change while it runs.

    Args:
        link: The connection below.
        clock: Counts delays.

    Attributes:
        delay_s: How late frames of the station leave.
        twice: Whether each leaves two times.
    """

    def __init__(self, link: JoinedLink, clock: Clock) -> None:
        self._link, self._clock = link, clock
        self._held: list[Callable[[], None]] | None = None
        self._owner: Receiver
        self.delay_s = 0.0
        self.twice = False

    @property
    def identity(self) -> str:
        """See `Link.identity`."""
        return self._link.identity

    @property
    def version(self) -> Version:
        """See `Link.version`."""
        return self._link.version

    @property
    def connection(self) -> str:
        """See `Link.connection`."""
        return self._link.connection

    def join(self, owner: Receiver) -> None:
        """Deliver to `owner` from now on."""
        self._owner = owner
        self._link.join(self)

    def freeze(self, on: bool) -> None:
        """Neither read nor write, the socket stays open; thawed, everything follows in its order."""
        if on and self._held is None:
            self._held = []
        elif not on and self._held is not None:
            held, self._held = self._held, None
            for step in held:
                step()

    def receive(self, data: str | bytes, /) -> None:
        """See `Receiver.receive`."""
        if self._held is not None:
            self._held.append(lambda: self._owner.receive(data))
        else:
            self._owner.receive(data)

    def lost(self) -> None:
        """See `Receiver.lost`."""
        self._held = None
        self._owner.lost()

    def send(self, frame: str, /) -> None:
        """See `Link.send`."""
        for _ in range(2 if self.twice else 1):
            if self._held is not None:
                self._held.append(lambda: self._link.send(frame))
            elif self.delay_s > 0.0:
                self._clock.call_later(self.delay_s, lambda: self._link.send(frame))
            else:
                self._link.send(frame)

    def close(self, code: int = 1000, reason: str = "", /) -> None:
        """See `Link.close`."""
        self._link.close(code, reason)

    def drop(self) -> None:
        """See `Link.drop`."""
        self._link.drop()
