"""Sites as written, and the EVSEs that they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from twin.domain.specs import Connection, EvseSpec, LimitGroup, SiteSpec
from twin.scenario.loader import load
from twin.scenario.sites import Connection as ConnectionName
from twin.scenario.stations import expand

HEAD = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
drivers: {d: {archetype: home}}
"""
GRID = "grid: {net: {builtin: create_kerber_landnetz_kabel_1}, base_load: {source: none}}\n"


@pytest.fixture
def expanded(folder: Path) -> Callable[[str], tuple[list[SiteSpec], list[EvseSpec]]]:
    """Write what follows the head, load it and expand its stations."""

    def make(text: str) -> tuple[list[SiteSpec], list[EvseSpec]]:
        (folder / "s.yaml").write_text(HEAD + text)
        return expand(load("s.yaml"))

    return make


Expanded = Callable[[str], tuple[list[SiteSpec], list[EvseSpec]]]


def test_names_of_connections_are_those_of_the_domain() -> None:
    """The model repeats them so that checking needs no numpy."""
    assert list(get_args(ConnectionName)) == [c.value for c in Connection]


def test_a_listed_station_becomes_its_evses(expanded: Expanded) -> None:
    """Numbered from 1, with units converted once."""
    sites, evses = expanded(
        "tariffs: {flat: {price_per_kwh: 0.3}}\n"
        "sites:\n  yard:\n    operator: works\n    distance_km: 2\n"
        "    limits: {main: {limit_a: 63}, shed: {limit_kw: 22, parent: main}}\n"
        "    stations: {list: {s: {evses: 2, max_a: 32, step_a: 1, group: shed}}}\n"
    )
    assert sites == [
        SiteSpec(
            id="yard",
            operator="works",
            tariff="flat",
            distance_km=2,
            groups=(
                LimitGroup(name="main", limit_a=63),
                LimitGroup(name="shed", parent="main", limit_w=22_000),
            ),
            group_of_station={"s": "shed"},
        )
    ]
    assert evses == [
        EvseSpec(id=f"s/{k}", station="s", site="yard", bus=None, max_a=32, step_a=1) for k in (1, 2)
    ]


def test_each_load_gets_a_station_at_its_bus(expanded: Expanded) -> None:
    """Eight loads, numbered in the net's order, rotating if asked."""
    _, evses = expanded(GRID + "sites: {st: {stations: {each_load: {connection: L1, rotate: true}}}}\n")
    assert [e.id for e in evses] == [f"st-{k}/1" for k in range(1, 9)]
    assert [e.bus for e in evses][:2] == ["loadbus_1_1", "loadbus_1_2"]
    assert [e.connection.value for e in evses] == ["L1", "L2", "L3", "L1", "L2", "L3", "L1", "L2"]


def test_random_rotations_are_drawn_with_the_seed_for_each_evse_alone(expanded: Expanded) -> None:
    """Every phase comes up; another seed draws others; more stations leave those of the rest alone."""

    def drawn(rest: str, seed: int = 1) -> dict[str, str]:
        _, evses = expanded(f"{GRID}seed: {seed}\nsites: {{st: {{stations: {{each_load: {{{rest}}}}}}}}}\n")
        return {e.id: e.connection.value for e in evses}

    every = drawn("connection: L1, rotate: random")
    assert set(every.values()) == {"L1", "L2", "L3"}
    assert drawn("connection: L1, rotate: random") == every
    assert drawn("connection: L1, rotate: random", seed=2) != every
    half = drawn("connection: L1, rotate: random, share_pct: 50")
    assert len(half) == 4
    assert half.items() <= every.items()
    assert set(drawn("connection: L2L3L1, rotate: random").values()) <= {"L1L2L3", "L2L3L1", "L3L1L2"}


def test_a_larger_share_keeps_the_stations_of_a_smaller(expanded: Expanded) -> None:
    """Half of eight loads are four, three quarters six; another seed draws others."""

    def drawn(share_pct: float, seed: int = 1) -> set[str]:
        _, evses = expanded(
            f"{GRID}seed: {seed}\nsites: {{st: {{stations: {{each_load: {{share_pct: {share_pct}}}}}}}}}\n"
        )
        return {e.id for e in evses}

    assert len(drawn(50)) == 4
    assert drawn(50) < drawn(75) < drawn(100)
    assert len({frozenset(drawn(50, seed)) for seed in range(5)}) > 1


def test_line_to_line_and_dc_have_their_own_defaults(expanded: Expanded) -> None:
    """208 V between two conductors; 94 % from grid to car."""
    _, (line, dc) = expanded(
        "sites: {a: {stations: {list: {l: {connection: L2-L3}, f: {dc_max_kw: 150, standby_w: 80}}}}}\n"
    )
    assert (line.voltage_v, line.max_w) == (208, 16 * 208)
    assert (dc.max_w, dc.efficiency, dc.standby_w) == (150_000, 0.94, 80)


def test_without_tariffs_charging_is_free(expanded: Expanded) -> None:
    """With two, a site that names none is free as well."""
    rest = "sites: {a: {stations: {list: {s: {}}}}}\n"
    assert expanded(rest)[0][0].tariff == "free"
    two = "tariffs: {a: {price_per_kwh: 1}, b: {price_per_kwh: 2}}\n"
    assert expanded(two + rest)[0][0].tariff == "free"


class TestTable:
    rest = f"{GRID}sites:\n  a:\n    limits: {{main: {{limit_a: 100}}}}\n    stations: {{table: t.csv}}\n"

    def test_a_row_is_a_station(self, expanded: Expanded, folder: Path) -> None:
        """Empty cells have defaults; a listed station of the same keys is the same."""
        (folder / "t.csv").write_text(
            "station,bus,evses,connection,max_a,levels_a,rotate,group\n"
            "one,loadbus_1_1,2,L1,32,8 16 32,true,main\n"
            "\n"
            '"two",loadbus_1_2,,,,,,\n'
            "three,loadbus_1_2,,,,,random,\n"
        )
        from_table = expanded(self.rest)
        listed = self.rest.replace(
            "{table: t.csv}",
            "{list: {one: {bus: loadbus_1_1, evses: 2, connection: L1, max_a: 32, levels_a: [8, 16, 32], "
            "rotate: true, group: main}, two: {bus: loadbus_1_2}, three: {bus: loadbus_1_2, rotate: random}}}",
        )
        assert from_table == expanded(listed)
        assert [e.id for e in from_table[1]] == ["one/1", "one/2", "two/1", "three/1"]

    def test_every_bad_row_has_its_line_and_reason(
        self, told: Callable[..., list[str]], folder: Path
    ) -> None:
        """All at once, with the column; the other rows are fine."""
        (folder / "t.csv").write_text(
            "station,bus,evses,max_a,group\n"
            "ok,loadbus_1_1,1,16,\n"
            "far,loadbus_1_9,1,16,\n"
            "ok,loadbus_1_2,1,16,\n"
            "no name,loadbus_1_2,1,16,\n"
            "many,loadbus_1_2,many,1600,\n"
            "short,loadbus_1_2\n"
            "nobus,,1,16,mian\n"
        )
        assert told(HEAD + self.rest) == [
            "t.csv:3: bus: the grid has no bus `loadbus_1_9`, did you mean `loadbus_1_6`?",
            "t.csv:4: station: `ok` is already on line 2; names are unique",
            "t.csv:5: station: `no name` is no name; use letters, digits, `-` and `_`, at most 64",
            "t.csv:6: evses: expected a whole number, got `many`",
            "t.csv:6: max_a: must be at most 250, got `1600`",
            "t.csv:7: 2 cells, the header has 5",
            "t.csv:8: bus: missing; with a grid every station needs a bus",
            "t.csv:8: group: no limit `mian`, did you mean `main`?",
        ]

    def test_an_unknown_column_names_its_near_match(
        self, told: Callable[..., list[str]], folder: Path
    ) -> None:
        """The rows are not read then."""
        (folder / "t.csv").write_text("station,buss,max_a,max_a\na,b,1,2\n")
        assert told(HEAD + self.rest) == [
            "t.csv:1: buss: unknown column, did you mean `bus`?",
            "t.csv:1: max_a: the column stands twice; keep one of them",
        ]

    def test_a_table_that_is_not_there(self, told: Callable[..., list[str]]) -> None:
        """Told at the line of the scenario that names it."""
        assert told(HEAD + self.rest) == ["s.yaml:9: sites.a.stations.table: t.csv: no such file"]

    def test_ten_thousand_unknown_buses_do_not_ask_for_ten_thousand_near_matches(
        self, told: Callable[..., list[str]], folder: Path
    ) -> None:
        """The first 25 have one, all have their line."""
        rows = "".join(f"s{i},loadbus_9_{i}\n" for i in range(10_000))
        (folder / "t.csv").write_text("station,bus\n" + rows)
        lines = told(HEAD + self.rest)
        assert len(lines) == 10_000
        assert sum("did you mean" in line for line in lines) == 25
