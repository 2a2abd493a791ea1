"""The endpoint of webhooks over HTTP: 200, 400, 413, 503."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from tests.money.payments.test_inbox import Desk, Refusing, event, sign
from twin.money.payments.webhooks import BODY_MAX_BYTES, PATH, router

GOOD = event()


@pytest.fixture
def desk() -> Desk:
    """An inbox behind the endpoint."""
    return Desk()


def post(desk: Desk, body: bytes, signature: str) -> httpx.Response:
    app = FastAPI()
    app.include_router(router(desk.inbox))

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as wire:
            return await wire.post(PATH, content=body, headers={"Stripe-Signature": signature})

    return asyncio.run(run())


def test_an_event_is_acknowledged_when_it_is_stored(desk: Desk) -> None:
    """200, twice; one notice."""
    for word in ("taken", "repeated"):
        answer = post(desk, GOOD, sign(GOOD))
        assert (answer.status_code, answer.json()) == (200, {"received": word})
    assert len(desk.office.told) == 1


def test_what_is_not_signed_is_refused_without_a_hint(desk: Desk) -> None:
    """400; the answer holds no secret and no signature that would have been right."""
    answer = post(desk, GOOD, "t=1,v1=00")
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_signature")
    assert sign(GOOD).partition("v1=")[2] not in answer.text


def test_too_much_is_not_read(desk: Desk) -> None:
    """413 above half a megabyte."""
    body = b" " * (BODY_MAX_BYTES + 1)
    assert post(desk, body, sign(body)).status_code == 413


def test_books_that_refuse_make_the_sender_try_again(desk: Desk) -> None:
    """503, then 200 for the same event."""
    books = Refusing()
    desk = Desk(books)
    assert post(desk, GOOD, sign(GOOD)).status_code == 503
    books.refusing = False
    assert post(desk, GOOD, sign(GOOD)).status_code == 200


def test_nothing_secret_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Neither secret nor signature nor body, at any level."""
    caplog.set_level(0)
    signature = sign(GOOD)
    post(desk, GOOD, signature)
    post(desk, b"x", signature)
    for secret in ("whsec_", signature, "twin_payment"):
        assert secret not in caplog.text
