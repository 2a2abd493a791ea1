"""A table of a run, read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from twin.domain.ids import Matrix, Vector
from twin.results.parts import part_files, read_part
from twin.results.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

_WIDE = {
    "meter": ("evse", "power_w"),
    "limits": ("evse", "limit_w"),
    "buses": ("bus", "vm_pu"),
    "branches": ("branch", "loading_pct"),
}


class Column(NamedTuple):
    """What a column holds."""

    name: str
    unit: str
    doc: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a folder of parts, in the order of simulated time. Nothing is read before it is needed.

    A run that was killed has the parts that were finished; a table that was never begun is empty.
    """

    name: str
    folder: Path
    epoch: str
    """Instant of `t_s = 0`, ISO 8601 with offset."""
    time_zone: str
    finished: int | None = None
    """Parts with a lower number are finished in every table; None: all that are there."""

    @property
    def files(self) -> list[Path]:
        """The finished parts, in the order of simulated time."""
        return part_files(self.folder, self.finished)

    @property
    def schema(self) -> pa.Schema:
        """The columns that this run's table has: those of three phases only where they were solved."""
        files = self.files
        return pq.read_schema(files[0]) if files else TABLES[self.name]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name, unit and meaning of each column."""
        return tuple(
            Column(f.name, f.metadata[b"unit"].decode(), f.metadata[b"doc"].decode()) for f in self.schema
        )

    def __len__(self) -> int:
        return sum(pq.read_metadata(path).num_rows for path in self.files)

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Arrow tables, one per part: for what does not fit into memory.

        Args:
            columns: Only these; all by default.
        """
        yield from (read_part(path, None if columns is None else list(columns)) for path in self.files)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole table; units and meanings are in the metadata of its fields."""
        parts = list(self.parts(columns))
        if not parts:
            whole = TABLES[self.name].empty_table()
            return whole if columns is None else whole.select(list(columns))
        return pa.concat_tables(parts).unify_dictionaries()

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The whole table as a data frame; names become categories."""
        return self.to_arrow(columns).to_pandas()

    def pivot(self, values: str | None = None) -> pd.DataFrame:
        """A dense table in wide form: one row per instant in civil time, one column per element.

        Args:
            values: Column to spread; by default the one that matters most (vm_pu, loading_pct, power_w,
                limit_w). NaN where the table has no row.

        Raises:
            ValueError: the table is not dense, or has no such column.
        """
        import pandas as pd  # noqa: PLC0415 -- half a second that a summary does not need

        if self.name not in _WIDE:
            raise ValueError(f"{self.name} has no wide form; these have: {', '.join(_WIDE)}")
        element, usual = _WIDE[self.name]
        column = values or usual
        if column not in self.schema.names:
            raise ValueError(f"{self.name} has no column {column}; it has: {', '.join(self.schema.names)}")
        t_s, names, matrix = wide_part(self.to_arrow(["t_s", element, column]), element, column)
        return pd.DataFrame(
            matrix, index=times(t_s, self.epoch, self.time_zone), columns=pd.Index(names, name=element)
        )

    def __repr__(self) -> str:
        rows = [("column", "unit", "meaning"), *self.columns]
        name, unit = (max(len(row[i]) for row in rows) for i in (0, 1))
        body = "\n".join(f"  {row[0]:{name}}  {row[1]:{unit}}  {row[2]}" for row in rows)
        return f"{self.name}: {len(self):,} rows in {len(self.files)} parts\n{body}"


def wide_part(part: pa.Table, element: str, values: str) -> tuple[Vector, list[str], Matrix]:
    """Instants (k,), names (m,) and values (k, m) of one part of a dense table; NaN where there is no row."""
    names, codes = name_codes(part, element)
    t_s, at = np.unique(part["t_s"].to_numpy(), return_inverse=True)
    matrix = np.full((len(t_s), len(names)), np.nan)
    matrix[at, codes] = part[values].to_numpy()
    return t_s, names, matrix


def name_codes(part: pa.Table, column: str) -> tuple[list[str], Any]:
    """All names that a dictionary column knows, and the (n,) index into them of each row."""
    chunks = part[column].unify_dictionaries().chunks
    if not chunks:
        return [], np.empty(0, dtype=np.int32)
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    return chunks[0].dictionary.to_pylist(), codes


def times(t_s: Any, epoch: str, time_zone: str) -> pd.DatetimeIndex:
    """Seconds of a run as instants in civil time, to the nanosecond."""
    import pandas as pd  # noqa: PLC0415

    since_ns = np.round(np.asarray(t_s, dtype=float) * 1e9).astype(np.int64)
    return pd.to_datetime(pd.Timestamp(epoch).value + since_ns, utc=True).tz_convert(time_zone)
