"""The ledger's side of the audit: entries are checked one by one, and summed by payment, session and account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Final

from twin.domain.books import LedgerEntry, Posting, Reason
from twin.errors import AuditError
from twin.money.accounts.audit_facts import Findings
from twin.money.accounts.audit_texts import card_numbers
from twin.money.accounts.chart import BOOKS_ON, WHOLE
from twin.money.accounts.entry import check, told

_REASONS: Final = frozenset(reason.value for reason in Reason)
_NOTHING: Final[frozenset[str]] = frozenset()
_OF_SESSION: Final = frozenset(("bill", "credit", "write-off"))
CAPTURED: Final = "captured"
"""How a hold ends that is no cancellation and no expiry: the memo of its release."""


class BookedPayment:
    """What the ledger says of one payment, minor units."""

    __slots__ = (
        "captured",
        "captures",
        "currency",
        "dispute_fee",
        "disputed",
        "failed",
        "fee",
        "hold",
        "lost",
        "peak",
        "refunded",
        "release",
        "releases",
        "won",
    )  # fmt: skip

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.hold = self.peak = self.releases = 0
        self.release = ""
        """How the hold ended."""
        self.captures = self.captured = self.refunded = self.failed = self.fee = 0
        self.disputed = self.won = self.lost = self.dispute_fee = 0


class BookedSession:
    """What the ledger says of one session, minor units of its bill's currency."""

    __slots__ = ("bills", "credited", "currency", "owed", "parts", "written_off")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.bills = 0
        self.credited = 0
        self.owed = 0
        """Debits less credits of drivers' accounts, in all entries that name the session."""
        self.parts: dict[str, int] = {}
        """Bills less credit notes, by account: credits are positive."""
        self.written_off: dict[str, int] = {}


class Ledger:
    """Sums of entries.

    Args:
        findings: Where what is wrong with an entry goes.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.payments: dict[str, BookedPayment] = {}
        self.sessions: dict[str, BookedSession] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.paid_out: dict[tuple[str, str], int] = {}
        """By provider and currency."""

    def take(self, entries: Iterable[LedgerEntry]) -> None:
        """Check entries and sum them: I2, I3, I10, I11, and the order of I4 and I7."""
        causes: set[str] = set()
        for entry in entries:
            cause = entry.cause
            if cause in causes:
                self._findings.add("I2", f"entry {cause}", "this cause is booked twice")
            causes.add(cause)
            event, _, rest = cause.partition("/")
            by_kind = self._balanced(entry, BOOKS_ON.get(event, _NOTHING))
            if by_kind is None:
                self._name(entry, event)
                continue
            if entry.memo:
                self._clean(f"entry {cause}", entry.memo)
            if entry.session:
                self._of_session(entry, event, by_kind.get("driver", 0))
            elif event in _OF_SESSION:
                self._findings.add("I3", f"entry {cause}", "names no session")
            if event in _ON_PAYMENT:
                self._of_payment(entry, event, rest if event in WHOLE else rest.rpartition("/")[0], by_kind)
            elif event == "payout":
                self._paid_out(entry)

    def _balanced(self, entry: LedgerEntry, touched: frozenset[str]) -> dict[str, int] | None:
        """Add an entry to the balances; its amounts by kind of account. None: something is wrong with it.

        An event touches money or holds, never both: so one sum tells whether each of them balances.
        """
        _, happened_s, currency, postings, _, _ = entry
        balances = self.balances
        by_kind: dict[str, int] = {}
        sum_minor = 0
        for k, (account, amount_minor) in enumerate(postings):
            kind, _, owner = account.partition(":")
            if type(amount_minor) is not int or not amount_minor or kind not in touched or not owner:
                self._add(postings[:k], currency, -1)
                return None
            by_kind[kind] = by_kind.get(kind, 0) + amount_minor
            key = account, currency
            balances[key] = balances.get(key, 0) + amount_minor
            sum_minor += amount_minor
        if sum_minor or not postings or len(currency) != 3 or not isfinite(happened_s):
            self._add(postings, currency, -1)
            return None
        return by_kind

    def _add(self, postings: Sequence[Posting], currency: str, sign: int) -> None:
        for account, amount_minor in postings:
            key = account, currency
            self.balances[key] = self.balances.get(key, 0) + sign * amount_minor

    def _name(self, entry: LedgerEntry, event: str) -> None:
        """Say what is wrong with an entry."""
        subject = f"entry {entry.cause}"
        try:
            check(entry)
        except AuditError as error:
            floats = any(type(amount_minor) is not int for _, amount_minor in entry.postings)
            self._findings.add("I10" if floats else "I3", subject, str(error))
            return
        self._add(entry.postings, entry.currency, 1)
        if event in BOOKS_ON:
            self._findings.add("I3", subject, f"{event} cannot book on all of {told(entry)}")
        else:
            self._findings.add("I3", subject, f"no such event: expected one of {', '.join(BOOKS_ON)}")

    def _paid_out(self, entry: LedgerEntry) -> None:
        for account, amount_minor in entry.postings:
            kind, _, provider = account.partition(":")
            if kind == "cash":
                key = provider, entry.currency
                self.paid_out[key] = self.paid_out.get(key, 0) - amount_minor

    def compare(self, balances: Mapping[tuple[str, str], int]) -> None:
        """I3: what the books say of accounts is the sum of their postings."""
        for account, currency in sorted(self.balances.keys() | balances.keys()):
            there, summed = balances.get((account, currency), 0), self.balances.get((account, currency), 0)
            subject = f"account {account} {currency}"
            if self._findings.whole(subject, [("its balance", there)]):
                self._findings.same("I3", subject, "its balance", there, summed)
            self._clean(subject, account)

    def _clean(self, subject: str, text: str) -> None:
        for number in card_numbers(text):
            self._findings.add("I11", subject, f"holds a card's number: {number[:6]}…{number[-4:]}")

    # by session

    def _of_session(self, entry: LedgerEntry, event: str, driver_minor: int) -> None:
        booked = self.sessions.get(entry.session)
        if booked is None:
            booked = self.sessions[entry.session] = BookedSession(entry.currency)
        elif booked.currency != entry.currency:
            self._findings.add("I3", f"entry {entry.cause}", f"is in {entry.currency}, session {entry.session} in {booked.currency}")  # fmt: skip
        booked.owed += driver_minor
        if event == "bill":
            booked.bills += 1
        elif event == "credit":
            booked.credited -= driver_minor
            if not booked.bills:
                self._findings.add("I2", f"entry {entry.cause}", f"credits session {entry.session}, which has no bill yet")  # fmt: skip
        elif event == "write-off":
            self._written_off(entry, booked)
            return
        else:
            return
        for account, amount_minor in entry.postings:
            booked.parts[account] = booked.parts.get(account, 0) - amount_minor

    def _written_off(self, entry: LedgerEntry, booked: BookedSession) -> None:
        for account, amount_minor in entry.postings:
            kind, _, reason = account.partition(":")
            if kind != "write-off":
                continue
            if reason not in _REASONS:
                self._findings.add("I1", f"entry {entry.cause}", f"{reason!r} is no reason: expected one of {', '.join(sorted(_REASONS))}")  # fmt: skip
            booked.written_off[reason] = booked.written_off.get(reason, 0) + amount_minor

    # by payment

    def _of_payment(self, entry: LedgerEntry, event: str, name: str, by_kind: Mapping[str, int]) -> None:
        booked = self.payments.get(name)
        if booked is None:
            booked = self.payments[name] = BookedPayment(entry.currency)
        elif booked.currency != entry.currency:
            self._findings.add("I3", f"entry {entry.cause}", f"is in {entry.currency}, payment {name} in {booked.currency}")  # fmt: skip
        subject = f"entry {entry.cause}"
        amount_minor = by_kind.get(_ON_PAYMENT[event], 0)
        match event:
            case "hold" | "raise":
                if event == "raise" and not booked.hold:
                    self._findings.add("I7", subject, f"raises a hold by {amount_minor} that is not there")
                if booked.releases:
                    self._findings.add(
                        "I7", subject, f"holds {amount_minor} again: the hold ended, {booked.release}"
                    )
                booked.hold += amount_minor
                booked.peak = max(booked.peak, booked.hold)
            case "release":
                booked.releases += 1
                booked.release = entry.memo
                if -amount_minor != booked.hold:
                    self._findings.add("I7", subject, f"releases {-amount_minor} of a hold of {booked.hold}")
                booked.hold += amount_minor
            case "capture":
                booked.captures += 1
                booked.captured += amount_minor
                if booked.releases and booked.release != CAPTURED:
                    self._findings.add(
                        "I7", subject, f"captures {amount_minor} of a hold that is {booked.release}"
                    )
            case "refund":
                booked.refunded -= amount_minor
                given_minor = booked.refunded - booked.failed
                if given_minor > booked.captured:
                    self._findings.add(
                        "I4", subject, f"{given_minor} were given back of {booked.captured} captured"
                    )
            case "refund-failed":
                booked.failed += amount_minor
            case "fee":
                booked.fee += amount_minor
            case "dispute":
                booked.disputed += amount_minor
                if booked.disputed > booked.captured:
                    self._findings.add(
                        "I4", subject, f"{booked.disputed} are disputed of {booked.captured} captured"
                    )
            case "dispute-end":
                self._dispute_ends(subject, booked, -amount_minor, by_kind.get("write-off", 0))
            case "dispute-fee":
                booked.dispute_fee += amount_minor

    def _dispute_ends(self, subject: str, booked: BookedPayment, amount_minor: int, lost_minor: int) -> None:
        if amount_minor > booked.disputed:
            self._findings.add("I4", subject, f"ends disputes of {amount_minor}, {booked.disputed} are open")
        booked.disputed -= amount_minor
        booked.lost += lost_minor
        booked.won += amount_minor - lost_minor


_ON_PAYMENT: Final = {
    "hold": "hold",
    "raise": "hold",
    "release": "hold",
    "capture": "cash",
    "refund": "cash",
    "refund-failed": "cash",
    "fee": "fee",
    "dispute": "disputed",
    "dispute-end": "disputed",
    "dispute-fee": "fee",
}
"""Events of payments to the kind of account that tells their amount."""
