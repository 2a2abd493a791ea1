"""Means over fixed windows of what is constant between ticks, one part of a table after the other."""

from __future__ import annotations

import numpy as np

from twin.domain.ids import Matrix, Vector

QUARTER_HOUR_S = 900.0
TEN_MINUTES_S = 600.0
_EDGE_S = 1e-6


class WindowMeans:
    """Time-weighted means over consecutive windows; the ticks need not divide them.

    Row k of the series holds from the row before it (or the start) to its own instant. Windows are cut on
    the clock (`origin_s` is one of their edges); those that the run covers only in part are left out.

    Args:
        width_s: Of a window.
        columns: How many series run side by side.
        start_s: Where the first row begins.
        origin_s: Any edge of a window.
    """

    def __init__(self, width_s: float, columns: int, *, start_s: float = 0.0, origin_s: float = 0.0) -> None:
        self._width_s = width_s
        self._since_s = start_s
        first = np.ceil((start_s - origin_s - _EDGE_S) / width_s)
        self._edge_s = float(origin_s + first * width_s)
        """Begin of the window that is open."""
        self._sum = np.zeros(columns)
        """Integral since then."""

    def feed(self, t_s: Vector, values: Matrix) -> Matrix:
        """Take the next rows.

        Args:
            t_s: (k,) ends of the intervals, ascending.
            values: (k, columns), finite.

        Returns:
            (w, columns) means of the windows that are complete now.
        """
        if not len(t_s):
            return np.empty((0, len(self._sum)))
        # What lies before the first whole window counts for nothing.
        knots = np.maximum(np.concatenate([[self._since_s], t_s]), self._edge_s)
        spans = np.diff(knots)
        integral = np.vstack([self._sum, self._sum + np.cumsum(values * spans[:, None], axis=0)])
        self._since_s = float(t_s[-1])
        whole = int((self._since_s - self._edge_s + _EDGE_S) // self._width_s)
        if whole <= 0:
            self._sum = integral[-1]
            return np.empty((0, len(self._sum)))
        edges = self._edge_s + self._width_s * np.arange(1, whole + 1)
        at_edges = _between(knots, integral, np.minimum(edges, self._since_s))
        means = np.diff(at_edges, axis=0, prepend=np.zeros((1, len(self._sum)))) / self._width_s
        self._edge_s = float(edges[-1])
        self._sum = integral[-1] - at_edges[-1]
        return means


def _between(knots: Vector, integral: Matrix, at: Vector) -> Matrix:
    """Linear interpolation of every column of `integral` over `knots`."""
    right = np.clip(np.searchsorted(knots, at, side="left"), 1, len(knots) - 1)
    left = right - 1
    share = (at - knots[left]) / (knots[right] - knots[left])
    return np.asarray(integral[left] + share[:, None] * (integral[right] - integral[left]))
