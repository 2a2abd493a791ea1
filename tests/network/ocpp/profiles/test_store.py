"""What replaces what at a station, and what survives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twin.network.ocpp.profiles import store as stores
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Purpose
from twin.network.ocpp.versions import Version

from .build import profile

V16, V201, V21 = Version.V16, Version.V201, Version.V21
MAX, DEFAULT, TX, OUTSIDE = (
    Purpose.STATION_MAX,
    Purpose.TX_DEFAULT,
    Purpose.TX,
    Purpose.EXTERNAL_CONSTRAINTS,
)
FIRST = profile(1, DEFAULT, (0, 16), evse=1)


def ids(profiles: object) -> list[int]:
    """Of any profiles."""
    assert isinstance(profiles, (stores.ProfileStore, tuple))
    return [p.id for p in profiles]


@pytest.mark.parametrize(
    ("version", "new", "left"),
    [
        (V16, replace(FIRST, id=2), [2]),
        (V16, replace(FIRST, id=2, stack_level=1), [1, 2]),
        (V16, replace(FIRST, id=2, evse=2), [1, 2]),
        (V16, profile(2, MAX, (0, 16), evse=1), [1, 2]),
        (V16, profile(1, MAX, (0, 16)), [1]),
        (V201, replace(FIRST, id=2), [1, 2]),
        (V201, replace(FIRST, stack_level=3), [1]),
    ],
)
def test_profiles_replace_by_the_rule_of_their_version(
    version: Version, new: ChargingProfile, left: list[int]
) -> None:
    """1.6: by id, or by level, purpose and connector (3.13.2, 5.16.3); 2.x: by id alone (K01.FR.05)."""
    store = stores.ProfileStore(version, [FIRST])
    assert store.install(new) == (() if left == [1, 2] else (FIRST,))
    assert ids(store) == left


def test_profiles_of_two_transactions_of_one_connector_stand_side_by_side() -> None:
    """1.6: one of the last transaction is not replaced by one of this, one without an id is."""
    store = stores.ProfileStore(V16, [profile(1, TX, (0, 9), evse=1, transaction="7")])
    store.install(profile(2, TX, (0, 9), evse=1, transaction="8"))
    assert ids(store) == [1, 2]
    store.install(profile(3, TX, (0, 9), evse=1))
    assert ids(store) == [3]


ALL = [
    profile(1, DEFAULT, (0, 16)),
    profile(2, DEFAULT, (0, 16), level=1, evse=1),
    profile(3, MAX, (0, 16), level=1),
    profile(4, OUTSIDE, (0, 16)),
]


@pytest.mark.parametrize(
    ("version", "criteria", "gone"),
    [
        (V16, {}, [1, 2, 3]),
        (V16, {"profile_id": 1}, [1]),
        (V16, {"profile_id": 1, "level": 1}, []),
        (V201, {"profile_id": 1, "level": 1}, [1]),
        (V16, {"purpose": DEFAULT}, [1, 2]),
        (V16, {"level": 1}, [2, 3]),
        (V16, {"level": 1, "evse": 0}, [3]),
        (V201, {"evse": 0}, [1, 3]),
        (V201, {"profile_id": 9}, []),
        (V201, {"profile_id": 4}, []),
    ],
)
def test_clearing_takes_what_meets_all_criteria(
    version: Version, criteria: dict[str, object], gone: list[int]
) -> None:
    """1.6 errata 3.25: a logical and; 2.x: an id alone decides; external constraints stay (K10.FR.06)."""
    store = stores.ProfileStore(version, ALL)
    assert ids(store.clear(**criteria)) == gone  # type: ignore[arg-type]
    assert ids(store) == [i for i in (1, 2, 3, 4) if i not in gone]


def test_external_constraints_are_released_by_who_set_them() -> None:
    """2.0.1 K13."""
    store = stores.ProfileStore(V201, ALL)
    assert ids(store.release(4)) == [4]
    assert len(store) == 3


def test_a_transaction_takes_its_profiles_along() -> None:
    """1.6 3.13.1: only TxProfiles, only of that transaction."""
    store = stores.ProfileStore(
        V16, [FIRST, profile(2, TX, (0, 9), transaction="7"), profile(3, TX, (0, 9), transaction="8")]
    )
    assert ids(store.end("7")) == [2]
    assert ids(store) == [1, 3]


def test_a_profile_of_a_request_to_start_belongs_to_what_it_started() -> None:
    """1.6 5.16.2: it gets the transaction's id, at its connector alone."""
    store = stores.ProfileStore(V16, [profile(1, TX, (0, 9), evse=1), profile(2, TX, (0, 9), evse=2)])
    store.begin(1, "7")
    assert [p.transaction for p in store] == ["7", None]


def test_a_reboot_keeps_all_but_profiles_of_lost_transactions() -> None:
    """2.0.1 K01.FR.27, 1.6 errata 3.37."""
    store = stores.ProfileStore(
        V201, [FIRST, profile(2, TX, (0, 9), transaction="a"), profile(3, TX, (0, 9), transaction="b")]
    )
    assert ids(store.rebooted({"b"})) == [2]
    assert ids(store) == [1, 3]


def test_what_was_offline_for_too_long_is_gone_where_it_says_so() -> None:
    """2.1 invalidAfterOfflineDuration: 61 s against 60 s."""
    store = stores.ProfileStore(
        V21,
        [
            profile(1, DEFAULT, (0, 9), max_offline_s=60.0, forget_offline=True),
            profile(2, MAX, (0, 9), max_offline_s=60.0),
            profile(3, MAX, (0, 9), level=1, max_offline_s=90.0, forget_offline=True),
        ],
    )
    assert store.came_back(60.0) == ()
    assert ids(store.came_back(61.0)) == [1]


def test_dynamic_profiles_are_updated_in_place() -> None:
    """2.1 UpdateDynamicSchedule: what is not given stays, and its time counts from now."""
    store = stores.ProfileStore(
        V21, [profile(1, TX, (0, 9), kind=Kind.DYNAMIC, evse=1), replace(FIRST, id=2)]
    )
    new = store.update(1, {"setpoint": -5, "dischargeLimit": -8.0}, 30.0)
    assert new is not None
    (period,) = new.schedule.periods
    assert (period.limit, period.setpoint, period.discharge_limit, new.received_s) == (9, -5.0, -8.0, 30.0)
    assert next(iter(store)) == new


@pytest.mark.parametrize("number", [2, 9])
def test_other_profiles_take_no_updates(number: int) -> None:
    """Neither an absolute one nor an unknown id."""
    store = stores.ProfileStore(V21, [replace(FIRST, id=2)])
    assert store.update(number, {"limit": 5.0}, 30.0) is None
