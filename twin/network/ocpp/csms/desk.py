"""What every part of the central system has at hand: the clock, the journal, and where facts go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from twin.domain.clock import Clock
from twin.domain.events import Noted, StationFact
from twin.domain.ids import EvseId
from twin.domain.journal import Journal
from twin.errors import SettingsError
from twin.network.clock import to_wire
from twin.network.ocpp.csms.station import Evse, Station
from twin.network.ocpp.wire.errors import NoAnswer
from twin.network.ocpp.wire.link import Payload, Then

Sink: TypeAlias = Callable[[StationFact], None]
Reply = TypeVar("Reply", Payload, Then)


class Watcher(Protocol):
    """Wants to know at once when an EVSE's transaction or readings changed (smart charging)."""

    def transaction_changed(self, station: Station, evse: Evse, /) -> None:
        """`evse.transaction` is another one now, or None."""

    def measured(self, station: Station, evse: Evse, /) -> None:
        """`evse.readings` holds newer values."""


class Desk:
    """Shared by the parts of one central system.

    Args:
        clock: The only source of time.
        journal: Where facts become durable.
        sink: Told every fact, in the order in which facts became known.
    """

    def __init__(self, clock: Clock, journal: Journal, sink: Sink) -> None:
        self.clock = clock
        self.journal = journal
        self.sink = sink
        self.stations: dict[str, Station] = {}
        self.watchers: list[Watcher] = []
        """Told of what is too dense for facts."""

    def wire_now(self) -> str:
        """Return this instant as it stands on the wire."""
        return to_wire(self.clock.epoch_ns, self.clock.now_s)

    def safely(self, answer: Reply) -> Reply | Awaitable[Reply]:
        """Return `answer`, not before everything appended so far is durable.

        Raises:
            NoAnswer: (when awaited) the store refuses; the message stays unanswered.
        """
        done = self.journal.commit()
        return answer if done is None else _after(done, answer)

    def changed(self, station: Station, number: int) -> None:
        """Tell those who watch that an EVSE's transaction is another one."""
        if number:
            for watcher in self.watchers:
                watcher.transaction_changed(station, station.evse(number))

    def note(self, station: Station, number: int | None, rule: str, detail: str) -> None:
        """Tell of something that fits nowhere or was mended; `number` is the EVSE's, None: the station's."""
        now_s = self.clock.now_s
        evse = None if number is None else evse_id(station.identity, number)
        self.sink(Noted(now_s, now_s, station.identity, evse, rule, detail))


def evse_id(identity: str, number: int) -> EvseId:
    """Return the address of a connector (1.6) or EVSE (2.x); number 0: none is known yet."""
    return f"{identity}/{number}"


async def _after(done: Awaitable[None], answer: Reply) -> Reply:
    await kept(done)
    return answer


async def kept(done: Awaitable[None]) -> None:
    """Wait until it is durable.

    Raises:
        NoAnswer: The store refuses: the message stays unanswered, and the station asks again.
    """
    try:
        await done
    except SettingsError as error:
        raise NoAnswer(str(error)) from error
