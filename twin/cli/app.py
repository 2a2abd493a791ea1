"""Every command of `twin`, with what it teaches in `--help`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from twin.cli.csms import csms
from twin.cli.hosting import hosting
from twin.cli.powerflow import powerflow
from twin.cli.price import price
from twin.cli.receipt import receipt
from twin.cli.sequence import sequence
from twin.cli.statement import statement
from twin.cli.station import station
from twin.cli.verify import verify

app = typer.Typer(
    name="twin",
    epilog="Start with: twin run scenarios/00-hello.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
imports = typer.Typer(
    help="Convert other people's data into files that scenarios can use.", no_args_is_help=True
)
app.add_typer(imports, name="import")

ScenarioFile = Annotated[Path, typer.Argument(help="A scenario file: YAML or TOML.", show_default=False)]
Settings = Annotated[
    list[str], typer.Option("--set", help="Change one value: `--set strategy=round-robin --set days=2`.")
]
Variations = Annotated[
    list[str],
    typer.Option(
        "--vary",
        help="Run several values of one setting over the same drivers, and compare: "
        "`--vary payments.provider.decline_pct=0,2,5,10`. Given twice: every combination.",
    ),
]
Overrides = Annotated[list[str], typer.Option("--override", help="Apply a named override of the file.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary on stdout as JSON.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes for runs of several seeds.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier run left in the folder.")]


def _version(wanted: bool) -> None:
    if wanted:
        from twin import __version__

        typer.echo(f"twin {__version__}")
        raise typer.Exit


@app.callback()
def twin(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Simulate EV charging networks on a distribution feeder: design, compare and test them.

    Exit codes: 0 ok, 1 limits violated (with --fail-on-violation), 2 unusable input or folder,
    70 a defect of twin, 130 interrupted.
    """


@app.command()
def run(
    scenario: ScenarioFile,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder; by default results/<name>, or <name>-2, -3, .. if that is taken. "
            "With --seeds the folder of all runs, by default results/<name>-seeds; with --vary results/<name>-varied."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the file's.")] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Run this many seeds, counted up from the first, and report intervals. "
            "Finished runs are kept: the same command again goes on where it stopped.",
        ),
    ] = 1,
    workers: Workers = 2,
    setting: Settings = [],  # noqa: B006 -- typer reads the default, nobody changes it
    vary: Variations = [],  # noqa: B006
    override: Overrides = [],  # noqa: B006
    as_json: Json = False,
    force: Force = False,
    report: Annotated[bool, typer.Option(help="Write report.html into the run folder.")] = True,
    fail_on_violation: Annotated[
        bool, typer.Option("--fail-on-violation", help="Exit with 1 if a limit of the grid is violated.")
    ] = False,
) -> None:
    """Run a scenario and write its tables and report.

    Prints on stderr how it went and where the report is; with --json the key figures on stdout.
    Exit codes: 0 ok, 1 limits violated (with --fail-on-violation), 2 unusable input or folder,
    70 a defect of twin, 130 interrupted. See how it goes on with: twin compare RUN RUN
    """
    from twin.cli import running
    from twin.scenario.loader import load

    settings = [*setting, *([f"seed={seed}"] if seed is not None else [])]
    if vary:
        from twin.cli.varying import variants

        varied = variants(scenario, vary, override=override, settings=settings)
        folder = out or Path("results") / f"{scenario.stem}-varied"
        statistics = running.sweep(varied, folder, seeds=seeds, workers=workers, force=force)
        outcome = running.Outcome(
            statistics, any(figures["seeds_with_violations"] for figures in statistics.values())
        )
    elif seeds > 1:
        loaded = load(scenario, override=override, settings=settings)
        outcome = running.many(loaded, out, seeds=seeds, workers=workers, force=force, report=report)
    else:
        loaded = load(scenario, override=override, settings=settings)
        outcome = running.one(loaded, out, force=force, report=report)
    if as_json:
        typer.echo(json.dumps(outcome.summary, indent=2))
    if fail_on_violation and outcome.violated:
        raise typer.Exit(1)


@app.command()
def validate(
    scenario: ScenarioFile,
    setting: Settings = [],  # noqa: B006
    override: Overrides = [],  # noqa: B006
) -> None:
    """Check a scenario file without running it. Exit code 2 if it cannot be used."""
    from twin.scenario.loader import load
    from twin.scenario.stations import expand

    loaded = load(scenario, override=override, settings=setting)
    sites, evses = expand(loaded)
    size = f"{_count(len(sites), 'site')}, {_count(len(evses), 'EVSE')}, {_count(loaded.days, 'day')}"
    typer.echo(f"{scenario.name}: ok, {size}")


def _count(n: float, what: str) -> str:
    return f"{n:g} {what}{'' if n == 1 else 's'}"


@app.command()
def sweep(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files to run on the same seeds.")],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per scenario.")] = 20,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Sweep folder: one run folder per scenario and seed.")] = Path(
        "results/sweep"
    ),
    setting: Settings = [],  # noqa: B006
    override: Overrides = [],  # noqa: B006
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Run several scenarios over the same seeds; finished runs are kept, so a sweep resumes."""
    from twin.cli import running
    from twin.scenario.loader import load

    loaded = [load(path, override=override, settings=setting) for path in scenarios]
    statistics = running.sweep(loaded, out, seeds=seeds, workers=workers, force=force)
    if as_json:
        typer.echo(json.dumps(statistics, indent=2))


app.command()(powerflow)
app.command()(hosting)
app.command()(station)
app.command()(csms)
app.command()(sequence)
app.command()(price)
app.command()(receipt)
app.command()(statement)
app.command()(verify)


@app.command()
def report(
    run_folder: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Page to write; by default report.html in the folder.")
    ] = None,
) -> None:
    """Write the report page of a run again."""
    from twin.report.page import write_report
    from twin.results.read import open_run

    typer.echo(f"report: {write_report(open_run(run_folder), out)}")


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders.")],
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("results/comparison.html"),
) -> None:
    """Put runs beside each other on one page: figures, differences, drivers paired by seed."""
    from twin.errors import SettingsError
    from twin.report.compare import write_comparison
    from twin.results.read import open_run

    if len(runs) < 2:
        raise SettingsError("compare needs two or more run folders: twin compare RUN RUN")
    typer.echo(f"comparison: {write_comparison([open_run(path) for path in runs], out)}")


@imports.command("sessions")
def import_sessions(
    source: Annotated[Path, typer.Argument(help="Recorded sessions.", show_default=False)],
    target: Annotated[
        Path, typer.Argument(help="CSV to write, for `archetype: replay`.", show_default=False)
    ],
    fmt: Annotated[
        str, typer.Option("--format", help="auto, twin, acn (ACN-Data JSON) or residential-norway.")
    ] = "auto",
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone of local times, where the file names none.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing and exit with 2 if any row is refused.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a target that is there already; never the recording.")
    ] = False,
) -> None:
    """Convert and filter recorded sessions; every refused row is named with its line and reason."""
    from twin.cli.importing import sessions

    sessions(source, target, fmt=fmt, time_zone=time_zone, strict=strict, force=force)


@app.command()
def strategies() -> None:
    """List the strategies that scenarios can name, with their options."""
    from twin.cli.listing import strategies as table
    from twin.errors import SettingsError

    listed, broken = table()
    typer.echo(listed)
    if broken:
        raise SettingsError("\n".join(broken))


@app.command()
def vehicles() -> None:
    """List the vehicle catalogue."""
    from twin.cli.listing import vehicles as table

    typer.echo(table())


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from twin.scenario.schema import text

    typer.echo(text(), nl=False)


@app.command()
def doctor() -> None:
    """Say whether this machine has what twin needs: packages, a writable results folder, compiled code."""
    from twin.cli.doctor import examine

    raise typer.Exit(examine())
