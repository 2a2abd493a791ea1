"""The books of a pure simulation, and what a block has not made durable yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import NamedTuple, TypeAlias

import orjson

from twin.domain.books import LedgerEntry
from twin.domain.journal import Entry as Fact
from twin.money.accounts.entry import check, conflict
from twin.money.ledger.columns import Columns, Mark
from twin.money.ledger.persons import MemoryPersons

_Begin: TypeAlias = tuple[Mark, int, int, int]
"""How much there was when a block began: entries, facts, claims, numbers drawn."""


class Written(NamedTuple):
    """Everything that some books hold."""

    entries: Columns
    facts: list[tuple[str, str, str]]
    """Stream, kind and body, as JSON."""
    claims: list[tuple[str, str]]
    """Event and body."""
    drawn: dict[str, int]
    """Numbers drawn, by series."""


class MemoryBooks:
    """Implements `domain.books.Books`; survives nothing.

    Args:
        keep_facts: Whether `facts` can tell what was noted. False keeps none: a simulation is never taken up again.
    """

    def __init__(self, *, keep_facts: bool = True) -> None:
        self._keep_facts = keep_facts
        self._entries = Columns()
        self._facts: list[tuple[str, str, bytes]] = []
        self._inbox: dict[str, bytes] = {}
        self._series: dict[str, int] = {}
        self._drawn: list[str] = []
        """Series of the numbers that were drawn within the outermost block."""
        self._begun: list[_Begin] = []
        self._block = Block(self.begin, self.end)

    @cached_property
    def persons(self) -> MemoryPersons:
        """Who pseudonyms are."""
        return MemoryPersons()

    def atomic(self) -> AbstractContextManager[None]:
        """See `Books.atomic`."""
        return self._block

    def post(self, entry: LedgerEntry, /) -> bool:
        """See `Books.post`."""
        self.within(entry.cause)
        check(entry)
        there = self._entries.find(entry.cause)
        if there is None:
            self._entries.add(entry)
        elif there != entry:
            raise conflict(there, entry)
        return there is None

    def entry(self, cause: str, /) -> LedgerEntry | None:
        """See `Books.entry`."""
        return self._entries.find(cause)

    def entries(self) -> Iterator[LedgerEntry]:
        """See `Books.entries`."""
        return self._entries.entries()

    def balance(self, account: str, currency: str, /) -> int:
        """See `Books.balance`."""
        return self._entries.balance(account, currency)

    def balances(self) -> Mapping[tuple[str, str], int]:
        """See `Books.balances`."""
        return self._entries.balances()

    def note(self, stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Books.note`."""
        self.within(kind)
        if self._keep_facts:
            self._facts.append((stream, kind, orjson.dumps(body)))

    def facts(self) -> Iterator[Fact]:
        """See `Books.facts`."""
        for number, (stream, kind, body) in enumerate(list(self._facts), 1):
            yield Fact(number, stream, kind, orjson.loads(body))

    def claim(self, event: str, body: Mapping[str, object], /) -> bool:
        """See `Books.claim`."""
        self.within(event)
        if event in self._inbox:
            return False
        self._inbox[event] = orjson.dumps(body) if self._keep_facts else b""
        return True

    def number(self, series: str, /) -> int:
        """See `Books.number`."""
        self.within(series)
        last = self._series[series] = self._series.get(series, 0) + 1
        self._drawn.append(series)
        return last

    def close(self) -> None:
        """Nothing is left to write."""

    def written(self) -> Written:
        """Return everything that is there."""
        return Written(
            self._entries,
            [(stream, kind, body.decode()) for stream, kind, body in self._facts],
            [(event, body.decode()) for event, body in self._inbox.items()],
            {series: count for series, count in self._series.items() if count},
        )

    def within(self, what: str) -> None:
        """See that a block is open.

        Raises:
            RuntimeError: None is: a defect of whoever calls.
        """
        if not self._begun:
            raise RuntimeError(f"{what}: the books are written within `atomic` only")

    def begin(self) -> None:
        """A block is entered."""
        begin = self._entries.mark(), len(self._facts), len(self._inbox), len(self._drawn)
        self._begun.append(begin)

    def end(self, failed: bool) -> None:
        """The innermost block is left: by an exception it is undone."""
        entries, facts, claims, drawn = self._begun.pop()
        if failed:
            self._entries.cut(entries)
            del self._facts[facts:]
            while len(self._inbox) > claims:
                self._inbox.popitem()
            for series in self._drawn[drawn:]:
                self._series[series] -= 1
            del self._drawn[drawn:]
        if not self._begun:
            self._drawn.clear()


class Block(AbstractContextManager[None]):
    """One object serves all blocks of some books: they know how deep they are.

    Args:
        begin: Called when a block is entered.
        end: Called when it is left, with whether by an exception.
    """

    def __init__(self, begin: Callable[[], None], end: Callable[[bool], None]) -> None:
        self._begin = begin
        self._end = end

    def __enter__(self) -> None:
        self._begin()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._end(kind is not None)
