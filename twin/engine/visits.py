"""One car from arrival to departure: where time lives. What is decided, the driver's mind decides."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import simpy

from twin.domain.ids import SiteId
from twin.domain.offers import Offer
from twin.domain.ports import Chooser, PlugIn, Recorder
from twin.domain.specs import DriverSpec, SiteSpec
from twin.domain.visits import ANY_EVSE, Visits
from twin.engine.berths import Berths
from twin.engine.bookkeeper import Bookkeeper
from twin.engine.money import Money
from twin.engine.stays import Stay

Process = Generator[simpy.Event, object, None]


@dataclass(frozen=True, slots=True)
class Place:
    """A site as the engine knows it: its spec, its connectors and what a kWh costs now."""

    spec: SiteSpec
    berths: Berths
    power_w: float
    """Rating of one connector."""
    price: Callable[[float], float]
    """Price per kWh at an instant, for the driver's choice."""

    def offer(self, now_s: float) -> Offer:
        """What a driver sees."""
        return Offer(
            site=self.spec.id,
            operator=self.spec.operator,
            price_per_kwh=self.price(now_s),
            distance_km=self.spec.distance_km,
            free=self.berths.free,
            queue=self.berths.queue,
            power_w=self.power_w,
        )


class Arrivals:
    """Starts one process per visit, at its arrival."""

    def __init__(
        self,
        env: simpy.Environment,
        visits: Visits,
        minds: Sequence[Chooser],
        places: Mapping[SiteId, Place],
        books: Bookkeeper,
        recorder: Recorder,
        on_plugged: Callable[[float], None],
        money: Money | None = None,
    ) -> None:
        self._on_plugged = on_plugged
        self._money = money
        self._env = env
        self._visits = visits
        # Plain lists: taking one number out of an array costs as much as a small sum.
        self._arrival_s: list[float] = visits.arrival_s.tolist()
        self._departure_s: list[float] = visits.departure_s.tolist()
        self._energy_wh: list[float] = visits.energy_wh.tolist()
        self._minds = minds
        self._places = places
        self._place_of = {row: place for place in places.values() for row in place.berths.rows}
        self._books = books
        self._recorder = recorder
        self._waiting: dict[int, Stay] = {}

    def close(self, t_s: float) -> None:
        """End of the run: write down who is still waiting."""
        for stay in self._waiting.values():
            self._books.away(stay, "open", max(t_s - stay.arrival_s, 0.0))

    def run(self, horizon_s: float) -> Process:
        """Spawn every visit that arrives before the horizon."""
        env = self._env
        for k, arrival_s in enumerate(self._arrival_s):
            if arrival_s >= horizon_s:
                return
            if arrival_s > env.now:
                yield env.timeout(arrival_s - env.now)
            env.process(self._visit(k))

    def _visit(self, k: int) -> Process:
        """One car: choose a site, wait or not, charge, leave."""
        env, visits = self._env, self._visits
        driver = visits.drivers[visits.driver[k]]
        mind = self._minds[visits.driver[k]]
        stay = self._stay(k, driver)
        wish = int(visits.evse[k])
        place = self._choose(k, mind, driver, stay) if wish == ANY_EVSE else self._own(wish, stay)
        if place is None:
            self._books.away(stay, "balked", 0.0)
            return
        row = place.berths.take(wish)
        if row is None:
            row = yield from self._queue(k, mind, driver, stay, place, wish)
            if row is None:
                return
        books, money = self._books, self._money
        if money is not None:
            stay.cards, stay.told = money.cards[visits.driver[k]], env.event()
        books.plug(env.now, row, stay, self._car(k, driver))
        self._on_plugged(env.now)
        if money is not None:
            yield from self._pay(row, stay, money)
        elif stay.departure_s > env.now:
            yield env.timeout(stay.departure_s - env.now)
        books.unplug(env.now, row, "served")
        self._places[stay.site].berths.give(row)

    def _pay(self, row: int, stay: Stay, money: Money) -> Process:
        """Stay until the departure, unless every card is refused: then the driver leaves earlier."""
        env = self._env
        leave = env.timeout(max(stay.departure_s - env.now, 0.0))
        while stay.told is not None:
            yield leave | stay.told
            if leave.processed:
                return
            more = stay.card + 1 < len(stay.cards)
            yield leave | env.timeout(money.retry_s if more else money.leave_s)
            if leave.processed or not more:
                return
            stay.card += 1
            stay.told = env.event()
            self._books.present(env.now, row, stay)

    def _stay(self, k: int, driver: DriverSpec) -> Stay:
        return Stay(
            visit=k,
            driver=driver,
            vehicle=self._visits.vehicles[driver.vehicle].model,
            site=driver.sites[0],
            arrival_s=self._arrival_s[k],
            departure_s=self._departure_s[k],
            requested_wh=self._energy_wh[k],
        )

    def _car(self, k: int, driver: DriverSpec) -> PlugIn:
        visits = self._visits
        return PlugIn(
            visits.vehicles[driver.vehicle],
            float(visits.arrival_wh[k]),
            self._energy_wh[k],
            float(visits.said_departure_s[k]),
            float(visits.said_energy_wh[k]),
        )

    def _own(self, wish: int, stay: Stay) -> Place:
        """Who has a charger of their own goes there: there is nothing to choose."""
        place = self._place_of[wish]
        stay.site = place.spec.id
        return place

    def _choose(self, k: int, mind: Chooser, driver: DriverSpec, stay: Stay) -> Place | None:
        """Ask the mind whether to come, and where to."""
        offers = [self._places[site].offer(self._env.now) for site in driver.sites]
        offer = mind.choose(offers) if mind.come(k, offers) else None
        if offer is None:
            return None
        stay.site = offer.site
        return self._places[offer.site]

    def _queue(
        self, k: int, mind: Chooser, driver: DriverSpec, stay: Stay, place: Place, wish: int
    ) -> Generator[simpy.Event, object, int | None]:
        """Every connector is taken: wait, leave, or try the other sites. Returns the row, or None."""
        env = self._env
        here = place.offer(env.now)
        offers = [self._places[s].offer(env.now) for s in driver.sites if s != place.spec.id]
        mind.come(k, [here, *offers])
        patience_s = min(float(self._visits.patience_s[k]), stay.departure_s - env.now)
        decision = mind.when_full(here, offers, patience_s)
        if decision == "elsewhere":
            row = self._elsewhere(mind, offers, stay)
            if row is not None:
                return row
            decision = "wait"  # the place was taken in the meantime: the first choice's queue is left
        if decision == "leave":
            self._books.away(stay, "balked", 0.0)
            return None
        ticket = place.berths.wait(wish)
        self._waiting[k] = stay
        yield ticket | env.timeout(max(patience_s, 0.0))
        del self._waiting[k]
        if ticket.triggered:
            return cast("int", ticket.value)
        place.berths.forget(ticket)
        self._books.away(stay, "reneged", max(env.now - stay.arrival_s, 0.0))
        return None

    def _elsewhere(self, mind: Chooser, offers: Sequence[Offer], stay: Stay) -> int | None:
        free = [offer for offer in offers if offer.free > 0]
        offer = mind.choose(free) if free else None
        if offer is None:
            return None
        row = self._places[offer.site].berths.take(ANY_EVSE)
        if row is not None:
            self._recorder.row(
                "events",
                {
                    "t_s": self._env.now,
                    "kind": "elsewhere",
                    "subject": stay.driver.id,
                    "detail": f"{stay.site} was full, went to {offer.site}",
                    "value": None,
                },
            )
            stay.site = offer.site
        return row
