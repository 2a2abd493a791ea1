"""Ids of the peer's calls and what they were answered, to answer a repeated call without acting twice."""

from __future__ import annotations

from enum import Enum


class Seen(Enum):
    """What an id of a call is."""

    NEW = "new"
    REPEATED = "repeated"
    """The same id and the same body."""
    REUSED = "reused"
    """The same id, another body."""


class Heard:
    """The last `size` ids."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bodies: dict[str, int] = {}
        self._answers: dict[str, str] = {}

    @property
    def ids(self) -> frozenset[str]:
        """Those that are remembered."""
        return frozenset(self._bodies)

    def see(self, message_id: str, frame: str | bytes) -> Seen:
        """Tell what an id is, and remember it with its body."""
        bodies = self._bodies
        body = hash(frame)
        before = bodies.get(message_id)
        if before == body:
            return Seen.REPEATED
        if before is not None:
            self._answers.pop(message_id, None)
        bodies[message_id] = body
        if len(bodies) > self._size:
            oldest = next(iter(bodies))
            del bodies[oldest]
            self._answers.pop(oldest, None)
        return Seen.NEW if before is None else Seen.REUSED

    def answered(self, message_id: str, frame: str) -> None:
        """Keep an answer as long as its id is remembered."""
        if message_id in self._bodies:
            self._answers[message_id] = frame

    def forget(self, message_id: str) -> None:
        """Take the same call anew when it comes again: it was not answered and had no effect that lasts."""
        self._bodies.pop(message_id, None)
        self._answers.pop(message_id, None)

    def answer(self, message_id: str) -> str | None:
        """Return the answer that was given; None: the call is still being handled."""
        return self._answers.get(message_id)
