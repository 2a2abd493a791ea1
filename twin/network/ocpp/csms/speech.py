"""How smart charging's messages are worded in each version."""

from __future__ import annotations

from collections.abc import Awaitable
from math import ceil

from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.profiles.from_wire import profile_to_wire
from twin.network.ocpp.profiles.model import ChargingProfile, Unit
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.link import Payload

ACCEPTED = "Accepted"


def ask(station: Station, action: str, payload: Payload) -> Awaitable[Payload]:
    """Call a station.

    Raises:
        LinkLost: It is not connected.
        CallFailed, CallTimedOut, ValueError: (some when awaited) see `Caller.call`.
    """
    if station.endpoint is None:
        raise LinkLost(f"{station.identity}: {action} not sent, it is not connected")
    return station.endpoint.call(action, payload)


def set_profile(station: Station, profile: ChargingProfile, epoch_ns: int) -> Awaitable[Payload]:
    """Send SetChargingProfile (1.6 5.16, 2.x K01)."""
    body = profile_to_wire(station.version, profile, epoch_ns)
    if station.version.two:
        return ask(station, "SetChargingProfile", {"evseId": profile.evse, "chargingProfile": body})
    return ask(station, "SetChargingProfile", {"connectorId": profile.evse, "csChargingProfiles": body})


def clear_profile(station: Station, profile_id: int) -> Awaitable[Payload]:
    """Send ClearChargingProfile for one profile of ours (1.6 5.5, 2.x K10)."""
    name = "chargingProfileId" if station.version.two else "id"
    return ask(station, "ClearChargingProfile", {name: profile_id})


def clear_all(station: Station) -> list[Payload]:
    """Return what ClearChargingProfile must say to clear everything that anybody installed.

    1.6 5.5: nothing said clears all. 2.x K10.FR.02: something must be said; external constraints cannot be cleared.
    """
    if not station.version.two:
        return [{}]
    purposes = ("TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile")
    return [{"chargingProfileCriteria": {"chargingProfilePurpose": purpose}} for purpose in purposes]


def composite(station: Station, evse: int, duration_s: float, unit: Unit) -> Awaitable[Payload]:
    """Send GetCompositeSchedule (1.6 5.7, 2.x K08)."""
    name = "evseId" if station.version.two else "connectorId"
    return ask(
        station,
        "GetCompositeSchedule",
        {name: evse, "duration": ceil(duration_s), "chargingRateUnit": unit.value},
    )


def stop(station: Station, transaction: str) -> Awaitable[Payload]:
    """Send RemoteStopTransaction (1.6 5.12) or RequestStopTransaction (2.x F03)."""
    if station.version.two:
        return ask(station, "RequestStopTransaction", {"transactionId": transaction})
    return ask(station, "RemoteStopTransaction", {"transactionId": int(transaction)})


def start(
    station: Station,
    evse: int,
    token: str,
    request_id: int,
    profile: ChargingProfile | None,
    *,
    epoch_ns: int,
    token_type: str,
) -> Awaitable[Payload]:
    """Send RemoteStartTransaction (1.6 5.11) or RequestStartTransaction (2.x F01).

    Args:
        station: Who shall start.
        evse: Where.
        token: For whom; cut to what a 1.6 model gives back unharmed (quirk 17).
        request_id: 2.x: remoteStartId.
        profile: A TxProfile without a transaction, or None.
        epoch_ns: Of the run.
        token_type: 2.x: type of the token.
    """
    body: Payload
    if station.version.two:
        body = {
            "remoteStartId": request_id,
            "evseId": evse,
            "idToken": {"idToken": token, "type": token_type},
        }
        action = "RequestStartTransaction"
    else:
        body = {"connectorId": evse, "idTag": token[: station.policy.quirks.id_tag_length]}
        action = "RemoteStartTransaction"
    if profile is not None:
        body["chargingProfile"] = profile_to_wire(station.version, profile, epoch_ns)
    return ask(station, action, body)
