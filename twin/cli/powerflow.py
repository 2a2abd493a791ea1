"""`twin powerflow`: the options of the command; what is heavy is imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from twin.grid.series import PhaseRule

_STUDY, _LIMITS, _PHASES, _OUTPUT = "What to solve", "Limits", "Three phases", "Output"


def powerflow(
    net: Annotated[
        str,
        typer.Argument(
            help="A SimBench code, a built-in net of pandapower, or a pandapower file (.json, .xlsx); "
            "`simbench:`, `builtin:` or `file:` in front where a name could be several.",
            show_default=False,
        ),
    ],
    loads: Annotated[
        Path | None,
        typer.Option(
            help="CSV with what is drawn: a snapshot (columns element or bus, kw, kvar, phase), or a series (time, then "
            "kW per load or total_kw). Without it the net's own loads.",
            rich_help_panel=_STUDY,
        ),
    ] = None,
    profiles: Annotated[
        str | None,
        typer.Option(
            help="`simbench`: the year of quarter hours that a SimBench net carries.", rich_help_panel=_STUDY
        ),
    ] = None,
    year: Annotated[
        bool, typer.Option("--year", help="Short for --profiles simbench.", rich_help_panel=_STUDY)
    ] = False,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="First instant of the series: 2016-01-18.", rich_help_panel=_STUDY),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Last instant of the series.", rich_help_panel=_STUDY)
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            help="IANA zone of times without an offset, and of what is printed.", rich_help_panel=_STUDY
        ),
    ] = None,
    vm_min: Annotated[
        float | None,
        typer.Option(help="Lowest voltage in pu; else the net's, else 0.9.", rich_help_panel=_LIMITS),
    ] = None,
    vm_max: Annotated[
        float | None,
        typer.Option(help="Highest voltage in pu; else the net's, else 1.1.", rich_help_panel=_LIMITS),
    ] = None,
    loading: Annotated[
        float | None,
        typer.Option(
            help="Highest loading of lines and transformers in %; else the net's, else 100.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    unbalance: Annotated[
        float | None,
        typer.Option(
            help="Highest voltage unbalance in %, with --three-phase; else 2.", rich_help_panel=_LIMITS
        ),
    ] = None,
    three_phase: Annotated[
        bool, typer.Option("--three-phase", help="Solve each phase.", rich_help_panel=_PHASES)
    ] = False,
    assume: Annotated[
        str | None,
        typer.Option(
            help="Zero-sequence data that the net lacks: vector_group=Dyn5,r0_r1=4,x0_x1=4,..",
            rich_help_panel=_PHASES,
        ),
    ] = None,
    phases: Annotated[
        str,
        typer.Option(
            help="Phases of loads that name none: balanced, single or uneven.", rich_help_panel=_PHASES
        ),
    ] = "balanced",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the draws of single and uneven.", rich_help_panel=_PHASES)
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for tables (Parquet and CSV), summary.json, map.svg and report.html.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace an earlier power flow in the folder.", rich_help_panel=_OUTPUT),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as JSON instead of tables.", rich_help_panel=_OUTPUT),
    ] = False,
) -> None:
    """Solve the power flow of a feeder: voltages, loadings, violations and losses.

    The net's own loads:

        twin powerflow create_kerber_dorfnetz

    Loads of your own, one instant (bus,kw) or a series (time,total_kw):

        twin powerflow feeder.json --loads loads.csv --out results/feeder

    SimBench's year, or a week of it:

        twin powerflow 1-LV-rural2--0-sw --profiles simbench

        twin powerflow 1-LV-rural2--0-sw --year --from 2016-01-18 --to 2016-01-25

    Exit codes: 0 ok, whether or not limits are kept, 2 unusable input or folder, 70 a defect of twin,
    130 interrupted.
    """
    from twin.cli import powerflow_output
    from twin.errors import Problem, ScenarioError

    if year and profiles not in (None, "simbench"):
        raise ScenarioError([Problem("twin powerflow", 0, "--year", f"excludes --profiles {profiles}")])
    if out is not None:
        powerflow_output.refuse(out, replace=force)  # before a minute is spent
    with powerflow_output.progress(net) as on_steps:
        from twin.studies import power_flow

        study = power_flow(
            net,
            loads,
            profiles="simbench" if year else profiles,
            begin=begin,
            end=end,
            time_zone=time_zone,
            three_phase=three_phase,
            assume=assume,
            phases=cast("PhaseRule", phases),  # any other text is refused there
            seed=seed,
            vm_min_pu=vm_min,
            vm_max_pu=vm_max,
            loading_pct=loading,
            vuf_pct=unbalance,
            on_steps=on_steps,
        )
    if as_json:
        typer.echo(json.dumps(study.summary, indent=2, ensure_ascii=False))
    else:
        powerflow_output.show(study)
    powerflow_output.notes(study, seconds=on_steps.seconds)
    if out is not None:
        powerflow_output.write(study, out, replace=force)
