"""While energy flows: holds that come late, end early or grow old."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isinf
from typing import Final

from twin.domain.clock import Timer
from twin.domain.payments import Status
from twin.money.accounts.chart import Sale
from twin.money.cashier.asking import Asking
from twin.money.cashier.desk import Desk
from twin.money.cashier.limits import Limits
from twin.money.cashier.policy import AtExpiry
from twin.money.cashier.tab import Kind, Pay, Phase, Purpose, Tab
from twin.money.cashier.wish import Grounds, Metered, Why

_UNEXPECTED: Final = (Status.EXPIRED, Status.CANCELLED)


class Charging:
    """Looks after tabs on which energy flows.

    Args:
        desk: What all parts work with.
        asking: Asks for holds.
        meter: Answers how the session at an EVSE stands.
        stop: Told that a session must end.
    """

    def __init__(
        self,
        desk: Desk,
        asking: Asking,
        meter: Callable[[str], Metered | None],
        stop: Callable[[str, Why], None],
    ) -> None:
        self._desk = desk
        self._asking = asking
        self._meter = meter
        self._stop = stop
        self._timers: dict[str, Timer] = {}
        self._stopped: set[str] = set()
        self.limits = Limits(desk, meter, self.stop)
        self.expiring: Callable[[Tab], None] = self.renew

    def follow(self, tab: Tab) -> None:
        """More is known of a tab's payments, or its session began; within a step."""
        if any(pay.status is Status.HELD for pay in tab.pays):
            self._desk.after(lambda: self.arm(tab))
        elif tab.pays and all(pay.step is None for pay in tab.pays):
            last = tab.pays[-1]
            if last.status in _UNEXPECTED:
                self._again(tab, Why.EXPIRY)
            elif last.status is Status.REFUSED and last.kind is Kind.RENEWAL:
                self.stop(tab, Why.EXPIRY)
            elif last.status is Status.REFUSED and tab.grounds is Grounds.SILENCE:
                self.stop(tab, Why.DECLINED)

    def arm(self, tab: Tab) -> None:
        """Watch the hold's amount and its end."""
        if tab.phase is not Phase.CHARGING:
            return
        self.limits.watch(tab)
        before_s = min((pay.before_s for pay in tab.pays if pay.status is Status.HELD), default=inf)
        self._forget_timer(tab)
        if not isinf(before_s):
            at_s = before_s - self._desk.policy.reauthorise_before_s
            self._timers[tab.name] = self._desk.clock.call_at(at_s, lambda: self.expiring(tab))

    def renew(self, tab: Tab) -> None:
        """A hold will end before the session does; within a step."""
        last = tab.pays[-1]
        if last.step is None and last.status is Status.HELD:
            self._again(tab, Why.EXPIRY)

    def stop(self, tab: Tab, why: Why) -> None:
        """Ask for the end of a session, once."""
        if tab.name not in self._stopped:
            self._stopped.add(tab.name)
            self._desk.after(lambda: self._stop(tab.wish.evse, why))

    def ended(self, tab: Tab) -> None:
        """The session is over: nothing is watched any more."""
        self.limits.forget(tab)
        self._forget_timer(tab)
        self._stopped.discard(tab.name)

    def _again(self, tab: Tab, why: Why) -> None:
        """Take what was used so far, and hold anew; where the card is not saved, the session must end."""
        policy = self._desk.policy
        if policy.at_expiry is AtExpiry.STOP or not tab.wish.customer.instrument.customer:
            self.stop(tab, why)
            return
        for pay in tab.pays:
            if pay.step is None and pay.status is Status.HELD:
                self._take_so_far(tab, pay)
        self._asking.hold(tab, Kind.RENEWAL, self._asking.hold_minor(tab))

    def _take_so_far(self, tab: Tab, pay: Pay) -> None:
        now = self._meter(tab.wish.evse)
        if now is None:
            return  # not known: the hold stays for the end of the session, if that comes first
        desk, wish = self._desk, tab.wish
        bill = desk.pricers[wish.tariff].running(now.measured)
        taken_minor = sum(other.captured_minor for other in tab.pays)
        amount_minor = min(bill.amount_minor - taken_minor, pay.open_hold_minor)
        if amount_minor <= 0:
            desk.decide(pay, Purpose.CANCEL)
            return
        so_far = Sale(
            tab.session, wish.customer.driver, wish.operator, wish.authority, tab.currency,
            bill.amount_minor, bill.tax_minor, desk.policy.platform_pct,
        )  # fmt: skip
        desk.decide(pay, Purpose.CAPTURE, amount_minor, so_far.parts_of(amount_minor).platform_minor)

    def _forget_timer(self, tab: Tab) -> None:
        timer = self._timers.pop(tab.name, None)
        if timer is not None:
            timer.cancel()
