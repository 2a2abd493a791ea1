"""What is asked of one EVSE, what its station accepted, and what was seen to be obeyed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf, isnan, nan
from typing import Literal

from twin.domain.clock import Timer
from twin.network.ocpp.csms.limits import NO_LIMIT, Grammar, Limit
from twin.network.ocpp.profiles.model import ChargingProfile, Purpose, Unit


class Stage(Enum):
    """How far the newest wish got."""

    IDLE = "idle"
    """Nothing was wished, or no limit."""
    ASKED = "asked"
    ACCEPTED = "accepted"
    VERIFIED = "verified"
    """A measurement after the acceptance lies within the limit."""
    DISOBEYED = "disobeyed"
    """A measurement after the reaction time lies above it; the next kind of profile is tried."""
    REFUSED = "refused"
    """No kind of profile is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How limits are insisted on."""

    lease_s: float = 900.0
    """How long a profile above the fail-safe lives unless it is renewed; renewed after half of it."""
    retry_s: float = 30.0
    """After a call that got no answer."""
    attempts: int = 2
    """Calls without an answer before a kind of profile counts as refused."""
    stop_disobedient: bool = True
    """End a transaction that draws above its limit when no kind of profile works."""
    pause: Literal["stop", "smallest"] = "stop"
    """How to pause where a limit of 0 spoils the transaction: stop it and start it again, or the smallest pilot."""
    rating_w: float = inf
    """Of EVSEs nobody declared."""
    clear_foreign: bool = False
    """Clear profiles of others: before the first of ours, and when a composite schedule is not what follows from ours."""


@dataclass(slots=True)
class Installed:
    """A profile that a station accepted."""

    profile: ChargingProfile
    grammar: Grammar
    """By which it was written."""
    allows_w: float
    """What it lets this EVSE draw; inf: anything."""
    since_s: float
    expires_s: float = inf
    carried: bool = False
    """Whether it came with a remote start."""
    doubted: bool = False
    """Whether the station may have lost it."""

    @property
    def limit_a(self) -> float | None:
        """The limit per phase; None: it was written in W."""
        if self.grammar.unit is not Unit.A:
            return None
        if self.profile.purpose is Purpose.STATION_MAX:  # it is shared: this EVSE's part of it
            return self.allows_w / (self.grammar.voltage_v * self.grammar.phases)
        return self.profile.schedule.periods[0].limit


Place = tuple[Purpose, int]
"""Purpose and stack level: where a profile of ours stands, once per EVSE."""


@dataclass(slots=True)
class Lane:
    """One EVSE. At most one call of ours is in flight for it; the newest wish wins."""

    identity: str
    evse: int
    wish: Limit = NO_LIMIT
    stage: Stage = Stage.IDLE
    installed: dict[Place, Installed] = field(default_factory=dict)
    carried: Installed | None = None
    """A TxProfile that went with a remote start: in force as soon as the transaction begins."""
    rejected: set[Purpose] = field(default_factory=set)
    """Kinds the station refused, since it was last accepted."""
    disobeyed: set[Purpose] = field(default_factory=set)
    """Kinds that did not work in the present transaction."""
    zero_refused: bool = False
    """It refused a limit of 0: found out, as a quirk would say."""
    transaction: str | None = None
    """The one that runs, as last looked at."""
    transaction_s: float = nan
    """When it was first seen."""
    phases: int = 0
    """That its car was last measured to use, also while it pauses; 0: not known."""
    refused_early: str | None = None
    """The transaction whose first profile was refused while it was young."""
    stopped: str | None = None
    """The transaction we asked to stop."""
    stopped_s: float = -inf
    """When the last transaction ended."""
    paused_token: str = ""
    """Who charges on when there is power again."""
    ceiling_w: float = nan
    """The most it may draw by what was verified, or accepted since; NaN: nothing was ever verified."""
    in_doubt: bool = False
    """Whether what is installed must be asked for: the connection or we were gone."""
    attempts: int = 0
    not_before_s: float = -inf
    """When the next step may be taken."""
    entries: dict[str, int] = field(default_factory=dict)
    """Where the journal holds its wish and what was accepted, by place."""
    busy: bool = False
    timer: Timer | None = None

    @property
    def asked_w(self) -> float:
        """What the newest wish lets it draw."""
        return self.wish.charge_w

    def in_force(self) -> tuple[Purpose, Installed] | None:
        """Return the accepted profile that rules: TxProfile before TxDefaultProfile before the station's."""
        for purpose in (Purpose.TX, Purpose.TX_DEFAULT, Purpose.STATION_MAX):
            if purpose in self.disobeyed:
                continue
            levels = [
                level for (kind, level), one in self.installed.items() if kind is purpose and not one.doubted
            ]
            if levels:
                return purpose, self.installed[purpose, max(levels)]
        return None

    def expire(self, now_s: float) -> None:
        """Forget what is past its validity."""
        for place in [place for place, one in self.installed.items() if one.expires_s <= now_s]:
            del self.installed[place]

    def accept(self, place: Place, installed: Installed) -> None:
        """Note that a station took a profile; what it allows counts from now on, what was verified still does."""
        self.installed[place] = installed
        if not isnan(self.ceiling_w):
            self.ceiling_w = max(self.ceiling_w, installed.allows_w)

    def change_transaction(self, transaction: str | None, now_s: float) -> None:
        """Another transaction runs, or none: TxProfiles went with the old one."""
        if self.transaction is not None:
            self.stopped_s = now_s
        self.transaction, self.transaction_s = transaction, now_s
        self.phases = 0
        self.disobeyed.clear()
        self.rejected.discard(Purpose.TX)
        for place in [place for place in self.installed if place[0] is Purpose.TX]:
            del self.installed[place]
        if transaction is not None:
            self.paused_token = ""
            self._carry(transaction)

    def _carry(self, transaction: str) -> None:
        carried, self.carried = self.carried, None
        if carried is not None:
            carried.profile = replace(carried.profile, transaction=transaction)
            carried.carried = True
            self.accept((Purpose.TX, carried.profile.stack_level), carried)
            self.stage = Stage.ACCEPTED
