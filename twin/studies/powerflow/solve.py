"""Solve step after step, a stretch at a time: never the whole table of buses and steps at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from twin.domain.grid import GridState
from twin.domain.ids import Array, Mask, Matrix, Vector
from twin.domain.ports import Grid
from twin.grid.batch import BatchLimits
from twin.grid.compiled import CompiledGrid
from twin.studies.powerflow.loads import Drawn

_STRETCH_BYTES = 32e6
_MOST_STEPS = 2_048
_THREADS = 2
_KEEP = ("vm_pu", "vuf_pct", "loading_pct", "slack_w", "losses_w")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Solved steps from number `first` on.

    Attributes:
        vm_pu: (T, nb, phases).
        vuf_pct: (T, nb).
        loading_pct: (T, nl).
        slack_w, losses_w: (T,).
        solved: (T,) False: the numbers of the step are NaN.
        mismatch_w: (T,) largest violated power balance where a step is not solved, else NaN.
    """

    first: int
    vm_pu: Array
    vuf_pct: Matrix
    loading_pct: Matrix
    slack_w: Vector
    losses_w: Vector
    solved: Mask
    mismatch_w: Vector


def solve(grid: Grid, drawn: Drawn) -> Iterator[Stretch]:
    """Solve all steps in order: side by side where the net could be compiled, else one by one in pandapower."""
    topology = grid.topology
    most = _stretch_length(len(topology.buses) * (topology.phases + 1) + len(topology.branches))
    for first in range(0, drawn.steps, most):
        after = min(first + most, drawn.steps)
        if isinstance(grid, CompiledGrid):
            yield _by_batch(grid, drawn, first, after)
        else:
            yield _one_by_one(grid, drawn, first, after)


def _by_batch(grid: CompiledGrid, drawn: Drawn, first: int, after: int) -> Stretch:
    p_w, q_var = drawn.profile.samples(drawn.first_sample + first, drawn.first_sample + after)
    limits = BatchLimits.of(grid.topology)
    found = grid.plan.batch([(p_w, q_var)], limits=limits, threads=_THREADS, keep=_KEEP)
    solved = np.ones(after - first, dtype=bool)
    solved[found.unsolved] = False
    mismatch_w = np.full(after - first, np.nan)
    for k in found.unsolved:  # a batch does not tell how far a step is from a solution
        mismatch_w[k] = grid.plan.solve(p_w[k], q_var[k]).mismatch_w
    return Stretch(first=first, solved=solved, mismatch_w=mismatch_w, **found.kept)


def _one_by_one(grid: Grid, drawn: Drawn, first: int, after: int) -> Stretch:
    nobody = np.zeros(0 if grid.topology.phases == 1 else (0, 3))
    bounds_s = drawn.bounds_s[first : after + 1]
    return _stretch(first, [grid.solve(a, b, nobody) for a, b in pairwise(bounds_s.tolist())])


def _stretch_length(width: int) -> int:
    """How many steps of `width` numbers are solved before they are reduced."""
    return int(np.clip(_STRETCH_BYTES / (8 * width), 16, _MOST_STEPS))


def _stretch(first: int, states: list[GridState]) -> Stretch:
    return Stretch(
        first=first,
        vm_pu=np.stack([s.vm_pu for s in states]),
        vuf_pct=np.stack([s.vuf_pct for s in states]),
        loading_pct=np.stack([s.loading_pct for s in states]),
        slack_w=np.array([s.slack_w for s in states]),
        losses_w=np.array([s.losses_w for s in states]),
        solved=np.array([s.converged for s in states]),
        mismatch_w=np.array([np.nan if s.converged else s.mismatch_w for s in states]),
    )
