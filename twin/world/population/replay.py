"""Recorded sessions as demand: checked against the sites and cars of a run, then replayed as they happened."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from twin.domain.ids import SiteId
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.domain.visits import ANY_EVSE
from twin.errors import Problem, ScenarioError
from twin.rng import stream
from twin.units import kw_from_w, w_from_kw, wh_from_kwh
from twin.world.population.demand import DriverGroup, Replay
from twin.world.population.garage import Garage, Need
from twin.world.population.raw import Person, Wishes
from twin.world.population.readers import read_sessions
from twin.world.population.sessions import Session, above

OVER_RATING = 1.1
"""A recorded mean power may exceed the rating of its EVSE by this factor: meters and voltages differ."""


def load(
    path: Path | str,
    *,
    sites: Mapping[SiteId, Sequence[int]],
    evses: Sequence[EvseSpec],
    vehicles: Mapping[str, VehicleSpec],
    mix: Mapping[str, float],
    format: str = "auto",  # noqa: A002 -- the word a scenario uses
    on_bad_row: str = "refuse",
    time_zone: str | None = None,
) -> Replay:
    """Read a sessions file for the sites of a group.

    Args:
        path: The file.
        sites: Rows of the fleet per site of the group, in order of preference.
        evses: Every EVSE of the run, in row order.
        vehicles: The catalogue.
        mix: Weights of the models that drivers without a recorded one may have.
        format: As for `read_sessions`.
        on_bad_row: refuse: any row that is no session is an error; skip: it is left out.
        time_zone: As for `read_sessions`.

    Raises:
        ScenarioError: All problems of the file at once, each with its line.
    """
    imported = read_sessions(path, format, time_zone=time_zone)
    garage = Garage(vehicles, sites, evses)
    row_of = _rows_by_name({row: evses[row] for rows in sites.values() for row in rows})
    problems = imported.problems if on_bad_row == "refuse" else []
    kept: list[tuple[Session, int]] = []
    for session in imported.sessions:
        row = row_of.get(session.evse, ANY_EVSE)
        wrong = _evse_problem(session, row, row_of) or _car_problem(session, row, tuple(sites), garage, mix)
        wrong = wrong or _power_problem(session, row, garage, tuple(sites))
        if wrong is None:
            kept.append((session, row))
        elif on_bad_row == "refuse":
            problems.append(Problem(imported.file, session.line, wrong[0], wrong[1]))
    if not kept and not problems:
        problems = [Problem(imported.file, 0, "", "no row is a session that this scenario can replay")]
    if problems:
        raise ScenarioError(problems)
    return Replay(sessions=tuple(s for s, _ in kept), rows=tuple(r for _, r in kept))


def _rows_by_name(evses: Mapping[int, EvseSpec]) -> dict[str, int]:
    """Rows by the names that a record may use: that of the EVSE, or of its station where it is the only one."""
    several = Counter(evse.station for evse in evses.values())
    alone = {str(evse.station): row for row, evse in evses.items() if several[evse.station] == 1}
    return alone | {str(evse.id): row for row, evse in evses.items()}


def _evse_problem(session: Session, row: int, row_of: Mapping[str, int]) -> tuple[str, str] | None:
    if not session.evse or row != ANY_EVSE:
        return None
    return "evse", f"`{session.evse}` is not at these sites{_near(session.evse, row_of)}"


def _car_problem(
    session: Session, row: int, sites: tuple[SiteId, ...], garage: Garage, mix: Mapping[str, float]
) -> tuple[str, str] | None:
    if session.vehicle and session.vehicle not in garage.vehicles:
        return (
            "vehicle",
            f"`{session.vehicle}` is not in the catalogue{_near(session.vehicle, garage.vehicles)}",
        )
    need, met = Need(wh_from_kwh(session.energy_kwh)), garage.met(sites, row)
    if any(garage.explains(m, need, met) for m in ((session.vehicle,) if session.vehicle else mix)):
        return None
    whose = f"`{session.vehicle}`" if session.vehicle else "any car of the mix"
    return "energy_kwh", f"{session.energy_kwh:g} kWh is more than the battery of {whose} can take"


def _power_problem(
    session: Session, row: int, garage: Garage, sites: tuple[SiteId, ...]
) -> tuple[str, str] | None:
    rating_w = max((e.max_w for e in garage.met(sites, row) if e is not None), default=float("inf"))
    if w_from_kw(session.mean_power_kw) <= OVER_RATING * rating_w:
        return None
    power = above(session.mean_power_kw, OVER_RATING * kw_from_w(rating_w))
    where = f"`{session.evse}`" if session.evse else "the largest EVSE of these sites"
    text = (
        f"{session.energy_kwh:g} kWh in {session.stay_s / 60:g} min is {power} kW, more than "
        f"{OVER_RATING:g} times the {kw_from_w(rating_w):g} kW of {where}"
    )
    return "energy_kwh", text


def _near(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f", did you mean `{close[0]}`?" if close else ""


def replayed_visits(
    group: DriverGroup,
    demand: Replay,
    *,
    seed: int,
    start: datetime,
    window_s: tuple[float, float],
    garage: Garage,
) -> Wishes:
    """Turn the recorded sessions that touch the run into visits; drivers keep one car for all of them.

    A driver is a name in the record together with a recorded vehicle and a site; a session without a driver's
    name has a driver of its own.
    """
    origin = start.astimezone(UTC)
    at = [(s.arrival - origin).total_seconds() for s in demand.sessions]
    chosen = [k for k, t in enumerate(at) if window_s[0] <= t < window_s[1]]
    keys = [_driver_key(demand.sessions[k], group.sites) for k in chosen]
    needs: dict[tuple[str, str, str], tuple[Need, int]] = {}
    numbers = []
    counts: dict[tuple[str, str, str], int] = {}
    for k, key in zip(chosen, keys, strict=True):
        s, (need, row) = demand.sessions[k], needs.get(key, (Need(), demand.rows[k]))
        power = w_from_kw(s.mean_power_kw)
        need = Need(max(need.energy_wh, wh_from_kwh(s.energy_kwh)), max(need.power_w, power))
        needs[key] = need, row if row == demand.rows[k] else ANY_EVSE
        counts[key] = counts.get(key, -1) + 1
        numbers.append(counts[key])
    people = tuple(_person(group, key, need, row, seed, garage) for key, (need, row) in needs.items())
    index = {key: i for i, key in enumerate(needs)}
    picked = [demand.sessions[k] for k in chosen]
    return Wishes(
        people=people,
        driver=np.array([index[key] for key in keys], dtype=np.int64),
        number=np.array(numbers, dtype=np.int64),
        arrival_s=np.array([at[k] for k in chosen]),
        departure_s=np.array([(s.departure - origin).total_seconds() for s in picked]),
        energy_wh=wh_from_kwh(np.array([s.energy_kwh for s in picked])),
        row=np.array([demand.rows[k] for k in chosen], dtype=np.int64),
        said_departure_s=np.array(
            [(s.said_departure - origin).total_seconds() if s.said_departure else np.nan for s in picked]
        ),
        said_energy_wh=wh_from_kwh(
            np.array([np.nan if s.said_energy_kwh is None else s.said_energy_kwh for s in picked])
        ),
    )


def _driver_key(session: Session, sites: tuple[SiteId, ...]) -> tuple[str, str, str]:
    """Return (name, site, vehicle); the site is empty where the recorded one is not of the run."""
    return (
        session.driver or f"session {session.session}",
        session.site if session.site in sites else "",
        session.vehicle,
    )


def _person(
    group: DriverGroup, key: tuple[str, str, str], need: Need, row: int, seed: int, garage: Garage
) -> Person:
    name, site, vehicle = key
    person_id = "/".join(part for part in (group.name, name, site, vehicle) if part)
    uniform = float(stream(seed, "driver", person_id, "who").random())
    return Person(
        id=person_id,
        model=vehicle or garage.choose(group.vehicles, need, garage.met(group.sites, row), uniform),
        sites=(site, *(s for s in group.sites if s != site)) if site else group.sites,
        row=row,
    )
