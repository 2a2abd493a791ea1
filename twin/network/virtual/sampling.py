"""Sampled values: what the meter shows, as each version writes it.

What a set of measurands looks like is worked out once; a sample then fills in numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from twin.domain.specs import EvseSpec
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.settings import StationSettings
from twin.world.stations.simulated import Sample

BEGIN, PERIODIC, CLOCK, END, TRIGGER = (
    "Transaction.Begin", "Sample.Periodic", "Sample.Clock", "Transaction.End", "Trigger",
)  # fmt: skip
"""Reading contexts, spelled alike in all versions."""


class _Kind(NamedTuple):
    """How a measurand is written."""

    unit: str
    digits: int
    """Behind the point."""
    first: int
    """Where its number stands among those of `Meter._numbers`; the phases' follow."""
    phased: bool = False
    """Whether it is told per phase where no phase was asked for."""
    location: str = "Outlet"


_REGISTER, _POWER, _SOC, _OFFERED_W, _OFFERED_A, _HERTZ, _FACTOR, _VOLT, _AMPS, _WATTS = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 11,
)  # fmt: skip
_KINDS = {
    "Energy.Active.Import.Register": _Kind("Wh", 0, _REGISTER),
    "Power.Active.Import": _Kind("W", 1, _POWER),
    "Current.Import": _Kind("A", 2, _AMPS, phased=True),
    "Voltage": _Kind("V", 1, _VOLT, phased=True),
    "Current.Offered": _Kind("A", 2, _OFFERED_A),
    "Power.Offered": _Kind("W", 1, _OFFERED_W),
    "SoC": _Kind("Percent", 1, _SOC, location="EV"),
    "Frequency": _Kind("Hz", 1, _HERTZ),
    "Power.Factor": _Kind("", 2, _FACTOR),
}


class _Field(NamedTuple):
    template: Payload
    place: int
    digits: int


class Meter:
    """The meter of one EVSE.

    Args:
        spec: What it measures.
        settings: Whose.
        version: How values are written.
    """

    def __init__(self, spec: EvseSpec, settings: StationSettings, version: Version) -> None:
        self._version = version
        self._dc = spec.dc_max_w is not None
        self._phases = 1 if self._dc else spec.connection.phases
        self._across = spec.connection.line_to_line
        self._volt = settings.dc_voltage_v if self._dc else spec.voltage_v
        self._hertz, self._tells_soc = settings.frequency_hz, settings.tells_soc
        self._digits = 0 if spec.meter_resolution_wh % 1.0 == 0.0 else 3
        self._fields: dict[tuple[tuple[str, ...], str], list[_Field]] = {}

    def values(self, sample: Sample, measurands: tuple[str, ...], context: str) -> list[Payload]:
        """Return `sampledValue`: one entry per measurand, or per phase of it; empty where nothing is told."""
        fields = self._fields.get((measurands, context))
        if fields is None:
            fields = [field for name in measurands for field in self._describe(name, context)]
            self._fields[measurands, context] = fields
        numbers = self._numbers(sample)
        if self._version is Version.V16:
            return [{**t, "value": f"{numbers[i]:.{d}f}"} for t, i, d in fields]
        return [{**t, "value": round(numbers[i], d)} for t, i, d in fields]

    def _numbers(self, sample: Sample) -> tuple[float, ...]:
        register_wh, power_w, phases, limit_w, soc = sample
        used = 1 if self._dc else min(phases, self._phases) or 1
        volt = self._volt
        watts = power_w / used
        amps = watts / volt
        offered_a = limit_w / (volt * used)
        return (
            register_wh, power_w, 100.0 * soc, limit_w, offered_a, self._hertz, 1.0, volt,
            amps, amps if used > 1 else 0.0, amps if used > 2 else 0.0,
            watts, watts if used > 1 else 0.0, watts if used > 2 else 0.0,
        )  # fmt: skip

    def _describe(self, name: str, context: str) -> Iterator[_Field]:
        measurand, phase = _split(name)
        kind = _KINDS[measurand]
        if measurand == "SoC" and not self._tells_soc:
            return
        phases = [int(phase[1])] if phase else range(1, self._phases + 1) if kind.phased else [0]
        for number in phases:
            if number > self._phases:
                continue
            index = kind.first
            if number and measurand == "Power.Active.Import":
                index = _WATTS + number - 1
            elif number and measurand == "Current.Import":
                index = _AMPS + number - 1
            digits = self._digits if index == _REGISTER else kind.digits
            label = "" if self._dc or not number else self._label(measurand, number)
            yield _Field(self._template(measurand, kind, label, context), index, digits)

    def _label(self, measurand: str, number: int) -> str:
        if measurand != "Voltage":
            return f"L{number}"
        return "L1-L2" if self._across else f"L{number}-N"

    def _template(self, measurand: str, kind: _Kind, phase: str, context: str) -> Payload:
        out: Payload = {"context": context, "measurand": measurand, "location": kind.location}
        if phase:
            out["phase"] = phase
        if self._version is Version.V16:
            if kind.unit and kind.unit != "Hz":  # 1.6 has no word for it
                out["unit"] = kind.unit
        elif kind.unit:
            out["unitOfMeasure"] = {"unit": kind.unit}
        return out


def _split(name: str) -> tuple[str, str]:
    """Return measurand and phase of `Current.Import.L1`."""
    stem, _, last = name.rpartition(".")
    return (stem, last) if last.startswith("L") and last[1:2].isdigit() else (name, "")


def next_aligned_s(own_s: float, epoch_ns: int, interval_s: float) -> float:
    """Return the next instant after `own_s` that lies k intervals after midnight UTC (2.0.1 J01)."""
    day_s = 86_400.0
    epoch_s = epoch_ns % (86_400 * 1_000_000_000) / 1e9
    past_s = (own_s + epoch_s) % day_s
    midnight_s = own_s - past_s
    step = int(past_s // interval_s) + 1
    due_s = midnight_s + step * interval_s
    if due_s <= own_s + 1e-6:  # the instant itself, or what a rounding left of it
        due_s = midnight_s + (step + 1) * interval_s
    return min(due_s, midnight_s + day_s)
