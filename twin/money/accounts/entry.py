"""What makes an entry fit for the books: it balances, in whole minor units, on accounts that exist."""

from __future__ import annotations

from math import isfinite
from typing import Final

from twin.domain.books import MEMO, Account, LedgerEntry
from twin.errors import AuditError

LARGEST_MINOR: Final = 2**63 - 1
"""Of one posting: what a database keeps."""

IS_MEMO: Final = {account.value: account in MEMO for account in Account}
"""Kind of account, as in an account's name, to whether it is a memo and no money."""


def kind_of(account: str) -> str:
    """Return the kind of an account's name: `driver` of `driver:d-17`."""
    return account.partition(":")[0]


def owner_of(account: str) -> str:
    """Return whose an account is: `d-17` of `driver:d-17`."""
    return account.partition(":")[2]


def check(entry: LedgerEntry) -> None:
    """Accept an entry that may be posted.

    Raises:
        AuditError: It does not balance, money and holds each on their own; or an amount is no whole minor unit, zero,
            or too large; or an account, the currency, the cause or the time cannot be.
    """
    money_minor = memo_minor = 0
    for account, amount_minor in entry.postings:
        if type(amount_minor) is not int:
            raise AuditError(f"{entry.cause}: {account}: {amount_minor!r} is no whole number of minor units")
        kind, _, owner = account.partition(":")
        memo = IS_MEMO.get(kind)
        if memo is None or not owner:
            raise AuditError(f"{entry.cause}: {account!r} is no account: expected KIND:OWNER, {_kinds()}")
        if memo:
            memo_minor += amount_minor
        else:
            money_minor += amount_minor
        if not amount_minor or not -LARGEST_MINOR <= amount_minor <= LARGEST_MINOR:
            raise AuditError(f"{entry.cause}: {account}: nothing can be booked of {amount_minor}")
    if money_minor or memo_minor or not entry.postings:
        raise AuditError(_unbalanced(entry, money_minor, memo_minor))
    if not (entry.cause and len(entry.currency) == 3 and entry.currency.isupper() and isfinite(entry.happened_s)):  # fmt: skip
        raise AuditError(
            f"{entry.cause!r}: a cause, a currency of three letters and an instant are needed, "
            f"not {entry.currency!r} at {entry.happened_s!r} s"
        )


def told(entry: LedgerEntry) -> str:
    """Return an entry in words, for messages: `driver:d-1 +500, revenue:a -500 EUR`."""
    postings = ", ".join(f"{account} {amount_minor:+}" for account, amount_minor in entry.postings)
    return f"{postings} {entry.currency} at {entry.happened_s:g} s"


def conflict(there: LedgerEntry, entry: LedgerEntry) -> AuditError:
    """Return what is raised where a cause is used twice, naming both entries and what differs."""
    different = [name for name in LedgerEntry._fields if getattr(there, name) != getattr(entry, name)]
    return AuditError(
        f"{entry.cause}: booked already, with another {' and '.join(different)}: there is {told(there)} "
        f"({there.session or 'no session'}, {there.memo!r}), now came {told(entry)} "
        f"({entry.session or 'no session'}, {entry.memo!r})"
    )


def _unbalanced(entry: LedgerEntry, money_minor: int, memo_minor: int) -> str:
    if not entry.postings:
        return f"{entry.cause}: an entry without postings"
    sides = {"money": money_minor, "holds": memo_minor}
    wrong = " and ".join(f"{name} by {minor:+}" for name, minor in sides.items() if minor)
    return f"{entry.cause}: does not balance, {wrong} minor units: {told(entry)}"


def _kinds() -> str:
    return "of " + ", ".join(sorted(IS_MEMO))
