"""Write twin/scenario/data/known_nets.json: the nets that scenarios can name, with buses and loads.

Run `python tools/list_nets.py` after a change of pandapower or simbench; a test compares samples.
"""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from typing import Any

import simbench
from pandapower import networks

from twin.scenario.grid_index import GridIndex, Table, index_tables

OUT = Path(__file__).parents[1] / "twin" / "scenario" / "data" / "known_nets.json"
TRANSMISSION = ("case", "GB", "iceland")
DISTRIBUTION_CASES = ("case33bw",)


def index_of(net: Any) -> GridIndex:
    """Return the names of a loaded net."""
    tables = {}
    for kind in ("bus", "load", "asymmetric_load"):
        rows = net[kind]
        columns = {
            column: rows[column].tolist() for column in ("name", "bus", "in_service") if column in rows
        }
        tables[kind] = Table(rows.index.tolist(), columns)
    return index_tables(tables)


def builtin() -> dict[str, Any]:
    """Return every distribution net that pandapower makes without arguments."""
    out = {}
    for name in sorted(dir(networks)):
        make = getattr(networks, name)
        if not (inspect.isfunction(make) and make.__module__.startswith("pandapower.networks")):
            continue
        if name.startswith(TRANSMISSION) and name not in DISTRIBUTION_CASES:
            continue
        if any(
            p.default is p.empty and p.kind is not p.VAR_KEYWORD
            for p in inspect.signature(make).parameters.values()
        ):
            continue
        index = index_of(make())
        place = {bus: i for i, bus in enumerate(index.buses)}
        out[name] = {"buses": index.buses, "loads": [(load, place[bus]) for load, bus in index.loads]}
    return out


def main() -> None:
    """Write the list."""
    warnings.simplefilter("ignore")
    known = {"simbench": simbench.collect_all_simbench_codes(), "pandapower": builtin()}
    OUT.write_text(json.dumps(known, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
