"""What goes wrong with one request: drawn by its number from the rates of `Faults`."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from twin.money.payments.faults import Faults, lognormal
from twin.money.payments.windows import Windows
from twin.rng import uniforms


class Mishap(Enum):
    """How a request fares."""

    NONE = "none"
    UNHEARD = "unheard"
    """The connection breaks before anything was done."""
    UNANSWERED = "unanswered"
    """It breaks after it was done."""
    BROKEN = "broken"
    """A server error before anything was done; kept under the key."""
    BROKEN_AFTER = "broken after"
    """A server error although it was done; kept under the key."""
    TOO_MANY = "too many"
    """429; nothing is kept."""


class Fate(NamedTuple):
    """Of one request."""

    mishap: Mishap
    latency_s: float


class Trouble:
    """Draws fates.

    Args:
        faults: Rates.
        seed: The run's.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._count = 0
        self._outages = Windows(seed, "wire-outage", faults.outages_per_year, faults.outage_s)
        self._bursts = Windows(seed, "wire-burst", faults.bursts_per_year, faults.burst_s)

    def next(self, t_s: float) -> Fate:
        """Return how the next request fares; `t_s` never falls."""
        self._count += 1
        faults = self._faults
        latency, unheard, unanswered, broken, done, burst, *_ = uniforms(self._seed, "wire", self._count)
        latency_s = lognormal(faults.latency_s, faults.latency_sigma, latency) if faults.latency_s else 0.0
        refused = self._bursts.until_s(t_s) is not None and burst < faults.burst_refused
        if self._outages.until_s(t_s) is not None or unheard < faults.request_lost:
            return Fate(Mishap.UNHEARD, latency_s)
        if refused:
            return Fate(Mishap.TOO_MANY, latency_s)
        if broken < faults.server_error:
            after = done < faults.server_error_done
            return Fate(Mishap.BROKEN_AFTER if after else Mishap.BROKEN, latency_s)
        if unanswered < faults.answer_lost:
            return Fate(Mishap.UNANSWERED, latency_s)
        return Fate(Mishap.NONE, latency_s)
