"""Base load and generation over time: exact means over any interval, in microseconds.

A profile is a few time series (SimBench has a dozen per net) and, per unit of the net, which series it
follows at what power. The mean over an interval is the difference of the series' running integral, so it
is exact for steps and for straight lines between samples, whatever the tick.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np

from twin.domain.ids import Matrix, Rows
from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder, Units
from twin.grid.profile_sources import from_csv, from_simbench
from twin.grid.series import BaseLoad, Interpolation, Series, bus_means, means, running_integral


class Profile:
    """Mean active and reactive power per bus over any interval of the run.

    Outside the samples (only a forecast beyond the end of a run looks there) the first and the last
    value hold.
    """

    def __init__(
        self,
        units: Units,
        buses: int,
        series: Series,
        follow: tuple[Rows, Rows],
        interpolation: Interpolation,
    ) -> None:
        """Bind units to series.

        Args:
            units: Whose `p_w` and `q_var` are the power at a series' value of 1.
            buses: Length of the result per bus.
            series: The samples.
            follow: (u,) index of the series that P, and that Q of a unit follows.
            interpolation: Between samples.
        """
        self._times_s = np.ascontiguousarray(series.times_s, dtype=float)
        self._values = np.ascontiguousarray(series.values, dtype=float)
        self._linear = interpolation == "linear"
        self._integral = running_integral(self._times_s, self._values, linear=self._linear)
        self._follow = np.stack(follow).astype(np.int64).reshape(2, len(units))
        self._power = np.stack([units.p_w, units.q_var])
        self._bus = units.bus
        self._generates = units.generates
        self.buses = buses
        self.units = units

    def means(self, start_s: float, end_s: float) -> tuple[Matrix, float, float]:
        """Return the mean over [start_s, end_s], or the instant if both are equal.

        Returns:
            (2, nb) net draw of all units per bus in W and var, positive draws; then the sum of what
            draws and the sum of what generates, in W.
        """
        out = np.zeros((2, self.buses))
        draws, generates = bus_means(
            start_s,
            end_s,
            self._times_s,
            self._values,
            self._integral,
            self._linear,
            self._follow,
            self._power,
            self._bus,
            self._generates,
            out,
        )
        return out, draws, generates

    def unit_means(self, start_s: float, end_s: float) -> Matrix:
        """Return (2, u) mean P and Q of each unit in W and var, in the sign of its table."""
        level = np.empty(self._values.shape[1])
        means(start_s, end_s, self._times_s, self._values, self._integral, self._linear, level)
        return self._power * level[self._follow]


def read_profile(feeder: Feeder, base: BaseLoad, start: datetime, end_s: float) -> Profile:
    """Make the profile of a run.

    Args:
        feeder: Whose units draw and generate.
        base: Where their powers come from.
        start: First instant of the run, with an offset.
        end_s: Length of the run in s.

    Raises:
        ScenarioError: A series is missing, unreadable or shorter than the run.
    """
    if start.utcoffset() is None:
        raise ValueError("the start of a run needs an offset")
    units = feeder.units
    if base.source == "none" or not len(units):
        return constant(feeder, 0.0)
    if base.source == "constant":
        return constant(feeder, base.scale)
    read = from_simbench if base.source == "simbench" else from_csv
    found = read(feeder, base, start)
    _covers(found.series, base, start, end_s)
    series = _window(found.series, end_s)
    values = series.values * base.scale
    scaled = Series(times_s=series.times_s, values=values, end_s=series.end_s)
    return Profile(found.units, len(feeder.buses), scaled, found.follow, base.interpolation)


def constant(feeder: Feeder, scale: float) -> Profile:
    """Return the profile in which every unit has `scale` times its nominal power all the time."""
    rows = np.zeros(len(feeder.units), dtype=np.int64)
    series = Series(times_s=np.zeros(1), values=np.full((1, 1), scale), end_s=math.inf)
    return Profile(feeder.units, len(feeder.buses), series, (rows, rows), "step")


def _covers(series: Series, base: BaseLoad, start: datetime, end_s: float) -> None:
    first_s = float(series.times_s[0])
    if first_s <= 0.0 and end_s <= series.end_s:
        return

    def instant(t_s: float) -> str:
        return (start + timedelta(seconds=t_s)).isoformat()

    file, path = (base.file.name, "") if base.file else ("scenario", "grid.base_load")
    text = (
        f"base load covers {instant(first_s)} to {instant(series.end_s)}, "
        f"the run needs {instant(0.0)} to {instant(end_s)}"
    )
    raise ScenarioError([Problem(file, 0, path, text)])


def _window(series: Series, end_s: float) -> Series:
    """Keep the samples that a run from 0 to `end_s` and one day's forecast beyond it can touch."""
    first = max(int(np.searchsorted(series.times_s, 0.0, side="right")) - 1, 0)
    last = int(np.searchsorted(series.times_s, end_s + 86_400.0, side="left")) + 1
    return Series(times_s=series.times_s[first:last], values=series.values[first:last], end_s=series.end_s)
