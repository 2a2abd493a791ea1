"""What the office asks: which sessions brought no money yet, and what they wait for."""

from __future__ import annotations

from typing import NamedTuple

from twin.money.cashier.fold import Memory
from twin.money.cashier.tab import Phase, Tab


class Unbilled(NamedTuple):
    """A session that is neither paid, given up nor free."""

    session: str
    evse: str
    operator: str
    driver: str
    due_minor: int
    """0 while it goes on."""
    currency: str
    waits_for: str
    """In words."""


def unbilled(memory: Memory) -> list[Unbilled]:
    """Return the sessions that wait for money, in order of their start."""
    return [
        Unbilled(
            tab.session, tab.wish.evse, tab.wish.operator, tab.wish.customer.driver, max(tab.due_minor, 0),
            tab.currency, _waits_for(memory, tab),
        )
        for tab in memory.sessions.values()
        if tab.phase is Phase.CHARGING or tab.due_minor > 0
    ]  # fmt: skip


def _waits_for(memory: Memory, tab: Tab) -> str:
    if tab.phase is Phase.CHARGING:
        return "its end"
    bill = memory.bills.get(tab.bill)
    if bill is not None and not bill.done:
        asked = any(pay.step is not None for pay in bill.pays)
        return f"the provider, {bill.name}" if asked else f"attempt {bill.tries + 1}, {bill.name}"
    for pay in tab.pays:
        if pay.step is not None:
            return f"the provider, {pay.step.purpose.value} of {pay.name}"
    return "its batch" if tab.pays else "the next bill"
