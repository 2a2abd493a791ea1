"""One charging profile alone: which of its periods is in force at an instant, and when that changes.

Instants are compared to the microsecond, so that a start with milliseconds and a period's offset meet where
their sum is no binary fraction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Period, Purpose, Recurrency

DAY_S = 86_400.0
RECURRENCE_S = {Recurrency.DAILY: DAY_S, Recurrency.WEEKLY: 7 * DAY_S}
"""A recurring schedule begins anew after exactly 24 hours or 7 days (OCPP 1.6 errata 3.78): the wire is in UTC,
which knows no summer time."""
_DIGITS = 6
_HALF_S = 0.5e-6


def anchor_s(profile: ChargingProfile, transaction_start_s: float) -> float:
    """Return what the periods are counted from.

    Absolute and recurring: startSchedule; where 1.6 lets it be absent, the start of charging (OCPP 1.6 7.13).
    Relative: the start of charging (2.0.1 K01.FR.42 and errata 2.10.1), or for a profile of the whole station,
    which knows no transaction, its receipt. Dynamic: startSchedule, else its receipt.

    Args:
        profile: Any.
        transaction_start_s: When charging began, or would.
    """
    start_s = profile.schedule.start_s
    if profile.kind is Kind.DYNAMIC:
        return profile.received_s if start_s is None else start_s
    if profile.kind is not Kind.RELATIVE and start_s is not None:
        return start_s
    if profile.purpose in {Purpose.TX, Purpose.TX_DEFAULT, Purpose.PRIORITY}:
        return transaction_start_s
    return profile.received_s


def expires_s(profile: ChargingProfile, offline_since_s: float | None) -> float:
    """Return when a profile ceases to hold without a connection (2.1 maxOfflineDuration); inf: never."""
    if profile.max_offline_s is None or offline_since_s is None:
        return math.inf
    return offline_since_s + profile.max_offline_s


def valid(profile: ChargingProfile, t_s: float, offline_since_s: float | None = None) -> bool:
    """Whether validFrom <= t < validTo (2.0.1 K01.FR.36, .37); absent ones do not restrict (K01.FR.10)."""
    if profile.valid_from_s is not None and t_s < profile.valid_from_s:
        return False
    if profile.valid_to_s is not None and t_s >= profile.valid_to_s:
        return False
    return t_s < expires_s(profile, offline_since_s)


def period_at(
    profile: ChargingProfile, t_s: float, transaction_start_s: float, offline_since_s: float | None = None
) -> Period | None:
    """Return the period in force at `t_s`; None: this profile says nothing then.

    A schedule imposes nothing before its start (2.0.1 K01.FR.30) nor from its duration on, even where periods
    would follow (K01.FR.11); a period lasts until the next one or the end (K01.FR.12). A recurring schedule
    never outlasts its recurrence (OCPP 1.6 5.16.4), and is silent after a shorter duration until it begins
    anew (K01.FR.13).
    """
    if not valid(profile, t_s, offline_since_s):
        return None
    past_s = _past_s(profile, t_s, anchor_s(profile, transaction_start_s))
    if past_s >= length_s(profile):
        return None
    found = None  # also before the start: the first period begins at 0
    for period in profile.schedule.periods:
        if period.start_s > past_s:
            break
        found = period
    return found


def length_s(profile: ChargingProfile) -> float:
    """How long the schedule runs from its start, or from each recurrence; inf: without end, or to the next."""
    duration_s = profile.schedule.duration_s
    return math.inf if duration_s is None else duration_s


def recurrence_s(profile: ChargingProfile) -> float:
    """After how long the schedule begins anew; inf: never."""
    if profile.kind is not Kind.RECURRING or profile.recurrency is None:
        return math.inf
    return RECURRENCE_S[profile.recurrency]


def next_change_s(
    profile: ChargingProfile, t_s: float, transaction_start_s: float, offline_since_s: float | None = None
) -> float:
    """Return the first instant after `t_s` at which `period_at` can change; inf: never."""
    changes = _changes(profile, t_s, anchor_s(profile, transaction_start_s))
    ends = (profile.valid_from_s, profile.valid_to_s, expires_s(profile, offline_since_s))
    known = (at_s for at_s in ends if at_s is not None)
    return min(
        min((at_s for at_s in changes if at_s > t_s + _HALF_S), default=math.inf),
        min((at_s for at_s in known if at_s > t_s), default=math.inf),
    )


def _past_s(profile: ChargingProfile, t_s: float, start_s: float) -> float:
    past_s = round(t_s - start_s, _DIGITS)
    every_s = recurrence_s(profile)
    if past_s < 0.0 or every_s == math.inf:
        return past_s
    return round(past_s % every_s, _DIGITS)


def _changes(profile: ChargingProfile, t_s: float, start_s: float) -> Iterator[float]:
    """Starts of periods and the end, of the recurrence in force at `t_s` and of the one after it."""
    every_s, end_s = recurrence_s(profile), length_s(profile)
    bases = [start_s]
    if every_s != math.inf:
        turn = max(0.0, round(t_s - start_s, _DIGITS) // every_s)
        bases = [start_s + turn * every_s, start_s + (turn + 1.0) * every_s]
    for base_s in bases:
        yield base_s + end_s
        for period in profile.schedule.periods:
            if period.start_s < end_s:
                yield base_s + period.start_s
