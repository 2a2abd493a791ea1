"""How hard the feeder works: loading, power, coincidence, and the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Vector
from twin.report.chapters import ageing
from twin.report.figures.feeder import feeder_map
from twin.report.figures.power import coincidence, load_duration, power_over_time
from twin.report.frames import Frames
from twin.report.layout import positions
from twin.report.model import Block, Picture, Row, Section, Table, Text, picture, table, wide_picture
from twin.report.words import count, length, listed, moment, number, percent, when
from twin.results.taps import TAP

if TYPE_CHECKING:
    import pandas as pd

_POINTS = 700
"""A week of quarter hours; what has more is drawn by means of equal bins, with the highest of each as a line."""


def trafo_loading(frames: Frames) -> pd.DataFrame:
    """Loading of each transformer in %: one column per transformer, one row per solved interval."""
    assert frames.topology is not None, "the feeder's chapter needs a feeder"
    names = [
        n for n, is_trafo in zip(frames.topology.branches, frames.topology.is_trafo, strict=True) if is_trafo
    ]
    these = frames.branches[frames.branches["branch"].isin(names)]
    wide = these.astype({"branch": str}).pivot_table(
        index="t_s", columns="branch", values="loading_pct", dropna=False
    )
    return wide[[n for n in names if n in wide.columns]]


def drawn_power(frames: Frames) -> tuple[pd.DataFrame, float]:
    """Power by instant in kW as `power_over_time` wants it, and the width of its bins in s."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    ticks = frames.ticks
    step = max(1, -(-len(ticks) // _POINTS))
    ev = ticks["ev_grid_w"].fillna(ticks["ev_w"])
    whole = pd.DataFrame({
        "base_kw": ticks["base_w"].to_numpy(dtype=float) / 1e3, "ev_kw": ev.to_numpy() / 1e3,
        "pv_kw": ticks["pv_w"].to_numpy(dtype=float) / 1e3, "head_kw": ticks["slack_w"].to_numpy(dtype=float) / 1e3,
    }, index=ticks["t_s"].to_numpy())  # fmt: skip
    bins = np.arange(len(whole)) // step
    binned = whole.groupby(bins).mean()
    binned["head_kw"] = whole["head_kw"].groupby(bins).max()
    last = whole.index.to_series().groupby(bins).max()
    binned.index = pd.DatetimeIndex(frames.civil(last))
    return binned, step * frames.period_s


def highest(frames: Frames) -> tuple[Vector, Vector]:
    """(nl,) highest loading in % and (nb,) lowest voltage of any phase in pu, in the topology's order."""
    assert frames.topology is not None, "the feeder's chapter needs a feeder"
    topology = frames.topology
    loading = frames.branches.groupby("branch", observed=True)["loading_pct"].max().reindex(topology.branches)
    voltage = frames.buses.groupby("bus", observed=True)["vm_pu"].min().reindex(topology.buses)
    return loading.to_numpy(dtype=float), voltage.to_numpy(dtype=float)


def busiest(frames: Frames, loading: Vector) -> Table:
    """The branches that come closest to their rating, and when."""
    topology = frames.topology
    assert topology is not None, "the feeder's chapter needs a feeder"
    share = loading / topology.max_loading_pct
    order = [k for k in np.argsort(-np.nan_to_num(share, nan=-1.0), kind="stable") if np.isfinite(share[k])][
        :10
    ]
    rows = []
    for k in order:
        values = frames.branches[frames.branches["branch"] == topology.branches[k]]
        at = values.loc[values["loading_pct"].idxmax(), "t_s"]
        rows.append((
            topology.branches[k], "transformer" if topology.is_trafo[k] else "line", number(loading[k], 1),
            number(topology.max_loading_pct[k]), when(moment(at, frames.epoch, frames.zone)),
        ))  # fmt: skip
    return table(
        "The most loaded elements",
        [("Element", "left"), ("Kind", "left"), ("Highest (%)", "right"), ("Limit (%)", "right"), ("When", "left")],
        rows, total=len(topology.branches), most=10, whole="branches/",
    )  # fmt: skip


def paint_map(frames: Frames, loading: Vector, voltage: Vector) -> Picture:
    """The feeder map; where the net has no coordinates, a tree from the transformer to the ends."""
    topology = frames.topology
    assert topology is not None, "the feeder's chapter needs a feeder"
    xy, scheme = positions(topology.bus_xy, topology.from_bus, topology.to_bus, topology.is_trafo)
    watched = np.where(topology.charging_level, voltage, np.nan)
    return picture(
        lambda ax: feeder_map(
            xy=xy, from_bus=topology.from_bus, to_bus=topology.to_bus, is_trafo=topology.is_trafo,
            share_of_limit=loading / topology.max_loading_pct, lowest_pu=watched,
            limit_pu=lower_limit(topology), ax=ax, phases=topology.phases,
        ),
        title="Feeder" + (", drawn as a tree: the net has no coordinates" if scheme else ""),
        alt="Lines of the feeder coloured by their highest loading, buses by their lowest voltage.",
        stamp=frames.stamp, size_in=(7.6, 5.8), narrow_in=(5.2, 6.2),
    )  # fmt: skip


def lower_limit(topology: GridTopology) -> float:
    """The strictest lower voltage limit of the charging level in pu; -inf without one."""
    return float(topology.vm_min_pu[np.asarray(topology.charging_level, bool)].max(initial=-np.inf))


def upper_limit(topology: GridTopology) -> float:
    """The strictest upper voltage limit of the charging level in pu; inf without one."""
    return float(topology.vm_max_pu[np.asarray(topology.charging_level, bool)].min(initial=np.inf))


def loading(frames: Frames) -> Section | None:
    """Transformer and lines; None without a feeder."""
    if frames.topology is None:
        return None
    trafos = trafo_loading(frames)
    high, _ = highest(frames)
    look = "Look at how often the load-duration curve is above the rating, not only how far: minutes a week are a case for load management, hours a day for a larger transformer."
    if frames.ticks.empty:
        return Section(
            anchor="loading",
            title="Transformer and lines",
            look=look,
            blocks=(Text(text="No tick was recorded."),),
        )
    rating_kva = frames.topology.head_va_rating / 1e3
    drawn, width_s = drawn_power(frames)
    title = "Power at the feeder" + (
        ""
        if width_s <= frames.period_s
        else f" (means of {length(width_s / 60)}; the line is the highest of each)"
    )
    blocks: list[Block] = [_loading_said(frames, trafos), *regulation(frames), wide_picture(
        lambda ax: power_over_time(drawn, ax=ax, zone=frames.zone, rating_kva=rating_kva), title=title,
        alt="Base load, charging and generation over the run, with the transformer's rating.",
        stamp=frames.stamp,
    )]  # fmt: skip
    limit = trafo_limit(frames.topology)
    if trafos.empty:
        blocks.append(busiest(frames, high))
    else:
        curve = picture(
            lambda ax: load_duration(trafos, ax=ax, limit=limit), title="Load-duration curve of the transformer",
            alt="For which share of the time the transformer's loading was at least so high.", stamp=frames.stamp,
        )  # fmt: skip
        blocks.append(Row(items=(curve, busiest(frames, high))))
    blocks += ageing.blocks(frames)
    return Section(anchor="loading", title="Transformer and lines", look=look, blocks=tuple(blocks))


def feeder(frames: Frames) -> Section | None:
    """The map; None without a feeder."""
    if frames.topology is None or not len(frames.topology.branches):
        return None
    high, low = highest(frames)
    said = Text(
        text=f"{frames.topology.name}: {count(len(frames.topology.buses), 'bus', 'buses')}, {count(len(frames.topology.branches), 'branch', 'branches')}."
    )
    look = "Look for the dark stretch: where loading and low voltage meet is where a reinforcement would help most."
    return Section(
        anchor="map", title="Map of the feeder", look=look, blocks=(said, paint_map(frames, high, low))
    )


def diversity(frames: Frames) -> Section | None:
    """How many chargers draw at once, the figure that sizes a connection; None when nothing was metered."""
    curve = frames.coincidence
    if curve.empty or not curve["factor"].to_numpy().any():
        return None
    all_of_them = curve.iloc[-1]
    rated_kw = sum(float(evse["max_w"]) for evse in frames.evses) / 1e3
    n, factor = int(all_of_them["chargers"]), float(all_of_them["factor"])
    said = Text(text=(
        f"The {count(n, 'charger')} of {number(rated_kw)} kW in all drew at most {number(factor * rated_kw, 1)} kW in any quarter of an "
        f"hour: a coincidence factor of {number(factor, 2)}, or {number(factor * rated_kw / n, 2)} kW per charger."
    ))  # fmt: skip
    sizes = [k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000) if k < n] + [n]
    picked = curve[curve["chargers"].isin(sizes)]
    mean_kw = rated_kw / n
    rows = [
        (number(row["chargers"]), number(row["factor"], 2), f"{number(row['low'], 2)} to {number(row['high'], 2)}", number(row["factor"] * mean_kw, 2))
        for _, row in picked.iterrows()
    ]  # fmt: skip
    figure = picture(
        lambda ax: coincidence(curve, ax=ax, chargers=n), title="Coincidence factor against the number of chargers",
        alt="Falling curve: the more chargers, the smaller the share of their rating they draw at once.", stamp=frames.stamp,
    )  # fmt: skip
    look = "Look at the value for the number of chargers that you plan behind one cable or transformer; the band covers 90 % of random groups of that size."
    made = table(
        "Coincidence",
        [
            ("Chargers", "right"),
            ("Factor, mean", "right"),
            ("5 to 95 %", "right"),
            ("Peak per charger (kW)", "right"),
        ],
        rows,
    )
    return Section(
        anchor="coincidence",
        title="Coincidence and peak",
        look=look,
        blocks=(said, Row(items=(figure, made))),
    )


def trafo_limit(topology: GridTopology) -> float:
    """The strictest loading limit of a transformer in %; NaN without one."""
    limits = topology.max_loading_pct[np.asarray(topology.is_trafo, bool)]
    return float(limits.min()) if len(limits) else float("nan")


def regulation(frames: Frames) -> list[Text]:
    """What inverters and tap changers did about the voltage; nothing where they did nothing."""
    said = []
    held_kwh = frames.summary.get("pv_curtailed_kwh") or 0.0
    if held_kwh > 0.0:
        sun_kwh = held_kwh + float(frames.summary["pv_kwh"])
        said.append(
            f"At high voltage inverters held back {number(held_kwh, 1)} of the {number(sun_kwh, 1)} kWh that "
            f"they could have generated ({percent(held_kwh / sun_kwh)})."
        )
    moves = frames.events[frames.events["kind"] == TAP]
    if len(moves):
        each = [
            f"{name} {count(len(these), 'time')} ({_positions(these)})"
            for name, these in moves.groupby("subject", sort=True, observed=True)["value"]
        ]
        said.append(f"Tap changers moved to hold the voltage: {listed(each)}.")
    return [Text(text=" ".join(said))] if said else []


def _positions(of: pd.Series) -> str:
    low, high = number(of.min()), number(of.max())
    return f"to {low}" if low == high else f"between {low} and {high}"


def _loading_said(frames: Frames, trafos: pd.DataFrame) -> Text:
    """How long the transformer was near and above its rating."""
    peak = frames.summary.get("peak_kw")
    head = (
        f"The highest 15-minute mean at the feeder's head was {number(peak, 1)} kW. "
        if peak is not None
        else ""
    )
    if trafos.empty or frames.topology is None:
        return Text(text=head + "The feeder has no transformer.")
    limit = trafo_limit(frames.topology)
    loaded = trafos.max(axis=1)
    if loaded.dropna().empty:
        return Text(text=head + "No interval has a solution.")
    at = when(moment(float(loaded.idxmax()), frames.epoch, frames.zone))
    on_phase = " on its most loaded phase" if frames.topology.phases == 3 else ""
    above, near = float((loaded > limit).mean()), float((loaded > 0.8 * limit).mean())
    often = f"it was above its limit in {percent(above)}" if above else "it was never above its limit"
    return Text(text=(
        f"{head}The transformer reached {number(float(loaded.max()), 1)} %{on_phase} on {at}; {often}"
        f" and above 80 % of it in {percent(near)} of the time."
    ))  # fmt: skip
