"""The calls of one end: one in flight, the others wait in order (OCPP-J 1.6 4.1.1, 2.x part 4, 4.1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twin.domain.clock import Clock, Timer
from twin.network.ocpp.wire.errors import CallTimedOut, LinkLost, QueueFull, WireError
from twin.network.ocpp.wire.link import Payload

_REMEMBERED = 50
"""Ids of calls that were given up: enough to tell a late answer from one to nobody's question."""


class Call:
    """A call of ours."""

    __slots__ = ("action", "frame", "future", "message_id", "timeout_s", "timer")

    def __init__(
        self, message_id: str, action: str, frame: str, timeout_s: float, future: asyncio.Future[Payload]
    ) -> None:
        self.message_id, self.action, self.frame = message_id, action, frame
        self.timeout_s, self.future = timeout_s, future
        self.timer: Timer | None = None


class Calls:
    """Sends calls in turn and matches what comes back.

    Args:
        who: The peer, for errors.
        clock: Counts the time-outs.
        put: Sends a frame.
        queued: How many may wait.
    """

    def __init__(self, who: str, clock: Clock, put: Callable[[str], None], queued: int) -> None:
        self._who, self._clock, self._put, self._queued = who, clock, put, queued
        self._waiting: list[Call] = []
        """Few, in most connections none: an empty deque takes ten times as much."""
        self._given_up: dict[str, str] = {}
        self.flying: Call | None = None

    def add(self, call: Call) -> None:
        """Send a call, now or when its turn comes; one too many is refused through its future."""
        if self.flying is None:
            self._send(call)
        elif len(self._waiting) < self._queued:
            self._waiting.append(call)
        else:
            error = QueueFull(f"{self._who}: {call.action} not sent, {self._queued} calls wait already")
            call.future.set_exception(error)

    def _send(self, call: Call) -> None:
        self.flying = call
        call.timer = self._clock.call_later(call.timeout_s, self._time_out)
        self._put(call.frame)

    def take(self, message_id: str) -> Call | None:
        """Return the call that an answer belongs to; it is in flight no more."""
        call = self.flying
        if call is None or call.message_id != message_id:
            return None
        if call.timer is not None:
            call.timer.cancel()
        self.flying = None
        return call

    def next(self) -> None:
        """Send the call whose turn it is, if there is one; whoever gave up waiting loses its turn."""
        while self._waiting and self.flying is None:
            call = self._waiting.pop(0)
            if not call.future.done():
                self._send(call)

    def late(self, message_id: str) -> str | None:
        """Return the action of a call that was given up, once."""
        return self._given_up.pop(message_id, None)

    def _time_out(self) -> None:
        call = self.flying
        assert call is not None
        self.flying = None
        self._given_up[call.message_id] = call.action
        if len(self._given_up) > _REMEMBERED:
            del self._given_up[next(iter(self._given_up))]
        message = f"{self._who}: no answer to {call.action} within {call.timeout_s:g} s"
        fail(call, CallTimedOut(message, call.message_id))
        self.next()

    def lost(self) -> None:
        """Fail every call: the connection is gone."""
        calls = [*([self.flying] if self.flying else []), *self._waiting]
        self.flying = None
        self._waiting.clear()
        for call in calls:
            if call.timer is not None:
                call.timer.cancel()
            fail(call, LinkLost(f"{self._who}: connection lost before {call.action} was answered"))


def fail(call: Call, error: WireError) -> None:
    """Tell whoever still waits for it."""
    if not call.future.done():
        call.future.set_exception(error)
