"""Visits from distributions with given parameters: regular drivers, and walk-ins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.domain.ids import Array, Matrix, Vector
from twin.domain.visits import ANY_EVSE
from twin.rng import stream
from twin.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, wh_from_kwh
from twin.world.population.civil import CivilClock
from twin.world.population.demand import DriverGroup, Parametric, Peak, Spread, WalkIns
from twin.world.population.garage import Garage, Need
from twin.world.population.raw import Person, Wishes, unspoken

TURN_S = 600.0
"""A regular driver is away for at least this long between two visits, and stays at least this long."""
MIN_STAY_S, MIN_ENERGY_KWH = 60.0, 0.05
USUAL = 0.95
"""A regular driver's car has the battery for this quantile of the energies."""


def regular_visits(
    group: DriverGroup,
    demand: Parametric,
    places: Sequence[Person],
    *,
    seed: int,
    clock: CivilClock,
    window_s: tuple[float, float],
    garage: Garage,
) -> Wishes:
    """Draw the visits of drivers at `places`, who come on their own days and hours.

    Where the next visit of a driver begins before the last one ended, the stay ends `TURN_S` before it.
    """
    days = _days(clock, window_s)
    come = demand.arrivals
    slots = max(1, int(np.ceil(max(come.weekday_visits, come.weekend_visits))))
    shape = (len(days) * slots, 5)
    streams = (stream(seed, "driver", p.id, "visits") for p in places)
    u = np.array([s.random(shape) for s in streams]).reshape(-1, 5)
    day = np.tile(np.repeat(days, slots), len(places))
    driver = np.repeat(np.arange(len(places)), shape[0])
    number = np.tile(np.arange(shape[0]), len(places))
    weekend = day % 7 >= 5
    chance = np.where(weekend, come.weekend_visits, come.weekday_visits) / slots
    weekend_peaks = come.weekday if come.weekend is None else come.weekend
    hour = np.where(weekend, _hours(weekend_peaks, u[:, 1:3]), _hours(come.weekday, u[:, 1:3]))
    comes = (u[:, 0] < chance) & np.isfinite(hour)
    driver, number, u = driver[comes], number[comes], u[comes]
    arrival_s = clock.run(day[comes] * SECONDS_PER_DAY + hour[comes] * SECONDS_PER_HOUR)
    stay_s, energy_kwh = _stay_and_energy(demand.stay_h, demand.energy_kwh, demand.rank_correlation, u[:, 3:])
    keep, departure_s = _apart(driver, arrival_s, arrival_s + stay_s)
    keep &= (arrival_s >= window_s[0]) & (arrival_s < window_s[1])
    usual_wh = wh_from_kwh(float(demand.energy_kwh.quantile(np.array([USUAL]))[0]))
    people = tuple(
        Person(
            id=p.id,
            model=garage.choose(
                group.vehicles,
                Need(usual_wh),
                garage.met(p.sites, p.row),
                float(stream(seed, "driver", p.id, "who").random()),
            ),
            sites=p.sites,
            row=p.row,
        )
        for p in places
    )
    n = int(keep.sum())
    return Wishes(
        people=people,
        driver=driver[keep],
        number=number[keep],
        arrival_s=arrival_s[keep],
        departure_s=departure_s[keep],
        energy_wh=wh_from_kwh(energy_kwh[keep]),
        row=np.array([p.row for p in people], dtype=np.int64)[driver[keep]],
        said_departure_s=unspoken(n),
        said_energy_wh=unspoken(n),
    )


def walk_ins(
    group: DriverGroup,
    demand: WalkIns,
    *,
    seed: int,
    clock: CivilClock,
    window_s: tuple[float, float],
    garage: Garage,
) -> Wishes:
    """Draw visits of drivers who come once, each with a car that has room for what it takes."""
    days = _days(clock, window_s)
    rng = stream(seed, "group", group.name, "arrivals")
    mean = np.where(days % 7 >= 5, demand.weekend_visits, demand.weekday_visits)
    day = np.repeat(days, rng.poisson(mean))
    u = stream(seed, "group", group.name, "visits").random((len(day), 4))
    share = np.concatenate(([0.0], np.cumsum(demand.hourly)))
    hour = np.interp(u[:, 0] * share[-1], share, np.arange(25.0))
    arrival_s = clock.run(day * SECONDS_PER_DAY + hour * SECONDS_PER_HOUR)
    stay_s, energy_kwh = _stay_and_energy(
        demand.stay_h, demand.energy_kwh, demand.rank_correlation, u[:, 1:3]
    )
    met = garage.met(group.sites)
    keep = np.flatnonzero((arrival_s >= window_s[0]) & (arrival_s < window_s[1]))
    people = tuple(
        Person(
            id=f"{group.name}-{k + 1}",
            model=garage.choose(group.vehicles, Need(wh_from_kwh(float(energy_kwh[k]))), met, float(u[k, 3])),
            sites=group.sites,
        )
        for k in keep
    )
    n = len(keep)
    return Wishes(
        people=people,
        driver=np.arange(n),
        number=np.zeros(n, dtype=np.int64),
        arrival_s=arrival_s[keep],
        departure_s=arrival_s[keep] + stay_s[keep],
        energy_wh=wh_from_kwh(energy_kwh[keep]),
        row=np.full(n, ANY_EVSE),
        said_departure_s=unspoken(n),
        said_energy_wh=unspoken(n),
    )


def _days(clock: CivilClock, window_s: tuple[float, float]) -> Array:
    """Civil days that can hold an arrival of the window, counted from the Monday of the run's first week."""
    first, last = clock.wall(np.array(window_s)) // SECONDS_PER_DAY
    return np.arange(int(first) - 1, int(last) + 2)


def _hours(peaks: Sequence[Peak], u: Matrix) -> Vector:
    """Return hours of the day, which may reach into the next or last one; NaN where nobody comes."""
    from scipy.special import ndtri  # noqa: PLC0415 -- reading a scenario needs no scipy

    if not peaks:
        return np.full(len(u), np.nan)
    weights = np.cumsum([p.weight for p in peaks])
    which = np.searchsorted(weights, u[:, 0] * weights[-1], side="right").clip(max=len(peaks) - 1)
    mean, std = np.array([p.hour for p in peaks]), np.array([p.std_h for p in peaks])
    return np.asarray(mean[which] + std[which] * ndtri(u[:, 1]))


def _stay_and_energy(
    stay_h: Spread, energy_kwh: Spread, rank_correlation: float, u: Matrix
) -> tuple[Vector, Vector]:
    """Return stays in seconds and energies in kWh, joined by a Gaussian copula.

    Spearman's correlation r is that of normal numbers correlated by 2 sin(pi r / 6): Kruskal, "Ordinal measures
    of association", JASA 53 (1958), section 6.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 -- reading a scenario needs no scipy

    rho = 2.0 * np.sin(np.pi * rank_correlation / 6.0)
    first = ndtri(u[:, 0])
    second = rho * first + np.sqrt(max(0.0, 1.0 - rho**2)) * ndtri(u[:, 1])
    stay_s = np.maximum(stay_h.quantile(u[:, 0]) * SECONDS_PER_HOUR, MIN_STAY_S)
    return stay_s, np.maximum(energy_kwh.quantile(ndtr(second)), MIN_ENERGY_KWH)


def _apart(driver: Array, arrival_s: Vector, departure_s: Vector) -> tuple[Array, Vector]:
    """Return which visits remain, and departures that come before the driver's next arrival."""
    order = np.lexsort((arrival_s, driver))
    d, a, end = driver[order], arrival_s[order], departure_s[order]
    following = np.full(len(a), np.inf)
    if len(a) > 1:
        following[:-1] = np.where(d[1:] == d[:-1], a[1:], np.inf)
    end = np.where(following - TURN_S < end, following - TURN_S, end)
    keep, out = np.empty(len(a), dtype=bool), np.empty(len(a))
    keep[order], out[order] = end - a >= np.minimum(TURN_S, departure_s[order] - a), end
    return keep, out
