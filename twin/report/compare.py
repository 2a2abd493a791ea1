"""Runs beside each other: key figures with differences, curves in one figure, drivers paired one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twin.report import html, keys, pairing
from twin.report.chapters import control, limits
from twin.report.chapters.drivers import whole, with_shares
from twin.report.chapters.feeder import lower_limit, trafo_limit, trafo_loading, upper_limit
from twin.report.chapters.voltage import band
from twin.report.figures.drivers import served_share
from twin.report.figures.power import load_duration
from twin.report.figures.voltage import voltage_band
from twin.report.frames import Frames, read_frames
from twin.report.model import Align, Block, Page, Picture, Row, Section, Text, picture, table
from twin.report.style import strokes
from twin.report.words import NONE, count, length, listed, number, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from twin.results.read import Run


def write_comparison(runs: Sequence[Run], path: Path | str) -> Path:
    """Write one self-contained HTML page about two or more runs; differences are against the first.

    Args:
        runs: In the order in which they are shown.
        path: The page.

    Returns:
        Where the page is.

    Raises:
        ValueError: Fewer than two runs.
        SettingsError: The page cannot be written there.
    """
    if len(runs) < 2:
        raise ValueError(f"a comparison needs two or more runs, not {len(runs)}")
    return html.write(comparison(tuple(read_frames(run) for run in runs)), path)


def comparison(all_frames: Sequence[Frames]) -> Page:
    """The page's model."""
    names = labels(all_frames)
    told = verdict(all_frames, names)
    return Page(
        kicker="Runs beside each other",
        title=" · ".join(names),
        lead=pairing.same_drivers(all_frames),
        facts=tuple((name, _described(frames)) for name, frames in zip(names, all_frames, strict=True)),
        verdict=told,
        verdict_title="In short",
        cards=(),
        sections=sections(all_frames),
        footer="Runs: " + "; ".join(f"{f.name}, scenario {f.manifest.get('scenario_hash', NONE)}" for f in all_frames),
    )  # fmt: skip


def sections(all_frames: Sequence[Frames]) -> tuple[Section, ...]:
    """Every chapter of a comparison; also the last part of a single run's page with `against`."""
    names = labels(all_frames)
    stamp = " | ".join(frames.stamp for frames in all_frames)
    made = (
        key_figures(all_frames, names), curves(all_frames, names, stamp), voltages(all_frames, names),
        energy(all_frames, names, stamp), guards(all_frames, names),
    )  # fmt: skip
    return tuple(section for section in made if section is not None)


def labels(all_frames: Sequence[Frames]) -> list[str]:
    """What to call each run: its scenario, with whatever else is needed to tell two apart."""
    parts: list[Callable[[Frames], str]] = [
        lambda f: str(f.manifest.get("scenario") or f.name),
        lambda f: str(f.manifest.get("strategy", "")),
        lambda f: f"seed {f.manifest.get('seed', NONE)}",
    ]
    for depth in range(1, len(parts) + 1):
        names = [", ".join(filter(None, (part(f) for part in parts[:depth]))) for f in all_frames]
        if len(set(names)) == len(names):
            return names
    names = [frames.name for frames in all_frames]
    seen = Counter(names)
    return [name if seen[name] == 1 else f"{name} ({k})" for k, name in enumerate(names, 1)]


def verdict(all_frames: Sequence[Frames], names: Sequence[str]) -> Text:
    """One sentence per run: minutes outside limits, share served."""
    warning = pairing.incomplete(all_frames, names)
    told = [warning] if warning else []
    for name, frames in zip(names, all_frames, strict=True):
        minutes = frames.summary.get("violation_minutes")
        kept = (
            "no feeder"
            if frames.topology is None and not frames.site_limits
            else f"{length(minutes or 0.0)} outside limits"
            if minutes
            else "all limits kept"
        )
        told.append(
            f"{name}: {kept}, {percent(frames.summary.get('served_share'))} of the energy served{'' if pairing.finished(frames) else ' so far'}."
        )
    return Text(text=" ".join(told), tone="bad" if warning else "plain")


def key_figures(all_frames: Sequence[Frames], names: Sequence[str]) -> Section:
    """The summary of every run, with differences against the first."""
    rows = [row for row in (keys.row(all_frames, figure) for figure in keys.FIGURES) if row is not None]
    columns: list[tuple[str, Align]] = [("Key figure", "left"), (names[0], "right")]
    for name in names[1:]:
        columns += [(name, "right"), ("difference", "right")]
    made = table("Key figures; differences against the first run", columns, rows, most=40)
    warning = pairing.incomplete(all_frames, names)
    noted = (
        (
            Text(
                text=f"{warning} Differences in sums, counts and minutes mostly tell of the missing time.",
                tone="bad",
            ),
        )
        if warning
        else ()
    )
    look = "Look at the minutes outside limits and at the share served together: load management is good when the first falls and the second does not."
    return Section(anchor="key-figures", title="Key figures", look=look, blocks=(*noted, made))


def curves(all_frames: Sequence[Frames], names: Sequence[str], stamp: str) -> Section | None:
    """Load-duration curves of the transformer in one figure; of the chargers where there is no feeder."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    with_grid = [(name, f) for name, f in zip(names, all_frames, strict=True) if f.topology is not None]
    pictures = []
    if with_grid:
        loading = {name: trafo_loading(f).max(axis=1).reset_index(drop=True) for name, f in with_grid}
        rating = min(trafo_limit(f.topology) for _, f in with_grid if f.topology is not None)
        if any(len(column) for column in loading.values()):
            frame = pd.DataFrame(loading)
            pictures.append(picture(
                lambda ax: load_duration(frame, ax=ax, limit=rating, strokes=strokes(names)), title="Load-duration curve of the transformer",
                alt="Share of the time over the transformer's loading, one curve per run.", stamp=stamp,
            ))  # fmt: skip
    power = pd.DataFrame(
        {n: f.ticks["ev_w"].reset_index(drop=True) / 1e3 for n, f in zip(names, all_frames, strict=True)}
    )
    if power.fillna(0).to_numpy().any():
        pictures.append(picture(
            lambda ax: load_duration(power, ax=ax, limit=float("nan"), what="All chargers (kW)", strokes=strokes(names)), title="Load-duration curve of the chargers",
            alt="Share of the time over the power of all chargers, one curve per run.", stamp=stamp,
        ))  # fmt: skip
    if not pictures:
        return None
    look = (
        "Look at the left end: load management cuts the peak there and gives the energy back further right."
    )
    return Section(
        anchor="curves", title="Load-duration curves", look=look, blocks=(Row(items=tuple(pictures)),)
    )


def voltages(all_frames: Sequence[Frames], names: Sequence[str]) -> Section | None:
    """The voltage band of every run, all on one scale."""
    folded = [(n, f, band(f)) for n, f in zip(names, all_frames, strict=True) if f.topology is not None]
    folded = [(n, f, b) for n, f, b in folded if len(b)]
    if not folded:
        return None
    edges = [value for _, f, b in folded for value in _edges(f, b) if math.isfinite(value)]
    scale = (min(edges) - 0.01, max(edges) + 0.01)
    colours = {name: stroke["color"] for name, stroke in strokes(names).items()}
    pictures = tuple(_band_picture(n, f, b, scale, colours[n]) for n, f, b in folded)
    look = "All bands share one scale. Look at how far the evening dip was lifted."
    return Section(anchor="bands", title="Voltage over the day", look=look, blocks=(Row(items=pictures),))


def _edges(frames: Frames, folded: pd.DataFrame) -> tuple[float, ...]:
    """What a scale that all bands share must hold."""
    assert frames.topology is not None, "a voltage band needs a feeder"
    limits_pu = lower_limit(frames.topology), upper_limit(frames.topology)
    return float(folded["low"].min()), float(folded["high"].max()), *limits_pu


def _band_picture(
    name: str, frames: Frames, folded: pd.DataFrame, scale: tuple[float, float], colour: str
) -> Picture:
    topology = frames.topology
    assert topology is not None, "a voltage band needs a feeder"

    def paint(ax: Axes) -> None:
        voltage_band(
            folded, ax=ax, vm_min_pu=lower_limit(topology), vm_max_pu=upper_limit(topology), colour=colour
        )
        ax.set_ylim(*scale)

    return picture(
        paint, title=name, alt=f"Fan of all bus voltages by time of day in {name}.", stamp=frames.stamp
    )


def energy(all_frames: Sequence[Frames], names: Sequence[str], stamp: str) -> Section | None:
    """Served shares in one figure, and what each driver gained or lost against the first run."""
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    shared = [whole(with_shares(frames.sessions)) for frames in all_frames]
    if all(frames.sessions.empty for frames in all_frames):
        return None
    cut = [len(frames.sessions) - len(ended) for frames, ended in zip(all_frames, shared, strict=True)]
    shares = pd.DataFrame({n: s["share"].reset_index(drop=True) for n, s in zip(names, shared, strict=True)})
    blocks: list[Block] = [Row(items=(picture(
        lambda ax: served_share(shares, ax=ax, strokes=strokes(names)), title="Served share of every session that ended before the run did, worst first",
        alt="Curves of the served share of every session, one per run.", stamp=stamp,
    ),))]  # fmt: skip
    if any(cut):
        per_run = listed([f"{n:,} in {name}" for n, name in zip(cut, names, strict=True)], most=8)
        blocks.append(
            Text(text=f"Sessions that the end of the run cut off are left out of the curves: {per_run}.")
        )
    paired = pairing.paired_table(all_frames, names)
    blocks.append(
        paired
        if paired is not None
        else Text(text="The runs faced different drivers, so sessions are not paired.")
    )
    look = "Look at the left end of the curves and at the driver who loses the most: means hide who pays."
    return Section(anchor="paired", title="Energy, driver by driver", look=look, blocks=tuple(blocks))


def guards(all_frames: Sequence[Frames], names: Sequence[str]) -> Section:
    """How often the guard stepped in, and where."""
    rows = []
    for name, frames in zip(names, all_frames, strict=True):
        guard = control.interventions(frames)
        lowered = frames.limits[frames.limits["reason"].astype(str) != ""]
        rows.append((
            name, "yes" if frames.manifest.get("guarded") else "no", length(lowered["t_s"].nunique() * frames.period_s / 60),
            number(control.held_back_kwh(frames), 1), listed([str(e) for e in guard.index], most=4), count(len(frames.violations), "violation"),
            length(limits.union_minutes(frames.violations)),
        ))  # fmt: skip
    made = table(
        "Guard interventions",
        [("Run", "left"), ("Guard", "left"), ("Intervened", "right"), ("Held back (kWh)", "right"), ("Because of", "left"), ("Violations", "right"), ("Outside limits", "right")],
        rows,
    )  # fmt: skip
    look = "Look at whether the minutes of intervention replace the minutes outside limits."
    return Section(anchor="guards", title="Guard interventions", look=look, blocks=(made,))


def _described(frames: Frames) -> str:
    """Seed, strategy, guard and length of a run in one line."""
    guard = ", with guard" if frames.manifest.get("guarded") else ""
    seed, strategy = frames.manifest.get("seed", NONE), frames.manifest.get("strategy", NONE)
    cut = "" if pairing.finished(frames) else f", incomplete: {pairing.ending(frames)}"
    return f"seed {seed}, {strategy}{guard}, {length(frames.duration_s / 60)}{cut}"
