"""Names of a SimBench net, read from the CSV files that the simbench package carries.

Follows simbench 1.6 (`extract_simbench_grids_from_csv.get_simbench_net`): which rows belong to a code,
which auxiliary nodes vanish with their switches, and which buses are fused without switches.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = list[str]
Names: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]

_NUMBERS = {
    "EHV": {"mixed": 1},
    "HV": {"mixed": 1, "urban": 2},
    "MV": {"rural": 1, "semiurb": 2, "urban": 3, "comm": 4},
    "LV": {"rural1": 1, "rural2": 2, "rural3": 3, "semiurb4": 4, "semiurb5": 5, "urban6": 6},
}
_AUXILIARY = "auxiliary"


def read_simbench(code: str) -> Names:
    """Return the buses, and (name, bus) of the loads, of a net whose code is known to exist."""
    _, levels, kind, grid, scenario, switches = code.split("-")
    folder = _folder(scenario)
    if levels == "complete_data":
        high, low = set[str](), set[str]()
        everything = True
    else:
        high, low = _subnets(folder, levels, kind, grid)
        everything = False

    def belongs(first: str, second: str, *, also_second: bool) -> bool:
        return everything or first in high or first in low or (also_second and second in high)

    wanted = None if everything or len(high) + len(low) > 4 else high | low
    nodes = {
        row[0]: row[1]
        for row in _rows(folder / "Node.csv", ("id", "type"), wanted)
        if belongs(*_subnet(row), also_second=True)
    }
    loads = [
        (row[0], row[1])
        for row in _rows(folder / "Load.csv", ("id", "node"), wanted)
        if _is_load_of(*_subnet(row), high, low, everything=everything)
    ]
    fused: dict[str, str] = {}
    keep: set[str] = set()
    if levels != "LV":  # LV subnets have neither bus-bus switches nor nodes with several switches
        ends = [
            (row[0], row[1])
            for row in _rows(folder / "Switch.csv", ("nodeA", "nodeB"), wanted)
            if _is_switch_of(row, nodes, belongs)
        ]
        count = Counter(node for pair in ends for node in pair)
        keep = {node for node, times in count.items() if times > 1}
        if switches == "no_sw":
            fused = _fused(ends, nodes, keep)
    buses = tuple(
        name for name, type_ in nodes.items() if (type_ != _AUXILIARY or name in keep) and name not in fused
    )
    return buses, tuple((name, fused.get(bus, bus)) for name, bus in loads)


def _folder(scenario: str) -> Path:
    spec = importlib.util.find_spec("simbench")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package simbench is not installed")
    return Path(spec.origin).parent / "networks" / f"1-complete_data-mixed-all-{scenario}-sw"


def _rows(path: Path, columns: tuple[str, str], subnets: set[str] | None) -> Iterator[Row]:
    """Yield the two columns and the subnet of each row; `subnets` leaves out most others early."""
    data = path.read_bytes()
    header = data[: data.index(b"\n")].decode().strip().split(";")
    at = [header.index(name) for name in (*columns, "subnet")]
    for line in data.split(b"\n")[1:] if subnets is None else _lines_with(data, subnets):
        if line:
            cells = line.decode().rstrip("\r").split(";")
            yield [cells[i] for i in at]


def _lines_with(data: bytes, words: set[str]) -> Iterator[bytes]:
    """Yield the lines that contain one of some words, without splitting a hundred thousand others."""
    starts: set[int] = set()
    for word in words:
        found = data.find(word.encode())
        while found >= 0:
            end = data.find(b"\n", found)
            starts.add(data.rfind(b"\n", 0, found) + 1)
            found = data.find(word.encode(), end) if end >= 0 else -1
    for start in sorted(starts):
        end = data.find(b"\n", start)
        yield data[start:end] if end >= 0 else data[start:]


def _subnet(row: Row) -> tuple[str, str]:
    """The first two parts of a row's subnet, such as `MV1.101` and `LV1.108` of `MV1.101_LV1.108_eq`."""
    parts = row[2].split("_")
    return parts[0], parts[1] if len(parts) > 1 else ""


def _is_load_of(first: str, second: str, high: set[str], low: set[str], *, everything: bool) -> bool:
    """Whether a load stays: those that stand for a lower (or higher) grid give way to that grid."""
    if everything:
        return True
    if first in high:
        return second not in low
    return first in low and second not in high


def _is_switch_of(row: Row, nodes: dict[str, str], belongs: Callable[..., bool]) -> bool:
    first, second = _subnet(row)
    bus_bus = nodes.get(row[0]) not in (None, _AUXILIARY) and nodes.get(row[1]) not in (None, _AUXILIARY)
    return belongs(first, second, also_second=bus_bus)


def _fused(ends: list[tuple[str, str]], nodes: dict[str, str], keep: set[str]) -> dict[str, str]:
    """Map each bus that is fused away to the one that stays: the first end of the first switch."""

    def is_bus(name: str) -> bool:
        return nodes.get(name) != _AUXILIARY or name in keep

    pairs = [(a, b) for a, b in ends if is_bus(a) and is_bus(b)]
    linked: dict[str, set[str]] = {}
    for a, b in pairs:
        linked.setdefault(a, set()).add(b)
        linked.setdefault(b, set()).add(a)
    out: dict[str, str] = {}
    done: set[str] = set()
    for first, _ in pairs:
        if first in done:
            continue
        group, queue = {first}, [first]
        while queue:
            new = linked[queue.pop()] - group
            group |= new
            queue += new
        done |= group
        out.update(dict.fromkeys(group - {first}, first))
    return out


def _subnets(folder: Path, levels: str, kind: str, grid: str) -> tuple[set[str], set[str]]:
    """Return the subnets of the upper and of the lower level that a code selects."""
    if levels == "EHVHVMVLV":
        high: set[str] = set()
        low: set[str] = set()
        for upper, lower in (("EHV", "HV"), ("HV", "MV"), ("MV", "LV")):
            for each in _NUMBERS[upper]:
                more_high, more_low = _subnets(folder, upper + lower, each, grid)
                high |= more_high
                low |= more_low
        return high, low
    upper = next(level for level in ("EHV", "HV", "MV", "LV") if levels.startswith(level))
    lower = levels.removeprefix(upper)
    number = _NUMBERS[upper][kind]
    name = f"{upper}{number}"
    if upper in ("MV", "LV"):
        name += ".201" if name in ("LV5", "LV6") else ".101"
    if not lower:
        return {name}, set()
    if lower == "HV":
        return {name}, {"HV1", "HV2"} if grid == "all" else {f"HV{grid}"}
    if grid != "all":
        return {name}, {lower + grid}
    return {name}, _connected(folder, name, number, lower)


def _connected(folder: Path, name: str, number: int, lower: str) -> set[str]:
    """Return the subnets that hang on `name`: one per load that stands for one, numbered by type."""
    profiles = Counter(
        row[0]
        for row in _rows(folder / "Load.csv", ("profile", "id"), {f"{name}_{lower}"})
        if row[2].startswith(f"{name}_{lower}")
    )
    out = set()
    for profile, times in profiles.items():
        type_ = _NUMBERS[lower].get(profile[3:]) if profile[:2].upper() == lower else None
        if type_ is not None:
            out |= {f"{lower}{type_}.{i + number * 100}" for i in range(1, times + 1)}
    return out
