"""Voltage over the day and the verdict of EN 50160."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.chapters.feeder import lower_limit, upper_limit
from twin.report.figures.voltage import band_by_time_of_day, bus_ranges, voltage_band
from twin.report.frames import Frames
from twin.report.model import Block, Row, Section, Table, Text, picture, table
from twin.report.words import count, moment, number, percent, when

if TYPE_CHECKING:
    import pandas as pd


def watched(frames: Frames) -> pd.DataFrame:
    """Rows of `buses` at the voltage level that has EVSEs."""
    topology = frames.topology
    assert topology is not None, "voltages need a feeder"
    names = [bus for bus, level in zip(topology.buses, topology.charging_level, strict=True) if level]
    return frames.buses[frames.buses["bus"].isin(names) & frames.buses["vm_pu"].notna()]


def band(frames: Frames) -> pd.DataFrame:
    """The run folded onto one civil day, see `band_by_time_of_day`."""
    rows = watched(frames)
    instants = rows["t_s"].drop_duplicates()
    step = float(np.median(np.diff(instants))) if len(instants) > 1 else frames.period_s
    middle = frames.civil(instants - step / 2)
    middle.index = instants.to_numpy()
    return band_by_time_of_day(rows, rows["t_s"].map(middle))


def chapter(frames: Frames) -> Section | None:
    """Voltages; None without a feeder."""
    topology = frames.topology
    if topology is None:
        return None
    look = "Look at the lower edge of the light band in the evening: its distance to the red line is what is left for more chargers."
    rows = watched(frames)
    if rows.empty:
        return Section(
            anchor="voltage", title="Voltage", look=look, blocks=(Text(text="No interval has a solution."),)
        )
    low, high = (rows.iloc[int(k)] for k in (rows["vm_pu"].argmin(), rows["vm_pu"].argmax()))
    said = (
        f"The lowest voltage was {number(low['vm_pu'], 3)} pu at {low['bus']} on {when(moment(low['t_s'], frames.epoch, frames.zone))}, "
        f"the highest {number(high['vm_pu'], 3)} pu at {high['bus']} on {when(moment(high['t_s'], frames.epoch, frames.zone))}."
    )
    folded = band(frames)
    figures = [picture(
        lambda ax: voltage_band(folded, ax=ax, vm_min_pu=lower_limit(topology), vm_max_pu=upper_limit(topology)),
        title="Voltage over the day: all buses, all days", stamp=frames.stamp,
        alt="Fan of all bus voltages by time of day, with the lower and the upper limit.",
    )]  # fmt: skip
    if not frames.en50160.empty:
        figures.append(picture(
            lambda ax: bus_ranges(frames.en50160, ax=ax), title="Range of the 10-minute means at each bus",
            alt="One line per bus from its lowest to its highest 10-minute mean.", stamp=frames.stamp,
        ))  # fmt: skip
    blocks: list[Block] = [quality(frames.en50160), Text(text=said), Row(items=tuple(figures))]
    if not frames.en50160.empty:
        blocks.append(weakest(frames.en50160))
    return Section(anchor="voltage", title="Voltage and EN 50160", look=look, blocks=tuple(blocks))


def quality(verdicts: pd.DataFrame) -> Text:
    """The verdict of EN 50160 in a sentence with its numbers."""
    if verdicts.empty:
        return Text(
            text="EN 50160 was not judged: the run is shorter than ten minutes, or has no low-voltage bus."
        )
    bad = verdicts[~verdicts["ok"].astype(bool)]
    weak = verdicts.sort_values(["share", "lowest_pu"], kind="stable").iloc[0]
    weeks = int(verdicts["weeks"].max())
    span = (
        "each week"
        if weeks > 1
        else "the week"
        if weeks
        else "the run (shorter than a week, judged as it is)"
    )
    rule = f"95 % of the 10-minute means of {span} within Un ± 10 % and all of them within Un + 10 % / − 15 %"
    worst = (
        f"The weakest bus is {weak['bus']}: {percent(weak['share'], 2)} of its 10-minute means lie within ± 10 %, "
        f"the lowest is {number(weak['lowest_pu'], 3)} pu, the highest {number(weak['highest_pu'], 3)} pu."
    )
    if bad.empty:
        return Text(
            text=f"EN 50160 is kept at all {count(len(verdicts), 'bus', 'buses')} of the charging level: {rule}. {worst}",
            tone="good",
        )
    return Text(
        text=f"EN 50160 is not kept at {len(bad):,} of {count(len(verdicts), 'bus', 'buses')}; it asks for {rule}. {worst}",
        tone="bad",
    )


def weakest(verdicts: pd.DataFrame) -> Table:
    """The buses closest to breaking EN 50160."""
    ranked = verdicts.sort_values(["ok", "share", "lowest_pu"], kind="stable")
    rows = [
        (str(row["bus"]), "yes" if row["ok"] else "no", percent(row["share"], 2), number(row["lowest_pu"], 3), number(row["highest_pu"], 3))
        for _, row in ranked.head(8).iterrows()
    ]  # fmt: skip
    return table(
        "Weakest buses under EN 50160",
        [("Bus", "left"), ("Kept", "left"), ("Within ± 10 %", "right"), ("Lowest 10-min mean (pu)", "right"), ("Highest (pu)", "right")],
        rows, total=len(ranked), most=8, whole="buses/",
    )  # fmt: skip
