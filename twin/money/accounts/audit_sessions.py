"""The sessions' side of the audit: I1, I2, I5, I8, I9 and I10 of every session, and what every driver owes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from twin.domain.books import Account, Reason
from twin.money.accounts.audit_entries import BookedSession, Ledger
from twin.money.accounts.audit_facts import AuditedSession, Findings
from twin.money.accounts.chart import PLATFORM, Sale
from twin.money.billing.model import Dimension

_NUMBERS: Final = (
    "metered_wh",
    "paid_wh",
    "credited_minor",
    "by_bill_minor",
    "open_minor",
    "step_minor",
)
_REASONS: Final = frozenset(Reason)
_PER_KWH: Final = 1000


class Sessions:
    """Compares sessions with the ledger, and with their meters.

    Args:
        ledger: With all entries.
        findings: Where what does not add up goes.
        reprice: What a session's bill should be; None: not asked.
    """

    def __init__(
        self, ledger: Ledger, findings: Findings, reprice: Callable[[AuditedSession], int] | None
    ) -> None:
        self._ledger = ledger
        self._findings = findings
        self._reprice = reprice
        self._seen: set[str] = set()
        self._open: set[str] = set()
        """Sessions with which something is left to do."""
        self._open_minor: dict[tuple[str, str], int] = {}
        self._metered_wh: dict[str, int] = {}

    def take(self, sessions: Iterable[AuditedSession]) -> None:
        """Check sessions, each once."""
        for session in sessions:
            subject = f"session {session.session}"
            if session.session in self._seen:
                self._findings.add("I2", subject, "was handed in twice")
                continue
            self._seen.add(session.session)
            if not self._findings.whole(subject, _numbers(session)):
                continue
            booked = self._ledger.sessions.pop(session.session, None) or BookedSession(session.currency)
            self._energy(subject, session)
            self._bill(subject, session, booked)
            self._owed(subject, session, booked)
            self._price(subject, session)
            key = Account.DRIVER.of(session.driver), session.currency
            self._open_minor[key] = self._open_minor.get(key, 0) + session.open_minor
            if session.open_minor or session.explained_wh.get(Reason.OPEN):
                self._open.add(session.session)
            if session.meter:
                self._metered_wh[session.meter] = self._metered_wh.get(session.meter, 0) + session.metered_wh

    def close(self, open_holds: Iterable[tuple[str, str]]) -> None:
        """After the last session: what drivers owe is what their sessions leave open, and nobody else is in the books.

        Args:
            open_holds: Payment and session of holds that are still there; I7: nothing is held for what is settled.
        """
        for payment, session in open_holds:
            if session in self._seen and session not in self._open:
                self._findings.add(
                    "I7", f"payment {payment}", f"is held, though session {session} is settled"
                )
        for name in sorted(self._ledger.sessions):
            self._findings.add("I2", f"session {name}", "is in the books, but nobody knows it")
        for (account, currency), there in self._ledger.balances.items():
            if account.startswith("driver:"):
                open_minor = self._open_minor.get((account, currency), 0)
                self._findings.same("I4", f"account {account} {currency}", "its balance", there, open_minor)

    def meters(self, registers_wh: Mapping[str, int]) -> None:
        """I1 by meter: what sessions took is what the register counted."""
        for meter in sorted(registers_wh.keys() | self._metered_wh.keys()):
            there, expected = self._metered_wh.get(meter, 0), registers_wh.get(meter, 0)
            self._findings.same("I1", f"meter {meter}", "the energy of its sessions (Wh)", there, expected)

    def _energy(self, subject: str, session: AuditedSession) -> None:
        """I1: every Wh is paid, or explained once."""
        explained_wh = sum(session.explained_wh.values())
        unexplained_wh = session.metered_wh - session.paid_wh - explained_wh
        if unexplained_wh:
            self._findings.add(
                "I1",
                subject,
                f"{unexplained_wh} Wh are unexplained: {session.metered_wh} metered, {session.paid_wh} paid, "
                f"{_words(session.explained_wh)}",
            )
        if min(session.paid_wh, *session.explained_wh.values(), 0) < 0:
            self._findings.add("I1", subject, f"less than nothing: {session.paid_wh} Wh paid, {_words(session.explained_wh)}")  # fmt: skip
        for reason in session.explained_wh:
            if reason not in _REASONS:
                self._findings.add("I1", subject, f"{reason!r} is no reason")
        sale = session.sale
        if session.paid_wh > 0 and (sale is None or not sale.incl_minor):
            self._findings.add("I1", subject, f"{session.paid_wh} Wh are paid by no bill")
        bill = session.bill
        if bill is not None:
            kwh = sum((line.volume for line in bill.lines if line.dimension is Dimension.ENERGY), Decimal(0))
            if kwh * _PER_KWH > session.metered_wh:
                self._findings.add(
                    "I1", subject, f"{kwh * _PER_KWH:f} Wh are billed of {session.metered_wh} metered"
                )

    def _bill(self, subject: str, session: AuditedSession, booked: BookedSession) -> None:
        """I2: one bill stands. I5: everybody has their share of it, to the minor unit."""
        sale = session.sale
        moves = sale is not None and any(sale.parts)
        if sale is not None and (sale.session, sale.driver, sale.currency) != (session.session, session.driver, session.currency):  # fmt: skip
            self._findings.add(
                "I2", subject, f"its bill is of session {sale.session}, {sale.driver}, {sale.currency}"
            )
        if booked.currency != session.currency:
            self._findings.add("I3", subject, f"is in {session.currency}, its entries in {booked.currency}")
        bills = int(moves) if session.bills is None else session.bills
        self._findings.same("I2", subject, "the number of its bills", booked.bills, bills)
        expected = _shares(sale, session.credited_minor) if sale is not None else {}
        driver = Account.DRIVER.of(session.driver)
        if expected == booked.parts:
            return
        net_minor, expected_minor = -booked.parts.get(driver, 0), -expected.get(driver, 0)
        self._findings.same("I2", subject, "bills less credit notes", net_minor, expected_minor)
        for account in sorted((booked.parts.keys() | expected.keys()) - {driver}):
            there, share = booked.parts.get(account, 0), expected.get(account, 0)
            self._findings.same("I5", subject, f"the share of {account}", there, share)

    def _owed(self, subject: str, session: AuditedSession, booked: BookedSession) -> None:
        """I4: what was billed is paid, given up, or still open."""
        written = {reason.value: minor for reason, minor in session.written_off_minor.items()}
        for reason in sorted(written.keys() | booked.written_off.keys()):
            there, expected = booked.written_off.get(reason, 0), written.get(reason, 0)
            self._findings.same("I4", subject, f"what is booked as given up ({reason})", there, expected)
        owed_minor = booked.owed - session.by_bill_minor
        self._findings.same("I4", subject, "what the driver owes for it", owed_minor, session.open_minor)

    def _price(self, subject: str, session: AuditedSession) -> None:
        """I8: priced again, it costs the same. I9: not less than was shown, not more than the maximum."""
        sale = session.sale
        incl_minor = sale.incl_minor if sale is not None else 0
        if session.bill is not None:
            self._findings.same("I8", subject, "what is charged", incl_minor, session.bill.amount_minor)
        if self._reprice is not None and sale is not None:
            self._findings.same("I8", subject, "what is charged", incl_minor, self._reprice(session))
        if session.shown_minor is not None and session.shown_minor > incl_minor + session.step_minor:
            self._findings.add(
                "I9", subject, f"{session.shown_minor} was shown before, the bill is {incl_minor}"
            )
        if session.max_minor is not None and incl_minor > session.max_minor:
            self._findings.add(
                "I9", subject, f"the bill is {incl_minor}, the highest price {session.max_minor}"
            )


def _shares(sale: Sale, credited_minor: int) -> dict[str, int]:
    """Return what everybody should have of a bill after credit notes, by account, credits positive."""
    parts: Sequence[int] = sale.parts
    if credited_minor:
        parts = [whole - back for whole, back in zip(parts, sale.parts_of(credited_minor), strict=True)]
    owners = (
        Account.TAX.of(sale.authority),
        Account.REVENUE.of(sale.operator),
        Account.REVENUE.of(PLATFORM),
    )
    return {Account.DRIVER.of(sale.driver): -sum(parts), **dict(zip(owners, parts, strict=True))}


def _numbers(session: AuditedSession) -> Iterator[tuple[str, object]]:
    for name in _NUMBERS:
        yield name, getattr(session, name)
    for reason, wh in session.explained_wh.items():
        yield f"Wh of {reason}", wh
    for reason, amount_minor in session.written_off_minor.items():
        yield f"written off as {reason}", amount_minor
    if session.sale is not None:
        yield "incl_minor", session.sale.incl_minor
        yield "tax_minor", session.sale.tax_minor
    if session.shown_minor is not None:
        yield "shown_minor", session.shown_minor


def _words(explained_wh: Mapping[Reason, int]) -> str:
    return (
        ", ".join(f"{wh} {getattr(reason, 'value', reason)}" for reason, wh in explained_wh.items())
        or "nothing explained"
    )
