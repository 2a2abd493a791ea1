"""Dividing power among sessions under shared limits: what strategies are built from.

A strategy decides who comes first; these functions decide how much fits. Every answer keeps every shared
limit, per conductor as phasors and in total, to 1e-9 of the limit; every limit is either 0 or at least
what the smallest pilot (6 A) means; stations with steps get multiples of their step. A station that is
offline keeps the limit in force and is counted first.
"""

from __future__ import annotations

from twin.control import allocate_kernels as k
from twin.domain.ids import Rows, Vector
from twin.domain.views import FleetView

ARRIVAL = k.ARRIVAL
"""Rank by arrival."""
DEPARTURE = k.DEPARTURE
"""Rank by the departure that was said."""
LAXITY = k.LAXITY
"""Rank by (departure - now) - missing energy / largest power."""
RELATIVE_LAXITY = k.RELATIVE_LAXITY
"""Rank by laxity over the time left."""


def fill(view: FleetView, order: Rows, ceiling_w: Vector | None = None, *, keep_min: bool = False) -> Vector:
    """Give each session in turn the largest power that keeps every shared limit.

    Nobody can then be raised alone: what no longer fits for one cannot fit later.

    Args:
        view: The sessions.
        order: (n,) indices into the view, most urgent first.
        ceiling_w: (n,) what each session may get at most, beside its own `max_w`; None: `max_w`.
        keep_min: First give the smallest pilot to as many as possible, in order, then raise in order.

    Returns:
        (n,) limits in W, 0 or between `min_w` and the ceiling.

    Source: SortedSchedulingAlgo of Lee et al., "ACN-Sim", IEEE Trans. Smart Grid 12(6), 2021; the
    bisection is replaced by the root of the quadratic.
    """
    ceiling_w = view.max_w if ceiling_w is None else ceiling_w
    return k.fill(view.columns, view.rows, _tree(view), order, ceiling_w, keep_min)


def share(view: FleetView, ceiling_w: Vector | None = None, *, turn: int = 0) -> tuple[Vector, int]:
    """Max-min fair limits: nobody can get more but at the cost of somebody who has no more.

    Progressive filling in W: all rise together; a limit that is reached stops those who load it. Where
    not everybody can have the smallest pilot, those from `turn` on (by row, cyclic) are served as far as
    it goes. Rounded down to steps, what is left goes in turn to those for whom a step suffices, then to
    those without steps.

    Args:
        view: The sessions.
        ceiling_w: (n,) what each session may get at most, beside its own `max_w`; None: `max_w`.
        turn: Row of the fleet that is served first.

    Returns:
        (n,) limits in W, and the row to pass as `turn` when the turn shall move on: of the first who had
        to step back; `turn` itself if nobody had to.

    Source: Bertsekas and Gallager, *Data Networks*, 2nd ed., section 6.5.2.
    """
    ceiling_w = view.max_w if ceiling_w is None else ceiling_w
    limit_w, after = k.share(view.columns, view.rows, _tree(view), ceiling_w, turn)
    return limit_w, int(after)


def take_turns(
    view: FleetView,
    order: Rows,
    ceiling_w: Vector | None = None,
    *,
    level_a: float = 1.0,
    level_w: float = 1_000.0,
) -> Vector:
    """Raise everybody by one level in turn until nobody can be raised.

    The first level is the smallest pilot, the last one the ceiling; who cannot be raised leaves the
    queue for good, with what there is.

    Args:
        view: The sessions.
        order: (n,) indices into the view, who is raised first.
        ceiling_w: (n,) what each session may get at most, beside its own `max_w`; None: `max_w`.
        level_a: One level of an AC session without steps, in A of pilot.
        level_w: One level of a DC session, in W.

    Source: RoundRobin of ACN-Sim (see `fill`).
    """
    ceiling_w = view.max_w if ceiling_w is None else ceiling_w
    return k.take_turns(view.columns, view.rows, _tree(view), order, ceiling_w, level_a, level_w)


def ceilings(view: FleetView, *, follow_draw: bool = False) -> Vector:
    """Largest power of use to each session in the coming interval.

    A session whose missing energy is known needs no more than what delivers it by the end of the
    interval (or by the departure that was said, when that comes first); never less than the smallest
    pilot, so that the last watt-hours are delivered too. Unknown, overdue or already delivered: `max_w`.

    Args:
        view: The sessions.
        follow_draw: Also leave no more than 1 A (at DC 5 % of the rating) above the present draw of a
            car that draws half of that margin less than it may: a full battery takes less and less.
    """
    return k.ceilings(view.columns, view.now_s, view.period_s, follow_draw)


def rank(view: FleetView, rule: int, *, unknown_stay_s: float, unknown_wh: float) -> Rows:
    """Indices into the view, most urgent first; ties by arrival, then by row.

    Sessions that have got what was asked for come last, by arrival.

    Args:
        view: The sessions.
        rule: ARRIVAL, DEPARTURE, LAXITY or RELATIVE_LAXITY.
        unknown_stay_s: Stands for an unknown departure: so long after the arrival.
        unknown_wh: Stands for an unknown energy.
    """
    return k.rank(view.columns, rule, view.now_s, view.period_s, unknown_stay_s, unknown_wh)


def fill_ranked(
    view: FleetView,
    rule: int,
    *,
    unknown_stay_s: float,
    unknown_wh: float,
    keep_min: bool = False,
    follow_draw: bool = False,
) -> tuple[Vector, Rows]:
    """`rank`, then `fill` up to `ceilings`, in one compiled call: (limits in W, order)."""
    return k.fill_ranked(
        view.columns, view.rows, _tree(view), rule, view.now_s, view.period_s, unknown_stay_s, unknown_wh,
        keep_min, follow_draw,
    )  # fmt: skip


def _tree(view: FleetView) -> k.Tree:
    t = view.limits
    return t.parent, t.limit_a, t.limit_w, t.leaf, t.phasor_per_w, t.grid_w_per_w
