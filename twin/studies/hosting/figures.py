"""How often, and how badly, over penetration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from twin.domain.ids import Vector
from twin.report.style import CYCLE, INK, LIMIT, MUTED, mark_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twin.results.statistics import Interval

COLOURS: Mapping[str, str] = {
    "any": INK,
    "trafo": CYCLE[0],
    "line": CYCLE[1],
    "low": CYCLE[2],
    "unbalance": CYCLE[3],
    "high": CYCLE[4],
    "unsolved": CYCLE[5],
}
"""One colour per reason, the same in every study."""
_DASHES: Mapping[str, str] = {"any": "-", "trafo": "--", "line": "-.", "low": ":", "unbalance": "--", "high": "-.", "unsolved": ":"}  # fmt: skip


def shares_over_penetration(
    penetrations: Sequence[float],
    shares: Mapping[str, Sequence[Interval]],
    *,
    ax: Axes,
    names: Mapping[str, str],
    risk: float,
    capacity: float | None = None,
) -> Axes:
    """Draw the share of draws that violate, one curve per reason with its 95 % band.

    Args:
        penetrations: Ascending, shares of the stations.
        shares: By reason, one interval per penetration.
        ax: Where to draw.
        names: Reason in words, by reason.
        risk: Accepted share of draws, in red.
        capacity: Where the curve of all reasons crosses it; None draws nothing.
    """
    x = 100.0 * np.asarray(penetrations)
    for reason, column in shares.items():
        colour = COLOURS[reason]
        mean = 100.0 * np.array([share.mean for share in column])
        low = 100.0 * np.array([share.mean if share.low is None else share.low for share in column])
        high = 100.0 * np.array([share.mean if share.high is None else share.high for share in column])
        ax.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
        (curve,) = ax.plot(x, mean, color=colour, linestyle=_DASHES[reason], label=names[reason])
        curve.set(marker="o", markersize=3.5, linewidth=1.6)
        if reason == "any":  # often it is the same as another curve, which lies on top of it
            curve.set(linewidth=3.2, alpha=0.55)
    mark_limit(ax, 100.0 * risk, f"accepted risk: {100 * risk:g} % of the draws", at=0.3)
    if capacity is not None:
        ax.axvline(100.0 * capacity, color=LIMIT, linewidth=0.8, linestyle=":")
    ax.set(
        xlabel="Stations that exist (%)",
        ylabel="Draws with a violation (%)",
        xlim=(0.0, 100.0 * max(penetrations[-1], 0.01)),
        ylim=(-1.0, 101.0),
    )
    ax.legend(frameon=False, loc="upper left")
    return ax


def worst_over_penetration(
    penetrations: Sequence[float], values: Sequence[Vector], *, ax: Axes, what: str, limit: float | None
) -> Axes:
    """Draw the worst value of every draw as boxes: quartiles, whiskers from 5 to 95 %, the rest as dots.

    Args:
        penetrations: Ascending, shares of the stations.
        values: (draws,) per penetration; without NaN.
        ax: Where to draw.
        what: Label of the vertical axis, with its unit.
        limit: Drawn in red; None draws none.
    """
    ax.boxplot(
        [np.asarray(column) for column in values],
        positions=range(len(values)),
        widths=0.55,
        whis=(5, 95),
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": CYCLE[0], "alpha": 0.3, "edgecolor": CYCLE[0]},
        whiskerprops={"color": CYCLE[0]},
        capprops={"color": CYCLE[0]},
        medianprops={"color": INK, "linewidth": 1.3},
        flierprops={"marker": ".", "markersize": 2.5, "markeredgecolor": MUTED},
    )
    if limit is not None:
        mark_limit(ax, limit, "limit")
    ax.set_xticks(range(len(penetrations)), [f"{100 * p:g}" for p in penetrations])
    ax.set(xlabel="Stations that exist (%)", ylabel=what, xlim=(-0.6, len(penetrations) - 0.4))
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    ax.grid(visible=False, axis="x")
    return ax
