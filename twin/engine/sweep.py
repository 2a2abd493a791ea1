"""Many runs: scenarios times seeds, in worker processes, resumed run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.engine.processes import in_executor, in_processes
from twin.engine.run import run
from twin.errors import SettingsError
from twin.results.folder import is_run, write_json
from twin.results.read import Run, open_run
from twin.results.statistics import intervals, proportion
from twin.scenario.dump import scenario_hash
from twin.scenario.model import Scenario

RUNS_PER_WORKER = 20
"""A worker is replaced after this many runs: libraries keep things alive."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Finished runs of several scenarios over the same seeds.

    Attributes:
        path: The sweep's folder: one sub-folder per scenario, one run folder per seed.
        runs: Every run, scenario by scenario, in the order of the seeds.
    """

    path: Path
    runs: tuple[Run, ...]

    def of(self, scenario: str) -> tuple[Run, ...]:
        """Return the runs of one scenario, in the order of the seeds."""
        return tuple(run for run in self.runs if run.manifest["scenario"] == scenario)

    def statistics(self, scenario: str) -> dict[str, Any]:
        """Return what `twin run --seeds --json` prints.

        Keys: `seeds`, `seeds_with_violations`, `share_with_violations` and `intervals`, the mean and the
        95 % interval of every figure of the summary.
        """
        runs = self.of(scenario)
        summaries = [run.summary for run in runs]
        violated = sum(bool(summary["violations"]) for summary in summaries)
        return {
            "seeds": [run.manifest["seed"] for run in runs],
            "seeds_with_violations": violated,
            "share_with_violations": proportion(violated, len(runs)).plain(),
            "intervals": {key: value.plain() for key, value in intervals(summaries).items()},
        }


def sweep(
    scenarios: Sequence[Scenario],
    out: Path | str,
    *,
    seeds: int | Sequence[int] = 20,
    workers: int = 2,
    force: bool = False,
    executor: Executor | None = None,
    on_run: Callable[[], None] | None = None,
) -> Sweep:
    """Run scenarios over the same seeds; runs that are finished already are kept.

    Args:
        scenarios: With different names.
        out: Sweep folder: `out/<scenario>/seed-<n>` is one run.
        seeds: How many, counted up from each scenario's own seed, or which.
        workers: Processes; the tables do not depend on it.
        force: Run everything again.
        executor: Where runs go instead of local processes, for example a Dask client's executor.
        on_run: Called after each finished run.

    Raises:
        ScenarioError: One of them cannot be built; nothing more is begun.
        SettingsError: Two scenarios of one name, a run in `out` of another scenario, or a worker that was
            killed; finished runs are kept.
    """
    folder = Path(out)
    names = [scenario.name for scenario in scenarios]
    if len(set(names)) < len(names):
        raise SettingsError(f"scenarios of a sweep need different names, got {', '.join(names)}")
    jobs = [
        (
            scenario.model_copy(update={"seed": seed}).located(scenario.path),
            folder / scenario.name / f"seed-{seed}",
        )
        for scenario in scenarios
        for seed in _seeds(scenario, seeds)
    ]
    missing = [(scenario, path) for scenario, path in jobs if force or not _finished(scenario, path)]
    for _ in range(len(jobs) - len(missing)):
        _tell(on_run)
    try:
        _run_all(missing, workers, executor, on_run)
    except KeyboardInterrupt as stop:
        stop.add_note(f"{folder}: finished runs are kept; the same command goes on from there")
        raise
    done = Sweep(folder, tuple(open_run(path) for _, path in jobs))
    write_json(folder / "sweep.json", {name: done.statistics(name) for name in names})
    return done


def _seeds(scenario: Scenario, seeds: int | Sequence[int]) -> Sequence[int]:
    return range(scenario.seed, scenario.seed + seeds) if isinstance(seeds, int) else seeds


def _finished(scenario: Scenario, path: Path) -> bool:
    """Whether this very run is done; a run of another scenario in its place is an error."""
    if not is_run(path):
        return False
    manifest = open_run(path).manifest
    if manifest["scenario_hash"] != scenario_hash(scenario):
        raise SettingsError(
            f"{path}: holds a run of another scenario or another state of this file; "
            "name another folder, or replace it with --force"
        )
    return bool(manifest["outcome"] == "finished")


def _run_all(
    jobs: Sequence[tuple[Scenario, Path]],
    workers: int,
    executor: Executor | None,
    on_run: Callable[[], None] | None,
) -> None:
    def on_done() -> None:
        _tell(on_run)

    if executor is not None:
        in_executor(executor, _one, jobs, on_done)
    elif workers == 1 or len(jobs) <= 1:
        for job in jobs:
            _one(job)
            on_done()
    else:
        in_processes(_one, jobs, workers=workers, per_worker=RUNS_PER_WORKER, on_done=on_done, what="runs")


def _one(job: tuple[Scenario, Path]) -> None:
    """One task of a worker: the run's folder is its result."""
    scenario, path = job
    run(scenario, out=path, force=True)


def _tell(on_run: Callable[[], None] | None) -> None:
    if on_run is not None:
        on_run()
