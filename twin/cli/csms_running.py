"""Runs the central system until somebody ends it."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import structlog
import typer
from rich.console import Console

from twin.cli.csms_view import Lines, LiveView
from twin.errors import SettingsError
from twin.network.api.serve import EPOCH_NS, Running, Settings, running
from twin.network.clock import instant
from twin.network.ocpp.wire.link import Trace
from twin.network.ocpp.wire.trace import TraceFile


def run(settings: Settings, *, trace: Path | None, ca: Path | None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SettingsError: Something that was asked for cannot be used.
    """
    unix_ns = time.time_ns()
    if ca is not None:
        from twin.network.ocpp.security.authority import Authority

        authority = Authority.kept(ca, instant(unix_ns, 0.0))
        settings = replace(settings, options=replace(settings.options, authority=authority))
    console = Console()
    log_to(Console(stderr=True) if not console.is_terminal else console)
    with ExitStack() as stack:
        writer = None if trace is None else stack.enter_context(closing(_trace_file(trace)))
        asyncio.run(_serve(settings, unix_ns, console, writer))


def _trace_file(path: Path) -> TraceFile:
    try:
        return TraceFile(path, EPOCH_NS)
    except OSError as error:
        raise SettingsError(f"--trace {path}: cannot be written ({error.strerror})") from None


async def _serve(settings: Settings, unix_ns: int, console: Console, trace: Trace | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    view = LiveView(console) if console.is_terminal else Lines(console)
    async with running(settings, unix_ns, sink=view.fact, trace=trace) as served:
        gc.collect()
        gc.freeze()  # what was loaded stays: nobody need look through it again and again
        _greet(served)
        view.start(served.system)
        try:
            await ended.wait()
        finally:
            view.stop()
    typer.echo("stopped: stations were told, the journal is written")


def _greet(served: Running) -> None:
    for url in served.stations:
        typer.echo(f"stations: {url}/STATION")
    if served.api:
        typer.echo(f"API: {served.api}/docs")
    if served.ftp:
        typer.echo(f"files over FTP: {served.ftp}")
    if served.restored:
        typer.echo(f"journal: {served.restored} facts taken back")
    if served.token:
        typer.echo(f"token of this run (operate): {served.token}")
    sys.stdout.flush()


def log_to(console: Console) -> None:
    """Have what happens inside logged: `key=value`, warnings only where a table is shown."""

    class Sink:
        """What structlog writes to."""

        def msg(self, text: str) -> None:
            """Write a line; above the table, where there is one."""
            console.out(text, highlight=False)

        debug = info = warning = error = critical = exception = log = msg

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("warning" if console.is_terminal else "info"),
        logger_factory=lambda *_: Sink(),
        cache_logger_on_first_use=False,
    )
