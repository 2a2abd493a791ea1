"""Entries in columns: no object per entry, so that a year of a large network fits the memory.

To undo is to cut every column off where it ended before.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeAlias

from twin.domain.books import LedgerEntry, Posting

_POSTING: Final[Callable[[tuple[str, int]], Posting]] = partial(tuple.__new__, Posting)
"""A posting of a pair: what `Posting` does, four times as fast. Millions are read for an audit."""


Mark: TypeAlias = tuple[int, int, int]
"""How long the columns were: entries, postings, accounts."""


class Columns:
    """Entries, accounts and balances. Entries are `check`ed before they come here."""

    def __init__(self) -> None:
        self._causes: dict[str, int] = {}
        """In order: a dictionary's last item is the last entry's."""
        self._happened_s = array("d")
        self._currencies: list[str] = []
        self._sessions: list[str] = []
        self._memos: list[str] = []
        self._first = array("q", [0])
        """Of entry k's postings: they end where those of k + 1 begin."""
        self._accounts: dict[tuple[str, str], int] = {}
        """Account and currency to row, by first use."""
        self._names: list[str] = []
        self._balances: list[int] = []
        self._rows = array("i")
        self._amounts_minor = array("q")

    def __len__(self) -> int:
        return len(self._causes)

    def add(self, entry: LedgerEntry) -> None:
        """Append an entry whose cause is new."""
        cause, happened_s, currency, postings, session, memo = entry
        self._causes[cause] = len(self._causes)
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

    def find(self, cause: str) -> LedgerEntry | None:
        """Return the entry of a cause; None: there is none."""
        k = self._causes.get(cause)
        return None if k is None else self._entry(cause, k)

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry that is there now, in order."""
        columns = zip(
            list(self._causes),
            self._happened_s,
            self._currencies,
            self._sessions,
            self._memos,
            self._first,
            self._first[1:],
            strict=False,  # what is appended meanwhile is not told
        )
        names, rows, amounts_minor = self._names.__getitem__, self._rows, self._amounts_minor
        for cause, happened_s, currency, session, memo, begin, end in columns:
            own = zip(map(names, rows[begin:end]), amounts_minor[begin:end], strict=True)
            postings = tuple(map(_POSTING, own))
            yield LedgerEntry(cause, happened_s, currency, postings, session, memo)

    def balance(self, account: str, currency: str) -> int:
        """Debits less credits, minor units."""
        row = self._accounts.get((account, currency))
        return 0 if row is None else self._balances[row]

    def balances(self) -> dict[tuple[str, str], int]:
        """(account, currency) to debits less credits."""
        return dict(zip(self._accounts, self._balances, strict=True))

    def entry_rows(self, after: int) -> list[tuple[int, str, float, str, str, str]]:
        """Number, cause, time, currency, session and memo of every entry, numbered from `after + 1` on."""
        rows = zip(
            range(after + 1, after + 1 + len(self)),
            self._causes,
            self._happened_s,
            self._currencies,
            self._sessions,
            self._memos,
            strict=True,
        )
        return list(rows)

    def posting_rows(self, after: int) -> list[tuple[int, int, str, int]]:
        """Entry's number, line from 0, account and amount of every posting."""
        names, rows, amounts_minor = self._names, self._rows, self._amounts_minor
        begins = zip(self._first, self._first[1:], strict=False)
        return [
            (number, j - begin, names[rows[j]], amounts_minor[j])
            for number, (begin, end) in enumerate(begins, after + 1)
            for j in range(begin, end)
        ]

    def mark(self) -> Mark:
        """Return where the columns end."""
        return len(self._causes), len(self._rows), len(self._names)

    def cut(self, mark: Mark) -> None:
        """Forget what was added behind a mark."""
        entries, postings, accounts = mark
        late = zip(self._rows[postings:], self._amounts_minor[postings:], strict=True)
        for row, amount_minor in late:
            self._balances[row] -= amount_minor
        del self._rows[postings:], self._amounts_minor[postings:]
        del self._happened_s[entries:], self._first[entries + 1 :]
        del self._currencies[entries:], self._sessions[entries:], self._memos[entries:]
        del self._names[accounts:], self._balances[accounts:]
        while len(self._causes) > entries:
            self._causes.popitem()
        while len(self._accounts) > accounts:
            self._accounts.popitem()

    def _entry(self, cause: str, k: int) -> LedgerEntry:
        rows = range(self._first[k], self._first[k + 1])
        postings = tuple(Posting(self._names[self._rows[j]], self._amounts_minor[j]) for j in rows)
        return LedgerEntry(
            cause, self._happened_s[k], self._currencies[k], postings, self._sessions[k], self._memos[k]
        )
