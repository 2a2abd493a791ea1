"""Print how many operations of payments the simulated provider does per second of processor time.

Workload: a year of 1,000 EVSEs in little: sessions at random instants, each a hold, and three hours later a capture. Every
operation calls back with its outcome, and once more with its notice. Figures are processor time of the whole process; the
best of the rounds. *Remembered* is what the provider still knows of at the end.
"""

from __future__ import annotations

import argparse
import heapq
import resource
from collections.abc import Callable
from functools import partial
from itertools import count
from time import process_time

from twin.domain.payments import Authorise, Capture, Instrument, Means, Notice, Outcome
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider
from twin.rng import stream

STAY_S = 3 * 3_600.0
PER_DAY = 1_920
"""Sessions of 1,000 EVSEs."""


class Timer:
    """One callback of `HeapClock`."""

    def __init__(self, callback: Callable[[], None] | None) -> None:
        self.callback = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class HeapClock:
    """The least that a clock can be: a heap of callbacks."""

    epoch_ns = 0

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = count()

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> Timer:
        """See `Clock.call_at`."""
        timer = Timer(callback)
        heapq.heappush(self._heap, (max(t_s, self.now_s), next(self._count), timer))
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> Timer:
        """See `Clock.call_later`."""
        return self.call_at(self.now_s + delay_s, callback)

    def run(self, until_s: float) -> None:
        """Call back whatever is due by then."""
        heap = self._heap
        while heap and heap[0][0] <= until_s:
            self.now_s, _, timer = heapq.heappop(heap)
            if timer.callback is not None:
                timer.callback()
        self.now_s = until_s


def measure(faults: Faults, sessions: int) -> tuple[float, float, SimulatedProvider]:
    """Return (µs per operation, callbacks per operation, the provider)."""
    clock = HeapClock()
    provider = SimulatedProvider(clock, seed=1, faults=faults)
    called = [0]

    def sink(_news: Outcome | Notice) -> None:
        called[0] += 1

    provider.subscribe(sink)
    days = sessions / PER_DAY
    arrivals_s = stream(1, "bench", "payments").uniform(0, days * 86_400, sessions)
    for k, at_s in enumerate(sorted(arrivals_s.tolist())):
        card = Instrument((Means.APP, Means.TERMINAL, Means.WALLET)[k % 3], f"card-{k % 5_000}")
        hold = Authorise(f"s{k}/hold", f"s{k}", 6_000, "EUR", card, "stadtwerk")
        clock.call_at(at_s, partial(provider.submit, hold))
        clock.call_at(at_s + STAY_S, partial(provider.submit, Capture(f"s{k}/take", f"s{k}", 2_345, 345)))
    begin_s = process_time()
    clock.run((days + 1) * 86_400)
    spent_s = process_time() - begin_s
    return spent_s / (2 * sessions) * 1e6, called[0] / (2 * sessions), provider


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{'faults':10} {'µs/operation':>14} {'operations/s':>14} {'callbacks each':>15} {'remembered':>11}"
    )
    for name, faults in (("none", Faults.none()), ("assumed", Faults())):
        best = min((measure(faults, options.sessions) for _ in range(options.rounds)), key=lambda m: m[0])
        us, calls, provider = best
        print(f"{name:10} {us:14.1f} {1e6 / us:14.0f} {calls:15.2f} {provider.remembered:11}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
