"""Transactions of a virtual station: what it says when people come, charge and go."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version

V16, V201, V21 = Version.V16, Version.V201, Version.V21
TWO = pytest.mark.parametrize("version", [V201, V21])
ALL = pytest.mark.parametrize("version", list(Version))


def test_a_session_of_16_from_plug_to_plug(make):
    """Half an hour at 11.04 kW: 5,520 Wh between StartTransaction and StopTransaction, with each status."""
    bench = make(V16).start()
    bench.until(100.0)
    bench.charge()
    bench.until(1_900.0)
    bench.unplug()
    assert bench.statuses() == ["Available", "Preparing", "Charging", "Available"]
    start, stop = bench.csms.told("StartTransaction")[0], bench.csms.told("StopTransaction")[0]
    assert start == {
        "connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:01:40.000Z",
    }  # fmt: skip
    assert (stop["transactionId"], stop["meterStop"], stop["reason"]) == (1, 5_520, "EVDisconnected")
    assert stop["timestamp"] == "2026-01-01T00:31:40.000Z"
    contexts = [m["sampledValue"][0]["context"] for m in stop["transactionData"]]
    assert contexts == ["Transaction.Begin", "Transaction.End"]


@TWO
def test_a_session_of_2_from_plug_to_plug(make, version):
    """Started when the power path closes, samples each minute, Ended with both registers."""
    bench = make(version).start()
    bench.until(100.0)
    bench.charge()
    bench.until(230.0)
    bench.unplug()
    assert bench.statuses() == ["Available", "Occupied", "Available"]
    assert bench.events() == [
        ("Started", "Authorized", "Charging", 0),
        ("Updated", "MeterValuePeriodic", "Charging", 1),
        ("Updated", "MeterValuePeriodic", "Charging", 2),
        ("Ended", "EVCommunicationLost", "Idle", 3),
    ]
    started, *_, ended = bench.csms.told("TransactionEvent")
    assert started["idToken"] == {"idToken": "TAG", "type": "ISO14443"}
    assert started["evse"] == {"id": 1, "connectorId": 1}
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    assert ended["transactionInfo"]["timeSpentCharging"] == 130
    values = [m["sampledValue"][0]["value"] for m in ended["meterValue"]]
    assert values == [0.0, 398.0]  # 11,040 W for 130 s are 398.67 Wh


@TWO
def test_start_at_ev_connected_stop_at_power_path(make, version):
    """TxStartPoint EVConnected: Started by the cable without a token, which a later event tells."""
    values = {"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "PowerPathClosed"}
    bench = make(version, values=values).start()
    bench.plug()
    bench.present()
    bench.until(10.0)
    bench.present()
    assert bench.events() == [
        ("Started", "CablePluggedIn", "EVConnected", 0),
        ("Updated", "Authorized", "Charging", 1),
        ("Ended", "StopAuthorized", "EVConnected", 2),
    ]
    started, told, ended = bench.csms.told("TransactionEvent")
    assert "idToken" not in started
    assert told["idToken"]["idToken"] == "TAG"
    assert ended["transactionInfo"]["stoppedReason"] == "Local"


@TWO
def test_stop_at_ev_connected_only(make, version):
    """Where only the cable ends a transaction, a remote stop ends the energy and no more."""
    bench = make(version, values={"TxCtrlr.TxStopPoint": "EVConnected"}).start()
    bench.charge()
    name = bench.csms.told("TransactionEvent")[0]["transactionInfo"]["transactionId"]
    bench.until(30.0)
    assert bench.ask("RequestStopTransaction", {"transactionId": name}) == {"status": "Accepted"}
    before = bench.register()
    bench.until(50.0)
    assert bench.register() == before == 92.0
    bench.unplug()
    assert [e[:3] for e in bench.events()] == [
        ("Started", "Authorized", "Charging"),
        ("Updated", "RemoteStop", "EVConnected"),
        ("Ended", "EVCommunicationLost", "Idle"),
    ]
    assert bench.csms.told("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "Remote"


@ALL
def test_nobody_plugs_in(make, version):
    """An authorised driver who does not come within 60 s is forgotten: status back, no transaction left."""
    values = {"TxCtrlr.TxStartPoint": "Authorized"} if version.two else {}
    bench = make(version, values=values).start()
    bench.present()
    bench.until(61.0)
    bench.plug()
    if version.two:
        assert [e[:2] for e in bench.events()] == [("Started", "Authorized"), ("Ended", "EVConnectTimeout")]
        assert bench.csms.told("TransactionEvent")[1]["transactionInfo"]["stoppedReason"] == "Timeout"
    else:
        assert bench.statuses() == ["Available", "Preparing", "Available", "Preparing"]
        assert bench.csms.told("StartTransaction") == []


def test_the_same_card_stops_and_the_car_stays(make):
    """16: the second tap stops with Local; the connector is Finishing until the cable is out."""
    bench = make(V16).start()
    bench.charge()
    bench.until(60.0)
    bench.present()
    bench.unplug()
    assert bench.statuses() == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    stop = bench.csms.told("StopTransaction")[0]
    assert (stop["reason"], stop["idTag"], stop["meterStop"]) == ("Local", "TAG", 184)


def test_another_card_of_the_group_stops(make):
    """A card with the parent of the one that started may stop, a stranger's may not."""
    bench = make(V16).start()
    parents = {"A": "family", "B": "family", "X": "others"}
    bench.csms.answers["Authorize"] = lambda p: {
        "idTagInfo": {"status": "Accepted", "parentIdTag": parents[p["idTag"]]}
    }
    bench.csms.answers["StartTransaction"] = lambda p: {
        "transactionId": 7, "idTagInfo": {"status": "Accepted", "parentIdTag": "family"},
    }  # fmt: skip
    bench.charge("A")
    bench.present("X")
    assert bench.csms.told("StopTransaction") == []
    bench.present("B")
    assert bench.csms.told("StopTransaction")[0]["idTag"] == "B"


@ALL
def test_a_refused_card_starts_nothing(make, version):
    """Authorize answered Blocked: no transaction, no energy."""
    bench = make(version).start()
    key = "idTokenInfo" if version.two else "idTagInfo"
    bench.csms.answers["Authorize"] = lambda p: {key: {"status": "Blocked"}}
    bench.charge()
    bench.until(60.0)
    assert bench.register() == 0.0
    assert bench.csms.told("StartTransaction") == bench.csms.told("TransactionEvent") == []


@pytest.mark.parametrize("stop", [True, False])
def test_an_invalid_answer_to_the_start(make, stop):
    """StopTransactionOnInvalidId true ends with DeAuthorized, false keeps the transaction without energy."""
    bench = make(V16, values={"StopTransactionOnInvalidId": str(stop).lower()}).start()
    bench.csms.answers["StartTransaction"] = lambda p: {
        "transactionId": 3, "idTagInfo": {"status": "Invalid"},
    }  # fmt: skip
    bench.charge()
    bench.until(60.0)
    assert bench.register() == 0.0
    assert [p["reason"] for p in bench.csms.told("StopTransaction")] == (["DeAuthorized"] if stop else [])
    assert bench.statuses()[-1] == ("Finishing" if stop else "SuspendedEVSE")


@TWO
def test_an_invalid_answer_to_started(make, version):
    """2.x: idTokenInfo Invalid in the answer to Started ends it with Deauthorized."""
    bench = make(version).start()
    bench.csms.answers["TransactionEvent"] = lambda p: (
        {"idTokenInfo": {"status": "Invalid"}} if p["eventType"] == "Started" else {}
    )
    bench.charge()
    assert [e[:2] for e in bench.events()] == [("Started", "Authorized"), ("Ended", "Deauthorized")]
    ended = bench.csms.told("TransactionEvent")[1]
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"


def test_unplugging_may_only_suspend(make):
    """StopTransactionOnEVSideDisconnect false: the transaction waits, and goes on with the same car."""
    bench = make(V16, values={"StopTransactionOnEVSideDisconnect": "false"}).start()
    bench.charge()
    bench.until(60.0)
    bench.unplug()
    bench.until(120.0)
    bench.plug()
    bench.until(180.0)
    bench.present()
    assert bench.statuses()[2:5] == ["Charging", "SuspendedEV", "Charging"]
    assert len(bench.csms.told("StartTransaction")) == 1
    assert bench.csms.told("StopTransaction")[0]["meterStop"] == 368


@ALL
def test_a_car_that_has_enough_suspends(make, version):
    """A car that wanted 1 kWh has it after 326 s; the next advance tells SuspendedEV."""
    bench = make(version).start()
    bench.plug(energy_wh=1_000.0)
    bench.present()
    bench.until(600.0)
    bench.step.do(lambda: bench.stations.advance(600.0))
    if version.two:
        assert ("ChargingStateChanged", "SuspendedEV") in [e[1:3] for e in bench.events()]
    else:
        assert bench.statuses()[-1] == "SuspendedEV"
    assert bench.register() == 1_000.0


@ALL
def test_a_little_energy_on_an_invalid_token(make, version):
    """MaxEnergyOnInvalidId 100 Wh: at 11.04 kW they are taken after 33 s, then nothing more flows."""
    values = {"StopTransactionOnInvalidId": "false", "MaxEnergyOnInvalidId": "100"}
    bench = make(version, values=values).start()
    info = {"status": "Invalid"}
    bench.csms.answers["StartTransaction"] = lambda p: {"transactionId": 3, "idTagInfo": info}
    bench.csms.answers["TransactionEvent"] = lambda p: {"idTokenInfo": info} if "idToken" in p else {}
    bench.charge()
    bench.until(30.0)
    assert bench.register() == 92.0
    bench.until(90.0)
    assert 100.0 <= bench.register() <= 103.0
    assert bench.station.bays[1].transaction is not None
