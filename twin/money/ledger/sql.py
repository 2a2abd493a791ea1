"""The books in a database: SQLite in a file by default, PostgreSQL by URL.

What a block writes stays in memory until the outermost block ends; then it becomes one transaction of the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

import orjson

from twin.domain.books import LedgerEntry, Posting
from twin.domain.journal import Entry as Fact
from twin.money.accounts.entry import conflict
from twin.money.ledger.database import Database, Writes
from twin.money.ledger.memory import Block, MemoryBooks, Written
from twin.money.ledger.sql_persons import SqlPersons

_PAGE: Final = 5_000

_POST: Final = (
    "INSERT INTO twin_entry (number, cause, happened_s, currency, session, memo) VALUES (?,?,?,?,?,?)"
)
_POSTING: Final = "INSERT INTO twin_posting (entry, line, account, amount_minor) VALUES (?,?,?,?)"
_SUM: Final = (
    "INSERT INTO twin_balance (account, currency, amount_minor) VALUES (?,?,?) ON CONFLICT (account, currency) "
    "DO UPDATE SET amount_minor = twin_balance.amount_minor + excluded.amount_minor"
)
_NOTE: Final = "INSERT INTO twin_fact (number, stream, kind, body) VALUES (?,?,?,?)"
_CLAIM: Final = "INSERT INTO twin_inbox (event, body) VALUES (?,?)"
_DRAW: Final = (
    "INSERT INTO twin_series (series, last) VALUES (?,?) "
    "ON CONFLICT (series) DO UPDATE SET last = twin_series.last + excluded.last"
)

_COLUMNS: Final = "SELECT number, cause, happened_s, currency, session, memo FROM twin_entry"
_BY_CAUSE: Final = f"{_COLUMNS} WHERE cause = ?"
_ENTRIES: Final = f"{_COLUMNS} WHERE number > ? ORDER BY number LIMIT ?"
_POSTINGS: Final = (
    "SELECT entry, account, amount_minor FROM twin_posting WHERE entry BETWEEN ? AND ? ORDER BY entry, line"
)
_FACTS: Final = "SELECT number, stream, kind, body FROM twin_fact WHERE number > ? ORDER BY number LIMIT ?"
_BALANCE: Final = "SELECT amount_minor FROM twin_balance WHERE account = ? AND currency = ?"
_BALANCES: Final = "SELECT account, currency, amount_minor FROM twin_balance ORDER BY account, currency"
_CLAIMED: Final = "SELECT 1 FROM twin_inbox WHERE event = ?"
_LAST: Final = "SELECT last FROM twin_series WHERE series = ?"

_Row = tuple[int, str, float, str, str, str]


class SqlBooks:
    """Implements `domain.books.Books`.

    A server that dies between a commit and its answer is asked again; while it cannot be reached, nobody knows
    whether the block is kept, and the error says so. Causes and claims then make sure that nothing is done twice.

    Args:
        url: Of SQLAlchemy: `sqlite:///file.db`, `postgresql+psycopg://user@host/name`.

    Raises:
        SettingsError: The database cannot be opened, another process keeps its books there, or its tables are of
            another version.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._new = MemoryBooks()
        """What the outermost block has written so far."""
        self._depth = 0
        self._block = Block(self._begin, self._end)
        self.persons = SqlPersons(self._database, lambda: self._depth > 0)

    def atomic(self) -> AbstractContextManager[None]:
        """See `Books.atomic`."""
        return self._block

    def post(self, entry: LedgerEntry, /) -> bool:
        """See `Books.post`."""
        there = self._stored(entry.cause)
        if there is None:
            return self._new.post(entry)
        self._new.within(entry.cause)
        if there != entry:
            raise conflict(there, entry)
        return False

    def entry(self, cause: str, /) -> LedgerEntry | None:
        """See `Books.entry`."""
        return self._new.entry(cause) or self._stored(cause)

    def entries(self) -> Iterator[LedgerEntry]:
        """See `Books.entries`; read in pages, so that books of any length fit the memory."""
        number = 0
        while page := self._database.fetch(_ENTRIES, (number, _PAGE)):
            yield from self._with_postings(page)
            number = page[-1][0]
        yield from self._new.entries()

    def balance(self, account: str, currency: str, /) -> int:
        """See `Books.balance`."""
        stored = self._database.fetch(_BALANCE, (account, currency))
        return sum(amount_minor for (amount_minor,) in stored) + self._new.balance(account, currency)

    def balances(self) -> Mapping[tuple[str, str], int]:
        """See `Books.balances`."""
        sums = {(account, currency): minor for account, currency, minor in self._database.fetch(_BALANCES)}
        for key, amount_minor in self._new.balances().items():
            sums[key] = sums.get(key, 0) + amount_minor
        return sums

    def note(self, stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Books.note`."""
        self._new.note(stream, kind, body)

    def facts(self) -> Iterator[Fact]:
        """See `Books.facts`; read in pages."""
        number = 0
        while page := self._database.fetch(_FACTS, (number, _PAGE)):
            for number, stream, kind, body in page:
                yield Fact(number, stream, kind, orjson.loads(body))
        for fact in self._new.facts():
            yield fact._replace(number=number + fact.number)

    def claim(self, event: str, body: Mapping[str, object], /) -> bool:
        """See `Books.claim`."""
        self._new.within(event)
        return not self._database.fetch(_CLAIMED, (event,)) and self._new.claim(event, body)

    def number(self, series: str, /) -> int:
        """See `Books.number`."""
        stored = self._database.fetch(_LAST, (series,))
        return sum(last for (last,) in stored) + self._new.number(series)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _begin(self) -> None:
        self._new.begin()
        self._depth += 1

    def _end(self, failed: bool) -> None:
        self._new.end(failed=failed)
        self._depth -= 1
        if self._depth == 0:
            new, self._new = self._new, MemoryBooks()
            if not failed:
                self._keep(new.written())

    def _keep(self, new: Written) -> None:
        """Write what an outermost block has left."""
        entries, facts, claims, drawn = new
        state = self._database.standing()
        writes: Writes = (
            (_POST, entries.entry_rows(state.entries)),
            (_POSTING, entries.posting_rows(state.entries)),
            (_SUM, [(*key, amount_minor) for key, amount_minor in entries.balances().items()]),
            (_NOTE, [(number, *fact) for number, fact in enumerate(facts, state.facts + 1)]),
            (_CLAIM, claims),
            (_DRAW, list(drawn.items())),
            *self.persons.writes(),
        )
        writes = [one for one in writes if one[1]]
        if writes:
            self._database.write(writes, entries=len(entries), facts=len(facts))
            self.persons.written()

    def _stored(self, cause: str) -> LedgerEntry | None:
        rows = self._database.fetch(_BY_CAUSE, (cause,))
        return next(self._with_postings(rows), None) if rows else None

    def _with_postings(self, page: list[_Row]) -> Iterator[LedgerEntry]:
        """Read the postings of entries whose numbers follow each other."""
        own: dict[int, list[Posting]] = defaultdict(list)
        for number, account, amount_minor in self._database.fetch(_POSTINGS, (page[0][0], page[-1][0])):
            own[number].append(Posting(account, amount_minor))
        for number, cause, happened_s, currency, session, memo in page:
            yield LedgerEntry(cause, happened_s, currency, tuple(own[number]), session, memo)
