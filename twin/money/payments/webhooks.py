"""The endpoint of webhooks: `POST /v1/webhooks/stripe`, as a router that any FastAPI application can hold."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from twin.errors import SettingsError
from twin.money.payments.inbox import REJECTED, Inbox

PATH: Final = "/v1/webhooks/stripe"
BODY_MAX_BYTES: Final = 512 * 1024
"""Events are a few kilobytes."""
SIGNATURE: Final = "stripe-signature"


def router(inbox: Inbox) -> APIRouter:
    """Return the route. It needs no token: the signature says who sends.

    Answers 200 once the event is durable, 400 to what is not signed or not readable, 413 to a body that is too large,
    503 while the books refuse, so that Stripe tries again.
    """
    routes = APIRouter()

    @routes.post(PATH, include_in_schema=True)
    async def take(request: Request) -> JSONResponse:
        """Take a webhook of Stripe."""
        body = await _body(request)
        if body is None:
            return _answer(413, "too large", f"at most {BODY_MAX_BYTES} bytes are read")
        try:
            verdict = inbox.receive(body, request.headers.get(SIGNATURE))
        except SettingsError:
            return _answer(503, "unavailable", "it could not be stored: send it again")
        if verdict in REJECTED:
            return _answer(400, verdict.value.replace(" ", "_"), verdict.value)
        return JSONResponse({"received": verdict.value})

    return routes


async def _body(request: Request) -> bytes | None:
    """Return the body as it came: the signature covers its bytes. None: it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return None
    return bytes(body)


def _answer(status: int, code: str, text: str) -> JSONResponse:
    return JSONResponse({"error": text, "code": code}, status)
