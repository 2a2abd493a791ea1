"""Whether a station does what it accepted: measured draws against limits, its composite schedule against ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import NamedTuple

from twin.network.ocpp.profiles.compose import composite
from twin.network.ocpp.profiles.context import CompositeSchedule, Context
from twin.network.ocpp.profiles.model import ChargingProfile

TOLERANCE_A = 0.5
"""Above a limit in A that still obeys it."""
TOLERANCE_W = 150.0
"""Above a limit in W that still obeys it: a meter's class and a car's ripple."""
TOLERANCE = 0.03
"""Above any limit, as a share of it."""
VOLTAGE_SHARE = 0.10
"""How far the voltage may be above nominal: where only power is measured, a limit in A allows so much more."""
START_TOLERANCE_S = 4.0
"""Between our clock and the station's, as the certification labs allow."""
_PHASES = ("L1", "L2", "L3")


class Draw(NamedTuple):
    """What an EVSE was measured to draw."""

    t_s: float
    """When; NaN: it was never measured."""
    power_w: float
    """NaN: not measured."""
    current_a: float
    """Of the phase that draws most; NaN: not measured."""
    phases: int
    """That draw current; 0: not known."""

    def watts(self, voltage_v: float, phases: int) -> float:
        """Return the power, if need be from current; NaN: neither is known."""
        return self.current_a * voltage_v * (self.phases or phases) if isnan(self.power_w) else self.power_w


def draw(readings: Mapping[tuple[str, str], tuple[float, float]]) -> Draw:
    """Read the latest draw from an EVSE's readings, `(measurand, phase)` to (t_s, value)."""
    power = readings.get(("Power.Active.Import", ""), (nan, nan))
    current = readings.get(("Current.Import", ""), (nan, nan))
    times = [t_s for t_s, _ in (power, current) if not isnan(t_s)]
    if len(times) == 2 and power[0] != current[0]:  # the newer one alone tells how it is now
        power, current = (power, (nan, nan)) if power[0] > current[0] else ((nan, nan), current)
    at_s = current[0]
    of_phases = (readings.get(("Current.Import", phase), (nan, 0.0)) for phase in _PHASES)
    used = sum(1 for t_s, value in of_phases if t_s == at_s and value > 1.0)
    return Draw(max(times, default=nan), power[1], current[1], used)


def obeys(draw: Draw, allows_w: float, limit_a: float | None, voltage_v: float, phases: int) -> bool | None:
    """Return whether a draw is within a limit; None: nothing comparable was measured.

    Args:
        draw: What was measured.
        allows_w: The limit, of all phases.
        limit_a: The limit per phase, where it was written in A: then the current is held against it if it is
            measured, and else the power with room for a high voltage.
        voltage_v: Nominal, phase to neutral.
        phases: In use, where the measurement does not say.
    """
    if limit_a is not None and not isnan(draw.current_a):
        return draw.current_a <= limit_a * (1 + TOLERANCE) + TOLERANCE_A
    power_w = draw.watts(voltage_v, phases)
    if isnan(power_w):
        return None
    margin = TOLERANCE + (0.0 if limit_a is None else VOLTAGE_SHARE)
    return power_w <= allows_w * (1 + margin) + TOLERANCE_W


class Difference(NamedTuple):
    """Where a composite schedule is not what follows from the profiles that were accepted."""

    after_s: float
    """Seconds after the schedule's start."""
    expected: float | None
    """In the schedule's unit; None: no limit."""
    reported: float | None


def differences(
    reported: CompositeSchedule,
    profiles: Sequence[ChargingProfile],
    context: Context,
    *,
    below: bool = False,
) -> list[Difference]:
    """Compare a station's composite schedule with what its profiles mean.

    A difference that lasts no longer than the clocks may differ does not count, nor one of less than a
    step of the wire, nor, unless `below`, a report below what we expect: the station may know tighter limits of its own.
    """
    expected = composite(profiles, context, reported.start_s, reported.duration_s, reported.unit)
    edges = sorted({period.start_s for schedule in (reported, expected) for period in schedule.periods})
    found: list[Difference] = []
    for start_s, end_s in zip(edges, [*edges[1:], reported.duration_s], strict=True):
        theirs, ours = _limit(reported, start_s), _limit(expected, start_s)
        above = ours is not None and (theirs is None or theirs > ours + 0.1001)
        under = below and theirs is not None and (ours is None or theirs < ours - 0.1001)
        if (above or under) and end_s - start_s > START_TOLERANCE_S:
            found.append(Difference(start_s, ours, theirs))
    return found


def _limit(schedule: CompositeSchedule, after_s: float) -> float | None:
    limit: float | None = None
    for period in schedule.periods:
        if period.start_s > after_s:
            break
        limit = period.limit
    return limit
