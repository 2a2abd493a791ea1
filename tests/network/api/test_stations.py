"""Stations, tokens, tariffs, limits and passwords over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from twin.network.ocpp.versions import Version
from twin.store.memory import MemoryJournal

from .conftest import ScriptedStation

POLICY = {
    "password": "sixteen-letters!",
    "min_security_profile": 1,
    "boot": {"policy": "pending", "interval_s": 60},
    "topology": [1, 2],
    "items_per_message": {"GetVariables": 10},
    "strict": True,
    "quirks": {"stack_level_zero": True, "reaction_s": 30, "measurands": ["Voltage"]},
}


def test_a_station_is_registered_with_its_policy_which_survives(tell: Any) -> None:
    """201 the first time, 200 after; the password is only counted, and nowhere in the journal."""
    journal = MemoryJournal(keep=True)

    async def story(world: Any) -> None:
        first = await world.ask("PUT", "/v1/stations/CP1", json=POLICY)
        again = await world.ask("PUT", "/v1/stations/CP1", json={"strict": False})
        assert (first.status_code, again.status_code) == (201, 200)

    tell(story, journal=journal)
    assert "sixteen-letters!" not in str(list(journal.entries()))

    async def later(world: Any) -> None:
        policy = (await world.ask("GET", "/v1/stations/CP1")).json()["policy"]
        assert policy["passwords"] == 1
        assert (policy["boot"], policy["interval_s"], policy["evses"]) == ("pending", 60, [1, 2])
        assert (policy["strict"], policy["quirks"]["stack_level_zero"]) == (False, True)
        assert policy["quirks"]["measurands"] == ["Voltage"]

    tell(later, journal=journal)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("CP1", {"boot": {"policy": "maybe"}}),
        ("CP1", {"min_security_profile": 4}),
        ("CP1", {"quirks": {"flies": True}}),
        ("CP1", {"quirks": {"reaction_s": "slow"}}),
        ("CP1", {"settings": {"sample_interval_s": -1}}),
        ("CP1", {"settings": {"pause": "never"}}),
        ("CP1", {"password": "a", "password_hex": "00"}),
        ("CP1", {"password_hex": "0"}),
        ("CP1", {"pass_word": "typo"}),
        ("CP1", {"items_per_message": {"GetVariables": 0}}),
        ("..%5Cx", {}),
    ],
)
def test_nonsense_is_422_and_changes_nothing(tell: Any, path: str, body: dict[str, Any]) -> None:
    """The station is not registered."""

    async def story(world: Any) -> None:
        response = await world.ask("PUT", f"/v1/stations/{path}", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
        assert not world.system.csms.stations

    tell(story)


@pytest.mark.parametrize(
    ("policy", "status"), [("pending", "Pending"), ("rejected", "Rejected"), ("accepted", "Accepted")]
)
def test_the_boot_policy_acts_on_the_next_message(tell: Any, policy: str, status: str) -> None:
    """Changed while the station is connected."""

    async def story(world: Any) -> None:
        station = await world.station()
        await world.ask("PUT", "/v1/stations/CP1", json={"boot": {"policy": policy, "interval_s": 77}})
        answer = await station.boot()
        assert (answer["status"], answer["interval"]) == (status, 77)

    tell(story)


def test_stations_are_listed_with_what_is_known(tell: Any) -> None:
    """One online, one away."""

    async def story(world: Any) -> None:
        await world.station(Version.V201)
        world.system.csms.register("AWAY")
        listed = (await world.ask("GET", "/v1/stations", role="read")).json()["stations"]
        assert [(one["id"], one["online"]) for one in listed] == [("CP1", True), ("AWAY", False)]
        assert (listed[0]["version"], listed[0]["boot"]) == ("2.0.1", "accepted")
        assert (await world.ask("GET", "/v1/stations/CP9")).status_code == 404

    tell(story)


def test_a_transaction_is_seen(tell: Any) -> None:
    """1.6: started at 100 Wh, stopped at 1600 Wh."""

    async def story(world: Any) -> None:
        station = await world.station()
        await world.ask("PUT", "/v1/tokens/ISO14443/ANNA", json={})
        start = {"connectorId": 1, "idTag": "ANNA", "meterStart": 100, "timestamp": "2026-01-01T00:00:00Z"}
        started = await station.call("StartTransaction", start)
        assert started["idTagInfo"]["status"] == "Accepted"
        seen = (await world.ask("GET", "/v1/transactions?open=true")).json()["transactions"]
        assert [(one["token"], one["open"]) for one in seen] == [("ANNA", True)]
        number = started["transactionId"]
        stop = {"transactionId": number, "meterStop": 1600, "timestamp": "2026-01-01T01:00:00Z"}
        await station.call("StopTransaction", stop)
        seen = (await world.ask("GET", "/v1/transactions?station=CP1")).json()["transactions"]
        assert [(one["id"], one["open"], one["energy_wh"]) for one in seen] == [(str(number), False, 1500)]

    tell(story)


def test_a_token_acts_on_the_next_message_and_can_be_removed(tell: Any) -> None:
    """Blocked, then gone: Invalid."""

    async def story(world: Any) -> None:
        station = await world.station()
        await world.ask("PUT", "/v1/tokens/ISO14443/ANNA", json={"status": "Blocked", "parent": "FAMILY"})
        answer = await station.call("Authorize", {"idTag": "ANNA"})
        assert answer["idTagInfo"] == {"status": "Blocked", "parentIdTag": "FAMILY"}
        listed = (await world.ask("GET", "/v1/tokens")).json()["tokens"]
        assert [(one["id"], one["status"]) for one in listed] == [("ANNA", "Blocked")]
        assert (await world.ask("DELETE", "/v1/tokens/ISO14443/ANNA")).status_code == 200
        assert (await world.ask("DELETE", "/v1/tokens/ISO14443/ANNA")).status_code == 404
        assert (await station.call("Authorize", {"idTag": "ANNA"}))["idTagInfo"]["status"] == "Invalid"

    tell(story)


def test_a_token_expires(tell: Any) -> None:
    """Its end has passed; an end that is no instant is refused."""

    async def story(world: Any) -> None:
        station = await world.station()
        url = "/v1/tokens/ISO14443/ANNA"
        put = await world.ask("PUT", url, json={"expiry": "2025-12-31T00:00:00Z"})
        assert put.json()["expiry"] == "2025-12-31T00:00:00.000Z"
        assert (await station.call("Authorize", {"idTag": "ANNA"}))["idTagInfo"]["status"] == "Expired"
        assert (await world.ask("PUT", url, json={"expiry": "tomorrow"})).status_code == 422

    tell(story)


def test_a_tariff_goes_to_stations_of_2_1(tell: Any) -> None:
    """One accepts it, one of 2.0.1 is not asked; nonsense is refused."""
    tariff = {"tariffId": "T1", "currency": "EUR"}

    async def story(world: Any) -> None:
        new = await world.station(Version.V21, SetDefaultTariff={"status": "Accepted"})
        old = await world.station(Version.V201, "CP2")
        response = await world.ask("PUT", "/v1/tariffs", json={"tariff": tariff})
        assert response.json() == {"sent": {"CP1": {"0": "Accepted"}}}
        assert [action for action, _ in new.asked] == ["SetDefaultTariff"]
        assert "SetDefaultTariff" not in [action for action, _ in old.asked]
        assert (await world.ask("PUT", "/v1/tariffs", json={"tariff": {"tariffId": 1}})).status_code == 422

    tell(story)


def test_a_limit_becomes_a_charging_profile(tell: Any) -> None:
    """The station is asked to keep to it."""

    async def story(world: Any) -> None:
        station = await world.station(SetChargingProfile={"status": "Accepted"})
        world.system.provisioning.provisioned("CP1").capabilities = world.system.charging.capabilities("CP1")
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        await station.call("StatusNotification", status)
        response = await world.ask("PUT", "/v1/stations/CP1/evses/1/limit", json={"limit_w": 6900})
        assert (response.status_code, response.json()["changed"]) == (200, True)
        for _ in range(100):
            await asyncio.sleep(0)
        profiles = [payload for action, payload in station.asked if action == "SetChargingProfile"]
        schedule = profiles[0]["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"][0]["limit"] == 10.0
        assert (
            await world.ask("PUT", "/v1/stations/CP1/evses/1/limit", json={"limit_w": -1})
        ).status_code == 422

    tell(story)


def test_a_password_is_rotated_and_never_shown(tell: Any) -> None:
    """Both are valid; the answer has only the station's word."""

    async def story(world: Any) -> None:
        station = await world.station(ChangeConfiguration={"status": "Accepted"})
        await world.ask("PUT", "/v1/stations/CP1", json={"password": "sixteen-letters!"})
        response = await world.ask("POST", "/v1/stations/CP1/rotate-password")
        assert response.json() == {"status": "Accepted", "passwords": 2}
        assert [payload["key"] for _, payload in station.asked] == ["AuthorizationKey"]
        frames = str((await world.ask("GET", "/v1/trace?station=CP1")).json())
        assert station.asked[0][1]["value"] not in frames

    tell(story)


def test_a_refused_rotation_leaves_the_old_password(tell: Any) -> None:
    """502 with the station's word."""

    async def story(world: Any) -> None:
        await world.station(ChangeConfiguration={"status": "Rejected"})
        await world.ask("PUT", "/v1/stations/CP1", json={"password": "sixteen-letters!"})
        response = await world.ask("POST", "/v1/stations/CP1/rotate-password")
        assert (response.status_code, response.json()["code"]) == (502, "Rejected")
        assert (await world.ask("GET", "/v1/stations/CP1")).json()["policy"]["passwords"] == 1

    tell(story)


def test_reservations_lists_firmware_and_logs(tell: Any) -> None:
    """Each by one request, whatever the version."""

    async def story(world: Any) -> None:
        yes = {"status": "Accepted"}
        station = await world.station(
            Version.V201,
            ReserveNow=yes,
            CancelReservation=yes,
            SendLocalList=yes,
            UpdateFirmware=yes,
            GetLog=yes,
        )
        made = await world.ask(
            "POST", "/v1/stations/CP1/reservations", json={"token": "ANNA", "expiry": "2036-01-01T00:00:00Z"}
        )
        assert made.json() == {"id": 1, "state": "accepted", "answer": "Accepted"}
        gone = await world.ask("DELETE", "/v1/stations/CP1/reservations/1")
        assert gone.json() == {"id": 1, "state": "cancelled", "known": True}
        sent = await world.ask("PUT", "/v1/stations/CP1/local-list", json={"entries": [{"token": "ANNA"}]})
        assert sent.json() == {"status": "Accepted", "version": 1}
        await world.ask("PUT", "/v1/files/fw-1.bin", content=b"firmware")
        order = await world.ask("POST", "/v1/stations/CP1/firmware", json={"file": "fw-1.bin"})
        assert order.json()["answer"] == yes
        location = station.asked[-1][1]["firmware"]["location"]
        assert (await world.ask("GET", location, role="")).content == b"firmware"
        await world.ask("POST", "/v1/stations/CP1/logs", json={})
        upload = station.asked[-1][1]["log"]["remoteLocation"]
        assert (await world.ask("PUT", f"{upload}log-1.txt", role="", content=b"lines")).status_code == 201
        listed = await world.ask("GET", "/v1/stations/CP1/files")
        assert listed.json() == {"files": [{"name": "log-1.txt", "size": 5}]}
        assert (await world.ask("GET", "/v1/stations/CP1/files/log-1.txt")).content == b"lines"

    tell(story)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("log.txt", "..%2F..%2Fevil"), 404),
        (("/CP1/", "/CP2/"), 404),
        (("log.txt", ".key"), 404),
        (("log.txt", ""), 201),
    ],
)
def test_uploads_stay_in_their_place(tell: Any, change: tuple[str, str], status: int) -> None:
    """No path, no other station's address, no hidden file; a file without a name gets one."""

    async def story(world: Any) -> None:
        url = world.system.files.upload_url("CP1") + "log.txt"
        response = await world.ask("POST", url.replace(*change), role="", content=b"x")
        assert response.status_code == status

    tell(story)


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(tell: Any) -> None:
    """1,001 bytes where 1,000 are allowed."""

    async def story(world: Any) -> None:
        url = world.system.files.upload_url("CP1") + "log.txt"
        assert (await world.ask("PUT", url, role="", content=b"x" * 1001)).status_code == 413
        assert world.system.files.uploads("CP1") == []

    tell(story)


def test_flags_of_the_operator_win_one_by_one_over_those_of_the_model(tell: Any) -> None:
    """A Huawei is written to in W; its operator adds a flag, takes one back; `{}` leaves what the model needs."""
    boot = {"chargePointVendor": "Huawei", "chargePointModel": "SCharger"}
    journal = MemoryJournal(keep=True)

    async def story(world: Any) -> None:
        station = await world.station()
        await station.call("BootNotification", boot)
        first = (await world.ask("GET", "/v1/stations/CP1")).json()
        assert first["policy"]["quirks"]["rate_unit"] == "W"
        assert "Huawei" in first["quirks"]["profiles"][0]
        assert first["quirks"]["changes"]["rate_unit"] == "W"
        events = (await world.ask("GET", "/v1/events?after=0&limit=1000")).json()["events"]
        told = [event["body"] for event in events if event["kind"] == "provisioning.quirks"]
        assert told == [first["quirks"]]
        for flags, unit, reaction_s in (
            ({"reaction_s": 30}, "W", 30.0),
            ({"rate_unit": "A"}, "A", 15.0),
            ({}, "W", 15.0),
            ({"reaction_s": 20}, "W", 20.0),
        ):
            put = (await world.ask("PUT", "/v1/stations/CP1", json={"quirks": flags})).json()
            assert (put["policy"]["quirks"]["rate_unit"], put["policy"]["quirks"]["reaction_s"]) == (
                unit,
                reaction_s,
            )
            assert put["quirks"]["operator"] == flags

    async def later(world: Any) -> None:
        station = ScriptedStation(world.system, "CP1", Version.V16, {})
        await station.call("BootNotification", boot)
        now = (await world.ask("GET", "/v1/stations/CP1")).json()
        assert (now["policy"]["quirks"]["rate_unit"], now["policy"]["quirks"]["reaction_s"]) == ("W", 20.0)
        await station.call("BootNotification", {**boot, "chargePointVendor": "Acme"})
        now = (await world.ask("GET", "/v1/stations/CP1")).json()
        assert (now["policy"]["quirks"]["rate_unit"], now["policy"]["quirks"]["reaction_s"]) == ("", 20.0)

    tell(story, journal=journal)
    tell(later, journal=journal)


def test_settings_of_one_station(tell: Any) -> None:
    """An interval of ten seconds reaches the station at once, and is shown; what it asks of limits holds for it."""

    async def story(world: Any) -> None:
        config = {"MeterValueSampleInterval": "900"}

        def change(payload: dict[str, Any]) -> dict[str, Any]:
            config[payload["key"]] = payload["value"]
            return {"status": "Accepted"}

        def read(_: object) -> dict[str, Any]:
            keys = [{"key": key, "value": value, "readonly": False} for key, value in config.items()]
            return {"configurationKey": keys}

        await world.station(GetConfiguration=read, ChangeConfiguration=change)
        assert config["MeterValueSampleInterval"] == "60"
        settings = {"sample_interval_s": 10, "pause": "smallest", "phases": 1, "measurands": ["Voltage"]}
        put = await world.ask("PUT", "/v1/stations/CP1", json={"settings": settings})
        assert put.status_code == 200
        for _ in range(300):
            await asyncio.sleep(0)
        assert config["MeterValueSampleInterval"] == "10"
        shown = (await world.ask("GET", "/v1/stations/CP1")).json()
        assert shown["settings"]["outcomes"]["MeterValueSampleInterval"] == "Accepted"
        assert shown["policy"]["choices"]["sampled"] == ["Voltage"]
        sight = world.system.charging.sight
        here = sight.circumstances(sight.lane("CP1", 1))
        assert (here.conduct.pause, here.grammar.phases) == ("smallest", 1)

    tell(story)
