"""Calls and answers between two ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.network.ocpp.wire.conftest import ACCEPTED, BOOT_2, BOOT_16, METER_16, Pair, turns
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Limits
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, Code, LinkLost, QueueFull, Refusal
from twin.network.ocpp.wire.link import Payload, Then

V16, V201, V21 = Version.V16, Version.V201, Version.V21
TIME = {"currentTime": "2026-01-01T00:00:00.000Z"}


def test_a_call_gets_the_payload_of_its_answer() -> None:
    """A handler that returns a dict is answered without a task."""

    async def main() -> None:
        pair = Pair(V16)
        pair.answers["Heartbeat"] = TIME
        assert await pair.station.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_an_answer_may_take_its_time() -> None:
    """A coroutine is answered when it returns; frames that come meanwhile are answered before it."""

    async def main() -> None:
        pair = Pair(V16)
        gate = asyncio.Event()

        async def slow() -> Payload:
            await gate.wait()
            return {"idTagInfo": {"status": "Accepted"}}

        pair.answers.update({"Authorize": slow, "Heartbeat": TIME})
        assert pair.feed([2, "a", "Authorize", {"idTag": "T"}]) == []
        assert pair.feed([2, "h", "Heartbeat", {}]) == [[3, "h", TIME]]
        gate.set()
        await turns()
        assert json.loads(pair.csms_link.sent[-1]) == [3, "a", {"idTagInfo": {"status": "Accepted"}}]

    asyncio.run(main())


def test_what_follows_an_answer_is_done_after_it() -> None:
    """The answer is on the wire before the follow-up calls back."""

    async def main() -> None:
        pair = Pair(V16)
        after = lambda: pair.csms.call("Reset", {"type": "Soft"})  # noqa: E731
        pair.answers["BootNotification"] = Then(ACCEPTED, after)
        pair.answers["station Reset"] = {"status": "Accepted"}
        assert [one[0] for one in pair.feed([2, "1", "BootNotification", BOOT_16])] == [3, 2]
        await turns()

    asyncio.run(main())


def test_a_handler_may_call_back_and_wait() -> None:
    """The station's answer is read while the handler of its call still waits: no deadlock."""

    async def main() -> None:
        pair = Pair(V16)

        async def ask() -> Payload:
            await pair.csms.call("ClearCache", {})
            return TIME

        pair.answers.update({"Heartbeat": ask, "station ClearCache": {"status": "Accepted"}})
        assert await pair.station.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_calls_go_one_at_a_time_in_order() -> None:
    """The second is sent when the first was answered."""

    async def main() -> None:
        pair = Pair(V16)
        first, second = pair.csms.call("ClearCache", {}), pair.csms.call("GetLocalListVersion", {})
        assert len(pair.csms_link.sent) == 1
        pair.csms_link.feed('[3,"c1",{"status":"Accepted"}]')
        assert [json.loads(text)[2] for text in pair.csms_link.sent] == ["ClearCache", "GetLocalListVersion"]
        pair.csms_link.feed('[3,"c2",{"listVersion":3}]')
        assert (await first, await second) == ({"status": "Accepted"}, {"listVersion": 3})

    asyncio.run(main())


def test_one_call_too_many_is_refused_at_once() -> None:
    """One in flight and two that wait; the fourth is not sent, ever."""

    async def main() -> None:
        pair = Pair(V16, limits=Limits(queued_calls=2))
        calls = [pair.csms.call("ClearCache", {}) for _ in range(4)]
        with pytest.raises(QueueFull, match="CP1: ClearCache not sent, 2 calls wait already"):
            await calls[3]
        pair.csms.lost()
        for call in calls[:3]:
            with pytest.raises(LinkLost):
                await call

    asyncio.run(main())


def test_no_answer_in_time_fails_the_call_and_lets_the_next_go() -> None:
    """30 s after it was sent, not after it was asked for."""

    async def main() -> None:
        pair = Pair(V16)
        pair.csms_link.other.owner = None  # a station that hears nothing
        first, second = pair.csms.call("ClearCache", {}), pair.csms.call("ClearCache", {}, timeout_s=10.0)
        pair.clock.go_to(30.0)
        with pytest.raises(CallTimedOut, match="no answer to ClearCache within 30 s"):
            await first
        assert not second.done()
        pair.clock.go_to(40.0)
        with pytest.raises(CallTimedOut, match="within 10 s"):
            await second

    asyncio.run(main())


def test_a_late_answer_is_surfaced() -> None:
    """It is recorded and told with the id of the call that was given up."""

    async def main() -> None:
        pair = Pair(V16)
        pair.csms_link.other.owner = None
        call = pair.csms.call("ClearCache", {})
        pair.clock.go_to(30.0)
        with pytest.raises(CallTimedOut):
            await call
        pair.feed([3, "c1", {"status": "Accepted"}])
        assert pair.late == [("c1", {"status": "Accepted"})]
        assert pair.rules == ["late-answer"]
        pair.feed([3, "c1", {"status": "Accepted"}])
        assert pair.rules == ["late-answer", "unknown-id"]

    asyncio.run(main())


def test_a_lost_connection_fails_what_waits_and_what_comes_after() -> None:
    """Whether the peer acted is unknown; nothing is sent any more."""

    async def main() -> None:
        pair = Pair(V16)
        flying, waiting = pair.csms.call("ClearCache", {}), pair.csms.call("ClearCache", {})
        pair.csms.lost()
        for call in (flying, waiting, pair.csms.call("ClearCache", {})):
            with pytest.raises(LinkLost):
                await call
        assert len(pair.csms_link.sent) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("version", "spelt", "read"),
    [
        (V16, "FormationViolation", "FormatViolation"),
        (V16, "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        (V16, "FormatViolation", "FormatViolation"),
        (V201, "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        (V201, "FormationViolation", "FormatViolation"),
        (V21, "NoSuchCode", "NoSuchCode"),
    ],
)
def test_an_error_is_read_in_every_spelling(version: Version, spelt: str, read: str) -> None:
    """Stations mix the spellings of the versions."""

    async def main() -> None:
        pair = Pair(version)
        pair.csms_link.other.owner = None
        call = pair.csms.call("ClearCache", {})
        pair.feed([4, "c1", spelt, "why", {"a": 1}])
        with pytest.raises(CallFailed, match=f"CP1: ClearCache was answered {read}: why") as caught:
            await call
        assert (caught.value.code, caught.value.details) == (read, {"a": 1})

    asyncio.run(main())


@pytest.mark.parametrize(("version", "sent"), [(V16, []), (V201, []), (V21, [[5, "c1", "FormatViolation"]])])
def test_a_bad_answer_fails_the_call_and_only_2_1_tells_the_peer(version: Version, sent: list[Any]) -> None:
    """CALLRESULTERROR is of 2.1; before it a bad CALLRESULT is never answered."""

    async def main() -> None:
        pair = Pair(version, strict=True)
        pair.csms_link.other.owner = None
        call = pair.csms.call("ClearCache", {})
        answer = pair.feed([3, "c1", {"status": "Accepted", "x": 1}])
        assert [one[:3] for one in answer] == sent
        with pytest.raises(CallFailed, match="its answer was refused"):
            await call

    asyncio.run(main())


def test_a_callresulterror_is_recorded_and_not_answered() -> None:
    """2.1 tells us that an answer of ours was refused."""

    async def main() -> None:
        pair = Pair(V21)
        assert pair.feed([5, "s1", "FormatViolation", "", {}]) == []
        assert pair.records[-1].frame.startswith("[5,")

    asyncio.run(main())


def test_a_send_of_2_1_is_handled_and_never_answered() -> None:
    """NotifyPeriodicEventStream is the one that 2.1 has."""

    async def main() -> None:
        pair = Pair(V21)
        stream = {
            "id": 1,
            "pending": 0,
            "basetime": "2026-01-01T00:00:00Z",
            "data": [{"t": 0.0, "v": "1"}],
        }
        pair.station.send("NotifyPeriodicEventStream", stream)
        await turns()
        assert pair.asked == [("NotifyPeriodicEventStream", stream)]
        assert pair.csms_link.sent == []

    asyncio.run(main())


def test_send_is_for_2_1_only() -> None:
    """What a version cannot say is a mistake of ours and is not sent."""

    async def main() -> None:
        pair = Pair(V201)
        with pytest.raises(
            ValueError, match=r"NotifyPeriodicEventStream: cannot be sent unconfirmed in 2\.0\.1"
        ):
            pair.station.send("NotifyPeriodicEventStream", {})

    asyncio.run(main())


def test_a_payload_of_ours_must_fit_unless_told_otherwise() -> None:
    """`validate=False` is for tests of other people's systems."""

    async def main() -> None:
        pair = Pair(V16)
        with pytest.raises(ValueError, match=r"Reset: .*required"):
            pair.csms.call("Reset", {})
        with pytest.raises(ValueError, match=r"Fly: no action of 1\.6"):
            pair.csms.call("Fly", {})
        nan = {"connectorId": 1, "csChargingProfiles": float("nan")}
        with pytest.raises(ValueError, match="SetChargingProfile"):
            pair.csms.call("SetChargingProfile", nan)
        call = pair.csms.call("Reset", {}, validate=False)
        assert pair.csms_link.sent == ['[2,"c1","Reset",{}]']
        with pytest.raises(CallFailed, match="ProtocolError"):
            await call

    asyncio.run(main())


def test_a_refusal_of_a_handler_becomes_a_callerror() -> None:
    """With its code in the version's spelling, its description and its details."""

    async def main() -> None:
        pair = Pair(V16)
        pair.answers["Heartbeat"] = Refusal(Code.OCCURRENCE_CONSTRAINT_VIOLATION, "why", {"n": 1})
        assert pair.feed([2, "1", "Heartbeat", {}]) == [
            [4, "1", "OccurenceConstraintViolation", "why", {"n": 1}]
        ]

    asyncio.run(main())


@pytest.mark.parametrize("late", [False, True])
def test_a_fault_of_a_handler_is_an_internal_error_and_logged(late: bool, capsys: Any) -> None:
    """At once or after a wait; nothing of the fault itself goes to the peer."""

    async def main() -> None:
        pair = Pair(V16)

        async def break_down() -> Payload:
            raise KeyError("secret")

        pair.answers["Heartbeat"] = break_down if late else KeyError("secret")
        pair.feed([2, "1", "Heartbeat", {}])
        await turns()
        assert json.loads(pair.csms_link.sent[-1])[:3] == [4, "1", "InternalError"]
        assert "secret" not in pair.csms_link.sent[-1]

    asyncio.run(main())
    assert "handler failed" in capsys.readouterr().out


def test_an_answer_of_ours_that_does_not_fit_is_not_sent(capsys: Any) -> None:
    """The peer gets InternalError, the log the reason."""

    async def main() -> None:
        pair = Pair(V16)
        pair.answers["Heartbeat"] = {"now": 1}
        assert pair.feed([2, "1", "Heartbeat", {}])[0][:3] == [4, "1", "InternalError"]

    asyncio.run(main())
    assert "our answer does not fit" in capsys.readouterr().out


def test_too_many_calls_at_once_are_refused() -> None:
    """What one peer may have in our hands is bounded; the others are refused, not kept."""

    async def main() -> None:
        pair = Pair(V16, limits=Limits(calls_at_once=2))
        gate = asyncio.Event()

        async def slow() -> Payload:
            await gate.wait()
            return TIME

        pair.answers["Heartbeat"] = slow
        assert [pair.feed([2, str(n), "Heartbeat", {}]) for n in range(2)] == [[], []]
        assert pair.feed([2, "2", "Heartbeat", {}])[0][:3] == [4, "2", "GenericError"]
        assert pair.rules == ["too-many-calls"]
        gate.set()
        await turns()
        assert len(pair.csms_link.sent) == 3

    asyncio.run(main())


def test_a_repeated_call_that_is_still_handled_is_answered_once() -> None:
    """The retry came before the answer: there is nothing to repeat yet."""

    async def main() -> None:
        pair = Pair(V16)
        never: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        pair.answers["Heartbeat"] = lambda: never
        pair.feed([2, "1", "Heartbeat", {}])
        pair.feed([2, "1", "Heartbeat", {}])
        never.set_result(TIME)
        await turns()
        assert pair.csms_link.sent == ['[3,"1",{"currentTime":"2026-01-01T00:00:00.000Z"}]']

    asyncio.run(main())


def test_another_call_under_a_used_id_is_handled_or_refused_when_strict() -> None:
    """A tolerant end acts on it and records it."""

    async def main() -> None:
        for strict, kinds in ((False, [3]), (True, [4])):
            pair = Pair(V16, strict=strict)
            pair.answers["Heartbeat"] = TIME
            pair.feed([2, "1", "MeterValues", METER_16])
            assert [one[0] for one in pair.feed([2, "1", "Heartbeat", {}])] == kinds
            assert pair.rules == ["duplicate-id"]

    asyncio.run(main())


def test_strictness_acts_on_the_next_frame() -> None:
    """It can be changed while connected."""

    async def main() -> None:
        pair = Pair(V201)
        pair.answers["BootNotification"] = ACCEPTED
        odd = {**BOOT_2, "x": 1}
        assert pair.feed([2, "1", "BootNotification", odd])[0][0] == 3
        pair.csms.strict = True
        assert pair.feed([2, "2", "BootNotification", odd])[0][0] == 4

    asyncio.run(main())


def test_every_frame_is_traced_with_its_fault() -> None:
    """In order, as it was on the wire."""

    async def main() -> None:
        pair = Pair(V16)
        pair.answers["Heartbeat"] = TIME
        pair.clock.now_s = 5.0
        pair.feed('[2, "1", "Heartbeat", {"x": 1}]')
        came, left = pair.records
        assert (came.t_s, came.outbound, came.frame) == (5.0, False, '[2, "1", "Heartbeat", {"x": 1}]')
        assert "'x' was unexpected" in came.fault
        assert (left.outbound, left.fault) == (True, "")

    asyncio.run(main())


def test_null_is_an_empty_payload() -> None:
    """1.6J 4.2.1 allows it where there is nothing to say."""

    async def main() -> None:
        pair = Pair(V16, strict=True)
        pair.answers["Heartbeat"] = TIME
        assert pair.feed([2, "1", "Heartbeat", None]) == [[3, "1", TIME]]
        assert pair.asked == [("Heartbeat", {})]

    asyncio.run(main())
