"""Base load and generation over time: exact means over any interval, in microseconds.

A profile is a few time series (SimBench has a dozen per net) and, per unit of the net, which series it
follows at what power. The mean over an interval is the difference of the series' running integral, so it
is exact for steps and for straight lines between samples, whatever the tick.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
from scipy.sparse import csr_array

from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.errors import Problem, ScenarioError
from twin.grid.feeder import Feeder, Units
from twin.grid.profile_sources import from_csv, from_simbench
from twin.grid.series import BaseLoad, Interpolation, Series, bus_means, means, running_integral
from twin.grid.unit_phases import unit_shares

_PHASES = 3


class Profile:
    """Mean active and reactive power per bus, and phase, over any interval of the run.

    Outside the samples (only a forecast beyond the end of a run looks there) the first and the last
    value hold.

    Attributes:
        buses: Length of the results per bus.
        phases: 3 where each phase is told apart, else 1.
        units: Whose power this is.
        shares: (u, 3) share of each phase of the units of symmetric tables; None with one phase.
    """

    def __init__(
        self,
        units: Units,
        buses: int,
        series: Series,
        follow: tuple[Rows, Rows],
        interpolation: Interpolation,
        shares: Matrix | None = None,
    ) -> None:
        """Bind units to series.

        Args:
            units: Whose `p_w` and `q_var` are the power at a series' value of 1.
            buses: Length of the result per bus.
            series: The samples.
            follow: (u,) index of the series that P, and that Q of a unit follows.
            interpolation: Between samples.
            shares: (u, 3) of what units of symmetric tables draw on each phase; rows of asymmetric tables
                say it themselves. Absent: the phases are not told apart.
        """
        self._times_s = np.ascontiguousarray(series.times_s, dtype=float)
        self._values = np.ascontiguousarray(series.values, dtype=float)
        self._linear = interpolation == "linear"
        self._integral = running_integral(self._times_s, self._values, linear=self._linear)
        self._follow = np.stack(follow).astype(np.int64).reshape(2, len(units))
        self._total = np.stack([units.p_w, units.q_var])
        self._power = _by_phase(units, self._total, shares)
        self._bus = units.bus
        self._generates = units.generates
        self.buses = buses
        self.phases = self._power.shape[2]
        self.units = units
        self.shares = shares

    def means(self, start_s: float, end_s: float) -> tuple[Array, float, float]:
        """Return the mean over [start_s, end_s], or the instant if both are equal.

        Returns:
            (2, nb, phases) net draw of all units per bus and phase in W and var, positive draws; then the
            sum of what draws and the sum of what generates, in W.
        """
        out = np.zeros((2, self.buses, self.phases))
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
        """Return (2, u) mean P and Q of each unit, all phases, in W and var, in the sign of its table."""
        level = np.empty(self._values.shape[1])
        means(start_s, end_s, self._times_s, self._values, self._integral, self._linear, level)
        return self._total * level[self._follow]

    @property
    def peak_w(self) -> Vector:
        """(u,) largest active power of each unit over the samples, in the sign of its table."""
        low, high = (f(self._values, axis=0)[self._follow[0]] * self._total[0] for f in (np.min, np.max))
        return np.asarray(np.maximum(low, high))

    def samples(self, first: int, after: int) -> Array:
        """Return (2, T, nb, phases) net draw of the samples from `first` to before `after`, in W and var.

        Of steps this is what `means` gives from each sample to the next, for thousands at once.
        """
        count = len(self.units)
        columns = self._bus[:, None] * self.phases + np.arange(self.phases)
        sign = np.where(self._generates, -1.0, 1.0)[:, None]
        levels = self._values[first:after].T
        out = np.empty((2, levels.shape[1], self.buses, self.phases))
        for k, (power, follow) in enumerate(zip(self._power, self._follow, strict=True)):
            rows = np.broadcast_to(follow[:, None], (count, self.phases))
            shape = (self.buses * self.phases, len(levels))
            per_level = csr_array(((sign * power).ravel(), (columns.ravel(), rows.ravel())), shape=shape)
            out[k] = (per_level @ levels).T.reshape(-1, self.buses, self.phases)
        return out


def _by_phase(units: Units, total: Matrix, shares: Matrix | None) -> Array:
    """(2, u, phases) power of each unit at a level of 1."""
    if shares is None:
        return total[:, :, None].copy()
    return np.where(np.isnan(units.phase_power), total[:, :, None] * shares, units.phase_power)


def read_profile(
    feeder: Feeder, base: BaseLoad, start: datetime, end_s: float, *, phases: int = 1, seed: int = 0
) -> Profile:
    """Make the profile of a run.

    Args:
        feeder: Whose units draw and generate.
        base: Where their powers come from.
        start: First instant of the run, with an offset.
        end_s: Length of the run in s.
        phases: 3 to tell the phases apart, by the rule of `base`.
        seed: Of the rule's draws.

    Raises:
        ScenarioError: A series is missing, unreadable or shorter than the run.
    """
    if start.utcoffset() is None:
        raise ValueError("the start of a run needs an offset")
    units = feeder.units
    shares = unit_shares(units, base.phases, seed) if phases == _PHASES else None
    if base.source == "none" or not len(units):
        return constant(feeder, 0.0, shares)
    if base.source == "constant":
        return constant(feeder, base.scale, shares)
    read = from_simbench if base.source == "simbench" else from_csv
    found = read(feeder, base, start)
    _covers(found.series, base, start, end_s)
    series = _window(found.series, end_s)
    values = series.values * base.scale
    scaled = Series(times_s=series.times_s, values=values, end_s=series.end_s)
    return Profile(found.units, len(feeder.buses), scaled, found.follow, base.interpolation, shares)


def constant(feeder: Feeder, scale: float, shares: Matrix | None = None) -> Profile:
    """Return the profile in which every unit has `scale` times its nominal power all the time.

    With `shares` (u, 3), for example those of another profile, the phases are told apart.
    """
    rows = np.zeros(len(feeder.units), dtype=np.int64)
    series = Series(times_s=np.zeros(1), values=np.full((1, 1), scale), end_s=math.inf)
    return Profile(feeder.units, len(feeder.buses), series, (rows, rows), "step", shares)


def ramp(feeder: Feeder, shares: Matrix | None = None) -> Profile:
    """Return the profile in which every unit has no power at second 0 and its nominal power at second 1."""
    rows = np.zeros(len(feeder.units), dtype=np.int64)
    series = Series(times_s=np.array([0.0, 1.0]), values=np.array([[0.0], [1.0]]), end_s=math.inf)
    return Profile(feeder.units, len(feeder.buses), series, (rows, rows), "step", shares)


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
