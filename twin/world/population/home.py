"""Visits of drivers with fitted habits: away, plugged in, away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Vector
from twin.rng import stream
from twin.units import SECONDS_PER_HOUR, w_from_kw, wh_from_kwh
from twin.world.population.civil import CivilClock
from twin.world.population.demand import DriverGroup, Fitted
from twin.world.population.fitted import (
    Habits,
    HomeTables,
    habits,
    load_tables,
    mean_visits_per_week,
    next_arrival_h,
    only,
    stay_and_energy,
)
from twin.world.population.garage import Garage, Need
from twin.world.population.raw import Person, Uniforms, Wishes, unspoken

_MINUTE_S = 60.0


class Stays(NamedTuple):
    """Columns of visits: which driver, its how-manieth visit, when, and how much."""

    driver: Array
    number: Array
    arrival_s: Vector
    departure_s: Vector
    energy_kwh: Vector


def stays(
    tables: HomeTables,
    who: Habits,
    streams: list[np.random.Generator],
    clock: CivilClock,
    first_s: float,
    last_s: float,
) -> Stays:
    """Let every driver live from `first_s`, away, until an arrival after `last_s`.

    One visit of all drivers at a time: the cost is a few array operations per visit, not a Python loop.
    """
    uniforms = Uniforms(streams, 4)
    rows = np.arange(len(streams))
    away_s = np.full(len(streams), first_s)
    empty = np.empty(0, dtype=np.int64)
    parts = [Stays(empty, empty, np.empty(0), np.empty(0), np.empty(0))]
    number = 0
    while len(rows):
        u = uniforms.at(rows, number)
        left_s = away_s[rows]
        arrival_h = next_arrival_h(tables, who, rows, clock.wall(left_s) / SECONDS_PER_HOUR, u[:, 0])
        # The repeated hour of autumn can put an arrival before the departure it follows.
        arrival_s = np.maximum(clock.run(arrival_h * SECONDS_PER_HOUR), left_s + _MINUTE_S)
        stay_h, energy_kwh = stay_and_energy(tables, who, rows, arrival_h, u[:, 1:])
        departure_s = arrival_s + np.maximum(stay_h * SECONDS_PER_HOUR, _MINUTE_S)
        away_s[rows] = departure_s
        on_time = arrival_s < last_s
        numbers = np.full(int(on_time.sum()), number)
        parts.append(
            Stays(rows[on_time], numbers, arrival_s[on_time], departure_s[on_time], energy_kwh[on_time])
        )
        rows = rows[on_time]
        number += 1
    return Stays(
        np.concatenate([p.driver for p in parts]),
        np.concatenate([p.number for p in parts]),
        np.concatenate([p.arrival_s for p in parts]),
        np.concatenate([p.departure_s for p in parts]),
        np.concatenate([p.energy_kwh for p in parts]),
    )


def fitted_visits(
    group: DriverGroup,
    demand: Fitted,
    places: Sequence[Person],
    *,
    seed: int,
    clock: CivilClock,
    window_s: tuple[float, float],
    garage: Garage,
) -> Wishes:
    """Draw the visits of drivers at `places` by the tables of a data set."""
    tables = only(load_tables(demand.name), demand.users)
    who_u = np.array([stream(seed, "driver", p.id, "who").random(4) for p in places]).reshape(-1, 4)
    wanted = demand.visits_per_week
    scale = 1.0 if wanted is None else wanted / mean_visits_per_week(tables)
    who = habits(tables, who_u[:, 0], normal(who_u[:, 1]), normal(who_u[:, 2]), scale)
    streams = [stream(seed, "driver", p.id, "visits") for p in places]
    lived = stays(tables, who, streams, clock, *window_s)
    people = tuple(
        Person(
            id=place.id,
            model=garage.choose(
                group.vehicles,
                Need(wh_from_kwh(float(who.energy_kwh[k, -1])), w_from_kw(float(who.power_kw[k]))),
                garage.met(place.sites, place.row),
                who_u[k, 3],
            ),
            sites=place.sites,
            row=place.row,
        )
        for k, place in enumerate(places)
    )
    n = len(lived.driver)
    bound = np.array([p.row for p in people], dtype=np.int64)
    return Wishes(
        people=people,
        driver=lived.driver,
        number=lived.number,
        arrival_s=lived.arrival_s,
        departure_s=lived.departure_s,
        energy_wh=wh_from_kwh(lived.energy_kwh),
        row=bound[lived.driver],
        said_departure_s=unspoken(n),
        said_energy_wh=unspoken(n),
        deliverable=True,
    )


def normal(uniform: Vector) -> Vector:
    """Return standard normal numbers from uniform ones."""
    from scipy.special import ndtri  # noqa: PLC0415 -- reading a scenario needs no scipy

    return np.asarray(ndtri(uniform))
