"""What is wrong with a payload, and what can be made of it all the same.

Each violation of a schema is repaired where the meaning is plain, kept where nobody is misled by it, and otherwise
left standing, in which case the message cannot be taken. Every finding is reported, whatever became of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import orjson
from jsonschema_rs import Draft6Validator, ValidationError

from twin.network.ocpp.wire.formats import INTEGER_MAX, INTEGER_MIN
from twin.network.ocpp.wire.link import Payload
from twin.network.ocpp.wire.schemas import Schema, worded

_PASSES = 4
"""A repair can uncover the next violation: a number that was text is checked for its range afterwards."""


class Fate(Enum):
    """What became of a violation."""

    REPAIRED = "repaired"
    KEPT = "kept"
    STANDS = "stands"


class Finding(NamedTuple):
    """One violation."""

    keyword: str
    """Of the schema: `required`, `enum`, `format`, …"""
    path: str
    """`/meterValue/0/timestamp`."""
    detail: str
    fate: Fate


class Place(NamedTuple):
    """Where a value stands: in `holder[key]`."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.holder[self.key]

    def put(self, value: object) -> None:
        """Replace it."""
        self.holder[self.key] = value


def inspect(schema: Schema, payload: object) -> list[Finding]:
    """Return all that is wrong; nothing is changed."""
    return [_finding(error, Fate.STANDS) for error in schema.violations(payload)]


def repair(schema: Schema, payload: Payload) -> list[Finding]:
    """Make of a payload, in place, what its schema takes.

    Returns:
        All findings. The payload can be used if none of them `STANDS`.
    """
    root = {"": payload}
    found: list[Finding] = []
    kept: set[tuple[str, str]] = set()
    for _ in range(_PASSES):
        changed = False
        standing: list[Finding] = []
        for error in list(schema.violations(payload)):
            fate = _mend(error, _place(root, error.instance_path))
            finding = _finding(error, fate)
            changed |= fate is Fate.REPAIRED
            if fate is Fate.STANDS:
                standing.append(finding)
            elif fate is Fate.REPAIRED or (finding.path, finding.keyword) not in kept:
                found.append(finding)
                kept.add((finding.path, finding.keyword))
        if not changed:
            break
    return found + standing


def _place(root: dict[str, Payload], path: list[str | int]) -> Place:
    holder: Any = root
    key: str | int = ""
    for step in path:
        holder, key = holder[key], step
    return Place(holder, key)


def _finding(error: ValidationError, fate: Fate) -> Finding:
    path = "/" + "/".join(str(step) for step in error.instance_path)
    return Finding(error.kind.name, path, worded(error), fate)


def _mend(error: ValidationError, place: Place) -> Fate:
    mender = _MENDERS.get(error.kind.name)
    return Fate.STANDS if mender is None else mender(error, place)


def _of(error: ValidationError, key: str) -> Any:
    return error.kind.as_dict()[key]


def _drop_extras(error: ValidationError, place: Place) -> Fate:
    for key in _of(error, "unexpected"):
        del place.value[key]
    return Fate.REPAIRED


def _enum(error: ValidationError, place: Place) -> Fate:
    value = place.value
    if not isinstance(value, str):
        return Fate.STANDS
    wanted = value.strip().lower()
    for option in _of(error, "options"):
        if isinstance(option, str) and option.lower() == wanted:
            place.put(option)
            return Fate.REPAIRED
    return Fate.KEPT


def _shorten(error: ValidationError, place: Place) -> Fate:
    place.put(place.value[: _of(error, "limit")])
    return Fate.REPAIRED


def _keep(_error: ValidationError, _place: Place) -> Fate:
    return Fate.KEPT


def _keep_number(_error: ValidationError, place: Place) -> Fate:
    """A number out of its range is kept; one that no 64 bits hold would be refused by everything it is handed to."""
    return Fate.KEPT if INTEGER_MIN <= place.value <= INTEGER_MAX else Fate.STANDS


_INSTANT = Draft6Validator({"format": "date-time"}, validate_formats=True)
_NO_COLON = re.compile(r"([+-]\d\d)(\d\d)$")


def _format(error: ValidationError, place: Place) -> Fate:
    if _of(error, "format") != "date-time":
        return Fate.KEPT
    value = place.value.strip().replace(" ", "T", 1)
    value = _NO_COLON.sub(r"\1:\2", value)
    if _INSTANT.is_valid(value):
        place.put(value)
        return Fate.REPAIRED
    if _INSTANT.is_valid(value + "Z"):  # no offset: local time, and only who knows the clock's skew can tell
        place.put(value)
        return Fate.KEPT
    return Fate.STANDS


def _round(error: ValidationError, place: Place) -> Fate:
    step = _of(error, "multiple_of")
    place.put(round(round(place.value / step) * step, 9))
    return Fate.REPAIRED


def _retype(error: ValidationError, place: Place) -> Fate:
    for wanted in _of(error, "types"):
        made = _MAKERS[wanted](place.value) if wanted in _MAKERS else None
        if made is not None:
            place.put(made)
            return Fate.REPAIRED
    return Fate.STANDS


def _as_integer(value: object) -> int | None:
    number = _as_number(value)
    return None if number is None else round(number)


def _as_number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _as_string(value: object) -> str | None:
    if isinstance(value, bool | int | float | dict | list):
        return orjson.dumps(value).decode()
    return None


def _as_boolean(value: object) -> bool | None:
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


_MAKERS: dict[str, Callable[[object], object]] = {
    "integer": _as_integer,
    "number": _as_number,
    "string": _as_string,
    "boolean": _as_boolean,
}
_MENDERS: dict[str, Callable[[ValidationError, Place], Fate]] = {
    "additionalProperties": _drop_extras,
    "enum": _enum,
    "maxLength": _shorten,
    "format": _format,
    "multipleOf": _round,
    "type": _retype,
    "pattern": _keep,
    "minimum": _keep_number,
    "maximum": _keep_number,
    "maxItems": _keep,
}
