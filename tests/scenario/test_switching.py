"""The section `grid.switching`: what is refused where, and what a run makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

import twin
from twin.errors import ScenarioError
from twin.results.audit import audit_tables
from twin.scenario import feeder as composed
from twin.scenario.loader import load
from twin.scenario.model import Scenario

from .conftest import Told

RING = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
period_s: 900
seed: 3
grid:
  net: {file: ring.json}
  base_load: {source: constant}
  limits: {line_loading_pct: 17}
  switching:
    - {at: 2016-01-18T19:00:00+01:00, open: [west], close: [tie]}
    - {at: 2016-01-18T22:00:00+01:00, open: [tie], close: [west]}
sites:
  street:
    stations:
      list:
        a: {bus: a, evses: 12, connection: L1L2L3, max_a: 16}
        b: {bus: b, evses: 12, connection: L1L2L3, max_a: 16}
drivers:
  households: {archetype: home}
"""
FIRST, SECOND = (line.strip() for line in RING.splitlines() if "{at:" in line)
HOUR_S = 3_600.0


@pytest.fixture
def ring(folder: Path) -> Path:
    """A low-voltage ring, open at the line `tie`, as a file in an empty folder."""
    net = pp.create_empty_network()
    head, a, b = (pp.create_bus(net, 0.4, name=n) for n in ("head", "a", "b"))
    pp.create_ext_grid(net, head, vm_pu=1.03)
    for name, start, end in (("west", head, a), ("east", head, b), ("tie", a, b)):
        pp.create_line(net, start, end, 0.08, "NAYY 4x150 SE", name=name)
    net.line.loc[2, "in_service"] = False
    pp.create_load(net, a, p_mw=0.01, q_mvar=0.002, name="homes a")
    pp.create_load(net, b, p_mw=0.01, q_mvar=0.002, name="homes b")
    pp.to_json(net, str(folder / "ring.json"))
    return folder


@pytest.mark.usefixtures("ring")
class TestSection:
    def test_names_and_states_are_checked_with_their_lines(self, told: Told) -> None:
        """All at once: instants and names."""
        text = RING.replace("T19:00:00", "T19:01:00").replace("open: [tie]", "open: [tee]")
        assert told(text) == [
            (
                "s.yaml:11: grid.switching.0.at: 2016-01-18T19:01:00+01:00 lies inside the 900 s between two power "
                "flows; take `2016-01-18T19:00:00+01:00` or `2016-01-18T19:15:00+01:00`"
            ),
            (
                "s.yaml:12: grid.switching.1.open.0: file:ring.json has no line, transformer or switch `tee`, did you "
                "mean `tie`?"
            ),
        ]

    def test_a_power_flow_at_every_fourth_tick_asks_for_whole_hours(self, told: Told) -> None:
        """A state holds for what a power flow stands for."""
        text = RING.replace("  switching:", "  power_flow_every: 4\n  switching:").replace(
            "T19:00:00", "T19:15:00"
        )
        assert told(text) == [
            (
                "s.yaml:12: grid.switching.0.at: 2016-01-18T19:15:00+01:00 lies inside the 3600 s between two power "
                "flows; take `2016-01-18T19:00:00+01:00` or `2016-01-18T20:00:00+01:00`"
            )
        ]

    def test_an_outage_is_refused_with_instant_and_bus(self, told: Told) -> None:
        """Opened without closing the other way."""
        assert told(RING.replace(", close: [tie]", "").replace("open: [tie], ", "")) == [
            (
                "s.yaml:11: grid.switching.0: from 2016-01-18T19:00:00+01:00 on bus `a` has no source, with load "
                "`homes a`, 12 EVSEs on it: an outage of supply is not simulated; close another way to it"
            )
        ]

    def test_instants_outside_the_run_or_in_disorder(self, told: Told) -> None:
        """Each says what would be right."""
        assert told(RING.replace("18T19:00", "19T19:00").replace("18T22:00", "17T22:00")) == [
            (
                "s.yaml:11: grid.switching.0.at: 2016-01-19T19:00:00+01:00 is outside the run, which is from "
                "2016-01-18T00:00:00+01:00 to 2016-01-19T00:00:00+01:00"
            ),
            (
                "s.yaml:12: grid.switching.1.at: 2016-01-17T22:00:00+01:00 is outside the run, which is from "
                "2016-01-18T00:00:00+01:00 to 2016-01-19T00:00:00+01:00"
            ),
        ]
        assert told(RING.replace("T22:00:00", "T18:00:00")) == [
            (
                "s.yaml:12: grid.switching.1.at: 2016-01-18T18:00:00+01:00 is not after 2016-01-18T19:00:00+01:00, the "
                "instant before it; bring them in order"
            )
        ]

    def test_offsets_must_be_those_of_the_clocks(self, told: Told) -> None:
        """As every instant of a scenario."""
        lines = told(RING.replace("T19:00:00+01:00", "T19:00:00+02:00"))
        assert lines == [
            (
                "s.yaml:11: grid.switching.0.at: `2016-01-18T19:00:00+02:00`: Europe/Berlin is not at +02:00 then but "
                "at +01:00; write `2016-01-18T19:00:00+01:00`"
            )
        ]

    @pytest.mark.parametrize(
        ("entry", "text"),
        [
            ("{at: 2016-01-18T19:00:00+01:00}", "give `open`, `close` or both"),
            (
                "{at: 2016-01-18T19:00:00+01:00, open: [tie], close: [tie]}",
                "`tie` cannot be opened and closed at once; remove one",
            ),
        ],
    )
    def test_entries_that_make_no_sense(self, told: Told, entry: str, text: str) -> None:
        """With their line."""
        assert told(RING.replace(FIRST, f"- {entry}")) == [f"s.yaml:11: grid.switching.0: {text}"]

    def test_building_refuses_what_no_file_was_loaded_for(self) -> None:
        """A scenario made in Python is checked, too."""
        Path("s.yaml").write_text(RING)
        loaded = load("s.yaml")
        plain = loaded.model_dump(mode="json", by_alias=True, exclude_none=True)
        plain["grid"]["switching"][0]["open"] = ["wset"]
        made = Scenario.model_validate(plain).located(loaded.path)
        with pytest.raises(ScenarioError) as caught:
            twin.run(made, out="out")
        assert "s.yaml: grid.switching.0.open.0: file:ring.json has no line" in str(caught.value)
        assert not Path("out").exists()


@pytest.mark.usefixtures("ring")
class TestRuns:
    def run_of(self, name: str, text: str) -> twin.Run:
        """Load and run a text."""
        Path(f"{name}.yaml").write_text(text)
        return twin.run(twin.load(f"{name}.yaml"), out=name)

    def test_the_ring_changes_at_its_ticks_and_the_run_repeats(self) -> None:
        """From the interval that begins at 19:00 to the one that ends at 22:00 `west` has no loading."""
        first, second = (self.run_of(name, RING) for name in ("one", "two"))
        audit_tables(first)
        table = first.branches.to_pandas()
        assert table.equals(second.branches.to_pandas())
        ends_s = np.arange(1, 97) * 900.0
        switched = (ends_s > 19 * HOUR_S) & (ends_s <= 22 * HOUR_S)
        for branch, dead in (("west", switched), ("tie", ~switched), ("east", np.zeros(96, dtype=bool))):
            rows = table[table["branch"] == branch].set_index("t_s")["loading_pct"].reindex(ends_s)
            assert np.array_equal(rows.isna().to_numpy(), dead), branch
        told = json.loads(Path("one/manifest.json").read_text())["grid"]["switch_states"]
        assert [(state["from"], state["open"]) for state in told] == [
            (["start", "2016-01-18T22:00:00+01:00"], ["tie"]),
            (["2016-01-18T19:00:00+01:00"], ["west"]),
        ]

    def test_a_guard_keeps_the_limit_from_the_first_interval_on(self, monkeypatch) -> None:
        """Base load never changes, so persistence is exact, if the guard plans with the coming switches."""
        text = RING + "guard: {margin_pct: 0}\n"
        assert self.run_of("unguarded", RING).summary["violations"] > 0
        guarded = self.run_of("guarded", text)
        assert guarded.summary["violations"] == 0
        assert guarded.summary["guard_interventions"] > 0
        monkeypatch.setattr(composed, "foreseen", lambda _, grid: grid)
        late = self.run_of("late", text).violations.to_pandas()
        assert late["start_s"].tolist() == [19 * HOUR_S]
        assert late["end_s"].tolist() == [19 * HOUR_S + 900.0]

    def test_volt_watt_answers_to_the_switches_of_the_interval(self) -> None:
        """A car that charges at `b` all evening: lower from the tick at 19:00 to the last one before 22:00."""
        text = RING.replace(
            "  switching:", "  droop: {evse: {volt_watt: [[1.02, 0], [1.03, 1]]}}\n  switching:"
        )
        limits = self.run_of("droop", text).limits.to_pandas()
        lowered = limits[(limits["evse"] == "b/6") & (limits["reason"] == "b")].set_index("t_s")["limit_w"]
        inside = lowered.loc[19 * HOUR_S : 22 * HOUR_S - 1]
        assert len(inside) == 12
        assert lowered[19 * HOUR_S - 900] == lowered[22 * HOUR_S] > inside.max() + 500.0
