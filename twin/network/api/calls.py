"""Calls to stations over HTTP: the body is the payload, the answer is the payload, every failure has its word."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query
from fastapi.responses import Response

from twin.network.api import catalogue
from twin.network.api.access import Holder, Role, holder_of, need
from twin.network.api.compose import System
from twin.network.api.errors import ApiError, answer, documented
from twin.network.ocpp.csms.operations.reports import KINDS
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, LinkLost, QueueFull
from twin.network.ocpp.wire.link import Payload

LONGEST_S = 3_600.0
_ACTION = re.compile(r"[A-Za-z0-9]{1,50}")
_UNKNOWN = "the outcome is unknown: the station may have acted, or may still act"


def station_of(system: System, identity: str) -> Station:
    """Return a station.

    Raises:
        ApiError: 404, nobody registered it.
    """
    station = system.csms.stations.get(identity)
    if station is None:
        raise ApiError(
            404,
            "unknown-station",
            f"{identity}: unknown station; register it with PUT /v1/stations/{identity}",
        )
    return station


def online(system: System, identity: str) -> Station:
    """Return a station that can be called.

    Raises:
        ApiError: 404 or 409.
    """
    station = station_of(system, identity)
    if not station.online:
        raise ApiError(409, "station-offline", f"{identity}: not connected; nothing was sent")
    return station


def failure(error: Exception) -> ApiError:
    """Return what a failed call is over HTTP."""
    if isinstance(error, CallFailed):
        text = error.description or f"the station answered {error.code}"
        return ApiError(502, error.code, text, details=error.details)
    if isinstance(error, CallTimedOut):
        return ApiError(504, "timeout", f"{error}; {_UNKNOWN}")
    if isinstance(error, QueueFull):
        return ApiError(429, "busy", str(error))
    if isinstance(error, LinkLost):
        return ApiError(503, "link-lost", f"{error}; {_UNKNOWN}")
    return ApiError(422, "invalid-payload", str(error))


async def send(
    system: System,
    station: Station,
    action: str,
    payload: Payload,
    timeout_s: float | None,
    *,
    validate: bool,
) -> Payload:
    """Call a station: in batches where it takes fewer items, with its whole report where it sends one.

    Raises:
        CallFailed, CallTimedOut, LinkLost, ValueError: See `Caller.call`.
    """
    identity = station.identity
    batches = _batches(station, action, payload)
    if len(batches) > 1:
        joined: Payload = {}
        for batch in batches:
            part = await system.csms.call(identity, action, batch, timeout_s, validate=validate)
            for key in catalogue.BATCHED[action].results:
                if part.get(key):
                    joined.setdefault(key, []).extend(part[key])
        return joined
    kind = KINDS.get(action)
    if kind is None or station.version not in kind.versions:
        return await system.csms.call(identity, action, payload, timeout_s, validate=validate)
    number = payload.get("requestId")
    if number is None:
        number = system.office.request_id(identity)
        payload = {**payload, "requestId": number}
    elif isinstance(number, int):
        system.office.use(identity, number)
    else:  # a payload that is meant to be wrong
        return await system.csms.call(identity, action, payload, timeout_s, validate=validate)
    with system.reports.expect(identity, action, number) as waiting:
        first = await system.csms.call(identity, action, payload, timeout_s, validate=validate)
        if action == "CustomerInformation" and not payload.get("report", True):
            return first
        whole = await waiting.collected(first, timeout_s or 30.0)
    return {"requestId": number, **whole}


def routes(system: System) -> APIRouter:
    """Return the route of calls."""
    router = APIRouter(prefix="/v1", tags=["calls"])

    @router.post(
        "/stations/{identity}/calls/{action}",
        summary="Send any message that a central system may send",
        responses=documented(404, 409, 422, 429, 502, 503, 504),
    )
    async def call(
        identity: Annotated[str, Path(description="The station.")],
        action: Annotated[
            str, Path(description="As the station's version names it: `Reset`, `GetVariables`.")
        ],
        who: Annotated[Holder, Depends(holder_of)],
        payload: Annotated[dict[str, Any], Body(description="The OCPP payload.")] = {},  # noqa: B006 -- read only
        timeout: Annotated[  # noqa: ASYNC109 -- the station's time, not this coroutine's
            float | None,
            Query(
                gt=0,
                le=LONGEST_S,
                description="Seconds from when it is sent, 30 by default; one call to a station waits for the one before.",
            ),
        ] = None,
        validate: Annotated[
            Literal["strict", "off"],
            Query(description="`off` sends what the schema refuses, and actions that nobody knows."),
        ] = "strict",
    ) -> Response:
        """Send a message and return the payload of its answer.

        Every message of 1.6 with the security extension, 2.0.1 and 2.1 that goes to stations. Reports that come in
        parts (GetReport, GetBaseReport, GetMonitoringReport, CustomerInformation, GetDisplayMessages,
        GetChargingProfiles, GetDERControl) are waited for and returned whole under `report`, with `complete`; a
        `requestId` that is left out is chosen. Lists that are longer than the station's limit of items per message
        are sent in batches and the answers joined.
        """
        need(who, Role.STOP if action in catalogue.STOPPING else Role.OPERATE)
        station = online(system, identity)
        _check_action(station, action, validate == "strict")
        number = await system.audit.asked(who.name, f"call {identity} {action}", payload)
        try:
            body = await send(system, station, action, payload, timeout, validate=validate == "strict")
        except (CallFailed, CallTimedOut, LinkLost, QueueFull, ValueError) as error:
            refused = failure(error)
            system.audit.done(number, refused.code)
            system.metrics.called(refused.code)
            raise refused from None
        except BaseException:  # cancelled: whoever asked went away
            system.audit.done(number, "unknown")
            raise
        system.audit.done(number, str(body.get("status", "ok")))
        system.metrics.called("ok")
        return answer(body)

    @router.get("/actions", summary="The messages that may be sent, by version", responses=documented())
    async def actions(_who: Annotated[Holder, Depends(holder_of)]) -> Response:
        """Return the names of all messages that go to stations, by version."""
        return answer({version.number: sorted(catalogue.actions(version)) for version in Version})

    return router


def _check_action(station: Station, action: str, strict: bool) -> None:
    known = catalogue.actions(station.version)
    if (strict and action not in known) or not _ACTION.fullmatch(action):
        raise ApiError(
            404,
            "unknown-action",
            f"{action}: no message of {station.version.number} to a station",
            known=sorted(known),
        )


def _batches(station: Station, action: str, payload: Payload) -> list[Payload]:
    batch = catalogue.BATCHED.get(action)
    size = station.policy.items_per_message.get(action, 0)
    items = payload.get(batch.items) if batch else None
    if batch is None or size <= 0 or not isinstance(items, list) or len(items) <= size:
        return [payload]
    return [{**payload, batch.items: items[n : n + size]} for n in range(0, len(items), size)]
