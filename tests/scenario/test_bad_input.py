"""What cannot be used gives one clear error each: file, line, path, what is wrong, what would be right."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.scenario.build import build
from twin.scenario.loader import load

Told = Callable[..., list[str]]

GRID = "grid: {net: {builtin: create_kerber_landnetz_kabel_1}, base_load: {source: none}}\n"


def on_bus(minimal: str, bus: str) -> str:
    """The smallest scenario with a grid and its wallbox at a bus."""
    return minimal.replace("{max_a: 16}", f"{{bus: {bus}}}") + GRID


class TestFiles:
    def test_the_smallest_scenario_is_fine(self, told: Told, minimal: str) -> None:
        """What every other test changes is itself without problems."""
        assert told(minimal) == []

    def test_a_missing_file_names_its_neighbour(self, told: Told, minimal: str) -> None:
        """A misspelt file name is the most common error of all."""
        assert told(minimal, "street.yaml") == []
        assert told(None, "stret.yaml") == ["stret.yaml: no such file, did you mean `street.yaml`?"]

    def test_a_missing_folder_is_named(self, told: Told) -> None:
        """The folder is what is wrong, not the file."""
        assert told(None, "scenaros/a.yaml") == ["scenaros/a.yaml: no such file; there is no folder scenaros"]

    def test_a_folder_is_no_file(self, told: Told, folder: Path, minimal: str) -> None:
        """The scenarios inside it are offered."""
        (folder / "s").mkdir()
        told(minimal, "s/a.yaml")
        assert told(None, "s") == ["s: a folder, not a file; known: `a.yaml`"]

    def test_an_unreadable_file_says_why(
        self, told: Told, minimal: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's reason is passed on."""
        told(minimal)

        def refuse(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        assert told(None) == ["s.yaml: cannot be read: Permission denied"]

    def test_a_file_in_latin_1_names_the_byte(self, told: Told, minimal: str) -> None:
        """An umlaut saved by an old editor."""
        text = (minimal + "description: Straße\n").encode("latin-1")
        assert told(text) == ["s.yaml:11: byte 0xdf is not UTF-8; save the file as UTF-8"]

    def test_an_empty_file_says_what_it_needs(self, told: Told) -> None:
        """Comments alone are nothing."""
        needs = "empty file; a scenario needs at least `start`, `days`, `sites` and `drivers`"
        assert told("") == [f"s.yaml: {needs}"]
        assert told("# nothing yet\n") == [f"s.yaml: {needs}"]
        assert told("", "s.toml") == [f"s.toml: {needs}"]

    def test_a_list_at_top_level_is_no_scenario(self, told: Told) -> None:
        """Nor is a word."""
        rest = "at top level; a scenario is a mapping of keys to values"
        assert told("- start\n- days\n") == [f"s.yaml:1: a list {rest}"]
        assert told("\nhello\n") == [f"s.yaml:2: a single value {rest}"]

    def test_broken_yaml_names_the_line(self, told: Told, minimal: str) -> None:
        """A second colon on line 11."""
        assert told(minimal + "seed: 1: 2\n") == [
            "s.yaml:11: broken YAML: mapping values are not allowed here"
        ]

    def test_broken_toml_names_the_line(self, told: Told) -> None:
        """A key without a value on line 2."""
        assert told("days = 7\nseed =\n", "s.toml") == [
            "s.toml:2: broken TOML: `seed` has no value; write one behind the `=`, or delete the line"
        ]

    def test_a_key_given_twice_names_both_lines(self, told: Told, minimal: str) -> None:
        """Neither silently wins."""
        assert told(minimal + "days: 3\n") == [
            "s.yaml:11: days: duplicate key, first on line 2; keep one of them"
        ]


class TestKeysAndValues:
    def test_an_unknown_key_names_its_near_match(self, told: Told, minimal: str) -> None:
        """At top level and deep inside."""
        assert told(minimal.replace("max_a", "max_amps") + "sede: 3\n") == [
            "s.yaml:8: sites.home.stations.list.wallbox.max_amps: unknown key, did you mean `max_a`?",
            "s.yaml:11: sede: unknown key, did you mean `seed`?",
        ]

    def test_a_missing_key_says_what_it_is_for(self, told: Told, minimal: str) -> None:
        """The line is that of its section."""
        assert told(minimal.replace("days: 7\n", "")) == [
            (
                "s.yaml:1: days: missing; required: Length in civil days: a week ends at the same time of day, "
                "whether or not the clocks change."
            )
        ]

    def test_days_must_be_positive(self, told: Told, minimal: str) -> None:
        """Zero days are no run."""
        assert told(minimal.replace("days: 7", "days: 0")) == ["s.yaml:2: days: must be above 0, got 0"]
        assert told(minimal.replace("days: 7", "days: -1.5")) == ["s.yaml:2: days: must be above 0, got -1.5"]

    def test_nan_is_no_number(self, told: Told, minimal: str) -> None:
        """Nor is infinity."""
        expected = "s.yaml:2: days: expected a finite number, got"
        assert told(minimal.replace("days: 7", "days: .nan")) == [f"{expected} nan"]
        assert told(minimal.replace("days: 7", "days: .inf")) == [f"{expected} inf"]

    def test_absurd_values_name_the_bound(self, told: Told, minimal: str) -> None:
        """10 kA at a wallbox; the unit is in the key."""
        assert told(minimal.replace("max_a: 16", "max_a: 10000")) == [
            "s.yaml:8: sites.home.stations.list.wallbox.max_a: must be at most 250, got 10000"
        ]

    def test_a_rating_below_the_smallest_pilot_names_the_key_to_write(self, told: Told, minimal: str) -> None:
        """Nobody wrote `min_a`: it is 6 A. Who did knows it."""
        where = "s.yaml:8: sites.home.stations.list.wallbox"
        assert told(minimal.replace("max_a: 16", "max_a: 5")) == [
            (
                f"{where}: max_a 5 A is below the smallest pilot of 6 A (`min_a`); "
                "raise it, or give a smaller `min_a`, too"
            )
        ]
        assert told(minimal.replace("max_a: 16", "max_a: 5, min_a: 5")) == []
        assert told(minimal.replace("max_a: 16", "max_a: 5, min_a: 8")) == [
            f"{where}: min_a 8 A is above max_a 5 A"
        ]

    def test_text_is_no_number_and_true_is_no_number(self, told: Told, minimal: str) -> None:
        """Quotes and YAML's booleans are not converted."""
        assert told(minimal.replace("days: 7", 'days: "7"')) == ["s.yaml:2: days: expected a number, got `7`"]
        assert told(minimal + "seed: true\n") == ["s.yaml:11: seed: expected a whole number, got true"]

    def test_a_choice_names_its_near_match(self, told: Told, minimal: str) -> None:
        """The key that says what kind of thing it is, too."""
        assert told(minimal.replace("max_a: 16", "connection: L1L2")) == [
            "s.yaml:8: sites.home.stations.list.wallbox.connection: `L1L2` is no choice, did you mean `L1-L2`?"
        ]
        assert told(minimal.replace("archetype: home", "archetype: homes")) == [
            "s.yaml:10: drivers.family: archetype: `homes` is no choice, did you mean `home`?"
        ]

    def test_all_problems_come_at_once(self, told: Told, minimal: str) -> None:
        """Structure, times, names: sorted by line."""
        text = minimal.replace("+01:00", "+02:00").replace("days: 7", "days: 0") + "strategy: round-robbin\n"
        assert told(text) == [
            (
                "s.yaml:1: start: `2016-01-18T00:00:00+02:00`: Europe/Berlin is not at +02:00 then but at +01:00; "
                "write `2016-01-18T00:00:00+01:00`"
            ),
            "s.yaml:2: days: must be above 0, got 0",
            "s.yaml:11: strategy: no strategy `round-robbin`, did you mean `round-robin`?",
        ]


class TestTimes:
    def test_a_time_without_offset_gets_the_right_one_offered(self, told: Told, minimal: str) -> None:
        """The zone knows which offset January has."""
        assert told(minimal.replace("+01:00", "")) == [
            "s.yaml:1: start: `2016-01-18T00:00:00` has no UTC offset; write `2016-01-18T00:00:00+01:00`"
        ]

    def test_an_absurd_year_is_refused(self, told: Told, minimal: str) -> None:
        """A typing error, not a time."""
        assert told(minimal.replace("2016-", "0216-")) == [
            "s.yaml:1: start: `0216-01-18T00:00:00+01:00` is outside the years 1970 to 2100"
        ]

    def test_a_time_that_the_clocks_skip_does_not_exist(self, told: Told, minimal: str) -> None:
        """On 27 March 2016 half past two was not."""
        text = minimal.replace("2016-01-18T00:00", "2016-03-27T02:30")
        assert told(text) == [
            (
                "s.yaml:1: start: `2016-03-27T02:30:00+01:00`: 02:30 does not exist on 2016-03-27 in Europe/Berlin: "
                "clocks go from 02:00 to 03:00; this instant is `2016-03-27T03:30:00+02:00`"
            )
        ]

    def test_an_unknown_time_zone_names_its_near_match(self, told: Told, minimal: str) -> None:
        """Zones are IANA names."""
        assert told(minimal.replace("Europe/Berlin", "Europe/Berln")) == [
            "s.yaml:3: time_zone: no time zone is called `Europe/Berln`, did you mean `Europe/Berlin`?"
        ]

    def test_an_offset_without_a_zone_asks_for_the_zone(self, told: Told, minimal: str) -> None:
        """The default is UTC, whose clocks show no +01:00."""
        assert told(minimal.replace("time_zone: Europe/Berlin\n", "")) == [
            (
                "s.yaml:1: start: `2016-01-18T00:00:00+01:00`: UTC is not at +01:00 then but at +00:00; "
                "name the `time_zone`, or write `2016-01-17T23:00:00+00:00`"
            )
        ]

    def test_a_fault_must_end_after_it_begins(self, told: Told, minimal: str) -> None:
        """Both instants are valid, their order is not."""
        fault = "{kind: outage, evses: [wallbox/1], from: 2016-01-19T08:00:00+01:00, until: 2016-01-19T07:00:00+01:00}"
        assert told(f"{minimal}faults: [{fault}]\n") == [
            "s.yaml:11: faults.0: `until` must be later than `from`"
        ]

    def test_the_run_is_a_whole_number_of_periods(self, told: Told, minimal: str) -> None:
        """Seven days are 604,800 s."""
        assert told(minimal + "period_s: 1000\n") == [
            (
                "s.yaml:11: period_s: 604,800 s, the length of the run, is no whole number of periods of 1000 s; "
                "take a divisor such as 300"
            )
        ]

    @pytest.mark.parametrize(
        ("days", "said"),
        [
            (0.02, "0.02 days are 1,728 s, no whole number of periods of 300 s; take 0.02083 (1,800 s), or `period_s: 288`"),
            (1.0001, "1.0001 days are 86,409 s, no whole number of periods of 300 s; take 1 (86,400 s)"),
            (0.00001, "1e-05 days are 1 s, no whole number of periods of 300 s; take 0.00347 (300 s)"),
        ],
    )  # fmt: skip
    def test_a_part_of_a_day_that_does_not_fit_names_one_that_does(
        self, told: Told, minimal: str, days: float, said: str
    ) -> None:
        """It is `days` that is wrong, and what is proposed works."""
        assert told(minimal.replace("days: 7", f"days: {days}")) == [f"s.yaml:2: days: {said}"]
        remedy = re.findall("take ([0-9.]+)", said)[0]
        assert told(minimal.replace("days: 7", f"days: {remedy}")) == []
        for period_s in re.findall("`(period_s: .*)`", said):
            assert told(minimal.replace("days: 7", f"days: {days}\n{period_s}")) == []

    def test_a_period_of_no_day_at_all_is_blamed_itself(self, told: Told, minimal: str) -> None:
        """No whole day has a whole number of 7 s."""
        assert told(minimal.replace("days: 7", "days: 0.02\nperiod_s: 7")) == [
            (
                "s.yaml:3: period_s: 1,728 s, the length of the run, is no whole number of periods of 7 s; "
                "take a divisor such as 288"
            )
        ]


class TestNames:
    def test_a_bus_that_the_grid_lacks_names_the_nearest(self, told: Told, minimal: str) -> None:
        """`loadbus_1_7` is one too far."""
        assert told(on_bus(minimal, "loadbus_1_7")) == [
            (
                "s.yaml:8: sites.home.stations.list.wallbox.bus: the grid has no bus `loadbus_1_7`, "
                "did you mean `loadbus_1_6`?"
            )
        ]
        assert told(on_bus(minimal, "loadbus_1_6")) == []

    def test_a_station_needs_a_bus_with_a_grid_and_none_without(self, told: Told, minimal: str) -> None:
        """Both ways round."""
        path = "s.yaml:8: sites.home.stations.list.wallbox"
        assert told(minimal + GRID) == [f"{path}.bus: missing; with a grid every station needs a bus"]
        assert told(minimal.replace("max_a: 16", "bus: B1")) == [
            f"{path}.bus: there is no bus `B1` without a grid; give a `grid` or remove the bus"
        ]

    def test_unknown_nets_name_their_near_match(self, told: Told, minimal: str) -> None:
        """Of pandapower and of SimBench; a file that is not there."""
        text = on_bus(minimal, "B1")
        assert told(text.replace("create_kerber_landnetz_kabel_1", "kerber_dorfnetz")) == [
            (
                "s.yaml:11: grid.net.builtin: pandapower has no distribution net `kerber_dorfnetz`, "
                "did you mean `create_kerber_dorfnetz`?"
            )
        ]
        simbench = text.replace("builtin: create_kerber_landnetz_kabel_1", "simbench: 1-LV-rural2-0-sw")
        assert told(simbench) == [
            "s.yaml:11: grid.net.simbench: SimBench has no net `1-LV-rural2-0-sw`, did you mean `1-LV-rural2--0-sw`?"
        ]
        assert told(text.replace("builtin: create_kerber_landnetz_kabel_1", "file: net.json")) == [
            "s.yaml:11: grid.net.file: net.json: no such file"
        ]

    def test_a_vehicle_that_is_not_in_the_catalogue(self, told: Told, minimal: str) -> None:
        """A letter too many."""
        assert told(minimal + "vehicles: {mix: {vw-id33-pro: 1}}\n") == [
            (
                "s.yaml:11: vehicles.mix.vw-id33-pro: no vehicle `vw-id33-pro` in the catalogue, "
                "did you mean `vw-id3-pro`?"
            )
        ]

    def test_tariffs_sites_and_limits_must_exist(self, told: Told, minimal: str) -> None:
        """Each reference says where its name should be."""
        text = minimal.replace("    stations:", "    tariff: night\n    stations:")
        assert told(text) == ["s.yaml:6: sites.home.tariff: no tariff `night`; `tariffs` has none"]
        assert told(minimal.replace("archetype: home", "archetype: home, sites: [hom]")) == [
            "s.yaml:10: drivers.family.sites.0: no site `hom`, did you mean `home`?"
        ]
        assert told(minimal.replace("max_a: 16", "group: main")) == [
            "s.yaml:8: sites.home.stations.list.wallbox.group: no limit `main`; `home.limits` has none"
        ]

    def test_limits_may_not_hang_on_each_other(self, told: Told, minimal: str) -> None:
        """A circle of two is told at both."""
        limits = "    limits: {a: {limit_a: 9, parent: b}, b: {limit_a: 9, parent: a}}\n    stations:"
        assert told(minimal.replace("    stations:", limits)) == [
            "s.yaml:6: sites.home.limits.a.parent: limit `a` hangs on itself; one of the circle needs no parent",
            "s.yaml:6: sites.home.limits.b.parent: limit `b` hangs on itself; one of the circle needs no parent",
        ]

    def test_an_unknown_strategy_and_its_options(self, told: Told, minimal: str) -> None:
        """Names through the registry, options through the fields of its class."""
        assert told(minimal + "strategy: least-laxity\n") == [
            "s.yaml:11: strategy: no strategy `least-laxity`, did you mean `least-laxity-first`?"
        ]
        text = (
            minimal
            + "strategy: {name: first-come-first-served, options: {folow_draw: true, uninterrupted: 3}}\n"
        )
        assert told(text) == [
            (
                "s.yaml:11: strategy.options.folow_draw: unknown option of first-come-first-served, "
                "did you mean 'follow_draw'?"
            ),
            "s.yaml:11: strategy.options.uninterrupted: 3 is not true or false",
        ]

    def test_a_guard_needs_a_grid(self, told: Told, minimal: str) -> None:
        """There is nothing to keep within limits."""
        assert told(minimal + "guard: {}\n") == [
            "s.yaml:11: guard: a guard needs a feeder; give a `grid`, or remove the guard"
        ]

    def test_a_fault_names_an_evse(self, told: Told, minimal: str) -> None:
        """Station and number."""
        fault = "{kind: outage, evses: [walbox/1], from: 2016-01-19T08:00:00+01:00, until: 2016-01-20T08:00:00+01:00}"
        assert told(f"{minimal}faults: [{fault}]\n") == [
            "s.yaml:11: faults.0.evses.0: no EVSE `walbox/1`, did you mean `wallbox/1`?"
        ]

    def test_a_station_name_is_unique_in_a_run(self, told: Told, minimal: str) -> None:
        """Two sites cannot both have a `wallbox`."""
        other = "sites:\n  work:\n    stations:\n      list:\n        wallbox: {}\n"
        assert told(minimal.replace("sites:\n", other)) == [
            (
                "s.yaml:12: sites.home.stations.list.wallbox: station `wallbox` is also at site `work`; "
                "names are unique in a run"
            )
        ]


class TestNoStation:
    text = "no station; give a site `stations: {list: {..}}`, a `table` or `each_load`"

    def test_no_site(self, told: Told, minimal: str) -> None:
        """An empty mapping of sites."""
        lines = minimal.splitlines()
        assert told("\n".join([*lines[:3], "sites: {}", *lines[8:]]) + "\n") == [
            f"s.yaml:4: sites: {self.text}"
        ]

    def test_a_site_without_stations(self, told: Told, minimal: str) -> None:
        """An empty list, and one that is not there."""
        assert told(minimal.replace("\n        wallbox: {max_a: 16}", " {}")) == [
            f"s.yaml:6: sites.home.stations: {self.text}"
        ]
        assert told(minimal.replace("{max_a: 16}", "{}").replace("list:", "listt:")) == [
            "s.yaml:7: sites.home.stations.listt: unknown key, did you mean `list`?",
        ]

    def test_an_empty_table(self, told: Told, folder: Path, minimal: str) -> None:
        """A header alone."""
        (folder / "t.csv").write_text("station,bus\n")
        lines = minimal.splitlines()
        text = "\n".join([*lines[:6], "      table: t.csv", *lines[8:]]) + "\n"
        assert told(text) == ["t.csv: no station; add a row per station below the header"]

    def test_each_load_without_a_grid(self, told: Told, minimal: str) -> None:
        """No feeder, no loads."""
        lines = minimal.splitlines()
        text = "\n".join([*lines[:6], "      each_load: {}", *lines[8:]]) + "\n"
        assert told(text) == [
            "s.yaml:7: sites.home.stations.each_load: there are no loads without a grid; give a `grid` or a `list`"
        ]


class TestProfiles:
    grid = (
        "grid: {net: {builtin: create_kerber_landnetz_kabel_1}, base_load: {source: csv, file: base.csv}}\n"
    )

    def write(self, folder: Path, last: str) -> None:
        rows = ["2016-01-18T00:00:00+01:00,3", "2016-01-18T00:15:00+01:00,4", f"{last},5"]
        (folder / "base.csv").write_text("\n".join(["time,total_kw", *rows]) + "\n")

    def test_a_profile_shorter_than_the_run(self, told: Told, folder: Path, minimal: str) -> None:
        """It ends a quarter of an hour too early: the last row holds for as long as the one before it."""
        (folder / "base.csv").write_text(
            "time,total_kw\n2016-01-18T00:00+01:00,1\n2016-01-24T23:15+01:00,2\n2016-01-24T23:30+01:00,2\n"
        )
        text = on_bus(minimal, "loadbus_1_6").replace(GRID, self.grid)
        assert told(text) == [
            (
                "s.yaml:11: grid.base_load.file: shorter than the run: base.csv covers 2016-01-18T00:00:00+01:00 to "
                "2016-01-24T23:45:00+01:00, the run is 2016-01-18T00:00:00+01:00 to 2016-01-25T00:00:00+01:00"
            )
        ]
        with (folder / "base.csv").open("a") as file:
            file.write("2016-01-24T23:45+01:00,2\n")
        assert told(text) == []

    def test_a_missing_profile(self, told: Told, minimal: str) -> None:
        """The file is named, at the line that names it."""
        text = on_bus(minimal, "loadbus_1_6").replace(GRID, self.grid)
        assert told(text) == ["s.yaml:11: grid.base_load.file: base.csv: no such file"]

    def test_a_profile_with_a_broken_time(self, told: Told, folder: Path, minimal: str) -> None:
        """Line and column of the file itself."""
        self.write(folder, "25.01.2016 00:00")
        text = on_bus(minimal, "loadbus_1_6").replace(GRID, self.grid)
        assert told(text) == [
            "base.csv:4: time: `25.01.2016 00:00` is no time; write it as `2016-01-18T00:00:00+01:00`"
        ]

    def test_simbench_profiles_are_those_of_2016(self, told: Told, minimal: str) -> None:
        """A run in another year has none."""
        text = minimal.replace("{max_a: 16}", "{bus: LV2.101 Bus 1}").replace("2016-01-18", "2024-01-18")
        assert told(text + "grid: {net: {simbench: 1-LV-rural2--0-sw}}\n") == [
            (
                "s.yaml:1: start: shorter than the run: SimBench's profiles cover 2016-01-01T00:00:00+01:00 to "
                "2017-01-01T00:00:00+01:00, the run is 2024-01-18T00:00:00+01:00 to 2024-01-25T00:00:00+01:00"
            )
        ]

    def test_simbench_profiles_need_a_simbench_net(self, told: Told, minimal: str) -> None:
        """Other nets carry none."""
        text = on_bus(minimal, "loadbus_1_6").replace("source: none", "source: simbench")
        assert told(text) == [
            (
                "s.yaml:11: grid.base_load.source: only a SimBench net has SimBench profiles; "
                "choose `csv`, `constant` or `none`"
            )
        ]


def test_a_sessions_file_that_is_not_there(told: Told, minimal: str) -> None:
    """What is inside it is checked when the run is built."""
    text = minimal.replace("{archetype: home}", "{archetype: replay, file: sessions.csv}")
    assert told(text) == ["s.yaml:10: drivers.family.file: sessions.csv: no such file"]


class TestThreePhases:
    def lines(self, told: Told, minimal: str, grid: str) -> list[str]:
        text = on_bus(minimal, "loadbus_1_6").replace("source: none}", "source: constant}")
        return told(text.rstrip("}\n") + f"}}, {grid}}}\n")

    def test_a_feeder_has_one_phase_or_three(self, told: Told, minimal: str) -> None:
        """Two of three phases are no feeder."""
        assert self.lines(told, minimal, "phases: 3") == []
        assert self.lines(told, minimal, "phases: 2") == [
            "s.yaml:11: grid.phases: 2 is no choice; known: `1`, `3`"
        ]
        assert self.lines(told, minimal, "phases: true") == [
            "s.yaml:11: grid.phases: true is no choice; known: `1`, `3`"
        ]

    def test_a_vector_group_that_nobody_solves(self, told: Told, minimal: str) -> None:
        """The clock is that of a clock."""
        known = (
            "known: `Dyn`, `YNyn`, `Yzn`, `Yy`, `Yd`, `Dy`, `Dd`, with or without a clock number as in `Dyn5`"
        )
        for group in ("Dyn12", "dyn", "YNd5"):
            assert self.lines(told, minimal, f"phases: 3, assume: {{vector_group: {group}}}") == [
                f"s.yaml:11: grid.assume.vector_group: `{group}` is no choice; {known}"
            ]
        assert self.lines(told, minimal, "phases: 3, assume: {vector_group: Dyn11}") == []

    def test_assumptions_are_positive_ratios_of_known_names(self, told: Told, minimal: str) -> None:
        """All that is wrong at once."""
        assert self.lines(told, minimal, "assume: {r0_r1: 0, x0_x1: four, r0r1: 4, s_sc_max_mva: -1}") == [
            "s.yaml:11: grid.assume.r0_r1: must be above 0, got 0",
            "s.yaml:11: grid.assume.r0r1: unknown key, did you mean `r0_r1`?",
            "s.yaml:11: grid.assume.s_sc_max_mva: must be above 0, got -1",
            "s.yaml:11: grid.assume.x0_x1: expected a number, got `four`",
        ]

    def test_a_rule_for_phases_that_does_not_exist(self, told: Told, minimal: str) -> None:
        text = on_bus(minimal, "loadbus_1_6").replace("source: none", "source: constant, phases: ballanced")
        assert told(text) == [
            "s.yaml:11: grid.base_load.phases: `ballanced` is no choice, did you mean `balanced`?"
        ]

    def test_a_rotation_is_true_false_or_random(self, told: Told, minimal: str) -> None:
        path = "s.yaml:8: sites.home.stations.list.wallbox.rotate"
        for given, said in (("yes", "`yes`"), ("2", "`2`"), ("[1]", "something else")):
            assert told(minimal.replace("max_a: 16", f"rotate: {given}")) == [
                f"{path}: expected true, false or random, got {said}"
            ]

    def test_zero_sequence_data_that_the_net_lacks_is_asked_for_by_key(
        self, told: Told, minimal: str, folder: Path
    ) -> None:
        """Known once the net is read, when the run is built: with the file, and every key at once."""
        grid = "phases: 3, assume: {vector_group: Dyn5, r0_r1: 4, c0_c1: 1, mag0: 100, s_sc_max_mva: 100}"
        assert self.lines(told, minimal, grid) == []
        with pytest.raises(ScenarioError) as caught:
            build(load(folder / "s.yaml"))
        assert [(Path(p.file).name, p.path) for p in caught.value.problems] == [
            ("s.yaml", "grid.assume.vk0_vk"),
            ("s.yaml", "grid.assume.x0_x1"),
        ]
        assert caught.value.problems[1].text.startswith("16 lines of builtin:create_kerber_landnetz_kabel_1 ")

    def test_what_a_symmetric_feeder_would_ignore_is_refused_key_by_key(
        self, told: Told, minimal: str
    ) -> None:
        """Nothing is taken and then left out of account."""
        loads = on_bus(minimal, "loadbus_1_6").replace("source: none}}", "source: constant, phases: uneven},")
        grid = loads + "  assume: {r0_r1: 4},\n  limits: {voltage_unbalance_pct: 1.5}%s}\n"
        needs = "has no effect with `phases: 1`: it needs `phases: 3`"
        assert told(grid % "") == [
            f"s.yaml:11: grid.base_load.phases: `uneven` {needs}",
            f"s.yaml:12: grid.assume: {needs}",
            f"s.yaml:13: grid.limits.voltage_unbalance_pct: {needs}",
        ]
        assert told(grid % ", phases: 3") == []

    def test_a_symmetric_feeder_takes_balanced_loads_and_empty_assumptions(
        self, told: Told, minimal: str
    ) -> None:
        text = on_bus(minimal, "loadbus_1_6").replace("source: none}", "source: constant, phases: balanced}")
        assert told(text.rstrip("}\n") + "}, assume: {}, phases: 1}\n") == []

    def test_a_simbench_net_of_three_phases_needs_every_assumption(self, told: Told, minimal: str) -> None:
        """Known without reading the net: none of them has zero-sequence data."""
        text = (
            minimal.replace("{max_a: 16}", "{bus: LV2.101 Bus 1}")
            + "grid:\n  net: {simbench: 1-LV-rural2--0-sw}\n  phases: 3\n  assume: %s\n"
        )
        every = "{vector_group: Dyn5, r0_r1: 4, x0_x1: 4, c0_c1: 1, vk0_vk: 1, mag0: 100, s_sc_max_mva: 100}"
        assert told(text % every) == []
        assert told(text % "{vector_group: Dyn5, r0_r1: 4, c0_c1: 1, vk0_vk: 1, mag0: 100}") == [
            (
                "s.yaml:11: grid: SimBench's nets have no zero-sequence data; `assume` lacks `x0_x1`, "
                "`s_sc_max_mva`: for example `assume: {x0_x1: 4, s_sc_max_mva: 100}`"
            )
        ]

    def test_checking_three_phases_imports_no_pandapower(self, folder: Path, minimal: str) -> None:
        """`twin validate` answers at once."""
        (folder / "s.yaml").write_text(
            minimal.replace("{max_a: 16}", "{bus: LV2.101 Bus 1}")
            + "grid: {net: {simbench: 1-LV-rural2--0-sw}, phases: 3}\n"
        )
        code = (
            "import sys\nfrom twin.errors import ScenarioError\nfrom twin.scenario.loader import load\n"
            "try:\n    load('s.yaml')\nexcept ScenarioError as exc:\n    print(exc)\n"
            "assert 'pandapower' not in sys.modules and 'simbench' not in sys.modules\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "`assume` lacks `vector_group`, `r0_r1`" in done.stdout
