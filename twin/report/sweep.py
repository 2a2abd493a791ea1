"""The page of many seeds: what is chance and what is the scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twin.report import html
from twin.report.figures.spread import by_seed
from twin.report.frames import has_site_limits
from twin.report.keys import FIGURES, MONEY, Figure, amount, one_currency, titled
from twin.report.model import Align, Block, Page, Picture, Row, Section, Text, picture, table
from twin.report.pairing import demand
from twin.report.varied import Varied, varied
from twin.report.varied import chapter as over_setting
from twin.report.words import NONE, count, listed, number, percent, signed

if TYPE_CHECKING:
    from twin.results.read import Run
    from twin.results.statistics import Interval

Summaries = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Summary of each run, by scenario and seed."""

_DRAWN = (
    ("max_trafo_loading_pct", 100.0), ("min_vm_pu", float("nan")), ("max_vuf_pct", float("nan")), ("violation_minutes", float("nan")),
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
    runs: dict[str, dict[int, Run]] = {}
    for run in sweep.runs:
        runs.setdefault(str(run.manifest["scenario"]), {})[int(run.manifest["seed"])] = run
    runs = {name: dict(sorted(of.items())) for name, of in runs.items()}
    found = {name: {seed: run.summary for seed, run in of.items()} for name, of in runs.items()}
    hashes = {
        name: str(next(iter(of.values())).manifest.get("scenario_hash", ""))[:12] for name, of in runs.items()
    }
    stamp = " | ".join(
        f"{name}, seeds {_range(list(of))} · scenario {hashes[name]}" for name, of in found.items()
    )
    return html.write(
        page(found, stamp, limitless=limitless(runs), unpaired=unpaired(runs), over=varied(runs)), path
    )


def limitless(runs: Mapping[str, Mapping[int, Run]]) -> frozenset[str]:
    """Scenarios in which no limit can be broken: without a feeder and without limits of their sites."""
    firsts = {name: next(iter(of.values())) for name, of in runs.items()}
    return frozenset(
        name
        for name, run in firsts.items()
        if run.topology is None and not has_site_limits(run.scenario_text)
    )


def unpaired(runs: Mapping[str, Mapping[int, Run]]) -> frozenset[str]:
    """Scenarios whose drivers are not those of the first scenario, for some seed that both have."""
    first, *others = runs
    wanted = {seed: demand(run.sessions.to_pandas()) for seed, run in runs[first].items()} if others else {}
    return frozenset(
        name for name in others
        if any(not demand(run.sessions.to_pandas()).equals(wanted[seed]) for seed, run in runs[name].items() if seed in wanted)
    )  # fmt: skip


def page(
    summaries: Summaries,
    stamp: str,
    *,
    limitless: frozenset[str] = frozenset(),
    unpaired: frozenset[str] = frozenset(),
    over: Varied | None = None,
) -> Page:
    """The page's model.

    Args:
        summaries: Of each run.
        stamp: At the corner of every figure.
        limitless: Scenarios in which no limit can be broken.
        unpaired: Scenarios whose drivers are not those of the first one.
        over: The setting that was varied; None: scenarios differ otherwise.
    """
    made = (
        over_setting(over, summaries, _currency(summaries), stamp), violations(summaries, limitless), figures(summaries, stamp), differences(summaries, unpaired), seeds(summaries),
    )  # fmt: skip
    most = max(len(of) for of in summaries.values())
    return Page(
        kicker=f"Over {count(most, 'seed')}",
        title=" · ".join(summaries),
        lead="Each seed draws other drivers from the same distributions. The intervals say how much of a figure is chance.",
        facts=tuple(
            (name, f"{count(len(of), 'seed')}: {_range(list(of))}") for name, of in summaries.items()
        ),
        verdict=verdict(summaries, limitless),
        verdict_title="How often limits are broken" if set(summaries) - limitless else "No limits",
        cards=(),
        sections=tuple(section for section in made if section is not None),
        footer=f"{sum(len(of) for of in summaries.values()):,} runs; each lies in its own folder next to this page.",
    )


def verdict(summaries: Summaries, limitless: frozenset[str] = frozenset()) -> Text:
    """In how many seeds of each scenario a limit is broken."""
    from twin.results.statistics import proportion  # noqa: PLC0415 -- scipy, with the rest of the report

    told = []
    for name, of in summaries.items():
        if name in limitless:
            told.append(f"{name}: neither a feeder nor limits of sites, so that none can be broken.")
            continue
        broken = sum(_minutes(summary) > 0 for summary in of.values())
        share = proportion(broken, len(of))
        told.append(
            f"{name}: limits are broken in {broken} of {count(len(of), 'seed')}"
            f" (95 % interval of the share: {percent(share.low, 0)} to {percent(share.high, 0)})."
        )
    return Text(text=" ".join(told))


def violations(summaries: Summaries, limitless: frozenset[str] = frozenset()) -> Section | None:
    """How often and how long limits are broken, and how often charging is the cause; None where there is no limit."""
    import numpy as np  # noqa: PLC0415 -- as above

    from twin.results.statistics import t_interval  # noqa: PLC0415 -- scipy, with the rest of the report

    rows = []
    for name, of in summaries.items():
        if name in limitless:
            continue
        all_of = list(of.values())
        minutes = np.array([_minutes(summary) for summary in all_of])
        caused = sum(float(summary.get("violation_minutes_by_charging") or 0.0) > 0 for summary in all_of)
        judged = [summary["en50160_ok"] for summary in all_of if summary.get("en50160_ok") is not None]
        rows.append((
            name, f"{int((minutes > 0).sum())} of {len(of)}", f"{caused} of {len(of)}", interval_text(t_interval(minutes).within(0.0, math.inf), 0),
            number(float(minutes.max())), f"{sum(judged)} of {len(judged)}" if judged else NONE,
        ))  # fmt: skip
    if not rows:
        return None
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
        currency = _currency(summaries)
        if figure.key == "revenue" and currency is None:
            rows.append((figure.name, *(_mean_revenue(list(of.values())) for of in summaries.values())))
            continue
        if figure.key in MONEY and currency is None:
            continue
        cells = [_scaled(found[name].get(figure.key), figure) for name in summaries]
        if any(cell != NONE for cell in cells):
            rows.append((titled(figure, currency or ""), *cells))
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
    from twin.results.statistics import possible  # noqa: PLC0415 -- scipy, as above

    what = f"{figure.name} ({figure.unit})"
    low, high = (end * figure.scale for end in possible(figure.key))
    return picture(
        lambda ax: by_seed(values, scaled, ax=ax, what=what, limit=limit, low=low, high=high), title=f"{figure.name} by seed",
        alt=f"One dot per seed: {what}.", stamp=stamp,
    )  # fmt: skip


def differences(summaries: Summaries, unpaired: frozenset[str] = frozenset()) -> Section | None:
    """Differences against the first scenario on the seeds that both have, told as paired where drivers agree.

    None with one scenario. Amounts of different currencies have no difference.
    """
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
        currency = _currency({first: summaries[first], name: summaries[name]})
        rows = [
            (titled(f, currency or ""), interval_text(_rescale(found[f.key], f.scale), f.digits, sign=True))
            for f in FIGURES if f.key in found and (f.key not in MONEY or currency is not None)
        ]  # fmt: skip
        blocks.append(table(
            f"{name} less {first}: mean {'difference, other drivers,' if name in unpaired else 'paired difference'} on {count(len(common), 'common seed')} (95 % interval)",
            [("Key figure", "left"), ("Difference", "right")], rows, most=40,
        ))  # fmt: skip
    if not blocks:
        return None
    told = (
        f"The drivers of {listed(sorted(unpaired))} are not those of {first}, even with the same seed: part of each difference is demand and chance."
        if unpaired
        else "The same seed means the same drivers in these scenarios, so differences are taken seed by seed."
    )
    look = f"{told} An interval that holds zero is no proof of a difference."
    title = "Differences" if unpaired else "Paired differences"
    return Section(anchor="differences", title=title, look=look, blocks=tuple(blocks))


def seeds(summaries: Summaries) -> Section:
    """One row per run, the worst first."""
    found = [summary for of in summaries.values() for summary in of.values()]
    drawn = {key for key, _ in _DRAWN} - ({"max_vuf_pct"} if _symmetric(found) else set())
    keys = [f for f in FIGURES if f.key in drawn]
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


def _symmetric(summaries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no run solved each phase."""
    return all(summary.get("max_vuf_pct") is None for summary in summaries)


def interval_text(found: Interval, digits: int, *, sign: bool = False) -> str:
    """`12.3 (10.1 to 14.5)`, with `n = 2` where there are few; the mean alone where there is no interval."""
    said = signed if sign else number
    from twin.results.statistics import FEWEST_TO_RESAMPLE  # noqa: PLC0415 -- scipy, as above

    if found.low is None or found.high is None:
        return said(found.mean, digits)
    few = f", n = {found.n}" if found.n < FEWEST_TO_RESAMPLE else ""
    return f"{said(found.mean, digits)} ({said(found.low, digits)} to {said(found.high, digits)}{few})"


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


def _currency(summaries: Summaries) -> str | None:
    """The currency of all runs; None where amounts may not be compared."""
    return one_currency([summary for of in summaries.values() for summary in of.values()])


def _mean_revenue(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Mean revenue of one scenario in its own currency; a dash where its runs differ or a run has several."""
    currency = one_currency(summaries)
    amounts = [float(summary["revenue"]) for summary in summaries if summary.get("revenue") is not None]
    return amount(sum(amounts) / len(amounts), currency) if currency and amounts else NONE


def _range(found: Sequence[int]) -> str:
    """`1 to 20` for what has no gap, else the seeds themselves."""
    whole = sorted(found)
    if len(whole) > 2 and whole[-1] - whole[0] == len(whole) - 1:
        return f"{whole[0]} to {whole[-1]}"
    return listed([str(seed) for seed in whole], most=8)
