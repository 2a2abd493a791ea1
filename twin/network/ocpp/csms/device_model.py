"""The device model of a 2.x station: components and variables, reported in parts, read and written in batches.

What a message may hold is what the station says (`DeviceDataCtrlr.ItemsPerMessage`, `BytesPerMessage`; 2.0.1 B05.FR.11,
B06.FR.05) unless the operator's policy says less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from twin.network.ocpp.csms.capabilities import Capabilities, units
from twin.network.ocpp.csms.speech import ask
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.wanted import Setting, trimmed
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut
from twin.network.ocpp.wire.link import Payload

_AT_ONCE = 1
"""Items per message where the station does not say: every station takes one."""
_FRAME_BYTES = 100
"""Around the list: message type, id, action, the list's name."""
_KILO = 1000.0
_TAKEN = frozenset({"Accepted", "RebootRequired"})


class Name(NamedTuple):
    """Where a variable stands."""

    component: str
    variable: str
    instance: str = ""
    """Of the variable."""
    evse: int = 0
    """0: not of an EVSE."""

    def __str__(self) -> str:
        text = f"{self.component}.{self.variable}"
        text = f"{text}[{self.instance}]" if self.instance else text
        return f"{text}@{self.evse}" if self.evse else text

    @classmethod
    def of(cls, text: str) -> Name:
        """Read `Component.Variable` or `Component.Variable[instance]`."""
        component, _, rest = text.partition(".")
        variable, _, instance = rest.partition("[")
        return cls(component, variable, instance.rstrip("]"))

    def wire(self) -> Payload:
        """Return component and variable as messages carry them."""
        component: Payload = {"name": self.component}
        if self.evse:
            component["evse"] = {"id": self.evse}
        variable: Payload = {"name": self.variable}
        if self.instance:
            variable["instance"] = self.instance
        return {"component": component, "variable": variable}


@dataclass(slots=True)
class Variable:
    """What is known of one variable."""

    value: str = ""
    """Attribute Actual, without quotes and spaces around it."""
    read_only: bool = False
    values: tuple[str, ...] = ()
    """Those that are possible, where the station lists them."""
    max_limit: float | None = None
    """In the unit without kilo."""


@dataclass(slots=True)
class DeviceModel:
    """The variables of one station, and what came of the writing."""

    variables: dict[Name, Variable] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    """Variable to what came of setting it: `kept`, `read-only`, or a status of SetVariables."""
    complaints: list[str] = field(default_factory=list)

    def take_report(self, report: Sequence[Payload]) -> None:
        """Note the `reportData` of NotifyReport."""
        for one in report:
            variable = self.variables.setdefault(_name(one), Variable())
            for attribute in one.get("variableAttribute") or ():
                if attribute.get("type", "Actual") == "Actual":
                    variable.value = trimmed(str(attribute.get("value", "")))
                    variable.read_only = attribute.get("mutability") == "ReadOnly"
            traits = one.get("variableCharacteristics") or {}
            variable.values = tuple(
                filter(None, map(str.strip, str(traits.get("valuesList", "")).split(",")))
            )
            limit = traits.get("maxLimit")
            kilo = _KILO if str(traits.get("unit", "")).startswith("k") else 1.0
            variable.max_limit = None if limit is None else float(limit) * kilo

    def value(self, component: str, variable: str) -> str:
        """Return the value of a variable; empty: not known."""
        found = self.variables.get(Name(component, variable))
        return "" if found is None else found.value

    def number(self, name: Name) -> float | None:
        """Return a variable as a number; None: it is none, or not known."""
        found = self.variables.get(name)
        try:
            return None if found is None else float(found.value)
        except ValueError:
            return None

    def items(self, station: Station, action: str) -> int:
        """Return how many variables a message of `action` may hold."""
        policy = station.policy.items_per_message.get(action)
        if policy:
            return policy
        told = self.number(Name("DeviceDataCtrlr", "ItemsPerMessage", action))
        return max(1, int(told)) if told else _AT_ONCE

    def room(self, action: str) -> float:
        """Return how many bytes the list in a message of `action` may have, the frame around it left out."""
        told = self.number(Name("DeviceDataCtrlr", "BytesPerMessage", action))
        return float("inf") if not told else told - _FRAME_BYTES


NEEDED = (
    *(Name("DeviceDataCtrlr", "ItemsPerMessage", action) for action in ("GetVariables", "SetVariables")),
    *(Name("DeviceDataCtrlr", "BytesPerMessage", action) for action in ("GetVariables", "SetVariables")),
    *(
        Name("SmartChargingCtrlr", variable)
        for variable in (
            "Available",
            "Enabled",
            "ProfileStackLevel",
            "RateUnit",
            "PeriodsPerSchedule",
            "Phases3to1",
        )
    ),
    Name("V2XChargingCtrlr", "Enabled"),
    Name("ChargingStation", "SupplyPhases"),
)
"""What is asked by name where a station gives no report; how much a message may hold comes first."""


async def read(station: Station, model: DeviceModel, names: Sequence[Name]) -> None:
    """Read variables by name, in batches, into `model`.

    Raises:
        LinkLost: The connection broke.
    """
    left = [name.wire() for name in names]
    while left:  # what the first answers tell of the size of messages holds for the next ones
        batch = next(_batches(left, model.items(station, "GetVariables"), model.room("GetVariables")))
        left = left[len(batch) :]
        try:
            answer = await ask(station, "GetVariables", {"getVariableData": batch})
        except (CallFailed, CallTimedOut) as error:
            model.complaints.append(f"GetVariables of {len(batch)}: {error}")
            continue
        for one in answer.get("getVariableResult") or ():
            if one.get("attributeStatus") == "Accepted":
                variable = model.variables.setdefault(_name(one), Variable())
                variable.value = trimmed(str(one.get("attributeValue", "")))


async def write(station: Station, model: DeviceModel, settings: Sequence[Setting]) -> None:
    """Set what differs, in batches; whatever comes of it is noted in `model.outcomes`.

    Raises:
        LinkLost: The connection broke.
    """
    due: list[Setting] = []
    for setting in settings:
        known = model.variables.get(Name.of(setting.name), Variable())
        wish = setting._replace(value=_possible(setting, known))
        if Name.of(setting.name) in model.variables and wish.kept(known.value):
            model.outcomes[setting.name] = "kept"
        elif known.read_only:
            model.outcomes[setting.name] = "read-only"
        else:
            due.append(wish)
    await _set(station, model, due)
    for setting in due:
        if setting.listed and model.outcomes[setting.name] == "Rejected":
            await _one_by_one(station, model, setting)


def capabilities(model: DeviceModel) -> Capabilities:
    """Return what a device model tells of a station; what it does not tell is assumed."""
    known = Capabilities()
    for name, variable, read_as in (
        ("max_stack_level", "ProfileStackLevel", ""),
        ("max_periods", "PeriodsPerSchedule", ""),
        ("max_profiles", "Entries", "ChargingProfiles"),
    ):
        where = Name("SmartChargingCtrlr", variable, read_as)
        number = model.number(where)
        entry = model.variables.get(where)
        if variable == "Entries" and entry is not None and entry.max_limit is not None:
            number = entry.max_limit  # the value counts what is installed now
        if number is not None:
            known = known.told(f"{where} = {number:g}", **{name: int(number)})
    rate_units = units(model.value("SmartChargingCtrlr", "RateUnit"))
    if rate_units:
        known = known.told("SmartChargingCtrlr.RateUnit", units=rate_units)
    for name, component, variable in (
        ("smart_charging", "SmartChargingCtrlr", "Available"),
        ("smart_charging", "SmartChargingCtrlr", "Enabled"),
        ("phase_switching", "SmartChargingCtrlr", "Phases3to1"),
        ("bidirectional", "V2XChargingCtrlr", "Enabled"),
    ):
        text = model.value(component, variable).casefold()
        if text and (name != "smart_charging" or known.smart_charging):
            known = known.told(f"{component}.{variable} = {text}", **{name: text == "true"})
    return _evses(known, model)


def _evses(known: Capabilities, model: DeviceModel) -> Capabilities:
    evses = tuple(sorted({name.evse for name in model.variables if name.component == "EVSE" and name.evse}))
    if evses:
        known = known.told("components EVSE", evses=evses)
    ratings = {
        evse: float(power.max_limit)
        for evse in evses
        if (power := model.variables.get(Name("EVSE", "Power", "", evse))) is not None and power.max_limit
    }
    if ratings:
        known = known.told("EVSE.Power maxLimit", rating_w=ratings)
    supply = [model.number(Name("ChargingStation", "SupplyPhases"))]
    supply += [model.number(Name("EVSE", "SupplyPhases", "", evse)) for evse in evses]
    phases = [int(number) for number in supply if number]
    return known.told("SupplyPhases", phases=min(3, max(phases))) if phases else known


async def _set(station: Station, model: DeviceModel, due: Sequence[Setting]) -> None:
    data = [{"attributeValue": one.value, **Name.of(one.name).wire()} for one in due]
    for batch in _batches(data, model.items(station, "SetVariables"), model.room("SetVariables")):
        try:
            answer = await ask(station, "SetVariables", {"setVariableData": batch})
        except (CallFailed, CallTimedOut) as error:
            model.complaints.append(f"SetVariables of {len(batch)}: {error}")
            answer = {}
        for one in batch:
            model.outcomes[str(_name(one))] = "failed"
        for one in answer.get("setVariableResult") or ():
            name, status = _name(one), str(one.get("attributeStatus"))
            model.outcomes[str(name)] = status
            if status in _TAKEN:
                values = {_name(sent): sent["attributeValue"] for sent in batch}
                model.variables.setdefault(name, Variable()).value = str(values.get(name, ""))


async def _one_by_one(station: Station, model: DeviceModel, setting: Setting) -> None:
    """Of a list that is refused, find out which measurands are taken, and set those (quirk 24)."""
    taken: list[str] = []
    for measurand in setting.value.split(","):
        await _set(station, model, [setting._replace(value=measurand)])
        if model.outcomes[setting.name] in _TAKEN:
            taken.append(measurand)
    if taken:
        await _set(station, model, [setting._replace(value=",".join(taken))])
        left_out = [one for one in setting.value.split(",") if one not in taken]
        model.complaints.append(f"{setting.name}: {', '.join(left_out) or 'nothing'} left out")


def _possible(setting: Setting, known: Variable) -> str:
    """Leave out of a list what the station does not list among the possible values."""
    if not setting.listed or not known.values:
        return setting.value
    return ",".join(one for one in setting.value.split(",") if one in known.values)


def _batches(data: Sequence[Payload], items: int, room: float) -> Iterator[list[Payload]]:
    """Cut a list so that no part has more than `items` entries or `room` bytes; an entry alone may have more."""
    batch: list[Payload] = []
    for one in data:
        if batch and (len(batch) >= items or len(orjson.dumps([*batch, one])) > room):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _name(one: dict[str, Any]) -> Name:
    component, variable = one["component"], one["variable"]
    return Name(
        str(component["name"]),
        str(variable["name"]),
        str(variable.get("instance", "")),
        int((component.get("evse") or {}).get("id", 0)),
    )
