"""How a call can fail, as one tree.

WireError
├── CallFailed      the peer answered CALLERROR (or an answer that its schema refuses).
├── CallTimedOut    no answer in time; a late one is told to the trace and to `on_late`.
├── LinkLost        the connection broke before the answer; whether the peer acted is unknown.
├── QueueFull       too many calls wait for their turn already; this one was not sent.
└── ConnectFailed   no socket, no TLS, or no common version.
    └── ConnectRefused  the server answered the handshake with an HTTP status.
Refusal             raised by our own handlers: becomes a CALLERROR in the version's spelling.
NoAnswer            raised by our own handlers: nothing is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from twin.errors import TwinError


class WireError(TwinError):
    """A call that got no usable answer: who, which action, what came instead."""


class CallFailed(WireError):
    """The peer answered CALLERROR."""

    def __init__(
        self, who: str, action: str, code: str, description: str, details: Mapping[str, object]
    ) -> None:
        self.action, self.code, self.description, self.details = action, code, description, dict(details)
        super().__init__(f"{who}: {action} was answered {code}: {description or 'no description'}")


class CallTimedOut(WireError):
    """The peer did not answer in time."""

    def __init__(self, message: str, message_id: str = "") -> None:
        self.message_id = message_id
        """What `on_late` will name if the answer comes after all."""
        super().__init__(message)


class LinkLost(WireError):
    """The connection is gone."""


class QueueFull(WireError):
    """Too many calls wait for their turn."""


class ConnectFailed(WireError):
    """There is no connection to speak of."""


class ConnectRefused(ConnectFailed):
    """The server did not want this station."""

    def __init__(self, identity: str, url: str, status: int) -> None:
        self.status = status
        super().__init__(f"{identity}: {url} answered {status}")


class Code(Enum):
    """Error codes of OCPP-J in 2.x spelling; `wire.codes` spells them for 1.6."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class NoAnswer(TwinError):
    """Raised by a handler: the call must stay unanswered, so that the peer asks again (what it told is not safe)."""


class Refusal(TwinError):
    """Raised by a handler: the call is answered with CALLERROR."""

    def __init__(
        self, code: Code, description: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        self.code, self.description, self.details = code, description, dict(details or {})
        super().__init__(f"{code.value}: {description}")
