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
    band: pd.DataFrame, *, ax: Axes, vm_min_pu: float = 0.9, vm_max_pu: float = 1.1, legend: bool = True
) -> Axes:
    """Draw the fan of `band_by_time_of_day`: lowest to highest, 5 to 95 % of all values, and the median."""
    hour = band.index.to_numpy()
    ax.fill_between(
        hour, band["low"], band["high"], color=EV, alpha=0.15, linewidth=0, label="lowest to highest"
    )
    ax.fill_between(
        hour, band["p05"], band["p95"], color=EV, alpha=0.35, linewidth=0, label="5 to 95 % of all values"
    )
    ax.plot(hour, band["p50"], color=EV, label="median")
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
