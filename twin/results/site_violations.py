"""Shared limits of sites that were exceeded, as maximal intervals with the sessions behind them."""

from __future__ import annotations

import numpy as np
from numba import njit

from twin.domain.fleet import Fleet
from twin.domain.ids import Array, Vector
from twin.domain.interval import Interval
from twin.domain.site_limits import SiteLimits
from twin.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

SITE_CURRENT = "site current"
SITE_POWER = "site power"
SITE_KINDS = (SITE_CURRENT, SITE_POWER)
_TOLERANCE = 1e-6
"""Relative: plans keep limits to 1e-9, and the mean of an interval is rounded."""


@njit(cache=True)
def _loads(
    parent: Array, leaf: Array, phasor_per_w: Array, grid_w_per_w: Array, phases: Array, power_w: Array
) -> tuple[Array, Array]:  # pragma: no cover
    """(g,) current of the most loaded conductor, (g,) power on the grid's side; see `site_limits.loads`."""
    amps = np.zeros((len(parent), 3), dtype=np.complex128)
    watts = np.zeros(len(parent))
    for i in range(len(leaf)):
        if power_w[i] != 0.0:
            g = leaf[i]
            while g >= 0:
                watts[g] += grid_w_per_w[i] * power_w[i]
                for c in range(3):
                    amps[g, c] += phasor_per_w[int(phases[i]), i, c] * power_w[i]
                g = parent[g]
    largest = np.zeros(len(parent))
    for g in range(len(parent)):
        for c in range(3):
            largest[g] = max(largest[g], abs(amps[g, c]))
    return largest, watts


class SiteTracker:
    """Watches every interval; a limit that was exceeded becomes a row when it is kept again.

    Judged is the mean of the interval. A row whose car changed within it counts with all phases of its EVSE,
    which never makes a current larger than it was.

    Args:
        limits: The groups of all sites.
        fleet: The EVSEs.

    Attributes:
        begun: How many intervals began so far.
    """

    def __init__(self, limits: SiteLimits, fleet: Fleet) -> None:
        self._limits = limits
        self._fleet = fleet
        self._all_phases: Vector = np.array([float(s.connection.phases) for s in fleet.specs])
        self._sessions = [""] * len(fleet)
        self._open: dict[tuple[int, str], dict[str, float]] = {}
        self._spans: dict[tuple[int, str], list[float]] = {}
        self.begun = 0

    def session_of_row(self, row: int, session: str) -> None:
        """Name the session of an EVSE from now on."""
        self._sessions[row] = session

    def closed(self, start_s: float, end_s: float, interval: Interval) -> list[dict[str, object]]:
        """Take the interval [start, end]; return rows of what ended before it."""
        limits, fleet = self._limits, self._fleet
        if not len(limits):
            return []
        same_car = (interval.plugged > 0.0) & (fleet.arrived_s <= start_s)
        phases = np.where(same_car, fleet.phases, self._all_phases)
        amps, watts = _loads(
            limits.parent, limits.leaf, limits.phasor_per_w, limits.grid_w_per_w, phases, interval.power_w
        )
        over_a = np.flatnonzero(amps > limits.limit_a * (1.0 + _TOLERANCE))
        over_w = np.flatnonzero(watts > limits.limit_w * (1.0 + _TOLERANCE))
        if not len(over_a) and not len(over_w) and not self._spans:
            return []
        now = {(int(g), SITE_CURRENT): float(amps[g]) for g in over_a}
        now |= {(int(g), SITE_POWER): float(watts[g]) for g in over_w}
        ended = [self._end(key) for key in list(self._spans) if key not in now]
        hours = (end_s - start_s) / SECONDS_PER_HOUR
        for key, value in now.items():
            self._grow(key, value, (start_s, end_s), interval.power_w * hours)
        return ended

    def close(self) -> list[dict[str, object]]:
        """Rows of what the end of the run cuts off."""
        return [self._end(key) for key in list(self._spans)]

    def _grow(
        self, key: tuple[int, str], value: float, span_s: tuple[float, float], drawn_wh: Vector
    ) -> None:
        if key not in self._spans:
            self.begun += 1
            self._spans[key] = [span_s[0], span_s[1], value]
            self._open[key] = {}
        span = self._spans[key]
        span[1], span[2] = span_s[1], max(span[2], value)
        behind = self._open[key]
        for row in np.flatnonzero(self._under(key[0]) & (drawn_wh > 0.0)).tolist():
            session = self._sessions[row]
            behind[session] = behind.get(session, 0.0) + float(drawn_wh[row])

    def _under(self, group: int) -> Array:
        """(n,) True for EVSEs that hang on a group, directly or through others."""
        at = self._limits.leaf.copy()
        under = np.zeros(len(at), dtype=np.bool_)
        while (at >= 0).any():
            under |= at == group
            at = np.where(at >= 0, self._limits.parent[at], -1)
        return under

    def _end(self, key: tuple[int, str]) -> dict[str, object]:
        start_s, end_s, worst = self._spans.pop(key)
        group, kind = key
        limit = self._limits.limit_a[group] if kind == SITE_CURRENT else self._limits.limit_w[group]
        ranked = sorted((-energy_wh, name) for name, energy_wh in self._open.pop(key).items() if name)
        return {
            "element": self._limits.names[group],
            "kind": kind,
            "start_s": start_s,
            "end_s": end_s,
            "worst": worst,
            "limit": float(limit),
            "without_charging": False,
            "minutes_by_charging": (end_s - start_s) / SECONDS_PER_MINUTE,
            "sessions": " ".join(name for _, name in ranked),
        }
