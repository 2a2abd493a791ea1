"""What the central system may ask of a virtual station."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed

V16, V201, V21 = Version.V16, Version.V201, Version.V21
ALL = pytest.mark.parametrize("version", list(Version))
TWO = pytest.mark.parametrize("version", [V201, V21])
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


def remote_start(bench, evse=1, number=11):
    """Start at an EVSE."""
    if not bench.version.two:
        return bench.ask("RemoteStartTransaction", {"idTag": "APP", "connectorId": evse})
    token = {"idToken": "APP", "type": "Central"}
    return bench.ask("RequestStartTransaction", {"idToken": token, "remoteStartId": number, "evseId": evse})


def remote_stop(bench, name):
    """Stop by the id on the wire."""
    action = "RequestStopTransaction" if bench.version.two else "RemoteStopTransaction"
    return bench.ask(action, {"transactionId": name})


def running(bench):
    """The id of the transaction on the wire."""
    name = bench.station.wire_name(bench.station.bays[1].transaction)
    return name if bench.version.two else int(name)


@ALL
@pytest.mark.parametrize("first", ["plug", "start"])
def test_remote_start_before_or_after_the_cable(make, version, first):
    """Energy flows once both are there; 2.x tells the remoteStartId, Authorize is not asked by default."""
    bench = make(version).start()
    if first == "plug":
        bench.plug()
    assert remote_start(bench) == ACCEPTED
    if first == "start":
        bench.until(20.0)
        bench.plug()
    since = bench.now_s
    bench.until(since + 100.0)
    assert bench.register() == 306.0
    assert bench.csms.told("Authorize") == []
    if version.two:
        started = bench.csms.told("TransactionEvent")[0]
        assert started["transactionInfo"]["remoteStartId"] == 11
        assert started["triggerReason"] == ("RemoteStart" if first == "plug" else "CablePluggedIn")
    else:
        assert bench.csms.told("StartTransaction")[0]["idTag"] == "APP"


@ALL
def test_remote_start_is_refused_where_it_cannot_be(make, version):
    """An EVSE that is unknown, busy or out of service refuses; what runs goes on."""
    bench = make(version, specs=(make.evse(1), make.evse(2))).start()
    bench.charge()
    assert remote_start(bench, 1) == REJECTED
    assert remote_start(bench, 9) == REJECTED
    change(bench, 2, False)
    assert remote_start(bench, 2) == REJECTED
    assert bench.station.bays[1].transaction is not None


@ALL
def test_remote_start_may_ask_for_authorisation(make, version):
    """AuthorizeRemoteTxRequests true and a blocked token: accepted, asked, and nothing begins."""
    bench = make(version, values={"AuthorizeRemoteTxRequests": "true"}).start()
    key = "idTokenInfo" if version.two else "idTagInfo"
    bench.csms.answers["Authorize"] = lambda p: {key: {"status": "Blocked"}}
    bench.plug()
    assert remote_start(bench) == ACCEPTED
    bench.until(30.0)
    assert len(bench.csms.told("Authorize")) == 1
    assert bench.register() == 0.0


@ALL
def test_remote_stop_ends_the_energy_and_the_transaction(make, version):
    """Reason Remote; 184 Wh after a minute and no more; an unknown id is refused."""
    bench = make(version).start()
    bench.charge()
    bench.until(60.0)
    assert remote_stop(bench, "nobody" if version.two else 77) == REJECTED
    assert remote_stop(bench, running(bench)) == ACCEPTED
    bench.until(120.0)
    assert bench.register() == 184.0
    if version.two:
        ended = bench.csms.told("TransactionEvent")[-1]
        assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "RemoteStop")
        assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    else:
        assert bench.csms.told("StopTransaction")[0]["reason"] == "Remote"


def change(bench, evse, on):
    """ChangeAvailability of an EVSE, 0: the station."""
    kind = "Operative" if on else "Inoperative"
    if not bench.version.two:
        return bench.ask("ChangeAvailability", {"connectorId": evse, "type": kind})
    place = {"evse": {"id": evse}} if evse else {}
    return bench.ask("ChangeAvailability", {"operationalStatus": kind} | place)


@ALL
def test_availability_waits_for_the_transaction_and_survives_a_reset(make, version):
    """Scheduled while charging, Unavailable afterwards and after the reboot, until it is given back."""
    bench = make(version).start()
    bench.charge()
    assert change(bench, 1, False) == {"status": "Scheduled"}
    bench.until(60.0)
    bench.unplug()
    assert bench.statuses()[-1] == "Unavailable"
    bench.ask("Reset", {"type": "Immediate" if version.two else "Hard"})
    bench.until(100.0)
    assert bench.csms.actions().count("BootNotification") == 2
    assert bench.statuses()[-1] == "Unavailable"
    assert change(bench, 1, True) == ACCEPTED
    assert bench.statuses()[-1] == "Available"
    assert change(bench, 5, True) == REJECTED


@ALL
def test_an_inoperative_station_lets_nobody_charge(make, version):
    """Inoperative for the whole station: a card starts nothing."""
    bench = make(version).start()
    assert change(bench, 0, False) == ACCEPTED
    bench.charge()
    bench.until(30.0)
    assert bench.register() == 0.0


@ALL
def test_a_reset_ends_what_runs_with_its_reason(make, version):
    """The transaction ends first, then the connection, then BootNotification with RemoteReset."""
    bench = make(version).start()
    bench.charge()
    bench.until(60.0)
    assert bench.ask("Reset", {"type": "Immediate" if version.two else "Soft"}) == ACCEPTED
    bench.until(66.0)
    last = bench.csms.actions()
    assert last.index("BootNotification", 1) == len(last) - 1 - last[::-1].index("BootNotification")
    if version.two:
        assert bench.csms.told("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert bench.csms.told("BootNotification")[1]["reason"] == "RemoteReset"
    else:
        assert bench.csms.told("StopTransaction")[0]["reason"] == "SoftReset"
    assert [t for t, a, _ in bench.csms.heard if a == "BootNotification"] == [0.0, 66.0]


@TWO
def test_a_reset_on_idle_waits(make, version):
    """OnIdle while charging: Scheduled, and done when the car has left; reason ScheduledReset."""
    bench = make(version).start()
    bench.charge()
    assert bench.ask("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
    bench.until(100.0)
    assert bench.csms.actions().count("BootNotification") == 1
    bench.unplug()
    bench.until(110.0)
    assert [p["reason"] for p in bench.csms.told("BootNotification")] == ["PowerUp", "ScheduledReset"]
    assert bench.csms.told("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


@TWO
def test_a_reset_of_one_evse_leaves_the_other_alone(make, version):
    """Immediate with evseId 1: its transaction ends, that of EVSE 2 goes on, no boot."""
    bench = make(version, specs=(make.evse(1), make.evse(2))).start()
    bench.charge("A", 0)
    bench.charge("B", 1)
    assert bench.ask("Reset", {"type": "Immediate", "evseId": 1}) == ACCEPTED
    bench.until(60.0)
    assert bench.station.bays[1].transaction is None
    assert bench.station.bays[2].transaction is not None
    assert bench.csms.actions().count("BootNotification") == 1


def test_unlock_16_stops_first(make):
    """1.6: unlocking a charging connector ends its transaction with UnlockCommand."""
    bench = make(V16).start()
    bench.charge()
    assert bench.ask("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    assert bench.csms.told("StopTransaction")[0]["reason"] == "UnlockCommand"
    assert bench.ask("UnlockConnector", {"connectorId": 4}) == {"status": "NotSupported"}


@TWO
def test_unlock_2_leaves_an_authorised_transaction(make, version):
    """2.x: OngoingAuthorizedTransaction while it runs, Unlocked after, UnknownConnector elsewhere."""
    bench = make(version).start()
    bench.charge()
    place = {"evseId": 1, "connectorId": 1}
    assert bench.ask("UnlockConnector", place) == {"status": "OngoingAuthorizedTransaction"}
    bench.unplug()
    assert bench.ask("UnlockConnector", place) == {"status": "Unlocked"}
    assert bench.ask("UnlockConnector", {"evseId": 1, "connectorId": 3}) == {"status": "UnknownConnector"}


@TWO
def test_transaction_status_tells_what_waits(make, version):
    """GetTransactionStatus: running and nothing queued; an unknown id does not run."""
    bench = make(version).start()
    bench.charge()
    ask = {"transactionId": running(bench)}
    assert bench.ask("GetTransactionStatus", ask) == {"ongoingIndicator": True, "messagesInQueue": False}
    assert bench.ask("GetTransactionStatus", {"transactionId": "x"})["ongoingIndicator"] is False
    assert bench.ask("GetTransactionStatus") == {"messagesInQueue": False}


@ALL
@pytest.mark.parametrize("what", ["Heartbeat", "StatusNotification", "MeterValues"])
def test_triggered_messages_come(make, version, what):
    """Accepted, then the message; meter values with context Trigger."""
    bench = make(version).start()
    before = len(bench.csms.told(what))
    assert bench.ask("TriggerMessage", {"requestedMessage": what}) == ACCEPTED
    after = bench.csms.told(what)
    assert len(after) > before
    if what == "MeterValues":
        assert after[-1]["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


@TWO
def test_triggered_transaction_events(make, version):
    """TransactionEvent is refused while nothing runs, then told with triggerReason Trigger."""
    bench = make(version).start()
    assert bench.ask("TriggerMessage", {"requestedMessage": "TransactionEvent"}) == REJECTED
    bench.charge()
    assert bench.ask("TriggerMessage", {"requestedMessage": "TransactionEvent"}) == ACCEPTED
    assert bench.events()[-1][1] == "Trigger"
    assert bench.ask("TriggerMessage", {"requestedMessage": "BootNotification"}) == REJECTED


@ALL
def test_what_nobody_fitted_is_not_implemented(make, version):
    """A trigger without its part: NotImplemented; a call without its part: NotSupported."""
    bench = make(version).start()
    ask = {"requestedMessage": "FirmwareStatusNotification"}
    assert bench.ask("TriggerMessage", ask) == {"status": "NotImplemented"}
    with pytest.raises(CallFailed, match="NotSupported"):
        bench.ask("ClearCache")
