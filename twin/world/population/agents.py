"""Drivers as Mesa agents: they hold who they are and choose; when anything happens is not theirs to say.

A process asks its agent at a decision point and the agent answers from what it knows and from what it is shown.
Answers draw no random number, so two strategies that show the same offers get the same answers. Mesa's clock,
batch runner and data collector are not used.
"""

from __future__ import annotations

import math
import multiprocessing
import warnings
from collections.abc import Sequence
from typing import Literal, Self

from twin.domain.offers import Offer
from twin.domain.specs import DriverSpec
from twin.domain.visits import Visits
from twin.units import kwh_from_wh, wh

# `mesa.batchrunner` sets the start method of the whole process to "spawn" when it is imported (mesa 3.3.1).
# It is the caller's choice, so it is put back. Its progress bar, which is not used here, complains in
# notebooks without ipywidgets.
_START_METHOD = multiprocessing.get_start_method(allow_none=True)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="IProgress not found")
    import mesa

multiprocessing.set_start_method(_START_METHOD, force=True)

PER_KM = 0.25
"""What a kilometre of detour is worth to a driver, in the currency of the prices: running costs and time."""
PER_MISSING_KWH = 1.0
"""What a kWh that a site cannot deliver during the stay is worth to a driver."""

WhenFull = Literal["wait", "leave", "elsewhere"]


class Driver(mesa.Agent):
    """A person with a car, habits and little patience.

    Attributes:
        spec: Who this is.
        visit: Row of the visit the driver is on, or -1.
    """

    model: Population

    def __init__(self, model: Population, spec: DriverSpec) -> None:
        super().__init__(model)
        self.spec = spec
        self.visit = -1
        self._need_wh = 0.0
        self._stay_s = math.inf
        self._rank = {site: i for i, site in enumerate(spec.sites)}
        # Passers-by have no home and no employer: their sites are known, not preferred.
        self._loyal = spec.archetype != "public"

    def come(self, visit: int, offers: Sequence[Offer]) -> bool:
        """Whether the driver sets out for a visit, having looked at the app.

        Nobody sets out where no known site is offered; who would leave a full site at once does not drive
        to one.
        """
        visits = self.model.visits
        self.visit = visit
        self._need_wh = float(visits.energy_wh[visit])
        self._stay_s = float(visits.departure_s[visit] - visits.arrival_s[visit])
        known = [offer for offer in offers if offer.site in self._rank]
        if self.spec.if_full == "leave":
            return any(offer.free > 0 for offer in known)
        return bool(known)

    def choose(self, offers: Sequence[Offer]) -> Offer | None:
        """Return where to charge, or None where no known site is offered.

        Who would rather go elsewhere than wait takes free connectors before taken ones. A driver with a place
        of their own (home, work) then prefers sites in their own order; a passer-by, and anybody between sites
        of the same rank, the least cost: energy, way, and what the connector is too slow for. Ties go to the
        shorter queue, then to the first offered.
        """
        best: Offer | None = None
        best_key = (math.inf,) * 4
        avoids_queues = self.spec.if_full == "elsewhere" or not self._loyal
        for offer in offers:
            rank = self._rank.get(offer.site)
            if rank is None:
                continue
            key = (
                1.0 if avoids_queues and offer.free <= 0 else 0.0,
                float(rank) if self._loyal else 0.0,
                self._cost(offer),
                float(offer.queue),
            )
            if key < best_key:
                best, best_key = offer, key
        return best

    def when_full(self, here: Offer, others: Sequence[Offer], patience_s: float) -> WhenFull:
        """What the driver does on arrival where every connector is taken.

        Args:
            here: The site, whose `queue` counts the cars in front.
            others: What is offered at this moment at other sites.
            patience_s: How long the driver would wait.
        """
        policy = self.spec.if_full
        if policy == "elsewhere":
            if any(o.free > 0 and o.site in self._rank and o.site != here.site for o in others):
                return "elsewhere"
            return "wait" if patience_s > 0 else "leave"
        return "wait" if policy == "wait" and patience_s > 0 else "leave"

    def _cost(self, offer: Offer) -> float:
        reach_wh = wh(offer.power_w, self._stay_s)
        got_kwh = kwh_from_wh(min(self._need_wh, reach_wh))
        missing_kwh = kwh_from_wh(self._need_wh) - got_kwh
        price = 0.0 if math.isnan(offer.price_per_kwh) else offer.price_per_kwh
        return price * got_kwh + PER_MISSING_KWH * missing_kwh + 2 * PER_KM * offer.distance_km


class Population(mesa.Model):
    """All drivers of a run, in the order of `Visits.drivers`.

    Use it as a context manager, or call `close`: Mesa keeps every model alive until told otherwise.
    """

    def __init__(self, visits: Visits) -> None:
        super().__init__(seed=0)  # Mesa wants a seed; agents here draw nothing
        self.visits = visits
        self.drivers = tuple(Driver(self, spec) for spec in visits.drivers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def of(self, visit: int) -> Driver:
        """Return the driver of a visit."""
        return self.drivers[self.visits.driver[visit]]

    def close(self) -> None:
        """Let go of all drivers: `mesa.Agent` counts ids per model in a class attribute and never forgets one."""
        mesa.Agent._ids.pop(self, None)  # noqa: SLF001 -- the only way out in mesa 3.3.1
        self.remove_all_agents()
        self.drivers = ()
