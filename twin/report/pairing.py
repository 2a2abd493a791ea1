"""Drivers of two runs, one by one: who may be compared with himself, and over which visits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twin.report.frames import Frames
from twin.report.model import Table, table
from twin.report.words import NONE, length, signed

if TYPE_CHECKING:
    import pandas as pd


def demand(sessions: pd.DataFrame) -> pd.DataFrame:
    """Who came when and wanted what: equal in two runs that may be paired."""
    wanted = sessions[["driver", "arrival_s", "requested_wh"]].round(3)
    return wanted.sort_values(["driver", "arrival_s"], kind="stable").reset_index(drop=True)


def common(before: Frames, after: Frames) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sessions of both runs that both could record: all, or those planned to be over when the shorter run ends.

    A run that was killed has no row for a car that was still there, one that reached its end has.
    """
    runs = (before, after)
    if before.duration_s == after.duration_s and all(finished(frames) for frames in runs):
        return before.sessions, after.sessions
    end_s = min(frames.duration_s for frames in runs)
    first, second = (f.sessions[f.sessions["departure_s"] <= end_s] for f in runs)
    return first, second


def finished(frames: Frames) -> bool:
    """Whether the run reached its end."""
    return str(frames.manifest.get("outcome", "finished")) == "finished"


def alike(before: Frames, after: Frames) -> bool:
    """Whether both runs faced the same drivers, arrivals and energies, as far as both were recorded."""
    first, second = common(before, after)
    return demand(first).equals(demand(second))


def same_drivers(all_frames: Sequence[Frames]) -> str:
    """Whether every run faced the drivers of the first, in a sentence."""
    first, *others = all_frames
    if not all(alike(first, frames) for frames in others):
        return "The runs faced different drivers or demands: part of each difference is chance or demand, not control."
    if all(finished(f) and f.duration_s == first.duration_s for f in others) and finished(first):
        return "Every run faced the same drivers, arrivals and energies: each difference comes from what was changed."
    return (
        "As far as all of them were recorded, the runs faced the same drivers, arrivals and energies; "
        "they are not equally long, so that their sums cannot be compared."
    )


def paired_table(all_frames: Sequence[Frames], names: Sequence[str]) -> Table | None:
    """Per-driver differences in delivered energy against the first run; None without common drivers."""
    from twin.results.statistics import t_interval  # noqa: PLC0415 -- scipy, with the rest of the report

    rows = []
    whole = True
    for name, frames in zip(names[1:], all_frames[1:], strict=True):
        before, after = common(all_frames[0], frames)
        if not alike(all_frames[0], frames) or before.empty:
            continue
        whole &= len(before) == len(all_frames[0].sessions)
        change = per_driver_kwh(after) - per_driver_kwh(before)
        made = t_interval(change.to_numpy())
        loses = f"{change.idxmin()} ({signed(float(change.min()), 1)})" if change.min() < -0.1 else NONE
        rows.append((
            name, f"{len(change):,}", signed(made.mean, 2), f"{signed(made.low, 2)} to {signed(made.high, 2)}",
            f"{int((change > 0.1).sum()):,}", f"{int((change < -0.1).sum()):,}", loses,
        ))  # fmt: skip
    if not rows:
        return None
    which = "" if whole else "; only visits that were to be over when the shorter run ends"
    return table(
        f"Energy per driver against {names[0]} (kWh, the same drivers paired{which})",
        [("Run", "left"), ("Drivers", "right"), ("Mean difference", "right"), ("95 % interval", "right"), ("Gain", "right"), ("Lose", "right"), ("Loses the most", "left")],
        rows,
    )  # fmt: skip


def per_driver_kwh(sessions: pd.DataFrame) -> pd.Series:
    """Energy delivered to each driver in kWh."""
    return sessions.groupby("driver", observed=True)["delivered_wh"].sum().sort_index() / 1e3


def incomplete(all_frames: Sequence[Frames], names: Sequence[str]) -> str:
    """Which runs did not reach their end, and how far they got; empty when all did."""
    said = [
        f"{name} is incomplete ({ending(frames)}): {length(frames.duration_s / 60)} of "
        f"{length(float(frames.manifest.get('horizon_s', 0.0)) / 60)} were recorded"
        for name, frames in zip(names, all_frames, strict=True)
        if not finished(frames)
    ]
    return f"{'; '.join(said)}. Its figures and curves end there." if said else ""


def ending(frames: Frames) -> str:
    """The outcome of a run in words."""
    outcome = str(frames.manifest.get("outcome", "finished"))
    return "killed, or still running" if outcome == "running" else outcome
