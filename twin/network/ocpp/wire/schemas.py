"""Validators of every message of every version, compiled when the first of its kind passes by.

The schemas are those packaged with PyPI `ocpp`; `formats.sharpen` adds what they do not say. One pass of a compiled
validator tells right from wrong in microseconds; only what is wrong is looked at again, for its reasons.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import ocpp

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import formats

_FOLDERS = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}
_UNCONFIRMED = {Version.V21: frozenset({"NotifyPeriodicEventStream"})}


class Schema:
    """What one payload must look like.

    Attributes:
        valid: (payload) to whether it is right in every detail, formats included.
        violations: (payload) to all that is wrong with it.
    """

    __slots__ = ("valid", "violations")

    def __init__(self, version: Version, schema: dict[str, Any]) -> None:
        draft = jsonschema_rs.Draft4Validator if version is Version.V16 else jsonschema_rs.Draft6Validator
        compiled = draft(schema, validate_formats=True)
        self.valid = compiled.is_valid
        self.violations = compiled.iter_errors


class Schemas(dict[str, Schema]):
    """The schemas of one version's requests or responses by action; compiled at first use.

    Raises:
        KeyError: The version has no such action.
    """

    def __init__(self, version: Version, *, response: bool) -> None:
        super().__init__()
        self._version = version
        self._response = response

    def __missing__(self, action: str) -> Schema:
        # membership first: an action is the peer's text and must not become part of a path
        if action not in self:
            raise KeyError(action)
        schema = _read(self._version, action + self._suffix(action))
        self[action] = compiled = Schema(self._version, formats.sharpen(schema, self._version))
        return compiled

    def __contains__(self, action: object) -> bool:
        if action not in actions(self._version):
            return False
        return not (self._response and action in unconfirmed(self._version))

    def _suffix(self, action: str) -> str:
        if self._response:
            return "Response"
        plain = self._version is Version.V16 or action in unconfirmed(self._version)
        return "" if plain else "Request"


def _folder(version: Version) -> Path:
    return Path(ocpp.__file__).parent / _FOLDERS[version] / "schemas"


def _read(version: Version, name: str) -> dict[str, Any]:
    return json.loads((_folder(version) / f"{name}.json").read_text("utf-8-sig"))


def unconfirmed(version: Version) -> frozenset[str]:
    """Return the actions that travel as SEND and have no answer (2.1 part 4, 4.2.5)."""
    return _UNCONFIRMED.get(version, frozenset())


@functools.cache
def actions(version: Version) -> frozenset[str]:
    """Return the names of all actions of a version, in either direction."""
    names = {path.stem for path in _folder(version).glob("*.json")}
    return frozenset(name.removesuffix("Request") for name in names if not name.endswith("Response"))


@functools.cache
def requests(version: Version) -> Schemas:
    """Return the schemas of CALL and SEND payloads."""
    return Schemas(version, response=False)


@functools.cache
def responses(version: Version) -> Schemas:
    """Return the schemas of CALLRESULT payloads."""
    return Schemas(version, response=True)


_UNTOLD = frozenset({"idTag", "parentIdTag", "idToken", "additionalIdToken", "attributeValue"})
"""Fields whose values stand in no sentence: what is found wrong with them is written to logs and sent to peers."""
_SHOWN = 240


def worded(error: jsonschema_rs.ValidationError) -> str:
    """Return in words what is wrong, without the value of a field that may be secret."""
    last = str(error.instance_path[-1]) if error.instance_path else ""
    value_of_key = last == "value" and len(error.instance_path) == 1  # of ChangeConfiguration
    if last in _UNTOLD or value_of_key or "assword" in last:
        return f"its value breaks the rule {error.kind.name}"
    return error.message if len(error.message) <= _SHOWN else error.message[:_SHOWN] + "…"


def check(schema: Schema, payload: object) -> str:
    """Return in words all that is wrong with a payload of ours; empty: nothing."""
    errors = [
        f"/{'/'.join(map(str, error.instance_path))}: {worded(error)}" for error in schema.violations(payload)
    ]
    return "; ".join(errors)
