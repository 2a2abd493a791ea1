"""What a virtual station says, in the words of a version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import Signed, Token
from twin.network.virtual.transaction import Event, Transaction


class Message(NamedTuple):
    """A call to make."""

    action: str
    payload: Payload


class Dialect(Protocol):
    """Makes the messages of one version. Pure: instants are given as text."""

    version: Version

    def boot(self, reason: str) -> Message:
        """Say BootNotification; `reason` is BootReason of 2.x."""
        ...

    def status(self, stamp: str, evse: int, connector: int, status: str, error: str) -> Message:
        """Report the status of a connector; `error` names what is wrong, empty: nothing."""
        ...

    def authorize(self, token: Token) -> Message:
        """Ask about a token."""
        ...

    def started(self, stamp: str, transaction: Transaction, event: Event) -> Iterable[Message]:
        """Tell that a transaction began."""
        ...

    def updated(self, stamp: str, transaction: Transaction, event: Event) -> Iterable[Message]:
        """Tell what changed in a transaction; nothing where this version has no word for it."""
        ...

    def ended(self, stamp: str, transaction: Transaction, event: Event) -> Iterable[Message]:
        """Tell that a transaction ended."""
        ...

    def meter_values(self, stamp: str, evse: int, values: list[Payload]) -> Message:
        """Report a sample outside of transactions."""
        ...

    def signed(self, value: Signed, register_wh: float, context: str) -> Payload:
        """Write a signed reading as one sampledValue."""
        ...

    def token_info(self, answer: Payload) -> Payload | None:
        """Find idTagInfo or idTokenInfo in an answer."""
        ...
