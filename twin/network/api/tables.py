"""Tokens and tariffs over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from twin.network.api import views
from twin.network.api.access import Holder, Role, holder_of, need
from twin.network.api.bodies import TariffBody, TokenBody
from twin.network.api.compose import System
from twin.network.api.errors import ApiError, answer, documented
from twin.network.api.operations import instant
from twin.network.ocpp.csms.tokens import Token
from twin.network.ocpp.wire.errors import WireError

Who = Annotated[Holder, Depends(holder_of)]
TokenType = Literal[
    "Central", "DirectPayment", "eMAID", "EVCCID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress",
    "NoAuthorization", "VIN",
]  # fmt: skip


def routes(system: System) -> APIRouter:
    """Return the routes of tokens and tariffs."""
    router = APIRouter(prefix="/v1", tags=["tokens and tariffs"])
    tokens = system.core.tokens

    @router.get("/tokens", summary="All tokens", responses=documented())
    async def all_tokens(_who: Who) -> Response:
        """Return the table of tokens."""
        return answer({"tokens": [_shown(system, token) for token in tokens]})

    @router.put("/tokens/{type}/{id}", summary="Add or change a token", responses=documented(422))
    async def put_token(
        type: Annotated[TokenType, Path(description="IdTokenType of 2.x; 1.6 knows none.")],  # noqa: A002
        id: Annotated[str, Path(min_length=1, max_length=255)],  # noqa: A002
        body: TokenBody,
        who: Who,
    ) -> Response:
        """Say what a token is worth; acts on the next message."""
        need(who, Role.OPERATE)
        expiry_s = None if body.expiry is None else instant(system, body.expiry)
        token = Token(id=id, type=type, expiry_s=expiry_s, **body.model_dump(exclude={"expiry"}))
        number = await system.audit.asked(who.name, f"put token {type}/{id}", body.model_dump(mode="json"))
        tokens.put(token)
        await system.office.commit()
        system.audit.done(number, "ok")
        return answer(_shown(system, token))

    @router.delete("/tokens/{type}/{id}", summary="Forget a token", responses=documented(404))
    async def remove_token(type: TokenType, id: str, who: Who) -> Response:  # noqa: A002
        """Forget a token."""
        need(who, Role.OPERATE)
        number = await system.audit.asked(who.name, f"delete token {type}/{id}", {})
        removed = tokens.remove(type, id)
        await system.office.commit()
        system.audit.done(number, "ok" if removed else "unknown-token")
        if not removed:
            raise ApiError(404, "unknown-token", f"{type}/{id}: no such token")
        return answer({"removed": True})

    @router.get("/tariffs", summary="All tariffs", responses=documented())
    async def tariffs(_who: Who) -> Response:
        """Return the tariffs by station (empty: all) and EVSE (0: all)."""
        found = [
            {"station": station, "evse": evse, "tariff": tariff}
            for (station, evse), tariff in system.costs.tariffs.items()
        ]
        return answer({"tariffs": found})

    @router.put("/tariffs", summary="Set a tariff", responses=documented(422))
    async def put_tariff(body: TariffBody, who: Who) -> Response:
        """Keep a tariff and send it to the stations of 2.1 that are connected; the others get it when they come.

        `sent` has what each of them said. Stations below 2.1 hold no tariffs: they are told costs instead.
        """
        need(who, Role.OPERATE)
        number = await system.audit.asked(who.name, "put tariff", body.model_dump(mode="json"))
        try:
            system.costs.set_tariff(body.station, body.evse, body.tariff)
        except ValueError as error:
            system.audit.done(number, "invalid-payload")
            raise ApiError(422, "invalid-payload", str(error)) from None
        await system.office.commit()
        sent: dict[str, Any] = {}
        for one in list(system.csms.stations.values()):
            if one.online and body.station in ("", one.identity):
                try:
                    said = await system.costs.install(one)
                except WireError as error:
                    said = {body.evse: str(error)}
                if said:
                    sent[one.identity] = said
        system.audit.done(number, "ok")
        return answer({"sent": sent})

    return router


def _shown(system: System, token: Token) -> dict[str, Any]:
    shown = asdict(token)
    shown["expiry"] = None if token.expiry_s is None else views.instant(system, token.expiry_s)
    del shown["expiry_s"], shown["cache_expiry_s"]
    return shown
