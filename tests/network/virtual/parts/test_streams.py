"""Periodic event streams of 2.1."""

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.monitoring import Monitoring
from twin.network.virtual.parts.streams import Streams

POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}


@pytest.fixture
def host(make_host):
    host = make_host(Version.V21)
    standard.define(host)
    host.answers["OpenPeriodicEventStream"] = {"status": "Accepted"}
    return host


def fit(host):
    streams = Streams(host)
    return streams, Monitoring(host, streams)


def monitor(host, part, **params):
    item = {"value": 0.0, "type": "Delta", "severity": 3, "periodicEventStream": params, **POWER}
    asked = {"setMonitoringData": [item]}
    return host.obey(part, "SetVariableMonitoring", asked)["setMonitoringResult"][0]["id"]


def powers(part, *texts):
    for text in texts:
        part.observe(1, "Power", text)


def bunches(host):
    return [[(d["t"], d["v"]) for d in told["data"]] for told in host.told("NotifyPeriodicEventStream")]


def test_a_stream_is_opened_and_sends_when_it_has_its_values(host):
    """Three changes, two in a bunch: one bunch, one waits, no NotifyEvent."""
    _, part = fit(host)
    number = monitor(host, part, interval=0, values=2)
    assert host.told("OpenPeriodicEventStream") == [
        {
            "constantStreamData": {
                "id": 1,
                "variableMonitoringId": number,
                "params": {"interval": 0, "values": 2},
            }
        }
    ]
    powers(part, "0", "100")
    host.clock.to(4.0)
    powers(part, "200", "300")
    assert bunches(host) == [[(0.0, "100"), (4.0, "200")]]
    assert host.told("NotifyEvent") == []


def test_a_stream_sends_after_its_interval(host):
    """One value waits 30 s; the begin of the bunch is when it was measured."""
    _, part = fit(host)
    monitor(host, part, interval=30, values=0)
    host.clock.to(10.0)
    powers(part, "0", "100")
    host.clock.to(39.0)
    assert bunches(host) == []
    host.clock.to(40.0)
    [told] = host.told("NotifyPeriodicEventStream")
    assert told["basetime"] == "2026-01-01T00:00:10.000Z"
    assert bunches(host) == [[(0.0, "100")]]


def test_a_stream_that_is_not_taken_leaves_events(host):
    """Rejected: the monitor tells its events one by one."""
    host.answers["OpenPeriodicEventStream"] = {"status": "Rejected"}
    streams, part = fit(host)
    monitor(host, part, interval=30, values=2)
    powers(part, "0", "100")
    assert len(host.told("NotifyEvent")) == 1
    assert host.obey(streams, "GetPeriodicEventStream", {}) == {}


def test_a_stream_is_told_and_adjusted(host):
    """What waited is sent, and one value makes a bunch from then on."""
    streams, part = fit(host)
    number = monitor(host, part, interval=0, values=5)
    powers(part, "0", "100")
    adjust = {"id": 1, "params": {"values": 1}}
    assert host.obey(streams, "AdjustPeriodicEventStream", adjust)["status"] == "Accepted"
    powers(part, "200")
    assert bunches(host) == [[(0.0, "100")], [(0.0, "200")]]
    told = host.obey(streams, "GetPeriodicEventStream", {})["constantStreamData"]
    assert told == [{"id": 1, "variableMonitoringId": number, "params": {"interval": 0, "values": 1}}]
    adjust["id"] = 9
    assert host.obey(streams, "AdjustPeriodicEventStream", adjust)["status"] == "Rejected"


def test_a_stream_ends_with_its_monitor(host):
    """What waits goes out, then the stream is closed."""
    _, part = fit(host)
    number = monitor(host, part, interval=0, values=5)
    powers(part, "0", "100")
    host.obey(part, "ClearVariableMonitoring", {"id": [number]})
    assert [action for action, _ in host.asked[-2:]] == [
        "NotifyPeriodicEventStream",
        "ClosePeriodicEventStream",
    ]
    assert host.told("ClosePeriodicEventStream") == [{"id": 1}]


def test_a_stream_is_opened_again_by_the_next_process_and_connection(host, make_host):
    """It stands in the store with its id."""
    fit_one = fit(host)[1]
    monitor(host, fit_one, interval=0, values=1)
    again = make_host(Version.V21, store=host.store)
    standard.define(again)
    again.answers["OpenPeriodicEventStream"] = {"status": "Accepted"}
    streams, part = fit(again)
    streams.connected()
    powers(part, "50", "100")
    assert again.told("OpenPeriodicEventStream") == host.told("OpenPeriodicEventStream")
    streams.disconnected()
    powers(part, "200")
    assert bunches(again) == [[(0.0, "100")]]
    assert len(again.told("NotifyEvent")) == 1
