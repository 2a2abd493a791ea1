"""Faults by seed, and a connection in trouble."""

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts.faults import KINDS, FaultRates, Faults
from twin.network.virtual.parts.fit import Outfit, outfit
from twin.network.virtual.parts.quirks import QuirkPart, VendorQuirks
from twin.network.virtual.parts.trouble import MALFORMED, TroubledLink


class Socket:
    """A link that keeps what is sent."""

    identity, version, connection = "cs-1", Version.V16, "c-1"

    def __init__(self):
        self.sent, self.dropped, self.owner = [], 0, None

    def join(self, owner):
        self.owner = owner

    def send(self, frame):
        self.sent.append(frame)

    def close(self, code=1000, reason=""):
        self.dropped += 1

    def drop(self):
        self.dropped += 1


class Owner:
    def __init__(self):
        self.got, self.gone = [], 0

    def receive(self, data):
        self.got.append(data)

    def lost(self):
        self.gone += 1


def troubled(host):
    socket, owner = Socket(), Owner()
    link = TroubledLink(socket, host.clock)
    link.join(owner)
    return socket, owner, link


def faulty(host, **rates):
    faults = Faults(host, FaultRates(**rates), QuirkPart(host, VendorQuirks()))
    socket, owner, link = troubled(host)
    faults.attach(link)
    return faults, socket, owner


def test_a_frozen_link_holds_both_ways_and_thaws_in_order(host):
    """Nothing passes while frozen; afterwards everything does, in its order."""
    socket, owner, link = troubled(host)
    link.freeze(True)
    link.send("a")
    socket.owner.receive("b")
    link.send("c")
    assert (socket.sent, owner.got) == ([], [])
    link.freeze(False)
    assert (socket.sent, owner.got) == (["a", "c"], ["b"])


def test_a_slow_link_is_late_and_keeps_the_order(host):
    """5 s late, first come first."""
    faults, socket, _ = faulty(host)
    faults.begin("slow")
    faults.link.send("a")
    faults.link.send("b")
    host.clock.to(4.9)
    assert socket.sent == []
    host.clock.to(5.0)
    assert socket.sent == ["a", "b"]


def test_duplicates_malformed_frames_and_drops(host):
    """Each frame twice while it lasts; one bad frame; the connection cut."""
    faults, socket, _ = faulty(host)
    faults.begin("duplicate")
    faults.link.send("a")
    faults.end("duplicate")
    faults.link.send("b")
    faults.begin("malformed")
    faults.begin("drop")
    assert socket.sent == ["a", "a", "b", MALFORMED[1]]
    assert socket.dropped == 1


def test_what_lasts_troubles_the_next_connection_too(host):
    """Frozen over a reconnect, the new link is frozen as well."""
    faults, _, _ = faulty(host)
    faults.begin("freeze")
    socket, _, link = troubled(host)
    faults.attach(link)
    link.send("a")
    assert socket.sent == []


def test_a_reboot_comes_in_a_transaction_only(host):
    """Idle, nothing happens; charging, the station starts anew."""
    faults, _, _ = faulty(host)
    faults.begin("reboot")
    assert host.reboots == []
    host.running = True
    faults.begin("reboot")
    assert host.reboots == ["Watchdog"]


def test_wrong_clock_and_register(host16):
    """Timestamps an hour ahead, the register at 0; both right again afterwards."""
    faults, _, _ = faulty(host16)
    sampled = {"timestamp": "2026-01-01T00:00:00.000Z", "sampledValue": [{"value": "5000"}]}
    payload = {"connectorId": 1, "meterValue": [sampled]}
    faults.begin("clock")
    faults.begin("register")
    [wrong] = faults.outgoing("MeterValues", payload)["meterValue"]
    assert wrong == {"timestamp": "2026-01-01T01:00:00.000Z", "sampledValue": [{"value": "0"}]}
    faults.end("clock")
    faults.end("register")
    assert faults.outgoing("MeterValues", payload) == payload


def test_refused_profiles(host16):
    """While it lasts every profile is rejected; then the model's own quirks count again."""
    quirk = QuirkPart(host16, VendorQuirks(only_relative=True))
    faults = Faults(host16, FaultRates(), quirk)
    faults.begin("refuse")
    assert quirk.quirks.refuses_profiles == ("all",)
    faults.end("refuse")
    assert quirk.quirks == VendorQuirks(only_relative=True)


def test_the_same_seed_breaks_the_same_things(make_host):
    """Two stations of one seed and name see equal faults over ten hours; about as many as the rate says."""
    counts = []
    for _ in range(2):
        host = make_host()
        faults, _, _ = faulty(host, drop=20.0, freeze=5.0)
        faults.start()
        host.clock.to(36_000.0)
        counts.append(dict(faults.count))
    assert counts[0] == counts[1]
    assert 100 < counts[0]["drop"] < 250
    assert set(counts[0]) == {"drop", "freeze"}


def test_stopped_nothing_begins(host):
    """After stop no fault comes, and what lasted is over."""
    faults, socket, _ = faulty(host, drop=100.0)
    faults.start()
    faults.begin("freeze")
    faults.stop()
    host.clock.to(36_000.0)
    faults.link.send("a")
    assert (socket.sent, socket.dropped) == (["a"], 0)


def test_rates_are_read_from_text():
    """`drop=2,freeze=0.5` names kinds and rates per hour."""
    assert FaultRates.read("drop=2,freeze=0.5") == FaultRates(drop=2.0, freeze=0.5)
    for wrong in ("crash=1", "drop=-1", "drop=often", "drop"):
        with pytest.raises(ValueError, match=r"fault|rate|float"):
            FaultRates.read(wrong)


@pytest.mark.parametrize("version", list(Version))
def test_a_whole_outfit_fits_every_version(make_host, version):
    """All parts together define each variable once and answer each action once."""
    host = make_host(version)
    fitted = outfit(host, Outfit(faults=FaultRates(drop=1.0)))
    keys = [key for part in fitted.parts for key in part.handlers()]
    assert len(keys) == len(set(keys))
    assert fitted.rewrite.outgoing("Heartbeat", {}) == {}
    assert "Heartbeat" in fitted.logs.text("DiagnosticsLog", 0.0, 0.0)
    assert len(KINDS) == 9


def test_a_broken_evse_loses_its_reservation(host):
    """The observer tells the device model and withdraws the reservation."""
    fitted = outfit(host)
    expiry = {"id": 1, "evseId": 1, "expiryDateTime": "2026-01-01T01:00:00Z"}
    token = {"idToken": {"idToken": "A", "type": "Central"}}
    host.obey(fitted.reservations, "ReserveNow", {**expiry, **token})
    fitted.observer.observe(1, "AvailabilityState", "Faulted")
    assert not fitted.reservations.reserved(1)
    assert host.variables.text(host.variables.by_name("EVSE@1.0.AvailabilityState")) == "Faulted"
