"""Who a pseudonym is: the only place where a token is kept, apart from the books, so that it can be forgotten.

The books, facts, receipts and results know drivers by pseudonym. A pseudonym is a keyed hash of the token (HMAC-SHA256,
the key is kept with the tokens), and the table remembers it: it never changes while a person is known. With every
erasure the key is replaced. From then on nobody can calculate again, from a token, which pseudonym it had: the ledger
is kept, and is nobody's. Who comes back is somebody new.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable
from typing import Final, Protocol

from twin.rng import stream

DAY_S: Final = 86_400.0


class Persons(Protocol):
    """Tokens and their pseudonyms.

    Who is seen within a block of the books is written with it, or else at once. To forget is durable at once.
    """

    def pseudonym(self, token: str, seen_s: float, /) -> str:
        """Return who a token is in the books: the same until it is forgotten.

        Args:
            token: Of the driver.
            seen_s: Now, since the run's epoch: retention counts from the end of the day of the last time.
        """
        ...

    def token(self, pseudonym: str, /) -> str | None:
        """Return the token behind a pseudonym; None: unknown, or forgotten."""
        ...

    def forget(self, pseudonym: str, /) -> bool:
        """Erase a person; the books are kept.

        Returns:
            False: nobody is known by that pseudonym.
        """
        ...

    def forget_before(self, t_s: float, /) -> int:
        """Erase everybody who was last seen on a day that ended before `t_s`; how many."""
        ...


def kept_from_s(seen_s: float) -> float:
    """Return the end of the day of an instant: a person is written once per day, and never forgotten too early."""
    return (seen_s // DAY_S + 1) * DAY_S


def pseudonym_of(key: bytes, token: str) -> str:
    """Return the keyed hash of a token: `d-` and 80 bits, as 16 characters."""
    digest = hmac.digest(key, token.encode(), hashlib.sha256)
    return "d-" + b32encode(digest[:10]).decode().lower()


class MemoryPersons:
    """Implements `Persons` for a pure simulation; survives nothing.

    Args:
        fresh: Makes keys. By default the same ones in every run: simulated drivers have no secrets.
    """

    def __init__(self, fresh: Callable[[], bytes] | None = None) -> None:
        random = stream(0, "money", "persons")
        self._fresh = fresh or (lambda: random.bytes(32))
        self._key = self._fresh()
        self._pseudonyms: dict[str, str] = {}
        self._seen: dict[str, tuple[str, float]] = {}

    def pseudonym(self, token: str, seen_s: float, /) -> str:
        """See `Persons.pseudonym`."""
        pseudonym = self._pseudonyms.get(token)
        if pseudonym is None:
            pseudonym = self._pseudonyms[token] = pseudonym_of(self._key, token)
        self._seen[pseudonym] = (token, max(kept_from_s(seen_s), self._seen.get(pseudonym, (token, 0.0))[1]))
        return pseudonym

    def token(self, pseudonym: str, /) -> str | None:
        """See `Persons.token`."""
        return self._seen[pseudonym][0] if pseudonym in self._seen else None

    def forget(self, pseudonym: str, /) -> bool:
        """See `Persons.forget`."""
        if pseudonym not in self._seen:
            return False
        token, _ = self._seen.pop(pseudonym)
        del self._pseudonyms[token]
        self._key = self._fresh()
        return True

    def forget_before(self, t_s: float, /) -> int:
        """See `Persons.forget_before`."""
        gone = [pseudonym for pseudonym, (_, seen_s) in self._seen.items() if seen_s < t_s]
        return sum(map(self.forget, gone))
