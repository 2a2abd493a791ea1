"""A station's policy as plain JSON, for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.wanted import Choices


def policy_to(policy: StationPolicy) -> dict[str, object]:
    """Return a policy as JSON; passwords are hashes already."""
    return asdict(policy)


def policy_from(body: Mapping[str, Any]) -> StationPolicy:
    """Return the policy that `policy_to` wrote; what an older version did not know has its default."""
    known = {field.name for field in fields(StationPolicy)}
    values = {name: value for name, value in body.items() if name in known}
    values["quirks"] = Quirks(**_of(Quirks, values.get("quirks", {})))
    values["flags"] = _of(Quirks, values.get("flags", {}))
    values["choices"] = Choices(**_of(Choices, values.get("choices", {})))
    for name in ("password_hashes", "evses"):
        values[name] = tuple(values.get(name, ()))
    return StationPolicy(**values)


def _of(kind: type[Quirks | Choices], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a class knows of a body; JSON knows no tuples."""
    known = {field.name for field in fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body.items()
        if name in known
    }
