"""From groups of drivers to the visits of a run, all drawn before it begins.

Every driver has random streams of his own, named by his id: one driver, one site or one strategy more changes
nothing for the others. Drivers live from `WARM_UP_S` before the run, so that it begins with cars plugged in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from twin.domain.ids import SiteId, Vector
from twin.domain.specs import DriverSpec, EvseSpec, VehicleSpec
from twin.domain.visits import Visits
from twin.rng import stream
from twin.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, wh
from twin.world.population.arrivals import regular_visits, walk_ins
from twin.world.population.civil import CivilClock
from twin.world.population.demand import DriverGroup, Fitted, Parametric, Replay, Statement, WalkIns
from twin.world.population.garage import Garage
from twin.world.population.home import fitted_visits, normal
from twin.world.population.raw import Person, Wishes
from twin.world.population.replay import replayed_visits

WARM_UP_S = 14 * SECONDS_PER_DAY
"""Longer than any recorded stay (10.6 days), and two weeks forget that everybody began away."""
DELIVERABLE = 0.95
"""Share of full power that a car holds over a stay on average, taper included."""
MIN_ENERGY_WH = 50.0
"""Below this a car that was plugged in before the run is done; also the least energy anybody comes for."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The demand of a run, and what was changed on the way to make it possible.

    Attributes:
        visits: The demand.
        truncated: Visits whose energy was cut to the battery.
        undeliverable: Visits of fitted drivers whose energy was cut to what car and EVSE can deliver in the stay.
        begun: Visits that began before the run and reach into it, with the rest of their energy.
        finished: Visits that reach into the run but would have had all their energy before: left out.
    """

    visits: Visits
    truncated: int
    undeliverable: int
    begun: int
    finished: int


def draw(
    groups: Sequence[DriverGroup],
    *,
    seed: int,
    start: datetime,
    horizon_s: float,
    time_zone: str,
    vehicles: Mapping[str, VehicleSpec],
    sites: Mapping[SiteId, Sequence[int]],
    evses: Sequence[EvseSpec] = (),
) -> Visits:
    """Draw the visits of a run: see `draw_all`, of which this is the first part."""
    return draw_all(
        groups,
        seed=seed,
        start=start,
        horizon_s=horizon_s,
        time_zone=time_zone,
        vehicles=vehicles,
        sites=sites,
        evses=evses,
    ).visits


def draw_all(
    groups: Sequence[DriverGroup],
    *,
    seed: int,
    start: datetime,
    horizon_s: float,
    time_zone: str,
    vehicles: Mapping[str, VehicleSpec],
    sites: Mapping[SiteId, Sequence[int]],
    evses: Sequence[EvseSpec] = (),
) -> Drawing:
    """Draw the visits of a run.

    Args:
        groups: Who comes.
        seed: The run's seed.
        start: Second 0, with an offset.
        horizon_s: Length of the run: visits begin before it ends.
        time_zone: Whose civil hours the drivers live by.
        vehicles: The catalogue by model name.
        sites: Rows of the fleet per site.
        evses: Every EVSE of the run in row order; empty: AC EVSEs that limit no car.

    Returns:
        Visits sorted by (arrival_s, driver), and counts of what was changed.
    """
    garage = Garage(vehicles, sites, evses)
    window_s = (-WARM_UP_S, horizon_s)
    # A week of margin: stays that began in the window end after it.
    clock = CivilClock(start, ZoneInfo(time_zone), window_s[0] - 7 * SECONDS_PER_DAY, horizon_s + WARM_UP_S)
    parts: list[_Part] = []
    for group in groups:
        wishes = _wishes(
            group, seed=seed, start=start, clock=clock, window_s=window_s, garage=garage, sites=sites
        )
        parts.append(_settle(group, wishes, seed=seed, garage=garage))
    return _join(parts, vehicles)


def _wishes(
    group: DriverGroup,
    *,
    seed: int,
    start: datetime,
    clock: CivilClock,
    window_s: tuple[float, float],
    garage: Garage,
    sites: Mapping[SiteId, Sequence[int]],
) -> Wishes:
    demand = group.demand
    match demand:
        case Fitted():
            places = _places(group, seed, sites)
            return fitted_visits(
                group, demand, places, seed=seed, clock=clock, window_s=window_s, garage=garage
            )
        case Parametric():
            places = _places(group, seed, sites)
            return regular_visits(
                group, demand, places, seed=seed, clock=clock, window_s=window_s, garage=garage
            )
        case WalkIns():
            return walk_ins(group, demand, seed=seed, clock=clock, window_s=window_s, garage=garage)
        case Replay():
            return replayed_visits(group, demand, seed=seed, start=start, window_s=window_s, garage=garage)


def _places(group: DriverGroup, seed: int, sites: Mapping[SiteId, Sequence[int]]) -> list[Person]:
    """Return the drivers of a group, without cars: `count` of them, or `per_evse` bound to each EVSE."""
    if not group.per_evse:
        return [Person(id=f"{group.name}-{k + 1}", model="", sites=group.sites) for k in range(group.count)]
    whole, part = divmod(group.per_evse, 1.0)
    people = []
    for site in group.sites:
        others = (site, *(s for s in group.sites if s != site))
        rows = sites[site]
        # Ranked, not tossed: a larger share only adds drivers, and the number is what was asked for.
        luck = stream(seed, "group", group.name, "site", site, "who has a car").random(len(rows))
        extra = set(np.argsort(luck, kind="stable")[: math.floor(part * len(rows) + 0.5)].tolist())
        for k, row in enumerate(rows):
            for j in range(int(whole) + (k in extra)):
                suffix = f".{j + 1}" if j else ""
                people.append(
                    Person(id=f"{group.name}-{site}-{k + 1}{suffix}", model="", sites=others, row=int(row))
                )
    return people


@dataclass(frozen=True, slots=True)
class _Part:
    """One group's visits, ready but for the numbering of drivers and vehicles."""

    group: DriverGroup
    wishes: Wishes
    arrival_wh: Vector
    truncated: int
    undeliverable: int
    begun: int
    finished: int


def _settle(group: DriverGroup, wishes: Wishes, *, seed: int, garage: Garage) -> _Part:
    """Fit the wishes into batteries and stays, cut off what lies before the run, and let drivers speak."""
    cars = [garage.vehicles[p.model] for p in wishes.people]
    met = [garage.met(p.sites, p.row) for p in wishes.people]
    usable_wh = np.array([c.usable_wh for c in cars])[wishes.driver]
    yields = np.array([garage.efficiency(p.model, m) for p, m in zip(wishes.people, met, strict=True)])
    yields = yields[wishes.driver]
    power_w = np.array([garage.power_w(p.model, m) for p, m in zip(wishes.people, met, strict=True)])[
        wishes.driver
    ]
    room_wh = usable_wh / yields
    energy_wh = np.minimum(np.maximum(wishes.energy_wh, MIN_ENERGY_WH), room_wh)
    truncated = wishes.energy_wh > room_wh
    undeliverable = np.zeros(len(energy_wh), dtype=bool)
    if wishes.deliverable:
        reach_wh = DELIVERABLE * wh(power_w, 1.0) * (wishes.departure_s - wishes.arrival_s)
        undeliverable = energy_wh > reach_wh
        energy_wh = np.maximum(np.minimum(energy_wh, reach_wh), MIN_ENERGY_WH)
    said_s, said_wh = _said(group, wishes, energy_wh, seed)
    begun = (wishes.arrival_s < 0) & (wishes.departure_s > 0)
    # What an uncontrolled charger would have delivered by now is no longer wanted, and no longer said.
    before_wh = np.where(begun, wh(power_w, 1.0) * np.maximum(-wishes.arrival_s, 0.0), 0.0)
    rest_wh = energy_wh - before_wh
    finished = begun & (rest_wh < MIN_ENERGY_WH)
    keep = (wishes.departure_s > 0) & ~finished
    arrival_wh = _arrival_wh(group, usable_wh, np.maximum(rest_wh, 0.0) * yields)
    cut = replace(
        wishes,
        driver=wishes.driver[keep],
        number=wishes.number[keep],
        arrival_s=np.maximum(wishes.arrival_s, 0.0)[keep],
        departure_s=wishes.departure_s[keep],
        energy_wh=rest_wh[keep],
        row=wishes.row[keep],
        said_departure_s=said_s[keep],
        said_energy_wh=np.maximum(said_wh - before_wh, MIN_ENERGY_WH)[keep],
    )
    counts = (truncated & keep, undeliverable & keep, begun & keep, finished)
    if isinstance(group.demand, WalkIns | Replay):
        cut = _without_absent(cut)
    return _Part(group, cut, arrival_wh[keep], *(int(c.sum()) for c in counts))


def _without_absent(wishes: Wishes) -> Wishes:
    """Forget people without a visit: passers-by of other weeks are nobody of this run."""
    present, driver = np.unique(wishes.driver, return_inverse=True)
    return replace(wishes, people=tuple(wishes.people[k] for k in present), driver=driver)


def _arrival_wh(group: DriverGroup, usable_wh: Vector, need_wh: Vector) -> Vector:
    """Energy in the battery, so that `need_wh` leads to the target, or to more where there is no other room."""
    target = getattr(group.demand, "target_soc", 1.0)
    return np.maximum(np.minimum(target * usable_wh, usable_wh) - need_wh, 0.0)


def _said(group: DriverGroup, wishes: Wishes, energy_wh: Vector, seed: int) -> tuple[Vector, Vector]:
    """Return departures and energies as told: recorded words first, else by the group's rule."""
    n = len(energy_wh)
    error = np.zeros((n, 2))
    if "error" in (group.says_departure.kind, group.says_energy.kind):
        order = np.argsort(wishes.driver, kind="stable")
        ends = np.searchsorted(wishes.driver[order], np.arange(len(wishes.people) + 1))
        for person, first, last in zip(wishes.people, ends[:-1], ends[1:], strict=True):
            of = order[first:last]
            if len(of):
                size = int(wishes.number[of].max()) + 1
                uniform = stream(seed, "driver", person.id, "says").random((size, 2))
                error[of] = normal(uniform)[wishes.number[of]]
    told_s = _told(group.says_departure, wishes.departure_s, SECONDS_PER_HOUR, error[:, 0])
    if group.says_departure.kind == "error":
        told_s = np.maximum(told_s, np.maximum(wishes.arrival_s, 0.0) + MIN_STATED_STAY_S)
    told_wh = np.maximum(_told(group.says_energy, energy_wh, energy_wh, error[:, 1]), MIN_ENERGY_WH)
    return (
        np.where(np.isnan(wishes.said_departure_s), told_s, wishes.said_departure_s),
        np.where(np.isnan(wishes.said_energy_wh), told_wh, wishes.said_energy_wh),
    )


MIN_STATED_STAY_S = 300.0
"""Nobody errs so far as to say to leave at once."""


def _told(statement: Statement, true: Vector, scale: Vector | float, error: Vector) -> Vector:
    if statement.kind == "none":
        return np.full(len(true), np.nan)
    return np.asarray(true + statement.std * scale * error) if statement.kind == "error" else true


def _join(parts: Sequence[_Part], vehicles: Mapping[str, VehicleSpec]) -> Drawing:
    used = {person.model for part in parts for person in part.wishes.people}
    models = [model for model in vehicles if model in used]
    number = {model: i for i, model in enumerate(models)}
    drivers = tuple(
        DriverSpec(
            id=person.id,
            archetype=part.group.archetype,
            vehicle=number[person.model],
            sites=person.sites,
            if_full=part.group.if_full,
            group=part.group.name,
        )
        for part in parts
        for person in part.wishes.people
    )
    offsets = np.cumsum([0, *(len(part.wishes.people) for part in parts)])
    driver = _cat([part.wishes.driver + o for part, o in zip(parts, offsets, strict=False)], np.int64)
    arrival_s = _cat([part.wishes.arrival_s for part in parts])
    order = np.lexsort((driver, arrival_s))
    patience_s = _cat([np.full(len(part.wishes.driver), part.group.patience_s) for part in parts])
    visits = Visits(
        arrival_s=arrival_s[order],
        departure_s=_cat([part.wishes.departure_s for part in parts])[order],
        energy_wh=_cat([part.wishes.energy_wh for part in parts])[order],
        arrival_wh=_cat([part.arrival_wh for part in parts])[order],
        said_departure_s=_cat([part.wishes.said_departure_s for part in parts])[order],
        said_energy_wh=_cat([part.wishes.said_energy_wh for part in parts])[order],
        patience_s=patience_s[order],
        driver=driver[order],
        evse=_cat([part.wishes.row for part in parts], np.int64)[order],
        drivers=drivers,
        vehicles=tuple(vehicles[model] for model in models),
    )
    return Drawing(
        visits,
        truncated=sum(p.truncated for p in parts),
        undeliverable=sum(p.undeliverable for p in parts),
        begun=sum(p.begun for p in parts),
        finished=sum(p.finished for p in parts),
    )


def _cat(columns: Sequence[np.ndarray], dtype: type = float) -> np.ndarray:
    return np.concatenate([np.empty(0), *columns]).astype(dtype)
