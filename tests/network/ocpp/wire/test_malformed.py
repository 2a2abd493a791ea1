"""Every malformed frame that real peers send, per version and at either end: what is answered, and what is recorded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.network.ocpp.wire.conftest import BOOT_2, BOOT_16, Pair
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Deviation
from twin.network.ocpp.wire.pipe import counter, pipe

V16, V201, V21 = Version.V16, Version.V201, Version.V21
LONG = "x" * 60
TWO = (V201, V21)

Case = tuple[str, tuple[Version, ...], Any, list[Any] | None, str]
"""Name, versions, frame, (id, code) of the CALLERROR or None for silence, rule of the record."""
CASES: list[Case] = [
    ("not JSON", (V16,), "hello", None, "not-json"),
    ("not JSON", TWO, "hello", ["-1", "RpcFrameworkError"], "not-json"),
    ("not an array", (V16,), '{"a":1}', None, "not-an-array"),
    ("not an array", TWO, '{"a":1}', ["-1", "RpcFrameworkError"], "not-an-array"),
    ("empty array", (V16,), "[]", None, "not-an-array"),
    ("empty array", TWO, "[]", ["-1", "RpcFrameworkError"], "not-an-array"),
    ("invalid UTF-8", (V16,), b'[2,"1","Heartbeat",{"a":"\xff"}]', None, "not-json"),
    ("invalid UTF-8", TWO, b'[2,"1","Heartbeat",{"a":"\xff"}]', ["-1", "RpcFrameworkError"], "not-json"),
    ("NaN", (V16,), '[2,"1","Heartbeat",{"a":NaN}]', None, "not-json"),
    ("NaN", TWO, '[2,"1","Heartbeat",{"a":NaN}]', ["-1", "RpcFrameworkError"], "not-json"),
    ("missing payload", (V16,), [2, "1", "Heartbeat"], ["1", "ProtocolError"], "incomplete-call"),
    ("missing payload", TWO, [2, "1", "Heartbeat"], ["1", "RpcFrameworkError"], "incomplete-call"),
    ("id that is no text", (V16,), [2, 7, "Heartbeat", {}], None, "incomplete-call"),
    ("id that is no text", TWO, [2, 7, "Heartbeat", {}], ["-1", "RpcFrameworkError"], "incomplete-call"),
    ("message type 1", (V16, V21), [1, "1", "Heartbeat", {}], None, "message-type"),
    ("message type 1", (V201,), [1, "1", "Heartbeat", {}], ["1", "MessageTypeNotSupported"], "message-type"),
    ("SEND before 2.1", (V16,), [6, "1", "Heartbeat", {}], None, "message-type"),
    ("SEND before 2.1", (V201,), [6, "1", "Heartbeat", {}], ["1", "MessageTypeNotSupported"], "message-type"),
    ("SEND of a call", (V21,), [6, "1", "Heartbeat", {}], None, "bad-send"),
    ("unknown action", tuple(Version), [2, "1", "Fly", {}], ["1", "NotImplemented"], "unknown-action"),
    ("path as action", tuple(Version), [2, "1", "../x", {}], ["1", "NotImplemented"], "unknown-action"),
    ("answer to nothing", tuple(Version), [3, "1", {}], None, "unknown-id"),
    ("error to nothing", tuple(Version), [4, "1", "GenericError", "", {}], None, "unknown-id"),
    ("answer without payload", tuple(Version), [3, "1"], None, "malformed-answer"),
]


def _expand() -> list[Any]:
    return [
        pytest.param(version, frame, answer, rule, id=f"{name}, {version.number}")
        for name, versions, frame, answer, rule in CASES
        for version in versions
    ]


@pytest.mark.parametrize("station_side", [False, True], ids=["csms", "station"])
@pytest.mark.parametrize(("version", "frame", "answer", "rule"), _expand())
def test_a_malformed_frame_is_answered_as_its_version_says_and_recorded(
    version: Version, frame: Any, answer: list[Any] | None, rule: str, station_side: bool
) -> None:
    """Both ends answer alike, keep a record, and go on serving the next frame."""

    async def main() -> None:
        remarks: list[Deviation] = []
        mine, _ = pipe(version, "CP1")
        end = Endpoint(
            mine,
            lambda action, payload: {"data": "x"},
            clock=Pair(version).clock,
            station_side=station_side,
            remark=remarks.append,
            new_id=counter(),
        )
        mine.join(end)
        mine.feed(frame if isinstance(frame, str | bytes) else json.dumps(frame))
        sent = [json.loads(text) for text in mine.sent]
        assert [one[:3] for one in sent] == ([] if answer is None else [[4, *answer]])
        assert [remark.rule for remark in remarks] == [rule]
        mine.feed('[2,"next","DataTransfer",{"vendorId":"v"}]')
        assert json.loads(mine.sent[-1])[1] == "next"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("version", "payload", "code"),
    [
        (V16, {**BOOT_16, "x": 1}, "FormationViolation"),
        (V201, {**BOOT_2, "x": 1}, "FormatViolation"),
        (V21, {**BOOT_2, "x": 1}, "FormatViolation"),
        (V16, {"chargePointVendor": "V"}, "ProtocolError"),
        (V201, {"reason": "PowerUp"}, "OccurrenceConstraintViolation"),
        (V21, {"reason": "PowerUp"}, "OccurrenceConstraintViolation"),
        (V16, {**BOOT_16, "chargePointModel": True}, "TypeConstraintViolation"),
        (V201, {**BOOT_2, "reason": 1}, "TypeConstraintViolation"),
        (V201, {**BOOT_2, "reason": "Boredom"}, "PropertyConstraintViolation"),
        (V21, {**BOOT_2, "reason": "Boredom"}, "PropertyConstraintViolation"),
        (V16, {**BOOT_16, "chargePointModel": LONG}, "TypeConstraintViolation"),
        (V201, [], "TypeConstraintViolation"),
    ],
)
def test_a_strict_end_spells_the_violation_in_its_version(version: Version, payload: Any, code: str) -> None:
    """Extra, missing, mistyped, unlisted and over-long fields have each their code."""

    async def main() -> None:
        pair = Pair(version, strict=True)
        sent = pair.feed([2, "1", "BootNotification", payload])
        assert [one[:3] for one in sent] == [[4, "1", code]]
        assert not pair.asked
        assert all(not remark.tolerated for remark in pair.remarks)

    asyncio.run(main())


def test_a_wrong_enum_of_1_6_is_a_formation_violation() -> None:
    """1.6 spells FormationViolation; its errata keep it so."""

    async def main() -> None:
        pair = Pair(V16, strict=True)
        payload = {"connectorId": 1, "errorCode": "Error", "status": "Available"}
        assert pair.feed([2, "1", "StatusNotification", payload])[0][2] == "FormationViolation"

    asyncio.run(main())


@pytest.mark.parametrize("version", Version)
def test_a_timestamp_that_is_none_is_refused_in_either_mode(version: Version) -> None:
    """`yesterday` is no date-time, and nobody can repair it."""

    async def main() -> None:
        for strict in (False, True):
            pair = Pair(version, strict=strict)
            if version is V16:
                action = "StatusNotification"
                payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
            else:
                action = "StatusNotification"
                payload = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available"}
            sent = pair.feed([2, "1", action, {**payload, "timestamp": "yesterday"}])
            assert sent[0][0] == 4
            assert sent[0][2] == "PropertyConstraintViolation"
            assert pair.rules == ["date-time"]

    asyncio.run(main())


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30, -(2**64), "18446744073709551616"])
@pytest.mark.parametrize("version", Version)
def test_an_integer_that_no_64_bits_hold_is_refused_in_either_mode(version: Version, number: Any) -> None:
    """It would harm whatever it is handed to: the journal, the list of stations."""

    async def main() -> None:
        for strict in (False, True):
            pair = Pair(version, strict=strict)
            if version is V16:
                payload = {"connectorId": number, "errorCode": "NoError", "status": "Available"}
            else:
                payload = {
                    "evseId": number,
                    "connectorId": 1,
                    "connectorStatus": "Available",
                    "timestamp": "2026-01-01T00:00:00Z",
                }
            assert pair.feed([2, "1", "StatusNotification", payload])[0][:2] == [4, "1"]
            assert not pair.asked

    asyncio.run(main())


@pytest.mark.parametrize("version", Version)
def test_a_known_action_without_handler_is_not_supported(version: Version) -> None:
    """NotImplemented is for what is not known, NotSupported for what is known and not done: in 2.1 as well."""

    async def main() -> None:
        pair = Pair(version)
        pair.answers["DataTransfer"] = Refusal(Code.NOT_SUPPORTED, "no handler")
        assert pair.feed([2, "1", "DataTransfer", {"vendorId": "v"}])[0][1:3] == ["1", "NotSupported"]

    asyncio.run(main())


@pytest.mark.parametrize("version", Version)
def test_an_id_of_sixty_characters_is_taken_and_recorded_or_refused(version: Version) -> None:
    """Ids have at most 36 characters; a tolerant end answers all the same."""

    async def main() -> None:
        tolerant, strict = Pair(version), Pair(version, strict=True)
        assert tolerant.feed([2, LONG, "DataTransfer", {"vendorId": "v"}])[0][1] == LONG
        assert strict.feed([2, LONG, "DataTransfer", {"vendorId": "v"}])[0][0] == 4
        assert tolerant.rules[0] == strict.rules[0] == "message-id"
        assert [tolerant.remarks[0].tolerated, strict.remarks[0].tolerated] == [True, False]

    asyncio.run(main())


@pytest.mark.parametrize("version", Version)
def test_the_same_call_again_is_answered_again_and_handled_once(version: Version) -> None:
    """1.6 and 2.1 allow a retry under the same id; acting twice would be wrong in every version."""

    async def main() -> None:
        pair = Pair(version)
        pair.answers["DataTransfer"] = {"status": "Accepted"}
        call = [2, "1", "DataTransfer", {"vendorId": "v"}]
        assert pair.feed(call) == pair.feed(call) == [[3, "1", {"status": "Accepted"}]]
        assert len(pair.asked) == 1
        assert pair.rules == ["duplicate-id"]

    asyncio.run(main())


def test_limit_of_one_decimal_stays_a_float() -> None:
    """6.1 A is one decimal of 1.6 and reaches the handler as 6.1, whatever binary makes of it."""

    async def main() -> None:
        pair = Pair(V16, strict=True)
        period = {"startPeriod": 0, "limit": 6.1}
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
        }
        pair.answers["station SetChargingProfile"] = {"status": "Accepted"}
        answer = await pair.csms.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
        assert answer == {"status": "Accepted"}
        got = pair.station_asked[0][1]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
        assert got == [{"startPeriod": 0, "limit": 6.1}]
        assert isinstance(got[0]["limit"], float)

    asyncio.run(main())


@pytest.mark.parametrize("version", TWO)
def test_custom_data_keys_stay_as_they_are(version: Version) -> None:
    """The content of customData is the vendor's."""

    async def main() -> None:
        pair = Pair(version)
        custom = {"vendorId": "v", "MyKey": 1, "associatedX": {"soc": 2}}
        pair.feed([2, "1", "Heartbeat", {"customData": custom}])
        assert pair.asked == [("Heartbeat", {"customData": custom})]

    asyncio.run(main())


def test_an_oversize_frame_is_recorded_not_parsed_and_the_connection_lives() -> None:
    """1,048,577 bytes are one too many."""

    async def main() -> None:
        pair = Pair(V201)
        sent = pair.feed('[2,"1","Heartbeat",{}]' + " " * (1_048_577 - 22))
        assert [one[:3] for one in sent] == [[4, "-1", "RpcFrameworkError"]]
        assert pair.rules == ["oversize"]
        assert len(pair.records[0].frame) == 200
        assert pair.csms_link.closed is None

    asyncio.run(main())
