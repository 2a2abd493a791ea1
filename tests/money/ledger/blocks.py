"""Blocks of everything that books can hold, and whether each of them is there as a whole. Also a program that writes.

`python -m tests.money.ledger.blocks URL` writes blocks until it is killed, and prints the number of each that is kept.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from twin.domain.books import Books, LedgerEntry, Posting
from twin.money.ledger.sql import SqlBooks


def entry(k: int, part: str, amount_minor: int) -> LedgerEntry:
    """Return an entry of block k."""
    postings = (Posting("cash:stripe", amount_minor), Posting(f"driver:d-{k % 7}", -amount_minor))
    return LedgerEntry(f"{part}/{k}", float(k), "EUR", postings, f"s-{k}")


def write(books: Books, k: int) -> None:
    """Write block k: two entries, a fact, a claim, and an invoice number that the fact tells."""
    with books.atomic():
        books.post(entry(k, "capture", 1000 + k))
        with books.atomic():
            books.post(entry(k, "fee", -k - 1))
            books.note(f"payment/{k}", "billed", {"k": k, "invoice": books.number("invoice")})
        books.claim(f"evt_{k}", {"k": k})


def whole(books: Books) -> int:
    """Return how many blocks are there; every one of them is whole, none is there twice or in part."""
    facts = [fact.body for fact in books.facts()]
    n = len(facts)
    assert facts == [{"k": k, "invoice": k + 1} for k in range(n)]
    parts = [entry(k, *part) for k in range(n) for part in (("capture", 1000 + k), ("fee", -k - 1))]
    assert list(books.entries()) == parts
    assert books.balance("cash:stripe", "EUR") == 999 * n
    assert sum(books.balances().values()) == 0
    with suppress(_Undo), books.atomic():
        assert [books.claim(f"evt_{k}", {}) for k in range(n + 1)] == [False] * n + [True]
        assert books.number("invoice") == n + 1
        raise _Undo
    return n


class _Undo(Exception):
    pass


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Write until killed."""
    books = SqlBooks(sys.argv[1])
    k = len(list(books.facts()))
    _say("open")
    while True:
        write(books, k)
        _say(str(k))
        k += 1


if __name__ == "__main__":
    main()
