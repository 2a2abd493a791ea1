"""Voltage over the day: the band of all buses and days, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.style import EV, mark_limit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BIN_MINUTES = 15


def band_by_time_of_day(buses: pd.DataFrame, middle: pd.Series) -> pd.DataFrame:
    """Fold the voltages of all buses and days onto one civil day.

    Args:
        buses: Rows of the table `buses`, with `vm_pu`.
        middle: Civil instant of the middle of each row's interval, same index as `buses`.

    Returns:
        Index: hour of the day at the middle of each quarter of an hour; columns `low`, `p05`, `p50`, `p95`,
        `high` in pu.
    """
    bins = (middle.dt.hour * 60 + middle.dt.minute) // BIN_MINUTES
    folded = buses["vm_pu"].dropna().groupby(bins)
    band = folded.quantile(np.array([0.0, 0.05, 0.5, 0.95, 1.0])).unstack()  # noqa: PD010 -- a pivot of two levels
    band.columns = ["low", "p05", "p50", "p95", "high"]
    band.index = (band.index.to_numpy() + 0.5) * BIN_MINUTES / 60
    return band.rename_axis("hour")


def voltage_band(
    band: pd.DataFrame,
    *,
    ax: Axes,
    vm_min_pu: float = 0.9,
    vm_max_pu: float = 1.1,
    legend: bool = True,
    colour: str = EV,
) -> Axes:
    """Draw the fan of `band_by_time_of_day`: lowest to highest, 5 to 95 % of all values, and the median."""
    hour = band.index.to_numpy()
    ax.fill_between(
        hour, band["low"], band["high"], color=colour, alpha=0.15, linewidth=0, label="lowest to highest"
    )
    ax.fill_between(
        hour, band["p05"], band["p95"], color=colour, alpha=0.35, linewidth=0, label="5 to 95 % of all values"
    )
    ax.plot(hour, band["p50"], color=colour, label="median")
    edges = [float(band["low"].min()), float(band["high"].max())] if len(band) else []
    for limit, name in ((vm_min_pu, "lower limit"), (vm_max_pu, "upper limit")):
        if np.isfinite(limit):
            mark_limit(ax, limit, f"{name} {limit:g} pu", above=limit < 1)
            edges.append(limit)
    ax.set(xlabel="Time of day (h, civil time)", ylabel="Voltage (pu)", xlim=(0, 24))
    if edges:
        ax.set_ylim(min(edges) - 0.01, max(edges) + 0.01)
    ax.set_xticks(range(0, 25, 4), [f"{h:02d}:00" for h in range(0, 25, 4)])
    if legend:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, columnspacing=1.2)
    return ax


def bus_ranges(ranges: pd.DataFrame, *, ax: Axes, low_pu: float = 0.9, high_pu: float = 1.1) -> Axes:
    """Draw each bus as a line from its lowest to its highest 10-minute mean, the weakest bus first.

    Args:
        ranges: Columns `lowest_pu`, `highest_pu`, one row per bus in any order.
        ax: Where to draw.
        low_pu: Lower bound of EN 50160, for 95 % of the week.
        high_pu: Upper bound.
    """
    ranked = ranges.sort_values("lowest_pu", kind="stable")
    x = np.arange(1, len(ranked) + 1)
    ax.vlines(
        x, ranked["lowest_pu"], ranked["highest_pu"], color=EV, linewidth=max(1.0, min(6.0, 180 / len(x)))
    )
    ax.scatter(x, ranked["lowest_pu"], s=5, color=EV)
    mark_limit(ax, low_pu, f"EN 50160 lower {low_pu:g} pu")
    mark_limit(ax, high_pu, f"EN 50160 upper {high_pu:g} pu", above=False)
    low, high = min(ranked["lowest_pu"].min(), low_pu), max(ranked["highest_pu"].max(), high_pu)
    ax.set(
        xlabel="Buses, weakest first", ylabel="10-minute means (pu)", ylim=(low - 0.01, high + 0.01),
        xlim=(0.3, len(ranked) + 0.7),
    )  # fmt: skip
    ax.grid(visible=False, axis="x")
    ax.locator_params(axis="x", integer=True)
    return ax
