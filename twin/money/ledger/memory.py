"""The books of a pure simulation, in columns: a year of a large network fits the memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import orjson

from twin.domain.books import LedgerEntry, Posting
from twin.domain.journal import Entry as Fact
from twin.money.accounts.entry import check, conflict


class _Mark(NamedTuple):
    """How long everything was when a block began: to undo it is to cut everything off there."""

    entries: int
    postings: int
    accounts: int
    facts: int
    claims: int
    drawn: int


class MemoryBooks:
    """Implements `domain.books.Books`; survives nothing.

    Args:
        keep_facts: Whether `facts` can tell what was noted. False keeps none: a simulation is never taken up again.
    """

    def __init__(self, *, keep_facts: bool = True) -> None:
        self._keep_facts = keep_facts
        self._causes: dict[str, int] = {}
        self._happened_s = array("d")
        self._currencies: list[str] = []
        self._sessions: list[str] = []
        self._memos: list[str] = []
        self._first = array("q", [0])
        """Of entry k's postings; those of the last end where the columns of postings end."""
        self._accounts: dict[tuple[str, str], int] = {}
        """Account and currency to row, by first use."""
        self._names: list[str] = []
        self._balances: list[int] = []
        self._rows = array("i")
        self._amounts_minor = array("q")
        self._facts: list[tuple[str, str, bytes]] = []
        self._inbox: dict[str, None] = {}
        self._series: dict[str, int] = {}
        self._drawn: list[str] = []
        """Series of the numbers that were drawn within the block."""
        self._marks: list[_Mark] = []
        self._block = _Block(self)

    def atomic(self) -> AbstractContextManager[None]:
        """See `Books.atomic`."""
        return self._block

    def post(self, entry: LedgerEntry, /) -> bool:
        """See `Books.post`."""
        self._within(entry.cause)
        check(entry)
        causes = self._causes
        there = causes.get(entry.cause)
        if there is not None:
            before = self._entry(entry.cause, there)
            if before != entry:
                raise conflict(before, entry)
            return False
        cause, happened_s, currency, postings, session, memo = entry
        causes[cause] = len(causes)
        self._happened_s.append(happened_s)
        self._currencies.append(currency)
        self._sessions.append(session)
        self._memos.append(memo)
        rows, amounts_minor, balances = self._rows, self._amounts_minor, self._balances
        for account, amount_minor in postings:
            row = self._accounts.get((account, currency))
            if row is None:
                row = self._accounts[account, currency] = len(balances)
                balances.append(0)
                self._names.append(account)
            rows.append(row)
            amounts_minor.append(amount_minor)
            balances[row] += amount_minor
        self._first.append(len(rows))
        return True

    def entry(self, cause: str, /) -> LedgerEntry | None:
        """See `Books.entry`."""
        there = self._causes.get(cause)
        return None if there is None else self._entry(cause, there)

    def entries(self) -> Iterator[LedgerEntry]:
        """See `Books.entries`."""
        return map(self._entry, list(self._causes), range(len(self._causes)))

    def balance(self, account: str, currency: str, /) -> int:
        """See `Books.balance`."""
        row = self._accounts.get((account, currency))
        return 0 if row is None else self._balances[row]

    def balances(self) -> Mapping[tuple[str, str], int]:
        """See `Books.balances`."""
        return dict(zip(self._accounts, self._balances, strict=True))

    def note(self, stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Books.note`.

        Raises:
            TypeError: The body is no JSON.
        """
        self._within(f"{stream}: {kind}")
        if self._keep_facts:
            self._facts.append((stream, kind, orjson.dumps(body)))

    def facts(self) -> Iterator[Fact]:
        """See `Books.facts`."""
        for number, (stream, kind, body) in enumerate(list(self._facts), 1):
            yield Fact(number, stream, kind, orjson.loads(body))

    def claim(self, event: str, body: Mapping[str, object], /) -> bool:  # noqa: ARG002  a simulation asks nobody for it
        """See `Books.claim`; the body is not kept."""
        self._within(event)
        if event in self._inbox:
            return False
        self._inbox[event] = None
        return True

    def number(self, series: str, /) -> int:
        """See `Books.number`."""
        self._within(series)
        last = self._series[series] = self._series.get(series, 0) + 1
        self._drawn.append(series)
        return last

    def _within(self, what: str) -> None:
        if not self._marks:
            raise RuntimeError(f"{what}: the books are written within `atomic` only")

    def _entry(self, cause: str, k: int) -> LedgerEntry:
        rows = range(self._first[k], self._first[k + 1])
        postings = tuple(Posting(self._names[self._rows[j]], self._amounts_minor[j]) for j in rows)
        return LedgerEntry(
            cause, self._happened_s[k], self._currencies[k], postings, self._sessions[k], self._memos[k]
        )

    def _begin(self) -> None:
        self._marks.append(
            _Mark(
                len(self._causes), len(self._rows), len(self._accounts), len(self._facts), len(self._inbox),
                len(self._drawn),
            )
        )  # fmt: skip

    def _end(self) -> None:
        self._marks.pop()
        if not self._marks:
            self._drawn.clear()

    def _undo(self) -> None:
        """Cut everything off where the innermost block began."""
        mark = self._marks.pop()
        for row, amount_minor in zip(self._rows[mark.postings :], self._amounts_minor[mark.postings :], strict=True):  # fmt: skip
            self._balances[row] -= amount_minor
        for cut in (self._rows, self._amounts_minor):
            del cut[mark.postings :]
        for column in (self._happened_s, self._currencies, self._sessions, self._memos):
            del column[mark.entries :]
        del self._first[mark.entries + 1 :], self._facts[mark.facts :]
        del self._names[mark.accounts :], self._balances[mark.accounts :]
        _shorten(self._causes, mark.entries)
        _shorten(self._accounts, mark.accounts)
        _shorten(self._inbox, mark.claims)
        for series in self._drawn[mark.drawn :]:
            self._series[series] -= 1
        del self._drawn[mark.drawn :]


def _shorten(table: dict[str, int] | dict[tuple[str, str], int] | dict[str, None], length: int) -> None:
    """Take out what was put in last: dictionaries keep their order."""
    while len(table) > length:
        table.popitem()


class _Block(AbstractContextManager[None]):
    """One object for all blocks: it knows nothing."""

    def __init__(self, books: MemoryBooks) -> None:
        self._books = books

    def __enter__(self) -> None:
        self._books._begin()  # noqa: SLF001  its own

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self._books._end()  # noqa: SLF001
        else:
            self._books._undo()  # noqa: SLF001
