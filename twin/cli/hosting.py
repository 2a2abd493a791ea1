"""`twin hosting`: the options of the command; what is heavy is imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def hosting(
    scenario: Annotated[Path, typer.Argument(help="A scenario file: YAML or TOML.", show_default=False)],
    draws: Annotated[
        int, typer.Option(min=1, help="Random worlds per penetration. More keep those done.")
    ] = 200,
    penetrations: Annotated[
        str, typer.Option(help="Shares of the stations that exist, ascending; 0 is always added.")
    ] = "0.2,0.4,0.6,0.8,1.0",
    rule: Annotated[
        str,
        typer.Option(
            help="What counts as a violation: instant (a limit is broken at any time) or en50160 "
            "(voltage and unbalance in more than 5 % of the week)."
        ),
    ] = "instant",
    tolerance_min: Annotated[
        float, typer.Option("--tolerance-min", help="Minutes an element may be outside without a violation.")
    ] = 0.0,
    phases: Annotated[
        str, typer.Option(help="Phases of the chargers: drawn anew in every draw, or as in the scenario.")
    ] = "drawn",
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the file's.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; results do not depend on it.")] = 2,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study; by default results/hosting-<name>.")
    ] = None,
    setting: Annotated[
        list[str], typer.Option("--set", help="Change one value: `--set strategy=round-robin`.")
    ] = [],  # noqa: B006 -- typer reads the default, nobody changes it
    override: Annotated[
        list[str], typer.Option("--override", help="Apply a named override of the file.")
    ] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary on stdout as JSON.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what an earlier study left in the folder.")
    ] = False,
) -> None:
    """Tell how many chargers a feeder takes: Monte Carlo over who gets one and on which phase.

    Prints the share of draws with a violation, its 95 % interval and the hosting capacity on stderr; with
    --json on stdout. Finished draws are kept: the same command goes on where it stopped, even if it was killed.
    """
    from twin.cli.hosting_output import study
    from twin.scenario.loader import load
    from twin.studies.hosting.settings import make_settings

    asked = make_settings(penetrations, rule, tolerance_min, phases)
    settings = [*setting, *([f"seed={seed}"] if seed is not None else [])]
    loaded = load(scenario, override=override, settings=settings)
    found = study(loaded, out, asked, draws=draws, workers=workers, force=force)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
