"""Seeded days on a street: drivers of all kinds come, wait, charge, leave, complain; policies and faults are drawn too.

A street tells the cashier what happened, and tells it again when telling failed: so a crash anywhere is survived, as
stations do that repeat what was not answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from twin.domain.books import Reason
from twin.domain.clock import Clock
from twin.domain.payments import Instrument, Means
from twin.money.billing.model import Measured, Period
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import (
    AccountBills,
    AtExpiry,
    AtHold,
    HoldPolicy,
    OfflineCards,
    Outage,
    Policy,
    Rest,
    Silence,
)  # fmt: skip
from twin.money.cashier.wish import Customer, Decision, Metered, Why, Wish
from twin.money.payments.faults import Faults
from twin.rng import stream

DAY_S = 86_400.0
HOUR_S = 3600.0


def drawn_policy(seed: int) -> Policy:
    """Any policy."""
    rng = stream(seed, "policy")

    def one(kind: type) -> object:
        return list(kind)[rng.integers(len(list(kind)))]

    return Policy(
        hold=one(HoldPolicy), hold_minor=int(rng.choice([300, 1500, 6000])), at_hold=one(AtHold), rest=one(Rest),
        outage=one(Outage), silence=one(Silence), offline_cards=one(OfflineCards), at_expiry=one(AtExpiry),
        accounts=one(AccountBills), whitelist_size=int(rng.integers(3)), patience_s=float(rng.choice([5.0, 40.0])),
        action_patience_s=60.0, retry_days=tuple([1.0] * int(rng.integers(3))), block_unpaid=bool(rng.integers(2)),
        capture_every_h=float(rng.choice([0.0, 0.0, 6.0, 24.0])), platform_pct=Decimal(str(rng.choice(["0", "7.5", "33"]))),
        reauthorise_before_s=float(rng.choice([1800.0, 6 * HOUR_S])), keep_days=float(rng.choice([30.0, 200.0])),
    )  # type: ignore[arg-type]  # fmt: skip


def drawn_faults(seed: int) -> Faults:
    """Any provider, most of them dreadful."""
    rng = stream(seed, "faults")
    bad = float(rng.choice([0.02, 0.1, 0.3]))
    return Faults(
        declines={"insufficient_funds": bad, "expired_card": bad / 2, "authentication_required": bad},
        increment_declined=bad, action=bad, action_completed=0.7, latency_s=float(rng.choice([0.0, 0.6, 2.0])),
        latency_p99_s=20.0, request_lost=bad / 2, answer_lost=bad / 2, server_error=bad / 2,
        outages_per_year=float(rng.choice([0.0, 500.0])), outage_s=1800.0,
        bursts_per_year=float(rng.choice([0.0, 500.0])), burst_s=300.0, notice_lost=bad, notice_late=bad,
        notice_doubled=bad, notice_reordered=bad, hold_short=float(rng.choice([0.0, bad])), dispute=bad,
        dispute_days=2.0, dispute_won=0.4, dispute_decided_days=3.0, refund_failed=bad, refund_failed_days=2.0,
        card_removed=bad,
    )  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """What one driver does."""

    name: str
    wish: Wish
    ask_s: float
    walks_in: bool
    """The station lets the driver in without asking."""
    leaves: bool
    """Lets in, and leaves all the same."""
    start_s: float
    """After being let in."""
    stay_s: float
    power_w: float
    deaf: bool
    """The station does not stop when it is asked to."""
    blind: bool
    """Its meter cannot be read while it charges."""
    lost_wh: int
    """What its meter cannot prove."""
    amend_s: float
    """How long after its end another end is told; 0: never."""
    amend_by: float
    refund_s: float
    """How long after its end the office gives something back; 0: never."""
    refund_share: float


MEANS = (Means.TERMINAL, Means.APP, Means.WALLET, Means.ACCOUNT)
TARIFFS = ("flat", "flat", "overstay", "free", "dinar", "yen")


def drawn_visits(seed: int, count: int, days: float, evses: int = 3) -> list[Visit]:
    """Visits of a few days at a few EVSEs; those at one EVSE do not overlap."""
    rng = stream(seed, "visits")
    visits = []
    free_s = [0.0] * evses
    for k in range(count):
        evse = k % evses
        draw = rng.random(12)
        means = MEANS[rng.integers(len(MEANS))]
        driver = f"d{rng.integers(4)}"
        who = Customer(driver, Instrument(means, f"card-{driver}-{means.value}"))
        tariff = TARIFFS[rng.integers(len(TARIFFS))]
        battery = 60_000.0 if draw[0] < 0.7 else None
        wish = Wish(
            f"e{evse}", f"op{rng.integers(2)}", who, tariff, 22_000.0, battery, None, bool(draw[1] < 0.1)
        )
        stay_s = float(np.exp(rng.normal(8.5, 1.2)))
        ask_s = free_s[evse] + float(rng.exponential(days * DAY_S * evses / count / 3))
        free_s[evse] = ask_s + 900.0 + stay_s
        visits.append(
            Visit(
                f"s{k}", wish, ask_s, bool(draw[2] < 0.05), bool(draw[3] < 0.1), float(draw[4] * 500), stay_s,
                float(rng.choice([0.0, 3_700.0, 11_000.0, 22_000.0])), bool(draw[5] < 0.2), bool(draw[6] < 0.1),
                int(draw[7] * 900) if draw[8] < 0.1 else 0, float(rng.exponential(DAY_S)) if draw[9] < 0.2 else 0.0,
                float(rng.uniform(0.5, 1.5)), float(rng.exponential(DAY_S)) if draw[10] < 0.2 else 0.0, float(draw[11]),
            )
        )  # fmt: skip
    return visits


class Street:
    """Lets visits happen. `cashier` may be another one at any time.

    Args:
        clock: Simulated time.
        visits: What happens.
        after: Called after everything that was told.
    """

    def __init__(self, clock: Clock, visits: list[Visit], after: Callable[[], None] = lambda: None) -> None:
        self.cashier: Cashier
        self._clock = clock
        self._after = after
        self._asked: dict[str, Visit] = {}
        """By EVSE: waits for an answer."""
        self._charging: dict[str, tuple[Visit, float]] = {}
        """By EVSE: visit and start."""
        self._untold: deque[Callable[[], object]] = deque()
        self.stops = 0
        self.granted = 0
        self.refused = 0
        self.end_s = max((v.ask_s + 1000 + v.stay_s + v.amend_s + v.refund_s for v in visits), default=0.0)
        for visit in visits:
            clock.call_at(visit.ask_s, lambda visit=visit: self._come(visit))
        for day in range(1, int(self.end_s / DAY_S) + 2):
            clock.call_at(
                day * DAY_S, lambda day=day: self.tell(lambda: self.cashier.close_month(f"day {day}"))
            )

    def tell(self, what: Callable[[], object]) -> None:
        """Tell the cashier, in order; what could not be told is told again by `again`."""
        self._untold.append(what)
        self.again()

    def again(self) -> None:
        """Tell what was not told yet."""
        while self._untold:
            self._untold[0]()
            self._untold.popleft()
        self._after()

    def decided(self, decision: Decision) -> None:
        """The cashier's answer; may come again after a restart."""
        visit = self._asked.pop(decision.evse, None)
        if visit is None:
            return
        self.granted += decision.granted
        self.refused += not decision.granted
        if not decision.granted:
            return
        if visit.leaves:
            self._clock.call_later(
                visit.start_s, lambda: self.tell(lambda: self.cashier.gone(visit.wish.evse))
            )
        else:
            self._clock.call_later(visit.start_s, lambda: self._start(visit, None))

    def stop(self, evse: str, _why: Why) -> None:
        """The cashier wants a session stopped; may come again."""
        self.stops += 1
        visit, _ = self._charging.get(evse, (None, 0.0))
        if visit is not None and not visit.deaf:
            self._clock.call_later(1.0, lambda: self._end(visit))

    def meter(self, evse: str) -> Metered | None:
        """What the meter says now."""
        visit, start_s = self._charging.get(evse, (None, 0.0))
        if visit is None or visit.blind:
            return None
        measured = _measured(visit, start_s, self._clock.now_s, 1.0)
        return Metered(self._clock.now_s, float(measured.periods[0].energy_wh), measured)

    def _come(self, visit: Visit) -> None:
        evse = visit.wish.evse
        if evse in self._charging:
            return  # still there: a session that was not stopped in time
        if visit.walks_in:
            self._start(visit, visit.wish)
            return
        self._asked[evse] = visit
        self.tell(lambda: self.cashier.ask(visit.wish) if evse in self._asked else None)

    def _start(self, visit: Visit, wish: Wish | None) -> None:
        evse = visit.wish.evse
        if evse in self._charging:
            return
        self._charging[evse] = (visit, self._clock.now_s)
        self._clock.call_later(visit.stay_s, lambda: self._end(visit))
        self.tell(lambda: self.cashier.started(evse, visit.name, wish or visit.wish))

    def _end(self, visit: Visit) -> None:
        evse = visit.wish.evse
        current, start_s = self._charging.get(evse, (None, 0.0))
        if current is not visit:
            return
        del self._charging[evse]
        end_s = self._clock.now_s
        if visit.amend_s:
            amend = lambda: self._ended(visit, start_s, end_s, visit.amend_by)  # noqa: E731
            self._clock.call_later(visit.amend_s, lambda: self.tell(amend))
        if visit.refund_s:
            self._clock.call_later(visit.refund_s, lambda: self.tell(lambda: self._refund(visit)))
        self.tell(lambda: self._ended(visit, start_s, end_s, 1.0))

    def _ended(self, visit: Visit, start_s: float, end_s: float, by: float) -> None:
        measured = _measured(visit, start_s, end_s, by)
        energy_wh = int(measured.periods[0].energy_wh)
        self.cashier.ended(visit.name, measured, energy_wh + visit.lost_wh, {Reason.METER: visit.lost_wh})

    def _refund(self, visit: Visit) -> None:
        """The office gives back a part of what may be given back; the same one when it is asked again."""
        most_minor = self.cashier.refundable_minor(visit.name, "sorry")
        amount_minor = int(most_minor * visit.refund_share)
        if amount_minor > 0:
            self.cashier.refund(visit.name, amount_minor, "sorry", "sorry")


def _measured(visit: Visit, start_s: float, end_s: float, by: float) -> Measured:
    start_ms, end_ms = round(start_s * 1000), round(end_s * 1000)
    energy_wh = int(visit.power_w * (end_s - start_s) / 3600 * by)
    return Measured(periods=(Period(start_ms, energy_wh),), end_ms=max(end_ms, start_ms + 1))
