"""Wrong passwords cost time: the next try of the same party is refused unread until a growing pause is over."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

from twin.domain.clock import Clock

_K = TypeVar("_K")
_V = TypeVar("_V")
FREE_TRIES = 3
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
_REMEMBERED = 10_000
BURST = 50
REFILL_PER_S = 5.0


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until_s: float = 0.0


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Throttle:
    """Counts failures per key; a success forgets them.

    The key of a station's login is (identity, remote address): who guesses from elsewhere must not lock the
    station out. Whatever comes from one address shares `BURST` failures and gets `REFILL_PER_S` more each second.

    Args:
        clock: Whose seconds are counted.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[Hashable, _Failures] = {}
        self._addresses: dict[str, _Bucket] = {}

    def wait_s(self, key: Hashable, address: str) -> float:
        """Return the seconds until the next try will be looked at; 0: now."""
        failures = self._failures.get(key)
        pause = failures.until_s - self._clock.now_s if failures else 0.0
        bucket = self._addresses.get(address)
        if bucket is not None:
            pause = max(pause, (1.0 - self._left(bucket)) / REFILL_PER_S)
        return max(pause, 0.0)

    def failed(self, key: Hashable, address: str) -> None:
        """Count a wrong password: from the third on, the pause doubles with each."""
        failures = self._failures.pop(key, None) or _Failures()
        failures.count += 1
        if failures.count >= FREE_TRIES:
            pause = min(FIRST_PAUSE_S * 2.0 ** min(failures.count - FREE_TRIES, 20), LONGEST_PAUSE_S)
            failures.until_s = self._clock.now_s + pause
        _keep(self._failures, key, failures)
        bucket = self._addresses.pop(address, None) or _Bucket(BURST, self._clock.now_s)
        bucket.left, bucket.at_s = self._left(bucket) - 1.0, self._clock.now_s
        _keep(self._addresses, address, bucket)

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def _left(self, bucket: _Bucket) -> float:
        return min(bucket.left + (self._clock.now_s - bucket.at_s) * REFILL_PER_S, BURST)


def _keep(table: dict[_K, _V], key: _K, value: _V) -> None:
    table[key] = value
    if len(table) > _REMEMBERED:
        del table[next(iter(table))]
