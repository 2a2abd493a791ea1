"""A new password for a station: both are valid until it comes back with the new one (1.6 whitepaper A01, 2.x A01)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.security.passwords import generated, hashed
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, LinkLost
from twin.network.ocpp.wire.link import Payload

Outcome: TypeAlias = Literal["accepted", "refused", "doubt"]
_TAKEN = {"Accepted", "RebootRequired"}


async def rotate(csms: Csms, station: Station) -> tuple[Outcome, str]:
    """Send a new random password to a station; it is shown to nobody.

    Returns:
        `accepted`: both passwords are valid until the station connects with the new one. `refused`: the old one
        goes on alone. `doubt`: no answer came, both stay valid until one of them is used. Beside it the answer's word.

    Raises:
        LinkLost: The station is not connected; nothing changed.
    """
    if station.endpoint is None:
        raise LinkLost(f"{station.identity}: not connected")
    password = generated()
    before = station.policy.password_hashes[-1:]
    csms.register(
        station.identity, replace(station.policy, password_hashes=(*before, hashed(password.encode())))
    )
    committed = (
        csms.desk.journal.commit()
    )  # before the station may know it: it must be able to come back after a crash
    if committed is not None:
        await committed
    try:
        word = await _send(csms, station, password)
    except (CallTimedOut, LinkLost) as error:
        return "doubt", str(error)
    except CallFailed as error:
        word = error.code
    if word in _TAKEN:
        return "accepted", word
    csms.register(station.identity, replace(station.policy, password_hashes=before))
    return "refused", word


async def _send(csms: Csms, station: Station, password: str) -> str:
    if not station.version.two:
        key: Payload = {"key": "AuthorizationKey", "value": password.encode().hex()}
        return str((await csms.call(station.identity, "ChangeConfiguration", key))["status"])
    variable: Payload = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": password,
    }
    answer = await csms.call(station.identity, "SetVariables", {"setVariableData": [variable]})
    return str(answer["setVariableResult"][0]["attributeStatus"])
