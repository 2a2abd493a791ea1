"""Who may connect: the question a server asks, and the rules of the security profiles.

Security profiles: 0 nothing; 1 basic authentication; 2 TLS and basic authentication; 3 mutual TLS
(OCPP 2.0.1 A00, OCPP 1.6 security whitepaper 2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from twin.network.ocpp.security.passwords import Match

_LONGEST_IDENTITY = 255


class Applicant(NamedTuple):
    """Who wants in."""

    identity: str
    path: str
    """As requested, for prefixes that mean something to the owner."""
    remote: str
    """The peer's address without its port."""
    username: str | None
    password: bytes | None
    """Of basic authentication; None: none was given."""
    peer_cert: Mapping[str, Any] | None
    """As `ssl.SSLSocket.getpeercert()` tells; None: no verified client certificate."""
    tls: bool


class Admission(NamedTuple):
    """The answer."""

    status: int = 101
    """101: come in. 401, 403, 404, 503: the HTTP answer."""
    reason: str = ""
    """For the record, and in the body of a refusal; nothing secret. With 101: what was odd all the same."""


class Gate(Protocol):
    """Decides who may connect."""

    def admit(self, applicant: Applicant, /) -> Admission | Awaitable[Admission]:
        """Answer one request."""
        ...


class Open:
    """A gate for tests and for `--accept any` without passwords."""

    def admit(self, _applicant: Applicant, /) -> Admission:
        """Everybody is welcome."""
        return Admission()


def judge(
    applicant: Applicant,
    *,
    min_security_profile: int,
    check: Callable[[bytes], Match | None] | None,
    names: Collection[str] = (),
) -> Admission:
    """Apply a station's minimum security profile.

    Args:
        applicant: A known station.
        min_security_profile: 0 to 3.
        check: Finds a password among the station's (`Passwords.check`); None: it has none.
        names: Common names of its certificate besides the identity: a serial number.
    """
    if min_security_profile >= 2 and not applicant.tls:
        return Admission(403, "this station must use TLS")
    if min_security_profile >= 3:
        return _certified(applicant, names)
    if min_security_profile == 0 and (applicant.password is None or check is None):
        return Admission()
    return _known_password(applicant, check)


def _certified(applicant: Applicant, names: Collection[str]) -> Admission:
    if applicant.peer_cert is None:
        return Admission(401, "this station must present a certificate")
    common = common_name(applicant.peer_cert)
    if common != applicant.identity and common not in names:
        return Admission(401, f"the certificate is of {common or 'nobody'}")
    return Admission()


def _known_password(applicant: Applicant, check: Callable[[bytes], Match | None] | None) -> Admission:
    if applicant.password is None:
        return Admission(401, "a password is needed")
    if check is None:
        return Admission(401, "no password is set for this station")
    if applicant.username != applicant.identity:
        return Admission(401, "the user name is not the identity")
    match = check(applicant.password)
    if match is None:
        return Admission(401, "wrong password")
    return Admission(
        101, "the password came in the other reading of its digits" if match.verbatim_hex else ""
    )


def common_name(certificate: Mapping[str, Any]) -> str:
    """Return the common name of a certificate's subject, empty if there is none."""
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return ""


def identity_of(target: str) -> str:
    """Return the last non-empty segment of a request's path, percent-decoded.

    Raises:
        ValueError: There is none, or it tries to be a path of its own.
    """
    segments = [
        unquote(segment, errors="strict") for segment in target.partition("?")[0].split("/") if segment
    ]
    if not segments:
        raise ValueError("the path names no station")
    for segment in segments:
        if segment in {".", ".."} or any(mark in segment for mark in "/\\") or not segment.isprintable():
            raise ValueError("the path tries to leave its place")
    if len(segments[-1]) > _LONGEST_IDENTITY:
        raise ValueError(f"an identity of {len(segments[-1])} characters")
    return segments[-1]
