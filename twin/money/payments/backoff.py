"""How long to wait before a provider that answers 429 is asked again, under the same key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delays that double, with jitter, until patience ends: then nobody knows whether it was done.

    Raises:
        ValueError: A number is out of range.
    """

    first_s: float = 0.5
    factor: float = 2.0
    ceiling_s: float = 8.0
    jitter: float = 0.5
    """Share of a delay that is drawn: stations that were refused together do not come back together."""
    attempts_max: int = 6
    """Tries in all, the first one included."""

    def __post_init__(self) -> None:
        wrong = [
            text
            for bad, text in (
                (self.first_s <= 0, f"first delay {self.first_s} s: above 0"),
                (self.factor < 1, f"factor {self.factor}: at least 1"),
                (self.ceiling_s < self.first_s, f"ceiling {self.ceiling_s} s: at least the first delay"),
                (not 0 <= self.jitter <= 1, f"jitter {self.jitter}: 0 to 1"),
                (self.attempts_max < 1, f"attempts {self.attempts_max}: at least 1"),
            )
            if bad
        ]
        if wrong:
            raise ValueError("back-off: " + "; ".join(wrong))

    def delay_s(self, failed: int, draw: float) -> float | None:
        """Return how long to wait after the `failed`-th try was refused.

        Args:
            failed: Tries so far, from 1.
            draw: Within [0, 1): `rng.uniform` of the operation and the try.

        Returns:
            Seconds, or None: patience is over.
        """
        if failed >= self.attempts_max:
            return None
        whole_s = min(self.first_s * self.factor ** (failed - 1), self.ceiling_s)
        return whole_s * (1 - self.jitter * draw)
