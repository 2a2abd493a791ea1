"""What all draws say together: shares with intervals, how bad it gets, which element limits, and the capacity."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from twin.domain.ids import Vector
from twin.results.statistics import Interval, proportion
from twin.studies.hosting.judge import REASONS
from twin.studies.hosting.settings import RISK

ANY: Final = "any"
WORST: Final = {
    "low_pu": 0.05,
    "high_pu": 0.95,
    "line_pct": 0.95,
    "trafo_pct": 0.95,
    "unbalance_pct": 0.95,
    "ev_peak_w": 0.95,
    "head_peak_w": 0.95,
}
"""Columns with the worst value of a draw, and the quantile over the draws that is told as `bad`."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A worst value over the draws that have one; None where none has.

    Attributes:
        median: Of the draws.
        bad: Exceeded (for a lowest voltage: undercut) by 5 % of the draws.
    """

    median: float | None
    bad: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """All draws at one penetration.

    Attributes:
        penetration: Share of the stations that exist.
        stations, evses: How many that are; EVSEs as the mean over the draws.
        draws: How many.
        violating: How many draws violate: `any` and each of `REASONS`.
        shares: The same as a share of the draws, with its 95 % interval.
        worst: Of each column of `WORST`.
        served_share: Median over the draws of delivered over wanted energy; None where nobody charged.
    """

    penetration: float
    stations: int
    evses: float
    draws: int
    violating: Mapping[str, int]
    shares: Mapping[str, Interval]
    worst: Mapping[str, Spread]
    served_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Hosting capacity: the penetration up to which at most `risk` of the draws violate.

    Between two penetrations the share is taken as a straight line. The interval comes from the ends of the
    shares' intervals: `low` where the upper ends cross the risk, `high` where the lower ends do.

    Attributes:
        risk: Accepted share of draws.
        penetration, low, high: Shares of the stations; 0: the risk is exceeded without any charger.
        beyond: True: even the largest penetration that was looked at keeps the risk, so it is at least that.
    """

    risk: float
    penetration: float
    low: float
    high: float
    beyond: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiting:
    """An element that breaks a limit first.

    Attributes:
        reason: Key of `REASONS`.
        element: Bus, line or transformer; empty where there is no solution.
        draws: In how many draws it is the worst of its kind at the lowest penetration that violates.
        share: Of the draws that violate at some penetration.
    """

    reason: str
    element: str
    draws: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A study in numbers."""

    draws: int
    stations: int
    levels: tuple[Level, ...]
    capacity: Capacity
    limiting: tuple[Limiting, ...]
    """The one that limits most draws first."""

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def summarise(rows: pa.Table) -> Summary:
    """Sum up the table of draws."""
    penetrations = np.unique(rows["penetration"].to_numpy())
    levels = tuple(
        _level(rows.filter(pa.array(rows["penetration"].to_numpy() == p)), float(p)) for p in penetrations
    )
    return Summary(
        draws=levels[0].draws,
        stations=max(level.stations for level in levels),
        levels=levels,
        capacity=capacity([level.penetration for level in levels], [level.shares[ANY] for level in levels]),
        limiting=_limiting(rows),
    )


def _level(rows: pa.Table, penetration: float) -> Level:
    n = rows.num_rows
    flags = {ANY: "violated", **{key: key for key in REASONS}}
    violating = {key: int(rows[column].to_numpy().sum()) for key, column in flags.items()}
    requested = rows["requested_wh"].to_numpy()
    served = rows["delivered_wh"].to_numpy()[requested > 0] / requested[requested > 0]
    return Level(
        penetration=penetration,
        stations=int(rows["stations"][0].as_py()),
        evses=float(rows["evses"].to_numpy().mean()),
        draws=n,
        violating=violating,
        shares={key: proportion(count, n) for key, count in violating.items()},
        worst={name: _spread(rows[name].to_numpy(), bad) for name, bad in WORST.items()},
        served_share=float(np.median(served)) if len(served) else None,
    )


def _spread(values: Vector, bad: float) -> Spread:
    known = values[~np.isnan(values)]
    if not len(known):
        return Spread(None, None)
    return Spread(float(np.median(known)), float(np.quantile(known, bad)))


def capacity(penetrations: Sequence[float], shares: Sequence[Interval], risk: float = RISK) -> Capacity:
    """Estimate the hosting capacity.

    Args:
        penetrations: Ascending.
        shares: Of draws that violate, with their intervals.
        risk: Accepted share.
    """
    middle = _crossing(penetrations, [share.mean for share in shares], risk)
    low = _crossing(
        penetrations, [share.mean if share.high is None else share.high for share in shares], risk
    )
    high = _crossing(penetrations, [share.mean if share.low is None else share.low for share in shares], risk)
    most = penetrations[-1]
    return Capacity(
        risk=risk,
        penetration=most if middle is None else middle,
        low=most if low is None else low,
        high=most if high is None else high,
        beyond=middle is None,
    )


def draws_needed(risk: float = RISK) -> int:
    """Fewest draws that, where none violates, leave a share above `risk` outside of the 95 % interval."""
    return next(n for n in itertools.count(1) if (proportion(0, n).high or 0.0) <= risk)


def _crossing(penetrations: Sequence[float], shares: Sequence[float], risk: float) -> float | None:
    """Where a broken line first rises above `risk`; None where it never does."""
    for k, share in enumerate(shares):
        if share > risk:
            if k == 0:
                return penetrations[0]
            before, last = shares[k - 1], penetrations[k - 1]
            return last + (risk - before) / (share - before) * (penetrations[k] - last)
    return None


def _limiting(rows: pa.Table) -> tuple[Limiting, ...]:
    by_draw: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.to_pylist():
        if row["violated"]:
            by_draw[row["draw"]].append(row)
    found: Counter[tuple[str, str]] = Counter()
    for violating in by_draw.values():
        first = min(violating, key=lambda row: row["penetration"])
        found.update((key, first.get(f"{key}_element", "")) for key in REASONS if first[key])
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Limiting(reason=reason, element=element, draws=count, share=count / len(by_draw))
        for (reason, element), count in ranked
    )
