"""Who may connect: the question a server asks, the rules of the security profiles, and the throttle of guessing.

Security profiles: 0 nothing; 1 basic authentication; 2 TLS and basic authentication; 3 mutual TLS
(OCPP 2.0.1 A00, OCPP 1.6 security whitepaper 2).
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from twin.domain.clock import Clock

_LONGEST_IDENTITY = 255
_REMEMBERED = 10_000
"""Pairs of identity and address; the oldest are forgotten first, so that guessing costs bounded memory."""


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
    check: Callable[[bytes], bool] | None,
    names: Collection[str] = (),
) -> Admission:
    """Apply a station's minimum security profile.

    Args:
        applicant: A known station.
        min_security_profile: 0 to 3.
        check: Whether a password is the station's; None: it has none.
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


def _known_password(applicant: Applicant, check: Callable[[bytes], bool] | None) -> Admission:
    if applicant.password is None:
        return Admission(401, "a password is needed")
    if check is None:
        return Admission(401, "no password is set for this station")
    if applicant.username != applicant.identity:
        return Admission(401, "the user name is not the identity")
    if check(applicant.password):
        return Admission()
    # 1.6: an AuthorizationKey is set as hexadecimal digits and sent as the bytes they stand for; some send the digits
    try:
        decoded = bytes.fromhex(applicant.password.decode("ascii"))
    except ValueError:
        decoded = b""
    if decoded and check(decoded):
        return Admission(101, "the password came as hexadecimal digits")
    return Admission(401, "wrong password")


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
    segments = [unquote(segment, errors="strict") for segment in urlsplit(target).path.split("/") if segment]
    if not segments:
        raise ValueError("the path names no station")
    for segment in segments:
        if segment in {".", ".."} or any(mark in segment for mark in "/\\") or not segment.isprintable():
            raise ValueError("the path tries to leave its place")
    if len(segments[-1]) > _LONGEST_IDENTITY:
        raise ValueError(f"an identity of {len(segments[-1])} characters")
    return segments[-1]


def credentials(header: str | None) -> tuple[str, bytes] | None:
    """Return (user name, password) of a basic `Authorization` header; None: absent or malformed.

    A password may hold any bytes (OCPP-J 1.6 6.2), a user name no colon.
    """
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (user.decode("utf-8", "replace"), password) if colon else None


@dataclass(slots=True)
class _Guesses:
    wrong: int = 0
    until_s: float = 0.0


class Throttle:
    """Keeps who guesses passwords waiting: per identity and address, twice as long each time.

    Args:
        clock: Counts.
        free: Wrong passwords before the first wait.
        first_s: The first wait.
        longest_s: The longest.
    """

    def __init__(
        self, clock: Clock, *, free: int = 3, first_s: float = 2.0, longest_s: float = 300.0
    ) -> None:
        self._clock, self._free, self._first_s, self._longest_s = clock, free, first_s, longest_s
        self._guesses: OrderedDict[tuple[str, str], _Guesses] = OrderedDict()

    def wait_s(self, identity: str, remote: str) -> float:
        """Return how long the next attempt must wait; 0: it may come now."""
        guesses = self._guesses.get((identity, remote))
        return max(0.0, guesses.until_s - self._clock.now_s) if guesses else 0.0

    def wrong(self, identity: str, remote: str) -> None:
        """Count a wrong password."""
        guesses = self._guesses.setdefault((identity, remote), _Guesses())
        self._guesses.move_to_end((identity, remote))
        if len(self._guesses) > _REMEMBERED:
            self._guesses.popitem(last=False)
        guesses.wrong += 1
        beyond = guesses.wrong - self._free
        if beyond > 0:
            wait_s = min(self._longest_s, self._first_s * 2.0 ** min(beyond - 1, 30))
            guesses.until_s = self._clock.now_s + wait_s

    def right(self, identity: str, remote: str) -> None:
        """Forget the wrong ones."""
        self._guesses.pop((identity, remote), None)
