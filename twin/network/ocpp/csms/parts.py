"""How the central system is cut: one part per concern, each with its handlers and what it remembers.

A part never reads a socket. It is told of calls by a table, answers them, calls stations through
`Station.endpoint`, and writes what must survive a crash into the journal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from twin.domain.journal import Entry
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload

if TYPE_CHECKING:
    from twin.network.ocpp.csms.station import Station

Handler: TypeAlias = "Callable[[Station, Payload], Answer | Awaitable[Answer]]"
"""Answers one action of one station; raises `Refusal`."""
Handlers: TypeAlias = Mapping[tuple[Version, str], Handler]


class Part(Protocol):
    """One concern of the central system."""

    @property
    def name(self) -> str:
        """What its journal entries begin with."""
        ...

    def handlers(self) -> Handlers:
        """What it answers."""
        ...

    def connected(self, station: Station) -> None:
        """A connection was opened; the station may not have booted on it."""

    def accepted(self, station: Station) -> None:
        """The station may be called: its boot was accepted, or it has been told so before."""

    def disconnected(self, station: Station) -> None:
        """The connection is gone."""

    def restore(self, entry: Entry) -> None:
        """Take back one fact after a restart; those of its own `name` only, in order."""
