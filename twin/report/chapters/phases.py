"""Three phases: which of them is low, how uneven they are, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.grid import HIGH_VOLTAGE, LOW_VOLTAGE, UNBALANCE
from twin.report.by_phase import highest_pu, phase_of, three_phase
from twin.report.chapters.voltage import watched
from twin.report.figures.phases import unbalance_over_time, voltage_by_phase, voltage_profile
from twin.report.layout import roots, way_to
from twin.report.model import Block, Picture, Row, Section, Table, Text, picture, table, wide_picture
from twin.report.words import count, length, moment, number, percent, when
from twin.results.schema import PHASE_NAMES, VM_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from twin.report.frames import Frames

_POINTS = 1_400
"""What has more instants is drawn by bins: the lowest voltage and the highest unbalance of each."""
_WORST = 10


def chapter(frames: Frames) -> Section | None:
    """Voltages and unbalance by phase; None where the feeder is taken as symmetric, and without one."""
    if not three_phase(frames):
        return None
    look = "Look at which phase is low and which is high: what is moved from the one to the other helps both the voltage and the unbalance, before any copper does."
    rows = watched(frames)
    if rows.empty:
        blocks: tuple[Block, ...] = (Text(text="No interval has a solution."),)
    else:
        lowest, uneven = (rows.iloc[int(k)] for k in (rows["vm_pu"].argmin(), rows["vuf_pct"].argmax()))
        blocks = (
            said(frames, rows, lowest, uneven),
            _over_time(frames, rows, str(lowest["bus"])),
            Row(items=(_profile(frames, lowest), _unbalance(frames, rows, str(uneven["bus"])))),
            worst_buses(frames, rows),
        )
    return Section(anchor="phases", title="Phases and unbalance", look=look, blocks=blocks)


def said(frames: Frames, rows: pd.DataFrame, lowest: pd.Series, uneven: pd.Series) -> Text:
    """The lowest voltage with its phase, how the phases share the blame, and the worst unbalance."""
    weakest, share = _lowest_values(rows)
    limit_pct = _vuf_limit(frames, str(uneven["bus"]))
    beyond = frames.violations[frames.violations["kind"] == UNBALANCE]
    minutes = frames.summary.get("unbalance_minutes") or 0.0
    if np.isfinite(limit_pct):
        kept = (
            f" That is beyond the limit of {number(limit_pct, 1)} %; "
            f"{count(beyond['element'].nunique(), 'bus was', 'buses were')} beyond theirs, for {length(minutes)} in all."
            if len(beyond)
            else f" The limit of {number(limit_pct, 1)} % was kept everywhere."
        )
    else:
        kept = " No limit was set for it."
    return Text(
        text=f"The lowest voltage was {number(lowest['vm_pu'], 3)} pu on {phase_of(lowest, LOW_VOLTAGE)} at {lowest['bus']} on "
        f"{_at(frames, lowest)}, while {_others(lowest)}. Of the lowest 1 % of all "
        f"voltages {percent(share, 0)} are on {weakest}. The highest unbalance was {number(uneven['vuf_pct'], 2)} % at "
        f"{uneven['bus']} on {_at(frames, uneven)}.{kept}",
        tone="bad" if len(beyond) else "plain",
    )  # fmt: skip


def _lowest_values(rows: pd.DataFrame) -> tuple[str, float]:
    """The phase with most of the lowest 1 % of all voltages, and its share of them."""
    vm_pu = rows[list(VM_COLUMNS)].to_numpy(dtype=float).ravel()
    few = max(1, len(vm_pu) // 100)
    of_phase = np.bincount(np.argpartition(vm_pu, few - 1)[:few] % 3, minlength=3)
    return PHASE_NAMES[int(of_phase.argmax())], float(of_phase.max() / few)


def worst_buses(frames: Frames, rows: pd.DataFrame) -> Table:
    """The buses with the lowest voltage of any phase and, of equal ones, the highest unbalance."""
    rows = rows.reset_index(drop=True)
    by_bus = rows.assign(high_pu=highest_pu(rows)).groupby("bus", observed=True)
    lowest_at, highest_at = by_bus["vm_pu"].idxmin(), by_bus["high_pu"].idxmax()
    uneven_at = by_bus["vuf_pct"].idxmax()
    found = []
    for bus in lowest_at.index:
        low, high, uneven = (rows.iloc[at] for at in (lowest_at[bus], highest_at[bus], uneven_at[bus]))
        found.append((float(low["vm_pu"]), -float(uneven["vuf_pct"]), str(bus), low, high, uneven))
    found.sort(key=lambda each: each[:3])
    cells = [
        (
            bus, number(low["vm_pu"], 3), phase_of(low, LOW_VOLTAGE), _at(frames, low),
            number(float(high[list(VM_COLUMNS)].max()), 3), phase_of(high, HIGH_VOLTAGE), number(uneven["vuf_pct"], 2), _at(frames, uneven),
        )
        for _, _, bus, low, high, uneven in found[:_WORST]
    ]  # fmt: skip
    return table(
        "Buses with the lowest voltages",
        [("Bus", "left"), ("Lowest (pu)", "right"), ("Phase", "left"), ("When", "left"), ("Highest (pu)", "right"), ("Phase", "left"),
         ("Highest unbalance (%)", "right"), ("When", "left")],
        cells, total=len(found), most=_WORST, whole="buses/",
    )  # fmt: skip


def _over_time(frames: Frames, rows: pd.DataFrame, bus: str) -> Picture:
    mine = rows[rows["bus"] == bus].set_index("t_s")[list(VM_COLUMNS)].set_axis(list(PHASE_NAMES), axis=1)
    drawn, width_s = _thinned(frames, mine, "min")
    low, high = _limits(frames, bus)
    note = f" (the lowest of each {length(width_s / 60)})" if width_s else ""
    return wide_picture(
        lambda ax: voltage_by_phase(drawn, ax=ax, zone=frames.zone, vm_min_pu=low, vm_max_pu=high),
        title=f"Voltage of each phase at {bus}, the bus with the lowest{note}", stamp=frames.stamp,
        alt=f"Three lines over time: the voltages of L1, L2 and L3 at {bus}, with its limits.",
    )  # fmt: skip


def _profile(frames: Frames, lowest: pd.Series) -> Picture:
    topology = frames.topology
    assert topology is not None, "phases need a feeder"
    instant = frames.buses[frames.buses["t_s"] == lowest["t_s"]]
    wide = instant.astype({"bus": str}).set_index("bus")[list(VM_COLUMNS)].reindex(list(topology.buses))
    worst = topology.buses.index(str(lowest["bus"]))
    vm_pu = wide.to_numpy(dtype=float)
    carried = frames.branches[frames.branches["t_s"] == lowest["t_s"]].dropna(subset="loading_pct")
    closed = np.isin(topology.branches, carried["branch"].astype(str))
    from_bus, to_bus = topology.from_bus[closed], topology.to_bus[closed]
    starts = roots(from_bus, to_bus, topology.is_trafo[closed])
    depth, path = way_to(worst, len(topology.buses), from_bus, to_bus, starts)
    depth = np.where(np.isnan(vm_pu).any(axis=1), np.nan, depth)
    low, high = _limits(frames, str(lowest["bus"]))
    return picture(
        lambda ax: voltage_profile(
            depth=depth, from_bus=from_bus, to_bus=to_bus, vm_pu=vm_pu, path=path, ax=ax, vm_min_pu=low, vm_max_pu=high
        ),
        title=f"Along the feeder on {_at(frames, lowest)}; bold: the way to {lowest['bus']}", stamp=frames.stamp,
        alt="Voltages of the three phases from the head of the feeder to its ends at the moment of the lowest voltage.",
    )  # fmt: skip


def _unbalance(frames: Frames, rows: pd.DataFrame, bus: str) -> Picture:
    mine = rows[rows["bus"] == bus].set_index("t_s")[["vuf_pct"]]
    drawn, width_s = _thinned(frames, mine, "max")
    note = f" (the highest of each {length(width_s / 60)})" if width_s else ""
    limit_pct = _vuf_limit(frames, bus)
    return picture(
        lambda ax: unbalance_over_time(drawn["vuf_pct"], ax=ax, zone=frames.zone, limit_pct=limit_pct),
        title=f"Voltage unbalance at {bus}, the worst bus{note}", stamp=frames.stamp,
        alt=f"The voltage unbalance at {bus} over time, with its limit.",
    )  # fmt: skip


def _thinned(frames: Frames, values: pd.DataFrame, of: str) -> tuple[pd.DataFrame, float]:
    """The values by civil instant, and the width in s of the bins they are drawn in; 0: one by one."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    step = max(1, -(-len(values) // _POINTS))
    bins = np.arange(len(values)) // step
    last = values.index.to_series().groupby(bins).max()
    binned = values.groupby(bins).agg(of)
    binned.index = pd.DatetimeIndex(frames.civil(last))
    spacing_s = float(np.median(np.diff(values.index))) if len(values) > 1 else 0.0
    return binned, step * spacing_s if step > 1 else 0.0


def _at(frames: Frames, row: pd.Series) -> str:
    return when(moment(row["t_s"], frames.epoch, frames.zone))


def _others(row: pd.Series) -> str:
    """The other two phases of a row: `L1 was at 0.97 and L3 at 0.98 pu`."""
    mine = phase_of(row, LOW_VOLTAGE)
    rest = [(n, float(row[c])) for n, c in zip(PHASE_NAMES, VM_COLUMNS, strict=True) if n != mine]
    (first, first_pu), (second, second_pu) = rest
    return f"{first} was at {number(first_pu, 3)} and {second} at {number(second_pu, 3)} pu"


def _limits(frames: Frames, bus: str) -> tuple[float, float]:
    topology = frames.topology
    assert topology is not None, "phases need a feeder"
    k = topology.buses.index(bus)
    return float(topology.vm_min_pu[k]), float(topology.vm_max_pu[k])


def _vuf_limit(frames: Frames, bus: str) -> float:
    topology = frames.topology
    assert topology is not None, "phases need a feeder"
    return float(topology.vuf_max_pct[topology.buses.index(bus)])
