"""How well drawn visits agree with recorded ones: distances of distributions, correlation, weekly energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from twin.domain.ids import Vector
from twin.rng import stream
from twin.units import SECONDS_PER_HOUR
from twin.world.population.fit import User, fit, live, split
from twin.world.population.fitted import HomeTables, habits, tables_from
from twin.world.population.home import normal

DRIVERS, WEEKS, SEED = 4000, 8, 1


class Sample(NamedTuple):
    """Visits of many users."""

    hour: Vector
    """Civil hour of the day of arrival."""
    stay_h: Vector
    energy_kwh: Vector
    user_weeks: float


def recorded(users: Sequence[User]) -> Sample:
    """Pool the sessions of recorded users."""
    hour, stay, energy = (
        np.concatenate([getattr(u, name) for u in users]) for name in ("hour_of_week", "stay_h", "energy_kwh")
    )
    return Sample(hour % 24, stay, energy, sum(u.weeks for u in users))


def drawn(tables: HomeTables, seed: int = SEED) -> Sample:
    """Let drivers live by the tables."""
    u = stream(seed, "check").random((DRIVERS, 3))
    lived = live(tables, habits(tables, u[:, 0], normal(u[:, 1]), normal(u[:, 2])), weeks=WEEKS, seed=seed)
    stay_h = (lived.departure_s - lived.arrival_s) / SECONDS_PER_HOUR
    return Sample(lived.arrival_s / SECONDS_PER_HOUR % 24, stay_h, lived.energy_kwh, DRIVERS * WEEKS)


def distance(a: Vector, b: Vector) -> float:
    """Kolmogorov and Smirnov's distance of two samples."""
    x = np.sort(np.concatenate((a, b)))
    cdf = [np.searchsorted(np.sort(v), x, side="right") / len(v) for v in (a, b)]
    return float(np.abs(cdf[0] - cdf[1]).max())


def rank_correlation(sample: Sample) -> float:
    """Spearman's correlation of stay and energy."""
    from scipy.stats import spearmanr  # noqa: PLC0415 -- only the check needs it

    return float(spearmanr(sample.stay_h, sample.energy_kwh).statistic)


def compare(a: Sample, b: Sample) -> dict[str, float]:
    """Return distances of a and b, and the figures of b over those of a."""
    weekly = [s.energy_kwh.sum() / s.user_weeks for s in (a, b)]
    visits = [len(s.hour) / s.user_weeks for s in (a, b)]
    return {
        "KS arrival hour": distance(a.hour, b.hour),
        "KS stay": distance(a.stay_h, b.stay_h),
        "KS energy": distance(a.energy_kwh, b.energy_kwh),
        "rank correlation, first": rank_correlation(a),
        "rank correlation, second": rank_correlation(b),
        "kWh per week, first": weekly[0],
        "kWh per week, second": weekly[1],
        "kWh per week, ratio": weekly[0] / weekly[1],
        "visits per week, first": visits[0],
        "visits per week, second": visits[1],
    }


def report(
    doc: Mapping[str, Any], users: Sequence[User], fitted: Sequence[User], held: Sequence[User], splits: int
) -> str:
    """Return the check as text: the shipped tables, then the method on other splits of the users."""
    model = drawn(tables_from(dict(doc)))
    pairs = {
        "drawn, fitted": compare(model, recorded(fitted)),
        "drawn, held back": compare(model, recorded(held)),
        "fitted, held back": compare(recorded(fitted), recorded(held)),
    }
    lines = [f"{len(users)} users: {len(fitted)} fitted, {len(held)} held back", ""]
    lines += [f"{'':28s}" + "".join(f"{name:>20s}" for name in pairs)]
    lines += [
        f"{key:28s}" + "".join(f"{pair[key]:20.3f}" for pair in pairs.values())
        for key in pairs["drawn, fitted"]
    ]
    if splits:
        lines += ["", f"drawn against held back, seeds 0 to {splits - 1} of the split: median (5 % to 95 %)"]
        checks = [_one_split(users, seed) for seed in range(splits)]
        for key in checks[0]:
            low, middle, high = np.quantile([c[key] for c in checks], (0.05, 0.5, 0.95))
            lines.append(f"{key:28s}{middle:12.3f} ({low:.3f} to {high:.3f})")
    return "\n".join(lines)


def _one_split(users: Sequence[User], seed: int) -> dict[str, float]:
    fitted, held = split(users, seed)
    return compare(drawn(tables_from({"name": "", "tables": fit(fitted)})), recorded(held))
