"""How old the run made each transformer: hot-spot temperature and loss of life from the table of branches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from twin.domain.ageing import DISTRIBUTION_ONAN, POWER_ONAN, Thermal, thermal
from twin.domain.grid import GridTopology
from twin.domain.ids import Matrix, Vector
from twin.results.feeder import loadings
from twin.results.read import Run

AMBIENT_C = 20.0
"""Of the air around every transformer: the yearly mean of normal service conditions (IEC 60076-1:2011, 4.2)."""
DISTRIBUTION_KV = 33.0
"""As IEC 60076-7:2018 defines it, a distribution transformer has a high-voltage winding of at most 33 kV; above,
the constants are those of medium power transformers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerAgeing:
    """What a run did to one transformer.

    Attributes:
        transformer: Name.
        unsolved: Steps without a solution: what the transformer carried then, nobody knows.
        t_s: (T,) ends of the steps, of equal length.
        thermal: Temperatures and loss of life; None where steps have no solution.
    """

    transformer: str
    unsolved: int
    t_s: Vector
    thermal: Thermal | None


def transformer_ageing(run: Run) -> list[TransformerAgeing]:
    """Every transformer that was in service, in the order of the topology; empty without any."""
    topology = run.topology
    return [] if topology is None else from_parts(topology, loadings(run), run.period_s)


def from_parts(
    topology: GridTopology, parts: Iterable[tuple[Vector, Matrix]], period_s: float
) -> list[TransformerAgeing]:
    """The same from parts of the table of branches.

    Args:
        topology: Names, kinds and voltages.
        parts: Instants (k,) and loadings (k, nl), ascending; each row holds since the one before it.
        period_s: Tick, of which the time between two power flows is a multiple.
    """
    at = np.flatnonzero(topology.is_trafo)
    series = [(t_s, loading_pct[:, at]) for t_s, loading_pct in parts]
    if not series or not len(at):
        return []
    t_s = np.concatenate([t for t, _ in series])
    loading_pct = np.concatenate([values for _, values in series])
    ticks = np.maximum(np.rint(np.diff(t_s, prepend=0.0) / period_s).astype(np.int64), 1)
    # The last power flow may stand for less time than the others: a tick is what divides all of them.
    step = int(np.gcd.reduce(ticks))
    steps = np.repeat(loading_pct, ticks // step, axis=0)
    ends_s = np.arange(1.0, len(steps) + 1.0) * (step * period_s)
    return [
        _aged(topology, int(branch), steps[:, k], ends_s, step * period_s)
        for k, branch in enumerate(at)
        if not np.isnan(steps[:, k]).all()
    ]


def _aged(
    topology: GridTopology, branch: int, loading_pct: Vector, t_s: Vector, step_s: float
) -> TransformerAgeing:
    unsolved = int(np.isnan(loading_pct).sum())
    ends = topology.from_bus[branch], topology.to_bus[branch]
    high_kv = float(topology.bus_vn_kv[list(ends)].max())
    kind = DISTRIBUTION_ONAN if high_kv <= DISTRIBUTION_KV else POWER_ONAN
    found = None if unsolved else thermal(loading_pct, step_s, ambient_c=AMBIENT_C, transformer=kind)
    return TransformerAgeing(transformer=topology.branches[branch], unsolved=unsolved, t_s=t_s, thermal=found)
