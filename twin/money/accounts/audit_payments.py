"""The payments' side of the audit: I4, I7 and I10 of every payment, and of the cash at every provider."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Final

from twin.domain.books import Account
from twin.domain.payment_life import progress
from twin.domain.payments import LIFE, Snapshot, Status
from twin.money.accounts.audit_entries import CAPTURED, BookedPayment, Ledger
from twin.money.accounts.audit_facts import AuditedPayment, Findings

_AMOUNTS: Final = tuple(name for name in Snapshot._fields if name.endswith("_minor"))
_amounts: Final = attrgetter(*_AMOUNTS)
_NO_MONEY: Final = frozenset((Status.ASKED, Status.ACTION, Status.HELD, Status.REFUSED, Status.CANCELLED, Status.EXPIRED))  # fmt: skip
"""Where nothing can have been captured."""
_BOOKED_AS: Final = (
    "captured",
    "refunded",
    "failed refunds",
    "the provider's fee",
    "in dispute",
    "lost in disputes",
    "won in disputes",
    "fees of disputes",
)
_WHOLE: Final = frozenset((int,))
_ENDS: Final = {Status.CANCELLED: "cancelled", Status.EXPIRED: "expired"}
"""How a hold ended; all others that ended were captured."""


class Payments:
    """Compares payments with the ledger.

    Args:
        ledger: With all entries.
        findings: Where what does not add up goes.
    """

    def __init__(self, ledger: Ledger, findings: Findings) -> None:
        self._ledger = ledger
        self._findings = findings
        self._cash: dict[tuple[str, str], int] = {}
        self.open_holds: list[tuple[str, str]] = []
        """Payment and session of holds that are still there."""

    def take(self, payments: Iterable[AuditedPayment], *, complete: bool) -> None:
        """Check payments, each once; with `complete`, no other has entries and every hold has ended."""
        seen: set[str] = set()
        for paid in payments:
            subject = f"payment {paid.payment}"
            if paid.payment in seen:
                self._findings.add("I2", subject, "was handed in twice")
                continue
            seen.add(paid.payment)
            self._payment(subject, paid, complete=complete)
        for name in sorted(self._ledger.payments):
            self._findings.add("I4", f"payment {name}", "is in the books, but nobody knows it")
        self._provider()

    def _payment(self, subject: str, paid: AuditedPayment, *, complete: bool) -> None:
        now = paid.snapshot
        numbers = _amounts(now)
        if not _WHOLE.issuperset(map(type, numbers)) and not self._findings.whole(subject, zip(_AMOUNTS, numbers, strict=True)):  # fmt: skip
            return
        booked = self._ledger.payments.pop(paid.payment, None)
        if booked is None:
            booked = BookedPayment(now.currency)
        self._booked(subject, now, booked)
        self._limits(subject, now)
        self._hold(subject, paid, booked)
        self._life(subject, paid)
        if complete and now.status is Status.HELD:
            if not paid.open:
                self._findings.add("I7", subject, f"its hold of {now.authorised_minor} never ended")
            elif paid.session:
                self.open_holds.append((paid.payment, paid.session))
        if paid.theirs is not None:
            for name in _AMOUNTS:
                self._findings.same(
                    "I4", subject, f"our {name}", getattr(now, name), getattr(paid.theirs, name)
                )
            if paid.theirs.status is not now.status:
                self._findings.add(
                    "I4", subject, f"we say {now.status.value}, the provider {paid.theirs.status.value}"
                )
        key = paid.provider, now.currency
        self._cash[key] = self._cash.get(key, 0) + _cash_minor(now)

    def _booked(self, subject: str, now: Snapshot, booked: BookedPayment) -> None:
        """I4: every amount is booked, once."""
        if booked.currency != now.currency:
            self._findings.add("I3", subject, f"is in {now.currency}, its entries in {booked.currency}")
        lost_minor = now.disputed_minor if now.status is Status.LOST else 0
        there = (booked.captured, booked.refunded, booked.failed, booked.fee, booked.disputed, booked.lost, booked.won, booked.dispute_fee)  # fmt: skip
        expected = (
            now.captured_minor,
            now.refunded_minor,
            now.refund_failed_minor,
            now.fee_minor,
            now.disputed_minor - lost_minor,
            lost_minor,
            now.won_minor,
            now.dispute_fee_minor,
        )
        if there != expected:
            for what, is_minor, expected_minor in zip(_BOOKED_AS, there, expected, strict=True):
                self._findings.same("I4", subject, f"what is booked as {what}", is_minor, expected_minor)

    def _limits(self, subject: str, now: Snapshot) -> None:
        """I4: not more than was authorised, and not more back than was taken."""
        limit_minor = max(now.authorised_minor, now.capture_limit_minor)
        if now.captured_minor > limit_minor:
            self._findings.add(
                "I4", subject, f"{now.captured_minor} were captured of {limit_minor} authorised"
            )
        if now.refunded_minor - now.refund_failed_minor > now.captured_minor:
            back = now.refunded_minor - now.refund_failed_minor
            self._findings.add("I4", subject, f"{back} were given back of {now.captured_minor} captured")

    def _hold(self, subject: str, paid: AuditedPayment, booked: BookedPayment) -> None:
        """I7: a hold is booked while it lasts, and ends once."""
        now = paid.snapshot
        authorised_minor = now.authorised_minor if paid.held else 0
        held = now.status is Status.HELD
        self._findings.same(
            "I7", subject, "the hold that is booked", booked.hold, authorised_minor if held else 0
        )
        self._findings.same("I7", subject, "the highest hold that is booked", booked.peak, authorised_minor)
        ends = int(authorised_minor > 0 and not held)
        self._findings.same("I7", subject, "how often its hold ended", booked.releases, ends)
        how = _ENDS.get(now.status, CAPTURED)
        if booked.releases and booked.release != how:
            self._findings.add("I7", subject, f"its hold is {how}, booked as {booked.release}")
        if now.captured_minor and now.status in _NO_MONEY:
            self._findings.add(
                "I7", subject, f"{now.captured_minor} were captured, but it is {now.status.value}"
            )

    def _life(self, subject: str, paid: AuditedPayment) -> None:
        """I7: what was believed of it follows the table of its life, and never goes back."""
        for before, after in pairwise(paid.history):
            if after.status not in _reachable(before.status):
                self._findings.add(
                    "I7", subject, f"cannot be {after.status.value} after it was {before.status.value}"
                )
            elif progress(after) < progress(before):
                self._findings.add("I7", subject, f"went back from {_told(before)} to {_told(after)}")
        if paid.history and paid.history[-1] != paid.snapshot:
            self._findings.add(
                "I7", subject, f"is {_told(paid.snapshot)}, was last {_told(paid.history[-1])}"
            )

    def _provider(self) -> None:
        """I4: cash is what was captured less what was given back, disputed, kept and paid out."""
        for account, currency in list(self._ledger.balances):
            kind, _, owner = account.partition(":")
            if kind == Account.CASH.value:
                self._cash.setdefault((owner, currency), 0)
        for (provider, currency), cash_minor in sorted(self._cash.items()):
            there = self._ledger.balances.get((Account.CASH.of(provider), currency), 0)
            expected = cash_minor - self._ledger.paid_out.get((provider, currency), 0)
            self._findings.same("I4", f"account cash:{provider} {currency}", "its balance", there, expected)


def _cash_minor(now: Snapshot) -> int:
    back_minor = now.refunded_minor - now.refund_failed_minor
    return now.captured_minor - back_minor - now.disputed_minor - now.fee_minor - now.dispute_fee_minor


def _told(snapshot: Snapshot) -> str:
    amounts = ", ".join(f"{name} {getattr(snapshot, name)}" for name in _AMOUNTS if getattr(snapshot, name))
    return f"{snapshot.status.value} ({amounts or 'no amount'})"


@lru_cache(maxsize=len(Status))
def _reachable(status: Status) -> frozenset[Status]:
    """Return where a payment can get from a status, itself included."""
    reached, fresh = {status}, {status}
    while fresh:
        fresh = {after for (before, _), after in LIFE.items() if before in fresh} - reached
        reached |= fresh
    return frozenset(reached)
