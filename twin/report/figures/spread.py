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
) -> Axes:
    """Draw one dot per seed and scenario, with the mean and its interval beside them.

    Args:
        values: One value per seed, by scenario.
        intervals: Mean and interval by scenario.
        ax: Where to draw.
        what: Label of the vertical axis, with its unit.
        limit: Drawn in red; NaN draws none.
    """
    for k, (name, column) in enumerate(values.items()):
        colour = CYCLE[k % len(CYCLE)]
        spread = np.linspace(-0.2, 0.2, len(column)) if len(column) > 1 else np.zeros(1)
        ax.scatter(k + spread, list(column), s=16, color=colour, alpha=0.75, linewidths=0)
        found = intervals[name]
        ax.plot([k + 0.32], [found.mean], marker="D", markersize=5, color=INK)
        if found.low is not None and found.high is not None:
            ax.vlines(k + 0.32, found.low, found.high, color=INK, linewidth=1.4)
    if np.isfinite(limit):
        mark_limit(ax, limit, "limit")
    ax.set_xticks(range(len(values)), list(values))
    ax.set(ylabel=what, xlim=(-0.5, len(values) - 0.4))
    if len(values) > 3:
        ax.tick_params(axis="x", rotation=30)
    ax.grid(visible=False, axis="x")
    return ax
