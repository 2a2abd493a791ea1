"""Times the whole chain of money: drivers ask, hold, charge, are priced, captured and booked. Prints CPU per session.

Sessions come at many EVSEs on a clock that is a heap, with the assumed faults of the simulated provider; the books are
in memory without facts, as in a pure simulation, or in a SQLite file with one commit per tick.
"""

from __future__ import annotations

import argparse
import cProfile
import heapq
import pstats
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import time as civil
from decimal import Decimal
from itertools import count
from math import log
from pathlib import Path

from twin.domain.books import Books
from twin.domain.payments import Instrument, Means
from twin.money.billing.model import (
    Component,
    Dimension,
    Doing,
    Element,
    Measured,
    Period,
    Restrictions,
    Tariff,
    Tax,
)
from twin.money.billing.pricing import Pricer
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import HoldPolicy, Policy
from twin.money.cashier.rows import Row
from twin.money.cashier.wish import Customer, Decision, Metered, Why, Wish
from twin.money.ledger.memory import MemoryBooks
from twin.money.ledger.sql import SqlBooks
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider
from twin.rng import uniforms

YEAR_SESSIONS = 700_000
HOUR_S = 3600.0
MEANS = (Means.TERMINAL, Means.APP, Means.WALLET, Means.ACCOUNT, Means.ACCOUNT)


class _Timer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class Timeline:
    """Implements `domain.clock.Clock`: a heap of callbacks; equal instants in order of creation."""

    epoch_ns = 1_735_689_600_000_000_000

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, _Timer]] = []
        self._count = count()

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> _Timer:
        """See `Clock.call_at`."""
        timer = _Timer(callback)
        heapq.heappush(self._heap, (max(t_s, self.now_s), next(self._count), timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> _Timer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def run_until(self, t_s: float) -> None:
        """Call back whatever is due by then."""
        heap = self._heap
        while heap and heap[0][0] <= t_s:
            self.now_s, _, timer = heapq.heappop(heap)
            if timer.callback is not None:
                timer.callback()
        self.now_s = t_s


def banded() -> Pricer:
    """Dear by day, cheap by night, six euros per hour of idling after four hours."""
    vat = (Tax("VAT", Decimal(19)),)
    day = Element(
        components=(Component(Dimension.ENERGY, Decimal("0.52"), vat),),
        restrictions=Restrictions(start_time=civil(6), end_time=civil(22)),
    )
    night = Element(components=(Component(Dimension.ENERGY, Decimal("0.38"), vat),))
    idle = Element(
        components=(Component(Dimension.PARKING_TIME, Decimal(6), vat),),
        restrictions=Restrictions(min_duration_s=4 * 3600),
    )
    return Pricer(Tariff(id="bands", currency="EUR", elements=(day, night, idle)), "Europe/Berlin")


def flat() -> Pricer:
    """One price."""
    energy = Component(Dimension.ENERGY, Decimal("0.45"), (Tax("VAT", Decimal(19)),))
    return Pricer(
        Tariff(id="flat", currency="EUR", elements=(Element(components=(energy,)),)), "Europe/Berlin"
    )


class Load:
    """Sessions, one after another at every EVSE.

    Args:
        seed: Of everything.
        sessions: How many.
        evses: At how many EVSEs.
        periods: Metered periods of each.
        clock: Time.
    """

    def __init__(self, seed: int, sessions: int, evses: int, periods: int, clock: Timeline) -> None:
        self.cashier: Cashier
        self.begun = 0
        self._seed, self._left, self._periods, self._clock = seed, sessions, periods, clock
        self._nth = 0
        self._at: dict[str, tuple[str, float, float, float]] = {}
        """By EVSE: session, its start (0: not yet), power, how long it lasts."""
        for k in range(evses):
            clock.call_at(k * 43.0, lambda k=k: self.come(f"site/evse-{k}"))  # type: ignore[misc]

    @property
    def idle(self) -> bool:
        """Whether everybody has come and gone."""
        return not self._left and not self._at

    def come(self, evse: str) -> None:
        """The next driver."""
        if not self._left:
            return
        self._left -= 1
        self._nth += 1
        draws = uniforms(self._seed, "bench", self._nth)
        means = MEANS[int(draws[0] * len(MEANS))]
        driver = f"d{int(draws[1] * 20_000)}"
        wish = Wish(
            evse, f"op{int(draws[2] * 5)}", Customer(driver, Instrument(means, f"pm-{driver}")),
            "bands" if draws[3] < 0.5 else "flat", 11_000.0, 60_000.0,
        )  # fmt: skip
        self._at[evse] = (
            f"s{self._nth}",
            0.0,
            2_000.0 + 9_000.0 * draws[4],
            60.0 - 3 * HOUR_S * log(1 - draws[5]),
        )
        self.cashier.ask(wish)

    def decided(self, decision: Decision) -> None:
        """Let in, or sent away."""
        evse = decision.evse
        if not decision.granted:
            self._at.pop(evse, None)
            self._clock.call_later(HOUR_S, lambda: self.come(evse))
            return
        self._clock.call_later(20.0, lambda: self.start(evse))

    def start(self, evse: str) -> None:
        """Energy flows."""
        self.begun += 1
        name, _, power_w, stay_s = self._at[evse]
        self._at[evse] = (name, self._clock.now_s, power_w, stay_s)
        self._clock.call_later(stay_s, lambda: self.end(evse, name))
        self.cashier.started(evse, name)

    def end(self, evse: str, name: str) -> None:
        """Energy flows no more; nothing happens where it does not flow."""
        if evse in self._at and self._at[evse][0] == name:
            measured = self.measured(evse)
            del self._at[evse]
            self.cashier.ended(name, measured, sum(int(period.energy_wh) for period in measured.periods))
            self._clock.call_later(HOUR_S, lambda: self.come(evse))

    def measured(self, evse: str) -> Measured:
        """Up to now, in equal periods; the last quarter idles."""
        _, start_s, power_w, _ = self._at[evse]
        n = self._periods
        start_ms = self._clock.epoch_ns // 1_000_000 + round(start_s * 1000)
        lasts_ms = max(round((self._clock.now_s - start_s) * 1000), n)
        each_wh = int(power_w * lasts_ms / 3_600_000 / n)
        charging = 3 * n // 4 or 1
        return Measured(
            periods=[
                Period(start_ms + k * lasts_ms // n, each_wh if k < charging else 0, Doing.CHARGING if k < charging else Doing.PARKING)
                for k in range(n)
            ],
            end_ms=start_ms + lasts_ms,
        )  # fmt: skip

    def stop(self, evse: str, _why: Why) -> None:
        """The hold is used up."""
        if evse in self._at:
            name = self._at[evse][0]
            self._clock.call_later(1.0, lambda: self.end(evse, name))

    def meter(self, evse: str) -> Metered | None:
        """Now."""
        if evse not in self._at or not self._at[evse][1]:
            return None
        measured = self.measured(evse)
        return Metered(self._clock.now_s, float(sum(int(p.energy_wh) for p in measured.periods)), measured)


class Chain:
    """Everything put together.

    Args:
        options: Of the command line.
        books: Where to.
    """

    def __init__(self, options: argparse.Namespace, books: Books) -> None:
        self.books = books
        self.rows: Counter[str] = Counter()
        self._tick_s = options.tick_s
        self.clock = Timeline()
        provider = SimulatedProvider(self.clock, seed=options.seed, faults=Faults())
        self.load = Load(options.seed, options.sessions, options.evses, options.periods, self.clock)
        policy = Policy(
            hold=HoldPolicy.TARIFF if options.tariff_hold else HoldPolicy.FIXED, platform_pct=Decimal(10)
        )
        self.cashier = self.load.cashier = Cashier(
            policy, self.clock, provider, books, {"bands": banded(), "flat": flat()},
            decided=self.load.decided, stop=self.load.stop, meter=self.load.meter, sink=self.take,
            keep_facts=options.sqlite,
        )  # fmt: skip

    def take(self, row: Row) -> None:
        """Count rows."""
        self.rows[type(row).__name__] += 1

    def run(self) -> None:
        """Tick by tick, one commit each; a month's bills every 30 days."""
        k, month = 0, 0
        while not self.load.idle:
            k += 1
            with self.books.atomic():
                self.clock.run_until(k * self._tick_s)
                if self.clock.now_s >= (month + 1) * 30 * 24 * HOUR_S:
                    month += 1
                    self.cashier.close_month(f"month {month}")
        with self.books.atomic():
            self.cashier.close_month("the last one")
        for _ in range(24):
            k += 1
            with self.books.atomic():
                self.clock.run_until(k * self._tick_s + HOUR_S)
        with self.books.atomic():
            self.cashier.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--evses", type=int, default=1000)
    parser.add_argument("--periods", type=int, default=12)
    parser.add_argument("--tick-s", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tariff-hold", action="store_true", help="hold what filling the battery may cost")
    parser.add_argument("--sqlite", action="store_true", help="keep the books, with facts, in a SQLite file")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        memory = MemoryBooks(keep_facts=False)
        sql = SqlBooks(f"sqlite:///{Path(folder) / 'books.db'}") if options.sqlite else None
        chain = Chain(options, sql or memory)
        profile = cProfile.Profile()
        began_s = time.process_time()
        if options.profile:
            profile.runcall(chain.run)
        else:
            chain.run()
        spent_s = time.process_time() - began_s
        if sql is not None:
            sql.close()
    us = 1e6 * spent_s / chain.load.begun
    print(f"books                {'SQLite' if options.sqlite else 'memory'}")
    print(
        f"sessions             {chain.load.begun:,} of {options.sessions:,} wishes, {options.periods} periods each"
    )
    print(f"CPU per session      {us:.0f} us")
    print(f"a year of {YEAR_SESSIONS:,}   {us * YEAR_SESSIONS / 1e6:.0f} s of CPU")
    print(f"rows                 {dict(chain.rows)}")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
