"""What every station shall be set to, in the words of each version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

REGISTER = "Energy.Active.Import.Register"
MEASURANDS = (REGISTER, "Power.Active.Import", "Current.Import", "Voltage", "SoC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What meter values control needs, and how careful the set-up is."""

    sample_interval_s: int = 60
    """Between samples in a transaction; 0: none."""
    aligned_interval_s: int = 0
    """Between samples at round instants, with or without a transaction; 0: none."""
    sampled: tuple[str, ...] = MEASURANDS
    aligned: tuple[str, ...] = MEASURANDS
    begin_and_end: tuple[str, ...] = (REGISTER,)
    """At begin and end of a transaction."""
    others: tuple[tuple[str, str], ...] = ()
    """Further settings: (key, value) of 1.6, (`Component.Variable` or `Component.Variable[instance]`, value) of 2.x.
    Those of the other version are left out."""
    operative: bool = False
    """Make a station operative that reports itself unavailable (quirk 26)."""
    status_wait_s: float = 10.0
    """After this, connectors that did not report their status are asked for it (quirk 27)."""
    report_wait_s: float = 120.0
    """How long the parts of a report may take (2.x)."""


class Setting(NamedTuple):
    """One thing to be set."""

    name: str
    """Key of 1.6; `Component.Variable` or `Component.Variable[instance]` of 2.x."""
    value: str
    listed: bool = False
    """Whether the value is a list of measurands, of which a station may know some only."""


def settings_16(wanted: Wanted, heartbeat_s: int, measurands: tuple[str, ...]) -> list[Setting]:
    """Return what a 1.6 station shall be set to (1.6 9.1).

    Args:
        wanted: What control wants.
        heartbeat_s: Between heartbeats.
        measurands: The only ones that the model bears (quirk 24); empty: all.
    """
    return [
        Setting("HeartbeatInterval", str(heartbeat_s)),
        Setting("MeterValuesSampledData", _those(wanted.sampled, measurands), listed=True),
        Setting("MeterValueSampleInterval", str(wanted.sample_interval_s)),
        Setting("MeterValuesAlignedData", _those(wanted.aligned, measurands), listed=True),
        Setting("ClockAlignedDataInterval", str(wanted.aligned_interval_s)),
        Setting("StopTxnSampledData", _those(wanted.begin_and_end, measurands), listed=True),
        *(Setting(name, value) for name, value in wanted.others if "." not in name),
    ]


def settings_2(wanted: Wanted, heartbeat_s: int, measurands: tuple[str, ...]) -> list[Setting]:
    """Return what a 2.x station shall be set to (2.0.1 part 2 chapter 4, referenced variables)."""
    return [
        Setting("OCPPCommCtrlr.HeartbeatInterval", str(heartbeat_s)),
        Setting("SampledDataCtrlr.TxUpdatedMeasurands", _those(wanted.sampled, measurands), listed=True),
        Setting("SampledDataCtrlr.TxUpdatedInterval", str(wanted.sample_interval_s)),
        Setting(
            "SampledDataCtrlr.TxStartedMeasurands", _those(wanted.begin_and_end, measurands), listed=True
        ),
        Setting("SampledDataCtrlr.TxEndedMeasurands", _those(wanted.begin_and_end, measurands), listed=True),
        Setting("SampledDataCtrlr.TxEndedInterval", "0"),
        Setting("AlignedDataCtrlr.Measurands", _those(wanted.aligned, measurands), listed=True),
        Setting("AlignedDataCtrlr.Interval", str(wanted.aligned_interval_s)),
        *(Setting(name, value) for name, value in wanted.others if "." in name),
    ]


def same(one: str, other: str) -> bool:
    """Whether two values mean the same: lists in any order, quotes and spaces left out (quirk 25)."""
    return _parts(one) == _parts(other)


def trimmed(value: str) -> str:
    """Return a value without the quotes and spaces that some stations put around it (quirk 25)."""
    return value.strip().strip("\"'").strip()


def _parts(value: str) -> list[str]:
    return sorted(trimmed(part).casefold() for part in trimmed(value).split(","))


def _those(measurands: tuple[str, ...], borne: tuple[str, ...]) -> str:
    return ",".join(one for one in measurands if not borne or one in borne)
