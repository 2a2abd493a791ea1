"""Over a wire facts come late, twice, or without what should be before them: written down, never a halt."""

from __future__ import annotations

from typing import Any

import pytest

from twin.control.sessions import EvseBooks
from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    StationEvent,
    TransactionEnded,
    TransactionStarted,
)
from twin.domain.records import Authorisation, Occupancy, Transaction
from twin.errors import IllegalTransition


def at(kind: Any, t_s: float, *more: object) -> Any:
    """A fact of the only EVSE."""
    return kind(t_s, t_s, "s", "s/1", *more)


@pytest.fixture
def odd() -> list[tuple[StationEvent, str]]:
    """What was written down."""
    return []


@pytest.fixture
def books(odd: list[tuple[StationEvent, str]]) -> EvseBooks:
    """Books of an EVSE behind a wire."""
    return EvseBooks("s/1", 0, lambda event, why: odd.append((event, why)))


def test_a_fact_twice_leaves_things_as_they_are(books: EvseBooks, odd: list[Any]) -> None:
    """A second CablePlugged: the car is still there, and somebody may wonder."""
    for t_s in (1.0, 2.0):
        books.occupy(at(CablePlugged, t_s))
    assert books.occupancy is Occupancy.TAKEN
    assert [why for _, why in odd] == [
        "s/1 at t=2 s: CablePlugged while taken; expected CableUnplugged or Faulted"
    ]


def test_an_unplugging_that_comes_first_is_no_halt(books: EvseBooks, odd: list[Any]) -> None:
    """Its plugging was never told."""
    books.occupy(at(CableUnplugged, 1.0))
    assert len(odd) == 1


def test_a_transaction_may_begin_without_a_token(books: EvseBooks, odd: list[Any]) -> None:
    """Its driver is in use from then on."""
    books.authorise(at(TransactionStarted, 1.0, "", 0.0))
    assert books.authorisation is Authorisation.IN_USE
    assert len(odd) == 1


def test_an_end_without_a_session_is_none(books: EvseBooks, odd: list[Any]) -> None:
    """Told twice, or of before our time."""
    assert books.end(at(TransactionEnded, 1.0, 7.0, "Local"), 7.0) is None
    assert books.transaction is Transaction.CLOSED
    assert len(odd) == 1


def test_a_session_whose_end_is_lost_is_closed_by_its_last_reading(books: EvseBooks) -> None:
    """Begun at 5 Wh, nothing read since: 0 Wh, at the instant of that reading."""
    books.start(at(TransactionStarted, 1.0, "card", 5.0), "card", 5.0)
    session = books.abandon(at(TransactionStarted, 9.0, "other", 6.0))
    assert [reading.register_wh for reading in session.readings] == [5.0, 5.0]
    assert session.ended_s == 1.0
    assert books.session is None


def test_in_a_simulation_such_a_fact_is_a_defect() -> None:
    """It ends the run."""
    with pytest.raises(IllegalTransition):
        EvseBooks("s/1", 0).occupy(at(CableUnplugged, 1.0))
