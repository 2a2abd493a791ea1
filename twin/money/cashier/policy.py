"""What an operator decides about payments: holds, limits, outages, captures, bills. Every field is obeyed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum


class HoldPolicy(Enum):
    """How much is held before energy flows."""

    FIXED = "fixed"
    """`hold_minor`, whatever the car."""
    TARIFF = "tariff"
    """What filling the battery may cost at most; `hold_minor` where the battery is unknown."""
    INCREMENTAL = "incremental"
    """`hold_minor` first, and as much again whenever the running cost comes near it."""


class AtHold(Enum):
    """What happens when the running cost reaches the hold."""

    STOP = "stop"
    OVERRUN = "overrun"


class Rest(Enum):
    """What becomes of the part of a bill that no hold covers."""

    WRITE_OFF = "write-off"
    CHARGE = "charge"
    """Charged to the saved card without the driver; written off where there is none or it declines."""


class Outage(Enum):
    """Who may charge while the provider fails."""

    FREE_VEND = "free-vend"
    DENY = "deny"


class Silence(Enum):
    """What happens when the provider has not answered before patience is over."""

    ALLOW = "allow"
    DENY = "deny"


class OfflineCards(Enum):
    """What a station that cannot ask does with a card."""

    DENY = "deny"
    HOPE = "hope"
    """It lets the driver charge, and the card is asked once the session is told."""


class AtExpiry(Enum):
    """What happens to a session that outlives its hold."""

    RENEW = "renew"
    """What was used so far is captured, and the saved card is held anew; without one the session is stopped."""
    STOP = "stop"


class AccountBills(Enum):
    """When an account is charged."""

    MONTHLY = "monthly"
    PER_SESSION = "per-session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The decisions of one operator of payments.

    Raises:
        ValueError: A value cannot be obeyed; the message names every such field, its value and what would be right.
    """

    hold: HoldPolicy = HoldPolicy.FIXED
    hold_minor: int = 6000
    """Of a fixed hold; the first step and every further one of an incremental hold. > 0."""
    hold_least_minor: int = 100
    """Of a hold by tariff: providers refuse smaller payments. > 0."""
    stay_h: float = 12.0
    """How long a session lasts at most where the driver said nothing: for holds by tariff. > 0."""
    at_hold: AtHold = AtHold.STOP
    rest: Rest = Rest.WRITE_OFF
    patience_s: float = 30.0
    """How long a driver waits for the provider before outage or silence decides. > 0."""
    action_patience_s: float = 300.0
    """How long, from asking on, a driver may take to confirm (3-D Secure) where the provider wants it. > 0."""
    outage: Outage = Outage.DENY
    """Decides when patience is over and the provider has failed (an error, no connection)."""
    silence: Silence = Silence.DENY
    """Decides when patience is over and nothing at all has come back."""
    offline_cards: OfflineCards = OfflineCards.DENY
    whitelist_size: int = 1000
    """Accounts that stations know while they are offline: those granted last. 0: none."""
    accounts: AccountBills = AccountBills.MONTHLY
    retry_days: tuple[float, ...] = (3.0, 7.0, 14.0)
    """After a declined bill of an account: days until each further attempt. Then the bill is given up."""
    block_unpaid: bool = True
    """Whether an account whose bill was given up is refused from then on."""
    capture_every_h: float = 0.0
    """Captures are gathered and made at multiples of this; 0: each at the end of its session."""
    at_expiry: AtExpiry = AtExpiry.RENEW
    reauthorise_before_s: float = 6 * 3600.0
    """How long before a hold expires it is captured or its session is stopped. > 0."""
    watch_period_s: float = 60.0
    """Least interval at which the running cost of a session is looked at. > 0."""
    platform_pct: Decimal = Decimal(0)
    """The platform's share of what a session costs without tax, in percent; the rest is the operator's."""
    keep_days: float = 120.0
    """How long after its last event a session may be amended, refunded or disputed; then it is forgotten. > 0."""
    answer_s: float = 90.0
    """An operation that nobody has answered for so long is in doubt. > 0."""
    fetch_first_s: float = 2.0
    """An operation in doubt is looked up after this, then after twice as long each time, … > 0."""
    fetch_most_s: float = 3600.0
    """… but at least this often."""
    absent_s: float = 600.0
    """A payment that nobody needs any more, and that the provider does not know so long after it was asked for, never was."""

    def __post_init__(self) -> None:
        wrong = [f"{name} is {getattr(self, name)}: {right}" for name, right in self._wrong()]
        if wrong:
            raise ValueError("; ".join(wrong))

    def _wrong(self) -> list[tuple[str, str]]:
        """Names of fields that cannot be obeyed, and what would be right."""
        wrong = [
            (name, "must be finite and greater than 0")
            for name in _POSITIVE
            if not _positive(getattr(self, name))
        ]
        wrong += [
            (name, "must be greater than 0")
            for name in ("hold_minor", "hold_least_minor")
            if getattr(self, name) <= 0
        ]
        if self.whitelist_size < 0:
            wrong.append(("whitelist_size", "must not be negative"))
        if not (math.isfinite(self.capture_every_h) and self.capture_every_h >= 0):
            wrong.append(("capture_every_h", "must be finite and not negative"))
        if not all(map(_positive, self.retry_days)):
            wrong.append(("retry_days", "every number of days must be finite and greater than 0"))
        if not (self.platform_pct.is_finite() and 0 <= self.platform_pct <= 100):
            wrong.append(("platform_pct", "must lie between 0 and 100"))
        if not (math.isfinite(self.fetch_most_s) and self.fetch_most_s >= self.fetch_first_s):
            wrong.append(("fetch_most_s", "must be finite and not below fetch_first_s"))
        return wrong + [
            (field.name, f"must be one of {_words(kind)}")
            for field in fields(self)
            if (kind := _ENUMS.get(field.name)) and not isinstance(getattr(self, field.name), kind)
        ]


_POSITIVE = (
    "patience_s", "action_patience_s", "reauthorise_before_s", "watch_period_s", "keep_days", "answer_s", "fetch_first_s",
    "absent_s", "stay_h",
)  # fmt: skip
_ENUMS: dict[str, type[Enum]] = {
    "hold": HoldPolicy,
    "at_hold": AtHold,
    "rest": Rest,
    "outage": Outage,
    "silence": Silence,
    "offline_cards": OfflineCards,
    "at_expiry": AtExpiry,
    "accounts": AccountBills,
}


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _words(kind: type[Enum]) -> str:
    return ", ".join(str(word) for word in kind)
