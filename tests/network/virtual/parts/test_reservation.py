"""Reservations."""

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import Token
from twin.network.virtual.parts.reservation import Reservations

A, B = Token("A"), Token("B")


def fit(host):
    standard.define(host)
    return Reservations(host)


def reserve2(number=1, evse=1, group=None, expiry="2026-01-01T00:10:00Z", **more):
    asked = {"id": number, "expiryDateTime": expiry, "idToken": {"idToken": "A", "type": "Central"}, **more}
    if evse:
        asked["evseId"] = evse
    if group:
        asked["groupIdToken"] = {"idToken": group, "type": "Central"}
    return asked


def reserve16(number=1, connector=1, **more):
    return {
        "reservationId": number, "connectorId": connector, "idTag": "A", "expiryDate": "2026-01-01T00:10:00Z",
        **more,
    }  # fmt: skip


def test_a_reserved_evse_admits_its_token_only(host):
    """EVSE 1 is kept for A; EVSE 2 is free for all."""
    part = fit(host)
    assert host.obey(part, "ReserveNow", reserve2())["status"] == "Accepted"
    assert part.reserved(1)
    assert (part.admits(1, A, ""), part.admits(1, B, ""), part.admits(2, B, "")) == (True, False, True)
    assert host.changed == [1]


def test_the_group_is_admitted_too(host16):
    """A token of the same parent may use the reservation."""
    part = fit(host16)
    host16.obey(part, "ReserveNow", reserve16(parentIdTag="G"))
    assert part.admits(1, B, "g")
    assert not part.admits(1, B, "other")


def test_a_transaction_uses_the_reservation_up(host):
    """Its id is told once, and the EVSE is free afterwards."""
    part = fit(host)
    host.obey(part, "ReserveNow", reserve2(number=7))
    assert part.used(1, B, "") is None
    assert part.used(1, A, "") == 7
    assert not part.reserved(1)
    host.clock.to(700.0)
    assert host.asked == []


def test_a_reservation_expires(make_host):
    """After ten minutes it is gone; 2.x is told, 1.6 is not."""
    for version, told in ((Version.V201, 1), (Version.V16, 0)):
        host = make_host(version)
        part = fit(host)
        host.obey(part, "ReserveNow", reserve2() if version.two else reserve16())
        host.clock.to(599.0)
        assert part.reserved(1)
        host.clock.to(600.0)
        assert not part.reserved(1)
        assert len(host.told("ReservationStatusUpdate")) == told


def test_it_can_be_cancelled_once(host):
    """The second cancellation has nothing to cancel."""
    part = fit(host)
    host.obey(part, "ReserveNow", reserve2(number=7))
    answers = [host.obey(part, "CancelReservation", {"reservationId": 7})["status"] for _ in range(2)]
    assert answers == ["Accepted", "Rejected"]


@pytest.mark.parametrize(
    ("asked", "state", "status"),
    [
        (reserve2(), "Occupied", "Occupied"),
        (reserve2(), "Faulted", "Faulted"),
        (reserve2(), "Unavailable", "Unavailable"),
        (reserve2(evse=9), "Available", "Rejected"),
        (reserve2(expiry="2025-12-31T23:59:59Z"), "Available", "Rejected"),
        (reserve2(connectorType="cCCS1"), "Available", "Rejected"),
        (reserve2(connectorType="cType2"), "Available", "Accepted"),
    ],
)
def test_what_cannot_be_reserved_says_why(host, asked, state, status):
    """A busy, broken or unknown EVSE, a past expiry and a plug that is not there are refused."""
    host.states = {1: state}
    assert host.obey(fit(host), "ReserveNow", asked)["status"] == status


def test_another_id_finds_the_evse_taken_but_the_same_id_replaces(host):
    """Id 1 again prolongs; id 2 on the same EVSE is told Occupied."""
    part = fit(host)
    host.obey(part, "ReserveNow", reserve2())
    assert host.obey(part, "ReserveNow", reserve2(number=2))["status"] == "Occupied"
    assert host.obey(part, "ReserveNow", reserve2(expiry="2026-01-01T00:20:00Z"))["status"] == "Accepted"
    host.clock.to(700.0)
    assert part.reserved(1)


def test_any_evse_keeps_the_last_free_one(host):
    """One of two EVSEs may be used by others; when only one is free it is kept for the reservation."""
    part = fit(host)
    host.obey(part, "ReserveNow", reserve2(evse=0))
    assert part.admits(1, B, "")
    host.states = {1: "Occupied"}
    assert (part.admits(2, B, ""), part.admits(2, A, "")) == (False, True)
    assert host.obey(part, "ReserveNow", reserve2(number=2, evse=0))["status"] == "Occupied"


def test_it_survives_a_reboot(host, make_host):
    """The reservation and its expiry are there after a restart."""
    host.obey(fit(host), "ReserveNow", reserve2())
    later = make_host(store=host.store)
    part = fit(later)
    assert part.reserved(1)
    later.clock.to(600.0)
    assert not part.reserved(1)


def test_what_breaks_is_withdrawn(host):
    """The EVSE of a reservation faults: the central system is told that it was removed."""
    part = fit(host)
    host.obey(part, "ReserveNow", reserve2(number=7))
    part.withdraw(1)
    assert host.told("ReservationStatusUpdate") == [
        {"reservationId": 7, "reservationUpdateStatus": "Removed"}
    ]
