"""Tables of money: rows of the cashier and entries of the books, as they come; and what the audit wants of them."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from twin.domain.books import Reason
from twin.domain.fleet import Fleet
from twin.domain.ports import Recorder
from twin.money.accounts.audit import check_money
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession, MoneyFacts
from twin.money.cashier.rows import BilledRow, OddRow, PaymentRow, Row, TabRow

if TYPE_CHECKING:
    from twin.engine.money import Money

_HOUR_S = 3_600.0


class MoneyRows:
    """Writes the tables `payments`, `settlements`, `leakage` and `ledger`.

    Args:
        recorder: Where rows go.
        fleet: Whose registers everything must add up to.
        money: Whose books are told.
    """

    def __init__(self, recorder: Recorder, fleet: Fleet, money: Money) -> None:
        self._recorder = recorder
        self._fleet = fleet
        self._books = money.books
        self._payments: list[AuditedPayment] = []
        self._sessions: list[AuditedSession] = []
        self._entries = 0
        self._begin_wh = [round(register_wh) for register_wh in fleet.register_wh.tolist()]

    def take(self, row: Row) -> None:
        """Take a row of the cashier."""
        match row:
            case PaymentRow():
                self._payment(row)
            case TabRow():
                self._tab(row)
            case OddRow():
                event = {
                    "t_s": row.t_s,
                    "kind": "odd",
                    "subject": row.subject,
                    "detail": row.why,
                    "value": None,
                }
                self._recorder.row("events", event)
            case BilledRow():
                pass  # its lines are in the invoices

    def flush(self) -> None:
        """Write what was booked since the last time."""
        for entry in self._books.take():
            self._entries += 1
            for account, amount_minor in entry.postings:
                self._recorder.row(
                    "ledger",
                    {
                        "entry": self._entries,
                        "t_s": entry.happened_s,
                        "cause": entry.cause,
                        "account": account,
                        "amount_minor": amount_minor,
                        "currency": entry.currency,
                        "session": entry.session,
                        "memo": entry.memo,
                    },
                )

    def close(self) -> dict[str, object]:
        """Write the rest, and audit everything.

        Raises:
            AuditError: Money does not add up.
        """
        self.flush()
        registers = self._fleet.register_wh.tolist()
        check_money(
            MoneyFacts(
                entries=self._books.entries(),
                payments=self._payments,
                sessions=self._sessions,
                balances=self._books.balances(),
                registers_wh={
                    evse: round(end_wh) - begin_wh
                    for evse, begin_wh, end_wh in zip(self._fleet.ids, self._begin_wh, registers, strict=True)
                },
            )
        )
        return {
            "ledger_entries": self._entries,
            "payments": len(self._payments),
            "sessions_settled": len(self._sessions),
        }

    def _payment(self, row: PaymentRow) -> None:
        if row.audited is not None:
            self._payments.append(row.audited)
        held_s = row.ended_s - row.asked_s
        self._recorder.row(
            "payments",
            {
                "payment": row.payment,
                "kind": row.kind,
                "session": row.session,
                "evse": row.evse,
                "operator": row.operator,
                "driver": row.driver,
                "means": row.means.value,
                "status": row.status,
                "reason": row.code,
                "currency": row.currency,
                "asked_s": row.asked_s,
                "latency_s": row.latency_s,
                "held_s": None if isnan(held_s) else held_s,
                "authorised_minor": row.authorised_minor,
                "captured_minor": row.captured_minor,
                "refunded_minor": row.refunded_minor,
                "disputed_minor": row.disputed_minor,
                "fee_minor": row.fee_minor,
                "unused_minor_hours": row.unused_minor_s / _HOUR_S,
            },
        )

    def _tab(self, row: TabRow) -> None:
        open_minor = 0
        if row.audited is not None:
            self._sessions.append(row.audited._replace(meter=row.evse))
            open_minor = row.audited.open_minor
        self._recorder.row(
            "settlements",
            {
                "wish": row.tab,
                "session": row.session,
                "evse": row.evse,
                "operator": row.operator,
                "driver": row.driver,
                "means": row.means.value,
                "asked_s": row.asked_s,
                "latency_s": row.latency_s,
                "granted": row.granted,
                "grounds": row.grounds,
                "reason": row.code,
                "currency": row.currency,
                "metered_wh": row.metered_wh,
                "paid_wh": row.paid_wh,
                "billed_minor": row.billed_minor,
                "credited_minor": row.credited_minor,
                "captured_minor": row.captured_minor,
                "lost_minor": row.lost_minor,
                "settled_s": row.settled_s,
            },
        )
        lost_minor = {
            **row.written_off_minor,
            Reason.GOODWILL: row.credited_minor,
            Reason.DISPUTE: row.lost_minor,
            Reason.OPEN: open_minor,
        }
        for reason in Reason:
            energy_wh, amount_minor = row.explained_wh.get(reason, 0), lost_minor.get(reason, 0)
            if energy_wh or amount_minor:
                self._recorder.row(
                    "leakage",
                    {
                        "session": row.session,
                        "operator": row.operator,
                        "means": row.means.value,
                        "reason": reason.value,
                        "energy_wh": energy_wh,
                        "amount_minor": amount_minor,
                        "currency": row.currency,
                        "asked_s": row.asked_s,
                    },
                )
