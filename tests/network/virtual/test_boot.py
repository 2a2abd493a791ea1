"""How a virtual station is taken into service, keeps its clock, and comes back."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed

V16, V201 = Version.V16, Version.V201
ALL = pytest.mark.parametrize("version", list(Version))


def say(bench, status, interval=20):
    """Answer BootNotification so."""
    bench.csms.answers["BootNotification"] = lambda p: {
        "status": status, "currentTime": bench.csms.now(), "interval": interval,
    }  # fmt: skip


@ALL
def test_boot_comes_first_then_every_status(make, version):
    """BootNotification, then StatusNotification of each connector, 0 included in 1.6."""
    bench = make(version, specs=(make.evse(1), make.evse(2))).start()
    statuses = 2 if version.two else 3
    assert bench.csms.actions() == ["BootNotification", *["StatusNotification"] * statuses]


@ALL
@pytest.mark.parametrize(
    ("hears", "shown"), [(True, "2026-01-01T01:00:05.000Z"), (False, "2026-01-01T00:00:05.000Z")]
)
def test_the_time_is_taken_from_the_central_system_or_not(make, version, hears, shown):
    """At midnight it is told one o'clock: five seconds later it goes by that, unless its time is its own."""
    bench = make(version, hears_time=hears)
    bench.csms.answers["BootNotification"] = lambda p: {
        "status": "Accepted", "currentTime": "2026-01-01T01:00:00Z", "interval": 300,
    }  # fmt: skip
    bench.start()
    bench.until(5.0)
    bench.plug()
    assert bench.csms.told("StatusNotification")[-1]["timestamp"] == shown


@ALL
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_nothing_but_boots_until_accepted(make, version, status):
    """Not accepted: the next BootNotification after 20 s, no transaction, no status meanwhile."""
    bench = make(version)
    say(bench, status)
    bench.start()
    bench.charge()
    bench.until(19.0)
    assert bench.csms.actions() == ["BootNotification"]
    bench.csms.answers.clear()
    bench.until(20.0)
    assert bench.csms.actions()[1:3] == ["BootNotification", "StatusNotification"]
    assert bench.register() == 0.0


def test_a_pending_station_answers_and_says_what_is_triggered(make):
    """Pending: a triggered StatusNotification is sent, a remote start refused (2.0.1 B02.FR.02, .05)."""
    bench = make(V201)
    say(bench, "Pending", 300)
    bench.start()
    assert bench.ask("TriggerMessage", {"requestedMessage": "StatusNotification"}) == {"status": "Accepted"}
    start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1, "evseId": 1}
    assert bench.ask("RequestStartTransaction", start) == {"status": "Rejected"}
    assert bench.csms.actions() == ["BootNotification", "StatusNotification"]


def test_a_rejected_station_answers_security_error(make):
    """2.x: a call to a station whose boot was rejected is a SecurityError (2.0.1 B03.FR.08)."""
    bench = make(V201)
    say(bench, "Rejected", 300)
    bench.start()
    with pytest.raises(CallFailed, match="SecurityError"):
        bench.ask("GetTransactionStatus")


@ALL
def test_heartbeats_keep_the_interval_of_the_boot(make, version):
    """Interval 100: heartbeats at 100 and 200 s; a new interval of 30 counts from when it is written."""
    bench = make(version)
    say(bench, "Accepted", 100)
    bench.start()
    bench.until(210.0)
    bench.station.variables.write(bench.station.variables.by_key("heartbeatinterval"), "30")
    bench.until(250.0)
    assert [t for t, action, _ in bench.csms.heard if action == "Heartbeat"] == [100.0, 200.0, 240.0]


@ALL
def test_a_wrong_clock_is_set_by_the_central_system(make, version):
    """A station an hour ahead says so at its first status only, if at all: the boot has set its clock."""
    bench = make(version, clock_error_s=3_600.0)
    assert bench.station.stamp() == "2026-01-01T01:00:00.000Z"
    bench.start()
    assert bench.station.stamp() == "2026-01-01T00:00:00.000Z"
    bench.until(10.0)
    bench.plug()
    assert bench.csms.told("StatusNotification")[-1]["timestamp"] == "2026-01-01T00:00:10.000Z"


@ALL
def test_after_a_short_loss_only_what_changed_is_told(make, version):
    """Below OfflineThreshold no status is repeated, above it all are; no boot either way."""
    values = {"OCPPCommCtrlr.OfflineThreshold": "60", "OCPPCommCtrlr.RetryBackOffRandomRange": "0"}
    bench = make(version, values=values).start()
    before = len(bench.csms.heard)
    bench.step.do(bench.link.drop)
    bench.until(15.0)
    assert bench.dialled == [0.0, 10.0]
    assert len(bench.csms.heard) == before
    bench.cut()
    bench.until(100.0)
    bench.reachable = True
    bench.until(300.0)
    again = [a for _, a, _ in bench.csms.heard[before:]]
    assert again == ["StatusNotification"] * (1 if version.two else 2)


def test_back_off_doubles_with_jitter_and_stays(make):
    """10 s doubled at most twice, plus 0 to 5 s: waits of 10, 20, 40, 40; the same seed dials alike."""
    values = {"OCPPCommCtrlr.RetryBackOffRepeatTimes": "2", "OCPPCommCtrlr.RetryBackOffRandomRange": "5"}
    dialled = []
    for _ in range(2):
        bench = make(V16, values=values, seed=7).start()
        bench.cut()
        bench.until(140.0)
        dialled.append(bench.dialled)
    assert dialled[0] == dialled[1]
    waits = [b - a for a, b in zip(dialled[0], dialled[0][1:], strict=False)]
    assert len(waits) == 4
    for wait, low in zip(waits, (10.0, 20.0, 40.0, 40.0), strict=True):
        assert low < wait < low + 5.0


@ALL
def test_a_boot_that_is_not_answered_is_tried_again(make, version):
    """CALLERROR to BootNotification: the next after the retry interval of 60 s."""
    from twin.network.ocpp.wire.errors import Code, Refusal

    def refuse(_payload):
        raise Refusal(Code.INTERNAL_ERROR, "not yet")

    bench = make(version)
    bench.csms.answers["BootNotification"] = refuse
    bench.start()
    bench.until(61.0)
    assert [t for t, _, _ in bench.csms.heard] == [0.0, 60.0]


def test_boot_on_reconnect_where_it_is_wished(make):
    """BootOnReconnect true: every connection begins with BootNotification."""
    bench = make(V16, values={"BootOnReconnect": "true"}).start()
    bench.step.do(bench.link.drop)
    bench.until(30.0)
    assert bench.csms.actions().count("BootNotification") == 2
