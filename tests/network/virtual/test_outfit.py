"""A whole station with every part, on a wire that both ends check strictly."""

import base64
import json
from functools import partial

import pytest
from pyocmf.core.ocmf import OCMF

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.fit import Outfit, outfit
from twin.network.virtual.parts.quirks import VendorQuirks
from twin.network.virtual.parts.signing import KEY_FORMAT

V16, V201, V21 = Version
TWO = (V201, V21)


@pytest.fixture
def station(make):
    """Make a booted station with every part."""

    def start(version, quirks=None, **more):
        how = Outfit(quirks=quirks or VendorQuirks())
        bench = make(version, fit=partial(outfit, how=how), **more)
        bench.start()
        bench.until(10.0)
        return bench

    return start


def switch(bench, key, value):
    """Set a configuration key or variable over the wire."""
    if bench.version is V16:
        return bench.ask("ChangeConfiguration", {"key": key, "value": value})["status"]
    component, variable = key.split(".")
    item = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
    [result] = bench.ask("SetVariables", {"setVariableData": [item]})["setVariableResult"]
    return result["attributeStatus"]


def session(bench):
    """Charge for an hour, then leave."""
    bench.charge("TAG")
    bench.until(bench.now_s + 3_600.0)
    bench.unplug()
    bench.until(bench.now_s + 10.0)


def readings(text):
    """Verify a signed value; return its reasons and Wh."""
    value = json.loads(text) if isinstance(text, str) else text
    record = OCMF.from_string(base64.b64decode(value["signedMeterData"]).decode())
    key = base64.b64decode(value["publicKey"]).decode()
    assert record.verify_signature(key.removeprefix(KEY_FORMAT))
    return [(str(r.TX.value), round(float(r.RV) * 1000)) for r in record.payload.RD]


def test_16_carries_signed_values(station):
    """Begin and end are signed, and the end's record tells the energy of the session."""
    bench = station(V16)
    assert switch(bench, "SampledDataSignReadings", "true") == "Accepted"
    session(bench)
    values = [p["meterValue"] for p in bench.csms.told("MeterValues")]
    values += [p.get("transactionData", []) for p in bench.csms.told("StopTransaction")]
    signed = [
        s["value"]
        for value in values
        for v in value
        for s in v["sampledValue"]
        if s.get("format") == "SignedData"
    ]
    [stop] = bench.csms.told("StopTransaction")
    [start] = bench.csms.told("StartTransaction")
    assert readings(signed[0])[0] == ("B", start["meterStart"])
    assert readings(signed[-1]) == [("B", start["meterStart"]), ("E", stop["meterStop"])]


@pytest.mark.parametrize(
    ("where", "apart", "at_the_end"),
    [
        ("Both", ["Transaction.Begin"], ["Transaction.End"]),
        ("MeterValues", ["Transaction.Begin", "Transaction.End"], []),
        ("StopTransaction", [], ["Transaction.Begin", "Transaction.End"]),
    ],
)
def test_16_carries_signed_values_where_it_is_told_to(station, where, apart, at_the_end):
    """By MeterValues after the start and before the stop, by transactionData, or one each way."""
    bench = station(V16)
    assert switch(bench, "SampledDataSignReadings", "true") == "Accepted"
    assert switch(bench, "TwinSignedReadingsIn", where) == "Accepted"
    bench.charge()
    bench.until(20.0)
    bench.unplug()
    [stop] = bench.csms.told("StopTransaction")
    signed = [
        [v["context"] for entry in entries for v in entry["sampledValue"] if v.get("format") == "SignedData"]
        for entries in (
            [e for m in bench.csms.told("MeterValues") for e in m["meterValue"]],
            stop["transactionData"],
        )
    ]
    assert signed == [apart, at_the_end]
    told = [a for a in bench.csms.actions() if a in {"StartTransaction", "MeterValues", "StopTransaction"}]
    assert told == ["StartTransaction", *["MeterValues"] * len(apart), "StopTransaction"]


@pytest.mark.parametrize("version", TWO)
def test_2_carries_signed_values(station, version):
    """Started and Ended hold a signedMeterValue; the last one holds both readings."""
    bench = station(version)
    assert switch(bench, "SampledDataCtrlr.SignReadings", "true") == "Accepted"
    session(bench)
    signed = [
        s["signedMeterValue"]
        for event in bench.csms.told("TransactionEvent")
        for value in event.get("meterValue", ())
        for s in value["sampledValue"]
        if "signedMeterValue" in s
    ]
    assert [reason for reason, _ in readings(signed[0])] == ["B"]
    assert [reason for reason, _ in readings(signed[-1])] == ["B", "E"]


@pytest.mark.parametrize("version", TWO)
def test_a_full_inventory_arrives(station, version):
    """Every variable is told once, in parts that a strict central system takes."""
    bench = station(version)
    assert bench.ask("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}) == {
        "status": "Accepted"
    }
    bench.until(bench.now_s + 5.0)
    told = bench.csms.told("NotifyReport")
    assert sum(len(p["reportData"]) for p in told) == len(list(bench.station.variables))
    assert [p["tbc"] for p in told] == [True] * (len(told) - 1) + [False]


@pytest.mark.parametrize("version", list(Version))
def test_a_reservation_shows_and_keeps_others_away(station, version):
    """The connector is Reserved; another token gets nothing, its own token charges."""
    bench = station(version)
    expiry = "2026-01-01T02:00:00Z"
    asked = (
        {"connectorId": 1, "expiryDate": expiry, "idTag": "MINE", "reservationId": 5}
        if version is V16
        else {
            "id": 5,
            "evseId": 1,
            "expiryDateTime": expiry,
            "idToken": {"idToken": "MINE", "type": "ISO14443"},
        }
    )
    assert bench.ask("ReserveNow", asked)["status"] == "Accepted"
    bench.until(bench.now_s + 1.0)
    assert bench.statuses()[-1] == "Reserved"
    bench.charge("OTHER")
    bench.until(bench.now_s + 60.0)
    assert bench.register() == 0.0
    bench.present("MINE")
    bench.until(bench.now_s + 60.0)
    assert bench.register() > 0.0


@pytest.mark.parametrize("version", list(Version))
def test_a_listed_token_starts_offline(station, version):
    """Cut off, a token of the local list charges; its transaction is told when the link is back."""
    bench = station(version)
    if version is V16:
        entry = {"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}
        sent = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    else:
        entry = {"idToken": {"idToken": "TAG", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
        sent = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    assert bench.ask("SendLocalList", sent)["status"] == "Accepted"
    bench.cut()
    bench.charge("TAG")
    bench.until(bench.now_s + 600.0)
    assert bench.register() > 1_000.0
    bench.reachable = True
    bench.until(bench.now_s + 600.0)
    began = bench.csms.told("StartTransaction") if version is V16 else bench.csms.told("TransactionEvent")
    assert began[0]["timestamp"] < "2026-01-01T00:01:00"


def test_firmware_waits_for_the_transaction_and_reboots(station):
    """While a car charges nothing is installed; afterwards the station boots with the reason told."""
    bench = station(V201)
    bench.charge()
    firmware = {"location": "http://127.0.0.1/fw.bin", "retrieveDateTime": "2026-01-01T00:00:00Z"}
    assert bench.ask("UpdateFirmware", {"requestId": 3, "firmware": firmware})["status"] == "Accepted"
    bench.until(bench.now_s + 600.0)
    told = [p["status"] for p in bench.csms.told("FirmwareStatusNotification")]
    assert told == ["Downloading", "Downloaded"]
    bench.unplug()
    bench.until(bench.now_s + 120.0)
    told = [p["status"] for p in bench.csms.told("FirmwareStatusNotification")]
    assert told[2:] == ["Installing", "InstallRebooting", "Installed"]
    assert [p["reason"] for p in bench.csms.told("BootNotification")] == ["PowerUp", "FirmwareUpdate"]


def test_a_monitor_sees_the_power_of_a_car(station):
    """An upper threshold of 5 kW on the power of EVSE 1 alerts while an 11 kW car charges."""
    bench = station(V201)
    item = {
        "value": 5_000.0, "type": "UpperThreshold", "severity": 2,
        "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"},
    }  # fmt: skip
    [result] = bench.ask("SetVariableMonitoring", {"setMonitoringData": [item]})["setMonitoringResult"]
    assert result["status"] == "Accepted"
    session(bench)
    [first, *_] = bench.csms.told("NotifyEvent")
    assert float(first["eventData"][0]["actualValue"]) > 5_000.0


@pytest.mark.parametrize("version", list(Version))
def test_a_log_is_made_of_what_was_sent(station, version):
    """The uploaded file names the messages since the boot."""
    bench = station(version)
    log = {"remoteLocation": "http://127.0.0.1/logs/"}
    assert (
        bench.ask("GetLog", {"log": log, "logType": "DiagnosticsLog", "requestId": 2})["status"] == "Accepted"
    )
    bench.until(bench.now_s + 30.0)
    assert [p["status"] for p in bench.csms.told("LogStatusNotification")] == ["Uploading", "Uploaded"]
    assert "BootNotification" in bench.station.fittings.logs.text("DiagnosticsLog", 0.0, 1e9)


@pytest.mark.parametrize("version", list(Version))
def test_an_ignored_profile_changes_nothing(station, version):
    """A model that accepts profiles without applying them charges at full power."""
    bench = station(version, quirks=VendorQuirks(ignores_profiles=("TxDefaultProfile",)))
    period = {"startPeriod": 0, "limit": 6.0}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    common = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
    }
    if version is V16:
        schedule["startSchedule"] = "2026-01-01T00:00:00Z"
        profile = {**common, "chargingProfileId": 1, "chargingSchedule": schedule}
        asked = {"connectorId": 1, "csChargingProfiles": profile}
    else:
        schedule |= {"id": 1, "startSchedule": "2026-01-01T00:00:00Z"}
        asked = {"evseId": 1, "chargingProfile": {**common, "id": 1, "chargingSchedule": [schedule]}}
    assert bench.ask("SetChargingProfile", asked)["status"] == "Accepted"
    bench.charge()
    bench.until(bench.now_s + 3_600.0)
    assert bench.register() > 10_000.0


def test_a_new_password_is_kept_over_a_reboot(station):
    """Set over the wire, it is what the next connection shows."""
    bench = station(V201)
    assert switch(bench, "SecurityCtrlr.BasicAuthPassword", "0123456789abcdef") == "Accepted"
    bench.ask("Reset", {"type": "Immediate"})
    bench.until(bench.now_s + 60.0)
    assert bench.station.variables.text(standard.PASSWORD) == "0123456789abcdef"


def test_a_car_that_speaks_tells_what_it_needs(station):
    """50 kWh on three phases with 16 A at most, told when it is plugged in."""
    bench = station(V201, tells_soc=True)
    bench.plug()
    bench.until(bench.now_s + 1.0)
    [told] = bench.csms.told("NotifyEVChargingNeeds")
    assert told["chargingNeeds"]["requestedEnergyTransfer"] == "AC_three_phase"
    assert told["chargingNeeds"]["acChargingParameters"] == {
        "energyAmount": 50_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230
    }  # fmt: skip


def test_a_driver_brings_a_tariff_and_gets_another(station):
    """2.1: the tariff of the answer to Authorize stands in the events; a change of it is told."""
    bench = station(V21)
    tariff = {"tariffId": "day", "currency": "EUR"}
    bench.csms.answers["Authorize"] = lambda _: {"idTokenInfo": {"status": "Accepted"}, "tariff": tariff}
    bench.charge("DRIVER")
    [assigned] = bench.ask("GetTariffs", {"evseId": 1})["tariffAssignments"]
    assert (assigned["tariffKind"], assigned["idTokens"]) == ("DriverTariff", ["DRIVER"])
    running = bench.csms.told("TransactionEvent")[-1]["transactionInfo"]
    ask = {"transactionId": running["transactionId"], "tariff": {**tariff, "tariffId": "night"}}
    assert bench.ask("ChangeTransactionTariff", ask) == {"status": "Accepted"}
    told = bench.csms.told("TransactionEvent")[-1]
    assert running["tariffId"] == "day"
    assert (told["triggerReason"], told["transactionInfo"]["tariffId"]) == ("TariffChanged", "night")


def test_a_stream_goes_over_the_wire(station):
    """2.1: the power of a car that begins to charge, as an unconfirmed message."""
    bench = station(V21)
    bench.csms.answers["OpenPeriodicEventStream"] = lambda _: {"status": "Accepted"}
    item = {
        "value": 1.0, "type": "Delta", "severity": 3, "periodicEventStream": {"interval": 0, "values": 1},
        "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"},
    }  # fmt: skip
    answer = bench.ask("SetVariableMonitoring", {"setMonitoringData": [item]})
    assert answer["setMonitoringResult"][0]["status"] == "Accepted"
    bench.charge()
    bench.until(bench.now_s + 61.0)
    values = [d["v"] for m in bench.csms.told("NotifyPeriodicEventStream") for d in m["data"]]
    assert values == ["11040.0"]
    assert len(bench.ask("GetPeriodicEventStream")["constantStreamData"]) == 1
