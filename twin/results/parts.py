"""Parts: how a table reaches the disk, so that what was finished survives whatever happens next.

A table is a folder of Parquet files. Each is written aside under a hidden name, synced to the disk and
renamed: a file that can be seen is whole. The bytes depend on the rows alone.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from twin.results.folder import write_aside
from twin.results.schema import TABLES, VM_COLUMNS

_NEVER_REPEAT = {
    "power_w",
    "register_wh",
    "wanted_w",
    "limit_w",
    "vm_pu",
    *VM_COLUMNS,
    "vuf_pct",
    "loading_pct",
}


def part_name(index: int) -> str:
    """File name of the part that holds the `index`-th stretch of simulated time."""
    return f"part-{index:05d}.parquet"


def part_files(folder: Path, parts: int | None = None) -> list[Path]:
    """The finished parts of a table, in the order of simulated time.

    Args:
        folder: Of the table.
        parts: Only parts with a lower number: a run that is killed while it writes a part leaves some of
            its tables behind, which no other table has.
    """
    files = sorted(folder.glob("part-*.parquet"))
    return files if parts is None else [path for path in files if path.name < part_name(parts)]


def write_part(folder: Path, index: int, rows: pa.Table) -> None:
    """Write one part of the table `folder` is named after.

    Raises:
        SettingsError: The part cannot be written; parts before it stay as they are.
    """
    sink = pa.BufferOutputStream()
    schema = rows.schema
    dense = [
        name
        for name in schema.names
        if name in _NEVER_REPEAT and pa.types.is_floating(schema.field(name).type)
    ]
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in dense],
        use_byte_stream_split=dense,
        write_statistics=["t_s"] if "t_s" in schema.names else False,
    )
    write_aside(folder / part_name(index), sink.getvalue())


def read_part(path: Path, columns: list[str] | None = None) -> pa.Table:
    """One finished part."""
    with pq.ParquetFile(path) as file:
        return file.read(columns)


def empty(table: str) -> pa.Table:
    """A table without rows, as it was meant to be."""
    return TABLES[table].empty_table()
