"""Cross references: names in one part of a scenario that must exist in another, in the grid or on disk.

Works on the document, not on the model, so that a misspelt key elsewhere does not hide a wrong name.
What has the wrong type is left to `structure`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path as File
from typing import Any

from twin.errors import Problem
from twin.scenario.document import Document, Path
from twin.scenario.files import why_unreadable
from twin.scenario.grid_index import GridIndex, UnknownNet, index_net
from twin.scenario.nearest import hint

_NET_KINDS = ("simbench", "builtin", "file")
_HINTS = 25
"""Near matches are looked for so many times: among thousands of buses each takes a while."""


def reference_problems(document: Document, base_dir: File) -> Iterator[Problem]:
    """Yield every name that refers to nothing."""
    index, problems = _grid(document, base_dir)
    yield from problems
    tariffs = document.mapping(("tariffs",))
    buses = _Buses(document, index, base_dir)
    for name in document.mapping(("sites",)):
        at: Path = ("sites", name)
        yield from _known(document, (*at, "tariff"), tariffs, "tariff", "tariffs")
        yield from _limits(document, at)
        yield from buses.problems(at)
    for name in tariffs:
        for key in ("prices", "ocpi"):
            yield from _file(document, ("tariffs", name, key), base_dir)
    groups = document.mapping(("drivers",))
    for name in document.mapping(("payments", "means")):
        if name not in groups:
            at = ("payments", "means", name)
            yield document.problem(at, f"no group of drivers `{name}`{hint(name, groups)}")
    yield from _drivers(document, base_dir)
    yield from _vehicles(document)
    yield from _strategy(document)
    if document.get(("guard",)) is not None and document.get(("grid",)) is None:
        yield document.problem(("guard",), "a guard needs a feeder; give a `grid`, or remove the guard")


def _known(
    document: Document, path: Path, known: Collection[str], what: str, where: str
) -> Iterator[Problem]:
    name = document.get(path)
    if isinstance(name, str) and name not in known:
        near = hint(name, known) if known else f"; `{where}` has none"
        yield document.problem(path, f"no {what} `{name}`{near}")


def _grid(document: Document, base_dir: File) -> tuple[GridIndex | None, list[Problem]]:
    """Return the names in the net; None where there is no grid, or none that can be read."""
    net = document.mapping(("grid", "net"))
    given = [kind for kind in _NET_KINDS if isinstance(net.get(kind), str)]
    problems: list[Problem] = []
    profile: Path = ("grid", "base_load", "file")
    if isinstance(document.get(profile), str):
        problems += _file(document, profile, base_dir)
    if document.get(("grid", "base_load", "source")) == "simbench" and net and "simbench" not in net:
        text = "only a SimBench net has SimBench profiles; choose `csv`, `constant` or `none`"
        problems.append(document.problem(("grid", "base_load", "source"), text))
    if len(given) != 1:
        return None, problems
    kind = given[0]
    try:
        return index_net(kind, net[kind], base_dir), problems
    except UnknownNet as exc:
        return None, [*problems, document.problem(("grid", "net", kind), str(exc))]


def _file(document: Document, path: Path, base_dir: File) -> Iterator[Problem]:
    name = document.get(path)
    if not isinstance(name, str):
        return
    file = base_dir / name
    try:
        with file.open("rb"):
            pass
    except OSError as exc:
        yield document.problem(path, f"{file}: {why_unreadable(file, exc)}")


def _limits(document: Document, site: Path) -> Iterator[Problem]:
    limits = document.mapping((*site, "limits"))
    for name in limits:
        at = (*site, "limits", name, "parent")
        yield from _known(document, at, limits, "limit", f"{site[1]}.limits")
        if _hangs_on_itself(limits, name):
            yield document.problem(at, f"limit `{name}` hangs on itself; one of the circle needs no parent")


def _hangs_on_itself(limits: dict[str, Any], start: str) -> bool:
    name: Any = start
    for _ in limits:
        limit = limits.get(name) if isinstance(name, str) else None
        name = limit.get("parent") if isinstance(limit, dict) else None
        if name == start:
            return True
    return False


class _Buses:
    """Buses and limits that stations name, with a bounded number of near matches."""

    def __init__(self, document: Document, index: GridIndex | None, base_dir: File) -> None:
        self.document = document
        self.index = index
        self.known = frozenset(index.buses) if index is not None else frozenset()
        self.base_dir = base_dir
        self.hints = _HINTS
        self.has_grid = document.get(("grid",)) is not None

    def problems(self, site: Path) -> Iterator[Problem]:
        stations = (*site, "stations")
        limits = self.document.mapping((*site, "limits"))
        listed = self.document.mapping((*stations, "list"))
        for name in listed:
            yield from self._listed((*stations, "list", name), limits)
        at = (*stations, "each_load")
        if isinstance(self.document.get(at), dict):
            if not self.has_grid:
                yield self.document.problem(
                    at, "there are no loads without a grid; give a `grid` or a `list`"
                )
            yield from _known(self.document, (*at, "group"), limits, "limit", f"{site[1]}.limits")
        table = self.document.get((*stations, "table"))
        if isinstance(table, str):
            yield from self._table((*stations, "table"), table, limits)

    def _listed(self, at: Path, limits: Collection[str]) -> Iterator[Problem]:
        if not isinstance(self.document.get(at), dict):
            return
        bus = self.document.get((*at, "bus"))
        text = self._wrong_bus(bus)
        if text:
            yield self.document.problem((*at, "bus"), text)
        yield from _known(self.document, (*at, "group"), limits, "limit", f"{at[1]}.limits")

    def _table(self, at: Path, table: str, limits: Collection[str]) -> Iterator[Problem]:
        from twin.scenario.stations_table import read_table  # noqa: PLC0415 -- few scenarios have a table

        missing = list(_file(self.document, at, self.base_dir))
        if missing:
            yield from missing
            return
        path = self.base_dir / table
        rows, problems = read_table(path)
        yield from problems
        for row in rows:
            text = self._wrong_bus(row.station.bus)
            if text:
                yield Problem(str(path), row.line, "bus", text)
            group = row.station.group
            if group is not None and group not in limits:
                near = hint(group, limits) if limits else f"; `{at[1]}.limits` has none"
                yield Problem(str(path), row.line, "group", f"no limit `{group}`{near}")

    def _wrong_bus(self, bus: Any) -> str:
        """Say what is wrong with the bus of a station; empty where nothing is."""
        name = str(bus) if type(bus) is int else bus
        if name is None:
            return "missing; with a grid every station needs a bus" if self.has_grid else ""
        if not self.has_grid:
            return f"there is no bus `{name}` without a grid; give a `grid` or remove the bus"
        if self.index is None or not isinstance(name, str) or name in self.known:
            return ""
        self.hints -= 1
        near = hint(name, self.index.buses) if self.hints >= 0 else ""
        return f"the grid has no bus `{name}`{near}"


def _drivers(document: Document, base_dir: File) -> Iterator[Problem]:
    sites = document.mapping(("sites",))
    for name in document.mapping(("drivers",)):
        at: Path = ("drivers", name)
        wanted = document.get((*at, "sites"))
        for i in range(len(wanted) if isinstance(wanted, list) else 0):
            yield from _known(document, (*at, "sites", i), sites, "site", "sites")
        if document.get((*at, "archetype")) == "replay":
            yield from _file(document, (*at, "file"), base_dir)


def _vehicles(document: Document) -> Iterator[Problem]:
    mix = document.mapping(("vehicles", "mix"))
    if not mix:
        return
    from twin.world.stations.catalogue import catalogue  # noqa: PLC0415 -- only a mix needs the catalogue

    known = catalogue()
    for model in mix:
        if model not in known:
            text = f"no vehicle `{model}` in the catalogue{hint(model, known)}"
            yield document.problem(("vehicles", "mix", model), text)


def _strategy(document: Document) -> Iterator[Problem]:
    given = document.get(("strategy",))
    name = given.get("name") if isinstance(given, dict) else given
    if not isinstance(name, str):
        return
    from importlib.metadata import entry_points  # noqa: PLC0415

    at: Path = ("strategy", "name") if isinstance(given, dict) else ("strategy",)
    known = {point.name: point.value for point in entry_points(group="twin.strategies")}
    if name not in known:
        yield document.problem(at, f"no strategy `{name}`{hint(name, sorted(known))}")
        return
    options = document.mapping(("strategy", "options"))
    if not options and known[name].startswith("twin."):
        return  # ours need no option; a stranger's class says so itself
    from twin.control.strategies.registry import problems  # noqa: PLC0415 -- needs numpy

    for option, text in problems(name, options):
        path = ("strategy", "options", option) if option else ("strategy", "options")
        yield document.problem(path, text)
