"""How a central system answers: every call of every station, its outcome and its latency."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable

import numpy as np

from twin.network.ocpp.wire.endpoint import Caller
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, WireError
from twin.network.ocpp.wire.link import Payload


class Answers:
    """Counts and latencies of all stations together. Latencies are real time, whatever the speed of the clock."""

    def __init__(self) -> None:
        self.latency_s = array("f")
        """Of each call that was answered, in the order of the answers."""
        self.calls: Counter[str] = Counter()
        """Calls sent, by action."""
        self.errors: Counter[str] = Counter()
        """Calls without a usable answer: `Action Code`, `Action timed out`, `Action lost`."""
        self.received: Counter[str] = Counter()
        """Calls of the central system, by action."""
        self.answered = 0
        """Calls that were answered, with an error or without."""
        self.connected = self.lost = self.refused = 0
        """Connections opened, lost again, and attempts that failed."""
        self.reasons: Counter[str] = Counter()
        """Why attempts failed."""

    @property
    def tried(self) -> bool:
        """Whether any attempt to connect came to its end, good or bad."""
        return self.connected + self.refused > 0

    def warm(self) -> None:
        """Forget the latencies so far: the start of many stations is a load of its own."""
        self.latency_s = array("f")

    def percentile_ms(self, percent: float, last: int = 0) -> float:
        """Return a latency that `percent` of the answers did not exceed, in ms; NaN where there are none.

        Args:
            percent: 0..100.
            last: Of the latest so many only; 0: of all.
        """
        taken = self.latency_s[-last:] if last else self.latency_s
        return (
            float(np.percentile(np.frombuffer(taken, np.float32), percent)) * 1e3 if taken else float("nan")
        )

    def note(self, action: str, error: BaseException | None, latency_s: float) -> None:
        """One call came to its end."""
        if error is None or isinstance(error, CallFailed):
            self.answered += 1
            self.latency_s.append(latency_s)
        if isinstance(error, CallFailed):
            self.errors[f"{action} {error.code}"] += 1
        elif isinstance(error, CallTimedOut):
            self.errors[f"{action} timed out"] += 1
        elif isinstance(error, WireError):
            self.errors[f"{action} lost"] += 1


class Measured:
    """Implements `Caller` around another one.

    Args:
        caller: The endpoint.
        answers: Where its calls are counted.
        validate: Whether what is sent must fit its schema; quirks send what does not.
    """

    def __init__(self, caller: Caller, answers: Answers, *, validate: bool) -> None:
        self._caller, self._answers, self._validate = caller, answers, validate
        self._loop = asyncio.get_running_loop()

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> asyncio.Future[Payload]:
        """See `Caller.call`."""
        self._answers.calls[action] += 1
        begun_s = self._loop.time()
        future = asyncio.ensure_future(
            self._caller.call(action, payload, timeout_s=timeout_s, validate=validate and self._validate)
        )
        future.add_done_callback(self._done(action, begun_s))
        return future

    def _done(self, action: str, begun_s: float) -> Callable[[asyncio.Future[Payload]], None]:
        def done(future: asyncio.Future[Payload]) -> None:
            if not future.cancelled():
                self._answers.note(action, future.exception(), self._loop.time() - begun_s)

        return done

    def send(self, action: str, payload: Payload) -> None:
        """See `Caller.send`."""
        self._answers.calls[action] += 1
        self._caller.send(action, payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Caller.close`."""
        self._caller.close(code, reason)

    def drop(self) -> None:
        """See `Caller.drop`."""
        self._caller.drop()
