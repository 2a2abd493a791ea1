"""Print the table of many stations of docs/benchmarks.md: `twin station` against `twin csms`, two processes on 127.0.0.1.

Every station is in a transaction and tells eight values every ten seconds; the central system keeps all in SQLite.
Processor time and memory are those that the kernel counts for each process after a warm-up, latencies those that the
stations saw. Then the central system is killed and started again, and again ended and started: every station must be
back within its back-off.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TWIN = str(Path(sys.executable).with_name("twin"))
_TICKS = os.sysconf("SC_CLK_TCK")
_ALL_COME_S = 30
"""Cars come over so long, one to each station."""
_STAY_MIN = 600
_WINDOW_S = 20.0
"""A station of ours tries again 10 to 20 s after it lost its connection, as it comes."""


def port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def cpu_s(pid: int) -> float:
    """Return the processor time of a process, all threads, kernel included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, shared pages counted whole, in MiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024.0


@dataclass(slots=True)
class Bench:
    """What is run, and where."""

    folder: Path
    count: int
    version: str
    tls: bool
    listen: int = field(default_factory=port)
    api: int = field(default_factory=port)
    centre: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where stations connect."""
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.listen}"

    def serve(self) -> None:
        """Start the central system and wait until it listens."""
        command = [
            TWIN, "csms", "--listen", self.url, "--api", f"http://127.0.0.1:{self.api}", "--accept", "any",
            "--tokens", "accept", "--db", f"sqlite:///{self.folder / 'journal.db'}",
        ]  # fmt: skip
        if self.tls:
            command += ["--tls-cert", self.at("server.pem"), "--tls-key", self.at("server.key")]
            command += ["--client-ca", self.at("ca.pem")]
        with (self.folder / "csms.log").open("ab") as log:
            self.centre = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        until = time.monotonic() + 60.0
        while time.monotonic() < until:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.listen)) == 0:
                    return
            time.sleep(0.2)
        raise SystemExit(f"the central system does not listen: {(self.folder / 'csms.log').read_text()}")

    def stations(self, *extra: str) -> subprocess.Popen[bytes]:
        """Start the stations."""
        command = [
            TWIN, "station", "--url", self.url, "--count", str(self.count), "--version", self.version,
            "--cars-per-hour", str(3600 / _ALL_COME_S), "--stay", str(_STAY_MIN), "--sample", "10",
            "--api", "", "--json", *extra,
        ]  # fmt: skip
        if self.tls:
            command += ["--ca", self.at("ca.pem"), "--certificate", self.at("client.pem")]
            command += ["--key", self.at("client.key")]
        out = (self.folder / "stations.json").open("wb")
        with out, (self.folder / "stations.log").open("wb") as log:
            return subprocess.Popen(command, stdout=out, stderr=log)  # noqa: S603

    def summary(self) -> dict[str, Any]:
        """Return what the stations told at their end."""
        text = (self.folder / "stations.json").read_text(encoding="utf-8")
        if not text:
            raise SystemExit((self.folder / "stations.log").read_text(encoding="utf-8"))
        found: dict[str, Any] = json.loads(text)
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the central system, one way or the other."""
        if self.centre is not None:
            self.centre.send_signal(number)
            self.centre.wait()
            self.centre = None

    def at(self, name: str) -> str:
        """Return the path of a certificate or key."""
        return str(self.folder / name)


def certificates(folder: Path) -> None:
    """Write an authority, a certificate of the server and one that all stations show."""
    from twin.network.ocpp.security.authority import Authority
    from twin.network.ocpp.security.certificates import instant

    now = instant(time.time_ns(), 0.0)
    authority = Authority.create(now)
    server, client = authority.server(["127.0.0.1"], now), authority.client("TWIN-1", now)
    (folder / "ca.pem").write_text(authority.pem, encoding="ascii")
    for name, issued in (("server", server), ("client", client)):
        (folder / f"{name}.pem").write_text(issued.certificate_pem, encoding="ascii")
        (folder / f"{name}.key").write_text(issued.key_pem, encoding="ascii")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took."""

    cpu_percent: float
    """Of one core."""
    memory_mb: float


def steady(bench: Bench, warm_up_s: float, seconds: float) -> tuple[dict[str, Any], Cost, Cost]:
    """Measure what both processes take when all charge; return the stations' summary, central system, stations."""
    bench.serve()
    assert bench.centre is not None
    tail_s = 3.0
    stations = bench.stations(
        "--duration", str(warm_up_s + seconds + tail_s), "--warm-up", str(warm_up_s), "--spread", "30"
    )  # fmt: skip
    try:
        time.sleep(warm_up_s)
        pids = bench.centre.pid, stations.pid
        before, begun = [cpu_s(pid) for pid in pids], time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        costs = [
            Cost(100.0 * (cpu_s(pid) - was) / took, memory_mb(pid))
            for pid, was in zip(pids, before, strict=True)
        ]
        stations.wait()
    finally:
        _kill(stations)
        bench.end()
    return bench.summary(), *costs


def restarts(bench: Bench, warm_up_s: float) -> list[tuple[str, float, dict[str, Any]]]:
    """Kill the central system, then end it in an orderly way; each time start it again.

    Returns:
        How it ended; from there to when all were connected again, in s; the stations' summary.
    """
    rows = []
    for name, number in (("SIGKILL", signal.SIGKILL), ("SIGTERM", signal.SIGTERM)):
        bench.serve()
        stations = bench.stations("--spread", "30")
        try:
            time.sleep(warm_up_s)
            begun = time.monotonic()
            bench.end(number)
            bench.serve()
            while _connections(bench.listen) < bench.count and time.monotonic() < begun + 3 * _WINDOW_S:
                time.sleep(0.1)
            back_s = time.monotonic() - begun
            time.sleep(_WINDOW_S)  # they boot, and tell what waited
            stations.terminate()
            stations.wait()
        finally:
            _kill(stations)
            bench.end()
        rows.append((name, back_s, bench.summary()))
    return rows


def _connections(listening: int) -> int:
    """Count established connections to a port of 127.0.0.1, as the kernel lists them."""
    local, established = f"0100007F:{listening:04X}", "01"
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(1 for line in lines if (part := line.split())[1] == local and part[3] == established)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--version", choices=("1.6", "2.0.1", "2.1"), action="append")
    parser.add_argument("--warm-up", type=float, default=100.0, help="seconds until it is measured")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured")
    parser.add_argument("--tls", action="store_true", help="with certificates on both sides")
    parser.add_argument("--only", choices=("steady", "restarts"))
    asked = parser.parse_args()
    if asked.only != "restarts":
        print(
            "| OCPP | p50, p99 ms (100) | central system: % of a core (30), MiB | stations: %, MiB | load |"
        )
        print("| --- | --- | --- | --- | --- |")
    for version in asked.version or ("1.6", "2.0.1"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if asked.tls:
                certificates(folder)
            if asked.only != "restarts":
                summary, centre, stations = steady(
                    Bench(folder, asked.count, version, asked.tls), asked.warm_up, asked.seconds
                )
                _print_steady(asked, version, summary, centre, stations)
            if asked.only != "steady":
                for ended, back_s, told in restarts(
                    Bench(folder, asked.count, version, asked.tls), asked.warm_up
                ):
                    _print_restart(version, ended, back_s, told)


def _print_steady(
    asked: argparse.Namespace, version: str, summary: dict[str, Any], centre: Cost, stations: Cost
) -> None:
    wire = f"{version}, mutual TLS" if asked.tls else version
    print(
        f"| {wire} | {summary['p50_ms']:.1f}, {summary['p99_ms']:.1f} "
        f"| {centre.cpu_percent:.1f}, {centre.memory_mb:.0f} "
        f"| {stations.cpu_percent:.1f}, {stations.memory_mb:.0f} | {os.getloadavg()[0]:.1f} |"
    )
    _complain(asked.count, summary)


def _complain(count: int, summary: dict[str, Any]) -> None:
    """Say what is not as it should be: the numbers above mean little then."""
    for key in ("online", "charging"):
        if summary[key] != count:
            print(f"only {summary[key]} of {count} stations {key} at the end")
    for key in ("errors", "deviations"):
        if summary[key]:
            print(f"{key}: {summary[key]}")


def _print_restart(version: str, ended: str, back_s: float, told: dict[str, Any]) -> None:
    print(
        f"{version}, {ended}: all connected after {back_s:.1f} s ({_WINDOW_S:.0f}), {told['refused']} attempts failed, "
        f"{told['lost']} connections lost, {told['queued']} messages wait, load {os.getloadavg()[0]:.1f}"
    )
    _complain(told["stations"], told)


if __name__ == "__main__":
    main()
