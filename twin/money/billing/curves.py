"""A measured session as cumulative curves over time: energy, time charged, time idled.

Energy is taken evenly over a measured period, so the curves are straight between its ends. A register read off the
curve within a period is told to the nanowatt-hour; the sum over the session stays what the meter says.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from operator import lt

from twin.money.billing.errors import PricingError
from twin.money.billing.model import Doing, Measured, Period
from twin.money.billing.rates import NWH

Curve = list[int]


class Curves:
    """A session's curves at `t_ms[k]`: the starts of its periods, then its end.

    Attributes:
        t_ms: (n + 1,) strictly ascending Unix time; alike only where the whole session takes no time.
        energy: (n + 1,) nWh since the start.
        charging: (n + 1,) ms since the start in which the car charged; empty unless asked for.
        parking: (n + 1,) ms since the start in which it idled although it might have charged; empty unless asked for.
        periods: (n,) as measured.
    """

    __slots__ = ("charging", "energy", "parking", "periods", "t_ms")

    def __init__(self, session: Measured, by_doing: bool) -> None:
        """Accumulate a session.

        Raises:
            PricingError: Its meter falls, or its periods do not follow one another.
        """
        periods: Sequence[Period] = session.periods
        starts, energies, doings, _, _ = zip(*periods, strict=True)
        t_ms = [*starts, session.end_ms]
        energy = list(accumulate([e * NWH for e in energies], initial=0))
        if not all(map(lt, t_ms, t_ms[1:])) or type(energy[-1]) is not int or min(energies) < 0:
            problems = wrong(session)
            if problems:
                raise PricingError(problems)
            periods = _without_empty(periods, session.end_ms)
            t_ms = [*(p.start_ms for p in periods), session.end_ms]
            energy = [round(e * NWH) for e in accumulate((p.energy_wh for p in periods), initial=Decimal(0))]
            doings = tuple(p.doing for p in periods)
        self.periods = periods
        self.t_ms: Curve = t_ms
        self.energy: Curve = energy
        self.charging: Curve = []
        self.parking: Curve = []
        if by_doing:
            lasting = [after - before for before, after in pairwise(t_ms)]
            self.charging = _time(lasting, doings, Doing.CHARGING)
            self.parking = _time(lasting, doings, Doing.PARKING)

    @property
    def end_ms(self) -> int:
        """End of the session."""
        return self.t_ms[-1]

    def at(self, curve: Curve, at_ms: int) -> int:
        """Value of one of the curves at an instant of the session, to the nearest unit."""
        t_ms = self.t_ms
        k = bisect_right(t_ms, at_ms) - 1
        if at_ms == t_ms[k] or k + 1 == len(t_ms):
            return curve[k]
        lasts = t_ms[k + 1] - t_ms[k]
        return curve[k] + (2 * (curve[k + 1] - curve[k]) * (at_ms - t_ms[k]) + lasts) // (2 * lasts)

    def reaches(self, curve: Curve, value: int) -> int | None:
        """First whole millisecond at which a curve reaches a value > 0; None where it never does."""
        k = bisect_left(curve, value)
        if k == len(curve):
            return None
        rise, lasts = curve[k] - curve[k - 1], self.t_ms[k] - self.t_ms[k - 1]
        return self.t_ms[k - 1] - (curve[k - 1] - value) * lasts // rise

    def stretch(self, curve: Curve, least: int, most: int) -> tuple[int, int]:
        """When a curve leaves a value, and when it reaches a higher one: ends of the periods that bound the change."""
        return self.t_ms[bisect_right(curve, least) - 1], self.t_ms[bisect_left(curve, most)]


def _time(lasting: list[int], doings: Sequence[Doing], which: Doing) -> Curve:
    return list(
        accumulate(
            [ms if doing is which else 0 for ms, doing in zip(lasting, doings, strict=True)], initial=0
        )
    )


def wrong(session: Measured) -> list[str]:
    """Everything that keeps a session from being priced, in words."""
    problems = []
    periods = session.periods
    ends = [*(p.start_ms for p in periods[1:]), session.end_ms]
    for k, (period, end_ms) in enumerate(zip(periods, ends[: len(periods)], strict=True)):
        energy = period.energy_wh
        if not isinstance(energy, int | Decimal) or not Decimal(energy).is_finite():
            problems.append(f"period {k}: an energy of {energy!r} is neither a whole number nor a decimal")
        elif energy < 0:
            problems.append(f"period {k}: the meter falls by {-energy} Wh")
        if end_ms < period.start_ms:
            follows = "the next period begins" if k + 1 < len(periods) else "the session ends"
            problems.append(f"period {k}: begins at {period.start_ms} ms, but {follows} at {end_ms} ms")
    return problems


def _without_empty(periods: Sequence[Period], end_ms: int) -> list[Period]:
    """Merge periods of no length into their successor, or into the last one: two readings of one instant."""
    kept: list[Period] = []
    carried: int | Decimal = 0
    ends = [*(p.start_ms for p in periods[1:]), end_ms]
    for period, end in zip(periods, ends, strict=True):
        if end > period.start_ms:
            kept.append(period._replace(energy_wh=period.energy_wh + carried))
            carried = 0
        else:
            carried += period.energy_wh
    if not kept:
        return [periods[-1]._replace(energy_wh=carried)]
    kept[-1] = kept[-1]._replace(energy_wh=kept[-1].energy_wh + carried)
    return kept
