"""Limits become profiles by the order TxProfile, TxDefaultProfile, ChargePointMaxProfile, and are held to."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from tests.network.ocpp.csms.scripted import Bench, Charger, play, policy, settle
from twin.domain.events import TransactionStarted
from twin.network.ocpp.csms.lanes import Conduct, Stage
from twin.network.ocpp.csms.limits import NO_LIMIT, Limit
from twin.network.ocpp.csms.smart_charging import Declared
from twin.network.ocpp.versions import Version

TEN_A = Limit(limit_w=6900.0)
"""10 A on three phases of 230 V."""
SIXTEEN_A = Limit(limit_w=11040.0)
VERSIONS = pytest.mark.parametrize("version", [Version.V16, Version.V201, Version.V21])


@VERSIONS
def test_a_limit_before_a_transaction_is_a_default_profile(version: Version) -> None:
    """The car of a transaction that begins later draws 10 A from the first second."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=version)
        await bench.boot(charger)
        assert bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        assert charger.purposes() == ["TxDefaultProfile"]
        await charger.start()
        assert await charger.meter() == pytest.approx(10.0)
        assert charger.purposes() == ["TxDefaultProfile"], "the default suffices"

    play(story)


@VERSIONS
def test_a_limit_in_a_transaction_is_its_own_profile(version: Version) -> None:
    """The profile names the transaction, and the lane says verified once 10 A are measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=version)
        await bench.boot(charger)
        await charger.start()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        sent = charger.profile_of(charger.bodies("SetChargingProfile")[-1])
        assert charger.purposes() == ["TxProfile"]
        assert str(sent["transactionId"]) == charger.transaction
        lane = bench.charging.lane("cp-1", 1)
        assert lane is not None
        assert lane.stage is Stage.ACCEPTED
        await charger.meter()
        assert lane.stage is Stage.VERIFIED

    play(story)


def test_a_limit_that_is_set_as_a_transaction_begins_waits_for_its_id() -> None:
    """No profile leaves before the answer to StartTransaction: the station could not know the id."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=0.0))
        await settle()

        def control(fact: object) -> None:
            if isinstance(fact, TransactionStarted):
                bench.charging.set_limit("cp-1", 1, TEN_A)

        bench.core._sink = control
        await charger.start()
        assert charger.purposes() == ["TxDefaultProfile", "TxProfile"]
        assert charger.drawn_a() == pytest.approx(10.0)

    play(story)


def test_the_same_wish_again_sends_nothing() -> None:
    """A tick that changes nothing costs no message."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        assert not bench.charging.set_limit("cp-1", 1, Limit(limit_w=6900.0))
        await settle()
        assert charger.count("SetChargingProfile") == 1

    play(story)


def test_the_newest_wish_wins_and_one_call_is_in_flight() -> None:
    """While the first profile waits for its answer two wishes come: only the second of them is sent."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        held = asyncio.Event()

        async def slow(body: dict[str, object]) -> dict[str, object]:
            await held.wait()
            return charger.take(body)

        charger.answers["SetChargingProfile"] = slow
        for limit_w in (6900.0, 8280.0, 4140.0):
            bench.charging.set_limit("cp-1", 1, Limit(limit_w=limit_w))
            await settle()
        assert charger.count("SetChargingProfile") == 1
        held.set()
        await settle()
        limits = [charger.limit_a(charger.profile_of(b)) for b in charger.bodies("SetChargingProfile")]
        assert limits == [10.0, 6.0]

    play(story)


def test_a_profile_that_a_young_transaction_refuses_is_sent_once_more() -> None:
    """A 1.6 station that looks at the profile before the id of its transaction gets it again after 1 s."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        await charger.start()
        charger.answers["SetChargingProfile"] = lambda body: {"status": "Rejected"}
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        del charger.answers["SetChargingProfile"]
        await bench.until(1.0)
        assert charger.purposes() == ["TxProfile", "TxProfile"]
        assert charger.drawn_a() == pytest.approx(10.0)

    play(story)


def test_ids_are_reused_one_per_place() -> None:
    """Two limits at one place have one id; a transaction's profile has another one."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=Version.V201)
        await bench.boot(charger)
        for limit in (TEN_A, SIXTEEN_A):
            bench.charging.set_limit("cp-1", 1, limit)
            await settle()
        await charger.start()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        ids = [charger.profile_of(body)["id"] for body in charger.bodies("SetChargingProfile")]
        assert ids[0] == ids[1] != ids[2]

    play(story)


def test_a_limit_in_amperes_is_rounded_down_to_a_tenth() -> None:
    """7,000 W are 10.14 A on three phases: 10.1 A cross the wire."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=7000.0))
        await settle()
        assert charger.limit_a(charger.profiles["TxDefaultProfile"]) == 10.1

    play(story)


def test_watts_are_preferred_where_a_station_takes_them() -> None:
    """A station that lists Power gets 7,000 W as 7,000 W."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.config["ChargingScheduleAllowedChargingRateUnit"] = "Current,Power"
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=7000.0))
        await settle()
        schedule = charger.profiles["TxDefaultProfile"]["chargingSchedule"]
        assert schedule["chargingRateUnit"] == "W"
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 7000.0}]

    play(story)


def test_a_car_on_one_phase_gets_its_current() -> None:
    """3,680 W are 16 A for a car that was measured on one phase."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.phases = 1
        await bench.boot(charger)
        await charger.start()
        await charger.meter()
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=3680.0))
        await settle()
        assert charger.limit_a(charger.profiles["TxProfile"]) == 16.0

    play(story)


def test_decreases_leave_before_increases() -> None:
    """Of a batch the station whose limit falls is told first, whatever the order of the batch."""

    async def story() -> None:
        bench = Bench()
        one, two = Charger("cp-1"), Charger("cp-2")
        for charger in (one, two):
            await bench.boot(charger)
        bench.charging.set_limits([("cp-1", 1, TEN_A), ("cp-2", 1, SIXTEEN_A)])
        await settle()
        order: list[str] = []
        for charger in (one, two):
            charger.answers["SetChargingProfile"] = lambda body, charger=charger: (
                order.append(charger.identity) or charger.take(body)
            )
        bench.charging.set_limits([("cp-1", 1, SIXTEEN_A), ("cp-2", 1, TEN_A)])
        await settle()
        assert order == ["cp-2", "cp-1"]

    play(story)


def test_after_a_transaction_the_wish_becomes_the_default_again() -> None:
    """The next car draws by the newest wish, not by the one that stood before the transaction."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, SIXTEEN_A)
        await settle()
        await charger.start()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        await charger.stop()
        assert charger.purposes() == ["TxDefaultProfile", "TxProfile", "TxDefaultProfile"]
        await charger.start()
        assert charger.drawn_a() == pytest.approx(10.0)

    play(story)


def test_a_limit_above_the_fail_safe_expires_and_is_renewed() -> None:
    """With 6 A as fail-safe, 16 A are leased for 900 s and renewed after 450 s; the fail-safe has no end."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0, fallback_w=4140.0))
        await settle()
        safe, leased = (charger.profile_of(body) for body in charger.bodies("SetChargingProfile"))
        assert (safe["stackLevel"], charger.limit_a(safe)) == (0, 6.0)
        assert "validTo" not in safe
        assert (leased["stackLevel"], leased["validTo"]) == (8, "2026-01-01T00:15:00.000Z")
        await bench.until(449.0)
        assert charger.count("SetChargingProfile") == 2
        await bench.until(451.0)
        assert charger.count("SetChargingProfile") == 3
        renewed = charger.profile_of(charger.bodies("SetChargingProfile")[-1])
        assert renewed["validTo"] == "2026-01-01T00:22:30.000Z"

    play(story)


def test_a_wish_that_ends_falls_back() -> None:
    """From 300 s on the fail-safe of 6 A holds, told by us, without waiting for the lease."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        await charger.start()
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0, fallback_w=4140.0, valid_until_s=300.0))
        await settle()
        assert charger.limit_a(charger.profiles["TxProfile"]) == 16.0
        await bench.until(301.0)
        assert charger.limit_a(charger.profiles["TxProfile"]) == 6.0

    play(story)


def test_no_limit_clears_what_is_ours() -> None:
    """The profiles are cleared by their ids, and the car draws its 32 A."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        await charger.start()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        bench.charging.set_limit("cp-1", 1, NO_LIMIT)
        await settle()
        assert charger.profiles == {}
        assert await charger.meter() == 32.0

    play(story)


def test_what_counts_is_the_larger_of_verified_and_new() -> None:
    """22 kW before anything is verified; 11.04 kW while 6.9 kW is only accepted; 6.9 kW once it is measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        bench.charging.declare("cp-1", 1, Declared(rating_w=22080.0))
        await bench.boot(charger)
        await charger.start()
        counts = lambda: bench.charging.counts_w("cp-1", 1)  # noqa: E731
        assert counts() == 22080.0
        bench.charging.set_limit("cp-1", 1, SIXTEEN_A)
        await settle()
        assert counts() == 22080.0
        await charger.meter()
        assert counts() == pytest.approx(11040.0)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        assert counts() == pytest.approx(11040.0)
        await charger.meter()
        assert counts() == pytest.approx(6900.0)

    play(story)


def test_an_offline_station_counts_at_its_fail_safe_too() -> None:
    """A verified limit of 6 A counts as 16 A while the station is gone and may fall back to that."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        bench.charging.declare("cp-1", 1, Declared(rating_w=22080.0))
        await bench.boot(charger)
        await charger.start()
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=4140.0, fallback_w=11040.0))
        await settle()
        await charger.meter()
        assert bench.charging.counts_w("cp-1", 1) == pytest.approx(4140.0)
        charger.endpoint.drop()
        await settle()
        assert bench.charging.counts_w("cp-1", 1) == pytest.approx(11040.0)

    play(story)


def test_a_wish_for_a_station_that_is_gone_is_sent_when_it_is_back() -> None:
    """The newest of two wishes that came meanwhile is sent after the reconnect, once."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        charger.endpoint.drop()
        await settle()
        bench.charging.set_limit("cp-1", 1, SIXTEEN_A)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await bench.boot(charger)
        assert [charger.limit_a(charger.profile_of(b)) for b in charger.bodies("SetChargingProfile")] == [
            10.0
        ]

    play(story)


def test_after_a_reconnect_the_composite_schedule_is_asked_and_what_differs_sent_again() -> None:
    """A station that forgot its profiles reports 32 A, and gets 10 A again; one that kept them gets nothing."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        reported = 10.0

        def composite(body: dict[str, object]) -> dict[str, object]:
            return {
                "status": "Accepted",
                "connectorId": 1,
                "scheduleStart": charger.now(),
                "chargingSchedule": {
                    "duration": 600,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": reported}],
                },
            }

        charger.answers["GetCompositeSchedule"] = composite
        await bench.boot(charger)
        assert (charger.count("GetCompositeSchedule"), charger.count("SetChargingProfile")) == (1, 1)
        reported = 32.0
        await bench.boot(charger)
        assert (charger.count("GetCompositeSchedule"), charger.count("SetChargingProfile")) == (2, 2)
        assert "composite-differs" in bench.notes()

    play(story)


def test_after_a_restart_wishes_and_profiles_are_known_and_verified() -> None:
    """Another central system on the same journal asks for the composite schedule and sends the wish again."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        again = Bench(journal=bench.journal)
        lane = again.charging.lane("cp-1", 1)
        assert lane is not None
        assert lane.wish == TEN_A
        assert [one.allows_w for one in lane.installed.values()] == [pytest.approx(6900.0)]
        known = again.provisioning.capabilities("cp-1")
        assert known is not None
        assert known.max_stack_level == 8
        await again.boot(charger)
        assert charger.count("GetCompositeSchedule") == 1
        assert charger.count("SetChargingProfile") == 2, "it knows no GetCompositeSchedule: sent to be sure"

    play(story)


def test_an_unanswered_profile_is_tried_again() -> None:
    """After a time-out of 30 s the same profile is sent again 30 s later."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        never = asyncio.get_running_loop().create_future()
        charger.answers["SetChargingProfile"] = lambda body: never
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await bench.until(31.0)
        del charger.answers["SetChargingProfile"]
        assert charger.count("SetChargingProfile") == 1
        await bench.until(61.0)
        assert charger.limit_a(charger.profiles["TxDefaultProfile"]) == 10.0
        never.cancel()

    play(story)


def test_discharging_crosses_the_wire_in_2_1() -> None:
    """A set-point of -5 kW becomes a period of CentralSetpoint."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=Version.V21)

        def variables(body: dict[str, list[dict[str, dict[str, str]]]]) -> dict[str, object]:
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
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11000.0, discharge_w=10000.0, setpoint_w=-5000.0))
        await settle()
        schedule = charger.profiles["TxProfile"]["chargingSchedule"][0]
        assert schedule["chargingSchedulePeriod"] == [
            {
                "startPeriod": 0,
                "limit": 11000.0,
                "dischargeLimit": -10000.0,
                "setpoint": -5000.0,
                "operationMode": "CentralSetpoint",
            }
        ]

    play(story)


def test_a_limit_that_is_no_limit_for_an_unknown_evse_makes_nothing() -> None:
    """Stations that are never limited cost no memory and no message."""

    async def story() -> None:
        bench = Bench()
        assert not bench.charging.set_limit("cp-9", 1, Limit(limit_w=inf))
        assert bench.charging.lane("cp-9", 1) is None

    play(story)


def test_a_disobedient_station_is_not_stopped_where_that_is_not_allowed() -> None:
    """With `stop_disobedient` off the fact is told once per kind of profile, and the transaction goes on."""

    async def story() -> None:
        bench, charger = Bench(conduct=Conduct(stop_disobedient=False)), Charger()
        charger.obeyed_a = lambda: inf  # type: ignore[method-assign]
        await bench.boot(charger, policy(reaction_s=10.0))
        await charger.start()
        bench.charging.set_limit("cp-1", 1, TEN_A)
        for t_s in (20.0, 40.0, 60.0, 80.0, 100.0):
            await bench.until(t_s)
            await charger.meter()
        assert [fact.purpose for fact in bench.disobeyed()] == [
            "TxProfile",
            "TxDefaultProfile",
            "ChargingStationMaxProfile",
        ]
        assert charger.transaction is not None
        assert bench.charging.counts_w("cp-1", 1) == inf

    play(story)
