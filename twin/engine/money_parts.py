"""Time and books of money in a simulation: on the scheduler's clock, in memory."""

from __future__ import annotations

import simpy

from twin.domain.books import LedgerEntry
from twin.engine.lockstep import SimClock
from twin.money.ledger.memory import MemoryBooks


class MoneyClock(SimClock):
    """Simulated time for payments: timers are called by SimPy's loop, before whatever else happens at their instant.

    In lock step it is a clock of its own: what a provider takes its time for is nothing that sockets wait for.

    Args:
        env: Whose time is told.
        epoch_ns: The instant of `now_s == 0`, nanoseconds since 1970.
    """

    def __init__(self, env: simpy.Environment, epoch_ns: int) -> None:
        super().__init__(env, epoch_ns, self._call)
        self._late_s = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the epoch of the run."""
        return max(self._env.now, self._late_s)

    def run_out(self, until_s: float) -> None:
        """Let time pass behind the end of the run, for answers that are under way: nothing else happens any more."""
        while self._heap and self._heap[0][0] <= until_s:
            self._late_s = max(self._late_s, self._heap[0][0])
            self._call()
        self._late_s = max(self._late_s, until_s)

    def _call(self) -> None:
        for timer in self.due():
            timer.run()


class WatchedBooks(MemoryBooks):
    """Books in memory that tell what was posted since they were asked last: rows of a table."""

    def __init__(self) -> None:
        super().__init__(keep_facts=False)
        self._new: list[LedgerEntry] = []

    def post(self, entry: LedgerEntry, /) -> bool:
        """See `Books.post`."""
        posted = super().post(entry)
        if posted:
            self._new.append(entry)
        return posted

    def take(self) -> list[LedgerEntry]:
        """Return entries since the last call; outside of blocks."""
        new, self._new = self._new, []
        return new
