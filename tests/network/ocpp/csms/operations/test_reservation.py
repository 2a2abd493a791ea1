"""Reservations from request to end, in both generations."""

from __future__ import annotations

from typing import Any

import pytest

from twin.network.ocpp.csms.operations.reservation import Reservations
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut

YES = {"status": "Accepted"}


@pytest.mark.parametrize(
    ("version", "request_"),
    [
        (
            Version.V16,
            {
                "connectorId": 2,
                "expiryDate": "2026-01-01T00:10:00.000Z",
                "idTag": "ANNA",
                "reservationId": 1,
                "parentIdTag": "FAMILY",
            },
        ),
        (
            Version.V201,
            {
                "id": 1,
                "expiryDateTime": "2026-01-01T00:10:00.000Z",
                "idToken": {"idToken": "ANNA", "type": "ISO14443"},
                "evseId": 2,
                "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
            },
        ),
    ],
)
def test_a_reservation_is_asked_for_under_an_integer_of_ours(
    bench: Any, run: Any, version: Version, request_: dict[str, object]
) -> None:
    """The first is 1; the expiry is ten minutes after the epoch."""
    station = bench.station(version, YES)
    one = run(Reservations(bench.office).reserve(station, 2, "ANNA", 600, group="FAMILY"))
    assert bench.asked(station) == [("ReserveNow", request_)]
    assert one.state == "accepted"


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Rejected", "Unavailable"])
def test_every_refusal_is_kept_in_its_word(bench: Any, run: Any, word: str) -> None:
    """A refused reservation holds nothing."""
    reservations = Reservations(bench.office)
    one = run(reservations.reserve(bench.station(Version.V16, {"status": word}), 1, "ANNA", 600))
    assert (one.state, one.answer, reservations.held("CP1")) == ("refused", word, [])


def test_an_error_is_a_refusal(bench: Any, run: Any) -> None:
    """The word is the error code."""
    refusal = CallFailed("CP1", "ReserveNow", "NotSupported", "", {})
    one = run(Reservations(bench.office).reserve(bench.station(Version.V16, refusal), 1, "ANNA", 600))
    assert (one.state, one.answer) == ("refused", "NotSupported")


def test_silence_leaves_a_reservation_in_doubt_that_still_holds_and_can_be_cancelled(
    bench: Any, run: Any
) -> None:
    """The station may have taken it."""
    reservations = Reservations(bench.office)
    station = bench.station(Version.V16, CallTimedOut("CP1"), {"status": "Rejected"})
    one = run(reservations.reserve(station, 1, "ANNA", 600))
    assert (one.state, reservations.held("CP1")) == ("doubt", [one])
    assert run(reservations.cancel(station, one.id)) is False
    assert one.state == "cancelled"


def test_it_expires_with_the_clock(bench: Any, run: Any) -> None:
    """At 600 s, not before."""
    reservations = Reservations(bench.office)
    one = run(reservations.reserve(bench.station(Version.V16, YES), 1, "ANNA", 600))
    bench.clock.go_to(599)
    assert one.state == "accepted"
    bench.clock.go_to(600)
    assert one.state == "expired"


def test_one_that_was_used_does_not_expire(bench: Any, run: Any) -> None:
    """A transaction began on it."""
    reservations = Reservations(bench.office)
    one = run(reservations.reserve(bench.station(Version.V16, YES), 1, "ANNA", 600))
    reservations.used(one.id)
    bench.clock.go_to(700)
    assert one.state == "used"


def test_a_station_ends_its_own_reservation_and_nobody_elses(bench: Any, run: Any) -> None:
    """CP2 tells of CP1's reservation: it is told as unknown, and the reservation holds."""
    reservations = Reservations(bench.office)
    station = bench.station(Version.V201, YES)
    one = run(reservations.reserve(station, 1, "ANNA", 600))
    update = reservations.handlers()[Version.V201, "ReservationStatusUpdate"]
    body = {"reservationId": one.id, "reservationUpdateStatus": "Removed"}
    assert update(bench.station(Version.V201, identity="CP2"), body) == {}
    assert one.state == "accepted"
    assert bench.told[-1][:2] == ("CP2", "reservation.unknown")
    update(station, body)
    assert one.state == "removed"


def test_ids_and_states_survive_a_restart(bench: Any, run: Any) -> None:
    """The second reservation gets 2; the first holds until its end."""
    run(Reservations(bench.office).reserve(bench.station(Version.V16, YES), 1, "ANNA", 600))
    again = Reservations(bench.office)
    bench.restore(again)
    assert [one.id for one in again.held("CP1")] == [1]
    assert run(again.reserve(bench.station(Version.V16, YES), 2, "BERT", 600)).id == 2
    bench.clock.go_to(600)
    assert again.held("CP1") == []
