"""What a power flow study found: tables for notebooks, a summary, files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Mask
from twin.studies.powerflow.loads import Drawn
from twin.studies.powerflow.reduce import Extreme, Reduced
from twin.studies.powerflow.tables import (
    branch_table,
    bus_table,
    by_element,
    step_hours,
    step_table,
    violation_table,
)
from twin.units import SECONDS_PER_MINUTE, kw_from_w

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_MOST_UNSOLVED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFlow:
    """A solved snapshot or series.

    Attributes:
        summary: The key figures, as `summary.json` has them; nothing in it is NaN.
        buses: One row per bus: `bus`, `vn_kv`, `vm_min_pu`, `vm_max_pu`, `vm_mean_pu`, the limits, with three
            phases `vuf_max_pct` (of a snapshot also `vm_a_pu`, `vm_b_pu`, `vm_c_pu`), of a series
            `vm_p05_pu`, `vm_p50_pu`, `vm_p95_pu` (below which 5, 50, 95 % of the time and phases lie, to 0.0005 pu),
            when the extremes were, and the hours outside the limits. NaN: out of service.
        branches: One row per line and transformer: `branch`, `kind`, `from_bus`, `to_bus`, `loading_max_pct`,
            `loading_mean_pct`, `limit_pct`, of a series `loading_p05_pct`, `loading_p50_pct`, `loading_p95_pct`
            (to 0.25 %; at most 300 %), `loading_max_at` and `hours_over`.
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
            summary=_summarise(drawn, topology, provenance, reduced, violations),
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
        return by_element(self.violations)

    def map(self) -> Figure:
        """Draw the feeder: branches by their highest loading, buses by their lowest voltage."""
        from twin.studies.powerflow.page import map_figure  # noqa: PLC0415 -- matplotlib takes a second

        return map_figure(self)

    def write(self, folder: Path | str, *, replace: bool = False) -> tuple[Path, ...]:
        """Write tables, summary, map and page into a folder; returns the files.

        Raises:
            SettingsError: The folder cannot be written, or holds something else, or (without `replace`) an
                earlier study.
        """
        from twin.studies.powerflow.files import write  # noqa: PLC0415 -- matplotlib takes a second

        return write(self, Path(folder), replace=replace)


def _summarise(
    drawn: Drawn,
    topology: GridTopology,
    provenance: Mapping[str, object],
    reduced: Reduced,
    violations: pd.DataFrame,
) -> dict[str, Any]:
    """Return the key figures; None where no step has a solution."""
    unsolved = np.flatnonzero(~np.isnan(reduced.timeline["mismatch_w"]))
    return {
        "study": "power flow",
        "net": topology.name,
        "buses": len(topology.buses),
        "branches": len(topology.branches),
        "phases": topology.phases,
        "loads": drawn.source,
        "steps": drawn.steps,
        "from": _at(drawn, 0),
        "to": _at(drawn, drawn.steps),
        "solver": provenance.get("solver"),
        "fallback": provenance.get("fallback") or "",
        "self_check": provenance.get("self_check"),
        "assumptions": _assumptions(drawn, provenance),
        "voltage_pu": {
            "lowest": _extreme(drawn, reduced.low, topology.buses, lowest=True),
            "highest": _extreme(drawn, reduced.high, topology.buses),
        },
        "loading_pct": {
            "line": _extreme(drawn, reduced.loading, topology.branches, among=~topology.is_trafo),
            "transformer": _extreme(drawn, reduced.loading, topology.branches, among=topology.is_trafo),
        },
        "unbalance_pct": _extreme(drawn, reduced.vuf, topology.buses) if topology.phases == 3 else None,
        **_powers(drawn, reduced),
        "unsolved_steps": len(unsolved),
        "unsolved": [
            {"at": _at(drawn, int(k)), "mismatch_w": _plain(reduced.timeline["mismatch_w"][k])}
            for k in unsolved[:_MOST_UNSOLVED]
        ],
        "violations": _violations(drawn, violations),
    }


def _powers(drawn: Drawn, reduced: Reduced) -> dict[str, Any]:
    """Powers of a snapshot; of a series also energies over the solved steps."""
    slack_kw, losses_kw = (kw_from_w(reduced.timeline[name]) for name in ("slack_w", "losses_w"))
    solved = ~np.isnan(slack_kw)
    if not solved.any():
        return {"head_kw": None, "head_at": None, "losses_kw": None, "energy_kwh": None, "losses_kwh": None}
    peak = int(np.nanargmax(np.abs(slack_kw)))
    hours = step_hours(drawn) if drawn.start is not None else np.array([math.nan])
    return {
        "head_kw": float(slack_kw[peak]),
        "head_at": _at(drawn, peak),
        "losses_kw": float(losses_kw[peak]),
        "energy_kwh": _plain(float((slack_kw * hours)[solved].sum())),
        "losses_kwh": _plain(float((losses_kw * hours)[solved].sum())),
    }


def _violations(drawn: Drawn, violations: pd.DataFrame) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for kind, rows in violations.groupby("kind", sort=False):
        out[str(kind)] = {"elements": int(rows["element"].nunique()), "intervals": len(rows)}
        if drawn.start is not None:
            out[str(kind)]["element_hours"] = float(rows["minutes"].sum()) / SECONDS_PER_MINUTE
    return out


def _extreme(
    drawn: Drawn,
    extreme: Extreme,
    names: Sequence[str],
    *,
    lowest: bool = False,
    among: Mask | None = None,
) -> dict[str, Any] | None:
    usable = extreme.step >= 0
    rows = np.flatnonzero(usable if among is None else usable & among)
    if not len(rows):
        return None
    values = extreme.value[rows]
    k = int(rows[values.argmin() if lowest else values.argmax()])
    return {"element": names[k], "value": float(extreme.value[k]), "at": _at(drawn, int(extreme.step[k]))}


def _at(drawn: Drawn, step: int) -> str | None:
    instant = drawn.instant(float(drawn.bounds_s[step]))
    return None if instant is None else instant.isoformat(timespec="minutes")


def _assumptions(drawn: Drawn, provenance: Mapping[str, object]) -> list[str]:
    said = [str(text) for key in ("notes", "assumptions") for text in _list(provenance.get(key))]
    return [*drawn.notes, *said]


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
