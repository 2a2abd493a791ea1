"""Names of buses and loads of any net, without pandapower: what checking a scenario needs.

The names equal those of the loaded net (`twin.domain.naming`), so that what is valid here can be built.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from twin.domain.naming import unique_names
from twin.scenario.nearest import hint


class UnknownNet(ValueError):
    """The net does not exist or cannot be read; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class GridIndex:
    """What can be named in a net.

    Attributes:
        buses: Names of all buses, in the net's order.
        loads: (name, bus) of every load in service, then of every asymmetric load, in the net's order.
    """

    buses: tuple[str, ...]
    loads: tuple[tuple[str, str], ...]


def index_net(kind: str, ref: str, base_dir: Path) -> GridIndex:
    """Return the names of a net.

    Args:
        kind: `simbench`, `builtin` or `file`.
        ref: Code, name of a function in pandapower.networks, or path of a `.json` or `.xlsx` file.
        base_dir: Where relative paths begin.

    Raises:
        UnknownNet: There is no such net, or the file is none.
    """
    if kind == "builtin":
        return _builtin(ref)
    if kind == "simbench":
        return _simbench(ref)
    return _file(base_dir / ref)


@cache
def known_nets() -> dict[str, Any]:
    """Return the shipped list, made by `tools/list_nets.py`: SimBench codes and built-in nets."""
    text = files("twin.scenario").joinpath("data", "known_nets.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _builtin(ref: str) -> GridIndex:
    nets = known_nets()["pandapower"]
    if ref not in nets:
        near = hint(ref, nets) or hint(f"create_{ref}", nets)
        raise UnknownNet(f"pandapower has no distribution net `{ref}`{near}")
    buses = tuple(nets[ref]["buses"])
    return GridIndex(buses, tuple((name, buses[at]) for name, at in nets[ref]["loads"]))


@cache
def _simbench(ref: str) -> GridIndex:
    from twin.scenario.simbench_index import read_simbench  # noqa: PLC0415 -- only SimBench nets need it

    codes = known_nets()["simbench"]
    if ref not in codes:
        raise UnknownNet(f"SimBench has no net `{ref}`{hint(ref, codes)}")
    return GridIndex(*read_simbench(ref))


def _file(path: Path) -> GridIndex:
    readers = {".json": _json_tables, ".xlsx": _excel_tables}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnknownNet(f"{path.name} is neither a pandapower JSON (.json) nor an Excel file (.xlsx)")
    try:
        data = path.read_bytes()
    except OSError as exc:
        from twin.scenario.files import why_unreadable  # noqa: PLC0415 -- only problems need it

        raise UnknownNet(f"{path}: {why_unreadable(path, exc)}") from None
    return index_tables(reader(path, data))


@dataclass(frozen=True, slots=True)
class Table:
    """One element table of a net: row indices and named columns of equal length."""

    index: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


def index_tables(tables: Mapping[str, Table]) -> GridIndex:
    """Name the buses and loads of a net's element tables."""
    bus = tables["bus"]
    names = unique_names(bus.columns["name"], bus.index)
    label = dict(zip(bus.index, names, strict=True))
    loads: list[tuple[str, str]] = []
    for kind in ("load", "asymmetric_load"):
        table = tables.get(kind)
        if table is None or not table.index:
            continue
        on = table.columns.get("in_service", [True] * len(table.index))
        at = table.columns["bus"]
        called = unique_names(table.columns["name"], table.index)
        loads += [(called[i], label[int(at[i])]) for i in range(len(called)) if on[i]]
    return GridIndex(names, tuple(loads))


def _json_tables(path: Path, data: bytes) -> dict[str, Table]:
    try:
        net = json.loads(data)
        tables = net["_object"]
        found = {
            kind: _json_table(tables[kind]) for kind in ("bus", "load", "asymmetric_load") if kind in tables
        }
    except (ValueError, KeyError, TypeError) as exc:
        raise UnknownNet(f"{path.name} is no net as pandapower's `to_json` writes it ({exc})") from None
    return _checked(path, found)


def _json_table(entry: Any) -> Table:
    frame = entry["_object"]
    frame = json.loads(frame) if isinstance(frame, str) else frame
    rows = frame["data"]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(frame["columns"])}
    return Table([int(i) for i in frame["index"]], columns)


def _excel_tables(path: Path, data: bytes) -> dict[str, Table]:
    from io import BytesIO  # noqa: PLC0415

    from openpyxl import load_workbook  # noqa: PLC0415 -- only Excel files need it

    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=True)
        found = {
            kind: _excel_table(list(book[kind].iter_rows(values_only=True)))
            for kind in ("bus", "load", "asymmetric_load")
            if kind in book.sheetnames
        }
    except Exception as exc:  # noqa: BLE001 -- openpyxl raises whatever its zip and XML parsers do
        raise UnknownNet(f"{path.name} is no net as pandapower's `to_excel` writes it ({exc})") from None
    return _checked(path, found)


def _excel_table(rows: Sequence[Sequence[Any]]) -> Table:
    header = rows[0] if rows else ()
    body = [row for row in rows[1:] if row[0] is not None]
    columns = {str(name): [row[i] for row in body] for i, name in enumerate(header) if name is not None}
    return Table([int(row[0]) for row in body], columns)


def _checked(path: Path, found: dict[str, Table]) -> dict[str, Table]:
    bus = found.get("bus")
    if bus is None or "name" not in bus.columns or not bus.index:
        raise UnknownNet(f"{path.name} holds no pandapower net: it has no table of named buses")
    return found
