"""Cars that come to virtual stations on the clock: plug in, show a card, stay, leave."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twin import rng
from twin.domain.clock import Clock
from twin.domain.ids import EvseId, SiteId, StationId
from twin.domain.ports import PlugIn
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.domain.visits import ANY_EVSE, Visits
from twin.network.virtual.stations import VirtualStations

CARD_S = 5.0
"""From the plug to the card."""
_LONGEST_TOKEN = 20
"""Characters of an idTag in 1.6."""
_STAY_S = (1_200.0, 5_400.0)
_ENERGY_WH = (3_000.0, 30_000.0)


class Guest(NamedTuple):
    """One car that comes."""

    arrival_s: float
    rows: tuple[int, ...]
    """Where it may charge, the first free one."""
    stay_s: float
    patience_s: float
    """How long it waits where all are taken."""
    car: PlugIn
    token: str


def token_of(driver: str) -> str:
    """Return a token that fits every version: the name itself, or a digest where it is too long for 1.6."""
    if len(driver) <= _LONGEST_TOKEN:
        return driver
    return hashlib.blake2s(driver.encode(), digest_size=8).hexdigest().upper()


def of_visits(visits: Visits, rows: Mapping[SiteId, Sequence[int]]) -> Iterator[Guest]:
    """Yield the guests of a scenario, in the order of their arrival.

    Args:
        visits: Who comes.
        rows: Rows of each site; those that are left out have no station here.
    """
    present = {row for of_site in rows.values() for row in of_site}
    for k, arrival_s in enumerate(visits.arrival_s.tolist()):
        driver = visits.drivers[visits.driver[k]]
        wish = int(visits.evse[k])
        near = [row for site in driver.sites for row in rows.get(site, ())] if wish == ANY_EVSE else [wish]
        places = tuple(row for row in near if row in present)
        if places:
            car = PlugIn(
                visits.vehicles[driver.vehicle], float(visits.arrival_wh[k]), float(visits.energy_wh[k]),
                float(visits.said_departure_s[k]), float(visits.said_energy_wh[k]),
            )  # fmt: skip
            stay_s = float(visits.departure_s[k]) - arrival_s
            patience_s = min(float(visits.patience_s[k]), stay_s)
            yield Guest(arrival_s, places, stay_s, patience_s, car, token_of(driver.token or str(driver.id)))


def endless(
    evses: Sequence[EvseSpec],
    vehicles: Sequence[VehicleSpec],
    *,
    per_hour: float,
    seed: int,
    token: str = "",
    stay_s: float = 0.0,
    begin_s: float = 0.0,
) -> Iterator[Guest]:
    """Yield guests without end: each EVSE has its own, after gaps that make `per_hour` of them on average.

    Args:
        evses: By row.
        vehicles: Which cars there are.
        per_hour: Cars per EVSE and hour; at most one at a time, so that many are fewer.
        seed: Of the draws.
        token: Of every driver; empty: one per EVSE, `TWIN-<row>`.
        stay_s: How long each car stays; 0: as is usual. Where the gaps that `per_hour` leaves are shorter, the next
            car comes as soon as one has left.
        begin_s: Nobody comes before.
    """
    each = [
        _of_row(row, spec, vehicles, per_hour, seed, token or f"TWIN-{row + 1}", stay_s, begin_s)
        for row, spec in enumerate(evses)
    ]
    return heapq.merge(*each, key=lambda guest: guest.arrival_s)


def _of_row(
    row: int,
    spec: EvseSpec,
    vehicles: Sequence[VehicleSpec],
    per_hour: float,
    seed: int,
    token: str,
    fixed_s: float,
    begin_s: float,
) -> Iterator[Guest]:
    random = rng.stream(seed, "evse", str(spec.id), "guests")
    fitting = [v for v in vehicles if spec.dc_max_w is None or v.dc]
    mean_s = 3600.0 / per_hour
    t_s = begin_s + (
        float(random.uniform(0.0, mean_s)) if fixed_s else 0.0
    )  # else all would come in the same second
    while True:
        stay_s = fixed_s or float(random.uniform(*_STAY_S)) * min(1.0, mean_s / 3600.0)
        t_s += float(random.exponential(max(mean_s - stay_s, 1.0)))
        vehicle = fitting[int(random.integers(len(fitting)))]
        wanted_wh = float(min(random.uniform(*_ENERGY_WH), 0.8 * vehicle.usable_wh))
        car = PlugIn(vehicle, 0.9 * vehicle.usable_wh - wanted_wh, wanted_wh, t_s + stay_s, wanted_wh)
        yield Guest(t_s, (row,), stay_s, 0.0, car, token)
        t_s += stay_s


class Guests:
    """Lets guests come, one timer ahead.

    Args:
        stations: Where to.
        clock: When.
        guests: Ordered by arrival.
    """

    def __init__(self, stations: VirtualStations, clock: Clock, guests: Iterable[Guest]) -> None:
        self._stations, self._clock, self._guests = stations, clock, iter(guests)
        self._free = set(range(len(stations.fleet)))
        self._queue: deque[Guest] = deque()
        self._stay: dict[int, int] = {}
        """Number of the guest at each row."""
        self._stopped = False
        self.came = self.went = self.turned_away = 0

    def start(self) -> None:
        """Wait for the first one."""
        guest = next(self._guests, None)
        if guest is not None and not self._stopped:
            self._clock.call_at(guest.arrival_s, lambda: self._arrive(guest))

    def stop(self) -> None:
        """Nobody comes or goes any more."""
        self._stopped = True

    def _arrive(self, guest: Guest) -> None:
        self.start()
        if self._stopped:
            return
        row = next((row for row in guest.rows if row in self._free), None)
        if row is not None:
            self._plug(guest, row)
        elif guest.patience_s > 0.0:
            self._queue.append(guest)
            self._clock.call_later(guest.patience_s, lambda: self._give_up(guest))
        else:
            self.turned_away += 1

    def _give_up(self, guest: Guest) -> None:
        if guest in self._queue:
            self._queue.remove(guest)
            self.turned_away += 1

    def take(self, row: int) -> bool:
        """Keep an EVSE for somebody else's hands; whether it was free."""
        if row not in self._free:
            return False
        self._free.discard(row)
        return True

    def give(self, row: int) -> None:
        """Let guests have an EVSE again: the first who waits for it gets it."""
        self._free.add(row)
        for guest in self._queue:
            if row in guest.rows:
                self._queue.remove(guest)
                self._plug(guest, row)
                return

    def _plug(self, guest: Guest, row: int) -> None:
        self._free.discard(row)
        self.came += 1
        stay = self._stay[row] = self.came
        self._stations.plug(self._clock.now_s, row, guest.car)
        self._clock.call_later(CARD_S, self._while(stay, row, lambda: self._present(guest, row)))
        self._clock.call_later(max(guest.stay_s, CARD_S), self._while(stay, row, lambda: self.leave(row)))

    def _present(self, guest: Guest, row: int) -> None:
        self._stations.present(self._clock.now_s, row, guest.token)

    def leave(self, row: int) -> None:
        """Take the cable out, and let guests have the EVSE."""
        self.went += 1
        self._stay.pop(row, None)
        self._stations.unplug(self._clock.now_s, row)
        self.give(row)

    def _while(self, stay: int, row: int, act: Callable[[], None]) -> Callable[[], None]:
        """Do something only while this guest is still there: hands may have unplugged the car before."""
        return lambda: act() if self._stay.get(row) == stay and not self._stopped else None


def default_evses(count: int, *, max_a: float = 16.0) -> list[EvseSpec]:
    """Return EVSEs of `count` stations with one each: three phases, 11 kW at 16 A."""
    return [
        EvseSpec(
            id=EvseId(f"TWIN-{n}/1"),
            station=StationId(f"TWIN-{n}"),
            site=SiteId("load"),
            bus=None,
            max_a=max_a,
        )
        for n in range(1, count + 1)
    ]
