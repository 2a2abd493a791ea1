"""Stations and transactions as the API shows them."""

from __future__ import annotations

from dataclasses import asdict
from math import inf, isfinite
from typing import Any

from twin.network.api.compose import System
from twin.network.api.metrics import power_w
from twin.network.clock import to_wire
from twin.network.ocpp.csms.station import Evse, Station
from twin.network.ocpp.csms.transaction import Transaction


def instant(system: System, t_s: float) -> str | None:
    """Return an instant as RFC 3339; None where there is none."""
    return to_wire(system.clock.epoch_ns, t_s) if isfinite(t_s) else None


def station(system: System, one: Station) -> dict[str, Any]:
    """Return a station in short."""
    return {
        "id": one.identity,
        "online": one.online,
        "version": one.version.number,
        "boot": one.boot.value,
        "remote": one.remote,
        "connected_at": instant(system, one.connected_s),
        "heard_at": instant(system, one.heard_s),
        "boot_info": one.boot_info,
        "power_w": power_w(one),
        "evses": [_evse(system, evse) for _, evse in sorted(one.evses.items())],
    }


def station_in_full(system: System, one: Station) -> dict[str, Any]:
    """Return a station with its policy and what the operations know of it; passwords are only counted."""
    policy = asdict(one.policy)
    policy["passwords"] = len(policy.pop("password_hashes"))
    capabilities = system.provisioning.capabilities(one.identity)
    match = system.provisioning.match(one.identity)
    set_up = system.provisioning.provisioned(one.identity)
    expires_s = system.certificates.expires_s(one.identity)
    return {
        **station(system, one),
        "policy": policy,
        "capabilities": None if capabilities is None else capabilities.as_json(),
        "quirks": None if match is None else match.as_json(),
        "settings": {"outcomes": dict(set_up.outcomes), "complaints": list(set_up.complaints)},
        "limits": {
            str(evse): None if lane.asked_w == inf else lane.asked_w
            for evse in one.evses
            if (lane := system.charging.lane(one.identity, evse)) is not None
        },
        "firmware": system.notices.latest(one.identity, "firmware"),
        "log": system.notices.latest(one.identity, "log"),
        "local_list_version": system.lists.version(one.identity),
        "certificate_expires_at": None if expires_s is None else instant(system, expires_s),
        "reservations": [reservation.id for reservation in system.reservations.held(one.identity)],
        "transactions": [one.id for one in system.core.ledger.open_of(one.identity)],
    }


def transaction(system: System, one: Transaction) -> dict[str, Any]:
    """Return a transaction."""
    energy_wh = one.energy_wh
    return {
        "station": one.station,
        "id": one.id,
        "evse": one.evse,
        "connector": one.connector,
        "token": one.token,
        "status": one.status,
        "open": one.open,
        "complete": one.complete,
        "presumed": one.presumed,
        "offline": one.offline,
        "started_at": instant(system, one.started_s),
        "ended_at": instant(system, one.ended_s),
        "meter_start_wh": one.meter_start_wh,
        "meter_stop_wh": one.meter_stop_wh,
        "energy_wh": energy_wh if isfinite(energy_wh) else None,
        "cost": system.prices.shown(one.station, one.id),
        "reason": one.reason,
        "charging_state": one.charging_state,
        "flags": one.flags,
    }


def _evse(system: System, evse: Evse) -> dict[str, Any]:
    return {
        "number": evse.number,
        "status": evse.status,
        "status_at": instant(system, evse.status_s),
        "error": evse.error,
        "transaction": evse.transaction,
        "readings": [
            {"measurand": measurand, "phase": phase, "at": instant(system, t_s), "value": value}
            for (measurand, phase), (t_s, value) in evse.readings.items()
        ],
    }
