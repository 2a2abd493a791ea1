"""Where a run's tables go: dense rows into arrays, rare rows into lists, both into parts on the disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Vector
from twin.domain.interval import Interval
from twin.domain.site_limits import SiteLimits
from twin.results.buffers import FeederBuffer, FleetBuffer
from twin.results.curtailment import Curtailment
from twin.results.folder import unwritable
from twin.results.parts import empty, write_part
from twin.results.schema import TABLES
from twin.results.site_violations import SiteTracker
from twin.results.taps import TapTracker
from twin.results.violations import ViolationTracker
from twin.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

SPARSE = ("sessions", "violations", "invoices", "payments", "settlements", "leakage", "ledger", "events")


class NullRecorder:
    """Takes everything and keeps nothing: for measuring what a run costs without its tables."""

    violations = 0

    def session_of_row(self, row: int, session: str | None) -> None:
        """Nothing to name."""

    def plan(self, t_s: float, fleet: Fleet, wanted_w: Vector, reasons: Mapping[int, str], /) -> None:
        """Nothing to keep."""

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        /,
    ) -> None:
        """Nothing to keep."""

    def grid(
        self, t_s: float, interval: Interval, state: GridState, without_evs: GridState | None, /
    ) -> None:
        """Nothing to keep."""

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        """Nothing to keep."""

    def rows(self, table: str, values: Sequence[Mapping[str, object]], /) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to finish."""


class ParquetRecorder:
    """Implements `ports.Recorder` on a folder: one sub-folder per table, one file per stretch of time.

    In each tick `grid` comes first (where a power flow was run), then `plan` (where there is a next
    interval), then `tick`, all with the same `t_s`.
    A part holds what was learned in (k * part_s, (k + 1) * part_s] and is written at the end of its last
    tick. After the first part every table has a file, if an empty one.

    Args:
        folder: An existing folder that may be written.
        fleet: The columns that the ticks are read from.
        topology: The feeder; None without a grid.
        limits: Shared limits of the sites; None: not watched.
        taps: The feeder's tap changers; None: it has none.
        part_s: Simulated time per part.
        on_part: Called after all tables of a part are on the disk, with the end of the part and the number
            of the next one.

    Raises:
        SettingsError: The folder cannot be written; what was finished before stays readable.
    """

    def __init__(
        self,
        folder: Path,
        fleet: Fleet,
        topology: GridTopology | None,
        limits: SiteLimits | None = None,
        *,
        taps: TapTracker | None = None,
        part_s: float = SECONDS_PER_DAY,
        on_part: Callable[[float, int], None] | None = None,
    ) -> None:
        self._folders = {table: folder / table for table in TABLES}
        self._taps = TapTracker(None) if taps is None else taps
        self._part_s = part_s
        self._on_part = on_part
        self._part = 0
        self._failed = False
        self._t_s = 0.0
        self._dense = FleetBuffer(fleet)
        self._curtailment = Curtailment()
        self._phases = 1 if topology is None else topology.phases
        self._drawn_wh: Array = np.zeros(len(fleet) if self._phases == 1 else (len(fleet), 3))
        """(n,) or (n, 3) by phase: at the connectors since the latest power flow."""
        self._sparse = {table: _Rows(TABLES[table]) for table in SPARSE}
        self._feeder: FeederBuffer | None = None
        self._violations: ViolationTracker | None = None
        self._solved: tuple[float, GridState, int, int] | None = None
        self._sites = None if limits is None else SiteTracker(limits, fleet)
        if topology is not None:
            self._feeder = FeederBuffer(topology)
            self._violations = ViolationTracker(topology, [spec.bus for spec in fleet.specs])
        for place in self._folders.values():
            try:
                place.mkdir()
            except OSError as error:
                raise unwritable(place, error) from error

    @property
    def violations(self) -> int:
        """How many intervals outside a limit began so far."""
        feeder = 0 if self._violations is None else self._violations.begun
        return feeder if self._sites is None else feeder + self._sites.begun

    def session_of_row(self, row: int, session: str | None) -> None:
        """Say whose draw an EVSE's draw is from now on; None: nobody new."""
        if self._violations is not None:
            self._violations.session_of_row(row, session)
        if self._sites is not None and session is not None:
            self._sites.session_of_row(row, session)

    def grid(
        self, t_s: float, interval: Interval, state: GridState, without_evs: GridState | None, /
    ) -> None:
        """Take a solved interval that ends at `t_s`: see `ports.Recorder.grid`."""
        if self._feeder is None or self._violations is None:
            raise ValueError("a recorder without a topology was given a solved feeder")
        self._feeder.solved(t_s, state)
        self._drew(t_s, interval)
        ended, violated, by_charging = self._violations.solved(t_s, state, without_evs, self._drawn_wh)
        self._drawn_wh[:] = 0.0
        self.rows("violations", ended)
        self.rows("events", self._taps.solved(t_s, state))
        self._solved = (t_s, state, violated, by_charging)

    def plan(self, t_s: float, fleet: Fleet, wanted_w: Vector, reasons: Mapping[int, str], /) -> None:
        """Take what a plan wanted and what it set: see `ports.Recorder.plan`."""
        self._curtailment.plan(t_s, wanted_w, fleet.limit_w, reasons)

    def tick(
        self,
        t_s: float,
        fleet: Fleet,
        interval: Interval,
        wanted_w: Vector | None,
        reasons: Mapping[int, str],
        /,
    ) -> None:
        """Take the interval that ends at `t_s`: see `ports.Recorder.tick`.

        Args:
            t_s: Ascending.
            fleet: The one that the recorder was made with.
            interval: What happened.
            wanted_w: (n,) limit that the strategy wants for the next interval; None: there is none.
            reasons: Element that made the guard act, by row.
        """
        self._dense.tick(t_s, fleet, interval, wanted_w, reasons, self._curtailment.take(t_s))
        if self._sites is not None:
            self.rows("violations", self._sites.closed(self._t_s, t_s, interval))
        if self._solved is not None and self._solved[0] == t_s:
            self._dense.solved(*self._solved[1:])
        elif self._violations is not None:
            self._drew(t_s, interval)
        self._t_s = t_s
        if t_s >= (self._part + 1) * self._part_s:
            self._flush()

    def _drew(self, t_s: float, interval: Interval) -> None:
        hours = (t_s - self._t_s) / SECONDS_PER_HOUR
        if self._phases == 1:
            self._drawn_wh += interval.power_w * hours
            return
        # What the car drew divides over the phases as all that the station drew from the grid.
        known = interval.grid_w != 0.0
        scale = np.divide(interval.power_w, interval.grid_w, out=np.zeros(len(known)), where=known)
        self._drawn_wh += (interval.phase_w * (scale * hours)).T

    def row(self, table: str, values: Mapping[str, object], /) -> None:
        """Append one row to a sparse table; columns that may be null may be left out."""
        self._sparse[table].append(values)

    def rows(self, table: str, values: Sequence[Mapping[str, object]], /) -> None:
        """Append several rows to a sparse table."""
        for row in values:
            self._sparse[table].append(row)

    def close(self) -> None:
        """Write the last part. Violations that the end of the run cuts off end there.

        After a part that could not be written nothing more is: what is on the disk is whole.
        """
        if self._failed:
            return
        if self._violations is not None:
            self.rows("violations", self._violations.close())
        if self._sites is not None:
            self.rows("violations", self._sites.close())
        if self._part == 0 or len(self._dense) or any(map(len, self._sparse.values())):
            self._flush()

    def _flush(self) -> None:
        self._failed = True
        tables = self._dense.flush()
        if self._feeder is not None:
            tables |= self._feeder.flush()
        tables |= {table: rows.flush() for table, rows in self._sparse.items()}
        for table, place in self._folders.items():
            rows = tables.get(table)
            if rows is None:
                rows = empty(table)
            if len(rows) or self._part == 0:
                write_part(place, self._part, rows)
        self._failed = False
        # The next part ends after now, however much time the last tick took in.
        self._part = max(self._part + 1, math.floor(self._t_s / self._part_s))
        if self._on_part is not None:
            self._on_part(self._t_s, self._part)


class _Rows:
    """Rows of one sparse table since the last part."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._names = tuple(schema.names)
        self._optional = {field.name: None for field in schema if field.nullable}
        self._rows: list[tuple[object, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, values: Mapping[str, object]) -> None:
        """Take one row.

        Raises:
            ValueError: a column that the table has not, or one that is missing.
        """
        whole = values if len(values) == len(self._names) else {**self._optional, **values}
        try:
            row = tuple([whole[name] for name in self._names])
        except KeyError as error:
            raise ValueError(f"column {error} is missing in {dict(values)}") from None
        if len(whole) != len(row):
            raise ValueError(f"the table has no column {sorted(set(whole) - set(self._names))}")
        self._rows.append(row)

    def flush(self) -> pa.Table:
        """The rows as an Arrow table, with NaN for what is not there; the list is empty afterwards."""
        columns = list(zip(*self._rows, strict=True)) or [() for _ in self._names]
        self._rows = []
        arrays = []
        for field, column in zip(self._schema, columns, strict=True):
            absent = math.nan if pa.types.is_floating(field.type) and field.nullable else None
            arrays.append(pa.array([absent if v is None else v for v in column], field.type))
        return pa.table(arrays, schema=self._schema)
