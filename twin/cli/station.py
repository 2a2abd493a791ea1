"""`twin station`: virtual stations with cars, against anybody's central system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FEW = 2_000
"""Up to so many stations the physics costs less than what compiles it, 60 MB."""


def station(
    url: Annotated[
        str,
        typer.Option(
            help="The central system: `ws://HOST:PORT/PATH` or `wss://…`. The identity is appended, or replaces `{id}` "
            "where that stands."
        ),
    ] = "ws://127.0.0.1:9000",
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many stations; 1 by default, with --scenario all of it, or the first so many."
        ),
    ] = None,
    version: Annotated[str, typer.Option(help="OCPP: 1.6, 2.0.1 or 2.1.")] = "2.0.1",
    scenario: Annotated[
        Path | None,
        typer.Option(help="Take stations and drivers of a scenario; its start is now.", show_default=False),
    ] = None,
    cars_per_hour: Annotated[
        float,
        typer.Option(
            min=0.0, help="Cars that come to each EVSE in an hour, where no scenario says; 0: none."
        ),
    ] = 1.0,
    stay: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Minutes that each of these cars stays, and the next follows it where more come than can stay; 0: 20 to 90, "
            "less where many come.",
        ),
    ] = 0.0,
    token: Annotated[
        str, typer.Option(help="Card of every driver; by default TWIN-1, TWIN-2, … by EVSE.")
    ] = "",
    sample: Annotated[
        int, typer.Option(min=0, help="Seconds between two readings in a transaction; 0: none.")
    ] = 60,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            help="First value of a configuration key or variable: `--set HeartbeatInterval=60 --set TxCtrlr.TxStartPoint=EVConnected`.",
        ),
    ] = [],  # noqa: B006 -- typer reads the default, nobody changes it
    password: Annotated[
        str,
        typer.Option(
            help="For basic authentication; `{id}` is replaced. The environment variable is not seen by others.",
            envvar="TWIN_STATION_PASSWORD",
        ),
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Who signed the central system's certificate (PEM); by default this machine's trust store."
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Certificate of the stations (PEM), for mutual TLS.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    speed: Annotated[
        float, typer.Option(min=0.001, help="Seconds of the stations per second of the clock on the wall.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of cars, back-off, keys and faults.")] = 0,
    spread: Annotated[
        float, typer.Option(min=0.0, help="Seconds over which the stations are switched on.")
    ] = 0.0,
    fault: Annotated[
        str,
        typer.Option(
            help="Faults per station and hour: `drop=2,freeze=1,slow=1,duplicate=1,malformed=1,reboot=1,clock=1,"
            "register=1,refuse=1,lasting_s=60`."
        ),
    ] = "",
    quirk: Annotated[
        list[str],
        typer.Option(help="A quirk of a model, repeatable: `--quirk zero_ends --quirk register=session`."),
    ] = [],  # noqa: B006
    transfer: Annotated[
        bool,
        typer.Option(
            "--transfer", help="Really fetch firmware and upload logs; otherwise they only take their time."
        ),
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Append every frame to this file, as JSON lines, secrets masked.")
    ] = None,
    api: Annotated[
        str,
        typer.Option(
            help="Where its own control API is, `HOST:PORT`, 0 for any free port: plug in, present a card, cut the "
            "power. Empty: there is none. Whoever reaches it may use it."
        ),
    ] = "127.0.0.1:0",
    duration: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Seconds after which it stops, once a station has tried to connect; 0: Ctrl-C stops it.",
        ),
    ] = 0.0,
    iso15118: Annotated[
        bool,
        typer.Option(
            "--iso15118", help="Cars tell their state of charge and what they need (NotifyEVChargingNeeds)."
        ),
    ] = False,
    warm_up: Annotated[
        float, typer.Option(min=0.0, help="Seconds at the begin whose latencies do not count.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary on stdout as JSON.")] = False,
) -> None:
    """Connect virtual stations to a central system, let cars come, and measure how it answers.

    The cars are simulated with batteries and on-board chargers, and obey charging profiles:

        twin station --url ws://127.0.0.1:9000 --count 100 --version 1.6 --cars-per-hour 4

    Prints a table on a terminal; at the end messages, errors, and latencies of the answers (p50, p95, p99).
    Exit codes: 0 stopped, 2 unusable input or no station ever connected, 70 a defect of twin.
    """
    from twin.world.stations import jit

    if (count or 1) <= _FEW and scenario is None:
        jit.interpret()
    from twin.cli.station_running import Wanted, run

    run(
        Wanted(
            url=url, count=count, version=version, scenario=scenario, cars_per_hour=cars_per_hour, stay_min=stay, token=token,
            sample_s=sample, values=set_, password=password, ca=ca, certificate=certificate, key=key, speed=speed,
            seed=seed, spread_s=spread, fault=fault, quirks=quirk, transfer=transfer, trace=trace, api=api,
            duration_s=duration, warm_up_s=warm_up, iso15118=iso15118, as_json=as_json,
        )
    )  # fmt: skip
