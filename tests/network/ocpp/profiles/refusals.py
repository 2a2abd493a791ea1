"""Profiles that stations refuse, and their neighbours that they accept: one look per rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from twin.network.ocpp.profiles.model import (
    ChargingProfile,
    Kind,
    Mode,
    Period,
    Purpose,
    Recurrency,
    Unit,
)
from twin.network.ocpp.profiles.phases import Outlet
from twin.network.ocpp.profiles.reasons import Reason
from twin.network.ocpp.profiles.store import ProfileStore
from twin.network.ocpp.profiles.validate import Abilities, refusal
from twin.network.ocpp.versions import Version

from .build import profile

MAX, DEFAULT, TX = Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX
OUTSIDE, SUN, PRIORITY = Purpose.EXTERNAL_CONSTRAINTS, Purpose.LOCAL_GENERATION, Purpose.PRIORITY
V16, V201, V21 = Version.V16, Version.V201, Version.V21
RUNNING = Outlet(transaction="tx")
PLAIN = profile(1, DEFAULT, (0, 16))
MINE = profile(1, TX, (0, 16), evse=1, transaction="tx")
R = Reason


class Case(NamedTuple):
    """A profile offered to a station, and the answer."""

    version: Version
    profile: ChargingProfile
    reason: Reason | None
    installed: Sequence[ChargingProfile] = ()
    abilities: dict[str, Any] = {}  # noqa: RUF012 (never written)
    starting: bool = False


def ask(case: Case) -> Reason | None:
    """What the rules say."""
    abilities = Abilities(
        version=case.version,
        **{"outlets": {1: RUNNING, 2: Outlet(switching=True)}, **case.abilities},
    )
    store = ProfileStore(case.version, case.installed)
    return refusal(case.profile, store, abilities, starting=case.starting)


def period(**fields: Any) -> Period:
    """One from 0 on."""
    return Period(start_s=0.0, **{"limit": 16.0, **fields})


def default(*periods: tuple[float, float] | Period, **fields: Any) -> ChargingProfile:
    """A TxDefaultProfile of EVSE 2, which can switch phases."""
    return profile(1, DEFAULT, *(periods or ((0, 16),)), **{"evse": 2, **fields})


V2X = {"modes": frozenset(Mode)}
DC = {"outlets": {1: Outlet(dc=True), 2: Outlet(dc=True)}}
MIXED = {"outlets": {1: Outlet(dc=True), 2: Outlet(switching=True)}}
ADDED = {"purposes": frozenset({PRIORITY, SUN})}

CASES: tuple[Case, ...] = (
    *(Case(v, PLAIN, None) for v in Version),
    *(Case(v, MINE, None) for v in Version),
    *(Case(v, replace(PLAIN, evse=3), R.UNKNOWN_EVSE) for v in Version),
    Case(V201, profile(1, OUTSIDE, (0, 16)), R.EXTERNAL_CONSTRAINTS),
    Case(V21, profile(1, SUN, (0, 16)), R.PURPOSE_NOT_SUPPORTED),
    Case(V21, profile(1, PRIORITY, (0, 16)), R.PURPOSE_NOT_SUPPORTED),
    Case(V21, profile(1, SUN, (0, 16)), None, abilities=ADDED),
    Case(V16, PLAIN, R.START_NEEDS_TX, starting=True),
    Case(V16, MINE, R.START_WITH_TRANSACTION, starting=True),
    Case(V201, replace(MINE, transaction=None, evse=2), None, starting=True),
    Case(V16, replace(MINE, evse=0), R.TX_ON_STATION),
    Case(V201, replace(MINE, evse=0), R.TX_ON_STATION),
    Case(V16, profile(1, MAX, (0, 16), evse=1), R.MAX_ON_EVSE),
    Case(V201, profile(1, MAX, (0, 16)), None),
    Case(V201, replace(MINE, transaction=None), R.TX_WITHOUT_ID),
    Case(V16, replace(MINE, transaction=None), None),
    Case(V16, replace(MINE, evse=2), R.NO_TRANSACTION),
    Case(V201, replace(MINE, evse=2), R.NO_TRANSACTION),
    Case(V16, replace(MINE, transaction="7"), R.OTHER_TRANSACTION),
    Case(V201, replace(MINE, transaction="7"), R.OTHER_TRANSACTION),
    Case(V201, PLAIN, R.EXTERNAL_ID, [profile(1, OUTSIDE, (0, 9))]),
    Case(V201, PLAIN, None, [profile(2, OUTSIDE, (0, 9))]),
    Case(V201, PLAIN, None, [profile(1, MAX, (0, 9))]),
    Case(V21, PLAIN, R.ID_RESERVED, abilities={"max_external_id": 1}),
    Case(V21, PLAIN, None, abilities={"max_external_id": 0}),
    Case(V201, replace(PLAIN, stack_level=11), R.LEVEL_ABOVE_MAX),
    Case(V16, replace(PLAIN, stack_level=-1), R.LEVEL_ABOVE_MAX),
    Case(V16, replace(PLAIN, stack_level=10), None),
    Case(V201, PLAIN, R.DUPLICATE_LEVEL, [profile(2, DEFAULT, (0, 9))]),
    Case(V16, PLAIN, None, [profile(2, DEFAULT, (0, 9))]),
    Case(V201, PLAIN, None, [profile(1, DEFAULT, (0, 9))]),
    Case(V201, PLAIN, None, [profile(2, DEFAULT, (0, 9), level=1)]),
    Case(V201, replace(PLAIN, evse=1), None, [profile(2, DEFAULT, (0, 9), evse=2)]),
    Case(V201, PLAIN, None, [profile(2, MAX, (0, 9))]),
    Case(V201, replace(PLAIN, valid_from_s=60.0), None, [profile(2, DEFAULT, (0, 9), valid_to_s=60.0)]),
    Case(V201, replace(PLAIN, valid_to_s=60.0), None, [profile(2, DEFAULT, (0, 9), valid_from_s=60.0)]),
    Case(V201, replace(PLAIN, valid_from_s=59.0), R.DUPLICATE_LEVEL, [profile(2, DEFAULT, (0, 9), valid_to_s=60.0)]),
    Case(V201, MINE, R.DUPLICATE_TX_LEVEL, [replace(MINE, id=2)]),
    Case(V201, MINE, None, [replace(MINE, id=2, stack_level=1)]),
    Case(V201, MINE, None, [replace(MINE, id=2, transaction="old")]),
    Case(V201, PLAIN, R.DUPLICATE_DEFAULT, [profile(2, DEFAULT, (0, 9), evse=1)]),
    Case(V201, replace(PLAIN, evse=1), R.DUPLICATE_DEFAULT, [profile(2, DEFAULT, (0, 9))]),
    Case(V201, replace(PLAIN, evse=1), None, [profile(2, DEFAULT, (0, 9), level=1)]),
    Case(V16, replace(PLAIN, evse=1), None, [profile(2, DEFAULT, (0, 9))]),
    Case(V16, PLAIN, R.TOO_MANY_PROFILES, [profile(2, MAX, (0, 9))], {"max_profiles": 1}),
    Case(V16, PLAIN, None, [profile(2, DEFAULT, (0, 9))], {"max_profiles": 1}),
    Case(V201, PLAIN, R.UNIT_NOT_SUPPORTED, abilities={"units": frozenset({Unit.W})}),
    Case(V201, profile(1, DEFAULT), R.NO_PERIODS),
    Case(V16, profile(1, DEFAULT, (0, 9), (9, 9)), R.TOO_MANY_PERIODS, abilities={"max_periods": 1}),
    Case(V16, profile(1, DEFAULT, (0, 9), (9, 9)), None, abilities={"max_periods": 2}),
    Case(V16, profile(1, DEFAULT, (1, 9)), R.FIRST_NOT_ZERO),
    Case(V201, profile(1, DEFAULT, (0, 9), (5, 9), (5, 8)), R.NOT_ASCENDING),
    Case(V201, replace(PLAIN, features=frozenset({"chargingSchedule"})), R.TOO_MANY_SCHEDULES),
    Case(
        V201, replace(PLAIN, evse=2, features=frozenset({"chargingSchedule"})), None,
        abilities={"car_chooses": frozenset({2})},
    ),
    Case(V201, profile(1, DEFAULT, (0, 9), start_s=None), R.START_MISSING),
    Case(
        V201, profile(1, DEFAULT, (0, 9), start_s=None, kind=Kind.RECURRING, recurrency=Recurrency.DAILY),
        R.START_MISSING,
    ),
    Case(V16, profile(1, DEFAULT, (0, 9), start_s=None), None),
    Case(V201, profile(1, DEFAULT, (0, 9), start_s=5.0, kind=Kind.RELATIVE), R.START_GIVEN),
    Case(V201, profile(1, DEFAULT, (0, 9), kind=Kind.RELATIVE), None),
    Case(V16, profile(1, DEFAULT, (0, 9), start_s=5.0, kind=Kind.RELATIVE), None),
    Case(V16, profile(1, DEFAULT, (0, 9), kind=Kind.RECURRING), R.RECURRENCY_MISSING),
    Case(V201, profile(1, MAX, (0, 9), kind=Kind.RELATIVE), R.MAX_RELATIVE),
    Case(V16, profile(1, MAX, (0, 9), kind=Kind.RELATIVE), None),
    Case(V21, profile(1, DEFAULT, (0, 9), kind=Kind.DYNAMIC), R.KIND_NOT_SUPPORTED),
    Case(V21, profile(1, DEFAULT, (0, 9), kind=Kind.DYNAMIC), None, abilities={"dynamic": True}),
    Case(V21, replace(PLAIN, update_interval_s=60.0), R.NOT_DYNAMIC),
    Case(
        V21, profile(1, DEFAULT, (0, 9), (5, 8), kind=Kind.DYNAMIC), R.DYNAMIC_PERIODS,
        abilities={"dynamic": True},
    ),
    Case(V21, profile(1, PRIORITY, (0, 9), duration_s=60.0), R.PRIORITY_DURATION, abilities=ADDED),
    Case(V21, profile(1, PRIORITY, (0, 9)), None, abilities=ADDED),
    Case(V16, profile(1, DEFAULT, (0, -1)), R.NEGATIVE_LIMIT),
    Case(
        V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=1.0, discharge_limit=1.0)), R.NEGATIVE_LIMIT,
        abilities=V2X,
    ),
    Case(V16, default(period(phases=4)), R.PHASES_OUT_OF_RANGE),
    Case(V21, default(period(phases=0)), R.PHASES_OUT_OF_RANGE),
    Case(V201, default(period(phases=1, phase_to_use=4)), R.PHASES_OUT_OF_RANGE),
    Case(V201, default(period(phases=3)), R.PHASES_AT_DC, abilities=DC),
    Case(V21, default(period(phases=1, phase_to_use=1)), R.PHASES_AT_DC, abilities=DC),
    Case(V201, default(), None, abilities=DC),
    Case(V201, default(period(phases=1), evse=0), None, abilities=MIXED),
    Case(V201, default(period(phases=3, phase_to_use=1)), R.PHASE_WITHOUT_ONE),
    Case(V201, default(period(phase_to_use=1)), R.PHASE_WITHOUT_ONE),
    Case(V201, default(period(phases=1, phase_to_use=1)), None),
    Case(V201, default(period(phases=1, phase_to_use=1), evse=1), R.PHASE_NOT_SWITCHED),
    Case(V201, default(period(phases=1), evse=1), R.PHASES_NOT_ENSURED),
    Case(V201, default(period(phases=1), evse=0), R.PHASES_NOT_ENSURED),
    Case(V16, default(period(phases=1), evse=1), None),
    Case(V201, default(period(phases=3), evse=1), None),
    Case(V201, default(period(phases=3)), None, abilities={"outlets": {1: RUNNING, 2: Outlet(phases=1)}}),
    Case(
        V201, default(period(phases=1, phase_to_use=1)), R.PHASE_CONFLICT,
        [profile(2, MAX, period(phases=1, phase_to_use=3))],
    ),
    Case(
        V201, default(period(phases=1, phase_to_use=1)), None,
        [profile(2, MAX, period(phases=1, phase_to_use=1)), profile(3, DEFAULT, period(phases=1, phase_to_use=3), level=1)],
    ),
    Case(
        V201, default(period(phases=1, phase_to_use=1)), None,
        [profile(2, OUTSIDE, period(phases=1, phase_to_use=3), evse=1)],
    ),
    Case(
        V21, profile(1, MAX, period(mode=Mode.CENTRAL_SETPOINT, setpoint=1.0)), R.MODE_OF_PURPOSE, abilities=V2X,
    ),
    Case(V21, profile(1, PRIORITY, period(mode=Mode.IDLE)), R.MODE_OF_PURPOSE, abilities={**V2X, **ADDED}),
    Case(V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=1.0)), R.MODE_NOT_SUPPORTED),
    Case(V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=1.0)), None, abilities=V2X),
    Case(V21, default(period(mode=Mode.CENTRAL_SETPOINT)), R.FIELDS_OF_MODE, abilities=V2X),
    Case(V21, default(period(limit=None)), R.FIELDS_OF_MODE),
    Case(
        V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=-1.0)), R.NO_DISCHARGE,
        abilities={**V2X, "discharging": False},
    ),
    Case(
        V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=0.0, discharge_limit=-9.0)), None,
        abilities={**V2X, "discharging": False},
    ),
    Case(V21, default(period(mode=Mode.CENTRAL_SETPOINT, setpoint=-1.0)), None, abilities=V2X),
    Case(V21, default(period(setpoint=9.0)), R.FIELDS_OF_MODE),
    Case(V21, default(period(mode=Mode.EXTERNAL_SETPOINT, setpoint=9.0)), R.FIELDS_OF_MODE, abilities=V2X),
    Case(V21, default(period(mode=Mode.IDLE, limit=None)), None, abilities=V2X),
    Case(V21, default(period(mode=Mode.IDLE)), R.FIELDS_OF_MODE, abilities=V2X),
    Case(V21, default(period(mode=Mode.EXTERNAL_LIMITS, discharge_limit=-9.0)), None, abilities=V2X),
    Case(V21, default(period(mode=Mode.LOCAL_LOAD_BALANCING)), None, abilities=V2X),
    Case(
        V21, profile(1, SUN, period(mode=Mode.EXTERNAL_LIMITS, discharge_limit=-9.0)), None,
        abilities={**V2X, **ADDED},
    ),
    Case(V21, default(period(mode=Mode.LOCAL_FREQUENCY, limit=None)), R.FREQUENCY_NEEDS_W, abilities=V2X),
    Case(V21, default(period(mode=Mode.LOCAL_FREQUENCY, limit=None), unit=Unit.W), R.NO_CURVE, abilities=V2X),
    Case(
        V21,
        default(
            period(mode=Mode.LOCAL_FREQUENCY, limit=None), unit=Unit.W,
            features=frozenset({"v2xFreqWattCurve", "v2xBaseline"}),
        ),
        R.FEATURE_NOT_SUPPORTED, abilities=V2X,
    ),
    Case(V21, replace(PLAIN, features=frozenset({"limitAtSoC"})), R.FEATURE_NOT_SUPPORTED),
)  # fmt: skip
"""Every reason stands here at least once, mostly beside a neighbour that is accepted."""
