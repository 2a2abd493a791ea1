"""Who may use the HTTP API: bearer tokens with names and roles.

read      look at everything
stop      read, and end transactions: RemoteStopTransaction, RequestStopTransaction
operate   everything
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from fastapi import Request

from twin.errors import SettingsError
from twin.network.api.errors import ApiError

SHORTEST = 16
"""Characters of a token."""


class Role(IntEnum):
    """What a token allows; each includes those before it."""

    READ = 1
    STOP = 2
    OPERATE = 3


class Holder(NamedTuple):
    """Who holds a token."""

    name: str
    role: Role


class Access:
    """The tokens that are valid; only their hashes are kept."""

    def __init__(self) -> None:
        self._holders: list[tuple[bytes, Holder]] = []

    def grant(self, name: str, role: Role, token: str) -> None:
        """Make a token valid."""
        self._holders.append((_hash(token), Holder(name, role)))

    def generate(self, name: str, role: Role) -> str:
        """Make a new random token valid and return it: the only time that it can be seen."""
        token = secrets.token_urlsafe(24)
        self.grant(name, role, token)
        return token

    def holder(self, token: str) -> Holder | None:
        """Return whose token it is; all are compared, each in constant time."""
        asked, found = _hash(token), None
        for known, holder in self._holders:
            if hmac.compare_digest(known, asked):
                found = holder
        return found

    @classmethod
    def from_file(cls, path: Path) -> Access:
        """Read tokens: one line each, `NAME ROLE TOKEN`; `#` begins a comment.

        Raises:
            SettingsError: The file cannot be read, or a line is not of that form; the message has its number, not its
                text.
        """
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read ({error})") from None
        access = cls()
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if len(words) != 3 or words[1].upper() not in Role.__members__ or len(words[2]) < SHORTEST:
                raise SettingsError(
                    f"{path}:{number}: expected NAME, a role (read, stop or operate) and a token of {SHORTEST} "
                    "characters or more"
                )
            access.grant(words[0], Role[words[1].upper()], words[2])
        if not access._holders:
            raise SettingsError(f"{path}: holds no token")
        return access


def holder_of(request: Request) -> Holder:
    """Return who asks.

    Raises:
        ApiError: 401, no valid token.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    access: Access = request.app.state.access
    holder = access.holder(token.strip()) if scheme.lower() == "bearer" else None
    if holder is None:
        raise ApiError(401, "unauthorised", "a valid token is needed: `Authorization: Bearer TOKEN`")
    return holder


def need(holder: Holder, role: Role) -> None:
    """Refuse who has not the role.

    Raises:
        ApiError: 403.
    """
    if holder.role < role:
        raise ApiError(
            403,
            "forbidden",
            f"{holder.name} has the role {holder.role.name.lower()}, not {role.name.lower()}",
        )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
