"""Names, limits and places of a feeder, as control and results see them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.domain.grid import GridTopology
from twin.domain.ids import Matrix, Rows, Vector
from twin.grid.feeder import BRANCH_TABLES, Feeder

_ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus"), "trafo3w": ("hv_bus", "mv_bus")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that a scenario sets; None leaves those of the net, else 0.9 and 1.1 pu and 100 %."""

    vm_min_pu: float | None = None
    vm_max_pu: float | None = None
    line_loading_pct: float | None = None
    trafo_loading_pct: float | None = None
    vuf_pct: float | None = None
    """Voltage unbalance; None: no limit."""


def make_topology(feeder: Feeder, evse_bus: Rows, limits: Limits, phases: int = 1) -> GridTopology:
    """Describe a feeder.

    Args:
        feeder: The net.
        evse_bus: (n,) bus position of each EVSE. The charging level is every nominal voltage that has
            one; without any EVSE, the lowest of the net.
        limits: Of the scenario.
        phases: 3 if each phase is solved, else 1.
    """
    net = feeder.net
    vn_kv = net.bus.vn_kv.to_numpy(dtype=float)
    levels = np.unique(vn_kv[evse_bus]) if len(evse_bus) else vn_kv[feeder.supplied].min(keepdims=True)
    from_bus, to_bus = _ends(feeder)
    lines = len(net.line)
    is_trafo = np.arange(len(feeder.branches)) >= lines
    return GridTopology(
        name=feeder.name,
        buses=feeder.buses,
        bus_vn_kv=vn_kv,
        charging_level=np.isin(vn_kv, levels),
        branches=feeder.branches,
        is_trafo=is_trafo,
        from_bus=from_bus,
        to_bus=to_bus,
        bus_xy=_coordinates(net),
        vm_min_pu=_limit(net.bus, "min_vm_pu", limits.vm_min_pu, 0.9),
        vm_max_pu=_limit(net.bus, "max_vm_pu", limits.vm_max_pu, 1.1),
        max_loading_pct=_loading_limits(net, limits),
        head_va_rating=_head_va(feeder),
        phases=phases,
        vuf_max_pct=np.full(len(vn_kv), math.inf if limits.vuf_pct is None else limits.vuf_pct),
    )


def _ends(feeder: Feeder) -> tuple[Rows, Rows]:
    net = feeder.net
    position = pd.Series(np.arange(len(net.bus)), index=net.bus.index)
    sides = [
        np.concatenate([position.reindex(net[t][_ENDS[t][side]]).to_numpy() for t in BRANCH_TABLES])
        for side in (0, 1)
    ]
    return sides[0].astype(np.int64), sides[1].astype(np.int64)


def _limit(rows: pd.DataFrame, column: str, ours: float | None, default: float) -> Vector:
    if ours is not None:
        return np.full(len(rows), ours)
    if column not in rows:
        return np.full(len(rows), default)
    return np.asarray(pd.to_numeric(rows[column], errors="coerce").fillna(default).to_numpy(dtype=float))


def _loading_limits(net: Any, limits: Limits) -> Vector:
    ours = {
        "line": limits.line_loading_pct,
        "trafo": limits.trafo_loading_pct,
        "trafo3w": limits.trafo_loading_pct,
    }
    return np.concatenate([_limit(net[t], "max_loading_percent", ours[t], 100.0) for t in BRANCH_TABLES])


def _coordinates(net: Any) -> Matrix:
    """Read GeoJSON points of `bus.geo` (pandapower >= 3), else the table `bus_geodata`; NaN where none."""
    xy = np.full((len(net.bus), 2), np.nan)
    if "geo" in net.bus:
        for i, text in enumerate(net.bus.geo.tolist()):
            if isinstance(text, str) and text:
                xy[i] = json.loads(text)["coordinates"][:2]
    elif "bus_geodata" in net and len(net.bus_geodata):
        xy = net.bus_geodata.reindex(net.bus.index)[["x", "y"]].to_numpy(dtype=float)
    return xy


def _head_va(feeder: Feeder) -> float:
    """Sum the nominal power of transformers whose high-voltage side is the source's bus, closed switches joined."""
    net = feeder.net
    heads = _joined(net, set(net.ext_grid.bus[net.ext_grid.in_service.astype(bool)].tolist()))
    two = net.trafo[net.trafo.in_service.astype(bool) & net.trafo.hv_bus.isin(heads)]
    three = net.trafo3w[net.trafo3w.in_service.astype(bool) & net.trafo3w.hv_bus.isin(heads)]
    total_mva = float((two.sn_mva * two.parallel).sum() + three.sn_hv_mva.sum())
    return total_mva * 1e6 if total_mva else float("inf")


def _joined(net: Any, buses: set[int]) -> set[int]:
    """Add every bus that closed bus-bus switches join to `buses`."""
    links = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    pairs = list(zip(links.bus.tolist(), links.element.tolist(), strict=True))
    size = 0
    while len(buses) > size:
        size = len(buses)
        buses |= {b for pair in pairs for b in pair if not buses.isdisjoint(pair)}
    return buses
