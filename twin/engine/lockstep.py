"""Lock step: protocol timers on SimPy's clock, and an asyncio loop that is run until nothing is under way.

Everything happens in one thread. Between two instants of simulated time the loop stands still; at an instant
it runs until every frame is handled and no task is ready. Handlers that wait for the clock or for control wait
on, for neither is a matter of real time.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

import simpy
from simpy.events import URGENT

from twin.errors import TwinError

T = TypeVar("T")

PATIENCE_S = 60.0
"""Real seconds without any progress after which a settlement is given up."""
_ROUNDS = 100_000
"""Rounds of one settlement after which it is taken for a circle: timers that set each other off at one instant."""
_NAMED = 8
"""Keys that an error names."""


class Stuck(TwinError):
    """Something is under way and does not end: a frame that nobody handles, a commit that does not come back."""


class SimTimer:
    """One callback of a `SimClock`."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it; harmless if it was called already."""
        self._callback = None

    def run(self) -> None:
        """Call back, once, unless cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class SimClock:
    """Implements `domain.clock.Clock` on a SimPy environment: simulated time.

    One SimPy event stands for all timers of one instant. It comes before whatever else happens then: a car that
    arrives, the tick.

    Args:
        env: Whose time is told.
        epoch_ns: The instant of `now_s == 0`, nanoseconds since 1970.
        wake: Called when timers are due; it takes them with `due` and sees to what follows.
    """

    def __init__(self, env: simpy.Environment, epoch_ns: int, wake: Callable[[], None]) -> None:
        self._env = env
        self.epoch_ns = epoch_ns
        self._wake = wake
        self._heap: list[tuple[float, int, SimTimer]] = []
        self._armed: set[float] = set()
        self._count = count()

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        return self._env.now

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> SimTimer:
        """See `Clock.call_at`."""
        due_s = max(t_s, self.now_s)
        timer = SimTimer(callback)
        heapq.heappush(self._heap, (due_s, next(self._count), timer))
        if due_s not in self._armed:
            self._armed.add(due_s)
            self._arm(due_s)
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> SimTimer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def due(self) -> list[SimTimer]:
        """Take the timers that are due by now, in order of their instants, then of creation."""
        out, heap, now_s = [], self._heap, self.now_s
        while heap and heap[0][0] <= now_s:
            out.append(heapq.heappop(heap)[2])
        return out

    def _arm(self, due_s: float) -> None:
        callbacks = event_at(self._env, due_s).callbacks
        callbacks.append(lambda _event: self._fire(due_s))

    def _fire(self, due_s: float) -> None:
        self._armed.discard(due_s)
        if self._heap and self._heap[0][0] <= due_s:
            self._wake()


def event_at(env: simpy.Environment, t_s: float) -> simpy.Event:
    """Return an event at exactly `t_s`, before whatever else happens then.

    Not by a delay: now + (t - now) may miss t by a rounding, and come after the tick.
    """
    event = env.event()
    event._ok, event._value = True, None  # noqa: SLF001 -- as simpy.Timeout does; there is no public way
    heapq.heappush(env._queue, (t_s, URGENT, next(env._eid), event))  # noqa: SLF001
    return event


class Quiescence:
    """Implements `domain.clock.Activity` over a private asyncio loop that knows when it is quiet.

    It is quiet when no callback is ready, no socket has anything to read or to write, and nothing is counted
    as under way. Facts that came up meanwhile are then handed out by the `drains`; what they set off is waited
    for as well.

    Args:
        patience_s: Real seconds without progress after which `settle` raises.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._under_way: Counter[str] = Counter()
        self._busy = 0
        self._failures: list[BaseException] = []
        self._drains: list[Callable[[], bool]] = []
        self._settling = False
        self._selector = _Selector(self)
        self.loop = asyncio.SelectorEventLoop(self._selector)
        self.loop.set_exception_handler(self._failed)

    def begin(self, key: str, /) -> None:
        """One more thing is under way; `key` names whose."""
        self._under_way[key] += 1
        self._busy += 1

    def end(self, key: str, /) -> None:
        """One thing less; nothing where it was forgotten before."""
        left = self._under_way.get(key, 0)
        if left:
            self._busy -= 1
            if left == 1:
                del self._under_way[key]
            else:
                self._under_way[key] = left - 1

    def forget(self, key: str, /) -> None:
        """Nothing of `key` is under way any more."""
        self._busy -= self._under_way.pop(key, 0)

    @property
    def busy(self) -> int:
        """How many things are under way."""
        return self._busy

    def drain(self, drain: Callable[[], bool], /) -> None:
        """Call `drain` whenever everything is quiet, outside the loop; it says whether it did anything."""
        self._drains.append(drain)

    def do(self, action: Callable[[], T], /) -> T:
        """Run `action` inside the loop, then settle; return what it returned, raise what it raised."""
        out: list[T] = []
        self.loop.call_soon(lambda: out.append(action()))
        self.settle()
        return out[0]

    def soon(self, action: Callable[[], object], /) -> None:
        """Run `action` inside the loop, at the latest at the next settlement."""
        self.loop.call_soon(action)

    def settle(self) -> None:
        """Run the loop until nothing is under way and nobody has anything to say.

        A drain that settles waits for nothing: the settlement that called it goes on behind it.

        Raises:
            Stuck: No progress for `patience_s`; the message names what is under way.
        """
        if self._settling:
            return
        self._settling = True
        try:
            for _ in range(_ROUNDS):
                self._run_until_quiet()
                # Every drain gets its turn: facts of one instant are one batch.
                if not sum([drain() for drain in self._drains]):
                    return
            raise Stuck(f"something goes in a circle: {_ROUNDS} rounds without an end, {self._named()}")
        finally:
            self._settling = False

    def close(self) -> None:
        """Cancel what still waits, and let go of the loop."""
        if self.loop.is_closed():
            return
        with _alone():
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _run_until_quiet(self) -> None:
        with _alone():
            self._selector.watch(self._patience_s)
            try:
                self.loop.run_forever()
            finally:
                stuck = self._selector.unwatch()
        if self._failures:
            failure = self._failures[0]
            self._failures.clear()
            raise failure
        if stuck:
            raise Stuck(f"nothing moved for {self._patience_s:g} s, {self._named()}")

    def _named(self) -> str:
        keys = sorted(self._under_way)
        if not keys:
            return "nothing is under way"
        names = ", ".join(f"{key} ({self._under_way[key]})" for key in keys[:_NAMED])
        return "under way: " + names + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no one awaited must end the run, not a line on the terminal."""
        failure = context.get("exception")
        self._failures.append(failure if failure is not None else TwinError(str(context.get("message"))))


class LockStep(Quiescence):
    """A clock and a loop that wait for each other.

    Args:
        env: Whose time it is.
        epoch_ns: The instant of second 0, nanoseconds since 1970.
        patience_s: As for `Quiescence`.
    """

    def __init__(self, env: simpy.Environment, epoch_ns: int, patience_s: float = PATIENCE_S) -> None:
        super().__init__(patience_s)
        self.clock = SimClock(env, epoch_ns, self.settle)
        self.drain(self._timers)

    def settle(self) -> None:
        """As `Quiescence.settle`; timers that are due are part of it, and come first."""
        self._timers()
        super().settle()

    def _timers(self) -> bool:
        """Hand the due timers to the loop; callbacks expect to run inside it."""
        due = self.clock.due()
        for timer in due:
            self.loop.call_soon(timer.run)
        return bool(due)


class _Selector(selectors.DefaultSelector):
    """Stops its loop the first time that it would have to wait with nothing under way.

    The loop asks with a timeout of 0 as long as callbacks are ready: any other timeout means that it is idle.
    """

    def __init__(self, activity: Quiescence) -> None:
        super().__init__()
        self._activity = activity
        self._patience_s: float | None = None
        self._waited_s = 0.0
        self._stuck = False

    def watch(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waited_s = 0.0
        self._stuck = False

    def unwatch(self) -> bool:
        self._patience_s = None
        return self._stuck

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        patience_s = self._patience_s
        if patience_s is None or (timeout is not None and timeout <= 0.0):
            return super().select(timeout)
        events = super().select(0.0)
        if not events and not self._activity.busy:
            self._activity.loop.stop()
        elif not events:
            events = self._wait(timeout, patience_s - self._waited_s)
        return events

    def _wait(self, timeout: float | None, left_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        begin_s = time.monotonic()
        events = super().select(left_s if timeout is None else min(timeout, left_s))
        waited_s = time.monotonic() - begin_s
        self._waited_s = 0.0 if events else self._waited_s + waited_s
        if not events and waited_s >= left_s:
            self._stuck = True
            self._activity.loop.stop()
        return events


@contextmanager
def _alone() -> Iterator[None]:
    """Run a private loop even where the caller stands in another one, as in a notebook."""
    outer = asyncio._get_running_loop()  # noqa: SLF001 -- for those who implement loops, says asyncio
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)  # noqa: SLF001
