"""What real chargers do to the wire, by the numbers of the list of behaviours; each is survived and recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.network.ocpp.wire.certificates import Files
from tests.network.ocpp.wire.conftest import ACCEPTED, BOOT_2, BOOT_16, Pair
from tests.network.ocpp.wire.sockets import TIME, centre, handshake, masked, message, until
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import tls
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.server import Listen
from twin.network.ocpp.wire.sockets import SocketLimits

V16, V201, V21 = Version.V16, Version.V201, Version.V21
CALL = masked(b'[2,"1","Heartbeat",{}]')


async def answer(reader: asyncio.StreamReader) -> list[Any]:
    """Return the next message as JSON."""
    return json.loads((await message(reader))[1])


def test_quirk_03_no_subprotocol_header_is_taken_as_1_6() -> None:
    """Served and recorded; a listener that does not want it closes after the handshake."""

    async def main() -> None:
        async with centre(Listen(), Listen(without_subprotocol=None)) as c:
            reader, writer, head = await handshake(c.server.ports[0], drop=("Sec-WebSocket-Protocol",))
            assert head.startswith("HTTP/1.1 101")
            writer.write(CALL)
            assert await answer(reader) == [3, "1", TIME]
            assert (c.ends[0].version, c.rules) == (V16, ["no-subprotocol"])
            writer.close()
            reader, writer, _ = await handshake(c.server.ports[1], drop=("Sec-WebSocket-Protocol",))
            assert (await message(reader))[0] == 8
            writer.close()

    asyncio.run(main())


def test_quirk_04_missing_connection_upgrade_is_answered_400() -> None:
    """With a record; the next station is served."""

    async def main() -> None:
        async with centre() as c:
            _, writer, head = await handshake(c.server.ports[0], drop=("Connection",))
            assert head.startswith("HTTP/1.1 400")
            assert c.rules == ["no-upgrade"]
            writer.close()
            assert await (await c.station()).call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_quirk_05_shapes_of_1_6_on_a_socket_of_2_0_1_are_told_as_such() -> None:
    """A boot of 1.6 lacks what 2.0.1 requires; an action of 1.6 is unknown; both records name 1.6."""

    async def main() -> None:
        pair = Pair(V201)
        assert pair.feed([2, "1", "BootNotification", BOOT_16])[0][2] == "OccurrenceConstraintViolation"
        start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
        assert pair.feed([2, "2", "StartTransaction", start])[0][2] == "NotImplemented"
        told = [remark.detail for remark in pair.remarks if remark.rule == "other-version"]
        assert told[0] == "this is how 1.6 says it"
        assert told[1] == "StartTransaction: this is how 1.6 says it"

    asyncio.run(main())


def test_quirk_05_the_version_belongs_to_the_connection() -> None:
    """One identity, 2.0.1 first and 1.6 afterwards: each connection keeps its own."""

    async def main() -> None:
        async with centre() as c:
            await c.station(versions=[V201])
            again = await c.station(versions=[V16])
            assert [end.version for end in c.ends] == [V201, V16]
            assert await again.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_quirk_06_a_missing_pong_does_not_close() -> None:
    """Pings are sent when asked for; who answers none goes on being served."""

    async def main() -> None:
        async with centre(limits=SocketLimits(ping_interval_s=0.01)) as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            for _ in range(3):
                assert (await message(reader))[0] == 9
            writer.write(CALL)
            while True:
                opcode, payload = await message(reader)
                if opcode == 1:
                    break
            assert json.loads(payload) == [3, "1", TIME]
            writer.close()

    asyncio.run(main())


def test_quirk_06_a_missing_pong_closes_where_that_is_asked_for() -> None:
    """1011 after the time-out."""

    async def main() -> None:
        async with centre(limits=SocketLimits(ping_interval_s=0.01, pong_timeout_s=0.02)) as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            while True:
                opcode, payload = await message(reader)
                if opcode == 8:
                    break
            assert payload[:2] == (1011).to_bytes(2, "big")
            writer.close()

    asyncio.run(main())


def test_quirk_08_the_server_can_cut_without_a_close_frame() -> None:
    """The station sees the connection break with 1006, as after a fault of the network."""

    async def main() -> None:
        async with centre() as c:
            station = await c.station()
            never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            c.handle = lambda action, payload: never
            call = station.call("Heartbeat", {})
            await until(lambda: c.asked == ["Heartbeat"])
            c.ends[0].drop()
            with pytest.raises(LinkLost):
                await call
            assert station.link.close_code == 1006

    asyncio.run(main())


def test_quirk_08_the_peer_of_a_cut_reads_a_reset() -> None:
    """Not an orderly end of the stream."""

    async def main() -> None:
        async with centre() as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            await until(lambda: bool(c.ends))
            c.ends[0].drop()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    asyncio.run(main())


def test_quirk_10_of_two_sockets_of_one_identity_the_last_wins() -> None:
    """The half-open one is closed; the new one is served."""

    async def main() -> None:
        async with centre() as c:
            old = await c.station()
            new = await c.station()
            assert await new.call("Heartbeat", {}) == TIME
            await until(lambda: len(c.server.links) == 1)
            with pytest.raises(LinkLost):
                await old.call("Heartbeat", {})

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/SN-1", "/any/prefix/SN-1/", "//SN%2D1", "/ocpp/CP1/SN-1"])
def test_quirk_11_the_last_segment_is_the_identity_under_any_prefix(path: str) -> None:
    """A unit that appends its serial number to the address is known by that."""

    async def main() -> None:
        async with centre() as c:
            _, writer, head = await handshake(c.server.ports[0], path)
            assert head.startswith("HTTP/1.1 101")
            await until(lambda: bool(c.links))
            assert c.links[0].identity == "SN-1"
            writer.close()

    asyncio.run(main())


def test_quirk_13_a_frame_of_type_1_leaves_the_socket_alone() -> None:
    """Recorded; the next call on the same socket is answered."""

    async def main() -> None:
        async with centre() as c:
            reader, writer, _ = await handshake(c.server.ports[0])
            writer.write(masked(b'[1,"0","Heartbeat",{}]') + CALL)
            assert await answer(reader) == [3, "1", TIME]
            assert c.rules == ["message-type"]
            writer.close()

    asyncio.run(main())


SAMPLE = {"timestamp": "2026-01-01T00:00:00Z"}
STATUS = {"connectorId": 1, "status": "Available"}
FOREIGN: list[tuple[str, dict[str, Any]]] = [
    ("BootNotification", {**BOOT_16, "chargeBoxSerialNumber": "S" * 30}),
    ("DataTransfer", {"vendorId": "Growatt", "data": {"a": 1}}),
    ("StatusNotification", {**STATUS, "errorCode": "Error"}),
    (
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [{**SAMPLE, "sampledValue": [{"value": "1", "measurand": "Request.Energy"}]}],
        },
    ),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{**SAMPLE, "sampledValue": [{"value": "50", "unit": "Hz"}]}]},
    ),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{**SAMPLE, "sampledValue": [{"value": "1", "context": "?"}]}]},
    ),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{**SAMPLE, "sampledValue": [{"value": "1", "unit": "celcius"}]}]},
    ),
]


@pytest.mark.parametrize(("action", "payload"), FOREIGN)
def test_quirk_14_foreign_and_over_long_fields_are_taken_or_refused_by_the_station_s_policy(
    action: str, payload: dict[str, Any]
) -> None:
    """Tolerant: handled with what can be understood. Strict: CALLERROR. Recorded either way."""

    async def main() -> None:
        answers = {"BootNotification": ACCEPTED, "DataTransfer": {"status": "Accepted"}}
        tolerant, strict = Pair(V16), Pair(V16, strict=True)
        tolerant.answers = answers
        assert tolerant.feed([2, "1", action, payload])[0][0] == 3
        assert [name for name, _ in tolerant.asked] == [action]
        assert strict.feed([2, "1", action, payload])[0][0] == 4
        assert not strict.asked
        assert {one.tolerated for one in tolerant.remarks} == {True}
        assert {one.tolerated for one in strict.remarks} == {False}

    asyncio.run(main())


def test_quirk_14_a_foreign_measurand_does_not_become_the_default() -> None:
    """Dropping it would turn the sample into an energy register."""

    async def main() -> None:
        pair = Pair(V16)
        pair.feed([2, "1", *FOREIGN[3]])
        assert pair.asked[0][1]["meterValue"][0]["sampledValue"][0]["measurand"] == "Request.Energy"

    asyncio.run(main())


@pytest.mark.parametrize("version", Version)
def test_quirk_18_a_reused_message_id_acts_once_per_call(version: Version) -> None:
    """The same call again is answered again; another call under the id is a call of its own."""

    async def main() -> None:
        pair = Pair(version)
        pair.answers.update({"BootNotification": ACCEPTED, "Heartbeat": TIME})
        boot = BOOT_2 if version.two else BOOT_16
        assert pair.feed([2, "1", "BootNotification", boot]) == pair.feed([2, "1", "BootNotification", boot])
        assert pair.feed([2, "1", "Heartbeat", {}]) == [[3, "1", TIME]]
        assert [action for action, _ in pair.asked] == ["BootNotification", "Heartbeat"]
        assert pair.rules == ["duplicate-id", "duplicate-id"]

    asyncio.run(main())


@pytest.mark.parametrize(("protocol", "first"), [("ocpp1.6", [3, "1"]), ("ocpp2.0.1", [4, "-1"])])
def test_quirk_19_bytes_that_are_no_utf_8_leave_the_socket_alone(protocol: str, first: list[Any]) -> None:
    """1.6 has no answer to them, 2.x has; the next call is answered."""

    async def main() -> None:
        async with centre() as c:
            reader, writer, _ = await handshake(c.server.ports[0], Sec_WebSocket_Protocol=protocol)
            writer.write(masked(b'[2,"0","DataTransfer",{"vendorId":"\xff\xfe"}]') + CALL)
            assert (await answer(reader))[:2] == first
            assert c.rules == ["not-json"]
            if first[0] == 4:
                assert await answer(reader) == [3, "1", TIME]
            writer.close()

    asyncio.run(main())


def test_quirk_12_a_peer_that_drops_silently_in_tls_harms_nobody(tmp_path: Path) -> None:
    """A unit whose certificate field is empty leaves in the middle of the handshake; the port goes on."""

    async def main() -> None:
        files = Files(tmp_path)
        async with centre(Listen(tls=tls.server_context(*files.server()))) as c:
            _, writer = await asyncio.open_connection("127.0.0.1", c.server.ports[0])
            writer.write(b"\x16\x03\x01")
            writer.close()
            await writer.wait_closed()
            station = await c.station(url=c.url(scheme="wss"), tls=tls.client_context(files.ca))
            assert await station.call("Heartbeat", {}) == TIME
            assert len(c.links) == 1

    asyncio.run(main())
