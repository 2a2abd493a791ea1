"""How the EVSEs of a station share what its profiles allow for all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.context import Allowed, Context
from twin.network.ocpp.profiles.model import ChargingProfile

MIN_A = 6.0
"""Smallest current that a car can be offered at AC (IEC 61851-1)."""


def shares(profiles: Sequence[ChargingProfile], station: Context, t_s: float) -> tuple[Allowed, ...]:
    """Return what each EVSE of a station may draw so that together they keep within the station's limit.

    The combined flow of all must not be above ChargingStationMaxProfile or the constraints of the whole
    station (1.6 3.13.3, 2.0.1 K12.FR.01). Those with a transaction share evenly up to their own limits; where
    that were less than the smallest current, or than minChargingRate (2.0.1 K01.FR.21), the transactions that
    began last wait. A per phase add up as if all hung on one phase, so no phase carries more.

    Args:
        profiles: All that are installed.
        station: With `evse` 0 and its `evses`.
        t_s: When.

    Returns:
        In the order of `station.evses`; EVSEs without a transaction have their own limit, as nothing flows.
    """
    own = tuple(compose.limit_at(profiles, part, t_s) for part in station.evses)
    waiting = [k for k, part in enumerate(station.evses) if part.transaction is not None]
    waiting.sort(key=lambda k: (station.evses[k].transaction_start_s or 0.0, station.evses[k].evse))
    active = replace(station, evses=tuple(station.evses[k] for k in sorted(waiting)))
    whole = compose.limit_at(profiles, active, t_s)
    while waiting:
        limit_w = _even([own[k].limit_w for k in waiting], whole.limit_w)
        limit_a = _even([own[k].limit_a for k in waiting], whole.limit_a)
        found = {k: _within(own[k], a, w) for k, a, w in zip(waiting, limit_a, limit_w, strict=True)}
        if len(waiting) == 1 or not any(_useless(own[k], found[k], station.evses[k]) for k in waiting):
            break
        waiting.pop()
    else:
        found = {}
    return tuple(found.get(k, _rest(part, own[k])) for k, part in enumerate(station.evses))


def _rest(part: Context, own: Allowed) -> Allowed:
    return own if part.transaction is None else _within(own, 0.0, 0.0)


def _even(limits: Sequence[float | None], total: float | None) -> list[float]:
    """Divide `total` so that nobody gets above the own limit and the smallest share is as large as it can be."""
    wanted = [math.inf if limit is None else limit for limit in limits]
    if total is None or sum(wanted) <= total:
        return wanted
    out, left = [0.0] * len(wanted), total
    for rank, k in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        out[k] = min(wanted[k], left / (len(wanted) - rank))
        left -= out[k]
    return out


def _within(own: Allowed, limit_a: float, limit_w: float) -> Allowed:
    """The tighter one counts, in both units."""
    scales = [
        new / old
        for new, old in ((limit_a, own.limit_a), (limit_w, own.limit_w))
        if old is not None and 0.0 < old < math.inf
    ]
    scale = min(scales, default=1.0)
    if scale >= 1.0:
        return replace(own, limit_a=_finite(limit_a, own.limit_a), limit_w=_finite(limit_w, own.limit_w))
    w = None if own.limit_w is None else own.limit_w * scale
    setpoint_w = own.setpoint_w if own.setpoint_w is None or w is None else min(own.setpoint_w, w)
    limit = None if own.limit_a is None else own.limit_a * scale
    return replace(own, limit_a=limit, limit_w=w, setpoint_w=setpoint_w)


def _finite(share: float, own: float | None) -> float | None:
    return own if share == math.inf else share


def _useless(own: Allowed, share: Allowed, part: Context) -> bool:
    """Whether a share is below what a car can use, though its own limit is not."""
    low_a = share.limit_a is not None and share.limit_a < min(MIN_A, own.limit_a or 0.0) and not part.dc
    least_w = share.min_rate_w or 0.0
    low_w = share.limit_w is not None and share.limit_w < min(least_w, own.limit_w or 0.0)
    return low_a or low_w
