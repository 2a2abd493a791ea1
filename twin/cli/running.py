"""`twin run` and `twin sweep`: progress for people on stderr, paths at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from twin.cli import INTERRUPTED
from twin.engine.run import Beat, run
from twin.engine.sweep import sweep as run_sweep
from twin.report.page import write_report
from twin.report.sweep import write_sweep_report
from twin.report.words import count
from twin.results.read import Run
from twin.scenario.cautions import WARNING
from twin.scenario.model import Scenario
from twin.units import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command line needs to know of one or many runs."""

    summary: Mapping[str, Any]
    violated: bool


def one(scenario: Scenario, out: Path | None, *, force: bool, report: bool) -> Outcome:
    """Run once, with a bar of simulated time, speed, sessions and violations."""
    with interruptible(), _bar(scenario) as beat:
        done = run(scenario, out=out, force=force, on_beat=beat)
    summary = done.summary
    _warn([done])
    say(_sentence(summary))
    if money := _money(summary):
        say(money)
    say(f"run: {done.path}")
    if report:
        say(f"report: {write_report(done)}")
    return Outcome(summary, summary["violations"] > 0)


def many(
    scenario: Scenario, out: Path | None, *, seeds: int, workers: int, force: bool, report: bool
) -> Outcome:
    """Run several seeds and report intervals."""
    folder = out or Path("results") / f"{scenario.name}-seeds"
    with interruptible(), counter(seeds) as advance:
        done = run_sweep([scenario], folder, seeds=seeds, workers=workers, force=force, on_run=advance)
    statistics = done.statistics(scenario.name)
    _warn(done.runs)
    violated = statistics["seeds_with_violations"]
    say(f"{count(seeds, 'seed')}, {violated} of them with violations")
    say(f"sweep: {folder}")
    if report:
        say(f"report: {write_sweep_report(done, folder / 'report.html')}")
    return Outcome(statistics, violated > 0)


def sweep(
    scenarios: Sequence[Scenario], folder: Path, *, seeds: int, workers: int, force: bool
) -> dict[str, Any]:
    """Run several scenarios over the same seeds; return the statistics of each."""
    with interruptible(), counter(seeds * len(scenarios)) as advance:
        done = run_sweep(scenarios, folder, seeds=seeds, workers=workers, force=force, on_run=advance)
    statistics = {scenario.name: done.statistics(scenario.name) for scenario in scenarios}
    for scenario in scenarios:
        _warn(done.of(scenario.name), f"{scenario.name}: ")
    for name, figures in statistics.items():
        say(f"{name}: {count(seeds, 'seed')}, {figures['seeds_with_violations']} of them with violations")
    say(f"sweep: {folder}")
    say(f"report: {write_sweep_report(done, folder / 'report.html')}")
    return statistics


def say(text: str) -> None:
    """Print for people; a path is never wrapped, coloured or read as markup."""
    typer.echo(text, err=True)


def _warn(runs: Sequence[Run], whose: str = "") -> None:
    """Say what is hardly meant: once for all seeds, and only what is so with each of them."""
    noted = [run.manifest["assumptions"] for run in runs]
    notes = [note for note in noted[0] if note.startswith(WARNING) and all(note in n for n in noted)]
    for note in notes:
        say(f"{whose}{note}")


@contextmanager
def interruptible() -> Iterator[None]:
    """Say what an interruption leaves behind."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for line in ("interrupted", *getattr(stop, "__notes__", ())):
            say(line)
        raise typer.Exit(INTERRUPTED) from None


def _sentence(summary: Mapping[str, Any]) -> str:
    served = 100 * summary["served_share"]
    peak_kw = summary["peak_kw"]
    peak = "no power flow has a solution" if peak_kw is None else f"peak {peak_kw:.1f} kW"
    return (
        f"{count(summary['sessions'], 'session')}, {summary['energy_delivered_kwh']:.0f} kWh delivered "
        f"({served:.1f} % of what was wanted), {peak}, "
        f"{count(summary['violations'], 'violation')} in {summary['violation_minutes']:.0f} minutes"
    )


def _money(summary: Mapping[str, Any]) -> str:
    """What became of the money; empty where nothing was collected, or in several currencies."""
    if summary["captured"] is None or summary["revenue"] is None:
        return ""
    reasons = ", ".join(f"{reason} {lost:,.2f}" for reason, lost in summary["leaked_by_reason"].items())
    return (
        f"{summary['revenue']:,.2f} {summary['currency']} billed, {summary['captured']:,.2f} captured, "
        f"{summary['leaked']:,.2f} not paid{f' ({reasons})' if reasons else ''}, "
        f"{count(summary['refused'], 'driver')} refused"
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
    with _progress(*columns) as progress:
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
def counter(total: int, what: str = "runs") -> Iterator[Any]:
    """Count finished things in a bar; yields what to call after each. Nothing when nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with _progress(*columns, TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _progress(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
