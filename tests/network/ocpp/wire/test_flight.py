"""What is counted as under way, for lock step."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.network.ocpp.wire.conftest import Pair, turns
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload

TIME = {"currentTime": "2026-01-01T00:00:00.000Z"}


class Busy:
    """Counts, and can be awaited to be idle."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.most = 0

    def begin(self, key: str, /) -> None:
        self.counts[key] += 1
        self.most = max(self.most, self.total)

    def end(self, key: str, /) -> None:
        if self.counts[key]:
            self.counts[key] -= 1

    def forget(self, key: str, /) -> None:
        self.counts[key] = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    async def idle(self) -> None:
        while self.total:  # noqa: ASYNC110  turns of the loop are what is counted
            await asyncio.sleep(0)


def test_a_call_is_under_way_until_its_caller_has_gone_on() -> None:
    """When nothing is counted any more, the task that waited for the answer has run."""

    async def main() -> None:
        busy = Busy()
        pair = Pair(Version.V16, activity=busy)
        pair.answers["Heartbeat"] = TIME
        seen: list[Payload] = []

        async def ask() -> None:
            seen.append(await pair.station.call("Heartbeat", {}))

        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        assert busy.total == 1
        await busy.idle()
        assert seen == [TIME]
        await task

    asyncio.run(main())


def test_a_chain_of_calls_leaves_no_gap() -> None:
    """A task that calls again when it was answered keeps the count above nothing throughout."""

    async def main() -> None:
        busy = Busy()
        pair = Pair(Version.V16, activity=busy)
        pair.answers["Heartbeat"] = TIME
        done: list[int] = []

        async def ask() -> None:
            for n in range(5):
                await pair.station.call("Heartbeat", {})
                done.append(n)

        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        await busy.idle()
        assert done == [0, 1, 2, 3, 4]
        await task

    asyncio.run(main())


def test_a_handler_that_waits_for_control_is_not_under_way() -> None:
    """Simulated time may go on although the call has no answer yet."""

    async def main() -> None:
        busy = Busy()
        pair = Pair(Version.V16, activity=busy)
        gate: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        pair.answers["Heartbeat"] = lambda: gate
        call = pair.station.call("Heartbeat", {})
        await busy.idle()
        assert not call.done()
        gate.set_result(TIME)
        await call
        await busy.idle()

    asyncio.run(main())


def test_a_drop_is_under_way_until_both_ends_saw_it() -> None:
    """Frames that were lost with the connection are not waited for."""

    async def main() -> None:
        busy = Busy()
        pair = Pair(Version.V16, activity=busy)
        call = pair.station.call("Heartbeat", {})
        pair.station.drop()
        assert busy.total == 3  # the frame, and an end each
        await busy.idle()
        assert pair.station_link.closed == pair.csms_link.closed == (1006, "")
        assert isinstance(call.exception(), Exception)

    asyncio.run(main())


def test_a_close_after_the_peer_has_seen_the_end_is_not_waited_for_by_it() -> None:
    """The owner closes an old connection that its station dropped already."""

    async def main() -> None:
        busy = Busy()
        pair = Pair(Version.V16, activity=busy)
        pair.station.lost()
        pair.csms.close()
        await turns()
        pair.csms.lost()
        await busy.idle()

    asyncio.run(main())
