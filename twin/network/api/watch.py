"""What can be watched over HTTP: events, frames, the audit log, metrics, and whether the process lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from twin.network.api.access import Holder, Role, holder_of, need
from twin.network.api.calls import station_of
from twin.network.api.compose import System
from twin.network.api.errors import ApiError, answer, documented
from twin.network.api.frames import PER_STATION
from twin.network.api.metrics import CONTENT_TYPE

Who = Annotated[Holder, Depends(holder_of)]
_BEAT_S = 15.0
"""A stream says at least this often that it lives."""
_PAGE = 1_000


def routes(system: System) -> APIRouter:
    """Return the routes of what can be watched."""
    router = APIRouter(tags=["watching"])

    @router.get(
        "/v1/events",
        summary="What happened",
        responses={**documented(), 200: {"content": {"text/event-stream": {}}, "description": "Events."}},
    )
    async def events(
        request: Request,
        _who: Who,
        after: Annotated[int, Query(ge=0, description="Number of the last event that is known.")] = 0,
        wait: Annotated[float, Query(ge=0, le=300, description="Seconds to wait for the next one.")] = 0,
        station: Annotated[str, Query(description="Of one station; empty: of all.")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = _PAGE,
    ) -> Response:
        """Return the events behind a number; `next` is the number for the next question.

        With `wait` an answer without events comes only after that time. With `Accept: text/event-stream` the
        connection stays and events are sent as they happen (Server-Sent Events; `Last-Event-ID` is understood).
        `missed` says that events in between are not remembered any more, or that the process was started anew.
        """
        if "text/event-stream" in request.headers.get("accept", ""):
            return StreamingResponse(
                _stream(system, _last_id(request, after), station, request), media_type="text/event-stream"
            )
        page = system.events.after(after, limit=limit, station=station)
        if not page.events and wait and not page.missed:
            await system.events.wait(after, wait)
            page = system.events.after(after, limit=limit, station=station)
        body = {
            "events": [event._asdict() for event in page.events],
            "next": page.next,
            "missed": page.missed,
        }
        return answer(body)

    @router.get("/v1/trace", summary="The latest frames of a station", responses=documented(404))
    async def trace(
        _who: Who,
        station: Annotated[str, Query()],
        limit: Annotated[int, Query(ge=1, le=PER_STATION)] = PER_STATION,
    ) -> Response:
        """Return the latest frames in both directions, oldest first, passwords masked."""
        station_of(system, station)
        return answer({"frames": system.frames.of(station, limit)})

    @router.get("/v1/audit", summary="Who did what, when, with which outcome", responses=documented())
    async def audit(
        who: Who,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = _PAGE,
    ) -> Response:
        """Return lines of the audit log; nothing can be changed or removed."""
        need(who, Role.OPERATE)
        return answer({"audit": system.audit.after(after, limit)})

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def metrics() -> Response:
        """Return metrics; no token is needed: there are numbers only, no names."""
        return Response(system.metrics.text(), media_type=CONTENT_TYPE)

    @router.get("/health", summary="Whether the process lives")
    async def health() -> Response:
        """Return 200."""
        return answer({"status": "ok"})

    return router


def _last_id(request: Request, after: int) -> int:
    text = request.headers.get("last-event-id", "")
    if not text:
        return after
    if not text.isdecimal():
        raise ApiError(422, "invalid-request", "Last-Event-ID: expected a number")
    return int(text)


async def _stream(system: System, number: int, station: str, request: Request) -> AsyncIterator[bytes]:
    while True:
        page = system.events.after(number, limit=_PAGE, station=station)
        if page.missed:
            yield b"event: missed\ndata: {}\n\n"
        for event in page.events:
            data = orjson.dumps(event._asdict())
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), data)
        number = page.next
        if system.stopping or await request.is_disconnected():
            return
        if not page.events:
            yield b": alive\n\n"
            await system.events.wait(number, _BEAT_S)
