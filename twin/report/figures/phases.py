"""Three phases: voltages over time and along the feeder, and how uneven they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.figures.power import civil_axis, legend_above
from twin.report.style import CYCLE, EV, INK, mark_limit
from twin.results.schema import PHASE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    import pandas as pd
    from matplotlib.axes import Axes

    from twin.domain.ids import Array, Matrix, Vector

COLOURS = dict(zip(PHASE_NAMES, CYCLE, strict=False))
"""Of each phase, on every figure."""


def voltage_by_phase(
    vm_pu: pd.DataFrame, *, ax: Axes, zone: ZoneInfo, vm_min_pu: float, vm_max_pu: float
) -> Axes:
    """Draw the voltage of one bus over time, one line per phase.

    Args:
        vm_pu: Index: instants with a zone, the ends of the intervals; one column per phase in pu, NaN without a
            solution.
        ax: Where to draw.
        zone: Civil time of the axis.
        vm_min_pu: Lower limit of the bus; -inf draws none.
        vm_max_pu: Upper limit of the bus; inf draws none.
    """
    when = vm_pu.index.to_numpy()
    for name in vm_pu.columns:
        ax.step(when, vm_pu[name], where="pre", color=COLOURS.get(str(name), EV), linewidth=0.9, label=name)
    _voltage_limits(ax, vm_pu.to_numpy(dtype=float), vm_min_pu, vm_max_pu)
    civil_axis(ax, zone)
    _legend(ax)
    return ax


def voltage_profile(
    *,
    depth: Vector,
    from_bus: Array,
    to_bus: Array,
    vm_pu: Matrix,
    path: Sequence[int],
    ax: Axes,
    vm_min_pu: float,
    vm_max_pu: float,
) -> Axes:
    """Draw voltages along the feeder at one instant, one line per phase and branch.

    Args:
        depth: (nb,) branches between each bus and the head of the feeder; NaN for buses that are not drawn.
        from_bus: (nl,) indices of buses.
        to_bus: (nl,) indices of buses.
        vm_pu: (nb, 3) voltages in pu.
        path: Buses from the head to the one that matters, drawn bold; the others are faint.
        ax: Where to draw.
        vm_min_pu: Lower limit; -inf draws none.
        vm_max_pu: Upper limit; inf draws none.
    """
    from matplotlib.collections import LineCollection  # noqa: PLC0415 -- a page is written once

    ends = np.column_stack([from_bus, to_bus]).astype(int)
    ends = ends[np.isfinite(depth[ends]).all(axis=1)]
    way = list(path)
    for k, name in enumerate(PHASE_NAMES):
        places = np.stack([depth[ends], vm_pu[ends, k]], axis=2)
        ax.add_collection(LineCollection(list(places), colors=COLOURS[name], linewidths=0.8, alpha=0.3))
        ax.plot(depth[way], vm_pu[way, k], color=COLOURS[name], marker="o", markersize=3, label=name)
    drawn = np.isfinite(depth)
    _voltage_limits(ax, vm_pu[drawn], vm_min_pu, vm_max_pu)
    ax.set(xlabel="Branches from the head of the feeder", xlim=(-0.3, float(np.nanmax(depth)) + 0.3))
    ax.locator_params(axis="x", integer=True)
    _legend(ax)
    return ax


def unbalance_over_time(vuf_pct: pd.Series, *, ax: Axes, zone: ZoneInfo, limit_pct: float) -> Axes:
    """Draw the voltage unbalance of one bus over time.

    Args:
        vuf_pct: Index: instants with a zone, the ends of the intervals; in %, NaN without a solution.
        ax: Where to draw.
        zone: Civil time of the axis.
        limit_pct: Limit; inf draws none.
    """
    when, values = vuf_pct.index.to_numpy(), vuf_pct.to_numpy(dtype=float)
    ax.fill_between(when, 0, values, step="pre", color=EV, alpha=0.18, linewidth=0)
    ax.step(when, values, where="pre", color=EV, linewidth=0.9)
    top = float(np.nanmax(values, initial=0.0))
    if np.isfinite(limit_pct):
        mark_limit(ax, limit_pct, f"limit {limit_pct:g} %")
        top = max(top, limit_pct * 1.1)
    ax.set(ylabel="Voltage unbalance (%)", ylim=(0, top * 1.08 or 1.0))
    civil_axis(ax, zone)
    return ax


def hot_spot(temperatures_c: pd.DataFrame, *, ax: Axes, zone: ZoneInfo, normal_c: float) -> Axes:
    """Draw hot-spot temperatures of transformers over time, and where ageing is normal.

    Args:
        temperatures_c: Index: instants with a zone; one column per transformer in degrees C.
        ax: Where to draw.
        zone: Civil time of the axis.
        normal_c: Hot spot at which a transformer ages an hour per hour.
    """
    when = temperatures_c.index.to_numpy()
    for k, name in enumerate(temperatures_c.columns):
        colour = CYCLE[k % len(CYCLE)]
        ax.plot(when, temperatures_c[name], color=colour, linewidth=0.9, label=str(name))
    ax.axhline(normal_c, color=INK, linewidth=0.8, linestyle="--")
    ax.annotate(
        f"normal ageing at {normal_c:g} °C", (0.99, normal_c), xycoords=("axes fraction", "data"), xytext=(0, 3),
        textcoords="offset points", ha="right", va="bottom", fontsize=8.5, color=INK, bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.6}, zorder=5,
    )  # fmt: skip
    values = temperatures_c.to_numpy(dtype=float)
    low, high = min(float(values.min()), normal_c), max(float(values.max()), normal_c)
    ax.set(ylabel="Hot-spot temperature (°C)", ylim=(low - 5, high + 8))
    civil_axis(ax, zone)
    if temperatures_c.shape[1] > 1:
        legend_above(ax)
    return ax


def _legend(ax: Axes) -> None:
    """Three short names in one line above the frame."""
    legend = ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, columnspacing=1.2)
    for line in legend.get_lines():
        line.set_linewidth(2.0)


def _voltage_limits(ax: Axes, values: Array, vm_min_pu: float, vm_max_pu: float) -> None:
    """Mark both limits and leave room for them; one that is far from all values is not drawn."""
    low, high = float(np.nanmin(values, initial=1.0)), float(np.nanmax(values, initial=1.0))
    span = max(high - low, 0.02)
    for limit, name, near in (
        (vm_min_pu, "lower", vm_min_pu > low - 2 * span),
        (vm_max_pu, "upper", vm_max_pu < high + 2 * span),
    ):
        if np.isfinite(limit) and near:
            mark_limit(ax, limit, f"{name} limit {limit:g} pu", above=limit < 1)
            low, high = min(low, limit), max(high, limit)
    room = 0.06 * (high - low)
    ax.set(ylabel="Voltage (pu)", ylim=(low - room, high + room))
