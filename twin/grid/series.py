"""Samples of power over time and their exact mean over any interval."""

# compiled functions take flat arguments

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numba import njit

from twin.domain.ids import Array, Matrix, Vector

Interpolation = Literal["step", "linear"]
PhaseRule = Literal["balanced", "single", "uneven"]
"""How the power of a load or generator divides over three phases: `twin.grid.unit_phases`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLoad:
    """What a scenario says about the load that is there without electric cars.

    Attributes:
        source: `simbench` (the net's own profiles), `csv`, `constant` (nominal powers) or `none`.
        file: The CSV.
        time_zone: Zone of the CSV's times where they carry no offset.
        interpolation: `step`: a sample holds until the next; `linear`: straight lines between samples.
        scale: Factor on the power of all units, load and generation.
        phases: How units divide over three phases.
    """

    source: Literal["simbench", "csv", "constant", "none"]
    file: Path | None = None
    time_zone: str | None = None
    interpolation: Interpolation = "step"
    scale: float = 1.0
    phases: PhaseRule = "balanced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples of k series at common instants.

    Attributes:
        times_s: (T,) instants in s since the start of the run, ascending.
        values: (T, k).
        end_s: Where the last sample ends to hold; equal to the last instant for straight lines.
    """

    times_s: Vector
    values: Matrix
    end_s: float


@njit(cache=True)
def running_integral(times_s: Array, values: Array, linear: bool) -> Array:  # pragma: no cover
    """Integrate each of the k series from the first instant to every instant: (T, k)."""
    out = np.zeros(values.shape)
    for i in range(1, len(times_s)):
        step_s = times_s[i] - times_s[i - 1]
        for k in range(values.shape[1]):
            level = 0.5 * (values[i - 1, k] + values[i, k]) if linear else values[i - 1, k]
            out[i, k] = out[i - 1, k] + level * step_s
    return out


@njit(cache=True)
def _integral_at(
    t_s: float, times_s: Array, values: Array, integral: Array, linear: bool, i: int, k: int
) -> float:  # pragma: no cover
    ahead_s = t_s - times_s[i]
    out = integral[i, k] + values[i, k] * ahead_s
    if linear and ahead_s > 0.0 and i + 1 < len(times_s):
        slope = (values[i + 1, k] - values[i, k]) / (times_s[i + 1] - times_s[i])
        out += 0.5 * slope * ahead_s * ahead_s
    return out


@njit(cache=True)
def means(
    start_s: float, end_s: float, times_s: Array, values: Array, integral: Array, linear: bool, out: Array
) -> None:  # pragma: no cover
    """Write the mean of each series over [start_s, end_s] into `out` (k,); the value if both are equal."""
    i = max(int(np.searchsorted(times_s, start_s, side="right")) - 1, 0)
    j = max(int(np.searchsorted(times_s, end_s, side="right")) - 1, 0)
    for k in range(values.shape[1]):
        if end_s > start_s:
            upper = _integral_at(end_s, times_s, values, integral, linear, j, k)
            lower = _integral_at(start_s, times_s, values, integral, linear, i, k)
            out[k] = (upper - lower) / (end_s - start_s)
            continue
        out[k] = values[i, k]
        if linear and start_s > times_s[i] and i + 1 < len(times_s):
            share = (start_s - times_s[i]) / (times_s[i + 1] - times_s[i])
            out[k] += share * (values[i + 1, k] - values[i, k])


@njit(cache=True)
def bus_means(
    start_s: float,
    end_s: float,
    times_s: Array,
    values: Array,
    integral: Array,
    linear: bool,
    follow: Array,
    power: Array,
    bus: Array,
    generates: Array,
    out: Array,
) -> tuple[float, float]:  # pragma: no cover
    """Add the mean power of every unit to its bus.

    Args:
        start_s: Begin of the interval.
        end_s: Its end.
        times_s: (T,) instants of the samples.
        values: (T, k).
        integral: (T, k) of `running_integral`.
        linear: Straight lines between samples instead of steps.
        follow: (2, u) series that P and Q of each unit follow.
        power: (2, u, phases) W and var at a series' value of 1.
        bus: (u,) position of the bus.
        generates: (u,) True counts against the draw.
        out: (2, nb, phases) W and var, added to.

    Returns:
        Sum of draws and sum of generation in W.
    """
    level = np.empty(values.shape[1])
    means(start_s, end_s, times_s, values, integral, linear, level)
    drawn = generated = 0.0
    for u in range(len(bus)):
        p_level, q_level = level[follow[0, u]], level[follow[1, u]]
        sign = -1.0 if generates[u] else 1.0
        total = 0.0
        for phase in range(power.shape[2]):
            p_w = power[0, u, phase] * p_level
            total += p_w
            out[0, bus[u], phase] += sign * p_w
            out[1, bus[u], phase] += sign * (power[1, u, phase] * q_level)
        if generates[u]:
            generated += total
        else:
            drawn += total
    return drawn, generated
