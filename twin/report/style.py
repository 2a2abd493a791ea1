"""How figures look and how they become text: one style file, no pyplot, the same bytes every time."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, TypeAlias

from twin.report.compact import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BASE = "#9aa5b1"
EV = "#0072B2"
PV = "#E69F00"
INK = "#1f2933"
MUTED = "#7b8794"
LIMIT = "#C8102E"
"""Red: a limit, or what is beyond it. Nothing else is red."""
CYCLE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#5F6B7A")

_DASHES = ("-", "--", ":", "-.")
_STAMP_PT = 5
Strokes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Colour and dashes by the name of a curve."""
_LONG_DECIMALS = re.compile(r"(\d+\.\d{3})\d+")


def strokes(names: Sequence[str]) -> Strokes:
    """One colour per name (dashed once all colours are used), the same in every figure that is given them."""
    n = len(CYCLE)
    return {
        name: {"color": CYCLE[k % n], "linestyle": _DASHES[k // n % len(_DASHES)]}
        for k, name in enumerate(names)
    }


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style file while figures are made; a user's own matplotlibrc has no say inside."""
    import matplotlib as mpl  # noqa: PLC0415 -- a page is written once, the package is imported often

    with as_file(files("twin.report") / "twin.mplstyle") as path, mpl.rc_context(fname=path):
        yield


def draw(
    paint: Callable[[Axes], object], *, size_in: tuple[float, float], stamp: str, frame: bool = True
) -> Figure:
    """Make a figure with one pair of axes, let `paint` fill it, and state the run at the corner.

    Args:
        paint: Draws on the axes it is given.
        size_in: Width and height in inches.
        stamp: Run id and scenario hash, in small grey at the lower right corner.
        frame: False hides the frame and ticks (maps).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- as above
    from matplotlib.figure import Figure  # noqa: PLC0415 -- as above
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415 -- as above

    # The lowest 3 % are the stamp's.
    layout = ConstrainedLayoutEngine(rect=(0.0, 0.03, 1.0, 0.97))
    figure = Figure(figsize=size_in, layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if not frame:
        axes.set_axis_off()
    paint(axes)
    figure.text(0.995, 0.006, stamp, ha="right", va="bottom", fontsize=_STAMP_PT, color=MUTED)
    return figure


def svg(figure: Figure) -> str:
    """Return the figure as compact SVG without dates or random ids."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return compact(_LONG_DECIMALS.sub(r"\1", out.getvalue()))


def data_uri(figure: Figure) -> str:
    """Return the figure as a `data:` address, so that a page needs nothing but itself."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure).encode()).decode()


def mark_limit(ax: Axes, value: float, text: str, *, at: float = 0.99, above: bool = True) -> None:
    """Draw a limit across the axes, in red, and name it at the right end, readable over whatever is below."""
    ax.axhline(value, color=LIMIT, linewidth=1.0)
    ax.annotate(
        text,
        (at, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3 if above else -3),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        color=LIMIT,
        fontsize=8.5,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.6},
        zorder=5,
    )
