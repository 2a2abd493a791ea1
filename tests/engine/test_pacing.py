"""Real time: events come when their clock says so, and messages are not waited past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import simpy

from twin.engine.pacing import Lag, drive


class HandClock:
    """A clock that the test moves: `call_at` remembers, `go` calls what is due."""

    epoch_ns = 0

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HandTimer:
        self.waiting.append((t_s, callback))
        return HandTimer(self, callback)

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HandTimer:
        return self.call_at(self.now_s + delay_s, callback)

    async def go(self, t_s: float) -> None:
        """Let it be `t_s`, and let whoever wakes run."""
        self.now_s = t_s
        for due_s, callback in tuple(self.waiting):
            if due_s <= t_s:
                callback()
        for _ in range(10):
            await asyncio.sleep(0)


class HandTimer:
    def __init__(self, clock: HandClock, callback: Callable[[], None]) -> None:
        self._clock, self._callback = clock, callback

    def cancel(self) -> None:
        self._clock.waiting = [item for item in self._clock.waiting if item[1] is not self._callback]


def ticks(env: simpy.Environment, seen: list[float]) -> Iterator[simpy.Event]:
    while True:
        seen.append(env.now)
        yield env.timeout(10.0)


def test_events_wait_for_their_instant() -> None:
    """Ticks at 0, 10 and 20 come at these times, and the run ends at 20 with the last one."""

    async def case() -> list[list[float]]:
        env, clock, seen = simpy.Environment(), HandClock(), []  # type: ignore[var-annotated]
        env.process(ticks(env, seen))  # type: ignore[arg-type]
        task = asyncio.ensure_future(drive(env, clock, 20.0))
        out = []
        for t_s in (0.0, 9.9, 10.0, 19.0, 20.0):
            await clock.go(t_s)
            out.append(list(seen))
        await task
        return out

    assert asyncio.run(case()) == [[0.0], [0.0], [0.0, 10.0], [0.0, 10.0], [0.0, 10.0, 20.0]]


def test_a_message_brings_simulated_time_up_to_now() -> None:
    """What comes at 3.5 between two ticks finds the simulation at 3.5, and may schedule for 4."""

    async def case() -> list[float]:
        env, clock, seen, wake = simpy.Environment(), HandClock(), [], asyncio.Event()
        env.process(ticks(env, []))  # type: ignore[arg-type]
        task = asyncio.ensure_future(drive(env, clock, 10.0, wake=wake))
        await clock.go(0.0)
        clock.now_s = 3.5
        wake.set()
        await clock.go(3.5)
        seen.append(env.now)

        def late() -> Iterator[simpy.Event]:
            yield env.timeout(0.5)
            seen.append(env.now)

        env.process(late())  # type: ignore[arg-type]
        wake.set()
        for t_s in (3.5, 4.0, 10.0):
            await clock.go(t_s)
        await task
        return seen

    assert asyncio.run(case()) == [3.5, 4.0]


def test_falling_behind_is_data() -> None:
    """A loop that came back at 14 processed the tick of 10 four seconds late."""

    async def case() -> Lag:
        env, clock = simpy.Environment(), HandClock()
        env.process(ticks(env, []))  # type: ignore[arg-type]
        task = asyncio.ensure_future(drive(env, clock, 15.0))
        for t_s in (0.0, 14.0, 15.0):
            await clock.go(t_s)
        return await task

    lag = asyncio.run(case())
    assert (lag.worst_s, lag.worst_at_s) == (4.0, 10.0)
