"""Runs a central system as a process: journal, sockets of stations, HTTP API, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog
import uvicorn

from twin.domain.events import StationFact
from twin.errors import SettingsError
from twin.network.api.access import Access, Role
from twin.network.api.app import application
from twin.network.api.compose import Options, System
from twin.network.api.files import FileService
from twin.network.clock import LoopClock
from twin.network.ocpp.security.gate import reported
from twin.network.ocpp.wire import server as sockets
from twin.network.ocpp.wire import tls
from twin.network.ocpp.wire.link import Deviation, Trace
from twin.store.sql import SqlJournal

_log = structlog.get_logger("twin.csms")
EPOCH_NS = 0
"""Instants in the journal are Unix time: one process after the other counts from the same epoch."""
_GRACE_S = 5
"""Requests that are under way at the end may take so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a central system is to be run."""

    listen: tuple[str, ...] = ("ws://127.0.0.1:9000",)
    api: str = "http://127.0.0.1:8080"
    """Empty: no HTTP API."""
    db: str = "sqlite:///twin-csms.db"
    options: Options = field(default_factory=Options)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    token_file: Path | None = None
    files: Path | None = None
    """Folder of the file service; None: there is none."""
    ftp: str = ""
    """Where the file service is over FTP; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class Running:
    """A central system that serves."""

    system: System
    stations: tuple[str, ...]
    """Addresses of the listeners, with their ports."""
    api: str
    """Address of the API; empty: none."""
    ftp: str
    """Address of the file service over FTP; empty: none."""
    token: str
    """Generated for this run; empty: they come from a file."""
    restored: int
    """Facts that the journal held."""


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    unix_ns: int,
    *,
    sink: Callable[[StationFact], None] | None = None,
    trace: Trace | None = None,
) -> AsyncIterator[Running]:
    """Serve until the context ends; then close every connection with 1001 and write what is left of the journal.

    Args:
        settings: How.
        unix_ns: The present instant.
        sink: Told every fact.
        trace: Told every frame.

    Raises:
        SettingsError: An address, a file or the database cannot be used; nothing serves then.
    """
    access, token = _access(settings)
    listen = [_listen(url, settings) for url in settings.listen]
    http = _bind(settings.api) if settings.api else None
    with contextlib.ExitStack() as stack:
        if http is not None:
            stack.enter_context(http)
        address = f"http://{_host(http)}" if http else ""
        files = FileService(settings.files, address) if settings.files and http else None
        ftp = None
        if files and settings.ftp:
            from twin.network.api.ftp import FtpService  # noqa: PLC0415 -- many megabytes, seldom wanted

            ftp = stack.enter_context(contextlib.closing(FtpService(files, settings.ftp)))
        clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS, now_s=unix_ns / 1e9)
        journal = SqlJournal(settings.db)
        system = System(clock, journal, settings.options, sink=sink, trace=trace, files=files, ftp=ftp)
        system.access = access
        try:
            restored = system.restore()
            for one in listen:
                if one.tls is not None:
                    reported(one.tls, lambda why: _tls_failed(system, why))
            async with _stations(system, listen) as ports, _api(system, http):
                urls = tuple(
                    f"{'wss' if one.tls else 'ws'}://{one.host}:{port}"
                    for one, port in zip(listen, ports, strict=True)
                )
                _log.info("serving", stations=urls, api=address, restored=restored)
                where = f"ftp://{ftp.host}:{ftp.port}" if ftp else ""
                yield Running(system, urls, address, where, token, restored)
                system.stopping = True
                system.events.tell("", "stopping", {})
        finally:
            system.csms.close()
            _log.info("stopped")


@contextlib.asynccontextmanager
async def _stations(system: System, listen: list[sockets.Listen]) -> AsyncIterator[list[int]]:
    try:
        server = await sockets.serve(
            system.csms.attach, listen, gate=system.gate, clock=system.clock, remark=system.remark
        )
    except OSError as error:
        where = ", ".join(f"{one.host}:{one.port}" for one in listen)
        raise SettingsError(
            f"{where}: cannot be listened on ({error.strerror or error}); choose another --listen"
        ) from None
    try:
        yield server.ports
    finally:
        await server.close(1001, "the central system stops")


class _Http(uvicorn.Server):
    """Leaves signals to whoever runs the process, and says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are not its business."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.serving.set()


@contextlib.asynccontextmanager
async def _api(system: System, http: socket.socket | None) -> AsyncIterator[None]:
    if http is None:
        yield
        return
    config = uvicorn.Config(
        application(system),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Http(config)
    task = asyncio.create_task(server.serve(sockets=[http]))
    try:
        await server.serving.wait()
        yield
    finally:
        server.should_exit = True
        await task


def _access(settings: Settings) -> tuple[Access, str]:
    """Return the tokens of the API: from a file, or one for this run that only this machine can use.

    Raises:
        SettingsError: The file cannot be used, or the API is reachable from elsewhere and there is none.
    """
    if settings.token_file is not None:
        return Access.from_file(settings.token_file), ""
    access = Access()
    if not settings.api:
        return access, ""
    if not _is_loopback(urlsplit(settings.api).hostname or ""):
        raise SettingsError(
            f"--api {settings.api}: reachable from other machines, so tokens are needed: --token-file FILE"
        )
    return access, access.generate("console", Role.OPERATE)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(url: str, settings: Settings) -> sockets.Listen:
    context: ssl.SSLContext | None = None
    if url.startswith("wss:"):
        if settings.tls_cert is None or settings.tls_key is None:
            raise SettingsError(f"--listen {url}: needs --tls-cert and --tls-key")
        try:
            context = tls.server_context(settings.tls_cert, settings.tls_key, client_ca=settings.client_ca)
        except (OSError, ValueError) as error:
            raise SettingsError(f"--tls-cert, --tls-key or --client-ca cannot be used: {error}") from None
    try:
        return sockets.Listen.parse(url, context)
    except ValueError as error:
        raise SettingsError(f"--listen {error}") from None


def _bind(url: str) -> socket.socket:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"--api {url}: {error}") from None
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(f"--api {url}: expected http://HOST:PORT")
    try:
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        return socket.create_server((parts.hostname, 80 if port is None else port), family=family)
    except OSError as error:
        raise SettingsError(f"--api {url}: cannot be listened on ({error}); choose another address") from None


def _host(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls_failed(system: System, why: str) -> None:
    _log.warning("tls handshake failed", why=why)
    system.remark(Deviation(system.clock.now_s, "", "", "", "tls-handshake", why, tolerated=False))
