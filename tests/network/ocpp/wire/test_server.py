"""Real sockets on loopback: who is let in, with which version, and what a misbehaving peer can do."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.network.ocpp.wire.sockets import TIME, Known, centre, handshake, masked, message, until
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.admission import Admission
from twin.network.ocpp.wire.client import connect, target
from twin.network.ocpp.wire.errors import ConnectFailed, ConnectRefused, LinkLost
from twin.network.ocpp.wire.server import Listen
from twin.network.ocpp.wire.sockets import SocketLimits

V16, V201, V21 = Version.V16, Version.V201, Version.V21


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [([V16], V16), ([V201, V16], V201), ([V16, V201], V16), ([V21, V201, V16], V21)],
)
def test_the_order_of_the_client_decides(offered: list[Version], spoken: Version) -> None:
    """All versions on one port; each end knows what was chosen."""

    async def main() -> None:
        async with centre() as c:
            station = await c.station(versions=offered)
            assert await station.call("Heartbeat", {}) == TIME
            assert station.version is c.ends[0].version is spoken

    asyncio.run(main())


def test_a_listener_may_speak_fewer_versions() -> None:
    """The first of the client's that is spoken there."""

    async def main() -> None:
        async with centre(Listen(versions=(V16,)), Listen(versions=(V201,))) as c:
            first = await c.station(versions=[V21, V201, V16])
            second = await c.station("CP2", versions=[V21, V201, V16], url=c.url(1))
            assert (first.version, second.version) == (V16, V201)

    asyncio.run(main())


def test_no_common_subprotocol_ends_with_a_close_after_the_handshake() -> None:
    """101 without the header, then a close frame with 1002, and a record."""

    async def main() -> None:
        async with centre() as c:
            reader, writer, head = await handshake(c.server.ports[0], Sec_WebSocket_Protocol="ocpp9.9")
            assert head.startswith("HTTP/1.1 101")
            assert "Sec-WebSocket-Protocol" not in head
            opcode, payload = await message(reader)
            assert (opcode, payload[:2]) == (8, (1002).to_bytes(2, "big"))
            assert c.rules == ["no-subprotocol"]
            assert "ocpp9.9" in c.remarks[0].detail
            writer.close()

    asyncio.run(main())


def test_a_client_sees_no_common_version_as_a_failure() -> None:
    """It is not left with a socket that speaks nothing."""

    async def main() -> None:
        async with centre(Listen(versions=(V201,))) as c:
            with pytest.raises(ConnectFailed, match="CP1"):
                await c.station(versions=[V16])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("identity", "password", "status"),
    [("CP1", b"right", 101), ("CP1", b"wrong", 401), ("CP1", None, 401), ("CP9", b"right", 404)],
)
def test_the_gate_answers_with_its_status(identity: str, password: bytes | None, status: int) -> None:
    """401 for a wrong password, 404 for an unknown station; each with a record."""

    async def main() -> None:
        async with centre(gate=Known()) as c:
            if status == 101:
                station = await c.station(identity, password=password)
                assert await station.call("Heartbeat", {}) == TIME
                return
            with pytest.raises(ConnectRefused, match=str(status)) as caught:
                await c.station(identity, password=password)
            assert caught.value.status == status
            assert c.rules == [f"refused-{status}"]

    asyncio.run(main())


def test_who_guesses_passwords_is_kept_waiting_and_nobody_else() -> None:
    """After three wrong ones the right one is refused unread; another station is served."""

    async def main() -> None:
        async with centre(gate=Known()) as c:
            for _ in range(3):
                with pytest.raises(ConnectRefused):
                    await c.station(password=b"wrong")
            with pytest.raises(ConnectRefused):
                await c.station(password=b"right")
            assert c.rules == ["refused-401"] * 3 + ["throttled"]
            other = await c.station("CP2", password=b"right")
            assert await other.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_a_gate_that_fails_lets_nobody_in() -> None:
    """503, and the listener goes on."""

    class Broken:
        def admit(self, _applicant: object, /) -> Admission:
            raise RuntimeError("no database")

    async def main() -> None:
        async with centre(gate=Broken()) as c:
            for _ in range(2):
                with pytest.raises(ConnectRefused, match="503"):
                    await c.station()

    asyncio.run(main())


def test_a_gate_may_take_its_time() -> None:
    """It may ask a database."""

    class Slow:
        async def admit(self, _applicant: object, /) -> Admission:
            await asyncio.sleep(0)
            return Admission()

    async def main() -> None:
        async with centre(gate=Slow()) as c:
            assert await (await c.station()).call("Heartbeat", {}) == TIME

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/", "/..%2f..%2fetc%2fpasswd", "/ocpp/%2e%2e"])
def test_an_identity_that_tries_a_path_is_not_found(path: str) -> None:
    """404 and a record."""

    async def main() -> None:
        async with centre() as c:
            _, writer, head = await handshake(c.server.ports[0], path)
            assert head.startswith("HTTP/1.1 404")
            assert c.rules == ["identity"]
            writer.close()

    asyncio.run(main())


def test_fragments_make_one_message() -> None:
    """A text frame and two continuations."""

    async def main() -> None:
        async with centre() as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            writer.write(masked(b'[2,"1",', fin=False) + masked(b'"Heart', 0, fin=False))
            writer.write(masked(b'beat",{}]', 0))
            assert json.loads((await message(reader))[1]) == [3, "1", TIME]
            writer.close()

    asyncio.run(main())


def test_a_message_above_the_bound_closes_its_connection_and_no_other() -> None:
    """1009 and a record."""

    async def main() -> None:
        async with centre(limits=SocketLimits(message_bytes=1000)) as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            other = await c.station("CP2")
            writer.write(masked(b"x" * 2000))
            opcode, payload = await message(reader)
            assert (opcode, payload[:2]) == (8, (1009).to_bytes(2, "big"))
            writer.close()
            await until(lambda: "oversize" in c.rules)
            assert await other.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_who_does_not_read_is_cut_off() -> None:
    """The queue towards it is bounded; another station is served."""

    async def main() -> None:
        async with centre(limits=SocketLimits(queue_bytes=10_000)) as c:
            _, writer, _ = await handshake(c.server.ports[0])
            other = await c.station("CP2")
            slow = next(link for link in c.links if link.identity == "CP1")
            sent = 0
            while "slow-reader" not in c.rules:
                slow.send("x" * 100_000)
                sent += 1
                assert sent < 1000
            await until(lambda: slow not in c.server.links)
            assert await other.call("Heartbeat", {}) == TIME
            writer.close()

    asyncio.run(main())


def test_a_flood_is_read_no_faster_than_allowed() -> None:
    """20 frames at once, then the socket is left unread; another station is served meanwhile."""

    async def main() -> None:
        async with centre(limits=SocketLimits(frames_per_s=0.1, burst=20)) as c:
            _, writer, _ = await handshake(c.server.ports[0])
            for n in range(200):
                writer.write(masked(json.dumps([2, str(n), "Heartbeat", {}]).encode()))
                await writer.drain()
            await until(lambda: "flood" in c.rules)
            other = await c.station("CP2")
            assert await other.call("Heartbeat", {}) == TIME
            assert c.rules == ["flood"]
            writer.close()

    asyncio.run(main())


def test_an_orderly_close_of_the_server_tells_every_station() -> None:
    """1001, and no link is left."""

    async def main() -> None:
        async with centre() as c:
            stations = [await c.station(f"CP{n}") for n in range(3)]
            calls = [station.call("Heartbeat", {}) for station in stations]
            await asyncio.gather(*calls)
            await c.server.close()
            assert not c.server.links
            for station in stations:
                with pytest.raises(LinkLost):
                    await station.call("Heartbeat", {})

    asyncio.run(main())


def test_hundreds_of_silent_connections_harm_nobody() -> None:
    """They never boot; a station among them is answered."""

    async def main() -> None:
        async with centre() as c:
            silent = await asyncio.gather(*(handshake(c.server.ports[0], f"/S{n}") for n in range(300)))
            station = await c.station()
            assert await station.call("Heartbeat", {}) == TIME
            assert len(c.server.links) == 301
            for _, writer, _ in silent:
                writer.close()

    asyncio.run(main())


def test_a_fault_at_attaching_closes_that_connection_only(capsys: pytest.CaptureFixture[str]) -> None:
    """1011 to the station, the reason to the log."""

    async def main() -> None:
        async with centre() as c:
            c.faulty = "CP1"
            reader, writer, _ = await handshake(c.server.ports[0])
            opcode, payload = await message(reader)
            assert (opcode, payload[:2]) == (8, (1011).to_bytes(2, "big"))
            writer.close()
            assert await (await c.station("CP2")).call("Heartbeat", {}) == TIME

    asyncio.run(main())
    assert "connection not attached" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://h/ocpp", "ws://h/ocpp/CP%201"),
        ("ws://h/ocpp/", "ws://h/ocpp/CP%201"),
        ("wss://h/{identity}/v16", "wss://h/CP%201/v16"),
    ],
)
def test_the_address_of_a_station_ends_in_or_holds_its_identity(url: str, address: str) -> None:
    """Percent-encoded."""
    assert target(url, "CP 1") == address


def test_nobody_listens() -> None:
    """A refused connection is a failure with the address."""

    async def main() -> None:
        async with centre() as c:
            port = c.server.ports[0]
            clock = c.clock
        with pytest.raises(ConnectFailed, match=str(port)):
            await connect(f"ws://127.0.0.1:{port}", "CP1", [V16], clock=clock)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "host", "port"), [("ws://127.0.0.1:9000", "127.0.0.1", 9000), ("ws://[::1]", "::1", 80)]
)
def test_a_listener_is_read_from_an_address(url: str, host: str, port: int) -> None:
    """Scheme, host and port."""
    listen = Listen.parse(url)
    assert (listen.host, listen.port, listen.tls) == (host, port, None)


@pytest.mark.parametrize("url", ["http://h:1", "ws://", "wss://h:1"])
def test_an_address_that_cannot_be_served_is_refused(url: str) -> None:
    """Another scheme, no host, TLS without a certificate."""
    with pytest.raises(ValueError, match=r"expected|certificate"):
        Listen.parse(url)


@pytest.mark.parametrize("said", [b"GET /CP1 HTTP/1.1\r\nHost:", b"hello\r\n\r\n", b""])
def test_who_never_says_a_whole_request_is_cut_off_and_recorded(said: bytes) -> None:
    """A half request, something else, nothing at all: one record each, and others come in meanwhile."""

    async def main() -> None:
        async with centre(limits=SocketLimits(open_timeout_s=1.0)) as c:
            reader, writer = await asyncio.open_connection("127.0.0.1", c.server.ports[0])
            writer.write(said)
            station = await c.station("CP2")
            assert await station.call("Heartbeat", {}) == TIME
            assert await reader.read() == b""
            await until(lambda: "no-handshake" in c.rules)
            assert c.rules == ["no-handshake"]
            assert c.remarks[0].detail.startswith("127.0.0.1: ")
            writer.close()

    asyncio.run(main())


def test_a_stop_does_not_wait_for_half_a_request() -> None:
    """The handshake may take an hour, the stop does not: the time-out of the test bounds it."""

    async def main() -> None:
        async with centre(limits=SocketLimits(open_timeout_s=3600.0)) as c:
            reader, writer = await asyncio.open_connection("127.0.0.1", c.server.ports[0])
            writer.write(b"GET /CP1 HTTP/1.1\r\nHost:")
            assert await (await c.station("CP2")).call("Heartbeat", {}) == TIME
        assert await reader.read() == b""
        writer.close()

    asyncio.run(main())
