"""A session's bill: written when it ends, replaced when its end is told anew, credited by the office."""

from __future__ import annotations

from collections.abc import Mapping

from twin.domain.books import Reason
from twin.money.accounts import chart
from twin.money.billing.model import Bill, Measured
from twin.money.cashier.bookings import sale
from twin.money.cashier.collect import Collect
from twin.money.cashier.desk import Desk
from twin.money.cashier.rows import BilledRow
from twin.money.cashier.tab import Tab


class Billing:
    """Writes bills and credit notes.

    Args:
        desk: What all parts work with.
        collect: Collects them.
    """

    def __init__(self, desk: Desk, collect: Collect) -> None:
        self._desk = desk
        self._collect = collect

    def end(self, tab: Tab, measured: Measured, metered_wh: int, explained_wh: Mapping[Reason, int]) -> Bill:
        """Bill a session, or bill it anew where its end is another now; within a step."""
        bill = self._desk.pricers[tab.wish.tariff].price(measured)
        explained = {reason: wh for reason, wh in explained_wh.items() if wh}
        amount_minor = bill.amount_minor
        tax_minor = amount_minor - bill.excl_minor
        now = (amount_minor, tax_minor, metered_wh, explained)
        if tab.bills and now == (tab.billed_minor, tab.tax_minor, tab.metered_wh, tab.explained_wh):
            return bill
        given_minor = tab.credited_minor
        if tab.bills:
            self._take_back(tab)
        self._write(tab, amount_minor, tax_minor, metered_wh, explained)
        if given_minor:
            self._credit(tab, min(given_minor, max(tab.billed_minor, 0)), "credited before")
        self._desk.sink(
            BilledRow(
                tab.session, tab.bills, tab.wish.evse, tab.wish.operator, tab.wish.customer.driver,
                self._desk.clock.now_s, bill, measured,
            )
        )  # fmt: skip
        return bill

    def credit(self, tab: Tab, amount_minor: int, why: str, name: str) -> None:
        """Give back a part of a bill, once per name; within a step.

        Raises:
            ValueError: The amount is more than there is.
        """
        if name in tab.credits:
            return
        most_minor = tab.refundable_minor
        if not 0 < amount_minor <= most_minor:
            raise ValueError(
                f"{tab.session}: {amount_minor} cannot be given back: of {tab.billed_minor} billed, {most_minor} are "
                "neither given back nor written off"
            )
        self._credit(tab, amount_minor, why, name)

    def _write(
        self, tab: Tab, amount_minor: int, tax_minor: int, metered_wh: int, explained_wh: Mapping[Reason, int]
    ) -> None:
        desk = self._desk
        by_name = {reason.value: wh for reason, wh in explained_wh.items()}
        desk.do("ended", tab.session, metered_wh, by_name, amount_minor, tax_minor)
        if tab.moves:
            number = desk.books.number(f"invoice/{tab.wish.operator}")
            whole = sale(tab, desk.policy.platform_pct)
            desk.post(chart.bill(whole, desk.clock.now_s, str(number), tab.booked_bills))

    def _take_back(self, tab: Tab) -> None:
        """The bill that stands is credited, and what was given up of it is owed again."""
        for reason, minor in list(tab.written_minor.items()):
            self._collect.write_off(tab, reason, -minor)
        self._credit(tab, tab.billed_minor - tab.credited_minor, "replaced")

    def _credit(self, tab: Tab, amount_minor: int, why: str, name: str = "") -> None:
        if not amount_minor:
            return
        desk = self._desk
        number = desk.books.number(f"credit/{tab.wish.operator}")
        before_minor = tab.credited_minor
        note = chart.credit_note(
            sale(tab, desk.policy.platform_pct), f"{tab.wish.operator}/{number}", amount_minor, desk.clock.now_s, why,
            before_minor,
        )  # fmt: skip
        desk.post(note)
        desk.do("credited", tab.session, name or f"#{number}", amount_minor)
