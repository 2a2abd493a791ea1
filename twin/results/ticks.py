"""Figures from the table of ticks: peaks, energies, minutes, the feeder's balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from twin.domain.grid import (
    HIGH_VOLTAGE,
    LINE_LOADING,
    LOW_VOLTAGE,
    TRAFO_LOADING,
    UNBALANCE,
    GridTopology,
)
from twin.domain.ids import Vector
from twin.results.read import Run
from twin.results.series import QUARTER_HOUR_S, WindowMeans
from twin.results.site_violations import SITE_KINDS
from twin.units import SECONDS_PER_HOUR, kw_from_w, kwh_from_wh

_SECONDS_PER_MINUTE = 60.0
_MINUTES_OF = {
    LOW_VOLTAGE: "low_voltage_minutes",
    HIGH_VOLTAGE: "high_voltage_minutes",
    UNBALANCE: "unbalance_minutes",
    LINE_LOADING: "line_overload_minutes",
    TRAFO_LOADING: "trafo_overload_minutes",
}
_FLOWS = ("slack_w", "base_w", "pv_w", "pv_curtailed_w", "losses_w")


def tick_figures(run: Run) -> dict[str, Any]:
    """Peaks, energies of the feeder, minutes outside limits, and the error of the feeder's balance."""
    # Quarter hours are those of the clock, whatever instant the run begins at.
    origin_s = -(run.epoch.timestamp() % QUARTER_HOUR_S)
    sums = _Sums(origin_s)
    for part in run.ticks.parts():
        if len(part):
            sums.feed(part)
    return sums.figures(run)


@dataclass(slots=True)
class _Peak:
    """Highest quarter-hour mean; of single ticks where no quarter hour is whole."""

    means: WindowMeans
    quarter: Vector
    tick: Vector

    @classmethod
    def of(cls, columns: int, origin_s: float) -> _Peak:
        nothing = np.full(columns, -np.inf)
        return cls(WindowMeans(QUARTER_HOUR_S, columns, origin_s=origin_s), nothing, nothing)

    def feed(self, t_s: Vector, *series: Vector) -> None:
        values = np.column_stack(series)
        means = self.means.feed(t_s, values)
        if len(values):
            self.tick = np.maximum(self.tick, values.max(axis=0))
        if len(means):
            self.quarter = np.maximum(self.quarter, means.max(axis=0))

    def highest(self, column: int) -> float | None:
        found = self.quarter[column] if np.isfinite(self.quarter[column]) else self.tick[column]
        return float(found) if np.isfinite(found) else None


@dataclass(slots=True)
class _Sums:
    """What is carried from one part to the next."""

    origin_s: float
    now_s: float = 0.0
    solved_s: float = 0.0
    ev_wh: float = 0.0
    """Grid-side energy of the EVSEs so far."""
    ev_solved_wh: float = 0.0
    """The same at the latest power flow."""
    chargers: _Peak = field(init=False)
    head: _Peak = field(init=False)
    energy_wh: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*_FLOWS, "fed_back"), 0.0))
    curtailed_wh: float = 0.0
    outside: list[tuple[float, float]] = field(default_factory=list)
    """Solved intervals in which some element of the feeder was outside a limit."""
    by_charging: list[tuple[float, float]] = field(default_factory=list)
    unsolved_s: float = 0.0
    error_wh: float = 0.0

    def __post_init__(self) -> None:
        self.chargers = _Peak.of(2, self.origin_s)
        self.head = _Peak.of(1, self.origin_s)

    def feed(self, part: pa.Table) -> None:
        t_s = part["t_s"].to_numpy()
        ev_grid_w = part["ev_grid_w"].to_numpy()
        self.chargers.feed(t_s, ev_grid_w, part["ev_w"].to_numpy())
        self.curtailed_wh += float(part["curtailed_wh"].to_numpy().sum())
        hours = np.diff(t_s, prepend=self.now_s) / SECONDS_PER_HOUR
        ev_wh = self.ev_wh + np.cumsum(ev_grid_w * hours)
        self.now_s, self.ev_wh = float(t_s[-1]), float(ev_wh[-1])
        solved = part["converged"].is_valid().to_numpy()
        if solved.any():
            rows = part.filter(pa.array(solved))
            self._solved(rows, ev_wh[solved])

    def _solved(self, rows: pa.Table, ev_wh: Vector) -> None:
        """Take the ticks with a power flow; each stands for the time since the one before."""
        t_s = rows["t_s"].to_numpy()
        seconds = np.diff(t_s, prepend=self.solved_s)
        hours = seconds / SECONDS_PER_HOUR
        ok = rows["converged"].to_numpy().astype(np.bool_)
        for spans, name in ((self.outside, "violated"), (self.by_charging, "violated_by_charging")):
            at = rows[name].to_numpy() > 0
            spans.extend(zip((t_s - seconds)[at].tolist(), t_s[at].tolist(), strict=True))
        self.unsolved_s += float(seconds[~ok].sum())
        flows = {name: rows[name].to_numpy()[ok] * hours[ok] for name in _FLOWS}
        slack = flows["slack_w"]
        for name, flow in flows.items():
            self.energy_wh[name] += float(flow.sum())
        self.energy_wh["fed_back"] += float(-np.minimum(slack, 0.0).sum())
        drawn = np.diff(ev_wh, prepend=self.ev_solved_wh)[ok]
        self.error_wh += float(
            np.abs(slack - drawn - flows["base_w"] + flows["pv_w"] - flows["losses_w"]).sum()
        )
        self.head.feed(t_s[ok], rows["slack_w"].to_numpy()[ok])
        self.solved_s, self.ev_solved_wh = float(t_s[-1]), float(ev_wh[-1])

    def figures(self, run: Run) -> dict[str, Any]:
        grid = run.topology is not None
        spans = _spans(run)
        sites = [span for kind in SITE_KINDS for span in spans.get(kind, [])]
        rated_w = sum(evse["max_w"] for evse in run.evses)
        ev_peak_w = self.chargers.highest(0) or 0.0
        # Where no power flow has a solution, nobody knows what the feeder drew: that is not 0.
        head_w = self.head.highest(0)
        known = head_w is not None
        peak_w = head_w if grid else ev_peak_w
        kwh = {name: kwh_from_wh(wh) if known else None for name, wh in self.energy_wh.items()}
        from_grid = kwh_from_wh(self.energy_wh["slack_w"] + self.energy_wh["fed_back"])
        return {
            "peak_kw": None if peak_w is None else kw_from_w(peak_w),
            "ev_peak_kw": kw_from_w(ev_peak_w),
            "coincidence_factor": (self.chargers.highest(1) or 0.0) / rated_w if rated_w else None,
            "curtailed_kwh": kwh_from_wh(self.curtailed_wh),
            "violation_minutes": union_s([*self.outside, *sites]) / _SECONDS_PER_MINUTE,
            "violation_minutes_by_charging": union_s([*self.by_charging, *sites]) / _SECONDS_PER_MINUTE,
            **_kind_minutes(run.topology, spans),
            "unsolved_minutes": self.unsolved_s / _SECONDS_PER_MINUTE,
            "energy_from_grid_kwh": from_grid if known else None,
            "energy_fed_back_kwh": kwh["fed_back"],
            "base_load_kwh": kwh["base_w"],
            "pv_kwh": kwh["pv_w"],
            "pv_curtailed_kwh": kwh["pv_curtailed_w"] if _holds_back(run) else None,
            "losses_kwh": kwh["losses_w"],
            "energy_balance_error_kwh": kwh_from_wh(self.error_wh),
        }


def _holds_back(run: Run) -> bool:
    """Whether inverters have a Volt-Watt: without one nothing can be held back."""
    droop = (run.manifest["grid"] or {}).get("droop", {})
    return "volt_watt" in droop.get("pv", {})


def union_s(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of intervals."""
    total_s, reached_s = 0.0, -np.inf
    for start_s, end_s in sorted(spans):
        total_s += max(end_s - max(start_s, reached_s), 0.0)
        reached_s = max(reached_s, end_s)
    return total_s


def _spans(run: Run) -> dict[str, list[tuple[float, float]]]:
    """Intervals outside a limit by kind, of all elements; they overlap."""
    table = run.violations.to_arrow(["kind", "start_s", "end_s"])
    columns = (table[name].to_pylist() for name in ("kind", "start_s", "end_s"))
    found: dict[str, list[tuple[float, float]]] = {}
    for kind, start_s, end_s in zip(*columns, strict=True):
        found.setdefault(kind, []).append((start_s, end_s))
    return found


def _kind_minutes(
    topology: GridTopology | None, spans: Mapping[str, list[tuple[float, float]]]
) -> dict[str, float | None]:
    """Minutes outside each kind of limit of the feeder; None for what cannot be broken."""
    minutes: dict[str, float | None] = {
        key: None if topology is None else union_s(spans.get(kind, [])) / _SECONDS_PER_MINUTE
        for kind, key in _MINUTES_OF.items()
    }
    if topology is not None and topology.phases == 1:
        minutes[_MINUTES_OF[UNBALANCE]] = None
    return minutes
