"""Begin a run on the disk: the folder, what is known before the first tick, and an open recorder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from twin.domain.fleet import Fleet
from twin.domain.grid import GridTopology
from twin.domain.site_limits import SiteLimits
from twin.errors import SettingsError
from twin.results.folder import SCENARIO, empty, make_folder, write_aside
from twin.results.manifest import Manifest, Outcome, RunFacts
from twin.results.network import save_network
from twin.results.recorder import ParquetRecorder
from twin.results.taps import TapTracker
from twin.units import SECONDS_PER_DAY


class StartedRun(NamedTuple):
    """A run's folder and who writes into it."""

    folder: Path
    manifest: Manifest
    recorder: ParquetRecorder


def start_run(
    path: Path,
    facts: RunFacts,
    scenario_text: str,
    fleet: Fleet,
    topology: GridTopology | None,
    limits: SiteLimits | None = None,
    *,
    replace: bool = False,
    part_s: float = SECONDS_PER_DAY,
) -> StartedRun:
    """Make the run's folder with its manifest (outcome `running`), scenario and network.

    Afterwards: move the simulation, `recorder.close()`, `manifest.finish(...)`, `metrics.write_summary`.

    Args:
        path: Where; folders above it are made.
        facts: What the manifest says from the beginning.
        scenario_text: The resolved scenario.
        fleet: The EVSEs, and the columns that the recorder reads.
        topology: The feeder; None without a grid.
        limits: Shared limits of the sites.
        replace: Delete a run that is already there.
        part_s: Simulated time per part of a table.

    Raises:
        SettingsError: The place cannot be written or holds something else; its manifest says so, if there is one.
    """
    folder = make_folder(path, replace=replace)
    manifest = Manifest(folder, facts)
    try:
        write_aside(folder / SCENARIO, scenario_text.encode())
        save_network(folder, fleet.specs, topology)
        recorder = ParquetRecorder(
            folder,
            fleet,
            topology,
            limits,
            taps=TapTracker(facts.grid),
            part_s=part_s,
            on_part=manifest.progress,
        )
    except BaseException as error:
        _give_up(folder, manifest, error)
        raise
    return StartedRun(folder, manifest, recorder)


def _give_up(folder: Path, manifest: Manifest, error: BaseException) -> None:
    """Say in the manifest why nothing was run; where not even that can be written, leave no trace."""
    outcome: Outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    try:
        manifest.finish(outcome, error=f"{type(error).__name__}: {error}", cpu_s=0.0, wall_s=0.0)
        error.add_note(f"{folder}: holds no results, its manifest says why; replace it with --force")
    except SettingsError:
        empty(folder)
        error.add_note(f"{folder}: was emptied again; once there is room, give the same command")
