"""Begin a run on the disk: the folder, what is known before the first tick, and an open recorder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from twin.domain.fleet import Fleet
from twin.domain.grid import GridTopology
from twin.results.folder import SCENARIO, make_folder, write_aside
from twin.results.manifest import Manifest, RunFacts
from twin.results.network import save_network
from twin.results.recorder import ParquetRecorder
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
        replace: Delete a run that is already there.
        part_s: Simulated time per part of a table.

    Raises:
        SettingsError: The place cannot be written or holds something else.
    """
    folder = make_folder(path, replace=replace)
    manifest = Manifest(folder, facts)
    write_aside(folder / SCENARIO, scenario_text.encode())
    save_network(folder, fleet.specs, topology)
    recorder = ParquetRecorder(folder, fleet, topology, part_s=part_s, on_part=manifest.progress)
    return StartedRun(folder, manifest, recorder)
