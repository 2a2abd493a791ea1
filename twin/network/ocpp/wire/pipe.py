"""Two links in memory, joined: what a unit test needs of a connection."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Protocol

from twin.network.ocpp.versions import Version

_numbers = itertools.count(1)


class Receiver(Protocol):
    """The end that a pipe delivers to: an `Endpoint`, or a list of a test."""

    def receive(self, data: str | bytes, /) -> None:
        """Take a frame."""

    def lost(self) -> None:
        """The connection is gone."""


class PipeLink:
    """One end of a pipe. Frames arrive in order, each in a turn of the loop of its own."""

    def __init__(self, identity: str, version: Version, connection: str) -> None:
        self.identity, self.version, self.connection = identity, version, connection
        self.loop = asyncio.get_running_loop()
        self.other: PipeLink
        self.owner: Receiver | None = None
        self.sent: list[str] = []
        """Every frame that left here."""
        self.closed: tuple[int, str] | None = None
        """(code, reason) of the close that was seen or made here; 1006 for a cut."""

    def join(self, owner: Receiver) -> None:
        """Deliver to `owner` from now on."""
        self.owner = owner

    def send(self, frame: str, /) -> None:
        """See `Link.send`."""
        if self.closed is None:
            self.sent.append(frame)
            self.loop.call_soon(self.other._deliver, frame)  # noqa: SLF001

    def feed(self, frame: str | bytes) -> None:
        """Deliver to the owner of this end what its peer would never send."""
        self._deliver(frame)

    def close(self, code: int = 1000, reason: str = "", /) -> None:
        """See `Link.close`."""
        self._end(code, reason)

    def drop(self) -> None:
        """See `Link.drop`."""
        self._end(1006, "")

    def _deliver(self, frame: str | bytes) -> None:
        if self.closed is None and self.owner is not None:
            self.owner.receive(frame)

    def _end(self, code: int, reason: str) -> None:
        for end in (self, self.other):
            self.loop.call_soon(end._lose, code, reason)  # noqa: SLF001

    def _lose(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            if self.owner is not None:
                self.owner.lost()


def pipe(version: Version, identity: str) -> tuple[PipeLink, PipeLink]:
    """Return the station's end and the central system's end of a new connection; call `join` on both."""
    connection = f"pipe-{next(_numbers)}"
    station, csms = (PipeLink(identity, version, connection) for _ in range(2))
    station.other, csms.other = csms, station
    return station, csms


def counter(prefix: str = "") -> Callable[[], str]:
    """Return a source of message ids: `prefix` and 1, 2, 3 and so on."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"
