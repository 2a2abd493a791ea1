"""Fit the home tables to a copy of the residential data set, and check them on the users held back.

    python -m twin.world.population.fit ev_charging_reports.csv

writes `data/residential-norway.json` beside this file and prints the check that `docs/demand.md` quotes. The
data set is not part of the project: its users' sessions enter only as the statistics below.

Users, not sessions, are split, two thirds to one, at random within strata of weekly energy; everything is
weighed by weeks of observation, from a user's first plug-in to the last, so that a user seen for a week counts
less than one seen for a year.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from twin.domain.ids import Array, Matrix, Vector
from twin.rng import stream
from twin.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from twin.world.population.civil import CivilClock
from twin.world.population.fitted import BINS, WEEK_H, Habits, HomeTables, exact_habits, tables_from
from twin.world.population.home import Stays, stays
from twin.world.population.readers import SHARED, read_sessions
from twin.world.population.sessions import Imported, Session

SOURCE = (
    "Å. L. Sørensen, K. B. Lindberg, I. Sartori, I. Andresen, Residential electric vehicle charging datasets "
    "from apartment buildings, Data in Brief 36 (2021) 107105"
)
HOUR_STARTS = (0, 6, 11, 15, 18, 21)
"""Classes of the hour of arrival: night, morning, midday, homecoming, evening, late."""
STAY_LEVELS = (0.0, *(round(0.02 * i, 2) for i in range(1, 50)), 0.99, 1.0)
ENERGY_LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
STRATA = ("shared place", "private, under 3 visits a week", "private, 3 to 6", "private, over 6")
MIN_SESSIONS, MIN_WEEKS = 5, 2.0
MIN_CELL = 15
"""With fewer sessions a class of hours takes the stays of all hours of its stratum."""
SPLIT_SEED = 1
ZONE = ZoneInfo("Europe/Oslo")
REPLICAS, RESTORE_ROUNDS, RESTORE_MAX = 40, 3, 1.4
RATES_PER_H = tuple(round(float(r), 5) for r in np.geomspace(5e-4, 5.0, 25))


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One recorded user. Columns have one entry per session, in order of arrival."""

    name: str
    shared: bool
    weeks: float
    hour_of_week: Vector
    stay_h: Vector
    energy_kwh: Vector

    @property
    def visits_per_week(self) -> float:
        """Sessions over weeks of observation."""
        return len(self.stay_h) / self.weeks

    @property
    def stratum(self) -> int:
        """Index into STRATA."""
        return 0 if self.shared else 1 + int(np.searchsorted((3.0, 6.0), self.visits_per_week))


def users_from(imported: Imported, zone: ZoneInfo) -> list[User]:
    """Group sessions by user; those with too few sessions or weeks to know a rate are left out."""
    by_name: dict[str, list[Session]] = {}
    for session in imported.sessions:
        by_name.setdefault(session.driver.removesuffix(SHARED), []).append(session)
    users = [_user(name, sessions, zone) for name, sessions in sorted(by_name.items()) if len(sessions) > 1]
    return [u for u in users if len(u.stay_h) >= MIN_SESSIONS and u.weeks >= MIN_WEEKS]


def _user(name: str, sessions: Sequence[Session], zone: ZoneInfo) -> User:
    local = [s.arrival.astimezone(zone) for s in sessions]
    span_s = (sessions[-1].arrival - sessions[0].arrival).total_seconds()
    # n arrivals bound n - 1 intervals: the window is longer than its first-to-last span by one interval.
    weeks = span_s / (7 * SECONDS_PER_DAY) * len(sessions) / (len(sessions) - 1)
    return User(
        name=name,
        shared=sum(s.driver.endswith(SHARED) for s in sessions) * 2 > len(sessions),
        weeks=weeks,
        hour_of_week=np.array([t.weekday() * 24 + t.hour + t.minute / 60 for t in local]),
        stay_h=np.array([s.stay_s / SECONDS_PER_HOUR for s in sessions]),
        energy_kwh=np.array([s.energy_kwh for s in sessions]),
    )


def split(users: Sequence[User], seed: int = SPLIT_SEED) -> tuple[list[User], list[User]]:
    """Return (fitted, held back): of each three users that follow each other by weekly energy, one is held back."""
    ranked = sorted(users, key=lambda u: (u.visits_per_week * u.energy_kwh.mean(), u.name))
    rng = stream(seed, "split")
    held = {ranked[k].name for i in range(0, len(ranked) - 2, 3) for k in [i + int(rng.integers(3))]}
    return [u for u in users if u.name not in held], [u for u in users if u.name in held]


def fit(users: Sequence[User]) -> dict[str, Any]:
    """Compute the tables of `HomeTables` as lists."""
    hour_class = np.searchsorted(HOUR_STARTS, np.arange(24), side="right") - 1
    hazard, stay, joint = [], [], []
    for s in range(len(STRATA)):
        of = [u for u in users if u.stratum == s] or list(users)
        hazard.append(_hazard(of))
        quantiles, counts = _stay_and_energy(of, hour_class)
        stay.append(quantiles)
        joint.append(counts)
    curves = [_visits_per_week(h, q[hour_class]) for h, q in zip(hazard, stay, strict=True)]
    order = sorted(users, key=lambda u: (u.stratum, u.visits_per_week))  # no trace of names or of their order
    tables = {
        "hour_class": hour_class.tolist(),
        "hazard_per_h": np.round(hazard, 4).tolist(),
        "stay_level": list(STAY_LEVELS),
        "stay_h": np.round(stay, 3).tolist(),
        "joint": np.round(joint, 3).tolist(),
        "rate_per_h": list(RATES_PER_H),
        "visits_per_week": np.round(curves, 4).tolist(),
        "user_stratum": [u.stratum for u in order],
        "user_weeks": [round(u.weeks, 1) for u in order],
        "user_visits": [round(u.visits_per_week, 3) for u in order],
        "user_power_kw": [round(float(np.max(u.energy_kwh / u.stay_h)), 2) for u in order],
        "energy_level": list(ENERGY_LEVELS),
        "user_energy_kwh": [np.round(_energy_quantiles(u), 2).tolist() for u in order],
    }
    return _restored(tables)


def _restored(tables: dict[str, Any]) -> dict[str, Any]:
    """Scale each user's energies so that generated visits have the recorded mean although short stays cut some."""
    energy = np.array(tables["user_energy_kwh"])
    target = _means(energy)
    scale = np.ones(len(energy))
    for _ in range(RESTORE_ROUNDS):
        tables["user_energy_kwh"] = (energy * scale[:, None]).tolist()
        built = tables_from({"name": "", "tables": tables})
        user = np.repeat(np.arange(len(energy)), REPLICAS)
        lived = live(built, exact_habits(built, user), weeks=4, seed=SPLIT_SEED)
        mean = np.bincount(user[lived.driver], lived.energy_kwh) / np.bincount(user[lived.driver])
        scale = (scale * target / mean).clip(1.0, RESTORE_MAX)
    # The largest visit stays what the battery allowed: only the others grow.
    grown = np.minimum(energy * scale[:, None], energy[:, -1:])
    tables["user_energy_kwh"] = np.round(grown, 2).tolist()
    return tables


def _means(quantiles: Matrix) -> Vector:
    """Return the mean of each row's piecewise linear quantile function."""
    return np.asarray((np.diff(ENERGY_LEVELS) * (quantiles[:, 1:] + quantiles[:, :-1]) / 2).sum(axis=1))


def live(tables: HomeTables, who: Habits, *, weeks: int, seed: int) -> Stays:
    """Let drivers live for some weeks without change of clock; two weeks before are forgotten."""
    start = datetime(2019, 1, 7, tzinfo=UTC)
    first_s, last_s = -14 * SECONDS_PER_DAY, weeks * 7 * SECONDS_PER_DAY
    streams = [stream(seed, "fit", k) for k in range(len(who.stratum))]
    lived = stays(tables, who, streams, CivilClock(start, UTC, first_s, last_s), first_s, last_s)
    return Stays(*(column[lived.arrival_s >= 0] for column in lived))


def _hazard(users: Sequence[User]) -> Vector:
    """Return (168,) arrivals per hour away, relative to their mean, smoothed over hours and towards the day type."""
    arrivals, away = np.zeros(WEEK_H), np.zeros(WEEK_H)
    for u in users:
        np.add.at(arrivals, u.hour_of_week.astype(int), 1.0)
        # A user who comes often weighs more where he is away: the hazard of all is one shape times own rates.
        away += u.visits_per_week * (u.weeks - _plugged_weeks(u))
    shape = arrivals.reshape(7, 24)
    days = np.array([shape[:5].mean(axis=0)] * 5 + [shape[5], shape[6]])
    pulled = ((shape * 1.0 + days * 1.0) / 2.0).ravel()
    smooth = 0.2 * np.roll(pulled, 1) + 0.6 * pulled + 0.2 * np.roll(pulled, -1)
    hazard = (smooth + 0.02 * smooth.mean()) / np.maximum(away, 1e-3 * away.max())
    return np.asarray(hazard / hazard.mean())


def _plugged_weeks(user: User) -> Vector:
    """Return (168,) how many hours of each hour of the week the user was plugged in."""
    out = np.zeros(WEEK_H)
    for start, stay_h in zip(user.hour_of_week, user.stay_h, strict=True):
        edges = np.concatenate(([start], np.arange(np.floor(start) + 1, start + stay_h), [start + stay_h]))
        np.add.at(out, edges[:-1].astype(int) % WEEK_H, np.diff(edges))
    return out


def _stay_and_energy(users: Sequence[User], hour_class: Array) -> tuple[Matrix, Array]:
    """Return (c, q) quantiles of the stay and (c, BINS, BINS) joint frequencies of its bin and the energy's rank."""
    kind = np.concatenate([hour_class[(u.hour_of_week % 24).astype(int)] for u in users])
    stay = np.concatenate([u.stay_h for u in users])
    rank = np.concatenate(
        [(np.argsort(np.argsort(u.energy_kwh, kind="stable")) + 0.5) / len(u.stay_h) for u in users]
    )
    quantiles, joint = [], []
    for c in range(len(HOUR_STARTS)):
        of = kind == c
        if of.sum() < MIN_CELL:
            of = np.ones(len(kind), dtype=bool)
        quantiles.append(np.quantile(stay[of], STAY_LEVELS).clip(min=1 / 60))
        stay_rank = (np.argsort(np.argsort(stay[of], kind="stable")) + 0.5) / of.sum()
        counts, _, _ = np.histogram2d(stay_rank, rank[of], bins=BINS, range=((0, 1), (0, 1)))
        joint.append((counts + 0.1 * of.sum() / BINS**2) / (1.1 * of.sum()))  # a tenth of independence
    return np.array(quantiles), np.array(joint)


def _energy_quantiles(user: User) -> Vector:
    """Return quantiles of the user's energy whose interpolation has the user's mean."""
    q = np.quantile(user.energy_kwh, ENERGY_LEVELS)
    return np.asarray(q * user.energy_kwh.mean() / _means(q[None, :])[0])


def _visits_per_week(hazard: Vector, stay_h: Matrix) -> Vector:
    """Return visits per week for each of RATES_PER_H when nobody arrives while plugged in.

    With x arrivals per hour of the week and A the probability of being away, x = r h A and A = 1 - S x, where
    S[b, b'] is the expected part of hour b that an arrival in hour b' covers.
    """
    lag = np.arange(WEEK_H * 3)
    covers = np.zeros((WEEK_H, WEEK_H))
    for b in range(WEEK_H):
        still = 1.0 - np.interp(lag, stay_h[b % 24], STAY_LEVELS)
        still[0] = 0.5 * (1.0 - np.interp(1 / 3, stay_h[b % 24], STAY_LEVELS))
        covers[:, b] = np.roll(still.reshape(3, WEEK_H).sum(axis=0), b)
    out = [
        np.linalg.solve(np.eye(WEEK_H) + (r * hazard)[:, None] * covers, r * hazard).sum()
        for r in RATES_PER_H
    ]
    return np.array(out)


def document(users: Sequence[User], imported: Imported) -> dict[str, Any]:
    """Return the JSON document of the tables fitted to `users`, with its provenance."""
    return {
        "name": imported.format,
        "source": SOURCE,
        "doi": "10.1016/j.dib.2021.107105",
        "data_doi": "10.17632/jbks2rcwyj",
        "licence": "CC BY 4.0",
        "recorded": "Trondheim, Norway, 2018-12-21 to 2020-01-31",
        "method": "docs/demand.md; python -m twin.world.population.fit",
        "split_seed": SPLIT_SEED,
        "strata": STRATA,
        "hour_starts": HOUR_STARTS,
        "counts": {
            "rows": len(imported.sessions) + len(imported.refused),
            "refused": imported.by_reason,
            "users_fitted": len(users),
            "sessions_fitted": sum(len(u.stay_h) for u in users),
        },
        "tables": fit(users),
    }


def as_json(doc: dict[str, Any]) -> str:
    """Write a document with one line per table row, so that a change of the fit can be read as a difference."""
    text = json.dumps(doc, ensure_ascii=False, indent=1)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write the tables, and print the check on the users held back."""
    from twin.world.population.fit_check import report  # noqa: PLC0415 -- it imports this module

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path, help="a copy of the data set")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data" / "residential-norway.json"
    )
    parser.add_argument("--splits", type=int, default=20, help="how many other splits to check the method on")
    given = parser.parse_args(arguments)
    imported = read_sessions(given.csv, "residential-norway")
    users = users_from(imported, ZONE)
    fitted, held = split(users)
    doc = document(fitted, imported)
    text = as_json(doc)
    given.out.write_text(text, encoding="utf-8")
    sys.stdout.write(
        f"{imported.summary()}\n\n{report(json.loads(text), users, fitted, held, given.splits)}\n"
    )


if __name__ == "__main__":
    main()
