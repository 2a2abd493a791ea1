"""What the journal holds of a lane: wishes, what stations accepted, whose transaction it was for, what was paused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf, isinf
from typing import Any, cast

from twin.domain.journal import Entry, Journal
from twin.network.ocpp.csms.lanes import Installed, Lane, Place, Stage
from twin.network.ocpp.csms.limits import Grammar, Limit
from twin.network.ocpp.profiles.from_wire import profile_from_wire, profile_to_wire
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Purpose
from twin.network.ocpp.versions import Version

WISHED = "charging.wished"
ACCEPTED = "charging.accepted"
CLEARED = "charging.cleared"
TRANSACTION = "charging.transaction"
PAUSED = "charging.paused"
_UNBOUNDED = ("limit_w", "valid_until_s", "fallback_w")
_WIRE = Version.V21  # it can say whatever the older ones can


def note_wish(journal: Journal, lane: Lane) -> None:
    """Enter a lane's wish in the place of the one before."""
    _enter(journal, lane, WISHED, WISHED, wished(lane))


def note_accepted(journal: Journal, lane: Lane, installed: Installed, epoch_ns: int) -> None:
    """Enter a profile that was accepted, in the place of what stood at its place before."""
    _enter(journal, lane, ACCEPTED, _slot(installed.profile), accepted(lane, installed, epoch_ns))


def _enter(journal: Journal, lane: Lane, kind: str, slot: str, body: Mapping[str, object]) -> None:
    """Append, and drop what it makes worthless: both are written together, or the older one stays a while."""
    number = journal.append(lane.identity, kind, body)
    before = lane.entries.get(slot, 0)
    if before and number:
        journal.replace([number, before], lane.identity, kind, body)
    lane.entries[slot] = number


def _slot(profile: ChargingProfile) -> str:
    return f"{profile.purpose.value} {profile.stack_level}"


def wished(lane: Lane) -> dict[str, object]:
    """Return a lane's wish; what has no bound is null."""
    wish = lane.wish
    return {
        "evse": lane.evse,
        "limit_w": _finite(wish.limit_w),
        "discharge_w": wish.discharge_w,
        "setpoint_w": wish.setpoint_w,
        "phases": wish.phases,
        "valid_until_s": _finite(wish.valid_until_s),
        "fallback_w": _finite(wish.fallback_w),
    }


def accepted(lane: Lane, installed: Installed, epoch_ns: int) -> dict[str, object]:
    """Return a profile that the lane's station accepted."""
    return {
        "evse": lane.evse,
        "at": installed.profile.evse,
        "profile": profile_to_wire(_WIRE, installed.profile, epoch_ns),
        "phases": installed.grammar.phases,
        "voltage_v": installed.grammar.voltage_v,
        "allows_w": _finite(installed.allows_w),
        "since_s": installed.since_s,
    }


def cleared(lane: Lane, places: Iterable[Place]) -> dict[str, object]:
    """Return what was cleared."""
    return {"evse": lane.evse, "places": [[purpose.value, level] for purpose, level in places]}


def restore(lane: Lane, entry: Entry, epoch_ns: int) -> None:
    """Give a lane back what an entry says."""
    kind, body = entry.kind, cast("Mapping[str, Any]", entry.body)
    if kind == WISHED:
        lane.wish, lane.stage = _limit(body), Stage.ASKED
        lane.entries[WISHED] = entry.number
    elif kind == ACCEPTED:
        lane.entries[_slot(_install(lane, body, epoch_ns))] = entry.number
    elif kind == CLEARED:
        for purpose, level in body["places"]:
            lane.installed.pop((Purpose(purpose), level), None)
    elif kind == TRANSACTION:
        lane.change_transaction(body["id"], body["since_s"])
    elif kind == PAUSED:
        lane.stopped, lane.paused_token = body["transaction"], body["token"]


def _install(lane: Lane, body: Mapping[str, Any], epoch_ns: int) -> ChargingProfile:
    profile = profile_from_wire(
        _WIRE, body["profile"], epoch_ns=epoch_ns, evse=body["at"], received_s=body["since_s"]
    )
    allows_w = inf if body["allows_w"] is None else float(body["allows_w"])
    expires_s = inf if profile.valid_to_s is None else profile.valid_to_s
    place = (profile.purpose, profile.stack_level)
    grammar = Grammar(
        unit=profile.schedule.unit,
        phases=body["phases"],
        voltage_v=body["voltage_v"],
        relative=profile.kind is Kind.RELATIVE,
    )
    lane.installed[place] = Installed(profile, grammar, allows_w, body["since_s"], expires_s)
    return profile


def _limit(body: Mapping[str, Any]) -> Limit:
    values = {name: value for name, value in body.items() if name != "evse"}
    for name in _UNBOUNDED:
        if values[name] is None:
            values[name] = inf
    return Limit(**values)


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
