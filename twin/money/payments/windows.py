"""Times in which a provider cannot be reached, or refuses by 429: drawn as time goes on, without an end."""

from __future__ import annotations

from twin.money.payments.faults import exponential
from twin.rng import uniforms

YEAR_S = 365 * 86_400.0


class Windows:
    """Windows that begin at random, so many a year, each of random length; they may overlap.

    Beginnings and lengths are drawn apart: longer outages begin at the same instants.

    Args:
        seed: The run's.
        name: What they are.
        per_year: How many begin in a year on average; 0: none ever.
        mean_s: Their length on average.
    """

    def __init__(self, seed: int, name: str, per_year: float, mean_s: float) -> None:
        self._seed = seed
        self._name = name
        self._gap_s = YEAR_S / per_year if per_year else float("inf")
        self._mean_s = mean_s
        self._count = 0
        self._next_s = self._gap_s
        self._length_s = 0.0
        self._until_s = float("-inf")
        if per_year:
            self._next_s = 0.0
            self._draw()

    def until_s(self, t_s: float) -> float | None:
        """Return when the window that is open at `t_s` ends, None if none is open. `t_s` never falls."""
        while self._next_s <= t_s:
            self._until_s = max(self._until_s, self._next_s + self._length_s)
            self._draw()
        return self._until_s if t_s < self._until_s else None

    def _draw(self) -> None:
        gap, length, *_ = uniforms(self._seed, "payments", self._name, self._count)
        self._next_s += exponential(self._gap_s, gap)
        self._length_s = exponential(self._mean_s, length)
        self._count += 1
