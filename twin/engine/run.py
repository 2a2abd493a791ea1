"""`twin.run(scenario)`: build the parts, move the simulation, leave a run folder behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Matrix, Rows, Vector
from twin.domain.ports import Grid
from twin.engine.bookkeeper import Bookkeeper
from twin.engine.core import Parts, Simulation
from twin.engine.interrupt import between_ticks
from twin.errors import SettingsError
from twin.results.audit import Audit
from twin.results.folder import is_run
from twin.results.lock import writing
from twin.results.manifest import Outcome, RunFacts
from twin.results.metrics import write_summary
from twin.results.read import Run, open_run
from twin.results.start import StartedRun, start_run
from twin.scenario.build import build
from twin.scenario.dump import as_yaml, scenario_hash
from twin.scenario.model import Scenario

RESULTS = Path("results")


@dataclass(frozen=True, slots=True)
class Beat:
    """Where a run is: what a progress bar shows."""

    t_s: float
    sessions: int
    violations: int


def run(
    scenario: Scenario,
    *,
    out: Path | str | None = None,
    force: bool = False,
    on_beat: Callable[[Beat], None] | None = None,
) -> Run:
    """Run a scenario and return its results.

    Args:
        scenario: As loaded by `twin.load`.
        out: Run folder. By default `results/<name>`, with a number behind it if that is taken.
        force: Replace a run that is already in `out`.
        on_beat: Called once per tick with the progress.

    Raises:
        ScenarioError: Something that only shows when the scenario is built (a profile that is too short,
            a sessions file with bad rows); nothing is written.
        SettingsError: The output folder cannot be written, holds something else, or another run writes there.
        AuditError: Energy or money does not balance; the folder keeps what was finished.
    """
    begin = _Clocks()
    timer = GridTimer()
    parts = build(scenario, wrap_grid=timer.watch)
    try:
        facts = _facts(scenario, parts)
        folder = free_folder(RESULTS / scenario.name) if out is None else Path(out)
        topology = None if parts.grid is None else parts.grid.topology
        text = as_yaml(scenario, beside=folder)
        with writing(folder):
            started = start_run(folder, facts, text, parts.fleet, topology, parts.limits, replace=force)
            parts.keep(folder)
            _move(parts, started, on_beat, begin, timer)
            done = open_run(folder)
            write_summary(done)
    finally:
        parts.release()
    return done


def _move(
    parts: Parts,
    started: StartedRun,
    on_beat: Callable[[Beat], None] | None,
    begin: _Clocks,
    timer: GridTimer,
) -> None:
    """Simulate into a folder that was begun, and say in its manifest how that ended."""
    audit = Audit(parts.fleet)
    with between_ticks() as interrupted:
        try:
            simulation = Simulation(parts, started.recorder, audit, _beat(on_beat, started, interrupted))
            simulation.run()
            started.recorder.close()
            checked = audit.close()
            if simulation.money_audit is not None:
                checked |= {"money": simulation.money_audit}
        except BaseException as error:
            _close(started, error, begin, timer)
            raise
        _finish(started, "finished", "", begin, timer, checked)


def free_folder(wanted: Path) -> Path:
    """Return `wanted`, or the first of `wanted-2`, `wanted-3`, … that holds no run."""
    names = itertools.chain([wanted], (wanted.with_name(f"{wanted.name}-{k}") for k in itertools.count(2)))
    return next(path for path in names if not is_run(path))


class _Clocks:
    """Processor and wall time since the run was asked for: they stand in the manifest only."""

    def __init__(self) -> None:
        self._cpu, self._wall = process_time(), perf_counter()

    def cpu_s(self) -> float:
        return process_time() - self._cpu

    def wall_s(self) -> float:
        return perf_counter() - self._wall


class GridTimer:
    """Measures the processor time that power flow takes."""

    def __init__(self) -> None:
        self.solver_s = 0.0

    def watch(self, grid: Grid) -> Grid:
        """Return the same grid, timed."""
        return _TimedGrid(grid, self)


class _TimedGrid:
    """A `Grid` that reports how long it took."""

    def __init__(self, grid: Grid, timer: GridTimer) -> None:
        self._grid = grid
        self._timer = timer
        self.topology: GridTopology = grid.topology
        self.provenance = grid.provenance

    def solve(self, start_s: float, end_s: float, evse_w: Vector, /) -> GridState:
        """As `Grid.solve`."""
        begin = process_time()
        state = self._grid.solve(start_s, end_s, evse_w)
        self._timer.solver_s += process_time() - begin
        return state

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """As `Grid.sensitivity`."""
        begin = process_time()
        answer = self._grid.sensitivity(state, rows, shares)
        self._timer.solver_s += process_time() - begin
        return answer


def _facts(scenario: Scenario, parts: Parts) -> RunFacts:
    return RunFacts(
        scenario=scenario.name,
        description=scenario.description,
        scenario_hash=scenario_hash(scenario),
        seed=scenario.seed,
        mode=scenario.run.mode,
        strategy=scenario.strategy.name,
        guarded=scenario.guard is not None,
        epoch=scenario.start,
        time_zone=scenario.time_zone,
        period_s=scenario.period_s,
        horizon_s=scenario.duration_s,
        evses=len(parts.fleet),
        grid=None if parts.grid is None else parts.grid.provenance,
        assumptions=parts.notes,
        virtual=_reached(scenario, parts) if scenario.run.mode == "virtual" else None,
        payments=None if parts.money is None else parts.money.facts,
    )


def _reached(scenario: Scenario, parts: Parts) -> dict[str, object]:
    """How stations were reached, with every default as it came out."""
    section = scenario.run.virtual
    named = parts.fleet.stations if section.stations is None else section.stations
    return {
        "ocpp": section.version,
        "stations": len(set(named)),
        "sample_interval_s": section.sample_interval_s or scenario.period_s,
    }


def _beat(
    on_beat: Callable[[Beat], None] | None, started: StartedRun, interrupted: Callable[[], None]
) -> Callable[[float, Bookkeeper], None]:
    def beat(t_s: float, books: Bookkeeper) -> None:
        if on_beat is not None:
            on_beat(Beat(t_s, sum(books.counts.values()), started.recorder.violations))
        interrupted()

    return beat


def _close(started: StartedRun, error: BaseException, begin: _Clocks, timer: GridTimer) -> None:
    """Keep what a broken run has: its tables up to here, and why it ended.

    What cannot be written then is a note on the error: a full disk is told once, by what met it first.
    """
    outcome: Outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    why = f"{type(error).__name__}: {error}"
    for step in (
        started.recorder.close,
        lambda: _finish(started, outcome, why, begin, timer, None),
    ):
        try:
            step()
        except SettingsError as other:
            error.add_note(str(other))
    folder = started.folder
    error.add_note(f"{folder}: holds what was recorded until then; look at it with: twin report {folder}")


def _finish(
    started: StartedRun,
    outcome: Outcome,
    error: str,
    begin: _Clocks,
    timer: GridTimer,
    audit: dict[str, object] | None,
) -> None:
    started.manifest.finish(
        outcome,
        error=error,
        audit=audit,
        cpu_s=begin.cpu_s(),
        wall_s=begin.wall_s(),
        solver_s=timer.solver_s,
    )
