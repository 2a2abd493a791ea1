"""The controller's books: what each EVSE is doing, told by facts alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

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
    Table,
    Transaction,
    Transfer,
    follow,
    implied,
)
from twin.errors import IllegalTransition

OnOdd: TypeAlias = Callable[[StationEvent, str], None]
"""(fact, why): told of a fact that cannot follow what is known of its EVSE."""


@dataclass(slots=True)
class Session:
    """One transaction, from its begin to its end value."""

    id: SessionId
    row: int
    token: str
    readings: list[MeterReading] = field(default_factory=list)
    ended_s: float | None = None


class EvseBooks:
    """The four records of one EVSE and its current session.

    Args:
        evse: Whose.
        row: In the fleet.
        on_odd: Told of a fact that cannot follow what is known; the record then stands where that fact leads.
            None: such a fact is a defect.
    """

    __slots__ = (
        "_on_odd", "authorisation", "count", "evse", "occupancy", "row", "session", "transaction", "transfer",
    )  # fmt: skip

    def __init__(self, evse: EvseId, row: int, on_odd: OnOdd | None = None) -> None:
        self._on_odd = on_odd
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
        self.occupancy = self._follow(OCCUPANCY, self.occupancy, event)

    def authorise(self, event: StationEvent) -> None:
        """Follow a fact about who may charge."""
        self.authorisation = self._follow(AUTHORISATION, self.authorisation, event)

    def refused(self) -> None:
        """The station did not take the grant: the driver had left, or shows the card again."""
        self.authorisation = Authorisation.NONE

    def trusted(self) -> None:
        """The station let the driver charge without asking: it could not, and knew the token or trusts everybody."""
        self.authorisation = Authorisation.GRANTED

    def transfer_energy(self, event: StationEvent) -> None:
        """Follow a fact about the flow of energy."""
        self.transfer = self._follow(TRANSFER, self.transfer, event)

    def start(self, event: StationEvent, token: str, register_wh: float) -> Session:
        """Open a session with its begin value."""
        self.transaction = self._follow(TRANSACTION, self.transaction, event)
        self.count += 1
        begin = MeterReading(event.happened_s, event.received_s, register_wh, "Begin")
        self.session = Session(f"{self.evse}#{self.count}", self.row, token, [begin])
        return self.session

    def abandon(self, event: StationEvent) -> Session:
        """Close a session whose end will not come, at its last reading: another one starts at its EVSE.

        Raises:
            ValueError: There is none.
        """
        session = self.session
        if session is None:
            raise ValueError(f"{self.evse}: no session is open")
        last = session.readings[-1]
        session.readings.append(last._replace(received_s=event.received_s, context="End"))
        session.ended_s = last.happened_s
        self.session = None
        self.transaction = Transaction.CLOSED
        return session

    def end(self, event: StationEvent, register_wh: float) -> Session | None:
        """Close the session with its end value; None: there was none, and that was said."""
        self.transaction = self._follow(TRANSACTION, self.transaction, event)
        session = self.session
        if session is None:
            return None
        # A station that was offline tells late: registers read since then belong to nobody.
        session.readings = [r for r in session.readings if r.happened_s <= event.happened_s]
        session.readings.append(MeterReading(event.happened_s, event.received_s, register_wh, "End"))
        session.ended_s = event.happened_s
        self.session = None
        return session

    def _follow(self, table: Table, state: State, event: StationEvent) -> State:
        try:
            return follow(table, state, event)
        except IllegalTransition as error:
            if self._on_odd is None:
                raise
            self._on_odd(event, str(error))
            return implied(table, state, event)
