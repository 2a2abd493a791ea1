"""From the extremes of a run to what is violated, by which element, and for how long."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from twin.domain import grid as g
from twin.domain.grid import GridTopology
from twin.domain.ids import Mask, Rows, Vector
from twin.results.voltage import LOWEST_PU, NEEDED_SHARE
from twin.studies.hosting.flow import Extremes
from twin.studies.hosting.settings import Settings

REASONS: Final = {
    "low": g.LOW_VOLTAGE,
    "high": g.HIGH_VOLTAGE,
    "line": g.LINE_LOADING,
    "trafo": g.TRAFO_LOADING,
    "unbalance": g.UNBALANCE,
    "unsolved": g.NO_SOLUTION,
}
"""Column of the table of draws, and the kind of violation as `twin run` calls it."""


class Seen(NamedTuple):
    """One kind of limit over a run.

    Attributes:
        names: Elements.
        worst: (k,) most extreme value of each.
        margin: (k,) distance to the limit, in any unit; negative: outside.
        steps: (k,) steps outside.
        broken: (k,) which elements violate by the study's rule.
        told: (k,) of which elements the worst is told where none is outside its limit: the upstream bus of an
            ideal source says nothing about the street.
    """

    names: tuple[str, ...]
    worst: Vector
    margin: Vector
    steps: Rows
    broken: Mask
    told: Mask

    def row(self, key: str, unit: str, step_min: float) -> dict[str, Any]:
        """Return the columns of a reason: whether, worst element and value, longest time, how many elements."""
        known = ~np.isnan(self.worst)
        if not (known & self.told).any():
            return {
                key: False,
                f"{key}_element": "",
                f"{key}_{unit}": np.nan,
                f"{key}_min": 0.0,
                f"{key}_elements": 0,
            }
        outside = known & (self.margin < 0.0)
        pool = np.flatnonzero(outside if outside.any() else known & self.told)
        margin = self.margin[pool]
        if np.isinf(margin).all():  # no limit: the most extreme value tells most
            margin = -np.abs(self.worst[pool] - 1.0) if unit == "pu" else -self.worst[pool]
        at = pool[int(np.argmin(margin))]
        return {
            key: bool(self.broken.any()),
            f"{key}_element": self.names[at],
            f"{key}_{unit}": float(self.worst[at]),
            f"{key}_min": float(self.steps.max() * step_min),
            f"{key}_elements": int(np.count_nonzero(self.broken)),
        }


def judge(found: Extremes, topology: GridTopology, settings: Settings, step_min: float) -> dict[str, Any]:
    """Return one row's columns of reasons and worst values.

    Args:
        found: Of one run.
        topology: Names and limits.
        settings: With the rule.
        step_min: Length of a step in minutes.

    Returns:
        `violated`; for each reason of `REASONS` whether, and for all but `unsolved` `<reason>_element`,
        `<reason>_pu` or `<reason>_pct`, `<reason>_min` (longest time of one element outside) and
        `<reason>_elements` (how many violate); `unsolved_steps`, `head_peak_w`.
    """
    row: dict[str, Any] = {"violated": False}
    for key, (seen, unit) in _all_seen(found, topology, settings, step_min).items():
        row |= seen.row(key, unit, step_min)
    row |= {
        "unsolved": found.unsolved > 0,
        "unsolved_steps": found.unsolved,
        "head_peak_w": found.slack_max_w,
    }
    row["violated"] = any(row[key] for key in REASONS)
    return row


def _all_seen(
    found: Extremes, topology: GridTopology, settings: Settings, step_min: float
) -> dict[str, tuple[Seen, str]]:
    most = settings.tolerance_min / step_min + 1e-9
    voltage_most = most
    never_low = never_high = np.zeros(len(topology.buses), dtype=bool)
    if settings.rule == "en50160":
        voltage_most = (1.0 - NEEDED_SHARE) * found.steps + 1e-9
        never_low = found.vm_min_pu < LOWEST_PU
        never_high = found.vm_max_pu > topology.vm_max_pu
    vuf_pct = found.vuf_max_pct if topology.phases == 3 else np.full(len(topology.buses), np.nan)
    lines, trafos = np.flatnonzero(~topology.is_trafo), np.flatnonzero(topology.is_trafo)
    return {
        "low": (
            Seen(
                topology.buses,
                found.vm_min_pu,
                found.vm_min_pu - topology.vm_min_pu,
                found.low_steps,
                (found.low_steps > voltage_most) | never_low,
                topology.charging_level,
            ),
            "pu",
        ),
        "high": (
            Seen(
                topology.buses,
                found.vm_max_pu,
                topology.vm_max_pu - found.vm_max_pu,
                found.high_steps,
                (found.high_steps > voltage_most) | never_high,
                topology.charging_level,
            ),
            "pu",
        ),
        "line": (_loadings(found, topology, lines, most), "pct"),
        "trafo": (_loadings(found, topology, trafos, most), "pct"),
        "unbalance": (
            Seen(
                topology.buses,
                vuf_pct,
                topology.vuf_max_pct - vuf_pct,
                found.vuf_steps,
                found.vuf_steps > voltage_most,
                topology.charging_level,
            ),
            "pct",
        ),
    }


def _loadings(found: Extremes, topology: GridTopology, rows: Rows, most: float) -> Seen:
    worst = found.loading_max_pct[rows]
    steps = found.over_steps[rows]
    names = tuple(topology.branches[i] for i in rows.tolist())
    # Ratings differ: how far beyond its own limit, as a share of it.
    margin = 1.0 - worst / topology.max_loading_pct[rows]
    return Seen(names, worst, margin, steps, steps > most, np.ones(len(rows), dtype=bool))
