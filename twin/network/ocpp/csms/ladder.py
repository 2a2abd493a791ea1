"""What to tell a station next so that it keeps to a wish: a pure function, one step at a time.

a limit of 0 spoils the transaction -> stop it, and start it again when there is power   (quirk 30)
no limit                            -> clear what is ours
a fail-safe, and room below         -> TxDefaultProfile at stack level 0, without end
otherwise the first of these that was neither refused nor disobeyed:
    TxProfile          a transaction runs                    (quirk 29; OCPP 2.0.1 K01.FR.16)
    TxDefaultProfile                                         (quirk 28)
    StationMaxProfile  the sum over the station's EVSEs
what another kind left behind       -> clear it
none is left, and it draws too much -> stop the transaction, where allowed
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isinf
from typing import NamedTuple, TypeAlias

from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.lanes import Conduct, Installed, Lane, Place
from twin.network.ocpp.csms.limits import Grammar, Limit, profile
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.profiles.model import ChargingProfile, Purpose

_NO_ROOM = 98  # highest stack level that our profile ids can tell apart


class Put(NamedTuple):
    """Send a profile to an EVSE, 0 for the station."""

    evse: int
    place: Place
    installed: Installed


class Clear(NamedTuple):
    """Take profiles of ours away."""

    places: tuple[Place, ...]


class Stop(NamedTuple):
    """End the transaction."""

    transaction: str
    token: str
    """Who charges on when there is power again; empty: nobody."""


class Start(NamedTuple):
    """Go on after a pause."""

    token: str


class Wait(NamedTuple):
    """Nothing can be done before an instant."""

    until_s: float


Step: TypeAlias = Put | Clear | Stop | Start | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision rests on, beside the lane."""

    now_s: float
    capabilities: Capabilities
    quirks: Quirks
    conduct: Conduct
    grammar: Grammar
    rating_w: float
    token: str = ""
    """Of the running transaction."""
    too_much: bool = False
    """Whether more than the wish was measured at last."""
    shared: bool = False
    """Whether other EVSEs of the station rely on a profile of the whole station."""
    station_w: float = inf
    """Sum of what the station's EVSEs may draw by their wishes."""

    @property
    def top_level(self) -> int:
        """Stack level of wishes: the highest, so that profiles of others do not hide them."""
        return min(self.capabilities.levels(self.quirks) - 1, _NO_ROOM)

    @property
    def profiles_work(self) -> bool:
        """Whether the station takes profiles at all (quirk 22)."""
        return self.capabilities.smart_charging or self.quirks.force_smart_charging


def target(lane: Lane, here: Circumstances) -> Limit:
    """Return what the wish means now: after its end the fail-safe, no 0 where 0 does harm, phases where they switch."""
    wish = lane.wish
    if wish.phases and not here.capabilities.phase_switching:
        wish = replace(wish, phases=0)  # what cannot be switched is not asked for
    if here.now_s >= wish.valid_until_s:
        wish = Limit(limit_w=wish.fallback_w, fallback_w=wish.fallback_w)
    if _zero_spoils(lane, here) and wish.charge_w < here.grammar.smallest_w and wish.setpoint_w is None:
        return replace(wish, limit_w=here.grammar.smallest_w)
    if isinf(wish.limit_w) and not isinf(wish.fallback_w) and not isinf(here.rating_w):
        return replace(wish, limit_w=here.rating_w)
    return wish


def next_step(lane: Lane, here: Circumstances) -> Step | None:
    """Return what to do next for a lane; None: nothing, the station has what it shall have."""
    wish = target(lane, here)
    pause = _pause(lane, here)
    if pause is not None:
        return pause
    if _unlimited(wish):
        return Clear(tuple(lane.installed)) if lane.installed else None
    if not here.profiles_work:
        return _last_resort(lane, here)
    return _fail_safe(lane, here, wish) or _rung(lane, here, wish) or _left_over(lane, here)


def carried(lane: Lane, here: Circumstances) -> Installed | None:
    """Return the TxProfile that a remote start may carry; None: there is no limit, or none that it could carry."""
    wish = target(lane, here)
    if _unlimited(wish) or not here.profiles_work or here.quirks.no_profile_in_remote_start:
        return None
    step = _put(lane, here, wish, Purpose.TX, here.top_level)
    return None if step is None else step.installed


def rungs(lane: Lane, here: Circumstances) -> list[Purpose]:
    """Return the kinds of profile that are left to try, best first."""
    if not here.profiles_work:
        return []
    order = [Purpose.TX_DEFAULT, Purpose.STATION_MAX]
    if lane.transaction is not None:
        order.insert(0, Purpose.TX)
    return [purpose for purpose in order if purpose not in lane.rejected | lane.disobeyed]


def renewal_s(lane: Lane, here: Circumstances) -> float:
    """Return when the lane must be looked at again without being asked; inf: never."""
    due = [lane.wish.valid_until_s]
    for installed in lane.installed.values():
        due += (installed.expires_s - here.conduct.lease_s / 2, installed.expires_s)
    return min((t_s for t_s in due if t_s > here.now_s), default=inf)


def _unlimited(wish: Limit) -> bool:
    return isinf(wish.charge_w) and wish.discharge_w == 0 and wish.setpoint_w is None and not wish.phases


def _zero_spoils(lane: Lane, here: Circumstances) -> bool:
    return here.quirks.no_zero_limit or lane.zero_refused


def _pause(lane: Lane, here: Circumstances) -> Step | None:
    """Pause by stopping and go on by starting, where a limit of 0 does harm."""
    power = here.now_s >= lane.wish.valid_until_s or lane.wish.charge_w >= here.grammar.smallest_w
    if lane.transaction is None:
        if not lane.paused_token or not power:
            return None
        ready_s = lane.stopped_s + here.quirks.restart_pause_s
        return Start(lane.paused_token) if here.now_s >= ready_s else Wait(ready_s)
    if power or not _zero_spoils(lane, here) or here.conduct.pause != "stop":
        return None
    return None if lane.stopped == lane.transaction else Stop(lane.transaction, here.token)


def _last_resort(lane: Lane, here: Circumstances) -> Step | None:
    """No profile works: what draws too much, or should not draw at all, is stopped."""
    if lane.transaction is None or lane.stopped == lane.transaction or not here.conduct.stop_disobedient:
        return None
    return Stop(lane.transaction, "") if here.too_much or lane.wish.charge_w == 0 else None


def _fail_safe(lane: Lane, here: Circumstances, wish: Limit) -> Step | None:
    """What the station falls back to when we are silent; without a level below the wish, see `_rung`."""
    if isinf(wish.fallback_w) or here.top_level == 0 or Purpose.TX_DEFAULT in lane.rejected:
        return None
    safe = Limit(limit_w=wish.fallback_w, fallback_w=wish.fallback_w)
    return _put(lane, here, safe, Purpose.TX_DEFAULT, 0)


def _rung(lane: Lane, here: Circumstances, wish: Limit) -> Step | None:
    left = rungs(lane, here)
    if not left:
        return _last_resort(lane, here)
    purpose, level = left[0], here.top_level
    if purpose is Purpose.TX and _default_suffices(lane, here, wish):
        return None
    if purpose is Purpose.TX_DEFAULT and level == 0 and wish.limit_w > wish.fallback_w:
        wish = replace(wish, limit_w=wish.fallback_w)  # the only level there is must be safe without us
    if purpose is Purpose.STATION_MAX:
        wish = Limit(limit_w=here.station_w)
        return None if _unlimited(wish) else _put(lane, here, wish, purpose, level)
    return _put(lane, here, wish, purpose, level)


def _left_over(lane: Lane, here: Circumstances) -> Clear | None:
    """Clear what an earlier step up or down the ladder left, and what would now rule beside the present one."""
    left = rungs(lane, here)
    if not left:
        return None
    keep = {(Purpose.TX_DEFAULT, 0), (Purpose.TX_DEFAULT, here.top_level), (left[0], here.top_level)}
    if left[0] is Purpose.STATION_MAX:
        keep.discard((Purpose.TX_DEFAULT, here.top_level))
    if here.shared:
        keep.add((Purpose.STATION_MAX, here.top_level))
    places = tuple(place for place in lane.installed if place not in keep)
    return Clear(places) if places else None


def _default_suffices(lane: Lane, here: Circumstances, wish: Limit) -> bool:
    """Whether the transaction began under a TxDefaultProfile that says what is wished."""
    default = lane.installed.get((Purpose.TX_DEFAULT, here.top_level))
    if default is None or Purpose.TX_DEFAULT in lane.disobeyed or default.since_s > lane.transaction_s:
        return False
    if any(purpose is Purpose.TX for purpose, _ in lane.installed):
        return False
    new = _write(lane, here, wish, Purpose.TX_DEFAULT, here.top_level)
    return _says(default, new) and not _due(default, new, here)


def _put(lane: Lane, here: Circumstances, wish: Limit, purpose: Purpose, level: int) -> Put | None:
    new = _write(lane, here, wish, purpose, level)
    old = lane.installed.get((purpose, level))
    if old is not None and _says(old, new) and not _due(old, new, here):
        return None
    evse = 0 if purpose is Purpose.STATION_MAX else lane.evse
    period = new.schedule.periods[0]
    written = 0.0 if wish.setpoint_w is not None and wish.setpoint_w < 0 else period.limit
    if wish.setpoint_w is not None and period.setpoint is not None:
        written = max(0.0, period.setpoint)
    allows_w = inf if written is None else here.grammar.watts(written)
    if purpose is Purpose.STATION_MAX:
        allows_w = lane.asked_w
    expires_s = inf if new.valid_to_s is None else new.valid_to_s
    return Put(evse, (purpose, level), Installed(new, here.grammar, allows_w, here.now_s, expires_s))


def _write(lane: Lane, here: Circumstances, wish: Limit, purpose: Purpose, level: int) -> ChargingProfile:
    leased = (
        purpose in (Purpose.TX, Purpose.TX_DEFAULT)
        and wish.charge_w > wish.fallback_w
        and any(place == (Purpose.TX_DEFAULT, 0) for place in lane.installed)
    )
    return profile(
        wish,
        here.grammar,
        evse=0 if purpose is Purpose.STATION_MAX else lane.evse,
        purpose=purpose,
        level=level,
        now_s=here.now_s,
        expires_s=min(here.now_s + here.conduct.lease_s, wish.valid_until_s) if leased else inf,
        transaction=lane.transaction if purpose is Purpose.TX else None,
    )


def _says(old: Installed, new: ChargingProfile) -> bool:
    """Whether an accepted profile says the same as a new one, but for when it began and ends."""
    return (
        not old.doubted
        and old.profile.schedule.periods == new.schedule.periods
        and old.profile.schedule.unit is new.schedule.unit
        and old.profile.transaction == new.transaction
        and (new.valid_to_s is None) == (old.profile.valid_to_s is None)
        and (new.valid_to_s is None or old.expires_s <= new.valid_to_s)
    )


def _due(old: Installed, new: ChargingProfile, here: Circumstances) -> bool:
    """Whether half the lease is over, and there is more to be had."""
    ends_s = inf if new.valid_to_s is None else new.valid_to_s
    return here.now_s >= old.expires_s - here.conduct.lease_s / 2 and ends_s > old.expires_s
