"""`twin import sessions`: a table of what was refused and why on stderr."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from twin.errors import SettingsError
from twin.scenario.files import in_files
from twin.world.population.importing import import_sessions


def sessions(
    source: Path, target: Path, *, fmt: str, time_zone: str | None, strict: bool, force: bool
) -> None:
    """Convert a recording and say what was kept and refused.

    Raises:
        ScenarioError: Unusable as a whole, or (strict) a row was refused: nothing is written.
        SettingsError: The target is the recording itself, or (without force) anything else that is there.
    """
    if target.exists():
        if source.exists() and target.samefile(source):
            raise SettingsError(f"{target}: is the recording itself; name another file to write")
        if not force:
            raise SettingsError(f"{target}: is there already; name another file, or replace it with --force")
    with in_files({source.name: source}):
        imported = import_sessions(source, target, format=fmt, time_zone=time_zone, strict=strict)
    for problem in imported.problems:
        typer.echo(str(replace(problem, file=str(source))), err=True)
    typer.echo(imported.summary())
    typer.echo(f"sessions: {target}")
