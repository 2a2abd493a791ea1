"""Acceptance rules about numberPhases and phaseToUse (2.0.1 K01.FR.19, .20, .43 to .48; 2.1 K 3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twin.network.ocpp.profiles.model import ChargingProfile, Purpose

_OF_STATION = frozenset({Purpose.STATION_MAX, Purpose.EXTERNAL_CONSTRAINTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """An EVSE (2.x) or connector (1.6) as far as profiles are concerned."""

    phases: int = 3
    dc: bool = False
    switching: bool = False
    """Whether it can charge on fewer phases than it has, and choose which (ACPhaseSwitchingSupported,
    ConnectorSwitch3to1PhaseSupported)."""
    transaction: str | None = None
    """Id of the running one."""


def out_of_range(profile: ChargingProfile) -> bool:
    """Whether a number of phases, or a phase, is none of 1, 2, 3."""
    return any(
        number is not None and not 1 <= number <= 3
        for p in profile.schedule.periods
        for number in (p.phases, p.phase_to_use)
    )


def at_dc(profile: ChargingProfile, outlets: Iterable[Outlet]) -> bool:
    """Whether phases are named where there is direct current alone (K01.FR.44; a mixed station ignores them)."""
    named = any(p.phases is not None or p.phase_to_use is not None for p in profile.schedule.periods)
    return named and all(o.dc for o in outlets)


def without_one(profile: ChargingProfile) -> bool:
    """Whether a phase is chosen for more than one (K01.FR.19)."""
    return any(p.phase_to_use is not None and p.phases != 1 for p in profile.schedule.periods)


def not_switched(profile: ChargingProfile, outlets: Iterable[Outlet]) -> bool:
    """Whether a phase is chosen where the EVSE cannot switch (K01.FR.20, .48)."""
    chosen = any(p.phase_to_use is not None for p in profile.schedule.periods)
    return chosen and not all(o.switching for o in outlets if not o.dc)


def not_ensured(profile: ChargingProfile, outlets: Iterable[Outlet]) -> bool:
    """Whether an AC EVSE could not keep a car off the phases above numberPhases (K01.FR.43).

    More phases than there are need nothing (K01.FR.45).
    """
    fewest = min((p.phases for p in profile.schedule.periods if p.phases is not None), default=3)
    return any(fewest < o.phases and not o.switching for o in outlets if not o.dc)


def conflict(old: ChargingProfile, new: ChargingProfile) -> bool:
    """Whether one of the station and one of transactions choose different phases (2.1 K 3.8)."""
    if (old.purpose in _OF_STATION) is (new.purpose in _OF_STATION) or not _meet(old, new):
        return False
    one, other = _chosen(old), _chosen(new)
    return bool(one and other and one != other)


def _meet(old: ChargingProfile, new: ChargingProfile) -> bool:
    return 0 in {old.evse, new.evse} or old.evse == new.evse


def _chosen(profile: ChargingProfile) -> set[int]:
    return {p.phase_to_use for p in profile.schedule.periods if p.phase_to_use is not None}
