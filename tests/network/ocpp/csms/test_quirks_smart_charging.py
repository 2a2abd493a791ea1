"""Behaviours 20 to 32 and 38 of real chargers: each a station that misbehaves, and a system that copes."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import pytest

from tests.network.ocpp.csms.scripted import Bench, Charger, play, policy, settle
from twin.network.ocpp.csms.availability import make_operative
from twin.network.ocpp.csms.lanes import Conduct, Stage
from twin.network.ocpp.csms.limits import Limit
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.csms.wanted import Wanted
from twin.network.ocpp.profiles.model import Unit
from twin.network.ocpp.versions import Version

Body = dict[str, Any]
TEN_A = Limit(limit_w=6900.0)
ZERO = Limit(limit_w=0.0)


async def charging(bench: Bench, charger: Charger, station_policy: StationPolicy | None = None) -> None:
    """Boot a station and begin a transaction."""
    await bench.boot(charger, station_policy)
    await charger.start()
    await charger.meter()


async def watch(bench: Bench, charger: Charger, *times_s: float) -> float:
    """Let meter values come at these times; return the last current in A."""
    drawn_a = inf
    for t_s in times_s:
        await bench.until(t_s)
        drawn_a = await charger.meter()
    return drawn_a


# configuration


def test_quirk_20_composite_schedule_without_periods() -> None:
    """An empty chargingSchedulePeriod is an error with a message, and the limit is sent again to be sure."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["GetCompositeSchedule"] = lambda body: {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": charger.now(),
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []},
        }
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await settle()
        with pytest.raises(ValueError, match="cp-1/1: a composite schedule without periods"):
            await bench.charging.check("cp-1", 1)
        await bench.boot(charger)
        assert "composite-unknown" in bench.notes()
        assert await charger.meter() <= 10.0

    play(story)


@pytest.mark.parametrize("fault", ["empty", "refused", "silent"])
def test_quirk_21_configuration_only_by_key_and_three_at_a_time(fault: str) -> None:
    """Asked for everything it gives nothing, asked for more than three keys neither; all is read all the same."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        never = asyncio.get_running_loop().create_future()

        def few(body: Body) -> Any:
            if 0 < len(body.get("key", ())) <= 3:
                return charger.on_GetConfiguration(body)
            if fault == "silent":
                return never
            return {} if fault == "empty" else charger.nothing(body)

        charger.answers["GetConfiguration"] = few
        await bench.boot(charger, policy(max_config_keys=3))
        await bench.until(31.0)
        known = bench.provisioning.capabilities("cp-1")
        assert known is not None
        assert (known.max_stack_level, known.evses) == (8, (1,))
        assert max(len(body.get("key", ())) for body in charger.bodies("GetConfiguration")) == 3
        never.cancel()

    play(story)


def test_quirk_21_configuration_only_without_keys() -> None:
    """Asked by key it gives nothing: what the whole configuration told is enough."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["GetConfiguration"] = lambda body: (
            {} if body.get("key") else charger.on_GetConfiguration(body)
        )
        await bench.boot(charger)
        assert bench.provisioning.provisioned("cp-1").verified
        assert charger.config["MeterValueSampleInterval"] == "60"

    play(story)


def test_quirk_21_keys_one_by_one_where_several_are_refused() -> None:
    """Ten keys at once are refused, then each is asked for alone."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["GetConfiguration"] = lambda body: (
            charger.on_GetConfiguration(body) if len(body.get("key", ())) == 1 else charger.nothing(body)
        )
        await bench.boot(charger)
        known = bench.provisioning.capabilities("cp-1")
        assert known is not None
        assert known.source("units") == "ChargingScheduleAllowedChargingRateUnit = Current"

    play(story)


def test_quirk_22_feature_profiles_missing() -> None:
    """No SupportedFeatureProfiles: a key of smart charging is sign enough, and 10 A are obeyed."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        del charger.config["SupportedFeatureProfiles"]
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == 10.0

    play(story)


def test_quirk_22_smart_charging_not_listed_but_forced() -> None:
    """Without the flag no profile is sent to a station that does not list SmartCharging; with it 10 A are obeyed."""

    async def story() -> None:
        for forced, expected in ((False, 0), (True, 1)):
            bench, charger = Bench(conduct=Conduct(stop_disobedient=False)), Charger()
            charger.config["SupportedFeatureProfiles"] = "Core,RemoteTrigger"
            await charging(bench, charger, policy(force_smart_charging=forced))
            bench.charging.set_limit("cp-1", 1, TEN_A)
            await settle()
            assert charger.count("SetChargingProfile") == expected
            lane = bench.charging.lane("cp-1", 1)
            assert lane is not None
            assert lane.stage is (Stage.ACCEPTED if forced else Stage.REFUSED)

    play(story)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("W", Unit.W), ("Power", Unit.W), ("Current,Power", Unit.W), ("Current", Unit.A), (None, Unit.A)],
)
def test_quirk_23_spellings_of_the_rate_unit(text: str | None, expected: Unit) -> None:
    """Whatever the key says or lacks, 6,900 W are 10 A on three phases."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.config.pop("ChargingScheduleAllowedChargingRateUnit")
        if text is not None:
            charger.config["ChargingScheduleAllowedChargingRateUnit"] = text
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == pytest.approx(10.0)
        assert charger.profiles["TxProfile"]["chargingSchedule"]["chargingRateUnit"] == expected.value

    play(story)


def test_quirk_23_a_model_that_obeys_watts_whatever_it_says() -> None:
    """A Huawei lists Current and ignores amperes: by its profile of quirks it gets W."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="Huawei", model="SCharger")
        charger.limit_a = lambda profile: (  # type: ignore[method-assign]
            Charger.limit_a(charger, profile)
            if profile["chargingSchedule"]["chargingRateUnit"] == "W"
            else inf
        )
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == pytest.approx(10.0)

    play(story)


@pytest.mark.parametrize("lies", [False, True])
def test_quirk_24_measurands_are_tried_one_at_a_time(lies: bool) -> None:
    """It refuses, or takes and forgets, any list with SoC: those it bears alone make the list that is set."""

    async def story() -> None:
        bench, charger = Bench(), Charger()

        def change(body: Body) -> Body:
            bad = "SoC" in body["value"] or body["value"].count(",") > 3
            if body["key"] == "MeterValuesSampledData" and bad:
                return {"status": "Accepted" if lies else "Rejected"}
            return charger.on_ChangeConfiguration(body)

        charger.answers["ChangeConfiguration"] = change
        await bench.boot(charger)
        assert charger.config["MeterValuesSampledData"] == (
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
        )
        outcomes = bench.provisioning.provisioned("cp-1").outcomes
        assert outcomes["MeterValuesSampledData"] == "Accepted"

    play(story)


def test_quirk_24_a_model_gets_only_the_measurands_it_bears() -> None:
    """A Terra AC reboots over SoC: it is never asked for it."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="ABB", model="TAC-W22-T-R-C-0")
        await bench.boot(charger)
        assert not [body for body in charger.bodies("ChangeConfiguration") if "SoC" in body["value"]]
        assert charger.config["MeterValuesSampledData"].endswith("Current.Import,Voltage")

    play(story)


def test_quirk_25_quotes_read_only_and_unsupported_keys() -> None:
    """Quoted values are read, a read-only key is left, an unsupported one noted; the set-up is done all the same."""

    async def story() -> None:
        bench, charger = (
            Bench(wanted=Wanted(aligned_interval_s=0, others=(("WebSocketPingInterval", "60"),))),
            Charger(),
        )
        charger.config["ChargeProfileMaxStackLevel"] = ' "3" '
        charger.config["MeterValueSampleInterval"] = "' 60 '"
        del charger.config["StopTxnSampledData"]

        def read(body: Body) -> Body:
            answer = charger.on_GetConfiguration(body)
            for one in answer["configurationKey"]:
                one["readonly"] = one["key"] == "ClockAlignedDataInterval"
                if one["readonly"]:
                    one["value"] = "60"
            return answer

        charger.answers["GetConfiguration"] = read
        await bench.boot(charger)
        found = bench.provisioning.provisioned("cp-1")
        assert found.verified
        assert found.capabilities is not None
        assert found.capabilities.max_stack_level == 3
        assert found.outcomes["MeterValueSampleInterval"] == "kept"
        assert found.outcomes["ClockAlignedDataInterval"] == "read-only"
        assert found.outcomes["StopTxnSampledData"] == "NotSupported"
        assert found.outcomes["WebSocketPingInterval"] == "NotSupported"

    play(story)


def test_quirk_25_a_station_that_answers_every_setting_with_an_error() -> None:
    """ChangeConfiguration is not implemented: the set-up is done, and every setting says failed."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["ChangeConfiguration"] = charger.nothing
        await bench.boot(charger)
        found = bench.provisioning.provisioned("cp-1")
        assert found.verified
        assert found.outcomes["MeterValueSampleInterval"] == "failed"

    play(story)


def test_quirk_26_availability_of_the_whole_station_is_refused() -> None:
    """ChangeAvailability of connector 0 is rejected: connector 1 is made operative instead."""

    async def story() -> None:
        bench, charger = Bench(wanted=Wanted(operative=True)), Charger()
        charger.answers["ChangeAvailability"] = lambda body: {
            "status": "Accepted" if body["connectorId"] else "Rejected"
        }
        await bench.boot(charger)
        await charger.status("Unavailable")
        await bench.until(11.0)
        assert [body["connectorId"] for body in charger.bodies("ChangeAvailability")] == [0, 1]

    play(story)


def test_quirk_26_availability_does_harm() -> None:
    """A model that ChangeAvailability does harm to never gets it."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="EN+", model="AC007K")
        station = await bench.boot(charger)
        await charger.status("Unavailable")
        assert not await make_operative(bench.core.desk, station)
        assert charger.count("ChangeAvailability") == 0

    play(story)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_quirk_27_status_is_asked_for_where_it_does_not_come(version: Version) -> None:
    """Ten seconds after the boot the silent connector is asked; one that told its status is not."""

    async def story() -> None:
        for tells in (False, True):
            bench, charger = Bench(), Charger(version=version)
            station = await bench.boot(charger)
            station.evse(1)
            if tells:
                await charger.status("Available")
            await bench.until(9.0)
            assert charger.count("TriggerMessage") == 0
            await bench.until(11.0)
            asked = charger.bodies("TriggerMessage")
            assert len(asked) == (0 if tells else 1)
            assert all(body["requestedMessage"] == "StatusNotification" for body in asked)

    play(story)


# smart charging: each ends with a measured current within the limit


def test_quirk_28_station_profile_is_accepted_and_not_applied() -> None:
    """It applies nothing but TxProfile: that is tried first, and 10 A are measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.obeyed_a = lambda: (  # type: ignore[method-assign]
            charger.limit_a(charger.profiles["TxProfile"]) if "TxProfile" in charger.profiles else inf
        )
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == 10.0
        assert charger.purposes() == ["TxProfile"]
        assert bench.disobeyed() == []

    play(story)


def test_quirk_28_profiles_are_refused_down_to_the_station_profile() -> None:
    """TxProfile and TxDefaultProfile are rejected: the station's maximum is set, and 10 A are measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["SetChargingProfile"] = lambda body: (
            charger.take(body)
            if body["csChargingProfiles"]["chargingProfilePurpose"] == "ChargePointMaxProfile"
            else {"status": "Rejected"}
        )
        await charging(bench, charger)
        await bench.until(10.0)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 30.0) == 10.0
        assert charger.purposes() == ["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"]
        assert charger.bodies("SetChargingProfile")[-1]["connectorId"] == 0

    play(story)


@pytest.mark.parametrize("version", [Version.V16, Version.V201, Version.V21])
def test_quirk_28_nothing_that_is_accepted_is_applied(version: Version) -> None:
    """Every kind of profile is accepted and none applied: each is tried and told, then the transaction is stopped."""

    async def story() -> None:
        bench, charger = Bench(), Charger(version=version)
        charger.obeyed_a = lambda: inf  # type: ignore[method-assign]
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        drawn_a = await watch(bench, charger, 14.0, 16.0, 32.0, 48.0)
        assert [fact.purpose for fact in bench.disobeyed()] == [
            "TxProfile",
            "TxDefaultProfile",
            "ChargingStationMaxProfile",
        ]
        first = bench.disobeyed()[0]
        assert (first.evse, first.limit_w) == ("cp-1/1", pytest.approx(6900.0))
        assert first.drawn_w == pytest.approx(22080.0)
        assert drawn_a == 32.0, "still, in the sample that told it"
        await settle()
        assert charger.transaction is None
        assert await charger.meter() == 0.0

    play(story)


def test_quirk_29_default_profile_applies_to_the_next_transaction_only() -> None:
    """A limit that changes in a session goes into a TxProfile with its id: 10 A are measured, not the 16 A before."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        begun_with: list[float] = []

        def obeyed_a() -> float:
            own = charger.profiles.get("TxProfile")
            return charger.limit_a(own) if own is not None else begun_with[0]

        charger.obeyed_a = obeyed_a  # type: ignore[method-assign]
        await bench.boot(charger)
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0))
        await settle()
        begun_with.append(charger.limit_a(charger.profiles["TxDefaultProfile"]))
        await bench.until(5.0)
        await charger.start()
        assert await charger.meter() == 16.0
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 25.0) == 10.0

    play(story)


def test_quirk_30_zero_is_refused() -> None:
    """A limit of 0 is rejected: the transaction is stopped, and begun again for the same tag when there is power."""

    async def story() -> None:
        bench, charger = Bench(), Charger()

        def no_zero(body: Body) -> Body:
            if charger.limit_a(charger.profile_of(body)) == 0:
                return {"status": "Rejected"}
            return charger.on_SetChargingProfile(body)

        charger.answers["SetChargingProfile"] = no_zero
        await charging(bench, charger)
        await bench.until(10.0)
        bench.charging.set_limit("cp-1", 1, ZERO)
        assert await watch(bench, charger, 30.0) == 0.0
        assert charger.transaction is None
        assert charger.count("RemoteStopTransaction") == 1
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 60.0) == 10.0
        assert charger.bodies("RemoteStartTransaction")[0]["idTag"] == "tag-1"

    play(story)


def test_quirk_30_zero_spoils_the_session_of_a_known_model() -> None:
    """A go-e never gets a 0: it is paused by stop and start from the first time on."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="go-e", model="Gemini")
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, ZERO)
        assert await watch(bench, charger, 20.0) == 0.0
        limits = [charger.limit_a(charger.profile_of(body)) for body in charger.bodies("SetChargingProfile")]
        assert 0.0 not in limits
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 40.0) == 10.0

    play(story)


def test_quirk_30_pause_by_the_smallest_pilot() -> None:
    """Where stopping is not wanted, 0 becomes 6 A, and 4,140 W is what counts."""

    async def story() -> None:
        bench, charger = Bench(conduct=Conduct(pause="smallest")), Charger()
        await charging(bench, charger, policy(no_zero_limit=True))
        bench.charging.set_limit("cp-1", 1, ZERO)
        assert await watch(bench, charger, 20.0) == 6.0
        assert bench.charging.counts_w("cp-1", 1) == pytest.approx(4140.0)

    play(story)


def test_quirk_31_only_stack_level_zero_is_obeyed() -> None:
    """Profiles above level 0 are ignored: by its profile of quirks a Terra AC gets level 0, and 10 A are measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="ABB", model="TAC-W22-T-R-C-0")
        charger.limit_a = lambda profile: (  # type: ignore[method-assign]
            Charger.limit_a(charger, profile) if profile["stackLevel"] == 0 else inf
        )
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == 10.0
        assert bench.disobeyed() == []

    play(story)


def test_quirk_31_with_a_fail_safe_the_only_level_is_safe_without_us() -> None:
    """At level 0 the default profile says 6 A, the fail-safe; the transaction's own says 16 A."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await charging(bench, charger, policy(stack_level_zero=True))
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=11040.0, fallback_w=4140.0))
        await settle()
        assert await charger.meter() == 16.0
        await charger.stop()
        assert charger.limit_a(charger.profiles["TxDefaultProfile"]) == 6.0

    play(story)


def test_quirk_31_only_relative_profiles_are_obeyed() -> None:
    """Absolute profiles are refused: by its profile of quirks a Wallbox gets relative ones, and 10 A are measured."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="Wall Box Chargers", model="PLP1")
        charger.answers["SetChargingProfile"] = lambda body: (
            charger.on_SetChargingProfile(body)
            if body["csChargingProfiles"]["chargingProfileKind"] == "Relative"
            else {"status": "Rejected"}
        )
        await charging(bench, charger)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        assert await watch(bench, charger, 20.0) == 10.0
        assert "startSchedule" not in charger.profiles["TxProfile"]["chargingSchedule"]

    play(story)


@pytest.mark.parametrize("answer", ["Rejected", "error"])
def test_quirk_32_remote_start_with_a_profile_is_refused(answer: str) -> None:
    """A start that carries a profile is refused: it is started without, and the profile follows; so the next time."""

    async def story() -> None:
        bench, charger = Bench(), Charger()

        def bare_only(body: Body) -> Body:
            if "chargingProfile" not in body:
                return charger.on_RemoteStartTransaction(body)
            return {"status": "Rejected"} if answer == "Rejected" else charger.nothing(body)

        charger.answers["RemoteStartTransaction"] = bare_only
        await bench.boot(charger)
        assert await begun(bench.charging.start("cp-1", 1, "tag-7", TEN_A))
        assert await watch(bench, charger, 20.0) == 10.0
        await charger.stop()
        assert await begun(bench.charging.start("cp-1", 1, "tag-8"))
        carried = ["chargingProfile" in body for body in charger.bodies("RemoteStartTransaction")]
        assert carried == [True, False, False]

    play(story)


def test_quirk_32_a_station_that_takes_the_profile_gets_it_once() -> None:
    """The profile that the start carried limits the transaction from its first second; nothing is sent after it."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await bench.boot(charger)
        assert await begun(bench.charging.start("cp-1", 1, "tag-7", TEN_A))
        assert await watch(bench, charger, 20.0) == 10.0
        assert charger.count("SetChargingProfile") == 0
        lane = bench.charging.lane("cp-1", 1)
        assert lane is not None
        assert lane.stage is Stage.VERIFIED

    play(story)


def test_quirk_32_a_profile_that_a_start_carried_is_dropped() -> None:
    """The start is accepted and its profile forgotten: 32 A are measured, the profile is sent by itself, 10 A follow."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        charger.answers["RemoteStartTransaction"] = lambda body: charger.on_RemoteStartTransaction(
            {key: value for key, value in body.items() if key != "chargingProfile"}
        )
        await bench.boot(charger)
        assert await begun(bench.charging.start("cp-1", 1, "tag-7", TEN_A))
        assert await watch(bench, charger, 10.0) == 32.0
        assert await watch(bench, charger, 20.0, 30.0) == 10.0
        assert charger.purposes() == ["TxProfile"]
        assert len(bench.disobeyed()) == 1

    play(story)


def test_quirk_38_a_start_waits_for_the_pause_after_a_stop() -> None:
    """A FoxESS gives no power when it is started within three minutes of a stop: the start waits for the 180 s."""

    async def story() -> None:
        bench, charger = Bench(), Charger(vendor="FoxESS", model="A022KP1")
        await charging(bench, charger)
        await bench.until(100.0)
        await charger.stop()
        started = asyncio.ensure_future(bench.charging.start("cp-1", 1, "tag-7"))
        await bench.until(279.0)
        assert charger.count("RemoteStartTransaction") == 0
        await bench.until(281.0)
        assert await started
        assert charger.count("RemoteStartTransaction") == 1

    play(story)


def test_quirk_38_a_restart_after_a_pause_waits_too() -> None:
    """Paused by a stop at 20 s, power at 30 s: charging goes on at 80 s, 60 s after the stop."""

    async def story() -> None:
        bench, charger = Bench(), Charger()
        await charging(bench, charger, policy(no_zero_limit=True, restart_pause_s=60.0))
        await bench.until(20.0)
        bench.charging.set_limit("cp-1", 1, ZERO)
        await bench.until(30.0)
        bench.charging.set_limit("cp-1", 1, TEN_A)
        await bench.until(79.0)
        assert charger.count("RemoteStartTransaction") == 0
        await bench.until(81.0)
        assert charger.count("RemoteStartTransaction") == 1
        assert await charger.meter() == 10.0

    play(story)


async def begun(work: Any) -> bool:
    """Let a remote start go through while time stands still."""
    task = asyncio.ensure_future(work)
    await settle()
    return await task
