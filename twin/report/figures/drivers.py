"""What drivers got: energy served and missing, waiting, and how evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.style import EV, MUTED, PV, Strokes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def served_by_day(days: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw energy per day of arrival: delivered, and missing on top.

    Args:
        days: Index: label of the day or week; columns `delivered_kwh`, `missing_kwh`.
        ax: Where to draw.
    """
    x = np.arange(len(days))
    ax.bar(x, days["delivered_kwh"], color=EV, width=0.75, label="delivered")
    ax.bar(
        x,
        days["missing_kwh"],
        bottom=days["delivered_kwh"],
        color=PV,
        width=0.75,
        label="wanted, not delivered",
    )
    few = len(days) <= 8
    ax.set_xticks(x, [str(label).replace(" ", "\n", 1) if few else str(label) for label in days.index])
    if not few:
        ax.tick_params(axis="x", rotation=90)
    ax.set(xlabel="Arrival", ylabel="Energy (kWh)")
    ax.grid(visible=False, axis="x")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2)
    return ax


def by_hour(values: pd.Series, *, ax: Axes, what: str) -> Axes:
    """Draw bars over the 24 hours of the civil day in which the cars arrived.

    Args:
        values: Index: hour 0 to 23 (hours without a car may be absent).
        ax: Where to draw.
        what: Label of the vertical axis, with its unit.
    """
    full = values.reindex(range(24)).fillna(0.0)
    ax.bar(full.index.to_numpy() + 0.5, full.to_numpy(), width=0.86, color=PV)
    ax.set(xlabel="Hour of arrival (civil time)", ylabel=what, xlim=(0, 24))
    ax.set_xticks(range(0, 25, 4), [f"{h:02d}" for h in range(0, 25, 4)])
    ax.grid(visible=False, axis="x")
    if not full.any():
        ax.set_ylim(0, 1)
        ax.text(12, 0.5, "none", ha="center", va="center", color=MUTED)
    return ax


def served_share(shares: pd.DataFrame, *, ax: Axes, strokes: Strokes | None = None) -> Axes:
    """Draw, for each column, the served share of every session (or driver), from the worst to the best.

    Args:
        shares: One column per group or strategy, values 0 to 1; NaN is left out.
        ax: Where to draw.
        strokes: Colour and dashes by column, where several figures share them; then a single curve is named too.
    """
    for name, column in shares.items():
        ranked = np.sort(column.dropna().to_numpy())
        if len(ranked):
            at = np.arange(len(ranked) + 1) / len(ranked) * 100
            stroke = (strokes or {}).get(str(name), {})
            ax.step(at, np.concatenate([ranked[:1], ranked]) * 100, where="pre", label=str(name), **stroke)
    ax.set(
        xlabel="Share of them, worst first (%)", ylabel="Served share of the energy wanted (%)",
        xlim=(0, 100), ylim=(0, 104),
    )  # fmt: skip
    if (shares.shape[1] > 1 or strokes) and ax.get_lines():
        ax.legend(loc="lower right")
    return ax


def served_by_bus(per_bus: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw each bus: its lowest voltage against the served share of its sessions.

    A cloud that falls to the left says that drivers at the weak end of the feeder get less.

    Args:
        per_bus: Columns `lowest_pu`, `share` (0 to 1), `sessions`.
        ax: Where to draw.
    """
    size = 14 + 60 * per_bus["sessions"] / max(float(per_bus["sessions"].max()), 1.0)
    ax.scatter(
        per_bus["lowest_pu"],
        per_bus["share"] * 100,
        s=size,
        color=EV,
        alpha=0.65,
        edgecolors="white",
        linewidths=0.5,
    )
    worst = float(per_bus["share"].min()) * 100 if len(per_bus) else 0.0
    ax.set(
        xlabel="Lowest voltage of the bus (pu)", ylabel="Served share at the bus (%)",
        ylim=(max(0.0, min(90.0, worst - 5)), 101.5),
    )  # fmt: skip
    return ax
