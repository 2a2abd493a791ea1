"""Every error of the HTTP API as one JSON: `{"error": what happened, "code": a stable word, …}`."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.errors import SettingsError

_log = structlog.get_logger("twin.api")
LARGEST_BODY = 8 * 1024 * 1024


class ApiError(Exception):
    """An answer that is no success.

    Args:
        status: Of HTTP.
        code: A short stable word.
        error: A sentence for people.
        more: What else stands in the JSON.
    """

    def __init__(self, status: int, code: str, error: str, **more: object) -> None:
        self.status, self.code, self.more = status, code, more
        super().__init__(error)

    def response(self) -> Response:
        """Return it as it goes out."""
        response = answer({"error": str(self), "code": self.code, **self.more}, self.status)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response


def answer(body: object, status: int = 200) -> Response:
    """Return JSON; NaN and infinity, which JSON does not know, become null."""
    return Response(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")


def install(app: FastAPI) -> None:
    """Have every error of an app answered in this form."""

    async def own(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return error.response()

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [
            {"where": ".".join(map(str, problem["loc"])), "what": problem["msg"]}
            for problem in error.errors()
        ]
        first = problems[0]
        return ApiError(
            422, "invalid-request", f"{first['where']}: {first['what']}", problems=problems
        ).response()

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = {404: "no-such-route", 405: "method-not-allowed"}
        return ApiError(error.status_code, words.get(error.status_code, "http"), error.detail).response()

    async def journal(request: Request, error: Exception) -> Response:
        _log.error("journal", path=request.url.path, why=str(error))
        return ApiError(503, "journal", f"{error}; nothing was sent").response()

    async def defect(request: Request, error: Exception) -> Response:
        _log.error("defect", path=request.url.path, exc_info=error)
        return ApiError(500, "defect", "a defect of twin; its log has the details").response()

    app.add_exception_handler(ApiError, own)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(SettingsError, journal)
    app.add_exception_handler(Exception, defect)


class BodyLimit:
    """Refuses bodies that are too large, before anybody looks whose they are; files have a limit of their own.

    Args:
        app: What is behind it.
        largest: Bytes.
    """

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(("/files/", "/v1/files/")):
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = ApiError(413, "too-large", f"a body of more than {self._largest} bytes")
        if not length.isdigit() or int(length) > self._largest:
            await too_large.response()(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._largest:
                raise too_large
            return message

        await self._app(scope, bounded, send)


ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {"error": {"type": "string"}, "code": {"type": "string"}},
}
"""JSON Schema of an error, for OpenAPI."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the errors of a route."""
    words = {
        400: "The body is not JSON.",
        401: "No valid bearer token.",
        403: "The token's role does not allow it.",
        404: "The station, or what was asked for, is not known.",
        409: "The station is not connected; nothing was sent.",
        413: "The body is too large.",
        422: "The body does not fit; nothing was sent.",
        429: "Too many calls wait for this station.",
        502: "The station answered CALLERROR; `code` is its code.",
        503: "The connection broke before the answer: the outcome is unknown. `journal`: the database is full or gone.",
        504: "No answer in time: the outcome is unknown, the station may still act.",
    }
    content = {"application/json": {"schema": ERROR}}
    return {status: {"description": words[status], "content": content} for status in (401, 403, *statuses)}
