"""`twin hosting`: a bar of draws on stderr, then the table, the page and the figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from twin.cli.running import counter, interruptible, say
from twin.report.words import count, number, percent
from twin.results.statistics import Interval
from twin.scenario.model import Scenario
from twin.studies.hosting.page import (
    NAMES,
    capacity_text,
    caution,
    present,
    rule_text,
    write_figure,
    write_page,
)
from twin.studies.hosting.run import Hosting, hosting
from twin.studies.hosting.settings import Settings
from twin.studies.hosting.summary import ANY, Summary

_FILE_COLUMNS = 160
"""Where no terminal says how wide it is, nothing is cut off."""


def study(
    scenario: Scenario, out: Path | None, settings: Settings, *, draws: int, workers: int, force: bool
) -> dict[str, Any]:
    """Run the draws that are missing, write page and figure, and return what `--json` prints."""
    folder = out or Path("results") / f"hosting-{scenario.name}"
    with interruptible(), counter(draws, "draws") as advance:
        done = hosting(
            scenario, folder, draws=draws, settings=settings, workers=workers, force=force, on_draw=advance
        )
    _tell(done)
    say(f"study: {done.path}")
    say(f"figure: {write_figure(done)}")
    say(f"report: {write_page(done)}")
    return {**done.asked, "feeder": done.feeder, **done.summary.plain()}


def _tell(study: Hosting) -> None:
    summary = study.summary
    console = Console(stderr=True)
    console.print(
        _table(summary), width=None if console.is_terminal else _FILE_COLUMNS, crop=console.is_terminal
    )
    say(f"a violation is: {rule_text(study.asked)}")
    for item in summary.limiting[:3]:
        where = f" at {item.element}" if item.element else ""
        say(
            f"limits first: {NAMES[item.reason]}{where}, in {percent(item.share, 0)} of the draws that violate"
        )
    risk = percent(summary.capacity.risk, 0)
    say(f"hosting capacity at a risk of {risk}: {capacity_text(summary.capacity, summary.stations)}")
    few = caution(summary)
    if few:
        say(few)


def _table(summary: Summary) -> Table:
    keys = present(summary)
    unserved = any(level.served_share is not None and level.served_share < 0.9995 for level in summary.levels)
    title = f"Of {count(summary.draws, 'draw')}, % with a violation (95 % interval)"
    made = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = [NAMES[key].replace("transformer", "trafo").removesuffix(" loading") for key in keys]
    for name in (
        "stations",
        "draws",
        *names,
        "trafo %",
        "low pu",
        "VUF %",
        *(("served",) if unserved else ()),
    ):
        made.add_column(name, justify="right", no_wrap=True)
    for level in summary.levels:
        worst = level.worst
        made.add_row(
            f"{level.stations} ({percent(level.penetration, 0)})",
            str(level.violating[ANY]),
            *(_short(level.shares[key]) for key in keys),
            number(worst["trafo_pct"].median, 0),
            number(worst["low_pu"].median, 3),
            number(worst["unbalance_pct"].median, 2),
            *((percent(level.served_share, 1),) if unserved else ()),
        )
    return made


def _short(share: Interval) -> str:
    """`50 (43-57)`: whole percent are enough in a terminal."""
    if share.low is None or share.high is None:
        return number(100 * share.mean)
    return f"{number(100 * share.mean)} ({number(100 * share.low)}-{number(100 * share.high)})"
