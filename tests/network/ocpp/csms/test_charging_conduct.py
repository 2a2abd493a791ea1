"""What limits come to beside the ladder: phases, profiles of others, shared ones, and what the journal keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.network.ocpp.csms.scripted import Bench, Charger, play, policy, settle
from twin.network.ocpp.csms.lanes import Conduct
from twin.network.ocpp.csms.limits import Limit
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.wanted import Choices
from twin.network.ocpp.versions import Version

TEN_A = Limit(limit_w=6900.0)


def test_a_car_that_was_measured_on_one_phase_gets_its_current_after_a_pause() -> None:
    """2 kW on three phases would be 2.8 A and never start it; it drew on one before the pause, so it gets 8.6 A."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.phases = 1
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=7000.0))
        await charger.start()
        assert await charger.meter() > 6.0
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=0.0))
        await bench.until(30.0)
        assert await charger.meter() == 0.0
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=2000.0))
        await bench.until(60.0)
        assert await charger.meter() == pytest.approx(8.6)

    play(story)


def test_a_car_that_nobody_measured_starts_where_all_phases_may_take_the_smallest_pilot() -> None:
    """4.2 kW is 6.0 A on three phases: any car starts, none draws more; the one-phase car then gets its 18.2 A."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.phases = 1
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=4200.0))
        await charger.start()
        assert await charger.meter() == pytest.approx(6.0)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=4190.0))
        await settle()
        assert await charger.meter() == pytest.approx(18.2)

    play(story)


@pytest.mark.parametrize("version", list(Version))
def test_profiles_of_others_are_cleared_where_the_operator_says_so(version: Version) -> None:
    """A limit of 10 A that somebody left is gone before the first of ours, once; by default it stays."""

    async def story(conduct: Conduct, drawn_a: float, clears: int) -> None:
        bench, charger = Bench(conduct=conduct), Charger(version=version)
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
        foreign = {
            "id": 77,
            "chargingProfileId": 77,
            "chargingSchedule": [schedule] if version.two else schedule,
        }
        name = "ChargingStationMaxProfile" if version.two else "ChargePointMaxProfile"
        charger.profiles[name] = foreign

        def clear(body: dict[str, Any]) -> dict[str, Any]:
            purpose = body.get("chargingProfileCriteria", {}).get("chargingProfilePurpose")
            if not body:
                charger.profiles.clear()
            charger.profiles.pop(purpose, None)
            return {"status": "Accepted"}

        charger.answers["ClearChargingProfile"] = clear
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0))
        await settle()
        await charger.start()
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0 + 690.0))
        await settle()
        assert await charger.meter() == pytest.approx(drawn_a)
        assert charger.count("ClearChargingProfile") == clears

    play(lambda: story(Conduct(), 10.0, 0))
    play(lambda: story(Conduct(clear_foreign=True), 17.0, 3 if version.two else 1))


def test_the_profile_of_the_whole_station_is_the_sum_of_its_evses() -> None:
    """Two EVSEs of 3450 W and 6900 W share 15 A where nothing else is taken; one wish less makes it 10 A."""

    async def story() -> None:
        bench, charger = Bench(), Charger()

        def only_the_station(body: dict[str, Any]) -> dict[str, Any]:
            purpose = charger.profile_of(body)["chargingProfilePurpose"]
            return charger.take(body) if purpose == "ChargePointMaxProfile" else {"status": "Rejected"}

        charger.answers["SetChargingProfile"] = only_the_station
        charger.config["NumberOfConnectors"] = "2"
        await bench.boot(charger)
        bench.charging.set_limits([("cp-1", 1, Limit(limit_w=3450.0)), ("cp-1", 2, Limit(limit_w=6900.0))])
        await bench.until(60.0)
        assert charger.limit_a(charger.profiles["ChargePointMaxProfile"]) == 15.0
        bench.charging.set_limit("cp-1", 2, Limit(limit_w=3450.0))
        await bench.until(120.0)
        assert charger.limit_a(charger.profiles["ChargePointMaxProfile"]) == 10.0
        lanes = [bench.charging.lane("cp-1", evse) for evse in (1, 2)]
        assert [lane is not None and lane.in_force() is not None for lane in lanes] == [True, True]

    play(story)


def test_discharging_without_a_set_point() -> None:
    """Limits of 11 kW and -10 kW and no set-point become a period that leaves the set-point to others."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=Version.V21)

        def variables(body: dict[str, Any]) -> dict[str, Any]:
            told = {"V2XChargingCtrlr.Enabled": "true", "SmartChargingCtrlr.RateUnit": "A,W"}
            results = []
            for one in body["getVariableData"]:
                value = told.get(f"{one['component']['name']}.{one['variable']['name']}")
                status = {"attributeStatus": "Accepted", "attributeValue": value} if value else {}
                results.append({"attributeStatus": "UnknownVariable", **one, **status})
            return {"getVariableResult": results}

        charger.answers["GetVariables"] = variables
        await bench.boot(charger)
        await charger.start()
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11000.0, discharge_w=10000.0))
        await settle()
        (period,) = charger.profiles["TxProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"]
        assert (period["limit"], period["dischargeLimit"], period["operationMode"]) == (
            11000.0,
            -10000.0,
            "ExternalLimits",
        )
        assert "setpoint" not in period

    play(story)


@pytest.mark.parametrize(("repeat", "sent"), [(False, 2), (True, 3)])
def test_the_first_limit_after_zero_is_sent_twice_to_who_ignores_it(repeat: bool, sent: int) -> None:
    """0 A, then 10 A: a go-e that ignores the first 10 A gets it again, and then no more."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        ignored = []

        def deaf(body: dict[str, Any]) -> dict[str, Any]:
            before = charger.profiles.get("TxDefaultProfile")
            profile = charger.profile_of(body)
            if before is not None and charger.limit_a(before) == 0.0 and not ignored:
                ignored.append(profile)
                return {"status": "Accepted"}
            return charger.take(body)

        charger.answers["SetChargingProfile"] = deaf
        await bench.boot(charger, policy(repeat_after_zero=repeat))
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=0.0))
        await settle()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await bench.until(60.0)
        assert charger.count("SetChargingProfile") == sent
        assert charger.limit_a(charger.profiles["TxDefaultProfile"]) == (10.0 if repeat else 0.0)

    play(story)


def test_the_journal_holds_the_latest_wish_and_profile_only() -> None:
    """Twenty wishes in and out of a transaction leave one wish and one profile per place, and a restart knows them."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        for number in range(10):
            bench.charging.set_limit("cp-1", 1, Limit(limit_w=6900.0 + 690.0 * number))
            await settle()
        await charger.start()
        for number in range(10):
            bench.charging.set_limit("cp-1", 1, Limit(limit_w=6900.0 + 690.0 * number))
            await settle()
        kinds = [entry.kind for entry in bench.journal.entries()]
        assert kinds.count("charging.wished") == 1
        assert kinds.count("charging.accepted") == 2
        lane = Bench(journal=bench.journal).charging.lane("cp-1", 1)
        assert lane is not None
        assert lane.asked_w == 6900.0 + 690.0 * 9
        in_force = lane.in_force()
        assert in_force is not None
        assert in_force[1].limit_a == 19.0

    play(story)


def test_the_operator_says_on_how_many_phases_cars_charge() -> None:
    """2 kW is 2.8 A on three phases, which starts no car; where cars have one phase it is 8.6 A from the beginning."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.phases = 1
        await bench.boot(charger, StationPolicy(choices=Choices(phases=1)))
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=2000.0))
        await settle()
        await charger.start()
        assert await charger.meter() == pytest.approx(8.6)

    play(story)
