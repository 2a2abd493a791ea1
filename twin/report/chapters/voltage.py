"""Voltage over the day and the verdict of EN 50160."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.grid import HIGH_VOLTAGE, LOW_VOLTAGE
from twin.report.by_phase import all_values, highest_pu, phase_of, three_phase
from twin.report.chapters.feeder import lower_limit, upper_limit
from twin.report.figures.voltage import band_by_time_of_day, bus_ranges, voltage_band
from twin.report.frames import Frames
from twin.report.model import Align, Block, Row, Section, Table, Text, picture, table
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
    rows = all_values(watched(frames))
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
    said = f"The lowest voltage was {_where(frames, rows, LOW_VOLTAGE)}, the highest {_where(frames, rows, HIGH_VOLTAGE)}."
    what = "all buses and phases" if three_phase(frames) else "all buses"
    folded = band(frames)
    figures = [picture(
        lambda ax: voltage_band(folded, ax=ax, vm_min_pu=lower_limit(topology), vm_max_pu=upper_limit(topology)),
        title=f"Voltage over the day: {what}, all days", stamp=frames.stamp,
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


def _where(frames: Frames, rows: pd.DataFrame, kind: str) -> str:
    """The farthest voltage in one direction: its value, phase, bus and instant."""
    highest = highest_pu(rows)
    at = int(rows["vm_pu"].argmin() if kind == LOW_VOLTAGE else highest.argmax())
    row, value = rows.iloc[at], (rows["vm_pu"] if kind == LOW_VOLTAGE else highest).iloc[at]
    phase = phase_of(row, kind)
    place = f"at {row['bus']}" if not phase else f"on {phase} at {row['bus']}"
    return f"{number(value, 3)} pu {place} on {when(moment(row['t_s'], frames.epoch, frames.zone))}"


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
    phases = bool(weak["phase"])
    rule = (
        f"95 % of the 10-minute means of {'each phase in ' if phases else ''}{span} within Un ± 10 % and all of them within Un + 10 % / − 15 %"
        + (", and 95 % of those of the unbalance within 2 %" if phases else "")
    )
    worst = (
        f"The weakest bus is {weak['bus']}{' on ' + weak['phase'] if phases else ''}: {percent(weak['share'], 2)} of its 10-minute means lie within ± 10 %, "
        f"the lowest is {number(weak['lowest_pu'], 3)} pu, the highest {number(weak['highest_pu'], 3)} pu."
    )
    if phases:
        uneven = verdicts.sort_values(
            ["vuf_share", "highest_vuf_pct"], ascending=[True, False], kind="stable"
        ).iloc[0]
        worst += (
            f" The most uneven is {uneven['bus']}: {percent(uneven['vuf_share'], 2)} of its 10-minute means of the unbalance lie within 2 %, "
            f"the highest is {number(uneven['highest_vuf_pct'], 2)} %."
        )
    if bad.empty:
        return Text(
            text=f"EN 50160 is kept at all {count(len(verdicts), 'bus', 'buses')} of the charging level: {rule}. {worst}",
            tone="good",
        )
    broken = _broken_rules(verdicts) if phases else ""
    return Text(
        text=f"EN 50160 is not kept at {len(bad):,} of {count(len(verdicts), 'bus', 'buses')}{broken}; it asks for {rule}. {worst}",
        tone="bad",
    )


def _broken_rules(verdicts: pd.DataFrame) -> str:
    """At how many buses each rule is broken."""
    voltage, unbalance = (int((~verdicts[name].astype(bool)).sum()) for name in ("voltage_ok", "vuf_ok"))
    return f" (the voltage at {voltage:,}, the unbalance at {unbalance:,})"


def weakest(verdicts: pd.DataFrame) -> Table:
    """The buses closest to breaking EN 50160."""
    ranked = verdicts.sort_values(["ok", "share", "lowest_pu"], kind="stable")
    phases = bool(len(ranked)) and bool(ranked["phase"].iloc[0])
    rows = []
    for _, row in ranked.head(8).iterrows():
        cells = [
            str(row["bus"]),
            "yes" if row["ok"] else "no",
            percent(row["share"], 2),
            number(row["lowest_pu"], 3),
            number(row["highest_pu"], 3),
        ]
        if phases:
            cells[2:2] = [str(row["phase"])]
            cells += [percent(row["vuf_share"], 2), number(row["highest_vuf_pct"], 2)]
        rows.append(cells)
    columns: list[tuple[str, Align]] = [("Bus", "left"), ("Kept", "left")]
    columns += [("Weakest phase", "left")] if phases else []
    columns += [("Within ± 10 %", "right"), ("Lowest 10-min mean (pu)", "right"), ("Highest (pu)", "right")]
    columns += [("Unbalance within 2\u00a0%", "right"), ("Highest unbalance (%)", "right")] if phases else []
    return table("Weakest buses under EN 50160", columns, rows, total=len(ranked), most=8, whole="buses/")
