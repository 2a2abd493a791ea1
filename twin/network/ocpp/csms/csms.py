"""The central system: who is connected, who answers what, and what is known again after a restart."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Literal

from twin.domain.clock import Activity, Clock, NoActivity
from twin.domain.events import Connected, Disconnected
from twin.domain.journal import Entry, Journal
from twin.errors import TwinError
from twin.network.ocpp.csms.boot import BootGate
from twin.network.ocpp.csms.desk import Desk, Sink
from twin.network.ocpp.csms.parts import Handler, Part
from twin.network.ocpp.csms.policy import policy_from, policy_to
from twin.network.ocpp.csms.station import BootState, Station, StationPolicy
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint, Limits, OnLate
from twin.network.ocpp.wire.errors import CallTimedOut, Code, LinkLost, Refusal
from twin.network.ocpp.wire.link import Answer, Link, Payload, Remark, Trace

POLICY = "station.policy"
FIRST = "station.first"
RUN = "csms.started"
DEAF_AFTER = 3
"""Calls in a row without an answer, after which a connection is cut: one missing answer is no reason (quirk 9)."""


class UnknownStation(TwinError):
    """A station that nobody registered wants to connect, and only known ones may."""


class _Attached(Endpoint):
    """An endpoint whose end the central system hears of."""

    on_lost: Callable[[], None]
    unanswered = 0
    """Calls of ours in a row that timed out."""

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> asyncio.Future[Payload]:
        """See `Caller.call`; a station that answers nothing any more is cut off, so that it dials again (quirk 7)."""
        future = super().call(action, payload, timeout_s=timeout_s, validate=validate)
        future.add_done_callback(self._answered)
        return future

    def _answered(self, future: asyncio.Future[Payload]) -> None:
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, CallTimedOut):
            self.unanswered = 0
            return
        self.unanswered += 1
        if self.unanswered == DEAF_AFTER:
            self.drop()

    def lost(self) -> None:
        """The connection is gone: tell who waits, then the registry."""
        super().lost()
        self.on_lost()


class Csms:
    """Stations by identity, and the parts that serve them.

    Args:
        clock: The only source of time.
        journal: What survives a restart; `restore` reads it.
        parts: Who answers what; no action twice.
        sink: Told every fact, in the order in which facts became known.
        accept: `known`: only registered stations may connect; `any`: whoever comes is registered.
        trace: Told every frame.
        remark: Told every deviation.
        activity: Held busy while something is under way.
        limits: What one connection may cost.
        desk: Where the parts share clock, journal and stations; by default made here.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        parts: Sequence[Part],
        sink: Sink,
        *,
        accept: Literal["known", "any"] = "known",
        trace: Trace | None = None,
        remark: Remark | None = None,
        activity: Activity | None = None,
        limits: Limits | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.desk = desk or Desk(clock, journal, sink)
        self.accept = accept
        self._clock, self._journal, self._sink = clock, journal, sink
        self._trace, self._remark = trace, remark
        self._activity = activity or NoActivity()
        self._limits = limits or Limits()
        self._gate = BootGate(self.desk, self._accepted)
        self._parts: tuple[Part, ...] = (self._gate, *parts)
        self._table = _table(self._parts)
        self._tables = {
            version: {
                action: handler for (spoken, action), handler in self._table.items() if spoken is version
            }
            for version in Version
        }
        self._numbers: dict[str, Iterator[int]] = {}
        self._ids_heard: dict[str, frozenset[str]] = {}
        """Ids that stations used on their last connection."""
        self._run = 0

    @property
    def stations(self) -> dict[str, Station]:
        """Every station that is registered or ever connected, in order of registration."""
        return self.desk.stations

    def restore(self) -> int:
        """Take back what the journal holds; before the first connection.

        Returns:
            How many facts there were.
        """
        owners: dict[str, list[Part]] = defaultdict(list)
        for part in self._parts:
            owners[part.name].append(part)
        facts = 0
        for entry in self._journal.entries():
            facts += 1
            if entry.kind == RUN:
                self._run += 1
                continue
            if entry.kind in (POLICY, FIRST):
                self._restore_station(entry)
                continue
            for part in owners[entry.kind.partition(".")[0]]:
                part.restore(entry)
        self._journal.append("csms", RUN, {})
        self._run += 1
        return facts

    def register(self, identity: str, policy: StationPolicy | None = None) -> Station:
        """Make a station known, or give a known one another policy, which acts on its next message."""
        station = self.stations.get(identity)
        if station is None:
            station = self.stations[identity] = Station(
                identity, policy or StationPolicy(), index=len(self.stations)
            )
            self._journal.append(identity, FIRST, {})
            if policy is None:
                return station
        if policy is not None:
            station.policy = policy
            if isinstance(station.endpoint, Endpoint):
                station.endpoint.strict = policy.strict
            self._journal.append(identity, POLICY, policy_to(policy))
        return station

    def admits(self, identity: str) -> bool:
        """Whether a station of this name may connect; False: the handshake is answered with 404."""
        return self.accept == "any" or identity in self.stations

    def attach(self, link: Link, remote: str = "") -> Endpoint:
        """Take over a connection; the last one of an identity wins, the one before is closed.

        Args:
            link: The connection; its frames go to `Endpoint.receive` of what is returned.
            remote: The peer's address, for people.

        Raises:
            UnknownStation: Only known stations may connect, and this one is not.
        """
        identity = link.identity
        if not self.admits(identity):
            raise UnknownStation(f"{identity}: not registered; register it, or accept any station")
        station = self.register(identity)
        if station.endpoint is not None:  # power loss leaves the old socket "up": quirk 10
            old = station.endpoint
            self._forget(station)
            old.close(1000, "replaced by a newer connection")
        endpoint = _Attached(
            link,
            self._handle(station, link.version),
            clock=self._clock,
            limits=self._limits,
            strict=station.policy.strict,
            station_side=False,
            trace=self._trace,
            remark=self._remark,
            activity=self._activity,
            on_late=self._on_late(station),
            new_id=self._ids(identity),
        )
        endpoint.after(self._ids_heard.pop(identity, frozenset()))
        endpoint.on_lost = lambda: self._closed(station, endpoint)
        station.endpoint, station.version = endpoint, link.version
        station.remote = remote or str(getattr(link, "remote", ""))
        station.connected_s = station.heard_s = self._clock.now_s
        self._sink(Connected(self._clock.now_s, self._clock.now_s, station.identity))
        for part in self._parts:
            part.connected(station)
        return endpoint

    def call(
        self,
        identity: str,
        action: str,
        payload: Payload,
        timeout: float | None = None,
        *,
        validate: bool = True,
    ) -> Awaitable[Payload]:
        """Call a station; `timeout` in s, by default that of the limits.

        Raises:
            LinkLost: It is not connected, or the connection broke before the answer.
            CallFailed, CallTimedOut, ValueError: See `Caller.call`.
        """
        station = self.stations.get(identity)
        if station is None or station.endpoint is None:
            raise LinkLost(f"{identity}: not connected")
        if action in {"TriggerMessage", "ExtendedTriggerMessage"}:
            self._gate.triggered(station, str(payload.get("requestedMessage", "")))
        return station.endpoint.call(action, payload, timeout_s=timeout, validate=validate)

    def close(self) -> None:
        """Close every connection and the journal."""
        for station in self.stations.values():
            if station.endpoint is not None:
                station.endpoint.close(1001, "the central system stops")
        self._journal.close()

    def _handle(
        self, station: Station, version: Version
    ) -> Callable[[str, Payload], Answer | Awaitable[Answer]]:
        """Return what answers the calls of one connection; made once, it is on the hot path."""
        table = self._tables[version]
        clock, gate, accepted = self._clock, self._gate, BootState.ACCEPTED

        def handle(action: str, payload: Payload) -> Answer | Awaitable[Answer]:
            station.heard_s = clock.now_s
            if station.boot is not accepted:
                gate.admit(station, action)
            handler = table.get(action)
            if handler is None:
                raise Refusal(Code.NOT_SUPPORTED, f"{action}: known, not supported")
            return handler(station, payload)

        return handle

    def _ids(self, identity: str) -> Callable[[], str]:
        """Return what makes message ids: unique for a station over all connections and restarts of ours."""
        numbers = self._numbers.setdefault(identity, count(1))
        run = self._run
        return lambda: f"{run:x}.{next(numbers):x}"

    def _on_late(self, station: Station) -> OnLate:
        def late(message_id: str, _payload: Payload) -> None:
            if isinstance(station.endpoint, _Attached):
                station.endpoint.unanswered = 0
            self.desk.note(
                station, None, "late-answer", f"message {message_id} was answered after its time-out"
            )

        return late

    def _accepted(self, station: Station) -> None:
        for part in self._parts:
            part.accepted(station)

    def _closed(self, station: Station, endpoint: object) -> None:
        """A connection is gone; one that was replaced is of no interest any more."""
        if station.endpoint is endpoint:
            self._forget(station)

    def _forget(self, station: Station) -> None:
        if station.version is Version.V201 and isinstance(station.endpoint, Endpoint):
            self._ids_heard[station.identity] = station.endpoint.ids
        station.endpoint = None
        self._sink(Disconnected(self._clock.now_s, self._clock.now_s, station.identity))
        for part in self._parts:
            part.disconnected(station)

    def _restore_station(self, entry: Entry) -> None:
        if entry.stream not in self.stations:
            self.stations[entry.stream] = Station(entry.stream, index=len(self.stations))
        station = self.stations[entry.stream]
        if entry.kind == POLICY:
            station.policy = policy_from(entry.body)


def _table(parts: Sequence[Part]) -> dict[tuple[Version, str], Handler]:
    """Return who answers what.

    Raises:
        ValueError: Two parts want the same action.
    """
    table: dict[tuple[Version, str], Handler] = {}
    for part in parts:
        for key, handler in part.handlers().items():
            if key in table:
                raise ValueError(f"{key[0].value} {key[1]}: two parts answer it, one is {part.name}")
            table[key] = handler
    return table
