"""When may the running cost reach the hold? Looks at a session as seldom as is safe, and never too late.

A first look is put off for as long as even the dearest price of the tariff at full power could not use up the hold: most
sessions end before it. From then on the price itself bounds what lies ahead, and looks come closer, down to the period.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import ceil, inf
from typing import Final

from twin.domain.clock import Timer
from twin.domain.money import from_minor
from twin.domain.payments import Status
from twin.money.billing.model import Component, Dimension, Tariff
from twin.money.billing.rates import tax_factor
from twin.money.cashier.desk import Desk
from twin.money.cashier.policy import AtHold, HoldPolicy
from twin.money.cashier.tab import Phase, Purpose, Tab
from twin.money.cashier.wish import Metered, Why

_MS_PER_S: Final = 1000
_LONGEST_S: Final = 7 * 86_400.0
_HOUR_S: Final = 3_600.0


class Limits:
    """Watches holds.

    Args:
        desk: What all parts work with.
        meter: Answers how the session at an EVSE stands.
        stop: Asks for the end of a session.
    """

    def __init__(
        self, desk: Desk, meter: Callable[[str], Metered | None], stop: Callable[[Tab, Why], None]
    ) -> None:
        self._desk = desk
        self._meter = meter
        self._stop = stop
        self._timers: dict[str, Timer] = {}
        self._dearest: dict[str, tuple[Decimal, Decimal, Decimal]] = {}

    def watch(self, tab: Tab) -> None:
        """Begin, or begin anew because the hold is another: looks when the hold may be reached first."""
        policy = self._desk.policy
        if policy.at_hold is AtHold.OVERRUN and policy.hold is not HoldPolicy.INCREMENTAL:
            return
        cover_minor = cover(tab)
        if not cover_minor:
            return
        self._look_in(tab, self._safe_s(tab, cover_minor) - (self._desk.clock.now_s - tab.begun_s))

    def forget(self, tab: Tab) -> None:
        """The session is over."""
        timer = self._timers.pop(tab.name, None)
        if timer is not None:
            timer.cancel()

    def _look_in(self, tab: Tab, delay_s: float) -> None:
        self.forget(tab)
        delay_s = max(delay_s, 0.0)
        if delay_s < inf:
            self._timers[tab.name] = self._desk.clock.call_later(delay_s, lambda: self.look(tab))

    def look(self, tab: Tab) -> None:
        """See whether the hold may be reached within the next period; else when."""
        policy, cover_minor = self._desk.policy, cover(tab)
        if tab.phase is not Phase.CHARGING or not cover_minor:
            return
        now = self._meter(tab.wish.evse)
        if now is None:
            self._look_in(tab, policy.watch_period_s)
            return
        limit = from_minor(cover_minor, tab.currency)
        step_s = policy.watch_period_s
        if self._bound(tab, now, step_s) >= limit:
            self._reached(tab)
            return
        while 2 * step_s < _LONGEST_S and self._bound(tab, now, 2 * step_s) < limit:
            step_s *= 2
        self._look_in(tab, step_s)

    def _bound(self, tab: Tab, now: Metered, ahead_s: float) -> Decimal:
        """Return the most that the session costs if it goes on for so long."""
        until_ms = now.measured.end_ms + ceil(ahead_s * _MS_PER_S)
        return self._desk.pricers[tab.wish.tariff].at_most(now.measured, until_ms, ceil(tab.wish.max_w))

    def _reached(self, tab: Tab) -> None:
        """The next period may use up the hold: raise it, stop, or let it overrun."""
        policy = self._desk.policy
        raising = [pay for pay in tab.pays if pay.step is not None and pay.step.purpose is Purpose.RAISE]
        fresh = bool(raising) and self._desk.clock.now_s - raising[-1].step_s < policy.watch_period_s
        if fresh or (not raising and self._raise(tab)):
            self._look_in(tab, policy.watch_period_s)
        elif policy.at_hold is AtHold.STOP:
            self._stop(tab, Why.HOLD)

    def _raise(self, tab: Tab) -> bool:
        """Ask for a higher hold where that is granted."""
        policy = self._desk.policy
        if policy.hold is not HoldPolicy.INCREMENTAL:
            return False
        for pay in reversed(tab.pays):
            if pay.status is Status.HELD and pay.known is not None and pay.known.incremental:
                if Purpose.RAISE in pay.barred or pay.step is not None:
                    return False
                with self._desk.step():
                    self._desk.decide(pay, Purpose.RAISE, pay.known.authorised_minor + policy.hold_minor)
                return True
        return False

    def _safe_s(self, tab: Tab, cover_minor: int) -> float:
        """Return for how long from its start no course of a session can cost so much: the dearest of everything."""
        per_kwh, per_hour, once = self._dearest_of(tab.wish.tariff)
        left = from_minor(cover_minor, tab.currency) - once
        per_s = (per_kwh * ceil(tab.wish.max_w) / 1000 + per_hour) / 3600
        if not per_s:
            return inf
        return float(left / per_s) - self._desk.policy.watch_period_s

    def _dearest_of(self, tariff: str) -> tuple[Decimal, Decimal, Decimal]:
        """Return the highest prices with tax: per kWh, per hour, and once (fees, a minimum, nearly a step)."""
        found = self._dearest.get(tariff)
        if found is None:
            found = self._dearest[tariff] = dearest(self._desk.pricers[tariff].tariff)
        return found


def cover(tab: Tab) -> int:
    """Return what a tab may cost in all: what is held, was taken, or is being asked for; 0: nothing covers it."""
    cover_minor = 0
    for pay in tab.pays:
        step = pay.step
        if pay.captured_minor:
            cover_minor += pay.captured_minor
        elif step is not None and step.purpose in (Purpose.CAPTURE, Purpose.HOLD):
            cover_minor += step.amount_minor
        else:
            cover_minor += pay.open_hold_minor
    return cover_minor


def dearest(tariff: Tariff) -> tuple[Decimal, Decimal, Decimal]:
    """Return a tariff's highest prices with tax: per kWh, per hour, and once; the session has no reservation."""
    most = dict.fromkeys(Dimension, Decimal(0))
    step = dict.fromkeys(Dimension, Decimal(0))
    for element in tariff.elements:
        if element.restrictions.reservation is None:
            for component in element.components:
                kind = component.dimension
                price = _with_tax(component, tariff)
                most[kind] = max(most[kind], price)
                step[kind] = max(step[kind], price * component.step_size)
    least = tariff.min_price
    bound = Decimal(0) if least.incl is None else least.incl
    if least.incl is None and least.excl is not None:
        factors = [tax_factor(c.taxes) for e in tariff.elements for c in e.components]
        top = max(factors, default=1)
        bound = least.excl * top.numerator / top.denominator
    per_hour = max(most[Dimension.TIME], most[Dimension.PARKING_TIME])
    steps = step[Dimension.ENERGY] / 1000 + (step[Dimension.TIME] + step[Dimension.PARKING_TIME]) / 3600
    return most[Dimension.ENERGY], per_hour, max(most[Dimension.FLAT] + steps, bound)


def _with_tax(component: Component, tariff: Tariff) -> Decimal:
    price = max((component.price, *(step.price for step in component.dynamic)))
    if tariff.tax_included or price <= 0:
        return max(price, Decimal(0))
    factor = tax_factor(component.taxes)
    return price * factor.numerator / factor.denominator
