"""What the schemas of OCPP leave unsaid: ranges, and the alphabet of identifiers.

`sharpen` writes it into a schema before that is compiled, so that a check costs no second pass. `date-time` and
`uri` are in the schemas already; the compiled validators check them as RFC 3339 and RFC 3986. NaN and infinities are
no JSON and are refused by the parser; in payloads of ours they are no number to the validator.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from twin.network.ocpp.versions import Version

IDENTIFIER = r"^[a-zA-Z0-9*\-_=:+|@.]*$"
"""identifierString of 2.x (part 2, primitive data types)."""

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
"""What an integer may be: OCPP says 32 bits, real chargers send 64; beyond, JSON itself has no agreement."""
_AT_LEAST_0 = MappingProxyType({"minimum": 0})
_IDENTIFIER = MappingProxyType({"pattern": IDENTIFIER})

_Rules: TypeAlias = Mapping[str, Mapping[str, object]]

_ALL: _Rules = {
    "connectorId": _AT_LEAST_0,
    "evseId": _AT_LEAST_0,
    "stackLevel": _AT_LEAST_0,
    "startPeriod": _AT_LEAST_0,
}
_TWO: _Rules = {**_ALL, "seqNo": _AT_LEAST_0, "transactionId": _IDENTIFIER}
_PHASES: Mapping[str, object] = MappingProxyType({"minimum": 1, "maximum": 3})
_RULES: Mapping[Version, _Rules] = {
    Version.V16: {**_ALL, "numberPhases": _PHASES},
    Version.V201: {**_TWO, "idToken": _IDENTIFIER, "numberPhases": _PHASES},
    Version.V21: {**_TWO, "numberPhases": MappingProxyType({"minimum": 0, "maximum": 3})},
}
"""Keywords by the name of a property, wherever it stands with a type they speak of."""

_TYPES = {"minimum": ("integer", "number"), "maximum": ("integer", "number"), "pattern": ("string",)}


def sharpen(schema: dict[str, Any], version: Version) -> dict[str, Any]:
    """Return a schema with the ranges and alphabets of its version added; what it says already stays."""
    rules = _RULES[version]
    for name, sub in schema.get("properties", {}).items():
        for keyword, value in rules.get(name, {}).items():
            if sub.get("type") in _TYPES[keyword]:
                sub.setdefault(keyword, value)
        if sub.get("type") == "integer":
            sub.setdefault("minimum", INTEGER_MIN)
            sub.setdefault("maximum", INTEGER_MAX)
    for sub in _below(schema):
        sharpen(sub, version)
    return schema


def _below(schema: dict[str, Any]) -> list[dict[str, Any]]:
    subs = [*schema.get("properties", {}).values(), *schema.get("definitions", {}).values()]
    items = schema.get("items")
    return [*subs, items] if isinstance(items, dict) else subs
