"""How sure is a figure that was computed over a few seeds?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from twin.domain.ids import Vector
from twin.results.quantities import SUMMARY
from twin.rng import stream

CONFIDENCE = 0.95
FEWEST_TO_RESAMPLE = 5
"""With fewer pairs the resamples are too few to tell the ends of an interval: n = 2 has three different means."""
SHARES = frozenset({
    "served_share", "served_share_finished", "worst_served_share", "utilisation", "coincidence_factor", "jain_index",
    "jain_index_bus",
})  # fmt: skip
SIGNED = frozenset({"revenue", "peak_kw"})
"""A price may be negative, and so may the peak of a feeder that only feeds back."""


def possible(key: str) -> tuple[float, float]:
    """Smallest and largest value that a figure of the summary can have at all; no bounds for other keys."""
    if key in SHARES:
        return 0.0, 1.0
    return (0.0, math.inf) if key in SUMMARY and key not in SIGNED else (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and what it may be in truth.

    Attributes:
        mean: Over the runs.
        low, high: Ends of the interval of `CONFIDENCE`; None with a single run, which tells nothing.
        n: Runs that have the figure.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    def plain(self) -> dict[str, float | int | None]:
        """As JSON takes it."""
        return asdict(self)

    def within(self, low: float, high: float) -> Interval:
        """The same with its ends cut at what is possible; the mean stays."""
        if self.low is None or self.high is None:
            return self
        return Interval(self.mean, min(max(self.low, low), high), max(min(self.high, high), low), self.n)


def intervals(summaries: Sequence[Mapping[str, Any]], confidence: float = CONFIDENCE) -> dict[str, Interval]:
    """Mean and t-interval of each numeric key over the runs of several seeds.

    A key that some runs lack (None) counts over the others; truth values and texts are left out. Student's
    interval knows no bounds: its ends are cut at what is `possible` (shares 0 to 1, counts and energies >= 0).
    """
    keys = dict.fromkeys(key for summary in summaries for key in summary)
    columns = {key: _column([summary.get(key) for summary in summaries]) for key in keys}
    return {
        key: t_interval(column, confidence).within(*possible(key))
        for key, column in columns.items()
        if len(column)
    }


def t_interval(values: Vector, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of a mean, for n independent runs.

    Args:
        values: (n,) with n >= 1.
        confidence: Share of such intervals that hold the true mean.
    """
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Interval(mean, None, None, n)
    half = float(stdtrit(n - 1, 0.5 + confidence / 2) * np.std(values, ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def paired_differences(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    seed: int = 0,
    draws: int = 2_000,
    confidence: float = CONFIDENCE,
) -> dict[str, Interval]:
    """`after - before` per numeric key, run by run on the same seed, with an interval of its mean.

    Pairs share their drivers, so that what differs is the strategy. Percentile bootstrap of the mean
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13); the draws are seeded. With
    fewer than `FEWEST_TO_RESAMPLE` pairs it is Student's. Its ends are cut at what is `possible`: two shares
    differ by 1 at most.

    Args:
        before: Summaries.
        after: Summaries, item k from the same seed as item k of `before`.
        seed: Of the draws.
        draws: Resamples.
        confidence: Of the interval.

    Raises:
        ValueError: not as many runs on one side as on the other.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} runs cannot be paired with {len(after)}")
    found: dict[str, Interval] = {}
    for key in dict.fromkeys(key for summary in (*before, *after) for key in summary):
        first = np.array([_number(summary.get(key)) for summary in before])
        differences = np.array([_number(summary.get(key)) for summary in after]) - first
        known = differences[~np.isnan(differences)]
        if len(known):
            few = len(known) < FEWEST_TO_RESAMPLE
            made = (
                t_interval(known, confidence)
                if few
                else _bootstrap(known, stream(seed, "bootstrap", key), draws, confidence)
            )
            low, high = possible(key)
            found[key] = made.within(low - high, high - low)
    return found


def proportion(count: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """In how many of n runs something happens, as a share: Wilson's interval, sound for 0 of n too.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    Raises:
        ValueError: `count` is not within 0..n, or n is 0.
    """
    if not 0 <= count <= n or n == 0:
        raise ValueError(f"{count} of {n} runs is no share")
    z = float(ndtri(0.5 + confidence / 2))
    share = count / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), n)


def _bootstrap(values: Vector, random: np.random.Generator, draws: int, confidence: float) -> Interval:
    n = len(values)
    mean = float(values.mean())
    means = values[random.integers(0, n, size=(draws, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high), n)


def _column(values: Sequence[Any]) -> Vector:
    column = np.array([_number(value) for value in values])
    return column[~np.isnan(column)]


def _number(value: Any) -> float:
    """NaN for what has no mean: None, texts, truth values."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else math.nan
