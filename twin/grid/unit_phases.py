"""Which phases loads, storages and generators of symmetric tables use: a rule, drawn with the run's seed.

A distribution net of symmetric tables says nothing about phases, and measurements per phase are rare
(C. Reese, CIRED 2011, paper 1226, makes profiles per phase for that reason). So this is an assumption
under one of three names:

`balanced`: a third on each phase, as pandapower's `runpp_3ph` takes the same tables.

`single`: whatever one phase can feed is on one, with equal chance for each: loads up to 100 A (23 kVA, the
largest usual single-phase service: United Kingdom, Ireland, as in the IEEE European LV feeder), generators
and storages up to 4.6 kVA (VDE-AR-N 4105 allows no more than that on one phase). What is larger is balanced.

`uneven`: three-phase services of single-phase appliances. A household's draw on each phase is gamma
distributed, independent of the others, so its shares are Dirichlet distributed; of k households their sum's
shares are so, too, with k times the concentration: a large load is nearly balanced. Generators and
storages as with `single`.

Shares hold for the whole run: real ones change with every appliance, more at any instant and less on average.
"""

from __future__ import annotations

import numpy as np

from twin.domain.ids import Matrix
from twin.grid.feeder import Units
from twin.grid.series import PhaseRule
from twin.rng import stream

SINGLE_LOAD_VA = 23_000.0
SINGLE_GENERATOR_VA = 4_600.0
CONCENTRATION = 2.0
"""Of one household's shares: the largest of three is 0.54 on average, and above 0.69 in one of ten."""
HOUSEHOLD_VA = 5_000.0
"""A load counts as one household per this rating, but not as less than one."""


def unit_shares(units: Units, rule: PhaseRule, seed: int) -> Matrix:
    """Return (u, 3) shares of each phase; each row sums to 1.

    Every unit has a stream of its own, named by its table and name: another unit more or less changes no
    other's phases. Rows of asymmetric tables get a third, which nobody uses.
    """
    shares = np.full((len(units), 3), 1.0 / 3.0)
    if rule == "balanced":
        return shares
    for u, (table, name) in enumerate(zip(units.table, units.names, strict=True)):
        if table.startswith("asymmetric"):
            continue
        draws = table == "load"
        rated_va = float(units.rated_va[u])
        random = stream(seed, "grid", "phases", table, name)
        if draws and rule == "uneven":
            shares[u] = random.dirichlet([CONCENTRATION * max(rated_va / HOUSEHOLD_VA, 1.0)] * 3)
        elif rated_va <= (SINGLE_LOAD_VA if draws else SINGLE_GENERATOR_VA):
            shares[u] = np.eye(3)[random.integers(3)]
    return shares
