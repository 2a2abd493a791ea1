"""Facts that stations report: what is rare crosses the seam as a message.

Every fact says when it happened (billing and audit count from there) and when we learned it (control
acts on that). Facts are never edited, only appended.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from twin.domain.ids import EvseId, StationId


class CablePlugged(NamedTuple):
    """A car is connected; the occupancy begins."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class TokenPresented(NamedTuple):
    """A driver identified: RFID, app, contract certificate."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    token: str


class TransactionStarted(NamedTuple):
    """The station opened a transaction; `register_wh` is its signed begin value."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    token: str
    register_wh: float


class TransactionEnded(NamedTuple):
    """The station closed the transaction; `register_wh` is its signed end value."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    register_wh: float
    reason: str


class CableUnplugged(NamedTuple):
    """The car left; the occupancy ends."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class ChargingSuspended(NamedTuple):
    """The car takes no more energy although it may (SuspendedEV)."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class Faulted(NamedTuple):
    """The EVSE cannot deliver; `error` says why."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    error: str


class Recovered(NamedTuple):
    """The EVSE can deliver again."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class WentOffline(NamedTuple):
    """Communication is lost: limits stay as they were, readings grow old."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class CameBack(NamedTuple):
    """Communication is back."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId


class CommandAnswered(NamedTuple):
    """The outcome of a command: always an event with its id, never a return value."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    command: int
    accepted: bool


StationEvent: TypeAlias = (
    CablePlugged
    | TokenPresented
    | TransactionStarted
    | TransactionEnded
    | CableUnplugged
    | ChargingSuspended
    | Faulted
    | Recovered
    | WentOffline
    | CameBack
    | CommandAnswered
)
"""What crosses the station port upwards."""


class MeterReading(NamedTuple):
    """A value of the billing register: what money rests on."""

    happened_s: float
    received_s: float
    register_wh: float
    context: str
    """Begin, End or Clock (aligned with a change of price), as OCPP's ReadingContext."""
