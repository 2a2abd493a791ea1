"""Which variables a report of 2.x holds, and how it is cut into NotifyReport messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.device_model import report_of
from twin.network.virtual.variables import Access, Variable, Variables

ITEMS_PER_PART = 25
"""ReportData in one NotifyReport."""
_SUMMARY = ("AvailabilityState", "Available", "Problem", "Enabled", "Active", "Fallback")
"""What an operator wants to know at a glance (2.x B07)."""
_UNLESS_SAID = ("Active", "Available", "Enabled")
"""Criteria that a component without such a variable fulfils; Problem must be there and true."""


def base(variables: Variables, which: str) -> list[Variable] | None:
    """Return what a GetBaseReport asks for (2.x B07); None: no such report."""
    if which == "FullInventory":
        return list(variables)
    if which == "ConfigurationInventory":
        return [v for v in variables if v.access is not Access.READ]
    if which == "SummaryInventory":
        return [v for v in variables if v.variable in _SUMMARY]
    return None


def chosen(variables: Variables, payload: Payload) -> list[Variable]:
    """Return what a GetReport asks for (2.x B08): components and variables named, of components that fulfil
    one of the criteria. What is not said of a component or variable (EVSE, instance) matches all.
    """
    named: Sequence[Any] = payload.get("componentVariable") or ()
    criteria: Sequence[str] = payload.get("componentCriteria") or ()
    picked = [v for v in variables if not named or any(matches(v, one) for one in named)]
    if not criteria:
        return picked
    states = _states(variables)
    return [v for v in picked if any(_fulfils(states.get(_place(v), {}), one) for one in criteria)]


def matches(variable: Variable, wanted: Payload) -> bool:
    """Whether a variable is what a ComponentVariableType names; what that does not say matches all."""
    component, named = wanted["component"], wanted.get("variable")
    evse = component.get("evse")
    return (
        variable.component.casefold() == component["name"].casefold()
        and _same(variable.component_instance, component.get("instance"))
        and (evse is None or variable.evse == evse["id"])
        and (evse is None or evse.get("connectorId") in {None, variable.connector})
        and (named is None or variable.variable.casefold() == named["name"].casefold())
        and (named is None or _same(variable.instance, named.get("instance")))
    )


def _same(own: str, wanted: str | None) -> bool:
    return wanted is None or own.casefold() == wanted.casefold()


def _place(variable: Variable) -> tuple[str, str, int, int]:
    return variable.component, variable.component_instance, variable.evse, variable.connector


def _states(variables: Variables) -> dict[tuple[str, str, int, int], dict[str, str]]:
    found: dict[tuple[str, str, int, int], dict[str, str]] = {}
    for variable in variables:
        if variable.variable in {*_UNLESS_SAID, "Problem"}:
            found.setdefault(_place(variable), {})[variable.variable] = variables.text(variable)
    return found


def _fulfils(state: dict[str, str], criterion: str) -> bool:
    return state.get(criterion, "true" if criterion in _UNLESS_SAID else "false") == "true"


def parts(
    variables: Variables, picked: Sequence[Variable], request_id: int, generated_at: str
) -> Iterator[Payload]:
    """Cut a report into NotifyReport messages: `seqNo` from 0, `tbc` true but in the last (2.x B07.FR.04).

    Args:
        variables: Of the station; values are read when a part is made.
        picked: What the report holds, at least one.
        request_id: Of the request.
        generated_at: Instant as on the wire.
    """
    for number, first in enumerate(range(0, len(picked), ITEMS_PER_PART)):
        some = picked[first : first + ITEMS_PER_PART]
        yield {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": number,
            "tbc": first + ITEMS_PER_PART < len(picked),
            "reportData": [report_of(variables, variable) for variable in some],
        }
