"""Stations over HTTP: what they are, what the operator decides about them, what they charge with."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import inf
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from twin.network.api import views
from twin.network.api.access import Holder, Role, holder_of, need
from twin.network.api.bodies import LimitBody, SettingsBody, StationBody
from twin.network.api.calls import online, station_of
from twin.network.api.compose import System
from twin.network.api.errors import ApiError, answer, documented
from twin.network.ocpp.csms.limits import NO_LIMIT, Limit
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.wanted import Choices
from twin.network.ocpp.security.passwords import hashed
from twin.network.ocpp.security.rotation import rotate
from twin.network.ocpp.wire.trace import MASK

Who = Annotated[Holder, Depends(holder_of)]
LONGEST_IDENTITY = 255


def routes(system: System) -> APIRouter:
    """Return the routes of stations and transactions."""
    router = APIRouter(prefix="/v1", tags=["stations"])

    @router.get("/stations", summary="All stations", responses=documented())
    async def stations(_who: Who) -> Response:
        """Return every station that is registered or ever connected."""
        return answer({"stations": [views.station(system, one) for one in system.csms.stations.values()]})

    @router.get("/stations/{identity}", summary="One station in full", responses=documented(404))
    async def station(identity: str, _who: Who) -> Response:
        """Return a station with its policy, capabilities, limits and latest notices."""
        return answer(views.station_in_full(system, station_of(system, identity)))

    @router.put("/stations/{identity}", summary="Register or change a station", responses=documented(422))
    async def put_station(identity: str, body: StationBody, who: Who) -> Response:
        """Register a station, or change what was decided about it; acts on its next message."""
        need(who, Role.OPERATE)
        _check_identity(identity)
        known = system.csms.stations.get(identity)
        policy = _changed(known.policy if known else StationPolicy(), body)
        said = body.model_dump(mode="json", exclude_unset=True)
        if said.pop("password_hex", None) is not None:
            said["password"] = MASK
        number = await system.audit.asked(who.name, f"put station {identity}", said)
        one = system.csms.register(identity, system.decide(known, policy))
        system.decided(one)
        await system.office.commit()
        system.audit.done(number, "ok")
        return answer(views.station_in_full(system, one), 200 if known else 201)

    @router.post(
        "/stations/{identity}/rotate-password",
        summary="Give a station a new random password",
        responses=documented(404, 409, 502, 504),
    )
    async def rotate_password(identity: str, who: Who) -> Response:
        """Send a new password, by AuthorizationKey (1.6) or BasicAuthPassword (2.x); it is shown to nobody.

        The old and the new one are both valid until the station connects with the new one.
        """
        need(who, Role.OPERATE)
        one = online(system, identity)
        number = await system.audit.asked(who.name, f"rotate password {identity}", {})
        outcome, word = await rotate(system.csms, one)
        system.audit.done(number, outcome)
        if outcome == "refused":
            raise ApiError(502, word, f"{identity} refused the new password; the old one goes on")
        if outcome == "doubt":
            raise ApiError(504, "timeout", f"{word}; old and new password are both valid")
        return answer({"status": word, "passwords": len(one.policy.password_hashes)})

    @router.put(
        "/stations/{identity}/evses/{evse}/limit",
        summary="Limit an EVSE",
        responses=documented(404, 422),
    )
    async def limit(identity: str, evse: int, body: LimitBody, who: Who) -> Response:
        """Ask for a limit: smart charging turns it into profiles, and insists on it until it is measured.

        It holds across reconnects and restarts until another one is asked for; whether it is obeyed comes as an event.
        """
        need(who, Role.OPERATE)
        station_of(system, identity)
        if not 1 <= evse <= 1000:
            raise ApiError(422, "invalid-request", f"EVSE {evse}: expected 1 to 1000")
        wish = _limit(body)
        number = await system.audit.asked(who.name, f"limit {identity}/{evse}", body.model_dump(mode="json"))
        new = system.charging.set_limit(identity, evse, wish)
        await system.office.commit()
        system.audit.done(number, "ok")
        return answer({"station": identity, "evse": evse, "changed": new, **body.model_dump(mode="json")})

    @router.get("/transactions", summary="Transactions", responses=documented())
    async def transactions(
        _who: Who,
        station: Annotated[str, Query(description="Of one station; empty: of all.")] = "",
        open: Annotated[bool | None, Query(description="Only open ones, only ended ones.")] = None,  # noqa: A002
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> Response:
        """Return the open transactions and the latest of those that ended, in order of arrival by station."""
        found = [one for one in system.transactions(station) if open is None or one.open is open]
        return answer({"transactions": [views.transaction(system, one) for one in found[-limit:]]})

    return router


def _check_identity(identity: str) -> None:
    bad = not identity.isprintable() or set(identity) & set("/\\") or identity in {".", ".."}
    if bad or not 0 < len(identity) <= LONGEST_IDENTITY:
        raise ApiError(422, "invalid-request", f"{identity!r}: no identity of a station")


def _changed(policy: StationPolicy, body: StationBody) -> StationPolicy:
    """Return a policy with what a body says."""
    changes: dict[str, Any] = {}
    given = body.model_fields_set
    if {"password", "password_hex"} & given:
        secret = b""
        if body.password is not None:
            secret = body.password.encode()
        elif body.password_hex is not None:
            secret = bytes.fromhex(body.password_hex)
        changes["password_hashes"] = (hashed(secret),) if secret else ()
    if body.boot is not None:
        changes |= {"boot": body.boot.policy, "interval_s": body.boot.interval_s}
    if body.topology is not None:
        changes["evses"] = tuple(body.topology)
    for name in ("min_security_profile", "items_per_message", "strict"):
        if getattr(body, name) is not None:
            changes[name] = getattr(body, name)
    if body.quirks is not None:
        changes |= {"flags": _flags(body.quirks), "by_model": True}
    if body.settings is not None:
        changes["choices"] = _choices(body.settings)
    return replace(policy, **changes)


def _choices(body: SettingsBody) -> Choices:
    said = body.model_dump(exclude={"measurands"})
    return Choices(**said, sampled=None if body.measurands is None else tuple(body.measurands))


def _flags(flags: dict[str, Any]) -> dict[str, Any]:
    """Return flags of a model, checked.

    Raises:
        ApiError: 422, an unknown flag or a value that it cannot have.
    """
    unknown = set(flags) - set(asdict(Quirks()))
    if unknown:
        raise ApiError(422, "invalid-request", f"quirks: unknown flags {', '.join(sorted(unknown))}")
    try:
        checked = asdict(TypeAdapter(Quirks).validate_python(flags))
        return {name: checked[name] for name in flags}
    except ValidationError as error:
        first = error.errors()[0]
        raise ApiError(422, "invalid-request", f"quirks.{first['loc'][0]}: {first['msg']}") from None


def _limit(body: LimitBody) -> Limit:
    if body.limit_w is None and body.setpoint_w is None and not body.discharge_w and not body.phases:
        return NO_LIMIT
    return Limit(
        limit_w=inf if body.limit_w is None else body.limit_w,
        discharge_w=body.discharge_w,
        setpoint_w=body.setpoint_w,
        phases=body.phases,
    )
