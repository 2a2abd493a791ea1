"""The device model of 2.x: GetVariables, SetVariables, and what a report says of a variable.

Names of components and variables are compared without regard to case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.variables import Access, Kind, Variable, Variables

Check = Callable[[str], bool]
ACTUAL = "Actual"
_LISTS = (Kind.OPTION, Kind.SEQUENCE, Kind.MEMBERS)


def component_of(variable: Variable) -> Payload:
    """Return the ComponentType of a variable."""
    component: Payload = {"name": variable.component}
    if variable.component_instance:
        component["instance"] = variable.component_instance
    if variable.evse:
        component["evse"] = {"id": variable.evse}
        if variable.connector:
            component["evse"]["connectorId"] = variable.connector
    return component


def variable_of(variable: Variable) -> Payload:
    """Return the VariableType of a variable."""
    named: Payload = {"name": variable.variable}
    if variable.instance:
        named["instance"] = variable.instance
    return named


def _key(component: Mapping[str, Any]) -> tuple[str, str, int, int]:
    evse = component.get("evse") or {}
    return (
        component["name"].casefold(),
        component.get("instance", "").casefold(),
        evse.get("id", 0),
        evse.get("connectorId", 0),
    )


def _own_key(variable: Variable) -> tuple[str, str, int, int]:
    return (
        variable.component.casefold(),
        variable.component_instance.casefold(),
        variable.evse,
        variable.connector,
    )


def find(variables: Variables, item: Payload) -> Variable | str:
    """Return the variable that `component` and `variable` of an item name.

    Returns:
        The variable, or `UnknownComponent` or `UnknownVariable` where there is none.
    """
    component, wanted = item["component"], item["variable"]
    name, instance, evse, connector = _key(component)
    exact = Variable(
        component=component["name"],
        component_instance=component.get("instance", ""),
        evse=evse,
        connector=connector,
        variable=wanted["name"],
        instance=wanted.get("instance", ""),
    )
    hit = variables.by_name(exact.name)
    if hit is not None:
        return hit
    there = [v for v in variables if _own_key(v) == (name, instance, evse, connector)]
    named = (wanted["name"].casefold(), wanted.get("instance", "").casefold())
    for variable in there:
        if (variable.variable.casefold(), variable.instance.casefold()) == named:
            return variable
    return "UnknownVariable" if there else "UnknownComponent"


def get_variable(variables: Variables, item: Payload) -> Payload:
    """Answer one item of GetVariables (2.x B06)."""
    result: Payload = {"component": item["component"], "variable": item["variable"]}
    if "attributeType" in item:
        result["attributeType"] = item["attributeType"]
    found = find(variables, item)
    if isinstance(found, str):
        return {"attributeStatus": found, **result}
    if item.get("attributeType", ACTUAL) != ACTUAL:
        return {"attributeStatus": "NotSupportedAttributeType", **result}
    if found.access is Access.WRITE:
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "WriteOnly"}, **result}
    return {"attributeStatus": "Accepted", "attributeValue": variables.text(found), **result}


def set_variable(variables: Variables, item: Payload, checks: Mapping[str, Check]) -> Payload:
    """Answer one item of SetVariables (2.x B05).

    Args:
        variables: Of the station.
        item: SetVariableDataType.
        checks: By `Variable.name`, what more must hold than the type.
    """
    result: Payload = {"component": item["component"], "variable": item["variable"]}
    if "attributeType" in item:
        result["attributeType"] = item["attributeType"]
    found = find(variables, item)
    if isinstance(found, str):
        return {"attributeStatus": found, **result}
    if item.get("attributeType", ACTUAL) != ACTUAL:
        return {"attributeStatus": "NotSupportedAttributeType", **result}
    return {**_write(variables, found, item["attributeValue"], checks), **result}


def _write(variables: Variables, variable: Variable, text: str, checks: Mapping[str, Check]) -> Payload:
    if variable.access is Access.READ:
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "ReadOnly"}}
    check = checks.get(variable.name)
    if check is not None and not check(text):
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "InvalidValue"}}
    try:
        at_once = variables.write(variable, text)
    except ValueError as error:
        info = {"reasonCode": "InvalidValue", "additionalInfo": str(error)[:512]}
        return {"attributeStatus": "Rejected", "attributeStatusInfo": info}
    return {"attributeStatus": "Accepted" if at_once else "RebootRequired"}


def report_of(variables: Variables, variable: Variable) -> Payload:
    """Return the ReportDataType of a variable: its value, who may change it, what it may be."""
    attribute: Payload = {
        "type": ACTUAL,
        "mutability": variable.access.value,
        "persistent": variable.persistent,
        "constant": variable.constant,
    }
    if variable.access is not Access.WRITE:
        attribute["value"] = variables.text(variable)
    return {
        "component": component_of(variable),
        "variable": variable_of(variable),
        "variableAttribute": [attribute],
        "variableCharacteristics": _characteristics(variable),
    }


def _characteristics(variable: Variable) -> Payload:
    what: Payload = {"dataType": variable.kind.value, "supportsMonitoring": variable.monitored}
    if variable.unit:
        what["unit"] = variable.unit
    if math.isfinite(variable.low):
        what["minLimit"] = variable.low
    if math.isfinite(variable.high):
        what["maxLimit"] = variable.high
    if variable.values and variable.kind in _LISTS:
        what["valuesList"] = ",".join(variable.values)[:1000]
    return what
