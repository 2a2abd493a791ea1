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
    transaction: str = ""
    """The id it has on the wire; empty where there is no wire."""


class TransactionEnded(NamedTuple):
    """The station closed the transaction; `register_wh` is its signed end value."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    register_wh: float
    reason: str
    transaction: str = ""
    """The id it has on the wire; empty where there is no wire."""


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


class LimitNotObeyed(NamedTuple):
    """More was drawn than an accepted limit allows, after the time in which the station had to follow."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    limit_w: float
    """What the station accepted."""
    drawn_w: float
    """What was measured."""
    purpose: str
    """The kind of profile that did not work, in the words of OCPP 2.x."""


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
    | LimitNotObeyed
)
"""What crosses the station port upwards."""


class Connected(NamedTuple):
    """A station opened a connection; it may be called from `Booted` or `CameBack` on."""

    happened_s: float
    received_s: float
    station: StationId
    evse: None = None


class Disconnected(NamedTuple):
    """The connection of a station is gone; what it had accepted stays in force."""

    happened_s: float
    received_s: float
    station: StationId
    evse: None = None


class Booted(NamedTuple):
    """A station was accepted and may be called from now on."""

    happened_s: float
    received_s: float
    station: StationId
    evse: None
    rebooted: bool
    """Whether it said so; False: it came back without a word, or never says it."""
    vendor: str
    model: str
    firmware: str


class StatusReported(NamedTuple):
    """The status of a connector, as its version spells it."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    connector: int
    status: str
    error: str


class TransactionUpdated(NamedTuple):
    """News of an open transaction."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId
    transaction: str
    trigger: str
    """Why it was told, as OCPP 2.x names it; empty in 1.6."""
    charging_state: str
    """As OCPP 2.x names it; empty: not said."""
    token: str
    """Presented with this message; empty: none."""


class Noted(NamedTuple):
    """Something that fits nowhere, or was mended: it is stored, answered, and told here."""

    happened_s: float
    received_s: float
    station: StationId
    evse: EvseId | None
    rule: str
    """A short stable name: `stop-without-start`, `duplicate-message`, `clock-nonsense`, …"""
    detail: str


StationFact: TypeAlias = (
    StationEvent | Connected | Disconnected | Booted | StatusReported | TransactionUpdated | Noted
)
"""What a central system tells of stations on the wire: the events of the port, and what only a wire knows."""


class MeterReading(NamedTuple):
    """A value of the billing register: what money rests on."""

    happened_s: float
    received_s: float
    register_wh: float
    context: str
    """Begin, End, Clock (a change of price), Turn (the car begins or ends to park or to wait for us) or Periodic."""
    signed: str = ""
    """The signed value as it came, verbatim (OCMF or what the station signs with); empty: not signed."""
