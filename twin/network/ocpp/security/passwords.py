"""Passwords of stations: kept as salted hashes, compared in constant time, two of them valid during a rotation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

_N, _R, _P = 4096, 8, 1
"""Cost of scrypt: 4 MB and about 10 ms; a thousand stations that reconnect at once must not take minutes."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_REMEMBERED = 4096


class Match(NamedTuple):
    """A password that is valid."""

    place: int
    """Which of the hashes: 0 is the oldest."""
    verbatim_hex: bool
    """Whether the hexadecimal text was presented where its bytes were due, or the other way round."""


def hashed(password: bytes) -> str:
    """Return what may be stored of a password: algorithm, cost, salt and digest in one text."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_digest(password, salt, _N, _R, _P))}"


def generated(length: int = 20) -> str:
    """Return a new random password of letters and digits (116 bits at 20 characters).

    Printable on purpose: many chargers fail on bytes that are no text. 20 characters are 40 hexadecimal digits,
    the most that AuthorizationKey takes (1.6 security whitepaper A00.FR.204), and suit BasicAuthPassword (16 to 40).
    """
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


class Passwords:
    """Checks passwords. Those found valid are remembered under a keyed digest, so that reconnects are cheap."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._valid: dict[str, bytes] = {}
        self._nobody = hashed(secrets.token_bytes(16))

    def check(self, hashes: Sequence[str], presented: bytes) -> Match | None:
        """Compare with every hash; neither the time nor the order tells which was close.

        A 1.6 AuthorizationKey travels as hexadecimal text and is presented as the bytes it stands for; some
        stations present the text. Both are taken, the deviation is in the answer.

        Args:
            hashes: Of the passwords that are valid now; empty: nothing matches, and that takes as long.
            presented: As decoded from the Authorization header.
        """
        for n, candidate in enumerate(_readings(presented)):
            found = None
            for i, stored in enumerate(hashes or (self._nobody,)):
                if self._same(stored, candidate):
                    found = i
            if found is not None and hashes:
                return Match(found, verbatim_hex=n > 0)
        return None

    def _same(self, stored: str, password: bytes) -> bool:
        quick = hmac.digest(self._key, password, "sha256")
        if stored in self._valid and hmac.compare_digest(self._valid[stored], quick):
            return True
        _, n, r, p, salt, digest = stored.split("$")
        made = _digest(password, base64.b64decode(salt), int(n), int(r), int(p))
        same = hmac.compare_digest(made, base64.b64decode(digest))
        if same:
            while len(self._valid) >= _REMEMBERED:
                del self._valid[next(iter(self._valid))]
            self._valid[stored] = quick
        return same


def from_header(header: str) -> tuple[str, bytes] | None:
    """Return the user name and password of an `Authorization: Basic` header; None where it is no such thing.

    The password is bytes, never text: an AuthorizationKey may decode to any.
    """
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _readings(presented: bytes) -> list[bytes]:
    """What may have been meant: the bytes, what they spell in hexadecimal, their hexadecimal text."""
    readings = [presented]
    try:
        readings.append(bytes.fromhex(presented.decode("ascii")))
    except ValueError:
        if not presented.isascii() or not presented.decode().isprintable():
            readings += [presented.hex().encode(), presented.hex().upper().encode()]
    return readings


def _digest(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
