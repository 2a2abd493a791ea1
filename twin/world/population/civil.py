"""Civil time: what a clock on the wall shows, and which instants that can mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np

from twin.domain.ids import Vector
from twin.units import SECONDS_PER_DAY


def instants(wall: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Return the instants (UTC, ascending) at which a wall clock in `zone` shows `wall`.

    None in the hour that is skipped in spring, two in the hour that is repeated in autumn.
    """
    both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return tuple(sorted(t for t in both if t.astimezone(zone).replace(tzinfo=None) == wall))


class CivilClock:
    """Seconds of a run to seconds of a wall clock and back, for whole columns at once.

    Wall seconds count from the Monday 00:00 (by the wall clock) of the week in which `start` lies, so that
    `wall // 3600 % 168` is the hour of the week and `wall // 86400` the civil day.
    """

    def __init__(self, start: datetime, zone: tzinfo, first_s: float, last_s: float) -> None:
        """Prepare the clock.

        Args:
            start: Instant of second 0, aware.
            zone: Whose wall clock.
            first_s: Earliest second that will be asked for.
            last_s: Latest second that will be asked for.
        """
        origin = start.astimezone(UTC)
        local = start.astimezone(zone).replace(tzinfo=None)
        monday = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=local.weekday())
        self._shift_s = (origin.replace(tzinfo=None) - monday).total_seconds()
        self._changes_s, self._offset_s = _offsets(origin, zone, first_s, last_s)

    def wall(self, t_s: Vector) -> Vector:
        """Wall seconds of run seconds."""
        return np.asarray(t_s + self._shift_s + self._offset_at(t_s))

    def run(self, wall_s: Vector) -> Vector:
        """Run seconds of wall seconds: the earlier of two, and past the gap where there is none."""
        guess = wall_s - self._shift_s
        early = guess - self._offset_at(guess - SECONDS_PER_DAY)
        late = guess - self._offset_at(guess + SECONDS_PER_DAY)
        # Away from a change both agree. Near one, `early` has the offset before it and `late` the one after it;
        # in the gap of spring neither is right, and `early` lies as far behind the gap as asked into it.
        only_late = (np.abs(self.wall(early) - wall_s) > 1e-6) & (np.abs(self.wall(late) - wall_s) <= 1e-6)
        return np.where(only_late, late, early)

    def _offset_at(self, t_s: Vector) -> Vector:
        return self._offset_s[np.searchsorted(self._changes_s, t_s, side="right")]


def _offsets(origin: datetime, zone: tzinfo, first_s: float, last_s: float) -> tuple[Vector, Vector]:
    """Return the instants at which the offset of `zone` changes, and the offsets between them, in seconds."""
    changes: list[float] = []
    margin = 2 * SECONDS_PER_DAY
    day = (first_s - margin) // SECONDS_PER_DAY * SECONDS_PER_DAY
    offsets = [_offset(origin, zone, day)]
    while day < last_s + margin:
        end = _offset(origin, zone, day + SECONDS_PER_DAY)
        if end != offsets[-1]:
            changes.append(_change_s(origin, zone, day, end))
            offsets.append(end)
        day += SECONDS_PER_DAY
    return np.array(changes), np.array(offsets)


def _change_s(origin: datetime, zone: tzinfo, day_s: float, after_s: float) -> float:
    """Return the first second of the day from which the offset is `after_s`, by halving."""
    before, after = int(day_s), int(day_s + SECONDS_PER_DAY)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(origin, zone, middle) == after_s:
            after = middle
        else:
            before = middle
    return float(after)


def _offset(origin: datetime, zone: tzinfo, t_s: float) -> float:
    offset = (origin + timedelta(seconds=t_s)).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
