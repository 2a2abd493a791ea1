"""Power cuts, broken EVSEs, lost networks: what a virtual station says and does not say."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version

V16, V201 = Version.V16, Version.V201
ALL = pytest.mark.parametrize("version", list(Version))


@ALL
def test_a_power_cut_ends_the_transaction_at_its_own_time(make, version):
    """Cut at 100 s, back at 200 s: the end is told with PowerLoss, at 100 s, with 306 Wh."""
    bench = make(version).start()
    bench.charge()
    bench.until(100.0)
    bench.step.do(bench.station.power_cut)
    bench.until(200.0)
    bench.step.do(bench.station.power_back)
    bench.until(300.0)
    assert bench.register() == 306.0
    if version.two:
        ended = bench.csms.told("TransactionEvent")[-1]
        assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss"
        assert ended["timestamp"] == "2026-01-01T00:01:40.000Z"
        assert ended["offline"] is True
        assert [p["reason"] for p in bench.csms.told("BootNotification")] == ["PowerUp", "PowerUp"]
    else:
        stop = bench.csms.told("StopTransaction")[0]
        assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", 306)
        assert stop["timestamp"] == "2026-01-01T00:01:40.000Z"


@ALL
def test_a_transaction_may_survive_a_power_cut(make, version):
    """ResumeAfterPowerLoss true: the same transaction goes on when the station has started (205 s)."""
    bench = make(version, values={"TxCtrlr.ResumeAfterPowerLoss": "true"}).start()
    bench.charge()
    bench.until(100.0)
    bench.step.do(bench.station.power_cut)
    bench.until(200.0)
    bench.step.do(bench.station.power_back)
    bench.until(305.0)
    bench.unplug()
    ends = [p for p in bench.csms.told("TransactionEvent") if p["eventType"] == "Ended"]
    assert len(ends or bench.csms.told("StopTransaction")) == 1
    assert len(bench.csms.told("StartTransaction")) == (0 if version.two else 1)
    assert bench.register() == 613.0
    assert ("TxResumed" in [e[1] for e in bench.events()]) is (version is Version.V21)


@ALL
def test_an_outage_is_faulted_and_passes(make, version):
    """Faulted while the EVSE has no power, and as before when it has; the transaction stays."""
    bench = make(version).start()
    bench.charge()
    bench.until(60.0)
    bench.step.do(lambda: bench.stations.fault(60.0, 0, "outage", True))
    bench.until(120.0)
    bench.step.do(lambda: bench.stations.fault(120.0, 0, "outage", False))
    assert bench.statuses()[-2:] == ["Faulted", "Occupied" if version.two else "Charging"]
    assert bench.register() == 184.0
    assert bench.station.bays[1].transaction is not None


def test_a_fault_of_16_says_what_is_wrong(make):
    """Faulted carries an error code and its plain name; without a fault there is NoError."""
    bench = make(V16).start()
    bench.step.do(lambda: bench.stations.fault(0.0, 0, "outage", True))
    told = bench.csms.told("StatusNotification")
    assert [t["errorCode"] for t in told if t["connectorId"] == 1] == ["NoError", "PowerSwitchFailure"]
    assert told[-1]["info"] == "outage"


@ALL
def test_an_offline_station_stays_away_until_it_is_let_back(make, version):
    """No attempt to connect while the network is gone; the session is told afterwards."""
    bench = make(version).start()
    bench.charge()
    bench.until(30.0)
    bench.step.do(lambda: bench.stations.fault(30.0, 0, "offline", True))
    bench.until(600.0)
    assert bench.dialled == [0.0]
    bench.unplug()
    bench.step.do(lambda: bench.stations.fault(600.0, 0, "offline", False))
    bench.until(601.0)
    assert bench.dialled == [0.0, 600.0]
    ended = bench.csms.told("TransactionEvent" if version.two else "StopTransaction")[-1]
    assert ended["timestamp"] == "2026-01-01T00:10:00.000Z"


def test_a_fault_that_never_began_cannot_end(make):
    """The end of an offline fault without a begin names EVSE and time."""
    bench = make(V201).start()
    with pytest.raises(ValueError, match="s1/1 at t=0 s: offline ends but never began"):
        bench.stations.fault(0.0, 0, "offline", False)


@ALL
def test_a_status_that_does_not_last_is_not_told(make, version):
    """MinimumStatusDuration 10: a cable that is out again after 5 s is not told of."""
    bench = make(version, values={"MinimumStatusDuration": "10"}).start()
    told = len(bench.statuses())
    bench.until(20.0)
    bench.plug()
    bench.until(25.0)
    bench.unplug()
    bench.until(60.0)
    bench.plug()
    bench.until(75.0)
    assert bench.statuses()[told:] == ["Occupied" if version.two else "Preparing"]


@ALL
def test_offline_authorisation_follows_its_switches(make, version):
    """An unknown card starts offline only where AllowOfflineTxForUnknownId is set."""
    for allowed in (True, False):
        bench = make(version, values={"AllowOfflineTxForUnknownId": str(allowed).lower()}).start()
        bench.cut()
        bench.charge()
        bench.until(100.0)
        assert (bench.register() > 0.0) is allowed


def test_a_row_belongs_to_one_station(make):
    """Rows without a station, or with two, are refused by name."""
    from twin.domain.fleet import Fleet
    from twin.network.virtual.settings import EvseSettings, StationSettings
    from twin.network.virtual.stations import VirtualStations

    clock = make(V16).step.clock
    fleet = Fleet((make.evse(1), make.evse(2)))
    one = StationSettings(identity="a", evses=(EvseSettings(number=1, row=0),))
    with pytest.raises(ValueError, match="s1/2 belongs to no station"):
        VirtualStations(fleet, [one], clock, dial=lambda s: None)
    two = make.replace(one, identity="b")
    with pytest.raises(ValueError, match="b: row 0 belongs to another station already"):
        VirtualStations(fleet, [one, two], clock, dial=lambda s: None)


def test_a_station_may_come_back_in_another_version(make):
    """A station of 1.6 that is spoken to in 2.0.1 from then on says its status in the new words."""
    bench = make(V16, values={"BootOnReconnect": "true"}).start()
    bench.version = V201
    bench.cut()
    bench.charge()
    bench.unplug()
    bench.station.variables.write(bench.station.variables.by_key("AllowOfflineTxForUnknownId"), "true")
    bench.charge()
    bench.unplug()
    bench.reachable = True
    bench.until(60.0)
    assert bench.station.unsaid == 2  # start and stop of 1.6, for which 2.0.1 has no words
    assert bench.csms.told("BootNotification")[1]["reason"] == "PowerUp"
    bench.charge()
    assert bench.events() == [("Started", "Authorized", "Charging", 0)]


@ALL
def test_the_driver_withdraws_before_the_cable(make, version):
    """The same card twice without a cable: nobody is waited for any more."""
    bench = make(version).start()
    bench.present()
    bench.present()
    bench.plug()
    bench.until(30.0)
    assert bench.register() == 0.0


@ALL
def test_a_car_that_is_not_ready_suspends(make, version):
    """A car that refuses energy for a minute is SuspendedEV, then Charging."""
    bench = make(version).start()
    bench.charge()
    bench.until(10.0)
    bench.step.do(lambda: bench.stations.ready(10.0, 0, False))
    bench.until(70.0)
    bench.step.do(lambda: bench.stations.ready(70.0, 0, True))
    if version.two:
        states = [e[2] for e in bench.events() if e[1] == "ChargingStateChanged"]
        assert states == ["SuspendedEV", "Charging"]
    else:
        assert bench.statuses()[-2:] == ["SuspendedEV", "Charging"]
    assert bench.register() == 30.0
