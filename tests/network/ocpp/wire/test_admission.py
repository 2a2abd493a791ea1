"""Who is let in, by the rules of the security profiles."""

from __future__ import annotations

import pytest

from twin.network.ocpp.security.passwords import Match
from twin.network.ocpp.wire.admission import Admission, Applicant, identity_of, judge

CERTIFICATE = {"subject": ((("organizationName", "CPO"),), (("commonName", "CP1"),))}
PLAIN = Applicant("CP1", "/ocpp/CP1", "127.0.0.1", None, None, None, tls=False)
KEY = PLAIN._replace(username="CP1", password=b"right")


def check(password: bytes) -> Match | None:
    return Match(0, verbatim_hex=False) if password == b"right" else None


@pytest.mark.parametrize(
    ("profile", "applicant", "status"),
    [
        (0, PLAIN, 101),
        (0, KEY, 101),
        (0, KEY._replace(password=b"wrong"), 401),
        (1, PLAIN, 401),
        (1, KEY, 101),
        (1, KEY._replace(username="CP2"), 401),
        (2, KEY, 403),
        (2, KEY._replace(tls=True), 101),
        (2, PLAIN._replace(tls=True), 401),
        (3, KEY._replace(tls=True), 401),
        (3, PLAIN._replace(tls=True, peer_cert=CERTIFICATE), 101),
        (3, PLAIN._replace(identity="CP2", tls=True, peer_cert=CERTIFICATE), 401),
    ],
)
def test_each_profile_asks_for_its_proof(profile: int, applicant: Applicant, status: int) -> None:
    """A password, TLS, a certificate of that name; a wrong password is never let in."""
    assert judge(applicant, min_security_profile=profile, check=check).status == status


def test_a_station_without_password_needs_none_in_profile_0_only() -> None:
    """Whatever it sends is not looked at."""
    odd = KEY._replace(password=b"anything")
    assert judge(odd, min_security_profile=0, check=None) == Admission()
    assert judge(odd, min_security_profile=1, check=None).status == 401


def test_a_password_in_the_other_reading_is_taken_and_told() -> None:
    """1.6 sets it as hexadecimal digits and sends the bytes; some send the digits."""
    admission = judge(KEY, min_security_profile=1, check=lambda _: Match(0, verbatim_hex=True))
    assert admission.status == 101
    assert "digits" in admission.reason


def test_a_certificate_may_bear_the_serial_number() -> None:
    """The names besides the identity are the owner's to give."""
    applicant = PLAIN._replace(identity="CP2", tls=True, peer_cert=CERTIFICATE)
    assert judge(applicant, min_security_profile=3, check=None, names=["CP1"]).status == 101


@pytest.mark.parametrize(
    ("target", "identity"),
    [
        ("/CP1", "CP1"),
        ("/ocpp/1.6/CP1/", "CP1"),
        ("/steve/websocket/CentralSystemService/CP1//", "CP1"),
        ("/ocpp/CP%201", "CP 1"),
        ("/ocpp/S%C3%A4ule", "Säule"),
        ("/CP1?token=x", "CP1"),
        ("/a:b", "a:b"),
    ],
)
def test_the_identity_is_the_last_segment_decoded(target: str, identity: str) -> None:
    """Any prefix is accepted."""
    assert identity_of(target) == identity


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        "/ocpp/..",
        "/ocpp/%2e%2e",
        "/..%2f..%2fetc%2fpasswd",
        "/ocpp/a%5Cb",
        "/%2e%2e/CP1",
        "/a%00b",
        "/%FF",
        "/" + "x" * 300,
    ],
)
def test_an_identity_that_tries_a_path_is_refused(target: str) -> None:
    """Neither dots nor slashes, encoded or not, nor control characters."""
    with pytest.raises(ValueError, match=r"path|identity|decode"):
        identity_of(target)
