"""One level at a time, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from twin.control.strategies.lazy import allocate
from twin.control.strategies.options import check_one_of, check_positive
from twin.domain.views import FleetView, Plan
from twin.units import SECONDS_PER_HOUR, w_from_kw, wh_from_kwh

Order = Literal["first-come-first-served", "earliest-deadline-first", "least-laxity-first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRobin:
    """Raise every session by one level in turn until nobody can be raised.

    The first level is the smallest pilot (6 A), then one step of the station at a time; who cannot be
    raised leaves the queue with what there is. Where not all can have 6 A, those first in order have it
    at every tick (`equal-share` lets them take turns). Ties by arrival, then by row; sessions that have
    got what was asked for come last; a session gets no more than delivers its missing energy by the end
    of the interval, rounded up to the smallest pilot.

    Attributes:
        order: Who is raised first.
        level_a: One level of a station without steps, in A of pilot.
        dc_level_kw: One level of a DC station, in kW.
        unknown_stay_h: Stands for an unknown departure: so many hours after the arrival.
        unknown_energy_kwh: Stands for an unknown energy, less what was delivered.
        follow_draw: Leave a car whose battery takes less than it may only 1 A more than it draws (at DC
            5 % of the rating), so that others can use the rest.

    Source: RoundRobin of ACN-Sim (Lee et al., IEEE Trans. Smart Grid 12(6), 2021), whose level without
    steps is 0.1 A.
    """

    keeps_limits: ClassVar[bool] = True
    order: Order = "first-come-first-served"
    level_a: float = 1.0
    dc_level_kw: float = 1.0
    unknown_stay_h: float = 8.0
    unknown_energy_kwh: float = 15.0
    follow_draw: bool = False

    def __post_init__(self) -> None:
        check_one_of("order", self.order, get_args(Order))
        check_positive("level_a", self.level_a)
        check_positive("dc_level_kw", self.dc_level_kw)
        check_positive("unknown_stay_h", self.unknown_stay_h)
        check_positive("unknown_energy_kwh", self.unknown_energy_kwh)

    def plan(self, view: FleetView, _state: Any, /) -> Plan:
        """Sort, then raise in turn."""
        a = allocate()
        rules = {
            "first-come-first-served": a.ARRIVAL,
            "earliest-deadline-first": a.DEPARTURE,
            "least-laxity-first": a.LAXITY,
        }
        order = a.rank(
            view,
            rules[self.order],
            unknown_stay_s=self.unknown_stay_h * SECONDS_PER_HOUR,
            unknown_wh=wh_from_kwh(self.unknown_energy_kwh),
        )
        ceiling_w = a.ceilings(view, follow_draw=self.follow_draw)
        limit_w = a.take_turns(
            view, order, ceiling_w, level_a=self.level_a, level_w=w_from_kw(self.dc_level_kw)
        )
        return Plan(limit_w, order)
