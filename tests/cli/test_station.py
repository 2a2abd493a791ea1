"""`twin station` against a small central system of the test's own."""

import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest
from websockets.sync.server import serve

from twin.network.ocpp.security.authority import Authority
from twin.network.ocpp.security.certificates import instant
from twin.network.ocpp.wire.sockets import SocketLimits
from twin.network.ocpp.wire.tls import server_context
from twin.network.ocpp.wire.trace import read
from twin.network.virtual.dial import Target

HELLO = {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": "Accepted"}
ANSWERS = {
    "ocpp1.6": {
        "BootNotification": HELLO,
        "Authorize": {"idTagInfo": {"status": "Accepted"}},
        "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
    },
    "ocpp2.0.1": {
        "BootNotification": HELLO,
        "Authorize": {"idTokenInfo": {"status": "Accepted"}},
    },
}
ENDS = {"StopTransaction", "Ended"}


class Centre:
    """Answers every station; interrupts the command when so many transactions have ended."""

    def __init__(self, ends):
        self.calls, self.headers, self.paths, self.tokens = Counter(), [], [], set()
        self.peers, self.stamps = [], []
        self._ends = ends

    def __call__(self, peer):
        tls = peer.socket
        self.peers.append(tls.getpeercert() if isinstance(tls, ssl.SSLSocket) else None)
        self.headers.append(peer.request.headers.get("Authorization"))
        self.paths.append(peer.request.path)
        for text in peer:
            kind, number, action, payload = json.loads(text)
            assert kind == 2
            answer = ANSWERS[peer.subprotocol].get(action, {})
            if action == "Heartbeat":
                answer = {"currentTime": HELLO["currentTime"]}
            peer.send(json.dumps([3, number, answer]))
            name = payload["eventType"] if action == "TransactionEvent" else action
            self.calls[name] += 1
            if name in {"Started", "Ended"}:
                self.stamps.append(payload["timestamp"])
            if action == "Authorize":
                self.tokens.add(payload.get("idTag") or payload["idToken"]["idToken"])
            if sum(self.calls[end] for end in ENDS) == self._ends and name in ENDS | {"BootNotification"}:
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def centre():
    """Start central systems; each returns (url, what it saw)."""
    started = []

    def start(ends=1, tls=None):
        seen = Centre(ends)
        server = serve(seen, "127.0.0.1", 0, subprotocols=["ocpp1.6", "ocpp2.0.1"], ssl=tls)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        started.append((server, thread))
        return f"{'wss' if tls else 'ws'}://127.0.0.1:{server.socket.getsockname()[1]}/ocpp", seen

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()


PATIENT = ("--set", "OCPPCommCtrlr.MessageTimeout[Default]=100000")
"""Stations whose time flies wait for answers as long as a busy machine needs."""
QUICK = (
    *PATIENT,
    "--speed",
    300,
    "--cars-per-hour",
    20,
    "--duration",
    60,
    "--set",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum=0",
)


@pytest.mark.parametrize(
    ("version", "begin", "end"),
    [("1.6", "StartTransaction", "StopTransaction"), ("2.0.1", "Started", "Ended")],
)
def test_cars_come_charge_and_leave(cli, centre, version, begin, end):
    """Two stations boot, cars are authorised and charged; Ctrl-C ends it with a summary."""
    url, seen = centre(ends=2)
    answer = cli("station", "--url", url, "--count", 2, "--version", version, "--json", *QUICK)
    summary = json.loads(answer.out)
    assert answer.code == 0
    assert seen.calls["BootNotification"] == 2
    assert seen.calls[begin] >= seen.calls[end] >= 2
    assert seen.tokens <= {"TWIN-1", "TWIN-2"}
    assert sorted(seen.paths) == ["/ocpp/TWIN-1", "/ocpp/TWIN-2"]
    assert summary["errors"] == {}
    assert summary["answered"] > 0
    assert summary["p50_ms"] <= summary["p95_ms"] <= summary["p99_ms"]
    assert "answers: p50" in answer.err


def test_faster_than_life_stations_keep_their_own_time(cli, centre):
    """A centre that tells always the same time throws no transaction back to it."""
    url, seen = centre(ends=1)
    cli("station", "--url", url, *QUICK)
    assert len(seen.stamps) >= 2
    assert seen.stamps == sorted(seen.stamps)
    assert min(seen.stamps) > HELLO["currentTime"][:10] + "T23"


def test_the_path_and_the_password_name_the_station(cli, centre):
    """`{id}` is replaced in both; the header is basic authentication."""
    url, seen = centre(ends=0)
    cli("station", "--url", f"{url}/{{id}}/x", "--password", "secret-{id}", *QUICK)
    assert seen.paths == ["/ocpp/TWIN-1/x"]
    assert seen.headers == ["Basic " + base64.b64encode(b"TWIN-1:secret-TWIN-1").decode()]


@pytest.fixture
def pki(tmp_path):
    """A root, a server's certificate for 127.0.0.1 and a station's, as files; valid by the clock on the wall."""
    at = instant(time.time_ns(), 0.0)
    authority = Authority.create(at)
    server, client = authority.server(["127.0.0.1"], at), authority.client("TWIN-1", at)
    for name, text in (
        ("ca", authority.pem), ("server", server.certificate_pem), ("server-key", server.key_pem),
        ("client", client.certificate_pem), ("client-key", client.key_pem),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    return tmp_path


def listener(files, *, mutual):
    client = files / "ca" if mutual else None
    return server_context(files / "server", files / "server-key", client_ca=client, require_client=mutual)


def test_tls_with_a_password(cli, centre, pki):
    """Security profile 2: the server's certificate is of `--ca`, the station shows a password."""
    url, seen = centre(ends=0, tls=listener(pki, mutual=False))
    cli("station", "--url", url, "--ca", pki / "ca", "--password", "0123456789abcdef", *QUICK)
    assert seen.calls["BootNotification"] == 1
    assert seen.headers[0].startswith("Basic ")


def test_mutual_tls(cli, centre, pki):
    """Security profile 3: the station shows its certificate."""
    url, seen = centre(ends=0, tls=listener(pki, mutual=True))
    mine = ("--certificate", pki / "client", "--key", pki / "client-key")
    cli("station", "--url", url, "--ca", pki / "ca", *mine, *QUICK)
    assert seen.calls["BootNotification"] == 1
    assert dict(part[0] for part in seen.peers[0]["subject"])["commonName"] == "TWIN-1"


def test_a_server_of_another_authority_is_not_trusted(cli, centre, pki):
    """Without `--ca` this machine does not know it: no station connects, and the reason is told."""
    url, seen = centre(ends=0, tls=listener(pki, mutual=False))
    answer = cli("station", "--url", url, "--duration", 1)
    assert answer.code == 2
    assert "CERTIFICATE_VERIFY_FAILED" in answer.err
    assert seen.calls["BootNotification"] == 0


def test_a_scenario_brings_its_stations_and_drivers(cli, centre, hello):
    """The family's car charges at its own wallbox, with the family's token."""
    url, seen = centre(ends=1)
    answer = cli(
        "station",
        "--url",
        url,
        "--scenario",
        hello,
        "--json",
        "--speed",
        20_000,
        "--duration",
        60,
        *PATIENT,
    )
    assert answer.code == 0
    assert seen.paths[0] == "/ocpp/wallbox"
    assert json.loads(answer.out)["stations"] == 1
    assert seen.calls["Ended"] == 1


def test_a_trace_is_written(cli, centre, place):
    """Every frame of both directions is a line."""
    url, _ = centre(ends=0)
    cli("station", "--url", url, "--trace", "t.jsonl", *QUICK)
    trace = read(place / "t.jsonl")
    assert {record.outbound for record in trace.records} == {True, False}
    assert "BootNotification" in trace.records[0].frame
    assert not trace.csms_side


def test_faults_are_told_in_the_summary(cli, centre):
    """Dropped connections are opened again, and counted."""
    url, _ = centre(ends=3)
    answer = cli(
        "station", "--url", url, "--json", "--fault", "drop=200,malformed=100", "--cars-per-hour", 20,
        "--speed", 300, "--duration", 60, "--set", "OCPPCommCtrlr.RetryBackOffWaitMinimum=0", "--set", "OCPPCommCtrlr.RetryBackOffRandomRange=1",
        *PATIENT,
    )  # fmt: skip
    summary = json.loads(answer.out)
    assert summary["faults"]["drop"] > 0
    assert summary["connections"] > 1


def test_nobody_there_is_told_with_the_reason(cli):
    """No central system: exit code 2 and what the socket said."""
    answer = cli("station", "--url", "ws://127.0.0.1:1", "--duration", 0.1)
    assert answer.code == 2
    assert "no station could connect" in answer.err
    assert "Connect call failed" in answer.err


def test_its_time_counts_from_when_stations_are_switched_on(cli, centre, monkeypatch):
    """A control API that takes longer to come up than all of the duration takes nothing of it."""

    @asynccontextmanager
    async def late(load, address):
        await asyncio.sleep(0.5)
        yield address

    monkeypatch.setattr("twin.cli.station_api.serve", late)
    url, seen = centre(ends=-1)
    answer = cli("station", "--url", url, "--duration", 0.01, "--json")
    summary = json.loads(answer.out)
    assert answer.code == 0
    assert (summary["connections"], len(seen.paths)) == (1, 1)


@contextmanager
def deaf(heard):
    """A port where connections are accepted, `heard()` is called, and nothing is said; yields its URL."""

    def accept():
        try:
            while True:
                held.append(listening.accept()[0])
                heard()
        except OSError:  # closed below
            return

    held = []
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in [listening, *held]:
            each.close()


def test_it_waits_for_the_end_of_the_first_attempt(cli, monkeypatch):
    """The duration is over long before a handshake that nobody answers times out: that is the reason told."""
    impatient = partial(Target, sockets=SocketLimits(open_timeout_s=0.7))
    monkeypatch.setattr("twin.cli.station_running.Target", impatient)
    with deaf(lambda: None) as url:
        answer = cli("station", "--url", url, "--duration", 0.01)
    assert answer.code == 2
    assert "timed out" in answer.err
    assert "nothing was tried" not in answer.err


def test_a_signal_ends_it_before_the_first_attempt_has(cli):
    """Ctrl-C is obeyed at once, and the message says that no attempt came to an end."""
    with deaf(lambda: os.kill(os.getpid(), signal.SIGINT)) as url:
        answer = cli("station", "--url", url, "--duration", 0.01)
    assert answer.code == 2
    assert "nothing was tried in this time" in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--url", "http://127.0.0.1"), "expected ws://"),
        (("--url", "ws://"), "expected ws://HOST:PORT/PATH with a port"),
        (("--url", "ws://127.0.0.1:abc"), "with a port from 1 to 65535"),
        (("--url", "ws://127.0.0.1:99999"), "with a port from 1 to 65535"),
        (("--speed", "inf"), "--speed inf: expected a number"),
        (("--version", "1.5"), "expected one of 1.6, 2.0.1, 2.1"),
        (("--fault", "crash=1"), "crash: unknown fault"),
        (("--quirk", "lazy"), "lazy: unknown quirk"),
        (("--quirk", "register"), "expected register=VALUE"),
        (("--quirk", "zero_ends=1"), "expected zero_ends alone"),
        (("--set", "HeartbeatInterval"), "expected NAME=VALUE"),
        (("--set", "HeartbeatInterval=often"), "'often' is no integer"),
        (("--set", "HeartBeat=60"), "HeartBeat: no station has such"),
        (("--api", "127.0.0.1"), "expected HOST:PORT"),
        (("--certificate", "c.pem"), "need a --url that begins with wss://"),
        (("--url", "wss://127.0.0.1:1", "--ca", "missing.pem"), "--ca"),
        (("--scenario", "hello.yaml", "--count", 2), "has 1 stations"),
        (("--trace", "missing/t.jsonl"), "--trace missing/t.jsonl"),
    ],
)
def test_unusable_options(cli, hello, arguments, words):
    """Each mistake is named, with what would be right; exit code 2."""
    answer = cli("station", "--duration", 0.1, *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
