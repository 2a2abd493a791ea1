"""The feeder: lines coloured by their highest loading, buses by their lowest voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.ids import Array, Mask, Matrix, Vector
from twin.report.style import INK, LIMIT, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection

# Light to dark of one hue each, so that they survive grey printing; red is added only beyond the limit.
_LOADING = ("#dbe4ee", "#7fb2d9", "#0072B2", "#0a2f51")
_VOLTAGE = ("#3b1f5b", "#8c6bb1", "#d8c9e8", "#f6f2fa")


def feeder_map(
    *,
    xy: Matrix,
    from_bus: Array,
    to_bus: Array,
    is_trafo: Mask,
    share_of_limit: Vector,
    lowest_pu: Vector,
    limit_pu: float,
    ax: Axes,
    phases: int = 1,
) -> Axes:
    """Draw the feeder on its coordinates or on a tree.

    Args:
        xy: (nb, 2) places.
        from_bus: (nl,) indices of buses.
        to_bus: (nl,) indices of buses.
        is_trafo: (nl,) transformers, drawn as a square at the middle.
        share_of_limit: (nl,) highest loading of the run over its limit; 1 is the limit, NaN unknown.
        lowest_pu: (nb,) lowest voltage of the run, of three phases the lowest; NaN for buses that are not watched.
        limit_pu: Lower limit of the voltage; -inf without one.
        ax: Where to draw.
        phases: 3 where each phase was solved: the scale says so.
    """
    from matplotlib.collections import LineCollection  # noqa: PLC0415 -- a page is written once
    from matplotlib.colors import LinearSegmentedColormap, Normalize  # noqa: PLC0415 -- as above

    ends = np.stack([xy[from_bus.astype(int)], xy[to_bus.astype(int)]], axis=1)
    loading = LinearSegmentedColormap.from_list("loading", _LOADING).with_extremes(over=LIMIT, bad="#e4e7eb")
    lines = LineCollection(
        list(ends),
        array=np.ma.masked_invalid(share_of_limit * 100),
        cmap=loading,
        norm=Normalize(0, 100),
        linewidths=np.where(np.nan_to_num(share_of_limit) > 1, 3.4, 2.4),
        zorder=1,
        capstyle="round",
    )
    ax.add_collection(lines)
    _transformers(ax, ends, is_trafo, lines)
    watched = np.isfinite(lowest_pu)
    voltage = LinearSegmentedColormap.from_list("voltage", _VOLTAGE)
    shown = np.concatenate([lowest_pu[watched], [1.0], [limit_pu] if np.isfinite(limit_pu) else []])
    span = (float(shown.min()), float(shown.max()))
    below = lowest_pu[watched] < limit_pu
    dots = ax.scatter(
        xy[watched, 0], xy[watched, 1], c=lowest_pu[watched], cmap=voltage, norm=Normalize(*span),
        s=np.where(below, 42, 24), edgecolors=np.where(below, LIMIT, INK), linewidths=[1.8 if is_below else 0.5 for is_below in below],
        zorder=3,
    )  # fmt: skip
    _scales(ax, lines, dots, "Lowest phase" if phases == 3 else "Lowest voltage")
    _frame(ax, xy)
    return ax


def _transformers(ax: Axes, ends: Matrix, is_trafo: Mask, lines: LineCollection) -> None:
    """Mark each transformer by a square in the colour of its loading."""
    is_trafo = np.asarray(is_trafo, bool)
    if not is_trafo.any():
        return
    middles = ends[is_trafo].mean(axis=1)
    values = lines.get_array()
    assert values is not None, "lines without values"
    colours = lines.to_rgba(values)[is_trafo]
    ax.scatter(
        middles[:, 0], middles[:, 1], marker="s", s=90, c=colours, edgecolors=INK, linewidths=0.8, zorder=4
    )
    for x, y in middles:
        ax.annotate(
            "transformer", (x, y), xytext=(8, 8), textcoords="offset points", fontsize=8.5,
            color=INK, zorder=5, bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1},
        )  # fmt: skip


def _scales(ax: Axes, lines: LineCollection, dots: PathCollection, lowest: str) -> None:
    """Two slim colour bars under the map: loading of lines, lowest voltage of buses."""
    figure = ax.get_figure()
    assert figure is not None, "axes without a figure"
    bar = figure.colorbar(
        lines, ax=ax, orientation="horizontal", shrink=0.9, aspect=48, pad=0.02, extend="max"
    )
    bar.set_label("Highest loading (% of the limit; red: beyond it)", color=MUTED)
    low = figure.colorbar(dots, ax=ax, orientation="horizontal", shrink=0.9, aspect=48, pad=0.02)
    low.set_label(f"{lowest} of the bus (pu; red ring: below the limit)", color=MUTED)
    for each in (bar, low):
        each.outline.set_visible(False)


def _frame(ax: Axes, xy: Matrix) -> None:
    """Leave a margin around everything that is drawn; a map keeps its proportions where they allow it."""
    drawn = xy[np.isfinite(xy).all(axis=1)]
    if not len(drawn):
        return
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    room = np.maximum(high - low, 1e-9) * 0.06
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    ax.grid(visible=False)
    ax.set_axis_off()
