"""What the operations share beside the desk of the central system: a voice for events, request ids, calls to stations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from twin.domain.journal import Entry
from twin.network.clock import to_wire
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.link import Answer, Payload

Tell: TypeAlias = Callable[[str, str, Mapping[str, object]], None]
"""(station, kind, body): something happened that somebody may want to hear of."""


class Office:
    """Shared by the parts of this package; itself the part that remembers which request ids were used.

    Args:
        desk: Clock and journal.
        tell: Who else hears of what is recorded.
    """

    name = "request"

    def __init__(self, desk: Desk, tell: Tell) -> None:
        self.desk = desk
        self.tell = tell
        self._last: dict[str, int] = {}

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        return self.desk.clock.now_s

    def record(self, stream: str, kind: str, body: Mapping[str, object]) -> None:
        """Append a fact to the journal and tell of it."""
        self.desk.journal.append(stream, kind, body)
        self.tell(stream, kind, body)

    def recorded(
        self, stream: str, kind: str, body: Mapping[str, object], answer: Payload
    ) -> Answer | Awaitable[Answer]:
        """As `record`; return an answer that leaves when the fact is on the disk."""
        self.record(stream, kind, body)
        return self.desk.safely(answer)

    async def commit(self) -> None:
        """Wait until everything recorded so far is on the disk: before a command leaves whose id must not return."""
        committed = self.desk.journal.commit()
        if committed is not None:
            await committed

    def request_id(self, station: str) -> int:
        """Return the next request id of a station, never used before, not even before a restart."""
        number = self._last.get(station, 0) + 1
        self.use(station, number)
        return number

    def use(self, station: str, number: int) -> None:
        """Note that a request id is taken, whoever chose it."""
        if number > self._last.get(station, 0):
            self._last[station] = number
            self.desk.journal.append(station, "request.id", {"id": number})

    def instant(self, t_s: float) -> str:
        """Return an instant of the run as OCPP writes it."""
        return to_wire(self.desk.clock.epoch_ns, t_s)

    async def call(self, station: Station, action: str, payload: Payload) -> Payload:
        """Call a station.

        Raises:
            LinkLost: It is not connected, or the connection broke before the answer.
            CallFailed, CallTimedOut, ValueError: See `Caller.call`.
        """
        if station.endpoint is None:
            raise LinkLost(f"{station.identity}: not connected")
        return await station.endpoint.call(action, payload)

    def handlers(self) -> Handlers:
        """Stations do not speak to it."""
        return {}

    def connected(self, station: Station) -> None:
        """Nothing to do."""

    def accepted(self, station: Station) -> None:
        """Nothing to do."""

    def disconnected(self, station: Station) -> None:
        """Nothing to do."""

    def restore(self, entry: Entry) -> None:
        """Take back the last request id of a station."""
        number = entry.body["id"]
        assert isinstance(number, int)
        self._last[entry.stream] = max(number, self._last.get(entry.stream, 0))


class OperationsPart:
    """A part that by default neither answers nor remembers anything; see `parts.Part`."""

    name = ""

    def __init__(self, office: Office) -> None:
        self.office = office

    def handlers(self) -> Handlers:
        """See `Part.handlers`."""
        return {}

    def connected(self, station: Station) -> None:
        """See `Part.connected`."""

    def accepted(self, station: Station) -> None:
        """See `Part.accepted`."""

    def disconnected(self, station: Station) -> None:
        """See `Part.disconnected`."""

    def restore(self, entry: Entry) -> None:
        """See `Part.restore`."""
