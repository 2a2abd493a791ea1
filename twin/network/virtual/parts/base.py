"""How a virtual station is cut: a core that charges, and one part per further concern.

A part is told of calls by a table, answers them, and calls the central system through `Host`. It never sees a
socket. The core asks `Fittings` for what it cannot know by itself: tokens, reservations, signatures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from twin.domain.clock import Clock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import WireError
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.settings import StationSettings
from twin.network.virtual.store import Store
from twin.network.virtual.variables import Variables

Handler: TypeAlias = Callable[[Payload], Answer | Awaitable[Answer]]
"""Answers one action; raises `Refusal`."""
Handlers: TypeAlias = Mapping[tuple[Version, str], Handler]
Outcome: TypeAlias = Payload | WireError
Then: TypeAlias = Callable[[Outcome], None]
"""Told what a call brought: the answer's payload, or why there is none."""
Trigger: TypeAlias = Callable[[Payload], None]
"""Sends a message that the central system asked for; takes the payload of its TriggerMessage."""

EVERY = tuple(Version)
TWO = (Version.V201, Version.V21)


class DriverTariff(NamedTuple):
    """A tariff that a driver has, and not the EVSE."""

    evse: int
    token: str
    tariff: Payload


class Tariffs(Protocol):
    """What drivers of running transactions pay (2.1)."""

    def of_drivers(self) -> Sequence[DriverTariff]:
        """Return the tariffs that drivers brought with them."""
        ...

    def runs(self, transaction: str, /) -> bool:
        """Whether a transaction of that id on the wire runs."""
        ...

    def change(self, transaction: str, tariff: Payload, /) -> None:
        """Let a transaction go on with another tariff and tell so, if it still runs."""


class Host(Protocol):
    """What a part sees of its station."""

    settings: StationSettings
    variables: Variables
    store: Store
    clock: Clock

    @property
    def version(self) -> Version:
        """Of the present connection, or of the last one."""
        ...

    @property
    def tariffs(self) -> Tariffs:
        """What drivers of running transactions pay."""
        ...

    @property
    def online(self) -> bool:
        """Whether it is connected and its boot was accepted."""
        ...

    @property
    def now_s(self) -> float:
        """What the station's own clock shows, seconds since the epoch of the run."""
        ...

    def stamp(self, t_s: float | None = None, /) -> str:
        """Write an instant of the station's own clock for the wire; None: now."""
        ...

    def read_stamp(self, text: str, /) -> float:
        """Read an instant of the wire against the station's own clock.

        Raises:
            ValueError: It is none.
        """
        ...

    def call_at(self, own_s: float, callback: Callable[[], None], /) -> object:
        """Call back when the station's own clock shows `own_s`; returns a `Timer`."""
        ...

    def ask(self, action: str, payload: Payload, then: Then | None = None, /) -> None:
        """Send a CALL; `then` is told the outcome. Offline: `LinkLost`, nothing is kept for later."""

    def notify(self, action: str, payload: Payload, /) -> None:
        """Send a message that is not answered (SEND of 2.1); offline it is lost."""

    def next_id(self, what: str, /) -> int:
        """Count `what`, from 1; survives a power cut."""
        ...

    def status_changed(self, evse: int = 0, /) -> None:
        """Work the status of an EVSE out anew and report it where it changed; 0: of all."""

    def charging(self) -> bool:
        """Whether any transaction runs."""
        ...

    def state_of(self, evse: int, /) -> str:
        """Return `Available`, `Occupied`, `Unavailable` or `Faulted`, whatever is reserved; 0: of the station."""
        ...

    def idle(self, callback: Callable[[], None], /) -> None:
        """Call back once no transaction runs; at once where none does."""

    def block(self, why: str, on: bool, /) -> None:
        """Take the whole station out of service for a reason (a firmware is being installed), or back."""

    def reboot(self, reason: str, /) -> None:
        """End what runs and start anew; `reason` is the BootReason of 2.x that the boot tells."""

    def refused(self, event: str, info: str, /) -> None:
        """Report a security event (A04; the security extension of 1.6)."""


class StationPart(Protocol):
    """One concern of a virtual station."""

    def handlers(self) -> Handlers:
        """What it answers."""
        ...

    def triggers(self) -> Mapping[tuple[Version, str], Trigger]:
        """What TriggerMessage and ExtendedTriggerMessage may ask it for, by requestedMessage."""
        ...

    def connected(self) -> None:
        """The station is online: the boot was accepted, or has been before."""

    def disconnected(self) -> None:
        """The connection is gone."""

    def booted(self) -> None:
        """The station has started anew; what it kept is in the store."""


class Token(NamedTuple):
    """What a driver identifies with."""

    text: str
    kind: str = "ISO14443"
    """Type in 2.x; 1.6 has none."""

    def same(self, other: Token | None) -> bool:
        """Whether they are one token: case does not count."""
        return other is not None and self.text.lower() == other.text.lower()


class Grant(NamedTuple):
    """What was said about a token."""

    accepted: bool
    status: str
    group: str = ""
    """parentIdTag or groupIdToken."""
    info: Mapping[str, object] = {}
    """idTagInfo or idTokenInfo as it came."""
    tariff: Payload | None = None
    """The driver's own, where the central system has told one (2.1)."""


class Tokens(Protocol):
    """What a station knows of tokens by itself."""

    def listed(self, token: Token, /) -> Grant | None:
        """Return what the local authorisation list says; None: nothing, or it is off."""
        ...

    def cached(self, token: Token, /) -> Grant | None:
        """Return what the authorisation cache says; None: nothing, or it is off."""
        ...

    def learnt(self, token: Token, info: Payload, /) -> None:
        """Take an idTagInfo or idTokenInfo that the central system answered."""


class Reservations(Protocol):
    """Who may use what, for a while."""

    def reserved(self, evse: int, /) -> bool:
        """Whether an EVSE is kept for somebody."""
        ...

    def admits(self, evse: int, token: Token, group: str, /) -> bool:
        """Whether a token may start here: nothing is reserved, or for it or its group."""
        ...

    def used(self, evse: int, token: Token, group: str, /) -> int | None:
        """End the reservation that a transaction of this token uses; return its id."""
        ...


class Signed(NamedTuple):
    """A signed reading."""

    data: str
    """As the encoding writes it, not in base64."""
    method: str
    encoding: str
    public_key: str
    """Empty where it shall not be sent along."""


class Signer(Protocol):
    """The meter's own signature."""

    def sign(
        self,
        evse: int,
        transaction: str,
        token: Token | None,
        t_s: float,
        register_wh: float,
        context: str,
        /,
    ) -> Signed | None:
        """Sign a reading of the billing register; None: not at this context.

        Args:
            evse: Of the station.
            transaction: The station's own name of it.
            token: Who charges.
            t_s: On the station's own clock.
            register_wh: As the meter shows it.
            context: `Transaction.Begin`, `Transaction.End`, `Sample.Periodic`, `Sample.Clock`.
        """
        ...


class Observer(Protocol):
    """Is told what the core measures and finds, for the device model and its monitors."""

    def observe(self, evse: int, variable: str, text: str, /) -> None:
        """Take a value of an EVSE: `AvailabilityState` when its status was reported, `Power` (W) at each sample."""


class Rewrite(Protocol):
    """The last word on what goes over the wire: how models of real chargers differ from their version."""

    def outgoing(self, action: str, payload: Payload, /) -> Payload:
        """Return the payload of a CALL as it shall be sent; the station goes on with its own."""
        ...


class NoTokens:
    """A station without list and cache."""

    def listed(self, token: Token, /) -> Grant | None:
        """Nothing."""

    def cached(self, token: Token, /) -> Grant | None:
        """Nothing."""

    def learnt(self, token: Token, info: Payload, /) -> None:
        """Not kept."""


class NoReservations:
    """A station that nobody can reserve."""

    def reserved(self, _evse: int, /) -> bool:
        """Never."""
        return False

    def admits(self, _evse: int, _token: Token, _group: str, /) -> bool:
        """Always."""
        return True

    def used(self, evse: int, token: Token, group: str, /) -> int | None:
        """None was there."""


def _as_they_are(handlers: Handlers) -> Handlers:
    return handlers


@dataclass(slots=True)
class Fittings:
    """The parts of one station."""

    parts: Sequence[StationPart] = ()
    tokens: Tokens = field(default_factory=NoTokens)
    reservations: Reservations = field(default_factory=NoReservations)
    signer: Signer | None = None
    observer: Observer | None = None
    rewrite: Rewrite | None = None
    wrap: Callable[[Handlers], Handlers] = _as_they_are
    """Given what core and parts answer, return what the station answers."""


Fit: TypeAlias = Callable[[Host], Fittings]
"""Makes the parts of a station; called once, before its first boot."""


def no_parts(_host: Host) -> Fittings:
    """Fit nothing: the core alone."""
    return Fittings()
