"""Calls over HTTP: payloads through, every failure with its word."""

from __future__ import annotations

from typing import Any

import pytest

from twin.network.api import catalogue
from twin.network.api.compose import Options
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.network.ocpp.wire.endpoint import Limits

CALLS = "/v1/stations/CP1/calls"


def test_the_payload_of_the_answer_comes_back(tell: Any) -> None:
    """What is sent is the body, what returns is the station's answer."""

    async def story(world: Any) -> None:
        station = await world.station(Reset={"status": "Accepted"})
        response = await world.ask("POST", f"{CALLS}/Reset", json={"type": "Soft"})
        assert (response.status_code, response.json()) == (200, {"status": "Accepted"})
        assert station.asked == [("Reset", {"type": "Soft"})]

    tell(story)


def test_an_error_of_the_station_is_502_with_its_code(tell: Any) -> None:
    """CALLERROR NotSupported."""

    async def story(world: Any) -> None:
        await world.station()
        response = await world.ask("POST", f"{CALLS}/ClearCache", json={})
        assert response.status_code == 502
        assert response.json() == {"error": "not in the script", "code": "NotSupported", "details": {}}

    tell(story)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/stations/CP9/calls/Reset", {"type": "Soft"}, 404, "unknown-station"),
        ("/v1/stations/AWAY/calls/Reset", {"type": "Soft"}, 409, "station-offline"),
        (f"{CALLS}/Reset", {"type": "Gently"}, 422, "invalid-payload"),
        (f"{CALLS}/Heartbeat", {}, 404, "unknown-action"),
        (f"{CALLS}/GetVariables", {}, 404, "unknown-action"),
        (f"{CALLS}/Reset?timeout=-1", {"type": "Soft"}, 422, "invalid-request"),
        (f"{CALLS}/Reset", [1, 2], 422, "invalid-request"),
        ("/v1/nothing", {}, 404, "no-such-route"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_word(
    tell: Any, path: str, body: Any, status: int, code: str
) -> None:
    """Nothing reaches the station."""

    async def story(world: Any) -> None:
        station = await world.station(Reset={"status": "Accepted"})
        world.system.csms.register("AWAY")
        response = await world.ask("POST", path, json=body)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["error"]
        assert station.asked == []

    tell(story)


def test_no_answer_in_time_is_504_and_says_that_the_outcome_is_unknown(tell: Any) -> None:
    """The station never answers."""

    async def story(world: Any) -> None:
        import asyncio

        await world.station(Reset=lambda _: asyncio.get_running_loop().create_future())
        response = await world.ask("POST", f"{CALLS}/Reset?timeout=0.01", json={"type": "Soft"})
        assert (response.status_code, response.json()["code"]) == (504, "timeout")
        assert "unknown" in response.json()["error"]
        assert world.system.audit.after(0, 9)[-1]["outcome"] == "timeout"

    tell(story)


def test_a_connection_that_breaks_is_503(tell: Any) -> None:
    """Whether the station acted is unknown."""

    async def story(world: Any) -> None:
        station = await world.station(Reset=lambda _: station.endpoint.drop() or {"status": "Accepted"})
        response = await world.ask("POST", f"{CALLS}/Reset", json={"type": "Soft"})
        assert (response.status_code, response.json()["code"]) == (503, "link-lost")

    tell(story)


def test_validation_off_sends_what_is_wrong(tell: Any) -> None:
    """For tests of stations: an unknown enumeration, and an action that nobody knows."""

    async def story(world: Any) -> None:
        await world.station()
        for action, body in (("Reset", {"type": "Gently"}), ("Dance", {"steps": 2})):
            await world.ask("POST", f"{CALLS}/{action}?validate=off", json=body)
        frames = (await world.ask("GET", "/v1/trace?station=CP1")).json()["frames"]
        sent = [one["frame"][2:] for one in frames if one["direction"] == "out" and one["frame"][0] == 2]
        assert sent[-2:] == [["Reset", {"type": "Gently"}], ["Dance", {"steps": 2}]]

    tell(story)


def test_a_report_in_parts_comes_back_whole(tell: Any) -> None:
    """Two parts behind the answer, under a request id that was chosen here."""

    async def story(world: Any) -> None:
        import asyncio

        tasks = []

        def report(payload: dict[str, Any]) -> dict[str, Any]:
            async def parts() -> None:
                for n in range(2):
                    await station.call(
                        "NotifyMonitoringReport",
                        {
                            "requestId": payload["requestId"],
                            "seqNo": n,
                            "tbc": n == 0,
                            "generatedAt": "2026-01-01T00:00:00Z",
                            "monitor": [
                                {
                                    "component": {"name": f"C{n}"},
                                    "variable": {"name": "V"},
                                    "variableMonitoring": [
                                        {
                                            "id": n,
                                            "transaction": False,
                                            "value": 1,
                                            "type": "Delta",
                                            "severity": 1,
                                        }
                                    ],
                                }
                            ],
                        },
                    )

            tasks.append(asyncio.ensure_future(parts()))
            return {"status": "Accepted"}

        station = await world.station(Version.V201, GetMonitoringReport=report)
        response = await world.ask("POST", f"{CALLS}/GetMonitoringReport", json={})
        body = response.json()
        assert body["status"] == "Accepted"
        assert body["requestId"] >= 1
        assert (body["report"]["parts"], body["report"]["complete"]) == (2, True)
        assert [one["component"]["name"] for one in body["report"]["monitor"]] == ["C0", "C1"]

    tell(story)


def test_long_lists_go_in_batches_and_come_back_joined(tell: Any) -> None:
    """Five variables at two per message: three calls, five results."""

    async def story(world: Any) -> None:
        def read(payload: dict[str, Any]) -> dict[str, Any]:
            return {
                "getVariableResult": [
                    {**asked, "attributeStatus": "Accepted", "attributeValue": "1"}
                    for asked in payload["getVariableData"]
                ]
            }

        station = await world.station(Version.V201, GetVariables=read)
        await world.ask("PUT", "/v1/stations/CP1", json={"items_per_message": {"GetVariables": 2}})
        asked = [{"component": {"name": "C"}, "variable": {"name": f"V{n}"}} for n in range(5)]
        station.asked.clear()
        response = await world.ask("POST", f"{CALLS}/GetVariables", json={"getVariableData": asked})
        assert [len(payload["getVariableData"]) for _, payload in station.asked] == [2, 2, 1]
        names = [one["variable"]["name"] for one in response.json()["getVariableResult"]]
        assert names == ["V0", "V1", "V2", "V3", "V4"]

    tell(story)


@pytest.mark.parametrize(
    ("role", "action", "status"),
    [
        ("", "RemoteStopTransaction", 401),
        ("read", "RemoteStopTransaction", 403),
        ("stop", "RemoteStopTransaction", 200),
        ("stop", "Reset", 403),
        ("operate", "RemoteStopTransaction", 200),
    ],
)
def test_roles(tell: Any, role: str, action: str, status: int) -> None:
    """`stop` ends transactions and nothing else."""

    async def story(world: Any) -> None:
        await world.station(RemoteStopTransaction={"status": "Accepted"})
        body = {"transactionId": 1} if action != "Reset" else {"type": "Soft"}
        response = await world.ask("POST", f"{CALLS}/{action}", json=body, role=role)
        assert response.status_code == status

    tell(story)


def test_the_audit_log_has_who_what_when_and_outcome_and_no_secret(tell: Any) -> None:
    """It survives a restart."""
    from twin.store.memory import MemoryJournal

    journal = MemoryJournal(keep=True)

    async def story(world: Any) -> None:
        await world.station(ChangeConfiguration={"status": "Accepted"})
        body = {"key": "AuthorizationKey", "value": "00112233445566778899"}
        await world.ask("POST", f"{CALLS}/ChangeConfiguration", json=body)

    tell(story, journal=journal)
    assert "00112233445566778899" not in str(list(journal.entries()))

    async def later(world: Any) -> None:
        line = (await world.ask("GET", "/v1/audit")).json()["audit"][-1]
        assert (line["who"], line["what"], line["outcome"]) == (
            "operate",
            "call CP1 ChangeConfiguration",
            "Accepted",
        )
        assert line["body"] == {"key": "AuthorizationKey", "value": "***"}
        assert line["at"].startswith("2026-01-01T")
        assert (await world.ask("GET", "/v1/audit", role="stop")).status_code == 403

    tell(later, journal=journal)


def test_too_many_calls_at_once_are_429(tell: Any) -> None:
    """One in flight, one waits, the third is refused."""

    async def story(world: Any) -> None:
        import asyncio

        await world.station(ClearCache=lambda _: asyncio.get_running_loop().create_future())
        url = f"{CALLS}/ClearCache?timeout=0.05"
        responses = await asyncio.gather(*(world.ask("POST", url, json={}) for _ in range(3)))
        assert sorted(response.status_code for response in responses) == [429, 504, 504]

    tell(story, options=Options(limits=Limits(queued_calls=1)))


def test_every_message_to_stations_can_be_sent_and_no_other() -> None:
    """39 actions of 1.6 less 13 of stations' own, 64 less 24 of 2.0.1, 91 less 36 of 2.1."""
    sizes = {version: len(catalogue.actions(version)) for version in Version}
    assert sizes == {Version.V16: 26, Version.V201: 40, Version.V21: 55}
    assert "DataTransfer" in catalogue.actions(Version.V16)
    assert "BootNotification" not in catalogue.actions(Version.V21)


def test_every_message_of_stations_is_answered_by_some_part(tell: Any) -> None:
    """In each version all that stations may send, DataTransfer included."""

    async def story(world: Any) -> None:
        handled = set(world.system.csms._table)
        for version in Version:
            own = (catalogue.FROM_STATIONS & schemas.actions(version)) | {"DataTransfer"}
            assert {(version, action) for action in own} - handled == set()

    tell(story)
