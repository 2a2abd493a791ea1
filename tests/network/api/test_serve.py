"""A served central system: sockets, TLS with good and bad certificates, passwords that are guessed, unusable settings."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from twin.errors import SettingsError
from twin.network.api.compose import Options
from twin.network.api.serve import Running, Settings, running
from twin.network.ocpp.security.authority import Authority, Issued
from twin.network.ocpp.wire.tls import client_context
from twin.network.ocpp.wire.trace import TraceFile, read

BOOT = '[2,"1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]'
PASSWORD = "sixteen-letters!"


def settings(folder: Path, **more: Any) -> Settings:
    """Return settings on free ports, with a database in a folder."""
    base = Settings(
        listen=("ws://127.0.0.1:0",), api="http://127.0.0.1:0", db=f"sqlite:///{folder / 'csms.db'}"
    )
    return replace(base, **more)


def serve(given: Settings, story: Callable[[Running], Awaitable[None]], **more: Any) -> None:
    """Serve while a story is told."""

    async def all_of_it() -> None:
        async with running(given, time.time_ns(), **more) as served:
            await story(served)

    asyncio.run(all_of_it())


async def register(served: Running, body: dict[str, Any], identity: str = "CP1") -> None:
    """Register a station over HTTP."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {served.token}"}) as http:
        response = await http.put(f"{served.api}/v1/stations/{identity}", json=body)
        assert response.status_code == 201, response.text


async def status(url: str, **more: Any) -> int:
    """Return what a handshake is answered with."""
    try:
        async with connect(url, subprotocols=["ocpp1.6"], proxy=None, **more):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def write(folder: Path, name: str, issued: Issued) -> tuple[Path, Path]:
    """Write a certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_text(issued.certificate_pem)
    key.write_text(issued.key_pem)
    return certificate, key


def test_passwords_are_asked_for_and_guessing_is_throttled(tmp_path: Path) -> None:
    """Right: in. Three wrong ones: the right one must wait as well. Unknown: 404."""

    async def story(served: Running) -> None:
        await register(served, {"password": PASSWORD, "min_security_profile": 1})
        host = served.stations[0].removeprefix("ws://")
        assert await status(f"ws://CP1:{PASSWORD}@{host}/CP1") == 101
        assert [await status(f"ws://CP1:wrong@{host}/CP1") for _ in range(3)] == [401, 401, 401]
        assert await status(f"ws://CP1:{PASSWORD}@{host}/CP1") == 401
        assert await status(f"ws://{host}/CP9") == 404
        rules = {
            str(event.body["rule"])
            for event in served.system.events.after(0, limit=100).events
            if event.kind == "deviation"
        }
        assert {"refused-401", "refused-404", "throttled"} <= rules

    serve(settings(tmp_path), story)


def test_mutual_tls_lets_in_the_right_certificate_and_records_the_others(tmp_path: Path) -> None:
    """Right: 101. Of another station: 401. None: 401. Expired: the handshake fails, and leaves a record."""
    now = datetime.now(UTC)  # noqa: TID251 -- certificates are checked by OpenSSL, which knows real time only
    authority = Authority.create(now - timedelta(days=30))
    certificate, key = write(tmp_path, "server", authority.server(["127.0.0.1"], now))
    root = tmp_path / "root.pem"
    root.write_text(authority.pem)
    good = write(tmp_path, "good", authority.client("CP1", now))
    other = write(tmp_path, "other", authority.client("CP2", now, kind="rsa"))
    expired = write(tmp_path, "expired", authority.client("CP1", now - timedelta(days=9), days=1))

    async def story(served: Running) -> None:
        await register(served, {"min_security_profile": 3})
        url = f"{served.stations[0]}/CP1"

        def as_(pair: tuple[Path, Path] | None) -> ssl.SSLContext:
            return client_context(root, certificate=pair[0] if pair else None, key=pair[1] if pair else None)

        assert [await status(url, ssl=as_(pair)) for pair in (good, other, None)] == [101, 401, 401]
        with pytest.raises((InvalidHandshake, OSError)):
            await status(url, ssl=as_(expired))
        told = [
            event.body
            for event in served.system.events.after(0, limit=100).events
            if event.kind == "deviation"
        ]
        assert [body["detail"] for body in told if body["rule"] == "tls-handshake"] == [
            "certificate refused: certificate has expired"
        ]

    given = settings(
        tmp_path, listen=("wss://127.0.0.1:0",), tls_cert=certificate, tls_key=key, client_ca=root
    )
    serve(given, story)


def test_two_listeners_serve_one_system(tmp_path: Path) -> None:
    """A station on each; both are seen; the trace has the frames, the event stream the facts."""
    trace = tmp_path / "trace.jsonl"

    async def story(served: Running) -> None:
        for n, url in enumerate(served.stations):
            async with connect(f"{url}/CP{n}", subprotocols=["ocpp1.6"], proxy=None) as station:
                await station.send(BOOT)
                assert orjson.loads(await station.recv())[2]["status"] == "Accepted"
        assert list(served.system.csms.stations) == ["CP0", "CP1"]

    given = settings(tmp_path, listen=("ws://127.0.0.1:0",) * 2, options=Options(accept="any"))
    frames = TraceFile(trace, 0)
    serve(given, story, trace=frames)
    frames.close()
    assert [one.station for one in read(trace).records if one.frame == BOOT] == ["CP0", "CP1"]


def test_at_the_end_stations_are_told_and_streams_end(tmp_path: Path) -> None:
    """1001 for the station; the stream of events is finished, not cut."""

    async def story() -> tuple[int | None, bool]:
        given = settings(tmp_path, options=Options(accept="any"))
        async with httpx.AsyncClient() as http:
            async with running(given, time.time_ns()) as served:
                station = await connect(f"{served.stations[0]}/CP1", subprotocols=["ocpp1.6"], proxy=None)
                headers = {"Authorization": f"Bearer {served.token}", "Accept": "text/event-stream"}
                stream = http.stream("GET", f"{served.api}/v1/events", headers=headers, timeout=20)
                response = await stream.__aenter__()
                chunks = response.aiter_text()
                first = await anext(chunks)
            rest = [chunk async for chunk in chunks]
            await stream.__aexit__(None, None, None)
            await station.wait_closed()
            return station.close_code, "stopping" in first + "".join(rest)

    code, told = asyncio.run(story())
    assert code == 1001
    assert told


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"listen": ("http://127.0.0.1:0",)}, "expected ws://"),
        ({"listen": ("wss://127.0.0.1:0",)}, "needs --tls-cert"),
        ({"api": "https://127.0.0.1:0"}, "expected http://"),
        ({"api": "http://127.0.0.1:99999"}, "--api"),
        ({"api": "http://0.0.0.0:0"}, "--token-file"),
        ({"token_file": Path("nowhere")}, "nowhere"),
        ({"db": "nonsense"}, "nonsense"),
    ],
)
def test_unusable_settings_are_named_before_anything_serves(
    tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    """The message has the option or the file."""

    async def never(_served: Running) -> None:
        raise AssertionError

    with pytest.raises(SettingsError, match=words):
        serve(settings(tmp_path, **wrong), never)


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    """The second listener wants the first one's port."""

    async def story(served: Running) -> None:
        port = served.stations[0].rpartition(":")[2]
        given = settings(tmp_path / "b", listen=(f"ws://127.0.0.1:{port}",), db="sqlite://")
        with pytest.raises(SettingsError, match=port):
            async with running(given, time.time_ns()):
                pass

    serve(settings(tmp_path), story)


def test_a_stop_fits_into_what_process_managers_give() -> None:
    """Ten seconds to SIGKILL: requests under way, then stations that do not answer the close."""
    from twin.network.api.serve import _GRACE_S
    from twin.network.ocpp.wire.sockets import SocketLimits

    assert _GRACE_S + SocketLimits().close_timeout_s < 10
