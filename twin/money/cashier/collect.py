"""After the session: what is owed is captured, charged, billed or written off, and what is held is let go.

Nothing here remembers where it was. Whenever anything changed, a tab is looked at as it stands, and the next thing is
done: so news in any order, and a restart between any two steps, lead to the same end.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from twin.domain.books import Reason
from twin.domain.money import digits
from twin.domain.payments import Means, Status
from twin.money.accounts import chart
from twin.money.cashier.accounts import Accounts
from twin.money.cashier.bookings import sale
from twin.money.cashier.desk import Desk
from twin.money.cashier.policy import AccountBills, Rest
from twin.money.cashier.tab import Kind, Pay, Phase, Purpose, Tab
from twin.money.cashier.wish import Grounds

WITHOUT_HOLD: Final = {
    Grounds.FREE_VEND: Reason.FREE_VEND,
    Grounds.HOPE: Reason.OFFLINE,
    Grounds.WHITELIST: Reason.OFFLINE,
    Grounds.UNASKED: Reason.OFFLINE,
}
"""On which grounds energy flowed without a hold, to why it was not paid; all others: declined."""
_HOUR_S: Final = 3_600.0
_OPEN: Final = (Status.HELD, Status.ACTION)


class Collect:
    """Collects.

    Args:
        desk: What all parts work with.
        accounts: Who pays by bill.
        settled: Told of every tab with which nothing is left to do; within a step.
    """

    def __init__(self, desk: Desk, settled: Callable[[Tab], None]) -> None:
        self._desk = desk
        self._settled = settled
        self.accounts = Accounts(desk, self.write_off, self.go_on)
        self._batches: dict[float, dict[str, None]] = {}
        self._hurried = False

    def go_on(self, tab: Tab) -> None:
        """Do the next thing for a tab that is over; within a step."""
        if tab.phase not in (Phase.ENDED, Phase.AWAY):
            return
        if self._holds(tab) or self._bill_open(tab):
            return
        due_minor = tab.due_minor if tab.phase is Phase.ENDED else 0
        if due_minor > 0:
            if self._demand(tab, due_minor):
                return
        elif due_minor < 0 and self._give_back(tab, -due_minor):
            return
        if tab.settled_s != tab.settled_s:  # NaN: not settled yet
            self._desk.do("settled", tab.name)
            self._settled(tab)

    def write_off(self, tab: Tab, reason: Reason, amount_minor: int) -> None:
        """Give up a part of what is owed; negative: take that back."""
        driver, now_s, nth = tab.wish.customer.driver, self._desk.clock.now_s, tab.write_offs + 1
        self._desk.post(chart.write_off(tab.session, driver, tab.currency, amount_minor, now_s, reason, nth))
        self._desk.do("written", tab.session, reason, amount_minor)

    def capture_s(self, tab: Tab) -> float:
        """When the holds of a tab that is over are captured: with the batch, but before they expire."""
        policy = self._desk.policy
        every_s = policy.capture_every_h * _HOUR_S
        if not every_s or self._hurried:
            return -inf
        batch_s = (tab.ended_s // every_s + 1) * every_s
        expires_s = min((pay.before_s for pay in tab.pays if pay.status is Status.HELD), default=inf)
        return min(batch_s, expires_s - policy.reauthorise_before_s)

    def _holds(self, tab: Tab) -> bool:
        """Capture or release every hold; return whether anything is under way."""
        desk, busy = self._desk, False
        due_minor = tab.due_minor if tab.phase is Phase.ENDED else 0
        for pay in tab.pays:
            if pay.step is not None:
                due_minor -= (
                    pay.step.amount_minor if pay.step.purpose in (Purpose.CAPTURE, Purpose.CHARGE) else 0
                )
                busy = True
            elif pay.status in _OPEN:
                amount_minor = self._of_hold(pay, due_minor)
                if amount_minor and (at_s := self.capture_s(tab)) > desk.clock.now_s:
                    self._later(tab, at_s)
                    busy = True
                elif amount_minor:
                    desk.decide(pay, Purpose.CAPTURE, amount_minor, self._fee_minor(tab, amount_minor))
                    due_minor -= amount_minor
                    busy = True
                elif Purpose.CANCEL not in pay.barred:
                    desk.decide(pay, Purpose.CANCEL)
                    busy = True
        return busy

    def _of_hold(self, pay: Pay, due_minor: int) -> int:
        """Return how much can be captured of a hold."""
        if (
            due_minor <= 0
            or pay.known is None
            or pay.status is not Status.HELD
            or Purpose.CAPTURE in pay.barred
        ):
            return 0
        amount_minor = min(due_minor, max(pay.known.authorised_minor, pay.known.capture_limit_minor))
        return amount_minor - amount_minor % 10 if digits(pay.currency) == 3 else amount_minor

    def _bill_open(self, tab: Tab) -> bool:
        bill = self._desk.memory.bills.get(tab.bill)
        return bill is not None and (not bill.done or any(pay.step is not None for pay in bill.pays))

    def _demand(self, tab: Tab, due_minor: int) -> bool:
        """What no hold covers is billed, charged or written off; return whether anything is under way."""
        instrument, policy = tab.wish.customer.instrument, self._desk.policy
        if instrument.means is Means.ACCOUNT:
            self.accounts.owe(tab)
            if policy.accounts is AccountBills.PER_SESSION:
                self.accounts.bill(tab.wish.customer.driver, f"{tab.name}.{tab.bills}")
            return True
        if digits(tab.currency) == 3 and due_minor < 10:
            self.write_off(tab, Reason.GOODWILL, due_minor)  # less than providers can charge
            return False
        reason = self._reason(tab)
        asked = any(pay.kind is Kind.CHARGE and not pay.captured_minor for pay in tab.pays)
        saved = bool(instrument.customer) and (policy.rest is Rest.CHARGE or reason is Reason.EXPIRED)
        if not asked and (saved or not tab.pays):
            self._charge(tab, due_minor)
            return True
        self.write_off(tab, reason, due_minor)
        return False

    def _charge(self, tab: Tab, due_minor: int) -> None:
        """Take money at once, without the driver."""
        desk, wish = self._desk, tab.wish
        name = f"{tab.name}.{len(tab.pays) + 1}"
        amount_minor = due_minor - due_minor % 10 if digits(tab.currency) == 3 else due_minor
        desk.do("opened", name, Kind.CHARGE, tab.name, wish.customer.driver, wish.operator, tab.currency)
        fee_minor = self._fee_minor(tab, amount_minor)
        desk.decide(desk.memory.pays[name], Purpose.CHARGE, amount_minor, fee_minor)

    def _give_back(self, tab: Tab, owed_minor: int) -> bool:
        """Refund what was taken too much; return whether anything is under way."""
        desk = self._desk
        bill = desk.memory.bills.get(tab.bill)
        for pay in [*tab.pays, *(bill.pays if bill is not None else ())]:
            amount_minor = min(
                owed_minor, pay.captured_minor - (0 if pay.known is None else pay.known.refunded_minor)
            )
            if amount_minor > 0 and pay.status is Status.CAPTURED and Purpose.REFUND not in pay.barred:
                if pay.kind is Kind.BILL:
                    desk.do("for", pay.name, tab.name)
                desk.decide(pay, Purpose.REFUND, amount_minor)
                return True
        return False

    def _reason(self, tab: Tab) -> Reason:
        """Return why what is owed was not paid."""
        if any(pay.status in (Status.EXPIRED, Status.CANCELLED) and pay.known for pay in tab.pays):
            return Reason.EXPIRED
        if any(pay.captured_minor for pay in tab.pays):
            renewal = any(pay.kind is Kind.RENEWAL and pay.status is Status.REFUSED for pay in tab.pays)
            return Reason.EXPIRED if renewal else Reason.OVERRUN
        return WITHOUT_HOLD.get(tab.grounds or Grounds.UNASKED, Reason.DECLINED)

    def _fee_minor(self, tab: Tab, amount_minor: int) -> int:
        """Return the platform's part of what is taken."""
        part_minor = sale(tab, self._desk.policy.platform_pct).parts_of(amount_minor).platform_minor
        return min(max(part_minor, 0), amount_minor)

    def _later(self, tab: Tab, at_s: float) -> None:
        """Look again at an instant, together with all tabs of that instant."""
        batch = self._batches.get(at_s)
        if batch is None:
            batch = self._batches[at_s] = {}
            self._desk.clock.call_at(at_s, lambda: self._batch(at_s))
        batch[tab.name] = None

    def hurry(self) -> None:
        """Capture now what waits for its batch."""
        self._hurried = True
        for at_s in sorted(self._batches):
            self._batch(at_s)

    def _batch(self, at_s: float) -> None:
        tabs = self._desk.memory.tabs
        with self._desk.step():
            for name in self._batches.pop(at_s, {}):
                if name in tabs:
                    self.go_on(tabs[name])
