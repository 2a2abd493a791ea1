"""The dense tables of the feeder, part by part, in the shape in which they were solved."""

from __future__ import annotations

from collections.abc import Iterator

from twin.domain.ids import Matrix, Vector
from twin.results.read import Run
from twin.results.voltage import BusVerdict, VoltageQuality


def voltages(run: Run) -> Iterator[tuple[Vector, Matrix]]:
    """Instants (k,) and voltages (k, nb) in pu, in the order of `run.topology.buses`, one pair per part."""
    width = 0 if run.topology is None else len(run.topology.buses)
    return _solved(run, "buses", "vm_pu", width)


def loadings(run: Run) -> Iterator[tuple[Vector, Matrix]]:
    """Instants (k,) and loadings (k, nl) in %, in the order of `run.topology.branches`, one pair per part."""
    width = 0 if run.topology is None else len(run.topology.branches)
    return _solved(run, "branches", "loading_pct", width)


def en50160(run: Run) -> list[BusVerdict]:
    """The verdict of EN 50160 for every low-voltage bus of the charging level; empty without a grid."""
    if run.topology is None:
        return []
    quality = VoltageQuality(run.topology)
    for t_s, vm_pu in voltages(run):
        quality.feed(t_s, vm_pu)
    return quality.verdicts()


def _solved(run: Run, table: str, values: str, width: int) -> Iterator[tuple[Vector, Matrix]]:
    # The recorder writes every element of every solve, in the order of the topology.
    for part in run.table(table).parts(["t_s", values]):
        if len(part):
            yield part["t_s"].to_numpy()[::width], part[values].to_numpy().reshape(-1, width)
