"""`twin csms` as a process: a station, the API, an end by SIGTERM, and a start that goes on from there."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from twin.network.ocpp.wire.trace import read

BOOT = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}}


class Process(NamedTuple):
    """A running `twin csms`."""

    process: subprocess.Popen[str]
    stations: str
    api: str
    token: str
    greeting: str


@contextmanager
def started(folder: Path, *more: str) -> Iterator[Process]:
    """Start `twin csms` on free ports."""
    command = [
        sys.executable,
        "-m",
        "twin",
        "csms",
        "--listen",
        "ws://127.0.0.1:0",
        "--api",
        "http://127.0.0.1:0",
    ]
    process = subprocess.Popen(
        [*command, "--accept", "any", *more],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        greeting = ""
        while "token of this run" not in greeting:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            greeting += line
        found = [
            re.search(pattern, greeting)
            for pattern in (r"stations: (\S+)/STATION", r"API: (\S+)/docs", r"\(operate\): (\S+)")
        ]
        yield Process(process, *(match[1] if match else "" for match in found), greeting)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _drain(station: ClientConnection) -> None:
    """Read until the connection is closed."""
    while True:
        station.recv(timeout=20)


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal; return exit code, output and errors."""
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_station_is_called_over_http_and_told_at_the_end(tmp_path: Path, number: signal.Signals) -> None:
    """Boot, a Reset through the API, a signal: close 1001, exit code 0, lines on stdout; the journal has it all."""
    with (
        started(tmp_path, "--trace", "trace.jsonl") as csms,
        httpx.Client(base_url=csms.api, headers={"Authorization": f"Bearer {csms.token}"}) as http,
        connect(f"{csms.stations}/CP1", subprotocols=["ocpp2.0.1"], proxy=None) as station,
    ):
        station.send(json.dumps([2, "b1", "BootNotification", BOOT]))
        answers: list[dict[str, str]] = []

        def answer_until(action: str) -> None:
            """Answer what the central system asks, until it asks for `action`."""
            while True:
                frame = json.loads(station.recv(timeout=20))
                if frame[0] == 3:
                    answers.append(frame[2])
                elif frame[2] == action:
                    station.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
                    return
                else:
                    station.send(json.dumps([4, frame[1], "NotSupported", "", {}]))

        worker = threading.Thread(target=answer_until, args=("Reset",))
        worker.start()
        url = "/v1/stations/CP1/calls/Reset"
        response = http.post(url, json={"type": "Immediate"}, timeout=20)
        worker.join(timeout=20)
        assert (response.status_code, response.json()) == (200, {"status": "Accepted"})
        assert answers[0]["status"] == "Accepted"
        assert 'twin_stations{state="accepted"} 1.0' in http.get("/metrics").text
        code, out, errors = end(csms.process, number)
        with pytest.raises(ConnectionClosed):
            _drain(station)
        assert (code, station.close_code) == (0, 1001)
        assert "CP1 Booted" in out
        assert "stopped" in out
        assert "Traceback" not in errors
    trace = read(tmp_path / "trace.jsonl")
    assert trace.epoch_ns == 0
    assert trace.records[0].t_s > 1_700_000_000
    frames = [json.loads(record.frame) for record in trace.records]
    assert [frame[2] for frame in frames if frame[0] == 2].count("Reset") == 1
    with started(tmp_path) as again, httpx.Client(base_url=again.api) as http:
        assert "facts taken back" in again.greeting
        headers = {"Authorization": f"Bearer {again.token}"}
        assert [one["id"] for one in http.get("/v1/stations", headers=headers).json()["stations"]] == ["CP1"]
        lines = http.get("/v1/audit", headers=headers).json()["audit"]
        assert (lines[-1]["what"], lines[-1]["outcome"]) == ("call CP1 Reset", "Accepted")
        assert end(again.process, number)[0] == 0


def test_what_stations_are_set_to_comes_from_the_command(tmp_path: Path) -> None:
    """With `--sample-interval 7 --measurands Voltage` a station that tells nothing is set to both."""
    with (
        started(tmp_path, "--sample-interval", "7", "--measurands", "Voltage") as csms,
        connect(f"{csms.stations}/CP1", subprotocols=["ocpp1.6"], proxy=None) as station,
    ):
        boot = {"chargePointVendor": "Acme", "chargePointModel": "One"}
        station.send(json.dumps([2, "b1", "BootNotification", boot]))
        changed: dict[str, str] = {}
        while not {"MeterValueSampleInterval", "MeterValuesSampledData"} <= changed.keys():
            frame = json.loads(station.recv(timeout=20))
            if frame[0] != 2:
                continue
            answer: dict[str, object] = {}
            if frame[2] == "GetConfiguration":
                answer = {"unknownKey": frame[3].get("key", [])}
            elif frame[2] == "ChangeConfiguration":
                changed[frame[3]["key"]] = frame[3]["value"]
                answer = {"status": "Accepted"}
            station.send(json.dumps([3, frame[1], answer]))
        assert (changed["MeterValueSampleInterval"], changed["MeterValuesSampledData"]) == ("7", "Voltage")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--api", "http://0.0.0.0:0"], "--token-file"),
        (["--listen", "wss://127.0.0.1:0"], "--tls-cert"),
        (["--trace", "no/where"], "--trace"),
        (["--quirks", "nowhere.yaml"], "nowhere.yaml"),
        (["--ftp", "ftp://127.0.0.1:0"], "--files"),
        (["--ftp", "http://127.0.0.1:0", "--files", "f", "--api", "http://127.0.0.1:0"], "expected ftp://"),
        (["--client-ca", "ca.pem"], "wss"),
        (["--files", "f", "--api", ""], "--api"),
        (["--leave-settings", "--sample-interval", "5"], "--leave-settings"),
        (["--time-zone", "Europe/Atlantis"], "--time-zone"),
    ],
)
def test_unusable_settings_exit_with_2_and_a_sentence(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    """No traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "twin", "csms", *arguments],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
