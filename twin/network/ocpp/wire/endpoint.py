"""One end of an OCPP-J connection: frames in, frames out, on the clock port. No I/O of its own.

`receive` takes what came, never raises, and sees to it that every frame is answered where its version says so and
otherwise recorded. `call` sends a CALL when the one before is answered, and waits for what comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from twin.network.ocpp.wire.link import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may cost."""

    call_timeout_s: float = 30.0
    """How long an answer is waited for."""
    queued_calls: int = 100
    """Calls of ours that wait for their turn; one more is refused at once."""
    frame_bytes: int = 1_048_576
    """Longer frames are recorded and refused."""
    remembered_ids: int = 200
    """Ids of the peer's calls whose answers are kept, to repeat them."""


class Caller(Protocol):
    """What the parts of a station or of the central system see of an endpoint."""

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> Awaitable[Payload]:
        """Send a CALL and wait for the payload of its CALLRESULT.

        Args:
            action: As in the version of the connection.
            payload: As it shall stand on the wire.
            timeout_s: By default `Limits.call_timeout_s`.
            validate: False sends a payload that its schema refuses: for tests of other people's systems.

        Raises:
            CallFailed, CallTimedOut, LinkLost: see `wire.errors`.
            ValueError: The payload does not fit its schema and `validate` is True.
        """
        ...

    def send(self, action: str, payload: Payload) -> None:
        """Send an unconfirmed SEND (2.1)."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; calls that wait raise LinkLost."""

    def drop(self) -> None:
        """Cut the TCP connection without a word."""


OnLate = Callable[[str, Payload], None]
"""(message id, payload) of an answer that came after its time-out."""
