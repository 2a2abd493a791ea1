"""One station as the central system knows it; it outlives its connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.wanted import Choices
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Caller

BootPolicy = Literal["accepted", "pending", "rejected"]


@dataclass(slots=True)
class StationPolicy:
    """What the operator decided about a station; acts on the next message."""

    boot: BootPolicy = "accepted"
    interval_s: int = 300
    """Heartbeat interval where accepted, retry interval where not."""
    min_security_profile: int = 0
    """0: no password needed. 1: basic auth. 2: TLS and basic auth. 3: mutual TLS."""
    password_hashes: tuple[str, ...] = ()
    """Of the passwords that are valid now: two between a rotation and the next connect."""
    strict: bool = False
    """Refuse what deviates from the schemas; otherwise it is taken where it can be understood, and recorded."""
    items_per_message: dict[str, int] = field(default_factory=dict)
    """Largest number of items by message, as `GetVariables: 10`; absent: what the station reports."""
    quirks: Quirks = field(default_factory=Quirks)
    """What holds: what is known of the model with `flags` laid over it, unless somebody chose all of them."""
    flags: dict[str, Any] = field(default_factory=dict)
    """Quirks that the operator set, by name; they win over those of the model, one by one."""
    by_model: bool = False
    """Whether `quirks` was worked out from the model and `flags`, and will be again at the next boot."""
    choices: Choices = field(default_factory=Choices)
    evses: tuple[int, ...] = ()
    """Connectors (1.6) or EVSEs (2.x) that exist; empty: learnt from what the station reports."""


class BootState(Enum):
    """How far a station got on its way to be served."""

    UNKNOWN = "unknown"
    """Connected, has not said BootNotification on this connection."""
    PENDING = "pending"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


@dataclass(slots=True)
class Evse:
    """A connector of 1.6 or an EVSE of 2.x, as last reported."""

    number: int
    status: str = ""
    """As its version spells it."""
    status_s: float = float("nan")
    error: str = ""
    transaction: str | None = None
    """The open one: the station's id in 2.x, ours in 1.6, as text."""
    token: str = ""
    readings: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """(measurand, phase) to (t_s, value in W, Wh, A, V or %): the latest of each."""

    def not_after(self, t_s: float) -> None:
        """Let nothing be known from later than `t_s`: the clock that told so has been set."""
        self.status_s = min(self.status_s, t_s)
        self.readings = {key: (min(at_s, t_s), value) for key, (at_s, value) in self.readings.items()}


@dataclass(slots=True)
class Station:
    """What is known of a station. Parts keep their own state beside it, by `identity`."""

    identity: str
    policy: StationPolicy = field(default_factory=StationPolicy)
    index: int = 0
    """The how-manieth that was registered, from 0; kept over restarts."""
    version: Version = Version.V16
    """Of the present connection, or the last one."""
    endpoint: Caller | None = None
    """None while it is not connected."""
    remote: str = ""
    boot: BootState = BootState.UNKNOWN
    boot_info: dict[str, Any] = field(default_factory=dict)
    """Vendor, model, serial number, firmware as BootNotification told."""
    connected_s: float = float("nan")
    heard_s: float = float("nan")
    """Last frame of any kind."""
    evses: dict[int, Evse] = field(default_factory=dict)

    @property
    def online(self) -> bool:
        """Whether it is connected."""
        return self.endpoint is not None

    def evse(self, number: int) -> Evse:
        """Return an EVSE, known from now on."""
        return self.evses.setdefault(number, Evse(number))
