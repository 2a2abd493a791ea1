"""When may the running cost reach the hold? Looks at a session as seldom as is safe, and never too late.

A first look is put off for as long as even the dearest price of the tariff at full power could not use up the hold: most
sessions end before it. From then on the price itself bounds what lies ahead, and looks come closer, down to the period.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import ceil, inf
from typing import Final, NamedTuple

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
_HOUR_S: Final = 3_600.0


class Dearest(NamedTuple):
    """The highest prices of a tariff, with tax."""

    per_kwh: Decimal
    per_hour: Decimal
    """Of charging."""
    per_idle_hour: Decimal
    once: Decimal
    """Fees, nearly a step of every dimension; or the least price, if that is more."""


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
        self._dearest: dict[str, Dearest] = {}

    def watch(self, tab: Tab) -> None:
        """Begin, or begin anew because the hold is another: looks when the hold may be reached first."""
        policy = self._desk.policy
        if policy.at_hold is AtHold.OVERRUN and policy.hold is not HoldPolicy.INCREMENTAL:
            return
        cover_minor = cover(tab)
        if not cover_minor:
            return
        lasts_s = self._lasts_s(tab, from_minor(cover_minor, tab.currency)) - policy.watch_period_s
        self._look_in(tab, lasts_s - (self._desk.clock.now_s - tab.begun_s))

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
        period_s = policy.watch_period_s
        left = from_minor(cover_minor, tab.currency) - self._bound(tab, now, period_s)
        if left <= 0:
            self._reached(tab)
        else:
            self._look_in(tab, period_s + max(self._lasts_s(tab, left), 0.0))

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

    def _lasts_s(self, tab: Tab, amount: Decimal) -> float:
        """Return for how long no course of a session can cost so much, all its fees included; negative: not at all."""
        most = self._dearest_of(tab.wish.tariff)
        per_hour = max(most.per_kwh * ceil(tab.wish.max_w) / 1000 + most.per_hour, most.per_idle_hour)
        if not per_hour:
            return inf
        return float((amount - most.once) / per_hour) * _HOUR_S

    def _dearest_of(self, tariff: str) -> Dearest:
        """Return a tariff's highest prices, found once."""
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


def dearest(tariff: Tariff) -> Dearest:
    """Return a tariff's highest prices for a session without a reservation."""
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
    steps = step[Dimension.ENERGY] / 1000 + (step[Dimension.TIME] + step[Dimension.PARKING_TIME]) / 3600
    once = max(most[Dimension.FLAT] + steps, bound)
    return Dearest(most[Dimension.ENERGY], most[Dimension.TIME], most[Dimension.PARKING_TIME], once)


def _with_tax(component: Component, tariff: Tariff) -> Decimal:
    price = max((component.price, *(step.price for step in component.dynamic)))
    if tariff.tax_included or price <= 0:
        return max(price, Decimal(0))
    factor = tax_factor(component.taxes)
    return price * factor.numerator / factor.denominator
