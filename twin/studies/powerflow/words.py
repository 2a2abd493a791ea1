"""What a power flow study says in sentences and cells, on its page and in the terminal."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Vector
from twin.report.model import Align, Text
from twin.report.words import NONE, count, length, number, when
from twin.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

if TYPE_CHECKING:
    import pandas as pd

    from twin.studies.powerflow.result import PowerFlow


def at(instant: str | None) -> str:
    """`Tue 19 Jan 2016 19:30` from a summary's instant; empty in a snapshot."""
    if instant is None:
        return ""
    stamp = datetime.fromisoformat(instant)
    return f"{when(stamp)[:-6]} {stamp.year} {stamp:%H:%M}"


def verdict(study: PowerFlow) -> Text:
    """One sentence: which limits are broken, by how many elements, for how long."""
    found = study.summary
    if not found["violations"]:
        span = f"in all {count(found['steps'], 'step')}" if study.is_series else "in this instant"
        return Text(text=f"Every bus, line and transformer keeps its limits {span}.", tone="good")
    parts = [_kind(study, kind, figures) for kind, figures in found["violations"].items()]
    return Text(text="; ".join(parts) + ".", tone="bad")


def _kind(study: PowerFlow, kind: str, figures: dict[str, Any]) -> str:
    if kind == "no solution":
        return f"no solution in {count(study.summary['unsolved_steps'], 'step')}"
    said = f"{kind}: {count(figures['elements'], 'element')}"
    if not study.is_series:
        return said
    minutes = figures["element_hours"] * SECONDS_PER_HOUR / SECONDS_PER_MINUTE
    return f"{said}, {count(figures['intervals'], 'time')}, {length(minutes)} in all"


def violation_columns(study: PowerFlow) -> list[tuple[str, Align]]:
    """Names and alignments of a table of violations."""
    columns: list[tuple[str, Align]] = [
        ("Element", "left"),
        ("Limit of", "left"),
        ("Worst", "right"),
        ("Limit", "right"),
    ]
    times: list[tuple[str, Align]] = [("Worst on", "left"), ("Times", "right"), ("Beyond the limit", "right")]
    return columns + (times if study.is_series else [])


def violation_cells(study: PowerFlow, row: pd.Series[Any]) -> tuple[str, ...]:
    """The texts of one row of such a table."""
    if math.isnan(row["worst"]):
        worst, limit = f"{number(row['mismatch_w'])} W out of balance", NONE
    else:
        digits, unit = (3, "pu") if str(row["kind"]).endswith("voltage") else (1, "%")
        worst, limit = (f"{number(row[name], digits)} {unit}" for name in ("worst", "limit"))
    cells = (str(row["element"]), str(row["kind"]), worst, limit)
    if not study.is_series:
        return cells
    return (
        *cells,
        at(row["worst_at"].isoformat()),
        number(row["intervals"]),
        length(row["hours"] * SECONDS_PER_HOUR / SECONDS_PER_MINUTE),
    )


def limits_said(topology: GridTopology) -> str:
    """The limits that were judged."""
    said = (
        f"Judged were voltages from {_span(topology.vm_min_pu, 3)} to {_span(topology.vm_max_pu, 3)} pu"
        f" and loadings up to {_span(topology.max_loading_pct, 1)} % of the rated current"
    )
    if topology.phases > 1 and np.isfinite(topology.vuf_max_pct).any():
        said += f", and an unbalance up to {_span(topology.vuf_max_pct, 1)} %"
    return f"{said}. A value that equals its limit keeps it."


def _span(values: Vector, digits: int) -> str:
    if not len(values):
        return number(None)
    low, high = number(float(values.min()), digits), number(float(values.max()), digits)
    return low if low == high else f"{low}..{high}"
