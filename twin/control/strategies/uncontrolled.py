"""No load management: what happens without anybody's decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from twin.domain.views import FleetView, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncontrolled:
    """Every session may draw its most at once; shared limits are ignored.

    The baseline of every comparison: overloads show where they would happen.

    Source: UncontrolledCharging of ACN-Sim (Lee et al., IEEE Trans. Smart Grid 12(6), 2021).
    """

    keeps_limits: ClassVar[bool] = False

    def plan(self, view: FleetView, _state: Any, /) -> Plan:
        """Return `max_w` for all, without an order."""
        return Plan(view.max_w.copy())
