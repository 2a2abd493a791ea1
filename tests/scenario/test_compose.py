"""`extends`, named overrides and `--set`: what wins, and where a value came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.scenario.compose import compose
from twin.scenario.drivers import Fitted
from twin.scenario.loader import load

Told = Callable[..., list[str]]

BASE = """\
start: 2016-01-18T00:00:00+01:00
days: 7
time_zone: Europe/Berlin
grid:
  net: {builtin: create_kerber_landnetz_kabel_1}
  base_load: {source: csv, file: base.csv, interpolation: linear}
sites:
  street:
    stations:
      each_load: {max_a: 16, step_a: 1}
drivers:
  families: {archetype: home, demand: {fitted: residential-norway}}
strategy: {name: earliest-deadline-first, options: {uninterrupted: true}}
overrides:
  short: {days: 1}
  managed:
    strategy: least-laxity-first
    guard: {margin_pct: 5}
"""
ROWS = "time,total_kw\n2016-01-18T00:00+01:00,1\n2016-01-24T00:00+01:00,2\n2016-01-25T00:00+01:00,2\n"


@pytest.fixture
def base(folder: Path) -> Path:
    """Return a folder with a scenario to extend."""
    (folder / "base.yaml").write_text(BASE)
    (folder / "base.csv").write_text(ROWS)
    return folder


class TestExtends:
    def test_mappings_merge_and_the_rest_is_replaced(self, base: Path) -> None:
        """What the extending file does not say is as in the other."""
        (base / "s.yaml").write_text(
            "extends: base.yaml\nsites: {street: {stations: {each_load: {max_a: 32}}}}\n"
        )
        each = load("s.yaml").sites["street"].stations.each_load
        assert each is not None
        assert (each.max_a, each.step_a) == (32, 1)

    def test_a_part_of_a_fit_leaves_the_rest_of_it(self, base: Path) -> None:
        """`visits_per_week` alone changes how often they come, not whose habits they have."""
        (base / "s.yaml").write_text(
            "extends: base.yaml\ndrivers: {families: {demand: {visits_per_week: 7}}}\n"
        )
        families = load("s.yaml").drivers["families"]
        assert families.demand == Fitted(fitted="residential-norway", visits_per_week=7)

    def test_null_removes_what_was_inherited(self, base: Path) -> None:
        """Without a strategy, the default one."""
        (base / "s.yaml").write_text("extends: base.yaml\nstrategy: null\n")
        assert load("s.yaml").strategy.name == "uncontrolled"

    def test_another_kind_replaces_the_whole(self, base: Path) -> None:
        """No file stays behind the constant load, no option behind the other strategy, no loads behind the list."""
        (base / "s.yaml").write_text(
            "extends: base.yaml\n"
            "grid: {net: {simbench: 1-LV-rural2--0-sw}, base_load: {source: constant}}\n"
            "sites: {street: {stations: {list: {a: {bus: LV2.101 Bus 1}}}}}\n"
            "drivers: {families: {archetype: work, count: 3}}\n"
            "strategy: {name: round-robin}\n"
        )
        scenario = load("s.yaml")
        assert scenario.grid is not None
        assert scenario.grid.net.builtin is None
        assert scenario.sites["street"].stations.each_load is None
        assert scenario.strategy.options == {}

    def test_the_same_kind_is_merged(self, base: Path) -> None:
        """A scale on the same CSV."""
        (base / "s.yaml").write_text("extends: base.yaml\ngrid: {base_load: {source: csv, scale: 0.5}}\n")
        grid = load("s.yaml").grid
        assert grid is not None
        assert grid.profile.model_dump() == {
            "source": "csv", "file": "base.csv", "time_zone": None, "scale": 0.5, "interpolation": "linear",
            "phases": "balanced",
        }  # fmt: skip

    def test_a_problem_points_into_the_file_that_wrote_it(self, told: Told, base: Path) -> None:
        """Line 10 of the base; line 3 of the extending file."""
        (base / "base.yaml").write_text(BASE.replace("max_a: 16", "max_a: 16000"))
        text = "extends: base.yaml\ndrivers:\n  families: {per_evs: 1}\n"
        assert told(text) == [
            "base.yaml:10: sites.street.stations.each_load.max_a: must be at most 250, got 16000",
            "s.yaml:3: drivers.families.per_evs: unknown key, did you mean `per_evse`?",
        ]

    def test_three_generations(self, base: Path) -> None:
        """The youngest wins."""
        (base / "b.yaml").write_text("extends: base.yaml\ndays: 3\nseed: 5\n")
        (base / "c.yaml").write_text("extends: b.yaml\nseed: 6\n")
        scenario = load("c.yaml")
        assert (scenario.days, scenario.seed) == (3, 6)

    def test_files_are_relative_to_who_names_them(self, base: Path) -> None:
        """The CSV of the base is found from another folder."""
        (base / "deep").mkdir()
        (base / "deep" / "s.yaml").write_text("extends: ../base.yaml\n")
        scenario = load(Path("deep") / "s.yaml")
        assert scenario.grid is not None
        assert scenario.grid.profile.model_dump()["file"] == "../base.csv"
        assert (scenario.base_dir, scenario.name) == (Path("deep"), "s")

    def test_a_circle_is_named(self, told: Told, base: Path) -> None:
        """Three files in a ring."""
        (base / "a.yaml").write_text("extends: b.yaml\n")
        (base / "b.yaml").write_text("days: 2\nextends: s.yaml\n")
        assert told("extends: a.yaml\n") == [
            "b.yaml:2: extends: a circle: s.yaml extends a.yaml extends b.yaml extends s.yaml; remove one of them"
        ]

    def test_a_missing_base_is_told_where_it_is_named(self, told: Told, base: Path) -> None:
        """With its near match."""
        assert told("days: 2\nextends: bass.yaml\n") == [
            "s.yaml:2: extends: bass.yaml: no such file, did you mean `base.yaml`?"
        ]
        assert told("extends: [base.yaml]\n") == ["s.yaml:1: extends: expected the path of a scenario file"]

    def test_a_yaml_file_extends_a_toml_file(self, told: Told, base: Path) -> None:
        """With the lines of both."""
        (base / "t.toml").write_text('extends = "base.yaml"\ndays = 0\n')
        assert told("extends: t.toml\nseed: -1\n") == [
            "s.yaml:2: seed: must be at least 0, got -1",
            "t.toml:2: days: must be above 0, got 0",
        ]


class TestOverrides:
    def test_overrides_apply_in_the_order_given(self, base: Path) -> None:
        """By name, several at once."""
        scenario = load("base.yaml", override=["managed", "short"])
        assert (scenario.strategy.name, scenario.days) == ("least-laxity-first", 1)
        assert scenario.guard is not None
        assert load("base.yaml").guard is None

    def test_an_unknown_override_names_its_near_match(self, base: Path) -> None:
        """There is no line: it was an option."""
        with pytest.raises(ScenarioError) as raised:
            load("base.yaml", override=["manged"])
        assert str(raised.value) == "--override: unknown override `manged`, did you mean `managed`?"

    def test_overrides_that_are_not_applied_are_checked_too(self, told: Told) -> None:
        """A wrong override is found before somebody needs it, and the base's own problems come once."""
        text = BASE.replace("margin_pct: 5", "margin: 5").replace("days: 7", "days: 0")
        text = text.replace("  base_load: {source: csv, file: base.csv, interpolation: linear}\n", "")
        assert told(text) == [
            "s.yaml:2: days: must be above 0, got 0",
            "s.yaml:17: guard.margin: unknown key, did you mean `margin_pct`?",
        ]

    def test_an_extending_file_offers_the_overrides_of_its_base(self, base: Path) -> None:
        """They are part of what is inherited."""
        (base / "s.yaml").write_text("extends: base.yaml\noverrides: {long: {days: 2}}\n")
        assert load("s.yaml", override=["long"]).days == 2
        assert load("s.yaml", override=["short"]).days == 1


class TestSettings:
    def test_values_are_typed_as_in_yaml(self, base: Path) -> None:
        """Numbers, words and mappings; deep keys; the last word."""
        settings = ["days=2", "grid.limits.vm_min_pu=0.92", "strategy=round-robin", "guard={margin_pct: 4}"]
        scenario = load("base.yaml", override=["short"], settings=settings)
        assert scenario.grid is not None
        assert scenario.guard is not None
        assert (scenario.days, scenario.grid.limits.vm_min_pu) == (2, 0.92)
        assert (scenario.strategy.name, scenario.guard.margin_pct) == ("round-robin", 4)

    def test_a_wrong_key_is_told_of_the_option(self, told: Told) -> None:
        """`--set` stands where a file would."""
        text = BASE.replace("source: csv, file: base.csv, interpolation: linear", "source: none")
        assert told(text, settings=["grid.limits.vm_min=0.9", "days=many", "period_s"]) == [
            "--set: `period_s` is no `key=value`; write for example `--set days=2`"
        ]
        assert told(text, settings=["grid.limits.vm_min=0.9", "days=many"]) == [
            "--set: days: expected a number, got `many`",
            "--set: grid.limits.vm_min: unknown key, did you mean `vm_min_pu`?",
        ]
        assert told(text, settings=["days=[1"]) == ["--set: days: `[1` is no YAML value; quote it"]

    def test_what_was_in_the_file_keeps_its_line(self, told: Told) -> None:
        """Only the value that was set has no line."""
        text = BASE.replace(
            "{source: csv, file: base.csv, interpolation: linear}", "{source: none, skale: 2}"
        )
        assert told(text, settings=["grid.power_flow_every=0"]) == [
            "--set: grid.power_flow_every: must be at least 1, got 0",
            "s.yaml:6: grid.base_load.skale: unknown key; known: `source`",
        ]

    def test_an_item_of_a_list_is_set_by_its_position(self, folder: Path, minimal: str) -> None:
        """The others stay as they are."""
        fault = "{kind: outage, evses: [wallbox/1], from: 2016-01-19T08:00:00Z, until: 2016-01-20T08:00:00Z}"
        (folder / "s.yaml").write_text(f"{minimal}faults: [{fault}, {fault}]\n")
        document = compose(Path("s.yaml"), (), ["faults.1.kind=offline"])
        assert [f["kind"] for f in document.value["faults"]] == ["outage", "offline"]
        assert document.mark(("faults", 1, "kind")) == ("--set", 0)
        assert document.mark(("faults", 1, "from")) == ("s.yaml", 11)
        assert [f.kind for f in load("s.yaml", settings=["faults.1.kind=offline"]).faults] == [
            "outage",
            "offline",
        ]
