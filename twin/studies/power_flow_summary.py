"""The key figures of a power flow study, as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Mask
from twin.studies.power_flow_loads import Drawn
from twin.studies.power_flow_reduce import Extreme, Reduced
from twin.studies.power_flow_tables import step_hours
from twin.units import SECONDS_PER_MINUTE, kw_from_w

if TYPE_CHECKING:
    import pandas as pd

_MOST_UNSOLVED = 10


def summarise(
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
