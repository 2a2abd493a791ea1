"""Home charging fitted to recorded sessions: tables, and drivers who come by them.

A driver is away or plugged in. Away, the next arrival follows a hazard that varies over the hours of the week,
so visits of one driver cannot overlap; plugged in, the stay depends on the hour of arrival, and the energy on
the stay (a checkerboard copula of the stay and the driver's own rank of energy, Genest and Nešlehová, "A primer
on copulas for count data", ASTIN Bulletin 37 (2007), section 5). How often a driver comes and how much energy
the visits take are those of one recorded user, jointly, drawn by weeks of observation and blurred a little.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np

from twin.domain.ids import Array, Matrix, Vector

WEEK_H = 168
BINS = 8
"""Bins of stay and of energy rank in the joint tables."""
BLUR = 0.10
"""Standard deviation of the logarithm by which a driver differs from the recorded user."""
MAX_OCCUPANCY = 0.95
"""Largest share of the reachable visits per week that a driver may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeTables:
    """What was fitted, ready to draw from. Strata (s) are kinds of user, classes (c) are hours of arrival.

    Attributes:
        name: Of the data set.
        hour_class: (24,) class of each hour of the day.
        hazard_per_h: (s, 168) relative rate of arrival while away, by hour of the week; mean 1.
        stay_level: (q,) probabilities of the stay's quantiles.
        log_stay_h: (s, c, q) logarithm of the stay's quantiles in hours.
        energy_given_stay: (s, c, BINS, BINS) cumulative probability of the bin of energy rank per bin of stay.
        rate_per_h: (a,) rates that scale the hazard.
        visits_per_week: (s, a) visits per week which these rates lead to, given the stays.
        user_stratum: (u,) stratum of each recorded user.
        user_weeks: (u,) weeks of observation.
        user_visits: (u,) visits per week.
        user_power_kw: (u,) largest mean power over a stay.
        energy_level: (e,) probabilities of the energy's quantiles.
        user_energy_kwh: (u, e) quantiles of each user's energy per visit.
    """

    name: str
    hour_class: Array
    hazard_per_h: Matrix
    stay_level: Vector
    log_stay_h: Array
    energy_given_stay: Array
    rate_per_h: Vector
    visits_per_week: Matrix
    user_stratum: Array
    user_weeks: Vector
    user_visits: Vector
    user_power_kw: Vector
    energy_level: Vector
    user_energy_kwh: Matrix


@cache
def load_tables(name: str) -> HomeTables:
    """Read the tables shipped for a data set.

    Raises:
        KeyError: No such tables.
    """
    if name not in available():
        raise KeyError(name)
    source = resources.files(__package__).joinpath("data", f"{name}.json")
    return tables_from(json.loads(source.read_text(encoding="utf-8")))


def available() -> tuple[str, ...]:
    """Names of the data sets whose tables are shipped."""
    files = resources.files(__package__).joinpath("data").iterdir()
    return tuple(sorted(f.name.removesuffix(".json") for f in files if f.name.endswith(".json")))


def tables_from(document: dict[str, object]) -> HomeTables:
    """Build the tables from their JSON document (see `fit`)."""
    t: dict[str, Array] = {key: np.asarray(value) for key, value in document["tables"].items()}  # type: ignore[attr-defined]
    joint = t["joint"].astype(float)
    return HomeTables(
        name=str(document["name"]),
        hour_class=t["hour_class"],
        hazard_per_h=t["hazard_per_h"],
        stay_level=t["stay_level"],
        log_stay_h=np.log(t["stay_h"]),
        energy_given_stay=np.cumsum(joint / joint.sum(axis=-1, keepdims=True), axis=-1),
        rate_per_h=t["rate_per_h"],
        visits_per_week=t["visits_per_week"],
        user_stratum=t["user_stratum"],
        user_weeks=t["user_weeks"],
        user_visits=t["user_visits"],
        user_power_kw=t["user_power_kw"],
        energy_level=t["energy_level"],
        user_energy_kwh=t["user_energy_kwh"],
    )


def only(tables: HomeTables, users: Literal["all", "private", "shared"]) -> HomeTables:
    """Return the tables with one kind of user left to draw; stratum 0 are those who share a place (`fit.STRATA`)."""
    if users == "all":
        return tables
    wanted = (tables.user_stratum == 0) == (users == "shared")
    return replace(tables, user_weeks=np.where(wanted, tables.user_weeks, 0.0))


def mean_visits_per_week(tables: HomeTables) -> float:
    """Visits per week and user, by weeks of observation."""
    return float(np.average(tables.user_visits, weights=tables.user_weeks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Who the drivers of a group are: one recorded user each, blurred. All arrays have shape (d,).

    Attributes:
        stratum: Kind of user.
        rate_per_h: Scale of the hazard.
        energy_kwh: (d, e) quantiles of the energy per visit.
        power_kw: Largest mean power over a stay.
    """

    stratum: Array
    rate_per_h: Vector
    energy_kwh: Matrix
    power_kw: Vector


def habits(
    tables: HomeTables, pick: Vector, visits_blur: Vector, energy_blur: Vector, visits_scale: float = 1.0
) -> Habits:
    """Give each driver the habits of a recorded user.

    Args:
        tables: What was fitted.
        pick: (d,) uniform numbers that choose the user, by weeks of observation.
        visits_blur: (d,) standard normal numbers.
        energy_blur: (d,) standard normal numbers.
        visits_scale: Factor on everybody's visits per week.
    """
    weeks = np.cumsum(tables.user_weeks)
    user = np.searchsorted(weeks, pick * weeks[-1], side="right").clip(max=len(weeks) - 1)
    # exp(σz - σ²/2) has mean 1: blurring moves neither visits nor energy on average.
    return exact_habits(
        tables,
        user,
        visits_scale * np.exp(BLUR * visits_blur - BLUR**2 / 2),
        np.exp(BLUR * energy_blur - BLUR**2 / 2),
    )


def exact_habits(
    tables: HomeTables, user: Array, visits_scale: Vector | float = 1.0, energy_scale: Vector | float = 1.0
) -> Habits:
    """Give each driver the habits of recorded user `user` (d,), scaled."""
    stratum = tables.user_stratum[user]
    visits = visits_scale * tables.user_visits[user]
    rate = np.empty(len(user))
    for s, curve in enumerate(tables.visits_per_week):
        of = stratum == s
        rate[of] = np.interp(visits[of].clip(max=MAX_OCCUPANCY * curve[-1]), curve, tables.rate_per_h)
    return Habits(
        stratum=stratum,
        rate_per_h=rate,
        energy_kwh=tables.user_energy_kwh[user] * np.reshape(energy_scale, (-1, 1)),
        power_kw=tables.user_power_kw[user],
    )


def next_arrival_h(tables: HomeTables, who: Habits, rows: Array, away_h: Vector, uniform: Vector) -> Vector:
    """Return when drivers who left at wall hour `away_h` plug in again, in wall hours.

    Args:
        tables: What was fitted.
        who: Habits of all drivers.
        rows: (m,) drivers that are asked for.
        away_h: (m,) hours since a Monday 00:00 by the wall clock.
        uniform: (m,) uniform numbers.
    """
    edges = np.arange(WEEK_H + 1.0)
    out = np.empty(len(rows))
    need = -np.log1p(-uniform) / who.rate_per_h[rows]
    for s, hazard in enumerate(tables.hazard_per_h):
        of = np.flatnonzero(who.stratum[rows] == s)
        risen = np.concatenate(([0.0], np.cumsum(hazard)))
        week, hour = np.divmod(away_h[of], WEEK_H)
        target = np.interp(hour, edges, risen) + need[of]
        weeks, rest = np.divmod(target, risen[-1])
        out[of] = (week + weeks) * WEEK_H + np.interp(rest, risen, edges)
    return out


def stay_and_energy(
    tables: HomeTables, who: Habits, rows: Array, arrival_h: Vector, uniform: Matrix
) -> tuple[Vector, Vector]:
    """Return stays in hours and energies in kWh, drawn together.

    Args:
        tables: What was fitted.
        who: Habits of all drivers.
        rows: (m,) drivers that arrive.
        arrival_h: (m,) wall hours of arrival.
        uniform: (m, 3) uniform numbers.
    """
    stratum = who.stratum[rows]
    kind = tables.hour_class[(arrival_h % 24).astype(int)]
    stay_h = np.exp(_quantile(tables.stay_level, tables.log_stay_h[stratum, kind], uniform[:, 0]))
    stay_bin = (uniform[:, 0] * BINS).astype(int)
    steps = tables.energy_given_stay[stratum, kind, stay_bin]
    energy_bin = (uniform[:, 1, None] >= steps[:, :-1]).sum(axis=1)
    rank = (energy_bin + uniform[:, 2]) / BINS
    energy_kwh = _quantile(tables.energy_level, who.energy_kwh[rows], rank)
    return stay_h, np.minimum(energy_kwh, who.power_kw[rows] * stay_h)


def _quantile(level: Vector, table: Matrix, u: Vector) -> Vector:
    """Interpolate row i of `table` (m, q), whose columns belong to `level` (q,), at `u[i]`."""
    upper = np.searchsorted(level, u, side="right").clip(1, len(level) - 1)
    row = np.arange(len(u))
    share = (u - level[upper - 1]) / (level[upper] - level[upper - 1])
    return np.asarray(table[row, upper - 1] * (1 - share) + table[row, upper] * share)
