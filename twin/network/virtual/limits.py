"""Charging profiles in force: what they allow is what the EVSE offers, at every instant at which that changes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from twin.domain.clock import Timer
from twin.network.ocpp.profiles import compose, sharing
from twin.network.ocpp.profiles.context import Allowed, Context
from twin.network.ocpp.profiles.from_wire import profile_from_wire, profile_to_wire, updated
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Purpose
from twin.network.ocpp.profiles.store import ProfileStore
from twin.network.ocpp.profiles.validate import Abilities, refusal
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.bay import Bay
from twin.network.virtual.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Hashable

    from twin.network.virtual.station import VirtualStation

TABLE = "profiles"
_OF_ALL = frozenset({Purpose.STATION_MAX, Purpose.EXTERNAL_CONSTRAINTS})
"""Purposes whose profiles limit all EVSEs together (1.6 3.13.3)."""


class Limits:
    """The installed profiles of one station, and what follows from them for its physics.

    Args:
        station: Whose; its store may hold profiles from before.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self.profiles = ProfileStore(station.version, self._kept())
        self.priority: set[int] = set()
        """EVSEs where priority charging is active (2.1)."""
        self._changes = 0
        self._known: dict[int, tuple[Hashable, float]] = {}
        """By EVSE: what the limit in force was worked out from, and until when it holds (own clock)."""
        self._timers: dict[int, Timer] = {}
        self._offline_s: float | None = None

    def _kept(self) -> list[ChargingProfile]:
        """What the last process left: no profile of a transaction, for none of those goes on."""
        station = self._station
        return [
            profile_from_wire(
                station.version, row["profile"], epoch_ns=station.clock.epoch_ns, evse=row["evse"],
                received_s=row["received_s"],
            )
            for _, row in station.store.rows(TABLE)
        ]  # fmt: skip

    def version_changed(self) -> None:
        """Another version is spoken: its rules of replacement hold from now on."""
        self.profiles = ProfileStore(self._station.version, tuple(self.profiles))

    def install(self, profile: ChargingProfile) -> None:
        """Add an accepted profile; it is obeyed at once."""
        station = self._station
        for old in self.profiles.install(profile):
            station.store.drop(TABLE, str(old.id))
        if profile.purpose is not Purpose.TX:
            self._keep(profile)
        self.changed()

    def _keep(self, profile: ChargingProfile) -> None:
        station = self._station
        wire = profile_to_wire(station.version, profile, station.clock.epoch_ns)
        row = {"profile": wire, "evse": profile.evse, "received_s": profile.received_s}
        station.store.put(TABLE, str(profile.id), row)

    def update(self, number: int, values: Payload, abilities: Abilities) -> bool:
        """Give a dynamic profile new values (2.1 K28); False: there is none, or it could not be obeyed with them."""
        found = self.profiles.matching(ids=(number,))
        if not found or found[0].kind is not Kind.DYNAMIC:
            return False
        changed = updated(found[0], values, self._station.now_s)
        if refusal(changed, self.profiles, abilities) is not None:
            return False
        self.install(changed)
        return True

    def removed(self, profiles: tuple[ChargingProfile, ...]) -> None:
        """Take note of profiles that were taken out of the store."""
        for profile in profiles:
            self._station.store.drop(TABLE, str(profile.id))
        if profiles:
            self.changed()

    def changed(self) -> None:
        """Profiles changed: work out every EVSE anew."""
        self._changes += 1
        for bay in self._station.bays.values():
            self._again(bay)

    def _again(self, bay: Bay) -> None:
        if self.refresh(bay):
            self._station.transactions.settle(bay, "ChargingStateChanged")

    def began(self, bay: Bay) -> None:
        """A transaction began: profiles that came with its remote start are its own from now on."""
        assert bay.transaction is not None
        self.profiles.begin(bay.number, self._station.wire_name(bay.transaction))
        self._changes += 1
        self._share(bay)

    def ended(self, bay: Bay, transaction: Transaction) -> None:
        """A transaction ended, and its profiles with it."""
        self.priority.discard(bay.number)
        self._changes += 1
        self.profiles.end(self._station.wire_name(transaction))
        self.forsaken(bay)
        self._share(bay)

    def forsaken(self, bay: Bay) -> None:
        """Nobody charges here any more: what was meant for them alone must not serve the next one."""
        mine = self.profiles.matching(purpose=Purpose.TX, evse=bay.number)
        for profile in mine:
            if profile.transaction is None:
                self.profiles.clear(profile_id=profile.id)
                self._changes += 1

    def _share(self, bay: Bay) -> None:
        """A transaction more or less: what holds for all together is divided anew among the others."""
        if self._shared():
            for other in self._station.bays.values():
                if other is not bay:
                    self._again(other)

    def _shared(self) -> bool:
        return len(self._station.bays) > 1 and any(p.purpose in _OF_ALL for p in self.profiles)

    def named(self, old: str, new: str) -> None:
        """A transaction got its id of 1.6: its profiles follow."""
        for profile in tuple(self.profiles):
            if profile.transaction == old:
                self.profiles.install(replace(profile, transaction=new))
        self._changes += 1

    def went_offline(self) -> None:
        """The connection is gone; what is bound to it (2.1) counts from now."""
        self._offline_s = self._station.now_s
        self.changed()

    def came_back(self) -> None:
        """The connection is back."""
        if self._offline_s is not None:
            away_s, self._offline_s = self._station.now_s - self._offline_s, None
            self.removed(self.profiles.came_back(away_s))
            self.changed()

    def context(self, bay: Bay) -> Context:
        """Return where profiles act: this EVSE with its car and transaction."""
        station, spec = self._station, bay.spec
        dc = spec.dc_max_w is not None
        transaction = bay.transaction
        return Context(
            version=station.version,
            evse=bay.number,
            phases=spec.connection.phases,
            phases_used=bay.phases if bay.plugged else None,
            dc=dc,
            voltage_v=station.settings.dc_voltage_v if dc else spec.voltage_v,
            max_a=None if dc else spec.max_a,
            max_w=spec.max_w,
            transaction=None if transaction is None else station.wire_name(transaction),
            transaction_start_s=None if transaction is None else transaction.started_s,
            priority=bay.number in self.priority,
            offline_since_s=self._offline_s,
        )

    def whole(self) -> Context:
        """Return the whole station as where profiles act."""
        parts = tuple(self.context(bay) for bay in self._station.bays.values())
        first = parts[0]
        return Context(
            version=first.version, evse=0, phases=first.phases, dc=first.dc, voltage_v=first.voltage_v,
            offline_since_s=self._offline_s, evses=parts,
        )  # fmt: skip

    def refresh(self, bay: Bay) -> bool:
        """Offer what the profiles allow now; return whether that turned energy on or off."""
        station = self._station
        own_s = station.now_s
        transaction = bay.transaction
        state = (
            self._changes, bay.plugged, bay.held, transaction.name if transaction else "", self._offline_s,
            bay.number in self.priority,
        )  # fmt: skip
        known = self._known.get(bay.number)
        if known is not None and known[0] == state and own_s < known[1]:
            return False
        offered = bay.offers
        profiles = tuple(self.profiles)
        allowed, until_s = self._allowed(bay, profiles, own_s)
        self._known[bay.number] = (state, until_s)
        self._switch(bay, allowed.phases)
        self._offer(bay, min(_or_inf(allowed.limit_w), _or_inf(allowed.setpoint_w)))
        self._wait(bay, until_s)
        return bay.offers != offered

    def _allowed(
        self, bay: Bay, profiles: tuple[ChargingProfile, ...], own_s: float
    ) -> tuple[Allowed, float]:
        """What one EVSE may draw, and until when at least."""
        if not self._shared():
            context = self.context(bay)
            allowed = compose.limit_at(profiles, context, own_s)
            return allowed, compose.next_change_s(profiles, context, own_s)
        whole, numbers = self.whole(), [other.number for other in self._station.bays.values()]
        shares = sharing.shares(profiles, whole, own_s)
        return shares[numbers.index(bay.number)], compose.next_change_s(profiles, whole, own_s)

    def _switch(self, bay: Bay, phases: int) -> None:
        """Use no more phases than allowed, where the station can switch and a car is there."""
        station = self._station
        if bay.plugged and bay.spec.dc_max_w is None and station.variables.flag(c.PHASE_SWITCH):
            station.physics.use_phases(station.clock.now_s, bay.row, min(phases, bay.phases))

    def _offer(self, bay: Bay, limit_w: float) -> None:
        station = self._station
        station.physics.sample(station.clock.now_s, bay.row)  # what was drawn until now counts first
        wanted_w = 0.0 if bay.held else min(limit_w, bay.spec.max_w)
        station.physics.set_limits(np.array([bay.row]), np.array([wanted_w]))
        bay.limit_w = station.sample(bay).limit_w

    def _wait(self, bay: Bay, until_s: float) -> None:
        timer = self._timers.pop(bay.number, None)
        if timer is not None:
            timer.cancel()
        if until_s < math.inf:
            self._timers[bay.number] = self._station.call_at(until_s, lambda: self._due(bay))

    def _due(self, bay: Bay) -> None:
        self._timers.pop(bay.number, None)
        self._again(bay)


def _or_inf(limit_w: float | None) -> float:
    return math.inf if limit_w is None else limit_w
