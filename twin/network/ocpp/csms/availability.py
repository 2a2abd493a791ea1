"""Asking a station for what it did not say: the status of its connectors, and to be of use."""

from __future__ import annotations

from math import isnan

from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.speech import ACCEPTED, ask
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut
from twin.network.ocpp.wire.link import Payload

_DONE = frozenset({ACCEPTED, "Scheduled"})
_UNAVAILABLE = "Unavailable"


async def trigger_statuses(desk: Desk, station: Station) -> None:
    """Ask each connector for its status that did not tell it on this connection (quirk 27).

    Raises:
        LinkLost: The connection broke.
    """
    for number, evse in sorted(station.evses.items()):
        if number and (isnan(evse.status_s) or evse.status_s < station.connected_s):
            await _call(desk, station, number, "TriggerMessage", _trigger(station, number))


async def make_operative(desk: Desk, station: Station) -> bool:
    """Make a station operative that reports itself unavailable (1.6 5.2, 2.x G03).

    The whole station first; where that is refused, each connector that is unavailable (quirk 26). A model that
    ChangeAvailability does harm to is left alone.

    Returns:
        Whether nothing is known to be unavailable afterwards, by its answers.

    Raises:
        LinkLost: The connection broke.
    """
    numbers = sorted(number for number, evse in station.evses.items() if evse.status == _UNAVAILABLE)
    if not numbers:
        return True
    if station.policy.quirks.no_change_availability:
        desk.note(station, None, "left-unavailable", "ChangeAvailability does harm to this model")
        return False
    if await _operative(desk, station, 0):
        return True
    outcomes = [await _operative(desk, station, number) for number in numbers if number]
    return bool(outcomes) and all(outcomes)


async def _operative(desk: Desk, station: Station, number: int) -> bool:
    payload: Payload
    if station.version.two:
        payload = {"operationalStatus": "Operative"} | ({"evse": {"id": number}} if number else {})
    else:
        payload = {"connectorId": number, "type": "Operative"}
    return await _call(desk, station, number, "ChangeAvailability", payload) in _DONE


async def _call(desk: Desk, station: Station, number: int, action: str, payload: Payload) -> str:
    """Call, and note what went wrong.

    Returns:
        The status; empty: none came.
    """
    try:
        status = str((await ask(station, action, payload)).get("status", ""))
    except (CallFailed, CallTimedOut) as error:
        desk.note(station, number, "not-answered", str(error))
        return ""
    if status not in _DONE:
        desk.note(station, number, "refused", f"{action}: {status}")
    return status


def _trigger(station: Station, number: int) -> Payload:
    if station.version.two:
        return {"requestedMessage": "StatusNotification", "evse": {"id": number, "connectorId": 1}}
    return {"requestedMessage": "StatusNotification", "connectorId": number}
