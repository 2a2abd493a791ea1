"""Voltages of three-phase runs as chapters need them: the highest phase of a row, and what a phase is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.grid import HIGH_VOLTAGE, LOW_VOLTAGE
from twin.report.frames import Frames
from twin.results.schema import PHASE_NAMES, VM_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def three_phase(frames: Frames) -> bool:
    """Whether each phase was solved."""
    return frames.topology is not None and frames.topology.phases == 3


def highest_pu(buses: pd.DataFrame) -> pd.Series:
    """The highest phase of each row of the table `buses`; the only value where the feeder is symmetric."""
    return buses[list(VM_COLUMNS)].max(axis=1) if VM_COLUMNS[0] in buses else buses["vm_pu"]


def all_values(buses: pd.DataFrame) -> pd.DataFrame:
    """`t_s`, `bus` and `vm_pu` with one row per bus, instant and phase."""
    if VM_COLUMNS[0] not in buses:
        return buses
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    each = [buses[["t_s", "bus"]].assign(vm_pu=buses[name]) for name in VM_COLUMNS]
    return pd.concat(each, ignore_index=True)


def phase_of(row: pd.Series, kind: str) -> str:
    """Name of the phase that makes a row of `buses` low or high; empty for other kinds and symmetric runs."""
    if VM_COLUMNS[0] not in row.index or kind not in {LOW_VOLTAGE, HIGH_VOLTAGE}:
        return ""
    values = row[list(VM_COLUMNS)].to_numpy(dtype=float)
    if np.isnan(values).any():
        return ""
    return PHASE_NAMES[int(np.argmin(values) if kind == LOW_VOLTAGE else np.argmax(values))]
