"""The dense tables of the feeder, part by part, in the shape in which they were solved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from twin.domain.ids import Array, Matrix, Vector
from twin.results.read import Run
from twin.results.schema import VM_COLUMNS
from twin.results.voltage import BusVerdict, VoltageQuality


class Voltages(NamedTuple):
    """What one part of a run says about its buses, in the order of `run.topology.buses`."""

    t_s: Vector
    """(k,) instants."""
    vm_pu: Array
    """(k, nb, phases) voltages in pu; NaN without a solution."""
    vuf_pct: Matrix
    """(k, nb) unbalance in %; 0 where the feeder is taken as symmetric."""


def voltages(run: Run) -> Iterator[Voltages]:
    """Voltages and unbalance of all buses, one part after the other."""
    topology = run.topology
    width = 0 if topology is None else len(topology.buses)
    if topology is None or topology.phases == 1:
        for t_s, (vm_pu,) in _solved(run, "buses", ("vm_pu",), width):
            yield Voltages(t_s, vm_pu[:, :, None], np.zeros_like(vm_pu))
        return
    for t_s, (*by_phase, vuf_pct) in _solved(run, "buses", (*VM_COLUMNS, "vuf_pct"), width):
        yield Voltages(t_s, np.stack(by_phase, axis=2), vuf_pct)


def loadings(run: Run) -> Iterator[tuple[Vector, Matrix]]:
    """Instants (k,) and loadings (k, nl) in %, in the order of `run.topology.branches`, one pair per part."""
    width = 0 if run.topology is None else len(run.topology.branches)
    for t_s, (loading_pct,) in _solved(run, "branches", ("loading_pct",), width):
        yield t_s, loading_pct


def en50160(run: Run) -> list[BusVerdict]:
    """The verdict of EN 50160 for every low-voltage bus of the charging level; empty without a grid."""
    if run.topology is None:
        return []
    quality = VoltageQuality(run.topology)
    for part in voltages(run):
        quality.feed(*part)
    return quality.verdicts()


def _solved(
    run: Run, table: str, values: tuple[str, ...], width: int
) -> Iterator[tuple[Vector, list[Matrix]]]:
    # The recorder writes every element of every solve, in the order of the topology.
    for part in run.table(table).parts(["t_s", *values]):
        if len(part):
            t_s = part["t_s"].to_numpy()[::width]
            yield t_s, [part[name].to_numpy().reshape(-1, width) for name in values]
