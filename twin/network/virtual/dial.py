"""Connects virtual stations to anybody's central system, with the credentials they have now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from itertools import count

from twin.domain.clock import Clock
from twin.network.ocpp.wire.client import connect
from twin.network.ocpp.wire.endpoint import Endpoint, Limits
from twin.network.ocpp.wire.errors import ConnectFailed
from twin.network.ocpp.wire.link import Answer, Payload, Remark, Trace
from twin.network.virtual.boot import State
from twin.network.virtual.measured import Answers, Measured
from twin.network.virtual.parts.fit import Fitted
from twin.network.virtual.parts.quirks import VendorQuirks
from twin.network.virtual.parts.standard import PASSWORD, SECURITY_PROFILE
from twin.network.virtual.parts.trouble import TroubledLink
from twin.network.virtual.station import VirtualStation
from twin.network.virtual.variables import Variable
from twin.network.virtual.way import Target, Ways

__all__ = ["Dialler", "Target"]

_IDS = 1_000_000
"""Message ids of one connection: unique over all connections of a station (2.0.1 part 4, 4.1.4)."""
_REFRESH_S = 1.0
"""From a changed password to the connection that uses it: the answer must leave first."""
AT_ONCE = 50
"""Handshakes under way at a time: TLS of a thousand stations at once would time out."""


class Dialler:
    """Opens connections of stations.

    Args:
        target: Where to.
        clock: Of the stations.
        answers: Counts what happens.
        trace: Told of every frame.
        remark: Told of every deviation of the central system.
    """

    def __init__(
        self,
        target: Target,
        clock: Clock,
        answers: Answers,
        *,
        trace: Trace | None = None,
        remark: Remark | None = None,
    ) -> None:
        self._target, self._clock, self._answers = target, clock, answers
        self._ways = Ways(target)
        self._trace, self._remark = trace, remark
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: dict[str, TroubledLink] = {}
        self._ends: set[StationEnd] = set()
        self._quiet = asyncio.Event()
        """Set whenever the last connection is gone."""

    def dial(self, station: VirtualStation) -> None:
        """Begin to connect; ends in `link_up` or `link_failed`."""
        task = asyncio.get_running_loop().create_task(self._connect(station))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up attempts that are under way, and wait until the connections, which were closed before, are gone.

        Nobody who is deaf holds it up: a peer has `SocketLimits.close_timeout_s`.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ends:
            self._quiet.clear()
            await self._quiet.wait()

    async def _connect(self, station: VirtualStation) -> None:
        target, answers = self._target, self._answers
        identity = station.settings.identity
        try:
            way = self._ways.of(station)
            async with self._gate:
                socket = await connect(
                    way.url, way.identity, station.settings.versions, clock=self._clock, tls=way.tls,
                    password=way.password, limits=target.sockets, remark=self._remark,
                )  # fmt: skip
        except (ConnectFailed, OSError) as error:  # ssl.SSLError is one of the latter
            answers.refused += 1
            answers.reasons[str(error).removeprefix(f"{identity}: ")] += 1
            if isinstance(station.fittings, Fitted):
                station.fittings.network.failed()
            station.link_failed()
            return
        answers.connected += 1
        link = TroubledLink(socket, self._clock)
        ids = count(station.next_id("connection") * _IDS + 1)
        end = StationEnd(
            link, partial(self._heard, station), clock=self._clock, station_side=True, trace=self._trace,
            remark=self._remark, on_late=station.late, new_id=lambda: str(next(ids)),
            limits=Limits(call_timeout_s=30.0),
        )  # fmt: skip
        end.bind(station, self)
        self._ends.add(end)
        if identity not in self._links:
            station.variables.watch(partial(self._written, station))
        self._links[identity] = link
        fitted = station.fittings
        usual = True
        if isinstance(fitted, Fitted):
            fitted.faults.attach(link)
            usual = fitted.quirk.quirks == VendorQuirks()
            if fitted.network.up() and station.boot.state is State.ACCEPTED:
                station.boot.started("Unknown")  # this central system has never accepted it
        link.join(end)
        station.link_up(Measured(end, answers, validate=usual), link.version)

    def gone(self, end: StationEnd) -> None:
        """A connection was lost, or closed by either side."""
        self._answers.lost += 1
        self._ends.discard(end)
        if not self._ends:
            self._quiet.set()

    def _heard(self, station: VirtualStation, action: str, payload: Payload) -> Answer | Awaitable[Answer]:
        self._answers.received[action] += 1
        return station.handle(action, payload)

    def _written(self, station: VirtualStation, variable: Variable) -> None:
        """A new password, and in 1.6 a higher security profile, is used at once: the station connects anew (A01, A05)."""
        raised = variable.name == SECURITY_PROFILE.name and not station.version.two
        if raised or variable.name == PASSWORD.name:
            self._clock.call_later(_REFRESH_S, self._links[station.settings.identity].close)


class StationEnd(Endpoint):
    """An endpoint that tells its station when the connection is gone."""

    _station: VirtualStation
    _dialler: Dialler

    def bind(self, station: VirtualStation, dialler: Dialler) -> None:
        """Say whose end it is, and who opened it."""
        self._station, self._dialler = station, dialler

    def lost(self) -> None:
        """The transport is gone."""
        super().lost()
        self._dialler.gone(self)
        fitted = self._station.fittings
        if isinstance(fitted, Fitted):
            fitted.faults.link = None
        self._station.link_down()
