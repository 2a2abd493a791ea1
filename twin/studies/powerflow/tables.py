"""Tables of a power flow study, as pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.grid import (
    HIGH_VOLTAGE,
    LINE_LOADING,
    LOW_VOLTAGE,
    NO_SOLUTION,
    TRAFO_LOADING,
    UNBALANCE,
    GridTopology,
)
from twin.domain.ids import Rows, Vector
from twin.studies.powerflow.loads import Drawn
from twin.studies.powerflow.reduce import Reduced
from twin.studies.powerflow.violations import Watch
from twin.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

if TYPE_CHECKING:
    import pandas as pd

_PHASES = ("a", "b", "c")
_QUANTILES = (5, 50, 95)
"""In percent of the time."""


def bus_table(drawn: Drawn, topology: GridTopology, reduced: Reduced) -> pd.DataFrame:
    """One row per bus; see `PowerFlow.buses`."""
    import pandas as pd  # noqa: PLC0415 -- with the first table

    columns: dict[str, object] = {
        "bus": topology.buses,
        "vn_kv": topology.bus_vn_kv,
        "vm_min_pu": reduced.low.value,
        "vm_max_pu": reduced.high.value,
        "vm_mean_pu": reduced.vm_mean.value,
        "limit_min_pu": topology.vm_min_pu,
        "limit_max_pu": topology.vm_max_pu,
    }
    if topology.phases == 3:
        columns["vuf_max_pct"] = reduced.vuf.value
        columns["limit_vuf_pct"] = topology.vuf_max_pct
        if drawn.start is None and reduced.last is not None:
            columns |= {f"vm_{p}_pu": reduced.last.vm_pu[0, :, k] for k, p in enumerate(_PHASES)}
    if drawn.start is not None:
        hours = step_hours(drawn)
        columns |= {f"vm_p{q:02}_pu": reduced.vm.at(q / 100) for q in _QUANTILES}
        columns["vm_min_at"] = instants(drawn, reduced.low.step)
        columns["vm_max_at"] = instants(drawn, reduced.high.step)
        columns["hours_low"] = _hours(reduced.watches[LOW_VOLTAGE], hours)
        columns["hours_high"] = _hours(reduced.watches[HIGH_VOLTAGE], hours)
        if topology.phases == 3:
            columns["vuf_max_at"] = instants(drawn, reduced.vuf.step)
            columns["hours_unbalanced"] = _hours(reduced.watches[UNBALANCE], hours)
    return pd.DataFrame(columns)


def branch_table(drawn: Drawn, topology: GridTopology, reduced: Reduced) -> pd.DataFrame:
    """One row per line and transformer; see `PowerFlow.branches`."""
    import pandas as pd  # noqa: PLC0415 -- as above

    columns: dict[str, object] = {
        "branch": topology.branches,
        "kind": np.where(topology.is_trafo, "transformer", "line"),
        "from_bus": [topology.buses[int(b)] for b in topology.from_bus],
        "to_bus": [topology.buses[int(b)] for b in topology.to_bus],
        "loading_max_pct": reduced.loading.value,
        "loading_mean_pct": reduced.loading_mean.value,
        "limit_pct": topology.max_loading_pct,
    }
    if drawn.start is not None:
        hours = step_hours(drawn)
        over = np.zeros(len(topology.branches))
        over[~topology.is_trafo] = _hours(reduced.watches[LINE_LOADING], hours)
        over[topology.is_trafo] = _hours(reduced.watches[TRAFO_LOADING], hours)
        columns |= {f"loading_p{q:02}_pct": reduced.loadings.at(q / 100) for q in _QUANTILES}
        columns["loading_max_at"] = instants(drawn, reduced.loading.step)
        columns["hours_over"] = over
    return pd.DataFrame(columns)


def step_table(drawn: Drawn, reduced: Reduced) -> pd.DataFrame:
    """One row per step; see `PowerFlow.steps`."""
    import pandas as pd  # noqa: PLC0415 -- as above

    table = pd.DataFrame(reduced.timeline)
    if drawn.start is not None:
        steps = np.arange(drawn.steps)
        table.insert(0, "start", instants(drawn, steps))
        table.insert(1, "end", instants(drawn, steps + 1))
    return table


def violation_table(drawn: Drawn, reduced: Reduced) -> pd.DataFrame:
    """One row per interval; see `PowerFlow.violations`."""
    import pandas as pd  # noqa: PLC0415 -- as above

    rows: list[pd.DataFrame] = []
    for kind, watch in reduced.watches.items():
        found = watch.intervals()
        unsolved = kind == NO_SOLUTION
        nothing = np.full(len(found.element), np.nan)
        columns: dict[str, object] = {
            "element": np.array(reduced.elements[kind], dtype=object)[found.element],
            "kind": kind,
            "worst": nothing if unsolved else found.worst,
            "limit": nothing if unsolved else watch.limit[found.element],
            "mismatch_w": found.worst if unsolved else nothing,
        }
        if drawn.start is not None:
            length_s = drawn.bounds_s[found.after] - drawn.bounds_s[found.first]
            columns["start"] = instants(drawn, found.first)
            columns["end"] = instants(drawn, found.after)
            columns["worst_at"] = instants(drawn, found.worst_step)
            columns["minutes"] = length_s / SECONDS_PER_MINUTE
        part = pd.DataFrame(columns)
        if len(part):
            rows.append(part)
    if not rows:
        return pd.DataFrame(columns).iloc[:0]
    return pd.concat(rows, ignore_index=True)


def by_element(violations: pd.DataFrame) -> pd.DataFrame:
    """Sum the intervals of each element and kind, the longest (of a snapshot: the worst) first."""
    import pandas as pd  # noqa: PLC0415 -- as above

    if not len(violations):
        return pd.DataFrame(
            columns=["element", "kind", "intervals", "hours", "worst", "limit", "mismatch_w", "worst_at"]
        )
    beyond = (violations["worst"] - violations["limit"]).abs() / violations["limit"]
    ranked = violations.assign(beyond=beyond.fillna(np.inf)).sort_values(
        "beyond", ascending=False, kind="stable"
    )
    groups = ranked.groupby(["element", "kind"], sort=False)
    table = groups.first()  # the farthest from its limit
    table["intervals"] = groups.size()
    if "minutes" in violations:
        table["hours"] = groups["minutes"].sum() / SECONDS_PER_MINUTE
        table = table.sort_values("hours", ascending=False, kind="stable")
    return table.reset_index().drop(columns=["beyond", "start", "end", "minutes"], errors="ignore")


def instants(drawn: Drawn, bound: Rows) -> pd.DatetimeIndex:
    """Civil instants of the bounds of steps; NaT for -1."""
    import pandas as pd  # noqa: PLC0415 -- as above

    assert drawn.start is not None, "a snapshot has no time"
    t_s = np.where(bound < 0, np.nan, drawn.bounds_s[np.maximum(bound, 0)])
    return pd.DatetimeIndex(pd.Timestamp(drawn.start) + pd.to_timedelta(t_s, unit="s")).tz_convert(drawn.zone)


def step_hours(drawn: Drawn) -> Vector:
    """(T,) length of each step in hours."""
    return np.diff(drawn.bounds_s) / SECONDS_PER_HOUR


def _hours(watch: Watch, hours: Vector) -> Vector:
    found = watch.intervals()
    total = np.concatenate(([0.0], np.cumsum(hours)))
    out = np.zeros(len(watch.limit))
    np.add.at(out, found.element, total[found.after] - total[found.first])
    return out
