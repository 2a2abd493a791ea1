"""What drivers got: energy, waiting, fairness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.report.figures import drivers as draw
from twin.report.frames import Frames
from twin.report.model import Block, Row, Section, Table, Text, picture, table
from twin.report.words import count, day, length, moment, number, percent, when
from twin.results.fairness import jain_index

if TYPE_CHECKING:
    import pandas as pd

_OUTCOMES = (
    ("served", "Charged"), ("reneged", "Gave up waiting"), ("balked", "Left at once"), ("open", "Still there at the end"),
)  # fmt: skip


def with_shares(sessions: pd.DataFrame) -> pd.DataFrame:
    """Sessions with `counted_wh` (delivered, at most what was wanted), `missing_wh` and `share` (NaN if none wanted)."""
    counted = np.minimum(sessions["delivered_wh"], sessions["requested_wh"])
    wanted = sessions["requested_wh"].where(sessions["requested_wh"] > 0)
    return sessions.assign(
        counted_wh=counted, missing_wh=sessions["requested_wh"] - counted, share=counted / wanted
    )


def whole(sessions: pd.DataFrame) -> pd.DataFrame:
    """Sessions that the end of the run did not cut off: what these miss, nobody will deliver any more.

    A car that is still there but has all it wanted counts among them.
    """
    return sessions[(sessions["outcome"] != "open") | sessions["finished_s"].notna()]


def per_bus(frames: Frames, sessions: pd.DataFrame) -> pd.DataFrame:
    """Each bus with sessions: `share` served, `sessions`, and its `lowest_pu` of the run."""
    at = sessions[sessions["bus"] != ""].groupby("bus", observed=True)
    wanted = at["requested_wh"].sum()
    out = at.size().rename("sessions").to_frame()
    out["share"] = at["counted_wh"].sum() / wanted.where(wanted > 0)
    out["lowest_pu"] = frames.buses.groupby("bus", observed=True)["vm_pu"].min().reindex(out.index)
    return out


def by_archetype(sessions: pd.DataFrame) -> Table:
    """One row per kind of driver: how many came, how it ended, what they got."""
    rows = []
    groups = [(str(name), these) for name, these in sessions.groupby("archetype", observed=True)]
    if len(groups) > 1:
        groups.append(("all", sessions))
    for name, these in groups:
        outcomes = these["outcome"].value_counts()
        wanted = float(these["requested_wh"].sum())
        rows.append((
            name, f"{len(these):,}", *(f"{int(outcomes.get(key, 0)):,}" for key, _ in _OUTCOMES),
            number(wanted / 1e3), number(these["delivered_wh"].sum() / 1e3), number(these["missing_wh"].sum() / 1e3),
            percent(these["counted_wh"].sum() / wanted if wanted else None),
        ))  # fmt: skip
    columns = [
        "Sessions",
        *(title for _, title in _OUTCOMES),
        "Wanted (kWh)",
        "Delivered (kWh)",
        "Missing (kWh)",
        "Served",
    ]
    return table("Who came and what they got", [("Drivers", "left"), *((c, "right") for c in columns)], rows)


def worst_served(frames: Frames, sessions: pd.DataFrame) -> Table:
    """The sessions that miss the most energy."""
    ended = whole(sessions)
    short = ended[ended["missing_wh"] > 100].sort_values(["missing_wh", "session"], ascending=[False, True])
    most = 12
    rows = [
        (
            str(row["session"]), str(row["driver"]), str(row["vehicle"]), str(row["bus"] or row["site"]),
            when(moment(row["arrival_s"], frames.epoch, frames.zone)), length((row["departure_s"] - row["arrival_s"]) / 60),
            length(row["wait_s"] / 60), number(row["requested_wh"] / 1e3, 1), number(row["delivered_wh"] / 1e3, 1),
            percent(row["share"], 0),
        )
        for _, row in short.head(most).iterrows()
    ]  # fmt: skip
    return table(
        "Sessions that miss the most, without those that the end of the run cut off",
        [("Session", "left"), ("Driver", "left"), ("Vehicle", "left"), ("Bus or site", "left"), ("Arrival", "left"),
         ("Planned stay", "right"), ("Waited", "right"), ("Wanted (kWh)", "right"), ("Delivered (kWh)", "right"), ("Served", "right")],
        rows, total=len(short), most=most, whole="sessions/",
    )  # fmt: skip


def by_day(frames: Frames, sessions: pd.DataFrame) -> pd.DataFrame:
    """Energy by civil day of arrival; by week when there are more than 31 days."""
    arrival = frames.civil(sessions["arrival_s"])
    if frames.duration_s > 31 * 86_400:
        start = (arrival - arrival.dt.weekday * np.timedelta64(1, "D")).dt.normalize()
        label = "week of "
    else:
        start, label = arrival.dt.normalize(), ""
    sums = sessions.groupby(start)[["counted_wh", "missing_wh"]].sum() / 1e3
    sums.columns = ["delivered_kwh", "missing_kwh"]
    sums.index = [label + day(instant) for instant in sums.index]
    return sums


def energy(frames: Frames) -> Section:
    """Sessions served and energy missed, and when."""
    sessions = with_shares(frames.sessions)
    look = "Look at the share served, then at the hours in which energy stays missing: they say when more power or more time is needed."
    title = "Energy served and missing"
    if sessions.empty:
        return Section(
            anchor="energy", title=title, look=look, blocks=(Text(text="Nobody came in this run."),)
        )
    ended = whole(sessions)
    hour = frames.civil(ended["arrival_s"]).dt.hour
    missing = ended.groupby(hour)["missing_wh"].sum() / 1e3
    cut = len(sessions) - len(ended)
    all_of, rest = (", all sessions", ", without sessions cut off by the end of the run") if cut else ("", "")
    figures = Row(items=(
        picture(lambda ax: draw.served_by_day(by_day(frames, sessions), ax=ax), title=f"Energy by day of arrival{all_of}",
                alt="Bars per day: energy delivered and energy missing in kWh.", stamp=frames.stamp),
        picture(lambda ax: draw.by_hour(missing, ax=ax, what="Energy missing (kWh)"), title=f"Missing energy by hour of arrival{rest}",
                alt="Bars per hour of arrival: energy that stayed missing in kWh.", stamp=frames.stamp),
    ))  # fmt: skip
    blocks: list[Block] = [Text(text=said(frames, sessions)), figures, by_archetype(sessions)]
    worst = worst_served(frames, sessions)
    if worst.rows:
        blocks.append(worst)
    return Section(anchor="energy", title=title, look=look, blocks=tuple(blocks))


def said(frames: Frames, sessions: pd.DataFrame) -> str:
    """What all sessions wanted and got; then, of those that the end of the run did not cut off, who misses what."""
    ended = whole(sessions)
    wanted, counted = sessions["requested_wh"].sum() / 1e3, sessions["counted_wh"].sum() / 1e3
    missing = float(ended["missing_wh"].sum()) / 1e3
    short, cut = int((ended["share"] < 0.99).sum()), len(sessions) - len(ended)
    outcome = str(frames.manifest.get("outcome", "finished"))
    far = "" if outcome == "finished" else " so far"
    killed = (
        " Cars that were still there when it was last written are not among them."
        if outcome == "running"
        else ""
    )
    less = (
        f"{count(short, 'session')} got less than 99 % of what {'its driver' if short == 1 else 'their drivers'} "
        f"wanted{_too_short(frames, ended)}.{killed}"
    )
    head = (
        f"{count(len(sessions), 'session')} wanted {number(wanted)} kWh and got {number(counted)} kWh of it{far} "
        f"({percent(counted / wanted if wanted else None)})"
    )
    if not cut:
        return f"{head}; {_energy(missing)} {'is' if missing == 0 else 'are'} missing. {less}"
    open_kwh = wanted - counted - missing
    of = f"Of the {count(len(ended), 'session')} that ended before the run did"
    share = ended["counted_wh"].sum() / ended["requested_wh"].sum() if ended["requested_wh"].sum() else None
    return (
        f"{head}. {count(cut, 'session was', 'sessions were')} cut off by the end of the run and "
        f"{'misses' if cut == 1 else 'miss'} {_energy(open_kwh)}, which nobody has failed to deliver yet. "
        f"{of}, {less} Together they miss {_energy(missing)}: {percent(share)} was served."
    )


def _energy(kwh: float) -> str:
    """`52 kWh`; what is less than one is not called none."""
    return "nothing" if kwh <= 0 else f"{number(kwh, 0 if kwh >= 1 else 2)} kWh"


def _too_short(frames: Frames, sessions: pd.DataFrame) -> str:
    """How many sessions could not have got their energy at the charger's full power; empty when none."""
    rated_w = {str(evse["id"]): float(evse["max_w"]) for evse in frames.evses}
    short = sessions[(sessions["share"] < 0.99) & sessions["plugged_s"].notna()]
    within_wh = (short["departure_s"] - short["plugged_s"]) / 3600 * short["evse"].map(rated_w)
    n = int((within_wh < short["requested_wh"]).sum())
    return f"; {n:,} of them stayed too short for it even at the full power of the charger" if n else ""


def fairness(frames: Frames) -> Section | None:
    """How evenly energy was shared, per session and per bus; None without sessions that want energy."""
    sessions = whole(with_shares(frames.sessions))
    if sessions["share"].dropna().empty:
        return None
    buses = per_bus(frames, sessions)
    shares = sessions["share"].dropna()
    each = jain_index(shares.to_numpy())
    places = buses["share"].dropna()
    cut = len(frames.sessions) - len(sessions)
    of = f"Of the {count(len(sessions), 'session')} that ended before the run did" if cut else ""
    worst, low = float(shares.min()), float(shares.quantile(0.05))
    said = [
        f"{f'{of}, ' if of else ''}Jain's index over the served share is {number(each, 3)} per session"
        + (f" and {number(jain_index(places.to_numpy()), 3)} per bus" if len(places) > 1 else "")
        + " (1: all get the same share of what they want).",
        f"The worst of them got {percent(worst, 0)} of what it wanted, one in twenty got {percent(low, 0)} or less."
        if low < 0.995
        else f"The worst of them got {percent(worst, 0)} of what it wanted; 19 in 20 got everything.",
    ]
    lost = int(sessions["outcome"].isin(["reneged", "balked"]).sum())
    if lost:
        said.append(
            f"{count(lost, 'car')} that left without charging {'counts' if lost == 1 else 'count'} with 0 %."
        )
    if cut:
        said.append(
            f"{count(cut, 'session')} that the end of the run cut off {'is' if cut == 1 else 'are'} left out of this chapter."
        )
    figures = [
        picture(lambda ax: draw.served_share(shares_by_archetype(sessions), ax=ax), title="Served share, worst first",
                alt="Curves of the served share of every session, sorted from worst to best.", stamp=frames.stamp),
    ]  # fmt: skip
    known = buses.dropna(subset=["lowest_pu", "share"])
    if len(known) > 2:
        figures.append(picture(
            lambda ax: draw.served_by_bus(known, ax=ax), title="Is the weak end served less?",
            alt="Each bus: its lowest voltage against the served share of its sessions.", stamp=frames.stamp,
        ))  # fmt: skip
    look = "Look at the left end of the curve: it shows how the worst-served drivers fare. A cloud falling to the left means that drivers at the weak end of the feeder pay for the others."
    return Section(
        anchor="fairness", title="Fairness", look=look,
        blocks=(Text(text=" ".join(said)), Row(items=tuple(figures))),
    )  # fmt: skip


def shares_by_archetype(sessions: pd.DataFrame) -> pd.DataFrame:
    """One column of served shares per kind of driver, padded with NaN."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    groups = sessions.groupby("archetype", observed=True)["share"]
    return pd.DataFrame({str(name): share.reset_index(drop=True) for name, share in groups})


def waiting(frames: Frames) -> Section:
    """Who had to wait for a connector, how long, at what hour."""
    sessions = frames.sessions
    look = "Look at the hour with the longest waits: another connector helps there, more power does not."
    waited = sessions[sessions["wait_s"] > 0]
    lost = int(sessions["outcome"].isin(["reneged", "balked"]).sum())
    if waited.empty and not lost:
        said = Text(
            text="Every car found a free connector when it came."
            if len(sessions)
            else "Nobody came in this run."
        )
        return Section(anchor="waiting", title="Waiting", look=look, blocks=(said,))
    hour = frames.civil(sessions["arrival_s"]).dt.hour
    mean = sessions.groupby(hour)["wait_s"].mean() / 60
    said = Text(text=(
        f"{count(len(waited), 'car')} of {len(sessions):,} waited for a connector, on average {length(waited['wait_s'].mean() / 60)}, "
        f"the longest {length(waited['wait_s'].max() / 60)}. {count(lost, 'car')} left without charging."
    ))  # fmt: skip
    figure = picture(
        lambda ax: draw.by_hour(mean, ax=ax, what="Mean wait (min)"), title="Waiting by hour of arrival",
        alt="Bars per hour of arrival: mean wait in minutes.", stamp=frames.stamp,
    )  # fmt: skip
    return Section(anchor="waiting", title="Waiting", look=look, blocks=(said, Row(items=(figure,))))
