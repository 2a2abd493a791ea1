"""What an EVSE makes of a limit: the pilot that it signals, in W. The same rule as compiled for simulated stations."""

from __future__ import annotations

import math

from twin.domain.specs import EvseSpec

TELLS_W = 0.1
"""Limits cross the wire in whole steps of this (OCPP 1.6, 7.10; 2.x, ChargingSchedulePeriodType)."""
TINY = 1e-9
"""Relative slack of a limit that is meant to be a multiple of a step."""


def told_w(limit_w: float) -> float:
    """Return a limit as a charging profile can tell it, rounded down."""
    return math.floor(limit_w / TELLS_W + TINY) / 10.0 if math.isfinite(limit_w) else limit_w


def pilot_w(spec: EvseSpec, w_per_a: float, limit_w: float) -> float:
    """Return the power that an EVSE allows when it is asked for a limit.

    Args:
        spec: The EVSE.
        w_per_a: Power per A of pilot with the phases in use; unused at DC.
        limit_w: Asked for; `inf`: as much as it can.

    Returns:
        At most `limit_w` and the rating; 0 where that is below the smallest pilot.
    """
    if not limit_w > 0.0:
        return 0.0
    if spec.dc_max_w is not None:
        return min(told_w(limit_w), spec.dc_max_w)
    amps = min(limit_w / w_per_a, spec.max_a)
    if spec.levels_a:
        amps = max((level for level in spec.levels_a if level <= amps * (1.0 + TINY)), default=0.0)
    elif spec.step_a > 0.0:
        amps = math.floor(amps / spec.step_a * (1.0 + TINY)) * spec.step_a
    elif spec.min_a < amps < spec.max_a:
        amps = max(told_w(limit_w) / w_per_a, spec.min_a)
    return 0.0 if amps < spec.min_a * (1.0 - TINY) else amps * w_per_a


def sent_w(power_w: float) -> float:
    """Return how a pilot's power is written so that its EVSE understands it: rounded up, by less than 0.1 W."""
    return math.ceil(power_w / TELLS_W - TINY) / 10.0 if math.isfinite(power_w) else power_w
