"""Files of a power flow study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from twin.errors import SettingsError
from twin.report import html
from twin.report.style import styled, svg
from twin.results.folder import unwritable, write_aside, write_json
from twin.studies.powerflow.page import map_figure, page

if TYPE_CHECKING:
    import pandas as pd

    from twin.studies.powerflow.result import PowerFlow

SUMMARY = "summary.json"
MAP = "map.svg"
REPORT = "report.html"
_BOTH = ("buses", "branches", "violations")
"""Tables that people open in a spreadsheet too."""
_STEPS = "steps"
_UNITS = {"_pu": "pu", "_pct": "%", "_w": "W", "_kv": "kV"}
_WRITTEN = {
    SUMMARY,
    MAP,
    REPORT,
    f"{_STEPS}.parquet",
    *(f"{t}.{end}" for t in _BOTH for end in ("csv", "parquet")),
}


def write(study: PowerFlow, folder: Path, *, replace: bool) -> tuple[Path, ...]:
    """Write everything; see `PowerFlow.write`. The summary comes last: with it the folder is complete."""
    inside = make_sure(folder, replace=replace)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(inside):
            (folder / name).unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    written = []
    for name in (*_BOTH, _STEPS):
        frame: pd.DataFrame = getattr(study, name)
        written.append(folder / f"{name}.parquet")
        write_aside(written[-1], _parquet(frame))
        if name in _BOTH:
            written.append(folder / f"{name}.csv")
            write_aside(written[-1], frame.to_csv(index=False, lineterminator="\n").encode())
    written.append(folder / MAP)
    with styled():  # its salt makes the ids in the SVG the same every time
        write_aside(written[-1], svg(map_figure(study)).encode())
    written.append(html.write(page(study), folder / REPORT))
    written.append(folder / SUMMARY)
    write_json(written[-1], study.summary)
    return tuple(written)


def make_sure(folder: Path, *, replace: bool) -> set[str]:
    """Return the names of the earlier study that `write` would replace; nothing is changed.

    Raises:
        SettingsError: The folder holds something else, or (without `replace`) an earlier study.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: is a file; name another output folder")
    inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    foreign = inside - _WRITTEN
    if foreign:
        raise SettingsError(
            f"{folder}: holds `{min(foreign)}`, which is no part of a power flow; name another output folder"
        )
    if inside and not replace:
        raise SettingsError(
            f"{folder}: holds a power flow already; name another output folder, or replace it with --force"
        )
    return inside


def _parquet(frame: pd.DataFrame) -> memoryview:
    """The same rows make the same bytes; units stand in the columns' metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [
        field.with_metadata({"unit": unit}) if (unit := _unit(field.name)) else field
        for field in table.schema
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(table.cast(pa.schema(fields)), sink, compression="zstd", compression_level=1)
    return memoryview(sink.getvalue())


def _unit(column: str) -> str:
    if column == "minutes":
        return "min"
    if column.startswith("hours"):
        return "h"
    return next((unit for suffix, unit in _UNITS.items() if column.endswith(suffix)), "")
