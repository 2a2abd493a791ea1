"""From sites as they are written to the EVSEs of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin.domain.specs import Connection, EvseSpec, LimitGroup, SiteSpec
from twin.errors import ScenarioError
from twin.scenario.grid_index import GridIndex, index_net
from twin.scenario.model import Scenario
from twin.scenario.sites import Charger, EachLoad, Limit, Site
from twin.scenario.stations_table import read_table
from twin.units import w_from_kw

_ROTATIONS: tuple[tuple[Connection, ...], ...] = (
    (Connection.L1L2L3, Connection.L2L3L1, Connection.L3L1L2),
    (Connection.L1, Connection.L2, Connection.L3),
    (Connection.L1_L2, Connection.L2_L3, Connection.L3_L1),
)
_LINE_TO_NEUTRAL_V = 230.0
_LINE_TO_LINE_V = 208.0
_DC_EFFICIENCY_PCT = 94.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A station at its place: what a site says of it, whichever way it says so."""

    name: str
    site: str
    bus: str | None
    charger: Charger
    evses: int
    turn: int
    """Rotations before the first EVSE."""
    line: int = 0
    """Of a table; 0 for other stations."""


def expand(scenario: Scenario, base_dir: Path | None = None) -> tuple[list[SiteSpec], list[EvseSpec]]:
    """Return every site and every EVSE of a scenario, in the order of its file.

    Args:
        scenario: A loaded scenario.
        base_dir: Where its relative paths begin; by default the folder of its file.

    Raises:
        ScenarioError: A table or a net has changed since the scenario was loaded, and is no longer valid.
    """
    base = scenario.base_dir if base_dir is None else base_dir
    index = scenario_index(scenario, base)
    sites: list[SiteSpec] = []
    evses: list[EvseSpec] = []
    for name, site in scenario.sites.items():
        placed = list(place(scenario, name, base, index))
        sites.append(_site_spec(scenario, name, site, placed))
        evses += [spec for station in placed for spec in _evse_specs(station, scenario.seed)]
    return sites, evses


def scenario_index(scenario: Scenario, base_dir: Path) -> GridIndex | None:
    """Return the names in the scenario's net; None without a grid."""
    if scenario.grid is None:
        return None
    net = scenario.grid.net
    kind, ref = next((k, v) for k, v in net.model_dump().items() if v is not None)
    return index_net(kind, ref, base_dir)


def place(scenario: Scenario, name: str, base_dir: Path, index: GridIndex | None) -> Iterator[Placed]:
    """Yield the stations of a site, whichever way they are given."""
    stations = scenario.sites[name].stations
    if stations.each_load is not None:
        yield from _at_loads(scenario.seed, name, stations.each_load, index)
    elif stations.table is not None:
        rows, problems = read_table(base_dir / stations.table)
        if problems:
            raise ScenarioError(problems)
        for row in rows:
            station = row.station
            yield Placed(row.name, name, station.bus, station, station.evses, 0, row.line)
    else:
        for key, station in (stations.list_ or {}).items():
            yield Placed(key, name, station.bus, station, station.evses, 0)


def _at_loads(seed: int, site: str, each: EachLoad, index: GridIndex | None) -> Iterator[Placed]:
    """Yield a station at each of the loads drawn; its number is the load's position in the net."""
    loads = () if index is None else index.loads
    chosen = set(range(len(loads)))
    if each.share_pct < 100:
        from twin.rng import stream  # noqa: PLC0415 -- needs numpy, which few scenarios need to be checked

        order = stream(seed, "stations", site).permutation(len(loads)).tolist()
        chosen = set(order[: round(len(loads) * each.share_pct / 100)])
    for i in sorted(chosen):
        yield Placed(f"{site}-{i + 1}", site, loads[i][1], each, 1, i)


def _site_spec(scenario: Scenario, name: str, site: Site, placed: list[Placed]) -> SiteSpec:
    return SiteSpec(
        id=name,
        operator=site.operator,
        tariff=scenario.tariff_of(name),
        distance_km=site.distance_km,
        groups=tuple(_group(key, limit) for key, limit in site.limits.items()),
        group_of_station={s.name: s.charger.group for s in placed if s.charger.group is not None},
    )


def _group(name: str, limit: Limit) -> LimitGroup:
    return LimitGroup(
        name=name,
        parent=limit.parent,
        limit_a=math.inf if limit.limit_a is None else limit.limit_a,
        limit_w=math.inf if limit.limit_kw is None else w_from_kw(limit.limit_kw),
    )


def _evse_specs(station: Placed, seed: int) -> Iterator[EvseSpec]:
    charger = station.charger
    dc = charger.dc_max_kw is not None
    efficiency_pct = charger.efficiency_pct
    if efficiency_pct is None:
        efficiency_pct = _DC_EFFICIENCY_PCT if dc else 100.0
    for k in range(station.evses):
        name = f"{station.name}/{k + 1}"
        connection = _rotated(charger, _turns(station, name, k, seed))
        voltage_v = charger.voltage_v
        if voltage_v is None:
            voltage_v = _LINE_TO_LINE_V if connection.line_to_line else _LINE_TO_NEUTRAL_V
        yield EvseSpec(
            id=name,
            station=station.name,
            site=station.site,
            bus=station.bus,
            connection=connection,
            voltage_v=voltage_v,
            max_a=charger.max_a,
            min_a=charger.min_a,
            step_a=charger.step_a,
            levels_a=charger.levels_a,
            dc_max_w=None if charger.dc_max_kw is None else w_from_kw(charger.dc_max_kw),
            efficiency=efficiency_pct / 100,
            standby_w=charger.standby_w,
            meter_resolution_wh=charger.meter_resolution_wh,
        )


def _turns(station: Placed, evse: str, k: int, seed: int) -> int:
    """Rotations of EVSE `k` of a station: counted, or drawn for it alone."""
    if station.charger.rotate != "random":
        return station.turn + k
    from twin.rng import stream  # noqa: PLC0415 -- needs numpy, which few scenarios need to be checked

    return int(stream(seed, "stations", station.site, "rotation", evse).integers(3))


def _rotated(charger: Charger, turns: int) -> Connection:
    connection = Connection(charger.connection)
    if charger.rotate is False:
        return connection
    family = next(f for f in _ROTATIONS if connection in f)
    return family[(family.index(connection) + turns) % 3]
