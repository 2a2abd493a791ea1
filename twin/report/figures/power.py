"""Power: how loaded the transformer is and how often, what draws it, and what load management did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.style import BASE, EV, INK, LIMIT, MUTED, PV, Strokes, mark_limit

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd
    from matplotlib.axes import Axes


_EXACT = 400


def load_duration(
    loading: pd.DataFrame,
    *,
    ax: Axes,
    limit: float = 100.0,
    what: str = "Transformer loading (%)",
    strokes: Strokes | None = None,
) -> Axes:
    """Draw load-duration curves: for which share of the time the loading was at least so high.

    Args:
        loading: One column per transformer or strategy, one row per solved interval, in the unit of `what`.
        ax: Where to draw.
        limit: The rating, the only red; NaN draws none.
        what: Label of the vertical axis, with its unit.
        strokes: Colour and dashes by column, where several figures share them; then a single curve is named too.
    """
    highest = 0.0
    for name, column in loading.items():
        ranked = np.sort(column.dropna().to_numpy())[::-1]
        if not len(ranked):
            continue
        share = np.arange(len(ranked) + 1) / len(ranked) * 100
        values = np.concatenate([ranked[:1], ranked])
        # Steps are exact; beyond what the eye can tell they only make the page heavier.
        style = "steps-pre" if len(ranked) <= _EXACT else "default"
        ax.plot(share, values, drawstyle=style, label=str(name), **(strokes or {}).get(str(name), {}))
        highest = max(highest, float(ranked[0]))
    if np.isfinite(limit):
        mark_limit(ax, limit, "rating")
    if loading.shape[1] == 1 and np.isfinite(limit) and highest > limit:
        _shade_above(ax, limit)
    top = max(highest, limit if np.isfinite(limit) else 0.0) * 1.08
    ax.set(xlabel="Share of the time (%)", ylabel=what, xlim=(0, 100), ylim=(0, top or 1.0))
    if loading.shape[1] > 1 or strokes:
        legend_above(ax)
    return ax


def _shade_above(ax: Axes, limit: float) -> None:
    line = ax.get_lines()[0]
    share, value = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    above = slice(0, int((value > limit).sum()) + 1)  # the curve falls: what is above stands first
    top = np.maximum(value[above], limit)
    ax.fill_between(share[above], limit, top, step="pre", color=LIMIT, alpha=0.18, linewidth=0)


def power_over_time(
    power: pd.DataFrame, *, ax: Axes, zone: ZoneInfo, rating_kva: float = float("inf")
) -> Axes:
    """Draw what the feeder carries: base load and charging stacked, generation below zero, the sum as a line.

    Args:
        power: Index: instants with a zone, the ends of the intervals. Columns in kW: `base_kw`, `ev_kw`,
            `pv_kw` (positive generates), `head_kw` (highest of the interval, at the feeder's head).
        ax: Where to draw.
        zone: Civil time of the axis.
        rating_kva: Of the feeding transformers, drawn in red; inf draws none.
    """
    when = power.index.to_numpy()
    base, ev = power["base_kw"].fillna(0).to_numpy(), power["ev_kw"].fillna(0).to_numpy()
    pv = power["pv_kw"].fillna(0).to_numpy()
    if base.any():
        ax.fill_between(when, 0, base, step="pre", color=BASE, linewidth=0, label="base load")
    ax.fill_between(when, base, base + ev, step="pre", color=EV, linewidth=0, label="charging")
    if pv.any():
        ax.fill_between(when, -pv, 0, step="pre", color=PV, linewidth=0, label="generation")
    if power["head_kw"].notna().any():
        ax.step(when, power["head_kw"], where="pre", color=INK, linewidth=0.6, label="at the feeder's head")
    if np.isfinite(rating_kva):
        mark_limit(ax, rating_kva, f"transformer rating {rating_kva:,.0f} kVA")
    low, high = ax.get_ylim()
    if np.isfinite(rating_kva):
        high = max(high, rating_kva * 1.12)
    feeds_back = pv.any() or bool((power["head_kw"] < 0).any())
    ax.set(ylabel="Power (kW)", ylim=(low if feeds_back else 0.0, high))
    civil_axis(ax, zone)
    legend_above(ax)
    return ax


def limits_and_power(control: pd.DataFrame, *, ax: Axes, zone: ZoneInfo) -> Axes:
    """Draw what the strategy wanted, what was allowed, and what was measured, summed over all EVSEs.

    Args:
        control: Index: instants with a zone, the ends of the intervals. Columns in kW over the same
            interval: `wanted_kw`, `limit_kw`, `ev_kw` (measured).
        ax: Where to draw.
        zone: Civil time of the axis.
    """
    when = control.index.to_numpy()
    ax.fill_between(
        when, 0, control["ev_kw"], step="pre", color=EV, alpha=0.35, linewidth=0, label="measured"
    )
    ax.step(
        when, control["wanted_kw"], where="pre", color=MUTED, linewidth=0.9, label="wanted by the strategy"
    )
    ax.step(when, control["limit_kw"], where="pre", color=LIMIT, linewidth=0.9, label="limit in force")
    ax.set(ylabel="All chargers (kW)")
    ax.set_ylim(bottom=0)
    civil_axis(ax, zone)
    legend_above(ax)
    return ax


def coincidence(curve: pd.DataFrame, *, ax: Axes, chargers: int = 0) -> Axes:
    """Draw the coincidence factor against the number of chargers.

    Args:
        curve: Columns `chargers`, `factor` (mean over random groups of that size), `low` and `high`
            (spread over the groups).
        ax: Where to draw.
        chargers: How many the scenario has; that point is named.
    """
    n = curve["chargers"].to_numpy()
    ax.fill_between(n, curve["low"], curve["high"], color=EV, alpha=0.18, linewidth=0)
    ax.plot(n, curve["factor"], color=EV, marker="o" if len(n) <= 20 else None, markersize=3.5)
    last = curve.iloc[-1] if len(curve) else None
    if last is not None and int(last["chargers"]) == chargers:
        ax.annotate(
            f"{chargers} chargers: {last['factor']:.2f}",
            (last["chargers"], last["factor"]),
            xytext=(0, -10),
            textcoords="offset points",
            ha="right",
            va="top",
            fontweight="bold",
        )
    if len(n) and n.max() > 20:
        from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: PLC0415 -- lazily, as all of it

        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000) if t <= n.max()]
        ax.set_xticks(ticks)
    ax.set(xlabel="Number of chargers", ylabel="Coincidence factor (15-min peak / rated)", ylim=(0, 1.04))
    return ax


def civil_axis(ax: Axes, zone: ZoneInfo) -> None:
    """Label a time axis in civil time: as many ticks as fit, days by name."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 -- as above

    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=8)
    locator.intervald[3] = [1, 2, 3, 6, 12]
    days = ["%Y", "%b", "%a %d", "%H:%M", "%H:%M", "%S"]
    formatter = ConciseDateFormatter(
        locator,
        tz=zone,
        formats=days,
        zero_formats=["", "%Y", "%d %b", "%a %d", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    ax.margins(x=0)
    ax.set_xlabel(f"Civil time ({zone.key})")


def legend_above(ax: Axes) -> None:
    """Put the legend above the frame, in as many columns as it has entries."""
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        figure = ax.get_figure(root=True)
        wide = figure is not None and figure.get_size_inches()[0] > 6
        columns = len(labels) if wide else 2
        ax.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, columnspacing=1.2
        )
