"""What a station is: read, set up, remembered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.network.ocpp.csms.scripted import Bench, Charger, play, settle
from twin.network.ocpp.csms.capabilities import ASSUMED, Capabilities, units
from twin.network.ocpp.csms.provisioning import AT_ONCE, PLACE_S
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.wanted import Choices, Wanted
from twin.network.ocpp.profiles.model import Unit
from twin.network.ocpp.versions import Version

TWO = pytest.mark.parametrize("version", [Version.V201, Version.V21])


def variable(component: str, name: str, value: str, **more: Any) -> dict[str, Any]:
    """One entry of a report."""
    evse = {"evse": {"id": more.pop("evse")}} if "evse" in more else {}
    instance = {"instance": more.pop("instance")} if "instance" in more else {}
    traits = {"dataType": "string", "supportsMonitoring": False, **more}
    return {
        "component": {"name": component, **evse},
        "variable": {"name": name, **instance},
        "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadWrite"}],
        "variableCharacteristics": traits,
    }


REPORT = [
    variable("DeviceDataCtrlr", "ItemsPerMessage", "3", instance="SetVariables"),
    variable("SmartChargingCtrlr", "Enabled", "true"),
    variable("SmartChargingCtrlr", "RateUnit", "A,W"),
    variable("SmartChargingCtrlr", "ProfileStackLevel", "5"),
    variable("SmartChargingCtrlr", "PeriodsPerSchedule", "12"),
    variable("SmartChargingCtrlr", "Entries", "0", instance="ChargingProfiles", maxLimit=20),
    variable("SmartChargingCtrlr", "Phases3to1", "true"),
    variable("EVSE", "Power", "0", evse=1, unit="W", maxLimit=22000),
    variable("EVSE", "Power", "0", evse=2, unit="kW", maxLimit=11),
    variable("ChargingStation", "SupplyPhases", "3"),
    variable("SampledDataCtrlr", "TxUpdatedInterval", "60"),
    variable(
        "SampledDataCtrlr",
        "TxUpdatedMeasurands",
        "Voltage",
        valuesList="Energy.Active.Import.Register,Power.Active.Import,Voltage",
    ),
]


class Reporting(Charger):
    """Answers GetBaseReport with two parts, the second one first."""

    def on_GetBaseReport(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.later(self._parts(body["requestId"]))
        return {"status": "Accepted"}

    async def _parts(self, request_id: int) -> None:
        for number, part in ((1, REPORT[6:]), (0, REPORT[:6])):
            await self.call(
                "NotifyReport",
                {
                    "requestId": request_id,
                    "generatedAt": self.now(),
                    "seqNo": number,
                    "tbc": number == 0,
                    "reportData": part,
                },
            )


def known(bench: Bench) -> Capabilities:
    found = bench.provisioning.capabilities("cp-1")
    assert found is not None
    return found


def test_a_1_6_station_is_read_and_set_up() -> None:
    """One GetConfiguration reads all; what differs is set, what is right already is kept."""

    async def story() -> None:
        bench, charger = Bench(wanted=Wanted(sample_interval_s=30, aligned_interval_s=900)), Charger()
        await bench.boot(charger)
        assert charger.bodies("GetConfiguration")[0] == {}
        assert charger.config["MeterValueSampleInterval"] == "30"
        assert charger.config["ClockAlignedDataInterval"] == "900"
        assert charger.config["MeterValuesSampledData"].split(",") == [
            "Energy.Active.Import.Register",
            "Power.Active.Import",
            "Current.Import",
            "Voltage",
            "SoC",
        ]
        outcomes = bench.provisioning.provisioned("cp-1").outcomes
        assert outcomes["HeartbeatInterval"] == "kept"
        assert outcomes["MeterValueSampleInterval"] == "Accepted"
        assert known(bench).max_stack_level == 8
        assert known(bench).units == {Unit.A}
        assert known(bench).evses == (1,)
        assert known(bench).source("max_stack_level") == "ChargeProfileMaxStackLevel = 8"
        assert known(bench).source("phase_switching") == ASSUMED

    play(story)


@TWO
def test_a_2_x_station_is_read_by_its_base_report(version: Version) -> None:
    """Two parts that come in the wrong order make one device model."""

    async def story() -> None:
        bench, charger = Bench(), Reporting(version=version)
        await bench.boot(charger)
        found = known(bench)
        assert found.units == {Unit.A, Unit.W}
        assert (found.max_stack_level, found.max_periods, found.max_profiles) == (5, 12, 20)
        assert found.evses == (1, 2)
        assert found.rating_w == {1: 22000.0, 2: 11000.0}
        assert (found.phases, found.phase_switching, found.smart_charging) == (3, True, True)
        assert bench.charging.counts_w("cp-1", 2) == 11000.0

    play(story)


@TWO
def test_variables_are_set_in_batches_of_what_a_message_may_hold(version: Version) -> None:
    """Six settings of which one is kept already go out as 3 and 2."""

    async def story() -> None:
        bench, charger = Bench(), Reporting(version=version)
        await bench.boot(charger)
        sizes = [len(body["setVariableData"]) for body in charger.bodies("SetVariables")]
        assert sizes == [3, 2]
        outcomes = bench.provisioning.provisioned("cp-1").outcomes
        assert outcomes["SampledDataCtrlr.TxUpdatedInterval"] == "kept"
        assert outcomes["SampledDataCtrlr.TxUpdatedMeasurands"] == "Accepted"

    play(story)


def test_the_operators_number_of_items_wins() -> None:
    """With `items_per_message` of 2 the five settings go out as 2, 2 and 1."""

    async def story() -> None:
        bench, charger = Bench(), Reporting(version=Version.V201)
        await bench.boot(charger, StationPolicy(items_per_message={"SetVariables": 2}))
        assert [len(body["setVariableData"]) for body in charger.bodies("SetVariables")] == [2, 2, 1]

    play(story)


def test_measurands_that_a_station_does_not_list_are_left_out() -> None:
    """Of the wanted measurands the two stay that `valuesList` names beside the voltage."""

    async def story() -> None:
        bench, charger = Bench(), Reporting(version=Version.V201)
        await bench.boot(charger)
        sent = [one for body in charger.bodies("SetVariables") for one in body["setVariableData"]]
        lists = {one["variable"]["name"]: one["attributeValue"] for one in sent}
        assert lists["TxUpdatedMeasurands"] == "Energy.Active.Import.Register,Power.Active.Import,Voltage"

    play(story)


def test_without_a_report_variables_are_asked_by_name() -> None:
    """A station that gives no base report is asked for one variable at a time, until it says how many it bears."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=Version.V201)

        def answer(body: dict[str, Any]) -> dict[str, Any]:
            told = {"ItemsPerMessage": "5", "RateUnit": "W"}
            return {
                "getVariableResult": [
                    {
                        **one,
                        "attributeStatus": "Accepted"
                        if one["variable"]["name"] in told
                        else "UnknownVariable",
                        "attributeValue": told.get(one["variable"]["name"], ""),
                    }
                    for one in body["getVariableData"]
                ]
            }

        charger.answers["GetVariables"] = answer
        await bench.boot(charger)
        sizes = [len(body["getVariableData"]) for body in charger.bodies("GetVariables")]
        assert sizes[0] == 1
        assert set(sizes[1:-1]) == {5}
        assert known(bench).units == {Unit.W}

    play(story)


def test_a_part_that_never_comes_does_not_hold_the_set_up() -> None:
    """After 120 s what came of the report is used, and the settings are made."""

    async def story() -> None:
        class Half(Reporting):
            async def _parts(self, request_id: int) -> None:
                body = {"requestId": request_id, "generatedAt": self.now(), "seqNo": 0, "tbc": True}
                await self.call("NotifyReport", {**body, "reportData": REPORT[:6]})

        bench, charger = Bench(), Half(version=Version.V201)
        await bench.boot(charger)
        assert bench.provisioning.capabilities("cp-1") is None
        await bench.until(121.0)
        assert known(bench).max_stack_level == 5
        assert charger.count("SetVariables") > 0

    play(story)


def test_limits_wait_until_the_station_is_known() -> None:
    """A wish from before the set-up is sent in the unit that the set-up finds out."""

    async def story() -> None:
        from twin.network.ocpp.csms.limits import Limit

        bench, charger = Bench(), Charger()
        charger.config["ChargingScheduleAllowedChargingRateUnit"] = "Power"
        bench.csms.register("cp-1")
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=5000.0))
        await bench.boot(charger)
        assert charger.profiles["TxDefaultProfile"]["chargingSchedule"]["chargingRateUnit"] == "W"

    play(story)


def test_what_was_found_out_survives_a_restart_and_is_verified() -> None:
    """The capabilities are there before the station is; verified is said only after it told them again."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        again = Bench(journal=bench.journal)
        assert known(again) == known(bench)
        assert not again.provisioning.provisioned("cp-1").verified
        await again.boot(charger)
        assert again.provisioning.provisioned("cp-1").verified

    play(story)


def test_secrets_are_neither_kept_nor_written_into_the_journal() -> None:
    """An AuthorizationKey that a station tells is forgotten at once."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.config["AuthorizationKey"] = "73656372657420"
        await bench.boot(charger)
        assert "73656372657420" not in str(list(bench.journal.entries()))

    play(story)


def test_a_connection_that_breaks_in_the_set_up_is_noted_and_begun_anew() -> None:
    """The second connection sets up what the first one left."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["ChangeConfiguration"] = lambda body: (
            charger.endpoint.drop() or {"status": "Accepted"}
        )
        await bench.boot(charger)
        await settle()
        assert "provisioning-cut-off" in bench.notes()
        del charger.answers["ChangeConfiguration"]
        await bench.boot(charger)
        assert charger.config["MeterValueSampleInterval"] == "60"

    play(story)


def test_capabilities_are_the_same_after_the_journal() -> None:
    """Reading what was written gives equal capabilities."""
    before = Capabilities().told(
        "EVSE.Power maxLimit", rating_w={1: 22000.0}, units=frozenset({Unit.A, Unit.W})
    )
    assert Capabilities.from_json(before.as_json()) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Current", {Unit.A}),
        ("W", {Unit.W}),
        ("Power", {Unit.W}),
        ("Current,Power", {Unit.A, Unit.W}),
        (' "A" , w ', {Unit.A, Unit.W}),
        ("", set()),
        ("kVA", set()),
    ],
)
def test_words_for_units(text: str, expected: set[Unit]) -> None:
    """Every spelling that is known from the field is read; others say nothing."""
    assert units(text) == expected


def test_the_unit_that_a_model_obeys_wins_over_what_it_reports() -> None:
    """A station that reports A and W, of a model that obeys A only, gets A."""
    both = Capabilities(units=frozenset({Unit.A, Unit.W}))
    assert both.unit(Quirks()) is Unit.W
    assert both.unit(Quirks(rate_unit="A")) is Unit.A


@pytest.mark.parametrize(
    ("present", "then"), [("5", "5"), ("60", "60"), ("61", "60"), ("0", "60"), ("x", "60")]
)
def test_a_station_keeps_an_interval_that_is_short_enough(present: str, then: str) -> None:
    """Without a wish, 5 s and 60 s stay; 61 s, none and nonsense become 60 s; aligned values are left alone."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.config |= {"MeterValueSampleInterval": present, "ClockAlignedDataInterval": "300"}
        await bench.boot(charger)
        assert charger.config["MeterValueSampleInterval"] == then
        assert charger.config["ClockAlignedDataInterval"] == "300"

    play(story)


@pytest.mark.parametrize("version", list(Version))
def test_a_station_may_be_left_as_it_is(version: Version) -> None:
    """With `leave` nothing is set, for all or by the policy of one."""

    async def story() -> None:
        for wanted, policy in (
            (Wanted(leave=True), StationPolicy()),
            (Wanted(), StationPolicy(choices=Choices(leave=True))),
        ):
            bench, charger = Bench(wanted=wanted), Charger(version=version)
            await bench.boot(charger, policy)
            assert bench.provisioning.provisioned("cp-1").verified
            assert not charger.bodies("ChangeConfiguration") + charger.bodies("SetVariables")

    play(story)


def test_what_was_decided_about_one_station_is_set_at_once() -> None:
    """Ten seconds by its policy, though all the others get thirty; nothing is set twice."""

    async def story() -> None:
        bench, charger = Bench(wanted=Wanted(sample_interval_s=30)), Charger()
        station = await bench.boot(charger)
        assert charger.config["MeterValueSampleInterval"] == "30"
        station.policy.choices = Choices(sample_interval_s=10, sampled=("Voltage",))
        bench.provisioning.decided(station)
        await settle()
        assert charger.config["MeterValueSampleInterval"] == "10"
        assert charger.config["MeterValuesSampledData"] == "Voltage"
        asked = len(charger.bodies("GetConfiguration"))
        bench.provisioning.decided(station)
        await settle()
        assert len(charger.bodies("GetConfiguration")) == asked

    play(story)


def test_a_storm_of_boots_is_set_up_fifty_at_a_time() -> None:
    """Of 120 stations that stay silent 50 are asked; after ten seconds the next 50, and then the rest."""

    async def story() -> None:
        bench = Bench()
        chargers = [Charger(f"cp-{number}") for number in range(120)]
        for charger in chargers:
            charger.answers["GetConfiguration"] = lambda _: asyncio.get_running_loop().create_future()
            bench.connect(charger)
            await charger.boot()
        await settle()

        def asked() -> int:
            return sum(bool(charger.bodies("GetConfiguration")) for charger in chargers)

        assert asked() == AT_ONCE == 50
        await bench.until(PLACE_S - 1.0)
        assert asked() == 50
        await bench.until(PLACE_S)
        assert asked() == 100
        await bench.until(2 * PLACE_S)
        assert asked() == 120

    play(story)


def test_those_who_answer_make_room_at_once() -> None:
    """All of 120 stations that answer are set up while the clock stands still."""

    async def story() -> None:
        bench = Bench()
        for number in range(120):
            bench.connect(charger := Charger(f"cp-{number}"))
            await charger.boot()
        for _ in range(20):
            await settle()
        assert all(bench.provisioning.provisioned(f"cp-{number}").verified for number in range(120))
        assert bench.clock.now_s == 0.0

    play(story)


@TWO
def test_messages_are_no_longer_than_a_station_bears(version: Version) -> None:
    """With BytesPerMessage of 500 no SetVariables is longer, frame and all, and none holds a single setting in vain."""

    async def story() -> None:
        bench, charger = Bench(), Reporting(version=version)
        more = [
            variable("DeviceDataCtrlr", "BytesPerMessage", "500", instance="SetVariables"),
            variable("DeviceDataCtrlr", "ItemsPerMessage", "50", instance="SetVariables"),
        ]

        def report(body: dict[str, Any]) -> dict[str, Any]:
            part = {
                "requestId": body["requestId"],
                "generatedAt": charger.now(),
                "seqNo": 0,
                "reportData": more,
            }

            async def tell() -> None:
                await charger.call("NotifyReport", part)

            charger.later(tell())
            return {"status": "Accepted"}

        charger.answers["GetBaseReport"] = report
        await bench.boot(charger)
        bodies = charger.bodies("SetVariables")
        frames = [json.dumps([2, "x" * 36, "SetVariables", body], separators=(",", ":")) for body in bodies]
        assert max(map(len, frames)) <= 500
        assert sum(len(body["setVariableData"]) for body in bodies) == 6
        assert 1 < len(bodies) < 6

    play(story)
