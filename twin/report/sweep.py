"""The page of many seeds: what is chance and what is the scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twin.report import html
from twin.report.compare import FIGURES, Figure
from twin.report.figures.spread import by_seed
from twin.report.model import Align, Block, Page, Picture, Row, Section, Text, picture, table
from twin.report.words import NONE, count, listed, number, percent, signed

if TYPE_CHECKING:
    from twin.results.read import Run
    from twin.results.statistics import Interval

Summaries = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Summary of each run, by scenario and seed."""

_DRAWN = (
    ("max_trafo_loading_pct", 100.0), ("min_vm_pu", float("nan")), ("violation_minutes", float("nan")),
    ("served_share", float("nan")), ("worst_served_share", float("nan")), ("peak_kw", float("nan")),
)  # fmt: skip


class Sweep(Protocol):
    """What the page needs to know of a sweep."""

    @property
    def runs(self) -> Sequence[Run]:
        """Every finished run, of every scenario and seed."""
        ...


def write_sweep_report(sweep: Sweep, path: Path | str) -> Path:
    """Write one self-contained HTML page about the runs of several seeds, of one or more scenarios.

    Args:
        sweep: Finished runs; scenarios are told apart by their name, differences are against the first.
        path: The page.

    Returns:
        Where the page is.

    Raises:
        ValueError: No run.
        SettingsError: The page cannot be written there.
    """
    if not sweep.runs:
        raise ValueError("a report over seeds needs at least one run")
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    hashes: dict[str, str] = {}
    for run in sweep.runs:
        name = str(run.manifest["scenario"])
        found.setdefault(name, {})[int(run.manifest["seed"])] = run.summary
        hashes.setdefault(name, str(run.manifest.get("scenario_hash", ""))[:12])
    stamp = " | ".join(
        f"{name}, seeds {_range(list(of))} · scenario {hashes[name]}" for name, of in found.items()
    )
    return html.write(page({name: dict(sorted(of.items())) for name, of in found.items()}, stamp), path)


def page(summaries: Summaries, stamp: str) -> Page:
    """The page's model."""
    made = (violations(summaries), figures(summaries, stamp), differences(summaries), seeds(summaries))
    most = max(len(of) for of in summaries.values())
    return Page(
        kicker=f"Over {count(most, 'seed')}",
        title=" · ".join(summaries),
        lead="Each seed draws other drivers from the same distributions. The intervals say how much of a figure is chance.",
        facts=tuple(
            (name, f"{count(len(of), 'seed')}: {_range(list(of))}") for name, of in summaries.items()
        ),
        verdict=verdict(summaries),
        verdict_title="How often limits are broken",
        cards=(),
        sections=tuple(section for section in made if section is not None),
        footer=f"{sum(len(of) for of in summaries.values()):,} runs; each lies in its own folder next to this page.",
    )


def verdict(summaries: Summaries) -> Text:
    """In how many seeds of each scenario a limit is broken."""
    from twin.results.statistics import proportion  # noqa: PLC0415 -- scipy, with the rest of the report

    told = []
    for name, of in summaries.items():
        broken = sum(_minutes(summary) > 0 for summary in of.values())
        share = proportion(broken, len(of))
        told.append(
            f"{name}: limits are broken in {broken} of {count(len(of), 'seed')}"
            f" (95 % interval of the share: {percent(share.low, 0)} to {percent(share.high, 0)})."
        )
    return Text(text=" ".join(told))


def violations(summaries: Summaries) -> Section:
    """How often and how long limits are broken, and how often charging is the cause."""
    import numpy as np  # noqa: PLC0415 -- as above

    from twin.results.statistics import t_interval  # noqa: PLC0415 -- scipy, with the rest of the report

    rows = []
    for name, of in summaries.items():
        all_of = list(of.values())
        minutes = np.array([_minutes(summary) for summary in all_of])
        caused = sum(float(summary.get("violation_minutes_by_charging") or 0.0) > 0 for summary in all_of)
        judged = [summary["en50160_ok"] for summary in all_of if summary.get("en50160_ok") is not None]
        rows.append((
            name, f"{int((minutes > 0).sum())} of {len(of)}", f"{caused} of {len(of)}", interval_text(t_interval(minutes), 0),
            number(float(minutes.max())), f"{sum(judged)} of {len(judged)}" if judged else NONE,
        ))  # fmt: skip
    made = table(
        "Seeds with a violation",
        [("Scenario", "left"), ("Any violation", "right"), ("Caused by charging", "right"), ("Minutes outside limits, mean (95 % interval)", "right"), ("Worst seed (min)", "right"), ("EN 50160 kept", "right")],
        rows,
    )  # fmt: skip
    look = "Look at how many seeds break a limit because of charging: one seed is an anecdote, twenty are a risk."
    return Section(anchor="violations", title="How often limits are broken", look=look, blocks=(made,))


def figures(summaries: Summaries, stamp: str) -> Section:
    """Every key figure with its interval, and the important ones seed by seed."""
    from twin.results.statistics import intervals  # noqa: PLC0415 -- scipy, with the rest of the report

    found = {name: intervals(list(of.values())) for name, of in summaries.items()}
    rows = []
    for figure in FIGURES:
        cells = [_scaled(found[name].get(figure.key), figure) for name in summaries]
        if any(cell != NONE for cell in cells):
            rows.append((_titled(figure, summaries), *cells))
    columns: list[tuple[str, Align]] = [("Key figure", "left"), *((name, "right") for name in summaries)]
    blocks: list[Block] = [
        Row(items=_pictures(summaries, found, stamp)),
        table("Mean (95 % interval of the mean)", columns, rows, most=40),
    ]
    look = "Each dot is one seed, the diamond the mean with its interval. Look at the worst seed too: a feeder is sized for it, not for the mean."
    return Section(anchor="figures", title="Key figures over the seeds", look=look, blocks=tuple(blocks))


def _pictures(
    summaries: Summaries, found: Mapping[str, Mapping[str, Interval]], stamp: str
) -> tuple[Picture, ...]:
    made = []
    for key, limit in _DRAWN:
        figure = next(f for f in FIGURES if f.key == key)
        values = {
            name: [float(s[key]) * figure.scale for s in of.values() if s.get(key) is not None]
            for name, of in summaries.items()
        }
        if not all(values.values()):
            continue
        scaled = {name: _rescale(found[name][key], figure.scale) for name in values}
        made.append(_seed_picture(figure, values, scaled, limit, stamp=stamp))
    return tuple(made)


def _seed_picture(
    figure: Figure,
    values: Mapping[str, Sequence[float]],
    scaled: Mapping[str, Interval],
    limit: float,
    *,
    stamp: str,
) -> Picture:
    what = f"{figure.name} ({figure.unit})"
    return picture(
        lambda ax: by_seed(values, scaled, ax=ax, what=what, limit=limit), title=f"{figure.name} by seed",
        alt=f"One dot per seed: {what}.", stamp=stamp,
    )  # fmt: skip


def differences(summaries: Summaries) -> Section | None:
    """Paired differences against the first scenario, on the seeds that both have; None with one scenario."""
    from twin.results.statistics import paired_differences  # noqa: PLC0415 -- scipy, as above

    first, *others = summaries
    blocks: list[Block] = []
    for name in others:
        common = [seed for seed in summaries[first] if seed in summaries[name]]
        if not common:
            continue
        found = paired_differences(
            [summaries[first][s] for s in common], [summaries[name][s] for s in common]
        )
        rows = [
            (_titled(f, summaries), interval_text(_rescale(found[f.key], f.scale), f.digits, sign=True))
            for f in FIGURES if f.key in found
        ]  # fmt: skip
        blocks.append(table(
            f"{name} less {first}: mean difference on {count(len(common), 'common seed')} (95 % interval)",
            [("Key figure", "left"), ("Difference", "right")], rows, most=40,
        ))  # fmt: skip
    if not blocks:
        return None
    look = "The same seed means the same drivers, so differences are taken seed by seed. An interval that holds zero is no proof of a difference."
    return Section(anchor="differences", title="Paired differences", look=look, blocks=tuple(blocks))


def seeds(summaries: Summaries) -> Section:
    """One row per run, the worst first."""
    keys = [f for f in FIGURES if f.key in {key for key, _ in _DRAWN}]
    runs = [(name, seed, summary) for name, of in summaries.items() for seed, summary in of.items()]
    runs.sort(key=lambda run: -_minutes(run[2]))
    rows = [(name, str(seed), *(_one(summary.get(f.key), f) for f in keys)) for name, seed, summary in runs]
    columns: list[tuple[str, Align]] = [("Scenario", "left"), ("Seed", "right")]
    columns += [(f"{f.name} ({f.unit})", "right") for f in keys]
    made = table(
        "Every run, the longest outside its limits first", columns, rows, most=60, whole="sweep.json"
    )
    look = "Run a single seed again with --set seed=… to read its own page: the worst one is the most instructive."
    return Section(anchor="seeds", title="Seed by seed", look=look, blocks=(made,))


def interval_text(found: Interval, digits: int, *, sign: bool = False) -> str:
    """`12.3 (10.1 to 14.5)`; the mean alone where there is no interval."""
    said = signed if sign else number
    if found.low is None or found.high is None:
        return said(found.mean, digits)
    return f"{said(found.mean, digits)} ({said(found.low, digits)} to {said(found.high, digits)})"


def _rescale(found: Interval, scale: float) -> Interval:
    from twin.results.statistics import Interval as Made  # noqa: PLC0415 -- scipy, as above

    ends = [None if end is None else end * scale for end in (found.low, found.high)]
    return Made(found.mean * scale, ends[0], ends[1], found.n)


def _scaled(found: Interval | None, figure: Figure) -> str:
    return NONE if found is None else interval_text(_rescale(found, figure.scale), figure.digits)


def _one(value: float | None, figure: Figure) -> str:
    return NONE if value is None else number(float(value) * figure.scale, figure.digits)


def _minutes(summary: Mapping[str, Any]) -> float:
    return float(summary.get("violation_minutes") or 0.0)


def _titled(figure: Figure, summaries: Summaries) -> str:
    """Name and unit of a key figure; money in its currency, where all runs have one."""
    currencies = {str(summary.get("currency") or "") for of in summaries.values() for summary in of.values()}
    unit = currencies.pop() if figure.key == "revenue" and len(currencies) == 1 else figure.unit
    return f"{figure.name} ({unit})" if unit else figure.name


def _range(found: Sequence[int]) -> str:
    """`1 to 20` for what has no gap, else the seeds themselves."""
    whole = sorted(found)
    if len(whole) > 2 and whole[-1] - whole[0] == len(whole) - 1:
        return f"{whole[0]} to {whole[-1]}"
    return listed([str(seed) for seed in whole], most=8)
