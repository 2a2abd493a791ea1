"""What a power flow study found: tables for notebooks, a summary, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.domain.grid import GridTopology
from twin.studies.power_flow_loads import Drawn
from twin.studies.power_flow_reduce import Reduced
from twin.studies.power_flow_summary import summarise
from twin.studies.power_flow_tables import branch_table, bus_table, step_table, violation_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFlow:
    """A solved snapshot or series.

    Attributes:
        summary: The key figures, as `summary.json` has them; nothing in it is NaN.
        buses: One row per bus: `bus`, `vn_kv`, `vm_min_pu`, `vm_max_pu`, `vm_mean_pu`, the limits, with three
            phases `vuf_max_pct` (of a snapshot also `vm_a_pu`, `vm_b_pu`, `vm_c_pu`), of a series when the extremes
            were and the hours outside the limits. NaN: out of service.
        branches: One row per line and transformer: `branch`, `kind`, `from_bus`, `to_bus`, `loading_max_pct`,
            `loading_mean_pct`, `limit_pct`, of a series `loading_max_at` and `hours_over`.
        violations: One row per interval of consecutive steps in which an element breaks a limit: `element`, `kind`,
            `worst` (pu or %), `limit`, `mismatch_w` (where there is no solution), of a series `start`, `end`,
            `worst_at`, `minutes`.
        steps: One row per step: `lowest_pu`, `highest_pu`, `line_pct`, `trafo_pct`, `vuf_pct`, `slack_w` (drawn from the
            upstream grid), `losses_w`, `mismatch_w`; of a series `start`, `end`.
        topology: Names, places and limits of the feeder.
    """

    summary: Mapping[str, Any]
    buses: pd.DataFrame
    branches: pd.DataFrame
    violations: pd.DataFrame
    steps: pd.DataFrame
    topology: GridTopology

    @classmethod
    def of(
        cls, drawn: Drawn, topology: GridTopology, provenance: Mapping[str, object], reduced: Reduced
    ) -> PowerFlow:
        """Make the tables of what was reduced."""
        violations = violation_table(drawn, reduced)
        return cls(
            summary=summarise(drawn, topology, provenance, reduced, violations),
            buses=bus_table(drawn, topology, reduced),
            branches=branch_table(drawn, topology, reduced),
            violations=violations,
            steps=step_table(drawn, reduced),
            topology=topology,
        )

    @property
    def is_series(self) -> bool:
        """Whether there are steps with a time, rather than one instant."""
        return bool(self.summary["from"])

    def by_element(self) -> pd.DataFrame:
        """Violations by element and kind, longest first: `intervals`, `hours`, `worst`, `limit`, `worst_at`."""
        from twin.studies.power_flow_tables import by_element  # noqa: PLC0415 -- beside its peers

        return by_element(self.violations)

    def map(self) -> Figure:
        """Draw the feeder: branches by their highest loading, buses by their lowest voltage."""
        from twin.studies.power_flow_page import map_figure  # noqa: PLC0415 -- matplotlib takes a second

        return map_figure(self)

    def write(self, folder: Path | str, *, replace: bool = False) -> tuple[Path, ...]:
        """Write tables, summary, map and page into a folder; returns the files.

        Raises:
            SettingsError: The folder cannot be written, or holds something else, or (without `replace`) an
                earlier study.
        """
        from twin.studies.power_flow_files import write  # noqa: PLC0415 -- matplotlib takes a second

        return write(self, Path(folder), replace=replace)
