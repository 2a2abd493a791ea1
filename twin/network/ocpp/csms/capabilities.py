"""What a station can do, each with where we know it from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.profiles.model import Unit

ASSUMED = "assumed: the station does not say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What smart charging needs to know of a station; the defaults are what is assumed of an unknown one."""

    units: frozenset[Unit] = frozenset({Unit.A})
    """What schedules may be written in."""
    max_stack_level: int = 1
    max_periods: int = 1
    max_profiles: int = 2
    evses: tuple[int, ...] = ()
    """Connectors (1.6) or EVSEs (2.x); empty: learnt from what is reported."""
    phases: int = 3
    """Of its supply."""
    smart_charging: bool = True
    phase_switching: bool = False
    bidirectional: bool = False
    """Takes set-points and discharge limits (OCPP 2.1)."""
    rating_w: Mapping[int, float] = field(default_factory=dict)
    """Largest power by EVSE, where it is known."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Field to where it is known from; absent: assumed."""

    def unit(self, quirks: Quirks) -> Unit:
        """Return what profiles are written in: what the model is known to obey, else W where it is taken."""
        if quirks.rate_unit:
            return Unit(quirks.rate_unit)
        return Unit.W if Unit.W in self.units else Unit.A

    def levels(self, quirks: Quirks) -> int:
        """Return how many stack levels can be used."""
        return 1 if quirks.stack_level_zero else self.max_stack_level + 1

    def source(self, name: str) -> str:
        """Return where a field is known from."""
        return self.sources.get(name, ASSUMED)

    def told(self, source: str, **values: Any) -> Capabilities:
        """Return these with some fields known from `source`."""
        return replace(self, **values, sources={**self.sources, **dict.fromkeys(values, source)})

    def as_json(self) -> dict[str, Any]:
        """Return these as the journal and the operator see them."""
        return {
            "units": sorted(unit.value for unit in self.units),
            "max_stack_level": self.max_stack_level,
            "max_periods": self.max_periods,
            "max_profiles": self.max_profiles,
            "evses": list(self.evses),
            "phases": self.phases,
            "smart_charging": self.smart_charging,
            "phase_switching": self.phase_switching,
            "bidirectional": self.bidirectional,
            "rating_w": {str(evse): rating for evse, rating in self.rating_w.items()},
            "sources": dict(self.sources),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Capabilities:
        """Read what `as_json` wrote."""
        values = dict(body)
        values["units"] = frozenset(map(Unit, values["units"]))
        values["evses"] = tuple(values["evses"])
        values["rating_w"] = {int(evse): rating for evse, rating in values["rating_w"].items()}
        return cls(**values)


def units(text: str) -> frozenset[Unit]:
    """Read a list of rate units in any of the words that chargers use.

    OCPP 1.6 (9.4.2) has `Current` and `Power`, 2.x `A` and `W`; real ones mix them. Unknown words are left out.
    """
    words = {"current": Unit.A, "a": Unit.A, "amp": Unit.A, "power": Unit.W, "w": Unit.W, "watt": Unit.W}
    parts = (part.strip(" \t\"'[]").lower() for part in text.replace(";", ",").split(","))
    return frozenset(words[part] for part in parts if part in words)
