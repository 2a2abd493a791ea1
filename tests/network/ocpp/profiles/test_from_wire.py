"""Profiles and composite schedules cross the wire unchanged, in every version."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft7Validator

from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.from_wire import (
    composite_from_wire,
    composite_to_wire,
    profile_from_wire,
    profile_to_wire,
    tenths,
)
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Mode, Period, Purpose, Recurrency, Unit
from twin.network.ocpp.versions import Version

from .build import DAY, place, profile

V16, V201, V21 = Version.V16, Version.V201, Version.V21
EPOCH_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z."""
EXAMPLE = {
    "chargingProfileId": 100,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "chargingSchedule": {
        "duration": 86_400,
        "startSchedule": "2013-01-01T00:00:00Z",
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 11_000, "numberPhases": 3},
            {"startPeriod": 28_800, "limit": 6_000, "numberPhases": 3},
            {"startPeriod": 72_000, "limit": 11_000, "numberPhases": 3},
        ],
    },
}
"""OCPP 1.6 3.13.7."""


def valid(version: Version, name: str, payload: Any) -> None:
    """Assert that a payload passes the schema of its message; 1.6's multipleOf 0.1 in decimals."""
    folder = {V16: "v16", V201: "v201", V21: "v21"}[version]
    suffix = "Request" if version.two and "Response" not in name else ""
    text = (files("ocpp") / folder / "schemas" / f"{name}{suffix}.json").read_text("utf-8-sig")
    schema = json.loads(text.replace('"multipleOf": 0.1', '"title": ""'))
    Draft7Validator(schema).validate(payload)


def read(version: Version, payload: dict[str, Any]) -> ChargingProfile:
    """As set at EVSE 1 at 60 s."""
    return profile_from_wire(version, payload, epoch_ns=EPOCH_NS, evse=1, received_s=60.0)


def test_the_example_of_the_specification_is_read() -> None:
    """1.6 3.13.7: 6 kW between 08:00 and 20:00, anchored 4748 days before the epoch."""
    got = read(V16, EXAMPLE)
    assert (got.id, got.kind, got.recurrency, got.evse) == (100, Kind.RECURRING, Recurrency.DAILY, 1)
    assert got.schedule.start_s == -4_748 * DAY
    assert compose.limit_at([got], place(V16), 9 * 3600.0).limit_w == 6_000.0


PROFILES = {
    "station": profile(
        1, Purpose.STATION_MAX, (0, 16.0), (60, 8.5), valid_from_s=5.0, valid_to_s=500.0, received_s=60.0, evse=1
    ),
    "transaction": profile(
        2, Purpose.TX, (0, 16.0), kind=Kind.RELATIVE, transaction="7", evse=1, received_s=60.0, min_rate=6.0
    ),
    "week": profile(
        3, Purpose.TX_DEFAULT, (0, 9_000.0), unit=Unit.W, kind=Kind.RECURRING, recurrency=Recurrency.WEEKLY,
        duration_s=3600.0, phases=3, level=4, received_s=60.0, evse=1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("name", PROFILES)
def test_profiles_come_back_as_they_were_sent(version: Version, name: str) -> None:
    """What is written passes the schema of SetChargingProfile, and reads as the same profile."""
    wire = profile_to_wire(version, PROFILES[name], EPOCH_NS)
    if version.two:
        valid(version, "SetChargingProfile", {"evseId": 1, "chargingProfile": wire})
    else:
        valid(version, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wire})
    assert read(version, wire) == PROFILES[name]


def test_v2x_crosses_in_two_one() -> None:
    """Set-point, discharge limit, operation mode, dynamic kind and life without a connection."""
    period = Period(
        start_s=0.0, limit=16.0, discharge_limit=-8.25, setpoint=-2.5, mode=Mode.CENTRAL_SETPOINT, phases=1,
        phase_to_use=2,
    )  # fmt: skip
    sent = profile(
        1, Purpose.TX, period, kind=Kind.DYNAMIC, transaction="t", max_offline_s=60.0, forget_offline=True,
        update_interval_s=30.0, evse=1, received_s=60.0,
    )  # fmt: skip
    wire = profile_to_wire(V21, sent, EPOCH_NS)
    valid(V21, "SetChargingProfile", {"evseId": 1, "chargingProfile": wire})
    assert read(V21, wire) == sent


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        (V201, profile(1, Purpose.TX, (0, 9), kind=Kind.DYNAMIC)),
        (V201, profile(1, Purpose.LOCAL_GENERATION, (0, 9))),
        (V16, profile(1, Purpose.EXTERNAL_CONSTRAINTS, (0, 9))),
        (V201, profile(1, Purpose.TX, Period(start_s=0.0, setpoint=5.0, mode=Mode.CENTRAL_SETPOINT))),
    ],
)
def test_what_a_version_cannot_say_is_an_error(version: Version, sent: ChargingProfile) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(ValueError, match="needs OCPP"):
        profile_to_wire(version, sent, EPOCH_NS)


def test_unknown_fields_are_told() -> None:
    """Fields that would change the meaning are named; false ones are none."""
    wire = profile_to_wire(V21, PROFILES["station"], EPOCH_NS)
    (schedule,) = wire["chargingSchedule"]
    schedule |= {"useLocalTime": True, "randomizedDelay": 0}
    schedule["chargingSchedulePeriod"][0] |= {"limit_L2": 5.0, "evseSleep": False}
    assert read(V21, wire).features == {"useLocalTime", "limit_L2"}
    wire["chargingSchedule"] = [schedule, schedule]
    assert "chargingSchedule" in read(V21, wire).features


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01"])
def test_no_instant_is_an_error(text: str) -> None:
    """A profile with a date that is none is not guessed at."""
    with pytest.raises(ValueError, match=r"instant|isoformat|month"):
        read(V16, EXAMPLE | {"validFrom": text})


@pytest.mark.parametrize(
    ("value", "cut"), [(8.7, 8.7), (8.69, 8.6), (16.0, 16.0), (0.3, 0.3), (8.695652, 8.6)]
)
def test_limits_are_cut_never_raised(value: float, cut: float) -> None:
    """One digit after the point (1.6 7.14); what is a tenth already stays one."""
    assert tenths(value) == cut


@pytest.mark.parametrize("version", Version)
def test_composite_schedules_come_back(version: Version) -> None:
    """16 A, from 600 s on 10 A: as GetCompositeSchedule answers it."""
    stack = [profile(1, Purpose.TX_DEFAULT, (0, 16), (600, 10))]
    sent = compose.composite(stack, place(version), 0.0, 3600.0, Unit.A)
    wire = composite_to_wire(version, sent, EPOCH_NS)
    valid(version, "GetCompositeScheduleResponse", wire)
    assert "startSchedule" not in wire.get("chargingSchedule", {})
    assert composite_from_wire(version, wire, EPOCH_NS) == sent


def test_periods_begin_at_whole_seconds_and_never_late() -> None:
    """A change at 599.6 s after the start is told at 599 s."""
    stack = [profile(1, Purpose.TX_DEFAULT, (0, 16), (600, 10))]
    sent = compose.composite(stack, place(V16), 0.4, 3600.0, Unit.A)
    periods = composite_to_wire(V16, sent, EPOCH_NS)["chargingSchedule"]["chargingSchedulePeriod"]
    assert [p["startPeriod"] for p in periods] == [0, 599]


def test_no_limit_cannot_be_told_before_two_one() -> None:
    """1.6 and 2.0.1 demand a limit in each period."""
    sent = compose.composite([], place(V201), 0.0, 60.0, Unit.A)
    with pytest.raises(ValueError, match="without a limit"):
        composite_to_wire(V201, sent, EPOCH_NS)


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (V16, {"status": "Accepted"}),
        (V16, {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []}}),
        (
            V16,
            {
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}],
                }
            },
        ),
        (V201, {"status": "Accepted"}),
    ],
)
def test_answers_without_a_schedule_are_errors(version: Version, payload: dict[str, Any]) -> None:
    """Some chargers accept and send no periods, or do not say from when on."""
    with pytest.raises(ValueError, match="a composite schedule without"):
        composite_from_wire(version, payload, EPOCH_NS)


def test_a_schedule_without_duration_has_no_end() -> None:
    """1.6: duration is optional in the answer."""
    wire = {
        "connectorId": 1,
        "scheduleStart": "2026-01-01T00:01:00Z",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}],
        },
    }
    got = composite_from_wire(V16, wire, EPOCH_NS)
    assert (got.start_s, got.duration_s, got.periods[0].limit) == (60.0, math.inf, 9.0)
