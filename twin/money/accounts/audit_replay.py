"""I2 and I6 by trial: events that come again change nothing, and in another order end in the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from twin.domain.books import Books, LedgerEntry
from twin.errors import AuditError
from twin.money.accounts.audit_facts import Finding

E = TypeVar("E")


def audit_replay(books: Books, entries: Iterable[LedgerEntry]) -> list[Finding]:
    """I2: post entries that were posted before; every one must be known, and no balance may change.

    Args:
        books: That hold them. If something is found, they are not the same any more.
        entries: For example `list(books.entries())`.
    """
    found = []
    before = dict(books.balances())
    for entry in entries:
        try:
            with books.atomic():
                if books.post(entry):
                    found.append(Finding("I2", f"entry {entry.cause}", "was booked when it came again"))
        except AuditError as error:
            found.append(Finding("I2", f"entry {entry.cause}", str(error)))
    after = books.balances()
    for account, currency in sorted(before.keys() | after.keys()):
        was, now = before.get((account, currency), 0), after.get((account, currency), 0)
        if was != now:
            found.append(
                Finding("I2", f"account {account} {currency}", f"its balance is {now}, expected {was}")
            )
    return found


def audit_orders(
    fold: Callable[[Sequence[E]], object], events: Sequence[E], orders: Iterable[Sequence[int]]
) -> list[Finding]:
    """I6: fold events in other orders, some of them more than once; the state at the end must be that of the first fold.

    Args:
        fold: Makes a state, comparable by `==`, of events in order.
        events: In the order in which they happened.
        orders: Indices into `events`; an index may come more than once, none may be missing.
    """
    expected = fold(events)
    found = []
    for order in orders:
        missing = sorted(set(range(len(events))) - set(order))
        if missing:
            raise ValueError(f"order {list(order)} leaves out {missing}")
        state = fold([events[k] for k in order])
        if state != expected:
            found.append(Finding("I6", f"order {list(order)}", f"ends in {state!r}, expected {expected!r}"))
    return found
