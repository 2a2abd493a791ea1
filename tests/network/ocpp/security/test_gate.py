"""Who is let in, by profile, password and certificate; passwords that change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.station import Station, StationPolicy
from twin.network.ocpp.security.gate import StationGate
from twin.network.ocpp.security.passwords import hashed
from twin.network.ocpp.security.rotation import rotate
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Applicant
from twin.network.ocpp.wire.errors import CallTimedOut, LinkLost
from twin.store.memory import MemoryJournal

SECRET = b"sixteen-letters!"


class StillClock:
    """Stands still."""

    now_s = 0.0
    epoch_ns = 0


class Scripted:
    """Answers every call the same way."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []

    async def call(self, action: str, payload: dict[str, Any], **_: object) -> Any:
        self.asked.append((action, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def csms() -> Csms:
    made = Csms(StillClock(), MemoryJournal(keep=True), [], lambda _: None)
    made.register("CP1", StationPolicy(min_security_profile=1, password_hashes=(hashed(SECRET),)))
    return made


def applicant(password: bytes | None = SECRET, identity: str = "CP1", **more: Any) -> Applicant:
    """Return somebody with a password."""
    user = None if password is None else identity
    return Applicant(
        identity, f"/{identity}", "127.0.0.1", user, password, more.get("cert"), tls=more.get("tls", False)
    )


def test_the_right_password_lets_in_and_others_do_not(csms: Csms) -> None:
    """101, 401 for a wrong one, 401 for none."""
    gate = StationGate(csms)
    assert [gate.admit(applicant(word)).status for word in (SECRET, b"wrong", None)] == [101, 401, 401]


def test_unknown_stations_are_404_unless_any_is_accepted(csms: Csms) -> None:
    """`--accept any` registers at the connection, not at the door."""
    stranger = applicant(None, "CP9")
    assert StationGate(csms).admit(stranger).status == 404
    csms.accept = "any"
    assert StationGate(csms).admit(stranger).status == 101
    assert "CP9" not in csms.stations


def test_the_server_wide_least_profile_holds_for_everybody(csms: Csms) -> None:
    """A stranger without a password is refused although strangers are welcome."""
    csms.accept = "any"
    assert StationGate(csms, 1).admit(applicant(None, "CP9")).status == 401
    assert StationGate(csms, 2).admit(applicant()).status == 403


def test_mutual_tls_wants_the_stations_own_certificate(csms: Csms) -> None:
    """The common name is the identity, or the serial number of the last boot."""
    csms.register("CP1", replace(csms.stations["CP1"].policy, min_security_profile=3))
    gate = StationGate(csms)

    def status(name: str | None) -> int:
        cert = None if name is None else {"subject": ((("commonName", name),),)}
        return gate.admit(applicant(None, tls=True, cert=cert)).status

    assert [status(name) for name in ("CP1", "CP2", None, "SN-7")] == [101, 401, 401, 401]
    csms.stations["CP1"].boot_info = {"serialNumber": "SN-7"}
    assert status("SN-7") == 101


def test_verbatim_hexadecimal_gets_in_with_a_remark(csms: Csms) -> None:
    """The reason of the admission is for the record."""
    assert StationGate(csms).admit(applicant(SECRET.hex().encode())).reason != ""


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        (Version.V16, {"status": "Accepted"}),
        (
            Version.V201,
            {"setVariableResult": [{"attributeStatus": "Accepted", "component": {}, "variable": {}}]},
        ),
    ],
)
def test_a_rotation_keeps_both_until_the_new_one_is_used(csms: Csms, version: Version, answer: Any) -> None:
    """Old and new get in; after the new one the old one does not, not even after a restart."""
    station = csms.stations["CP1"]
    station.version, station.endpoint = version, Scripted(answer)  # type: ignore[assignment]
    outcome, _ = asyncio.run(rotate(csms, station))
    assert outcome == "accepted"
    assert isinstance(station.endpoint, Scripted)
    action, payload = station.endpoint.asked[0]
    if version is Version.V16:
        assert (action, payload["key"]) == ("ChangeConfiguration", "AuthorizationKey")
        new = bytes.fromhex(payload["value"])
    else:
        assert payload["setVariableData"][0]["variable"] == {"name": "BasicAuthPassword"}
        new = payload["setVariableData"][0]["attributeValue"].encode()
    gate = StationGate(csms)
    assert [gate.admit(applicant(word)).status for word in (SECRET, new, SECRET)] == [101, 101, 401]
    again = Csms(StillClock(), csms.desk.journal, [], lambda _: None)
    again.restore()
    assert [StationGate(again).admit(applicant(word)).status for word in (SECRET, new)] == [401, 101]


@pytest.mark.parametrize(
    ("answer", "outcome", "valid"),
    [({"status": "Rejected"}, "refused", 1), (CallTimedOut("CP1"), "doubt", 2)],
)
def test_a_rotation_that_fails(csms: Csms, answer: Any, outcome: str, valid: int) -> None:
    """Refused: the old one alone; no answer: nobody knows, both stay valid."""
    station = csms.stations["CP1"]
    station.endpoint = Scripted(answer)  # type: ignore[assignment]
    assert asyncio.run(rotate(csms, station))[0] == outcome
    assert len(station.policy.password_hashes) == valid


def test_a_station_that_is_away_keeps_its_password(csms: Csms) -> None:
    """Nothing changes."""
    station: Station = csms.stations["CP1"]
    with pytest.raises(LinkLost):
        asyncio.run(rotate(csms, station))
    assert len(station.policy.password_hashes) == 1
