"""What is under way on a connection, told to who must wait for it in lock step.

A frame counts from `sent` at one end until the other end has handled it and the tasks which that woke have run as
far as they can. A close counts until both ends have seen it. Both ends of a connection live in one process there; in
real time nothing is counted.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from twin.domain.clock import Activity, NoActivity

_HOPS: Final = 2
"""Turns of the loop after which a woken task, and who waits for it, have run. A future wakes its task one turn later."""

_gone: WeakKeyDictionary[Activity, set[str]] = WeakKeyDictionary()
"""Per `Activity`: connections of which one end, and one only, has been lost so far."""


class Flight:
    """The counts of one end of a connection.

    Args:
        activity: Who counts.
        connection: Named the same at both ends.
        station_side: Which end this is.
        loop: Whose turns are waited for.
    """

    def __init__(
        self, activity: Activity, connection: str, *, station_side: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.counts = not isinstance(activity, NoActivity)
        self._activity, self._connection, self._loop = activity, connection, loop
        up, down = f"{connection} up", f"{connection} down"
        self._out, self._in = (up, down) if station_side else (down, up)

    def sent(self) -> None:
        """A frame was given to the link."""
        self._activity.begin(self._out)

    def received(self) -> None:
        """A frame was handled; count it down when the tasks that it woke have run."""
        self._turn(_HOPS)

    def _turn(self, hops: int) -> None:
        if hops:
            self._loop.call_soon(self._turn, hops - 1)
        else:
            self._activity.end(self._in)

    def closing(self) -> None:
        """This end closes or drops the connection; both ends will be told that it is lost."""
        if self.counts and self._connection not in _gone.get(self._activity, ()):
            self._activity.begin(self._in)
            self._activity.begin(self._out)

    def lost(self) -> None:
        """This end saw the connection go: nothing can come to it any more."""
        if not self.counts:
            return
        half = _gone.setdefault(self._activity, set())
        if self._connection in half:
            half.discard(self._connection)
        else:
            half.add(self._connection)
        self._lost_turn(_HOPS)

    def _lost_turn(self, hops: int) -> None:
        if hops:
            self._loop.call_soon(self._lost_turn, hops - 1)
        else:
            self._activity.forget(self._in)
