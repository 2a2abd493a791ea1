"""What is made of payloads that deviate."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.network.ocpp.wire.tolerant import Fate, inspect, repair

V16, V201, V21 = Version.V16, Version.V201, Version.V21
T = "2026-01-01T00:00:00Z"


def sample(**fields: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [{"value": "1", **fields}]}]}


CASES: list[tuple[str, Version, str, dict[str, Any], dict[str, Any], list[Fate]]] = [
    ("an extra key is dropped", V16, "Heartbeat", {"x": 1}, {}, [Fate.REPAIRED]),
    ("case", V16, "MeterValues", sample(unit="wh"), sample(unit="Wh"), [Fate.REPAIRED]),
    ("Celsius", V16, "MeterValues", sample(unit="celsius"), sample(unit="Celsius"), [Fate.REPAIRED]),
    ("a foreign unit", V16, "MeterValues", sample(unit="Hz"), sample(unit="Hz"), [Fate.KEPT]),
    ("a number as text", V16, "MeterValues", sample(value=1.5), sample(value="1.5"), [Fate.REPAIRED]),
    (
        "an over-long text",
        V16,
        "Authorize",
        {"idTag": "1234567890123456789\x00\x01"},
        {"idTag": "1234567890123456789\x00"},
        [Fate.REPAIRED],
    ),
    (
        "text as a number",
        V16,
        "StartTransaction",
        {"connectorId": "1", "idTag": "T", "meterStart": 12.4, "timestamp": T},
        {"connectorId": 1, "idTag": "T", "meterStart": 12, "timestamp": T},
        [Fate.REPAIRED, Fate.REPAIRED],
    ),
    (
        "an object as data",
        V16,
        "DataTransfer",
        {"vendorId": "v", "data": {"a": 1}},
        {"vendorId": "v", "data": '{"a":1}'},
        [Fate.REPAIRED],
    ),
    (
        "no offset",
        V201,
        "StatusNotification",
        {"timestamp": "2026-01-01 00:00:00", "connectorStatus": "available", "evseId": 1, "connectorId": 1},
        {
            "timestamp": "2026-01-01T00:00:00",
            "connectorStatus": "Available",
            "evseId": 1,
            "connectorId": 1,
        },
        [Fate.KEPT, Fate.REPAIRED],
    ),
    (
        "an offset without colon",
        V16,
        "StartTransaction",
        {"connectorId": 1, "idTag": "T", "meterStart": 1, "timestamp": "2026-01-01T00:00:00+0200"},
        {"connectorId": 1, "idTag": "T", "meterStart": 1, "timestamp": "2026-01-01T00:00:00+02:00"},
        [Fate.REPAIRED],
    ),
    (
        "a number out of range",
        V16,
        "RemoteStartTransaction",
        {"idTag": "T", "connectorId": -1},
        {"idTag": "T", "connectorId": -1},
        [Fate.KEPT],
    ),
    ("a missing field", V16, "Authorize", {}, {}, [Fate.STANDS]),
    (
        "text that is no number",
        V16,
        "RemoteStopTransaction",
        {"transactionId": "x"},
        {"transactionId": "x"},
        [Fate.STANDS],
    ),
]


@pytest.mark.parametrize(
    ("version", "action", "payload", "made", "fates"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_plain_is_repaired_the_rest_kept_or_left(
    version: Version, action: str, payload: dict[str, Any], made: dict[str, Any], fates: list[Fate]
) -> None:
    """In place; every finding says what became of it."""
    schema = schemas.requests(version)[action]
    before = copy.deepcopy(payload)
    assert [finding.fate for finding in inspect(schema, payload)] == [Fate.STANDS] * len(fates)
    assert payload == before
    assert sorted(finding.fate.value for finding in repair(schema, payload)) == sorted(f.value for f in fates)
    assert payload == made


def test_a_limit_of_two_decimals_is_rounded_to_one() -> None:
    """6.16 A is 6.2 A in 1.6."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.16}]}
    answer = {"status": "Accepted", "chargingSchedule": schedule}
    found = repair(schemas.responses(V16)["GetCompositeSchedule"], answer)
    assert [finding.fate for finding in found] == [Fate.REPAIRED]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 6.2}]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    payload=st.fixed_dictionaries(
        {},
        optional={
            "connectorId": json_values,
            "errorCode": json_values,
            "status": json_values,
            "timestamp": json_values,
            "info": json_values,
            "other": json_values,
        },
    )
)
def test_what_does_not_stand_is_usable(payload: dict[str, Any]) -> None:
    """Whatever comes: no exception, and no violation is left but those that are told."""
    schema = schemas.requests(V16)["StatusNotification"]
    findings = repair(schema, payload)
    left = {finding.keyword for finding in inspect(schema, payload)}
    assert left <= {finding.keyword for finding in findings if finding.fate is not Fate.REPAIRED}
