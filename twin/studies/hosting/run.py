"""`twin hosting`: every draw that is missing, then the summary of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from twin.engine.processes import in_processes
from twin.errors import SettingsError
from twin.results.folder import write_json
from twin.scenario.dump import as_yaml, scenario_hash
from twin.scenario.model import Scenario
from twin.studies.hosting.folder import finished, open_folder, write_text
from twin.studies.hosting.settings import Settings
from twin.studies.hosting.study import Task, check
from twin.studies.hosting.summary import Summary, summarise
from twin.studies.hosting.table import feeder_of, read_draws, write_table

METHOD = 1
"""Raised whenever the same question would be answered otherwise: draws of two methods are not mixed."""
DRAWS_PER_WORKER = 500
"""A worker is replaced after so many draws: libraries keep things alive. Each has to read the net anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """A finished study.

    Attributes:
        path: Its folder.
        asked: Scenario, hash, seed and settings.
        feeder: What the feeder is, with its limits.
        draws: The table of all draws, see `twin.studies.hosting.table.DRAWS`.
        summary: Shares with their intervals, and the hosting capacity.
    """

    path: Path
    asked: dict[str, Any]
    feeder: dict[str, Any]
    draws: pa.Table
    summary: Summary


def hosting(
    scenario: Scenario,
    out: Path | str,
    *,
    draws: int = 200,
    settings: Settings | None = None,
    workers: int = 2,
    force: bool = False,
    on_draw: Callable[[], None] | None = None,
) -> Hosting:
    """Estimate how many chargers a feeder takes; draws that are finished already are kept.

    Args:
        scenario: As loaded; its EVSEs are the places where chargers may be.
        out: The study's folder.
        draws: How many. More draws later keep those that are there.
        settings: Penetrations, rule and phases.
        workers: Processes; results do not depend on it.
        force: Do everything again.
        on_draw: Called after each finished draw.

    Raises:
        ScenarioError: The scenario cannot be used; no draw is begun.
        SettingsError: `out` holds another study or something else, or cannot be written; a worker was
            killed; finished draws are kept.
        SolverError: The feeder cannot be solved.
    """
    if draws < 1:
        raise SettingsError(f"--draws: expected 1 or more, got {draws}")
    settings = Settings() if settings is None else settings
    folder = Path(out)
    check(scenario, settings)
    asked = {
        "method": METHOD,
        "scenario": scenario.name,
        "scenario_hash": scenario_hash(scenario),
        "seed": scenario.seed,
        **settings.plain(),
    }
    with open_folder(folder, asked, replace=force):
        write_text(folder / "scenario.yaml", as_yaml(scenario, beside=folder))
        missing = [k for k in range(draws) if not finished(folder, k)]
        for _ in range(draws - len(missing)):
            _tell(on_draw)
        try:
            _run(Task(scenario, settings, folder), missing, workers, lambda: _tell(on_draw))
        except KeyboardInterrupt as stop:
            stop.add_note(f"{folder}: finished draws are kept; the same command goes on from there")
            raise
        rows = read_draws(folder, draws)
        write_table(folder, rows)
        summary = summarise(rows)
        write_json(folder / "summary.json", {**asked, **summary.plain()})
        return Hosting(path=folder, asked=asked, feeder=feeder_of(rows), draws=rows, summary=summary)


def _run(task: Task, missing: list[int], workers: int, on_done: Callable[[], None]) -> None:
    if workers > 1 and len(missing) > 1:
        in_processes(
            task, missing, workers=workers, per_worker=DRAWS_PER_WORKER, on_done=on_done, what="draws"
        )
        return
    if missing:
        study = task.open()
        for number in missing:
            task.write(study, number)
            on_done()


def _tell(on_draw: Callable[[], None] | None) -> None:
    if on_draw is not None:
        on_draw()
