"""How many chargers draw at once: the figure by which planners size a connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twin.domain.ids import Matrix, Rows, Vector
from twin.results.parts import read_part
from twin.results.read import Run
from twin.results.series import QUARTER_HOUR_S, WindowMeans
from twin.results.tables import name_codes
from twin.rng import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Coincidence:
    """Coincidence factor of k chargers: their highest 15-minute mean over the sum of their ratings.

    Attributes:
        chargers: (m,) k = 1..n.
        factor: (m,) mean over random groups of k chargers.
        low, high: (m,) 5th and 95th percentile over the groups.
        groups: How many groups were drawn for each k.
    """

    chargers: Rows
    factor: Vector
    low: Vector
    high: Vector
    groups: int


def coincidence(run: Run, groups: int = 50) -> Coincidence:
    """Coincidence factor against the number of chargers, from the metered 15-minute means.

    A group grows charger by charger along a random order of all, so that one pass serves every k. The
    orders are drawn from the run's seed. 0 in a run shorter than a quarter of an hour.

    Args:
        run: With at least one EVSE.
        groups: Random orders.

    Raises:
        ValueError: the run has no EVSE.
    """
    n = len(run.evses)
    if n == 0:
        raise ValueError(f"{run.path}: no EVSE, no coincidence factor")
    ratings_w = np.array([evse["max_w"] for evse in run.evses])
    random = stream(run.manifest["seed"], "coincidence")
    orders = [random.permutation(n) for _ in range(groups)]
    peaks_w = np.zeros((groups, n))
    for means_w in _quarter_hours(run):
        by_charger = np.ascontiguousarray(means_w.T)
        for g, order in enumerate(orders):
            peaks_w[g] = np.maximum(peaks_w[g], np.cumsum(by_charger[order], axis=0).max(axis=1))
    rated_w = np.array([np.cumsum(ratings_w[order]) for order in orders])
    factors = peaks_w / rated_w
    low, high = np.quantile(factors, [0.05, 0.95], axis=0)
    return Coincidence(
        chargers=np.arange(1, n + 1), factor=factors.mean(axis=0), low=low, high=high, groups=groups
    )


def _quarter_hours(run: Run) -> Iterator[Matrix]:
    """(w, n) 15-minute means of every EVSE, one block per part."""
    origin_s = -(run.epoch.timestamp() % QUARTER_HOUR_S)
    means = WindowMeans(QUARTER_HOUR_S, len(run.evses), origin_s=origin_s)
    for path in run.ticks.files:
        instants = read_part(path, ["t_s"])["t_s"].to_numpy()
        power_w = np.zeros((len(instants), len(run.evses)))
        same_time = run.meter.folder / path.name
        if same_time.is_file():  # else no car came in this part
            samples = read_part(same_time, ["t_s", "evse", "power_w"])
            _, codes = name_codes(samples, "evse")
            power_w[np.searchsorted(instants, samples["t_s"].to_numpy()), codes] = samples[
                "power_w"
            ].to_numpy()
        block = means.feed(instants, power_w)
        if len(block):
            yield block
