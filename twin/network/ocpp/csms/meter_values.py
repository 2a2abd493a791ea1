"""Meter values of 1.6 and 2.x as numbers in W, Wh, A, V and %, whatever the station writes.

Defaults of both versions: measurand Energy.Active.Import.Register, context Sample.Periodic, location Outlet, unit Wh
where energy is counted. Phases: `L1` and `L1-N` are the same; a voltage between lines is divided by sqrt(3); `N` never
stands for the whole. Where a station tells phases and no total, the total (phase ``) is the sum of powers and
energies, the mean of voltages, and the largest of currents, which is the one that a limit is held against (quirk 37).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from twin.network.ocpp.wire.link import Payload

REGISTER = "Energy.Active.Import.Register"
PERIODIC = "Sample.Periodic"
TOTAL = ""
Values: TypeAlias = dict[tuple[str, str], float]
"""(measurand, phase) to W, Wh, A, V, var, varh, VA, %, Hz or Celsius."""

_UNITS = {
    "": 1.0,
    "wh": 1.0,
    "kwh": 1000.0,
    "w": 1.0,
    "kw": 1000.0,
    "varh": 1.0,
    "kvarh": 1000.0,
    "vah": 1.0,
    "kvah": 1000.0,
    "va": 1.0,
    "kva": 1000.0,
    "var": 1.0,
    "kvar": 1000.0,
    "a": 1.0,
    "ma": 0.001,
    "v": 1.0,
    "mv": 0.001,
    "kv": 1000.0,
    "mwh": 1e6,
    "mw": 1e6,
}
_KELVIN, _FAHRENHEIT = -273.15, 32.0
_OFFSETS = {
    "k": (1.0, _KELVIN),
    "kelvin": (1.0, _KELVIN),
    "fahrenheit": (5.0 / 9.0, -_FAHRENHEIT * 5.0 / 9.0),
}
"""Units of temperature, as factor and offset to Celsius (also spelt `Celcius`: 1.6 errata)."""
_PHASES = {"L1": "L1", "L2": "L2", "L3": "L3", "L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}
_BETWEEN = {"L1-L2": "L1", "L2-L3": "L2", "L3-L1": "L3"}
_MEANS = ("Voltage", "Power.Factor", "Frequency", "Temperature", "SoC", "RPM")


class Register(NamedTuple):
    """A reading of the billing register, or a signed value."""

    register_wh: float
    """NaN: only the signed text holds it."""
    context: str
    signed: str
    """Verbatim; empty: not signed."""


class Sample(NamedTuple):
    """What a station measured at one instant."""

    timestamp: str
    """As it stood on the wire; empty: absent."""
    values: Values
    registers: list[Register]
    odd: str
    """What could not be read; empty: nothing."""


class _Rule(NamedTuple):
    """How one kind of sampled value is read."""

    measurand: str
    phase: str
    factor: float
    register: bool
    """Whether it is the billing register of the whole connector."""
    offset: float = 0.0
    """Added after the factor: temperatures."""


_RULES: dict[tuple[Any, ...], _Rule] = {}
"""Seen kinds: a fleet has a few dozen of them, and each is met a million times."""
_MOST_RULES = 10_000


def samples_16(meter_value: Iterable[Payload]) -> list[Sample]:
    """Read `meterValue` of MeterValues or `transactionData` of StopTransaction (OCPP 1.6, 7.32 and 7.43)."""
    return [_sample(entry, _value_16) for entry in meter_value]


def samples_2(meter_value: Iterable[Payload]) -> list[Sample]:
    """Read `meterValue` of TransactionEvent or MeterValues (OCPP 2.x, MeterValueType)."""
    return [_sample(entry, _value_2) for entry in meter_value]


def _sample(entry: Payload, read: Callable[[Payload, Values, list[Register]], str]) -> Sample:
    values: Values = {}
    registers: list[Register] = []
    odd = ""
    sampled = entry.get("sampledValue") or ()
    for one in (sampled,) if isinstance(sampled, dict) else sampled:
        odd = read(one, values, registers) or odd
    if any(phase for _, phase in values):
        _totals(values, registers, sampled)
    return Sample(entry.get("timestamp") or "", values, registers, odd)


def _value_16(one: Payload, values: Values, registers: list[Register]) -> str:
    get = one.get
    if get("format") == "SignedData":
        registers.append(Register(math.nan, get("context") or PERIODIC, str(one.get("value", ""))))
        return ""
    key = (get("measurand"), get("phase"), get("unit"), get("location"))
    rule = _RULES.get(key) or _learn(key, 0)
    try:
        value = float(one["value"]) * rule.factor
    except (KeyError, TypeError, ValueError):
        value = _number(one.get("value")) * rule.factor
    if not math.isfinite(value):
        return f"{rule.measurand}: {one.get('value')!r} is no number"
    values[rule.measurand, rule.phase] = value + rule.offset
    if rule.register:
        registers.append(Register(value, get("context") or PERIODIC, ""))
    return ""


def _value_2(one: Payload, values: Values, registers: list[Register]) -> str:
    get = one.get
    unit = get("unitOfMeasure")
    if unit is None:
        key: tuple[Any, ...] = (get("measurand"), get("phase"), None, get("location"), 0)
        rule = _RULES.get(key) or _learn(key, 0)
    else:
        power = unit.get("multiplier") or 0
        key = (get("measurand"), get("phase"), unit.get("unit"), get("location"), power)
        rule = _RULES.get(key) or _learn(key, power)
    value = get("value")
    value = value * rule.factor if isinstance(value, int | float) else _number(value) * rule.factor
    if not math.isfinite(value):
        return f"{rule.measurand}: {get('value')!r} is no number"
    values[rule.measurand, rule.phase] = value + rule.offset
    if rule.register:
        signed = get("signedMeterValue")
        text = "" if signed is None else json.dumps(signed, ensure_ascii=False)
        registers.append(Register(value, get("context") or PERIODIC, text))
    return ""


def _learn(key: tuple[Any, ...], power: int) -> _Rule:
    """Work out the rule of a kind of sampled value, and remember it."""
    measurand, tag, unit, location = key[0] or REGISTER, key[1] or "", key[2] or "", key[3] or "Outlet"
    factor = _UNITS.get(str(unit).strip().lower(), 1.0) * 10.0 ** max(-12, min(12, int(power)))
    offset = 0.0
    if measurand == "Temperature":
        scale, offset = _OFFSETS.get(str(unit).strip().lower(), (1.0, 0.0))
        factor *= scale
    phase = _PHASES.get(tag, tag)
    if tag in _BETWEEN:
        phase, factor = (_BETWEEN[tag], factor / math.sqrt(3.0)) if measurand == "Voltage" else ("", factor)
    if location != "Outlet" and measurand != "SoC":
        measurand = f"{measurand}@{location}"  # another place than the connector: never mixed with it
    rule = _Rule(measurand, phase, factor, measurand == REGISTER and phase == TOTAL, offset)
    if len(_RULES) < _MOST_RULES:  # what comes from outside must not fill the memory
        _RULES[key] = rule
    return rule


def _totals(values: Values, registers: list[Register], sampled: Any) -> None:
    """Add the totals of measurands that were told by phase only."""
    parts: dict[str, list[float]] = {}
    for (measurand, phase), value in values.items():
        if phase in ("L1", "L2", "L3"):
            parts.setdefault(measurand, []).append(value)
    for measurand, of_phases in parts.items():
        if (measurand, TOTAL) in values:
            continue
        if measurand.startswith(_MEANS):
            total = sum(of_phases) / len(of_phases)
        elif measurand.startswith("Current"):
            total = max(of_phases)
        else:
            total = sum(of_phases)
        values[measurand, TOTAL] = total
        if measurand == REGISTER:
            contexts = (
                one.get("context") for one in sampled if (one.get("measurand") or REGISTER) == REGISTER
            )
            registers.append(Register(total, next(contexts, None) or PERIODIC, ""))


def _number(value: object) -> float:
    """Read what should be a number; NaN: it is none."""
    if isinstance(value, str):
        try:
            return float(value.strip().replace(",", "."))
        except ValueError:
            return math.nan
    return math.nan
