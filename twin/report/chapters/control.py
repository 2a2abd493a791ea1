"""What load management did: limits against measured power, and the guard's interventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.report.figures.power import limits_and_power
from twin.report.frames import Frames
from twin.report.model import Block, Section, Table, Text, table, wide_picture
from twin.report.words import count, length, listed, moment, number, percent, when

if TYPE_CHECKING:
    import pandas as pd


def interventions(frames: Frames) -> pd.DataFrame:
    """The guard's work by element that made it lower limits, largest first.

    Returns:
        Index: element; columns `ticks` (control ticks with an intervention), `chargers` (different EVSEs),
        `withheld_kwh` (limit wanted less limit in force, over the following tick, as if no plan had followed
        within it: `held_back_kwh` is exact, but for all elements together).
    """
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    lowered = frames.limits[frames.limits["reason"].astype(str) != ""]
    withheld = (lowered["wanted_w"] - lowered["limit_w"]).clip(lower=0) * frames.period_s / 3.6e6
    at = lowered.assign(withheld_kwh=withheld, element=lowered["reason"].astype(str)).groupby("element")
    out = pd.DataFrame({
        "ticks": at["t_s"].nunique(),
        "chargers": at["evse"].nunique(),
        "withheld_kwh": at["withheld_kwh"].sum(),
    })  # fmt: skip
    return out.sort_values("withheld_kwh", ascending=False, kind="stable")


def held_back_kwh(frames: Frames) -> float:
    """Limit wanted less limit in force over time, from plan to plan."""
    return float(frames.ticks["curtailed_wh"].sum()) / 1e3


def by_element(frames: Frames, guard: pd.DataFrame) -> Table:
    """The guard's reasons: which element, how long, how many chargers, how much power held back."""
    rows = [
        (str(name), length(row["ticks"] * frames.period_s / 60), number(row["chargers"]), number(row["withheld_kwh"], 1))
        for name, row in guard.head(25).iterrows()
    ]  # fmt: skip
    return table(
        "Guard interventions by element",
        [("Element", "left"), ("Time", "right"), ("Chargers lowered", "right"), ("Held back by plans at ticks (kWh)", "right")],
        rows, total=len(guard), whole="limits/ (column reason)",
    )  # fmt: skip


def largest(frames: Frames) -> Table:
    """The guard's largest interventions, in its own words."""
    guard = frames.events[frames.events["kind"] == "guard"]
    ordered = guard.sort_values(["value", "t_s"], ascending=[False, True], kind="stable")
    rows = [
        (when(moment(row["t_s"], frames.epoch, frames.zone)), str(row["subject"]), number(row["value"] / 1e3, 1), str(row["detail"]))
        for _, row in ordered.head(10).iterrows()
    ]  # fmt: skip
    return table(
        "The largest interventions",
        [("When", "left"), ("Element", "left"), ("Held back (kW)", "right"), ("What happened", "left")],
        rows, total=len(ordered), most=10, whole="events/",
    )  # fmt: skip


def aligned(frames: Frames) -> pd.DataFrame:
    """What was wanted and allowed beside what was measured in the same interval, in kW, by instant.

    Row k of `ticks` holds the limits of the interval that follows it, so they move down by one row.
    """
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    ticks = frames.ticks
    return pd.DataFrame({
        "wanted_kw": ticks["wanted_w"].shift(1).to_numpy() / 1e3,
        "limit_kw": ticks["limit_w"].shift(1).to_numpy() / 1e3,
        "ev_kw": ticks["ev_w"].to_numpy() / 1e3,
    }, index=pd.DatetimeIndex(frames.civil(ticks["t_s"])))  # fmt: skip


def around_peak(frames: Frames, control: pd.DataFrame, *, hours: float = 48.0) -> pd.DataFrame:
    """The stretch of at most `hours` in which the most was held back, or else the most was drawn."""
    rows = max(1, round(hours * 3600 / frames.period_s))
    if len(control) <= rows:
        return control
    held = (control["wanted_kw"] - control["limit_kw"]).clip(lower=0).fillna(0)
    weight = held if held.sum() > 0 else control["ev_kw"].fillna(0)
    end = int(weight.rolling(rows).sum().fillna(0).to_numpy().argmax()) + 1
    end = max(end, rows)
    return control.iloc[end - rows : end]


def chapter(frames: Frames) -> Section:
    """Load management: what was wanted, allowed and drawn; the guard by element."""
    guard = interventions(frames)
    blocks: list[Block] = [_said(frames, guard), *_helpless(frames)]
    if len(frames.ticks) and frames.ticks["ev_w"].fillna(0).any():
        control = aligned(frames)
        part = around_peak(frames, control)
        whole = "" if len(part) == len(control) else ": the two days with the most to do"
        blocks.append(wide_picture(
            lambda ax: limits_and_power(part, ax=ax, zone=frames.zone), title=f"Limits and measured power{whole}",
            alt="Power of all chargers over time: wanted by the strategy, limit in force, measured.",
            stamp=frames.stamp,
        ))  # fmt: skip
    if len(guard):
        blocks.append(by_element(frames, guard))
        told = largest(frames)
        if told.rows:
            blocks.append(told)
    look = "Look at the gap between what the strategy wanted and the limit in force: there the guard protected the feeder, and the table says which element asked for it."
    return Section(anchor="control", title="Load management", look=look, blocks=tuple(blocks))


def _helpless(frames: Frames) -> list[Block]:
    """Elements that the guard could not help, told once."""
    elements = sorted(set(frames.events.loc[frames.events["kind"] == "helpless", "subject"].astype(str)))
    if not elements:
        return []
    return [Text(text=(
        f"Less charging could not keep {listed(elements, most=3)} within limits at some time: base load or "
        "generation alone is the cause there."
    ))]  # fmt: skip


def _said(frames: Frames, guard: pd.DataFrame) -> Text:
    strategy = frames.manifest.get("strategy", "")
    name = strategy.get("name", "") if isinstance(strategy, dict) else str(strategy)
    head = f"The strategy was {name}. " if name else ""
    held_kwh = held_back_kwh(frames)
    if guard.empty:
        if held_kwh > 0:
            tail = f"The guard lowered limits only between two ticks, after an arrival: it held back {number(held_kwh, 1)} kWh."
        elif frames.manifest.get("guarded"):
            tail = "The guard never had a reason to lower a limit."
        else:
            tail = "No guard watched over the feeder."
        return Text(text=head + tail)
    lowered = frames.limits[frames.limits["reason"].astype(str) != ""]
    ticks = lowered["t_s"].nunique()
    share = ticks / max(frames.ticks["t_s"].nunique(), 1)
    return Text(text=(
        f"{head}The guard lowered limits in {length(ticks * frames.period_s / 60)} ({percent(share)} of the time), "
        f"because of {count(len(guard), 'element')}: {listed([str(e) for e in guard.index], most=3)}. "
        f"It held back {number(held_kwh, 1)} kWh of what the strategy would have allowed at "
        "that moment; what drivers miss in the end is in the chapter on energy."
    ))  # fmt: skip
