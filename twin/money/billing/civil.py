"""Civil time of a location: which windows of days and hours hold when, through both changes of the clock.

A window is judged by what the clock on the wall shows at an instant. So 02:00 to 03:00 does not exist on the day in
spring that has no such hour, lasts two hours on the day in autumn that has it twice, and a window that would begin
within the missing hour begins when the clock jumps over it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin.money.billing.errors import PricingError
from twin.money.billing.model import Restrictions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_MIDNIGHT = time(0)


def zone_of(name: str) -> ZoneInfo:
    """Look a zone up by its IANA name.

    Raises:
        PricingError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise PricingError([f"{name!r} is not a time zone: write one of IANA, as Europe/Berlin"]) from None


def instant(at_ms: int, zone: ZoneInfo) -> datetime:
    """Civil date and time at an instant of Unix time, exact to the millisecond."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def unix_ms(at: datetime) -> int:
    """Unix time of an aware instant in milliseconds, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


class Window(NamedTuple):
    """The civil part of an element's restrictions: all of them hold, each on its own (a logical AND).

    A window past midnight with days holds on each of these days from midnight to its end and from its start to
    midnight: OCPI 2.2.1 restricts the day by itself, not the day on which the window began.
    """

    start_time: time | None
    end_time: time | None
    start_date: date | None
    end_date: date | None
    days: frozenset[int] | None

    def holds(self, civil: datetime) -> bool:
        """Whether the wall clock shows a time inside."""
        day = civil.date()
        if (self.start_date and day < self.start_date) or (self.end_date and day >= self.end_date):
            return False
        if self.days is not None and civil.weekday() not in self.days:
            return False
        now = civil.timetz().replace(tzinfo=None, fold=0)
        start, end = self.start_time or _MIDNIGHT, self.end_time or _MIDNIGHT
        if end == _MIDNIGHT:
            return now >= start
        return start <= now < end if start <= end else now >= start or now < end


def window(restrictions: Restrictions) -> Window:
    """Civil part of an element's restrictions."""
    r = restrictions
    return Window(r.start_time, r.end_time, r.start_date, r.end_date, r.days)


ALWAYS = window(Restrictions())


class Civil:
    """Which of a tariff's windows hold when: masks with bit i set where window i holds, day by day, kept."""

    def __init__(self, windows: Sequence[Window], zone: ZoneInfo) -> None:
        self._windows = windows
        self._zone = zone
        self._edges = sorted({_MIDNIGHT, *(t for w in windows for t in (w.start_time, w.end_time) if t)})
        self._days: dict[int, tuple[list[int], list[int]]] = {}

    def mask(self, at_ms: int) -> int:
        """Windows that hold at an instant."""
        starts, masks = self._day(at_ms // _DAY_MS)
        return masks[bisect_right(starts, at_ms) - 1]

    def switches(self, start_ms: int, end_ms: int) -> list[int]:
        """Instants within (start_ms, end_ms) at which some window begins or ends to hold."""
        found: list[int] = []
        last = self.mask(start_ms)
        for day in range(start_ms // _DAY_MS, (end_ms - 1) // _DAY_MS + 1):
            for at_ms, mask in zip(*self._day(day), strict=True):
                if start_ms < at_ms < end_ms and mask != last:
                    found.append(at_ms)
                    last = mask
        return found

    def _day(self, day: int) -> tuple[list[int], list[int]]:
        """Return switching instants of one day of UTC, from its first millisecond on, with the masks from then on."""
        known = self._days.get(day)
        if known is None:
            starts: list[int] = []
            masks: list[int] = []
            for at_ms in self._candidates(day * _DAY_MS):
                mask = self._judge(at_ms)
                if not masks or mask != masks[-1]:
                    starts.append(at_ms)
                    masks.append(mask)
            known = self._days[day] = starts, masks
        return known

    def _judge(self, at_ms: int) -> int:
        civil = instant(at_ms, self._zone)
        return sum(1 << i for i, w in enumerate(self._windows) if w is ALWAYS or w.holds(civil))

    def _candidates(self, start_ms: int) -> list[int]:
        """Return every instant of a day of UTC at which a window could switch."""
        end_ms = start_ms + _DAY_MS
        first, last = (instant(ms, self._zone).date() for ms in (start_ms, end_ms))
        dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        found = {start_ms, *clock_changes(start_ms, end_ms, self._zone)}
        # An edge in the hour that autumn repeats comes twice.
        found.update(
            unix_ms(datetime.combine(day, edge.replace(fold=fold), self._zone))
            for day in dates
            for edge in self._edges
            for fold in (0, 1)
        )
        return sorted(ms for ms in found if start_ms <= ms < end_ms)


def clock_changes(start_ms: int, end_ms: int, zone: ZoneInfo) -> list[int]:
    """Instants within (start_ms, end_ms] at which the zone's offset from UTC changes, to the millisecond."""
    changes = []
    for before in range(start_ms, end_ms, _HOUR_MS):
        after = min(before + _HOUR_MS, end_ms)
        offset = instant(before, zone).utcoffset()
        if instant(after, zone).utcoffset() == offset:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if instant(middle, zone).utcoffset() == offset:
                before = middle  # noqa: PLW2901 -- the bisection narrows the hour
            else:
                after = middle
        changes.append(after)
    return changes
