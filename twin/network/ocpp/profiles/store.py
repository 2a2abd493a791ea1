"""The profiles that are installed at one station: what replaces what, and what survives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from twin.network.ocpp.profiles.from_wire import updated
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Purpose
from twin.network.ocpp.versions import Version


class ProfileStore:
    """Implements the replacement rules of one version; iterates in the order of ids.

    Args:
        version: Of the station.
        profiles: What was stored before; they survive reboots and loss of power (2.0.1 K01.FR.27, 1.6 errata
            3.37).
    """

    def __init__(self, version: Version, profiles: Iterable[ChargingProfile] = ()) -> None:
        self._version = version
        self._profiles: dict[int, ChargingProfile] = {p.id: p for p in profiles}

    def __iter__(self) -> Iterator[ChargingProfile]:
        return (self._profiles[i] for i in sorted(self._profiles))

    def __len__(self) -> int:
        return len(self._profiles)

    def replaced_by(self, profile: ChargingProfile) -> tuple[ChargingProfile, ...]:
        """Return what installing `profile` would remove.

        2.x: the one of its id (2.0.1 K01.FR.05). 1.6: also the one of the same stackLevel, purpose and
        connector (3.13.2, 5.16.3); of the same transaction where both name one.
        """
        return tuple(p for p in self if p.id == profile.id or self._same_place(p, profile))

    def install(self, profile: ChargingProfile) -> tuple[ChargingProfile, ...]:
        """Add an accepted profile; return what it replaced."""
        gone = self.replaced_by(profile)
        for old in gone:
            del self._profiles[old.id]
        self._profiles[profile.id] = profile
        return gone

    def matching(
        self,
        *,
        ids: Collection[int] = (),
        purpose: Purpose | None = None,
        level: int | None = None,
        evse: int | None = None,
    ) -> tuple[ChargingProfile, ...]:
        """Return those that meet all criteria that are given (1.6 errata 3.25; 2.0.1 K09)."""
        return tuple(
            p
            for p in self
            if (not ids or p.id in ids)
            and (purpose is None or p.purpose is purpose)
            and (level is None or p.stack_level == level)
            and (evse is None or p.evse == evse)
        )

    def clear(
        self,
        *,
        profile_id: int | None = None,
        purpose: Purpose | None = None,
        level: int | None = None,
        evse: int | None = None,
    ) -> tuple[ChargingProfile, ...]:
        """Remove those that meet all criteria, without any all of them; return them.

        In 2.x an id stands alone: other criteria beside it do not count (2.0.1 K10). External constraints are
        not the central system's to clear (2.0.1 K10.FR.06).
        """
        if profile_id is not None and self._version.two:
            found = self.matching(ids=(profile_id,))
        else:
            ids = () if profile_id is None else (profile_id,)
            found = self.matching(ids=ids, purpose=purpose, level=level, evse=evse)
        return self._remove(p for p in found if p.purpose is not Purpose.EXTERNAL_CONSTRAINTS)

    def release(self, profile_id: int) -> tuple[ChargingProfile, ...]:
        """Remove an external constraint at the wish of who set it (2.0.1 K13); return it."""
        return self._remove(self.matching(ids=(profile_id,)))

    def begin(self, evse: int, transaction: str) -> None:
        """Bind profiles that came with the request to start to the transaction that began (1.6 5.16.2)."""
        for profile in self.matching(purpose=Purpose.TX, evse=evse):
            if profile.transaction is None:
                self._profiles[profile.id] = replace(profile, transaction=transaction)

    def end(self, transaction: str) -> tuple[ChargingProfile, ...]:
        """Remove what was meant for a transaction that has ended (1.6 3.13.1); return it."""
        return self._remove(p for p in self if p.purpose is Purpose.TX and p.transaction == transaction)

    def rebooted(self, transactions: Collection[str]) -> tuple[ChargingProfile, ...]:
        """Remove what was meant for transactions that did not survive a reboot; return it."""
        return self._remove(p for p in self if p.purpose is Purpose.TX and p.transaction not in transactions)

    def came_back(self, offline_s: float) -> tuple[ChargingProfile, ...]:
        """Remove what a loss of connection of that length has ended for good (2.1); return it."""
        return self._remove(
            p
            for p in self
            if p.forget_offline and p.max_offline_s is not None and offline_s > p.max_offline_s
        )

    def update(self, profile_id: int, values: Mapping[str, Any], t_s: float) -> ChargingProfile | None:
        """Change a dynamic profile (2.1 UpdateDynamicSchedule); None: there is none of that id."""
        old = self._profiles.get(profile_id)
        if old is None or old.kind is not Kind.DYNAMIC:
            return None
        self._profiles[profile_id] = updated(old, values, t_s)
        return self._profiles[profile_id]

    def _same_place(self, old: ChargingProfile, new: ChargingProfile) -> bool:
        if self._version.two or (old.stack_level, old.purpose, old.evse) != (
            new.stack_level,
            new.purpose,
            new.evse,
        ):
            return False
        return None in {old.transaction, new.transaction} or old.transaction == new.transaction

    def _remove(self, gone: Iterable[ChargingProfile]) -> tuple[ChargingProfile, ...]:
        out = tuple(gone)
        for profile in out:
            del self._profiles[profile.id]
        return out
