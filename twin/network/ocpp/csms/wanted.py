"""What every station shall be set to, in the words of each version."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple, TypeVar

REGISTER = "Energy.Active.Import.Register"
MEASURANDS = (REGISTER, "Power.Active.Import", "Current.Import", "Voltage", "SoC")
OFTEN_ENOUGH_S = 60
"""A station that samples at least this often in a transaction keeps its own interval, unless one is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What meter values control needs, and how careful the set-up is."""

    leave: bool = False
    """Change nothing at all: stations are only read."""
    sample_interval_s: int | None = None
    """Between samples in a transaction, 0: none; None: what the station has, but no longer than `OFTEN_ENOUGH_S`."""
    aligned_interval_s: int | None = None
    """Between samples at round instants, with or without a transaction, 0: none; None: what the station has."""
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
    at_most: bool = False
    """Whether a smaller number, other than 0, is as good."""

    def kept(self, present: str) -> bool:
        """Whether a station that has `present` need not be changed."""
        if self.at_most and present.isdecimal() and 0 < int(present) <= int(self.value):
            return True
        return same(present, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the operator decided about one station's set-up and limits; None: as about all of them."""

    leave: bool | None = None
    """See `Wanted`, as the next three."""
    sample_interval_s: int | None = None
    aligned_interval_s: int | None = None
    sampled: tuple[str, ...] | None = None
    phases: int | None = None
    """That cars charge on here, where it was not measured: divides W into A; None: as the station says."""
    pause: Literal["stop", "smallest"] | None = None
    """See `Conduct`, as the next two."""
    stop_disobedient: bool | None = None
    clear_foreign: bool | None = None


_Base = TypeVar("_Base", bound=Any)


def chosen(base: _Base, choices: Choices) -> _Base:
    """Return what holds for all (`Wanted` or `Conduct`) with what was decided about one station."""
    mine = {field.name for field in fields(base)}
    own = {
        field.name: value
        for field in fields(choices)
        if field.name in mine and (value := getattr(choices, field.name)) is not None
    }
    return replace(base, **own) if own else base


def settings_16(wanted: Wanted, heartbeat_s: int, measurands: tuple[str, ...]) -> list[Setting]:
    """Return what a 1.6 station shall be set to (1.6 9.1).

    Args:
        wanted: What control wants.
        heartbeat_s: Between heartbeats.
        measurands: The only ones that the model bears (quirk 24); empty: all.
    """
    if wanted.leave:
        return []
    return [
        Setting("HeartbeatInterval", str(heartbeat_s)),
        Setting("MeterValuesSampledData", _those(wanted.sampled, measurands), listed=True),
        _sampling("MeterValueSampleInterval", wanted),
        *_aligned("MeterValuesAlignedData", "ClockAlignedDataInterval", wanted, measurands),
        Setting("StopTxnSampledData", _those(wanted.begin_and_end, measurands), listed=True),
        *(Setting(name, value) for name, value in wanted.others if "." not in name),
    ]


def settings_2(wanted: Wanted, heartbeat_s: int, measurands: tuple[str, ...]) -> list[Setting]:
    """Return what a 2.x station shall be set to (2.0.1 part 2 chapter 4, referenced variables)."""
    if wanted.leave:
        return []
    return [
        Setting("OCPPCommCtrlr.HeartbeatInterval", str(heartbeat_s)),
        Setting("SampledDataCtrlr.TxUpdatedMeasurands", _those(wanted.sampled, measurands), listed=True),
        _sampling("SampledDataCtrlr.TxUpdatedInterval", wanted),
        Setting(
            "SampledDataCtrlr.TxStartedMeasurands", _those(wanted.begin_and_end, measurands), listed=True
        ),
        Setting("SampledDataCtrlr.TxEndedMeasurands", _those(wanted.begin_and_end, measurands), listed=True),
        Setting("SampledDataCtrlr.TxEndedInterval", "0"),
        *_aligned("AlignedDataCtrlr.Measurands", "AlignedDataCtrlr.Interval", wanted, measurands),
        *(Setting(name, value) for name, value in wanted.others if "." in name),
    ]


def _sampling(name: str, wanted: Wanted) -> Setting:
    if wanted.sample_interval_s is None:
        return Setting(name, str(OFTEN_ENOUGH_S), at_most=True)
    return Setting(name, str(wanted.sample_interval_s))


def _aligned(data: str, interval: str, wanted: Wanted, measurands: tuple[str, ...]) -> list[Setting]:
    if wanted.aligned_interval_s is None:
        return []
    return [
        Setting(data, _those(wanted.aligned, measurands), listed=True),
        Setting(interval, str(wanted.aligned_interval_s)),
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
