"""How hot the transformers became, and how much of their life the run used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.figures.phases import hot_spot
from twin.report.model import Block, Row, Text, picture, table
from twin.report.words import NONE, count, number
from twin.results.ageing import AMBIENT_C

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from twin.domain.ageing import Thermal
    from twin.report.frames import Frames

NORMAL_C = 98.0
"""Hot spot at which non-upgraded paper ages an hour per hour (IEC 60076-7:2018, 6.3)."""
BUBBLES_C = 140.0
"""Hot spot above which IEC 60076-7:2018 warns of gas bubbles that lower the dielectric strength (short-time effects)."""
_POINTS = 1_400
_DRAWN = 6
"""Curves that can be told apart."""


def blocks(frames: Frames) -> tuple[Block, ...]:
    """A sentence, a figure and a table; nothing where no transformer carried anything."""
    if not frames.ageing:
        return ()
    known = _known(frames)
    rows = [
        (name, number(t.hot_spot_max_c, 1), _hours(t.loss_of_life_h), _rate(t.relative_ageing))
        for name, t in known
    ]
    rows += [(each.transformer, NONE, NONE, NONE) for each in frames.ageing if each.thermal is None]
    made = table(
        "Ageing of the transformers",
        [("Transformer", "left"), ("Hottest spot (°C)", "right"), ("Life used (h)", "right"), ("Relative ageing", "right")],
        rows, most=12, whole="branches/",
    )  # fmt: skip
    said = _said(known, [each.unsolved for each in frames.ageing if each.thermal is None])
    if not known:
        return said, made
    drawn = _temperatures(frames, known)
    figure = picture(
        lambda ax: hot_spot(drawn, ax=ax, zone=frames.zone, normal_c=NORMAL_C), title="Hottest spot of the winding",
        alt="Hot-spot temperature of each transformer over time, and the temperature of normal ageing.", stamp=frames.stamp,
    )  # fmt: skip
    return said, Row(items=(figure, made))


def _known(frames: Frames) -> list[tuple[str, Thermal]]:
    """Name and temperatures of the transformers that have any, the one that aged most first."""
    found = [(each.transformer, each.thermal) for each in frames.ageing if each.thermal is not None]
    return sorted(found, key=lambda pair: -pair[1].loss_of_life_h)


def _said(known: Sequence[tuple[str, Thermal]], unsolved: Sequence[int]) -> Text:
    """The transformer that aged most, or why it cannot be told."""
    told = []
    if known:
        name, t = known[0]
        told.append(
            f"The hottest spot of {name} reached {number(t.hot_spot_max_c, 1)} °C; the run used "
            f"{_hours(t.loss_of_life_h)} h of its life in {number(t.duration_h)} h: {_rate(t.relative_ageing)} times normal ageing."
        )
        if t.hot_spot_max_c > BUBBLES_C:
            told.append(
                f"Above {number(BUBBLES_C)} °C gas bubbles may form in the oil, and the winding may break down before it is old."
            )
    if unsolved:
        told.append(
            f"Of {count(len(unsolved), 'transformer')} nobody can tell, because {count(max(unsolved), 'step')} had no solution: what was carried then is unknown."
        )
    told.append(
        f"By IEC 60076-7 for oil-immersed transformers with non-upgraded paper, at {number(AMBIENT_C)} °C around them; "
        "each begins in the steady state of its first step."
    )
    return Text(text=" ".join(told))


def _temperatures(frames: Frames, known: Sequence[tuple[str, Thermal]]) -> pd.DataFrame:
    """Hot-spot temperature by civil instant, one column per transformer, the highest of each bin."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    instants = next(each.t_s for each in frames.ageing)  # all transformers have the same steps
    whole = pd.DataFrame({name: t.hot_spot_c for name, t in known[:_DRAWN]}, index=instants)
    bins = np.arange(len(whole)) // max(1, -(-len(whole) // _POINTS))
    drawn = whole.groupby(bins).max()
    drawn.index = pd.DatetimeIndex(frames.civil(whole.index.to_series().groupby(bins).max()))
    return drawn


def _hours(hours: float) -> str:
    """Few digits for much, enough for little."""
    return number(hours, 1) if hours >= 10 else number(hours, 3) if hours >= 0.001 else "under 0.001"


def _rate(rate: float) -> str:
    return number(rate, 2) if rate >= 0.01 else "under 0.01"
