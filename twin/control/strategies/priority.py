"""Priority rules: sort, then give each session in turn the most that the shared limits allow.

All three break ties by arrival, then by row; put sessions that have got the energy that was asked for
last, by arrival, and serve them from what is left; and never give more than delivers the missing energy
by the end of the interval, rounded up to the smallest pilot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from twin.control.strategies.lazy import allocate
from twin.control.strategies.options import check_positive
from twin.domain.views import FleetView, Plan
from twin.units import SECONDS_PER_HOUR, wh_from_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstComeFirstServed:
    """Who came first is served first, with the most that fits.

    Needs to know nothing of departures or energies; a session of unknown energy keeps its place until
    its car stops.

    Attributes:
        uninterrupted: First give the smallest pilot (6 A) to as many as possible, in order, then raise in
            order: nobody who charges is paused for one who is more urgent, while 6 A for all fit.
        follow_draw: Leave a car whose battery takes less than it may only 1 A more than it draws (at DC
            5 % of the rating), so that others can use the rest.

    Source: SortedSchedulingAlgo with first_come_first_served of ACN-Sim (Lee et al., IEEE Trans. Smart
    Grid 12(6), 2021).
    """

    keeps_limits: ClassVar[bool] = True
    uninterrupted: bool = False
    follow_draw: bool = False

    def plan(self, view: FleetView, _state: Any, /) -> Plan:
        """Fill by arrival."""
        a = allocate()
        limit_w, order = a.fill_ranked(
            view,
            a.ARRIVAL,
            unknown_stay_s=0.0,
            unknown_wh=0.0,
            keep_min=self.uninterrupted,
            follow_draw=self.follow_draw,
        )
        return Plan(limit_w, order)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarliestDeadlineFirst:
    """Who said to leave first is served first, with the most that fits.

    Attributes:
        unknown_stay_h: Stands for an unknown departure: so many hours after the arrival.
        uninterrupted: First give the smallest pilot (6 A) to as many as possible, in order, then raise in
            order: nobody who charges is paused for one who is more urgent, while 6 A for all fit.
        follow_draw: Leave a car whose battery takes less than it may only 1 A more than it draws (at DC
            5 % of the rating), so that others can use the rest.

    Source: SortedSchedulingAlgo with earliest_deadline_first of ACN-Sim (Lee et al., IEEE Trans. Smart
    Grid 12(6), 2021); Liu and Layland, J. ACM 20(1), 1973.
    """

    keeps_limits: ClassVar[bool] = True
    unknown_stay_h: float = 8.0
    uninterrupted: bool = False
    follow_draw: bool = False

    def __post_init__(self) -> None:
        check_positive("unknown_stay_h", self.unknown_stay_h)

    def plan(self, view: FleetView, _state: Any, /) -> Plan:
        """Fill by departure."""
        a = allocate()
        limit_w, order = a.fill_ranked(
            view,
            a.DEPARTURE,
            unknown_stay_s=self.unknown_stay_h * SECONDS_PER_HOUR,
            unknown_wh=0.0,
            keep_min=self.uninterrupted,
            follow_draw=self.follow_draw,
        )
        return Plan(limit_w, order)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastLaxityFirst:
    """Who can least afford to wait is served first, with the most that fits.

    Laxity is the time until departure less the time that the missing energy takes at full power: how
    long a session can be paused and still be finished. Negative: it cannot be finished any more.

    Attributes:
        relative: Sort by laxity over the time left instead, the share of the time left in which the
            session can be paused: cars that need most of a long stay then come before cars that need
            little of a short one.
        unknown_stay_h: Stands for an unknown departure: so many hours after the arrival.
        unknown_energy_kwh: Stands for an unknown energy, less what was delivered (of 6,878 recorded
            residential sessions three in four took less than 16 kWh).
        uninterrupted: First give the smallest pilot (6 A) to as many as possible, in order, then raise in
            order: nobody who charges is paused for one who is more urgent, while 6 A for all fit.
        follow_draw: Leave a car whose battery takes less than it may only 1 A more than it draws (at DC
            5 % of the rating), so that others can use the rest.

    Source: SortedSchedulingAlgo with least_laxity_first of ACN-Sim (Lee et al., IEEE Trans. Smart Grid
    12(6), 2021); relative: the laxity of datafev, 1 - time at full power / time left.
    """

    keeps_limits: ClassVar[bool] = True
    relative: bool = False
    unknown_stay_h: float = 8.0
    unknown_energy_kwh: float = 15.0
    uninterrupted: bool = False
    follow_draw: bool = False

    def __post_init__(self) -> None:
        check_positive("unknown_stay_h", self.unknown_stay_h)
        check_positive("unknown_energy_kwh", self.unknown_energy_kwh)

    def plan(self, view: FleetView, _state: Any, /) -> Plan:
        """Fill by laxity."""
        a = allocate()
        limit_w, order = a.fill_ranked(
            view,
            a.RELATIVE_LAXITY if self.relative else a.LAXITY,
            unknown_stay_s=self.unknown_stay_h * SECONDS_PER_HOUR,
            unknown_wh=wh_from_kwh(self.unknown_energy_kwh),
            keep_min=self.uninterrupted,
            follow_draw=self.follow_draw,
        )
        return Plan(limit_w, order)
