"""A loaded net with its names and its consumers, checked for what no solver could use."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import topology as pp_topology

from twin.domain.ids import Array, Mask, Rows, Vector
from twin.domain.naming import unique_names
from twin.errors import Problem, ScenarioError, SolverError
from twin.grid.parameters import check_parameters

_PHASES = ("a", "b", "c")
BRANCH_TABLES = ("line", "trafo", "trafo3w")
"""Tables whose rows have a rating, in the order of the topology's branches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What draws or generates besides EVSEs: loads, storages and static generators in service, (u,) each.

    Powers are nominal, scaled as the net says. A load and a storage count positive when they draw, a
    static generator when it generates (`generates`).
    """

    table: tuple[str, ...]
    index: Rows
    names: tuple[str, ...]
    bus: Rows
    """Position in the feeder's buses."""
    p_w: Vector
    q_var: Vector
    phase_power: Array
    """(2, u, 3) W and var per phase of the rows of asymmetric tables, in the sign of `p_w`; NaN for others."""
    rated_va: Vector
    """`sn_mva` where the table has it, else the apparent power."""
    generates: Mask
    voltage_dependent: Mask
    """Loads with a constant-impedance or constant-current part."""
    delta: Mask
    """Rows whose power is drawn between the phases."""

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeder:
    """A net and how its elements are addressed. The net is never changed after loading."""

    net: Any
    """pandapowerNet."""
    name: str
    buses: tuple[str, ...]
    branches: tuple[str, ...]
    """Lines, then transformers, then three-winding transformers."""
    units: Units
    supplied: Mask
    """(nb,) False for buses that are out of service or that no source reaches."""
    notes: tuple[str, ...]
    assumptions: tuple[str, ...] = ()
    """Sentences about data that the net lacks and somebody assumed, with values."""

    def bus_positions(self, names: Sequence[str]) -> Rows:
        """Return the position of each named bus; raises ScenarioError for all unknown or dead ones."""
        position = {name: i for i, name in enumerate(self.buses)}
        problems = []
        for name in dict.fromkeys(names):
            if name not in position:
                near = difflib.get_close_matches(name, self.buses, n=1, cutoff=0.3)
                hint = f", did you mean `{near[0]}`?" if near else ""
                problems.append(f"{self.name} has no bus `{name}`{hint}")
            elif not self.supplied[position[name]]:
                problems.append(f"bus `{name}` of {self.name} is out of service or has no source")
        if problems:
            raise ScenarioError([Problem("scenario", 0, "grid", text) for text in problems])
        return np.array([position[name] for name in names], dtype=np.int64)


def index_feeder(
    net: Any, name: str, notes: tuple[str, ...] = (), assumptions: tuple[str, ...] = ()
) -> Feeder:
    """Name the elements of a net and refuse what no solver could use.

    Raises:
        SolverError: No source, an island without one, an impossible parameter; names the element.
    """
    if net.bus.empty:
        raise SolverError(f"{name} has no bus")
    buses = unique_names(net.bus["name"].tolist(), net.bus.index.tolist())
    label = dict(zip(net.bus.index.tolist(), buses, strict=True))
    notes = (*notes, *check_parameters(net, name))
    units = _units(net)
    supplied = _supplied(net, name)
    dead = [
        f"{t} {u}" for t, u, b in zip(units.table, units.names, units.bus, strict=True) if not supplied[b]
    ]
    if dead:
        where = [label[int(net[t].bus.loc[i])] for t, i in zip(units.table, units.index, strict=True)]
        first = next(b for b, pos in zip(where, units.bus, strict=True) if not supplied[pos])
        raise SolverError(
            f"{name}: bus `{first}` is in an island without a source, which leaves {_few(dead)} unsupplied"
        )
    return Feeder(
        net=net,
        name=name,
        buses=buses,
        branches=_branch_names(net),
        units=units,
        supplied=supplied,
        notes=notes,
        assumptions=assumptions,
    )


def _few(names: Sequence[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _branch_names(net: Any) -> tuple[str, ...]:
    """Names that are unique over lines and transformers; `line 7` where an element has none."""
    rows = [(table, i, n) for table in BRANCH_TABLES for i, n in net[table]["name"].items()]
    counts = Counter(n for _, _, n in rows if isinstance(n, str))
    fallbacks = [f"{table} {i}" for table, i, _ in rows]
    taken = set(fallbacks)
    return tuple(
        n if isinstance(n, str) and n.strip() and counts[n] == 1 and n not in taken else fallback
        for (_, _, n), fallback in zip(rows, fallbacks, strict=True)
    )


def _supplied(net: Any, name: str) -> Mask:
    sources = int(net.ext_grid.in_service.sum())
    if len(net.gen) and "slack" in net.gen:
        sources += int((net.gen.in_service & net.gen.slack.fillna(value=False).astype(bool)).sum())
    if not sources:
        raise SolverError(
            f"{name} has no source: neither an external grid nor a slack generator is in service"
        )
    unsupplied = pp_topology.unsupplied_buses(net)
    alive = net.bus.in_service.astype(bool) & ~net.bus.index.isin(list(unsupplied))
    return np.asarray(alive.to_numpy(dtype=bool))


def _units(net: Any) -> Units:
    position = pd.Series(np.arange(len(net.bus)), index=net.bus.index)
    parts = []
    phase_parts = []
    for table in ("load", "asymmetric_load", "storage", "sgen", "asymmetric_sgen"):
        rows = net[table]
        names = unique_names(rows["name"].tolist(), rows.index.tolist())
        columns = [("p_mw", "q_mvar")]
        if table.startswith("asymmetric"):
            columns = [(f"p_{phase}_mw", f"q_{phase}_mvar") for phase in _PHASES]
        scaling = rows.scaling.astype(float) * 1e6
        p_w = (rows[[p for p, _ in columns]].astype(float).sum(axis=1) * scaling).to_numpy()
        q_var = (rows[[q for _, q in columns]].astype(float).sum(axis=1) * scaling).to_numpy()
        part = pd.DataFrame(
            {
                "table": table,
                "index": rows.index,
                "name": names,
                "bus": position.reindex(rows.bus).to_numpy(),
                "p_w": p_w,
                "q_var": q_var,
                "rated_va": _rated_va(rows, np.hypot(p_w, q_var)),
                "generates": table.endswith("sgen"),
                "voltage_dependent": _voltage_dependent(rows),
                "delta": (rows["type"] == "delta").to_numpy(dtype=bool) if "type" in rows else False,
            }
        )
        alive = rows.in_service.astype(bool).to_numpy() & net.bus.in_service.reindex(rows.bus).to_numpy(
            dtype=bool
        )
        parts.append(part[alive])
        phase_parts.append(_phase_power(rows, columns, scaling)[:, alive])
    units = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    return Units(
        table=tuple(units["table"]),
        index=units["index"].to_numpy(dtype=np.int64),
        names=tuple(units["name"]),
        bus=units["bus"].to_numpy(dtype=np.int64),
        p_w=units["p_w"].to_numpy(dtype=float),
        q_var=units["q_var"].to_numpy(dtype=float),
        phase_power=np.concatenate(phase_parts, axis=1),
        rated_va=units["rated_va"].to_numpy(dtype=float),
        generates=units["generates"].to_numpy(dtype=bool),
        voltage_dependent=units["voltage_dependent"].to_numpy(dtype=bool),
        delta=units["delta"].to_numpy(dtype=bool),
    )


def _phase_power(rows: pd.DataFrame, columns: Sequence[tuple[str, str]], scaling: pd.Series) -> Array:
    """(2, rows, 3) W and var per phase; NaN where the table has no columns per phase."""
    if len(columns) != len(_PHASES):
        return np.full((2, len(rows), 3), np.nan)
    power = [rows[[pair[k] for pair in columns]].to_numpy(dtype=float) for k in (0, 1)]
    return np.stack(power) * scaling.to_numpy()[:, None]


def _rated_va(rows: pd.DataFrame, apparent_va: Vector) -> Vector:
    if "sn_mva" not in rows:
        return apparent_va
    rated_va = pd.to_numeric(rows["sn_mva"], errors="coerce").to_numpy(dtype=float) * 1e6
    return np.where(rated_va > 0.0, rated_va, apparent_va)


def _voltage_dependent(rows: pd.DataFrame) -> Mask:
    shares = [c for c in rows.columns if str(c).startswith("const_")]
    return np.asarray((rows[shares].fillna(0.0) != 0.0).any(axis=1).to_numpy(dtype=bool))
