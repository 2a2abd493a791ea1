"""What is over is kept for as long as something may still happen to it; then its rows are written, and it is forgotten."""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from math import isnan, nan
from typing import Final

from twin.domain.clock import Timer
from twin.domain.payments import Status
from twin.money.cashier.accounts import DAY_S
from twin.money.cashier.audited import audited_payment, audited_session, lost_minor
from twin.money.cashier.desk import Desk
from twin.money.cashier.resolver import Resolver
from twin.money.cashier.rows import PaymentRow, TabRow
from twin.money.cashier.tab import Pay, Tab

UNPAID_DAYS: Final = 4.0
"""A tab that brought no money is kept so long: notices of its hold come within three days."""


class Keeping:
    """Keeps, writes rows, forgets.

    Args:
        desk: What all parts work with.
        resolver: Looks at a payment once more before it is forgotten.
    """

    def __init__(self, desk: Desk, resolver: Resolver) -> None:
        self._desk = desk
        self._resolver = resolver
        self._queue: list[tuple[float, str]] = []
        self._queued: set[str] = set()
        self._looked: set[str] = set()
        self._timer: Timer | None = None

    def settled(self, tab: Tab) -> None:
        """Nothing is left to be done with a tab: count from now."""
        if tab.name in self._queued:
            return  # settled anew: the queue finds that it was touched
        self._queued.add(tab.name)
        heappush(self._queue, (tab.touched_s + self._keep_s(tab), tab.name))
        if self._timer is None:
            self._timer = self._desk.clock.call_later(DAY_S, self._sweep)

    def _keep_s(self, tab: Tab) -> float:
        days = self._desk.policy.keep_days
        return (days if tab.session else min(UNPAID_DAYS, days)) * DAY_S

    def _sweep(self) -> None:
        """Once a day: forget what is old enough and was left alone."""
        desk, queue, now_s = self._desk, self._queue, self._desk.clock.now_s
        with desk.step():
            while queue and queue[0][0] <= now_s:
                name = heappop(queue)[1]
                tab = desk.memory.tabs.get(name)
                if tab is None or isnan(tab.settled_s):
                    self._queued.discard(name)
                    continue
                due_s = tab.touched_s + self._keep_s(tab)
                if due_s > now_s:
                    heappush(queue, (due_s, tab.name))
                elif not self._may_go(tab) or not self._looked_at(tab):
                    heappush(queue, (now_s + DAY_S, tab.name))
                else:
                    self.forget(tab)
        self._timer = desk.clock.call_later(DAY_S, self._sweep) if queue else None

    def _looked_at(self, tab: Tab) -> bool:
        """Whether payments were looked at once more: notices get lost."""
        if tab.name in self._looked:
            return True
        self._looked.add(tab.name)
        taken = [pay for pay in self._pays(tab) if pay.captured_minor]
        for pay in taken:
            self._desk.after(partial(self._resolver.look, pay))
        return not taken

    def _may_go(self, tab: Tab) -> bool:
        return all(pay.step is None and pay.status is not Status.DISPUTED for pay in self._pays(tab))

    def _pays(self, tab: Tab) -> list[Pay]:
        """A tab's own payments, and those of its bill."""
        bill = self._desk.memory.bills.get(tab.bill)
        return tab.pays if bill is None else [*tab.pays, *bill.pays]

    def forget(self, tab: Tab) -> None:
        """Write a tab's rows, and forget it; a bill goes with its last tab. Within a step."""
        desk = self._desk
        self._looked.discard(tab.name)
        self._queued.discard(tab.name)
        self._write(tab)
        desk.do("forgotten", tab.name)
        bill = desk.memory.bills.get(tab.bill)
        if bill is not None and bill.done and not any(name in desk.memory.tabs for name in bill.tabs):
            self._write_pays(bill.pays, "")
            desk.do("bill forgotten", bill.name)

    def close(self) -> None:
        """End of the run: write the rows of everything, and forget it. Within a step."""
        memory = self._desk.memory
        for tab in list(memory.tabs.values()):
            self._write(tab)
            self._desk.do("forgotten", tab.name)
        for bill in list(memory.bills.values()):
            self._write_pays(bill.pays, "")
            self._desk.do("bill forgotten", bill.name)

    def _write(self, tab: Tab) -> None:
        wish, session = tab.wish, audited_session(self._desk.memory, tab, self._desk.policy.platform_pct)
        self._desk.sink(
            TabRow(
                tab.name, tab.session, wish.evse, wish.operator, wish.customer.driver, wish.customer.instrument.means,
                wish.tariff, tab.currency, tab.asked_s, tab.granted, "" if tab.grounds is None else tab.grounds.value,
                tab.code, tab.latency_s, session.metered_wh, session.paid_wh, session.explained_wh, tab.billed_minor,
                tab.credited_minor, tab.paid_minor, lost_minor(self._desk.memory, tab), dict(tab.written_minor), tab.bills,
                tab.settled_s, session if tab.session else None,
            )
        )  # fmt: skip
        self._write_pays(tab.pays, wish.evse)

    def _write_pays(self, pays: list[Pay], evse: str) -> None:
        for pay in pays:
            self._desk.sink(row(pay, evse, self._desk.provider))


def row(pay: Pay, evse: str, provider: str) -> PaymentRow:
    """Return a payment's row."""
    known = pay.known
    authorised_minor = 0 if known is None else known.authorised_minor
    held_for_s = nan if isnan(pay.ended_s) else pay.ended_s - pay.held_s
    unused_minor = max(authorised_minor - pay.captured_minor, 0)
    return PaymentRow(
        pay.name, pay.kind.value, pay.session, evse, pay.operator, pay.driver, pay.instrument.means, pay.status.value,
        pay.code, pay.currency, pay.asked_s, pay.answered_s - pay.asked_s, authorised_minor, pay.captured_minor,
        pay.returned_minor, 0 if known is None else known.disputed_minor,
        0 if known is None else known.fee_minor + known.dispute_fee_minor, pay.ended_s,
        0.0 if isnan(held_for_s) else unused_minor * held_for_s, audited_payment(pay, provider),
    )  # fmt: skip
