"""A transaction as its station knows it, whatever the version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import Grant, Token
from twin.world.stations.simulated import Sample


class Charging(NamedTuple):
    """Whether energy flows."""

    state: str
    """chargingState of 2.x: Charging, EVConnected, SuspendedEV, SuspendedEVSE, Idle."""
    phases: int
    """In use."""


@dataclass(slots=True)
class Transaction:
    """One transaction, from its start point to its stop point."""

    name: str
    """transactionId of 2.x; of 1.6 the station's own name for it."""
    evse: int
    connector: int
    token: Token | None
    grant: Grant | None
    started_s: float
    """On the station's own clock, as `Event.t_s`."""
    begin: Sample
    remote_start: int | None = None
    reservation: int | None = None
    seq: int = 0
    """Of the next event (2.x)."""
    state: str = ""
    """chargingState as last told."""
    token_told: bool = False
    reason: str = ""
    """stoppedReason of 2.x: why it was stopped, empty while nobody did."""
    stopped_by: Token | None = None
    tariff: Payload | None = None
    """The driver's own (2.1)."""
    collected: list[Payload] = field(default_factory=list)
    """meterValue entries for its end: transactionData of 1.6, meterValue of Ended in 2.x."""
    charging_s: float = 0.0
    """How long energy flowed."""
    charging_since_s: float | None = None


class Event(NamedTuple):
    """Something that is told of a transaction."""

    t_s: float
    """On the station's own clock."""
    trigger: str
    """triggerReason of 2.x."""
    charging: Charging
    offline: bool
    register_wh: float
    values: list[Payload]
    """sampledValue of this instant; empty: none is sent."""
    signed: Sequence[Payload] = ()
    """sampledValue that is signed, in the way of the version."""
