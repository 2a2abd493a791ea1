"""Runs virtual stations in real time until somebody ends them."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import signal
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from twin.cli.station_view import View, lines
from twin.domain.specs import EvseSpec
from twin.errors import SettingsError
from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.versions import version as version_of
from twin.network.ocpp.wire.link import Trace
from twin.network.ocpp.wire.tls import client_context
from twin.network.ocpp.wire.trace import TraceFile
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import Guest, default_evses, endless, of_visits
from twin.network.virtual.load import Load, LoadOptions
from twin.network.virtual.parts.faults import FaultRates
from twin.network.virtual.parts.fit import Outfit
from twin.network.virtual.parts.quirks import VendorQuirks
from twin.network.virtual.parts.transfer import Transfer

_BOOT_S = 15.0
"""After the last station was switched on cars come: one that is not up reads no card."""
_LOOK_S = 0.5
"""How often the table is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line, as it was given; see `twin station --help`."""

    url: str
    count: int | None
    version: str
    scenario: Path | None
    cars_per_hour: float
    stay_min: float
    token: str
    sample_s: int
    values: list[str]
    password: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    speed: float
    seed: int
    spread_s: float
    fault: str
    quirks: list[str]
    transfer: bool
    trace: Path | None
    api: str
    duration_s: float
    warm_up_s: float
    iso15118: bool
    as_json: bool


def run(wanted: Wanted) -> None:
    """Connect, charge, measure, until SIGINT, SIGTERM or the end of the duration.

    The duration and the warm-up count from when the stations are switched on; only a signal ends it before the first
    attempt to connect came to an end.

    Raises:
        SettingsError: An option cannot be used, or no station ever connected.
    """
    options, target = _options(wanted), _target(wanted)
    specs, guests = _world(wanted)
    unix_ns = time.time_ns()
    with ExitStack() as stack:
        trace: TraceFile | None = None
        if wanted.trace is not None:
            try:
                trace = stack.enter_context(closing(TraceFile(wanted.trace, unix_ns, csms_side=False)))
            except OSError as error:
                raise SettingsError(f"--trace {wanted.trace}: {error.strerror}") from None
        summary = asyncio.run(_serve(wanted, unix_ns, options, target, specs, guests, trace))
    typer.echo("\n".join(lines(summary)), err=True)
    if wanted.as_json:
        typer.echo(json.dumps(summary, indent=2))
    if not summary["connections"]:
        why = next(iter(summary["reasons"]), "nothing was tried in this time")
        raise SettingsError(f"no station could connect: {why}")


async def _serve(
    wanted: Wanted,
    unix_ns: int,
    options: LoadOptions,
    target: Target,
    specs: list[EvseSpec],
    guests: Iterable[Guest],
    trace: Trace | None,
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    control = _control(wanted.api)
    clock = LoopClock(loop, unix_ns, wanted.speed)
    try:
        load = Load(target, specs, options, clock, guests, trace=trace)
    except ValueError as error:
        raise SettingsError(f"--set: {error}") from None
    gc.collect()
    gc.freeze()  # what was loaded stays: nobody need look through it again and again
    async with control(load) as address:
        if address:
            typer.echo(f"control API: http://{address}/docs", err=True)
        begun_s = loop.time()
        load.start()
        warming = loop.call_later(wanted.warm_up_s, load.answers.warm)
        with View(Console(stderr=True), load) as view:
            while not ended.is_set() and not (
                load.answers.tried and _over(wanted.duration_s, loop.time() - begun_s)
            ):
                view.show(loop.time() - begun_s)
                await _wait(ended, _LOOK_S)
        summary = {
            "seconds": round(loop.time() - begun_s, 1), "cpu_s": round(time.process_time(), 1),
            **load.summary(), "reasons": dict(load.answers.reasons.most_common(5)),
        }  # fmt: skip
        warming.cancel()
        await load.stop()
    return summary


def _control(address: str) -> Callable[[Load], AbstractAsyncContextManager[str]]:
    """Return what serves the control API; what it is made of is loaded here, and not where there is none."""
    if not address:
        return lambda _: nullcontext("")
    from twin.cli.station_api import serve

    return lambda load: serve(load, address)


def _over(duration_s: float, passed_s: float) -> bool:
    return 0.0 < duration_s <= passed_s


async def _wait(ended: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return


def _options(wanted: Wanted) -> LoadOptions:
    """Read what all stations shall do.

    Raises:
        SettingsError: A value that cannot be used.
    """
    if not math.isfinite(wanted.speed):
        raise SettingsError(f"--speed {wanted.speed}: expected a number")
    try:
        version: Version = version_of(wanted.version)
        faults = FaultRates.read(wanted.fault)
        quirks = VendorQuirks.read(dict(_quirk(text) for text in wanted.quirks))
    except ValueError as error:
        raise SettingsError(str(error)) from None
    values = {}
    for text in wanted.values:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set {text}: expected NAME=VALUE")
        values[name] = value
    return LoadOptions(
        version=version, sample_s=wanted.sample_s, seed=wanted.seed, iso15118=wanted.iso15118, spread_s=wanted.spread_s, values=values,
        hears_time=wanted.speed == 1.0,
        outfit=Outfit(faults=faults, quirks=quirks, transfer=_transfer(wanted.ca) if wanted.transfer else None),
    )  # fmt: skip


def _transfer(ca: Path | None) -> Transfer:
    from twin.network.virtual.parts.real_transfer import RealTransfer

    return RealTransfer(partial(client_context, ca))


def _quirk(text: str) -> tuple[str, Any]:
    """Read `zero_ends`, `register=session`, `mute=Reset,UnlockConnector`, `transaction_id=-1`."""
    name, equals, value = text.partition("=")
    kinds = {field.name: field.default for field in fields(VendorQuirks)}
    default = kinds.get(name)
    if not equals:
        if name in kinds and default is not False:
            raise ValueError(f"--quirk {name}: expected {name}=VALUE")
        return name, True
    if default is None and name in kinds:
        return name, int(value)
    if isinstance(default, tuple):
        return name, tuple(value.split(","))
    if default is False:
        raise ValueError(f"--quirk {text}: it has no value, expected {name} alone")
    return name, value


def _target(wanted: Wanted) -> Target:
    """Say where to connect, with which credentials.

    Raises:
        SettingsError: The URL or a file cannot be used.
    """
    if not wanted.url.startswith(("ws://", "wss://")):
        raise SettingsError(f"{wanted.url}: expected ws://HOST:PORT/PATH or wss://HOST:PORT/PATH")
    _address(wanted.url)
    tls = partial(client_context, wanted.ca, certificate=wanted.certificate, key=wanted.key)
    if wanted.url.startswith("wss:"):
        try:
            tls()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"--ca, --certificate, --key: {error}") from None
    elif wanted.ca or wanted.certificate or wanted.key:
        raise SettingsError("--ca, --certificate and --key need a --url that begins with wss://")
    url = wanted.url.replace("{id}", "{identity}")
    password = wanted.password.replace("{id}", "{identity}")
    return Target(url=url, password=password, tls=tls, certificate=wanted.certificate is not None)


def _address(url: str) -> None:
    """Refuse a URL without a host, or with a port that is none."""
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or too large
        known = False
    if not known:
        raise SettingsError(f"{url}: expected ws://HOST:PORT/PATH with a port from 1 to 65535")


def _world(wanted: Wanted) -> tuple[list[EvseSpec], Iterable[Guest]]:
    """Return EVSEs and guests: of the scenario, or default ones."""
    if wanted.scenario is not None:
        return _of_scenario(wanted, wanted.scenario)
    from twin.world.stations.catalogue import catalogue

    specs = default_evses(wanted.count or 1)
    if not wanted.cars_per_hour:
        return specs, ()
    if not math.isfinite(wanted.cars_per_hour):
        raise SettingsError(f"--cars-per-hour {wanted.cars_per_hour}: expected a number")
    cars = list(catalogue().values())
    return specs, endless(
        specs, cars, per_hour=wanted.cars_per_hour, seed=wanted.seed, token=wanted.token,
        stay_s=60.0 * wanted.stay_min, begin_s=wanted.spread_s + _BOOT_S if wanted.spread_s else 0.0,
    )  # fmt: skip


def _of_scenario(wanted: Wanted, file: Path) -> tuple[list[EvseSpec], Iterable[Guest]]:
    from twin.scenario.build import rows_by_site
    from twin.scenario.loader import load
    from twin.scenario.needs import driver_groups
    from twin.scenario.stations import expand
    from twin.world.population.draw import draw_all
    from twin.world.stations.catalogue import catalogue

    scenario = load(file, override=[], settings=[f"seed={wanted.seed}"] if wanted.seed else [])
    sites, evses = expand(scenario)
    names = list(dict.fromkeys(spec.station for spec in evses))
    if wanted.count is not None and wanted.count > len(names):
        raise SettingsError(f"--count {wanted.count}: {file} has {len(names)} stations")
    kept = set(names[: wanted.count])
    chosen = [spec for spec in evses if spec.station in kept]
    rows = rows_by_site(sites, evses)
    drawing = draw_all(
        driver_groups(scenario, rows, evses), seed=scenario.seed, start=scenario.start,
        horizon_s=scenario.duration_s, time_zone=scenario.time_zone, vehicles=catalogue(), sites=rows, evses=evses,
    )  # fmt: skip
    here = {site: [row for row in of_site if row < len(chosen)] for site, of_site in rows.items()}
    guests = of_visits(drawing.visits, here)
    return chosen, (guest._replace(token=wanted.token or guest.token) for guest in guests)
