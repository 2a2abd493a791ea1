"""Read a run back: nothing is computed again, nothing is loaded before it is asked for."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from twin.domain.grid import GridTopology
from twin.errors import SettingsError
from twin.results.folder import MANIFEST, SCENARIO, SUMMARY, is_run
from twin.results.manifest import FORMAT
from twin.results.network import Evse, load_network
from twin.results.schema import TABLES
from twin.results.tables import Table, times

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """One run: its manifest, its summary and its tables.

    Made by `twin.run` and `twin.open_run`. A run that was killed is read like any other, up to the last
    part that was finished; its `outcome` says so.

    Attributes:
        path: The run's folder.
        manifest: What was run, with what, and how it ended.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return self.path.resolve().name

    @property
    def outcome(self) -> str:
        """finished, failed, interrupted, or running (also what a killed run says)."""
        return str(self.manifest["outcome"])

    @property
    def epoch(self) -> datetime:
        """Instant of `t_s = 0`."""
        return datetime.fromisoformat(self.manifest["epoch"])

    @property
    def zone(self) -> ZoneInfo:
        """Civil time of tariffs and reports."""
        return ZoneInfo(self.manifest["time_zone"])

    @property
    def period_s(self) -> float:
        """Control tick."""
        return float(self.manifest["period_s"])

    @property
    def recorded_s(self) -> float:
        """How far the tables reach."""
        return float(self.manifest["recorded_s"])

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Key figures as plain data; `docs/nomenclature.md` says what each means."""
        stored = self.path / SUMMARY
        if stored.is_file():
            return dict(json.loads(stored.read_text(encoding="utf-8")))
        from twin.results.metrics import summarise  # noqa: PLC0415 -- only a run that was cut off needs it

        return summarise(self)

    @cached_property
    def _network(self) -> tuple[list[Evse], GridTopology | None]:
        return load_network(self.path)

    @property
    def topology(self) -> GridTopology | None:
        """Names, limits and places of the feeder; None without a grid."""
        return self._network[1]

    @property
    def evses(self) -> list[Evse]:
        """The EVSEs in row order: id, station, site, bus, connection, max_w and the like."""
        return self._network[0]

    @property
    def scenario_text(self) -> str:
        """The scenario as it was run, with everything it extends and overrides."""
        return (self.path / SCENARIO).read_text(encoding="utf-8")

    @property
    def sessions(self) -> Table:
        """One row per visit: what was wanted, delivered, metered and paid."""
        return self.table("sessions")

    @property
    def meter(self) -> Table:
        """Power and register of every EVSE with a car, per tick."""
        return self.table("meter")

    @property
    def limits(self) -> Table:
        """What the strategy wanted and what was in force, per tick and EVSE with a car."""
        return self.table("limits")

    @property
    def ticks(self) -> Table:
        """Sums per tick: cars, power, the feeder's balance."""
        return self.table("ticks")

    @property
    def buses(self) -> Table:
        """Voltage of every bus at every power flow."""
        return self.table("buses")

    @property
    def branches(self) -> Table:
        """Loading of every line and transformer at every power flow."""
        return self.table("branches")

    @property
    def violations(self) -> Table:
        """Maximal intervals outside a limit, with the sessions behind them."""
        return self.table("violations")

    @property
    def invoices(self) -> Table:
        """Lines of the bills: volumes at one price."""
        return self.table("invoices")

    @property
    def payments(self) -> Table:
        """One row per hold or charge at the provider; empty where nothing was collected, as the next three."""
        return self.table("payments")

    @property
    def settlements(self) -> Table:
        """One row per wish to charge: how it was decided, billed and paid."""
        return self.table("settlements")

    @property
    def leakage(self) -> Table:
        """Energy and money that were not got, by session and reason."""
        return self.table("leakage")

    @property
    def ledger(self) -> Table:
        """Every posting of every entry of the books."""
        return self.table("ledger")

    @property
    def events(self) -> Table:
        """What was rare: the guard's interventions, faults, drivers who gave up."""
        return self.table("events")

    def table(self, name: str) -> Table:
        """A table by its name."""
        m = self.manifest
        return Table(name, self.path / name, m["epoch"], m["time_zone"], m.get("parts"))

    def times(self, t_s: Any) -> pd.DatetimeIndex:
        """Seconds of the run (array, column or list) as instants in the run's civil time."""
        return times(t_s, self.manifest["epoch"], self.manifest["time_zone"])

    def __repr__(self) -> str:
        m = self.manifest
        days = self.recorded_s / 86_400
        head = f"Run {self.path}: {m['scenario']}, seed {m['seed']}, {m['strategy']}"
        state = {"running": "still running, or killed", "failed": f"failed: {m['error']}"}.get(
            self.outcome, self.outcome
        )
        return f"{head}\n  {m['evses']} EVSEs, {days:.4g} days from {m['epoch']}; {state}\n  tables: {', '.join(TABLES)}"


def open_run(path: str | Path) -> Run:
    """Open a run's folder.

    Raises:
        SettingsError: It holds no run, or one that this version cannot read; says what would be right.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder; name the run folder that `twin run` printed")
    if not is_run(folder):
        below = (*folder.glob(f"*/{MANIFEST}"), *folder.glob(f"*/*/{MANIFEST}"))  # a sweep has two levels
        runs = sorted(inner.parent.relative_to(folder).as_posix() for inner in below)
        if runs:
            more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
            raise SettingsError(
                f"{folder}: is a folder of runs; name one of them: {', '.join(runs[:3])}{more}"
            )
        raise SettingsError(
            f"{folder}: holds no run ({MANIFEST} is missing); name the folder that `twin run` printed"
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{folder / MANIFEST}: cannot be read ({error}); run the scenario again"
        ) from error
    if manifest.get("format") != FORMAT:
        raise SettingsError(
            f"{folder}: was written in format {manifest.get('format')}, this version reads {FORMAT}; run the scenario again"
        )
    return Run(folder, manifest)
