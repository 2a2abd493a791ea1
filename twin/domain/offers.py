"""Where a driver could charge, as seen from the driver's seat."""

from __future__ import annotations

from typing import NamedTuple

from twin.domain.ids import SiteId


class Offer(NamedTuple):
    """One site at one instant: what a driver compares before driving there."""

    site: SiteId
    operator: str
    price_per_kwh: float
    """In the currency of the run: a signal for a choice, never what is billed. NaN: not shown to the driver."""
    distance_km: float
    """One way."""
    free: int
    """Connectors that are free now."""
    queue: int
    """Cars that wait in front of this one."""
    power_w: float
    """Rating of the connectors at the site."""
