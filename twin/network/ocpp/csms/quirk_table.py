"""Models of real chargers that are known to need flags, or to behave in ways that everybody is served for.

The numbers count the behaviours that the tests `test_quirk_NN_*` play through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SAFE = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage")
"""Measurands that even the models bear that reboot or fall silent over others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuirkProfile:
    """What one model needs. Names are compared without regard to case, spaces and punctuation."""

    vendor: str
    """Part of the vendor's name."""
    model: str = ""
    """Part of the model's name; empty: all of the vendor."""
    firmware: str = ""
    """What its firmware begins with; empty: all."""
    numbers: tuple[int, ...] = ()
    """Of the behaviours; empty: the operator's own."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Quirks`; empty: what everybody is served for suffices."""
    why: str

    def fits(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether it holds for a station that names itself so."""
        return (
            _plain(self.vendor) in _plain(vendor)
            and _plain(self.model) in _plain(model)
            and firmware.strip().lower().lstrip("v").startswith(self.firmware.lower())
        )

    def __str__(self) -> str:
        name = " ".join(
            filter(None, (self.vendor, self.model, self.firmware and f"firmware {self.firmware}"))
        )
        numbers = f" ({', '.join(map(str, self.numbers))})" if self.numbers else ""
        return f"{name}{numbers}: {self.why}"


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.replace("+", "plus"))).casefold()


TABLE: tuple[QuirkProfile, ...] = (
    QuirkProfile(
        vendor="Wall Box Chargers",
        numbers=(2, 31),
        changes={"call_before_boot": False, "relative_profiles": True},
        why="answers no call before its boot; obeys profiles of kind Relative only",
    ),
    QuirkProfile(
        vendor="Wall Box Chargers",
        firmware="5.",
        numbers=(31,),
        changes={"relative_profiles": False, "stack_level_zero": True},
        why="obeys stack level 0 only",
    ),
    QuirkProfile(
        vendor="Wall Box Chargers",
        model="Pulsar Pro",
        firmware="6.",
        numbers=(1,),
        changes={"call_before_boot": True},
        why="says no BootNotification after a reconnect and must be asked for it",
    ),
    QuirkProfile(
        vendor="Webasto", model="NEXT", numbers=(1,), why="says no BootNotification after a reconnect"
    ),
    QuirkProfile(
        vendor="Grizzl-E",
        numbers=(3, 22, 25, 36),
        changes={"force_smart_charging": True, "register": "session"},
        why="lists no feature profiles; counts the session in MeterValues; asks for no subprotocol",
    ),
    QuirkProfile(
        vendor="United Chargers",
        numbers=(3, 22, 25, 36),
        changes={"force_smart_charging": True, "register": "session"},
        why="lists no feature profiles; counts the session in MeterValues; asks for no subprotocol",
    ),
    QuirkProfile(
        vendor="FoxESS",
        numbers=(5, 8, 38),
        changes={"restart_pause_s": 180.0},
        why="a start within minutes of a stop gives no power; speaks 1.6 on 2.0.1; silent for minutes after a close",
    ),
    QuirkProfile(vendor="JIGU", numbers=(8,), why="never reconnects after an orderly close"),
    QuirkProfile(
        vendor="StarCharge", numbers=(9,), why="reconnects for ever if it is closed over a missing answer"
    ),
    QuirkProfile(
        vendor="EN+",
        numbers=(6, 11, 24, 26),
        changes={"measurands": _SAFE, "no_change_availability": True},
        why="reports nothing over unknown measurands; ChangeAvailability does harm; appends its serial to the URL",
    ),
    QuirkProfile(
        vendor="Teison",
        numbers=(8, 24),
        changes={"measurands": _SAFE},
        why="reports nothing over unknown measurands; never reconnects after an orderly close",
    ),
    QuirkProfile(
        vendor="Ocular",
        numbers=(11, 17, 30, 36, 38),
        changes={"id_tag_length": 16, "no_zero_limit": True, "restart_pause_s": 60.0},
        why="garbage behind long tags; a limit of 0 spoils the session; stays in Finishing",
    ),
    QuirkProfile(
        vendor="Autel", numbers=(12, 38), changes={"restart_pause_s": 60.0}, why="stays in Finishing"
    ),
    QuirkProfile(
        vendor="ZJ Beny",
        numbers=(20, 38),
        changes={"restart_pause_s": 60.0},
        why="composite schedules without periods; stays in Finishing",
    ),
    QuirkProfile(
        vendor="EVBox", numbers=(13, 28), why="sends frames of an unknown type; refuses ChargePointMaxProfile"
    ),
    QuirkProfile(
        vendor="EVBox",
        model="Elvi",
        numbers=(24,),
        changes={"measurands": (*_SAFE, "SoC")},
        why="must not be asked for Current.Offered",
    ),
    QuirkProfile(
        vendor="Schneider", numbers=(14, 28), why="over-long serial numbers; refuses ChargePointMaxProfile"
    ),
    QuirkProfile(vendor="Growatt", numbers=(14, 15), why="DataTransfer with an object; times without offset"),
    QuirkProfile(vendor="Legrand", numbers=(14,), why="reports an error code that its version does not know"),
    QuirkProfile(
        vendor="Alfen",
        numbers=(14, 33, 37),
        why="queued messages of years ago; foreign transaction ids; no units",
    ),
    QuirkProfile(
        vendor="Charge Amps",
        model="Halo",
        numbers=(21,),
        changes={"max_config_keys": 3},
        why="bears three keys per GetConfiguration",
    ),
    QuirkProfile(
        vendor="SyncEV",
        numbers=(22,),
        changes={"force_smart_charging": True},
        why="does not list SmartCharging although it works",
    ),
    QuirkProfile(
        vendor="Huawei",
        numbers=(23, 30, 36),
        changes={"rate_unit": "W", "no_zero_limit": True},
        why="obeys W only; after a limit of 0 it waits for an authorisation for ever",
    ),
    QuirkProfile(
        vendor="ABB",
        model="Terra",
        numbers=(24, 30, 31, 36),
        changes={"stack_level_zero": True, "no_zero_limit": True, "measurands": _SAFE},
        why="obeys stack level 0 only; refuses a limit of 0; reboots over unknown measurands",
    ),
    QuirkProfile(
        vendor="ABB",
        model="TAC",
        numbers=(24, 30, 31, 36),
        changes={"stack_level_zero": True, "no_zero_limit": True, "measurands": _SAFE},
        why="Terra AC: obeys stack level 0 only; refuses a limit of 0; reboots over unknown measurands",
    ),
    QuirkProfile(
        vendor="Mennekes",
        model="4you",
        numbers=(27,),
        why="tells the status of its connectors a quarter of an hour late",
    ),
    QuirkProfile(
        vendor="go-e",
        numbers=(30, 32, 33),
        changes={"no_zero_limit": True, "repeat_after_zero": True, "no_profile_in_remote_start": True},
        why="ignores the first limit after 0; refuses a remote start with a profile",
    ),
    QuirkProfile(
        vendor="Zaptec", model="Go", numbers=(35,), why="Available without the end of its transaction"
    ),
    QuirkProfile(vendor="OpenEVSE", numbers=(36,), why="kWh labelled Wh"),
)
"""From the general to the particular: later entries win."""
