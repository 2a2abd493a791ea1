"""A station's policy as plain JSON, for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import StationPolicy


def policy_to(policy: StationPolicy) -> dict[str, object]:
    """Return a policy as JSON; passwords are hashes already."""
    return asdict(policy)


def policy_from(body: Mapping[str, Any]) -> StationPolicy:
    """Return the policy that `policy_to` wrote; what an older version did not know has its default."""
    known = {field.name for field in fields(StationPolicy)}
    values = {name: value for name, value in body.items() if name in known}
    quirks = {field.name for field in fields(Quirks)}
    flags: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in dict(values.get("quirks", {})).items()
        if name in quirks
    }
    values["quirks"] = Quirks(**flags)
    for name in ("password_hashes", "evses"):
        values[name] = tuple(values.get(name, ()))
    return StationPolicy(**values)
