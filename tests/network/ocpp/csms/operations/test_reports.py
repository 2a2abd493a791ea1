"""Reports in parts, out of order, doubled, and never finished."""

from __future__ import annotations

import asyncio
from typing import Any

from twin.network.ocpp.csms.operations.reports import Reports
from twin.network.ocpp.versions import Version

ACCEPTED = {"status": "Accepted"}


def part(seq: int, *names: str, tbc: bool = False, request: int = 7) -> dict[str, Any]:
    """Return one part of a device report."""
    return {"requestId": request, "seqNo": seq, "tbc": tbc, "generatedAt": "x", "reportData": list(names)}


def test_parts_out_of_order_become_one_report(bench: Any, run: Any) -> None:
    """The first part comes before the answer, the last before the middle, one twice."""
    reports = Reports(bench.clock)

    async def story() -> Any:
        with reports.expect("CP1", "GetBaseReport", 7) as waiting:
            for one in (part(0, "a", tbc=True), part(2, "c"), part(0, "a", tbc=True), part(1, "b", tbc=True)):
                reports.heard("CP1", "NotifyReport", one)
            return await waiting.collected(ACCEPTED, 10)

    assert run(story()) == {
        "status": "Accepted",
        "report": {"parts": 3, "complete": True, "reportData": ["a", "b", "c"]},
    }


def test_parts_of_another_request_or_station_do_not_count(bench: Any, run: Any) -> None:
    """The time-out says that nothing is complete."""
    reports = Reports(bench.clock)

    async def story() -> Any:
        with reports.expect("CP1", "GetReport", 7) as waiting:
            reports.heard("CP2", "NotifyReport", part(0, "a"))
            reports.heard("CP1", "NotifyReport", part(0, "a", request=8))
            collecting = asyncio.ensure_future(waiting.collected(ACCEPTED, 10))
            await asyncio.sleep(0)
            bench.clock.go_to(10)
            return await collecting

    assert run(story())["report"] == {"parts": 0, "complete": False, "reportData": []}


def test_a_refused_request_is_answered_at_once(bench: Any, run: Any) -> None:
    """No part will come."""
    with Reports(bench.clock).expect("CP1", "GetReport", 7) as waiting:
        assert run(waiting.collected({"status": "EmptyResultSet"}, 10)) == {"status": "EmptyResultSet"}


def test_profiles_keep_their_evse_and_source(bench: Any, run: Any) -> None:
    """What only the part says is put into each profile."""
    reports = Reports(bench.clock)
    profile = {
        "requestId": 3,
        "chargingLimitSource": "CSO",
        "evseId": 2,
        "chargingProfile": [{"id": 5}],
    }

    async def story() -> Any:
        with reports.expect("CP1", "GetChargingProfiles", 3) as waiting:
            reports.heard("CP1", "ReportChargingProfiles", profile)
            return await waiting.collected(ACCEPTED, 1)

    assert run(story())["report"]["chargingProfile"] == [{"evseId": 2, "chargingLimitSource": "CSO", "id": 5}]


def test_customer_information_is_put_together_as_text(bench: Any, run: Any) -> None:
    """A text that was cut in two."""
    reports = Reports(bench.clock)

    async def story() -> Any:
        with reports.expect("CP1", "CustomerInformation", 1) as waiting:
            for n, text in enumerate(("Anna", " B.")):
                body = {"requestId": 1, "seqNo": n, "tbc": n == 0, "data": text, "generatedAt": "x"}
                reports.heard("CP1", "NotifyCustomerInformation", body)
            return await waiting.collected(ACCEPTED, 1)

    assert run(story())["report"]["data"] == "Anna B."


def test_der_controls_of_2_1_keep_their_kinds(bench: Any, run: Any) -> None:
    """Lists of each kind are joined."""
    reports = Reports(bench.clock)

    async def story() -> Any:
        with reports.expect("CP1", "GetDERControl", 1) as waiting:
            reports.heard("CP1", "ReportDERControl", {"requestId": 1, "tbc": True, "curve": [{"id": "a"}]})
            reports.heard(
                "CP1", "ReportDERControl", {"requestId": 1, "curve": [{"id": "b"}], "gradient": [{"id": "c"}]}
            )
            return await waiting.collected(ACCEPTED, 1)

    report = run(story())["report"]
    assert (report["curve"], report["gradient"]) == ([{"id": "a"}, {"id": "b"}], [{"id": "c"}])


def test_a_part_of_somebody_else_is_overheard_and_still_answers(bench: Any) -> None:
    """The handler gets the message, and so does who waits for the report."""
    reports, station = Reports(bench.clock), bench.station(Version.V201)

    class Other(Reports):
        name = "other"

        def handlers(self) -> Any:
            return {
                (Version.V201, "NotifyReport"): lambda _station, _payload: {"customData": {"vendorId": "me"}}
            }

    handler = reports.overhear(Other(bench.clock)).handlers()[Version.V201, "NotifyReport"]
    with reports.expect("CP1", "GetReport", 7) as waiting:
        assert handler(station, part(0, "a")) == {"customData": {"vendorId": "me"}}
        assert asyncio.run(waiting.collected(ACCEPTED, 1))["report"]["complete"]
