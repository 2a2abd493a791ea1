"""Everybody alike: max-min fair division."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from twin.control.strategies.lazy import allocate
from twin.control.strategies.options import check_not_negative
from twin.domain.views import FleetView, Plan
from twin.units import SECONDS_PER_MINUTE


class Turn(NamedTuple):
    """Who is served first where not all can be, and since when."""

    row: int
    since_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualShare:
    """Split what the shared limits allow evenly, in W; what one car cannot take goes to the others.

    Max-min fair over the whole tree of limits: nobody can get more but at the cost of somebody who has no
    more. Needs to know nothing of departures or energies; where a missing energy is known, a session gets
    no more than delivers it by the end of the interval. Where not everybody can have the smallest pilot
    (6 A), as many as fit are served, and the turn moves on.

    Attributes:
        turn_min: How long a turn lasts, in minutes: contactors and cars wear when switched every tick.
            0: every tick.
        follow_draw: Leave a car whose battery takes less than it may only 1 A more than it draws (at DC
            5 % of the rating), so that others can use the rest.

    Source: Bertsekas and Gallager, *Data Networks*, 2nd ed., section 6.5.2.
    """

    keeps_limits: ClassVar[bool] = True
    turn_min: float = 15.0
    follow_draw: bool = False

    def __post_init__(self) -> None:
        check_not_negative("turn_min", self.turn_min)

    def plan(self, view: FleetView, state: Any, /) -> Plan:
        """Share, and let the turn move on when its time is over; the state is a `Turn`."""
        a = allocate()
        ceiling_w = a.ceilings(view, follow_draw=self.follow_draw)
        turn: Turn = Turn(0, view.now_s) if state is None else state
        limit_w, after = a.share(view, ceiling_w, turn=turn.row)
        if after != turn.row and view.now_s - turn.since_s >= self.turn_min * SECONDS_PER_MINUTE:
            turn = Turn(after, view.now_s)
            limit_w, _ = a.share(view, ceiling_w, turn=after)
        return Plan(limit_w, None, turn)
