"""Monitors of 2.x."""

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.monitoring import Monitoring
from twin.network.virtual.parts.streams import Streams

POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
STATE = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}


def fit(host):
    standard.define(host)
    return Monitoring(host, Streams(host))


def set_one(host, part, kind="UpperThreshold", value=5_000.0, on=POWER, severity=3, **more):
    item = {"value": value, "type": kind, "severity": severity, **on, **more}
    return host.obey(part, "SetVariableMonitoring", {"setMonitoringData": [item]})["setMonitoringResult"][0]


def values(host):
    return [
        (event["actualValue"], event["trigger"], event.get("cleared", False))
        for told in host.told("NotifyEvent")
        for event in told["eventData"]
    ]


def test_a_threshold_alerts_once_and_clears(host):
    """Above 5,000 W it alerts once; back below, the alert is cleared."""
    part = fit(host)
    assert set_one(host, part)["status"] == "Accepted"
    for power in ("4000", "6000", "7000", "4999"):
        part.observe(1, "Power", power)
    assert values(host) == [("6000", "Alerting", False), ("4999", "Alerting", True)]


def test_a_delta_counts_from_what_was_told(host):
    """With a delta of 1,000 W: 800 is too little, 1,200 is told, 2,000 is 800 from there, 2,300 is told."""
    part = fit(host)
    set_one(host, part, "Delta", 1_000.0)
    for power in ("800", "1200", "2000", "2300"):
        part.observe(1, "Power", power)
    assert [v for v, _, _ in values(host)] == ["1200", "2300"]


def test_a_word_is_told_at_every_change(host):
    """The availability of an EVSE has no amount: every change counts."""
    part = fit(host)
    set_one(host, part, "Delta", 1.0, STATE)
    for state in ("Occupied", "Occupied", "Available"):
        part.observe(1, "AvailabilityState", state)
    assert [v for v, _, _ in values(host)] == ["Occupied", "Available"]


def test_periodic_and_clock_aligned(host):
    """From second 30: every 60 s is at 90 and 150; aligned to the clock is at 60 and 120."""
    part = fit(host)
    host.clock.to(30.0)
    set_one(host, part, "Periodic", 60.0)
    set_one(host, part, "PeriodicClockAligned", 60.0)
    host.clock.to(150.0)
    at = [event["timestamp"][14:19] for told in host.told("NotifyEvent") for event in told["eventData"]]
    assert at == ["01:00", "01:30", "02:00", "02:30"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"on": {"component": {"name": "Nothing"}, "variable": {"name": "Power"}}}, "UnknownComponent"),
        ({"on": {**POWER, "variable": {"name": "Nothing"}}}, "UnknownVariable"),
        ({"on": STATE}, "UnsupportedMonitorType"),
        ({"value": 1e9}, "Rejected"),
        ({"kind": "Periodic", "value": 0.0}, "Rejected"),
        ({"id": 77}, "Rejected"),
    ],
)
def test_what_cannot_be_monitored_says_why(host, more, status):
    """An unknown place, a threshold on a word, a value out of range, an unknown id."""
    assert set_one(host, fit(host), **more)["status"] == status


def test_a_second_of_its_kind_is_a_duplicate_but_its_id_replaces_it(host):
    """Same variable, type and severity: refused; with the first one's id it is changed."""
    part = fit(host)
    number = set_one(host, part)["id"]
    assert set_one(host, part, value=6_000.0)["status"] == "Duplicate"
    assert set_one(host, part, value=6_000.0, id=number)["id"] == number
    part.observe(1, "Power", "5500")
    assert values(host) == []


def test_monitors_are_reported_and_cleared(host):
    """A report tells both; cleared ones are gone, an unknown id is NotFound."""
    part = fit(host)
    first, second = set_one(host, part)["id"], set_one(host, part, "Delta", 1.0)["id"]
    host.obey(part, "GetMonitoringReport", {"requestId": 3})
    [told] = host.told("NotifyMonitoringReport")
    [one] = told["monitor"]
    assert [m["id"] for m in one["variableMonitoring"]] == [first, second]
    cleared = host.obey(part, "ClearVariableMonitoring", {"id": [first, 99]})["clearMonitoringResult"]
    assert [c["status"] for c in cleared] == ["Accepted", "NotFound"]
    host.obey(part, "GetMonitoringReport", {"requestId": 4, "monitoringCriteria": ["DeltaMonitoring"]})
    assert len(host.told("NotifyMonitoringReport")) == 2
    asked = {"requestId": 5, "monitoringCriteria": ["PeriodicMonitoring"]}
    assert host.obey(part, "GetMonitoringReport", asked)["status"] == "EmptyResultSet"


def test_the_level_silences_and_the_base_clears(host):
    """Severity 3 is silent at level 2; a base without custom monitors removes them."""
    part = fit(host)
    set_one(host, part)
    host.obey(part, "SetMonitoringLevel", {"severity": 2})
    part.observe(1, "Power", "6000")
    assert values(host) == []
    host.obey(part, "SetMonitoringBase", {"monitoringBase": "HardWiredOnly"})
    assert host.obey(part, "GetMonitoringReport", {"requestId": 1})["status"] == "EmptyResultSet"


def test_severe_events_wait_for_the_link(host):
    """Offline, severity 0 is queued (OfflineQueuingSeverity 0) and severity 5 is lost."""
    part = fit(host)
    set_one(host, part, severity=0)
    set_one(host, part, "Delta", 10.0, severity=5)
    host.online = False
    part.observe(1, "Power", "6000")
    host.online = True
    part.connected()
    assert values(host) == [("6000", "Alerting", False)]


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_monitors_survive_a_reboot(make_host, version):
    """After a restart the monitor is there, and a report fits its version's schema."""
    host = make_host(version)
    set_one(host, fit(host))
    later = make_host(version, host.store)
    part = fit(later)
    later.obey(part, "GetMonitoringReport", {"requestId": 1})
    part.observe(1, "Power", "6000")
    assert len(later.told("NotifyMonitoringReport")) == 1
    assert len(values(later)) == 1
