"""Voltage over the day and the verdict of EN 50160."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.chapters.feeder import lower_limit, upper_limit
from twin.report.figures.voltage import band_by_time_of_day, voltage_band
from twin.report.frames import Frames
from twin.report.model import Block, Section, Text, picture
from twin.report.words import moment, number, when

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
    blocks: list[Block] = [Text(text=said)]
    blocks.append(picture(
        lambda ax: voltage_band(folded, ax=ax, vm_min_pu=lower_limit(topology), vm_max_pu=upper_limit(topology)),
        title="Voltage over the day: all buses, all days", stamp=frames.stamp,
        alt="Fan of all bus voltages by time of day, with the lower and the upper limit.",
    ))  # fmt: skip
    return Section(anchor="voltage", title="Voltage", look=look, blocks=tuple(blocks))
