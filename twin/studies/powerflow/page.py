"""A small page about a power flow study: what was found, the map, the figures and tables behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.report.figures.feeder import feeder_map
from twin.report.layout import positions
from twin.report.model import (
    Align,
    Block,
    Card,
    Page,
    Picture,
    Section,
    Table,
    Text,
    picture,
    table,
    wide_picture,
)
from twin.report.style import EV, LIMIT, draw, mark_limit, styled
from twin.report.words import count, number
from twin.studies.powerflow.words import at, limits_said, verdict, violation_cells, violation_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twin.studies.powerflow.result import PowerFlow

_MAP_IN = (11.0, 6.4)
_MAP_NARROW_IN = (5.2, 4.6)
_POINTS = 740
"""Curves with more points are drawn by the lowest and the highest of equal bins: a year by half days."""


def map_figure(study: PowerFlow) -> Figure:
    """Draw the feeder on its coordinates, or as a tree where it has none."""
    with styled():
        return draw(lambda ax: _paint_map(study, ax), size_in=_MAP_IN, stamp=_stamp(study), frame=False)


def page(study: PowerFlow) -> Page:
    """The page's model."""
    found = study.summary
    said = verdict(study)
    period = f"{at(found['from'])} – {at(found['to'])}" if study.is_series else "one instant"
    return Page(
        kicker="Power flow of a feeder",
        title=str(found["net"]),
        lead="",
        facts=(
            ("Loads", str(found["loads"])),
            ("Period", period),
            ("Power flows", f"{found['steps']:,}, {'each phase' if found['phases'] > 1 else 'symmetric'}"),
            ("Solver", str(found["solver"])),
        ),
        verdict=said,
        verdict_title="All limits kept" if said.tone == "good" else "Limits broken",
        cards=_cards(study),
        sections=(_limits(study), _map(study), _voltage(study), _loading(study), _provenance(study)),
        footer=f"Power flow of {found['net']} with {found['loads']} · written by twin",
    )


def _stamp(study: PowerFlow) -> str:
    return f"{study.summary['net']} · {study.summary['loads']}"


def _paint_map(study: PowerFlow, ax: Axes) -> None:
    topology = study.topology
    xy, _ = positions(topology.bus_xy, topology.from_bus, topology.to_bus, topology.is_trafo)
    watched = topology.charging_level
    feeder_map(
        xy=xy,
        from_bus=topology.from_bus,
        to_bus=topology.to_bus,
        is_trafo=topology.is_trafo,
        share_of_limit=(study.branches["loading_max_pct"] / topology.max_loading_pct).to_numpy(),
        lowest_pu=np.where(watched, study.buses["vm_min_pu"].to_numpy(), np.nan),
        limit_pu=float(topology.vm_min_pu[watched].max()) if watched.any() else -math.inf,
        ax=ax,
    )


def _cards(study: PowerFlow) -> tuple[Card, ...]:
    found = study.summary
    kinds = set(found["violations"])
    made = [
        _card("Lowest voltage", found["voltage_pu"]["lowest"], 3, "pu", bad="low voltage" in kinds),
        _card("Highest voltage", found["voltage_pu"]["highest"], 3, "pu", bad="high voltage" in kinds),
        _card("Line, highest", found["loading_pct"]["line"], 1, "%", bad="line loading" in kinds),
        _card("Transformer, highest", found["loading_pct"]["transformer"], 1, "%", bad="transformer loading" in kinds),
        _card("Unbalance, highest", found["unbalance_pct"], 2, "%", bad="voltage unbalance" in kinds),
    ]  # fmt: skip
    losses = found["losses_kwh"] if study.is_series else found["losses_kw"]
    unit = "kWh" if study.is_series else "kW"
    made.append(Card(name="Losses", value=number(losses, 1), unit=unit, detail="of lines and transformers"))
    return tuple(card for card in made if card is not None)


def _card(name: str, extreme: dict[str, Any] | None, digits: int, unit: str, *, bad: bool) -> Card | None:
    if extreme is None:
        return None
    where = f"{extreme['element']}{', ' + at(extreme['at']) if extreme['at'] else ''}"
    return Card(
        name=name, value=number(extreme["value"], digits), unit=unit, detail=where, tone="bad" if bad else "plain"
    )  # fmt: skip


def _limits(study: PowerFlow) -> Section:
    said = Text(text=limits_said(study.topology))
    rows = study.by_element()
    blocks: list[Block] = [said]
    if len(rows):
        blocks.append(violations_table(study, rows))
    look = (
        "Look at the first rows: they are what has to be reinforced, or managed, first."
        if len(rows)
        else "Look at the cards above: their distance to these limits is what is left."
    )
    return Section(anchor="limits", title="Limits", look=look, blocks=tuple(blocks))


def violations_table(study: PowerFlow, rows: pd.DataFrame, most: int = 25) -> Table:
    """Violations by element and kind; of a series with times and durations."""
    return table(
        "Limits broken, by element", violation_columns(study), [violation_cells(study, row) for _, row in rows.head(most).iterrows()],
        total=len(rows), most=most, whole="violations.csv",
    )  # fmt: skip


def _map(study: PowerFlow) -> Section:
    topology = study.topology
    _, scheme = positions(topology.bus_xy, topology.from_bus, topology.to_bus, topology.is_trafo)
    how = "as a tree, since the net has no coordinates for all buses" if scheme else "on its coordinates"
    drawn = picture(
        lambda ax: _paint_map(study, ax), title=f"The feeder, {how}", stamp=_stamp(study), size_in=_MAP_IN, narrow_in=_MAP_NARROW_IN,
        alt="Lines coloured by their highest loading, buses by their lowest voltage; what is beyond a limit is red.",
    )  # fmt: skip
    look = "Look for red lines and ringed buses, and where they lie from the transformer."
    return Section(anchor="map", title="Map", look=look, blocks=(drawn,))


def _voltage(study: PowerFlow) -> Section:
    columns: list[tuple[str, Align]] = [("Bus", "left"), ("Lowest (pu)", "right"), ("Highest (pu)", "right")]
    if study.topology.phases > 1:
        columns.append(("Unbalance (%)", "right"))
    ranked = study.buses.dropna(subset="vm_min_pu").sort_values("vm_min_pu", kind="stable")
    rows = [
        (
            str(row["bus"]),
            number(row["vm_min_pu"], 3),
            number(row["vm_max_pu"], 3),
            *((number(row["vuf_max_pct"], 2),) if study.topology.phases > 1 else ()),
        )
        for _, row in ranked.head(10).iterrows()
    ]
    shown = table("Buses of the lowest voltage", columns, rows, total=len(ranked), most=10, whole="buses.csv")
    topology = study.topology
    level = topology.charging_level  # where customers are; the levels above have limits of their own
    limits = (
        (float(topology.vm_min_pu[level].max()), "lower limit"),
        (float(topology.vm_max_pu[level].min()), "upper limit"),
    )
    figures = _over_time(
        study, ("lowest_pu", "highest_pu"), limits, "Voltage (pu)", "Lowest and highest voltage of the feeder"
    )
    look = "Look at how far the band stays from the red lines: that is what is left for more load, or more generation."
    return Section(anchor="voltage", title="Voltage", look=look, blocks=(*figures, shown))


def _loading(study: PowerFlow) -> Section:
    ranked = study.branches.assign(share=study.branches["loading_max_pct"] / study.branches["limit_pct"])
    ranked = ranked.dropna(subset="share").sort_values("share", ascending=False, kind="stable")
    rows = [
        (str(row["branch"]), str(row["kind"]), number(row["loading_max_pct"], 1), number(row["loading_mean_pct"], 1), number(row["limit_pct"], 1))
        for _, row in ranked.head(10).iterrows()
    ]  # fmt: skip
    columns: list[tuple[str, Align]] = [
        ("Element", "left"), ("Kind", "left"), ("Highest (%)", "right"), ("Mean (%)", "right"), ("Limit (%)", "right"),
    ]  # fmt: skip
    shown = table("Busiest elements", columns, rows, total=len(ranked), most=10, whole="branches.csv")
    column = "trafo_pct" if study.topology.is_trafo.any() else "line_pct"
    chosen = study.topology.is_trafo if study.topology.is_trafo.any() else ~study.topology.is_trafo
    limit_pct = float(study.topology.max_loading_pct[chosen].min()) if chosen.any() else math.inf
    what = "transformer" if column == "trafo_pct" else "line"
    figures = _over_time(
        study, (column, column), ((limit_pct, "limit"),), "Loading (%)", f"Highest loading of any {what}"
    )
    look = "Look at the highest value over its limit, and how long the element works near it."
    return Section(anchor="loading", title="Loading", look=look, blocks=(*figures, shown))


def _over_time(
    study: PowerFlow,
    columns: tuple[str, str],
    limits: Sequence[tuple[float, str]],
    label: str,
    title: str,
) -> tuple[Picture, ...]:
    """A band over time, from the lowest of one column to the highest of another; nothing of a snapshot."""
    steps = study.steps
    if not study.is_series or len(steps) < 2 or steps[columns[0]].isna().all():
        return ()
    bins = np.arange(len(steps)) // max(1, -(-len(steps) // _POINTS))
    low = steps[columns[0]].groupby(bins).min()
    high = steps[columns[1]].groupby(bins).max()
    start = steps["start"].groupby(bins).first()

    def paint(ax: Axes) -> None:
        ax.fill_between(start, low, high, step="post", color=EV, alpha=0.35, linewidth=0)
        ax.step(start, high, where="post", color=EV, linewidth=0.8)
        ax.step(start, low, where="post", color=EV, linewidth=0.8)
        for value, text in limits:
            if math.isfinite(value) and _near(value, low, high):
                mark_limit(ax, value, text)
        missing = steps.loc[steps["mismatch_w"].notna(), "start"]
        for instant in missing.head(_POINTS):
            ax.axvline(instant, color=LIMIT, linewidth=0.8, alpha=0.6)
        ax.set_ylabel(label)
        ax.margins(x=0)

    alt = f"{title} over time; a red line marks the limit where it is near."
    return (wide_picture(paint, title=title, alt=alt, stamp=_stamp(study)),)


def _near(limit: float, low: pd.Series[float], high: pd.Series[float]) -> bool:
    """Whether a limit belongs into the picture: not if it would press the curve flat."""
    bottom, top = float(low.min()), float(high.max())
    room = 3.0 * max(top - bottom, 0.01 * abs(top))
    return bottom - room <= limit <= top + room


def _provenance(study: PowerFlow) -> Section:
    found = study.summary
    check = found["self_check"]
    said = []
    if check:
        said.append(
            f"The solver agreed with pandapower to {check['max_dvm_pu']:.1e} pu and {check['max_dloading_pct']:.1e} % "
            f"({', '.join(check['points'])})."
        )
    if found["fallback"]:
        said.append(f"Solved by pandapower itself, step by step: {found['fallback']}.")
    if found["unsolved_steps"]:
        said.append(f"{count(found['unsolved_steps'], 'step')} without a solution count in no figure above.")
    blocks: list[Block] = [Text(text=text) for text in said]
    if found["assumptions"]:
        blocks.append(
            table("Taken for granted", [("Assumption", "left")], [(text,) for text in found["assumptions"]])
        )
    return Section(
        anchor="assumptions", title="What this rests on", look="Look here before you forward the page.", blocks=tuple(blocks)
    )  # fmt: skip
