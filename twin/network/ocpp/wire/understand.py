"""A payload that its schema refuses: what is left of it, what is told, what is answered."""

from __future__ import annotations

from typing import Any, NamedTuple

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import codes, schemas
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Payload
from twin.network.ocpp.wire.recorder import Recorder
from twin.network.ocpp.wire.schemas import Schema
from twin.network.ocpp.wire.tolerant import Fate, Finding, inspect, repair

_RULES = {
    "format": "date-time",
    "maxLength": "length",
    "minimum": "range",
    "maximum": "range",
    "pattern": "identifier",
}
"""Names of rules by keyword, where `schema` says too little."""


class Understood(NamedTuple):
    """A payload after a second look."""

    payload: Payload
    refusal: Refusal | None
    """Why it cannot be used; None: it can."""
    fault: str
    """All findings, for the trace."""


def understand(
    schema: Schema,
    payload: Any,
    *,
    version: Version,
    strict: bool,
    recorder: Recorder,
    action: str,
    message_id: str,
    response: bool = False,
) -> Understood:
    """Take what can be taken; tell every finding.

    Args:
        schema: Which `payload` does not fit.
        payload: As it came; repaired in place.
        version: Of the connection.
        strict: Repair nothing.
        recorder: Told.
        action: Of the message.
        message_id: Of the message.
        response: Whether it is an answer.
    """
    if payload is None and schema.valid({}):  # 1.6J 4.2.1: null where nothing is to be said
        return Understood({}, None, "")
    other = speaks(
        action, payload, version, response=response
    )  # before a repair drops what the other one needs
    usable = isinstance(payload, dict) and not strict
    findings = repair(schema, payload) if usable else inspect(schema, payload)
    standing = [finding for finding in findings if finding.fate is Fate.STANDS]
    for finding in findings:
        rule = _RULES.get(finding.keyword, "schema")
        detail = f"{finding.path}: {finding.detail}"
        recorder.deviates(rule, detail, action=action, message_id=message_id, tolerated=not standing)
    if standing and other is not None:
        detail = f"this is how {other.number} says it"
        recorder.deviates("other-version", detail, action=action, message_id=message_id)
    fault = "; ".join(f"{finding.path}: {finding.detail}" for finding in findings)
    return Understood(payload, _refusal(standing, version) if standing else None, fault)


def speaks(action: str, payload: Any, version: Version, *, response: bool = False) -> Version | None:
    """Return another version in which a message would be right, None if there is none."""
    for other in Version:
        kind = schemas.responses(other) if response else schemas.requests(other)
        if other is not version and action in kind and kind[action].valid(payload):
            return other
    return None


def _refusal(standing: list[Finding], version: Version) -> Refusal:
    first = standing[0]
    details = {"path": first.path, "violations": len(standing)}
    return Refusal(codes.of_keyword(first.keyword, version), first.detail, details)


def unknown(action: str, payload: Any, version: Version, recorder: Recorder, message_id: str) -> Refusal:
    """Tell of an action that the version does not have, and return what it is answered."""
    other = speaks(action, payload, version)
    detail = action[:50] if other is None else f"{action}: this is how {other.number} says it"
    rule = "unknown-action" if other is None else "other-version"
    recorder.deviates(rule, detail, message_id=message_id)
    return Refusal(Code.NOT_IMPLEMENTED, f"no action of {version.number}")
