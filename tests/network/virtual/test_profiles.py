"""Charging profiles at a virtual station: accepted or refused, and obeyed by the car's current."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version

V16, V201, V21 = Version.V16, Version.V201, Version.V21
ALL = pytest.mark.parametrize("version", list(Version))
TWO = pytest.mark.parametrize("version", [V201, V21])
ACCEPTED = {"status": "Accepted"}


def profile(
    bench, periods, *, purpose="TxDefaultProfile", number=1, level=0, unit="A", kind="Relative", **more
):
    """A profile of (start, limit) pairs in the words of the bench's version."""
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
    }
    schedule |= {k: more.pop(k) for k in ("startSchedule", "duration") if k in more}
    two = bench.version.two
    if not two and purpose == "ChargingStationMaxProfile":
        purpose = "ChargePointMaxProfile"
    return {
        "id" if two else "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [{"id": 1, **schedule}] if two else schedule,
    } | more


def put(bench, evse, body):
    """SetChargingProfile; returns the status."""
    if bench.version.two:
        return bench.ask("SetChargingProfile", {"evseId": evse, "chargingProfile": body})["status"]
    return bench.ask("SetChargingProfile", {"connectorId": evse, "csChargingProfiles": body})["status"]


def power_w(bench, row=0):
    """What flows now."""
    return bench.stations.physics.sample(bench.now_s, row).power_w


@ALL
def test_a_default_profile_bounds_the_current_from_the_first_second(make, version):
    """10 A on three phases at 230 V are 6,900 W: 1,725 Wh in a quarter of an hour."""
    bench = make(version).start()
    assert put(bench, 0, profile(bench, [(0, 10.0)])) == "Accepted"
    bench.charge()
    bench.until(900.0)
    assert bench.register() == 1_725.0


@ALL
def test_periods_change_at_their_instant(make, version):
    """16 A, after 60 s 8 A, after 120 s 0 A: 184 + 92 Wh, then SuspendedEVSE, told at 120 s."""
    bench = make(version).start()
    put(bench, 1, profile(bench, [(0, 16.0), (60, 8.0), (120, 0.0)]))
    bench.charge()
    bench.until(300.0)
    assert bench.register() == 276.0
    if version.two:
        changed = [
            p for p in bench.csms.told("TransactionEvent") if p["triggerReason"] == "ChargingStateChanged"
        ]
        assert [p["transactionInfo"]["chargingState"] for p in changed] == ["SuspendedEVSE"]
        assert changed[0]["timestamp"] == "2026-01-01T00:02:00.000Z"
    else:
        assert bench.statuses()[-1] == "SuspendedEVSE"
        assert bench.csms.told("StatusNotification")[-1]["timestamp"] == "2026-01-01T00:02:00.000Z"


@ALL
def test_a_profile_of_the_transaction_wins_and_ends_with_it(make, version):
    """TxProfile 6 A over the default 16 A; after the transaction the default holds again."""
    bench = make(version).start()
    put(bench, 0, profile(bench, [(0, 16.0)]))
    bench.charge()
    name = bench.station.wire_name(bench.station.bays[1].transaction)
    mine = {"transactionId": name if version.two else int(name)}
    assert put(bench, 1, profile(bench, [(0, 6.0)], purpose="TxProfile", number=2, **mine)) == "Accepted"
    assert power_w(bench) == pytest.approx(6 * 690.0)
    bench.unplug()
    bench.charge("B")
    assert power_w(bench) == pytest.approx(16 * 690.0)


@ALL
def test_the_station_maximum_bounds_all(make, version):
    """5,520 W in W for the whole station bound a transaction; cleared, 11,040 W flow again."""
    bench = make(version).start()
    bench.charge()
    top = profile(bench, [(0, 5_520.0)], purpose="ChargingStationMaxProfile", unit="W", kind="Absolute",
                  startSchedule="2026-01-01T00:00:00Z")  # fmt: skip
    assert put(bench, 0, top) == "Accepted"
    assert power_w(bench) == pytest.approx(5_520.0)
    clear = {"chargingProfileId": 1} if version.two else {"id": 1}
    assert bench.ask("ClearChargingProfile", clear) == ACCEPTED
    assert power_w(bench) == pytest.approx(11_040.0)
    assert bench.ask("ClearChargingProfile", clear) == {"status": "Unknown"}


@ALL
def test_a_profile_of_a_transaction_needs_one(make, version):
    """TxProfile without a transaction is refused; 2.x says why."""
    bench = make(version).start()
    mine = {"transactionId": "x"} if version.two else {}
    body = profile(bench, [(0, 6.0)], purpose="TxProfile", **mine)
    assert put(bench, 1, body) == "Rejected"
    if version.two:
        answer = bench.ask("SetChargingProfile", {"evseId": 1, "chargingProfile": body})
        assert answer["statusInfo"]["reasonCode"] == "TxNotFound"


@ALL
def test_a_limit_below_six_amperes_pauses_and_goes_on(make, version):
    """5 A is no pilot: nothing flows; 6 A let it go on."""
    bench = make(version).start()
    bench.charge()
    put(bench, 1, profile(bench, [(0, 5.0)]))
    assert power_w(bench) == 0.0
    put(bench, 1, profile(bench, [(0, 6.0)]))
    assert power_w(bench) == pytest.approx(4_140.0)


@ALL
def test_a_remote_start_brings_its_profile(make, version):
    """A profile of 8 A in the remote start holds for that transaction only."""
    bench = make(version).start()
    bench.plug()
    body = profile(bench, [(0, 8.0)], purpose="TxProfile")
    if version.two:
        token = {"idToken": "APP", "type": "Central"}
        ask = {"idToken": token, "remoteStartId": 1, "evseId": 1, "chargingProfile": body}
        assert bench.ask("RequestStartTransaction", ask) == ACCEPTED
    else:
        ask = {"idTag": "APP", "connectorId": 1, "chargingProfile": body}
        assert bench.ask("RemoteStartTransaction", ask) == ACCEPTED
    assert power_w(bench) == pytest.approx(8 * 690.0)
    assert len(bench.station.limits.profiles) == 1
    bench.unplug()
    assert len(bench.station.limits.profiles) == 0


@ALL
def test_the_composite_schedule_is_what_is_obeyed(make, version):
    """16 A for 60 s, then 8 A, asked in A for two minutes: two periods, the second at 60 s."""
    bench = make(version).start()
    put(bench, 1, profile(bench, [(0, 16.0), (60, 8.0)]))
    bench.charge()
    key = "evseId" if version.two else "connectorId"
    answer = bench.ask("GetCompositeSchedule", {key: 1, "duration": 120, "chargingRateUnit": "A"})
    schedule = answer["schedule" if version.two else "chargingSchedule"]
    periods = [(p["startPeriod"], p["limit"]) for p in schedule["chargingSchedulePeriod"]]
    assert periods == [(0, 16.0), (60, 8.0)]
    assert bench.ask("GetCompositeSchedule", {key: 7, "duration": 120})["status"] == "Rejected"


@TWO
def test_installed_profiles_are_reported(make, version):
    """GetChargingProfiles: Accepted, then one report per EVSE; nothing that fits: NoProfiles."""
    bench = make(version).start()
    put(bench, 0, profile(bench, [(0, 16.0)], number=4))
    put(bench, 1, profile(bench, [(0, 10.0)], number=5, level=2))
    ask = {"requestId": 9, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
    assert bench.ask("GetChargingProfiles", ask) == ACCEPTED
    reports = bench.csms.told("ReportChargingProfiles")
    assert [(r["evseId"], r["chargingProfile"][0]["id"], r.get("tbc", False)) for r in reports] == [
        (0, 4, True), (1, 5, False),
    ]  # fmt: skip
    ask["chargingProfile"] = {"chargingProfileId": [77]}
    assert bench.ask("GetChargingProfiles", ask) == {"status": "NoProfiles"}


def test_a_dynamic_profile_is_updated(make):
    """2.1: UpdateDynamicSchedule from 16 to 7 A is obeyed at once; an unknown id is refused."""
    bench = make(V21).start()
    body = profile(bench, [(0, 16.0)], kind="Dynamic", number=3)
    assert put(bench, 0, body) == "Accepted"
    bench.charge()
    ask = {"chargingProfileId": 3, "scheduleUpdate": {"limit": 7.0}}
    assert bench.ask("UpdateDynamicSchedule", ask) == ACCEPTED
    assert power_w(bench) == pytest.approx(7 * 690.0)
    assert bench.ask("UpdateDynamicSchedule", ask | {"chargingProfileId": 8}) == {"status": "Rejected"}


def test_a_dynamic_profile_asks_for_its_values(make):
    """2.1: dynUpdateInterval 60 pulls at 60 and 120 s; the 9 A that come are obeyed, cleared it asks no more."""
    bench = make(V21).start()
    bench.csms.answers["PullDynamicScheduleUpdate"] = lambda p: {
        "status": "Accepted", "scheduleUpdate": {"limit": 9.0},
    }  # fmt: skip
    put(bench, 0, profile(bench, [(0, 16.0)], kind="Dynamic", number=3, dynUpdateInterval=60))
    bench.charge()
    bench.until(130.0)
    assert power_w(bench) == pytest.approx(9 * 690.0)
    bench.ask("ClearChargingProfile", {"chargingProfileId": 3})
    bench.until(300.0)
    pulled = [t for t, action, _ in bench.csms.heard if action == "PullDynamicScheduleUpdate"]
    assert pulled == [60.0, 120.0]


def test_priority_charging_lifts_the_default(make):
    """2.1: with a PriorityCharging profile of 16 A, UsePriorityCharging lifts a default of 6 A and back."""
    bench = make(V21).start()
    put(bench, 0, profile(bench, [(0, 6.0)]))
    bench.charge()
    name = bench.station.bays[1].transaction.name
    ask = {"transactionId": name, "activate": True}
    assert bench.ask("UsePriorityCharging", ask) == {"status": "NoProfile"}
    put(bench, 0, profile(bench, [(0, 16.0)], purpose="PriorityCharging", number=2))
    assert bench.ask("UsePriorityCharging", ask) == ACCEPTED
    assert power_w(bench) == pytest.approx(16 * 690.0)
    assert bench.ask("UsePriorityCharging", ask | {"activate": False}) == ACCEPTED
    assert power_w(bench) == pytest.approx(6 * 690.0)


def test_phases_are_switched_where_the_station_can(make):
    """NumberPhases 1 with 16 A: 3,680 W on one phase; a station that cannot switch refuses it in 2.x."""
    bench = make(V201, values={"SmartChargingCtrlr.Phases3to1": "true"}).start()
    bench.charge()
    body = profile(bench, [(0, 16.0)])
    body["chargingSchedule"][0]["chargingSchedulePeriod"][0]["numberPhases"] = 1
    assert put(bench, 0, body) == "Accepted"
    assert power_w(bench) == pytest.approx(3_680.0)
    assert bench.ask("ClearChargingProfile", {"chargingProfileId": 1}) == ACCEPTED
    assert power_w(bench) == pytest.approx(11_040.0)


def test_three_phases_come_back_after_one(make):
    """One phase for 60 s by its own period, then three; and three for the next car, whatever was."""
    bench = make(V201, values={"SmartChargingCtrlr.Phases3to1": "true"}).start()
    body = profile(bench, [(0, 16.0), (60, 16.0)])
    body["chargingSchedule"][0]["chargingSchedulePeriod"][0]["numberPhases"] = 1
    bench.charge()
    begun_s = bench.now_s
    put(bench, 0, body)
    assert power_w(bench) == pytest.approx(3_680.0)
    bench.until(begun_s + 61.0)
    assert power_w(bench) == pytest.approx(11_040.0)
    del body["chargingSchedule"][0]["chargingSchedulePeriod"][1]
    put(bench, 0, body)
    assert power_w(bench) == pytest.approx(3_680.0)
    bench.unplug()
    bench.ask("ClearChargingProfile", {"chargingProfileId": 1})
    bench.charge()
    assert power_w(bench) == pytest.approx(11_040.0)


def setpoint(bench, watts, **more):
    """A dynamic profile of 2.1 that orders a power."""
    body = profile(bench, [(0, 0.0)], kind=more.pop("kind", "Relative"), unit="W", **more)
    body["chargingSchedule"][0]["chargingSchedulePeriod"] = [
        {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": watts}
    ]
    return body


def test_a_set_point_is_obeyed(make):
    """CentralSetpoint 5,520 W: 8 A on three phases; 0 W pauses."""
    bench = make(V21).start()
    bench.charge()
    assert put(bench, 0, setpoint(bench, 5_520.0)) == "Accepted"
    assert power_w(bench) == pytest.approx(5_520.0)
    assert put(bench, 0, setpoint(bench, 0.0)) == "Accepted"
    assert power_w(bench) == 0.0


def test_a_set_point_to_discharge_is_refused_with_its_reason(make):
    """The EVSEs only charge: -1 W is refused by name, and nothing changes."""
    bench = make(V21).start()
    bench.charge()
    answer = bench.ask("SetChargingProfile", {"evseId": 0, "chargingProfile": setpoint(bench, -1.0)})
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["additionalInfo"] == "DischargingNotSupported"
    assert power_w(bench) == pytest.approx(11_040.0)


def test_a_dynamic_profile_is_not_updated_to_discharge(make):
    """What could not be installed cannot be reached by an update either."""
    bench = make(V21).start()
    bench.charge()
    assert put(bench, 0, setpoint(bench, 5_520.0, kind="Dynamic")) == "Accepted"
    ask = {"chargingProfileId": 1, "scheduleUpdate": {"setpoint": -1.0}}
    assert bench.ask("UpdateDynamicSchedule", ask)["status"] == "Rejected"
    assert power_w(bench) == pytest.approx(5_520.0)


@TWO
def test_more_than_one_schedule_is_refused(make, version):
    """Only a car that told its needs may choose among schedules (2.x K01): no virtual one does."""
    bench = make(version).start()
    body = profile(bench, [(0, 16.0)])
    body["chargingSchedule"] *= 2
    answer = bench.ask("SetChargingProfile", {"evseId": 1, "chargingProfile": body})
    assert answer["statusInfo"]["additionalInfo"] == "TooManySchedules"


def test_a_profile_of_a_remote_start_that_nobody_used_is_gone(make):
    """Nobody plugs in for 60 s: the 6 A are not the next driver's."""
    bench = make(V16).start()
    body = profile(bench, [(0, 6.0)], purpose="TxProfile")
    ask = {"connectorId": 1, "idTag": "FAR", "chargingProfile": body}
    assert bench.ask("RemoteStartTransaction", ask) == ACCEPTED
    bench.until(bench.now_s + 61.0)
    bench.charge("NEAR")
    assert power_w(bench) == pytest.approx(11_040.0)


def test_a_profile_without_the_id_of_its_transaction_ends_with_it(make):
    """1.6 may leave it out: the next transaction is free of it."""
    bench = make(V16).start()
    bench.charge()
    assert put(bench, 1, profile(bench, [(0, 6.0)], purpose="TxProfile")) == "Accepted"
    assert power_w(bench) == pytest.approx(4_140.0)
    bench.unplug()
    bench.charge()
    assert power_w(bench) == pytest.approx(11_040.0)


@ALL
def test_a_profile_outlives_a_reboot_and_a_lost_network(make, version):
    """An accepted default of 10 A holds offline and after a reset."""
    bench = make(version).start()
    put(bench, 0, profile(bench, [(0, 10.0)]))
    bench.ask("Reset", {"type": "Immediate" if version.two else "Hard"})
    bench.until(60.0)
    bench.charge()
    bench.cut()
    bench.until(120.0)
    assert power_w(bench) == pytest.approx(6_900.0)


def test_profiles_come_back_from_a_file(make, tmp_path):
    """A process that starts again on the store of the last one obeys its profiles."""
    from twin.network.virtual.store import FileStore

    kept = FileStore(tmp_path / "store")
    first = make(V201, store=kept).start()
    put(first, 0, profile(first, [(0, 10.0)]))
    kept.close()
    kept = FileStore(tmp_path / "store")
    second = make(V201, store=kept).start()
    second.charge()
    assert power_w(second) == pytest.approx(6_900.0)
    kept.close()


@pytest.mark.parametrize("purpose", ["TxProfile", "TxDefaultProfile"])
def test_only_profiles_that_are_of_no_transaction_come_back(make, purpose):
    """Transactions do not go on in the next process, and neither do their profiles."""
    from twin.network.virtual.store import MemoryStore

    store = MemoryStore()
    first = make(V16, store=store).start()
    first.charge()
    assert put(first, 1, profile(first, [(0, 6.0)], purpose=purpose)) == "Accepted"
    second = make(V16, store=store).start()
    second.charge()
    assert power_w(second) == pytest.approx(11_040.0 if purpose == "TxProfile" else 4_140.0)


def test_a_dynamic_profile_comes_back_as_it_was_updated(make):
    """6 A at first, 10 A by update: 10 A in the next process."""
    from twin.network.virtual.store import MemoryStore

    store = MemoryStore()
    first = make(V21, store=store).start()
    put(first, 0, profile(first, [(0, 6.0)], kind="Dynamic"))
    ask = {"chargingProfileId": 1, "scheduleUpdate": {"limit": 10.0}}
    assert first.ask("UpdateDynamicSchedule", ask) == ACCEPTED
    second = make(V21, store=store).start()
    second.charge()
    assert power_w(second) == pytest.approx(6_900.0)
