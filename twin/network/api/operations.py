"""Lists, reservations, firmware and logs over HTTP, without having to know the station's version."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response

from twin.network.api.access import Holder, Role, holder_of, need
from twin.network.api.bodies import FirmwareBody, ListBody, ListEntryBody, LogBody, ReservationBody
from twin.network.api.calls import failure, online, station_of
from twin.network.api.compose import System
from twin.network.api.errors import ApiError, answer, documented
from twin.network.api.files import FileService
from twin.network.clock import from_wire
from twin.network.ocpp.csms.operations.commands import Firmware
from twin.network.ocpp.csms.operations.local_list import ListEntry
from twin.network.ocpp.wire.errors import WireError

if TYPE_CHECKING:
    from twin.network.api.ftp import FtpService  # pyftpdlib is loaded where it serves

Who = Annotated[Holder, Depends(holder_of)]
_T = TypeVar("_T")


def instant(system: System, text: str) -> float:
    """Read an instant of a body.

    Raises:
        ApiError: 422, it is none.
    """
    try:
        return from_wire(system.clock.epoch_ns, text).t_s
    except ValueError as error:
        raise ApiError(422, "invalid-request", str(error)) from None


def routes(system: System) -> APIRouter:
    """Return the routes of operations."""
    router = APIRouter(prefix="/v1", tags=["operations"])

    async def audited(who: Holder, what: str, body: object, job: Awaitable[_T]) -> _T:
        number = await system.audit.asked(who.name, what, body)
        try:
            done = await job
        except (WireError, ValueError) as error:
            refused = failure(error)
            system.audit.done(number, refused.code)
            raise refused from None
        system.audit.done(number, "ok")
        return done

    @router.put(
        "/stations/{identity}/local-list",
        summary="Send a local list",
        responses=documented(404, 409, 422, 502, 504),
    )
    async def local_list(identity: str, body: ListBody, who: Who) -> Response:
        """Send a whole list, or a difference, under a version that was never used."""
        need(who, Role.OPERATE)
        one = online(system, identity)
        job = system.lists.send(
            one, [_entry(entry) for entry in body.entries], removed=[_entry(entry) for entry in body.removed]
        )
        status = await audited(who, f"local list {identity}", {"entries": len(body.entries)}, job)
        return answer({"status": status, "version": system.lists.version(identity)})

    @router.post(
        "/stations/{identity}/reservations", summary="Reserve an EVSE", responses=documented(404, 409, 422)
    )
    async def reserve(identity: str, body: ReservationBody, who: Who) -> Response:
        """Ask a station to keep an EVSE free; the state says what came of it."""
        need(who, Role.OPERATE)
        one = online(system, identity)
        expires_s = instant(system, body.expiry)
        job = system.reservations.reserve(
            one, body.evse, body.token, expires_s, token_type=body.type, group=body.group
        )
        made = await audited(who, f"reserve {identity}", body.model_dump(mode="json"), job)
        return answer({"id": made.id, "state": made.state, "answer": made.answer}, 201)

    @router.delete(
        "/stations/{identity}/reservations/{number}",
        summary="Cancel a reservation",
        responses=documented(404, 409, 502, 504),
    )
    async def cancel(identity: str, number: int, who: Who) -> Response:
        """Cancel a reservation; `known` tells whether the station knew it."""
        need(who, Role.OPERATE)
        one = online(system, identity)
        held = system.reservations.get(number)
        if held is None or held.station != identity:
            raise ApiError(404, "unknown-reservation", f"{identity}: no reservation {number}")
        known = await audited(
            who, f"cancel reservation {identity}", {"id": number}, system.reservations.cancel(one, number)
        )
        return answer({"id": number, "state": held.state, "known": known})

    @router.post(
        "/stations/{identity}/firmware",
        summary="Update firmware",
        responses=documented(404, 409, 422, 502, 504),
    )
    async def firmware(identity: str, body: FirmwareBody, who: Who) -> Response:
        """Have firmware loaded and installed; progress comes as events `notice.firmware`."""
        need(who, Role.OPERATE)
        one = online(system, identity)
        location = body.location or _reached(system, body.over).firmware_url(body.file)
        retrieve = body.retrieve or system.office.desk.wire_now()
        order = Firmware(location, retrieve, body.signature, body.signing_certificate, body.install)
        sent = await audited(
            who,
            f"firmware {identity}",
            body.model_dump(mode="json"),
            system.commands.update_firmware(one, order),
        )
        return answer({"action": sent.action, "requestId": sent.request_id, "answer": sent.answer})

    @router.post(
        "/stations/{identity}/logs", summary="Fetch a log", responses=documented(404, 409, 422, 502, 504)
    )
    async def log(identity: str, body: LogBody, who: Who) -> Response:
        """Have a log uploaded; progress comes as events `notice.log`, the file under `/v1/stations/{id}/files`."""
        need(who, Role.OPERATE)
        one = online(system, identity)
        location = body.location or _reached(system, body.over).upload_url(identity)
        sent = await audited(
            who, f"log {identity}", {"kind": body.kind}, system.commands.get_log(one, location, body.kind)
        )
        return answer({"action": sent.action, "requestId": sent.request_id, "answer": sent.answer})

    @router.put("/files/{name}", summary="Keep a firmware file", responses=documented(404, 413))
    async def keep(name: str, request: Request, who: Who) -> Response:
        """Keep a file for stations to load; the body is the file."""
        need(who, Role.OPERATE)
        number = await system.audit.asked(who.name, f"put file {name}", {})
        files = _files(system)
        size = await files.keep_firmware(name, request.stream())
        system.audit.done(number, "ok")
        return answer({"name": name, "size": size, "url": files.firmware_url(name)}, 201)

    @router.get("/stations/{identity}/files", summary="What a station uploaded", responses=documented(404))
    async def uploads(identity: str, _who: Who) -> Response:
        """Return names and sizes."""
        station_of(system, identity)
        return answer({"files": [upload._asdict() for upload in _files(system).uploads(identity)]})

    @router.get(
        "/stations/{identity}/files/{name}", summary="Load an uploaded file", responses=documented(404)
    )
    async def upload(identity: str, name: str, _who: Who) -> Response:
        """Return the file as a download."""
        station_of(system, identity)
        path = _files(system).upload(identity, name)
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    return router


def _entry(body: ListEntryBody) -> ListEntry:
    return ListEntry(body.token, body.type, body.status, body.group, body.expiry)


def _files(system: System) -> FileService:
    if system.files is None:
        raise ApiError(
            404, "no-file-service", "no file service runs here; name a location, or start it with --files"
        )
    return system.files


def _reached(system: System, over: str) -> FileService | FtpService:
    if over == "http":
        return _files(system)
    if system.ftp is None:
        raise ApiError(404, "no-file-service", "no file service over FTP runs here; start it with --ftp")
    return system.ftp
