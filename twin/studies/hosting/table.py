"""The table of draws: one row per draw and penetration, and the files in which it grows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from twin.results.folder import write_aside
from twin.results.schema import column
from twin.studies.hosting.judge import REASONS

FEEDER = b"twin.feeder"
"""Metadata of a part: what the feeder is and which limits it has, as JSON."""


def _reason(key: str, unit: str, what: str) -> list[pa.Field]:
    other = "pu" if unit == "pu" else "%"
    return [
        column(key, pa.bool_(), "", f"{REASONS[key]} by the rule of the study"),
        column(f"{key}_element", pa.string(), "", "element nearest to its limit, or farthest beyond it"),
        column(f"{key}_{unit}", pa.float64(), other, f"{what} of that element", nullable=True),
        column(f"{key}_min", pa.float64(), "min", "longest time of one element outside this limit"),
        column(f"{key}_elements", pa.int32(), "", "elements that violate"),
    ]


DRAWS = pa.schema([
    column("draw", pa.int32(), "", "number of the draw, from 0"),
    column("penetration", pa.float64(), "", "share of the stations that exist"),
    column("stations", pa.int32(), "", "stations that exist"),
    column("evses", pa.int32(), "", "EVSEs that exist"),
    column("violated", pa.bool_(), "", "any limit, by the rule of the study"),
    *_reason("low", "pu", "lowest voltage"),
    *_reason("high", "pu", "highest voltage"),
    *_reason("line", "pct", "highest loading"),
    *_reason("trafo", "pct", "highest loading"),
    *_reason("unbalance", "pct", "highest voltage unbalance"),
    column("unsolved", pa.bool_(), "", "power flow without a solution"),
    column("unsolved_steps", pa.int32(), "", "steps without a solution"),
    column("head_peak_w", pa.float64(), "W", "largest power from the upstream grid", nullable=True),
    column("ev_peak_w", pa.float64(), "W", "largest power of all EVSEs together"),
    column("requested_wh", pa.float64(), "Wh", "wanted in the visits that ended within the run"),
    column("delivered_wh", pa.float64(), "Wh", "delivered in these visits, at the connector"),
])  # fmt: skip


def part_path(folder: Path, number: int) -> Path:
    """File of one draw."""
    return folder / "draws" / f"draw-{number:05d}.parquet"


def write_draw(
    folder: Path, number: int, rows: Sequence[Mapping[str, Any]], feeder: Mapping[str, Any]
) -> None:
    """Write the rows of one draw, whole or not at all."""
    schema = DRAWS.with_metadata({FEEDER: json.dumps(feeder, sort_keys=True).encode()})
    _write(part_path(folder, number), pa.Table.from_pylist([dict(row) for row in rows], schema=schema))


def read_draws(folder: Path, draws: int) -> pa.Table:
    """All draws from 0 to `draws` - 1, in their order."""
    parts = [_read(part_path(folder, k)) for k in range(draws)]
    return pa.concat_tables(parts)


def write_table(folder: Path, rows: pa.Table) -> Path:
    """Write all draws as one file for people's own tools."""
    path = folder / "draws.parquet"
    _write(path, rows)
    return path


def feeder_of(rows: pa.Table) -> dict[str, Any]:
    """What the parts say about the feeder."""
    found: dict[str, Any] = json.loads(rows.schema.metadata[FEEDER])
    return found


def _write(path: Path, rows: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=1)
    write_aside(path, sink.getvalue())


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()
