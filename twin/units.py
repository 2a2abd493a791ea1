"""The only place that multiplies by 1000, 3600 or 1e6."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # checking a scenario converts units without loading numpy
    from numpy import ndarray

Number = TypeVar("Number", float, "ndarray")

SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86_400.0


def w_from_kw(power_kw: Number) -> Number:
    """Watt from kilowatt."""
    return power_kw * 1_000.0


def kw_from_w(power_w: Number) -> Number:
    """Kilowatt from watt."""
    return power_w / 1_000.0


def wh_from_kwh(energy_kwh: Number) -> Number:
    """Watt-hours from kilowatt-hours."""
    return energy_kwh * 1_000.0


def kwh_from_wh(energy_wh: Number) -> Number:
    """Kilowatt-hours from watt-hours."""
    return energy_wh / 1_000.0


def w_from_mw(power_mw: Number) -> Number:
    """Watt from megawatt."""
    return power_mw * 1e6


def mw_from_w(power_w: Number) -> Number:
    """Megawatt from watt."""
    return power_w / 1e6


def wh(power_w: Number, duration_s: float) -> Number:
    """Energy in Wh of a constant power over a duration in seconds."""
    return power_w * (duration_s / SECONDS_PER_HOUR)
