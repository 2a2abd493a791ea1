"""What the cashier is asked, what it answers, and what it asks back: the words at its counter."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol

from twin.domain.payments import Instrument
from twin.money.billing.model import Bill, Measured, Tariff


class Customer(NamedTuple):
    """Who pays."""

    driver: str
    """A pseudonym: never a token, name or card number. Names the driver's account in the books."""
    instrument: Instrument


class Wish(NamedTuple):
    """A driver wants to charge."""

    evse: str
    operator: str
    """Who gets the revenue."""
    customer: Customer
    tariff: str
    """Names one of the cashier's pricers."""
    max_w: float
    """The most that this car can draw at this EVSE."""
    battery_wh: float | None = None
    """Capacity; None: unknown."""
    stay_s: float | None = None
    """What the driver said; None: nothing."""
    offline: bool = False
    """The station cannot ask: what it may decide alone, decides."""
    authority: str = "home"
    """To whom tax is owed: a country, `DE`."""


class Grounds(Enum):
    """Why a wish was granted or refused."""

    __hash__ = object.__hash__

    HELD = "held"
    """The provider holds the money."""
    ACCOUNT = "account"
    """On the driver's bill."""
    FREE = "free"
    """The tariff can cost nothing."""
    WHITELIST = "whitelist"
    """Offline, and the station knows the account."""
    HOPE = "hope"
    """Offline, and the card will be asked later."""
    FREE_VEND = "free vend"
    """The provider fails; everybody may charge."""
    SILENCE = "silence"
    """The provider did not answer in time: granted or refused, as the policy says."""
    UNASKED = "unasked"
    """Nobody asked: energy flowed without an authorisation."""
    DECLINED = "declined"
    """Refused: the provider declined."""
    BLOCKED = "blocked"
    """Refused: the account was given up."""
    OUTAGE = "outage"
    """Refused: the provider fails."""
    OFFLINE = "offline"
    """Refused: the station cannot ask."""


class Decision(NamedTuple):
    """The answer to a wish, once."""

    tab: str
    """Names the driver's tab; `ask` returned it."""
    evse: str
    granted: bool
    grounds: Grounds
    code: str
    """The provider's code of a decline (`insufficient_funds`); else empty."""
    latency_s: float
    """From the wish to this answer."""


class Why(Enum):
    """Why the cashier wants a session stopped."""

    __hash__ = object.__hash__

    HOLD = "hold reached"
    EXPIRY = "hold expires"
    DECLINED = "declined"
    """The provider's late answer."""


class Metered(NamedTuple):
    """A session as its meter tells it now."""

    t_s: float
    register_wh: float
    measured: Measured
    """Of the session so far; ends at `t_s`."""


class Pricer(Protocol):
    """Prices sessions of one tariff at one place."""

    @property
    def tariff(self) -> Tariff:
        """What it prices."""
        ...

    def price(self, session: Measured, /) -> Bill:
        """Return what a session costs."""
        ...

    def running(self, session: Measured, /) -> Bill:
        """Return what a session costs so far."""
        ...

    def worst(self, energy_wh: int, duration_s: float, start_ms: int, /) -> Decimal:
        """Return the most that a session can cost with tax: at most `energy_wh` in at most `duration_s`."""
        ...

    def at_most(self, session: Measured, until_ms: int, max_w: int, /) -> Decimal:
        """Return the most that a session can cost with tax that goes on until `until_ms` at up to `max_w`."""
        ...
