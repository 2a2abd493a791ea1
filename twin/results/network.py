"""What never changes during a run, next to its tables: the EVSEs and the feeder's topology."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.specs import EvseSpec
from twin.results.folder import NETWORK, write_json

Evse = dict[str, Any]


def save_network(folder: Path, evses: Sequence[EvseSpec], topology: GridTopology | None) -> None:
    """Write `network.json`: EVSEs in row order, and the feeder (null without a grid)."""
    grid = None if topology is None else _plain_topology(topology)
    write_json(folder / NETWORK, {"evses": [_plain_evse(spec) for spec in evses], "grid": grid})


def load_network(folder: Path) -> tuple[list[Evse], GridTopology | None]:
    """Read `network.json` back: EVSEs as plain dicts, and the feeder."""
    content = json.loads((folder / NETWORK).read_text(encoding="utf-8"))
    grid = content["grid"]
    return content["evses"], None if grid is None else _topology(grid)


def _plain_evse(spec: EvseSpec) -> Evse:
    return {
        "id": spec.id,
        "station": spec.station,
        "site": spec.site,
        "bus": spec.bus,
        "connection": spec.connection.value,
        "max_w": spec.max_w,
        "dc": spec.dc_max_w is not None,
        "efficiency": spec.efficiency,
        "meter_resolution_wh": spec.meter_resolution_wh,
    }


def _plain_topology(t: GridTopology) -> dict[str, Any]:
    return {
        "name": t.name,
        "head_va_rating": _or_none(t.head_va_rating),
        "phases": t.phases,
        "buses": [
            {
                "name": name,
                "vn_kv": float(t.bus_vn_kv[i]),
                "charging_level": bool(t.charging_level[i]),
                "vm_min_pu": _or_none(t.vm_min_pu[i]),
                "vm_max_pu": _or_none(t.vm_max_pu[i]),
                "vuf_max_pct": _or_none(t.vuf_max_pct[i]),
                "xy": [_or_none(v) for v in t.bus_xy[i]],
            }
            for i, name in enumerate(t.buses)
        ],
        "branches": [
            {
                "name": name,
                "trafo": bool(t.is_trafo[i]),
                "from_bus": int(t.from_bus[i]),
                "to_bus": int(t.to_bus[i]),
                "max_loading_pct": _or_none(t.max_loading_pct[i]),
            }
            for i, name in enumerate(t.branches)
        ],
    }


def _topology(plain: dict[str, Any]) -> GridTopology:
    buses, branches = plain["buses"], plain["branches"]
    return GridTopology(
        name=plain["name"],
        buses=tuple(b["name"] for b in buses),
        bus_vn_kv=np.array([b["vn_kv"] for b in buses], dtype=float),
        charging_level=np.array([b["charging_level"] for b in buses], dtype=np.bool_),
        branches=tuple(b["name"] for b in branches),
        is_trafo=np.array([b["trafo"] for b in branches], dtype=np.bool_),
        from_bus=np.array([b["from_bus"] for b in branches], dtype=np.int64),
        to_bus=np.array([b["to_bus"] for b in branches], dtype=np.int64),
        bus_xy=np.array([[_or(v, math.nan) for v in b["xy"]] for b in buses], dtype=float).reshape(-1, 2),
        vm_min_pu=np.array([_or(b["vm_min_pu"], -math.inf) for b in buses], dtype=float),
        vm_max_pu=np.array([_or(b["vm_max_pu"], math.inf) for b in buses], dtype=float),
        max_loading_pct=np.array([_or(b["max_loading_pct"], math.inf) for b in branches], dtype=float),
        head_va_rating=_or(plain["head_va_rating"], math.inf),
        phases=int(plain["phases"]),
        vuf_max_pct=np.array([_or(b["vuf_max_pct"], math.inf) for b in buses], dtype=float),
    )


def _or_none(value: float) -> float | None:
    """JSON knows neither NaN nor infinity: null is "none", "no limit"."""
    return float(value) if math.isfinite(value) else None


def _or(value: float | None, absent: float) -> float:
    return absent if value is None else value
