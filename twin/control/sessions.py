"""The controller's books: what each EVSE is doing, told by facts alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.domain.events import MeterReading, StationEvent
from twin.domain.ids import EvseId, SessionId
from twin.domain.records import (
    AUTHORISATION,
    OCCUPANCY,
    TRANSACTION,
    TRANSFER,
    Authorisation,
    Occupancy,
    State,
    Transaction,
    Transfer,
    follow,
)


@dataclass(slots=True)
class Session:
    """One transaction, from its begin to its end value."""

    id: SessionId
    row: int
    token: str
    readings: list[MeterReading] = field(default_factory=list)
    ended_s: float | None = None


class EvseBooks:
    """The four records of one EVSE and its current session."""

    __slots__ = ("authorisation", "count", "evse", "occupancy", "row", "session", "transaction", "transfer")

    def __init__(self, evse: EvseId, row: int) -> None:
        self.evse = evse
        self.row = row
        self.count = 0
        self.session: Session | None = None
        self.occupancy: State = Occupancy.FREE
        self.authorisation: State = Authorisation.NONE
        self.transaction: State = Transaction.CLOSED
        self.transfer: State = Transfer.IDLE

    def occupy(self, event: StationEvent) -> None:
        """Follow a fact about the connector."""
        self.occupancy = follow(OCCUPANCY, self.occupancy, event)

    def authorise(self, event: StationEvent) -> None:
        """Follow a fact about who may charge."""
        self.authorisation = follow(AUTHORISATION, self.authorisation, event)

    def refused(self) -> None:
        """The station did not take the grant: the driver had left, or shows the card again."""
        self.authorisation = Authorisation.NONE

    def transfer_energy(self, event: StationEvent) -> None:
        """Follow a fact about the flow of energy."""
        self.transfer = follow(TRANSFER, self.transfer, event)

    def start(self, event: StationEvent, token: str, register_wh: float) -> Session:
        """Open a session with its begin value."""
        self.transaction = follow(TRANSACTION, self.transaction, event)
        self.count += 1
        begin = MeterReading(event.happened_s, event.received_s, register_wh, "Begin")
        self.session = Session(f"{self.evse}#{self.count}", self.row, token, [begin])
        return self.session

    def end(self, event: StationEvent, register_wh: float) -> Session:
        """Close the session with its end value."""
        self.transaction = follow(TRANSACTION, self.transaction, event)
        session = self.session
        if session is None:
            raise AssertionError(f"{self.evse}: an open transaction without a session")
        # A station that was offline tells late: registers read since then belong to nobody.
        session.readings = [r for r in session.readings if r.happened_s <= event.happened_s]
        session.readings.append(MeterReading(event.happened_s, event.received_s, register_wh, "End"))
        session.ended_s = event.happened_s
        self.session = None
        return session
