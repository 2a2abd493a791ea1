"""How stations connect: credentials, a new password, a server that is not there."""

import asyncio
import base64
import json

import pytest
from websockets.asyncio.server import serve

from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.sockets import SocketLimits
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import default_evses
from twin.network.virtual.load import Load, LoadOptions

BOOTED = {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": "Accepted"}
SOON = {"OCPPCommCtrlr.RetryBackOffWaitMinimum": "0", "OCPPCommCtrlr.RetryBackOffRandomRange": "0"}
CHANGES = {
    Version.V16: ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "30313233343536373839616263646566"}),
    Version.V201: (
        "SetVariables",
        {
            "setVariableData": [
                {
                    "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"},
                    "attributeValue": "0123456789abcdef",
                }
            ]
        },
    ),
}  # fmt: skip


def basic(password):
    return "Basic " + base64.b64encode(b"TWIN-1:" + password).decode()


@pytest.mark.parametrize("version", list(CHANGES))
def test_a_new_password_is_used_at_once(version):
    """Set over OCPP (1.6: as hexadecimal), the station connects anew and shows the new one."""
    action, payload = CHANGES[version]
    headers = []

    async def run():
        again = asyncio.Event()

        async def centre(socket):
            headers.append(socket.request.headers["Authorization"])
            if len(headers) == 2:
                again.set()
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    answer = BOOTED if frame[2] == "BootNotification" else {}
                    await socket.send(json.dumps([3, frame[1], answer]))
                    if frame[2] == "BootNotification":
                        await socket.send(json.dumps([2, "c-1", action, payload]))

        async with serve(centre, "127.0.0.1", 0, subprotocols=[version.value]) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            clock = LoopClock(asyncio.get_running_loop(), 1_767_225_600 * 10**9, 20.0)
            options = LoadOptions(version=version, values=SOON)
            load = Load(
                Target(url=url, password="first-password-{identity}"), default_evses(1), options, clock
            )
            load.start()
            await asyncio.wait_for(again.wait(), 30.0)
            await load.stop()

    asyncio.run(run())
    assert headers == [basic(b"first-password-TWIN-1"), basic(b"0123456789abcdef")]


def test_a_server_that_refuses_is_tried_again_and_told():
    """Each attempt is counted with its reason."""

    async def run():
        clock = LoopClock(asyncio.get_running_loop(), 0, 1_000.0)
        load = Load(Target(url="ws://127.0.0.1:1"), default_evses(2), LoadOptions(version=Version.V16), clock)
        enough = asyncio.Event()
        clock.call_later(0.0, load.start)

        def look():
            if load.answers.refused >= 4:
                enough.set()
            else:
                clock.call_later(1.0, look)

        look()
        await enough.wait()
        await load.stop()
        return load

    load = asyncio.run(run())
    [reason] = load.answers.reasons
    assert "Connect call failed" in reason
    assert (load.online, load.answers.connected) == (0, 0)


def test_a_server_that_answers_with_a_status_is_tried_again():
    """503 twice, then a connection: what an HTTP server says is no reason to give up."""
    statuses = [503, 503]

    async def run():
        connected = asyncio.Event()

        async def centre(socket):
            connected.set()
            await socket.wait_closed()

        def refuse(connection, _request):
            return connection.respond(statuses.pop(), "out of order") if statuses else None

        async with serve(centre, "127.0.0.1", 0, subprotocols=["ocpp1.6"], process_request=refuse) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            clock = LoopClock(asyncio.get_running_loop(), 0, 100.0)
            load = Load(Target(url=url), default_evses(1), LoadOptions(version=Version.V16), clock)
            load.start()
            await asyncio.wait_for(connected.wait(), 30.0)
            await load.stop()
            return load

    load = asyncio.run(run())
    assert load.answers.refused == 2
    assert [reason.rpartition(" ")[2] for reason in load.answers.reasons] == ["503"]


def stopped_at(centre):
    """Connect one station to `centre(socket, over)`, stop it, and return the load; a peer has 0.2 s to close."""

    async def run():
        connected, over = asyncio.Event(), asyncio.Event()

        async def serving(socket):
            connected.set()
            await centre(socket, over)

        async with serve(serving, "127.0.0.1", 0, subprotocols=["ocpp1.6"], close_timeout=0.1) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            target = Target(url=url, sockets=SocketLimits(close_timeout_s=0.2))
            clock = LoopClock(asyncio.get_running_loop(), 0)
            load = Load(target, default_evses(1), LoadOptions(version=Version.V16), clock)
            load.start()
            await connected.wait()
            while not load.answers.connected:  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0)
            await load.stop()
            over.set()
            assert (load.answers.connected, load.answers.lost) == (1, 1)

    asyncio.run(run())


def test_a_stop_waits_until_connections_are_gone():
    """The central system has read the word of farewell before the stop is over."""
    codes = []

    async def centre(socket, _over):
        await socket.wait_closed()
        codes.append(socket.close_code)

    stopped_at(centre)
    assert codes == [1001]


def test_a_stop_does_not_wait_for_who_is_deaf():
    """A central system that reads nothing any more is cut off after the time to close."""

    async def centre(socket, over):
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.resume_reading()

    stopped_at(centre)


def test_percentiles_are_of_all_or_of_the_latest():
    """Of latencies 1 to 100 ms: half is 50.5, of the latest ten 95.5; none is no number."""
    from twin.network.virtual.measured import Answers

    answers = Answers()
    assert answers.percentile_ms(50) != answers.percentile_ms(50)
    for ms in range(1, 101):
        answers.note("Heartbeat", None, ms / 1e3)
    assert answers.percentile_ms(50) == pytest.approx(50.5, abs=0.01)
    assert answers.percentile_ms(50, last=10) == pytest.approx(95.5, abs=0.01)
