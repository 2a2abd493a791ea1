"""What is charging is four records, joined by a session; each is a table on this screen.

The tables judge facts in the order in which they happened. Any record may come first: a transaction may
begin before a token is known, energy may wait for a limit. A pair that is absent is never guessed: it
raises. In a simulation that is a defect of the twin, and ends the run; over a wire it is written down, and
the record stands where the fact leads (`implied`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from twin.domain import events as e
from twin.errors import IllegalTransition


class State(Enum):
    """Where a record stands. Hashed by identity: tables are looked up several times per session."""

    __hash__ = object.__hash__


class Occupancy(State):
    """Of the connector: is there a car?"""

    FREE = "free"
    TAKEN = "taken"
    OUT_OF_ORDER = "out of order"
    BLOCKED = "blocked"
    """Out of order with a car in it."""


class Authorisation(State):
    """Of the driver: who pays, and may this car charge?"""

    NONE = "none"
    ASKED = "asked"
    GRANTED = "granted"
    IN_USE = "in use"


class Transaction(State):
    """Of the station's books: is a billable transaction open?"""

    CLOSED = "closed"
    OPEN = "open"


class Transfer(State):
    """Of the energy: does the car take what it may?"""

    IDLE = "idle"
    READY = "ready"
    SUSPENDED = "suspended"
    """The car takes nothing although it may (SuspendedEV): it has what it wanted."""


Table = Mapping[tuple[State, type[Any]], State]

OCCUPANCY: Table = {
    (Occupancy.FREE, e.CablePlugged): Occupancy.TAKEN,
    (Occupancy.TAKEN, e.CableUnplugged): Occupancy.FREE,
    (Occupancy.FREE, e.Faulted): Occupancy.OUT_OF_ORDER,
    (Occupancy.OUT_OF_ORDER, e.Recovered): Occupancy.FREE,
    (Occupancy.TAKEN, e.Faulted): Occupancy.BLOCKED,
    (Occupancy.BLOCKED, e.Recovered): Occupancy.TAKEN,
    (Occupancy.BLOCKED, e.CableUnplugged): Occupancy.OUT_OF_ORDER,
}

AUTHORISATION: Table = {
    (Authorisation.NONE, e.TokenPresented): Authorisation.ASKED,
    (Authorisation.ASKED, e.TokenPresented): Authorisation.ASKED,  # it was away, and asks again
    (Authorisation.ASKED, e.CommandAnswered): Authorisation.GRANTED,
    (Authorisation.ASKED, e.CableUnplugged): Authorisation.NONE,  # gone before the answer
    (Authorisation.GRANTED, e.TransactionStarted): Authorisation.IN_USE,
    (Authorisation.IN_USE, e.TransactionEnded): Authorisation.NONE,
}

TRANSACTION: Table = {
    (Transaction.CLOSED, e.TransactionStarted): Transaction.OPEN,
    (Transaction.OPEN, e.TransactionEnded): Transaction.CLOSED,
}

TRANSFER: Table = {
    (Transfer.IDLE, e.TransactionStarted): Transfer.READY,
    (Transfer.READY, e.ChargingSuspended): Transfer.SUSPENDED,
    (Transfer.READY, e.TransactionEnded): Transfer.IDLE,
    (Transfer.SUSPENDED, e.TransactionEnded): Transfer.IDLE,
}

RECORDS: tuple[Table, ...] = (OCCUPANCY, AUTHORISATION, TRANSACTION, TRANSFER)


def follow(table: Table, state: State, event: e.StationEvent) -> State:
    """Return the state after `event`.

    Raises:
        IllegalTransition: the pair is not in the table; says who, when, what and what was expected.
    """
    try:
        return table[state, type(event)]
    except KeyError:
        expected = sorted(kind.__name__ for source, kind in table if source is state)
        raise IllegalTransition(
            f"{event.evse} at t={event.happened_s:.0f} s: {type(event).__name__} while {state.value}; "
            f"expected {' or '.join(expected) or 'nothing'}"
        ) from None


def implied(table: Table, state: State, event: e.StationEvent) -> State:
    """Return where an event leads from everywhere in its table, for a pair that is absent; else `state`."""
    targets = {target for (_, kind), target in table.items() if kind is type(event)}
    return targets.pop() if len(targets) == 1 else state
