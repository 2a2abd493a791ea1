"""Real time: SimPy driven from asyncio, as fast as the clock on the wall or a factor faster.

A paced run waits for the next instant at which something is due, or for a message, whichever comes first, and then
brings simulated time up to the present. It never blocks the loop, and how far it fell behind is data.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import simpy

from twin.domain.clock import Clock
from twin.engine.lockstep import event_at

_STEPS = 500
"""Simulated events between two looks at the sockets."""


@dataclass(slots=True)
class Lag:
    """How late simulated events came, in simulated seconds: for the manifest."""

    worst_s: float = 0.0
    worst_at_s: float = 0.0

    def note(self, due_s: float, now_s: float) -> None:
        """One event was due at `due_s` and came at `now_s`."""
        if now_s - due_s > self.worst_s:
            self.worst_s, self.worst_at_s = now_s - due_s, due_s


async def drive(
    env: simpy.Environment,
    clock: Clock,
    until_s: float,
    *,
    wake: asyncio.Event | None = None,
    lag: Lag | None = None,
) -> Lag:
    """Run a simulation in step with `clock` until `until_s`.

    Args:
        env: Its events are processed when the clock reaches them, several of one instant in SimPy's order.
        clock: What time it is; its speed is the speed of the run (`network.clock.LoopClock`).
        until_s: End, on the clock's scale. Events at that very instant are processed.
        wake: Set by whoever changed the simulation from outside (a message came): simulated time then catches
            up with the clock, and the next due instant is looked up anew. Cleared here.
        lag: Where delays are noted while the run goes on; by default a new one.

    Returns:
        How far events fell behind the clock.
    """
    lag = Lag() if lag is None else lag
    wake = asyncio.Event() if wake is None else wake
    while True:
        await _catch_up(env, clock, until_s, lag)
        if clock.now_s >= until_s and env.peek() > until_s:
            return lag
        wake.clear()
        timer = clock.call_at(min(env.peek(), until_s), wake.set)
        try:
            await wake.wait()
        finally:
            timer.cancel()


async def _catch_up(env: simpy.Environment, clock: Clock, until_s: float, lag: Lag) -> None:
    """Process everything that is due, then let simulated time be now."""
    steps = 0
    while (due_s := env.peek()) <= min(clock.now_s, until_s):
        lag.note(due_s, clock.now_s)
        env.step()
        steps += 1
        if steps % _STEPS == 0:
            await asyncio.sleep(0)  # sockets must not starve behind a crowd of events
    now_s = min(clock.now_s, until_s)
    if env.now < now_s < env.peek():
        event_at(env, now_s)
        env.step()
