"""Units, phases, defaults and broken values, as numbers one can check by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from twin.network.ocpp.csms.meter_values import REGISTER, Register, samples_2, samples_16

from .rig import Rig, looped

POWER, CURRENT, VOLTAGE = "Power.Active.Import", "Current.Import", "Voltage"


def _old(*values: dict[str, Any]) -> Any:
    (sample,) = samples_16([{"timestamp": "t", "sampledValue": list(values)}])
    return sample


def _new(*values: dict[str, Any]) -> Any:
    (sample,) = samples_2([{"timestamp": "t", "sampledValue": list(values)}])
    return sample


def test_defaults_of_16() -> None:
    """A bare value is the register in Wh, periodic, at the outlet (7.43)."""
    sample = _old({"value": "1234"})
    assert sample.values == {(REGISTER, ""): 1234.0}
    assert sample.registers == [Register(1234.0, "Sample.Periodic", "")]


@pytest.mark.parametrize(
    ("measurand", "unit", "value", "expected"),
    [
        (REGISTER, "kWh", "1.5", 1500.0),
        (POWER, "kW", "7.4", 7400.0),
        (POWER, "", "7400", 7400.0),
        (CURRENT, "A", "16.0", 16.0),
        ("Power.Reactive.Import", "kvar", "0.2", 200.0),
        ("SoC", "Percent", "80", 80.0),
        ("Frequency", "Hz", "50.01", 50.01),
        (VOLTAGE, "V", " 230,5 ", 230.5),
    ],
)
def test_units_of_16(measurand: str, unit: str, value: str, expected: float) -> None:
    """Kilo is a thousand; a decimal comma is read."""
    sample = _old({"value": value, "measurand": measurand, **({"unit": unit} if unit else {})})
    assert sample.values[measurand, ""] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        (None, 7.0, 7.0),
        ({"unit": "kWh"}, 7.0, 7000.0),
        ({"unit": "Wh", "multiplier": 3}, 7.0, 7000.0),
        ({"unit": "kWh", "multiplier": -3}, 7.0, 7.0),
        ({}, 7, 7.0),
    ],
)
def test_units_of_2x(unit: dict[str, Any] | None, value: float, expected: float) -> None:
    """The multiplier is a power of ten on top of the unit (UnitOfMeasureType)."""
    sample = _new({"value": value, **({} if unit is None else {"unitOfMeasure": unit})})
    assert sample.values[REGISTER, ""] == pytest.approx(expected)


def test_phases_are_summed_averaged_or_compared() -> None:
    """Power is a sum, voltage a mean, current the largest phase; the register of three phases is their sum."""
    values: list[dict[str, Any]] = []
    for phase, power, volt, amp, wh in (
        ("L1", 1000, 229, 4, 10),
        ("L2", 2000, 230, 8, 20),
        ("L3", 3000, 231, 12, 30),
    ):
        values += [
            {"value": power, "measurand": POWER, "phase": phase},
            {"value": volt, "measurand": VOLTAGE, "phase": f"{phase}-N"},
            {"value": amp, "measurand": CURRENT, "phase": phase},
            {"value": wh, "measurand": REGISTER, "phase": phase, "context": "Transaction.End"},
        ]
    sample = _new(*values)
    assert sample.values[POWER, ""] == 6000.0
    assert sample.values[VOLTAGE, ""] == 230.0
    assert sample.values[VOLTAGE, "L2"] == 230.0
    assert sample.values[CURRENT, ""] == 12.0
    assert sample.registers == [Register(60.0, "Transaction.End", "")]


def test_told_total_is_kept() -> None:
    """A total beside phases is believed, and the register counts once."""
    sample = _new({"value": 100}, {"value": 40, "phase": "L1"}, {"value": 61, "phase": "L2"})
    assert sample.values[REGISTER, ""] == 100.0
    assert sample.registers == [Register(100.0, "Sample.Periodic", "")]


def test_other_places_are_not_mixed_in() -> None:
    """A value at the inlet of the station is no value of the connector."""
    sample = _new({"value": 9, "location": "Inlet"}, {"value": 5})
    assert sample.values == {(f"{REGISTER}@Inlet", ""): 9.0, (REGISTER, ""): 5.0}
    assert len(sample.registers) == 1


@pytest.mark.parametrize("value", ["", "n/a", "NaN", "inf", None])
def test_what_is_no_number_is_told(value: object) -> None:
    """Broken values are left out by name; the others of the sample stay."""
    sample = _old({"value": value}, {"value": "7", "measurand": POWER})
    assert sample.values == {(POWER, ""): 7.0}
    assert sample.registers == []
    assert "is no number" in sample.odd


def test_signed_data_of_16_has_no_number() -> None:
    """Signed text is kept, not read."""
    (register,) = _old({"value": "OCMF|x", "format": "SignedData", "context": "Transaction.End"}).registers
    assert math.isnan(register.register_wh)
    assert (register.signed, register.context) == ("OCMF|x", "Transaction.End")


@looped
async def test_latest_values_and_listener() -> None:
    """The EVSE holds the latest of each value; an older sample overwrites nothing and is not told."""
    rig = Rig()
    charger = await rig.booted()
    await charger.values(900.0, 7000, measurand=POWER)
    await charger.values(800.0, 1, measurand=POWER)
    assert rig.station().evse(1).readings == {(POWER, ""): (900.0, 7000.0)}
    assert rig.samples == [("CP1", 1, 900.0, {(POWER, ""): 7000.0})]


@looped
async def test_unreadable_value_is_noted() -> None:
    """A value that is no number is told with its EVSE."""
    rig = Rig()
    charger = await rig.booted()
    await charger.values(900.0, "abc")
    assert rig.rules() == ["unreadable-value"]


@pytest.mark.parametrize(
    ("value", "unit", "celsius"),
    [
        ("25.0", "Celsius", 25.0),
        ("25.0", "Celcius", 25.0),
        ("298.15", "K", 25.0),
        ("77.0", "Fahrenheit", 25.0),
        ("25.0", None, 25.0),
    ],
)
def test_temperatures_become_celsius(value: str, unit: str | None, celsius: float) -> None:
    """25 degrees in all units and spellings of both generations; only temperatures are shifted."""
    one = {"measurand": "Temperature", "location": "Body", "value": value}
    (old,) = samples_16(
        [{"timestamp": "t", "sampledValue": [one if unit is None else {**one, "unit": unit}]}]
    )
    assert old.values["Temperature@Body", ""] == pytest.approx(celsius)
    two: dict[str, object] = {**one, "value": float(value)}
    if unit is not None:
        two["unitOfMeasure"] = {"unit": unit}
    (new,) = samples_2([{"timestamp": "t", "sampledValue": [two]}])
    assert new.values["Temperature@Body", ""] == pytest.approx(celsius)
