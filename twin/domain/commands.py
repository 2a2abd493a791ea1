"""What control asks of stations. The outcome of each is a `CommandAnswered` with its id."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from twin.domain.ids import EvseId


class Authorise(NamedTuple):
    """Let the holder of `token` charge at `evse`, or refuse."""

    id: int
    evse: EvseId
    token: str
    granted: bool


class Stop(NamedTuple):
    """End the transaction that runs at `evse`; the car stays."""

    id: int
    evse: EvseId


Command: TypeAlias = Authorise | Stop
"""What crosses the station port downwards."""
