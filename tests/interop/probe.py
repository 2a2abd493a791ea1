"""PyPI `test-ocpp` against the command `twin csms`: both as processes, over ws, wss and mutual TLS."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from twin.network.ocpp.security.authority import Authority, Issued

PATIENCE_S = 60.0
MUTUAL, PLAIN = "MUTUAL-1", "PLAIN-1"


def issue(folder: Path) -> None:
    """Write a test authority and what it issued: `ca.pem`, `server.pem`, `client.pem` and their keys."""
    now = datetime.fromtimestamp(folder.stat().st_mtime, UTC) - timedelta(hours=1)
    authority = Authority.create(now)
    (folder / "ca.pem").write_text(authority.pem)

    def keep(name: str, issued: Issued) -> None:
        (folder / f"{name}.pem").write_text(issued.certificate_pem)
        (folder / f"{name}.key").write_text(issued.key_pem)

    keep("server", authority.server(["127.0.0.1"], now))
    keep("client", authority.client(MUTUAL, now))


@contextmanager
def central(folder: Path) -> Iterator[dict[str, str]]:
    """Run `twin csms`; yield the addresses by scheme. One station needs a certificate."""
    command = [
        str(Path(sys.executable).with_name("twin")), "csms", "--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0",
        "--api", "http://127.0.0.1:0", "--db", f"sqlite:///{folder}/csms.db", "--accept", "any",
        "--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key"),
        "--client-ca", str(folder / "ca.pem"),
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            said: dict[str, str] = {}
            while "token" not in said:
                line = process.stdout.readline()
                assert line, (folder / "log").read_text()
                for part, key in (
                    ("ws://", "ws"),
                    ("wss://", "wss"),
                    ("http://", "api"),
                    ("token of", "token"),
                ):
                    if part in line:
                        said[key] = line.split()[-1].removesuffix("/STATION").removesuffix("/docs")
            httpx.put(
                f"{said['api']}/v1/stations/{MUTUAL}", json={"min_security_profile": 3},
                headers={"Authorization": f"Bearer {said['token']}"}, timeout=PATIENCE_S,
            ).raise_for_status()  # fmt: skip
            yield said
        finally:
            process.terminate()
            rest, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, rest.splitlines()[-1]) == (
        0,
        "stopped: stations were told, the journal is written",
    )


def probe(url: str, identity: str, version: str, *more: str) -> tuple[int, str]:
    """Run `test-ocpp`; return its exit code and what it printed."""
    command = [sys.executable, "-m", "test_ocpp", url, identity, "--ocpp", version, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout
