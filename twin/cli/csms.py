"""`twin csms`: the central system that chargers connect to, with its HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Listen = Annotated[
    list[str],
    typer.Option(
        help="Where stations connect: `ws://HOST:PORT` or `wss://HOST:PORT`, repeatable. Their address is this and "
        "their identity: `ws://127.0.0.1:9000/CP1`. Other addresses than 127.0.0.1 only where they are named here."
    ),
]
DEFAULT_LISTEN = ["ws://127.0.0.1:9000"]


def csms(
    listen: Listen = DEFAULT_LISTEN,
    api: Annotated[
        str,
        typer.Option(
            help="Where the HTTP API is: `http://HOST:PORT`; empty: there is none. Its pages: /docs"
        ),
    ] = "http://127.0.0.1:8080",
    db: Annotated[
        str,
        typer.Option(
            help="Where everything is kept that must survive a crash: a URL of SQLAlchemy, `sqlite:///FILE` or "
            "`postgresql+psycopg://USER@HOST/NAME`."
        ),
    ] = "sqlite:///twin-csms.db",
    accept: Annotated[
        Literal["known", "any"],
        typer.Option(help="Which stations may connect: those registered with PUT /v1/stations/ID, or any."),
    ] = "known",
    tokens: Annotated[
        Literal["refuse", "accept"],
        typer.Option(help="What a card gets that is in no table: PUT /v1/tokens/TYPE/ID"),
    ] = "refuse",
    min_security_profile: Annotated[
        int,
        typer.Option(
            min=0,
            max=3,
            help="Asked of every station: 0 nothing, 1 a password, 2 TLS and a password, 3 mutual TLS.",
        ),
    ] = 0,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate chain of this server (PEM), for wss.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM), for wss.")] = None,
    client_ca: Annotated[
        Path | None, typer.Option(help="Who signed the stations' certificates (PEM), for security profile 3.")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a certificate authority for tests, made there at the first start: it signs what stations "
            "ask for with SignCertificate. Without it such requests are rejected."
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Folder for firmware that stations load and logs that they bring, over HTTP."),
    ] = None,
    ftp: Annotated[
        str,
        typer.Option(
            help="Where the same files are over FTP: `ftp://HOST:PORT`. Without it there is no FTP."
        ),
    ] = "",
    quirks: Annotated[
        Path | None,
        typer.Option(help="Flags of models of stations (YAML or TOML), beside those that are known."),
    ] = None,
    sample_interval: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seconds between meter values in a transaction, set at every station; 0: none. Without it stations "
            "keep their own, unless that is none or more than 60 s, which becomes 60 s.",
        ),
    ] = None,
    aligned_interval: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seconds between meter values at round instants, with or without a transaction; 0: none. Without it "
            "stations keep their own.",
        ),
    ] = None,
    measurands: Annotated[
        str,
        typer.Option(
            help="What is measured in a transaction, separated by commas; stations take what they can."
        ),
    ] = "",
    leave_settings: Annotated[
        bool, typer.Option("--leave-settings", help="Read stations, and change none of their settings.")
    ] = False,
    pause: Annotated[
        Literal["stop", "smallest"],
        typer.Option(
            help="How to pause where a limit of 0 spoils the transaction: stop it and start it again, or the smallest "
            "pilot."
        ),
    ] = "stop",
    stop_disobedient: Annotated[
        bool, typer.Option(help="End transactions above their limit when no kind of profile works.")
    ] = True,
    clear_foreign: Annotated[
        bool, typer.Option("--clear-foreign", help="Clear charging profiles that are not ours.")
    ] = False,
    time_zone: Annotated[
        str,
        typer.Option(
            help="IANA zone of the stations, as Europe/Berlin: hours and days of tariffs are meant in it."
        ),
    ] = "UTC",
    cost_interval: Annotated[
        int,
        typer.Option(
            min=0,
            help="Seconds between two times at which a station is told what a transaction with a tariff costs; 0: only "
            "when the car does something else.",
        ),
    ] = 60,
    trace: Annotated[
        Path | None, typer.Option(help="Append every frame to this file, as JSON lines.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="Tokens of the API, one line each: NAME ROLE TOKEN, with ROLE read, stop (may end transactions) or "
            "operate. Without it, and only on this machine's own address, a token for this run is printed."
        ),
    ] = None,
) -> None:
    r"""Serve charging stations: OCPP 1.6, 2.0.1 and 2.1 on one port, with an HTTP API.

    Start it, note the token that it prints, register a station, connect it:

        twin csms --accept any

        curl -H "Authorization: Bearer TOKEN" http://127.0.0.1:8080/v1/stations

        curl -H "Authorization: Bearer TOKEN" -X POST -d '{"type": "Soft"}' \
             -H "Content-Type: application/json" http://127.0.0.1:8080/v1/stations/CP1/calls/Reset

    On a terminal it shows a table of stations and sessions, elsewhere one line per event. Metrics for Prometheus are
    at /metrics. Ctrl-C or SIGTERM ends it: stations are told, the journal is written; the next start goes on from it.
    Exit codes: 0 ended, 2 unusable input, 70 a defect of twin.
    """
    from twin.cli.csms_running import run
    from twin.errors import SettingsError
    from twin.network.api.compose import Options
    from twin.network.api.serve import Settings
    from twin.network.ocpp.csms.lanes import Conduct
    from twin.network.ocpp.csms.quirk_profiles import load
    from twin.network.ocpp.csms.wanted import Wanted

    if not _is_zone(time_zone):
        raise SettingsError(f"--time-zone {time_zone}: no such zone; use an IANA name, as Europe/Berlin")
    settings_asked = sample_interval is not None or aligned_interval is not None or bool(measurands)
    if leave_settings and settings_asked:
        raise SettingsError("--leave-settings: nothing is set, so give no interval and no measurands")
    if client_ca is not None and not any(url.startswith("wss:") for url in listen):
        raise SettingsError("--client-ca: certificates of stations need a --listen wss://HOST:PORT")
    if files is not None and not api:
        raise SettingsError("--files: stations reach the files over the HTTP API; give --api an address")
    if ftp and files is None:
        raise SettingsError("--ftp: name the folder with --files")
    settings = Settings(
        listen=tuple(listen),
        api=api,
        db=db,
        options=Options(
            accept=accept,
            tokens=tokens,
            min_security_profile=min_security_profile,
            time_zone=time_zone,
            cost_every_s=float(cost_interval),
            quirks=load(quirks) if quirks is not None else (),
            wanted=Wanted(
                leave=leave_settings,
                sample_interval_s=sample_interval,
                aligned_interval_s=aligned_interval,
                sampled=_measurands(measurands),
            ),
            conduct=Conduct(pause=pause, stop_disobedient=stop_disobedient, clear_foreign=clear_foreign),
        ),
        tls_cert=tls_cert,
        tls_key=tls_key,
        client_ca=client_ca,
        token_file=token_file,
        files=files,
        ftp=ftp,
    )
    run(settings, trace=trace, ca=ca)


def _is_zone(name: str) -> bool:
    """Return whether a name is one of a time zone."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of zones
        return False
    return True


def _measurands(text: str) -> tuple[str, ...]:
    """Return a list of measurands; the usual ones where nothing is said."""
    from twin.network.ocpp.csms.wanted import MEASURANDS

    return tuple(filter(None, map(str.strip, text.split(",")))) or MEASURANDS
