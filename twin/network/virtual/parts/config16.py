"""Configuration keys of 1.6: GetConfiguration and ChangeConfiguration over the station's variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.variables import Access, Variable, Variables

Check: TypeAlias = Callable[[str], bool]
"""Whether a value that fits its type may be taken in the present state of the station."""

VALUE_LENGTH = 500
"""Most characters of a value in GetConfiguration.conf."""


def get_configuration(variables: Variables, payload: Payload, max_keys: int) -> Payload:
    """Answer GetConfiguration (1.6 5.8): all keys, or those asked for and which of them are unknown.

    Args:
        variables: Of the station.
        payload: The request.
        max_keys: GetConfigurationMaxKeys.

    Raises:
        Refusal: More keys were asked for than fit into one message.
    """
    wanted = payload.get("key") or []
    if len(wanted) > max_keys:
        raise Refusal(
            Code.OCCURRENCE_CONSTRAINT_VIOLATION, f"{len(wanted)} keys, GetConfigurationMaxKeys is {max_keys}"
        )
    if not wanted:
        return {"configurationKey": [_entry(variables, v) for v in variables if v.key]}
    found = {key: variables.by_key(key) for key in dict.fromkeys(wanted)}
    answer: Payload = {"configurationKey": [_entry(variables, v) for v in found.values() if v is not None]}
    unknown = [key for key, variable in found.items() if variable is None]
    if unknown:
        answer["unknownKey"] = unknown
    return answer


def _entry(variables: Variables, variable: Variable) -> Payload:
    """Describe a key; what is write only (AuthorizationKey) has no value."""
    entry: Payload = {"key": variable.key, "readonly": variable.access is Access.READ}
    if variable.access is not Access.WRITE:
        entry["value"] = variable.to16(variables.text(variable))[:VALUE_LENGTH]
    return entry


def change_configuration(variables: Variables, payload: Payload, checks: Mapping[str, Check]) -> Payload:
    """Answer ChangeConfiguration (1.6 5.3).

    Args:
        variables: Of the station.
        payload: The request.
        checks: By `Variable.name`, what more must hold.
    """
    variable = variables.by_key(payload["key"])
    if variable is None:
        return {"status": "NotSupported"}
    text = variable.from16(payload["value"].strip())
    check = checks.get(variable.name)
    if variable.access is Access.READ or (check is not None and not check(text)):
        return {"status": "Rejected"}
    try:
        at_once = variables.write(variable, text)
    except ValueError:
        return {"status": "Rejected"}
    return {"status": "Accepted" if at_once else "RebootRequired"}
