"""Which car a driver has, and what it can take at the connectors of a site."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twin.domain.ids import SiteId
from twin.domain.specs import EvseSpec, VehicleSpec


def power_w(car: VehicleSpec, evse: EvseSpec | None) -> float:
    """Largest power of `car` at the connector of `evse`; None: at an AC EVSE that does not limit it."""
    if evse is None:
        return car.ac_max_w
    if evse.dc_max_w is not None:
        return min(evse.dc_max_w, car.dc_max_w) if car.dc else 0.0
    phases = min(car.ac_phases, evse.connection.phases)
    return min(min(evse.max_a, car.ac_max_a) * evse.voltage_v * phases, car.ac_max_w)


def efficiency(car: VehicleSpec, evse: EvseSpec | None) -> float:
    """Battery over connector."""
    return car.dc_efficiency if evse is not None and evse.dc_max_w is not None else car.ac_efficiency


STRONG_ENOUGH = 0.9
"""A car explains a recorded mean power if it has this share of it: meters, voltages and minutes are rounded."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a car must be able to do to explain its driver's visits."""

    energy_wh: float = 0.0
    """Largest energy at the connector in one visit."""
    power_w: float = 0.0
    """Largest mean power over a visit."""


class Garage:
    """The cars of a run and the connectors they meet."""

    def __init__(
        self,
        vehicles: Mapping[str, VehicleSpec],
        sites: Mapping[SiteId, Sequence[int]],
        evses: Sequence[EvseSpec] = (),
    ) -> None:
        """Prepare the choice of cars.

        Args:
            vehicles: The catalogue.
            sites: Rows of the fleet per site.
            evses: In row order; empty: AC EVSEs that limit no car.
        """
        self.vehicles = vehicles
        self._evses = evses
        self._kinds: dict[tuple[SiteId, ...], tuple[EvseSpec | None, ...]] = {}
        self._sites = sites

    def met(self, sites: Sequence[SiteId], row: int = -1) -> tuple[EvseSpec | None, ...]:
        """Return one EVSE of every kind that a driver of `sites` may meet: the one at `row` if he insists on it."""
        if not self._evses:
            return (None,)
        if row >= 0:
            return (self._evses[row],)
        key = tuple(sites)
        if key not in self._kinds:
            rows = itertools.chain.from_iterable(self._sites[site] for site in key)
            kinds = {
                (e.max_a, e.voltage_v, e.connection.phases, e.dc_max_w): e
                for e in (self._evses[r] for r in rows)
            }
            self._kinds[key] = tuple(kinds.values())
        return self._kinds[key]

    def efficiency(self, model: str, met: Sequence[EvseSpec | None]) -> float:
        """Return the highest of what `model` has at `met`: the energy then fits wherever it charges."""
        return max(efficiency(self.vehicles[model], evse) for evse in met)

    def power_w(self, model: str, met: Sequence[EvseSpec | None]) -> float:
        """Largest power of `model` at any of `met`."""
        return max((power_w(self.vehicles[model], evse) for evse in met), default=0.0)

    def choose(
        self, mix: Mapping[str, float], need: Need, met: Sequence[EvseSpec | None], uniform: float
    ) -> str:
        """Return a model of `mix`, by weight, among those that explain `need`.

        Where none does, the battery counts more than the power: among the models that can charge here at
        all, those with a large enough battery, else the largest battery.
        """
        able = {m: w for m, w in mix.items() if w > 0 and self.power_w(m, met) > 0}
        able = able or dict(mix)
        room = {m: self.vehicles[m].usable_wh / self.efficiency(m, met) for m in able}
        fits = [m for m in able if room[m] >= need.energy_wh]
        strong = [m for m in fits if self.power_w(m, met) >= STRONG_ENOUGH * need.power_w]
        among = strong or fits or [max(able, key=lambda m: room[m])]
        weights = list(itertools.accumulate(mix[m] for m in among))
        if weights[-1] <= 0:
            return among[0]
        return next(m for m, w in zip(among, weights, strict=True) if uniform * weights[-1] < w)

    def explains(self, model: str, need: Need, met: Sequence[EvseSpec | None]) -> bool:
        """Whether `model` has the battery for `need`."""
        return self.vehicles[model].usable_wh / self.efficiency(model, met) >= need.energy_wh
