"""Notices, data transfer, costs, needs and orders."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from twin.network.ocpp.csms.operations.charging_needs import ChargingNeeds
from twin.network.ocpp.csms.operations.commands import Commands, Firmware
from twin.network.ocpp.csms.operations.cost import CALIFORNIA, CostNow, Costs
from twin.network.ocpp.csms.operations.data_transfer import DataTransfer
from twin.network.ocpp.csms.operations.notices import KINDS, Notices
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.link import Then

YES = {"status": "Accepted"}
NEEDS = {"evseId": 2, "chargingNeeds": {"requestedEnergyTransfer": "DC"}}
TARIFF = {"tariffId": "T1", "currency": "EUR"}


def test_every_notice_is_an_action_of_its_versions_and_answered_validly(bench: Any) -> None:
    """All actions of the table, and the answer of each fits its schema."""
    handlers = Notices(bench.office).handlers()
    for (version, action), handler in handlers.items():
        answer = handler(bench.station(version), {"some": "thing"})
        assert action in schemas.actions(version)
        if action not in schemas.unconfirmed(version):
            assert schemas.responses(version)[action].valid(answer)
    assert {action for _, action in handlers} == {
        *KINDS,
        "OpenPeriodicEventStream",
        "PullDynamicScheduleUpdate",
    }


def test_the_latest_notice_is_known_after_a_restart(bench: Any) -> None:
    """Downloading, then Installed."""
    notices = Notices(bench.office)
    handler = notices.handlers()[Version.V16, "FirmwareStatusNotification"]
    for status in ("Downloading", "Installed"):
        handler(bench.station(Version.V16), {"status": status})
    again = Notices(bench.office)
    bench.restore(again)
    assert notices.latest("CP1", "firmware") == again.latest("CP1", "firmware") == {"status": "Installed"}


@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("acme", "hello", "Accepted"),
        ("acme", "other", "UnknownMessageId"),
        ("emca", "hello", "UnknownVendorId"),
    ],
)
def test_data_of_vendors(bench: Any, vendor: str, message: str, status: str) -> None:
    """What is registered is understood, the rest is named."""
    transfer = DataTransfer(bench.office)
    transfer.register("acme", "hello", lambda _, data: {"status": "Accepted", "data": f"{data}!"})
    handler = transfer.handlers()[Version.V16, "DataTransfer"]
    answer = handler(bench.station(Version.V16), {"vendorId": vendor, "messageId": message, "data": "hi"})
    assert answer["status"] == status
    assert answer.get("data") == ("hi!" if status == "Accepted" else None)


def test_cost_is_told_in_the_words_of_each_version(bench: Any, run: Any) -> None:
    """CostUpdated in 2.x, the California message in 1.6."""
    costs = Costs(
        bench.office, DataTransfer(bench.office), lambda _s, _t: CostNow(2.5, 7000, price_per_kwh=0.3)
    )
    new, old = bench.station(Version.V201, {}), bench.station(Version.V16, YES)
    assert run(costs.tell(new, "tx-1"))
    assert run(costs.tell(old, "12"))
    assert bench.asked(new) == [("CostUpdated", {"totalCost": 2.5, "transactionId": "tx-1"})]
    sent = bench.asked(old)[0][1]
    assert (sent["vendorId"], sent["messageId"]) == (CALIFORNIA, "RunningCost")
    data = json.loads(sent["data"])
    assert (data["transactionId"], data["cost"], data["chargingPrice"]["kWhPrice"]) == (12, 2.5, 0.3)


def test_without_prices_nothing_is_told(bench: Any, run: Any) -> None:
    """The seam is empty."""
    station = bench.station(Version.V201)
    assert run(Costs(bench.office, DataTransfer(bench.office)).tell(station, "tx-1")) is False


def test_tariffs_are_installed_on_2_1_and_survive(bench: Any, run: Any) -> None:
    """The station's own replaces the one for all; 2.0.1 gets none."""
    costs = Costs(bench.office, DataTransfer(bench.office))
    costs.set_tariff("", 0, TARIFF)
    costs.set_tariff("CP1", 0, {**TARIFF, "tariffId": "T2"})
    again = Costs(bench.office, DataTransfer(bench.office))
    bench.restore(again)
    station = bench.station(Version.V21, YES)
    assert run(again.install(station)) == {0: "Accepted"}
    assert bench.asked(station)[0][1]["tariff"]["tariffId"] == "T2"
    assert run(again.install(bench.station(Version.V201))) == {}


def test_a_tariff_that_is_none_is_refused(bench: Any) -> None:
    """Its currency is missing."""
    with pytest.raises(ValueError, match="TariffType"):
        Costs(bench.office, DataTransfer(bench.office)).set_tariff("", 0, {"tariffId": "T1"})


@pytest.mark.parametrize(
    ("version", "word"), [(Version.V201, "Rejected"), (Version.V21, "NoChargingProfile")]
)
def test_needs_without_a_planner_are_rejected(bench: Any, version: Version, word: str) -> None:
    """They are kept all the same."""
    part = ChargingNeeds(bench.office)
    assert part.handlers()[version, "NotifyEVChargingNeeds"](bench.station(version), NEEDS) == {
        "status": word
    }
    assert part.of("CP1", 2) == NEEDS


def test_a_planner_is_called_after_the_answer(bench: Any) -> None:
    """Not before: the station must know that a schedule comes."""
    planned: list[int] = []

    async def plan(_station: Any, evse: int, _needs: Any) -> None:
        planned.append(evse)

    async def story() -> None:
        part = ChargingNeeds(bench.office, plan)
        answer = part.handlers()[Version.V201, "NotifyEVChargingNeeds"](bench.station(Version.V201), NEEDS)
        assert isinstance(answer, Then)
        assert (answer.payload, planned) == (YES, [])
        answer.after()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert planned == [2]


def test_a_schedule_of_the_car_is_judged(bench: Any) -> None:
    """Too much is rejected and recorded."""
    part = ChargingNeeds(bench.office, judge=lambda _s, evse, _p: evse == 1)
    handler = part.handlers()[Version.V201, "NotifyEVChargingSchedule"]
    station = bench.station(Version.V201)
    assert [handler(station, {"evseId": n})["status"] for n in (1, 2)] == ["Accepted", "Rejected"]


@pytest.mark.parametrize(
    ("version", "order", "sent"),
    [
        (Version.V16, "reset", ("Reset", {"type": "Hard"})),
        (Version.V201, "reset", ("Reset", {"type": "Immediate"})),
        (Version.V16, "unlock", ("UnlockConnector", {"connectorId": 2})),
        (Version.V21, "unlock", ("UnlockConnector", {"evseId": 2, "connectorId": 1})),
        (Version.V16, "close", ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})),
        (Version.V201, "close", ("ChangeAvailability", {"operationalStatus": "Inoperative"})),
        (Version.V16, "trigger", ("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 2})),
        (Version.V201, "trigger", ("TriggerMessage", {"requestedMessage": "Heartbeat", "evse": {"id": 2}})),
    ],
)
def test_orders_in_the_words_of_each_version(
    bench: Any, run: Any, version: Version, order: str, sent: tuple[str, dict[str, object]]
) -> None:
    """One order, one message."""
    commands = Commands(bench.office)
    station = bench.station(version, {"status": "Unlocked"} if order == "unlock" else YES)
    jobs = {
        "reset": lambda: commands.reset(station, hard=True),
        "unlock": lambda: commands.unlock(station, 2),
        "close": lambda: commands.availability(station, operative=False),
        "trigger": lambda: commands.trigger(station, "Heartbeat", 2),
    }
    run(jobs[order]())
    assert bench.asked(station) == [sent]


def test_a_model_that_bears_no_message_for_the_whole_station_gets_one_per_connector(
    bench: Any, run: Any
) -> None:
    """Quirk 26: connectors 1 and 2; the one refusal is the answer."""
    station = bench.station(Version.V16, YES, {"status": "Rejected"})
    station.policy.quirks, station.policy.evses = Quirks(no_change_availability=True), (1, 2)
    assert run(Commands(bench.office).availability(station, operative=True)) == "Rejected"
    assert [payload["connectorId"] for _, payload in bench.asked(station)] == [1, 2]


@pytest.mark.parametrize(
    ("version", "signature", "action", "number"),
    [
        (Version.V16, "", "UpdateFirmware", None),
        (Version.V16, "c2ln", "SignedUpdateFirmware", 1),
        (Version.V201, "", "UpdateFirmware", 1),
        (Version.V21, "c2ln", "UpdateFirmware", 1),
    ],
)
def test_firmware_goes_out_in_the_message_of_the_version(
    bench: Any, run: Any, version: Version, signature: str, action: str, number: int | None
) -> None:
    """1.6 has two messages, 2.x one; those with a request id are numbered."""
    station = bench.station(version, {} if action == "UpdateFirmware" and version is Version.V16 else YES)
    image = Firmware("http://x/f.bin", "2026-01-01T00:00:00Z", signature, "PEM" if signature else "")
    sent = run(Commands(bench.office).update_firmware(station, image))
    assert (sent.action, sent.request_id) == (action, number)


def test_logs_by_version_and_kind(bench: Any, run: Any) -> None:
    """1.6 diagnostics have a message of their own; request ids go on after a restart."""
    commands = Commands(bench.office)
    old, new = bench.station(Version.V16, {"fileName": "a"}), bench.station(Version.V201, YES, YES)
    assert run(commands.get_log(old, "ftp://x/")).action == "GetDiagnostics"
    assert run(commands.get_log(new, "http://x/", "security")).request_id == 1
    again = Office(bench.office.desk, bench.office.tell)
    bench.restore(again)
    assert run(Commands(again).get_log(new, "http://x/")).request_id == 2


def test_nobody_calls_a_station_that_is_not_there(bench: Any, run: Any) -> None:
    """The word is clear."""
    station = bench.station(Version.V16)
    station.endpoint = None
    with pytest.raises(LinkLost, match="CP1: not connected"):
        run(Commands(bench.office).reset(station, hard=False))
