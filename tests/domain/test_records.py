"""The four records that a session joins."""

from itertools import product

import pytest

from twin.domain import events as e
from twin.domain.records import (
    AUTHORISATION,
    OCCUPANCY,
    RECORDS,
    TRANSACTION,
    Authorisation,
    Occupancy,
    State,
    Table,
    Transaction,
    follow,
)
from twin.errors import IllegalTransition

KINDS = (
    e.CablePlugged,
    e.TokenPresented,
    e.TransactionStarted,
    e.TransactionEnded,
    e.CableUnplugged,
    e.ChargingSuspended,
    e.Faulted,
    e.Recovered,
    e.CommandAnswered,
)


def fact(kind: type, evse: str = "depot-1/2", t_s: float = 61.2) -> e.StationEvent:
    """A fact of a kind, with filler in the fields that no table looks at."""
    filler = {"token": "t", "register_wh": 0.0, "reason": "", "error": "", "command": 1, "accepted": True}
    fields = {name: filler.get(name) for name in kind._fields[4:]}
    return kind(happened_s=t_s, received_s=t_s, station="depot-1", evse=evse, **fields)


def test_an_end_before_its_start_names_the_evse_and_the_state() -> None:
    """The message says who, when, what and what would have been right."""
    with pytest.raises(IllegalTransition) as raised:
        follow(TRANSACTION, Transaction.CLOSED, fact(e.TransactionEnded))
    assert str(raised.value) == (
        "depot-1/2 at t=61 s: TransactionEnded while closed; expected TransactionStarted"
    )


@pytest.mark.parametrize("table", RECORDS)
def test_every_pair_is_either_in_the_table_or_refused(table: Table) -> None:
    """No fact is guessed: each (state, fact) leads where the table says, or raises."""
    states = {state for state, _ in table}
    for state, kind in product(states, KINDS):
        if (state, kind) in table:
            assert follow(table, state, fact(kind)) is table[state, kind]
        else:
            with pytest.raises(IllegalTransition):
                follow(table, state, fact(kind))


@pytest.mark.parametrize("table", RECORDS)
def test_every_state_can_be_left(table: Table) -> None:
    """No record gets stuck: each state that is reached is also a source."""
    sources: set[State] = {state for state, _ in table}
    assert set(table.values()) <= sources


def test_a_car_may_leave_a_broken_connector() -> None:
    """A fault blocks the connector; the car that unplugs leaves it out of order."""
    state: State = Occupancy.TAKEN
    for kind in (e.Faulted, e.CableUnplugged, e.Recovered):
        state = follow(OCCUPANCY, state, fact(kind))
    assert state is Occupancy.FREE


def test_a_token_is_asked_granted_used_and_spent() -> None:
    """The plain life of an authorisation."""
    state: State = Authorisation.NONE
    for kind in (e.TokenPresented, e.CommandAnswered, e.TransactionStarted, e.TransactionEnded):
        state = follow(AUTHORISATION, state, fact(kind))
    assert state is Authorisation.NONE
