"""Our stations and our central system with OCPP by others; every frame is held against schemas of a third party."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twin.network.ocpp.versions import Version

from . import probe, words
from .bridge import check
from .our_stations import Told, at_node
from .python_central import at_ocpp_csms
from .their_stations import at_our_central

BOTH = [words.V16, words.V201]
NODE_RUNS = [f"{who} {version.number}" for who in ("our stations", "our central") for version in BOTH]
MESSAGES = 500
"""At least so many frames are checked."""


class Runs:
    """All stories, each told once and kept."""

    def __init__(self, folder: Path) -> None:
        stories: dict[str, Callable[[], Any]] = {"ocpp-csms 1.6": at_ocpp_csms}
        for version in BOTH:
            stories[f"our stations {version.number}"] = lambda v=version: at_node(v)
            stories[f"our central {version.number}"] = lambda v=version: at_our_central(v, self._folder(v))
        self._base, self.stories = folder, stories
        self._told: dict[str, Told] = {}

    def _folder(self, version: Version) -> Path:
        made = self._base / version.number
        made.mkdir()
        return made

    def __getitem__(self, name: str) -> Told:
        if name not in self._told:
            self._told[name] = asyncio.run(self.stories[name]())
        return self._told[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("interop"))


def run(runs: Runs, who: str, version: Version) -> Told:
    return runs[f"{who} {version.number}"]


@pytest.mark.parametrize("version", BOTH)
def test_our_stations_boot_and_tell_their_status(runs, version):
    """Four stations boot, the fourth again after firmware or a reset; each tells the status of its connector."""
    told = run(runs, "our stations", version)
    boots = Counter(told.senders("BootNotification"))
    assert boots.pop("TWIN-4") >= 2
    assert boots == {"TWIN-1": 1, "TWIN-2": 1, "TWIN-3": 1}
    assert {*told.senders("StatusNotification")} == {"TWIN-1", "TWIN-2", "TWIN-3", "TWIN-4"}


@pytest.mark.parametrize("name", ["our stations 1.6", "our stations 2.0.1", "ocpp-csms 1.6"])
def test_a_card_is_asked_about_and_a_profile_halves_the_current(runs, name):
    """Five messages in a row at 15.94 A (11 kW on three phases), after a TxProfile of 8 A five at 8 A."""
    card = runs[name].facts["card"]
    assert len(card["authorized"]) == 1
    assert min(len(card["before"]), len(card["after"])) >= words.SAMPLES
    assert card["before"] == pytest.approx([15.94] * len(card["before"]), abs=0.05)
    assert card["after"] == pytest.approx([8.0] * len(card["after"]), abs=0.05)


@pytest.mark.parametrize("name", ["our stations 1.6", "our stations 2.0.1", "ocpp-csms 1.6"])
def test_a_transaction_is_started_and_stopped_from_afar(runs, name):
    """It is metered at least five times, and ends with the reason Remote."""
    remote = runs[name].facts["remote"]
    end = remote["end"]
    assert remote["readings"] >= words.SAMPLES
    assert "Remote" in {end.get("reason"), end.get("transactionInfo", {}).get("stoppedReason")}


@pytest.mark.parametrize("name", ["our stations 1.6", "our stations 2.0.1", "ocpp-csms 1.6"])
def test_what_happened_offline_is_told_once_and_to_the_end(runs, name):
    """All that waited arrives: one begin, the readings, one end, with the register of the moment of the end."""
    offline = runs[name].facts["offline"]
    assert offline["waiting"] >= words.SAMPLES
    [end] = offline["ends"]
    told = len(offline["readings"]) - offline["heard_before"]
    assert told + len(offline["ends"]) >= offline["waiting"]
    if offline["events"]:
        numbers = [event["seqNo"] for event in offline["events"]]  # what was under way at the cut comes again
        assert list(dict.fromkeys(numbers)) == list(range(max(numbers) + 1))
        assert end["offline"] is True
        register_wh = words.values([end], "Energy.Active.Import.Register")[-1]
    else:
        assert len(offline["starts"]) == 1
        register_wh = end["meterStop"]
    assert register_wh == pytest.approx(offline["register_wh"], abs=1.0)


UNSUPPORTED = {
    words.V16: set(),
    words.V201: {"PublishFirmware", "UnpublishFirmware"},
}
"""What only local controllers do: our stations may answer NotSupported."""


@pytest.mark.parametrize("version", BOTH)
def test_our_stations_answer_every_call(runs, version):
    """Each call of a strict central system has a valid answer; what is not supported says so."""
    tour = run(runs, "our stations", version).facts["tour"]
    assert len(tour) == len(words.TOURS[version])
    unsupported = {action for action, answer in tour if answer == "NotSupported"} - {"ChangeConfiguration"}
    assert unsupported <= UNSUPPORTED[version]


def test_ocpp_csms_saw_what_was_sent(runs):
    """Its events are as many as our messages: none was dropped, none refused."""
    told = runs["ocpp-csms 1.6"]
    events = told.facts["events"]
    assert (events["TransactionStartedEvent"], events["TransactionStoppedEvent"]) == (3, 3)
    assert events["BootEvent"] == told.sent("BootNotification") == 3
    assert events["StatusEvent"] == told.sent("StatusNotification")
    assert events["MeterValuesEvent"] == told.sent("MeterValues") + 3  # the readings in each StopTransaction
    assert told.facts["configuration"] > 20


@pytest.mark.parametrize("version", BOTH)
def test_our_central_system_authorises_their_station(runs, version):
    """A known card is accepted, an unknown one is not."""
    assert run(runs, "our central", version).facts["cards"] == ["Accepted", "Invalid"]


@pytest.mark.parametrize("version", BOTH)
def test_our_limit_becomes_a_profile_that_their_station_keeps(runs, version):
    """5,520 W on three phases at 230 V are 8 A."""
    session = run(runs, "our central", version).facts["session"]
    assert (session["high_a"], session["low_a"]) == (16.0, pytest.approx(8.0, abs=0.01))


@pytest.mark.parametrize("version", BOTH)
def test_our_books_are_complete_and_exact(runs, version):
    """Five readings of 30 s at 11,040 W and five at 5,520 W are 690 Wh; five more told afterwards are 230 Wh."""
    told = run(runs, "our central", version)
    here, away = told.facts["transactions"]
    offline = told.facts["offline"]
    assert [(t["complete"], t["open"], t["energy_wh"]) for t in (here, away)] == [
        (True, False, 690.0),
        (True, False, offline["energy_wh"]),
    ]
    assert (away["started_at"], away["ended_at"]) == (offline["began"], offline["ended"])
    assert [here["reason"], away["reason"]] == ["Remote", "EVDisconnected"]
    assert told.sent("MeterValues" if version is words.V16 else "TransactionEvent", outbound=False) >= 15


@pytest.mark.parametrize("version", BOTH)
def test_our_events_tell_what_their_station_did(runs, version):
    """Connection, boot, begin and end of a transaction are events of the HTTP API."""
    events = run(runs, "our central", version).facts["events"]
    assert events >= {"Connected", "Booted", "TransactionStarted", "TransactionEnded"}


@pytest.mark.parametrize("name", NODE_RUNS)
def test_neither_side_finds_anything_wrong_with_the_other(runs, name):
    """The strict mode of `ocpp-rpc` is content with us, and we with it."""
    told = runs[name]
    assert told.failures == []
    assert told.deviations == {}
    assert [r for r in told.records if r.fault] == []


def test_every_frame_holds_by_schemas_of_neither_side(runs, record_property):
    """`typed-ocpp` finds nothing wrong in 500 frames and more; which actions never crossed the wire is printed."""
    frames = [(name, record) for name in runs.stories for record in runs[name].records]
    found = check(frames)
    missing = "; ".join(
        f"{version}: {', '.join(names) or 'none'}" for version, names in found["unseen"].items()
    )
    record_property(
        "told", f"interoperability: {found['frames']} frames; actions not covered: {missing}; 2.1: all"
    )
    assert found["wrong"] == []
    assert found["frames"] == len(frames) >= MESSAGES
    assert found["unseen"] == {"1.6": [], "2.0.1": []}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    folder = tmp_path_factory.mktemp("csms")
    probe.issue(folder)
    with probe.central(folder) as said:
        yield said, folder


@pytest.mark.parametrize("version", BOTH)
def test_a_probe_boots_over_ws(served, version):
    """Boot and heartbeat without any security."""
    said, _ = served
    code, text = probe.probe(said["ws"], probe.PLAIN, version.number)
    assert (code, "BootNotification status: Accepted" in text) == (0, True), text


@pytest.mark.parametrize("version", BOTH)
def test_a_probe_boots_over_mutual_tls(served, version):
    """The station that needs a certificate has one of the right authority, and its name in it."""
    said, folder = served
    files = ["--ca", f"{folder}/ca.pem", "--cert", f"{folder}/client.pem", "--key", f"{folder}/client.key"]
    code, text = probe.probe(said["wss"], probe.MUTUAL, version.number, *files)
    assert (code, "TLS: TLSv1." in text, "Accepted" in text) == (0, True, True), text


@pytest.mark.parametrize("version", BOTH)
def test_a_probe_boots_over_wss(served, version):
    """TLS with the server's certificate alone is enough where no more is asked."""
    said, folder = served
    code, text = probe.probe(said["wss"], probe.PLAIN, version.number, "--ca", f"{folder}/ca.pem")
    assert (code, "TLS: TLSv1." in text, "Accepted" in text) == (0, True, True), text


def test_a_probe_without_its_certificate_is_turned_away(served):
    """Who must show a certificate is not let in with less."""
    said, folder = served
    for url, files in ((said["ws"], []), (said["wss"], ["--ca", f"{folder}/ca.pem"])):
        code, text = probe.probe(url, probe.MUTUAL, "1.6", *files)
        assert (code, "FAILED" in text, "Accepted" in text) == (1, True, False), text
