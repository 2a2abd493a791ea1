"""Drivers who pay by bill: their saved card, their bills, and what happens when a bill is declined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twin.domain.books import Reason
from twin.domain.payments import Instrument, Status
from twin.money.accounts.chart import Sale
from twin.money.cashier.bookings import sale
from twin.money.cashier.desk import Desk
from twin.money.cashier.fold import ENDED
from twin.money.cashier.tab import AccountBill, Kind, Pay, Purpose, Tab

DAY_S: Final = 86_400.0
TOO_SMALL: Final = "amount_too_small"
"""Code of a bill that the provider will not take for its amount: it waits for the next one."""


class Accounts:
    """Bills accounts.

    Args:
        desk: What all parts work with.
        write_off: Gives up what a tab owes, for a reason.
        changed: Told of every tab whose bill came to an end; within a step.
    """

    def __init__(
        self, desk: Desk, write_off: Callable[[Tab, Reason, int], None], changed: Callable[[Tab], None]
    ) -> None:
        self._desk = desk
        self._write_off = write_off
        self._changed = changed

    def meet(self, driver: str, instrument: Instrument, *, can_ask: bool) -> None:
        """Know an account; save its card where that was not done yet. Within a step."""
        desk = self._desk
        if driver not in desk.memory.accounts:
            desk.do("account", driver, instrument.means, instrument.reference, instrument.customer)
        account = desk.memory.accounts[driver]
        if can_ask and not account.instrument.customer and not account.enrolling:
            desk.do("enrolling", driver)
            desk.decide(desk.memory.pays[driver], Purpose.ENROL)

    def enrolled(self, pay: Pay, customer: str) -> None:
        """The card is saved, or refused: bills will tell."""
        instrument = pay.instrument
        if customer:
            self._desk.do("account", pay.driver, instrument.means, instrument.reference, customer)
        self._desk.do("enrolled", pay.driver)

    def blocked(self, driver: str) -> bool:
        """Whether an account was given up."""
        return self._desk.policy.block_unpaid and self._desk.memory.accounts[driver].blocked

    def owe(self, tab: Tab) -> None:
        """What a tab owes goes on the next bill; within a step."""
        account = self._desk.memory.accounts[tab.wish.customer.driver]
        if tab.name not in account.due:
            self._desk.do("due", tab.session)

    def bill_all(self, label: str) -> int:
        """Write a bill for everybody who owes anything; within a step. Returns how many."""
        return sum(self.bill(driver, label) for driver in list(self._desk.memory.accounts))

    def bill(self, driver: str, label: str) -> int:
        """Write the bills of one account, one per currency. Returns how many."""
        desk, written = self._desk, 0
        tabs = [desk.memory.tabs[name] for name in desk.memory.accounts[driver].due]
        for currency in sorted({tab.currency for tab in tabs}):
            name = f"bill/{driver}/{label}/{currency}"
            if name in desk.memory.bills:
                continue
            mine = [tab for tab in tabs if tab.currency == currency]
            amounts_minor = {tab.name: tab.due_minor for tab in mine}
            if sum(amounts_minor.values()) > 0:
                desk.do("billed", name, driver, currency, amounts_minor)
                self.attempt(desk.memory.bills[name])
                written += 1
        return written

    def attempt(self, bill: AccountBill) -> None:
        """Charge a bill; within a step."""
        desk = self._desk
        tabs = [desk.memory.tabs[name] for name in bill.tabs]
        operators = {tab.wish.operator for tab in tabs}
        operator = operators.pop() if len(operators) == 1 else ""
        desk.do("tried", bill.name)
        name = f"{bill.name}.{bill.tries}"
        desk.do("opened", name, Kind.BILL, bill.name, bill.driver, operator, bill.currency)
        shares = zip(tabs, bill.amounts_minor, strict=True)
        fee_minor = sum(self._sale(tab).parts_of(minor).platform_minor for tab, minor in shares)
        fee_minor = min(max(fee_minor, 0), bill.amount_minor) if operator else 0
        desk.decide(desk.memory.pays[name], Purpose.CHARGE, bill.amount_minor, fee_minor)

    def changed(self, pay: Pay) -> None:
        """More is known of a bill's payment; within a step."""
        bill = self._desk.memory.bills[pay.owner]
        if not bill.done and pay.step is None:
            if pay.captured_minor:
                self._desk.do("closed", bill.name)
            elif pay.status is Status.ACTION:
                self._desk.decide(pay, Purpose.CANCEL)  # nobody is there to confirm
                return
            elif pay.status is Status.REFUSED or pay.status in ENDED:
                self._declined(bill, pay.code)
        for name in bill.tabs:
            if name in self._desk.memory.tabs:
                self._changed(self._desk.memory.tabs[name])

    def arm(self, bill: AccountBill) -> None:
        """Wait for the next attempt."""
        self._desk.clock.call_at(bill.next_s, lambda: self._again(bill))

    def _again(self, bill: AccountBill) -> None:
        if self._desk.memory.bills.get(bill.name) is bill and self._desk.clock.now_s >= bill.next_s:
            with self._desk.step():
                self.attempt(bill)

    def _declined(self, bill: AccountBill, code: str) -> None:
        desk, retry_days = self._desk, self._desk.policy.retry_days
        if code == TOO_SMALL:
            desk.do("closed", bill.name)
            desk.do("released", bill.name)
        elif bill.tries <= len(retry_days):
            desk.do("later", bill.name, desk.clock.now_s + retry_days[bill.tries - 1] * DAY_S)
            desk.after(lambda: self.arm(bill))
        else:
            desk.do("closed", bill.name)
            desk.do("blocked", bill.driver)
            for tab in (desk.memory.tabs[name] for name in bill.tabs):
                if tab.due_minor > 0:
                    self._write_off(tab, Reason.UNPAID, tab.due_minor)

    def _sale(self, tab: Tab) -> Sale:
        return sale(tab, self._desk.policy.platform_pct)
