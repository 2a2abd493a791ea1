"""`twin run` and `twin sweep`: progress for people on stderr, paths at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from twin.engine.run import Beat, run
from twin.engine.sweep import sweep as run_sweep
from twin.report.page import write_report
from twin.report.sweep import write_sweep_report
from twin.scenario.model import Scenario
from twin.units import SECONDS_PER_DAY

_err = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command line needs to know of one or many runs."""

    summary: Mapping[str, Any]
    violated: bool


def one(scenario: Scenario, out: Path | None, *, force: bool, report: bool) -> Outcome:
    """Run once, with a bar of simulated time, speed, sessions and violations."""
    with _bar(scenario) as beat:
        done = run(scenario, out=out, force=force, on_beat=beat)
    summary = done.summary
    _err.print(_sentence(summary))
    _err.print(f"run: {done.path}", highlight=False, soft_wrap=True)
    if report:
        _err.print(f"report: {write_report(done)}", highlight=False, soft_wrap=True)
    return Outcome(summary, summary["violations"] > 0)


def many(
    scenario: Scenario, out: Path | None, *, seeds: int, workers: int, force: bool, report: bool
) -> Outcome:
    """Run several seeds and report intervals."""
    folder = out or Path("results") / f"{scenario.name}-seeds"
    with _counter(seeds) as advance:
        done = run_sweep([scenario], folder, seeds=seeds, workers=workers, force=force, on_run=advance)
    statistics = done.statistics(scenario.name)
    _err.print(f"sweep: {folder}", highlight=False, soft_wrap=True)
    if report:
        _err.print(
            f"report: {write_sweep_report(done, folder / 'report.html')}", highlight=False, soft_wrap=True
        )
    violated = statistics["seeds_with_violations"] > 0
    return Outcome(statistics, violated)


def sweep(scenarios: Sequence[Scenario], folder: Path, *, seeds: int, workers: int) -> None:
    """Run several scenarios over the same seeds."""
    with _counter(seeds * len(scenarios)) as advance:
        done = run_sweep(scenarios, folder, seeds=seeds, workers=workers, on_run=advance)
    _err.print(f"report: {write_sweep_report(done, folder / 'report.html')}", highlight=False, soft_wrap=True)


def _sentence(summary: Mapping[str, Any]) -> str:
    served = 100 * summary["served_share"]
    return (
        f"{summary['sessions']} sessions, {summary['energy_delivered_kwh']:.0f} kWh delivered "
        f"({served:.1f} % of what was wanted), peak {summary['peak_kw']:.1f} kW, "
        f"{summary['violations']} violations in {summary['violation_minutes']:.0f} minutes"
    )


@contextmanager
def _bar(scenario: Scenario) -> Iterator[Any]:
    """One bar; nothing when nobody looks."""
    horizon_s = scenario.days * SECONDS_PER_DAY
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("day {task.fields[day]:.1f}/{task.fields[days]:g}  {task.fields[speed]:,.0f}x"),
        TextColumn("{task.fields[sessions]} sessions  {task.fields[violations]} violations"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task(
            scenario.name, total=horizon_s, day=0.0, days=scenario.days, speed=0.0, sessions=0, violations=0
        )

        def beat(now: Beat) -> None:
            elapsed_s = progress.tasks[task].elapsed or 1.0
            progress.update(
                task,
                completed=now.t_s,
                day=now.t_s / SECONDS_PER_DAY,
                speed=now.t_s / elapsed_s,
                sessions=now.sessions,
                violations=now.violations,
            )

        yield beat


@contextmanager
def _counter(total: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=_err, transient=True, disable=not _err.is_terminal
    ) as progress:
        task = progress.add_task("runs", total=total)
        yield lambda: progress.advance(task)
