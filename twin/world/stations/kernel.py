"""Charging physics in compiled code: one row per EVSE, exact between any two instants.

Below a limit the battery takes constant power. Above the state of charge where its own curve falls
below that, its power falls linearly with state of charge, hence exponentially in time: dE/dt = P - f E.
Both pieces, the instant between them and the end are in closed form, so nothing is stepped and an
interval may be cut anywhere.

The truth lives in `state`, shape (n, STATE), a row per EVSE (all of a row in a few cache lines);
`data` are the fleet's columns, which show what a meter and a station would. Everything compiled stands in
this one file because numba's cache watches only the file of the function that is called.
"""

from __future__ import annotations

import math

import numpy as np

from twin.domain import fleet as f
from twin.domain import interval as v
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.world.stations.jit import compiled

# What connects: set when a car is plugged in, the first five also at rest.
W_PER_A, PHASES, MAX_W, MIN_W, STEP_W = range(5)
CAP_W = 5
"""Largest power the on-board charger takes at this EVSE; inf at DC."""
EFFICIENCY = 6
"""Battery over connector, after standby."""
OWN_W = 7
"""The car's standby while energy is transferred."""
USABLE_WH, PEAK_W = 8, 9
KNEE_WH = 10
"""Energy in the battery above which its curve falls."""
FALL_PER_H = 11
"""Loss of battery power per energy above the knee; 0: no taper."""
CONNECTION = 12
"""How many columns describe what connects."""

# The session, kept after unplugging until the next car comes.
CAR, RUNNING = 12, 13
BATTERY_WH, ARRIVAL_WH, WANT_WH = 14, 15, 16
DELIVERED_WH, LOSS_WH, STANDBY_WH, UNMETERED_WH = 17, 18, 19, 20
FINISHED_S = 21
"""When the car had what it wanted or was full; NaN before."""
REPORTED = 22
"""1 once that was said."""
ARRIVED_S, DEPARTURE_S, REQUESTED_WH, START_WH = 23, 24, 25, 26

# What the limit in force allows; derived by `_offer`.
PILOT = 27
"""A at AC, W at DC."""
LIMIT_W = 28
STEADY_W, STEADY_BATTERY_W = 29, 30
"""Power at the connector and of the battery below `STEADY_END_WH`; 0: nothing is transferred."""
STEADY_END_WH = 31

# The row.
LAST_S, INTERVAL_WH, POWERED_H, TOTAL_WH = 32, 33, 34, 35
OUTAGE, OFFLINE, STUCK = 36, 37, 38
EVSE_EFFICIENCY, EVSE_STANDBY_W, RESOLUTION_WH, DC, MAX_PILOT, MIN_PILOT, STEP_A = range(39, 46)
SHARE = 46
"""First of three: each phase's share of what flows with the phases in use."""
IDLE_SHARE = 49
"""First of three: each phase's share of the EVSE's own standby."""
LEFT_WH = 52
"""First of three: energy per phase in this interval of what was connected before."""
SPLIT_WH = 55
"""Part of INTERVAL_WH that LEFT_WH holds."""
STATE = 56

# `dense`, shape (DENSE, n): the columns of the closed interval, then what the pass over all rows reads first.
LIVE, FOUND = v.COLUMNS, v.COLUMNS + 1
DENSE = v.COLUMNS + 2

HOUR_S = 3600.0
TINY = 1e-9
"""Relative slack of a limit that is meant to be a multiple of the pilot's step."""


@compiled
def _hours_to(want_wh: float, start_w: float, own_w: float, fall_per_h: float) -> float:
    """Hours after which a tapering car has taken `want_wh` at the connector.

    Solves start/fall (1 - exp(-fall h)) + own h = want. The left side is concave, so Newton's steps from
    0 climb to the root and never pass it.

    Args:
        want_wh: Energy at the connector.
        start_w: Power at the connector now, without `own_w`.
        own_w: Constant standby.
        fall_per_h: Rate of the exponential.
    """
    hours = 0.0
    for _ in range(64):
        decay = math.exp(-fall_per_h * hours)
        missing = want_wh + start_w / fall_per_h * math.expm1(-fall_per_h * hours) - own_w * hours
        step = missing / (start_w * decay + own_w)
        hours += step
        if step <= 1e-15 * hours:
            break
    return hours


@compiled
def _offer(s: Matrix, i: int) -> None:
    """Derive what is transferred at the connector under the limit in force."""
    power = min(s[i, LIMIT_W], s[i, CAP_W])
    own = s[i, OWN_W]
    idle = s[i, RUNNING] == 0.0 or s[i, OUTAGE] != 0.0 or not math.isnan(s[i, FINISHED_S])
    if idle or power <= own:
        s[i, STEADY_W] = 0.0
        s[i, STEADY_BATTERY_W] = 0.0
        return
    into = s[i, EFFICIENCY] * (power - own)
    peak = s[i, PEAK_W]
    if into > peak:
        into = peak
        power = peak / s[i, EFFICIENCY] + own
    end = s[i, USABLE_WH]
    if s[i, FALL_PER_H] > 0.0:
        end = min(end, s[i, KNEE_WH] + (peak - into) / s[i, FALL_PER_H])
    s[i, STEADY_W] = power
    s[i, STEADY_BATTERY_W] = into
    s[i, STEADY_END_WH] = end


@compiled
def _book(s: Matrix, i: int, wh: float, loss_wh: float, own_wh: float) -> None:
    """Count energy that passed the connector; the battery is counted by its own state."""
    s[i, DELIVERED_WH] += wh
    s[i, LOSS_WH] += loss_wh
    s[i, STANDBY_WH] += own_wh
    s[i, INTERVAL_WH] += wh
    if s[i, STUCK] == 0.0:
        s[i, TOTAL_WH] += wh
    else:
        s[i, UNMETERED_WH] += wh


@compiled
def _finish(s: Matrix, i: int, at_s: float) -> None:
    s[i, FINISHED_S] = at_s
    s[i, STEADY_W] = 0.0
    s[i, STEADY_BATTERY_W] = 0.0


@compiled
def _taper(s: Matrix, i: int, at_s: float, hours: float) -> None:
    """Follow the battery's falling curve for `hours`, or to its end."""
    battery, own, efficiency, fall = s[i, BATTERY_WH], s[i, OWN_W], s[i, EFFICIENCY], s[i, FALL_PER_H]
    usable, peak, knee = s[i, USABLE_WH], s[i, PEAK_W], s[i, KNEE_WH]
    want = s[i, WANT_WH] - s[i, DELIVERED_WH]
    start = peak - fall * (battery - knee)
    full = math.log(start / (peak - fall * (usable - knee))) / fall
    span = min(hours, full)
    wh = -math.expm1(-fall * span) * start / (fall * efficiency) + own * span
    done = full <= hours
    if wh >= want:
        span = min(span, _hours_to(want, start / efficiency, own, fall))
        wh = want
        s[i, BATTERY_WH] = min(usable, _after(battery, knee + peak / fall, fall, span))
        done = True
    elif done:
        s[i, BATTERY_WH] = usable
    else:
        s[i, BATTERY_WH] = _after(battery, knee + peak / fall, fall, span)
    # The loss counts converted power over time, the battery its own state: the audit compares them.
    loss = (1.0 - efficiency) / efficiency * start / fall * -math.expm1(-fall * span)
    _book(s, i, wh, loss, own * span)
    if done:
        _finish(s, i, at_s + span * HOUR_S)


@compiled
def _after(battery_wh: float, asymptote_wh: float, fall_per_h: float, hours: float) -> float:
    """Energy in a tapering battery after `hours`."""
    return asymptote_wh - (asymptote_wh - battery_wh) * math.exp(-fall_per_h * hours)


@compiled
def _pieces(s: Matrix, i: int, at_s: float, hours: float) -> None:
    """Charge for `hours` from `at_s`, through the knee and to the end where they come."""
    battery, power, into = s[i, BATTERY_WH], s[i, STEADY_W], s[i, STEADY_BATTERY_W]
    own, end = s[i, OWN_W], s[i, STEADY_END_WH]
    want = s[i, WANT_WH] - s[i, DELIVERED_WH]
    if battery < end:
        to_end = (end - battery) / into
        to_want = want / power
        span = min(hours, to_end, to_want)
        wh = want if to_want <= span else power * span
        s[i, BATTERY_WH] = end if to_end <= span else battery + into * span
        _book(s, i, wh, (power - own) * (1.0 - s[i, EFFICIENCY]) * span, own * span)
        if to_want <= span:
            _finish(s, i, at_s + span * HOUR_S)
            return
        hours -= span
        at_s += span * HOUR_S
    if s[i, BATTERY_WH] >= s[i, USABLE_WH]:
        _finish(s, i, at_s)
    elif hours > 0.0:
        _taper(s, i, at_s, hours)


@compiled
def _integrate(s: Matrix, i: int, t_s: float) -> None:
    """Bring one live row up to `t_s`."""
    at_s = s[i, LAST_S]
    hours = (t_s - at_s) / HOUR_S
    if hours <= 0.0:
        return
    s[i, LAST_S] = t_s
    if s[i, OUTAGE] == 0.0:
        s[i, POWERED_H] += hours
    power = s[i, STEADY_W]
    if power <= 0.0:
        return
    battery = s[i, BATTERY_WH] + s[i, STEADY_BATTERY_W] * hours
    wh = power * hours
    # Most intervals hold neither knee nor end, and need no division.
    if battery < s[i, STEADY_END_WH] and s[i, DELIVERED_WH] + wh < s[i, WANT_WH]:
        s[i, BATTERY_WH] = battery
        _book(s, i, wh, (power - s[i, OWN_W]) * (1.0 - s[i, EFFICIENCY]) * hours, s[i, OWN_W] * hours)
    else:
        _pieces(s, i, at_s, hours)


@compiled
def _draw_w(s: Matrix, i: int) -> float:
    """Power at the connector at this instant."""
    power = s[i, STEADY_W]
    if power > 0.0 and s[i, BATTERY_WH] > s[i, STEADY_END_WH]:
        into = s[i, PEAK_W] - s[i, FALL_PER_H] * (s[i, BATTERY_WH] - s[i, KNEE_WH])
        return into / s[i, EFFICIENCY] + s[i, OWN_W]
    return power


@compiled
def _shown_w(s: Matrix, i: int) -> float:
    """Power at the connector as a meter shows it, in steps of 0.1 W."""
    return np.floor(_draw_w(s, i) * 10.0 + 0.5) / 10.0


@compiled
def _register_wh(s: Matrix, i: int) -> float:
    """Billing register: whole steps of the meter, as it would print them."""
    resolution = s[i, RESOLUTION_WH]
    return math.floor(s[i, TOTAL_WH] / resolution + TINY) * resolution


@compiled
def _measure(data: Matrix, s: Matrix, i: int) -> None:
    """Write what the meter of an online row shows now."""
    data[f.REGISTER_WH, i] = _register_wh(s, i)
    data[f.SAMPLED_S, i] = s[i, LAST_S]
    data[f.DRAW_W, i] = _shown_w(s, i)
    able = s[i, RUNNING] != 0.0 and s[i, OUTAGE] == 0.0 and math.isnan(s[i, FINISHED_S])
    data[f.CHARGING, i] = 1.0 if able else 0.0


@compiled
def _describe(data: Matrix, s: Matrix, i: int) -> None:
    """Write what an online row knows about its cable and car."""
    data[f.PLUGGED, i] = s[i, CAR]
    data[f.PHASES, i] = s[i, PHASES]
    data[f.W_PER_A, i] = s[i, W_PER_A]
    data[f.MAX_W, i] = s[i, MAX_W]
    data[f.MIN_W, i] = s[i, MIN_W]
    data[f.STEP_W, i] = s[i, STEP_W]
    data[f.ARRIVED_S, i] = s[i, ARRIVED_S]
    data[f.DEPARTURE_S, i] = s[i, DEPARTURE_S]
    data[f.REQUESTED_WH, i] = s[i, REQUESTED_WH]
    data[f.START_WH, i] = s[i, START_WH]
    data[f.LIMIT_W, i] = s[i, LIMIT_W]


@compiled
def touch(s: Matrix, dense: Matrix, i: int, t_s: float, start_s: float) -> None:
    """Bring one row up to `t_s` inside the open interval that began at `start_s`."""
    if dense[LIVE, i] == 0.0:
        dense[LIVE, i] = 1.0
        s[i, LAST_S] = start_s
    _integrate(s, i, t_s)


@compiled
def _phase_powers(s: Matrix, dense: Matrix, i: int, power_w: float, hours: float) -> None:
    """Divide the grid-side power of a closed interval over the phases."""
    scale = 1.0 / s[i, EVSE_EFFICIENCY]
    idle_w = s[i, EVSE_STANDBY_W] * dense[v.POWERED, i]
    if s[i, SPLIT_WH] == 0.0:
        for phase in range(3):
            own = s[i, SHARE + phase] * power_w * scale
            dense[v.PHASE_W + phase, i] = own + s[i, IDLE_SHARE + phase] * idle_w
        return
    power_w -= s[i, SPLIT_WH] / hours
    for phase in range(3):
        own = (s[i, SHARE + phase] * power_w + s[i, LEFT_WH + phase] / hours) * scale
        dense[v.PHASE_W + phase, i] = own + s[i, IDLE_SHARE + phase] * idle_w
        s[i, LEFT_WH + phase] = 0.0
    s[i, SPLIT_WH] = 0.0


@compiled
def _change_phases(s: Matrix, i: int, shares: Array) -> None:
    """Keep what flowed in this interval on the phases it took; what comes flows by `shares` (4, n, 3)."""
    left = s[i, INTERVAL_WH] - s[i, SPLIT_WH]
    s[i, SPLIT_WH] = s[i, INTERVAL_WH]
    used = int(s[i, PHASES])
    for phase in range(3):
        s[i, LEFT_WH + phase] += left * s[i, SHARE + phase]
        s[i, SHARE + phase] = shares[used, i, phase]


@compiled
def close(data: Matrix, s: Matrix, dense: Matrix, t_s: float, start_s: float) -> int:
    """Close the interval [start_s, t_s] of every row.

    Returns:
        How many rows of `dense[FOUND]` name cars that finished and were not reported yet.
    """
    hours = (t_s - start_s) / HOUR_S
    found = 0
    for i in range(s.shape[0]):
        if dense[LIVE, i] == 0.0:
            data[f.SAMPLED_S, i] = t_s
            continue
        _integrate(s, i, t_s)
        power = s[i, INTERVAL_WH] / hours
        powered = s[i, POWERED_H] / hours
        if powered > 1.0 - TINY:
            powered = 1.0
        s[i, INTERVAL_WH] = 0.0
        s[i, POWERED_H] = 0.0
        dense[v.POWER_W, i] = power
        dense[v.REGISTER_WH, i] = _register_wh(s, i)
        dense[v.PLUGGED, i] = s[i, CAR]
        dense[v.GRID_W, i] = power / s[i, EVSE_EFFICIENCY] + s[i, EVSE_STANDBY_W] * powered
        dense[v.POWERED, i] = powered
        _phase_powers(s, dense, i, power, hours)
        if s[i, OFFLINE] != 0.0:
            continue
        data[f.POWER_W, i] = power
        _measure(data, s, i)
        if s[i, REPORTED] == 0.0 and not math.isnan(s[i, FINISHED_S]):
            s[i, REPORTED] = 1.0
            dense[FOUND, found] = i
            found += 1
        if s[i, CAR] == 0.0 and power == 0.0 and s[i, OUTAGE] == 0.0 and powered == 1.0:
            dense[LIVE, i] = 0.0  # nothing to integrate until somebody comes
    return found


@compiled
def _told_w(limit_w: float) -> float:
    """A limit as a charging profile can tell it: whole tenths of a W, rounded down."""
    return np.floor(limit_w / 0.1 + TINY) / 10.0


@compiled
def _pilot(s: Matrix, levels: Matrix, i: int, limit_w: float) -> tuple[float, float]:
    """The pilot (A, or W at DC) that a station signals for a limit, and its power."""
    if not limit_w > 0.0:
        return 0.0, 0.0
    most = s[i, MAX_PILOT]
    if s[i, DC] != 0.0:
        power = min(_told_w(limit_w), most)
        return power, power
    per_a = s[i, W_PER_A]
    amps = min(limit_w / per_a, most)
    if not math.isnan(levels[i, 0]):
        best = 0.0
        for level in levels[i]:
            if level <= amps * (1.0 + TINY):
                best = level
        amps = best
    elif s[i, STEP_A] > 0.0:
        amps = math.floor(amps / s[i, STEP_A] * (1.0 + TINY)) * s[i, STEP_A]
    elif s[i, MIN_PILOT] < amps < most:
        amps = max(_told_w(limit_w) / per_a, s[i, MIN_PILOT])
    if amps < s[i, MIN_PILOT] * (1.0 - TINY):
        return 0.0, 0.0
    return amps, amps * per_a


@compiled
def set_limits(
    data: Matrix, s: Matrix, dense: Matrix, levels: Matrix, rows: Rows, limit_w: Vector, t_s: float
) -> None:
    """Signal new limits to the rows that are online; what was drawn until `t_s` is counted first."""
    for k in range(len(rows)):
        i = rows[k]
        if s[i, OFFLINE] != 0.0:
            continue
        if dense[LIVE, i] != 0.0:
            _integrate(s, i, t_s)
        pilot, power = _pilot(s, levels, i, limit_w[k])
        if power != s[i, LIMIT_W]:
            s[i, PILOT] = pilot
            s[i, LIMIT_W] = power
            data[f.LIMIT_W, i] = power
            _offer(s, i)


@compiled
def connect(
    data: Matrix, s: Matrix, dense: Matrix, i: int, t_s: float, start_s: float, connection: Vector,
    shares: Array, arrival_wh: float, want_wh: float, departure_s: float, requested_wh: float,
) -> None:  # fmt: skip
    """Plug a car in: `connection` are the first CONNECTION columns of its row.

    `shares`, (4, n, 3), are the phases' shares by phases in use.
    """
    touch(s, dense, i, t_s, start_s)
    for k in range(CONNECTION):
        s[i, k] = connection[k]
    _change_phases(s, i, shares)
    s[i, CAR] = 1.0
    s[i, BATTERY_WH] = s[i, ARRIVAL_WH] = arrival_wh
    s[i, WANT_WH] = want_wh
    s[i, DELIVERED_WH] = s[i, LOSS_WH] = s[i, STANDBY_WH] = s[i, UNMETERED_WH] = 0.0
    s[i, FINISHED_S] = math.nan
    s[i, REPORTED] = 0.0
    s[i, ARRIVED_S], s[i, DEPARTURE_S], s[i, REQUESTED_WH] = t_s, departure_s, requested_wh
    s[i, START_WH] = _register_wh(s, i)
    _replug(data, s, i)


@compiled
def _replug(data: Matrix, s: Matrix, i: int) -> None:
    """The pilot outlives the car; what it means in W depends on the phases in use."""
    s[i, LIMIT_W] = s[i, PILOT] if s[i, DC] != 0.0 else s[i, PILOT] * s[i, W_PER_A]
    _offer(s, i)
    if s[i, OFFLINE] == 0.0:
        _describe(data, s, i)
        _measure(data, s, i)


@compiled
def begin(data: Matrix, s: Matrix, dense: Matrix, i: int, t_s: float, start_s: float) -> float:
    """Start the transaction of a plugged car; return the register."""
    touch(s, dense, i, t_s, start_s)
    s[i, RUNNING] = 1.0
    s[i, START_WH] = _register_wh(s, i)
    _offer(s, i)
    data[f.START_WH, i] = s[i, START_WH]
    _measure(data, s, i)
    return s[i, START_WH]


@compiled
def disconnect(
    data: Matrix, s: Matrix, dense: Matrix, i: int, t_s: float, start_s: float, rest: Matrix
) -> tuple[float, float, float]:
    """Unplug; the row of `rest`, (n, 5), describes the empty EVSE.

    Returns:
        The register; 1 if a transaction ran; when the car finished if nobody heard of it yet, else NaN.
    """
    touch(s, dense, i, t_s, start_s)
    running = s[i, RUNNING]
    finished = s[i, FINISHED_S] if s[i, REPORTED] == 0.0 else math.nan
    s[i, RUNNING] = s[i, CAR] = 0.0
    s[i, REPORTED] = 1.0
    for k in range(rest.shape[1]):
        s[i, k] = rest[i, k]
    s[i, ARRIVED_S] = s[i, DEPARTURE_S] = s[i, REQUESTED_WH] = math.nan
    _replug(data, s, i)
    return _register_wh(s, i), running, finished


@compiled
def refresh(data: Matrix, s: Matrix, i: int) -> None:
    """After a fault began or ended: what flows now, and what an online row shows."""
    _offer(s, i)
    data[f.OFFLINE, i] = 1.0 if s[i, OFFLINE] != 0.0 else 0.0
    if s[i, OFFLINE] == 0.0:
        _describe(data, s, i)
        _measure(data, s, i)


@compiled
def read_registers(s: Matrix, dense: Matrix, rows: Rows, t_s: float) -> Vector:
    """Registers of `rows` at `t_s`, inside the open interval."""
    out = np.empty(len(rows))
    for k in range(len(rows)):
        if dense[LIVE, rows[k]] != 0.0:
            _integrate(s, rows[k], t_s)
        out[k] = _register_wh(s, rows[k])
    return out


@compiled
def sample(s: Matrix, dense: Matrix, i: int, t_s: float) -> tuple[float, float, float, float, float]:
    """What a meter at one row shows at `t_s`, inside the open interval.

    Returns:
        Register (Wh), power at the connector (W), phases in use, limit in force (W), battery over usable.
    """
    if dense[LIVE, i] != 0.0:
        _integrate(s, i, t_s)
    full = s[i, BATTERY_WH] / s[i, USABLE_WH] if s[i, USABLE_WH] > 0.0 else math.nan
    return _register_wh(s, i), _shown_w(s, i), s[i, PHASES], s[i, LIMIT_W], full


@compiled
def halt(data: Matrix, s: Matrix, dense: Matrix, i: int, t_s: float, start_s: float) -> tuple[float, float]:
    """End a transaction while the car stays.

    Returns:
        The register; when the car finished if nobody heard of it yet, else NaN.
    """
    touch(s, dense, i, t_s, start_s)
    finished = s[i, FINISHED_S] if s[i, REPORTED] == 0.0 else math.nan
    if not math.isnan(finished):
        s[i, REPORTED] = 1.0
    s[i, RUNNING] = 0.0
    refresh(data, s, i)
    return _register_wh(s, i), finished


@compiled
def cap(data: Matrix, s: Matrix, dense: Matrix, i: int, cap_w: float, t_s: float, start_s: float) -> float:
    """Let the car's own charger take at most `cap_w` from now on; return what it took at most before."""
    touch(s, dense, i, t_s, start_s)
    before = s[i, CAP_W]
    s[i, CAP_W] = cap_w
    refresh(data, s, i)
    return before


@compiled
def switch(
    data: Matrix, s: Matrix, dense: Matrix, i: int, used: int, shares: Array, t_s: float, start_s: float
) -> None:
    """Use `used` phases of an AC row from now on; the pilot stays, `shares` are as for `connect`."""
    touch(s, dense, i, t_s, start_s)
    ratio = used / s[i, PHASES]
    for column in (W_PER_A, MAX_W, MIN_W, STEP_W, CAP_W):
        s[i, column] *= ratio
    s[i, PHASES] = used
    _change_phases(s, i, shares)
    _replug(data, s, i)
