"""The three generations of OCPP that are spoken, by the names of their WebSocket subprotocols."""

from __future__ import annotations

from enum import Enum


class Version(Enum):
    """A version of OCPP-J. The value is the subprotocol."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"

    __hash__ = object.__hash__  # keys of tables that are looked up for every message

    @property
    def number(self) -> str:
        """`1.6`, `2.0.1` or `2.1`, as people write it."""
        return self.value.removeprefix("ocpp")

    @property
    def two(self) -> bool:
        """Whether EVSEs, device model and TransactionEvent are spoken: 2.0.1 and 2.1."""
        return self is not Version.V16


def version(number: str) -> Version:
    """Return the version that people write as `1.6`, `2.0.1` or `2.1`.

    Raises:
        ValueError: another number; the message names those that are known.
    """
    for known in Version:
        if known.number == number:
            return known
    raise ValueError(f"{number}: unknown version of OCPP, expected one of 1.6, 2.0.1, 2.1")
