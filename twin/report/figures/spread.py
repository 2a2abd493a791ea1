"""How a figure varies from seed to seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from twin.report.style import CYCLE, INK, mark_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twin.results.statistics import Interval


def by_seed(
    values: Mapping[str, Sequence[float]],
    intervals: Mapping[str, Interval],
    *,
    ax: Axes,
    what: str,
    limit: float = float("nan"),
    low: float = -np.inf,
    high: float = np.inf,
) -> Axes:
    """Draw one dot per seed and scenario, with the mean and its interval beside them.

    Args:
        values: One value per seed, by scenario.
        intervals: Mean and interval by scenario.
        ax: Where to draw.
        what: Label of the vertical axis, with its unit.
        limit: Drawn in red; NaN draws none.
        low: Smallest possible value: the axis does not go below it.
        high: Largest possible value.
    """
    for k, (name, column) in enumerate(values.items()):
        colour = CYCLE[k % len(CYCLE)]
        spread = np.linspace(-0.2, 0.2, len(column)) if len(column) > 1 else np.zeros(1)
        ax.scatter(k + spread, list(column), s=16, color=colour, alpha=0.75, linewidths=0, clip_on=False)
        found = intervals[name]
        ax.plot([k + 0.32], [found.mean], marker="D", markersize=5, color=INK, clip_on=False)
        if found.low is not None and found.high is not None:
            ax.vlines(k + 0.32, found.low, found.high, color=INK, linewidth=1.4)
    if np.isfinite(limit):
        mark_limit(ax, limit, "limit")
    ax.set_xticks(range(len(values)), list(values))
    ends = [end for found in intervals.values() for end in (found.low, found.high) if end is not None]
    marks = [value for column in values.values() for value in column] + ends + [limit]
    ax.set(ylabel=what, xlim=(-0.5, len(values) - 0.4), ylim=_scale(marks, low, high))
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    if len(values) > 3:
        ax.tick_params(axis="x", rotation=30)
    ax.grid(visible=False, axis="x")
    return ax


def over_values(
    values: Sequence[float], columns: Sequence[Sequence[float]], *, ax: Axes, setting: str, what: str
) -> Axes:
    """Draw a figure over the values of a setting: one dot per run, a line through the means.

    Args:
        values: (n,) Of the setting, ascending.
        columns: (n,) For each value the figure of every seed.
        ax: Where to draw; its vertical axis holds zero.
        setting: Label of the horizontal axis.
        what: Label of the vertical axis, with its unit.
    """
    for value, column in zip(values, columns, strict=True):
        ax.scatter(
            [value] * len(column), list(column), s=16, color=CYCLE[0], alpha=0.6, linewidths=0, clip_on=False
        )
    ax.plot(values, [float(np.mean(column)) for column in columns], color=CYCLE[0])
    known = [one for column in columns for one in column]
    ax.set_ylim(min(0.0, min(known) * 1.08), max(0.0, max(known) * 1.08))
    ax.set(xlabel=setting, ylabel=what)
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    return ax


def _scale(marks: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Ends of an axis that shows all marks, is wide enough to be read, and stays within what is possible."""
    known = [value for value in marks if np.isfinite(value)] or [0.0]
    middle = (min(known) + max(known)) / 2
    # Values that agree within a hundredth would else be blown up to a difference that is none.
    half = max((max(known) - min(known)) / 2, 0.01 * abs(middle), 0.5 if middle == 0.0 else 0.0) * 1.1
    return max(low, middle - half), min(high, middle + half)
