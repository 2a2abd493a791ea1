"""Pseudonyms in the database of the books, in a table to which nothing refers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from twin.money.ledger.database import Database, Writes
from twin.money.ledger.persons import kept_from_s, pseudonym_of

_KNOWN: Final = "SELECT pseudonym, seen_s FROM twin_person WHERE token = ?"
_TOKEN: Final = "SELECT token FROM twin_person WHERE pseudonym = ?"  # noqa: S105  a query
_BEFORE: Final = "SELECT pseudonym FROM twin_person WHERE seen_s < ?"
_SEE: Final = (
    "INSERT INTO twin_person (pseudonym, token, seen_s) VALUES (?,?,?) "
    "ON CONFLICT (pseudonym) DO UPDATE SET seen_s = excluded.seen_s"
)
_FORGET: Final = "DELETE FROM twin_person WHERE pseudonym = ?"
_SECRET: Final = "SELECT secret FROM twin_books"  # noqa: S105  a query
_NEW_SECRET: Final = "UPDATE twin_books SET secret = ?"  # noqa: S105  a statement


class SqlPersons:
    """Implements `Persons`.

    Args:
        database: Of the books.
        within: Whether a block of the books is open: then who is seen is written with it, else at once.
    """

    def __init__(self, database: Database, within: Callable[[], bool]) -> None:
        self._database = database
        self._within = within
        self._seen: dict[str, tuple[str, float]] = {}
        """By token, not written yet. Stays if a block is undone, and is written with the next: it is true all the same."""

    def pseudonym(self, token: str, seen_s: float, /) -> str:
        """See `Persons.pseudonym`."""
        known = self._seen.get(token) or next(iter(self._database.fetch(_KNOWN, (token,))), None)
        seen_s = kept_from_s(seen_s)
        if known is not None and known[1] >= seen_s:
            return str(known[0])
        if known is None:
            ((secret,),) = self._database.fetch(_SECRET)
            pseudonym = pseudonym_of(bytes.fromhex(secret), token)
        else:
            pseudonym = str(known[0])
        self._seen[token] = (pseudonym, seen_s)
        if not self._within():
            self._flush()
        return pseudonym

    def token(self, pseudonym: str, /) -> str | None:
        """See `Persons.token`."""
        self._flush()
        rows = self._database.fetch(_TOKEN, (pseudonym,))
        return str(rows[0][0]) if rows else None

    def forget(self, pseudonym: str, /) -> bool:
        """See `Persons.forget`."""
        self._flush()
        return bool(self._database.fetch(_TOKEN, (pseudonym,))) and bool(self._erase([pseudonym]))

    def forget_before(self, t_s: float, /) -> int:
        """See `Persons.forget_before`."""
        self._flush()
        return self._erase([pseudonym for (pseudonym,) in self._database.fetch(_BEFORE, (t_s,))])

    def writes(self) -> Writes:
        """Who was seen and is not written yet, for a transaction of the books."""
        return ((_SEE, [(pseudonym, token, seen_s) for token, (pseudonym, seen_s) in self._seen.items()]),)

    def written(self) -> None:
        """That transaction was made."""
        self._seen.clear()

    def _flush(self) -> None:
        if self._seen:
            self._database.write(self.writes())
            self.written()

    def _erase(self, pseudonyms: list[str]) -> int:
        if pseudonyms:
            gone = [(pseudonym,) for pseudonym in pseudonyms]
            self._database.write(((_FORGET, gone), (_NEW_SECRET, [(secrets.token_hex(32),)])))
            self._database.clean()
        return len(pseudonyms)
