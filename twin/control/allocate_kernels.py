"""Compiled code behind `allocate`: dividing power over a forest of shared limits.

Every kernel keeps two running loads per limit group: `amps` (g, 3), the phasor sum of line currents, and
`watts` (g,), the sum of powers on the grid's side. Each session has one direction in that space, so what
it may still draw is the root of one quadratic per conductor; nothing is searched for.

All currents of one conductor lie within 60 degrees of each other (line-to-neutral and line-to-line loads
at unity power factor), so a load only ever grows when a session gets more: what no longer fits will never
fit again, and rounding down never breaks a limit.

One file on purpose: numba's cache on disk notices a change of this file, not of files it imports from.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import njit

from twin.domain import fleet as f
from twin.domain.ids import Complexes, Matrix, Rows, Vector

PHASES, W_PER_A, MAX_W, MIN_W, STEP_W = f.PHASES, f.W_PER_A, f.MAX_W, f.MIN_W, f.STEP_W
ARRIVED_S, DEPARTURE_S, REQUESTED_WH = f.ARRIVED_S, f.DEPARTURE_S, f.REQUESTED_WH
REGISTER_WH, START_WH, LIMIT_W, DRAW_W, OFFLINE = f.REGISTER_WH, f.START_WH, f.LIMIT_W, f.DRAW_W, f.OFFLINE

Tree: TypeAlias = tuple[Rows, Vector, Vector, Rows, Complexes, Vector]
"""parent, limit_a, limit_w, leaf, phasor_per_w, grid_w_per_w of `SiteLimits`: one argument, not six."""

ARRIVAL, DEPARTURE, LAXITY, RELATIVE_LAXITY = 0, 1, 2, 3
"""What `rank` sorts by."""

TOLERANCE = 1e-9
"""Relative: two cars at 16 A fit under 32 A whatever the last bit of the sum says."""

RESERVE_W = 1_000.0
"""Kept for a session without a smallest pilot (DC) while turns are given: 0 W would let it wait for ever."""

WATTS = 3
"""Column of the total in arrays that have one column per conductor and one for the total."""


@njit(cache=True)
def _to_limit(load: complex, step: complex, limit_a: float) -> float:
    """How many `step` currents fit on top of `load` before its magnitude reaches the limit.

    |c + x u| = L with a = |x|^2, b = Re(conj(c) x) >= 0 and k = L^2 - |c|^2 has the root
    u = k / (b + sqrt(b^2 + a k)): the form that does not cancel.
    """
    k = limit_a * limit_a - load.real * load.real - load.imag * load.imag
    if k <= 0.0 or limit_a <= 0.0:
        return 0.0
    a = step.real * step.real + step.imag * step.imag
    b = max(load.real * step.real + load.imag * step.imag, 0.0)
    return k / (b + math.sqrt(b * b + a * k))


@njit(cache=True)
def _room(tree: Tree, amps: Matrix, watts: Vector, row: int, phases: int, most_w: float) -> float:
    """Largest power <= most_w that the EVSE can draw in addition without breaking a limit."""
    parent, limit_a, limit_w, leaf, phasor_per_w, grid_w_per_w = tree
    group, u = leaf[row], most_w
    while group >= 0 and u > 0.0:
        left_w = limit_w[group] - watts[group]
        if grid_w_per_w[row] * u > left_w:
            u = left_w / grid_w_per_w[row]
        limit = limit_a[group]
        for conductor in range(3):
            x = phasor_per_w[phases, row, conductor]
            if x.real == 0.0 and x.imag == 0.0:
                continue
            c = amps[group, conductor]
            re, im = c.real + x.real * u, c.imag + x.imag * u
            if limit <= 0.0 or re * re + im * im > limit * limit:
                u = min(u, _to_limit(c, x, limit))
        group = parent[group]
    return max(u, 0.0)


@njit(cache=True)
def _add(tree: Tree, amps: Matrix, watts: Vector, row: int, phases: int, power_w: float) -> None:
    """Book `power_w` on every group above the EVSE."""
    parent, _, _, leaf, phasor_per_w, grid_w_per_w = tree
    group = leaf[row]
    while group >= 0:
        watts[group] += grid_w_per_w[row] * power_w
        for conductor in range(3):
            amps[group, conductor] += phasor_per_w[phases, row, conductor] * power_w
        group = parent[group]


@njit(cache=True)
def _floor_w(columns: Matrix, i: int) -> float:
    """Smallest power that session `i` can be told, a multiple of its step; 0 at DC."""
    step_w = columns[STEP_W, i]
    if step_w > 0.0:
        return math.ceil(columns[MIN_W, i] / step_w - TOLERANCE) * step_w
    return columns[MIN_W, i]


@njit(cache=True)
def _signal(power_w: float, floor_w: float, step_w: float) -> float:
    """Round down to what a station can signal: a multiple of the step, and 0 below the floor."""
    if step_w > 0.0:
        power_w = math.floor(power_w / step_w + TOLERANCE) * step_w
    if not power_w >= floor_w * (1.0 - TOLERANCE):
        return 0.0
    return max(power_w, floor_w)


@njit(cache=True)
def _begin(
    columns: Matrix, rows: Rows, tree: Tree, ceiling_w: Vector, amps: Matrix, watts: Vector
) -> tuple[Vector, Vector]:
    """Return (limits so far, what each session may get at most).

    A station that is offline cannot be told anything: it is counted first, at the limit in force, and
    keeps it.
    """
    out, top_w = np.zeros(len(rows)), np.zeros(len(rows))
    for i in range(len(rows)):
        max_w = columns[MAX_W, i]
        if columns[OFFLINE, i] != 0.0:
            out[i] = top_w[i] = max(min(columns[LIMIT_W, i], max_w), 0.0)
            _add(tree, amps, watts, rows[i], int(columns[PHASES, i]), out[i])
        else:
            most_w = min(ceiling_w[i], max_w)
            top_w[i] = min(_signal(most_w, _floor_w(columns, i), columns[STEP_W, i]), max_w)
    return out, top_w


@njit(cache=True)
def fill(columns: Matrix, rows: Rows, tree: Tree, order: Rows, ceiling_w: Vector, keep_min: bool) -> Vector:
    """Give each session in turn the most that fits. See `allocate.fill`."""
    amps, watts = np.zeros((len(tree[0]), 3), np.complex128), np.zeros(len(tree[0]))
    out, top_w = _begin(columns, rows, tree, ceiling_w, amps, watts)
    for stage in range(0 if keep_min else 1, 2):
        for i in order:
            floor_w = _floor_w(columns, i)
            most_w = min(floor_w, top_w[i]) if stage == 0 else top_w[i]
            if most_w <= out[i]:
                continue
            row, phases = rows[i], int(columns[PHASES, i])
            more_w = _room(tree, amps, watts, row, phases, most_w - out[i])
            power_w = min(_signal(out[i] + more_w, floor_w, columns[STEP_W, i]), top_w[i])
            if power_w > out[i]:
                _add(tree, amps, watts, row, phases, power_w - out[i])
                out[i] = power_w
    return out


@njit(cache=True)
def _rounds(
    columns: Matrix, rows: Rows, tree: Tree, queue: Rows, level_w: Vector, top_w: Vector, out: Vector,
    amps: Matrix, watts: Vector,
) -> float:  # fmt: skip
    """Whole rounds in which everybody in `queue` can be raised by a full level: so many at one go."""
    _, limit_a, limit_w, _, _, _ = tree
    rounds = np.inf
    for i in queue:
        rounds = min(rounds, math.floor((top_w[i] - out[i]) / level_w[i] + TOLERANCE))
    if rounds < 2.0:
        return 0.0  # the next round by hand does as well
    more_a, more_w = np.zeros_like(amps), np.zeros_like(watts)
    for i in queue:
        _add(tree, more_a, more_w, rows[i], int(columns[PHASES, i]), level_w[i])
    for group in range(len(watts)):
        if more_w[group] > 0.0:
            rounds = min(rounds, math.floor((limit_w[group] - watts[group]) / more_w[group] + TOLERANCE))
        for conductor in range(3):
            if more_a[group, conductor] != 0.0 and limit_a[group] < np.inf:
                fit = _to_limit(amps[group, conductor], more_a[group, conductor], limit_a[group])
                rounds = min(rounds, math.floor(fit + TOLERANCE))
    return max(rounds, 0.0)


@njit(cache=True)
def _turns(
    columns: Matrix, rows: Rows, tree: Tree, order: Rows, level_w: Vector, top_w: Vector, out: Vector,
    amps: Matrix, watts: Vector,
) -> int:  # fmt: skip
    """Raise `out` by one level in turn; who cannot be raised leaves for good.

    Returns:
        The first who had to leave without having been first in the queue, -1 for nobody.
    """
    queue = np.array([i for i in order if level_w[i] > 0.0 and top_w[i] > out[i]], dtype=np.int64)
    denied = -1
    while len(queue) > 0:
        stay = 0
        for at in range(len(queue)):
            i = queue[at]
            row, phases = rows[i], int(columns[PHASES, i])
            next_w = min(max(out[i] + level_w[i], _floor_w(columns, i)), top_w[i])
            more_w = next_w - out[i]
            if _room(tree, amps, watts, row, phases, more_w) < more_w - TOLERANCE * next_w:
                if denied < 0 and at > 0:
                    denied = i
                continue
            _add(tree, amps, watts, row, phases, more_w)
            out[i] = next_w
            if next_w < top_w[i]:
                queue[stay] = i
                stay += 1
        queue = queue[:stay]
        rounds = _rounds(columns, rows, tree, queue, level_w, top_w, out, amps, watts) if stay > 0 else 0.0
        if rounds > 0.0:
            for i in queue:
                more_w = min(rounds * level_w[i], top_w[i] - out[i])
                _add(tree, amps, watts, rows[i], int(columns[PHASES, i]), more_w)
                out[i] += more_w
            queue = np.array([i for i in queue if out[i] < top_w[i]], dtype=np.int64)
    return denied


@njit(cache=True)
def take_turns(
    columns: Matrix, rows: Rows, tree: Tree, order: Rows, ceiling_w: Vector, level_a: float, level_w: float
) -> Vector:
    """Raise everybody by one level in turn. See `allocate.take_turns`."""
    amps, watts = np.zeros((len(tree[0]), 3), np.complex128), np.zeros(len(tree[0]))
    out, top_w = _begin(columns, rows, tree, ceiling_w, amps, watts)
    levels_w = columns[STEP_W].copy()
    for i in range(len(rows)):
        if levels_w[i] <= 0.0:
            levels_w[i] = columns[W_PER_A, i] * level_a if columns[W_PER_A, i] > 0.0 else level_w
    _turns(columns, rows, tree, order, levels_w, top_w, out, amps, watts)
    return out


@njit(cache=True)
def _slope(
    tree: Tree, row: int, phases: int, sign: float, level_w: float, amps: Matrix, watts: Vector,
    rate_a: Matrix, rate_w: Vector, rising: Rows, hit_w: Matrix,
) -> None:  # fmt: skip
    """Let a session rise with the water (sign 1) or stop it there (-1), and find the new hits above it.

    While it rises, its power is the level: the load of a group is `amps + rate_a * level_w`.
    """
    parent, limit_a, limit_w, leaf, phasor_per_w, grid_w_per_w = tree
    group = leaf[row]
    while group >= 0:
        for conductor in range(3):
            x = phasor_per_w[phases, row, conductor]
            if x.real == 0.0 and x.imag == 0.0:
                continue
            rising[group, conductor] += int(sign)
            rate_a[group, conductor] += sign * x
            amps[group, conductor] -= sign * level_w * x
            if rising[group, conductor] == 0:
                amps[group, conductor] += rate_a[group, conductor] * level_w  # what rounding left of the rate
                rate_a[group, conductor] = 0.0
                hit_w[group, conductor] = np.inf
            elif limit_a[group] < np.inf:
                load = amps[group, conductor] + rate_a[group, conductor] * level_w
                hit_w[group, conductor] = level_w + _to_limit(load, rate_a[group, conductor], limit_a[group])
        y = grid_w_per_w[row]
        rising[group, WATTS] += int(sign)
        rate_w[group] += sign * y
        watts[group] -= sign * level_w * y
        if rising[group, WATTS] == 0:
            watts[group] += rate_w[group] * level_w
            rate_w[group] = 0.0
            hit_w[group, WATTS] = np.inf
        elif limit_w[group] < np.inf:
            left_w = limit_w[group] - watts[group] - rate_w[group] * level_w
            hit_w[group, WATTS] = level_w + max(left_w, 0.0) / rate_w[group]
        group = parent[group]


@njit(cache=True)
def _below(tree: Tree, row: int, phases: int, group: int, conductor: int) -> bool:
    """Whether the EVSE loads that conductor (or WATTS) of that group."""
    parent, _, _, leaf, phasor_per_w, _ = tree
    at = leaf[row]
    while at > group:  # parents come before children
        at = parent[at]
    return at == group and (conductor == WATTS or phasor_per_w[phases, row, conductor] != 0.0)


@njit(cache=True)
def _water(
    columns: Matrix, rows: Rows, tree: Tree, top_w: Vector, out: Vector, amps: Matrix, watts: Vector
) -> None:
    """Raise the lowest of `out` together until a limit or their top stops them, event by event.

    Events, in the order of the level at which they happen: the water reaches a session (it rises),
    a session's top (it stops), a limit (all who load it stop). Between events every load is linear in
    the level, so the next hit of a limit is a root, and it stays valid until a session below changes.
    """
    n, groups = len(rows), len(watts)
    starts, stops = np.argsort(out, kind="mergesort"), np.argsort(top_w, kind="mergesort")
    rate_a, rate_w = np.zeros_like(amps), np.zeros_like(watts)
    rising, hit_w = np.zeros((groups, 4), np.int64), np.full((groups, 4), np.inf)
    state = np.where(top_w > out, 0, 2)  # waiting, rising, done
    start = stop = 0
    while True:
        while start < n and state[starts[start]] != 0:
            start += 1
        while stop < n and state[stops[stop]] == 2:
            stop += 1
        start_w = out[starts[start]] if start < n else np.inf
        stop_w = top_w[stops[stop]] if stop < n else np.inf
        reached_w, reached = np.inf, -1
        for at in range(groups * 4):
            if hit_w[at // 4, at % 4] < reached_w:
                reached_w, reached = hit_w[at // 4, at % 4], at
        if reached_w <= start_w and reached_w <= stop_w and reached >= 0:
            for i in range(n):
                row, phases = rows[i], int(columns[PHASES, i])
                if state[i] == 1 and _below(tree, row, phases, reached // 4, reached % 4):
                    state[i], out[i] = 2, reached_w
                    _slope(tree, row, phases, -1.0, reached_w, amps, watts, rate_a, rate_w, rising, hit_w)
        elif start < n or stop < n:
            up = start_w < stop_w
            i, level_w = (starts[start], start_w) if up else (stops[stop], stop_w)
            state[i] = 1 if up else 2
            out[i] = level_w
            row, phases, sign = rows[i], int(columns[PHASES, i]), 1.0 if up else -1.0
            _slope(tree, row, phases, sign, level_w, amps, watts, rate_a, rate_w, rising, hit_w)
        else:
            return


@njit(cache=True)
def share(columns: Matrix, rows: Rows, tree: Tree, ceiling_w: Vector, turn: int) -> tuple[Vector, int]:
    """Max-min fair limits and the row that is first next time. See `allocate.share`."""
    n = len(rows)
    amps, watts = np.zeros((len(tree[0]), 3), np.complex128), np.zeros(len(tree[0]))
    out, top_w = _begin(columns, rows, tree, ceiling_w, amps, watts)
    order = (np.arange(n) + np.searchsorted(rows, turn)) % max(n, 1)
    most_w, reserved_w, denied = top_w.copy(), np.zeros(n), -1
    for at in range(n):
        i = order[at]
        floor_w, row, phases = _floor_w(columns, i), rows[i], int(columns[PHASES, i])
        if top_w[i] <= out[i]:
            continue
        want_w = floor_w if floor_w > 0.0 else min(top_w[i], RESERVE_W)
        room_w = _room(tree, amps, watts, row, phases, want_w)
        if room_w < want_w * (1.0 - TOLERANCE) and (floor_w > 0.0 or room_w <= 0.0):
            top_w[i] = 0.0
            if denied < 0 and at > 0:
                denied = i
            continue
        if floor_w > 0.0:
            room_w = out[i] = floor_w
        else:
            reserved_w[i] = room_w
        _add(tree, amps, watts, row, phases, room_w)
    for i in range(n):  # kept smallest pilots of others out, now it rises from nothing like anybody
        if reserved_w[i] > 0.0:
            _add(tree, amps, watts, rows[i], int(columns[PHASES, i]), -reserved_w[i])
    _water(columns, rows, tree, top_w, out, amps, watts)
    levels_w = np.where(columns[OFFLINE] == 0.0, columns[STEP_W], 0.0)
    stepped = 0
    for i in range(n):
        if levels_w[i] > 0.0:
            stepped += 1
            power_w = min(_signal(out[i], _floor_w(columns, i), levels_w[i]), top_w[i])
            _add(tree, amps, watts, rows[i], int(columns[PHASES, i]), power_w - out[i])
            out[i] = power_w
    if stepped > 0:  # what rounding left: a step for whom it suffices, the rest for who has no steps
        first = _turns(columns, rows, tree, order, levels_w, top_w, out, amps, watts)
        denied = first if denied < 0 else denied
        if stepped < n:
            _water(columns, rows, tree, np.where(levels_w > 0.0, out, top_w), out, amps, watts)
    for i in order:  # who stepped back for a reserve that another limit left unused
        if out[i] == 0.0 and top_w[i] < most_w[i]:
            room_w = _room(tree, amps, watts, rows[i], int(columns[PHASES, i]), most_w[i])
            out[i] = min(_signal(room_w, _floor_w(columns, i), columns[STEP_W, i]), most_w[i])
            _add(tree, amps, watts, rows[i], int(columns[PHASES, i]), out[i])
    return out, rows[denied] if denied >= 0 else turn


@njit(cache=True)
def ceilings(columns: Matrix, now_s: float, period_s: float, follow_draw: bool) -> Vector:
    """Largest power of use in the coming interval. See `allocate.ceilings`."""
    out = columns[MAX_W].copy()
    for i in range(len(out)):
        floor_w, step_w, max_w = _floor_w(columns, i), columns[STEP_W, i], out[i]
        missing_wh = columns[REQUESTED_WH, i] - (columns[REGISTER_WH, i] - columns[START_WH, i])
        left_s = columns[DEPARTURE_S, i] - now_s
        span_s = period_s if np.isnan(left_s) else min(period_s, left_s)
        if missing_wh > 0.0 and span_s > 0.0:  # False for NaN: nothing was said
            need_w = missing_wh * 3600.0 / span_s
            if step_w > 0.0:
                need_w = math.ceil(need_w / step_w - TOLERANCE) * step_w
            out[i] = min(max(need_w, floor_w), max_w)
        if follow_draw:
            margin_w = columns[W_PER_A, i] if columns[W_PER_A, i] > 0.0 else 0.05 * max_w
            draw_w = columns[DRAW_W, i]
            if columns[LIMIT_W, i] - draw_w > 0.5 * margin_w:
                seen_w = draw_w + margin_w
                if step_w > 0.0:
                    seen_w = math.ceil(seen_w / step_w - TOLERANCE) * step_w
                out[i] = min(out[i], max(seen_w, floor_w))
    return out


@njit(cache=True)
def rank(
    columns: Matrix, rule: int, now_s: float, period_s: float, unknown_stay_s: float, unknown_wh: float
) -> Rows:
    """Most urgent first. See `allocate.rank`."""
    n = columns.shape[1]
    key, arrived = np.empty(n), np.empty(n)
    for i in range(n):
        arrived_s, leaves_s = columns[ARRIVED_S, i], columns[DEPARTURE_S, i]
        if np.isnan(arrived_s):
            arrived_s = now_s
        if np.isnan(leaves_s):
            leaves_s = arrived_s + unknown_stay_s
        arrived[i] = arrived_s
        delivered_wh = columns[REGISTER_WH, i] - columns[START_WH, i]
        missing_wh = columns[REQUESTED_WH, i] - delivered_wh
        if missing_wh <= 0.0:
            key[i] = np.inf
        elif rule == ARRIVAL:
            key[i] = arrived_s
        elif rule == DEPARTURE:
            key[i] = leaves_s
        elif columns[MAX_W, i] > 0.0:
            if np.isnan(missing_wh):
                missing_wh = max(unknown_wh - delivered_wh, 0.0)
            left_s = leaves_s - now_s
            key[i] = left_s - missing_wh / columns[MAX_W, i] * 3600.0
            if rule == RELATIVE_LAXITY:
                key[i] /= max(left_s, period_s)
        else:
            key[i] = np.inf
    order = np.argsort(arrived, kind="mergesort")
    return order[np.argsort(key[order], kind="mergesort")]


@njit(cache=True)
def fill_ranked(
    columns: Matrix, rows: Rows, tree: Tree, rule: int, now_s: float, period_s: float, unknown_stay_s: float,
    unknown_wh: float, keep_min: bool, follow_draw: bool,
) -> tuple[Vector, Rows]:  # fmt: skip
    """`rank`, `ceilings` and `fill` in one call: a tick is too short for three."""
    order = rank(columns, rule, now_s, period_s, unknown_stay_s, unknown_wh)
    ceiling_w = ceilings(columns, now_s, period_s, follow_draw)
    return fill(columns, rows, tree, order, ceiling_w, keep_min), order
