"""The hands at virtual stations, over HTTP: plug in, present a card, cut the power."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from twin.domain.ports import PlugIn
from twin.errors import ScenarioError, SettingsError
from twin.network.virtual.load import Load, station_view
from twin.network.virtual.parts.faults import KINDS
from twin.network.virtual.parts.fit import Fitted
from twin.network.virtual.station import VirtualStation
from twin.world.stations.catalogue import vehicle

_LOCAL = ("127.0.0.1", "localhost", "::1")


class Car(BaseModel):
    """Which car is plugged in, and what it wants."""

    model: str = Field("vw-id3-pro", description="Of the catalogue: `twin vehicles`.")
    soc: float = Field(0.2, ge=0.0, le=1.0, description="State of charge at arrival.")
    energy_kwh: float = Field(20.0, gt=0.0, description="What it wants at the connector.")


class Card(BaseModel):
    """A card that is held to the reader."""

    token: str = Field(min_length=1, max_length=36)


class Switch(BaseModel):
    """On or off."""

    on: bool


def app(load: Load) -> FastAPI:
    """Return the API over some stations.

    Args:
        load: The stations; requests are answered in the loop they run in.
    """
    made = FastAPI(title="Twin: hands at virtual stations", version="1", redoc_url=None)

    def found(identity: str) -> VirtualStation:
        known = load.stations.stations.get(identity)
        if known is None:
            raise HTTPException(404, f"{identity}: no such station")
        return known

    def row(identity: str, evse: int) -> int:
        bay = found(identity).bays.get(evse)
        if bay is None:
            raise HTTPException(404, f"{identity}: no EVSE {evse}")
        return bay.row

    @made.get("/v1/summary")
    async def summary() -> dict[str, Any]:
        """Messages, errors and latencies so far."""
        return load.summary()

    @made.get("/v1/stations")
    async def stations() -> list[dict[str, Any]]:
        """Every station with its EVSEs."""
        return [station_view(station) for station in load.stations.stations.values()]

    @made.get("/v1/stations/{identity}")
    async def station(identity: str) -> dict[str, Any]:
        """One station with its EVSEs, and what its screen shows."""
        one = found(identity)
        view = station_view(one)
        if isinstance(one.fittings, Fitted):
            view["display"] = one.fittings.display.shown("Charging" if one.charging() else "Idle")
        return view

    @made.post("/v1/stations/{identity}/evses/{evse}/plug")
    async def plug(identity: str, evse: int, car: Car) -> dict[str, Any]:
        """Connect a car; guests stay away from this EVSE until it is unplugged."""
        at = row(identity, evse)
        try:
            spec = vehicle(car.model)
        except ScenarioError as error:
            raise HTTPException(422, str(error)) from None
        if not load.guests.take(at):
            raise HTTPException(409, f"{identity}: a car is at EVSE {evse} already")
        try:
            wants = PlugIn(spec, car.soc * spec.usable_wh, car.energy_kwh * 1e3, math.nan, math.nan)
            load.stations.plug(load.clock.now_s, at, wants)
        except ValueError as error:
            load.guests.give(at)
            raise HTTPException(409, str(error)) from None
        return station_view(found(identity))

    @made.post("/v1/stations/{identity}/evses/{evse}/present")
    async def present(identity: str, evse: int, card: Card) -> dict[str, Any]:
        """Hold a card to the reader; also before the car is plugged in, or to stop."""
        load.stations.present(load.clock.now_s, row(identity, evse), card.token)
        return station_view(found(identity))

    @made.post("/v1/stations/{identity}/evses/{evse}/ready")
    async def ready(identity: str, evse: int, switch: Switch) -> dict[str, Any]:
        """Let the car take energy, or refuse it for a while."""
        at = row(identity, evse)
        _needs_car(found(identity), evse)
        load.stations.ready(load.clock.now_s, at, switch.on)
        return station_view(found(identity))

    @made.post("/v1/stations/{identity}/evses/{evse}/unplug")
    async def unplug(identity: str, evse: int) -> dict[str, Any]:
        """Take the cable out."""
        at = row(identity, evse)
        _needs_car(found(identity), evse)
        load.guests.leave(at)
        return station_view(found(identity))

    @made.post("/v1/stations/{identity}/power")
    async def power(identity: str, switch: Switch) -> dict[str, Any]:
        """Cut the mains, or give them back: the station starts anew."""
        one = found(identity)
        if switch.on:
            one.power_back()
        else:
            one.power_cut()
        return station_view(one)

    @made.post("/v1/stations/{identity}/faults/{kind}")
    async def fault(identity: str, kind: str, switch: Switch) -> dict[str, Any]:
        """Let a fault begin or end: drop, freeze, slow, duplicate, malformed, reboot, clock, register, refuse."""
        fittings = found(identity).fittings
        if kind not in KINDS or not isinstance(fittings, Fitted):
            raise HTTPException(404, f"{kind}: unknown fault, expected one of {', '.join(KINDS)}")
        if switch.on:
            fittings.faults.begin(kind)
        else:
            fittings.faults.end(kind)
        return station_view(found(identity))

    return made


def _needs_car(station: VirtualStation, evse: int) -> None:
    if not station.bays[evse].plugged:
        raise HTTPException(409, f"{station.settings.identity}: no car at EVSE {evse}")


class _Server(uvicorn.Server):
    """Leaves signals to who runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(load: Load, address: str) -> AsyncIterator[str]:
    """Serve the API at `HOST:PORT` in the present loop; yields where it is, empty where `address` is.

    Raises:
        SettingsError: The address cannot be used.
    """
    if not address:
        yield ""
        return
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        bound = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(f"--api {address}: {error}; expected HOST:PORT, as 127.0.0.1:9001") from None
    made = app(load)
    if host in _LOCAL:  # a page that a browser shows must not reach it under another name
        made.add_middleware(TrustedHostMiddleware, allowed_hosts=list(_LOCAL))
    config = uvicorn.Config(
        made, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[bound]))
    try:
        yield f"{host}:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
