"""What a kilowatt-hour costs when: a flat price, or windows of civil time.

Civil time exists here and in reports only. A tariff is compiled once per run into a schedule over
simulated seconds, so that pricing a session is a look-up.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from twin.domain.money import digits

EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWindow:
    """A price for some hours of some days; `start` after `end` runs past midnight.

    A window that runs past midnight belongs to the day on which it begins.
    """

    start: time
    end: time
    """Excluded; 00:00 is midnight at the end of the day."""
    days: frozenset[int] = EVERY_DAY
    """0 is Monday."""
    price_per_kwh: Decimal

    def covers(self, civil: datetime) -> bool:
        """Whether a civil instant lies in the window."""
        now = civil.timetz().replace(tzinfo=None)
        today, yesterday = civil.weekday() in self.days, (civil.weekday() - 1) % 7 in self.days
        if self.start < self.end:
            return today and self.start <= now < self.end
        return (today and now >= self.start) or (yesterday and now < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price per kWh of a site, tax included, by time of use: the first window that covers wins."""

    id: str
    currency: str
    price_per_kwh: Decimal
    windows: tuple[PriceWindow, ...] = ()

    @property
    def digits(self) -> int:
        """Decimals of the currency's minor unit."""
        return digits(self.currency)

    def price_at(self, civil: datetime) -> Decimal:
        """Price per kWh at a civil instant of the location."""
        return next((w.price_per_kwh for w in self.windows if w.covers(civil)), self.price_per_kwh)


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """A tariff over one run: price `prices[i]` holds from `starts_s[i]` until the next start."""

    tariff: Tariff
    starts_s: tuple[float, ...]
    prices: tuple[Decimal, ...]

    def at(self, t_s: float) -> Decimal:
        """Price per kWh at `t_s` >= 0."""
        return self.prices[bisect_right(self.starts_s, t_s) - 1]

    def changes_between(self, start_s: float, end_s: float) -> bool:
        """Whether the price changes strictly inside (start_s, end_s)."""
        return bisect_left(self.starts_s, end_s) > bisect_right(self.starts_s, start_s)

    @property
    def changes_s(self) -> tuple[float, ...]:
        """Instants within the run at which the price changes, ascending, without the start."""
        return self.starts_s[1:]


def schedule(tariff: Tariff, epoch: datetime, horizon_s: float, time_zone: str) -> PriceSchedule:
    """Compile a tariff for a run.

    Edges are tried on every civil day of the run and at every change of the zone's offset, and the price
    is judged at the instant itself, so that days of 23 and 25 hours come out right.

    Args:
        tariff: What is charged.
        epoch: Start of the run, aware.
        horizon_s: Length of the run.
        time_zone: IANA name of the location's zone.
    """
    zone = ZoneInfo(time_zone)
    start = epoch.astimezone(UTC)
    edges = {time(0), *(t for w in tariff.windows for t in (w.start, w.end))}
    candidates = {0.0}
    day = epoch.astimezone(zone).date()
    while (midnight := _seconds(day, time(0), zone, start)) < horizon_s:
        # An edge in the hour that autumn repeats comes twice.
        candidates.update(_seconds(day, edge.replace(fold=f), zone, start) for edge in edges for f in (0, 1))
        candidates.update(_offset_changes(midnight, start, zone))
        day += timedelta(days=1)
    starts: list[float] = []
    prices: list[Decimal] = []
    for t_s in sorted(c for c in candidates if 0.0 <= c < horizon_s):
        price = tariff.price_at((start + timedelta(seconds=t_s)).astimezone(zone))
        if not prices or price != prices[-1]:
            starts.append(t_s)
            prices.append(price)
    return PriceSchedule(tariff, tuple(starts), tuple(prices))


def _seconds(day: date, at: time, zone: ZoneInfo, start: datetime) -> float:
    return (datetime.combine(day, at, zone).astimezone(UTC) - start).total_seconds()


def _offset_changes(midnight_s: float, start: datetime, zone: ZoneInfo) -> list[float]:
    """Changes of the zone's offset within the day that begins at `midnight_s`, to the quarter hour."""
    quarters = [midnight_s + 900.0 * k for k in range(101)]
    offsets = [(start + timedelta(seconds=q)).astimezone(zone).utcoffset() for q in quarters]
    return [
        q for q, before, after in zip(quarters[1:], offsets, offsets[1:], strict=False) if before != after
    ]
