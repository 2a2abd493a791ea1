"""May this driver charge? Decides at once where nobody has to be asked, else when the provider has answered, or has not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_UP
from math import ceil, isfinite
from typing import Final

from twin.domain.clock import Timer
from twin.domain.money import digits
from twin.domain.payments import Means, Status
from twin.money.cashier.accounts import Accounts
from twin.money.cashier.desk import Desk
from twin.money.cashier.fold import ENDED
from twin.money.cashier.policy import HoldPolicy, OfflineCards, Outage, Silence
from twin.money.cashier.resolver import Resolver
from twin.money.cashier.tab import Kind, Purpose, Tab
from twin.money.cashier.wish import Decision, Grounds, Wish

GRANTING: Final = frozenset((
    Grounds.HELD, Grounds.ACCOUNT, Grounds.FREE, Grounds.WHITELIST, Grounds.HOPE, Grounds.FREE_VEND, Grounds.UNASKED,
))  # fmt: skip
HOUR_S: Final = 3_600.0


class Asking:
    """Authorises.

    Args:
        desk: What all parts work with.
        resolver: Looks up what is in doubt.
        accounts: Who pays by bill.
        decided: Told every answer.
    """

    def __init__(
        self, desk: Desk, resolver: Resolver, accounts: Accounts, decided: Callable[[Decision], None]
    ) -> None:
        self._desk = desk
        self._resolver = resolver
        self._accounts = accounts
        self._decided = decided
        self._timers: dict[str, Timer] = {}
        self._free: dict[str, bool] = {}
        self.late: Callable[[Tab], None] = self.lose_patience
        """Called when patience is over."""

    def open(self, wish: Wish) -> Tab:
        """Open a tab; within a step.

        Raises:
            ValueError: The tariff is unknown, or a number of the wish is none.
        """
        desk = self._desk
        pricer = desk.pricers.get(wish.tariff)
        if pricer is None:
            raise ValueError(
                f"{wish.evse}: no tariff {wish.tariff!r}, only {', '.join(sorted(desk.pricers)) or 'none'}"
            )
        numbers = {"max_w": wish.max_w, "battery_wh": wish.battery_wh, "stay_s": wish.stay_s}
        for name, value in numbers.items():
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"{wish.evse}: {name} is {value}: must be finite and not negative")
        name = f"{wish.evse}#{desk.memory.asked.get(wish.evse, 0) + 1}"
        desk.do("asked", name, wish, pricer.tariff.currency)
        return desk.memory.tabs[name]

    def begin(self, tab: Tab) -> None:
        """Decide at once, or ask the provider for a hold; within a step."""
        wish = tab.wish
        driver, instrument = wish.customer
        account = instrument.means is Means.ACCOUNT
        if account:
            self._accounts.meet(driver, instrument, can_ask=not wish.offline)
        if wish.offline:
            self.decide(tab, self._offline(tab))
        elif account:
            self.decide(tab, Grounds.BLOCKED if self._accounts.blocked(driver) else Grounds.ACCOUNT)
        elif (amount_minor := self.hold_minor(tab)) == 0:
            self.decide(tab, Grounds.FREE)
        else:
            self.hold(tab, Kind.HOLD, amount_minor)
            self.wait(tab)

    def hold(self, tab: Tab, kind: Kind, amount_minor: int) -> None:
        """Ask the provider for a hold on a tab."""
        desk, wish = self._desk, tab.wish
        name = f"{tab.name}.{len(tab.pays) + 1}"
        incremental = desk.policy.hold is HoldPolicy.INCREMENTAL
        desk.do(
            "opened", name, kind, tab.name, wish.customer.driver, wish.operator, tab.currency, incremental
        )
        desk.decide(desk.memory.pays[name], Purpose.HOLD, amount_minor)

    def hold_minor(self, tab: Tab) -> int:
        """Return how much is held by the policy; 0: the tariff can cost nothing."""
        policy, wish = self._desk.policy, tab.wish
        if self._is_free(wish.tariff):
            return 0
        amount_minor = policy.hold_minor
        if policy.hold is HoldPolicy.TARIFF and wish.battery_wh is not None:
            stay_s = policy.stay_h * HOUR_S if wish.stay_s is None else wish.stay_s
            pricer = self._desk.pricers[wish.tariff]
            worst = pricer.worst(ceil(wish.battery_wh), stay_s, self._desk.unix_ms())
            whole = worst.scaleb(digits(tab.currency)).to_integral_value(ROUND_UP)
            amount_minor = max(int(whole), policy.hold_least_minor)
        return whole_steps(amount_minor, tab.currency)

    def wait(self, tab: Tab) -> None:
        """Let the driver wait for the provider, for as long as patience lasts."""
        policy = self._desk.policy
        action = bool(tab.pays) and tab.pays[-1].status is Status.ACTION
        until_s = tab.asked_s + (policy.action_patience_s if action else policy.patience_s)
        self._stop_waiting(tab)
        self._timers[tab.name] = self._desk.clock.call_at(until_s, lambda: self.late(tab))

    def judge(self, tab: Tab) -> None:
        """Decide if the provider has answered."""
        pay = tab.pays[-1]
        if pay.status is Status.HELD:
            self.decide(tab, Grounds.HELD)
        elif pay.status is Status.ACTION:
            self.wait(tab)
            self._resolver.poll(pay)
        elif pay.status is Status.REFUSED or pay.status in ENDED:
            self.decide(tab, Grounds.DECLINED, pay.code or pay.status.value)

    def lose_patience(self, tab: Tab) -> None:
        """Patience is over: outage or silence decides."""
        policy, pay = self._desk.policy, tab.pays[-1]
        if pay.status is Status.ACTION:
            self.decide(tab, Grounds.DECLINED, "authentication_required")
        elif self._resolver.failing(pay):
            self.decide(tab, Grounds.FREE_VEND if policy.outage is Outage.FREE_VEND else Grounds.OUTAGE)
        else:
            self.decide(tab, Grounds.SILENCE, granted=policy.silence is Silence.ALLOW)

    def decide(self, tab: Tab, grounds: Grounds, code: str = "", *, granted: bool | None = None) -> None:
        """Answer; within a step."""
        self._stop_waiting(tab)
        self._desk.do("decided", tab.name, grounds in GRANTING if granted is None else granted, grounds, code)
        self._desk.after(lambda: self.tell(tab))

    def tell(self, tab: Tab) -> None:
        """Tell the answer."""
        assert tab.grounds is not None, tab.name
        self._decided(Decision(tab.name, tab.wish.evse, tab.granted, tab.grounds, tab.code, tab.latency_s))

    def leave(self, tab: Tab) -> None:
        """The driver waits no more; within a step."""
        self._stop_waiting(tab)
        self._desk.do("gone", tab.name)

    def begun(self, tab: Tab) -> None:
        """Energy flows: who was not let in yet has charged unasked. Within a step."""
        self._stop_waiting(tab)
        if tab.grounds is None:
            driver, instrument = tab.wish.customer
            if instrument.means is Means.ACCOUNT:
                self._accounts.meet(driver, instrument, can_ask=True)
            self._desk.do("decided", tab.name, True, Grounds.UNASKED, "")

    def _is_free(self, name: str) -> bool:
        """Whether a tariff can cost nothing, found once."""
        free = self._free.get(name)
        if free is None:
            tariff = self._desk.pricers[name].tariff
            priced = (c.price or c.dynamic for element in tariff.elements for c in element.components)
            least = tariff.min_price.incl or tariff.min_price.excl
            free = self._free[name] = not any(priced) and not least
        return free

    def _offline(self, tab: Tab) -> Grounds:
        """What a station decides that cannot ask."""
        if tab.wish.customer.instrument.means is Means.ACCOUNT:
            known = tab.wish.customer.driver in self._desk.memory.whitelist
            return Grounds.WHITELIST if known else Grounds.OFFLINE
        return Grounds.HOPE if self._desk.policy.offline_cards is OfflineCards.HOPE else Grounds.OFFLINE

    def _stop_waiting(self, tab: Tab) -> None:
        timer = self._timers.pop(tab.name, None)
        if timer is not None:
            timer.cancel()


def whole_steps(amount_minor: int, currency: str) -> int:
    """Round a hold up to what providers can charge: currencies of three decimals in steps of ten."""
    return -(-amount_minor // 10) * 10 if digits(currency) == 3 else amount_minor
